// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ledger_text.c - the ledger for people: for each experiment what it means, how long each mode took
 * and what that cost; then claims, interpreters side by side, and what the columns are.
 *
 *	COUNTDOWN  Python: counting down to zero; 4 tasks of 4,000,000; CPython 3.11.2, GIL on
 *	  threads 0.98x, fork 1.90x of the speed of seq: use fork (1.84 to 1.96x); ...
 *
 *	  mode      wall     ±   speed-up    95 % interval   CPUs   GIL  queue
 *	  seq     1.02 s   1 %      1.00x                -   0.99     -    0.1
 *	  threads 1.04 s   2 %      0.98x     0.95 to 1.01   1.01  74.1    0.1
 *	  fork    537 ms   2 %      1.90x     1.84 to 1.96   1.97     -   49.2
 *
 *	  seq      ------------------------------------------------  1.05 s
 *	  threads  -------------------------------------------------  1.07 s
 *	  fork     .########################-  0.56 s
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/render/ledger.h"
#include "user/render/ledger_text_predictions.h"
#include "user/render/text_out.h"

#define MIN_WIDTH 80
#define MAX_WIDTH 200
#define MOSTLY_CPU 0.5	  /* CPUs that the first mode uses */
#define WANTED_LEAST 0.25 /* threads */

struct line { /* a row of any table */
	const struct ledger_block *block;
	const struct ledger_row *row;
	const struct ledger_row *against; /* the same mode of the first interpreter */
};

/* --- cells ----------------------------------------------------------------------------------- */

static void put_value(struct buf *out, enum figure_unit unit, double value)
{
	switch (unit) {
	case UNIT_NS:
		buf_puts(out, unit_ns((uint64_t)value).s);
		break;
	case UNIT_BYTES:
		buf_puts(out, unit_bytes((uint64_t)value).s);
		break;
	case UNIT_COUNT:
		buf_puts(out, unit_count((uint64_t)(value + 0.5)).s);
		break;
	case UNIT_CPUS:
		buf_puts(out, unit_decimal(value, 2).s);
		break;
	case UNIT_RATIO:
		buf_printf(out, "%sx", unit_decimal(value, 2).s);
		break;
	case UNIT_SHARE:
		buf_puts(out, unit_percent(value).s);
		break;
	}
}

static void figure_cell(struct buf *out, const void *row, enum ledger_figure f)
{
	const struct stats_interval *i = &((const struct line *)row)->row->figure[f];

	if (i->n)
		put_value(out, ledger_figures[f].unit, i->value);
}

#define FIGURE_CELL(name, figure)                                                                  \
	static void name##_cell(struct buf *out, const struct text *t, const void *row)            \
	{                                                                                          \
		(void)t;                                                                           \
		figure_cell(out, row, figure);                                                     \
	}
FIGURE_CELL(wall, FIGURE_WALL)
FIGURE_CELL(life, FIGURE_LIFE)
FIGURE_CELL(user, FIGURE_USER)
FIGURE_CELL(sys, FIGURE_SYS)
FIGURE_CELL(cpus, FIGURE_CPUS)
FIGURE_CELL(speedup, FIGURE_SPEEDUP)
FIGURE_CELL(create, FIGURE_CREATE)
FIGURE_CELL(first_cpu, FIGURE_FIRST_CPU)
FIGURE_CELL(first_work, FIGURE_FIRST_WORK)
FIGURE_CELL(pss, FIGURE_PSS)
FIGURE_CELL(uss, FIGURE_USS)
FIGURE_CELL(copied, FIGURE_COPIED)
FIGURE_CELL(ipc_bytes, FIGURE_IPC_BYTES)
FIGURE_CELL(ipc_ns, FIGURE_IPC_NS)
FIGURE_CELL(switches, FIGURE_SWITCHES)
FIGURE_CELL(futex, FIGURE_FUTEX)
FIGURE_CELL(handoffs, FIGURE_HANDOFFS)
FIGURE_CELL(others, FIGURE_OTHERS)
FIGURE_CELL(half, FIGURE_HALF)
FIGURE_CELL(main_done, FIGURE_MAIN)

