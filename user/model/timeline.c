// SPDX-License-Identifier: GPL-2.0-or-later
/* timeline.c - see timeline.h. */
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/model/timeline.h"

/* A wait and what belongs to it are few operations; a hostile trace must not make us look at all.
 */
#define LOOK_BACK 64
#define LOOK_BACK_MOVED 4096
#define CALL_MAX_NS 50000 /* CPU time of a call that wakes others, from the wake-up on */

void timeline_start(struct model *m)
{
	if (!m->timeline)
		m->timeline = xcalloc(1, sizeof(*m->timeline));
}

void timeline_free(struct model *m)
{
	struct timeline *tl = m->timeline;

	if (!tl)
		return;
	for (size_t i = 0; i < tl->n_threads; i++)
		free(tl->threads[i].ops);
	free(tl->threads);
	free(tl->locks);
	free(tl);
	m->timeline = NULL;
}

/* NULL: there is no timeline, or no room for this thread. */
static struct timeline_thread *of_thread(const struct model *m, const struct thread *t)
{
	return m->timeline && t->timeline ? &m->timeline->threads[t->timeline - 1] : NULL;
}

/* NULL: no room. */
static struct timeline_op *push(struct timeline *tl, struct timeline_thread *tt,
				enum timeline_kind kind, uint64_t ns)
{
	struct timeline_op *op;

	if (tl->n_ops >= TIMELINE_MAX_OPS) {
		tl->cut = true;
		return NULL;
	}
	tl->n_ops++;
	op = &vec_push(tt->ops, tt->n, tt->cap);
	*op = (struct timeline_op){ .kind = (uint8_t)kind, .ns = ns };
	return op;
}

static uint32_t lock_number(struct timeline *tl, struct lock *l)
{
	if (!l->timeline) {
		vec_push(tl->locks, tl->n_locks, tl->cap_locks) = l;
		l->timeline = (uint32_t)tl->n_locks;
	}
	return l->timeline;
}

void timeline_lock_gone(struct model *m, const struct lock *l)
{
	if (m->timeline && l->timeline)
		m->timeline->locks[l->timeline - 1] = NULL;
}

/* --- levels ---------------------------------------------------------------------------------- */

static void advance(struct model *m, uint64_t ts)
{
	struct timeline *tl = m->timeline;
	uint64_t ns = model_inside_ns(m, tl->area_ns, ts);

	if (ts > tl->area_ns)
		tl->area_ns = ts;
	tl->run_area += ns * m->tree.running;
	if (m->tree.running < m->host.cpus_online)
		tl->free_ns += ns;
}

static uint8_t level(uint64_t area, uint64_t ns)
{
	double average = ns ? (double)area / (double)ns * TIMELINE_LEVEL + 0.5 : 0;

	return average > UINT8_MAX ? UINT8_MAX : (uint8_t)average;
}

/* --- operations ------------------------------------------------------------------------------ */

static enum timeline_kind kind_of(uint8_t state)
{
	if (state == WIRE_ON_CPU)
		return TIMELINE_RUN;
	return state == WIRE_WOKEN || state == WIRE_PREEMPTED ? TIMELINE_READY : TIMELINE_WAIT;
}

/* Who was woken on a lock is ready for it. */
static uint32_t ready_for(const struct timeline_thread *tt)
{
	const struct timeline_op *last = tt->n ? &tt->ops[tt->n - 1] : NULL;

	return last && last->kind == TIMELINE_WAIT ? last->lock : 0;
}

static void push_wait(struct model *m, struct timeline_thread *tt, struct thread *t, uint64_t ns)
{
	struct timeline_op *op = push(m->timeline, tt, TIMELINE_WAIT, ns);

	if (!op)
		return;
	op->state = t->state;
	op->lock = t->asleep_on ? lock_number(m->timeline, t->asleep_on) : 0;
	op->thread = tt->woken.thread;
	op->op = tt->woken.op;
	if (tt->woken.birth)
		op->flags |= TIMELINE_BIRTH;
	if (!tt->woken.seen || (!tt->woken.thread && !tt->woken.timer))
		op->flags |= TIMELINE_UNKNOWN;
}

/* What it does has lasted until ts; it may go on. */
static void flush(struct model *m, struct timeline_thread *tt, struct thread *t, uint64_t ts)
{
	uint64_t ns = model_inside_ns(m, tt->since_ns, ts);
	uint32_t lock = t->state == WIRE_WOKEN ? ready_for(tt) : 0;
	struct timeline_op *op;

	if (ts > tt->since_ns)
		tt->since_ns = ts;
	advance(m, ts);
	switch (kind_of(t->state)) {
	case TIMELINE_RUN:
		op = ns ? push(m->timeline, tt, TIMELINE_RUN, ns) : NULL;
		if (op)
			op->level = level(m->timeline->run_area - tt->run_area, ns);
		break;
	case TIMELINE_READY:
		op = ns ? push(m->timeline, tt, TIMELINE_READY, ns) : NULL;
		if (!op)
			break;
		op->level = level(m->timeline->run_area - tt->run_area, ns);
		op->free_ns = m->timeline->free_ns - tt->free_ns;
		op->state = t->state;
		op->lock = lock;
		break;
	default:
		if (ns || tt->woken.thread)
			push_wait(m, tt, t, ns);
	}
	memset(&tt->woken, 0, sizeof(tt->woken));
	tt->run_area = m->timeline->run_area;
	tt->free_ns = m->timeline->free_ns;
}

