/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wire.h - the one header that both sides share: records, sums, loss counters, configuration.
 *
 * Records are what a trace is made of.  The first group is written by the BPF programs (ring buffer
 * or task iterator), the second by user space (facts about the host, the window, mappings) so that
 * a saved trace needs nothing else to be explained.  All numbers are little-endian on every machine
 * we run on, times are CLOCK_MONOTONIC nanoseconds, tids and tgids are those of the initial PID
 * namespace unless the name says ns_.
 *
 * Append only: a changed layout or meaning bumps WIRE_VERSION.
 */
#ifndef PARASCOPE_WIRE_H
#define PARASCOPE_WIRE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define WIRE_VERSION 6
#define WIRE_COMM_LEN 16
#define WIRE_SYSCALLS 512 /* syscall numbers below this one are classified */

/*
 * What a thread is doing, as the kernel side can tell it.  Exclusive; the times add up to the
 * thread's life.  WIRE_FUTEX_WAIT is split by the model (lock, gil, condition, join).
 */
enum wire_state {
	WIRE_UNKNOWN,
	WIRE_ON_CPU,
	WIRE_WOKEN,	/* runnable: woken, waiting for a CPU */
	WIRE_PREEMPTED, /* runnable: lost the CPU without asking */
	WIRE_FUTEX_WAIT,
	WIRE_IO_DISK,
	WIRE_IO_IPC, /* poll, epoll, sockets, pipes */
	WIRE_SLEEP,
	WIRE_CHILD,
	WIRE_KLOCK, /* a kernel lock, e.g. mmap_lock */
	WIRE_FAULT,
	WIRE_STOPPED,
	WIRE_OTHER,
	WIRE_DEAD, /* after its last switch: no time is added */
	WIRE_STATES = 16,
};

enum wire_kind {
	WIRE_TASK = 1, /* a thread appears: seen at attach, or forked */
	WIRE_SWITCH,   /* one sched_switch with a target thread on either side */
	WIRE_WAKE,     /* a target thread is woken */
	WIRE_FUTEX,    /* a futex call of a target thread returned */
	WIRE_WORD,     /* the memory around a futex word, once per thread and word */
	WIRE_EXEC,
	WIRE_EXIT,
	WIRE_SUMS, /* exact per-thread sums: at death, at stop */
	WIRE_PYTHREAD, /* a thread turns out to run Python */
	WIRE_SAMPLE,   /* what a thread ran or waited in, for so much time */
	WIRE_STACK,    /* the frames of a stack, once */
	WIRE_MAPPED,   /* a process maps code, or runs some that no mapping is known of */
	WIRE_STATE,    /* what a thread does when records of single events begin again */
	WIRE_DETAIL,   /* made by user space, at its place in time: they end, or count again */
	/* made by user space */
	WIRE_HOST = 32,
	WIRE_WINDOW,
	WIRE_PROC,
	WIRE_SHARED, /* which file a shared futex word lies in */
	WIRE_REGION, /* a range of addresses known to be one lock */
	WIRE_LOSS,
	WIRE_PROG, /* one BPF program: runs, time, misses */
	WIRE_COST, /* what parascope itself used */
	WIRE_RUNTIME, /* an interpreter in a process, or why it cannot be watched */
	WIRE_FRAME,   /* function, file and line of a frame */
	WIRE_NAME,    /* what a thread is called in its language */
	WIRE_OBJECT,  /* what lies at an address that threads wait on */
	WIRE_START_COSTS, /* what starting workers costs on this host, see user/analysis/costs.h */
	WIRE_SPEED,	  /* how fast its CPUs are when so many threads run at once */
	WIRE_MACHINE,	  /* what all programs together left of it */
	WIRE_OVERHEAD,	  /* what watching cost in some time, against its budget */
	WIRE_KIND_MAX,
};

struct wire_head {
	__u64 ts_ns;
	__u32 tid;
	__u16 kind; /* enum wire_kind */
	__u16 size; /* of the whole record, a multiple of 8 */
};

/* Why a thread blocks: the system call it is in, from its saved user registers. */
struct wire_block {
	__u64 addr; /* futex: the word; other calls: first argument */
	__u32 val;  /* futex: expected value */
	__u32 op;   /* futex: operation with flags (futex2 calls are translated) */
	__s32 nr;   /* system call, -1: none (page fault) */
	__u32 word; /* futex: *addr at that moment; a GIL's word: its `locked` (-1: never taken) */
	union {
		struct {
			__u32 aux; /* futex: *(addr + 8): the owner of a pthread mutex */
			__u32 pad;
		};
		/*
		 * Only if WIRE_SWITCH_OBJECT.  On a word of a GIL: its last_holder, a PyThreadState.
		 * On a word of a parking lot: the lock that is waited for.
		 */
		__u64 object;
	};
};

