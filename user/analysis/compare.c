// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - see compare.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/compare.h"
#include "user/analysis/compare_doubts.h"

const char *const compare_founds[COMPARE_FOUNDS] = {
	[COMPARE_SAME] = "same",
	[COMPARE_DIFFERS] = "differs",
	[COMPARE_UNSURE] = "unsure",
	[COMPARE_UNKNOWN] = "unknown",
};

/* --- sides ----------------------------------------------------------------------------------- */

static void count_verdicts(struct buf *out, const struct recording *const *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *verdict = r[i]->metrics->verdict;
		size_t before = 0, times = 0;

		for (size_t k = 0; k < n; k++) {
			bool equal = strcmp(r[k]->metrics->verdict, verdict) == 0;

			before += equal && k < i;
			times += equal;
		}
		if (before)
			continue;
		buf_printf(out, "%s%s", out->len ? ", " : "", verdict);
		if (times < n)
			buf_printf(out, " x %zu", times);
	}
}

static void fill_side(struct compare_side *ret, const struct recording *const *r, size_t n)
{
	const struct metrics **each = xcalloc(n, sizeof(const struct metrics *));

	for (size_t i = 0; i < n; i++)
		each[i] = r[i]->metrics;
	ret->n = n;
	ret->target = r[0]->target;
	count_verdicts(&ret->verdicts, r, n);
	ret->metrics = metrics_combine(each, n);
	free(each);
}

/* --- rows ------------------------------------------------------------------------------------ */

/*
 * A lock or function that it does not have is 0 in each of n recordings.  A function that the only
 * one does not list may still have run, less than the last of its list may have.
 */
static struct stats_interval absent(const struct compare_side *side, const char *key)
{
	struct stats_interval v = { 0, 0, INFINITY, side->n };
	const char *word = strrchr(key, '.');

	for (size_t i = 0; i < side->metrics->n && side->n == 1; i++) {
		const struct metric *m = &side->metrics->m[i];

		if (metric_group(key) != METRIC_FUNCTION || m->v.n < 2 ||
		    metric_group(m->key) != METRIC_FUNCTION || m->v.high >= v.high ||
		    strcmp(strrchr(m->key, '.'), word) != 0)
			continue;
		v.n = m->v.n;
		v.high = m->v.high;
	}
	v.high = isfinite(v.high) ? v.high : 0;
	return v;
}

/* What a side says about a metric. */
static bool look(const struct compare_side *side, const char *key, struct stats_interval *ret,
		 double *ret_undisturbed, const char **ret_why)
{
	const struct metric *m = metrics_find(side->metrics, key);

	*ret_why = !m ? metrics_absent(side->metrics, key) : m->known ? NULL : m->why;
	if (*ret_why)
		return false;
	*ret = m ? m->v : absent(side, key);
	*ret_undisturbed = m ? m->undisturbed : 0;
	return true;
}

/* The interval of b - a, if so many are looked at together. */
static struct stats_interval change_of(const struct compare_row *row, size_t together)
{
	struct stats_interval d = stats_difference(row->b, row->a, together);
	double quiet = row->undisturbed_b - row->undisturbed_a, half = d.high - d.value;

	d.low = fmin(d.low, quiet - half);
	d.high = fmax(d.high, quiet + half);
	return d;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

/* Is a change of this size worth a word? */
static bool worth(const struct compare_row *row, double grain, double grain_share)
{
	double larger = fmax(fabs(row->a.value), fabs(row->b.value));

	if (row->unit == METRIC_SHARE)
		return fabs(row->change.value) >= grain_share;
	if (ends_with(row->key, ".p50") || ends_with(row->key, ".p99"))
		grain = fmax(grain, COMPARE_GRAIN_QUANTILE);
	return larger > 0 && fabs(row->change.value) >= grain * larger;
}

static enum compare_found find(const struct compare_row *row)
{
	if (row->change.n < 2)
		return worth(row, COMPARE_GUESS, COMPARE_GUESS_SHARE) ? COMPARE_UNSURE
								      : COMPARE_SAME;
	if (row->change.low <= 0 && row->change.high >= 0)
		return COMPARE_SAME;
	return worth(row, COMPARE_GRAIN, COMPARE_GRAIN_SHARE) ? COMPARE_DIFFERS : COMPARE_SAME;
}

static void judge_row(struct compare_row *row, size_t together)
{
	static const int sign[METRIC_BETTERS] = {
		[METRIC_LOWER] = -1,
		[METRIC_HIGHER] = 1,
	};

	if (row->found == COMPARE_UNKNOWN)
		return;
	row->change = change_of(row, together);
	row->relative = row->a.value ? row->change.value / fabs(row->a.value) : NAN;
	row->found = find(row);
	if (row->found != COMPARE_SAME)
		row->effect = (row->change.value > 0 ? 1 : -1) * sign[row->better];
}

static void add_row(struct comparison *c, const struct metric *m)
{
	struct compare_row *row;

	for (size_t i = 0; i < c->n_rows; i++)
		if (strcmp(c->rows[i].key, m->key) == 0)
			return;
	row = &vec_push(c->rows, c->n_rows, c->cap_rows);
	memcpy(row->key, m->key, sizeof(row->key));
	row->unit = m->unit;
	row->better = m->better;
	row->group = metric_group(m->key);
	if (!look(&c->a, m->key, &row->a, &row->undisturbed_a, &row->why) ||
	    !look(&c->b, m->key, &row->b, &row->undisturbed_b, &row->why))
		row->found = COMPARE_UNKNOWN;
}

/* How much of its size changed: to sort by. */
static double weight(const struct compare_row *row)
{
	double larger = fmax(fabs(row->a.value), fabs(row->b.value));

	if (row->unit == METRIC_SHARE)
		return fabs(row->change.value);
	return larger > 0 ? fabs(row->change.value) / larger : 0;
}

static int by_importance(const void *a, const void *b)
{
	static const int order[COMPARE_FOUNDS] = {
		[COMPARE_DIFFERS] = 0,
		[COMPARE_UNSURE] = 1,
		[COMPARE_SAME] = 2,
		[COMPARE_UNKNOWN] = 3,
	};
	const struct compare_row *x = a, *y = b;
	double heavier = weight(y) - weight(x);

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->found != y->found)
		return order[x->found] - order[y->found];
	if (heavier > 0 || heavier < 0)
		return heavier > 0 ? 1 : -1;
	return strcmp(x->key, y->key);
}

