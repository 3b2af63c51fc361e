// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wait.c - folds futex calls into logical acquisitions; see wait.h.
 *
 *	asleep ──call returns──► returned ──sleeps on the same lock again──► asleep   (one wait)
 *	                            └── lets go, blocks elsewhere, runs on ──► closed
 *
 * A mutex is taken once its waiter goes on; the release is a futex wake by itself, because a mutex
 * that was waited for is marked contended.  So "waits again without having released" is a lost
 * race, exactly.  A GIL is given back without a system call when nobody waits, there the CPU time
 * in between decides (MODEL_REWAIT_NS), unless others slept on it all the time; so is Python's own
 * lock.  Who gets a GIL never gives up: however its last call ended, a wait that is over ended with
 * having it.  A rwlock is given back in the same way; but who was woken on its __wrphase_futex has
 * it, and only a writer woken on __writers_futex may have to wait once more.  Conditions,
 * semaphores and barriers are not folded: each call is a wait of its own.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "user/model/blame.h"
#include "user/model/lock.h"
#include "user/model/natlock.h"
#include "user/model/pylock.h"
#include "user/model/python.h"
#include "user/model/stack.h"
#include "user/model/thread.h"
#include "user/model/timeline.h"
#include "user/model/wait.h"
#include "user/model/word.h"

#define CMD(cmd) (1u << (cmd))
#define WAIT_CMDS                                                                                  \
	(CMD(FUTEX_WAIT) | CMD(FUTEX_LOCK_PI) | CMD(FUTEX_WAIT_BITSET) |                           \
	 CMD(FUTEX_WAIT_REQUEUE_PI) | CMD(FUTEX_LOCK_PI2))
#define WAKE_CMDS                                                                                  \
	(CMD(FUTEX_WAKE) | CMD(FUTEX_REQUEUE) | CMD(FUTEX_CMP_REQUEUE) | CMD(FUTEX_WAKE_OP) |      \
	 CMD(FUTEX_UNLOCK_PI) | CMD(FUTEX_WAKE_BITSET) | CMD(FUTEX_CMP_REQUEUE_PI))
#define ERESTARTSYS 512 /* kernel-internal results that a tracer sees, up to 516 */
#define ERESTART_LAST 516

static bool is_cmd(uint32_t op, uint32_t cmds)
{
	uint32_t cmd = op & FUTEX_CMD_MASK;

	return cmd < 32 && (CMD(cmd) & cmds);
}

/* CPU time since its last call returned. */
static uint64_t ran_since(const struct thread *t, uint64_t ts)
{
	return thread_on_cpu_ns(t, ts) - t->wait.on_cpu_at_end_ns;
}

/* That is short: it did not get the lock, or not for long. */
static bool soon(const struct thread *t, uint64_t ts)
{
	return ran_since(t, ts) < MODEL_REWAIT_NS;
}

void wait_not_over(struct thread *t, const struct lock *l, uint64_t ts)
{
	if (t->wait.phase == WAIT_RETURNED && t->wait.lock == l)
		t->wait.on_cpu_at_end_ns = thread_on_cpu_ns(t, ts);
}

/* The second word of a rwlock; the first, __wrphase_futex, is 8-aligned (word.c). */
static bool is_writers_futex(uint64_t addr)
{
	return addr & 4;
}

/*
 * Others slept on it all the time since this one was woken.  Had it got the GIL it would have had to
 * wake one of them to let go of it, which is a system call: released says whether there was one.
 */
static bool in_company(const struct thread *t, const struct lock *l)
{
	return l->blocked && l->alone_ns < t->wait.slept_ns;
}

/*
 * Lean mode, where a release that wakes nobody is not seen: has it had the lock since?  Not if it
 * had had to wake somebody, nor if it ran for no longer than it takes to look and sleep again.
 */
