/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sched.bpf.h - who runs, who waits for a CPU, who sleeps and why, who woke whom.
 */
#ifndef PARASCOPE_SCHED_BPF_H
#define PARASCOPE_SCHED_BPF_H

/*
 * A wake-up can pass its tracepoint while the sleeper is still on its way out of the CPU; the
 * switch then comes after it.  Both lie within the same instant: a longer distance means that the
 * thread never slept and an old mark was left behind.  It may also come while on_switch is at work,
 * so that the mark is younger than its `now`.
 *
 * That a futex call begins is not told, so there the mark may be another call's and must be younger;
 * if it does not show in the thread's state that it is woken, its waker waits for the run queue's lock.
 */
#define EARLY_WAKE_MAX_NS 50000
#define EARLY_WAKE_FUTEX_NS 20000

static __always_inline bool woken_early(struct thread *t, __u8 state, __u64 early_ns,
					struct task_struct *prev, __u64 now)
{
	__s64 ago = now - early_ns;

	if (!early_ns)
		return false;
	if (state != WIRE_FUTEX_WAIT)
		return ago < EARLY_WAKE_MAX_NS;
	if (ago >= EARLY_WAKE_FUTEX_NS && prev->__state != TASK_WAKING)
		return false;
	t->futex.end = t->futex.early_end;
	return true;
}

/*
 * Does a thread run that we never saw enter its CPU, see heal_switch_in()?  One that just leaves it has not
 * run since.  The scheduler adds up what runs at each tick, until then it is not known.
 */
static __always_inline bool runs_unseen(const struct thread *t, struct task_struct *task)
{
	return t->state != WIRE_ON_CPU && task->on_cpu &&
	       (__s64)(task->se.sum_exec_runtime - t->exec_ns) > 0;
}

/*
 * Leave a mark for a thread that seems to be on its way to sleep.  False: it has just fallen asleep and
 * did not see it, so this is an ordinary wake-up.  Both sides exchange the mark, which orders it with
 * the state; whoever gets it out again deals with it.  One that was preempted on its way may be given a
 * CPU at this very moment: its state is not ours to change.  Nor is that of one that runs unseen, since
 * then in the same state.
 */
static __always_inline bool mark_early(struct thread *t, bool unseen, __u64 since_ns, __u64 now)
{
	__u8 state;

	__sync_lock_test_and_set(&t->early_ns, now);
	state = *(volatile __u8 *)&t->state;
	return state == WIRE_ON_CPU || state == WIRE_PREEMPTED ||
	       (unseen && *(volatile __u64 *)&t->since_ns == since_ns) ||
	       !__sync_lock_test_and_set(&t->early_ns, 0);
}

/* Going to sleep inside a futex call, which is noted. */
static __always_inline void sleep_on_word(struct thread *t, struct task_struct *prev, __u64 now,
					  struct wire_block *block, __u8 *flags)
{
	int known = PYTHON_WORD_OTHER;
	__u64 key;

	block->nr = NR_futex;
	block->addr = t->futex.addr;
	block->op = t->futex.op;
	block->val = t->futex.val;
	if (lean) {
		*flags |= WIRE_SWITCH_LEAN;
		t->wait_stack = 0;
		if (has_stack(t) && detailed(now))
			sample_before(t, now);
	}
	if (t->python)
		known = python_word(t, block, now);
	if (known)
		*flags |= WIRE_SWITCH_OBJECT;
	else
		block_read_word(block);
	key = known ? block->object : block->addr;
	if (known == PYTHON_WORD_GIL)
		sample_gil(t, now);
	else if (!word_seen(t, key))
		word_describe(t, block, key, now);
}

/*
 * Going to sleep in any place but futex(2); only for the current thread.  A function of its own, so that
 * the verifier walks through it once.  Returns the state.
 */
