// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_python.c - which interpreters there are, and those that cannot be explained.
 *
 *	PYTHON
 *	  CPython 3.11.2 in process 4711
 *	  CPython 3.16 in process 7: layout not known (no offsets for it): its GIL is not told apart
 */
#include "user/analysis/report.h"
#include "user/render/text_parts.h"

#define LINE_PIDS 8 /* process ids in a line before they are only counted */

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static bool is_status(const struct report_runtime *rt, const char *status)
{
	return strcmp(or_empty(rt->status), status) == 0;
}

/* Runtimes from i on that one line can tell: the same interpreter, all well. */
static size_t same_runtimes(const struct report *r, size_t i)
{
	const struct report_runtime *first = &r->runtimes[i];
	size_t n = 1;

	while (i + n < r->n_runtimes && !is_status(first, "unknown") &&
	       is_status(&r->runtimes[i + n], or_empty(first->status)) &&
	       strcmp(or_empty(r->runtimes[i + n].name), or_empty(first->name)) == 0)
		n++;
	return n;
}

static void add_pids(struct buf *out, const struct report_runtime *rt, size_t n)
{
	buf_puts(out, n > 1 ? "processes " : "process ");
	for (size_t i = 0; i < n && i < LINE_PIDS; i++)
		buf_printf(out, "%s%u", i ? ", " : "", rt[i].pid);
	if (n > LINE_PIDS)
		buf_printf(out, " and %s more", unit_count(n - LINE_PIDS).s);
}

static void print_runtimes_line(struct text *t, const struct report_runtime *rt, size_t n)
{
	const char *name = *or_empty(rt->name) ? rt->name : "an interpreter";
	const char *why = or_empty(rt->why);
	struct buf pids = { 0 };

	add_pids(&pids, rt, n);
	if (is_status(rt, "unknown"))
		text_wrapf(t, TEXT_WARN, 2,
			   "%s in %s: layout not known%s%s%s: its GIL is not told apart", name,
			   pids.data, *why ? " (" : "", why, *why ? ")" : "");
	else
		text_wrapf(t, TEXT_PLAIN, 2, "%s in %s%s", name, pids.data,
			   is_status(rt, "no-gil") ? ": no GIL (free-threaded)" : "");
	buf_free(&pids);
}

static void print_runtimes(struct text *t)
{
	const struct report *r = t->r;
	size_t lines = 0, n;

	for (size_t i = 0; i < r->n_runtimes; i += n) {
		n = same_runtimes(r, i);
		if (lines++ == t->top) {
			text_wrapf(t, TEXT_DIM, 2, "... and %s more interpreters",
				   unit_count(r->n_runtimes - i).s);
			break;
		}
		print_runtimes_line(t, &r->runtimes[i], n);
	}
}

/* GILs that have no block among the locks: what is there is the CPU time. */
static void print_gils(struct text *t)
{
	const struct report *r = t->r;
	size_t shown = 0, rest = 0;

	for (size_t i = 0; i < r->n_gils; i++) {
		const struct report_gil *g = &r->gils[i];

		if ((g->lock && g->lock <= t->last_block) || !(g->with_ns + g->without_ns))
			continue;
		if (shown++ >= t->top) {
			rest++;
			continue;
		}
		if (g->lock)
			text_wrapf(t, TEXT_PLAIN, 2, "GIL of process %u (L%u)", g->pid, g->lock);
		else
			text_wrapf(t, TEXT_PLAIN, 2, "GIL of process %u: nobody waited for it",
				   g->pid);
		text_gil_cpu(t, g, 4);
	}
	if (rest)
		text_wrapf(t, TEXT_DIM, 2, "... and %s more GILs", unit_count(rest).s);
}

void text_python(struct text *t)
{
	const struct report *r = t->r;

	if (!r->n_runtimes && !r->n_gils)
		return;
	text_heading(t, "PYTHON", NULL);
	print_runtimes(t);
	print_gils(t);
}