/* wire_task.flags */
#define WIRE_TASK_EXISTED (1 << 0) /* seen by the iterator, not born under our eyes */
#define WIRE_TASK_BLOCKED (1 << 1) /* block is valid: it was blocked when first seen */
#define WIRE_TASK_LEAN (1 << 2)    /* as WIRE_SWITCH_LEAN */

struct wire_task {
	struct wire_head head;
	__u32 tgid;
	__u32 parent_tgid; /* the tgid that forked it; for a thread its own tgid */
	__u32 ns_tid;	   /* ids in the thread's own PID namespace */
	__u32 ns_tgid;
	__u64 start_ns; /* start_boottime: with tid the identity of a thread */
	char comm[WIRE_COMM_LEN];
	__u8 state; /* enum wire_state */
	__u8 flags;
	__u16 cpu;
	__u32 pad;
	/* of user space; only if WIRE_TASK_BLOCKED */
	__u64 thread_pointer;
	__u64 sp, ip, bp; /* the last two on x86-64 only */
	struct wire_block block;
};

/* wire_switch.flags */
#define WIRE_SWITCH_BLOCK (1 << 0) /* block is there */
#define WIRE_SWITCH_RACED (1 << 1) /* prev was woken while it went to sleep: it is runnable */
#define WIRE_SWITCH_VOLUNTARY (1 << 2)
#define WIRE_SWITCH_HEALED (1 << 3) /* made up: see WIRE_LOSS_SWITCH */
#define WIRE_SWITCH_GIL (1 << 4)    /* prev leaves the CPU and has its interpreter's GIL */
#define WIRE_SWITCH_OBJECT (1 << 5) /* block.object is there */
#define WIRE_SWITCH_FOUND (1 << 6)  /* made up by user space: it slept so when it was first seen */
/* Asleep on a futex word, and no WIRE_FUTEX will tell the call's end: it ends when it runs again. */
#define WIRE_SWITCH_LEAN (1 << 7)

struct wire_switch {
	struct wire_head head; /* tid: prev, 0 if it is not a target */
	__u32 next_tid;	       /* 0 if it is not a target */
	__u16 cpu;
	__u8 prev_state; /* enum wire_state */
	__u8 flags;
	/*
	 * Only if WIRE_SWITCH_BLOCK.  Of a thread that dies addr is its start_ns: its id may belong
	 * to another thread by now, because it is free before the last switch.
	 */
	struct wire_block block;
};
#define WIRE_SWITCH_SHORT (sizeof(struct wire_switch) - sizeof(struct wire_block))

/* wire_wake.flags */
#define WIRE_WAKE_IRQ (1 << 0)	 /* from an interrupt or timer: current is a bystander */
#define WIRE_WAKE_OURS (1 << 1)	 /* the waker is a target thread */
#define WIRE_WAKE_FUTEX (1 << 2) /* the waker is in a futex wake on addr */
#define WIRE_WAKE_NEW (1 << 3)	 /* first wake-up of a new thread */
#define WIRE_WAKE_EARLY (1 << 4) /* the thread had not gone to sleep yet */
#define WIRE_WAKE_CTX (1 << 5)	 /* the IRQ flag could be determined */
/*
 * Lean mode, of a sleep in a futex call: op is there; no WIRE_FUTEX tells of the waker's call, nor of
 * the sleeper's, which ends so:
 */
#define WIRE_WAKE_LEAN (1 << 6)
#define WIRE_WAKE_TIMEOUT (1 << 7) /* ETIMEDOUT; else by a wake-up */
#define WIRE_WAKE_SIGNAL (1 << 8)  /* EINTR, or it is made again after the signal */
#define WIRE_WAKE_VECTOR (1 << 9)  /* futex_waitv: by the word addr */
/* The waker's call wakes one thread, this one: no WIRE_FUTEX will tell it. */
#define WIRE_WAKE_CALL (1 << 10)

struct wire_wake {
	struct wire_head head; /* tid: the woken thread */
	__u32 waker_tid;
	__u32 waker_tgid;
	__u16 cpu;
	__u16 flags;
	__u32 op;   /* WIRE_WAKE_CALL, or _LEAN and _FUTEX: the waker's operation, else 0 */
	__u64 addr; /* WIRE_WAKE_FUTEX: the word it wakes */
};

