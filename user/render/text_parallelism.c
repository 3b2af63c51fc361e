// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_parallelism.c - how parallel it was, where the threads' time went, and how that changed.
 *
 *	PARALLELISM
 *	  running  1.02 CPUs of 2 on average = 51.0 % of the machine = 102.0 % of one CPU
 *	  wanted   1.99 (running, or waiting for a CPU, a lock or the GIL)
 *	  ceiling  2.00 (2 CPUs online)
 *	  serial   97.4 % of the window (9.74 s): one thread on CPU while another waited for a lock
 *
 *	  threads  on CPU at once                      wanting to run at once
 *	        0   1.1 %    110 ms  ▎                  0.2 %     20 ms
 *	        1  96.0 %    9.60 s  █████████████      1.0 %    100 ms  ▏
 */
#include <math.h>
#include <stdio.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/render/text_parts.h"

/* --- parallelism ----------------------------------------------------------------------------- */

#define FACT_INDENT 11

static void print_averages(struct text *t)
{
	const struct report_parallelism *p = &t->r->par;
	size_t why_len = strnlen(p->ceiling_why, sizeof(p->ceiling_why));
	double cpus = t->r->cpus_online;
	bool limited = p->ceiling > 0 && fabs(p->ceiling - cpus) > 0.005;

	text_fact(t, TEXT_BOLD, "running", FACT_INDENT,
		  "%s CPUs of %s on average = %s of the machine = %s of one CPU",
		  unit_decimal(p->average, 2).s, unit_count(t->r->cpus_online).s,
		  unit_percent(unit_ratio(p->average, cpus)).s, unit_percent(p->average).s);
	text_fact(t, TEXT_PLAIN, "wanted", FACT_INDENT,
		  "%s CPUs (running, or waiting for a CPU, a lock or a GIL)",
		  unit_decimal(p->demand, 2).s);
	text_fact(t, TEXT_PLAIN, "ceiling", FACT_INDENT, "%s CPUs%s%.*s%s%s%s",
		  unit_decimal(p->ceiling, 2).s, why_len ? " (" : "", (int)why_len, p->ceiling_why,
		  why_len ? ")" : "", limited ? ", used to " : "",
		  limited ? unit_percent(p->average / p->ceiling).s : "");
	text_fact(t, TEXT_PLAIN, "serial", FACT_INDENT,
		  "%s of the %s (%s): one thread on CPU while others waited for a lock",
		  unit_share(p->serial_ns, p->wall_ns - p->gap_ns).s,
		  p->gap_ns ? "time with detail" : "window", unit_ns(p->serial_ns).s);
}

struct level {
	size_t first, last; /* threads at once */
	uint64_t running_ns, wanted_ns;
};

#define LEVELS_SINGLE 16 /* up to here every k has its own row */
#define LEVELS_MAX 80

static uint64_t histogram_sum(const struct report_histogram *h, size_t first, size_t last)
{
	uint64_t sum = 0;

	for (size_t k = first; k <= last && k < h->n; k++)
		sum += h->ns[k];
	return sum;
}

static size_t histogram_top(const struct report_histogram *h)
{
	size_t top = h->n;

	while (top && !h->ns[top - 1])
		top--;
	return top ? top - 1 : 0;
}

/* Rows 0, 1, 2 .. and, if there are many, 9-16, 17-32, 33-64 .. */
static size_t make_levels(const struct report_parallelism *p, struct level *levels)
{
	size_t top = histogram_top(&p->running), wanted = histogram_top(&p->wanted), n = 0;

	if (wanted > top)
		top = wanted;
	if (p->ceiling > 0 && p->ceiling <= 8 && top < (size_t)ceil(p->ceiling))
		top = (size_t)ceil(p->ceiling);
	for (size_t k = 0; k <= top && n < LEVELS_MAX; n++) {
		struct level *l = &levels[n];

		l->first = k;
		l->last = top <= LEVELS_SINGLE || k <= 8 ? k : (k - 1) * 2;
		if (l->last > top)
			l->last = top;
		l->running_ns = histogram_sum(&p->running, l->first, l->last);
		l->wanted_ns = histogram_sum(&p->wanted, l->first, l->last);
		k = l->last + 1;
	}
	return n;
}

/* The last bucket of a full histogram stands for "so many or more". */
static bool is_open_ended(size_t k)
{
	return k + 1 == REPORT_STEPS_MAX;
}

