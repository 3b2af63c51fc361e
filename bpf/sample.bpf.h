/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.bpf.h - what a thread runs or waits in: its native and Python stack, taken each time it
 * has run or waited for another config.sample_ns.
 *
 * A stack is written once; after that samples name it by its id.
 */
#ifndef PARASCOPE_SAMPLE_BPF_H
#define PARASCOPE_SAMPLE_BPF_H

/* Stacks that are taken for something else than time, of one thread: one in so much time. */
#define HELD_EVERY_NS 1000000
#define FIRST_EVERY_NS 1000000
#define ASTRAY_EVERY_NS 10000000
/* Stacks of waits on one CPU in config.sample_ns, on average at most, and so many more at once. */
#define SAMPLES_PER_PERIOD 10
#define SAMPLES_AT_ONCE 100

/* May there be any stack of this thread? */
static __always_inline bool has_stack(const struct thread *t)
{
	return config.sample_ns && sample_every_ns && (t->python || t->space);
}

/* User space should look at the mappings of this process (again). */
static __always_inline void emit_mapped(__u32 tid, __u32 tgid, bool astray, __u64 now)
{
	struct wire_mapped *rec = emit_begin(now, tid, WIRE_MAPPED, sizeof(*rec));

	if (!rec)
		return;
	rec->tgid = tgid;
	rec->astray = astray;
	emit_end_wake(rec, true);
}

/* Most stacks are known. */
__noinline int emit_stack(__u32 where, __u32 tgid, __u64 id, __u64 now)
{
	struct stack_scratch *s = bpf_map_lookup_elem(&stack_scratch, &where);
	__u8 known = 1;
	void *rec;
	__u32 n;

	if (!s || window_closed || now >= window_end_ns || bpf_map_lookup_elem(&stacks_seen, &id))
		return 0;
	n = s->rec.n;
	if (n > WIRE_FRAMES_MAX)
		return 0;
	s->rec.head.ts_ns = now;
	s->rec.head.tid = tgid;
	s->rec.head.kind = WIRE_STACK;
	s->rec.head.size = WIRE_STACK_SIZE(n);
	s->rec.id = id;
	if (s->rec.flags & (WIRE_STACK_TRUNCATED | WIRE_STACK_TORN))
		count_loss(WIRE_LOSS_TRUNCATED);
	rec = ring_at(ring_take(sizeof(__u64) + WIRE_STACK_SIZE(n)));
	if (!rec)
		return 0;
	bpf_probe_read_kernel(rec, WIRE_STACK_SIZE(n), &s->rec);
	emit_end_wake(rec, true); /* user space reads names while the process lives */
	if (bpf_map_update_elem(&stacks_seen, &id, &known, BPF_ANY))
		return 0; /* it will be written again */
	return 0;
}

static __always_inline void count_stack(const struct stack_scratch *s, __u64 begin)
{
	struct stack_cost *cost;
	__u32 zero = 0;

	cost = bpf_map_lookup_elem(&stack_cost, &zero);
	if (!cost)
		return;
	__sync_fetch_and_add(&cost->stacks, 1);
	__sync_fetch_and_add(&cost->ns, bpf_ktime_get_ns() - begin);
	__sync_fetch_and_add(&cost->frames, s->rec.n);
}

/* Unwinding met code that no table is known of, for the first time in a while. */
__noinline int tell_astray(struct thread *t, __u64 now)
{
	if (!t || now < t->astray_ns + ASTRAY_EVERY_NS)
		return 0;
	t->astray_ns = now;
	emit_mapped(t->tid, t->tgid, true, now);
	return 0;
}

/*
 * Take the current thread's stack into the scratch, behind the kernel frames that are there
 * already. where: whose scratch, see enum scratch_slot.  Returns its id, 0: there is none.  Ids of
 * processes differ, though forked ones share their code's addresses, and of address spaces that
 * follow one another.
 */
static __always_inline __u64 take_stack(struct thread *t, struct stack_scratch *s, __u32 where,
					__u64 tstate, __u64 hash)
{
	if (t->space)
		hash = unwind(t->space, where, hash);
	if (tstate)
		hash = python_walk(t->python, tstate, where, hash);
	s->rec.space = t->space;
	return s->rec.n ? hash ^ ((__u64)t->tgid << 32 | t->space) : 0;
}