/* wire_futex.flags */
#define WIRE_FUTEX_BLOCKED (1 << 0) /* the thread went to sleep inside the call */
#define WIRE_FUTEX_VECTOR (1 << 2)  /* futex_waitv: addr is the first word or the woken one */

struct wire_futex {
	struct wire_head head; /* ts: return of the call */
	__u64 addr;
	__u64 addr2; /* requeue, wake_op */
	__s32 ret;   /* 0.. or -errno */
	__u32 op;    /* operation with flags (futex2 calls are translated) */
	__u32 val;
	__u32 flags;
};

#define WIRE_WORD_BEFORE 48
#define WIRE_WORD_LEN 80

/* Bytes [addr & ~7 - WIRE_WORD_BEFORE, + WIRE_WORD_LEN) of the target when it blocked on addr. */
struct wire_word {
	struct wire_head head;
	__u64 addr;
	__u32 op;
	__u32 val;
	__u64 sp;    /* user stack pointer: a word just above it lives on the waiter's stack */
	__u32 valid; /* first byte that could be read; WIRE_WORD_LEN: none */
	__u32 tgid;
	__u8 bytes[WIRE_WORD_LEN];
};

struct wire_exec {
	struct wire_head head; /* tid: after the exec, equal to tgid */
	__u32 old_tid;	       /* tid of the thread that called exec */
	__u32 tgid;
	__u64 start_ns;
	char comm[WIRE_COMM_LEN];
};

struct wire_exit {
	struct wire_head head;
	__u32 tgid;
	__s32 code; /* task->exit_code: as wait4 gives it */
};

/* Exact sums of one thread inside the window, kept in the kernel, independent of any lost record. */
struct wire_sums {
	__u64 state_ns[WIRE_STATES];
	__u64 utime_ns; /* CPU time in user and in kernel mode; tick-sampled by the kernel */
	__u64 stime_ns;
	__u64 voluntary; /* switches */
	__u64 involuntary;
	__u64 migrations;
	__u64 waits;	/* futex waits that slept and ended by a wake-up */
	__u64 timeouts; /* ... by ETIMEDOUT */
	__u64 interrupted;
	__u64 again;	   /* did not wait: EAGAIN */
	__u64 wakes;	   /* futex wake calls that woke somebody */
	__u64 empty_wakes; /* ... nobody */
	__u64 pad;
};

struct wire_thread_sums {
	struct wire_head head;
	__u32 tgid;
	__u32 dead; /* 1: final, the thread is gone */
	__u64 start_ns;
	__u64 begin_ns; /* life inside the window */
	__u64 end_ns;
	char comm[WIRE_COMM_LEN]; /* threads name themselves after their birth */
	struct wire_sums sums;
};

/* A thread's PyThreadState; when it is first seen, and again if it has another one. */
struct wire_pythread {
	struct wire_head head;
	__u64 tstate;
	__u64 gil; /* begin of the GIL's words, as wire_region.begin; 0: none */
	__u64 thread_id; /* its pthread_self(); another one there later: it is another thread's */
	__u32 tgid;
	__u32 pad;
};

enum wire_sample_why {
	WIRE_SAMPLE_CPU,  /* it runs */
	WIRE_SAMPLE_WAIT, /* it is about to sleep on addr: weight_ns is 0, the wait is yet to come */
	WIRE_SAMPLE_WAITED, /* it slept on addr */
	WIRE_SAMPLE_HELD, /* it is about to sleep, not on the GIL, but has it: weight_ns is 0 */
	WIRE_SAMPLE_WOKE, /* it wakes others that slept on addr; weight_ns is their waiting */
	WIRE_SAMPLE_WHYS,
};

/* wire_sample.flags */
#define WIRE_SAMPLE_GIL (1 << 0) /* it has the GIL */

/*
 * A look at what a thread does, taken each time it has run (or waited) for another period, so that
 * a stack's weight is in proportion to its time.
 */
struct wire_sample {
	struct wire_head head;
	__u64 stack; /* id of a WIRE_STACK; 0: there is none, or it cannot be read */
	__u64 addr;  /* futex word, 0: none */
	__u64 weight_ns; /* of the time since its last one of this kind: this stands for it */
	__u8 why;
	__u8 flags;
	__u16 pad;
	__u32 pad2;
};

/* wire_frame_id.code below this is no address */
enum wire_frame_code {
	WIRE_CODE_ENTRY,  /* C code called Python here: no place of its own; instr is 0 */
	WIRE_CODE_NATIVE, /* instr: address in the process, inside of the calling instruction */
	WIRE_CODE_KERNEL, /* instr: address in the kernel, likewise */
	WIRE_CODES,
};

