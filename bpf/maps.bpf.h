/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.bpf.h - everything the programs remember, and the knobs that user space turns.
 */
#ifndef PARASCOPE_MAPS_BPF_H
#define PARASCOPE_MAPS_BPF_H

#define WORDS_SEEN 4

/* How a sleep on a word ended, as far as lean mode can tell. */
enum lean_end {
	LEAN_WOKEN, /* by what is not known */
	LEAN_CALL,  /* by a futex call */
	LEAN_TIMEOUT,
	LEAN_SIGNAL,
};

/*
 * The futex call a thread is in.  It is noted (blocked, or wake_ns) when its thread first falls asleep in
 * it or first wakes another one, else when it returns.
 */
struct futex_call {
	__u64 slept_ns; /* when the thread first fell asleep, 0: before it was watched */
	__u64 wake_ns;	/* when this call last woke a target thread, 0: it has not */
	__u64 addr;
	__u64 addr2;
	__u32 op; /* with flags; futex2 calls are translated to the classic ones */
	__u32 val;
	__u64 vector; /* futex_waitv: the array, else 0 */
	__u16 nr;
	__u8 blocked; /* went to sleep inside it */
	__u8 raced;   /* it was said to be woken on its way to sleep */
	__u8 told;    /* by the wake-up: WIRE_WAKE_CALL */
	__u8 entered; /* on_enter_futex saw it: `preemptible` */
	/* lean mode only */
	__u8 timed;	/* it has a timeout */
	__u8 end;	/* how its sleep ended: enum lean_end */
	__u8 early_end; /* the same, of the wake-up at early_ns */
};

/*
 * One watched thread.  It exists if and only if the thread is a target, so that finding none is the
 * whole test for "not ours".  What every event touches comes first.
 */
struct thread {
	/*
	 * As the last record had it.  A thread that calls exec takes its leader's id some time before
	 * sched_process_exec tells so.
	 */
	__u32 tid;
	__u32 tgid;
	__u32 seq; /* odd while since_ns and sums do not agree; see thread_enter() */
	__u16 cpu;
	__u8 state;	 /* enum wire_state */
	__u8 last_block; /* state of the last sleep, for restart_syscall */
	__u8 word_slot;
	__u8 settled; /* saw its first event: the state is no longer the iterator's guess */
	__u8 exited;  /* its WIRE_EXIT is written */
	__u8 python_tries;
	__u8 gil_sampled;
	__u16 python;	 /* which of `pythons` its process runs, 0: none */
	__u16 space;	 /* which of `spaces` its memory is, 0: not known */
	__u8 pad2[3];
	__u32 former_tid; /* before exec_done_ns */
	__u32 news_seen; /* news_generation of the last look */
	__u64 since_ns; /* the present state's begin */
	__u64 klock;	/* a contended sleeping kernel lock that it is about to wait for, 0: none */
	__u64 early_ns; /* woken while still on the CPU, on its way to sleep; see sched.bpf.h */
	__u64 exec_ns;	/* the scheduler's own run time of it when it last left the CPU */
	__u64 exec_done_ns; /* time of its last sched_process_exec, 0: none */
	__u64 untold_ns; /* begin of a stay on a CPU that no record tells, 0: none */
	struct futex_call futex;
	__u64 waited_ns, waited_due_ns; /* since the last sample of a wait; the next one */
	__u64 woke_ns, woke_due_ns; /* waiting that it ended since the last sample of that */
	__u64 words_seen[WORDS_SEEN]; /* futex words already described by a WIRE_WORD */
	struct wire_sums sums;
	__u64 utime_base_ns, stime_base_ns;
	__u64 start_ns; /* start_boottime */
	__u64 born_ns;	/* when the watching began */
	__u64 python_retry_ns; /* not looked for before */
	__u64 tstate;	      /* its PyThreadState, 0: not known */
	__u64 gil;	      /* of its interpreter, see python_gil_of(); 0: none */
	__u64 held_sample_ns; /* time of the last sample asleep with the GIL */
	__u64 first_sample_ns; /* ... at the first sleep on a word */
	__u64 astray_ns; /* time of the last WIRE_MAPPED because of an address in no mapping */
	/* lean mode only */
	__u64 wait_stack; /* id of the stack taken before the present sleep, 0: none */
	__u64 longest_ns; /* of the last waits, slowly forgotten */
};

/*
 * Where a thread is kept: in the slot that its task's address leads to, else (another has it) in the
 * task's storage.  Whose a slot is stands apart, close together, because most tasks are not ours; that
 * costs a few ns to look at, storage is a helper call and costs 20 to 40.
 */
#define SLOT_BITS 13

__u64 slot_owners[1 << SLOT_BITS];	  /* address of the task_struct, 0: free */
__u64 slots_crowded[1 << SLOT_BITS >> 6]; /* a bit each: a thread that belongs here is in `threads`, or was */

