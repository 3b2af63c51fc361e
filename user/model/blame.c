// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blame.c - see blame.h.
 *
 * Time is charged piece by piece, each time the number of sleepers or the holder changes.  Of a GIL
 * it is also known whether its holder is on a CPU: gil.off says so, and what is charged meanwhile is
 * kept apart.
 */
#include <utlist.h>

#include "user/model/blame.h"
#include "user/model/lock.h"
#include "user/model/stack.h"

static struct party *holder_of(const struct lock *l)
{
	struct party *p = NULL;

	if (l->holder_id)
		HASH_FIND(hh, l->parties, &l->holder_id, sizeof(l->holder_id), p);
	return p;
}

static void charge_off(struct gil *g, uint64_t ns)
{
	if (g->off == GIL_HOLDER_PREEMPTED)
		g->preempted_ns += ns;
	else if (g->off == GIL_HOLDER_ASLEEP)
		g->asleep_ns += ns;
	g->off_ns += ns;
}

void lock_charge(struct model *m, struct lock *l, uint64_t ts)
{
	uint64_t wall = model_inside_ns(m, l->charged_ns, ts), ns = wall * l->blocked;
	struct gil *g = l->gil;
	struct party *p;

	if (ts > l->charged_ns)
		l->charged_ns = ts;
	if (!ns)
		return;
	p = holder_of(l);
	if (p) {
		p->blamed_ns += ns;
		p->blamed_new_ns += ns;
		if (g) {
			g->held_ns += wall;
			charge_off(g, ns);
		}
	} else if (g && g->free) {
		g->free_ns += ns;
	} else {
		l->pending_ns += ns;
		if (g)
			g->pending_held_ns += wall;
	}
}

void lock_sleepers(struct model *m, struct lock *l, int change, uint64_t ts)
{
	lock_charge(m, l, ts);
	if (!l->blocked)
		l->alone_ns = ts;
	l->blocked += (uint32_t)change;
	if (l->blocked > l->max_blocked)
		l->max_blocked = l->blocked;
}

/* Nobody ever said who had it. */
static void forget_pending(struct lock *l)
{
	l->unknown_ns += l->pending_ns;
	l->pending_ns = 0;
	if (l->gil)
		l->gil->pending_held_ns = 0;
}

void lock_unlink(struct lock *l)
{
	if (l->holder)
		DL_DELETE2(l->holder->held, l, held_prev, held_next);
	l->holder = NULL;
}

void lock_holder_gone(struct thread *t)
{
	while (t->held)
		lock_unlink(t->held);
}

static void set_holder(struct lock *l, struct thread *holder)
{
	lock_unlink(l);
	l->holder_id = holder ? holder->id : 0;
	l->holder = holder;
	if (holder)
		DL_APPEND2(holder->held, l, held_prev, held_next);
}

void lock_hold(struct model *m, struct lock *l, struct thread *holder, uint64_t ts)
{
	uint64_t id = holder ? holder->id : 0;

	if (id == l->holder_id)
		return;
	lock_charge(m, l, ts);
	lock_holder_on(m, l, ts, ts);
	set_holder(l, holder);
	forget_pending(l);
	if (l->gil) {
		l->gil->free = false;
		l->gil->holder_tstate = 0;
	}
	if (holder)
		lock_party(m, l, holder)->holds++;
}

void lock_seen_held(struct model *m, struct lock *l, struct thread *holder, uint64_t ts)
{
	struct party *p;

	if (!l->holder_id) {
		lock_charge(m, l, ts);
		p = lock_party(m, l, holder);
		p->blamed_ns += l->pending_ns;
		p->blamed_new_ns += l->pending_ns;
		l->pending_ns = 0;
		if (l->gil) {
			l->gil->held_ns += l->gil->pending_held_ns;
			l->gil->pending_held_ns = 0;
		}
	}
	lock_hold(m, l, holder, ts);
}

void lock_free(struct model *m, struct lock *l, uint64_t ts)
{
	lock_hold(m, l, NULL, ts);
	lock_charge(m, l, ts);
	forget_pending(l);
	l->gil->free = true;
	l->gil->holder_tstate = 0;
}

