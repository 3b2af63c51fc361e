// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model.c - applies records: threads and processes come, change state and go; see model.h.
 *
 * Every record kind has one handler in the table at the end.  A thread's state is closed and the
 * next one entered in thread_enter() only; all sums, levels and phases follow from there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/model/level.h"
#include "user/model/lock.h"
#include "user/model/wait.h"

#define FIRST_PHASE_NS 1000000
#define TIME_MAX (1ULL << 62) /* 146 years of uptime: no sum of two times overflows */

uint64_t model_begin_ns(const struct model *m)
{
	return m->have_window ? m->window.begin_ns : UINT64_MAX; /* nothing counts before it */
}

uint64_t model_end_ns(const struct model *m)
{
	return m->window.end_ns || m->finished ? m->window.end_ns : UINT64_MAX;
}

uint64_t model_inside_ns(const struct model *m, uint64_t from, uint64_t to)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	if (from > begin)
		begin = from;
	if (to < end)
		end = to;
	return end > begin ? end - begin : 0;
}

struct model *model_new(void)
{
	struct model *m = xcalloc(1, sizeof(*m));

	m->phase_ns = FIRST_PHASE_NS;
	m->folded.kind = KIND_FOLDED;
	return m;
}

/* --- phases ---------------------------------------------------------------------------------- */

/* The window grew beyond the slices: make each twice as long. */
static void halve_phases(struct model *m)
{
	struct phase *p = m->phases;

	for (size_t i = 0; i < MODEL_PHASES / 2; i++) {
		struct phase sum = p[2 * i];

		sum.running_ns += p[2 * i + 1].running_ns;
		sum.runnable_ns += p[2 * i + 1].runnable_ns;
		sum.waiting_ns += p[2 * i + 1].waiting_ns;
		p[i] = sum;
	}
	memset(p + MODEL_PHASES / 2, 0, MODEL_PHASES / 2 * sizeof(*p));
	m->phase_ns *= 2;
}

/* One thread was in this part for [from, to). */
static void add_phases(struct model *m, enum level_part part, uint64_t from, uint64_t to)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	from = from > begin ? from : begin;
	to = to < end ? to : end;
	if (part == PART_NONE || to <= from || !m->have_window)
		return;
	while ((to - begin - 1) / m->phase_ns >= MODEL_PHASES)
		halve_phases(m);
	while (from < to) {
		size_t i = (size_t)((from - begin) / m->phase_ns);
		uint64_t stop = begin + (i + 1) * m->phase_ns;
		uint64_t ns = (to < stop ? to : stop) - from;

		if (part == PART_RUNNING)
			m->phases[i].running_ns += ns;
		else if (part == PART_RUNNABLE)
			m->phases[i].runnable_ns += ns;
		else
			m->phases[i].waiting_ns += ns;
		from += ns;
	}
}

/* --- threads --------------------------------------------------------------------------------- */

static enum level_part part_of(const struct thread *t)
{
	switch (t->state) {
	case WIRE_ON_CPU:
		return PART_RUNNING;
	case WIRE_WOKEN:
	case WIRE_PREEMPTED:
		return PART_RUNNABLE;
	case WIRE_FUTEX_WAIT:
		return t->asleep_on && t->counted_class != CLASS_COND ? PART_WAITING : PART_NONE;
	default:
		return PART_NONE;
	}
}

/*
 * Leave the present state at ts.  The caller enters the next with thread_begin(); between the two
 * it may tell the wait what happened.
 */
static enum level_part thread_leave(struct model *m, struct thread *t, uint64_t ts)
{
	enum level_part was = part_of(t);
	uint64_t since = t->since_ns;

	if (ts < since)
		ts = since;
	t->state_ns[t->state] += model_inside_ns(m, since, ts);
	if (t->state == WIRE_ON_CPU)
		t->ran_ns += ts - since;
	add_phases(m, was, since, ts);
	if (t->state == WIRE_FUTEX_WAIT)
		wait_slept(m, t, since, ts);
	else if (t->state == WIRE_WOKEN || t->state == WIRE_PREEMPTED)
		wait_delayed(m, t, since, ts);
	t->since_ns = ts;
	return was;
}