#define SAMPLE_HOW(why, where) ((why) << 8 | (where))
#define SAMPLE_KEEP WIRE_SAMPLE_WHYS /* lean mode: not told yet, kept until the sleep is over */

static __always_inline void emit_sample(const struct thread *t, __u64 now, __u64 id,
					__u64 weight_ns, __u64 addr, __u8 why, __u8 flags)
{
	struct wire_sample *rec = emit_begin(now, t->tid, WIRE_SAMPLE, sizeof(*rec));

	if (!rec)
		return;
	rec->stack = id;
	rec->addr = addr;
	rec->weight_ns = weight_ns;
	rec->why = why;
	rec->flags = flags;
	rec->pad = 0;
	rec->pad2 = 0;
	emit_end(rec);
}

/* One look at the current thread; the scratch holds what kernel frames there are. */
__noinline int sample_more(struct thread *t, __u64 now, __u64 weight_ns, __u64 addr, __u32 how)
{
	__u32 where = how & 0xff;
	struct stack_scratch *s = bpf_map_lookup_elem(&stack_scratch, &where);
	__u64 tstate, id, begin, hash = STACK_HASH_START;

	if (!t || !s)
		return 0;
	begin = bpf_ktime_get_ns();
	tstate = t->python ? python_self(t, now) : 0;
	for (__u32 i = 0; i < WIRE_KERNEL_MAX && i < s->rec.n; i++)
		hash = stack_hash(hash, WIRE_CODE_KERNEL, s->rec.frames[i].instr);
	id = take_stack(t, s, where, tstate, hash);
	count_stack(s, begin);
	if (id)
		emit_stack(where, t->tgid, id, now);
	else
		count_loss(WIRE_LOSS_STACK);
	if (t->space && !(s->rec.flags & WIRE_STACK_WHOLE)) {
		count_loss(WIRE_LOSS_UNWIND);
		if (s->rec.flags & WIRE_STACK_ASTRAY)
			tell_astray(t, now);
	}
	if (lean && how >> 8 == SAMPLE_KEEP)
		t->wait_stack = id;
	else
		emit_sample(t, now, id, weight_ns, addr, how >> 8,
			    gil_held(t, tstate) ? WIRE_SAMPLE_GIL : 0);
	return 0;
}

static __always_inline void sample(struct thread *t, __u64 now, __u64 weight_ns, __u64 addr,
				   __u32 why, __u32 where)
{
	struct stack_scratch *s = bpf_map_lookup_elem(&stack_scratch, &where);

	if (!s)
		return;
	s->rec.n = s->rec.flags = 0;
	sample_more(t, now, weight_ns, addr, SAMPLE_HOW(why, where));
}

/*
 * However many threads wait, only so many of these stacks are taken on one CPU over time; a few
 * that come together are not held back, because they belong together.  The time of one that is goes
 * to where its thread is met next: here what lies on its line, in the model a wait longer than a
 * period.
 */
static __always_inline bool sample_allowed(__u64 now)
{
	__u64 gap = sample_every_ns / SAMPLES_PER_PERIOD;
	struct stack_cost *cost;
	__u32 zero = 0;

	cost = bpf_map_lookup_elem(&stack_cost, &zero);
	if (!cost || now + gap * SAMPLES_AT_ONCE < cost->next_ns)
		return false;
	cost->next_ns = (now > cost->next_ns ? now : cost->next_ns) + gap;
	return true;
}

/*
 * Time from one sample to the next: config.sample_ns on average, not exactly, else a program that
 * waits in turns at two places would always be met at the same.
 */
static __always_inline __u64 sample_gap(void)
{
	__u64 every = sample_every_ns;

	return every / 2 + bpf_get_prandom_u32() % (every + 1);
}

#define LONGEST_FADES 16 /* by one part in so many with each wait */
#define GAPS_MAX 3	 /* in a wait shorter than config.sample_ns and what was left before it */

