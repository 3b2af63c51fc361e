/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * block.bpf.h - why a thread goes to sleep: the system call in its saved user registers.
 *
 * The registers of a thread inside a system call lie at the top of its kernel stack, also for a
 * thread that was asleep before we came.
 */
#ifndef PARASCOPE_BLOCK_BPF_H
#define PARASCOPE_BLOCK_BPF_H

enum futex_cmd {
	FUTEX_WAIT = 0,
	FUTEX_WAKE = 1,
	FUTEX_REQUEUE = 3,
	FUTEX_CMP_REQUEUE = 4,
	FUTEX_WAKE_OP = 5,
	FUTEX_LOCK_PI = 6,
	FUTEX_UNLOCK_PI = 7,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET = 10,
	FUTEX_WAIT_REQUEUE_PI = 11,
	FUTEX_CMP_REQUEUE_PI = 12,
	FUTEX_LOCK_PI2 = 13,
	FUTEX_CMD_MASK = 0x7f,
	FUTEX_PRIVATE = 0x80, /* FUTEX2_PRIVATE has the same value */
};

#define CMD(cmd) (1u << (cmd))
#define WAIT_CMDS                                                                                  \
	(CMD(FUTEX_WAIT) | CMD(FUTEX_LOCK_PI) | CMD(FUTEX_WAIT_BITSET) |                           \
	 CMD(FUTEX_WAIT_REQUEUE_PI) | CMD(FUTEX_LOCK_PI2))
#define WAKE_CMDS                                                                                  \
	(CMD(FUTEX_WAKE) | CMD(FUTEX_REQUEUE) | CMD(FUTEX_CMP_REQUEUE) | CMD(FUTEX_WAKE_OP) |      \
	 CMD(FUTEX_UNLOCK_PI) | CMD(FUTEX_WAKE_BITSET) | CMD(FUTEX_CMP_REQUEUE_PI))
#define TWO_WORDS                                                                                  \
	(CMD(FUTEX_REQUEUE) | CMD(FUTEX_CMP_REQUEUE) | CMD(FUTEX_WAKE_OP) |                        \
	 CMD(FUTEX_WAIT_REQUEUE_PI) | CMD(FUTEX_CMP_REQUEUE_PI))

static __always_inline bool futex_is(__u32 op, __u32 cmds)
{
	__u32 cmd = op & FUTEX_CMD_MASK;

	return cmd < 32 && (CMD(cmd) & cmds);
}

/* struct futex_waitv, include/uapi/linux/futex.h */
struct futex_waiter {
	__u64 val;
	__u64 uaddr;
	__u32 flags;
	__u32 reserved;
};

static __always_inline void futex_vector_read(struct futex_call *f, __u32 slot)
{
	struct futex_waiter w;

	if (slot > 127 || bpf_probe_read_user(&w, sizeof(w), (void *)f->vector + slot * sizeof(w))) {
		count_loss(WIRE_LOSS_READ);
		return;
	}
	f->addr = w.uaddr;
	f->val = w.val;
	f->op = FUTEX_WAIT_BITSET | (w.flags & FUTEX_PRIVATE);
}

/* Note a call's words and operation; false: not a futex call. */
static __always_inline bool futex_decode(struct futex_call *f, long nr, const __u64 *args)
{
	f->addr2 = 0;
	f->vector = 0;
	f->addr = args[0];
	f->nr = nr;
	switch (nr) {
	case NR_futex:
		f->op = args[1];
		f->val = args[2];
		if (futex_is(f->op, TWO_WORDS))
			f->addr2 = args[4];
		return true;
	case NR_futex_wait: /* uaddr, val, mask, flags */
		f->op = FUTEX_WAIT_BITSET | (args[3] & FUTEX_PRIVATE);
		f->val = args[1];
		return true;
	case NR_futex_wake: /* uaddr, mask, nr, flags */
		f->op = FUTEX_WAKE_BITSET | (args[3] & FUTEX_PRIVATE);
		f->val = args[2];
		return true;
	case NR_futex_waitv:
		f->vector = args[0];
		f->addr = 0;
		f->op = FUTEX_WAIT_BITSET;
		f->val = 0;
		futex_vector_read(f, 0);
		return true;
	case NR_futex_requeue: { /* waiters[2], flags, nr_wake, nr_requeue */
		f->vector = args[0];
		futex_vector_read(f, 1);
		f->addr2 = f->addr;
		futex_vector_read(f, 0);
		f->vector = 0;
		f->op = FUTEX_CMP_REQUEUE | (f->op & FUTEX_PRIVATE);
		return true;
	}
	}
	return false;
}

static __always_inline bool futex_timed(const struct syscall_regs *regs)
{
	return (regs->nr == NR_futex_wait ? regs->args[4] : regs->args[3]) != 0;
}

/*
 * Is prev about to sleep on a word?  Then its call is noted.  This is futex(2), as good as always, and no
 * more of it than a sleep needs; futex_sleep_other() takes the rest.
 */