/* Where the work is fixed it is the same in every row. */
static void work_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	if (((const struct line *)row)->block->experiment->by_time)
		figure_cell(out, row, FIGURE_WORK);
}

/* Sleeping side by side is no use of CPUs. */
static void efficiency_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct ledger_block *b = ((const struct line *)row)->block;
	const struct stats_interval *cpus = &b->rows[0].figure[FIGURE_CPUS];

	(void)t;
	if (cpus->n && cpus->value >= MOSTLY_CPU)
		figure_cell(out, row, FIGURE_EFFICIENCY);
}

/* Threads that wanted to run, on average: shares of next to nothing would only look important. */
static double wanted(const struct ledger_row *r)
{
	static const enum ledger_figure parts[] = { FIGURE_GIL, FIGURE_LOCK, FIGURE_QUEUE };
	double rest = 1;

	for (size_t i = 0; i < N_OF(parts); i++)
		rest -= r->figure[parts[i]].n ? r->figure[parts[i]].value : 0;
	return r->figure[FIGURE_CPUS].n && rest > 0 ? r->figure[FIGURE_CPUS].value / rest
						    : INFINITY;
}

/* One that is as good as nothing in every mode is no column. */
static void share_cell(struct buf *out, const void *row, enum ledger_figure f)
{
	const struct ledger_row *r = ((const struct line *)row)->row;

	if (r->figure[f].n && r->figure[f].value >= 0.001)
		figure_cell(out, row, f);
}

#define SHARE_CELL(name, which, least)                                                             \
	static void name##_cell(struct buf *out, const struct text *t, const void *row)            \
	{                                                                                          \
		(void)t;                                                                           \
		if (wanted(((const struct line *)row)->row) >= (least))                            \
			share_cell(out, row, which);                                               \
	}
SHARE_CELL(gil, FIGURE_GIL, WANTED_LEAST)
SHARE_CELL(lock, FIGURE_LOCK, WANTED_LEAST)
SHARE_CELL(queue, FIGURE_QUEUE, WANTED_LEAST)
SHARE_CELL(overlap, FIGURE_OVERLAP, 0)

static void mode_cell(struct buf *out, const struct text *t, const void *row)
{
	const char *mode = ((const struct line *)row)->row->mode;

	escape_add(out, mode, strlen(mode), 24, t->unicode);
}

/* How far the runs are from the value in the middle. */
static void spread_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct stats_interval *i = &((const struct line *)row)->row->figure[FIGURE_WALL];

	(void)t;
	if (i->n > 1 && i->value > 0)
		buf_puts(out,
			 unit_percent(fmax(i->high - i->value, i->value - i->low) / i->value).s);
}

static void interval_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct line *line = row;
	const struct stats_interval *i = &line->row->figure[FIGURE_SPEEDUP];

	(void)t;
	if (i->n > 1 && line->row != &line->block->rows[0])
		buf_printf(out, "%s to %s", unit_decimal(i->low, 2).s, unit_decimal(i->high, 2).s);
}

static void runs_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct ledger_row *r = ((const struct line *)row)->row;

	(void)t;
	if (r->n_done < r->n_runs)
		buf_printf(out, "%zu of %zu", r->n_done, r->n_runs);
}

static void verdict_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct ledger_row *r = ((const struct line *)row)->row;

	(void)t;
	if (r->n_done)
		buf_puts(out, report_verdicts[r->verdict]);
}

/* --- tables of a block ----------------------------------------------------------------------- */

static const struct text_column time_columns[] = {
	{ "mode", .cell = mode_cell, .left = true },
	{ "good runs", .cell = runs_cell },
	{ "wall", .cell = wall_cell },
	{ "+-", .cell = spread_cell, .drop = 1 },
	{ "work", .cell = work_cell, .drop = 3 },
	{ "speed-up", .cell = speedup_cell },
	{ "95 %", .cell = interval_cell },
	{ "eff.", .cell = efficiency_cell, .drop = 4 },
	{ "CPUs", .cell = cpus_cell },
	{ "2+ run", .cell = overlap_cell, .drop = 2 },
	{ "GIL", .cell = gil_cell },
	{ "lock", .cell = lock_cell },
	{ "queue", .cell = queue_cell },
	{ "verdict", .cell = verdict_cell, .left = true, .drop = 2 },
};

