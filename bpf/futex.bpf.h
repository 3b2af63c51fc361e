/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * futex.bpf.h - every futex call of a target thread: what for, how it ended.
 *
 * One record is written when the call returns, unless a wake-up has told it already.  The sleep inside
 * it is a WIRE_SWITCH with the word, so that a wait that never returns is seen as well.  What the call
 * is for stands in the saved registers until it returns: nothing watches its begin, which would cost as
 * much again here, and half as much again in every other system call of the machine.
 */
#ifndef PARASCOPE_FUTEX_BPF_H
#define PARASCOPE_FUTEX_BPF_H

#define ETIMEDOUT 110
#define EAGAIN 11
#define EINTR 4
#define ERESTARTSYS 512 /* up to ERESTART_RESTARTBLOCK 516: a signal came */
#define ERESTART_LAST 516

/*
 * Only loaded where programs can be skipped: if the last call was not seen to return, its record is
 * missing.
 */
static __always_inline int futex_enter(bool second)
{
	struct thread *t = thread_find(bpf_get_current_task_btf());

	if (!t || (second && t->futex.entered))
		return 0;
	if (t->futex.entered && in_window(bpf_ktime_get_ns()))
		count_loss(WIRE_LOSS_SKIPPED);
	t->futex.wake_ns = 0;
	t->futex.blocked = t->futex.told = false;
	t->futex.entered = true;
	return 0;
}

static __always_inline void futex_count(struct wire_sums *s, const struct futex_call *f, long ret)
{
	if (futex_is(f->op, WAIT_CMDS)) {
		if (ret == -ETIMEDOUT)
			s->timeouts++;
		else if (ret == -EAGAIN)
			s->again++;
		else if (ret == -EINTR || (ret <= -ERESTARTSYS && ret >= -ERESTART_LAST))
			s->interrupted++;
		else if (f->blocked && ret >= 0)
			s->waits++;
	} else if (futex_is(f->op, WAKE_CMDS)) {
		if (ret > 0 || (ret == 0 && futex_is(f->op, CMD(FUTEX_UNLOCK_PI))))
			s->wakes++;
		else if (ret == 0)
			s->empty_wakes++;
	}
}

/*
 * When the call returned.  Reading the clock costs as much as all the rest, so a time that is known
 * already is taken where it lies only the way out of the kernel before: a sleeper's when it got the
 * CPU back, a waker's when it woke somebody.
 */
static __always_inline __u64 futex_exit_ns(const struct thread *t)
{
	if (t->futex.blocked && t->state == WIRE_ON_CPU)
		return t->since_ns;
	return t->futex.wake_ns ? t->futex.wake_ns : bpf_ktime_get_ns();
}

/* What the call was for, unless that was noted when it slept or woke. */
static __always_inline void futex_returns(struct futex_call *f, struct task_struct *task, long nr)
{
	struct syscall_regs regs;

	if (f->blocked && f->nr != (__u16)nr) /* nobody told that a restarted call returned */
		f->blocked = false;
	if (f->blocked || f->wake_ns)
		return;
	syscall_regs_read(&regs, task);
	regs.nr = nr;
	futex_decode(f, regs.nr, regs.args);
	f->slept_ns = 0;
}

static __always_inline void emit_futex(const struct thread *t, long ret, __u64 now)
{
	struct wire_futex *rec = emit_begin(now, t->tid, WIRE_FUTEX, sizeof(*rec));

	if (!rec)
		return;
	rec->addr = t->futex.addr;
	rec->addr2 = t->futex.addr2;
	rec->ret = ret;
	rec->op = t->futex.op;
	rec->val = t->futex.val;
	rec->flags = (t->futex.blocked ? WIRE_FUTEX_BLOCKED : 0) |
		     (t->futex.vector ? WIRE_FUTEX_VECTOR : 0);
	emit_end(rec);
}

static __always_inline int futex_exit(struct trace_event_raw_sys_exit *ctx, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_find(task);
	long ret = ctx->ret;
	__u64 now;

	if (!t || (second && !t->futex.entered))
		return 0;
	futex_returns(&t->futex, task, (int)ctx->id);
	now = futex_exit_ns(t);
	if (t->futex.vector && ret > 0)
		futex_vector_read(&t->futex, ret);
	if (in_window(now))
		futex_count(&t->sums, &t->futex, ret);
	if (t->futex.blocked)
		sample_waited(t, now, second);
	if (t->futex.wake_ns)
		sample_woke(t, now, t->futex.addr, second ? SCRATCH_FUTEX_2 : SCRATCH_FUTEX);
	if (detailed(now) && !t->futex.told)
		emit_futex(t, ret, now);
	t->futex.wake_ns = 0;
	t->futex.blocked = t->futex.told = t->futex.entered = false;
	t->early_ns = 0; /* whatever it was for, it is not for the next call */
	return 0;
}

/* The other futex calls (futex_waitv, futex_wait, ...) are other tracepoints of the same programs. */
#define FUTEX_PAIR(name, second)                                                                   \
	SEC("?tp/syscalls/sys_enter_futex")                                                        \
	int on_enter_##name(struct trace_event_raw_sys_enter *ctx)                                 \
	{                                                                                          \
		return futex_enter(second);                                                        \
	}                                                                                          \
	SEC("?tp/syscalls/sys_exit_futex")                                                         \
	int on_exit_##name(struct trace_event_raw_sys_exit *ctx)                                   \
	{                                                                                          \
		return futex_exit(ctx, second);                                                    \
	}

FUTEX_PAIR(futex, false)
FUTEX_PAIR(futex_2, true) /* `preemptible` */

#endif