static bool had_no_chance(const struct thread *t, const struct lock *l, uint64_t ts)
{
	return in_company(t, l) || ran_since(t, ts) < MODEL_RETRY_NS;
}

static bool continues(const struct thread *t, const struct lock *l, uint64_t ts, bool sleeps)
{
	const struct wait *w = &t->wait;

	if (w->phase != WAIT_RETURNED || w->lock != l || w->released || !lock_kinds[l->kind].refold)
		return false;
	if (l->kind == KIND_RWLOCK && w->got_it)
		return is_writers_futex(w->addr) && soon(t, ts);
	if (lock_class(l) == CLASS_GIL || l->kind == KIND_PY_LOCK)
		return soon(t, ts) || (sleeps && l->kind == KIND_GIL && in_company(t, l));
	return !t->lean.asleep || had_no_chance(t, l, ts);
}

/* It let go of the GIL a moment ago because it was asked to: the wait began there. */
static uint64_t begin_of(const struct thread *t, const struct lock *l, uint64_t ts)
{
	if (l->kind == KIND_GIL && t->dropped == l && t->drop_ns &&
	    thread_on_cpu_ns(t, ts) - t->drop_on_cpu_ns < MODEL_REWAIT_NS)
		return t->drop_ns;
	return ts;
}

static struct thread *find_by_ns_tid(const struct model *m, const struct thread *t, uint32_t ns_tid)
{
	struct thread *owner;

	if (!ns_tid)
		return NULL;
	if (t->ns_tid != t->tid)
		return thread_inner(m, t, ns_tid);
	HASH_FIND(hh, m->by_tid, &ns_tid, sizeof(ns_tid), owner);
	return owner;
}

/*
 * Who had a lock while nobody waited for it may have let go of it without a call, and another may have
 * taken it: who wakes this sleeper will tell, if no owner is written beside the word.
 */
static void note_owner(struct model *m, struct thread *t, struct lock *l,
		       const struct wire_block *b, uint64_t ts)
{
	uint32_t ns_tid = word_owner(l->kind, b);
	struct thread *owner = find_by_ns_tid(m, t, ns_tid);

	if (!ns_tid && !l->blocked)
		lock_hold(m, l, NULL, ts);
	if (owner && owner != t)
		lock_seen_held(m, l, owner, ts);
	else if (ns_tid)
		lock_hold(m, l, NULL, ts);
}

/*
 * What the words of a GIL say, read when the thread went to sleep on one of them.  True: it has the
 * GIL itself.  It lets go of it just now and sleeps on the mutex inside, which is no wait for it.
 */
static bool note_gil(struct model *m, struct thread *t, struct lock *l, const struct wire_block *b,
		     uint64_t ts)
{
	struct thread *holder = python_find(m, t->process, b->object);

	if (b->word != 1 || !b->object) {
		lock_free(m, l, ts);
		return false;
	}
	if (holder) {
		lock_seen_held(m, l, holder, ts);
		return holder == t;
	}
	if (l->gil->holder_tstate == b->object)
		return false;
	lock_free(m, l, ts); /* whoever had it has not */
	l->gil->free = false;
	l->gil->holder_tstate = b->object;
	return false;
}

static void sleep_dropping(struct model *m, struct thread *t, struct lock *l)
{
	wait_close(m, t);
	t->asleep_on = l;
	t->dropping = true;
	t->counted_class = CLASS_GIL;
}

static void wait_begin(struct model *m, struct thread *t, struct lock *l, uint64_t ts)
{
	struct wait *w = &t->wait;
	uint64_t begin = begin_of(t, l, ts);

	wait_close(m, t);
	*w = (struct wait){ .lock = l, .begin_ns = begin, .forced = begin != ts };
	if (w->forced) {
		w->between_ns = t->drop_delay_ns;
		timeline_waits_since(m, t, l, begin);
	}
}