void timeline_born(struct model *m, struct thread *t)
{
	struct timeline *tl = m->timeline;
	struct timeline_thread *tt;

	if (!tl)
		return;
	if (tl->n_threads >= TIMELINE_MAX_THREADS) {
		tl->cut = true;
		return;
	}
	tt = &vec_push(tl->threads, tl->n_threads, tl->cap_threads);
	memset(tt, 0, sizeof(*tt));
	tt->id = t->id;
	tt->since_ns = t->begin_ns;
	advance(m, t->begin_ns);
	tt->run_area = tl->run_area;
	tt->free_ns = tl->free_ns;
	t->timeline = (uint32_t)tl->n_threads;
}

void timeline_left(struct model *m, struct thread *t, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);

	if (tt)
		flush(m, tt, t, ts);
}

void timeline_advance(struct model *m, uint64_t ts)
{
	if (m->timeline)
		advance(m, ts);
}

void timeline_corrected(struct model *m, struct thread *t, uint8_t state)
{
	struct timeline_thread *tt = of_thread(m, t);

	for (size_t i = 0; tt && i < tt->n; i++) {
		struct timeline_op *op = &tt->ops[i];

		if (op->kind == TIMELINE_WAKE)
			continue;
		*op = (struct timeline_op){ .kind = (uint8_t)kind_of(state),
					    .state = state,
					    .ns = op->ns };
		op->level = op->kind == TIMELINE_WAIT ? 0 : (uint8_t)TIMELINE_LEVEL;
	}
}

void timeline_woken(struct model *m, struct thread *t, struct thread *waker,
		    const struct wire_wake *w, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t), *by = waker ? of_thread(m, waker) : NULL;
	struct timeline_op *op;

	if (!tt || kind_of(t->state) != TIMELINE_WAIT)
		return;
	memset(&tt->woken, 0, sizeof(tt->woken));
	tt->woken.seen = true;
	tt->woken.timer = w->flags & WIRE_WAKE_IRQ;
	tt->woken.birth = w->flags & WIRE_WAKE_NEW;
	if (!by || by == tt || ts < model_begin_ns(m))
		return;
	if (waker->state == WIRE_ON_CPU)
		flush(m, by, waker, ts);
	op = push(m->timeline, by, TIMELINE_WAKE, 0);
	if (!op)
		return;
	if (tt->woken.birth)
		op->flags = TIMELINE_BIRTH;
	op->thread = t->timeline;
	op->op = (uint32_t)tt->n;
	tt->woken.thread = waker->timeline;
	tt->woken.op = (uint32_t)by->n - 1;
}

void timeline_sampled(struct model *m, struct thread *t, const struct stack *stack, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);

	if (!tt)
		return;
	if (t->state == WIRE_ON_CPU)
		flush(m, tt, t, ts);
	for (; tt->unplaced < tt->n; tt->unplaced++)
		if (tt->ops[tt->unplaced].kind == TIMELINE_RUN)
			tt->ops[tt->unplaced].stack = stack;
}

/* --- logical waits --------------------------------------------------------------------------- */

/* Its last wait, if that is for l; what it did since then. */
static struct timeline_op *last_wait(struct timeline_thread *tt, const struct lock *l)
{
	for (size_t i = tt->n; i-- && tt->n - i <= LOOK_BACK;)
		if (tt->ops[i].kind == TIMELINE_WAIT)
			return tt->ops[i].lock == l->timeline ? &tt->ops[i] : NULL;
	return NULL;
}

static void belongs_to(struct timeline_thread *tt, struct timeline_op *wait)
{
	for (struct timeline_op *op = wait + 1; op < tt->ops + tt->n; op++)
		if (op->kind == TIMELINE_RUN || op->kind == TIMELINE_READY)
			op->lock = wait->lock;
}

void timeline_waits_since(struct model *m, struct thread *t, struct lock *l, uint64_t begin_ns)
{
	struct timeline_thread *tt = of_thread(m, t);
	uint64_t ns = tt ? tt->since_ns : 0;

	for (size_t i = tt ? tt->n : 0; i-- && tt->n - i <= LOOK_BACK;) {
		struct timeline_op *op = &tt->ops[i];

		if (op->kind == TIMELINE_WAIT || ns - begin_ns < op->ns || ns < begin_ns)
			break;
		ns -= op->ns;
		if (op->kind != TIMELINE_WAKE)
			op->lock = lock_number(m->timeline, l);
	}
}

void timeline_goes_on(struct model *m, struct thread *t, struct lock *l)
{
	struct timeline_thread *tt = of_thread(m, t);
	struct timeline_op *wait = tt && l->timeline ? last_wait(tt, l) : NULL;

	if (!wait)
		return;
	wait->flags |= TIMELINE_RETRY;
	belongs_to(tt, wait);
}

