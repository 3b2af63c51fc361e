/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lean.bpf.h - futex waits without any program at system calls (`lean` in maps.bpf.h).
 *
 * What a thread waits for stands in its saved registers when it goes to sleep, what its waker does
 * in the waker's.  A call's result is not seen: how a sleep ended is told by who ended it, a thread
 * in a futex call that wakes, a signal, or a timer.  Calls that do not sleep are not seen at all.
 *
 * There is no WIRE_FUTEX: WIRE_SWITCH_LEAN says that a sleep is one in a futex call, WIRE_WAKE_LEAN
 * how it ends.  One call may sleep more than once (a priority-inheriting lock that another thread
 * was faster to take, a wake-up for nothing): each sleep counts then.
 */
#ifndef PARASCOPE_LEAN_BPF_H
#define PARASCOPE_LEAN_BPF_H

/* A futex call that sleeps, or one that wakes: no more of it, stack is short. */
struct lean_call {
	__u64 addr;
	__u32 op;
	__u8 timed;
	__u8 vector;
	__u16 pad;
};

#define PAGE_MASK 0xfffULL

/* What `current` is in: a futex call that wakes?  Its memory is read for futex_requeue(2) only. */
static __always_inline bool lean_waker(struct futex_call *call, struct task_struct *current)
{
	struct syscall_regs regs;

	if (!current->pid || current->flags & PF_KTHREAD)
		return false;
	syscall_regs_read(&regs, current);
	return futex_decode(call, regs.nr, regs.args) && futex_is(call->op, WAKE_CMDS);
}

/* One futex word may have other addresses in other processes, but it lies at the same place of a page. */
static __always_inline bool lean_same_word(__u64 waited, __u64 woken, __u32 op)
{
	return op & FUTEX_PRIVATE ? waited == woken : !((waited ^ woken) & PAGE_MASK);
}

/* Is this the call that wakes a thread that waits so?  Of a vector only the first word is known. */
static __always_inline bool lean_fits(const struct futex_call *call, const struct lean_call *wait)
{
	return wait->vector || futex_is(wait->op, CMD(FUTEX_WAIT_REQUEUE_PI)) ||
	       lean_same_word(wait->addr, call->addr, wait->op) ||
	       lean_same_word(wait->addr, call->addr2, wait->op);
}

/* A signal, or a stop, has come to a thread that is asleep. */
static __always_inline bool lean_signalled(struct task_struct *task, bool direct)
{
	__u64 came = task->pending.signal.sig[0] |
		     untrusted(task, direct)->signal->shared_pending.signal.sig[0];

	return came & ~task->blocked.sig[0] || task->jobctl & JOBCTL_PENDING;
}

#define LEAN_NEAR 1	 /* `current` may be who ends the wait */
#define LEAN_SIGNALLED 2 /* a signal has come to who waits */

/*
 * Who ends a wait.  An interrupt's bystander that has nothing to do with it is not near.  Where the
 * kernel does not show interrupts, a call for another word says nothing of a wait with a timeout; of
 * one without, it was requeued to that word.  A thread that dies wakes who joins it, and who waits for
 * its locks.
 */
static __always_inline enum lean_end lean_end_of(const struct lean_call *wait, struct lean_call *by,
						 __u32 what, int irq)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct futex_call waker = {};
	bool call;

	call = what & LEAN_NEAR && lean_waker(&waker, current);
	by->addr = waker.addr;
	by->op = waker.op;
	if (call && lean_fits(&waker, wait))
		return LEAN_CALL;
	if (what & LEAN_SIGNALLED)
		return LEAN_SIGNAL;
	if (call && (!irq || !wait->timed))
		return LEAN_CALL;
	if (!wait->timed || !irq)
		return LEAN_WOKEN;
	return irq < 0 && what & LEAN_NEAR && current->flags & PF_EXITING && current->mm
		       ? LEAN_WOKEN
		       : LEAN_TIMEOUT;
}

/* Threads of one process, or of two that share their memory? */
static __always_inline bool lean_same_memory(struct task_struct *a, struct task_struct *b,
					     bool direct)
{
	return untrusted(a, direct)->mm == untrusted(b, direct)->mm;
}

/* A futex call that is asleep, or, early, about to be; false: it is in another call. */
static __always_inline bool lean_waits(struct thread *t, struct task_struct *task, bool early,
				       struct lean_call *wait)
{
	struct syscall_regs regs;

	if (!early) {
		wait->addr = t->futex.addr;
		wait->op = t->futex.op;
		wait->timed = t->futex.timed;
		wait->vector = t->futex.vector != 0;
		return t->futex.blocked;
	}
	syscall_regs_read(&regs, task);
	wait->vector = regs.nr == NR_futex_waitv; /* its memory is not at hand */
	wait->addr = regs.args[0];
	wait->op = regs.nr == NR_futex ? regs.args[1] : FUTEX_WAIT_BITSET;
	if (regs.nr == NR_futex_wait)
		wait->op |= regs.args[3] & FUTEX_PRIVATE;
	wait->timed = futex_timed(&regs);
	return (regs.nr == NR_futex || regs.nr == NR_futex_wait || regs.nr == NR_futex_waitv) &&
	       futex_is(wait->op, WAIT_CMDS);
}