/* What lies before the marks that the line has passed; new marks. */
static __always_inline __u64 sample_marks(__u64 *line_ns, __u64 *mark_ns)
{
	__u64 weight = 0;

#pragma unroll
	for (int i = 0; i < GAPS_MAX; i++) {
		if (*line_ns < *mark_ns)
			break;
		weight += *mark_ns;
		*line_ns -= *mark_ns;
		*mark_ns = sample_gap();
	}
	return weight ? weight : 1;
}

/*
 * Waited time is a line with marks on it, a gap apart.  A wait with marks in it is sampled and
 * stands for the gaps before them, so that each wait counts for its length on average; what lies
 * behind the last mark is left for the next one.  One that is longer than a period is always met,
 * for itself.  Returns what this wait stands for, 0: nothing.  A thread's first mark lies at 0: its
 * first wait is met, so that the place is known, and stands for as good as nothing.
 */
static __always_inline __u64 sample_weight(__u64 slept, __u64 *line_ns, __u64 *mark_ns, __u64 now)
{
	if (slept >= sample_every_ns)
		return sample_allowed(now) ? slept : 0;
	*line_ns += slept;
	if (*line_ns < *mark_ns || !sample_allowed(now))
		return 0;
	return sample_marks(line_ns, mark_ns);
}

__noinline int sample_keep(struct thread *t, __u64 now)
{
	if (t && now < window_end_ns && sample_allowed(now))
		sample(t, now, 0, 0, SAMPLE_KEEP, SCRATCH_SWITCH);
	return 0;
}

/*
 * Lean mode: a stack can be taken only before a sleep, when its length is not known.  So it is taken
 * if a sleep as long as the longest of late would have a mark in it, and is told if this one has.
 */
static __always_inline void sample_before(struct thread *t, __u64 now)
{
	if (t->longest_ns >= sample_every_ns || t->waited_ns + t->longest_ns >= t->waited_due_ns)
		sample_keep(t, now);
}

__noinline int sample_tell(struct thread *t, __u64 now, __u64 weight)
{
	if (!t)
		return 0;
	if (weight < sample_every_ns)
		weight = sample_marks(&t->waited_ns, &t->waited_due_ns);
	emit_sample(t, now, t->wait_stack, weight, t->futex.addr, WIRE_SAMPLE_WAITED, 0);
	return 0;
}

static __always_inline __u64 slept_ns(const struct thread *t, __u64 now)
{
	return t->futex.slept_ns && now > t->futex.slept_ns ? now - t->futex.slept_ns : 0;
}

/* The sleep is over. */
static __always_inline void sample_kept(struct thread *t, __u64 now)
{
	__u64 slept = slept_ns(t, now);

	if (!in_window(now))
		return;
	t->longest_ns -= t->longest_ns / LONGEST_FADES;
	if (slept > t->longest_ns)
		t->longest_ns = slept;
	if (slept < sample_every_ns)
		t->waited_ns += slept;
	if (t->wait_stack && (slept >= sample_every_ns || t->waited_ns >= t->waited_due_ns))
		sample_tell(t, now, slept);
}

/* The sleep of a futex call is over. */
static __always_inline void sample_waited(struct thread *t, __u64 now, bool second)
{
	__u64 weight;

	news(t);
	if (!has_stack(t) || !in_window(now))
		return;
	weight = sample_weight(slept_ns(t, now), &t->waited_ns, &t->waited_due_ns, now);
	if (weight)
		sample(t, now, weight, t->futex.addr, WIRE_SAMPLE_WAITED,
		       second ? SCRATCH_FUTEX_2 : SCRATCH_FUTEX);
}

__noinline int sample_waker(struct thread *t, __u64 now, __u64 addr, __u32 where)
{
	if (!t || !in_window(now) || !sample_allowed(now))
		return 0;
	sample(t, now, t->woke_ns, addr, WIRE_SAMPLE_WOKE, where);
	t->woke_ns = 0;
	t->woke_due_ns = sample_gap();
	return 0;
}

/*
 * A futex call that woke others is over: what was waited for has been let go of here.  Not in the
 * wake-up itself, which holds locks of the kernel; but in lean mode there is no other place.
 */
