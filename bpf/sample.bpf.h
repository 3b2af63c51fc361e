/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.bpf.h - what a thread runs or waits in: its Python stack, taken each time it has run or
 * waited for another config.sample_ns.
 *
 * A stack is written once; after that samples name it by its id.
 */
#ifndef PARASCOPE_SAMPLE_BPF_H
#define PARASCOPE_SAMPLE_BPF_H

#define HELD_EVERY_NS 1000000 /* a thread that sleeps with the GIL all the time: a stack so often */

/* Not inside a reservation: nothing is copied twice, and most stacks are known. */
static __always_inline void emit_stack(struct stack_scratch *s, __u32 tgid, __u64 id, __u64 now)
{
	__u8 known = 1;

	if (window_closed || now >= window_end_ns || bpf_map_lookup_elem(&stacks_seen, &id))
		return;
	s->rec.head.ts_ns = now;
	s->rec.head.tid = tgid;
	s->rec.head.kind = WIRE_STACK;
	s->rec.head.size = sizeof(s->rec);
	s->rec.id = id;
	count_loss(WIRE_LOSS_MADE);
	if (s->rec.flags)
		count_loss(WIRE_LOSS_TRUNCATED);
	/* user space reads names while the process lives */
	if (bpf_ringbuf_output(&ring, &s->rec, sizeof(s->rec),
			       reader_woken ? BPF_RB_NO_WAKEUP : BPF_RB_FORCE_WAKEUP)) {
		count_loss(WIRE_LOSS_RING_FULL);
		return;
	}
	reader_woken = true;
	if (bpf_map_update_elem(&stacks_seen, &id, &known, BPF_ANY))
		return; /* it will be written again */
}

/*
 * One look at the current thread.  where: whose scratch, see enum scratch_slot.  Ids of processes
 * differ, though forked ones share their code's addresses.
 */
__noinline int sample(struct thread *t, __u64 now, __u64 weight_ns, __u64 addr, __u32 how)
{
	__u32 where = how & 0xff, tgid;
	struct stack_scratch *s = bpf_map_lookup_elem(&stack_scratch, &where);
	__u64 tstate, id = 0;
	struct wire_sample *rec;

	if (!t || !s)
		return 0;
	tgid = t->tgid;
	tstate = python_self(t, now);
	if (tstate)
		id = python_walk(t->python, tstate, where);
	if (id) {
		id ^= (__u64)tgid << 32;
		emit_stack(s, tgid, id, now);
	} else if (tstate) {
		count_loss(WIRE_LOSS_STACK);
	}
	rec = emit_begin(now, t->tid, WIRE_SAMPLE, sizeof(*rec));
	if (!rec)
		return 0;
	rec->stack = id;
	rec->addr = addr;
	rec->weight_ns = weight_ns;
	rec->why = how >> 8;
	rec->flags = gil_held(t, tstate) ? WIRE_SAMPLE_GIL : 0;
	rec->pad = 0;
	rec->pad2 = 0;
	emit_end(rec);
	return 0;
}
#define SAMPLE_HOW(why, where) ((why) << 8 | (where))

/*
 * The sleep of a futex call is over.  The next sample is due after config.sample_ns on average, not
 * exactly: a program that waits in turns at two places would always be met at the same.
 */
static __always_inline void sample_waited(struct thread *t, __u64 now, bool second)
{
	__u64 slept = t->futex.enter_ns && now > t->futex.enter_ns ? now - t->futex.enter_ns : 0;

	if (!config.sample_ns || !python_slot(t))
		return;
	t->waited_ns += slept;
	if (t->waited_ns < t->waited_due_ns || !in_window(now))
		return;
	sample(t, now, t->waited_ns, t->futex.addr,
	       SAMPLE_HOW(WIRE_SAMPLE_WAITED, second ? SCRATCH_FUTEX_2 : SCRATCH_FUTEX));
	t->waited_ns = 0;
	t->waited_due_ns = config.sample_ns / 2 + bpf_get_prandom_u32() % (config.sample_ns + 1);
}

/* About to sleep on its GIL for the first time: the wait may never end. */
static __always_inline void sample_gil(struct thread *t, __u64 now)
{
	if (t->gil_sampled || !config.sample_ns)
		return;
	t->gil_sampled = true;
	sample(t, now, 0, t->futex.addr, SAMPLE_HOW(WIRE_SAMPLE_WAIT, SCRATCH_SWITCH));
}

/*
 * The current thread leaves the CPU, not for a word of the GIL: with the GIL?  If it goes to sleep so,
 * all others wait for what it sleeps on.  Returns flags of wire_switch.
 */
__noinline int sample_leaving(struct thread *t, __u32 state, __u64 now)
{
	if (!t || !gil_held(t, t->tstate ? t->tstate : python_self(t, now)))
		return 0;
	if (state == WIRE_PREEMPTED || !config.sample_ns || now < t->held_sample_ns + HELD_EVERY_NS)
		return WIRE_SWITCH_GIL;
	t->held_sample_ns = now;
	sample(t, now, 0, 0, SAMPLE_HOW(WIRE_SAMPLE_HELD, SCRATCH_SWITCH));
	return WIRE_SWITCH_GIL;
}

SEC("?perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	struct thread *t = thread_find(bpf_get_current_task_btf());
	__u64 now;

	if (!t || !python_slot(t))
		return 0;
	now = bpf_ktime_get_ns();
	if (in_window(now) && t->state == WIRE_ON_CPU)
		sample(t, now, config.sample_ns, 0,
		       SAMPLE_HOW(WIRE_SAMPLE_CPU, SCRATCH_CLOCK));
	return 0;
}

#endif
