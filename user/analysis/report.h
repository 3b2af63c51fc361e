/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h - what parascope has to say, as plain numbers: the contract between analysis and all
 * renderers.  Every definition is in user/analysis/VERDICT.md and JSON_SCHEMA.md; a renderer
 * computes nothing but ratios.
 *
 * Units: _ns are nanoseconds of CLOCK_MONOTONIC, share is 0..1.  Arrays are sorted for the reader
 * (most important first) unless stated.  Strings from the target (comm, cmdline, paths) are raw
 * bytes of the watched process: a renderer must escape them.
 */
#ifndef PARASCOPE_REPORT_H
#define PARASCOPE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

#define REPORT_FORMAT "1.4" /* of its JSON, see JSON_SCHEMA.md */
#define REPORT_ABSENT UINT64_MAX /* a count that lean mode does not know */

/* Thread states of a report; exclusive, they add up to the thread's life inside the window. */
enum report_state {
	STATE_ON_CPU,
	STATE_WOKEN,	 /* runnable: woken, waiting for a CPU */
	STATE_PREEMPTED, /* runnable: lost the CPU */
	STATE_LOCK,	 /* blocked on something with an owner */
	STATE_GIL,	 /* blocked on a global lock that is handed round (GIL and its like) */
	STATE_COND,	 /* condition, semaphore, barrier, join: waiting for work; no contention */
	STATE_IO_DISK,
	STATE_IO_IPC,
	STATE_SLEEP,
	STATE_CHILD,
	STATE_KLOCK,
	STATE_FAULT,
	STATE_STOPPED,
	STATE_OTHER,
	STATE_UNKNOWN, /* the remainder; never hidden */
	STATE_COUNT,
};

struct report_state_info {
	const char *key;   /* "on_cpu": JSON member, without _ns */
	const char *label; /* "on CPU": text */
	const char *what;  /* one line of explanation */
};
extern const struct report_state_info report_states[STATE_COUNT];

enum verdict_code {
	VERDICT_GIL_BOUND,
	VERDICT_LOCK_BOUND,
	VERDICT_GIL_HELD_BLOCKED,
	VERDICT_CPU_SHORT,
	VERDICT_IO_OVERLAPPED,
	VERDICT_IO_SERIAL,
	VERDICT_IMBALANCED,
	VERDICT_PARALLEL,
	VERDICT_SEQUENTIAL, /* one thread does all the work, nobody waits for it */
	VERDICT_IDLE,
	VERDICT_TOO_SHORT,
	VERDICT_UNCLEAR,
	VERDICT_COUNT,
};
extern const char *const report_verdicts[VERDICT_COUNT]; /* "gil-bound", … */

/* One number that led to the verdict. */
struct report_evidence {
	const char *key;  /* "serial_share" */
	char label[48];	  /* "one thread on CPU while others waited for a lock" */
	double value;
	const char *unit; /* "share", "cpus", "ns", "count", "per_s" */
};

struct report_verdict {
	enum verdict_code code;
	const char *rule;   /* row of VERDICT.md that applied, "gil-bound"; a literal */
	char sentence[320]; /* the verdict line; ASCII, may hold a comm: escape it */
	char advice[320];   /* what would change it; "" if nothing sensible */
	double explained;   /* share of the lost thread time that it explains */
	struct report_evidence evidence[8];
	size_t n_evidence;
};

/* Time with exactly k threads in a state, for k < n; if n is REPORT_STEPS_MAX the last one holds
 * all that is above as well. */
#define REPORT_STEPS_MAX 4096
struct report_histogram {
	uint64_t *ns;
	size_t n;
};