/* What a frame is known by until user space has looked it up. */
struct wire_frame_id {
	__u64 code;  /* enum wire_frame_code, else a PyCodeObject */
	__u64 instr; /* there: where in it, in the version's own way, see runtime/cpython_code.h */
};

#define WIRE_KERNEL_MAX 16
#define WIRE_NATIVE_MAX 128
#define WIRE_PYTHON_MAX 64
#define WIRE_FRAMES_MAX (WIRE_KERNEL_MAX + WIRE_NATIVE_MAX + WIRE_PYTHON_MAX)

/* wire_stack.flags */
#define WIRE_STACK_TRUNCATED (1 << 0) /* there are more Python frames */
#define WIRE_STACK_TORN (1 << 1)      /* they end at one that could not be read */
#define WIRE_STACK_WHOLE (1 << 2)     /* native frames go down to where the thread began */
#define WIRE_STACK_CUT (1 << 3)	      /* there are more native frames than WIRE_NATIVE_MAX */
#define WIRE_STACK_ASTRAY (1 << 4)    /* native frames end in memory that no file is mapped to */
#define WIRE_STACK_NO_RULE (1 << 5)   /* ... at code that says nothing about its caller */
#define WIRE_STACK_NO_MEMORY (1 << 6) /* ... because the stack could not be read */
#define WIRE_STACK_EARLY (1 << 7)     /* ... in a file whose table was not there yet */
#define WIRE_STACK_POINTERS (1 << 8)  /* some were found by frame pointers: they may be wrong */
#define WIRE_STACK_SINGLES (1 << 9)   /* each Python frame has an interpreter's loop of its own */

/*
 * Three stacks of one thread one after another: the kernel's, the native one, Python's; each has its
 * innermost frame first.  The record ends behind the n-th frame.
 */
struct wire_stack {
	struct wire_head head; /* tid: the tgid */
	__u64 id;
	__u32 n;
	__u16 flags;
	__u16 space; /* in which native addresses have their meaning, see wire_frame */
	struct wire_frame_id frames[WIRE_FRAMES_MAX];
};
#define WIRE_STACK_SIZE(n) (32 + 16 * (n))

/* wire_stack.id comes from this over its frames, FNV-1a by words, and is mixed with the process. */
#define STACK_HASH_START 0xcbf29ce484222325ULL

static inline __u64 stack_hash(__u64 hash, __u64 code, __u64 instr)
{
	hash = (hash ^ code) * 0x100000001b3ULL;
	hash = (hash ^ instr) * 0x100000001b3ULL;
	return hash ^ hash >> 29;
}

struct wire_mapped {
	struct wire_head head;
	__u32 tgid;
	__u32 astray; /* 1: unwinding met code of no known mapping; 0: code is mapped just now */
};

/* wire_state.flags */
#define WIRE_STATE_BLOCK (1 << 0) /* block is valid: it sleeps on a futex word */
#define WIRE_STATE_LEAN (1 << 1)  /* ... as WIRE_SWITCH_LEAN */

/*
 * Of a thread that lives when detail begins again: as it is at head.ts_ns, its begin of that state or the
 * begin of the records, whichever is later.  What follows is told by records.
 */
struct wire_thread_state {
	struct wire_head head;
	__u64 start_ns;
	__u32 tgid;
	__u16 cpu;
	__u8 state; /* enum wire_state */
	__u8 flags;
	struct wire_block block;
};

/*
 * From head.ts_ns on there are no records of single events (WIRE_SWITCH, WIRE_WAKE, WIRE_FUTEX; births
 * and ends are told, sums go on), on purpose: watching would cost too much.  on: they are there again,
 * and the state of each thread has been told.
 */
struct wire_detail {
	struct wire_head head;
	__u32 on;
	__u32 pad;
};

/* --- made by user space ------------------------------------------------------------------- */

struct wire_host {
	struct wire_head head;
	char kernel[64];
	char version[32]; /* of parascope */
	__u32 cpus_online;
	__u32 pad;
	__s64 realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC when the window opened */
};

/* wire_window.flags */
#define WIRE_WINDOW_COMMAND (1 << 0)	 /* run: the target was launched by us */
#define WIRE_WINDOW_NO_CHILDREN (1 << 1) /* forked processes were not followed */
#define WIRE_WINDOW_TIDS (1 << 2)	 /* single threads were selected */
#define WIRE_WINDOW_LEAN (1 << 3)	 /* no system call tracepoints: see bpf/lean.bpf.h */

