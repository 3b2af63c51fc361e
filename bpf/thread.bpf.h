/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thread.bpf.h - finding a watched thread, creating one, and adding up its time.
 */
#ifndef PARASCOPE_THREAD_BPF_H
#define PARASCOPE_THREAD_BPF_H

/* The slot that a task's address leads to. */
static __always_inline __u32 slot_of(struct task_struct *task)
{
	return low_bits(task) * 0x9e3779b1U >> (32 - SLOT_BITS);
}

static __always_inline struct thread *slot_thread(__u32 i)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &i);

	return slot ? &slot->t : NULL;
}

static __noinline struct thread *elsewhere_find(struct task_struct *task)
{
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	__u64 key = (__u64)task;

	if (!t && fallback_used)
		t = bpf_map_lookup_elem(&threads_fallback, &key);
	return t;
}

static __always_inline struct thread *thread_look(struct task_struct *task)
{
	__u32 i = slot_of(task);

	if (slot_owners[i] == (__u64)task)
		return slot_thread(i);
	return slots_crowded[i >> 6] & 1ULL << (i & 63) ? elsewhere_find(task) : NULL;
}

/* The watched thread of a task, NULL: not ours. */
static __always_inline struct thread *thread_find(struct task_struct *task)
{
	struct thread *t = thread_look(task);

	/* without an id it is not ready yet: thread_create() on another CPU */
	return t && t->tid && !detached ? t : NULL;
}

/* Gives a slot back; nobody can hold on to its thread, see thread_release(). */
static __always_inline void slot_clear(__u32 i, struct thread *t)
{
	__builtin_memset(t, 0, sizeof(*t));
	__sync_lock_test_and_set(&slot_owners[i], 0); /* a full barrier */
}

/*
 * After a thread's last switch: nothing finds it any more.  No wake-up is under way either, because
 * do_task_dead() waits for them.  Storage goes with the task.
 */
static __always_inline void thread_release(struct task_struct *task)
{
	__u32 i = slot_of(task);
	__u64 key = (__u64)task;
	struct thread *t = slot_owners[i] == key ? slot_thread(i) : NULL;

	if (t)
		slot_clear(i, t);
	else if (fallback_used)
		bpf_map_delete_elem(&threads_fallback, &key);
}

/*
 * A new task: if its address has a slot, that belonged to one whose last switch the programs were
 * not shown.
 */
static __always_inline void thread_expire(struct task_struct *task)
{
	__u32 i = slot_of(task);
	struct thread *t;

	if (slot_owners[i] != (__u64)task)
		return;
	t = slot_thread(i);
	if (t && t->tid && t->start_ns != task->start_boottime)
		slot_clear(i, t);
}

static __always_inline struct thread *fallback_create(struct task_struct *task)
{
	static const struct thread none; /* too large for the stack */
	__u64 key = (__u64)task;
	struct thread *t = bpf_map_lookup_elem(&threads_fallback, &key);

	if (t)
		return t;
	count_loss(WIRE_LOSS_STORAGE);
	fallback_used = true;
	if (bpf_map_update_elem(&threads_fallback, &key, &none, BPF_NOEXIST)) {
		count_loss(WIRE_LOSS_THREAD);
		return NULL;
	}
	return bpf_map_lookup_elem(&threads_fallback, &key);
}

/* NULL: another thread has it. */
static __always_inline struct thread *slot_create(struct task_struct *task)
{
	__u32 i = slot_of(task);

	if (!config.test_no_storage &&
	    !__sync_val_compare_and_swap(&slot_owners[i], 0, (__u64)task))
		return slot_thread(i);
	/* before the thread is anywhere else */
	__sync_fetch_and_or(&slots_crowded[i >> 6], 1ULL << (i & 63));
	return slot_owners[i] == (__u64)task ? slot_thread(i) : NULL; /* another CPU was first */
}

/*
 * Begin to watch a task.  Its state stays WIRE_UNKNOWN until the caller or the first event says
 * better: events may arrive on other CPUs as soon as the id is there, see thread_find().
 */
static __always_inline struct thread *thread_create(struct task_struct *task, __u64 now)
{
	struct thread *t = thread_look(task);

	if (!t)
		t = slot_create(task);
	if (!t && !config.test_no_storage)
		t = bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		t = fallback_create(task);
	if (!t)
		return NULL;
	if (t->born_ns)
		return t;
	regs_find(task);
	t->born_ns = now;
	t->since_ns = now;
	t->start_ns = task->start_boottime;
	t->tgid = task->tgid;
	t->cpu = ~0;
	t->exec_ns = task->se.sum_exec_runtime;
	t->utime_base_ns = task->utime;
	t->stime_base_ns = task->stime;
	__sync_lock_test_and_set(&t->tid, task->pid); /* a full barrier */
	return t;
}

/* Under which id records of that time know it. */
static __always_inline __u32 tid_then(const struct thread *t, __u64 then_ns)
{
	return then_ns < t->exec_done_ns ? t->former_tid : t->tid;
}

static __always_inline bool in_window(__u64 now)
{
	return now >= window_begin_ns && now < window_end_ns && !window_closed;
}

/* Time of [since, now] that lies inside the window. */
static __always_inline __u64 inside_ns(__u64 since, __u64 now)
{
	__u64 begin = window_begin_ns, end = window_end_ns;

	if (since > begin)
		begin = since;
	if (now < end)
		end = now;
	return end > begin ? end - begin : 0;
}

/*
 * Close the present state at `now` and enter the next: every ns goes to exactly one state.  A
 * reader on another CPU that finds seq even and the same before and after has read what belongs
 * together.
 * The state comes last: whoever sees it may enter the next one at once.
 */
static __always_inline void thread_enter(struct thread *t, __u8 state, __u64 now)
{
	__u8 former = t->state & (WIRE_STATES - 1);

	if (now < t->since_ns) {
		count_loss(WIRE_LOSS_CLOCK);
		now = t->since_ns;
	}
	t->seq++;
	barrier();
	t->sums.state_ns[former] += inside_ns(t->since_ns, now);
	t->since_ns = now;
	barrier();
	t->seq++;
	barrier();
	t->state = state;
}

/* The exact sums as they stand at `now`, without changing them. */
static __always_inline void thread_sums(struct wire_thread_sums *ret, struct thread *t,
					struct task_struct *task, __u64 now)
{
	__u8 state = t->state & (WIRE_STATES - 1);

	if (now > window_end_ns)
		now = window_end_ns;
	ret->head.ts_ns = now;
	ret->head.tid = t->tid;
	ret->head.kind = WIRE_SUMS;
	ret->head.size = sizeof(*ret);
	ret->tgid = task->tgid;
	ret->dead = state == WIRE_DEAD;
	ret->start_ns = t->start_ns;
	ret->begin_ns = t->born_ns > window_begin_ns ? t->born_ns : window_begin_ns;
	ret->end_ns = now > ret->begin_ns ? now : ret->begin_ns;
	comm_read(ret->comm, task);
	ret->sums = t->sums;
	ret->sums.state_ns[state] += inside_ns(t->since_ns, now);
	ret->sums.utime_ns = task->utime - t->utime_base_ns;
	ret->sums.stime_ns = task->stime - t->stime_base_ns;
}

#endif