__noinline int sleep_elsewhere(struct thread *t, struct wire_block *block, __u32 state, __u64 now)
{
	struct task_struct *prev = bpf_get_current_task_btf();
	struct syscall_regs regs;
	__u8 ret;

	if (!t || !block)
		return WIRE_OTHER;
	syscall_regs_read(&regs, prev);
	ret = sleep_state(t, prev, state, &regs);
	block->nr = regs.nr;
	block->addr = regs.args[0];
	if (ret == WIRE_FUTEX_WAIT && !futex_sleep_other(t, state, &regs, now))
		return t->klock ? WIRE_KLOCK : WIRE_FAULT;
	return ret;
}

/* Leave the CPU: prev is `current`, so its memory can be read. */
static __always_inline __u8 switch_out(struct thread *t, struct task_struct *prev, __u32 state,
				       __u64 now, struct wire_block *block, __u8 *flags,
				       bool direct)
{
	__u8 ret = WIRE_FUTEX_WAIT;
	__u64 early_ns;

	t->settled = true;
	t->exec_ns = prev->se.sum_exec_runtime;
	t->futex.raced = false;
	if (lean) /* each sleep is a call of its own */
		t->futex.blocked = false;
	news(t);
	if (!state) {
		if (in_window(now))
			t->sums.involuntary++;
		if (t->python)
			*flags |= sample_leaving(t, WIRE_PREEMPTED, now);
		thread_enter(t, WIRE_PREEMPTED, now);
		return WIRE_PREEMPTED;
	}
	if (in_window(now))
		t->sums.voluntary++;
	*flags |= WIRE_SWITCH_VOLUNTARY;
	if (!futex_sleep(t, prev, state, now, direct))
		ret = sleep_elsewhere(t, block, state, now);
	if (ret == WIRE_FUTEX_WAIT)
		sleep_on_word(t, prev, now, block, flags);
	if (ret == WIRE_DEAD) {
		*flags |= WIRE_SWITCH_BLOCK;
		block->addr = t->start_ns;
		thread_enter(t, ret, now);
		return ret;
	}
	*flags |= WIRE_SWITCH_BLOCK;
	/* with an object it waits for the GIL, or for a Python lock and has given the GIL back */
	if (t->python && !(*flags & WIRE_SWITCH_OBJECT))
		*flags |= sample_leaving(t, ret, now);
	if (ret != WIRE_STOPPED)
		t->last_block = ret;
	thread_enter(t, ret, now); /* from here on it can be woken in the ordinary way */
	early_ns = __sync_lock_test_and_set(&t->early_ns, 0);
	if (woken_early(t, ret, early_ns, prev, now)) {
		*flags |= WIRE_SWITCH_RACED;
		t->futex.raced = true;
		thread_enter(t, WIRE_WOKEN, now);
	}
	return ret;
}

static __always_inline void switch_in(struct thread *t, struct task_struct *next, __u16 cpu,
				      __u64 now, bool direct)
{
	if (!t->settled && t->state == WIRE_ON_CPU) /* it was on its way out, see above */
		t->state = WIRE_PREEMPTED;
	t->settled = true;
	if (t->cpu != cpu && t->cpu != (__u16)~0 && in_window(now))
		t->sums.migrations++;
	t->cpu = cpu;
	t->early_ns = 0;
	if (lean && t->futex.blocked)
		lean_resume(t, next, now, direct);
	thread_enter(t, WIRE_ON_CPU, now);
}

/* Once for each thread, whoever calls first. */
static __always_inline void emit_exit(struct thread *t, struct task_struct *task, __u64 now)
{
	struct wire_exit *rec;

	if (t->exited)
		return;
	t->exited = true;
	__sync_fetch_and_add(&dying, 1);
	rec = emit_begin(now, t->tid, WIRE_EXIT, sizeof(*rec));
	if (!rec)
		return;
	rec->tgid = task->tgid;
	rec->code = task->exit_code;
	emit_end(rec);
}