/* Written when the window opens (end_ns 0) and again when it has closed. */
struct wire_window {
	struct wire_head head;
	__u64 begin_ns;
	__u64 end_ns;
	__u32 flags;
	__u32 pad;
};

/* Facts about one process from /proc and its cgroup; written when first seen and at stop. */
struct wire_proc {
	struct wire_head head; /* tid: the tgid */
	__u64 start_ns;
	__u32 cpus_allowed;
	__u32 quota_milli;  /* cgroup CPU quota in 1/1000 CPU, 0: none */
	__u64 throttled_ns; /* cgroup, cumulative; 0 if unknown */
	__u64 throttled;    /* times, cumulative */
	char cmdline[128];  /* arguments joined by spaces, cut */
};

struct wire_shared {
	struct wire_head head; /* tid: the tgid */
	__u64 addr;
	__u64 inode;
	__u64 offset; /* of addr in the file */
	__u32 dev;
	__u32 pad;
	char path[64]; /* tail of it */
};

enum wire_region_kind {
	WIRE_REGION_GIL = 1,
};

/* [begin, end) of process tid is one lock, as a language runtime knows it. */
struct wire_region {
	struct wire_head head; /* tid: the tgid */
	__u64 begin;
	__u64 end;
	__u32 region_kind;
	__u32 pad;
	char name[48];
};

enum wire_runtime_status {
	WIRE_RUNTIME_OK,
	WIRE_RUNTIME_NO_GIL,  /* free-threaded, its GIL is off */
	WIRE_RUNTIME_UNKNOWN, /* it cannot be watched; why says it */
	WIRE_RUNTIME_STATUSES,
};

/*
 * An interpreter (or sub-interpreter with a GIL of its own): when it is found, at the begin and at
 * the end of the window, so that the difference of switches belongs to the window.
 */
struct wire_runtime {
	struct wire_head head; /* tid: the tgid */
	__u64 gil;	       /* as wire_region.begin; 0: none */
	__u64 switches;	       /* the GIL's own switch_number */
	__u32 interval_us;
	__u8 status;
	__u8 pad[3];
	char name[32]; /* "CPython 3.11.2" */
	char why[112]; /* WIRE_RUNTIME_UNKNOWN */
};

/* wire_frame.flags */
#define WIRE_FRAME_MORE (1 << 0)    /* it is inlined: the frame with the next depth follows */
#define WIRE_FRAME_EVAL (1 << 1)    /* it is the loop of an interpreter: here Python frames belong */
#define WIRE_FRAME_LIBRARY (1 << 2) /* of the C or a language's own library: not the user's code */
#define WIRE_FRAME_START (1 << 3)   /* a thread or program begins here */

/*
 * May come again for the same id with another answer: memory is used again.  A native frame that is
 * not known has an empty function, but its module and its address there.
 */
struct wire_frame {
	struct wire_head head; /* tid: the tgid, 0: of the kernel */
	struct wire_frame_id id;
	__u64 offset;	   /* native: address in the module, as its own symbols have it */
	__u32 line;	   /* 0: not known */
	__u32 first;	   /* line where the function begins */
	__u16 depth;	   /* 0: innermost of those that are inlined at this address */
	__u16 space;	   /* native: of the stacks that this is told for; another file may lie there later */
	__u32 flags;
	char function[128]; /* qualified name; "": could not be found */
	char file[160];	   /* the end of it, if it is longer */
	char module[48];   /* native: end of the file's name, "" for Python */
};

/* Of which variable, or of what kind of memory, a lock is part. */
struct wire_object {
	struct wire_head head; /* tid: the tgid */
	__u64 addr;	       /* the word that was asked for */
	__u64 begin;	       /* of the variable, 0: there is none */
	char name[96];	       /* of the variable; "" */
	char region[48];       /* "libfoo.so.1", "heap", "stack", "memory" */
};

/* Measured on this host; only for predictions. */
struct wire_start_costs {
	struct wire_head head;
	__u64 thread_ns, fork_ns, fork_mib_ns, exit_ns, ipc_ns, ipc_kib_ns;
};

struct wire_speed {
	struct wire_head head;
	__u32 threads; /* that run at once, 1.. */
	__u32 ppm;     /* work that each does in a second of CPU time, one alone: 1000000 */
	__u32 low_ppm, high_ppm;
};

/* Idle time of all CPUs, as the kernel adds it up; in steps of 1/100 s of each. */
struct wire_machine {
	struct wire_head head;
	__u64 begin_ns, end_ns;
	__u64 idle_ns;
	__u32 cpus;
	__u32 pad;
};

