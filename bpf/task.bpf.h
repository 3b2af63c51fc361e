/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * task.bpf.h - threads and processes that are there, appear, change and go.
 */
#ifndef PARASCOPE_TASK_BPF_H
#define PARASCOPE_TASK_BPF_H

static __always_inline void task_describe(struct wire_task *rec, struct task_struct *task,
					  const struct thread *t, __u32 parent_tgid, __u64 now)
{
	rec->head.ts_ns = now;
	rec->head.tid = task->pid;
	rec->head.kind = WIRE_TASK;
	rec->head.size = sizeof(*rec);
	rec->tgid = task->tgid;
	rec->parent_tgid = parent_tgid;
	ns_ids(&rec->ns_tid, &rec->ns_tgid, task);
	rec->start_ns = t->start_ns;
	comm_read(rec->comm, task);
	rec->state = t->state;
	rec->flags = 0;
	rec->cpu = t->cpu;
	rec->pad = 0;
	rec->thread_pointer = rec->sp = rec->ip = rec->bp = 0;
}

/* Is the task one that the user named?  The start time guards against a reused id. */
static __always_inline bool is_named(struct task_struct *task)
{
	struct task_struct *named = config.by_tid ? task : task->group_leader;
	__u32 id = config.by_tid ? task->pid : task->tgid;
	struct wire_target *target = bpf_map_lookup_elem(&targets, &id);

	return target && target->start_ticks == named->start_boottime / NSEC_PER_USER_TICK;
}

/* current is the parent; the child is complete but has not run yet. */
static __always_inline int forked(struct task_struct *parent, struct task_struct *child)
{
	struct thread *p = thread_find(parent), *t;
	struct wire_task *rec;
	__u64 now;

	barrier_var(p); /* keep the pointer, not only whether there is one: the verifier wants to see it */
	/* a process named by the user may fork before the iterator reached this thread */
	if (!p && !(attaching && !config.by_tid && is_named(parent)))
		return 0;
	if (config.by_tid || (parent->tgid != child->tgid && !config.follow_children))
		return 0;
	now = bpf_ktime_get_ns();
	thread_expire(child);
	t = thread_create(child, now);
	if (!t)
		return 0;
	t->settled = true;
	t->state = WIRE_OTHER; /* until sched_wakeup_new, a moment from now */
	if (p) {
		t->python = p->python;
		t->space = p->space;
		t->news_seen = p->news_seen;
	}
	rec = emit_begin(now, child->pid, WIRE_TASK, sizeof(*rec));
	if (!rec)
		return 0;
	task_describe(rec, child, t, parent->tgid, now);
	__builtin_memset(&rec->block, 0, sizeof(rec->block));
	emit_end(rec);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child);
}

/* current is the parent still, and cannot be preempted. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	thread_expire(task);
	if (preemptible && !thread_find(task)) /* on_fork may have been skipped */
		forked(bpf_get_current_task_btf(), task);
	return woken(task, true, WAKE_THREAD, false);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid)
{
	struct thread *t = thread_find(task);
	struct wire_exec *rec;
	__u32 tgid;
	__u64 now;

	if (!t)
		return 0;
	now = bpf_ktime_get_ns();
	__builtin_memset(t->words_seen, 0, sizeof(t->words_seen));
	t->python = t->space = 0;
	t->tstate = t->gil = 0;
	tgid = task->tgid;
	bpf_map_delete_elem(&python_of, &tgid);
	bpf_map_delete_elem(&space_of, &tgid);
	t->tid = task->pid;
	t->former_tid = old_pid;
	t->exec_done_ns = now;
	rec = emit_begin(now, task->pid, WIRE_EXEC, sizeof(*rec));
	if (!rec)
		return 0;
	rec->old_tid = old_pid;
	rec->tgid = task->tgid;
	rec->start_ns = t->start_ns;
	comm_read(rec->comm, task);
	emit_end_wake(rec, true); /* what runs in it must be found soon */
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct thread *t = thread_find(task);

	if (t)
		emit_exit(t, task, bpf_ktime_get_ns());
	return 0;
}

/* What a thread does that has not shown an event yet: a look from outside. */
static __always_inline void task_look(struct thread *t, struct task_struct *task,
				      struct wire_task *rec)
{
	struct syscall_regs regs;
	__u32 state = task->__state;
	__u8 guess;

	if (t->settled)
		return;
	if (!state) {
		guess = task->on_cpu ? WIRE_ON_CPU : WIRE_PREEMPTED;
	} else {
		syscall_regs_read(&regs, task);
		guess = sleep_state(t, task, state, &regs);
		if (guess == WIRE_FUTEX_WAIT) {
			if (!futex_sleep_other(t, state, &regs, 0))
				guess = WIRE_FAULT;
			else if (lean)
				rec->flags |= WIRE_TASK_LEAN;
		}
		t->last_block = guess;
		rec->block.nr = regs.nr;
		rec->block.addr = regs.args[0];
		if (guess == WIRE_FUTEX_WAIT) {
			rec->block.addr = t->futex.addr;
			rec->block.op = t->futex.op;
			rec->block.val = t->futex.val;
		}
		rec->thread_pointer = thread_pointer(task);
		rec->sp = regs.sp;
		rec->ip = regs.ip;
		rec->bp = regs.bp;
		rec->flags |= WIRE_TASK_BLOCKED;
	}
	if (!t->settled) /* an event in the meantime knows better */
		t->state = guess;
	rec->state = t->state;
}

