// SPDX-License-Identifier: GPL-2.0-or-later
/* classic_judge.c - expressions over a ledger and claims judged by them; see classic.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/unit.h"
#include "user/bench/classic.h"

#define NAME_MAX_LEN 48
#define ARTICLE_CPUS 12	 /* logical CPUs of article 000: 8 % is one of them */
#define QUEUE_QUIET 0.15 /* above it other programs had too much of the CPUs */

/* --- figures ------------------------------------------------------------------------------ */

static double wanted_share(const struct ledger_block *b, const struct ledger_run *run)
{
	uint64_t ns = run->state_ns[STATE_ON_CPU] + run->state_ns[STATE_WOKEN] +
		      run->state_ns[STATE_PREEMPTED];

	return b->ceiling > 0 ? (double)ns / run->figure[FIGURE_LIFE] / b->ceiling : NAN;
}

static double of_twelve(const struct ledger_block *b, const struct ledger_run *run)
{
	(void)b;
	return run->figure[FIGURE_CPUS] / ARTICLE_CPUS;
}

static double process_cpus(const struct ledger_block *b, const struct ledger_run *run)
{
	return b->procs ? run->figure[FIGURE_CPUS] / b->procs : NAN;
}

static double full_ns(const struct ledger_block *b, const struct ledger_run *run)
{
	return b->scale > 0 ? run->figure[FIGURE_WALL] / b->scale : NAN;
}

static double full_task_ns(const struct ledger_block *b, const struct ledger_run *run)
{
	return b->tasks ? full_ns(b, run) / b->tasks : NAN;
}

static double task_cpu_ns(const struct ledger_block *b, const struct ledger_run *run)
{
	return b->tasks ? run->figure[FIGURE_CPU] / b->tasks : NAN;
}

static double handoffs_rate(const struct ledger_block *b, const struct ledger_run *run)
{
	(void)b;
	return run->figure[FIGURE_HANDOFFS] * 1e9 / run->figure[FIGURE_WALL];
}

static double ipc_share(const struct ledger_block *b, const struct ledger_run *run)
{
	(void)b;
	return run->figure[FIGURE_IPC_NS] / run->figure[FIGURE_WALL];
}

static double disk_share(const struct ledger_block *b, const struct ledger_run *run)
{
	(void)b;
	return (double)run->state_ns[STATE_IO_DISK] / run->figure[FIGURE_LIFE];
}

static const struct derived {
	const char *key;
	enum figure_unit unit;
	double (*of)(const struct ledger_block *b, const struct ledger_run *run);
} derived[] = {
	/* on a CPU or waiting for one, of the CPUs that it could use */
	{ "wanted_share", UNIT_SHARE, wanted_share },
	/* CPUs used, of 12 */
	{ "of_twelve", UNIT_SHARE, of_twelve },
	/* CPUs used, for each process */
	{ "process_cpus", UNIT_CPUS, process_cpus },
	/* wall at the article's size, if it grows with it; the same for each task */
	{ "full_ns", UNIT_NS, full_ns },
	{ "full_task_ns", UNIT_NS, full_task_ns },
	/* CPU time for each task */
	{ "task_cpu_ns", UNIT_NS, task_cpu_ns },
	/* a second */
	{ "handoffs_rate", UNIT_COUNT, handoffs_rate },
	/* of the wall; of the life */
	{ "ipc_share", UNIT_SHARE, ipc_share },
	{ "disk_share", UNIT_SHARE, disk_share },
};

struct quantity {
	enum figure_unit unit;
	enum ledger_figure figure;
	const struct derived *derived; /* NULL: the figure itself */
};

static int find_quantity(const char *key, struct quantity *ret)
{
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		if (!strcmp(ledger_figures[i].key, key)) {
			*ret = (struct quantity){ ledger_figures[i].unit, (enum ledger_figure)i,
						  NULL };
			return 0;
		}
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		if (!strcmp(derived[i].key, key)) {
			*ret = (struct quantity){ derived[i].unit, FIGURE_COUNT, &derived[i] };
			return 0;
		}
	return -EINVAL;
}

/* --- expressions -------------------------------------------------------------------------- */

struct place {
	const struct ledger_block *block;
	const struct ledger_row *row;
};