#define WIRE_LEAST_PPM 250000 /* of a CPU: a target that uses less is taken to use so much */

/* Cost in [begin_ns, head.ts_ns), and what is recorded from then on. */
struct wire_overhead {
	struct wire_head head;
	__u64 begin_ns;
	__u64 bpf_ns;	 /* run time of the programs, sampled */
	__u64 reader_ns; /* CPU time of parascope */
	__u64 target_ns; /* CPU time of the target's processes */
	__u32 budget_ppm; /* of the target's CPU time */
	__u32 sample_divisor; /* stacks are taken so many times as seldom; 0: none */
	__u32 detail_ppm; /* share of the time in which single events are recorded */
	__u32 pad;
};

struct wire_name {
	struct wire_head head;
	char name[64];
};

enum wire_loss_kind {
	WIRE_LOSS_RING_FULL,   /* records dropped */
	WIRE_LOSS_STORAGE,     /* task storage failed, the fallback table took the thread */
	WIRE_LOSS_THREAD,      /* neither took it: the thread is not accounted */
	WIRE_LOSS_READ,	       /* user memory could not be read */
	WIRE_LOSS_CLOCK,       /* time went backwards between two events */
	WIRE_LOSS_SWITCH,      /* switches that were not shown to us: the time is known all the same */
	WIRE_LOSS_SKIPPED,     /* neither of two programs ran for an event */
	WIRE_LOSS_PYTHREAD,    /* looks at an interpreter that did not find the thread in it */
	WIRE_LOSS_STACK,       /* samples without a stack: it could not be read or kept */
	WIRE_LOSS_TRUNCATED,   /* different stacks that are not whole */
	WIRE_LOSS_UNWIND,      /* stacks whose native frames end early; flags tell why */
	WIRE_LOSS_KERNEL_KINDS, /* the ones above are counted by the BPF programs */
	WIRE_LOSS_MADE = WIRE_LOSS_KERNEL_KINDS, /* records made; = received + dropped */
	WIRE_LOSS_RECEIVED,
	WIRE_LOSS_RECURSION, /* runs skipped of programs that no other replaces */
	WIRE_LOSS_LATE,	     /* records that came too late to be put in order */
	WIRE_LOSS_SHARED,    /* shared futex words whose file could not be found */
	WIRE_LOSS_SOURCE,    /* optional event sources this kernel does not have */
	WIRE_LOSS_FRAME,     /* frames whose function could not be found out */
	WIRE_LOSS_KINDS,
};

/* Cumulative; written when one changed and at stop. */
struct wire_loss {
	struct wire_head head;
	__u64 count[WIRE_LOSS_KINDS];
};

struct wire_prog {
	struct wire_head head;
	char name[24];
	__u64 runs; /* 0 unless the kernel's BPF statistics were on */
	__u64 run_ns;
	__u64 misses;
	__u64 insns;
};

struct wire_cost {
	struct wire_head head;
	__u64 cpu_ns; /* parascope's own CPU inside the window */
	__u64 rss_kib; /* peak */
	__u64 maps_kib; /* kernel memory of its BPF maps */
	__u64 ring_kib;
	__u64 stacks;	 /* taken, and the time and frames of that, measured in the programs */
	__u64 stack_ns;
	__u64 stack_frames;
	__u64 tables;	 /* files whose unwind tables were made */
	__u64 table_rows;
	__u64 table_ns;
	__u64 symbol_cpu_ns; /* of the process that reads the target's files */
};

/* --- configuration: set before load ---------------------------------------------------------- */

struct wire_config {
	__u8 follow_children;
	__u8 by_tid;	     /* targets holds tids, not tgids; nothing is followed */
	__u8 test_no_storage; /* testing only: behave as if task storage failed */
	__u8 test_unseen;     /* ... as if the kernel hid all other tasks, and so who follows them */
	__u8 pad[4];
	__u64 ring_bytes;      /* of one ring; a power of two, at least WIRE_RING_BLOCK */
	__u64 ring_wake_bytes; /* wake the reader when so much waits for it in one */
	__u32 ring_mask;       /* number of rings - 1 */
	__u32 pad2;
	__u64 sample_ns;       /* a stack for so much time of running or waiting, 0: none */
};

/*
 * A ring: records of one CPU (or of those whose number & ring_mask is the same), each behind a mark of
 * 8 bytes.  Places are counted in bytes from the first record ever on.  A mark is WIRE_RING_PLACE()
 * while its record is being written, | 1 when it is complete: what is left from the round before has
 * another one.  Memory is blocks of WIRE_RING_BLOCK bytes with room behind each, so that a record
 * that begins in a block is in one piece; the next one's first bytes then stay unused.
 */
