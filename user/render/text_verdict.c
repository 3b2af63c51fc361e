// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_verdict.c - the head of the text report: what was watched, the verdict, why, what helps.
 *
 *	parascope 0.1  4711 python3 service.py  10.0 s from 2026-11-21 14:03:11 +0000  2 CPUs
 *
 *	GIL-BOUND: 4 threads want to run, the GIL lets one run at a time
 *	   94.1 %      of the lost thread time is explained by this
 *	   97.4 %      one thread on CPU while others waited for a lock
 *	   1.02 CPUs   average parallelism
 *	What would change it: run the CPU-bound part in processes ...
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/render/text_parts.h"

#define MAX_EVIDENCE 4
#define TARGET_MIN 40 /* columns of the target before other parts of the header go */

/* --- header line ----------------------------------------------------------------------------- */

static struct unit_text format_when(int64_t realtime_ns)
{
	time_t secs = (time_t)(realtime_ns / 1000000000);
	struct unit_text t = { "" };
	struct tm tm;

	if (realtime_ns > 0 && localtime_r(&secs, &tm))
		strftime(t.s, sizeof(t.s), "%F %T %z", &tm);
	return t;
}

struct part {
	char text[128];
	int rank; /* lowest goes first when the line is too long; 0: stays */
};

/* Drop parts until the target has its columns; returns the columns that are left for it. */
static int fit_header(struct part *parts, size_t n, int width, int target_width)
{
	int wanted = target_width < TARGET_MIN ? target_width : TARGET_MIN;

	for (;;) {
		struct part *victim = NULL;
		int room = width;

		for (size_t i = 0; i < n; i++) {
			if (!*parts[i].text)
				continue;
			room -= escape_width(parts[i].text, strlen(parts[i].text)) + 2;
			if (parts[i].rank && (!victim || parts[i].rank < victim->rank))
				victim = &parts[i];
		}
		if (room >= wanted || !victim)
			return room;
		victim->text[0] = '\0';
	}
}

static void print_header(struct text *t)
{
	const struct report *r = t->r;
	const char *target = r->target ? r->target : "";
	struct unit_text when = format_when(r->realtime_ns);
	struct buf name = { 0 }, kernel = { 0 }, version = { 0 };
	struct part parts[5] = {
		{ .rank = 2 }, { .rank = 3 }, { .rank = 0 }, { .rank = 4 }, { .rank = 1 },
	};
	int room;

	escape_add(&name, target, strlen(target), ESCAPE_NO_LIMIT, t->unicode);
	escape_add(&kernel, TEXT_ARRAY(r->kernel), 40, t->unicode);
	escape_add(&version, TEXT_ARRAY(r->version), 20, t->unicode);
	snprintf(parts[0].text, sizeof(parts[0].text), "parascope%s%s", version.len ? " " : "",
		 version.len ? version.data : "");
	if (r->n_threads)
		snprintf(parts[1].text, sizeof(parts[1].text), "(%s, %s)",
			 text_plural(r->n_processes, "process").s,
			 text_plural(r->n_threads, "thread").s);
	snprintf(parts[2].text, sizeof(parts[2].text), "%s%s%s", unit_ns(r->window_ns).s,
		 *when.s ? " from " : "", when.s);
	snprintf(parts[3].text, sizeof(parts[3].text), "%s", text_plural(r->cpus_online, "CPU").s);
	if (kernel.len)
		snprintf(parts[4].text, sizeof(parts[4].text), "Linux %s", kernel.data);
	room = fit_header(parts, N_OF(parts), t->width, escape_width(name.data, name.len));

	for (size_t i = 0; i < N_OF(parts); i++) {
		if (*parts[i].text)
			buf_printf(t->out, "%s%s", i ? "  " : "", parts[i].text);
		if (i == 0 && name.len) {
			buf_puts(t->out, *parts[0].text ? "  " : "");
			escape_cut(t->out, name.data, name.len, room, t->unicode);
		}
	}
	buf_puts(t->out, "\n");
	buf_free(&name);
	buf_free(&kernel);
	buf_free(&version);
}

/* What is absent below, so that nobody takes it for none. */
static void print_mode(struct text *t)
{
	if (t->r->lean)
		text_wrapf(t, TEXT_DIM, 0,
			   "Lean mode: futex calls that did not sleep (EAGAIN, empty wakes) are "
			   "not known.");
}

/* --- verdict --------------------------------------------------------------------------------- */

static const enum text_style verdict_styles[VERDICT_COUNT] = {
	[VERDICT_GIL_BOUND] = TEXT_BAD,	       [VERDICT_LOCK_BOUND] = TEXT_BAD,
	[VERDICT_GIL_HELD_BLOCKED] = TEXT_BAD, [VERDICT_CPU_SHORT] = TEXT_WARN,
	[VERDICT_IO_OVERLAPPED] = TEXT_GOOD,   [VERDICT_IO_SERIAL] = TEXT_WARN,
	[VERDICT_IMBALANCED] = TEXT_WARN,      [VERDICT_PARALLEL] = TEXT_GOOD,
	[VERDICT_SEQUENTIAL] = TEXT_BOLD,      [VERDICT_IDLE] = TEXT_BOLD,
	[VERDICT_TOO_SHORT] = TEXT_BOLD,       [VERDICT_UNCLEAR] = TEXT_BOLD,
};