static __always_inline void emit_sums(struct thread *t, struct task_struct *task, __u64 now)
{
	/* also a moment after the window: nobody else can tell them */
	struct wire_thread_sums *rec = emit_reserve(now, t->tid, WIRE_SUMS, sizeof(*rec));

	if (!rec)
		return;
	thread_sums(rec, t, task, now);
	emit_end(rec);
}

static __always_inline void emit_switch(__u32 prev_tid, __u32 next_tid, __u16 cpu, __u8 state,
					__u8 flags, const struct wire_block *block, __u64 now)
{
	struct wire_switch *rec;

	if (!detailed(now)) { /* only an end is told */
		if (state != WIRE_DEAD)
			return;
		next_tid = 0;
	}
	if (flags & WIRE_SWITCH_BLOCK)
		rec = emit_begin(now, prev_tid, WIRE_SWITCH, sizeof(*rec));
	else
		rec = emit_begin(now, prev_tid, WIRE_SWITCH, WIRE_SWITCH_SHORT);
	if (!rec)
		return;
	rec->next_tid = next_tid;
	rec->cpu = cpu;
	rec->prev_state = state;
	rec->flags = flags;
	if (flags & WIRE_SWITCH_BLOCK)
		rec->block = *block;
	emit_end(rec);
}

/*
 * A thread leaves the CPU that we never saw enter it: the program did not run for that switch (a
 * recursion, a kernel that hides some tasks) or the iterator looked a moment too early.  How long it
 * ran is known to the scheduler; the switch is put where it must have been.
 */
__noinline int heal_switch_in(struct thread *t, __u32 cpu, __u64 now)
{
	__u64 in_ns;

	if (!t)
		return 0;
	in_ns = now - (bpf_get_current_task_btf()->se.sum_exec_runtime - t->exec_ns);
	if (in_ns < t->since_ns || in_ns > now)
		in_ns = t->since_ns;
	if (t->settled && in_window(now))
		count_loss(WIRE_LOSS_SWITCH);
	if (lean && t->futex.blocked)
		lean_resume(t, NULL, in_ns, false);
	thread_enter(t, WIRE_ON_CPU, in_ns);
	emit_switch(0, tid_then(t, in_ns), cpu, WIRE_UNKNOWN, WIRE_SWITCH_HEALED, NULL, in_ns);
	if (window_closed && in_ns < window_end_ns) /* no record any more; write_sums() tells it */
		t->untold_ns = in_ns;
	return 0;
}

/* The last switch of the current thread. */
__noinline int switch_dead(__u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_find(task);

	if (!t)
		return 0;
	if (preemptible) /* on_exit may have been skipped */
		emit_exit(t, task, now);
	emit_sums(t, task, now);
	if (t->exited)
		__sync_fetch_and_sub(&dying, 1);
	thread_release(task);
	return 0;
}

static __always_inline int switched(bool preempt, struct task_struct *prev, struct task_struct *next,
				    __u32 prev_state, bool direct)
{
	struct thread *t = thread_find(prev);
	__u32 prev_tid = 0, next_tid = 0;
	struct wire_block block = {};
	__u8 flags = 0, state = WIRE_UNKNOWN;
	__u16 cpu = bpf_get_smp_processor_id();
	__u64 now = 0;

	/* one after the other, else the verifier walks through all pairs of places they may be in */
	if (t) {
		now = bpf_ktime_get_ns();
		prev_tid = t->tid;
		if (t->state != WIRE_ON_CPU)
			heal_switch_in(t, cpu, now);
		state = switch_out(t, prev, preempt ? 0 : prev_state, now, &block, &flags,
				   direct);
	}
	t = thread_find(next);
	if (t && !(config.test_unseen && !prev_tid)) {
		if (!now)
			now = bpf_ktime_get_ns();
		next_tid = t->tid;
		switch_in(t, next, cpu, now, direct);
	}
	if (!now)
		return 0;
	emit_switch(prev_tid, next_tid, cpu, state, flags, &block, now);
	if (state == WIRE_DEAD)
		switch_dead(now);
	return 0;
}