void wait_sleep(struct model *m, struct thread *t, const struct wire_block *b, bool object,
		uint64_t ts)
{
	struct look look = t->look;
	const struct stack *stack = look.addr == b->addr ? look.stack : NULL;
	struct lock *l = pylock_find(m, t->process, b, object, stack);
	struct wait *w = &t->wait;

	t->look = (struct look){ 0 };
	natlock_learn(l, stack);
	lock_slept_on(l, b->addr, b->op);
	if (l->gil && ((object && note_gil(m, t, l, b, ts)) || lock_signals(l, b->addr))) {
		sleep_dropping(m, t, l);
		return;
	}
	if (w->phase != WAIT_ASLEEP && w->lock == l && w->timed_out && !w->released && soon(t, ts))
		l->rewaits++;
	if (w->phase == WAIT_ASLEEP && w->lock == l) {
		timeline_goes_on(m, t, l); /* was interrupted inside the call and sleeps again */
	} else if (continues(t, l, ts, true) && !lock_given_up(l, b->addr, b->op)) {
		w->between_ns += w->after_ns;
		timeline_goes_on(m, t, l);
	} else {
		wait_begin(m, t, l, ts);
	}
	if (stack) {
		w->stack = stack;
		w->weighed = false;
		w->weight_ns = 0;
	}
	w->phase = WAIT_ASLEEP;
	w->addr = b->addr;
	w->object = object ? b->object : 0;
	w->like_semaphore = pylock_like_semaphore(b->op, b->val);
	w->got_it = false;
	w->after_ns = 0;
	t->asleep_on = l;
	t->counted_class = (uint8_t)lock_class(l);
	if (l->kind == KIND_GIL && t->dropped == l)
		t->drop_ns = 0;
	if (l->kind == KIND_PY_LOCK && l->holder_id == t->id)
		lock_hold(m, l, NULL, ts); /* given back without a call: nobody waited */
	if (!l->gil)
		note_owner(m, t, l, b, ts);
	lock_sleepers(m, l, 1, ts);
}

void wait_slept(struct model *m, struct thread *t, uint64_t from, uint64_t to)
{
	uint64_t ns = model_inside_ns(m, from, to);
	struct lock *l = t->asleep_on;

	if (!l)
		return;
	t->asleep_on = NULL;
	l->last_ns = to;
	if (t->dropping) {
		lock_party(m, l, t)->drop_ns += ns;
		t->dropping = false;
		return;
	}
	lock_sleepers(m, l, -1, to);
	lock_party(m, l, t)->blocked_ns += ns;
	l->blocked_ns += ns;
	t->wait.slept_ns = to;
	t->wait.blocked_ns += ns;
	if (l->gil && lock_releases(l, t->wait.addr))
		t->wait.poll_ns += ns;
}

void wait_delayed(struct model *m, struct thread *t, uint64_t from, uint64_t to)
{
	uint64_t ns = model_inside_ns(m, from, to);

	if (t->wait.phase == WAIT_RETURNED)
		t->wait.after_ns += ns;
	else if (t->wait.phase == WAIT_NONE && t->drop_ns)
		t->drop_delay_ns += ns;
	if (t->wait.phase != WAIT_ASLEEP)
		return;
	t->wait.delay_ns += ns;
	t->wait.lock->delay_ns += ns;
}

/* What a wait that was sampled stands for: see sample_weight() in bpf/sample.bpf.h. */
static uint64_t weighed_ns(const struct wait *w, uint64_t ns)
{
	if (w->weight_ns < w->blocked_ns)
		return w->weight_ns;
	return ns + (w->weight_ns - w->blocked_ns);
}

/* The wait belongs to where the thread was; without a stack, to the next place that is seen. */
static void place(struct model *m, const struct wait *w, struct party *p, uint64_t ns)
{
	if (!w->stack && !w->weighed) {
		p->waited_new_ns += ns;
		return;
	}
	if (w->weighed) {
		uint64_t all = ns + p->waited_new_ns;

		ns = weighed_ns(w, ns);
		ns = ns < all ? ns : all;
		p->waited_new_ns = all - ns;
	}
	site_of_party(m, p, SITE_WAIT, w->stack, ns);
	if (w->stack)
		p->waited_at = w->stack;
}

