// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model.c - applies records, knows the window, finishes and frees a model; see model.h.
 *
 * Every record kind has one handler, see handlers[].  It finds out whom the record is about; what
 * that means for a thread, process, wait or lock is up to the file of this name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/model/lean.h"
#include "user/model/level.h"
#include "user/model/blame.h"
#include "user/model/lock.h"
#include "user/model/natlock.h"
#include "user/model/object.h"
#include "user/model/phase.h"
#include "user/model/process.h"
#include "user/model/python.h"
#include "user/model/sample.h"
#include "user/model/shared.h"
#include "user/model/stack.h"
#include "user/model/thread.h"
#include "user/model/timeline.h"
#include "user/model/wait.h"

#define TIME_MAX (1ULL << 62) /* 146 years of uptime: no sum of two times overflows */

/* --- gaps ------------------------------------------------------------------------------------- */

/* Time of all gaps before ts. */
static uint64_t gaps_before(const struct model *m, uint64_t ts)
{
	size_t low = 0, high = m->n_gaps;
	const struct gap *g;

	while (low < high) { /* the first one that begins at ts or later */
		size_t mid = low + (high - low) / 2;

		if (m->gaps[mid].begin_ns < ts)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return 0;
	g = &m->gaps[low - 1];
	return g->before_ns + (ts < g->end_ns ? ts : g->end_ns) - g->begin_ns;
}

uint64_t model_detail_ns(const struct model *m, uint64_t from, uint64_t to)
{
	uint64_t ns = model_window_ns(m, from, to);

	if (!m->n_gaps || !ns)
		return ns;
	from = from > model_begin_ns(m) ? from : model_begin_ns(m);
	return ns - (gaps_before(m, from + ns) - gaps_before(m, from));
}

/* --- one handler a record kind --------------------------------------------------------------- */

static void apply_task(struct model *m, const void *rec)
{
	const struct wire_task *r = rec;
	uint64_t ts = r->head.ts_ns;
	struct process *p;
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &r->head.tid, sizeof(r->head.tid), t);
	if (t && t->start_ns == r->start_ns)
		return; /* forked while we attached: told twice */
	if (t && !t->start_ns && !t->process->pid) { /* late: its events came before it */
		thread_adopt(m, t, process_of_task(m, r));
		thread_name(m, t, r);
		return;
	}
	if (t && !t->dead) /* its death was not seen */
		thread_end(m, t, ts);
	if (t)
		thread_forget(m, t); /* its id was used again */
	p = process_of_task(m, r);
	t = thread_new(m, p, r->head.tid, ts);
	thread_name(m, t, r);
	thread_start(m, t, r);
}

static void switched_out(struct model *m, const struct wire_switch *r)
{
	struct thread *t = thread_get(m, r->head.tid, r->head.ts_ns);
	bool dead = r->prev_state == WIRE_DEAD, found = r->flags & WIRE_SWITCH_FOUND;

	if (dead && r->flags & WIRE_SWITCH_BLOCK && r->block.addr && t->start_ns &&
	    t->start_ns != r->block.addr)
		return; /* the one that had this id before; it was ended when this one appeared */
	if (!found && !t->switches++ && t->existed)
		thread_correct(m, t, WIRE_ON_CPU); /* it was running all the time */
	if (dead) {
		thread_end(m, t, r->head.ts_ns);
		return;
	}
	thread_sleep(m, t, r);
	if (found && t->wait.phase == WAIT_ASLEEP)
		t->wait.carried = true;
	if (r->flags & WIRE_SWITCH_RACED)
		thread_woken(m, t, &t->early, r->head.ts_ns);
	memset(&t->early, 0, sizeof(t->early));
}

static void switched_in(struct model *m, const struct wire_switch *r)
{
	struct thread *t = thread_get(m, r->next_tid, r->head.ts_ns);

	if (!t->switches++ && t->existed && t->state == WIRE_ON_CPU)
		thread_correct(m, t, WIRE_PREEMPTED); /* it was just leaving the CPU */
	python_enter(m, t, r->head.ts_ns);
	thread_enter(m, t, WIRE_ON_CPU, r->head.ts_ns);
	lean_resume(m, t, t->since_ns);
}

static void apply_switch(struct model *m, const void *rec)
{
	const struct wire_switch *r = rec;

	if (r->head.tid)
		switched_out(m, r);
	if (r->next_tid)
		switched_in(m, r);
}