#define PREV_STATE() (has_prev_state ? (__u32)ctx[3] : prev->__state)

/* One of the two is loaded: user_regs_direct(). */
SEC("?tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return switched(preempt, prev, next, PREV_STATE(), false);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(on_switch_direct, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return switched(preempt, prev, next, PREV_STATE(), true);
}

/* It did sleep after all: the mark at its going to sleep was left from an earlier call. */
static __always_inline void heal_raced(struct thread *t)
{
	if (t->state == WIRE_WOKEN && t->futex.raced)
		t->state = WIRE_FUTEX_WAIT;
	t->futex.raced = false;
}

/* Waiting that this waker ends, for its next sample. */
static __always_inline __u64 waited_so_far(const struct thread *t, __u64 now)
{
	return t->futex.blocked && t->futex.slept_ns ? now - t->futex.slept_ns : 0;
}

/* futex_wakes() of rare calls.  A function of its own: the verifier walks through it once. */
__noinline int futex_wakes_other(struct thread *waker)
{
	struct syscall_regs regs;

	if (!waker)
		return 0;
	syscall_regs_read(&regs, bpf_get_current_task_btf());
	return futex_decode(&waker->futex, regs.nr, regs.args) &&
	       futex_is(waker->futex.op, WAKE_CMDS);
}

/* Is a waker, the current thread, in a futex call that wakes?  Then the call is noted. */
static __always_inline bool futex_wakes(struct thread *waker, struct task_struct *current, bool direct)
{
	struct futex_call *f = &waker->futex;
	const struct pt_regs *regs;

	if (f->wake_ns) /* it has woken before */
		return true;
	regs = user_regs_by(current, direct);
	if (regs_nr(regs) == NR_futex &&
	    futex_is(regs_arg(regs, 1), CMD(FUTEX_WAKE) | CMD(FUTEX_WAKE_BITSET))) {
		f->addr = regs_arg(regs, 0);
		f->addr2 = f->vector = 0;
		f->op = regs_arg(regs, 1);
		f->val = regs_arg(regs, 2);
		f->nr = NR_futex;
		return true;
	}
	return futex_wakes_other(waker);
}

/*
 * Does this call wake t and nobody else, as nearly all do: who lets go of a mutex, posts a semaphore,
 * signals a condition?  Not if t sleeps on another word: it was requeued, or a timer that interrupts the
 * call has woken it.
 */
static __always_inline bool wakes_only(const struct futex_call *f, const struct thread *t)
{
	return f->val == 1 && !f->told && t->futex.blocked && t->futex.addr == f->addr &&
	       futex_is(f->op, CMD(FUTEX_WAKE) | CMD(FUTEX_WAKE_BITSET));
}

/* What a program knows of the context it runs in: in an interrupt `current` is a bystander. */
enum wake_context {
	WAKE_THREAD,  /* no interrupt */
	WAKE_LOOK,    /* in_interrupt() */
	WAKE_UNKNOWN, /* this kernel does not show it */
};