static const struct text_column cpu_columns[] = {
	{ "mode", .cell = mode_cell, .left = true },
	{ "life", .cell = life_cell },
	{ "user", .cell = user_cell },
	{ "sys", .cell = sys_cell },
	{ "switches", .cell = switches_cell },
	{ "futex", .cell = futex_cell },
	{ "hand-offs", .cell = handoffs_cell },
	{ "others", .cell = others_cell, .drop = 1 },
	{ "half", .cell = half_cell, .drop = 2 },
	{ "main", .cell = main_done_cell, .drop = 3 },
};

static const struct text_column start_columns[] = {
	{ "mode", .cell = mode_cell, .left = true },
	{ "made", .cell = create_cell },
	{ "on CPU", .cell = first_cpu_cell, .drop = 1 },
	{ "start", .cell = first_work_cell },
	{ "memory", .cell = pss_cell },
	{ "private", .cell = uss_cell },
	{ "copied", .cell = copied_cell },
	{ "IPC", .cell = ipc_bytes_cell },
	{ "IPC time", .cell = ipc_ns_cell },
};

static const struct table {
	const struct text_column *columns;
	size_t n;
} tables[] = {
	{ time_columns, N_OF(time_columns) },
	{ cpu_columns, N_OF(cpu_columns) },
	{ start_columns, N_OF(start_columns) },
};

/* Is there anything in these columns? */
static bool has_cells(struct text *t, const struct text_column *columns, size_t n_columns,
		      const struct line *lines, size_t n_lines)
{
	struct buf cell = { 0 };
	bool any;

	for (size_t i = 0; i < n_columns && !cell.len; i++)
		for (size_t k = 0; k < n_lines && !cell.len; k++)
			columns[i].cell(&cell, t, &lines[k]);
	any = cell.len > 0;
	buf_free(&cell);
	return any;
}

static void print_table(struct text *t, const struct table *table, const struct ledger_block *b)
{
	struct line *lines = xcalloc(b->n_rows, sizeof(*lines));
	const void **rows = xcalloc(b->n_rows, sizeof(*rows));

	for (size_t i = 0; i < b->n_rows; i++) {
		lines[i] = (struct line){ b, &b->rows[i], NULL };
		rows[i] = &lines[i];
	}
	if (has_cells(t, table->columns + 1, table->n - 1, lines, b->n_rows)) {
		buf_puts(t->out, "\n");
		text_table(t, 2, table->columns, table->n, rows, b->n_rows);
	}
	free(rows);
	free(lines);
}

/* --- bars ------------------------------------------------------------------------------------ */

/* Cells for none, one, two or more threads on a CPU. */
static const char *const marks[2][3] = { { ".", "-", "#" }, { "░", "▒", "█" } };

static void put_cells(struct text *t, int kind, int n)
{
	static const enum text_style styles[] = { TEXT_DIM, TEXT_WARN, TEXT_GOOD };

	if (n <= 0)
		return;
	text_style(t, styles[kind]);
	while (n-- > 0)
		buf_puts(t->out, marks[t->unicode][kind]);
	text_style(t, TEXT_PLAIN);
}

/* Cells are dealt out so that they add up: each part ends where it ends in time. */
static void print_bar(struct text *t, const struct ledger_row *row, int label, double longest,
		      int room)
{
	double part[3] = { row->running_ns[0], row->running_ns[1], 0 }, sum = 0;
	int at = 0;

	for (size_t k = 2; k < LEDGER_STEPS; k++)
		part[2] += row->running_ns[k];
	buf_puts(t->out, "  ");
	text_cell(t->out, row->mode, strlen(row->mode), label, false, t->unicode);
	buf_puts(t->out, "  ");
	for (int kind = 2; kind >= 0; kind--) { /* parallel first: the eye measures from the left */
		int end;

		sum += part[kind];
		end = (int)lround(sum / longest * room);
		put_cells(t, kind, end - at);
		at = end > at ? end : at;
	}
	buf_printf(t->out, "  %s\n", unit_ns((uint64_t)sum).s);
}