static __always_inline bool futex_sleep(struct thread *t, struct task_struct *prev, __u32 state,
					__u64 now, bool direct)
{
	const struct pt_regs *regs = user_regs_by(prev, direct);
	struct futex_call *f = &t->futex;
	__u64 addr = regs_arg(regs, 0);
	__u32 op = regs_arg(regs, 1);

	if (regs_nr(regs) != NR_futex || (state & ~TASK_FREEZABLE) != TASK_INTERRUPTIBLE ||
	    !futex_is(op, WAIT_CMDS))
		return false;
	if (!f->blocked || f->nr != NR_futex || f->addr != addr)
		f->slept_ns = now;
	f->addr = addr;
	f->addr2 = futex_is(op, TWO_WORDS) ? regs_arg(regs, 4) : 0;
	f->vector = 0;
	f->op = op;
	f->val = regs_arg(regs, 2);
	f->nr = NR_futex;
	f->blocked = true;
	f->timed = regs_arg(regs, 3) != 0;
	f->end = LEAN_WOKEN;
	return true;
}

/* The same in any call.  False: a page fault or a kernel lock inside it. */
static __always_inline bool futex_sleep_other(struct thread *t, __u32 state,
					      const struct syscall_regs *regs, __u64 now)
{
	struct futex_call *f = &t->futex;
	bool again = f->blocked && f->nr == (__u16)regs->nr;

	if (!(state & TASK_INTERRUPTIBLE))
		return false;
	if (regs->nr != NR_restart_syscall) { /* that goes on with the call as it was */
		futex_decode(f, regs->nr, regs->args);
		f->timed = futex_timed(regs);
	}
	if (!futex_is(f->op, WAIT_CMDS))
		return false;
	if (!again)
		f->slept_ns = now;
	f->nr = regs->nr;
	f->blocked = true;
	f->end = LEAN_WOKEN;
	return true;
}

static __always_inline __u8 block_state(struct thread *t, const struct syscall_regs *regs)
{
	__u32 slot = regs->nr;

	if (regs->nr == NR_restart_syscall)
		return t->last_block;
	if (regs->nr < 0)
		return WIRE_FAULT;
	if (regs->nr >= WIRE_SYSCALLS)
		return WIRE_OTHER;
	barrier_var(slot); /* keep the mask that the verifier wants to see */
	return syscall_state[slot & (WIRE_SYSCALLS - 1)];
}

/* state and in_iowait as the scheduler sees them while the thread leaves the CPU. */
static __always_inline __u8 sleep_state(struct thread *t, struct task_struct *task, __u32 state,
					const struct syscall_regs *regs)
{
	__u8 by_call;

	if (state & TASK_DEAD_MASK)
		return WIRE_DEAD;
	if (state & (TASK_STOPPED_MASK | TASK_FROZEN_MASK))
		return WIRE_STOPPED;
	by_call = block_state(t, regs);
	if (t->klock && by_call != WIRE_FUTEX_WAIT)
		return WIRE_KLOCK;
	if (BPF_CORE_READ_BITFIELD(task, in_iowait))
		return WIRE_IO_DISK;
	return by_call;
}

/*
 * The word and, for a pthread mutex, its owner beside it; only for the current thread.  Where the
 * word holds the expected value and nobody's name the look is saved: conditions, semaphores.
 */
static __always_inline void block_read_word(struct wire_block *b)
{
	__u32 words[3] = {};

	b->word = b->val;
	if (!b->addr || (futex_is(b->op, CMD(FUTEX_WAIT) | CMD(FUTEX_WAIT_BITSET)) && b->val != 2))
		return;
	if (bpf_probe_read_user(words, sizeof(words), (void *)b->addr)) {
		/* the last words of a mapping */
		if (bpf_probe_read_user(words, sizeof(words[0]), (void *)b->addr)) {
			count_loss(WIRE_LOSS_READ);
			return;
		}
		words[2] = 0;
	}
	b->word = words[0];
	b->aux = words[2];
}

static __always_inline bool word_seen(const struct thread *t, __u64 key)
{
#pragma unroll
	for (int i = 0; i < WORDS_SEEN; i++)
		if (t->words_seen[i] == key)
			return true;
	return false;
}

/*
 * Describe the memory around a word, the first time the current thread sleeps on it; key: its address,
 * or that of the lock that is meant.
 */
__noinline int word_describe(struct thread *t, struct wire_block *b, __u64 key, __u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct syscall_regs regs;
	struct wire_word *w;
	__u64 base;

	if (!t || !b || !detailed(now))
		return 0;
	base = b->addr & ~7ULL;
	sample_first(t, b->addr, now);
	w = emit_begin(now, t->tid, WIRE_WORD, sizeof(*w));
	if (!w)
		return 0;
	syscall_regs_read(&regs, task);
	t->words_seen[t->word_slot++ & (WORDS_SEEN - 1)] = key;
	w->addr = b->addr;
	w->op = b->op;
	w->val = b->val;
	w->sp = regs.sp;
	w->tgid = task->tgid;
	w->valid = 0;
	if (bpf_probe_read_user(w->bytes, sizeof(w->bytes), (void *)(base - WIRE_WORD_BEFORE))) {
		w->valid = WIRE_WORD_BEFORE;
		__builtin_memset(w->bytes, 0, WIRE_WORD_BEFORE);
		if (bpf_probe_read_user(w->bytes + WIRE_WORD_BEFORE,
					WIRE_WORD_LEN - WIRE_WORD_BEFORE, (void *)base)) {
			w->valid = WIRE_WORD_LEN;
			count_loss(WIRE_LOSS_READ);
		}
	}
	emit_end_wake(w, !(b->op & FUTEX_PRIVATE)); /* which file a shared word lies in */
	return 0;
}

#endif