static void print_verdict(struct text *t)
{
	const struct report_verdict *v = &t->r->verdict;
	const char *name = report_verdicts[v->code], *sentence = v->sentence;
	size_t len = strlen(name);
	struct buf line = { 0 };

	/* The code is the name under which people find it in VERDICT.md; say it once. */
	for (size_t i = 0; i < len; i++)
		buf_pad(&line, (char)toupper((unsigned char)name[i]), 1);
	if (text_starts_with(v->sentence, name))
		sentence += len;
	else if (*v->sentence)
		buf_puts(&line, ": ");
	buf_add(&line, sentence,
		strnlen(v->sentence, sizeof(v->sentence)) - (size_t)(sentence - v->sentence));
	buf_puts(t->out, "\n");
	text_wrap(t, verdict_styles[v->code], 0, line.data, line.len);
	buf_free(&line);
}

static struct unit_text format_share(double v)
{
	return unit_percent(v);
}

static struct unit_text format_cpus(double v)
{
	struct unit_text t = unit_decimal(v, 2);

	strcat(t.s, " CPUs");
	return t;
}

static uint64_t to_u64(double v)
{
	return v > 0 && v < 1.8e19 ? (uint64_t)(v + 0.5) : 0;
}

static struct unit_text format_time(double v)
{
	return unit_ns(to_u64(v));
}

static struct unit_text format_count(double v)
{
	return unit_count(to_u64(v));
}

static struct unit_text format_rate(double v)
{
	struct unit_text t = fabs(v) < 100 ? unit_decimal(v, 1) : unit_count(to_u64(v));

	strcat(t.s, " /s");
	return t;
}

static struct unit_text format_plain(double v)
{
	return unit_decimal(v, 2);
}

static struct unit_text format_evidence(const struct report_evidence *e)
{
	static const struct {
		const char *unit;
		struct unit_text (*format)(double v);
	} units[] = {
		{ "share", format_share }, { "cpus", format_cpus },  { "ns", format_time },
		{ "count", format_count }, { "per_s", format_rate },
	};

	for (size_t i = 0; e->unit && i < N_OF(units); i++)
		if (strcmp(e->unit, units[i].unit) == 0)
			return units[i].format(e->value);
	return format_plain(e->value);
}

static void print_evidence_line(struct text *t, const char *value, const char *label, size_t len)
{
	struct buf text = { 0 };
	int used;

	buf_puts(t->out, "  ");
	text_cell(t->out, value, strlen(value), 12, true, t->unicode);
	buf_puts(t->out, "  ");
	used = escape_add(&text, label, len, t->width - 16, t->unicode);
	if (used)
		buf_add(t->out, text.data, text.len);
	buf_puts(t->out, "\n");
	buf_free(&text);
}

static void print_evidence(struct text *t)
{
	static const char explained[] = "of the lost thread time is explained by this";
	const struct report_verdict *v = &t->r->verdict;

	for (size_t i = 0; i < v->n_evidence && i < MAX_EVIDENCE; i++)
		print_evidence_line(t, format_evidence(&v->evidence[i]).s,
				    TEXT_ARRAY(v->evidence[i].label));
	if (v->explained > 0)
		print_evidence_line(t, unit_percent(v->explained).s, explained, strlen(explained));
	if (v->n_evidence > MAX_EVIDENCE)
		text_wrapf(t, TEXT_DIM, 16, "(%zu more numbers in the JSON report)",
			   v->n_evidence - MAX_EVIDENCE);
}

/* What the reader has to know before believing any number. */
static void print_cautions(struct text *t)
{
	const struct report_quality *q = &t->r->quality;

	if (t->r->par.gap_ns)
		text_wrapf(t, TEXT_WARN, 0,
			   "Detail for %s of %s, to keep to --max-overhead%s%s: locks and threads at "
			   "once are of that part, totals per thread of all of it.",
			   unit_ns(t->r->par.wall_ns - t->r->par.gap_ns).s,
			   unit_ns(t->r->par.wall_ns).s, t->r->overhead ? " " : "",
			   t->r->overhead ? unit_percent(t->r->overhead->budget).s : "");
	if (t->r->truncated)
		text_wrapf(t, TEXT_WARN, 0,
			   "Caution: the trace ends before its window was closed; "
			   "the report covers the part that is there.");
	if (q->dropped)
		text_wrapf(t, TEXT_WARN, 0,
			   "Caution: %s of the records were lost; numbers marked ! are doubtful. "
			   "See QUALITY below.",
			   unit_share(q->dropped, q->made).s);
	else if (!q->complete && !t->r->truncated)
		text_wrapf(t, TEXT_WARN, 0,
			   "Caution: not everything could be recorded. See QUALITY below.");
}

void text_head(struct text *t)
{
	const struct report_verdict *v = &t->r->verdict;
	struct buf advice = { 0 };

	print_header(t);
	print_mode(t);
	print_verdict(t);
	print_evidence(t);
	if (*v->advice) {
		buf_puts(&advice, "What would change it: ");
		buf_add(&advice, TEXT_ARRAY(v->advice));
		text_wrap(t, TEXT_PLAIN, 0, advice.data, advice.len);
	}
	print_cautions(t);
	buf_free(&advice);
}