static int find_place(const struct ledger *l, const char *experiment, const char *words,
		      struct place *ret)
{
	const char *colon = strchr(words, ':');
	char name[NAME_MAX_LEN];

	if (colon) {
		snprintf(name, sizeof(name), "%.*s", (int)(colon - words), words);
		experiment = name;
		words = colon + 1;
	}
	ret->block = ledger_block(l, experiment);
	ret->row = ledger_row(ret->block, words);
	return ret->row && ret->row->n_done ? 0 : -ENOENT;
}

/* Run by run; the caller frees. */
static double *values_of(const struct place *p, const struct quantity *q)
{
	double *values = xcalloc(p->row->n_runs + 1, sizeof(*values));

	for (size_t i = 0; i < p->row->n_runs; i++) {
		const struct ledger_run *run = &p->row->runs[i];

		if (!run->done)
			values[i] = NAN;
		else
			values[i] =
				q->derived ? q->derived->of(p->block, run) : run->figure[q->figure];
	}
	return values;
}

static void combine(const struct place *a, const struct place *b, char op, const struct quantity *q,
		    struct classic_value *ret)
{
	double *x = values_of(a, q), *y = b->row ? values_of(b, q) : NULL;
	size_t n = a->row->n_runs;

	ret->unit = op == '/' ? UNIT_RATIO : q->unit;
	if (y && b->row->n_runs < n)
		n = b->row->n_runs;
	if (op == '/') {
		ret->interval = stats_ratio(x, y, n);
	} else if (op == '-') {
		for (size_t i = 0; i < n; i++)
			x[i] -= y[i];
		ret->interval = stats_mean(x, n);
	} else {
		ret->interval = stats_median(x, n);
	}
	free(x);
	free(y);
}

int classic_eval(const struct ledger *l, const char *experiment, const char *expression,
		 struct classic_value *ret)
{
	char key[NAME_MAX_LEN], first[NAME_MAX_LEN], second[NAME_MAX_LEN], op = 0, rest;
	int err, words = sscanf(expression, "%47s %47s %c %47s %c", key, first, &op, second, &rest);
	struct place a = { 0 }, b = { 0 };
	struct quantity q;

	*ret = (struct classic_value){ 0 };
	if ((words != 2 && words != 4) || (words == 4 && op != '/' && op != '-') ||
	    find_quantity(key, &q))
		return -EINVAL;
	err = find_place(l, experiment, first, &a);
	if (!err && words == 4)
		err = find_place(l, experiment, second, &b);
	if (!err)
		combine(&a, &b, op, &q, ret);
	return err;
}

/* --- words -------------------------------------------------------------------------------- */

static void say_value(struct buf *out, double value, enum figure_unit unit)
{
	const char *sign = value < 0 ? "-" : "";
	uint64_t whole = fabs(value) < 1e18 ? (uint64_t)(fabs(value) + 0.5) : 0;

	if (!isfinite(value))
		buf_puts(out, "?");
	else if (unit == UNIT_NS)
		buf_printf(out, "%s%s", sign, unit_ns(whole).s);
	else if (unit == UNIT_BYTES)
		buf_printf(out, "%s%s", sign, unit_bytes(whole).s);
	else if (unit == UNIT_COUNT)
		buf_printf(out, "%s%s", sign, unit_count(whole).s);
	else if (unit == UNIT_SHARE)
		buf_puts(out, unit_percent(value).s);
	else
		buf_printf(out, "%s%s", unit_decimal(value, 2).s, unit == UNIT_RATIO ? "x" : "");
}

static void say_interval(struct buf *out, const struct classic_value *v)
{
	say_value(out, v->interval.low, v->unit);
	buf_puts(out, " to ");
	say_value(out, v->interval.high, v->unit);
}

static void say_expression(struct buf *out, const struct ledger *l, const char *experiment,
			   const char *text, size_t len)
{
	char expression[3 * NAME_MAX_LEN];
	bool whole = *text == '=';
	struct classic_value v;

	snprintf(expression, sizeof(expression), "%.*s", (int)(len - whole), text + whole);
	if (classic_eval(l, experiment, expression, &v) || !v.interval.n) {
		buf_puts(out, "?");
		return;
	}
	say_value(out, v.interval.value, v.unit);
	if (!whole || v.interval.n < 2)
		return;
	buf_puts(out, " (");
	say_interval(out, &v);
	buf_puts(out, ")");
}