static __always_inline void write_task(struct seq_file *seq, struct task_struct *task)
{
	struct wire_task rec;
	__u32 parent_tgid;
	struct thread *t;
	__u64 now;

	if (task->flags & PF_KTHREAD || task->__state & TASK_DEAD_MASK || !is_named(task))
		return;
	parent_tgid = task->real_parent->tgid; /* where only one way leads: see untrusted() */
	now = bpf_ktime_get_ns();
	t = thread_create(task, now);
	if (!t)
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	task_describe(&rec, task, t, parent_tgid, t->born_ns);
	rec.flags = WIRE_TASK_EXISTED;
	task_look(t, task, &rec);
	bpf_seq_write(seq, &rec, sizeof(rec)); /* fails if the page is full: asked again then */
}

/* False: the thread changed its state meanwhile; after the window it does so once at most. */
static __always_inline bool read_sums(struct wire_thread_sums *ret, struct thread *t,
				      struct task_struct *task)
{
	__u32 seq = *(volatile __u32 *)&t->seq;

	barrier();
	thread_sums(ret, t, task, bpf_ktime_get_ns());
	barrier();
	return !(seq & 1) && seq == *(volatile __u32 *)&t->seq;
}

/*
 * Since when a thread runs that we never saw enter its CPU, a tick too late at most; 0: it does not, or not
 * long enough to be known.  What a lean wait counts waits for its switch.
 */
static __always_inline __u64 unseen_since(const struct thread *t, struct task_struct *task)
{
	__u64 in_ns;

	if ((lean && t->futex.blocked) || !runs_unseen(t, task))
		return 0;
	in_ns = bpf_ktime_get_ns() - (task->se.sum_exec_runtime - t->exec_ns);
	return in_ns > t->since_ns ? in_ns : t->since_ns;
}

static __always_inline void write_switch_in(struct seq_file *seq, const struct thread *t, __u64 since_ns)
{
	struct wire_switch rec;

	if (!detailed(since_ns))
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	rec.head.ts_ns = since_ns;
	rec.head.kind = WIRE_SWITCH;
	rec.head.size = WIRE_SWITCH_SHORT;
	rec.next_tid = tid_then(t, since_ns);
	rec.cpu = t->cpu;
	rec.prev_state = WIRE_UNKNOWN;
	rec.flags = WIRE_SWITCH_HEALED;
	count_loss(WIRE_LOSS_SWITCH);
	bpf_seq_write(seq, &rec, WIRE_SWITCH_SHORT);
}

static __always_inline void write_sums(struct seq_file *seq, struct task_struct *task)
{
	struct thread *t = thread_find(task);
	struct wire_thread_sums rec;
	__u64 entered_ns, since_ns, ns;

	if (!t || t->state == WIRE_DEAD) /* the dead wrote theirs */
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	entered_ns = *(volatile __u64 *)&t->since_ns;
	since_ns = unseen_since(t, task);
	if (!read_sums(&rec, t, task) && !read_sums(&rec, t, task))
		read_sums(&rec, t, task);
	ns = since_ns ? inside_ns(since_ns, rec.end_ns) : 0;
	if (ns && entered_ns == *(volatile __u64 *)&t->since_ns) {
		rec.sums.state_ns[t->state & (WIRE_STATES - 1)] -= ns;
		rec.sums.state_ns[WIRE_ON_CPU] += ns;
		write_switch_in(seq, t, since_ns);
	} else if (t->untold_ns) {
		write_switch_in(seq, t, t->untold_ns);
	}
	bpf_seq_write(seq, &rec, sizeof(rec)); /* as above */
}

/*
 * The state and since when, for the moment at which records begin again.  They belong together unless the
 * thread is just between the two stores of thread_enter(): false, its records tell what follows.
 */
static __always_inline bool read_state(struct wire_thread_state *ret, const struct thread *t)
{
	__u32 seq = *(volatile __u32 *)&t->seq;

	barrier();
	ret->state = *(volatile __u8 *)&t->state;
	ret->head.ts_ns = *(volatile __u64 *)&t->since_ns;
	barrier();
	return !(seq & 1) && seq == *(volatile __u32 *)&t->seq;
}

static __always_inline void write_state(struct seq_file *seq, struct task_struct *task)
{
	struct thread *t = thread_find(task);
	struct wire_thread_state rec;

	if (!t || t->state == WIRE_DEAD)
		return;
	__builtin_memset(&rec, 0, sizeof(rec));
	if (!read_state(&rec, t) && !read_state(&rec, t))
		read_state(&rec, t);
	if (rec.head.ts_ns < detail_from_ns)
		rec.head.ts_ns = detail_from_ns;
	rec.head.tid = t->tid;
	rec.head.kind = WIRE_STATE;
	rec.head.size = sizeof(rec);
	rec.start_ns = t->start_ns;
	rec.tgid = task->tgid;
	rec.cpu = t->cpu;
	rec.block.nr = -1;
	if (rec.state == WIRE_FUTEX_WAIT && t->futex.blocked) {
		rec.flags = WIRE_STATE_BLOCK | (lean ? WIRE_STATE_LEAN : 0);
		rec.block.nr = NR_futex;
		rec.block.addr = t->futex.addr;
		rec.block.op = t->futex.op;
		rec.block.val = rec.block.word = t->futex.val;
	}
	bpf_seq_write(seq, &rec, sizeof(rec)); /* as above */
}

static __always_inline void forget_sums(struct task_struct *task)
{
	struct thread *t = thread_find(task);

	if (t)
		__builtin_memset(&t->sums, 0, sizeof(t->sums));
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	if (iter_mode == ITER_ATTACH)
		write_task(ctx->meta->seq, task);
	else if (iter_mode == ITER_SUMS)
		write_sums(ctx->meta->seq, task);
	else if (iter_mode == ITER_STATES)
		write_state(ctx->meta->seq, task);
	else
		forget_sums(task);
	return 0;
}

#endif