static __always_inline void sample_woke(struct thread *t, __u64 now, __u64 addr, __u32 where)
{
	if (t->woke_ns >= t->woke_due_ns && has_stack(t))
		sample_waker(t, now, addr, where);
}

/* About to sleep on a word for the first time: the stack tells what the word is for. */
static __always_inline void sample_first(struct thread *t, __u64 addr, __u64 now)
{
	if (!has_stack(t) || now < t->first_sample_ns + FIRST_EVERY_NS || !sample_allowed(now))
		return;
	t->first_sample_ns = now;
	if (lean && t->wait_stack)
		emit_sample(t, now, t->wait_stack, 0, addr, WIRE_SAMPLE_WAIT, 0);
	else
		sample(t, now, 0, addr, WIRE_SAMPLE_WAIT, SCRATCH_SWITCH);
}

/* About to sleep on its GIL for the first time: the wait may never end. */
static __always_inline void sample_gil(struct thread *t, __u64 now)
{
	if (t->gil_sampled || !sample_every_ns)
		return;
	t->gil_sampled = true;
	if (lean && t->wait_stack)
		emit_sample(t, now, t->wait_stack, 0, t->futex.addr, WIRE_SAMPLE_WAIT, 0);
	else
		sample(t, now, 0, t->futex.addr, WIRE_SAMPLE_WAIT, SCRATCH_SWITCH);
}

/*
 * The current thread leaves the CPU, not for a word of the GIL: with the GIL?  If it goes to sleep
 * so, all others wait for what it sleeps on.  Returns flags of wire_switch.
 */
__noinline int sample_leaving(struct thread *t, __u32 state, __u64 now)
{
	if (!t || !detailed(now) || !gil_held(t, t->tstate ? t->tstate : python_self(t, now)))
		return 0;
	if (state == WIRE_PREEMPTED || !sample_every_ns || now < t->held_sample_ns + HELD_EVERY_NS)
		return WIRE_SWITCH_GIL;
	t->held_sample_ns = now;
	sample(t, now, 0, 0, WIRE_SAMPLE_HELD, SCRATCH_SWITCH);
	return WIRE_SWITCH_GIL;
}

/* Kernel frames of what the clock interrupted, if that was in the kernel. */
static __always_inline void take_kernel(void *ctx, struct stack_scratch *s)
{
	long bytes = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);

	s->rec.n = s->rec.flags = 0;
#pragma unroll
	for (__u32 i = 0; i < WIRE_KERNEL_MAX; i++) {
		if ((long)(i * sizeof(__u64)) >= bytes)
			break;
		s->rec.frames[i].code = WIRE_CODE_KERNEL;
		s->rec.frames[i].instr = s->kernel[i] - (i > 0); /* callers: return addresses */
		s->rec.n = i + 1;
	}
}

SEC("?perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	struct thread *t = thread_find(bpf_get_current_task_btf());
	__u32 where = SCRATCH_CLOCK;
	struct stack_scratch *s;
	__u64 now;

	if (!t || !sample_every_ns)
		return 0;
	news(t);
	s = bpf_map_lookup_elem(&stack_scratch, &where);
	if (!s || !has_stack(t))
		return 0;
	now = bpf_ktime_get_ns();
	if (!in_window(now) || t->state != WIRE_ON_CPU)
		return 0;
	take_kernel(ctx, s);
	sample_more(t, now, sample_every_ns, 0, SAMPLE_HOW(WIRE_SAMPLE_CPU, where));
	return 0;
}

/* Code was mapped: its calls can be followed once user space knows of it. */
#define PROT_EXEC 4

SEC("?tp/syscalls/sys_exit_mmap")
int on_exit_mmap(struct trace_event_raw_sys_exit *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = thread_find(task);
	const struct pt_regs *regs;

	if (!t)
		return 0;
	regs = user_regs(task);
	if (regs_arg(regs, 2) & PROT_EXEC && (int)regs_arg(regs, 4) >= 0)
		emit_mapped(t->tid, t->tgid, false, bpf_ktime_get_ns());
	return 0;
}

#endif