static void print_level_half(struct text *t, uint64_t ns, int cells, bool last)
{
	uint64_t wall_ns = t->r->par.wall_ns - t->r->par.gap_ns;
	int used;

	buf_printf(t->out, "%8s %11s  ", unit_share(ns, wall_ns).s, unit_ns(ns).s);
	used = text_bar(t->out, unit_ratio((double)ns, (double)wall_ns), cells, t->unicode);
	if (!last)
		buf_pad(t->out, ' ', (size_t)(cells - used));
}

static void print_levels(struct text *t)
{
	struct level levels[LEVELS_MAX];
	size_t n = make_levels(&t->r->par, levels);
	int cells = (t->width - 10 - 2 * 22) / 2;

	if (cells > 30)
		cells = 30;
	text_style(t, TEXT_DIM);
	buf_printf(t->out, "\n  threads  on CPU at once");
	buf_pad(t->out, ' ', (size_t)(cells + 10));
	buf_puts(t->out, "wanting to run at once");
	text_style(t, TEXT_PLAIN);
	buf_puts(t->out, "\n");
	for (size_t i = 0; i < n; i++) {
		char label[48];

		if (levels[i].first == levels[i].last)
			snprintf(label, sizeof(label), "%zu%s", levels[i].first,
				 is_open_ended(levels[i].last) ? "+" : "");
		else
			snprintf(label, sizeof(label), "%zu-%zu%s", levels[i].first, levels[i].last,
				 is_open_ended(levels[i].last) ? "+" : "");
		text_cell(t->out, label, strlen(label), 9, true, false);
		print_level_half(t, levels[i].running_ns, cells, false);
		buf_puts(t->out, " ");
		print_level_half(t, levels[i].wanted_ns, cells, true);
		text_end_line(t, false);
	}
}