void lock_blame_at(struct model *m, struct lock *l, const struct thread *holder,
		   const struct stack *stack, uint64_t ts)
{
	struct party *p;

	lock_holder_on(m, l, ts, ts);
	lock_charge(m, l, ts);
	p = lock_party(m, l, holder);
	if (stack)
		p->held_at = stack;
	site_of_party(m, p, SITE_HOLDING, stack, p->blamed_new_ns);
	p->blamed_new_ns = 0;
}

void lock_blame_held(struct model *m, const struct thread *t, const struct lock *but,
		     const struct stack *stack, uint64_t ts)
{
	for (struct lock *l = t->held; l; l = l->held_next)
		if (l != but && !l->gil && lock_has_holder(l))
			lock_blame_at(m, l, t, stack, ts);
}

void lock_blame_released(struct model *m, const struct thread *t, uint64_t addr,
			 const struct stack *stack, uint64_t ts)
{
	struct lock *l = lock_lookup(m, t->process, addr, 0);
	const struct party *p = l ? lock_party_find(l, t) : NULL;

	if (!p || l->gil || !lock_has_holder(l))
		return;
	if (p->blamed_new_ns || l->holder_id == t->id)
		lock_blame_at(m, l, t, stack, ts);
}

void lock_holder_off(struct model *m, struct lock *l, enum gil_off how, int32_t nr,
		     const struct stack *stack, uint64_t ts)
{
	struct gil *g = l->gil;

	lock_holder_on(m, l, ts, ts); /* its return was not seen */
	lock_charge(m, l, ts);
	g->off = how;
	g->off_since_ns = ts;
	g->off_ns = 0;
	g->off_nr = nr;
	g->off_stack = stack;
}

void lock_holder_on(struct model *m, struct lock *l, uint64_t woken, uint64_t to)
{
	struct gil *g = l->gil;
	struct party *p = holder_of(l);
	enum gil_off how;

	if (!g || g->off == GIL_HOLDER_ON)
		return;
	lock_charge(m, l, to);
	how = g->off;
	g->off = GIL_HOLDER_ON;
	if (how != GIL_HOLDER_ASLEEP || !p || !g->off_ns) /* nobody minded */
		return;
	site_of_sleep(m, p, g->off_stack, g->off_nr, g->off_ns,
		      model_inside_ns(m, g->off_since_ns, woken));
	site_of_party(m, p, SITE_HOLDING, g->off_stack, g->off_ns);
	p->blamed_new_ns -= g->off_ns;
}

static uint64_t take(uint64_t *from, uint64_t ns)
{
	ns = ns < *from ? ns : *from;
	*from -= ns;
	return ns;
}

void lock_move_blame(struct model *m, struct lock *from, struct lock *to, uint64_t ns, uint64_t ts)
{
	uint64_t nobody;

	lock_charge(m, from, ts);
	nobody = take(&from->unknown_ns, ns);
	take(&from->pending_ns, ns - nobody);
	to->unknown_ns += ns;
}

void lock_learn_join(struct model *m, struct lock *l, uint64_t ts)
{
	struct thread *t;

	if ((l->kind != KIND_FUTEX && l->kind != KIND_JOIN) || !l->waited_val)
		return;
	HASH_FIND(hh, m->by_tid, &l->waited_val, sizeof(l->waited_val), t);
	if (!t || t->ns_tid != l->waited_val || t->process->id != l->space)
		return;
	l->kind = KIND_JOIN;
	lock_seen_held(m, l, t, ts);
}

void lock_finish(struct model *m, struct lock *l, uint64_t end)
{
	lock_learn_join(m, l, end);
	lock_charge(m, l, end);
	lock_holder_on(m, l, end, end);
	forget_pending(l);
}

void lock_suspend(struct model *m, struct lock *l, uint64_t ts)
{
	lock_finish(m, l, ts);
	lock_hold(m, l, NULL, ts);
	if (!l->gil)
		return;
	l->gil->free = false;
	l->gil->holder_tstate = 0;
}
