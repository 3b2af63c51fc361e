// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * thread.c - the life of a thread; see thread.h.
 *
 * A thread's state is closed in thread_leave() and the next one entered in thread_begin() only; all
 * sums, levels and phases follow from there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/blame.h"
#include "user/model/lean.h"
#include "user/model/level.h"
#include "user/model/phase.h"
#include "user/model/process.h"
#include "user/model/python.h"
#include "user/model/thread.h"
#include "user/model/timeline.h"
#include "user/model/wait.h"

/* --- state ----------------------------------------------------------------------------------- */

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
 * What one of these calls waits for may be any number of requests in flight.  poll() and select()
 * are not among them: libraries call them for a single socket, to have a timeout.
 */
static bool is_loop_call(const struct wire_block *block)
{
	static const int calls[] = {
		SYS_epoll_pwait,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
		426, /* io_uring_enter, on all machines */
		441, /* epoll_pwait2 */
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (block->nr == calls[i])
			return true;
	return false;
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
	timeline_left(m, t, ts);
	t->state_ns[t->state] += model_inside_ns(m, since, ts);
	if (t->state == WIRE_ON_CPU)
		t->ran_ns += ts - since;
	if (t->state == WIRE_IO_IPC && t->loops)
		t->loop_ns += model_inside_ns(m, since, ts);
	phase_add(m, was, t->counted_class == CLASS_GIL, since, ts);
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

	timeline_advance(m, t->since_ns);
	t->state = state;
	if (state == WIRE_ON_CPU && !t->first_cpu_ns)
		t->first_cpu_ns = t->since_ns;
	is = part_of(t);
	level_move(m, &m->tree, was, is, t->since_ns);
	level_move(m, &t->process->level, was, is, t->since_ns);
}

void thread_enter(struct model *m, struct thread *t, uint8_t state, uint64_t ts)
{
	enum level_part was = thread_leave(m, t, ts);

	thread_begin(m, t, was, state);
}

void thread_correct(struct model *m, struct thread *t, uint8_t state)
{
	enum level_part was = part_of(t);

	if (t->state == state)
		return;
	timeline_corrected(m, t, state);
	if (t->asleep_on)
		wait_slept(m, t, t->since_ns, t->since_ns);
	thread_begin(m, t, was, state);
}

void thread_sleep(struct model *m, struct thread *t, const struct wire_switch *s)
{
	enum level_part was = thread_leave(m, t, s->head.ts_ns);
	bool apply_word = s->prev_state == WIRE_FUTEX_WAIT && s->flags & WIRE_SWITCH_BLOCK;

	python_leave(m, t, s, t->since_ns);
	lean_sleep(t, s->flags & WIRE_SWITCH_LEAN, &s->block);
	if (apply_word) {
		wait_sleep(m, t, &s->block, s->flags & WIRE_SWITCH_OBJECT, t->since_ns);
	} else if (s->prev_state != WIRE_STOPPED && s->prev_state != WIRE_FUTEX_WAIT &&
		   s->prev_state != WIRE_FAULT && s->prev_state != WIRE_KLOCK &&
		   s->prev_state != WIRE_PREEMPTED) {
		wait_close(m, t); /* faults and the like happen inside a futex call as well */
	}
	if (s->prev_state != WIRE_PREEMPTED)
		t->drop_ns = 0; /* what it let go of the GIL for */
	t->loops = s->flags & WIRE_SWITCH_BLOCK && is_loop_call(&s->block);
	thread_begin(m, t, was, s->prev_state);
}

void thread_woken(struct model *m, struct thread *t, const struct wire_wake *w, uint64_t ts)
{
	struct thread *waker = w->flags & WIRE_WAKE_OURS ? thread_find(m, w->waker_tid) : NULL;

	timeline_woken(m, t, waker, w, ts);
	python_woken(t, ts);
	wait_woken(m, t, waker, w);
	lean_ended(t, w);
	thread_enter(m, t, WIRE_WOKEN, ts);
}

uint64_t thread_on_cpu_ns(const struct thread *t, uint64_t ts)
{
	uint64_t ns = t->ran_ns;

	if (t->state == WIRE_ON_CPU && ts > t->since_ns)
		ns += ts - t->since_ns;
	return ns;
}

/* --- ids ------------------------------------------------------------------------------------- */

static void leave_inner(struct model *m, struct thread *t)
{
	if (t->inner.process)
		HASH_DELETE(hh_inner, m->by_inner, t);
	t->inner = (struct inner_id){ 0 };
}

/* Of two with the same id the older one is dead. */
static void enter_inner(struct model *m, struct thread *t)
{
	struct inner_id id = { (uint64_t)(uintptr_t)t->process, t->ns_tid };
	struct thread *older;

	leave_inner(m, t);
	if (t->ns_tid == t->tid)
		return;
	HASH_FIND(hh_inner, m->by_inner, &id, sizeof(id), older);
	if (older)
		leave_inner(m, older);
	t->inner = id;
	HASH_ADD(hh_inner, m->by_inner, inner, sizeof(t->inner), t);
}

struct thread *thread_inner(const struct model *m, const struct thread *t, uint32_t ns_tid)
{
	struct inner_id id = { (uint64_t)(uintptr_t)t->process, ns_tid };
	struct thread *other;

	HASH_FIND(hh_inner, m->by_inner, &id, sizeof(id), other);
	if (other)
		return other;
	HASH_FIND(hh, m->by_tid, &ns_tid, sizeof(ns_tid), other); /* both ids may be the same */
	return other && other->ns_tid == ns_tid && other->process == t->process ? other : NULL;
}

void thread_forget(struct model *m, struct thread *t)
{
	leave_inner(m, t);
	HASH_DEL(m->by_tid, t);
}

void thread_renumber(struct model *m, struct thread *t, uint32_t tid)
{
	t->tid = tid;
	HASH_ADD(hh, m->by_tid, tid, sizeof(t->tid), t);
	enter_inner(m, t);
}

/* --- birth ----------------------------------------------------------------------------------- */

struct thread *thread_new(struct model *m, struct process *p, uint32_t tid, uint64_t ts)
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
	timeline_born(m, t);
	return t;
}