static double bar_length(const struct ledger_row *row)
{
	double sum = 0;

	for (size_t k = 0; k < LEDGER_STEPS; k++)
		sum += row->running_ns[k];
	return sum;
}

static void print_bars(struct text *t, const struct ledger_block *b)
{
	double longest = 0;
	int label = 4;

	for (size_t i = 0; i < b->n_rows; i++) {
		int width = escape_width(b->rows[i].mode, strlen(b->rows[i].mode));

		longest = fmax(longest, bar_length(&b->rows[i]));
		label = width > label ? width : label;
	}
	if (!(longest > 0))
		return;
	label = label > 24 ? 24 : label;
	buf_puts(t->out, "\n");
	for (size_t i = 0; i < b->n_rows; i++)
		if (b->rows[i].n_done)
			print_bar(t, &b->rows[i], label, longest, t->width - label - 20);
	text_wrapf(
		t, TEXT_DIM, 2 + label + 2,
		"threads on a CPU at once: %s two or more, %s one, %s none; from exec to the end",
		marks[t->unicode][2], marks[t->unicode][1], marks[t->unicode][0]);
}

/* --- a block --------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *s, const struct text *t)
{
	escape_add(out, s, strlen(s), 200, t->unicode);
}

static void print_heading(struct text *t, const struct ledger *l, const struct ledger_block *b)
{
	const struct experiment *e = b->experiment;
	struct buf note = { 0 }, name = { 0 };
	const char *title;

	for (const char *s = e->name; *s; s++) {
		char c = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;

		buf_add(&name, &c, 1);
	}
	title = l->command && e->told == TOLD_NOTHING ? l->command : e->title;
	escape_add(&note, title, strlen(title), t->width - (int)name.len - 2, t->unicode);
	text_heading(t, name.data, note.data);
	note.len = 0;
	buf_puts(&note, "");
	if (b->tasks)
		buf_printf(&note, "%u %s", b->tasks, b->tasks == 1 ? "task" : "tasks");
	if (b->tasks && b->size && e->told != TOLD_NOTHING)
		buf_printf(&note, " of size %s", unit_count(b->size).s);
	if (b->ceiling > 0)
		buf_printf(&note, "%s%s CPUs to be used", note.len ? ", " : "",
			   unit_decimal(b->ceiling, b->ceiling == floor(b->ceiling) ? 0 : 1).s);
	if (b->python) {
		buf_puts(&note, "; Python ");
		put_text(&note, b->python, t);
	}
	if (b->gil >= 0)
		buf_printf(&note, ", GIL %s", b->gil ? "on" : "off");
	if (b->path) {
		buf_puts(&note, " (");
		put_text(&note, b->path, t);
		buf_puts(&note, ")");
	}
	if (note.len)
		text_wrap(t, TEXT_DIM, 2, note.data, note.len);
	buf_free(&note);
	buf_free(&name);
}

/* Each reason once, with the mode it was first seen in. */
static void print_failures(struct text *t, const struct ledger_block *b)
{
	for (size_t i = 0; i < b->n_rows; i++) {
		const struct ledger_row *row = &b->rows[i];

		for (size_t k = 0; k < row->n_runs; k++)
			if (row->runs[k].failed) {
				text_wrapf(t, TEXT_BAD, 2, "%s: %zu of %zu runs failed: %s",
					   row->mode, row->n_failed, row->n_runs, row->runs[k].why);
				break;
			}
	}
}

static void print_block(struct text *t, const struct ledger *l, const struct ledger_block *b)
{
	print_heading(t, l, b);
	if (*b->verdict)
		text_wrap(t, TEXT_BOLD, 2, b->verdict, strlen(b->verdict));
	print_failures(t, b);
	if (b->experiment->note)
		text_wrap(t, TEXT_PLAIN, 2, b->experiment->note, strlen(b->experiment->note));
	for (size_t i = 0; i < N_OF(tables); i++) {
		print_table(t, &tables[i], b);
		if (!i)
			print_bars(t, b);
	}
}

/* --- interpreters side by side --------------------------------------------------------------- */

