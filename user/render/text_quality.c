// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_quality.c - how far the numbers can be trusted, and what watching cost.
 *
 *	QUALITY
 *	  complete: 12,345 records, none lost
 *	  time unaccounted for 1.20 us   records and kernel sums differ by 0 ns
 *	  samples 2,345: a stack for every 10.0 ms of running or waiting   different stacks 61
 *	  stacks taken 2,410, 2.10 us each (45 ns a frame): 99.6 % of the native ones are whole
 *	    3 cut off after 128 frames   6 end where the code says nothing about its caller
 *	  unwind tables of 5 files, 93,120 rows, made in 41.0 ms
 *	  the target's files are read by a process of its own: 120 ms of CPU
 *	  watching cost 0.4 % of one CPU (41.0 ms)   memory 12.1 MiB   in the kernel 9.08 MiB
 */
#include <stdio.h>
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

/* What to do about a loss; by key, so that the order of the list does not matter. */
static const struct {
	const char *key, *hint;
} hints[] = {
	{ "ring_full", "give the ring more room, e.g. --ring-size 64M" },
	{ "storage", "a slower table took them: nothing is missing" },
	{ "thread", "they are missing in this report" },
	{ "read", "the name or the owner of a lock may be missing" },
	{ "clock", "harmless unless there are many" },
	{ "switch", "taken from the scheduler's own clock: nothing is missing" },
	{ "skipped", "counts of waits or threads may be too low" },
	{ "recursion", "some numbers may be too low" },
	{ "late", "give the ring more room, or the machine less to do" },
	{ "shared", "they are shown apart in each process" },
	{ "source", "this kernel does not have them" },
	{ "pythread", "the holder of a GIL may be unknown" },
	{ "stack", "their time has no place in the program" },
	{ "truncated", "callers far up are missing" },
	{ "unwind", "callers of native code are missing; why, see the stacks below" },
	{ "frame", "shown as ?" },
};

#define LOSS_INDENT 14
#define TEXT_STRING_(x) #x
#define TEXT_STRING(x) TEXT_STRING_(x)

/* Sums of records, not losses. */
static bool is_total(const char *key)
{
	return strcmp(key, "made") == 0 || strcmp(key, "received") == 0;
}

static const char *find_hint(const char *key)
{
	for (size_t i = 0; i < N_OF(hints); i++)
		if (strcmp(hints[i].key, key) == 0)
			return hints[i].hint;
	return NULL;
}

static void print_losses(struct text *t)
{
	const struct report_quality *q = &t->r->quality;

	for (size_t i = 0; i < q->n_loss; i++) {
		const struct report_loss *l = &q->loss[i];
		const char *key = l->key ? l->key : "";
		const char *hint = find_hint(key);
		bool of_made = strcmp(key, "ring_full") == 0;

		if (!l->count || is_total(key))
			continue;
		text_fact(t, TEXT_PLAIN, unit_count(l->count).s, LOSS_INDENT, "%s%s%s%s%s%s",
			  l->label ? l->label : key, of_made ? " (" : "",
			  of_made ? unit_share(l->count, q->made).s : "",
			  of_made ? " of all records)" : "", hint ? " - " : "", hint ? hint : "");
	}
	if (q->locks_folded)
		text_fact(t, TEXT_PLAIN, unit_count(q->locks_folded).s, LOSS_INDENT,
			  "locks too many for the table - added up in one row");
}

static void print_samples(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	struct text_flow f = { .t = t, .indent = 2 };

	if (!q->samples && !q->sample_ns)
		return;
	if (q->sample_ns)
		text_flow(&f, "samples %s: a stack for every %s of running or waiting",
			  unit_count(q->samples).s, unit_ns(q->sample_ns).s);
	else
		text_flow(&f, "samples %s", unit_count(q->samples).s);
	if (q->samples_unread)
		text_flow(&f, "without a stack %s (%s)", unit_count(q->samples_unread).s,
			  unit_share(q->samples_unread, q->samples).s);
	text_flow(&f, "different stacks %s", unit_count(q->stacks).s);
	if (q->stacks_truncated)
		text_flow(&f, "cut off %s", unit_count(q->stacks_truncated).s);
	if (q->frames_unknown)
		text_flow(&f, "unknown frames %s", unit_count(q->frames_unknown).s);
	text_flow_end(&f);
}