struct wire_ring {
	__u64 head; /* WIRE_RING_AT: reserved up to here; above it how many records; by the programs */
	__u64 pad[7];
	__u64 tail; /* read up to here; by user space */
	__u64 pad2[7];
};
#define WIRE_RINGS 64
#define WIRE_RING_BLOCK (1 << 16)
#define WIRE_RING_ROOM 4096 /* for the longest record */
#define WIRE_RING_PLACE(ring, at) ((__u64)(ring) << 56 | (at))
#define WIRE_RING_COUNT_SHIFT 48
#define WIRE_RING_AT(head) ((head) & ((1ULL << WIRE_RING_COUNT_SHIFT) - 1))

#define WIRE_PYTHONS 4096 /* different interpreters at a time */

/*
 * One value of the map of interpreters: where CPython keeps what the BPF programs read.  Addresses
 * are the target's, the rest are offsets in bytes (user/runtime/cpython_layout.h has their source).
 */
struct wire_python {
	__u64 runtime; /* _PyRuntime */
	__u64 gil;     /* the one GIL; 0: each interpreter points to its own */
	__u32 head;    /* _PyRuntime: newest PyInterpreterState */
	__u32 next;    /* PyInterpreterState: the next older one */
	__u32 threads; /* PyInterpreterState: newest PyThreadState */
	__u32 gil_ptr; /* PyInterpreterState: the GIL it uses */
	__u32 t_next;  /* PyThreadState: the next older one */
	__u32 t_interp;
	__u32 t_thread_id; /* pthread_self() */
	__u32 t_frame;	   /* innermost frame, or the cframe that has it */
	__u32 cframe;	   /* there: innermost frame; WIRE_PYTHON_NONE: t_frame has it itself */
	__u32 f_size;	   /* of what is read of a frame, at most WIRE_PYTHON_FRAME */
	__u32 f_code;
	__u32 f_previous;
	__u32 f_instr;
	__u32 f_owner;	   /* u8; WIRE_PYTHON_NONE: it has none */
	__u32 owner_c;	   /* frames with this owner or a higher one are C code's; 0: none are */
	__u32 f_entry;	   /* u8: C code called it; WIRE_PYTHON_NONE: that is told by f_owner */
	__u32 instr_mask;  /* low bytes of f_instr that count: 0xffffffff for an int, else 0: all */
	__u32 gil_shift;   /* 0 or 8: what a free-threaded build has in front */
	__u32 gil_end;	   /* size of the GIL's struct, with gil_shift */
	__u32 pad;
};
#define WIRE_PYTHON_NONE (~0u)
#define WIRE_PYTHON_ALL (~1u) /* f_entry: C code calls each of them */
#define WIRE_PYTHON_FRAME 112

/*
 * Unwind tables: which registers a function's caller had, by address.  One row holds from its pc to
 * the next one's; user/symbol/cfi.h makes them from a file's call frame information.
 */
struct wire_row {
	__u32 pc;   /* relative to the table's base */
	__u32 rule; /* WIRE_RULE() */
};

/* The caller's stack pointer behind the return address (CFA), by what and the offset `cfa`. */
enum wire_rule_kind {
	WIRE_RULE_NONE,	   /* nothing is known of these addresses */
	WIRE_RULE_RSP,	   /* rsp + cfa */
	WIRE_RULE_RBP,	   /* rbp + cfa */
	WIRE_RULE_RBP_AT,  /* what lies at rbp + cfa: a realigned stack */
	WIRE_RULE_RSP_AT,  /* what lies at rsp + cfa */
	WIRE_RULE_PLT,	   /* rsp + 8, and 8 more from byte `cfa` of each 16 on */
	WIRE_RULE_SIGNAL,  /* the kernel's signal frame lies at rsp */
	WIRE_RULE_END,	   /* there is no caller: a thread or program begins here */
	WIRE_RULE_KINDS,
};

/*
 * Bits 0 to 3: kind; 4 to 11: where the caller's rbp was saved, relative to the CFA in words
 * (signed), or one of the values below; 12 to 31: cfa, in words (signed); of a PLT in bytes.
 */
#define WIRE_RULE(kind, rbp, cfa)                                                                  \
	((__u32)(kind) | ((__u32)(rbp) & 0xff) << 4 | ((__u32)(cfa) & 0xfffff) << 12)