static void apply_wake(struct model *m, const void *rec)
{
	const struct wire_wake *r = rec;
	struct thread *t = thread_get(m, r->head.tid, r->head.ts_ns);

	if (r->flags & WIRE_WAKE_EARLY)
		t->early = *r; /* the switch that follows says WIRE_SWITCH_RACED if it slept */
	else if (t->state != WIRE_ON_CPU && t->state != WIRE_DEAD)
		thread_woken(m, t, r, r->head.ts_ns);
	wait_woke(m, r);
}

static void apply_futex(struct model *m, const void *rec)
{
	const struct wire_futex *r = rec;

	wait_call(m, thread_get(m, r->head.tid, r->head.ts_ns), r);
}

static void apply_word(struct model *m, const void *rec)
{
	const struct wire_word *r = rec;

	lock_describe(m, process_get(m, r->tgid, r->head.ts_ns), r);
}

static void apply_exec(struct model *m, const void *rec)
{
	const struct wire_exec *r = rec;
	struct thread *t = thread_get(m, r->old_tid, r->head.ts_ns), *leader;
	struct process *p = t->process;

	if (r->old_tid != r->head.tid) { /* a thread that is not the leader takes the leader's id */
		HASH_FIND(hh, m->by_tid, &r->head.tid, sizeof(r->head.tid), leader);
		if (leader)
			thread_forget(m, leader);
		thread_forget(m, t);
		thread_renumber(m, t, r->head.tid);
		if (leader && !leader->dead) /* its last switch may come later, under the other id */
			thread_renumber(m, leader, r->old_tid);
	}
	wait_close(m, t);
	t->dropped = NULL;
	python_forget(m, t, r->head.ts_ns);
	t->start_ns = r->start_ns;
	memcpy(t->comm, r->comm, sizeof(t->comm));
	memcpy(p->comm, r->comm, sizeof(p->comm));
	p->id = ++m->last_id; /* new memory: private words of before are other locks */
	p->n_regions = 0;
	p->execs++;
}

static void apply_exit(struct model *m, const void *rec)
{
	const struct wire_exit *r = rec;
	struct thread *t = thread_find(m, r->head.tid);

	if (!t)
		return;
	wait_finish(m, t, r->head.ts_ns);
	if (r->head.tid == r->tgid)
		t->process->exit_code = r->code;
}

static void apply_sums(struct model *m, const void *rec)
{
	const struct wire_thread_sums *r = rec;
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &r->head.tid, sizeof(r->head.tid), t);
	if (!t || t->start_ns != r->start_ns) {
		/* never seen otherwise: all its records were lost */
		if (t && t->start_ns)
			return;
		if (!t)
			t = thread_get(m, r->head.tid, r->head.ts_ns);
		t->start_ns = r->start_ns;
	}
	if (!t->process->pid && r->tgid)
		thread_adopt(m, t, process_get(m, r->tgid, r->head.ts_ns));
	t->have_sums = true;
	t->sums = *r;
	memcpy(t->comm, r->comm, sizeof(t->comm));
	if (t->tid == t->process->pid)
		memcpy(t->process->comm, r->comm, sizeof(t->process->comm));
	if (r->dead && !t->dead)
		thread_end(m, t, r->head.ts_ns);
	if (r->dead)
		thread_settle_dead(m, t);
}

static void apply_pythread(struct model *m, const void *rec)
{
	const struct wire_pythread *r = rec;
	struct thread *t = thread_get(m, r->head.tid, r->head.ts_ns);

	if (!t->process->pid && r->tgid)
		thread_adopt(m, t, process_get(m, r->tgid, r->head.ts_ns));
	python_thread(m, t, r);
}

static void apply_sample(struct model *m, const void *rec)
{
	const struct wire_sample *r = rec;

	sample_thread(m, thread_get(m, r->head.tid, r->head.ts_ns), r);
}

static void apply_stack(struct model *m, const void *rec)
{
	sample_stack(m, rec);
}

static void apply_state(struct model *m, const void *rec)
{
	const struct wire_thread_state *r = rec;
	struct thread *t = thread_get(m, r->head.tid, r->head.ts_ns);

	if (t->start_ns && t->start_ns != r->start_ns)
		return; /* it had this id before */
	if (!t->process->pid && r->tgid)
		thread_adopt(m, t, process_get(m, r->tgid, r->head.ts_ns));
	t->start_ns = r->start_ns;
	thread_resume(m, t, r);
}