/* What a stack costs, and how many native ones go down to where the thread began. */
static void print_stacks(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	const struct {
		uint64_t n;
		const char *what;
	} ends[] = {
		{ q->samples_cut, "cut off after " TEXT_STRING(WIRE_NATIVE_MAX) " frames" },
		{ q->samples_no_rule, "end where the code says nothing about its caller" },
		{ q->samples_astray, "end in memory that no file is mapped to" },
		{ q->samples_no_memory, "end where the stack could not be read" },
		{ q->samples_early, "end in a file whose table was not ready" },
		{ q->samples_pointers, "with frames found by frame pointers" },
	};
	struct text_flow f = { .t = t, .indent = 2, .hang = 2 };
	struct buf line = { 0 };

	if (q->stacks_taken) {
		buf_printf(&line, "stacks taken %s, %s each", unit_count(q->stacks_taken).s,
			   unit_ns(q->stacks_ns / q->stacks_taken).s);
		if (q->stacks_frames)
			buf_printf(&line, " (%s a frame)",
				   unit_ns(q->stacks_ns / q->stacks_frames).s);
	}
	if (q->samples_native)
		buf_printf(&line, "%s%s of the native ones are whole", line.len ? ": " : "stacks: ",
			   unit_share(q->samples_whole, q->samples_native).s);
	if (line.len)
		text_flow(&f, "%s", line.data);
	for (size_t i = 0; i < N_OF(ends); i++)
		if (ends[i].n)
			text_flow(&f, "%s %s", unit_count(ends[i].n).s, ends[i].what);
	text_flow_end(&f);
	buf_free(&line);
}

static void print_tables(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	struct text_flow f = { .t = t, .indent = 2 };

	if (q->tables)
		text_flow(&f, "unwind tables of %s: %s, made in %s",
			  text_plural(q->tables, "file").s, text_plural(q->table_rows, "row").s,
			  unit_ns(q->table_ns).s);
	if (q->symbol_cpu_ns)
		text_flow(&f, "the target's files are read by a process of its own: %s of CPU",
			  unit_ns(q->symbol_cpu_ns).s);
	text_flow_end(&f);
}

static void print_cost(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	struct text_flow f = { .t = t, .indent = 2 };

	text_flow(&f, "watching cost %s of one CPU (%s)",
		  unit_share(q->own_cpu_ns, t->r->window_ns).s, unit_ns(q->own_cpu_ns).s);
	text_flow(&f, "memory %s", unit_bytes(q->own_rss_kib * 1024).s);
	text_flow(&f, "in the kernel %s (ring %s)", unit_bytes(q->maps_kib * 1024).s,
		  unit_bytes(q->ring_kib * 1024).s);
	text_flow_end(&f);
}

static void print_step(struct text_flow *f, const struct report_reduction *s)
{
	struct buf what = { 0 };

	if (!s->divisor)
		buf_puts(&what, "no stacks");
	else if (s->divisor == 1)
		buf_puts(&what, "all stacks");
	else
		buf_printf(&what, "1 stack of %u", s->divisor);
	if (s->detail <= 0)
		buf_puts(&what, ", sums only");
	else if (s->detail < 1)
		buf_printf(&what, ", single events in %s of the time", unit_percent(s->detail).s);
	text_flow(f, "after %s (%s): %s", unit_ns(s->at_ns).s, unit_percent(s->cost).s, what.data);
	buf_free(&what);
}

