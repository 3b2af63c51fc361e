// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_gil.c - what only a GIL has: how often it changed hands, what its waits consist of, what its
 * holder did meanwhile, and who did without it.
 *
 *	handed over 1,853 times (185 /s)   forced by the switch interval 1,848   interval 5.00 ms
 *	CPython's own count: 3,710 changes of hands
 *	waiting: 96.0 % (9.32 s) asleep until it is handed over   2.0 % (190 ms) handing over
 *	meanwhile: its holder slept 12.4 % (1.20 s)   nobody had it 0.5 % (48.0 ms)
 *	ready (after I/O, a timer, a lock) -> has the GIL: p50 5.02 ms   p99 10.1 ms   1,234 times
 *	others waited  times   slept  longest  in call          with the GIL at
 *	       1.20 s     12  1.25 s   110 ms  clock_nanosleep  slow (…/app/native.py:33)
 */
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

static void flow_part(struct text_flow *f, const char *lead, uint64_t ns, uint64_t whole,
		      const char *what)
{
	if (ns)
		text_flow(f, "%s%s (%s) %s", lead, unit_share(ns, whole).s, unit_ns(ns).s, what);
}

static void print_hands(struct text *t, const struct report_gil *g, int indent)
{
	struct text_flow f = { .t = t, .indent = indent, .hang = 2 };
	double secs = (double)(t->r->window_ns - t->r->par.gap_ns) / 1e9, rate = unit_ratio((double)g->handoffs, secs);

	text_flow(&f, "handed over %s time%s (%s /s)", unit_count(g->handoffs).s,
		  g->handoffs == 1 ? "" : "s",
		  unit_decimal(rate, rate < 9.95 ? 1 : 0).s);
	if (g->forced == REPORT_ABSENT)
		text_flow(&f, "switch interval %s", unit_ns(g->interval_ns).s);
	else if (g->interval_ns)
		text_flow(&f, "forced by the switch interval of %s: %s", unit_ns(g->interval_ns).s,
			  unit_count(g->forced).s);
	else
		text_flow(&f, "forced %s", unit_count(g->forced).s);
	if (g->switches_known)
		text_flow(&f, "CPython's own count of changes of hands: %s",
			  unit_count(g->switches).s);
	if (g->held_ns)
		text_flow(&f, "held for %s while somebody waited", unit_ns(g->held_ns).s);
	text_flow_end(&f);
}

/* What the waits are made of, and what the holder did all the while. */
static void print_parts(struct text *t, const struct report_gil *g, const struct report_lock *l,
			int indent)
{
	const struct {
		const char *what;
		uint64_t ns;
	} rows[2][3] = {
		{ { "asleep until it was handed over", g->poll_ns },
		  { "the hand-off itself", g->handoff_ns },
		  { "ready, but no CPU free", g->delay_ns } },
		{ { "its holder slept", g->held_asleep_ns },
		  { "its holder had no CPU", g->held_preempted_ns },
		  { "nobody had it yet", g->free_ns } },
	};
	static const char *const leads[2] = { "waiting: ", "meanwhile: " };

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct text_flow f = { .t = t, .indent = indent, .hang = 2 };

		for (size_t k = 0; k < N_OF(rows[i]); k++)
			flow_part(&f, f.used ? "" : leads[i], rows[i][k].ns, l->wait_ns,
				  rows[i][k].what);
		text_flow_end(&f);
	}
}

static void print_convoy(struct text *t, const struct report_gil *g, int indent)
{
	struct text_flow f = { .t = t, .indent = indent, .hang = 2 };

	if (!g->convoy_count)
		return;
	text_flow(&f, "ready (after I/O, a timer, a lock) -> has the GIL: p50 %s",
		  unit_ns(g->convoy_p50_ns).s);
	text_flow(&f, "p99 %s", unit_ns(g->convoy_p99_ns).s);
	text_flow(&f, "max %s", unit_ns(g->convoy_max_ns).s);
	text_flow(&f, "%s time%s", unit_count(g->convoy_count).s,
		  g->convoy_count == 1 ? "" : "s");
	text_flow_end(&f);
}

