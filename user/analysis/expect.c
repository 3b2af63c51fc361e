// SPDX-License-Identifier: GPL-2.0-or-later
/* expect.c - see expect.h. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/expect.h"
#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/unit.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBER_MAX 64 /* characters */

const char *const expect_results[EXPECT_RESULTS] = {
	[EXPECT_MET] = "met",
	[EXPECT_FAILED] = "failed",
	[EXPECT_UNCLEAR] = "unclear",
};

/* Longer ones first: "<" is the begin of "<=". */
static const struct {
	const char *text;
	enum expect_op op;
} ops[] = {
	{ "<=", EXPECT_LE }, { ">=", EXPECT_GE }, { "==", EXPECT_EQ },
	{ "!=", EXPECT_NE }, { "<", EXPECT_LT },  { ">", EXPECT_GT },
};

/* --- parsing --------------------------------------------------------------------------------- */

/* Names in brackets may hold any of the operators: "lock[operator<].wait<1ms". */
static const char *find_op(const char *text, size_t *ret)
{
	const char *from = text;

	for (const char *p = text; (p = strstr(p, "].")); p++)
		from = p;
	for (from += strcspn(from, "<>=!"); *from; from++)
		for (*ret = 0; *ret < N_OF(ops); ++*ret)
			if (strncmp(from, ops[*ret].text, strlen(ops[*ret].text)) == 0)
				return from;
	return NULL;
}

/* Copy without blanks around; false: nothing or too long. */
static bool copy_trimmed(char *ret, size_t size, const char *s, size_t len)
{
	while (len && isspace((unsigned char)*s))
		s++, len--;
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	if (!len || len >= size)
		return false;
	memcpy(ret, s, len);
	ret[len] = '\0';
	return true;
}

static int bad(const struct expect *e, const char *what)
{
	return fail(-EINVAL, "expectation '%s': %s", e->text, what);
}

static int parse_verdict(struct expect *e, const char *value)
{
	struct buf known = { 0 };
	bool found = false;

	if (e->op != EXPECT_EQ && e->op != EXPECT_NE)
		return bad(e, "a verdict is compared with == or !=");
	if (e->change) {
		found = strcmp(value, "same") == 0 && e->op == EXPECT_EQ;
		if (!found)
			return bad(e, "of two recordings there is only verdict==same");
	}
	for (size_t i = 0; i < VERDICT_COUNT; i++) {
		found |= strcmp(value, report_verdicts[i]) == 0;
		buf_printf(&known, "%s%s", i ? ", " : "", report_verdicts[i]);
	}
	if (!found)
		fail(-EINVAL, "expectation '%s': no verdict '%s': there are %s", e->text, value,
		     known.data);
	buf_free(&known);
	snprintf(e->verdict, sizeof(e->verdict), "%.63s", value);
	return found ? 0 : -EINVAL;
}

/* Cut this word off the end of s, and blanks before it. */
static bool cut_suffix(char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	if (len < n || strcmp(s + len - n, suffix) != 0)
		return false;
	for (len -= n; len && isspace((unsigned char)s[len - 1]); len--)
		;
	s[len] = '\0';
	return true;
}

/* Digits and a point, no sign, nothing else; the locale's point is ours: LC_NUMERIC is "C". */
static bool parse_plain(const char *s, double *ret)
{
	size_t len = strspn(s, "0123456789.");
	char *end;

	*ret = strtod(s, &end);
	return len && !s[len] && !*end && isfinite(*ret);
}

static int parse_seconds(struct expect *e, const char *number)
{
	uint64_t ns;
	int err = unit_parse_duration(number, &ns);

	if (err)
		return fail_in(err, "expectation '%s'", e->text);
	e->limit = (double)ns / 1e9;
	return 0;
}

