// SPDX-License-Identifier: GPL-2.0-or-later
/* whatif_path.c - the critical path of the recording, for the report. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/frame.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/buf.h"

#define PATH_ROWS 16

const struct report_critical_kind report_critical_kinds[CRITICAL_KINDS] = {
	[CRITICAL_OTHER] = { "other", "other waiting" },
	[CRITICAL_RUN] = { "run", "running" },
	[CRITICAL_READY] = { "ready", "waiting for a CPU" },
	[CRITICAL_HANDOFF] = { "handoff", "hand-off of a lock" },
	[CRITICAL_LOCK] = { "lock", "waiting for a lock" },
	[CRITICAL_IO] = { "io", "I/O" },
	[CRITICAL_SLEEP] = { "sleep", "sleep" },
	[CRITICAL_START] = { "start", "start of a thread or process" },
	[CRITICAL_END] = { "end", "after the last thing that was done" },
};

struct part {
	double ns;
	size_t index;
};

static int by_time(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* The largest of n times, at most PATH_ROWS. */
static struct part *largest(const double *ns, size_t n, size_t *ret_rows, size_t *ret_all)
{
	struct part *parts = xcalloc(n + 1, sizeof(*parts));
	size_t all = 0;

	for (size_t i = 0; i < n; i++)
		if (ns[i] >= 1)
			parts[all++] = (struct part){ ns[i], i };
	qsort(parts, all, sizeof(*parts), by_time);
	*ret_all = all;
	*ret_rows = all < PATH_ROWS ? all : PATH_ROWS;
	return parts;
}

static const char *name_of(const struct model *m, uint64_t id)
{
	const struct thread *t;

	DL_FOREACH (m->all_threads, t)
		if (t->id == id)
			return t->python.name;
	return "";
}

static void fill_threads(const struct prediction *p, const struct critical *c)
{
	struct report_critical *ret = &p->ret->critical;
	struct part *parts =
		largest(c->thread_ns, p->tl->n_threads, &ret->n_threads, &ret->all_threads);

	ret->threads = xcalloc(ret->n_threads, sizeof(*ret->threads));
	for (size_t i = 0; i < ret->n_threads; i++) {
		const struct timeline_thread *tt = &p->tl->threads[parts[i].index];
		struct report_critical_thread *row = &ret->threads[i];

		row->pid = tt->pid;
		row->tid = tt->tid;
		memcpy(row->comm, tt->comm, sizeof(row->comm));
		row->name = name_of(p->m, tt->id);
		row->ns = (uint64_t)parts[i].ns;
	}
	free(parts);
}

static void fill_functions(const struct prediction *p, const struct critical *c)
{
	struct report_critical *ret = &p->ret->critical;
	size_t all;
	struct part *parts = largest(c->function_ns, p->functions.n + 1, &ret->n_functions, &all);

	ret->functions = xcalloc(ret->n_functions, sizeof(*ret->functions));
	for (size_t i = 0; i < ret->n_functions; i++) {
		size_t number = parts[i].index;

		ret->functions[i].place =
			frame_place(number ? p->functions.frames[number - 1] : NULL);
		ret->functions[i].ns = (uint64_t)parts[i].ns;
	}
	free(parts);
}

void critical_report(const struct prediction *p)
{
	struct report_critical *ret = &p->ret->critical;
	struct critical c;
	struct replay r;

	replay_recorded(&r, p->tl, model_begin_ns(p->m));
	critical_find(&c, p->tl, &p->functions, &r, (double)p->r->window_ns);
	ret->total_ns = p->r->window_ns;
	ret->jumps = c.jumps;
	for (size_t i = 0; i < CRITICAL_KINDS; i++)
		ret->kind_ns[i] = (uint64_t)c.ns[i];
	fill_threads(p, &c);
	fill_functions(p, &c);
	critical_free(&c);
	replay_free(&r, p->tl);
}
