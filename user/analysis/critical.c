// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * critical.c - see critical.h.
 *
 * The path stands at a time and before an operation of a thread.  Each step takes one operation
 * back; the time from its begin to where the path stands belongs to it.  A wake-up was recorded
 * before the wait that it ended, so that the path never comes to an operation twice.
 */
#include <stdlib.h>

#include "user/analysis/critical.h"
#include "user/base/buf.h"

#define LOOK_BACK 4096 /* operations of one wait: a hostile trace must not make us look at all */

struct walk {
	const struct timeline *tl;
	const struct functions *f;
	const struct replay *r;
	struct critical *ret;
	uint32_t thread; /* index */
	size_t next;	 /* operations before this one are still to be seen */
	double at_ns;
};

static void charge(struct walk *w, enum critical_kind kind, double from_ns)
{
	double ns = w->at_ns - from_ns;

	if (ns <= 0)
		return;
	w->at_ns = from_ns;
	w->ret->ns[kind] += ns;
	w->ret->thread_ns[w->thread] += ns;
}

static enum critical_kind wait_kind(const struct timeline_op *op)
{
	static const enum critical_kind kinds[WIRE_STATES] = {
		[WIRE_FUTEX_WAIT] = CRITICAL_LOCK, [WIRE_IO_DISK] = CRITICAL_IO,
		[WIRE_IO_IPC] = CRITICAL_IO,	   [WIRE_SLEEP] = CRITICAL_SLEEP,
		[WIRE_KLOCK] = CRITICAL_LOCK,	   [WIRE_FAULT] = CRITICAL_IO,
	};

	if (op->flags & TIMELINE_BIRTH)
		return CRITICAL_START;
	return kinds[op->state % WIRE_STATES] ? kinds[op->state % WIRE_STATES] : CRITICAL_OTHER;
}

/* Why is it runnable: it was woken by the one that let go of a lock, it is new, or it lost the CPU.
 */
static enum critical_kind ready_kind(const struct timeline_op *op, const struct timeline_op *last)
{
	if (op->state == WIRE_PREEMPTED || !last || last->kind != TIMELINE_WAIT)
		return CRITICAL_READY;
	if (last->flags & TIMELINE_BIRTH)
		return CRITICAL_START;
	return last->lock ? CRITICAL_HANDOFF : CRITICAL_READY;
}

/* When the thread began to wait for what it had at the end of this operation. */
static double begin_of_wait(const struct walk *w, size_t i)
{
	const struct timeline_op *ops = w->tl->threads[w->thread].ops;
	uint32_t lock = ops[i].lock;

	for (size_t n = 0; n < LOOK_BACK && lock && i && ops[i - 1].lock == lock; n++)
		i--;
	return i ? w->r->ends_ns[w->thread][i - 1] : w->r->begins_ns[w->thread];
}

/*
 * On with the thread that ended this wait, if it had to be waited for.  The way back leads to what
 * was recorded before, so that it ends.
 */
static bool jump(struct walk *w, const struct timeline_op *op)
{
	uint32_t by = op->thread - 1;
	double then;

	if (!op->thread)
		return false;
	then = w->r->ends_ns[by][op->op];
	if (!(op->flags & TIMELINE_BIRTH) && then <= begin_of_wait(w, w->next))
		return false;
	charge(w, CRITICAL_HANDOFF, then);
	w->thread = by;
	w->next = op->op + 1;
	w->ret->jumps++;
	return true;
}

static void step(struct walk *w)
{
	const struct timeline_thread *tt = &w->tl->threads[w->thread];
	const struct timeline_op *op = &tt->ops[--w->next];
	double begin = w->next ? w->r->ends_ns[w->thread][w->next - 1] : w->r->begins_ns[w->thread];
	double before = w->at_ns;

	switch (op->kind) {
	case TIMELINE_RUN:
		charge(w, CRITICAL_RUN, begin);
		w->ret->function_ns[functions_of(w->f, op->stack)] += before - w->at_ns;
		break;
	case TIMELINE_READY:
		charge(w, ready_kind(op, w->next ? op - 1 : NULL), begin);
		break;
	case TIMELINE_WAIT:
		if (!jump(w, op))
			charge(w, wait_kind(op), begin);
		break;
	default:
		break;
	}
}

/* Who did the last thing; what is not over does not count. */
static bool find_last(struct walk *w)
{
	double last = -1;

	for (size_t i = 0; i < w->tl->n_threads; i++) {
		size_t n = w->tl->threads[i].n;

		if (n && !replay_counts(&w->tl->threads[i].ops[n - 1]))
			n--;
		if (!n || w->r->ends_ns[i][n - 1] <= last)
			continue;
		last = w->r->ends_ns[i][n - 1];
		w->thread = (uint32_t)i;
		w->next = n;
	}
	return last >= 0;
}

void critical_find(struct critical *ret, const struct timeline *tl, const struct functions *f,
		   const struct replay *r, double total_ns)
{
	struct walk w = { .tl = tl, .f = f, .r = r, .ret = ret };

	*ret = (struct critical){ 0 };
	ret->thread_ns = xcalloc(tl->n_threads + 1, sizeof(*ret->thread_ns));
	ret->function_ns = xcalloc(f->n + 1, sizeof(*ret->function_ns));
	if (!find_last(&w)) {
		ret->ns[CRITICAL_END] = total_ns;
		return;
	}
	w.at_ns = r->makespan_ns;
	ret->ns[CRITICAL_END] = total_ns - w.at_ns;
	while (w.next && w.at_ns > 0)
		step(&w);
	charge(&w, CRITICAL_OTHER, 0); /* before it was seen */
}

void critical_free(struct critical *c)
{
	free(c->thread_ns);
	free(c->function_ns);
}