/* fresh: for the first time, it has not run yet. */
static __always_inline int woken(struct task_struct *task, bool fresh, enum wake_context context,
				 bool direct)
{
	struct thread *t = thread_find(task), *waker = NULL;
	struct lean_call by = {};
	struct task_struct *current;
	struct wire_wake *rec;
	__u16 flags = fresh ? WIRE_WAKE_NEW : 0;
	__u64 now, addr = 0, since_ns;
	bool unseen = false;
	__u32 op = 0;
	int irq; /* -1: not known */

	if (!t || t->state == WIRE_DEAD)
		return 0;
	since_ns = *(volatile __u64 *)&t->since_ns;
	if (!fresh) {
		heal_raced(t);
		unseen = runs_unseen(t, untrusted(task, direct));
	}
	if (!unseen && (t->state == WIRE_WOKEN || t->state == WIRE_PREEMPTED))
		return 0;
	now = bpf_ktime_get_ns();
	current = bpf_get_current_task_btf();
	irq = context == WAKE_LOOK ? in_interrupt() : context == WAKE_THREAD ? 0 : -1;
	if (!fresh && (unseen || t->state == WIRE_ON_CPU) &&
	    mark_early(t, unseen, since_ns, now)) {
		flags |= WIRE_WAKE_EARLY;
	} else {
		t->settled = true;
		thread_enter(t, WIRE_WOKEN, now);
	}
	if (irq >= 0)
		flags |= WIRE_WAKE_CTX;
	if (irq > 0)
		flags |= WIRE_WAKE_IRQ;
	else
		waker = thread_find(current);
	if (waker)
		flags |= WIRE_WAKE_OURS;
	if (lean && !fresh) {
		if (waker && !(flags & WIRE_WAKE_EARLY) && lean_plain_wake(t, waker, current, &by,
								 direct))
			flags |= WIRE_WAKE_LEAN | WIRE_WAKE_FUTEX;
		else
			flags |= lean_woken(t, task, current, flags & WIRE_WAKE_EARLY, irq, &by,
					    direct);
		if (!waker)
			flags &= ~WIRE_WAKE_FUTEX;
		if (waker && flags & WIRE_WAKE_FUTEX) {
			addr = by.addr;
			op = by.op;
			waker->woke_ns += waited_so_far(t, now);
		}
	} else if (waker && futex_wakes(waker, current, direct)) {
		flags |= WIRE_WAKE_FUTEX;
		addr = waker->futex.addr;
		waker->futex.wake_ns = now;
		waker->woke_ns += waited_so_far(t, now);
		if (wakes_only(&waker->futex, t)) {
			flags |= WIRE_WAKE_CALL;
			op = waker->futex.op;
			waker->futex.told = true;
		}
	}
	rec = detailed(now) ? emit_begin(now, t->tid, WIRE_WAKE, sizeof(*rec)) : NULL;
	if (!rec)
		return 0;
	rec->waker_tid = current->pid;
	rec->waker_tgid = current->tgid;
	rec->cpu = bpf_get_smp_processor_id();
	rec->flags = flags;
	rec->op = op;
	rec->addr = addr;
	emit_end(rec);
	if (lean && !fresh && waker && flags & WIRE_WAKE_FUTEX)
		sample_woke(waker, now, addr, SCRATCH_FUTEX);
	return 0;
}

/* One of them is loaded. */
#define WAKING(name, context, direct)                                                              \
	SEC("?tp_btf/sched_waking")                                                                \
	int BPF_PROG(name, struct task_struct *task)                                               \
	{                                                                                          \
		return woken(task, false, context, direct);                                        \
	}

WAKING(on_waking, WAKE_UNKNOWN, false)
WAKING(on_waking_direct, WAKE_UNKNOWN, true)
WAKING(on_waking_context, WAKE_LOOK, false)
WAKING(on_waking_context_direct, WAKE_LOOK, true)

/*
 * Sleeping kernel locks (mutex, rwsem, rtmutex, percpu-rwsem; not spinning ones): lets a sleep in
 * page faults or mmap be told from one for a lock.  Since 5.19; optional.
 */
#define LCB_F_SPIN 1

SEC("?tp_btf/contention_begin")
int BPF_PROG(on_contention_begin, void *lock, unsigned int flags)
{
	struct thread *t;

	if (flags & LCB_F_SPIN)
		return 0;
	t = thread_find(bpf_get_current_task_btf());
	if (t)
		t->klock = (__u64)lock;
	return 0;
}

SEC("?tp_btf/contention_end")
int BPF_PROG(on_contention_end, void *lock, int ret)
{
	struct thread *t = thread_find(bpf_get_current_task_btf());

	if (t && t->klock == (__u64)lock) /* not one that an interrupt spun for */
		t->klock = 0;
	return 0;
}

#endif