static void thread_begin(struct model *m, struct thread *t, enum level_part was, uint8_t state)
{
	enum level_part is;

	t->state = state;
	is = part_of(t);
	level_move(m, &m->tree, was, is, t->since_ns);
	level_move(m, &t->process->level, was, is, t->since_ns);
}

static void thread_enter(struct model *m, struct thread *t, uint8_t state, uint64_t ts)
{
	enum level_part was = thread_leave(m, t, ts);

	thread_begin(m, t, was, state);
}

/*
 * The iterator looked at a thread in the very moment of a switch and saw the state before; the
 * first event knows better.  The collector corrects its sums in the same way.
 */
static void thread_correct(struct model *m, struct thread *t, uint8_t state)
{
	enum level_part was = part_of(t);

	if (t->state == state)
		return;
	if (t->asleep_on)
		wait_slept(m, t, t->since_ns, t->since_ns);
	thread_begin(m, t, was, state);
}

/* It goes to sleep for another reason than its lock. */
static void thread_sleep(struct model *m, struct thread *t, const struct wire_switch *s)
{
	enum level_part was = thread_leave(m, t, s->head.ts_ns);
	bool apply_word = s->prev_state == WIRE_FUTEX_WAIT && s->flags & WIRE_SWITCH_BLOCK;

	if (apply_word) {
		wait_sleep(m, t, &s->block, t->since_ns);
	} else if (s->prev_state != WIRE_STOPPED && s->prev_state != WIRE_FUTEX_WAIT &&
		   s->prev_state != WIRE_FAULT && s->prev_state != WIRE_KLOCK &&
		   s->prev_state != WIRE_PREEMPTED) {
		wait_close(m, t); /* faults and the like happen inside a futex call as well */
	}
	thread_begin(m, t, was, s->prev_state);
}

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

static struct process *process_get(struct model *m, uint32_t pid, uint64_t ts)
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

static void process_end(struct model *m, struct process *p, uint64_t ts)
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

static struct thread *thread_new(struct model *m, struct process *p, uint32_t tid, uint64_t ts)
{
	struct thread *t = xcalloc(1, sizeof(*t));

	t->id = ++m->last_id;
	t->tid = tid;
	t->ns_tid = tid;
	t->process = p;
	t->begin_ns = t->since_ns = ts;
	memcpy(t->comm, p->comm, sizeof(t->comm));
	p->threads++;
	p->alive++;
	HASH_ADD(hh, m->by_tid, tid, sizeof(t->tid), t);
	DL_APPEND(m->all_threads, t);
	m->n_threads++;
	return t;
}

static struct thread *thread_find(struct model *m, uint32_t tid)
{
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &tid, sizeof(tid), t);
	return t && !t->dead ? t : NULL;
}

static void thread_forget(struct model *m, struct thread *t)
{
	HASH_DEL(m->by_tid, t);
}

/* A thread that appears although its birth record was lost belongs to process 0 until its sums
 * tell. */
static struct thread *thread_get(struct model *m, uint32_t tid, uint64_t ts)
{
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &tid, sizeof(tid), t);
	if (t && t->dead) {
		thread_forget(m, t);
		t = NULL;
	}
	return t ? t : thread_new(m, process_get(m, 0, ts), tid, ts);
}

static void add_sums(struct wire_sums *into, const struct wire_sums *from)
{
	uint64_t *a = (uint64_t *)into;
	const uint64_t *b = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*into) / sizeof(*a); i++)
		a[i] += b[i];
}

/* Add a dead thread to its process and forget it: there are too many of them. */
static void thread_fold(struct model *m, struct thread *t)
{
	struct process *p = t->process;

	if (t->have_sums)
		add_sums(&p->folded_sums, &t->sums.sums);
	else
		for (int i = 0; i < WIRE_STATES; i++)
			p->folded_sums.state_ns[i] += t->state_ns[i];
	p->folded_life_ns += model_inside_ns(m, t->begin_ns, t->end_ns);
	for (int i = 0; i < CLASS_COUNT; i++)
		p->folded_class_ns[i] += t->folded_ns[i];
	p->folded_threads++;
	m->folded_threads++;
	DL_DELETE(m->all_threads, t);
	m->n_threads--;
	m->n_dead_threads--;
	free(t);
}