struct thread *thread_find(struct model *m, uint32_t tid)
{
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &tid, sizeof(tid), t);
	return t && !t->dead ? t : NULL;
}

struct thread *thread_get(struct model *m, uint32_t tid, uint64_t ts)
{
	struct thread *t;

	HASH_FIND(hh, m->by_tid, &tid, sizeof(tid), t);
	if (t && t->dead) {
		thread_forget(m, t);
		t = NULL;
	}
	return t ? t : thread_new(m, process_get(m, 0, ts), tid, ts);
}

void thread_name(struct model *m, struct thread *t, const struct wire_task *r)
{
	t->ns_tid = r->ns_tid;
	enter_inner(m, t);
	t->start_ns = r->start_ns;
	t->existed = r->flags & WIRE_TASK_EXISTED;
	memcpy(t->comm, r->comm, sizeof(t->comm));
}

void thread_start(struct model *m, struct thread *t, const struct wire_task *r)
{
	if (r->flags & WIRE_TASK_BLOCKED && r->state == WIRE_FUTEX_WAIT) {
		lean_sleep(t, r->flags & WIRE_TASK_LEAN, &r->block);
		wait_sleep(m, t, &r->block, false, r->head.ts_ns);
		t->wait.carried = true;
	}
	t->loops = r->flags & WIRE_TASK_BLOCKED && is_loop_call(&r->block);
	thread_begin(m, t, PART_NONE, r->state);
}

void thread_adopt(struct model *m, struct thread *t, struct process *p)
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
	enter_inner(m, t);
	python_move(m, t);
}

/* --- end ------------------------------------------------------------------------------------- */

void thread_end(struct model *m, struct thread *t, uint64_t ts)
{
	struct process *p = t->process;

	thread_enter(m, t, WIRE_DEAD, ts);
	wait_finish(m, t, ts);
	python_forget(m, t, ts);
	t->dead = true;
	timeline_ended(m, t, false);
	t->end_ns = t->since_ns; /* not before its last event, should this one be late */
	m->n_dead_threads++;
	p->alive--;
	p->end_ns = t->since_ns;
	/* before the window opens the threads that were there are still being listed */
	if (process_is_over(p) && t->since_ns >= model_begin_ns(m))
		process_end(m, p, t->since_ns);
}

void thread_finish(struct model *m, struct thread *t, uint64_t end)
{
	thread_leave(m, t, end > t->since_ns ? end : t->since_ns);
	wait_finish(m, t, end);
	timeline_ended(m, t, true);
	t->end_ns = end;
}

void thread_suspend(struct model *m, struct thread *t, uint64_t ts)
{
	enum level_part was = thread_leave(m, t, ts);

	wait_finish(m, t, ts);
	t->wait = (struct wait){ 0 };
	t->look = (struct look){ 0 };
	t->early = (struct wire_wake){ 0 };
	t->lean = (struct lean){ 0 };
	t->dropped = NULL;
	t->drop_ns = 0;
	t->python.held = NULL;
	t->python.held_stack = NULL;
	t->python.ready = (struct ready){ 0 };
	thread_begin(m, t, was, WIRE_UNKNOWN);
}

void thread_resume(struct model *m, struct thread *t, const struct wire_thread_state *r)
{
	enum level_part was;

	if (t->state == r->state || t->since_ns > r->head.ts_ns)
		return; /* a record has told it, or what came after it */
	was = thread_leave(m, t, r->head.ts_ns);
	lean_sleep(t, r->flags & WIRE_STATE_LEAN, &r->block);
	if (r->flags & WIRE_STATE_BLOCK) {
		wait_sleep(m, t, &r->block, false, t->since_ns);
		t->wait.carried = true;
	}
	thread_begin(m, t, was, r->state);
}

/* Add a dead thread to its process and free it: there are too many of them. */
static void thread_fold(struct model *m, struct thread *t)
{
	process_fold_thread(m, t->process, t);
	m->folded_threads++;
	DL_DELETE(m->all_threads, t);
	m->n_threads--;
	m->n_dead_threads--;
	lock_holder_gone(t);
	free(t);
}

void thread_settle_dead(struct model *m, struct thread *t)
{
	uint64_t life = model_window_ns(m, t->begin_ns, t->end_ns);
	bool many_threads = m->n_dead_threads > MODEL_MAX_DEAD_THREADS;
	bool many_processes = m->n_dead_processes > MODEL_MAX_DEAD_PROCESSES;
	struct process *p = t->process;

	if (!(many_threads || (many_processes && p->ended && p->threads == 1)) ||
	    life >= model_window_ns(m, model_begin_ns(m), m->now_ns) / 100)
		return;
	thread_forget(m, t);
	thread_fold(m, t);
	if (many_processes && p->ended && p->folded_threads == p->threads)
		process_fold(m, p);
}
