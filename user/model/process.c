// SPDX-License-Identifier: GPL-2.0-or-later
/* process.c - see process.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/level.h"
#include "user/model/process.h"
#include "user/model/stack.h"

/* --- birth and end --------------------------------------------------------------------------- */

static struct process *process_new(struct model *m, uint32_t pid, uint64_t ts)
{
	struct process *p = xcalloc(1, sizeof(*p));

	p->id = ++m->last_id;
	p->pid = pid;
	p->ns_pid = pid;
	p->begin_ns = ts;
	p->level.since_ns = ts;
	HASH_ADD(hh, m->by_pid, pid, sizeof(p->pid), p);
	DL_APPEND(m->all_processes, p);
	return p;
}

struct process *process_get(struct model *m, uint32_t pid, uint64_t ts)
{
	struct process *p;

	HASH_FIND(hh, m->by_pid, &pid, sizeof(pid), p);
	return p ? p : process_new(m, pid, ts);
}

/* A forked child starts with its parent's memory, so with its locks known to a runtime. */
static void process_inherit(struct process *child, const struct process *parent)
{
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	for (size_t i = 0; i < parent->n_regions; i++)
		vec_push(child->regions, child->n_regions, child->cap_regions) = parent->regions[i];
}

struct process *process_of_task(struct model *m, const struct wire_task *r)
{
	bool existed = r->flags & WIRE_TASK_EXISTED;
	struct process *p, *parent;

	HASH_FIND(hh, m->by_pid, &r->tgid, sizeof(r->tgid), p);
	if (p && process_is_over(p) && r->head.tid == r->tgid && !existed) {
		process_end(m, p, p->end_ns); /* its id was used again */
		p = NULL;
	}
	if (!p || !p->threads) {
		if (!p)
			p = process_new(m, r->tgid, r->head.ts_ns);
		p->begin_ns = p->level.since_ns = r->head.ts_ns;
		HASH_FIND(hh, m->by_pid, &r->parent_tgid, sizeof(r->parent_tgid), parent);
		if (parent && parent != p && !existed)
			process_inherit(p, parent);
		p->ns_pid = r->ns_tgid;
		p->ppid = r->parent_tgid;
	}
	if (existed) { /* a thread of it that was born meanwhile may have come before */
		p->existed = true;
		p->ppid = r->parent_tgid;
	}
	if (r->head.tid == r->tgid || !p->comm[0])
		memcpy(p->comm, r->comm, sizeof(p->comm));
	return p;
}

bool process_is_over(const struct process *p)
{
	return !p->ended && p->pid && p->threads && !p->alive;
}

void process_end(struct model *m, struct process *p, uint64_t ts)
{
	p->ended = true;
	p->end_ns = ts;
	level_close(m, &p->level, ts);
	HASH_DEL(m->by_pid, p);
	m->n_dead_processes++;
	free(p->regions);
	p->regions = NULL;
	p->n_regions = p->cap_regions = 0;
}

void process_free(struct process *p)
{
	level_free(&p->level);
	free(p->regions);
	free(p->runtimes);
	free(p);
}

/* --- folding --------------------------------------------------------------------------------- */

static void add_sums(struct wire_sums *into, const struct wire_sums *from)
{
	uint64_t *a = (uint64_t *)into;
	const uint64_t *b = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*into) / sizeof(*a); i++)
		a[i] += b[i];
}

void process_fold_thread(const struct model *m, struct process *p, const struct thread *t)
{
	if (t->have_sums)
		add_sums(&p->folded_sums, &t->sums.sums);
	else
		for (int i = 0; i < WIRE_STATES; i++)
			p->folded_sums.state_ns[i] += t->state_ns[i];
	p->folded_life_ns += model_window_ns(m, t->begin_ns, t->end_ns);
	for (int i = 0; i < CLASS_COUNT; i++)
		p->folded_class_ns[i] += t->folded_ns[i];
	p->folded_threads++;
}

void process_fold(struct model *m, struct process *p)
{
	struct process *into = m->folded_process;

	if (!into) {
		into = xcalloc(1, sizeof(*into));
		into->id = ++m->last_id;
		snprintf(into->comm, sizeof(into->comm), "(ended)");
		into->ended = true;
		into->begin_ns = p->begin_ns;
		m->folded_process = into;
		DL_APPEND(m->all_processes, into);
	}
	add_sums(&into->folded_sums, &p->folded_sums);
	for (int i = 0; i < CLASS_COUNT; i++)
		into->folded_class_ns[i] += p->folded_class_ns[i];
	into->folded_life_ns += p->folded_life_ns;
	into->folded_threads += p->folded_threads;
	into->threads += p->threads;
	into->execs += p->execs;
	into->folded++;
	into->end_ns = p->end_ns;
	m->folded_processes++;
	m->n_dead_processes--;
	site_move_list(m, into, p->sites);
	DL_DELETE(m->all_processes, p);
	process_free(p);
}