struct report_parallelism {
	uint64_t wall_ns;
	/*
	 * Part of it in which single events were not recorded, to keep to a budget (report_overhead):
	 * demand, serial_ns, running and wanted are of the rest.
	 */
	uint64_t gap_ns;
	uint64_t on_cpu_ns;  /* sum over threads */
	double average;	     /* on_cpu_ns / wall_ns = sum of k * t_k / wall */
	double demand;	     /* the same with runnable, lock and gil waiters added */
	double ceiling;	     /* CPUs the target could have used */
	char ceiling_why[64]; /* "2 CPUs online", "affinity: 1 CPU", "cgroup quota: 0.5 CPU" */
	uint64_t serial_ns;  /* exactly one on CPU while at least one other waits on lock or gil */
	struct report_histogram running; /* t_k */
	struct report_histogram wanted;	 /* running + runnable + lock + gil */
};

/* Where the time of the threads went: rows add up to total_ns exactly. */
struct report_budget {
	uint64_t total_ns; /* sum of the lives of all threads inside the window */
	uint64_t state_ns[STATE_COUNT];
};

struct report_process {
	uint32_t pid;
	uint32_t ns_pid; /* = pid unless in a PID namespace */
	uint32_t ppid;
	char comm[WIRE_COMM_LEN];
	const char *cmdline; /* "" if unknown */
	uint32_t threads;    /* seen inside the window */
	uint32_t execs;
	bool existed; /* before the window */
	bool ended;   /* inside the window */
	int exit_code; /* wait status, if ended */
	uint64_t begin_ns, end_ns; /* life inside the window, relative to its begin */
	struct report_parallelism par;
	struct report_budget budget;
	uint64_t throttled_ns, throttled; /* by its cgroup inside the window */
};

struct report_thread {
	uint32_t pid;
	uint32_t tid;
	uint32_t ns_tid;
	char comm[WIRE_COMM_LEN];
	bool existed, ended, never_switched;
	uint64_t begin_ns, end_ns; /* life inside the window, relative to its begin */
	uint64_t first_cpu_ns; /* born in the window: from then to its first CPU; 0: not known */
	uint64_t life_ns;
	uint64_t state_ns[STATE_COUNT];
	uint64_t user_ns, system_ns; /* on_cpu split by the kernel's tick samples */
	uint64_t voluntary, involuntary, migrations;
	uint64_t loop_ns; /* part of io_ipc: in calls that wait for many things at once, see model.h */
	uint64_t waits, timeouts, interrupted;
	uint64_t again, wakes, empty_wakes; /* or REPORT_ABSENT */
	uint32_t top_lock; /* id of the lock it lost most time on, 0: none */
	const char *name;  /* as its language calls it ("Thread-3 (worker)"), "" if that is not known */
	bool python;	   /* it runs Python: the next three are there */
	double gil_wait_share; /* of its life it waited for the GIL */
	uint64_t gil_ns;   /* sampled CPU time with the GIL, scaled to on_cpu */
	uint64_t free_ns;  /* ... without it */
	bool doubtful;	   /* stream and kernel sums disagree: records were lost */
};

/* Where in a program; strings are raw bytes of the target. */
struct report_place {
	const char *function; /* qualified name; "": not known */
	const char *file;     /* "": not known */
	uint32_t line;	      /* 0: not known */
	const char *module;   /* native: the file that is mapped, "libfoo.so.1"; Python: "" */
	uint64_t offset;      /* native: address in it */
};

/*
 * Time that belongs to a place.  Stacks are sampled by time, so that ns is in proportion and adds
 * up to what was measured exactly.
 */
struct report_site {
	/*
	 * Where the user's own code is: the innermost frame outside of the lock code of Python, of the C
	 * library and of the language's own library; Python's before native ones.
	 */
	struct report_place place;
	/*
	 * All of it, native and Python frames in one, "f (file:line); g (module)", outermost last;
	 * functions that a compiler inlined are frames too, those of the kernel are "f [k]".  Without
	 * its outer end it ends with " ... truncated" (there are more Python frames), " ... (cut off)"
	 * (more native ones) or " ... (unknown from here)".
	 */
	const char *stack;
	uint32_t tid;		   /* of the thread with most of it */
	char comm[WIRE_COMM_LEN];
	const char *thread_name; /* of that thread, see report_thread.name */
	uint64_t ns;
	uint64_t samples;
};