/*
 * Add an ended process, all of whose threads are folded, to the one that stands for such.  What
 * happened over time inside it (t_k) is kept in the tree only.
 */
static void process_fold(struct model *m, struct process *p)
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
	DL_DELETE(m->all_processes, p);
	level_free(&p->level);
	free(p);
}

/* Many short threads: one that is not worth a line of its own goes once its sums are here. */
static void thread_settle_dead(struct model *m, struct thread *t)
{
	uint64_t life = model_inside_ns(m, t->begin_ns, t->end_ns);
	bool many_threads = m->n_dead_threads > MODEL_MAX_DEAD_THREADS;
	bool many_processes = m->n_dead_processes > MODEL_MAX_DEAD_PROCESSES;
	struct process *p = t->process;

	if (!(many_threads || (many_processes && p->ended && p->threads == 1)) ||
	    life >= model_inside_ns(m, model_begin_ns(m), m->now_ns) / 100)
		return;
	thread_forget(m, t);
	thread_fold(m, t);
	if (many_processes && p->ended && p->folded_threads == p->threads)
		process_fold(m, p);
}

static void thread_end(struct model *m, struct thread *t, uint64_t ts)
{
	struct process *p = t->process;

	thread_enter(m, t, WIRE_DEAD, ts);
	wait_finish(m, t, ts);
	t->dead = true;
	t->end_ns = t->since_ns; /* not before its last event, should this one be late */
	m->n_dead_threads++;
	if (--p->alive == 0 && p->pid)
		process_end(m, p, t->since_ns);
}

/* A thread whose birth was not seen is told to belong to p. */
static void thread_adopt(struct model *m, struct thread *t, struct process *p)
{
	enum level_part is = part_of(t);
	struct process *old = t->process;

	if (!p->threads)
		p->begin_ns = p->level.since_ns = t->begin_ns;
	level_move(m, &old->level, is, PART_NONE, m->now_ns);
	level_move(m, &p->level, PART_NONE, is, m->now_ns);
	old->threads--;
	old->alive -= !t->dead;
	p->threads++;
	p->alive += !t->dead;
	t->process = p;
}

/* --- one handler a record kind ------------------------------------------------------------- */

static struct process *process_of_task(struct model *m, const struct wire_task *r)
{
	struct process *p, *parent;

	HASH_FIND(hh, m->by_pid, &r->tgid, sizeof(r->tgid), p);
	if (!p || !p->threads) {
		if (!p)
			p = process_new(m, r->tgid, r->head.ts_ns);
		p->begin_ns = p->level.since_ns = r->head.ts_ns;
		HASH_FIND(hh, m->by_pid, &r->parent_tgid, sizeof(r->parent_tgid), parent);
		if (parent && parent != p && !(r->flags & WIRE_TASK_EXISTED))
			process_inherit(p, parent);
		p->ns_pid = r->ns_tgid;
		p->ppid = r->parent_tgid;
		p->existed = r->flags & WIRE_TASK_EXISTED;
	}
	if (r->head.tid == r->tgid || !p->comm[0])
		memcpy(p->comm, r->comm, sizeof(p->comm));
	return p;
}

static void thread_name(struct thread *t, const struct wire_task *r)
{
	t->ns_tid = r->ns_tid;
	t->start_ns = r->start_ns;
	t->existed = r->flags & WIRE_TASK_EXISTED;
	memcpy(t->comm, r->comm, sizeof(t->comm));
}

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
		thread_name(t, r);
		return;
	}
	if (t && !t->dead) /* its death was not seen */
		thread_end(m, t, ts);
	if (t)
		thread_forget(m, t); /* its id was used again */
	p = process_of_task(m, r);
	t = thread_new(m, p, r->head.tid, ts);
	thread_name(t, r);
	if (r->flags & WIRE_TASK_BLOCKED && r->state == WIRE_FUTEX_WAIT) {
		wait_sleep(m, t, &r->block, ts);
		t->wait.carried = true;
	}
	thread_begin(m, t, PART_NONE, r->state);
}

