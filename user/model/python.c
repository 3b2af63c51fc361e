// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * python.c - see python.h.
 *
 * That a thread has the GIL is seen, not concluded: the collector looks each time it leaves a CPU
 * (WIRE_SWITCH_GIL) and in each sample (WIRE_SAMPLE_GIL).  The absence says as much: it has let
 * go, which needs no system call if nobody waits.
 */
#include <string.h>

#include "user/base/buf.h"
#include "user/model/blame.h"
#include "user/model/lock.h"
#include "user/model/python.h"
#include "user/model/thread.h"
#include "user/model/wait.h"

/* --- PyThreadStates --------------------------------------------------------------------------- */

struct thread *python_find(const struct model *m, const struct process *p, uint64_t tstate)
{
	struct tstate_key key = { p->id, tstate };
	struct thread *t = NULL;

	if (tstate)
		HASH_FIND(python.hh, m->by_tstate, &key, sizeof(key), t);
	return t;
}

static void drop_key(struct model *m, struct thread *t)
{
	if (t->python.key.tstate)
		HASH_DELETE(python.hh, m->by_tstate, t);
	t->python.key.tstate = 0;
}

/* States are used again: the newest thread has it. */
static void set_key(struct model *m, struct thread *t, uint64_t tstate)
{
	struct thread *other = python_find(m, t->process, tstate);

	drop_key(m, t);
	if (!tstate)
		return;
	if (other && other != t)
		drop_key(m, other);
	t->python.key.process = t->process->id;
	t->python.key.tstate = tstate;
	HASH_ADD(python.hh, m->by_tstate, python.key, sizeof(t->python.key), t);
}

static struct lock *gil_of(struct model *m, const struct thread *t)
{
	return t->python.gil ? lock_of_gil(m, t->process, t->python.gil) : NULL;
}

void python_thread(struct model *m, struct thread *t, const struct wire_pythread *r)
{
	struct lock *l;

	if (t->dead)
		return;
	t->python.seen = true;
	t->python.gil = r->gil;
	set_key(m, t, r->tstate);
	l = gil_of(m, t);
	if (l && l->gil->holder_tstate && l->gil->holder_tstate == r->tstate)
		lock_seen_held(m, l, t, r->head.ts_ns);
}

void python_move(struct model *m, struct thread *t)
{
	set_key(m, t, t->python.key.tstate);
}

void python_forget(struct model *m, struct thread *t, uint64_t ts)
{
	struct python *py = &t->python;
	struct lock *l = gil_of(m, t);

	if (l && l->holder_id == t->id)
		lock_hold(m, l, NULL, ts);
	drop_key(m, t);
	py->gil = 0;
	py->held = NULL;
	py->held_stack = NULL;
	t->look = (struct look){ 0 };
	py->ready = (struct ready){ 0 };
}

void python_name(struct thread *t, const struct wire_name *r)
{
	memcpy(t->python.name, r->name, sizeof(t->python.name));
}

/* The window may open after an interpreter was found, or before. */
void python_runtime(struct model *m, struct process *p, const struct wire_runtime *r)
{
	struct runtime *found = NULL;

	for (size_t i = 0; i < p->n_runtimes && !found; i++)
		if (p->runtimes[i].space == p->id && p->runtimes[i].last.gil == r->gil)
			found = &p->runtimes[i];
	if (!found && p->n_runtimes >= MODEL_MAX_RUNTIMES)
		return;
	if (!found) {
		found = &vec_push(p->runtimes, p->n_runtimes, p->cap_runtimes);
		found->space = p->id;
		found->base = *r;
	}
	if (r->head.ts_ns <= model_begin_ns(m))
		found->base = *r;
	found->last = *r;
}

/* --- ready -> has the GIL --------------------------------------------------------------------- */

/*
 * A thread that comes back from a wait for something else wants the GIL.  If it sleeps on the GIL
 * within this much CPU time that wait belongs to it; else it had the GIL when it got on a CPU.
 */
#define READY_NS MODEL_REWAIT_NS

static void ready_done(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	struct ready *r = &t->python.ready;
	uint64_t since = r->since_ns;

	*r = (struct ready){ 0 };
	if (!l || ts < since || !model_inside(m, since) || ts >= model_end_ns(m))
		return;
	hist_add(&l->gil->ready, ts - since);
	if (ts - since > l->gil->ready_max_ns)
		l->gil->ready_max_ns = ts - since;
}