static void python_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct ledger_block *b = ((const struct line *)row)->block;

	if (b->python)
		put_text(out, b->python, t);
	else if (b->path)
		put_text(out, b->path, t);
}

static void gil_on_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct ledger_block *b = ((const struct line *)row)->block;

	(void)t;
	if (b->gil >= 0)
		buf_puts(out, b->gil ? "on" : "off");
}

static void against_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct line *line = row;
	struct stats_interval i;

	(void)t;
	if (line->row != line->against && ledger_ratio(line->against, line->row, FIGURE_WALL, &i))
		buf_printf(out, "%sx", unit_decimal(i.value, 2).s);
}

static void against_interval_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct line *line = row;
	struct stats_interval i;

	(void)t;
	if (line->row != line->against && ledger_ratio(line->against, line->row, FIGURE_WALL, &i) &&
	    i.n > 1)
		buf_printf(out, "%s to %s", unit_decimal(i.low, 2).s, unit_decimal(i.high, 2).s);
}

static void print_interpreters(struct text *t, const struct ledger_block *blocks, size_t n)
{
	static const struct text_column columns[] = {
		{ "mode", .cell = mode_cell, .left = true },
		{ "Python", .cell = python_cell, .left = true },
		{ "GIL", .cell = gil_on_cell },
		{ "wall", .cell = wall_cell },
		{ "speed", .cell = against_cell },
		{ "95 %", .cell = against_interval_cell },
		{ "against its seq", .cell = speedup_cell },
		{ "CPUs", .cell = cpus_cell },
		{ "memory", .cell = pss_cell, .drop = 1 },
	};
	size_t n_modes = blocks->n_rows, n_lines = 0;
	struct line *lines = xcalloc(n * n_modes, sizeof(*lines));
	const void **rows = xcalloc(n * n_modes, sizeof(*rows));

	for (size_t mode = 0; mode < n_modes; mode++)
		for (size_t i = 0; i < n; i++) {
			lines[n_lines] = (struct line){ &blocks[i], &blocks[i].rows[mode],
							&blocks[0].rows[mode] };
			rows[n_lines] = &lines[n_lines];
			n_lines++;
		}
	text_heading(t, "INTERPRETERS", blocks->experiment->title);
	text_wrapf(t, TEXT_DIM, 2, "speed: against the first interpreter in the same mode");
	buf_puts(t->out, "\n");
	text_table(t, 2, columns, N_OF(columns), rows, n_lines);
	free(rows);
	free(lines);
}

/* --- claims ---------------------------------------------------------------------------------- */

static void print_claim(struct text *t, const struct ledger_claim *c)
{
	static const enum text_style styles[] = {
		[CLAIM_CONFIRMED] = TEXT_GOOD,
		[CLAIM_REFUTED] = TEXT_BAD,
		[CLAIM_NOT_TESTABLE] = TEXT_WARN,
	};

	buf_puts(t->out, "\n");
	text_wrapf(t, styles[c->status], 2, "%s  %s: \"%s\"", c->id, ledger_claim_status[c->status],
		   c->words);
	if (*c->theirs)
		text_fact(t, TEXT_PLAIN, "theirs", 12, "%s", c->theirs);
	if (*c->ours)
		text_fact(t, TEXT_PLAIN, "ours", 12, "%s", c->ours);
	if (*c->evidence)
		text_fact(t, TEXT_PLAIN, "because", 12, "%s", c->evidence);
}

static void print_claims(struct text *t, const struct ledger *l)
{
	size_t count[3] = { 0 };
	char note[96];

	if (!l->n_claims)
		return;
	for (size_t i = 0; i < l->n_claims; i++)
		count[l->claims[i].status]++;
	snprintf(note, sizeof(note), "%zu confirmed, %zu refuted, %zu not testable",
		 count[CLAIM_CONFIRMED], count[CLAIM_REFUTED], count[CLAIM_NOT_TESTABLE]);
	text_heading(t, "CLAIMS", note);
	for (size_t i = 0; i < l->n_claims; i++)
		print_claim(t, &l->claims[i]);
}

/* --- begin and end --------------------------------------------------------------------------- */