static void account_gil(struct gil *g, const struct wait *w, uint64_t ns)
{
	uint64_t poll = w->poll_ns < ns ? w->poll_ns : ns;
	uint64_t delay = w->delay_ns + w->between_ns;

	g->poll_ns += poll;
	g->delay_ns += delay < ns - poll ? delay : ns - poll;
	g->forced += w->forced;
}

static void account(struct model *m, struct thread *t, uint64_t ns)
{
	struct wait *w = &t->wait;
	struct lock *l = w->lock;
	struct party *p = lock_party(m, l, t);

	l->wait_ns += ns;
	p->wait_ns += ns;
	place(m, w, p, ns);
	if (l->gil)
		account_gil(l->gil, w, ns);
	if (ns > l->max_ns)
		l->max_ns = ns;
	if (w->carried || !model_inside(m, w->begin_ns))
		l->carried++;
}

/*
 * Who was woken still has to take a pthread mutex, and mostly another was faster: it sleeps again, and
 * the owner beside the word tells who.
 */
static bool is_raced_for(const struct lock *l)
{
	return l->kind == KIND_MUTEX || l->kind == KIND_ROBUST_MUTEX;
}

/*
 * It did not sleep again: it has the lock, and did not let go of it without a call, as others sleep.
 */
static void note_taken(struct model *m, struct thread *t)
{
	struct lock *l = t->wait.lock;

	if (t->wait.got_it && l->blocked && !l->holder_id && is_raced_for(l))
		lock_seen_held(m, l, t, m->now_ns);
}

void wait_close(struct model *m, struct thread *t)
{
	struct wait *w = &t->wait;
	uint64_t ns;

	if (w->phase == WAIT_ASLEEP && !t->asleep_on) {
		/* its return was not seen: restarted after a signal, or the record was lost */
		w->phase = WAIT_RETURNED;
		w->end_ns = w->slept_ns;
		w->got_it = true;
	}
	if (w->phase != WAIT_RETURNED) {
		w->phase = WAIT_NONE;
		return;
	}
	w->phase = WAIT_NONE;
	note_taken(m, t);
	python_waited(m, t, w->lock, w->end_ns);
	if (w->end_ns <= model_begin_ns(m) || w->end_ns <= m->detail_begin_ns || w->begin_ns >= model_end_ns(m))
		return;
	ns = model_inside_ns(m, w->begin_ns, w->end_ns);
	if (w->end_ns >= model_end_ns(m)) { /* ended after the window: open at its end */
		w->lock->open++;
		account(m, t, ns);
		return;
	}
	account(m, t, ns);
	hist_add(&w->lock->hist, ns);
	if (w->got_it || w->lock->gil) {
		m->total_waits++;
		m->total_wait_ns += ns;
		w->lock->waits++;
		lock_party(m, w->lock, t)->waits++;
	} else {
		w->lock->aborted++;
	}
}

void wait_finish(struct model *m, struct thread *t, uint64_t end)
{
	struct wait *w = &t->wait;

	if (w->phase == WAIT_RETURNED)
		wait_close(m, t);
	if (w->phase != WAIT_ASLEEP)
		return;
	w->phase = WAIT_NONE;
	w->lock->open++;
	account(m, t, model_inside_ns(m, w->begin_ns, end));
}

static void count_result(struct model *m, struct lock *l, const struct wire_futex *f)
{
	if (!model_inside(m, f->head.ts_ns))
		return;
	if (f->flags & WIRE_FUTEX_BLOCKED)
		l->calls++;
	if (f->ret == -ETIMEDOUT)
		l->timeouts++;
	else if (f->ret == -EAGAIN)
		l->again++;
	else if (f->ret == -EINTR || (f->ret <= -ERESTARTSYS && f->ret >= -ERESTART_LAST))
		l->interrupted++;
}