static void fill_rows(struct comparison *c)
{
	size_t together[METRIC_GROUPS] = { 0 };

	for (size_t i = 0; i < c->a.metrics->n; i++)
		add_row(c, &c->a.metrics->m[i]);
	for (size_t i = 0; i < c->b.metrics->n; i++)
		add_row(c, &c->b.metrics->m[i]);
	for (size_t i = 0; i < c->n_rows; i++)
		together[c->rows[i].group] += c->rows[i].found != COMPARE_UNKNOWN &&
					      c->rows[i].a.n >= 2 && c->rows[i].b.n >= 2;
	for (size_t i = 0; i < c->n_rows; i++)
		judge_row(&c->rows[i], together[c->rows[i].group]);
	if (c->n_rows)
		qsort(c->rows, c->n_rows, sizeof(*c->rows), by_importance);
}

struct comparison *compare(const struct recording *const *a, size_t n_a,
			   const struct recording *const *b, size_t n_b)
{
	struct comparison *c = xcalloc(1, sizeof(*c));

	fill_side(&c->a, a, n_a);
	fill_side(&c->b, b, n_b);
	c->verdict_changed = c->a.metrics->verdict[0] && c->b.metrics->verdict[0] &&
			     strcmp(c->a.metrics->verdict, c->b.metrics->verdict) != 0;
	compare_doubts(c, a, b);
	fill_rows(c);
	return c;
}

static void free_side(struct compare_side *s)
{
	buf_free(&s->verdicts);
	metrics_free(s->metrics);
}

void comparison_free(struct comparison *c)
{
	if (!c)
		return;
	free_side(&c->a);
	free_side(&c->b);
	for (size_t i = 0; i < c->n_doubts; i++)
		buf_free(&c->doubts[i]);
	free(c->doubts);
	free(c->rows);
	free(c);
}

/* --- expectations ---------------------------------------------------------------------------- */

static enum expect_result judge_verdict(const struct comparison *c, struct buf *ret_why)
{
	buf_printf(ret_why, "the verdict was %s, is %s", c->a.verdicts.data, c->b.verdicts.data);
	if (!c->a.metrics->verdict[0] || !c->b.metrics->verdict[0])
		return EXPECT_UNCLEAR;
	return c->verdict_changed ? EXPECT_FAILED : EXPECT_MET;
}

static void say_change(struct buf *out, const struct compare_row *row,
		       const struct stats_interval *d)
{
	double scale = row->unit == METRIC_SHARE ? 1 : fabs(row->a.value);
	const char *unit = row->unit == METRIC_SHARE ? " pp" : " %";

	metric_print(out, row->unit, row->a.value);
	buf_puts(out, " -> ");
	metric_print(out, row->unit, row->b.value);
	if (!(scale > 0))
		return;
	buf_printf(out, ", %+.1f%s", 100 * d->value / scale, unit);
	if (d->n >= 2)
		buf_printf(out, " (95 %%: %+.1f .. %+.1f)", 100 * d->low / scale,
			   100 * d->high / scale);
	else
		buf_puts(out, " (nothing is known of its noise)");
}

/* b may be so many times a: the noise of a counts in the limit as well. */
static enum expect_result judge_relative(const struct compare_row *row, const struct expect *e,
					 size_t n)
{
	struct compare_row scaled = *row;
	double times = 1 + e->limit; /* metrics are never negative */
	struct stats_interval d;

	scaled.a.value *= times;
	scaled.a.low *= times;
	scaled.a.high *= times;
	scaled.undisturbed_a *= times;
	d = change_of(&scaled, n);
	return expect_place(e->op, d.low, d.high, 0);
}

enum expect_result compare_judge(const struct comparison *c, const struct expect *e, size_t n,
				 struct buf *ret_why)
{
	struct compare_row none = { .unit = e->unit };
	const struct compare_row *row = NULL;
	struct stats_interval d;

	if (e->verdict[0])
		return judge_verdict(c, ret_why);
	for (size_t i = 0; !row && i < c->n_rows; i++)
		if (strcmp(c->rows[i].key, e->key) == 0)
			row = &c->rows[i];
	if (row && row->found == COMPARE_UNKNOWN) {
		buf_printf(ret_why, "not known: %s", row->why);
		return EXPECT_UNCLEAR;
	}
	if (!row && metric_group(e->key) != METRIC_LOCK) {
		buf_puts(ret_why, "neither of them has it");
		return EXPECT_UNCLEAR;
	}
	if (!row)
		buf_puts(ret_why, "nobody waited for a lock of that name");
	else if (e->relative && !row->a.value && row->b.value)
		buf_puts(ret_why, "it was 0 before: ");
	row = row ? row : &none;
	d = change_of(row, n);
	if (row != &none)
		say_change(ret_why, row, &d);
	if (e->relative)
		return judge_relative(row, e, n);
	return expect_place(e->op, d.low, d.high, e->limit);
}
