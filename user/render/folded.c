// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * folded.c - one profile as folded stacks, for flamegraph.pl, speedscope and their like: a line for
 * each thread and stack, outermost frame first, and its time in microseconds.
 *
 *	server-4711/4713;main;worker;registry_add;__x64_sys_futex_[k] 5034112
 *
 * However hostile the names are: a line has exactly one ';' for each frame, ends with a blank and
 * digits, and neither a control character nor an invalid byte is in it.
 *
 * Microseconds are cut off, not lost: what a line lacks goes to the next one of its thread, so that
 * the lines of a thread add up to its time within one microsecond.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/render/render.h"

struct line {
	const struct report_folded *stack;
	size_t index;
	uint64_t us;
};

/* Text of the target: what a reader of the format or a terminal would obey becomes visible. */
static void add_name(struct buf *out, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;

		n = escape_decode(s + i, len - i, &cp);
		if (cp == ';')
			buf_puts(out, ":");
		else if (cp == '\\')
			buf_puts(out, "\\\\");
		else if (cp == ESCAPE_INVALID || (cp < 0x80 && escape_unsafe(cp)))
			buf_printf(out, "\\x%02x", (unsigned char)s[i]);
		else if (escape_unsafe(cp))
			buf_printf(out, "\\u{%x}", cp);
		else
			buf_add(out, s + i, n);
	}
	if (!len)
		buf_puts(out, "?");
}

/* flamegraph.pl colours what ends with "_[k]". */
static void mark_kernel(struct buf *out)
{
	if (out->len > 4 && strcmp(out->data + out->len - 4, " [k]") == 0)
		out->data[out->len - 4] = '_';
}

/* "f 12" at the end of a stack would be read as a stack with two values: "f_12". */
static void bind_number(struct buf *out, size_t start)
{
	size_t at = out->len;

	while (at > start &&
	       (isdigit((unsigned char)out->data[at - 1]) || out->data[at - 1] == '.'))
		at--;
	while (at > start && at < out->len && out->data[at - 1] == ' ')
		out->data[--at] = '_';
}

static void add_line(struct buf *out, const struct line *line)
{
	const struct report_folded *f = line->stack;
	size_t start = out->len;

	add_name(out, f->comm);
	buf_printf(out, "-%u/%u", f->pid, f->tid);
	for (size_t i = 0; i < f->n; i++) {
		buf_puts(out, ";");
		add_name(out, f->frames[i]);
		mark_kernel(out);
	}
	bind_number(out, start);
	buf_printf(out, " %llu\n", (unsigned long long)line->us);
}

static int by_thread(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->stack->pid != y->stack->pid)
		return x->stack->pid < y->stack->pid ? -1 : 1;
	if (x->stack->tid != y->stack->tid)
		return x->stack->tid < y->stack->tid ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static int by_index(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static bool same_thread(const struct report_folded *a, const struct report_folded *b)
{
	return a->pid == b->pid && a->tid == b->tid;
}

static void divide(struct line *lines, size_t n)
{
	uint64_t left_ns = 0;

	qsort(lines, n, sizeof(*lines), by_thread);
	for (size_t i = 0; i < n; i++) {
		if (i && !same_thread(lines[i - 1].stack, lines[i].stack))
			left_ns = 0;
		left_ns += lines[i].stack->ns % 1000;
		lines[i].us = lines[i].stack->ns / 1000 + left_ns / 1000;
		left_ns %= 1000;
	}
	qsort(lines, n, sizeof(*lines), by_index);
}

void render_folded(struct buf *out, const struct report *r, const struct render_opts *o)
{
	size_t n = r->n_folded[o->profile];
	struct line *lines = xcalloc(n + 1, sizeof(*lines));

	for (size_t i = 0; i < n; i++)
		lines[i] = (struct line){ &r->folded[o->profile][i], i, 0 };
	divide(lines, n);
	for (size_t i = 0; i < n; i++)
		if (lines[i].us)
			add_line(out, &lines[i]);
	free(lines);
}

const char *render_folded_none(const struct report *r, enum report_profile profile)
{
	static const char *const why[PROFILE_COUNT] = {
		[PROFILE_ON_CPU] = "no stack of a running thread was taken",
		[PROFILE_WAITING] = "no thread waited where its stack was taken",
		[PROFILE_HOLDING] = "nobody was seen with a lock that others waited for",
	};

	if (!r->quality.samples)
		return "no stacks were taken";
	return why[profile];
}
