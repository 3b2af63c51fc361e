/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.bpf.h - the one place for what differs between kernels and machines.
 */
#ifndef PARASCOPE_COMPAT_BPF_H
#define PARASCOPE_COMPAT_BPF_H

/* include/linux/sched.h; stable since 4.14 (TASK_DEAD: since 6.1 0x80 as before). */
#define TASK_INTERRUPTIBLE 0x0001
#define TASK_STOPPED_MASK 0x000c /* __TASK_STOPPED | __TASK_TRACED */
#define TASK_DEAD_MASK 0x0090	 /* TASK_DEAD | EXIT_DEAD */
#define TASK_FREEZABLE 0x2000	 /* since 6.1 */
#define TASK_FROZEN_MASK 0x8000	 /* TASK_FROZEN, since 6.1 */
#define TASK_WAKING 0x0200	 /* on its way to a run queue */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
/* include/linux/sched/jobctl.h: a stop or trap is asked for */
#define JOBCTL_PENDING 0x009a0000

/* include/linux/preempt.h: hard interrupt, NMI, or serving a soft interrupt (not just BH off). */
#define PREEMPT_IRQ_MASK 0x00ff0100

#define NSEC_PER_USER_TICK 10000000ULL /* USER_HZ is 100 on x86 and arm64 */

#if defined(__TARGET_ARCH_x86)
#define NR_futex 202
#define NR_restart_syscall 219
#elif defined(__TARGET_ARCH_arm64)
#define NR_futex 98
#define NR_restart_syscall 128
#endif
#define NR_futex_waitv 449
#define NR_futex_wake 454
#define NR_futex_wait 455
#define NR_futex_requeue 456

/* A system call as it stands in a thread's saved user registers. */
struct syscall_regs {
	long nr; /* -1: not in a system call */
	__u64 args[5];
	__u64 sp, ip, bp;
};

/* The saved user registers of a task; they hold a system call and its arguments until it has returned. */
static __always_inline const struct pt_regs *user_regs(struct task_struct *task)
{
	return (const struct pt_regs *)bpf_task_pt_regs(task);
}

/*
 * The same without a call of a helper, which costs 20 ns: they lie at the same place of every kernel stack.
 * A kernel without bpf_rdonly_cast() (6.2) that is asked for it refuses the program, some before they look
 * whether it is ever called, so this is for programs of their own: `direct`.
 */
extern void *bpf_rdonly_cast(const void *obj, __u32 type) __ksym __weak;

static __always_inline const struct pt_regs *user_regs_direct(struct task_struct *task)
{
	return bpf_rdonly_cast(task->stack + regs_offset, bpf_core_type_id_kernel(struct pt_regs));
}

static __always_inline const struct pt_regs *user_regs_by(struct task_struct *task, bool direct)
{
	return direct ? user_regs_direct(task) : user_regs(task);
}

/*
 * A task by which to read pointers.  Since 6.3 the verifier looks up a name among all types, up to four
 * times and one after the other, for each way on which it meets such a read by a pointer that it trusts: a
 * quarter of a second in lean mode.
 */
static __always_inline struct task_struct *untrusted(struct task_struct *task, bool direct)
{
	return direct ? bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct)) : task;
}

/* 32 bits of an address, as a number: there is no arithmetic with pointers to what is the kernel's. */
static __always_inline __u32 low_bits(const void *kernel)
{
	__u32 ret;

	asm volatile("%0 = %1" : "=w"(ret) : "w"((__u32)(__u64)kernel));
	return ret;
}

static __always_inline void regs_find(struct task_struct *task)
{
	if (!regs_offset)
		regs_offset = low_bits(user_regs(task)) - low_bits(task->stack);
}

static __always_inline long regs_nr(const struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (int)regs->orig_ax;
#elif defined(__TARGET_ARCH_arm64)
	return regs->syscallno;
#endif
}

/* i: a constant below 5 */
static __always_inline __u64 regs_arg(const struct pt_regs *regs, int i)
{
#if defined(__TARGET_ARCH_x86)
	return i == 0	? regs->di
	       : i == 1 ? regs->si
	       : i == 2 ? regs->dx
	       : i == 3 ? regs->r10
			: regs->r8;
#elif defined(__TARGET_ARCH_arm64)
	return i == 0 ? regs->orig_x0 : regs->regs[i];
#endif
}