void text_parallelism(struct text *t)
{
	text_heading(t, "PARALLELISM", NULL);
	if (!t->r->par.wall_ns) {
		text_wrapf(t, TEXT_PLAIN, 2, "no time was measured");
		return;
	}
	print_averages(t);
	print_levels(t);
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

/* --- budget ---------------------------------------------------------------------------------- */

#define BUDGET_LABEL 20
#define BUDGET_WHAT_MIN 24 /* less of an explanation explains nothing */
#define BUDGET_BAR_MIN 10
#define BUDGET_BAR_MAX 24

struct budget_widths {
	int time, bar;
	int fixed; /* columns in front of the bar */
};

/*
 *	WHERE THE THREADS' TIME WENT  2 threads, 20.0 s in all
 *	  on CPU                   10.2 s   51.0 %  ████████████           running
 */
static void print_budget_row(struct text *t, const char *label, uint64_t ns,
			     const struct budget_widths *w, const char *what)
{
	uint64_t total_ns = t->r->budget.total_ns;
	int room = t->width - w->fixed - w->bar - 2;
	int len = (int)strlen(what), used;

	buf_puts(t->out, "  ");
	text_cell(t->out, label, strlen(label), BUDGET_LABEL, false, t->unicode);
	buf_printf(t->out, " %*s %8s  ", w->time, unit_ns(ns).s, unit_share(ns, total_ns).s);
	used = text_bar(t->out, unit_ratio((double)ns, (double)total_ns), w->bar, t->unicode);
	if (room >= len || room >= BUDGET_WHAT_MIN) {
		buf_pad(t->out, ' ', (size_t)(w->bar - used + 2));
		text_style(t, TEXT_DIM);
		escape_cut(t->out, what, (size_t)len, room, t->unicode);
		text_style(t, TEXT_PLAIN);
	}
	text_end_line(t, false);
}

static bool has_row(const struct report_budget *b, size_t state)
{
	return b->state_ns[state] || state == STATE_UNKNOWN;
}

/* The explanations take what they need, the bars what is left, down to a minimum. */
static struct budget_widths fit_budget(const struct text *t, uint64_t sum_ns)
{
	struct budget_widths w = { .time = (int)strlen(unit_ns(sum_ns).s), .bar = BUDGET_BAR_MAX };
	const struct report_budget *b = &t->r->budget;
	int what = 0;

	for (size_t i = 0; i < STATE_COUNT; i++) {
		if (!has_row(b, i))
			continue;
		w.time = max_int(w.time, (int)strlen(unit_ns(b->state_ns[i]).s));
		what = max_int(what, (int)strlen(report_states[i].what));
	}
	w.fixed = 2 + BUDGET_LABEL + 1 + w.time + 1 + 8 + 2;
	if (t->width - w.fixed - 2 - what < w.bar)
		w.bar = max_int(t->width - w.fixed - 2 - what, BUDGET_BAR_MIN);
	return w;
}

void text_budget(struct text *t)
{
	const struct report_budget *b = &t->r->budget;
	struct budget_widths w;
	uint64_t sum_ns = 0;
	char note[120];

	snprintf(note, sizeof(note), "%s, %s in all", text_plural(t->r->n_threads, "thread").s,
		 unit_ns(b->total_ns).s);
	text_heading(t, "WHERE THE THREADS' TIME WENT", note);
	for (size_t i = 0; i < STATE_COUNT; i++)
		sum_ns += b->state_ns[i];
	w = fit_budget(t, sum_ns);
	for (size_t i = 0; i < STATE_COUNT; i++)
		if (has_row(b, i))
			print_budget_row(t, report_states[i].label, b->state_ns[i], &w,
					 report_states[i].what);
	buf_puts(t->out, "  ");
	text_cell(t->out, "total", 5, BUDGET_LABEL, false, t->unicode);
	buf_printf(t->out, " %*s %8s\n", w.time, unit_ns(sum_ns).s,
		   unit_share(sum_ns, b->total_ns).s);
}

/* --- phases ---------------------------------------------------------------------------------- */

#define PHASE_COLUMNS 120

static double phase_running(const struct report_phase *p)
{
	return p->parallelism;
}

static double phase_waiting(const struct report_phase *p)
{
	return p->waiting;
}

static double phase_runnable(const struct report_phase *p)
{
	return p->runnable;
}

/* Average of the phases that fall into column i of n, weighted by their length. */
static double phase_column(const struct report *r, size_t i, size_t n,
			   double (*get)(const struct report_phase *))
{
	size_t first = i * r->n_phases / n, last = (i + 1) * r->n_phases / n;
	double sum = 0, weight = 0;

	for (size_t k = first; k < last; k++) {
		double ns = (double)(r->phases[k].end_ns - r->phases[k].begin_ns);

		sum += get(&r->phases[k]) * ns;
		weight += ns;
	}
	return unit_ratio(sum, weight);
}

/*
 *	OVER TIME  50 slices of 200 ms
 *	  threads on CPU       0 .. 2.00  ▄▄▄▄▄▄▄▄▆▆▆▆
 */
void text_phases(struct text *t)
{
	static const struct {
		const char *label;
		double (*get)(const struct report_phase *);
		bool ceiling;
	} lines[] = {
		{ "threads on CPU", phase_running, true },
		{ "waiting for a lock", phase_waiting, false },
		{ "waiting for a CPU", phase_runnable, false },
	};
	const struct report *r = t->r;
	size_t n = r->n_phases;
	double values[PHASE_COLUMNS];
	char note[160];

	if (n < 2)
		return;
	if (n > (size_t)t->width - 46)
		n = (size_t)t->width - 46;
	if (n > PHASE_COLUMNS)
		n = PHASE_COLUMNS;
	snprintf(note, sizeof(note), "%zu slices of %s%s", n,
		 unit_ns((r->window_ns - r->par.gap_ns) / n).s,
		 r->par.gap_ns ? ", those with detail" : "");
	text_heading(t, "OVER TIME", note);
	for (size_t l = 0; l < N_OF(lines); l++) {
		double max = 0, scale;

		for (size_t i = 0; i < n; i++) {
			values[i] = phase_column(r, i, n, lines[l].get);
			max = fmax(max, values[i]);
		}
		if (!lines[l].ceiling && !(max > 0))
			continue;
		/* The ceiling as the scale shows unused CPUs, unless it would flatten the line. */
		scale = lines[l].ceiling ? fmax(max, fmin(r->par.ceiling, 4 * max)) : max;
		buf_printf(t->out, "  %-18s  0 .. %-5s  ", lines[l].label,
			   unit_decimal(scale, 2).s);
		text_spark(t->out, values, n, scale, t->unicode);
		buf_puts(t->out, "\n");
	}
}