/* --- asleep with the GIL --------------------------------------------------------------------- */

#define HELD_CELL(name, value)                                                                     \
	static void name(struct buf *out, const struct text *t, const void *row)                   \
	{                                                                                          \
		const struct report_held *h = row;                                                 \
                                                                                                   \
		(void)t;                                                                           \
		buf_puts(out, value);                                                              \
	}
HELD_CELL(waited_cell, unit_ns(h->site.ns).s)
HELD_CELL(times_cell, unit_count(h->site.samples).s)
HELD_CELL(held_cell, unit_ns(h->held_ns).s)
HELD_CELL(longest_cell, unit_ns(h->max_ns).s)

static void call_cell(struct buf *out, const struct text *t, const void *row)
{
	const char *name = ((const struct report_held *)row)->syscall;

	if (!name || !*name)
		name = "page fault";
	escape_add(out, name, strlen(name), ESCAPE_NO_LIMIT, t->unicode);
}

static void where_fit(struct buf *out, const struct text *t, const void *row, int width)
{
	text_place(out, t, &((const struct report_held *)row)->site.place, width);
}

static void where_cell(struct buf *out, const struct text *t, const void *row)
{
	where_fit(out, t, row, t->width);
}

static void who_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_site *s = &((const struct report_held *)row)->site;
	struct buf name = { 0 };

	if (!s->tid)
		return;
	text_thread_name(&name, t, s->tid, s->thread_name, s->comm);
	escape_cut(out, name.data, name.len, TEXT_THREAD_COLUMNS, t->unicode);
	buf_free(&name);
}

static const struct text_column held_columns[] = {
	{ "others waited", .cell = waited_cell },
	{ "times", .cell = times_cell },
	{ "slept", .cell = held_cell, .drop = 2 },
	{ "longest", .cell = longest_cell, .drop = 1 },
	{ "in call", .cell = call_cell, .left = true },
	{ "with the GIL at", .cell = where_cell, .fit = where_fit, .left = true, .min = 22 },
	{ "most in thread", .cell = who_cell, .blank = "", .left = true, .drop = 3 },
};

static void print_held(struct text *t, const struct report_gil *g, int indent)
{
	size_t n = g->n_held < t->top ? g->n_held : t->top;
	const void **rows = xcalloc(n, sizeof(*rows));

	for (size_t i = 0; i < n; i++)
		rows[i] = &g->held[i];
	if (n) {
		text_wrapf(t, TEXT_PLAIN, indent,
			   "asleep with the GIL while others waited for it:");
		text_table(t, indent + 2, held_columns, N_OF(held_columns), rows, n);
	}
	if (n < g->n_held)
		text_wrapf(t, TEXT_DIM, indent + 2, "... and %s more", unit_count(g->n_held - n).s);
	free(rows);
}

/* --- CPU time ------------------------------------------------------------------------------ */

void text_gil_cpu(struct text *t, const struct report_gil *g, int indent)
{
	uint64_t all = g->with_ns + g->without_ns;

	if (!all)
		return;
	text_wrapf(t, TEXT_PLAIN, indent, "CPU time with the GIL %s (%s), without it %s (%s)%s",
		   unit_ns(g->with_ns).s, unit_share(g->with_ns, all).s, unit_ns(g->without_ns).s,
		   unit_share(g->without_ns, all).s, g->n_without ? ":" : "");
	if (g->n_without)
		text_sites(t, indent + 2, "ran without the GIL", g->without, g->n_without, all);
}

void text_gil(struct text *t, const struct report_gil *g, const struct report_lock *l, int indent)
{
	print_hands(t, g, indent);
	print_parts(t, g, l, indent);
	print_convoy(t, g, indent);
	print_held(t, g, indent);
	text_gil_cpu(t, g, indent);
}