static void print_overhead(struct text *t)
{
	const struct report_overhead *o = t->r->overhead;
	struct text_flow f = { .t = t, .indent = 2, .hang = 2 };

	if (!o)
		return;
	text_flow(&f, "budget %s of the target's CPU time: %s on average, %s at most",
		  unit_percent(o->budget).s, unit_percent(o->mean).s, unit_percent(o->max).s);
	text_flow(&f, "%s of all CPUs", unit_percent(o->machine).s);
	text_flow(&f, "BPF programs %s, reader %s", unit_ns(o->bpf_ns).s, unit_ns(o->reader_ns).s);
	text_flow_end(&f);
	f = (struct text_flow){ .t = t, .indent = 4 };
	for (size_t i = 0; i < o->n_steps; i++)
		print_step(&f, &o->steps[i]);
	if (o->all_steps > o->n_steps)
		text_flow(&f, "%s more changes", unit_count(o->all_steps - o->n_steps).s);
	if (!o->all_steps)
		text_flow(&f, "nothing had to be left out");
	text_flow_end(&f);
	if (o->exceeded)
		text_wrapf(t, TEXT_WARN, 4,
			   "more than the budget: sums alone cost %s of the target's CPU time",
			   unit_percent(o->least).s);
}

/* --- BPF programs ---------------------------------------------------------------------------- */

static void prog_name_cell(struct buf *out, const struct text *t, const void *row)
{
	escape_add(out, TEXT_ARRAY(((const struct report_prog *)row)->name), ESCAPE_NO_LIMIT,
		   t->unicode);
}

static void runs_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, unit_count(((const struct report_prog *)row)->runs).s);
}

static void per_run_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_prog *p = row;

	(void)t;
	if (p->runs)
		buf_puts(out, unit_ns(p->run_ns / p->runs).s);
}

static void run_time_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, unit_ns(((const struct report_prog *)row)->run_ns).s);
}

static void run_share_cell(struct buf *out, const struct text *t, const void *row)
{
	text_share_cell(out, ((const struct report_prog *)row)->run_ns, t->r->window_ns);
}

static void misses_cell(struct buf *out, const struct text *t, const void *row)
{
	uint64_t misses = ((const struct report_prog *)row)->misses;

	(void)t;
	if (misses)
		buf_puts(out, unit_count(misses).s);
}

static const struct text_column prog_columns[] = {
	{ "BPF program", .cell = prog_name_cell, .left = true, .min = 16 },
	{ "runs", .cell = runs_cell },
	{ "per run", .cell = per_run_cell },
	{ "total", .cell = run_time_cell },
	{ "% of one CPU", .cell = run_share_cell },
	{ "skipped", .cell = misses_cell },
};

static void print_progs(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	const void **rows = xcalloc(q->n_progs, sizeof(*rows));

	for (size_t i = 0; i < q->n_progs; i++)
		rows[i] = &q->progs[i];
	text_table(t, 2, prog_columns, N_OF(prog_columns), rows, q->n_progs);
	free(rows);
}

void text_quality(struct text *t)
{
	const struct report_quality *q = &t->r->quality;
	struct text_flow f = { .t = t, .indent = 2 };

	text_heading(t, "QUALITY", NULL);
	if (q->complete)
		text_wrapf(t, TEXT_GOOD, 2, "complete: %s, none lost",
			   text_plural(q->received, "record").s);
	else if (q->dropped)
		text_wrapf(t, TEXT_WARN, 2, "INCOMPLETE: %s of %s lost (%s)",
			   unit_count(q->dropped).s, text_plural(q->made, "record").s,
			   unit_share(q->dropped, q->made).s);
	else
		text_wrapf(t, TEXT_WARN, 2,
			   "INCOMPLETE: %s, none lost on the way, but not all could be seen",
			   text_plural(q->received, "record").s);
	print_losses(t);
	text_flow(&f, "time unaccounted for %s (%s)", unit_ns(q->residual_ns).s,
		  unit_share(q->residual_ns, t->r->budget.total_ns).s);
	text_flow(&f, "records%s and kernel sums differ by %s (%s)",
		  t->r->par.gap_ns ? ", where there are some," : "", unit_ns(q->disagreement_ns).s,
		  unit_share(q->disagreement_ns, t->r->budget.total_ns).s);
	text_flow_end(&f);
	print_samples(t);
	print_stacks(t);
	print_tables(t);
	print_cost(t);
	print_overhead(t);
	if (q->prog_times && q->n_progs)
		print_progs(t);
}