static void thread_woken(struct model *m, struct thread *t, const struct wire_wake *w, uint64_t ts)
{
	wait_woken(m, t, w->flags & WIRE_WAKE_OURS ? thread_find(m, w->waker_tid) : NULL, w);
	thread_enter(m, t, WIRE_WOKEN, ts);
}

static void apply_switch(struct model *m, const void *rec)
{
	const struct wire_switch *r = rec;
	uint64_t ts = r->head.ts_ns;
	struct thread *t;

	if (r->head.tid) {
		t = thread_get(m, r->head.tid, ts);
		if (!t->switches++ && t->existed)
			thread_correct(m, t, WIRE_ON_CPU); /* it was running all the time */
		if (r->prev_state == WIRE_DEAD) {
			thread_end(m, t, ts);
		} else {
			thread_sleep(m, t, r);
			if (r->flags & WIRE_SWITCH_RACED)
				thread_woken(m, t, &t->early, ts);
			memset(&t->early, 0, sizeof(t->early));
		}
	}
	if (r->next_tid) {
		t = thread_get(m, r->next_tid, ts);
		if (!t->switches++ && t->existed && t->state == WIRE_ON_CPU)
			thread_correct(m, t, WIRE_PREEMPTED); /* it was just leaving the CPU */
		thread_enter(m, t, WIRE_ON_CPU, ts);
	}
}

static void apply_wake(struct model *m, const void *rec)
{
	const struct wire_wake *r = rec;
	struct thread *t = thread_get(m, r->head.tid, r->head.ts_ns);

	if (r->flags & WIRE_WAKE_EARLY)
		t->early = *r; /* the switch that follows says WIRE_SWITCH_RACED if it slept */
	else if (t->state != WIRE_ON_CPU && t->state != WIRE_DEAD)
		thread_woken(m, t, r, r->head.ts_ns);
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
		if (leader && !leader->dead)
			thread_end(m, leader, r->head.ts_ns);
		if (leader)
			thread_forget(m, leader);
		thread_forget(m, t);
		t->tid = r->head.tid;
		HASH_ADD(hh, m->by_tid, tid, sizeof(t->tid), t);
	}
	wait_close(m, t);
	t->dropped = NULL;
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
		lock_map_shared(m, p, r);
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

static void (*const handlers[WIRE_KIND_MAX])(struct model *m, const void *rec) = {
	[WIRE_TASK] = apply_task,	   [WIRE_SWITCH] = apply_switch, [WIRE_WAKE] = apply_wake,
	[WIRE_FUTEX] = apply_futex,   [WIRE_WORD] = apply_word,     [WIRE_EXEC] = apply_exec,
	[WIRE_EXIT] = apply_exit,	   [WIRE_SUMS] = apply_sums,     [WIRE_HOST] = apply_host,
	[WIRE_WINDOW] = apply_window, [WIRE_PROC] = apply_proc,     [WIRE_SHARED] = apply_shared,
	[WIRE_REGION] = apply_region, [WIRE_LOSS] = apply_loss,     [WIRE_PROG] = apply_prog,
	[WIRE_COST] = apply_cost,
};

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
		if (t->dead)
			continue;
		thread_leave(m, t, end > t->since_ns ? end : t->since_ns);
		wait_finish(m, t, end);
		t->end_ns = end;
	}
	DL_FOREACH(m->locks, l) lock_finish(m, l, end);
	level_close(m, &m->tree, end);
	DL_FOREACH(m->all_processes, p)
	{
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
	HASH_CLEAR(hh, m->by_tid);
	HASH_CLEAR(hh, m->by_pid);
	DL_FOREACH_SAFE(m->all_threads, t, next_thread) free(t);
	DL_FOREACH_SAFE(m->all_processes, p, next_process)
	{
		level_free(&p->level);
		free(p->regions);
		free(p);
	}
	level_free(&m->tree);
	free(m->progs);
	free(m);
}
