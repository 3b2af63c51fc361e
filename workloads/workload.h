/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between a workload (one file) and what runs it (modes.c).
 *
 * A workload says how to prepare a process, what one unit of work is (or the whole life of a
 * worker), and how its lock can be planted. It never creates its own workers, parses options or
 * prints the truth: modes.c, main.c and truth.c do.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <pthread.h>

#include "clock.h"
#include "probe.h"
#include "truth.h"

enum mode {
	MODE_SEQ = 1,		/* one thread does every worker's share, one after the other */
	MODE_THREADS = 2,	/* one process, --workers threads */
	MODE_PROCS = 4,		/* --workers processes of one thread */
	MODE_BOTH = 8,		/* --procs processes of --workers threads */
	MODE_ALL = 15,
};

struct options {
	enum mode mode;
	unsigned int workers;
	unsigned int procs;	/* 1 unless MODE_BOTH */
	uint64_t count;		/* units per worker; 0: until time_ns */
	uint64_t time_ns;	/* length of the run; 0: until count */
	uint64_t size;
	uint64_t hold_ns;
	uint64_t think_ns;
	bool planted;
	bool pin;
	bool no_lock;		/* the same work without taking the lock: what if it were gone */
	bool calibrated;	/* count was found by calibration */
	const char *truth;	/* file name, "-" for stdout, NULL for none */
};

struct run {
	const struct workload *workload;
	struct options opt;
	struct truth *truth;
	void *shared;		/* workload->shared_size bytes, one object for all processes */
	struct plant *plant;	/* planted rounds over all processes (shared locks), or NULL */
};

struct worker {
	struct run *run;
	struct process *process;
	unsigned int index;		/* inside its process */
	unsigned int global;		/* inside the run */
	_Atomic pid_t tid;
	uint64_t created_ns;		/* just before pthread_create() or fork() */
	uint64_t deadline_ns;
	uint64_t done;			/* units of work done */
	_Atomic(struct truth_lock *) join;	/* set by the worker: its join is measured too */
	pthread_t thread;
};

struct process {
	struct run *run;
	unsigned int index;
	unsigned int nr_workers;
	struct worker *workers;
	void *state;			/* workload->state_size bytes, zeroed */
	struct plant *plant;		/* planted rounds inside this process, or NULL */
	_Atomic unsigned int finished;
};

/*
 * One planted round: the holder takes the lock, invites the waiters one at a time and sees each
 * of them asleep, then releases. So every waiter blocks exactly once a round.
 */
struct plant_ops {
	struct truth_lock *(*lock)(struct worker *w);	/* where the waiters sleep */
	void (*hold)(struct worker *w);			/* holder: take; may be NULL */
	void (*release)(struct worker *w);		/* holder: let go */
	void (*wait)(struct worker *w);			/* waiter: wait, use, leave */
	void (*abandon)(struct worker *w);	/* holder: last round, die holding; may be NULL */
	bool one_by_one;	/* release() lets one waiter go: call it for each */
};

struct workload {
	const char *name;
	const char *summary;
	unsigned int modes;		/* enum mode bits that make sense */
	unsigned int planted_modes;	/* the same for --planted (needs .plant) */
	unsigned int workers;		/* default */
	unsigned int min_workers;
	unsigned int max_workers;	/* 0: no limit */
	uint64_t count;			/* default when neither --count nor --time is given */
	uint64_t size;
	uint64_t hold_us;
	uint64_t think_us;
	size_t stack_size;		/* of the workers; 0: system default */
	size_t state_size;
	size_t shared_size;
	bool calibrates;		/* unit() may be timed alone, before the run */
	bool always_planted;
	bool lock_optional;		/* unit() honours no_lock */
	bool no_count;
	bool no_time;
	void (*setup_run)(struct run *run);		/* before any fork */
	void (*setup)(struct process *process);		/* before its workers exist */
	void (*teardown)(struct process *process);	/* after its workers are gone */
	void (*unit)(struct worker *w);			/* one unit of work, or … */
	void (*body)(struct worker *w);			/* … the whole life of a worker */
	void (*drive)(struct process *process);		/* main thread, workers created */
	const char *(*role)(const struct worker *w);	/* default "worker" */
	const struct plant_ops *plant;
};

/* Adds a row to the table of workloads (an ELF section, so a new file needs no other edit). */
#define WORKLOAD(id, ...)                                                          \
	static const struct workload workload_##id = {.name = #id, __VA_ARGS__};   \
	static const struct workload *const workload_row_##id                      \
		__attribute__((used, section("workload_rows"))) = &workload_##id

extern const struct workload *const __start_workload_rows[];
extern const struct workload *const __stop_workload_rows[];

/* true while this worker has units left: counts down --count, or watches the deadline. */
bool worker_more(struct worker *w);

/* For kinds that only wait: all workers are asleep now, and --time begins here. */
void all_blocked(struct process *process);

/* One thread alone cannot block on a private lock: then its truth is exact without planting. */
bool run_is_alone(const struct run *run);

/* modes.c: does the whole run; 0, or 1 when a child failed. */
int modes_run(struct run *run);

/* Message on stderr and exit status 1, from any thread. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* For calls that return an error number; dies when it is not 0. */
void check(int error, const char *what);

#endif