void timeline_returned(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);
	struct timeline_op *wait = tt && l->timeline ? last_wait(tt, l) : NULL;
	size_t index;

	if (!wait)
		return;
	index = (size_t)(wait - tt->ops);
	if (t->state == WIRE_ON_CPU)
		flush(m, tt, t, ts);
	belongs_to(tt, &tt->ops[index]);
}

void timeline_woke(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);
	uint64_t ran = 0;
	size_t i;

	if (!tt || !l->timeline)
		return;
	if (t->state == WIRE_ON_CPU)
		flush(m, tt, t, ts);
	for (i = tt->n; i && tt->n - i <= LOOK_BACK && tt->ops[i - 1].kind != TIMELINE_WAKE; i--)
		if (tt->ops[i - 1].kind == TIMELINE_RUN)
			ran += tt->ops[i - 1].ns;
	if (!i || tt->ops[i - 1].kind != TIMELINE_WAKE ||
	    ran > CALL_MAX_NS) /* who was woken was not asleep */
		return;
	for (; i < tt->n; i++)
		if (tt->ops[i].kind != TIMELINE_WAIT && !tt->ops[i].lock)
			tt->ops[i].lock = l->timeline;
}

void timeline_released(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);

	if (!tt || !l->timeline || ts < model_begin_ns(m))
		return;
	if (t->state == WIRE_ON_CPU)
		flush(m, tt, t, ts);
	if (!push(m->timeline, tt, TIMELINE_WAKE, 0))
		return;
	l->let_go.thread = t->timeline;
	l->let_go.op = (uint32_t)tt->n - 1;
	l->let_go.ns = ts;
}

/* Here, just now, a thread let go of l: the last that did so by a call, or who has it. */
static struct timeline_op *find_release(struct model *m, struct thread *t, struct lock *l, bool now,
					uint64_t ts)
{
	struct timeline *tl = m->timeline;
	bool told = l->let_go.thread && l->let_go.thread != t->timeline &&
		    l->let_go.ns >= t->wait.begin_ns;

	if (!told && now && l->holder && l->holder != t)
		timeline_released(m, l->holder, l, ts);
	else if (!told)
		return NULL;
	return l->let_go.thread ? &tl->threads[l->let_go.thread - 1].ops[l->let_go.op] : NULL;
}

void timeline_given(struct model *m, struct thread *t, struct lock *l, bool now, uint64_t ts)
{
	struct timeline_thread *tt = of_thread(m, t);
	struct timeline_op *wait = tt && l->timeline ? last_wait(tt, l) : NULL;
	struct timeline_op *op, *release;
	size_t index;

	if (!wait || wait->thread)
		return;
	index = (size_t)(wait - tt->ops);
	release = find_release(m, t, l, now, ts);
	if (!release)
		return;
	if (t->state == WIRE_ON_CPU)
		flush(m, tt, t, ts);
	op = push(m->timeline, tt, TIMELINE_WAIT, 0);
	if (!op)
		return;
	tt->ops[index].flags |= TIMELINE_RETRY;
	op->state = WIRE_FUTEX_WAIT;
	op->lock = l->timeline;
	op->thread = l->let_go.thread;
	op->op = l->let_go.op;
	if (release->thread) /* it was for another one, which then did not get it */
		m->timeline->threads[release->thread - 1].ops[release->op].thread = 0;
	release->thread = t->timeline;
	release->op = (uint32_t)tt->n - 1;
}

void timeline_moved(struct model *m, struct thread *t, const struct lock *from, struct lock *to)
{
	struct timeline_thread *tt = of_thread(m, t);

	if (!tt || !from->timeline)
		return;
	for (size_t i = tt->n; i-- && tt->n - i <= LOOK_BACK_MOVED;) {
		struct timeline_op *op = &tt->ops[i];

		if (op->kind == TIMELINE_WAKE)
			continue;
		if (op->lock != from->timeline)
			break;
		op->lock = lock_number(m->timeline, to);
	}
}

void timeline_ended(struct model *m, struct thread *t, bool open)
{
	struct timeline_thread *tt = of_thread(m, t);
	struct timeline_op *last;
	uint64_t lived = 0;

	if (!tt)
		return;
	tt->tid = t->tid;
	tt->pid = t->process->pid;
	tt->leader = t->tid == t->process->pid;
	memcpy(tt->comm, t->comm, sizeof(tt->comm));
	last = tt->n ? &tt->ops[tt->n - 1] : NULL;
	if (open && last && last->kind == TIMELINE_WAIT)
		last->flags = TIMELINE_OPEN;
	for (size_t i = 0; i < tt->n; i++)
		lived += tt->ops[i].ns;
	tt->begin_ns = (tt->since_ns < model_end_ns(m) ? tt->since_ns : model_end_ns(m)) - lived;
	tt->ops = xrealloc(tt->ops, tt->n ? tt->n : 1, sizeof(*tt->ops));
	tt->cap = tt->n ? tt->n : 1;
}
