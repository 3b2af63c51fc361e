/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * model.h - processes, threads, locks and waits, built from ordered records.
 *
 * A pure state machine: the same records give the same model, whatever the clock, the machine or
 * the day.  Only time inside the window counts.  Memory is bounded: beyond the limits below, what is
 * least important is added up in one place and counted (folded_*), never dropped.
 *
 * All times are CLOCK_MONOTONIC ns.
 */
#ifndef PARASCOPE_MODEL_H
#define PARASCOPE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/base/table.h"
#include "user/model/hist.h"

#define MODEL_MAX_LOCKS 8192
#define MODEL_MAX_PARTIES 65536
#define MODEL_MAX_DEAD_THREADS 16384
#define MODEL_MAX_DEAD_PROCESSES 2048
#define MODEL_MAX_STACKS 32768
#define MODEL_MAX_FRAMES 131072
#define MODEL_MAX_SITES 131072
#define MODEL_MAX_OBJECTS 16384
#define MODEL_MAX_RUNTIMES 64 /* of one process */
#define MODEL_MAX_SPEEDS 64
#define MODEL_PHASES 128 /* slices of the window: between half as many and these */

/*
 * A thread that goes back to the same lock after less CPU time than this did not get it: one wait.
 * Measured on CPython 3.9 - 3.15: 100 to 200 us separate lost races from new acquisitions.
 */
#define MODEL_REWAIT_NS 100000
/* The same of other locks in lean mode: to look at the word and to sleep again takes 2 to 5 us. */
#define MODEL_RETRY_NS 20000

/* What kind of lock a futex word belongs to; word.c says how that is found. */
enum lock_kind {
	KIND_FUTEX, /* a word of unknown use */
	KIND_MUTEX,
	KIND_LOW_LEVEL, /* waits like a mutex, has no owner word: malloc arena, stdio, Rust, Go */
	KIND_PI_MUTEX,
	KIND_ROBUST_MUTEX,
	KIND_RWLOCK,
	KIND_CONDITION,
	KIND_SEMAPHORE,
	KIND_BARRIER,
	KIND_JOIN,
	KIND_WAIT_LIST, /* the word lies on the waiter's stack: a parking lot */
	KIND_HANDOFF,	/* a condition that its own waiters hand round: behaves like a GIL */
	KIND_GIL,	/* known by a language runtime */
	/* known by the library functions that wait, see natlock.c */
	KIND_ONCE,
	KIND_MALLOC,
	KIND_STDIO,
	KIND_RUST_MUTEX,
	KIND_RUST_RWLOCK,
	KIND_RUST_WAIT, /* Condvar, park */
	KIND_GO_LOCK,
	KIND_GO_WAIT, /* a thread of the scheduler without work */
	KIND_JAVA_MONITOR,
	KIND_JAVA_WAIT,
	/* known by the Python functions that wait, see pylock.c */
	KIND_PY_LOCK,
	KIND_PY_QUEUE,
	KIND_PY_JOIN,
	KIND_PY_CONDITION,
	KIND_FOLDED,	/* all locks beyond MODEL_MAX_LOCKS */
	KIND_COUNT,
};

enum lock_class {
	CLASS_LOCK, /* contention: somebody owns it */
	CLASS_GIL,  /* contention: handed round */
	CLASS_COND, /* waiting for work or for somebody to finish */
	CLASS_COUNT,
};

struct lock_kind_info {
	const char *name; /* as in reports */
	enum lock_class class;
	bool refutes_owner; /* no owner by design */
	bool refold;	    /* lost races and re-waits belong to one acquisition */
};
extern const struct lock_kind_info lock_kinds[KIND_COUNT];

struct natlock_row;

/* A place in a program; also one that nobody has named yet. */
struct frame {
	struct frame_key {
		uint64_t pid, space, code, instr; /* pid 0: of the kernel; space: of wire_frame */
		uint64_t depth;		   /* 0: innermost of those that are inlined there */
	} key;
	bool known;
	uint32_t flags; /* of wire_frame */
	uint32_t line, first; /* first: of its function */
	uint64_t offset;      /* native: address in the module */
	const struct frame *caller; /* the function that it is inlined into; NULL: it is not */
	const struct natlock_row *library; /* native: what the library function is for, or NULL */
	char function[128], file[160], module[48]; /* function "": could not be found */
	UT_hash_handle hh;
};