/*
 * What a sleep was for is known only after it: which word of a futex_waitv call, which of several
 * Python locks at one address.  Who was charged for it stays charged to the other one, if somebody
 * was.
 */
static void move_wait(struct model *m, struct thread *t, struct lock *to)
{
	struct wait *w = &t->wait;
	struct lock *from = w->lock;
	uint64_t blocked = w->blocked_ns;

	if (from == to)
		return;
	lock_party(m, from, t)->blocked_ns -= blocked;
	lock_party(m, to, t)->blocked_ns += blocked;
	from->blocked_ns -= blocked;
	to->blocked_ns += blocked;
	from->delay_ns -= w->delay_ns;
	to->delay_ns += w->delay_ns;
	lock_move_blame(m, from, to, blocked, m->now_ns);
	timeline_moved(m, t, from, to);
	w->lock = to;
}

void wait_seen_at(struct model *m, struct thread *t, const struct wire_sample *r,
		  const struct stack *stack)
{
	struct wait *w = &t->wait;

	if (w->phase != WAIT_ASLEEP || w->addr != r->addr || t->asleep_on)
		return;
	w->stack = stack;
	w->weighed = true;
	w->weight_ns += r->weight_ns;
	if (!stack)
		return;
	move_wait(m, t, pylock_learn(m, t->process, w));
	natlock_learn(w->lock, stack);
}

static void wait_goes_on(struct model *m, struct thread *t, const struct wire_futex *f)
{
	struct wait *w = &t->wait;

	w->between_ns += w->after_ns;
	w->after_ns = 0;
	w->end_ns = f->head.ts_ns;
	w->got_it = f->ret >= 0 || f->ret == -EAGAIN;
	w->on_cpu_at_end_ns = thread_on_cpu_ns(t, f->head.ts_ns);
	timeline_returned(m, t, w->lock, w->end_ns);
	timeline_given(m, t, w->lock, true, w->end_ns);
}

/* It was woken on a word of the lock: does it have the lock?  The mutex inside a GIL is not the GIL. */
static bool takes(const struct lock *l, const struct wait *w)
{
	if (is_raced_for(l))
		return false;
	if (!w->got_it || lock_class(l) == CLASS_COND ||
	    (l->gil && l->gil->off != GIL_HOLDER_ON)) /* its holder is seen asleep with it */
		return false;
	return !l->gil || l->gil->free || lock_releases(l, w->addr);
}

/* A call that was to sleep is over. */
static void wait_returned(struct model *m, struct thread *t, const struct wire_futex *f)
{
	struct wait *w = &t->wait;
	uint64_t ts = f->head.ts_ns;
	struct lock *l;

	if (w->phase == WAIT_ASLEEP) {
		if (f->flags & WIRE_FUTEX_VECTOR && f->ret >= 0)
			move_wait(m, t, lock_find(m, t->process, f->addr, f->op, f->val));
		l = w->lock; /* a requeue may have moved it, the wait is still for this one */
		lock_learn_join(m, l, ts);
		count_result(m, l, f);
		w->calls++;
		w->phase = WAIT_RETURNED;
		w->end_ns = ts;
		w->got_it = f->ret >= 0;
		w->timed_out = f->ret == -ETIMEDOUT;
		w->on_cpu_at_end_ns = thread_on_cpu_ns(t, ts);
		timeline_returned(m, t, l, ts);
		timeline_given(m, t, l, false, ts);
		if (takes(l, w))
			lock_hold(m, l, t, ts);
		if (!lock_kinds[l->kind].refold)
			wait_close(m, t);
		return;
	}
	/* did not sleep: EAGAIN, a race won, or the record of the sleep was lost */
	l = lock_find(m, t->process, f->addr, f->op, f->val);
	count_result(m, l, f);
	if (w->phase == WAIT_RETURNED && w->lock == l && continues(t, l, ts, false))
		wait_goes_on(m, t, f);
}