static int parse_limit(struct expect *e, char *number)
{
	bool percent = !(e->unit == METRIC_SECONDS && !e->change) && cut_suffix(number, "%");

	if (percent && e->unit != METRIC_SHARE && !e->change)
		return bad(e, "this metric is no share: no %");
	if (percent && e->unit == METRIC_SHARE && e->change)
		return bad(e, "the change of a share is in percentage points: +5pp");
	if (e->unit == METRIC_SECONDS && !percent)
		return parse_seconds(e, number);
	if (e->unit == METRIC_PER_S && !percent)
		cut_suffix(number, "/s");
	if (e->unit == METRIC_SHARE && e->change && !cut_suffix(number, "pp"))
		return bad(e, "the change of a share is in percentage points: +5pp");
	if (!parse_plain(number, &e->limit))
		return bad(e, "no such number: 1.8, 5%, 200ms, 1000/s; of a change +10%, +5pp");
	if (percent || (e->unit == METRIC_SHARE && e->change))
		e->limit /= 100;
	e->relative = percent && e->change;
	if (e->unit == METRIC_SHARE && e->limit > 1)
		return bad(e, "a share is 0 to 1, or 0% to 100%");
	return 0;
}

static int parse_number(struct expect *e, char *value)
{
	bool sign = *value == '+' || *value == '-';
	int err;

	if (e->op == EXPECT_EQ || e->op == EXPECT_NE)
		return bad(e, "a measured number has a limit (< <= > >=); == is for verdict");
	if (e->change && !sign)
		return bad(e, "of two recordings it is about the change: wall<=+10%, "
			      "parallelism>=-0.2, lock.share<=+5pp");
	if (!e->change && sign)
		return bad(e, "only `parascope compare` knows changes: no + or -");
	err = parse_limit(e, value + sign);
	if (!err && *value == '-')
		e->limit = -e->limit;
	return err;
}

static bool report_kind(const void *ctx, const char *key, enum metric_unit *ret_unit)
{
	enum metric_better better;

	(void)ctx;
	return metric_kind(key, ret_unit, &better);
}

static void report_keys(const void *ctx, struct buf *out)
{
	(void)ctx;
	buf_puts(out, "verdict, ");
	metric_known_keys(out);
}

static const struct expect_subject report = { report_kind, report_keys, NULL };

static int check_key(const struct expect *e, const struct expect_subject *of,
		     enum metric_unit *ret_unit)
{
	struct buf known = { 0 };

	if (of->kind(of->ctx, e->key, ret_unit))
		return 0;
	of->known_keys(of->ctx, &known);
	fail(-EINVAL, "expectation '%s': no metric '%s': there are %s", e->text, e->key,
	     known.data);
	buf_free(&known);
	return -EINVAL;
}

static int parse(struct expect *ret, const char *text, const struct expect_subject *of, bool change)
{
	char value[NUMBER_MAX];
	const char *op;
	size_t i;
	int err;

	*ret = (struct expect){ .text = text, .change = change };
	op = find_op(text, &i);
	if (!op || !copy_trimmed(ret->key, sizeof(ret->key), text, (size_t)(op - text)))
		return bad(ret, "must be METRIC<NUMBER, with < <= > >=, or verdict==CODE");
	ret->op = ops[i].op;
	op += strlen(ops[i].text);
	if (!copy_trimmed(value, sizeof(value), op, strlen(op)))
		return bad(ret, "nothing to compare with");
	if (of == &report && strcmp(ret->key, "verdict") == 0)
		return parse_verdict(ret, value);
	err = check_key(ret, of, &ret->unit);
	return err ? err : parse_number(ret, value);
}

int expect_parse(struct expect *ret, const char *text, bool change)
{
	return parse(ret, text, &report, change);
}

int expect_parse_of(struct expect *ret, const char *text, const struct expect_subject *subject)
{
	return parse(ret, text, subject, false);
}

/* --- judging --------------------------------------------------------------------------------- */

