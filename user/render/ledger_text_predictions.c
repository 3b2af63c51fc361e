// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ledger_text_predictions.c - see ledger_text_predictions.h.
 *
 *	PREDICTIONS  from the recording of one run, against running it
 *	  program    tasks  what if                recorded  predicted            range  measured
 *error countdown      2  threads -> processes     1.08 s     561 ms  545 ms to 590 ms    573 ms
 *-2.1 %
 */
#include <math.h>
#include <stdlib.h>

#include "user/base/unit.h"
#include "user/bench/validate.h"
#include "user/render/ledger_text_predictions.h"

struct check {
	const struct ledger_block *block;
	struct validation_result result;
};

static void put_ns(struct buf *out, const struct stats_interval *i)
{
	if (i->n)
		buf_puts(out, unit_ns((uint64_t)i->value).s);
}

static void program_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, ((const struct check *)row)->block->validation->of);
}

static void tasks_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_printf(out, "%u", ((const struct check *)row)->block->tasks);
}

static void change_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, ((const struct check *)row)->block->validation->change);
}

static void recorded_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	put_ns(out, &((const struct check *)row)->result.recorded_ns);
}

static void predicted_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	put_ns(out, &((const struct check *)row)->result.predicted_ns);
}

static void range_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct validation_result *r = &((const struct check *)row)->result;

	(void)t;
	if (r->predicted_ns.n)
		buf_printf(out, "%s to %s", unit_ns((uint64_t)r->low_ns).s,
			   unit_ns((uint64_t)r->high_ns).s);
}

static void measured_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	put_ns(out, &((const struct check *)row)->result.measured_ns);
}

static void error_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct validation_result *r = &((const struct check *)row)->result;

	(void)t;
	if (r->ratio.n)
		buf_printf(out, "%+.1f %%", (r->ratio.value - 1) * 100);
}

static void inside_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct validation_result *r = &((const struct check *)row)->result;

	(void)t;
	if (r->ratio.n)
		buf_puts(out, r->inside ? "yes" : "no");
}

static const struct text_column columns[] = {
	{ "program", .cell = program_cell, .left = true },
	{ "tasks", .cell = tasks_cell },
	{ "what if", .cell = change_cell, .left = true },
	{ "recorded", .cell = recorded_cell },
	{ "predicted", .cell = predicted_cell },
	{ "range", .cell = range_cell },
	{ "measured", .cell = measured_cell },
	{ "error", .cell = error_cell },
	{ "in range", .cell = inside_cell, .drop = 1 },
};

static void print_summary(struct text *t, const struct ledger *l)
{
	struct validation_summary s;

	validation_sum_up(l, &s);
	buf_puts(t->out, "\n");
	if (s.n)
		text_wrapf(t, TEXT_BOLD, 2,
			   "%zu predictions: error %.1f %% in the middle, %.1f %% at worst; %zu of "
			   "the "
			   "measured times lie in the predicted range",
			   s.n, s.median_error * 100, s.worst_error * 100, s.inside);
	if (s.without)
		text_wrapf(t, TEXT_WARN, 2, "%zu without a prediction or a run to compare it with",
			   s.without);
	text_wrapf(
		t, TEXT_DIM, 2,
		"recorded, predicted and measured are medians from exec to the last end; the error "
		"is that of predicted against the measured run beside it, over all repeats");
}

void ledger_text_predictions(struct text *t, const struct ledger *l)
{
	struct check *checks = xcalloc(l->n_blocks + 1, sizeof(*checks));
	const void **rows = xcalloc(l->n_blocks + 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < l->n_blocks; i++) {
		if (!l->blocks[i].validation)
			continue;
		checks[n].block = &l->blocks[i];
		validation_judge(&l->blocks[i], &checks[n].result);
		rows[n] = &checks[n];
		n++;
	}
	if (n) {
		text_heading(t, "PREDICTIONS", "from the recording of one run, against running it");
		text_table(t, 2, columns, N_OF(columns), rows, n);
		for (size_t i = 0; i < n; i++)
			if (checks[i].result.why_not)
				text_wrapf(t, TEXT_WARN, 2, "%s: %s",
					   checks[i].block->validation->name,
					   checks[i].result.why_not);
		print_summary(t, l);
	}
	free(rows);
	free(checks);
}