/* The holder of a GIL was asleep, while others waited for it: exact, one row a place and call. */
struct report_held {
	struct report_site site;  /* ns: waiting of others meanwhile; samples: how often */
	const char *syscall;	  /* "clock_nanosleep", "futex", ...; "": a page fault */
	uint64_t held_ns;	  /* time the holder slept with the GIL */
	uint64_t max_ns;
};

/* What only a GIL has; belongs to a report_lock of class gil that a runtime has named. */
struct report_gil {
	uint32_t lock;	     /* its report_lock.id, 0: nobody waited for it */
	uint32_t pid;
	uint64_t addr;	     /* as report_lock.addr */
	const char *runtime; /* "CPython 3.11.2" */
	uint64_t interval_ns; /* switch interval, 0: not known */
	uint64_t handoffs;   /* waits that ended with the GIL in another thread's hands: counted */
	bool switches_known;
	uint64_t switches;   /* CPython's own count of changes of hands, also without a wait */
	uint64_t forced;     /* waits of threads that had to let go of it, or REPORT_ABSENT */
	/* parts of the waits' time; they add up to report_lock.wait_ns */
	uint64_t poll_ns;    /* asleep until it was handed over, in turns of the switch interval */
	uint64_t delay_ns;   /* woken (or just preempted), no CPU free: run-queue delay */
	uint64_t handoff_ns; /* the rest: from being woken to going on with it */
	/* ready after I/O, a timer or another lock -> has the GIL */
	uint64_t convoy_count, convoy_p50_ns, convoy_p99_ns, convoy_max_ns;
	uint64_t held_ns;    /* time it was known to be held while somebody waited (wall) */
	uint64_t free_ns;    /* waiting (sum) while nobody had it: its next owner was still waking up */
	uint64_t held_asleep_ns;    /* waiting (sum) while its holder slept: sum of held[].site.ns */
	uint64_t held_preempted_ns; /* waiting (sum) while its holder waited for a CPU */
	struct report_held *held;
	size_t n_held;
	struct report_site *holding; /* functions, by waiting of others while they had it */
	size_t n_holding;
	/* sampled CPU time of the process's threads: with the GIL, without it */
	uint64_t with_ns, without_ns;
	struct report_site *without; /* functions that ran without the GIL */
	size_t n_without;
};

/* An interpreter, or why it cannot be explained. */
struct report_runtime {
	uint32_t pid;
	const char *name;   /* "CPython 3.11.2" */
	const char *status; /* "ok", "no-gil", "unknown" */
	const char *why;    /* "unknown": the reason; else "" */
};

/* Log-linear: REPORT_HIST_SUB slots per power of two from 1 ns; see report_hist_floor(). */
#define REPORT_HIST_SUB 8
#define REPORT_HIST_SLOTS (64 * REPORT_HIST_SUB)

struct report_hist_slot {
	uint64_t floor_ns; /* smallest value of the slot */
	uint64_t count;
};

/* A thread's part in a lock. */
struct report_party {
	uint32_t tid; /* 0: unknown, see why; or, with a name and no reason, nobody: it was free */
	uint32_t pid;
	char comm[WIRE_COMM_LEN];
	const char *name; /* as report_thread.name */
	uint64_t ns;	 /* waiter: time waited; holder: waiting it is charged with; waker: 0 */
	uint64_t count;	 /* waiter: waits; holder: hand-offs to it; waker: wakes */
	const char *why; /* unknown holder: reason, else NULL */
};

enum report_lock_class {
	LOCK_CLASS_LOCK, /* contention: counted as STATE_LOCK */
	LOCK_CLASS_GIL,	 /* contention: STATE_GIL */
	LOCK_CLASS_COND, /* no contention: STATE_COND */
};