/*
 * As it was taken, see wire_stack: n_kernel frames of the kernel, n_native native ones, the rest are
 * Python's, among them &stack_entry where C code called Python.  mix.h puts them together.
 */
struct stack {
	uint64_t id;
	uint32_t flags; /* of wire_stack */
	UT_hash_handle hh;
	uint32_t number; /* 1, 2, ... in order of appearance */
	size_t n, n_kernel, n_native;
	const struct frame *frames[]; /* innermost first; NULL: beyond MODEL_MAX_FRAMES */
};
extern const struct frame stack_entry;

enum site_role {
	SITE_WAIT,    /* of a party: waits here */
	SITE_HOLDING, /* of a party: others waited while it was here */
	SITE_ASLEEP,  /* of a party: the part of it that it slept with the GIL */
	SITE_WITH,    /* of a process: ran with the GIL */
	SITE_WITHOUT, /* of a process: ran without it */
};

/* Time that belongs to a stack of one thread. */
struct site {
	struct site_key {
		const void *owner; /* party or process */
		const struct stack *stack; /* NULL: not known */
		uint64_t thread_id; /* of a process only */
		uint64_t gil;	    /* of a process only */
		int32_t nr;	    /* SITE_ASLEEP: system call */
		uint32_t role;	    /* enum site_role */
	} key;
	uint32_t tid;
	char comm[WIRE_COMM_LEN];
	uint64_t ns, count;
	uint64_t held_ns, max_ns; /* SITE_ASLEEP: how long it slept */
	struct site *next;	  /* of the same owner */
	UT_hash_handle hh;
};

/* Seen from a lock: one thread's part in it.  Copies what names the thread, which may be gone. */
struct party {
	uint64_t thread_id;
	uint32_t tid, pid;
	char comm[WIRE_COMM_LEN];
	struct site *sites;
	/* not in a site yet, because no stack was seen since; where it goes if none comes */
	uint64_t waited_new_ns, blamed_new_ns;
	const struct stack *waited_at, *held_at;
	uint64_t drop_ns; /* asleep on a GIL's words while it had the GIL: no waiting */
	uint64_t waits, wait_ns; /* logical waits */
	uint64_t blocked_ns;	 /* futex time of this thread on this lock */
	uint64_t blamed_ns;	 /* others' blocked time while it held the lock */
	uint64_t holds;		 /* acquisitions after a wait, seen as owner */
	uint64_t wakes;
	UT_hash_handle hh;
};

enum gil_off { GIL_HOLDER_ON, GIL_HOLDER_ASLEEP, GIL_HOLDER_PREEMPTED };

/* What only a lock of a runtime has. */
struct gil {
	uint32_t signals;	/* bit i: word i is one that its waiters sleep on until it is free */
	bool free;		/* known to be: nobody is charged */
	uint64_t holder_tstate; /* holder whose thread is not known yet */
	uint64_t held_ns;	/* somebody known held it and others waited: wall time */
	uint64_t pending_held_ns; /* the same of lock.pending_ns */
	uint64_t free_ns, asleep_ns, preempted_ns; /* waiting (sum) meanwhile */
	uint64_t poll_ns, delay_ns, forced;	   /* of its waits */
	/* the holder left the CPU with it */
	enum gil_off off;
	uint64_t off_since_ns;
	uint64_t off_ns; /* waiting (sum) since */
	int32_t off_nr;
	const struct stack *off_stack;
	/* ready for something else -> has it */
	struct hist ready;
	uint64_t ready_max_ns;
};

