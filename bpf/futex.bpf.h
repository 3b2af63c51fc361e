/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * futex.bpf.h - every futex call of a target thread: what for, how long, how it ended.
 *
 * Entering is only noted; one record is written when the call returns.  The sleep inside it is a
 * WIRE_SWITCH with the word, so that a wait that never returns is seen as well.
 */
#ifndef PARASCOPE_FUTEX_BPF_H
#define PARASCOPE_FUTEX_BPF_H

#define ETIMEDOUT 110
#define EAGAIN 11
#define EINTR 4
#define ERESTARTSYS 512 /* up to ERESTART_RESTARTBLOCK 516: a signal came */
#define ERESTART_LAST 516

static __always_inline int futex_enter(struct trace_event_raw_sys_enter *ctx, long nr, bool second)
{
	struct thread *t = thread_find(bpf_get_current_task_btf());
	__u64 args[4];

	if (!t || (second && t->futex.active))
		return 0;
	if (t->futex.active && in_window(bpf_ktime_get_ns())) /* nobody saw the last one return */
		count_loss(WIRE_LOSS_SKIPPED);
	args[0] = ctx->args[0];
	args[1] = ctx->args[1];
	args[2] = ctx->args[2];
	args[3] = ctx->args[3];
	futex_decode(&t->futex, nr, args);
	if (nr == NR_futex && futex_is(t->futex.op, CMD(FUTEX_REQUEUE) | CMD(FUTEX_CMP_REQUEUE) |
							    CMD(FUTEX_WAKE_OP) |
							    CMD(FUTEX_WAIT_REQUEUE_PI) |
							    CMD(FUTEX_CMP_REQUEUE_PI)))
		t->futex.addr2 = syscall_fifth(); /* not all tracepoints have it in ctx */
	/* reading the clock is half the cost of this program; a wake's begin is of no use */
	t->futex.enter_ns = futex_is(t->futex.op, WAIT_CMDS) ? bpf_ktime_get_ns() : 0;
	t->futex.open = false;
	t->early_ns = 0; /* whatever it was for, it is not for this call */
	t->futex.wake_ns = 0;
	t->futex.blocked = false;
	t->futex.active = true;
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

static __always_inline int futex_exit(struct trace_event_raw_sys_exit *ctx, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_find(task);
	struct wire_futex *rec;
	long ret = ctx->ret;
	__u64 now;

	if (!t || (second && !t->futex.active))
		return 0;
	now = futex_exit_ns(t);
	if (!t->futex.active) {
		if (in_window(now))
			count_loss(preemptible ? WIRE_LOSS_SKIPPED : WIRE_LOSS_UNMATCHED);
		return 0;
	}
	if (t->futex.vector && ret > 0)
		futex_vector_read(&t->futex, ret);
	if (in_window(now))
		futex_count(&t->sums, &t->futex, ret);
	if (t->futex.blocked)
		sample_waited(t, now, second);
	if (t->futex.wake_ns)
		sample_woke(t, now, t->futex.addr, second ? SCRATCH_FUTEX_2 : SCRATCH_FUTEX);
	rec = detailed(now) ? emit_begin(now, t->tid, WIRE_FUTEX, sizeof(*rec)) : NULL;
	if (rec) {
		rec->enter_ns = t->futex.enter_ns;
		rec->addr = t->futex.addr;
		rec->addr2 = t->futex.addr2;
		rec->ret = ret;
		rec->op = t->futex.op;
		rec->val = t->futex.val;
		rec->flags = (t->futex.blocked ? WIRE_FUTEX_BLOCKED : 0) |
			     (t->futex.open ? WIRE_FUTEX_OPEN : 0) |
			     (t->futex.vector ? WIRE_FUTEX_VECTOR : 0);
		emit_end(rec);
	}
	t->futex.active = false;
	return 0;
}

/* The other futex calls (futex_waitv, futex_wait, ...) are other tracepoints of the same programs. */
#define FUTEX_PAIR(name, second)                                                                   \
	SEC("?tp/syscalls/sys_enter_futex")                                                        \
	int on_enter_##name(struct trace_event_raw_sys_enter *ctx)                                 \
	{                                                                                          \
		return futex_enter(ctx, (int)ctx->id, second);                                     \
	}                                                                                          \
	SEC("?tp/syscalls/sys_exit_futex")                                                         \
	int on_exit_##name(struct trace_event_raw_sys_exit *ctx)                                   \
	{                                                                                          \
		return futex_exit(ctx, second);                                                    \
	}

FUTEX_PAIR(futex, false)
FUTEX_PAIR(futex_2, true)

#endif