struct report_lock {
	uint32_t id;	  /* 1.. in order of the array */
	const char *kind; /* "mutex", "pi-mutex", "robust-mutex", "rwlock", "gil", "hand-off lock",
			     "condition", "semaphore", "barrier", "join", "futex", "wait-list",
			     "Python lock", "queue wait", "Python join", "Python condition",
			     "once", "malloc arena", "stdio lock", "Rust mutex", "Rust rwlock",
			     "Rust wait", "Go lock", "Go wait", "Java monitor", "Java wait" */
	enum report_lock_class class;
	char name[96];	  /* "GIL (CPython 3.11)", "mutex 0x7f..10", "file /dev/shm/x+0x10" */
	uint32_t pid;	  /* private: its process; shared: 0 */
	uint64_t addr;	  /* private: address of the object or word; shared: offset in the file */
	bool shared;
	uint32_t dev;
	uint64_t inode;
	uint64_t waits;	  /* logical acquisitions that had to wait and ended inside the window */
	uint64_t open;	  /* waits still going on at the end of the window */
	uint64_t carried; /* waits that had begun before the window */
	uint64_t calls;	  /* futex calls that slept: re-waits of one acquisition counted each */
	uint64_t timeouts, interrupted; /* futex calls that ended so; lean: of those that slept */
	uint64_t again, wakes, empty_wakes; /* or REPORT_ABSENT */
	uint64_t wait_ns;    /* sum over waits, from first block to going on */
	uint64_t blocked_ns; /* part of it really blocked */
	uint64_t delay_ns;   /* part of it woken, waiting for a CPU */
	uint64_t mean_ns, p50_ns, p99_ns, max_ns;
	struct report_hist_slot *hist; /* only slots with a count */
	size_t n_hist;
	uint32_t waiters;     /* distinct threads */
	uint32_t max_waiting; /* at once */
	uint64_t first_ns, last_ns; /* first and last activity, relative to the window */
	struct report_party *top_waiters, *top_holders, *top_wakers;
	size_t n_top_waiters, n_top_holders, n_top_wakers;
	struct report_site *sites; /* where its waiters wait */
	size_t n_sites;
	struct report_site *holding; /* where its holders were meanwhile (GIL: see report_gil) */
	size_t n_holding;
	const char *owner_note; /* why there is no holder ("no owner by design"), NULL if there is */
	/*
	 * Of what it is part, as its program has it: "registry_lock", "cache+0x28 (libfoo.so.1)", "heap",
	 * "stack"; "" if that is not known.
	 */
	char object[128];
	struct report_place place; /* where it is waited for most; function "": not known */
	uint32_t timeline; /* its number there, for predictions; 0: none */
};

/* A slice of the window. */
struct report_phase {
	uint64_t begin_ns, end_ns; /* relative to the window */
	double parallelism;
	double waiting; /* average number of threads in lock or gil */
	double runnable;
	double gil; /* part of waiting */
};

struct report_loss {
	const char *key; /* "ring_full" */
	const char *label;
	uint64_t count;
};

/*
 * Time of one thread at one whole stack, for flame graphs.  Frames are outermost first, raw bytes.
 */
struct report_folded {
	uint32_t pid, tid;
	const char *comm;
	const char **frames;
	size_t n;
	uint64_t ns;
};

enum report_profile {
	PROFILE_ON_CPU,	 /* CPU time */
	PROFILE_WAITING, /* time waited for locks and the GIL, conditions too */
	PROFILE_HOLDING, /* waiting of others, where it was held meanwhile */
	PROFILE_COUNT,
};
extern const char *const report_profiles[PROFILE_COUNT]; /* "on-cpu", "waiting", "holding" */

struct report_prog {
	char name[24];
	uint64_t runs, run_ns, misses;
};