struct slot {
	struct thread t;
} __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* begins at a page: a slot's first fields in one line */
	__uint(max_entries, 1 << SLOT_BITS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

/*
 * Takes a thread when task storage fails, too; looked at only once it has been used.  By address of
 * the task, because ids change (exec by a thread that is not the leader) and are used again; a dying
 * thread takes its entry with it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct thread);
} threads_fallback SEC(".maps");

/* Processes (or threads, config.by_tid) named by the user. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct wire_target);
} targets SEC(".maps");

/* Interpreters, as user space found them; several processes may have the same.  0 is none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_PYTHONS);
	__type(key, __u32);
	__type(value, struct wire_python);
} pythons SEC(".maps");

/* Which of them a process has.  A forked child has its parent's without being here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} python_of SEC(".maps");

/* Call frame information, made and told by user space; see unwind.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_index);
} unwind_index SEC(".maps");

/* Chunks of rows; each is mapped by user space, which adds them as they are needed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WIRE_CHUNKS);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_MMAPABLE);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, WIRE_CHUNK_ROWS * sizeof(struct wire_row));
	});
} unwind_chunks SEC(".maps");

/* Which address space a process has.  A forked child has its parent's without being here. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} space_of SEC(".maps");

/* A stack too large for the program's own; a program may come on top of another on the same CPU. */
enum scratch_slot {
	SCRATCH_SWITCH,
	SCRATCH_CLOCK,
	SCRATCH_FUTEX,
	SCRATCH_FUTEX_2,
	SCRATCH_SLOTS,
};

#define STACK_ROOM 256 /* a power of two above WIRE_FRAMES_MAX: an index with a mask stays inside */

struct stack_scratch {
	struct wire_stack rec;
	struct wire_frame_id room[STACK_ROOM - WIRE_FRAMES_MAX];
	__u64 kernel[WIRE_KERNEL_MAX];
	__u8 frame[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct stack_scratch);
} stack_scratch SEC(".maps");

/* Ids of stacks that were written. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u8);
} stacks_seen SEC(".maps");

/* Records on their way to user space, and how far each ring is; sizes are set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, WIRE_RING_BLOCK + WIRE_RING_ROOM);
} ring_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_ring);
} rings SEC(".maps");

/* Wakes the reader; what is in it means nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* a page or more: set by user space */
} bell SEC(".maps");

struct losses {
	__u64 count[WIRE_LOSS_KERNEL_KINDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct losses);
} loss SEC(".maps");

/* What taking stacks costs, and until when the share of waits on this CPU is used up. */
struct stack_cost {
	__u64 stacks, ns, frames;
	__u64 next_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack_cost);
} stack_cost SEC(".maps");

const volatile struct wire_config config = {};
const volatile __u8 syscall_state[WIRE_SYSCALLS] = {}; /* enum wire_state by system call */
const volatile bool lean = false; /* no program at system calls is loaded: see lean.bpf.h */
const volatile bool has_prev_state = true; /* sched_switch tells prev_state, since 5.18 */
/*
 * Programs outside of the scheduler can be preempted (7.2: trace_call_bpf_faultable(), SRCU around
 * tracepoints).  While one is, the kernel skips it for all other threads on that CPU and counts a
 * miss.  What it should have done is then done by another: a twin (futex.bpf.h), or the scheduler's
 * programs, which always run.
 */
const volatile bool preemptible = false;

/*
 * The window: only time and counts inside [window_begin_ns, window_end_ns) are added up.  Threads
 * are followed from before it, so that their state at its begin is known.
 */
__u64 window_begin_ns = ~0ULL;
__u64 window_end_ns = ~0ULL;
/* Threads between sched_process_exit and their last switch: no iterator may see them any more. */
__u64 dying;
/*
 * Single events are recorded only in [detail_from_ns, detail_until_ns).  Outside of it the threads are
 * followed as ever, their sums go on.
 */
__u64 detail_from_ns;
__u64 detail_until_ns = ~0ULL;
__u64 sample_every_ns; /* config.sample_ns or a multiple of it; 0: no stacks for now */
__u32 regs_offset; /* of the saved user registers in a kernel stack; known once there is a thread */
bool detached; /* no thread is watched any more, while the programs are being detached */
bool window_closed; /* some time after its end: what is told now comes too late */
bool attaching;	   /* targets may still have threads without storage */
bool fallback_used; /* threads_fallback is not empty */
__u32 news_generation; /* user space has changed python_of or space_of so often */
bool reader_woken; /* cleared by the reader before it drains the ring */
__u32 iter_mode;   /* enum iter_mode */

enum iter_mode {
	ITER_ATTACH, /* create threads, write WIRE_TASK */
	ITER_SUMS,   /* write WIRE_SUMS */
	ITER_STATES, /* write WIRE_STATE */
	ITER_ANEW,   /* sums begin anew: nothing is being added to them */
};

#endif