/* What goes on ends here as it would at the end of the window; what comes later begins anew. */
static void suspend(struct model *m, uint64_t ts)
{
	uint64_t before = m->n_gaps ? gaps_before(m, ts) : 0;
	struct process *p;
	struct thread *t;
	struct lock *l;

	DL_FOREACH(m->all_threads, t)
	{
		if (!t->dead)
			thread_suspend(m, t, ts);
	}
	DL_FOREACH(m->locks, l) lock_suspend(m, l, ts);
	level_close(m, &m->tree, ts);
	DL_FOREACH(m->all_processes, p)
	{
		if (!p->ended && p->threads && !process_is_over(p)) /* else it has not begun */
			level_close(m, &p->level, ts);
	}
	vec_push(m->gaps, m->n_gaps, m->cap_gaps) = (struct gap){ ts, UINT64_MAX, before };
	m->detail_begin_ns = UINT64_MAX;
}

static void apply_detail(struct model *m, const void *rec)
{
	const struct wire_detail *r = rec;
	uint64_t ts = m->now_ns; /* the record's, unless that is an impossible one */

	if (r->on && m->detail_begin_ns == UINT64_MAX) {
		m->gaps[m->n_gaps - 1].end_ns = ts;
		m->detail_begin_ns = ts;
	} else if (!r->on && m->detail_begin_ns != UINT64_MAX) {
		suspend(m, ts);
	}
}

static void apply_overhead(struct model *m, const void *rec)
{
	vec_push(m->overheads, m->n_overheads, m->cap_overheads) =
		*(const struct wire_overhead *)rec;
}

/* It only asks user space for something. */
static void apply_mapped(struct model *m, const void *rec)
{
	(void)m;
	(void)rec;
}

static void apply_host(struct model *m, const void *rec)
{
	m->host = *(const struct wire_host *)rec;
}

static void apply_window(struct model *m, const void *rec)
{
	const struct wire_window *r = rec;

	m->window = *r;
	if (r->begin_ns > TIME_MAX)
		m->window.begin_ns = TIME_MAX;
	if (r->end_ns > TIME_MAX)
		m->window.end_ns = TIME_MAX;
	if (r->end_ns && r->end_ns < m->window.begin_ns)
		m->window.end_ns = m->window.begin_ns;
	m->have_window = true;
	m->closed = r->end_ns != 0;
}

static void apply_proc(struct model *m, const void *rec)
{
	const struct wire_proc *r = rec;
	struct process *p = process_get(m, r->head.tid, r->head.ts_ns);

	if (!p->have_proc)
		p->first = *r;
	p->last = *r;
	p->have_proc = true;
}

static void apply_shared(struct model *m, const void *rec)
{
	const struct wire_shared *r = rec;
	struct process *p;

	HASH_FIND(hh, m->by_pid, &r->head.tid, sizeof(r->head.tid), p);
	if (p)
		shared_map(m, p, r);
}

static void apply_region(struct model *m, const void *rec)
{
	const struct wire_region *r = rec;
	struct process *p = process_get(m, r->head.tid, r->head.ts_ns);
	struct region *region;

	if (r->end <= r->begin)
		return;
	region = &vec_push(p->regions, p->n_regions, p->cap_regions);
	region->begin = r->begin;
	region->end = r->end;
	region->kind = r->region_kind;
	memcpy(region->name, r->name, sizeof(region->name));
}

static void apply_runtime(struct model *m, const void *rec)
{
	const struct wire_runtime *r = rec;

	python_runtime(m, process_get(m, r->head.tid, r->head.ts_ns), r);
}

static void apply_frame(struct model *m, const void *rec)
{
	stack_name_frame(m, rec);
}

static void apply_name(struct model *m, const void *rec)
{
	const struct wire_name *r = rec;
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &r->head.tid, sizeof(r->head.tid), t);
	if (t)
		python_name(t, r);
}

static void apply_object(struct model *m, const void *rec)
{
	const struct wire_object *r = rec;

	object_add(m, process_get(m, r->head.tid, r->head.ts_ns), r);
}

static void apply_loss(struct model *m, const void *rec)
{
	m->loss = *(const struct wire_loss *)rec;
}

static void apply_prog(struct model *m, const void *rec)
{
	vec_push(m->progs, m->n_progs, m->cap_progs) = *(const struct wire_prog *)rec;
}

static void apply_cost(struct model *m, const void *rec)
{
	m->cost = *(const struct wire_cost *)rec;
}

static void apply_start_costs(struct model *m, const void *rec)
{
	m->start_costs = *(const struct wire_start_costs *)rec;
}

static void apply_machine(struct model *m, const void *rec)
{
	m->machine = *(const struct wire_machine *)rec;
}