static void print_head(struct text *t, const struct ledger *l)
{
	char note[160];

	snprintf(note, sizeof(note), "%u %s of each mode, in turn; Linux %s, %u CPUs; parascope %s",
		 l->repeats, l->repeats == 1 ? "run" : "runs", l->kernel, l->cpus, l->version);
	text_heading(t, l->suite ? l->suite : "BENCH", note);
	if (l->lean)
		text_wrapf(t, TEXT_DIM, 2, "Watched in lean mode: futex calls are not counted.");
	if (l->incomplete)
		text_wrapf(t, TEXT_BAD, 2,
			   "INCOMPLETE: it was ended early; what had been measured "
			   "until then is below");
	if (l->n_failed)
		text_wrapf(t, TEXT_BAD, 2, "%zu %s failed and not counted; the reasons are below",
			   l->n_failed, l->n_failed == 1 ? "run" : "runs");
}

static void print_costs(struct text *t, const struct host_costs *c)
{
	if (!c->known)
		return;
	text_heading(t, "THIS HOST", NULL);
	text_wrapf(
		t, TEXT_PLAIN, 2,
		"A thread begins %s after the call that makes it, a forked process %s and %s for "
		"each MiB of its memory; a message to another process takes %s and %s for each "
		"KiB. With all %u CPUs at work each does %s of what one alone does.",
		unit_ns(c->thread_ns).s, unit_ns(c->fork_ns).s, unit_ns(c->fork_mib_ns).s,
		unit_ns(c->ipc_ns).s, unit_ns(c->ipc_kib_ns).s, c->n_speed,
		unit_percent(c->speed[c->n_speed - 1]).s);
}

/* What a column is, if any table of this ledger has it. */
static void explain(struct text *t, const struct ledger *l, const struct text_column *column)
{
	static const struct {
		const char *head, *what;
	} others[] = {
		{ "+-", "how far the runs are from the wall in the middle, at most" },
		{ "95 %", "where the speed-up lies, 19 times in 20" },
		{ "verdict", "of `parascope run`, in most of the runs" },
	};
	const char *what = NULL;
	bool any = false;

	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++) {
			struct line line = { &l->blocks[i], &l->blocks[i].rows[k], NULL };

			any = any || has_cells(t, column, 1, &line, 1);
		}
	for (size_t i = 0; i < N_OF(others); i++)
		if (!strcmp(others[i].head, column->head))
			what = others[i].what;
	for (size_t f = 0; f < FIGURE_COUNT; f++)
		if (!strcmp(ledger_figures[f].label, column->head))
			what = ledger_figures[f].what;
	if (any && what)
		text_fact(t, TEXT_DIM, column->head, 13, "%s", what);
}

static void print_legend(struct text *t, const struct ledger *l)
{
	bool any = false;

	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++)
			any = any || l->blocks[i].rows[k].n_done;
	if (!any)
		return;
	text_heading(t, "COLUMNS", NULL);
	for (size_t i = 0; i < N_OF(tables); i++)
		for (size_t k = 1; k < tables[i].n; k++)
			explain(t, l, &tables[i].columns[k]);
}

void ledger_text(struct buf *out, const struct ledger *l, const struct render_opts *o)
{
	struct text t = { .out = out,
			  .width = o->width < MIN_WIDTH	  ? MIN_WIDTH
				   : o->width > MAX_WIDTH ? MAX_WIDTH
							  : o->width,
			  .color = o->color,
			  .unicode = o->unicode };

	print_head(&t, l);
	for (size_t i = 0; i < l->n_blocks; i++)
		if (!l->blocks[i].validation) /* they have one table for all */
			print_block(&t, l, &l->blocks[i]);
	ledger_text_predictions(&t, l);
	for (size_t i = 0, n; i < l->n_blocks; i += n) {
		for (n = 1;
		     i + n < l->n_blocks && l->blocks[i + n].experiment == l->blocks[i].experiment;
		     n++)
			;
		if (n > 1)
			print_interpreters(&t, &l->blocks[i], n);
	}
	print_claims(&t, l);
	print_costs(&t, &l->costs);
	print_legend(&t, l);
}