/*
 * The usual case, and no more than it takes to know: a thread of the same process wakes the word that
 * is slept on.
 */
static __always_inline bool lean_plain_wake(struct thread *t, const struct thread *waker,
					    struct task_struct *current, struct lean_call *by,
					    bool direct)
{
	const struct pt_regs *regs;

	if (waker->tgid != t->tgid || !t->futex.blocked)
		return false;
	regs = user_regs_by(current, direct);
	if (regs_nr(regs) != NR_futex || regs_arg(regs, 0) != t->futex.addr ||
	    !futex_is(regs_arg(regs, 1), CMD(FUTEX_WAKE) | CMD(FUTEX_WAKE_BITSET)))
		return false;
	by->addr = regs_arg(regs, 0);
	by->op = regs_arg(regs, 1);
	t->futex.end = LEAN_CALL;
	return true;
}

#define LEAN_END_SHIFT 16

/* How a wait ends, above flags of wire_wake.  A function of its own: the verifier walks through it once. */
__noinline int lean_judge(const struct lean_call *wait, struct lean_call *by, __u32 what, int irq)
{
	__u32 flags = WIRE_WAKE_LEAN;
	enum lean_end end;

	if (!wait || !by)
		return 0;
	end = lean_end_of(wait, by, what, irq);
	if (end == LEAN_CALL)
		flags |= WIRE_WAKE_FUTEX;
	if (end == LEAN_TIMEOUT)
		flags |= WIRE_WAKE_TIMEOUT;
	if (end == LEAN_SIGNAL)
		flags |= WIRE_WAKE_SIGNAL;
	if (wait->vector)
		flags |= WIRE_WAKE_VECTOR;
	return end << LEAN_END_SHIFT | flags;
}

/*
 * A thread is woken: by a futex call, whose word and operation are then in *by, or by what else ends
 * its sleep.  Returns flags of wire_wake.
 */
static __always_inline __u16 lean_woken(struct thread *t, struct task_struct *task,
					struct task_struct *current, bool early, int irq,
					struct lean_call *by, bool direct)
{
	struct lean_call wait = {};
	__u32 what = 0, how;

	if (!lean_waits(t, task, early, &wait))
		return 0;
	if (irq <= 0 && (!(wait.op & FUTEX_PRIVATE) || lean_same_memory(task, current, direct)))
		what |= LEAN_NEAR;
	if (lean_signalled(task, direct))
		what |= LEAN_SIGNALLED;
	how = lean_judge(&wait, by, what, irq);
	if (early)
		t->futex.early_end = how >> LEAN_END_SHIFT;
	else
		t->futex.end = how >> LEAN_END_SHIFT;
	return how;
}

/*
 * It goes on, and nobody was seen to wake it: the program did not run for that (a kernel that hides some
 * tasks).  A signal that came is still there; if it had a timeout, a timer that interrupted such a task
 * is more likely than a call.
 */
__noinline int lean_unseen(struct thread *t, bool signalled, __u64 now)
{
	struct wire_wake *rec;

	if (!t || !(signalled || t->futex.timed))
		return 0;
	t->futex.end = signalled ? LEAN_SIGNAL : LEAN_TIMEOUT;
	rec = detailed(now) ? emit_begin(now, t->tid, WIRE_WAKE, sizeof(*rec)) : NULL;
	if (!rec)
		return 0;
	rec->waker_tid = rec->waker_tgid = 0;
	rec->cpu = t->cpu;
	rec->flags = WIRE_WAKE_LEAN;
	rec->flags |= signalled ? WIRE_WAKE_SIGNAL
				: WIRE_WAKE_CTX | WIRE_WAKE_IRQ | WIRE_WAKE_TIMEOUT;
	rec->op = 0;
	rec->addr = 0;
	emit_end(rec);
	return 0;
}

/* It goes on after a sleep on a word; task: NULL when it has done so for a while, signals are handled. */
static __always_inline void lean_resume(struct thread *t, struct task_struct *task, __u64 now,
					bool direct)
{
	if (t->state == WIRE_FUTEX_WAIT)
		lean_unseen(t, task && lean_signalled(task, direct), now);
	t->futex.blocked = false;
	if (in_window(now)) {
		if (t->futex.end == LEAN_TIMEOUT)
			t->sums.timeouts++;
		else if (t->futex.end == LEAN_SIGNAL)
			t->sums.interrupted++;
		else
			t->sums.waits++;
	}
	if (has_stack(t))
		sample_kept(t, now);
}

#endif