static void apply_speed(struct model *m, const void *rec)
{
	const struct wire_speed *r = rec;

	if (r->threads && r->threads <= MODEL_MAX_SPEEDS)
		m->speeds[r->threads - 1] = *r;
}

static void (*const handlers[WIRE_KIND_MAX])(struct model *m, const void *rec) = {
	[WIRE_TASK] = apply_task,	   [WIRE_SWITCH] = apply_switch, [WIRE_WAKE] = apply_wake,
	[WIRE_FUTEX] = apply_futex,   [WIRE_WORD] = apply_word,     [WIRE_EXEC] = apply_exec,
	[WIRE_EXIT] = apply_exit,	   [WIRE_SUMS] = apply_sums,     [WIRE_HOST] = apply_host,
	[WIRE_WINDOW] = apply_window, [WIRE_PROC] = apply_proc,     [WIRE_SHARED] = apply_shared,
	[WIRE_REGION] = apply_region, [WIRE_LOSS] = apply_loss,     [WIRE_PROG] = apply_prog,
	[WIRE_COST] = apply_cost,	   [WIRE_PYTHREAD] = apply_pythread,
	[WIRE_SAMPLE] = apply_sample, [WIRE_STACK] = apply_stack,   [WIRE_RUNTIME] = apply_runtime,
	[WIRE_FRAME] = apply_frame,   [WIRE_NAME] = apply_name,
	[WIRE_MAPPED] = apply_mapped, [WIRE_OBJECT] = apply_object,
	[WIRE_START_COSTS] = apply_start_costs, [WIRE_SPEED] = apply_speed,
	[WIRE_MACHINE] = apply_machine, [WIRE_STATE] = apply_state,
	[WIRE_DETAIL] = apply_detail,	   [WIRE_OVERHEAD] = apply_overhead,
};

/* --- life of a model ------------------------------------------------------------------------- */

struct model *model_new(void)
{
	struct model *m = xcalloc(1, sizeof(*m));

	m->phase_ns = PHASE_FIRST_NS;
	m->folded.kind = KIND_FOLDED;
	return m;
}

void model_record(struct model *m)
{
	timeline_start(m);
}

int model_apply(struct model *m, const struct wire_head *rec)
{
	if (rec->kind >= WIRE_KIND_MAX || !handlers[rec->kind])
		return fail(-EINVAL, "record of unknown kind %u", rec->kind);
	if (rec->ts_ns > TIME_MAX)
		return fail(-EINVAL, "record of kind %u with an impossible time", rec->kind);
	m->records++;
	if (rec->kind < WIRE_HOST && rec->kind != WIRE_SUMS && rec->ts_ns > m->now_ns)
		m->now_ns = rec->ts_ns;
	handlers[rec->kind](m, rec);
	return 0;
}

void model_finish(struct model *m)
{
	uint64_t end = m->window.end_ns ? m->window.end_ns : m->now_ns;
	struct process *p;
	struct thread *t;
	struct lock *l;

	if (!m->have_window)
		m->window.begin_ns = end;
	if (end < m->window.begin_ns)
		end = m->window.begin_ns;
	m->window.end_ns = end;
	m->have_window = m->finished = true;
	DL_FOREACH(m->all_threads, t)
	{
		if (!t->dead)
			thread_finish(m, t, end);
	}
	DL_FOREACH(m->locks, l)
	{
		natlock_settle(l);
		lock_finish(m, l, end);
	}
	level_close(m, &m->tree, end);
	DL_FOREACH(m->all_processes, p)
	{
		if (process_is_over(p))
			process_end(m, p, p->end_ns);
		if (p->ended)
			continue;
		level_close(m, &p->level, end);
		p->end_ns = end;
	}
}

void model_free(struct model *m)
{
	struct process *p, *next_process;
	struct thread *t, *next_thread;

	if (!m)
		return;
	lock_free_all(m);
	shared_free(m);
	stack_free_all(m);
	timeline_free(m);
	object_free_all(m);
	HASH_CLEAR(python.hh, m->by_tstate);
	HASH_CLEAR(hh, m->by_tid);
	HASH_CLEAR(hh_inner, m->by_inner);
	HASH_CLEAR(hh, m->by_pid);
	DL_FOREACH_SAFE(m->all_threads, t, next_thread) free(t);
	DL_FOREACH_SAFE(m->all_processes, p, next_process) process_free(p);
	level_free(&m->tree);
	free(m->progs);
	free(m->gaps);
	free(m->overheads);
	free(m);
}