static void released(struct model *m, struct lock *l, uint64_t ts)
{
	if (l->gil)
		lock_free(m, l, ts);
	else
		lock_hold(m, l, NULL, ts);
}

static void wake_call(struct model *m, struct thread *t, const struct wire_futex *f)
{
	struct lock *l = lock_lookup(m, t->process, f->addr, f->op);
	bool woke = f->ret > 0 || (f->ret == 0 && is_cmd(f->op, CMD(FUTEX_UNLOCK_PI)));
	uint64_t when = f->head.ts_ns;

	if (!l && f->ret < 0)
		return;
	if (!l)
		l = lock_find(m, t->process, f->addr, f->op, 0);
	if (model_inside(m, f->head.ts_ns)) {
		l->wakes += woke;
		l->empty_wakes += !woke && f->ret == 0;
	}
	l->active = true;
	l->last_ns = f->head.ts_ns;
	if (woke)
		timeline_woke(m, t, l, f->head.ts_ns);
	if (!lock_releases(l, f->addr))
		return;
	if (lock_class(l) == CLASS_GIL)
		timeline_released(m, t, l, when);
	if (t->wait.lock == l && t->wait.phase != WAIT_ASLEEP) {
		t->wait.released = true;
		wait_close(m, t);
	}
	if (l->holder_id == t->id) /* else it was handed on while this call returned */
		released(m, l, f->head.ts_ns);
	if (lock_class(l) == CLASS_GIL) {
		t->dropped = l;
		t->drop_ns = when;
		t->drop_on_cpu_ns = thread_on_cpu_ns(t, when);
		t->drop_delay_ns = 0;
	}
}

void wait_call(struct model *m, struct thread *t, const struct wire_futex *f)
{
	if (is_cmd(f->op, WAIT_CMDS))
		wait_returned(m, t, f);
	else if (is_cmd(f->op, WAKE_CMDS))
		wake_call(m, t, f);
}

/*
 * Who wakes a sleeper lets go of the lock, also if it was not known that it had it.  The other words
 * inside a GIL are let go of for themselves.
 */
static void woken_by(struct model *m, struct thread *t, struct lock *l, struct thread *waker,
		     uint64_t ts)
{
	bool had_it = l->gil ? !l->gil->free : lock_has_holder(l);

	if (!lock_releases(l, t->wait.addr))
		return;
	if (had_it && !l->holder_id)
		lock_seen_held(m, l, waker, ts);
	if (l->holder_id == waker->id || l->gil)
		released(m, l, ts);
}

void wait_woken(struct model *m, struct thread *t, struct thread *waker, const struct wire_wake *w)
{
	struct lock *l = t->asleep_on;

	if (!l || t->dropping)
		return;
	if (!(w->flags & WIRE_WAKE_FUTEX) || !waker) {
		l->wakes_by_other++;
		return;
	}
	l->wakes_by_thread++;
	lock_party(m, l, waker)->wakes++;
	/* its own waiters hand it round */
	if (lock_party(m, l, waker)->blocked_ns)
		l->wakes_by_waiter++;
	woken_by(m, t, l, waker, w->head.ts_ns);
	lock_learn(l);
}

void wait_woke(struct model *m, const struct wire_wake *w)
{
	struct wire_futex call = {
		.head.ts_ns = w->head.ts_ns,
		.addr = w->addr,
		.op = w->op,
		.ret = 1,
	};
	struct thread *waker = thread_find(m, w->waker_tid);

	if (waker && w->flags & WIRE_WAKE_FUTEX && w->flags & (WIRE_WAKE_CALL | WIRE_WAKE_LEAN))
		wait_call(m, waker, &call);
}