struct lock {
	uint64_t space; /* process (private) or file (shared), see lock.c */
	uint64_t base;	/* address of the object, or offset in the file */
	uint32_t pid;	/* 0: shared */
	bool shared;
	uint32_t dev;
	uint64_t inode;
	char path[64];
	char name[48]; /* from a runtime, else "" */
	enum lock_kind kind;
	struct gil *gil; /* KIND_GIL, else NULL */
	const struct frame *place; /* Python locks: where it was first waited for, or always */
	bool by_place;		   /* that is what it is known by, not an address */
	bool by_object;		   /* base is the lock itself, not a word that is waited on */
	bool by_frames; /* its kind comes from the functions that wait: memory refines it only */
	uint32_t waited_val; /* of a shared wait of unknown use: a tid? */
	uint32_t votes[KIND_COUNT]; /* one for each description of its memory */
	uint64_t waits, open, carried, aborted;
	uint64_t calls, timeouts, interrupted, again;
	uint64_t wakes, empty_wakes;
	uint64_t wait_ns, blocked_ns, delay_ns, max_ns;
	uint64_t first_ns, last_ns;
	uint64_t rewaits;	  /* timed out and at once waiting again */
	uint64_t wakes_by_waiter; /* woken by one that waits for it too */
	uint64_t wakes_by_thread, wakes_by_other;
	struct hist hist;
	uint32_t blocked, max_blocked; /* threads asleep on it now, at once */
	uint64_t alone_ns;	       /* when the last one fell asleep that found no other */
	struct party *parties;
	struct party rest; /* parties beyond the limit */
	bool crowded;	   /* there are such */
	/* whom the sleepers are charged to, since when */
	uint64_t holder_id; /* 0: unknown */
	struct thread *holder; /* the same, NULL: unknown or gone */
	struct lock *held_prev, *held_next; /* others of this holder */
	uint64_t charged_ns;
	uint64_t unknown_ns; /* blocked time with no holder known */
	uint64_t pending_ns; /* the same since the last release: the next sleeper may tell */
	struct word *words;
	uint32_t timeline; /* its number there, 0: none */
	struct {
		uint32_t thread, op; /* of the timeline; thread 0: none */
		uint64_t ns;
	} let_go; /* last, by a call; global locks only */
	bool active; /* used since the last look of the one who makes room */
	struct lock *prev, *next; /* all locks, oldest first */
};

/* One futex word: how a lock is found. */
struct word {
	struct {
		uint64_t space, addr;
	} key;
	struct lock *lock;
	struct word *prev, *next; /* of the same lock */
	UT_hash_handle hh;
};

enum wait_phase {
	WAIT_NONE,
	WAIT_ASLEEP,   /* inside a futex call that sleeps */
	WAIT_RETURNED, /* the call is over; will it come back for more? */
};

/* One logical acquisition. */
struct wait {
	struct lock *lock;
	enum wait_phase phase;
	bool carried; /* had begun before the window */
	bool released; /* the thread has let go of the lock since */
	bool got_it;   /* ended by a wake-up, not by a timeout or signal */
	bool timed_out;
	bool forced; /* it had the GIL and had to let go of it */
	bool like_semaphore; /* the call is one that sem_wait() makes */
	bool weighed; /* stack was taken because so much time was waited */
	uint64_t weight_ns; /* so much of it */
	const struct stack *stack; /* NULL: not seen, or, if weighed, lost */
	uint64_t addr;		   /* the word of its last sleep */
	uint64_t object;	   /* the lock behind it, 0: not known */
	uint64_t begin_ns, end_ns; /* end: return of its last call */
	uint64_t slept_ns;	   /* when it last woke up */
	uint64_t calls, blocked_ns, delay_ns;
	uint64_t poll_ns;    /* part of blocked_ns: on the condition of a GIL */
	uint64_t between_ns; /* runnable before its first call and between two */
	uint64_t after_ns;   /* runnable since the last one: is there another? */
	uint64_t on_cpu_at_end_ns; /* the thread's CPU time when its last call returned */
};