struct report_quality {
	bool complete; /* nothing was lost, streams and sums agree */
	uint64_t made, received, dropped;
	struct report_loss loss[WIRE_LOSS_KINDS]; /* all kinds, zero ones too */
	size_t n_loss;
	uint64_t residual_ns;	  /* sum over threads of |life - sum of states|, kernel sums */
	uint64_t disagreement_ns; /* sum over threads of on-CPU |stream - kernel sums| */
	uint64_t unmapped_shared;
	uint64_t samples;	    /* stacks taken on CPU and in waits */
	uint64_t samples_unread;    /* ... without a stack where there should be one */
	uint64_t stacks, stacks_truncated, frames_unknown; /* different ones */
	uint64_t sample_ns;	    /* time that one sample stands for, 0: none were taken */
	uint64_t samples_native;    /* samples with native frames */
	uint64_t samples_whole;	    /* ... down to where the thread began */
	uint64_t samples_cut;	    /* ... deeper than WIRE_NATIVE_MAX */
	uint64_t samples_astray, samples_no_rule, samples_no_memory, samples_early; /* ... end early */
	uint64_t samples_pointers;  /* ... with frames found by frame pointers */
	/* what taking stacks cost: measured in the BPF programs, each one */
	uint64_t stacks_taken, stacks_ns, stacks_frames;
	uint64_t tables, table_rows, table_ns; /* unwind tables made, and the time in which some were awaited */
	uint64_t symbol_cpu_ns;	    /* CPU of the process that reads the target's files */
	uint64_t locks_folded; /* locks beyond the table, added up in one row */
	uint64_t own_cpu_ns;
	uint64_t own_rss_kib, maps_kib, ring_kib;
	struct report_prog *progs;
	size_t n_progs;
	bool prog_times; /* the kernel's BPF statistics were on: run_ns is measured */
};

/* --- what if: see WHATIF.md ------------------------------------------------------------------ */

/* One question, and the answer to it or why there is none. */
struct report_whatif {
	char asked[112]; /* as the user put it: "processes", "no-lock:L1" */
	char title[192];   /* "without waiting for L1 GIL (CPython 3.11)"; may hold names of the target */
	bool refused;
	char why[400];	   /* refused: the reason */
	uint64_t value_ns, low_ns, high_ns; /* how long it takes then */
	double cpus_used;  /* on average */
	char limit[192];   /* what keeps it from ending earlier */
};

/* Something that could be taken away, by what that would gain. */
struct report_serial {
	uint32_t lock; /* id of a report_lock, 0: a function */
	struct report_place place; /* function */
	uint64_t cost_ns; /* lock: waiting for it, of all threads; function: CPU time */
	uint64_t value_ns, low_ns, high_ns; /* how long it takes without it */
};

enum critical_kind {
	CRITICAL_OTHER, /* another wait, or before a thread was seen */
	CRITICAL_RUN,
	CRITICAL_READY,	  /* it lost the CPU, or was woken and there was none */
	CRITICAL_HANDOFF, /* from being woken for a lock to running */
	CRITICAL_LOCK,	  /* a lock or condition that no thread of the target gave */
	CRITICAL_IO,
	CRITICAL_SLEEP,
	CRITICAL_START, /* of a thread or process */
	CRITICAL_END,	/* after the last thing that was done */
	CRITICAL_KINDS,
};
struct report_critical_kind {
	const char *key;   /* "run": JSON */
	const char *label; /* "running" */
};
extern const struct report_critical_kind report_critical_kinds[CRITICAL_KINDS];

struct report_critical_thread {
	uint32_t pid, tid;
	char comm[WIRE_COMM_LEN];
	const char *name; /* as report_thread.name */
	uint64_t ns;
};

struct report_critical_function {
	struct report_place place;
	uint64_t ns;
};

struct report_critical {
	uint64_t total_ns; /* the window; kinds add up to it */
	uint64_t kind_ns[CRITICAL_KINDS];
	uint64_t jumps; /* from thread to thread */
	struct report_critical_thread *threads;
	size_t n_threads, all_threads;
	struct report_critical_function *functions;
	size_t n_functions;
};