#define WIRE_RULE_KIND(rule) ((rule) & 0xf)
#define WIRE_RULE_RBP_OF(rule) ((__s8)((rule) >> 4))
#define WIRE_RULE_CFA(rule) ((__s32)(rule) >> 12)
#define WIRE_RBP_SAME 0	      /* the caller's is still there */
#define WIRE_RBP_AT_RBP 127   /* saved where rbp points to: with WIRE_RULE_RBP_AT */
#define WIRE_RBP_UNKNOWN 126  /* it was lost, or lies where a row cannot say */

#define WIRE_CHUNK_ROWS (1 << 17)
#define WIRE_CHUNKS 32	 /* of rows: 1 MiB each */
#define WIRE_PAGES (1 << 19) /* of code with rows: 512 MiB */
#define WIRE_PAGE_BITS 10
#define WIRE_RANGES 32768 /* executable mappings, all address spaces together */
#define WIRE_SPACES 4096 /* address spaces */
#define WIRE_SPACE_RANGES 4096 /* of one */

enum wire_range_kind {
	WIRE_RANGE_ROWS,
	WIRE_RANGE_POINTERS, /* no call frame information: frame pointers are tried */
	WIRE_RANGE_EARLY,    /* its table is being made */
};

/*
 * Executable memory of one address space, or a part of it: its rows lie in one chunk.  `pages` tells
 * for each page of pc's which row (counted from `first`) holds at its begin, so that only a few have
 * to be looked at; pages[index + (pc >> WIRE_PAGE_BITS)], modulo 2^32, is pc's.
 */
struct wire_range {
	__u64 begin, end;
	__u64 base;  /* row.pc is relative to this address */
	__u32 first; /* row; its chunk is first / WIRE_CHUNK_ROWS */
	__u32 index;
	__u32 last;  /* page; after it comes the index of the last row */
	__u32 kind;  /* enum wire_range_kind */
};

/* Ranges of an address space, sorted; changed in one store. */
struct wire_space {
	__u32 first;
	__u32 n;
} __attribute__((aligned(8)));

/* How rows are found, in memory that programs and user space share. */
struct wire_index {
	struct wire_range ranges[WIRE_RANGES];
	struct wire_space spaces[WIRE_SPACES]; /* 0 is none */
	__u32 pages[WIRE_PAGES];
};

/* Value of the map of targets: the process that had this id when the user named it. */
struct wire_target {
	__u64 start_ticks; /* start time since boot in USER_HZ ticks, as /proc/PID/stat has it */
};

#define WIRE_ASSERT(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
WIRE_ASSERT(wire_head, 16);
WIRE_ASSERT(wire_block, 32);
WIRE_ASSERT(wire_task, 128);
WIRE_ASSERT(wire_switch, 56);
WIRE_ASSERT(wire_wake, 40);
WIRE_ASSERT(wire_futex, 48);
WIRE_ASSERT(wire_word, 128);
WIRE_ASSERT(wire_exec, 48);
WIRE_ASSERT(wire_exit, 24);
WIRE_ASSERT(wire_sums, 224);
WIRE_ASSERT(wire_thread_sums, 288);
WIRE_ASSERT(wire_pythread, 48);
WIRE_ASSERT(wire_sample, 48);
WIRE_ASSERT(wire_stack, WIRE_STACK_SIZE(WIRE_FRAMES_MAX));
WIRE_ASSERT(wire_mapped, 24);
WIRE_ASSERT(wire_thread_state, 64);
WIRE_ASSERT(wire_detail, 24);
WIRE_ASSERT(wire_overhead, 64);
WIRE_ASSERT(wire_host, 128);
WIRE_ASSERT(wire_window, 40);
WIRE_ASSERT(wire_proc, 176);
WIRE_ASSERT(wire_shared, 112);
WIRE_ASSERT(wire_region, 88);
WIRE_ASSERT(wire_loss, 16 + 8 * WIRE_LOSS_KINDS);
WIRE_ASSERT(wire_prog, 72);
WIRE_ASSERT(wire_cost, 104);
WIRE_ASSERT(wire_runtime, 184);
WIRE_ASSERT(wire_frame, 392);
WIRE_ASSERT(wire_name, 80);
WIRE_ASSERT(wire_object, 176);
WIRE_ASSERT(wire_start_costs, 64);
WIRE_ASSERT(wire_speed, 32);
WIRE_ASSERT(wire_machine, 48);
WIRE_ASSERT(wire_config, 40);
WIRE_ASSERT(wire_ring, 128);
WIRE_ASSERT(wire_python, 96);
WIRE_ASSERT(wire_row, 8);
WIRE_ASSERT(wire_range, 40);
WIRE_ASSERT(wire_space, 8);

#endif