struct thread {
	uint64_t id; /* unique in this trace, > 0 */
	uint32_t tid, ns_tid;
	uint64_t start_ns;
	struct process *process;
	char comm[WIRE_COMM_LEN];
	bool existed, dead, moved;
	uint64_t begin_ns, end_ns;
	uint8_t state;	       /* enum wire_state */
	uint8_t counted_class; /* enum lock_class while asleep on a lock */
	bool loops;	       /* asleep in a call that waits for many things at once: epoll, io_uring */
	uint64_t since_ns;
	__u64 state_ns[WIRE_STATES];
	uint64_t loop_ns; /* inside the window, so asleep */
	uint64_t folded_ns[CLASS_COUNT]; /* futex time on locks that were folded */
	uint64_t ran_ns; /* CPU time seen, inside the window or not */
	uint64_t switches;
	uint64_t first_cpu_ns; /* first on a CPU, 0: never yet */
	struct wait wait;
	struct lock *asleep_on; /* while in WIRE_FUTEX_WAIT */
	struct lock *held;	/* locks that it is the holder of, list by held_next */
	struct look { /* a stack taken on the way to sleep */
		uint64_t addr;
		const struct stack *stack;
	} look;
	struct lean { /* see lean.h */
		bool asleep; /* in a call whose end no record tells */
		struct wire_futex call;
		struct wire_sample seen; /* where; ts 0: not known */
		const struct stack *stack;
	} lean;
	bool dropping;		/* that is a GIL, and it has it: no wait */
	uint64_t drop_ns, drop_on_cpu_ns; /* when it last let go of a GIL */
	uint64_t drop_delay_ns;		  /* runnable since then */
	struct lock *dropped;
	struct python {
		bool seen; /* it has, or had, a PyThreadState */
		struct tstate_key {
			uint64_t process, tstate; /* tstate 0: none */
		} key;
		uint64_t gil;	  /* begin of its region, 0: none */
		char name[64];
		uint64_t cpu_ns[2]; /* sampled: without the GIL, with it */
		const struct stack *held_stack; /* the last one with which it slept with the GIL */
		struct lock *held;		/* left the CPU with it */
		struct ready { /* for something else; has it the GIL? */
			uint64_t since_ns, on_ns, cpu_ns; /* since_ns 0: no */
			bool waits;
		} ready;
		UT_hash_handle hh; /* by key */
	} python;
	struct wire_wake early; /* a wake-up while it was going to sleep; ts 0: none */
	bool have_sums;
	struct wire_thread_sums sums; /* the kernel's own */
	uint32_t timeline; /* its number there, 0: none */
	struct thread *prev, *next;
	UT_hash_handle hh; /* by tid, the living */
	struct inner_id {
		uint64_t process; /* its address; 0: not in that table */
		uint64_t ns_tid;
	} inner;
	UT_hash_handle hh_inner; /* by inner, those whose id is another in their PID namespace */
};

/* How many threads are in what, over time. */
struct level {
	uint64_t since_ns;
	uint32_t running, runnable, waiting; /* waiting: for lock or gil */
	struct steps {
		uint64_t *ns; /* [k]: time with exactly k */
		size_t n;
	} run, want;
	uint64_t serial_ns; /* one running, at least one waiting */
};

struct region {
	uint64_t begin, end;
	uint32_t kind; /* enum wire_region_kind */
	char name[48];
};

/* An interpreter, as told before the window and last. */
struct runtime {
	uint64_t space; /* process.id then */
	struct wire_runtime base, last;
};

struct process {
	uint64_t id; /* unique in this trace; changes at exec */
	uint32_t pid, ns_pid, ppid;
	char comm[WIRE_COMM_LEN];
	bool existed, ended, have_proc;
	bool native; /* native stacks of it were seen */
	uint32_t threads, alive, execs, folded_threads;
	uint32_t folded; /* it stands for so many processes */
	int exit_code;
	uint64_t begin_ns, end_ns;
	struct wire_proc first, last; /* /proc facts */
	struct level level;
	/* threads that ended and were folded */
	struct wire_sums folded_sums;
	uint64_t folded_class_ns[CLASS_COUNT];
	uint64_t folded_life_ns;
	struct region *regions;
	size_t n_regions, cap_regions;
	struct runtime *runtimes;
	size_t n_runtimes, cap_runtimes;
	struct site *sites; /* where its threads ran */
	struct process *prev, *next;
	UT_hash_handle hh; /* by pid, the living */
};

struct phase {
	uint64_t running_ns, runnable_ns, waiting_ns; /* thread time */
	uint64_t gil_ns;			      /* part of waiting_ns */
};

/* Records of single events were left out on purpose, see wire_detail. */
struct gap {
	uint64_t begin_ns, end_ns; /* end: UINT64_MAX, as long as it goes on */
	uint64_t before_ns;	   /* length of all gaps before it */
};