struct report_prediction {
	bool possible; /* the recording can be replayed */
	char why_not[320];
	uint64_t measured_ns; /* from the begin of the window to the last thing that was done */
	uint64_t replayed_ns; /* the same, replayed without a change */
	double error;	      /* replayed / measured - 1 */
	double cpus;	      /* of the replay, unless one is told */
	double others;	      /* CPUs that other programs used meanwhile, parascope too */
	uint64_t threads, operations;
	bool costs_known; /* of starting workers, and how fast CPUs are together, on that host */
	double speed;	  /* of each CPU if all of them work, against one alone */
	char assumptions[8][200];
	size_t n_assumptions;
	struct report_whatif *whatifs;
	size_t n_whatifs;
	struct report_serial *serial; /* by gain */
	size_t n_serial;
	struct report_critical critical;
};
/* What watching cost, if it had a budget; shares are of the CPU time of the target. */
struct report_reduction {
	uint64_t at_ns; /* from here on, relative to the window */
	uint32_t divisor; /* stacks were taken so many times as seldom, 0: none; of those asked for */
	double detail;	  /* share of the time in which single events were recorded */
	double cost;	  /* before it */
};

struct report_overhead {
	double budget;
	double mean, max;	 /* max: of the intervals of a second or less in which it was measured */
	double machine;		 /* mean, as a share of all CPUs */
	double least_cpus;	 /* a target that uses less is taken to use so much */
	uint64_t bpf_ns, reader_ns, target_ns;
	uint64_t detail_ns;	 /* of the window: single events were recorded */
	bool exceeded;		 /* with nothing left to leave out it still cost more */
	double least;		 /* what it cost then; 0: it did not come to that */
	struct report_reduction *steps; /* the first ones; every change, also back */
	size_t n_steps, all_steps;
};

struct metrics;

struct report {
	/* what and where */
	char kernel[64], version[32];
	uint32_t cpus_online;
	int64_t realtime_ns; /* CLOCK_REALTIME at the begin of the window */
	uint64_t begin_ns;   /* CLOCK_MONOTONIC */
	uint64_t window_ns;
	bool command;	   /* launched by us */
	bool lean;	   /* futex calls that did not sleep are not known: bpf/lean.bpf.h */
	bool truncated;	   /* the trace ended before its window was closed */
	const char *target; /* "4711 python3 service.py" or the command line; raw bytes */

	struct report_verdict verdict;
	struct report_parallelism par; /* the whole tree */
	struct report_budget budget;
	struct report_process *processes;
	size_t n_processes;
	struct report_thread *threads;
	size_t n_threads;
	struct report_lock *locks; /* by time lost: contention first */
	size_t n_locks;
	uint64_t locks_total; /* before the list was cut */
	struct report_gil *gils;
	size_t n_gils;
	struct report_runtime *runtimes;
	size_t n_runtimes;
	struct report_site *running; /* functions by sampled CPU time, all processes */
	size_t n_running;
	struct report_folded *folded[PROFILE_COUNT]; /* heaviest first */
	size_t n_folded[PROFILE_COUNT];
	struct folded_pool *folded_pool; /* what folded points to; of no use to a renderer */
	struct report_phase *phases;
	size_t n_phases;
	struct report_quality quality;
	struct report_overhead *overhead; /* NULL: there was no budget */
	struct report_prediction *prediction; /* NULL: not asked for */
	struct metrics *metrics; /* all of this as a table, see metric.h; NULL: not made */
};

/* What times and counts of locks and steps are to be multiplied by to stand for the whole window. */
static inline double report_scale(const struct report *r)
{
	const struct report_parallelism *p = &r->par;

	return p->gap_ns < p->wall_ns ? (double)p->wall_ns / (double)(p->wall_ns - p->gap_ns) : 1;
}

#endif