static void say(char *ret, size_t size, const struct ledger *l, const struct classic_claim *claim,
		const char *text)
{
	struct buf out = { 0 };

	buf_puts(&out, "");
	while (text && *text) {
		size_t plain = strcspn(text, "{"), len;

		buf_add(&out, text, plain);
		text += plain;
		if (!*text)
			break;
		len = strcspn(text, "}");
		say_expression(&out, l, claim->experiment, text + 1, len - 1);
		text += len + (text[len] == '}');
	}
	snprintf(ret, size, "%s", out.data);
	buf_free(&out);
}

/* --- judging ------------------------------------------------------------------------------ */

/* Why the machine cannot tell, or NULL. */
static const char *machine_is_unfit(const struct ledger *l, const struct classic_claim *claim,
				    char *text, size_t size)
{
	const struct ledger_block *block = ledger_block(l, claim->experiment);
	struct stats_interval queue;

	if (claim->cpus && !(block->ceiling >= claim->cpus)) {
		if (block->ceiling > 0)
			snprintf(text, size, "it takes %u CPUs, these runs could use %s",
				 claim->cpus, unit_decimal(block->ceiling, 1).s);
		else
			snprintf(text, size, "it takes %u CPUs, how many there were is not known",
				 claim->cpus);
		return text;
	}
	if (claim->quiet && ledger_get(ledger_row(block, claim->quiet), FIGURE_QUEUE, &queue) &&
	    queue.value > QUEUE_QUIET) {
		snprintf(text, size,
			 "other programs had the CPUs: %s of the wanted time of %s was waiting for "
			 "one",
			 unit_percent(queue.value).s, claim->quiet);
		return text;
	}
	return NULL;
}

static void not_testable(struct ledger_claim *c, const char *why)
{
	c->status = CLAIM_NOT_TESTABLE;
	snprintf(c->evidence, sizeof(c->evidence), "not testable here: %s", why);
}

/* The interval holds a bound: name it. */
static void undecided(struct ledger_claim *c, const struct classic_claim *claim,
		      const struct classic_value *v)
{
	double bound = v->interval.low < claim->low ? claim->low : claim->high;
	struct buf out = { 0 };

	say_interval(&out, v);
	buf_puts(&out, " is on both sides of ");
	say_value(&out, bound, v->unit);
	buf_puts(&out, ", more repeats may decide");
	not_testable(c, out.data);
	buf_free(&out);
}

static void judge(struct ledger *l, const struct classic_claim *claim)
{
	struct ledger_claim *c = ledger_claim(l, claim->id, claim->words, claim->theirs);
	struct classic_value v;
	char why[160];

	if (!claim->test) {
		snprintf(c->evidence, sizeof(c->evidence), "%s", claim->if_not);
		return;
	}
	if (classic_eval(l, claim->experiment, claim->test, &v)) {
		snprintf(why, sizeof(why), "what it takes of %s was not run", claim->experiment);
		not_testable(c, why);
		return;
	}
	say(c->ours, sizeof(c->ours), l, claim, claim->ours);
	if (machine_is_unfit(l, claim, why, sizeof(why))) {
		not_testable(c, why);
	} else if (!v.interval.n) {
		not_testable(c, "these runs do not tell");
	} else if (v.interval.n < 2) {
		not_testable(c, "one run says nothing about noise");
	} else if (v.interval.low >= claim->low && v.interval.high <= claim->high) {
		c->status = CLAIM_CONFIRMED;
		say(c->evidence, sizeof(c->evidence), l, claim, claim->if_so);
	} else if (v.interval.high < claim->low || v.interval.low > claim->high) {
		c->status = CLAIM_REFUTED;
		say(c->evidence, sizeof(c->evidence), l, claim, claim->if_not);
	} else {
		undecided(c, claim, &v);
	}
}

void classic_judge(struct ledger *l)
{
	for (const struct classic_claim *claim = classic_claims; claim->id; claim++)
		judge(l, claim);
}