struct model {
	struct wire_host host;
	struct wire_window window;
	bool have_window, closed, finished;
	uint64_t now_ns;
	struct thread *by_tid;	   /* hash */
	struct thread *by_inner;   /* hash */
	struct thread *all_threads; /* list, in order of appearance */
	struct process *by_pid;
	struct process *all_processes;
	struct process *folded_process; /* those beyond MODEL_MAX_DEAD_PROCESSES, pid 0; or NULL */
	uint64_t last_id;
	size_t n_threads, n_dead_threads, n_dead_processes, folded_threads, folded_processes;
	struct word *words; /* hash */
	struct lock *locks; /* list */
	size_t n_locks, n_parties;
	int64_t room_spent; /* looks for room that no new lock has paid for yet, see room.c */
	uint64_t folded_locks;
	uint64_t total_waits, total_wait_ns; /* of waits that a wake-up ended */
	struct lock folded; /* all folded locks */
	struct thread *by_tstate; /* hash */
	struct stack *stacks;	  /* hash */
	struct frame *frames;	  /* hash */
	struct site *sites;	  /* hash */
	struct object *objects; /* hash */
	uint64_t samples, samples_unread;
	/* samples by how their native frames end, see WIRE_STACK_WHOLE and following */
	uint64_t samples_native, samples_whole, samples_cut, samples_astray, samples_no_rule,
		samples_no_memory, samples_early, samples_pointers;
	uint64_t sample_ns; /* CPU time that a sample stands for */
	struct shared *shared;
	struct level tree;
	struct phase phases[MODEL_PHASES];
	uint64_t phase_ns; /* length of a slice */
	struct wire_loss loss;
	struct wire_prog *progs;
	size_t n_progs, cap_progs;
	struct wire_cost cost;
	struct wire_machine machine; /* head.kind 0: not known */
	struct wire_start_costs start_costs; /* head.kind 0: not measured */
	struct wire_speed speeds[MODEL_MAX_SPEEDS]; /* [0]: of one thread */
	struct timeline *timeline; /* NULL: not asked for */
	struct gap *gaps; /* in order */
	size_t n_gaps, cap_gaps;
	uint64_t detail_begin_ns; /* nothing counts before it: 0, the end of the last gap, or UINT64_MAX */
	struct wire_overhead *overheads;
	size_t n_overheads, cap_overheads;
	uint64_t records;
};

struct model *model_new(void);
/* Keep the timeline as well; before the first record. */
void model_record(struct model *m);
/* 0, or -EINVAL and message for a record that cannot be part of any trace. */
int model_apply(struct model *m, const struct wire_head *rec);
/* Close everything at the end of the window (or at the last record, if it was never closed). */
void model_finish(struct model *m);
void model_free(struct model *m);

/* Begin and end of the window as far as it is known.  Nothing counts before it. */
static inline uint64_t model_begin_ns(const struct model *m)
{
	return m->have_window ? m->window.begin_ns : UINT64_MAX;
}

static inline uint64_t model_end_ns(const struct model *m)
{
	return m->window.end_ns || m->finished ? m->window.end_ns : UINT64_MAX;
}

/* Part of [from, to) inside the window. */
static inline uint64_t model_window_ns(const struct model *m, uint64_t from, uint64_t to)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	if (from > begin)
		begin = from;
	if (to < end)
		end = to;
	return end > begin ? end - begin : 0;
}

/* ... and not in a gap: what of it records tell. */
uint64_t model_detail_ns(const struct model *m, uint64_t from, uint64_t to);

/*
 * The same of something that goes on just now, from on: whatever began before a gap was closed at its
 * begin.
 */
static inline uint64_t model_inside_ns(const struct model *m, uint64_t from, uint64_t to)
{
	return model_window_ns(m, from > m->detail_begin_ns ? from : m->detail_begin_ns, to);
}

/* Is ts such a time? */
static inline bool model_inside(const struct model *m, uint64_t ts)
{
	return ts >= model_begin_ns(m) && ts < model_end_ns(m) && ts >= m->detail_begin_ns;
}

#endif