enum expect_result expect_place(enum expect_op op, double low, double high, double limit)
{
	switch (op) {
	case EXPECT_LT:
		return high < limit ? EXPECT_MET : low >= limit ? EXPECT_FAILED : EXPECT_UNCLEAR;
	case EXPECT_LE:
		return high <= limit ? EXPECT_MET : low > limit ? EXPECT_FAILED : EXPECT_UNCLEAR;
	case EXPECT_GT:
		return expect_place(EXPECT_LT, -high, -low, -limit);
	case EXPECT_GE:
		return expect_place(EXPECT_LE, -high, -low, -limit);
	default:
		return EXPECT_UNCLEAR;
	}
}

static enum expect_result judge_verdict(const struct expect *e, const struct metrics *t,
					struct buf *ret_why)
{
	bool open = !t->verdict[0] || strcmp(t->verdict, report_verdicts[VERDICT_TOO_SHORT]) == 0 ||
		    strcmp(t->verdict, report_verdicts[VERDICT_UNCLEAR]) == 0;
	bool equal = strcmp(t->verdict, e->verdict) == 0;

	buf_printf(ret_why, "the verdict is %s",
		   t->verdict[0] ? t->verdict : "not always the same");
	if (open && !equal)
		return EXPECT_UNCLEAR;
	return equal == (e->op == EXPECT_EQ) ? EXPECT_MET : EXPECT_FAILED;
}

static void say_value(struct buf *out, const struct metric *m)
{
	metric_print(out, m->unit, m->v.value);
	if (m->v.n >= 2) {
		buf_puts(out, " (95 %: ");
		metric_print(out, m->unit, m->v.low);
		buf_puts(out, " .. ");
		metric_print(out, m->unit, m->v.high);
		buf_puts(out, ")");
	}
	if (fabs(m->undisturbed - m->v.value) > 0.01 * fabs(m->v.value)) {
		buf_puts(out, ", ");
		metric_print(out, m->unit, m->undisturbed);
		buf_puts(out, " if nobody else had used the CPUs");
	}
}

/* Only the first functions are listed: one that is not has no more than the last of them. */
static double say_not_listed(struct buf *out, const struct expect *e, const struct metrics *t)
{
	const char *word = strrchr(e->key, '.');
	double least = INFINITY;

	for (size_t i = 0; i < t->n; i++)
		if (metric_group(t->m[i].key) == METRIC_FUNCTION &&
		    strcmp(strrchr(t->m[i].key, '.'), word) == 0)
			least = fmin(least, t->m[i].v.value);
	buf_puts(out, "not among the functions with most CPU time, each of which has ");
	metric_print(out, e->unit, least);
	buf_puts(out, " or more");
	return least;
}

/* What it would have been undisturbed is an estimate, no better than the value itself. */
static enum expect_result judge_range(const struct expect *e, const struct metric *m)
{
	double half = fmax(m->v.high - m->v.value, m->v.value - m->v.low);

	if (fabs(m->undisturbed) > fabs(m->v.value) && m->v.value)
		half *= fabs(m->undisturbed / m->v.value);
	if (!(fabs(m->undisturbed - m->v.value) > 0))
		return expect_place(e->op, m->v.low, m->v.high, e->limit);
	return expect_place(e->op, fmin(m->v.low, m->undisturbed - half),
			    fmax(m->v.high, m->undisturbed + half), e->limit);
}

enum expect_result expect_judge(const struct expect *e, const struct metrics *t,
				struct buf *ret_why)
{
	const struct metric *m = metrics_find(t, e->key);
	struct metric none = { .unit = e->unit };
	const char *unknown;

	if (e->verdict[0])
		return judge_verdict(e, t, ret_why);
	unknown = !m ? metrics_absent(t, e->key) : m->known ? NULL : m->why;
	if (unknown) {
		buf_printf(ret_why, "not known: %s", unknown);
		return EXPECT_UNCLEAR;
	}
	if (m)
		say_value(ret_why, m);
	else if (metric_group(e->key) == METRIC_LOCK)
		buf_puts(ret_why, "nobody waited for a lock of that name");
	else
		none.v.high = say_not_listed(ret_why, e, t);
	return judge_range(e, m ? m : &none);
}