void python_woken(struct thread *t, uint64_t ts)
{
	bool from_call = t->state == WIRE_IO_DISK || t->state == WIRE_IO_IPC ||
			 t->state == WIRE_SLEEP || t->state == WIRE_CHILD;
	bool from_lock = t->state == WIRE_FUTEX_WAIT && t->asleep_on && !t->asleep_on->gil;

	if (t->python.gil && !t->python.held && (from_call || from_lock))
		t->python.ready = (struct ready){ .since_ns = ts };
}

void python_waited(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	if (t->python.ready.waits && l->gil)
		ready_done(m, t, l, ts);
}

/* --- on and off the CPU ----------------------------------------------------------------------- */

static bool on_own_gil(const struct lock *l, const struct thread *t, const struct wire_switch *s)
{
	return s->prev_state == WIRE_FUTEX_WAIT && s->flags & WIRE_SWITCH_BLOCK &&
	       lock_in_region(t->process, s->block.addr, l->base);
}

/* It lets go of its GIL, and sleeps on the way on one of its words: no wait for it. */
static bool lets_go(const struct lock *l, const struct thread *t, const struct wire_switch *s)
{
	bool on_own_mutex = s->flags & WIRE_SWITCH_OBJECT && s->block.word == 1 &&
			    s->block.object && s->block.object == t->python.key.tstate;

	return on_own_mutex || lock_signals(l, s->block.addr) ||
	       lock_given_up(l, s->block.addr, s->block.op);
}

/* It was ready for something else; does it want the GIL now? */
static void leave_ready(struct model *m, struct thread *t, struct lock *l,
			const struct wire_switch *s, bool waits)
{
	struct ready *r = &t->python.ready;
	bool soon = t->ran_ns - r->cpu_ns < READY_NS;
	bool preempted = s->prev_state == WIRE_PREEMPTED && !(s->flags & WIRE_SWITCH_GIL);

	if (!r->on_ns || r->waits || (preempted && soon))
		return;
	if (waits && soon)
		r->waits = true;
	else
		ready_done(m, t, l, r->on_ns);
}

static void leave_with_gil(struct model *m, struct thread *t, struct lock *l,
			   const struct wire_switch *s, uint64_t ts)
{
	bool preempted = s->prev_state == WIRE_PREEMPTED;
	int32_t nr = s->flags & WIRE_SWITCH_BLOCK ? s->block.nr : -1;

	if (t->wait.lock == l && t->wait.phase == WAIT_RETURNED)
		wait_close(m, t);
	lock_seen_held(m, l, t, ts);
	lock_holder_off(m, l, preempted ? GIL_HOLDER_PREEMPTED : GIL_HOLDER_ASLEEP, nr,
			t->python.held_stack, ts);
	t->python.held = l;
}

void python_leave(struct model *m, struct thread *t, const struct wire_switch *s, uint64_t ts)
{
	struct lock *l = gil_of(m, t);
	bool waits;

	if (!l)
		return;
	waits = on_own_gil(l, t, s);
	leave_ready(m, t, l, s, waits && !lets_go(l, t, s));
	if (s->flags & WIRE_SWITCH_GIL)
		leave_with_gil(m, t, l, s, ts);
	else if (!waits && !(s->flags & WIRE_SWITCH_HEALED) && l->holder_id == t->id)
		lock_hold(m, l, NULL, ts);
	if (!(s->flags & WIRE_SWITCH_GIL) && s->prev_state == WIRE_PREEMPTED)
		wait_not_over(t, l, ts);
}

void python_enter(struct model *m, struct thread *t, uint64_t ts)
{
	struct python *py = &t->python;

	if (py->held) {
		if (py->held->holder_id == t->id)
			lock_holder_on(m, py->held, t->state == WIRE_WOKEN ? t->since_ns : ts, ts);
		py->held = NULL;
	}
	if (py->ready.since_ns && !py->ready.on_ns) {
		py->ready.on_ns = ts;
		py->ready.cpu_ns = t->ran_ns;
	}
}

/* --- samples ---------------------------------------------------------------------------------- */

void python_seen(struct model *m, struct thread *t, const struct wire_sample *r,
		 const struct stack *stack)
{
	struct lock *l = gil_of(m, t);

	if (!l)
		return;
	if (!(r->flags & WIRE_SAMPLE_GIL)) {
		if (l->holder_id == t->id)
			lock_hold(m, l, NULL, r->head.ts_ns);
		return;
	}
	if (t->wait.lock == l && t->wait.phase == WAIT_RETURNED)
		wait_close(m, t);
	if (t->python.ready.on_ns && !t->python.ready.waits)
		ready_done(m, t, l, t->python.ready.on_ns);
	lock_seen_held(m, l, t, r->head.ts_ns);
	lock_blame_at(m, l, t, stack, r->head.ts_ns);
}