static __always_inline void syscall_regs_read(struct syscall_regs *ret, struct task_struct *task)
{
	const struct pt_regs *regs = user_regs(task);

	ret->nr = regs_nr(regs);
	ret->args[0] = regs_arg(regs, 0);
	ret->args[1] = regs_arg(regs, 1);
	ret->args[2] = regs_arg(regs, 2);
	ret->args[3] = regs_arg(regs, 3);
	ret->args[4] = regs_arg(regs, 4);
	ret->sp = regs->sp;
#if defined(__TARGET_ARCH_x86)
	ret->ip = regs->ip;
	ret->bp = regs->bp;
#elif defined(__TARGET_ARCH_arm64)
	ret->ip = ret->bp = 0; /* there are no tables to unwind by */
#endif
}

/*
 * Is the current context an interrupt, i.e. is `current` a bystander?  The counter belongs to the
 * thread on arm64 (arch/arm64/include/asm/thread_info.h).  On x86 it is a per-CPU variable:
 * pcpu_hot.preempt_count from 6.2 (64701838bf05) to 6.14, __preempt_count before and since
 * (01c7bc5198e9).  A kernel whose symbol table lacks data (no CONFIG_KALLSYMS_ALL) refuses a program
 * that names either: user space then loads on_waking instead of on_waking_context.
 */
#if defined(__TARGET_ARCH_x86)
struct pcpu_hot___x86 {
	int preempt_count;
} __attribute__((preserve_access_index));

extern const int __preempt_count __ksym __weak;
extern const struct pcpu_hot___x86 pcpu_hot __ksym __weak;

static __always_inline int in_interrupt(void)
{
	if (&__preempt_count)
		return !!(*(int *)bpf_this_cpu_ptr(&__preempt_count) & PREEMPT_IRQ_MASK);
	if (&pcpu_hot)
		return !!(((struct pcpu_hot___x86 *)bpf_this_cpu_ptr(&pcpu_hot))->preempt_count &
			  PREEMPT_IRQ_MASK);
	return -1;
}
#elif defined(__TARGET_ARCH_arm64)
static __always_inline int in_interrupt(void)
{
	return !!(bpf_get_current_task_btf()->thread_info.preempt_count & PREEMPT_IRQ_MASK);
}
#endif

/*
 * What pthread_self() comes from: the thread pointer as the kernel set it at clone or arch_prctl.
 * For the current thread it is what the CPU has, unless user space has changed it by itself.
 */
static __always_inline __u64 thread_pointer(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread.fsbase;
#elif defined(__TARGET_ARCH_arm64)
	return task->thread.uw.tp_value;
#endif
}

/* glibc's struct pthread begins at the thread pointer on x86-64, and ends there on arm64. */
static __always_inline bool is_thread_pointer(__u64 pthread_self, __u64 pointer)
{
#if defined(__TARGET_ARCH_x86)
	return pthread_self && pthread_self == pointer;
#elif defined(__TARGET_ARCH_arm64)
	return pthread_self && pointer - pthread_self < 0x2000;
#endif
}

/* Loops that the verifier does not walk through: bpf_loop(), since 5.17. */
enum bpf_func_id___loop {
	BPF_FUNC_loop___loop = 181,
};

static __always_inline bool has_loop(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id___loop, BPF_FUNC_loop___loop);
}

/* Of the current thread's memory; 0 if it cannot be read: nothing that is looked for is at 0. */
static __always_inline __u64 user_u64(__u64 addr)
{
	__u64 value;

	return bpf_probe_read_user(&value, sizeof(value), (void *)addr) ? 0 : value;
}

/* All bytes: what follows the name would be left from a former record in the ring. */
static __always_inline void comm_read(char *ret, struct task_struct *task)
{
	__builtin_memset(ret, 0, WIRE_COMM_LEN);
	bpf_core_read_str(ret, WIRE_COMM_LEN, &task->comm);
}

/* The id of a task in its own PID namespace, which is so many levels below the first one. */
static __always_inline __u32 ns_id(struct pid *pid, unsigned int level)
{
	int nr = 0;

	if (bpf_core_read(&nr, sizeof(nr), &pid->numbers[level].nr))
		return 0;
	return nr;
}

/* The same of a thread and of its process, which are in one namespace. */
static __always_inline void ns_ids(__u32 *ret_tid, __u32 *ret_tgid, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	unsigned int level = BPF_CORE_READ(pid, level);

	*ret_tid = task->pid;
	*ret_tgid = task->tgid;
	if (!level)
		return;
	*ret_tid = ns_id(pid, level);
	*ret_tgid = ns_id(BPF_CORE_READ(task, group_leader, thread_pid), level);
}

#endif
