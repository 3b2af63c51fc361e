// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_whatif.c - predictions: what a change would bring, what serialises most, the critical path.
 *
 *	WHAT IF  it took 626 ms; a replay without a change takes 630 ms: error 0.6 %
 *	  change      it would take  range              speed-up  CPUs used  limited by
 *	  processes          336 ms  320 ms .. 360 ms      1.86x       1.95  the CPUs: 1.95 of 2.00
 */
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

static void put_escaped(struct buf *out, const struct text *t, const char *s)
{
	escape_add(out, s, strlen(s), ESCAPE_NO_LIMIT, t->unicode);
}

static void put_speedup(struct buf *out, const struct text *t, uint64_t ns)
{
	double measured = (double)t->r->prediction->measured_ns;

	buf_printf(out, "%sx", unit_decimal(unit_ratio(measured, (double)ns), 2).s);
}

static void put_range(struct buf *out, uint64_t low_ns, uint64_t high_ns)
{
	buf_printf(out, "%s .. %s", unit_ns(low_ns).s, unit_ns(high_ns).s);
}

/* --- questions ------------------------------------------------------------------------------- */

#define WHATIF_CELL(name, statement)                                                               \
	static void name(struct buf *out, const struct text *t, const void *row)                   \
	{                                                                                          \
		const struct report_whatif *w = row;                                               \
                                                                                                   \
		(void)t;                                                                           \
		statement;                                                                         \
	}
WHATIF_CELL(asked_cell, put_escaped(out, t, w->asked))
WHATIF_CELL(value_cell, buf_puts(out, unit_ns(w->value_ns).s))
WHATIF_CELL(range_cell, put_range(out, w->low_ns, w->high_ns))
WHATIF_CELL(speedup_cell, put_speedup(out, t, w->value_ns))
WHATIF_CELL(used_cell, buf_puts(out, unit_decimal(w->cpus_used, 2).s))
WHATIF_CELL(limit_cell, put_escaped(out, t, w->limit))

static const struct text_column whatif_columns[] = {
	{ "change", .cell = asked_cell, .left = true },
	{ "it would take", .cell = value_cell },
	{ "range", .cell = range_cell, .left = true },
	{ "speed-up", .cell = speedup_cell },
	{ "CPUs used", .cell = used_cell, .drop = 1 },
	{ "limited by", .cell = limit_cell, .left = true, .min = 12 },
};

static void print_answers(struct text *t, const struct report_prediction *p)
{
	const void **rows = xcalloc(p->n_whatifs + 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < p->n_whatifs; i++)
		if (!p->whatifs[i].refused)
			rows[n++] = &p->whatifs[i];
	if (n)
		text_table(t, 2, whatif_columns, N_OF(whatif_columns), rows, n);
	free(rows);
	for (size_t i = 0; p->possible && i < p->n_whatifs; i++)
		if (p->whatifs[i].refused)
			text_wrapf(t, TEXT_WARN, 2, "%s: cannot be told, %s", p->whatifs[i].asked,
				   p->whatifs[i].why);
}

static void print_whatifs(struct text *t, const struct report_prediction *p)
{
	struct buf note = { 0 };

	buf_printf(&note, "it took %s; a replay without a change takes %s: error %s %%",
		   unit_ns(p->measured_ns).s, unit_ns(p->replayed_ns).s,
		   unit_decimal(p->error * 100, 1).s);
	text_heading(t, "WHAT IF", note.data);
	buf_free(&note);
	if (!p->possible)
		text_wrapf(t, TEXT_WARN, 2, "Nothing can be predicted from this recording: %s.",
			   p->why_not);
	print_answers(t, p);
	for (size_t i = 0; i < p->n_assumptions; i++)
		text_fact(t, TEXT_DIM, i ? "" : "assumed", 11, "%s", p->assumptions[i]);
}

/* --- what serialises most -------------------------------------------------------------------- */

static const struct report_lock *lock_of(const struct text *t, const struct report_serial *s)
{
	for (size_t i = 0; i < t->r->n_locks; i++)
		if (s->lock && t->r->locks[i].id == s->lock)
			return &t->r->locks[i];
	return NULL;
}

static void without_fit(struct buf *out, const struct text *t, const void *row, int width)
{
	const struct report_serial *s = row;
	const struct report_lock *l = lock_of(t, s);
	struct buf name = { 0 };

	if (!l) {
		text_place(out, t, &s->place, width);
		return;
	}
	buf_printf(&name, "L%u ", l->id);
	text_lock_name(&name, t, l);
	escape_cut(out, name.data, name.len, width, t->unicode);
	buf_free(&name);
}

static void without_cell(struct buf *out, const struct text *t, const void *row)
{
	without_fit(out, t, row, t->width);
}

#define SERIAL_CELL(name, statement)                                                               \
	static void name(struct buf *out, const struct text *t, const void *row)                   \
	{                                                                                          \
		const struct report_serial *s = row;                                               \
                                                                                                   \
		(void)t;                                                                           \
		statement;                                                                         \
	}
SERIAL_CELL(gain_cell, text_share_cell(out,
				       t->r->prediction->measured_ns > s->value_ns
					       ? t->r->prediction->measured_ns - s->value_ns
					       : 0,
				       t->r->prediction->measured_ns))
SERIAL_CELL(serial_value_cell, buf_puts(out, unit_ns(s->value_ns).s))
SERIAL_CELL(serial_range_cell, put_range(out, s->low_ns, s->high_ns))
SERIAL_CELL(cost_cell, buf_printf(out, "%s %s", unit_ns(s->cost_ns).s, s->lock ? "waited" : "CPU"))

static const struct text_column serial_columns[] = {
	{ "gain %", .cell = gain_cell, .blank = "0.0" },
	{ "it would take", .cell = serial_value_cell },
	{ "range", .cell = serial_range_cell, .left = true, .drop = 1 },
	{ "all threads", .cell = cost_cell },
	{ "without", .cell = without_cell, .fit = without_fit, .left = true, .min = 22 },
};

static void print_serial(struct text *t, const struct report_prediction *p)
{
	size_t n = p->n_serial < t->top ? p->n_serial : t->top;
	const void **rows = xcalloc(n + 1, sizeof(*rows));

	if (n)
		text_heading(t, "SERIALISES MOST",
			     "what is gained without a lock, or a function's time");
	for (size_t i = 0; i < n; i++)
		rows[i] = &p->serial[i];
	if (n)
		text_table(t, 2, serial_columns, N_OF(serial_columns), rows, n);
	free(rows);
}

/* --- critical path --------------------------------------------------------------------------- */

static void kinds(struct text *t, const struct report_critical *c)
{
	struct text_flow f = { .t = t, .indent = 2, .hang = 2 };

	for (size_t i = 0; i < CRITICAL_KINDS; i++) {
		size_t top = 0;

		for (size_t k = 0; k < CRITICAL_KINDS; k++) { /* the i-th by time */
			size_t above = 0;

			for (size_t j = 0; j < CRITICAL_KINDS; j++)
				above += c->kind_ns[j] > c->kind_ns[k] ||
					 (c->kind_ns[j] == c->kind_ns[k] && j < k);
			if (above == i)
				top = k;
		}
		if (c->kind_ns[top])
			text_flow(&f, "%s %s (%s)", report_critical_kinds[top].label,
				  unit_share(c->kind_ns[top], c->total_ns).s,
				  unit_ns(c->kind_ns[top]).s);
	}
	text_flow_end(&f);
}

static void path_thread_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_critical_thread *p = row;

	text_thread_name(out, t, p->tid, p->name, p->comm);
}

static void path_thread_share(struct buf *out, const struct text *t, const void *row)
{
	text_share_cell(out, ((const struct report_critical_thread *)row)->ns,
			t->r->prediction->critical.total_ns);
}

static void path_function_fit(struct buf *out, const struct text *t, const void *row, int width)
{
	const struct report_critical_function *f = row;

	if (text_place_known(&f->place))
		text_place(out, t, &f->place, width);
	else
		buf_puts(out, "(not known)");
}

static void path_function_cell(struct buf *out, const struct text *t, const void *row)
{
	path_function_fit(out, t, row, t->width);
}

static void path_function_share(struct buf *out, const struct text *t, const void *row)
{
	text_share_cell(out, ((const struct report_critical_function *)row)->ns,
			t->r->prediction->critical.total_ns);
}

static void print_critical(struct text *t, const struct report_critical *c)
{
	static const struct text_column threads[] = {
		{ "%", .cell = path_thread_share },
		{ "in thread", .cell = path_thread_cell, .left = true, .min = 22 },
	};
	static const struct text_column functions[] = {
		{ "%", .cell = path_function_share },
		{ "running in function", .cell = path_function_cell, .fit = path_function_fit,
		  .left = true, .min = 22 },
	};
	size_t n_threads = c->n_threads < t->top ? c->n_threads : t->top;
	size_t n_functions = c->n_functions < t->top ? c->n_functions : t->top;
	size_t most = n_threads > n_functions ? n_threads : n_functions;
	const void **rows = xcalloc(most + 1, sizeof(*rows));

	text_heading(t, "CRITICAL PATH", "what the end waited for; adds up to the window");
	kinds(t, c);
	text_wrapf(t, TEXT_DIM, 2, "%s from thread to thread, %s on it",
		   text_plural(c->jumps, "step").s, text_plural(c->all_threads, "thread").s);
	for (size_t i = 0; i < n_threads; i++)
		rows[i] = &c->threads[i];
	if (n_threads)
		text_table(t, 2, threads, N_OF(threads), rows, n_threads);
	for (size_t i = 0; i < n_functions; i++)
		rows[i] = &c->functions[i];
	if (n_functions)
		text_table(t, 2, functions, N_OF(functions), rows, n_functions);
	free(rows);
}

void text_whatif(struct text *t)
{
	const struct report_prediction *p = t->r->prediction;

	if (!p)
		return;
	print_whatifs(t, p);
	print_serial(t, p);
	if (p->critical.total_ns)
		print_critical(t, &p->critical);
}
