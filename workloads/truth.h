/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the workload knows about itself, kept in memory shared with its child processes and
 * written as one JSON object ("parascope-truth/1", see README.md) after the run.
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct run;
struct truth;

enum wait_end { WAIT_WOKEN, WAIT_TIMEOUT, WAIT_EAGAIN, WAIT_EINTR };

struct truth_thread {
	struct truth_thread *next;
	pid_t pid;
	pid_t tid;
	char role[16];
	char comm[16];
	uint64_t created_ns;		/* just before pthread_create() or fork(); 0: not created */
	uint64_t begin_ns;
	uint64_t work_ns;		/* its first useful work; 0: none */
	uint64_t end_ns;
	uint64_t cpu_ns;
	uint64_t work;
	uint64_t waits;
	uint64_t timeouts;
	uint64_t wait_ns;
	uint64_t timeout_ns;
};

struct truth_memory {
	uint64_t pss_kib;		/* 0: not known */
	uint64_t uss_kib;
	uint64_t anonymous_kib;		/* in private mappings, shared after a fork or not */
	uint64_t dirty_kib;		/* of these: in this process only */
};

struct truth_process {
	struct truth_process *next;
	pid_t pid;
	uint64_t created_ns;		/* just before fork(); 0: not ours */
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t cpu_ns;		/* since the process began */
	uint64_t rusage_cpu_ns;		/* children only: what wait4() said, its exit included */
	struct truth_memory memory;	/* at the end of its work */
	uint64_t cow_kib;		/* of what it had from its parent: no longer shared */
};

/* One stay in a lock, or one wait for it: the log that blame is computed from. */
struct truth_stay {
	uint64_t begin_ns;
	uint64_t end_ns;
	pid_t tid;
	bool waited;
	uint32_t number;	/* which of its planned waits, in a kind that numbers them */
	const char *place;	/* function that holds or waits; NULL: the kind does not say */
};

struct truth_lock {
	struct truth_lock *next;
	char name[24];
	char kind[16];
	uint64_t addr;
	uint64_t size;
	pid_t pid;
	bool shared;
	bool exact;		/* waits is the number of times a thread slept in a futex */
	bool blind;		/* nothing is known about its waits (counting would disturb) */
	bool owned;		/* has holders: acquired means held, not merely woken */
	bool knows_wakes;	/* the workload makes the wake calls itself */
	_Atomic uint64_t waits;	/* when not exact: contended acquisitions */
	_Atomic uint64_t timeouts;
	_Atomic uint64_t eagain;
	_Atomic uint64_t eintr;
	_Atomic uint64_t wakes;
	_Atomic uint64_t empty_wakes;
	_Atomic uint64_t wait_ns;
	_Atomic uint64_t max_wait_ns;
	_Atomic uint64_t timeout_ns;
	_Atomic uint64_t holds;
	_Atomic uint64_t hold_ns;
	_Atomic uint64_t log_used;
	uint64_t log_size;
	struct truth_stay *log;	/* NULL: no holders in the truth */
	bool tells_waits;	/* the log's waits are written one by one */
};

struct truth {
	uint64_t begin_ns;
	uint64_t end_ns;
	_Atomic uint64_t ready_ns;	/* every thread blocked (idle kinds); 0: not known */
	uint64_t fork_kib;		/* anonymous memory that a forked child begins with */
	uint64_t cpu_begin_ns;		/* main process's CPU clock when the run began */
	_Atomic bool stop;		/* SIGTERM or SIGINT: finish early, but truthfully */
	_Atomic bool has_handoffs;
	_Atomic uint64_t handoffs;
	_Atomic(struct truth_thread *) threads;
	_Atomic(struct truth_lock *) locks;
	_Atomic(struct truth_process *) processes;
	unsigned int nr_processes;	/* that have locks of their own */
	unsigned int nr_create;
	uint64_t *create_ns;		/* by global worker index */
	uint64_t *work_ns;		/* the same, from when its process or it was made to its work */
};

struct truth *truth_new(unsigned int nr_workers, unsigned int nr_processes);

/* Zeroed memory that all processes of the run share; never freed. */
void *truth_alloc(size_t size);

struct truth_process *truth_process_begin(struct truth *truth, uint64_t created_ns);
void truth_process_end(struct truth_process *process);

/* Zeros when it cannot be known. */
struct truth_memory truth_memory(void);

/* Memory of the calling process, whose record this is. */
void truth_process_memory(const struct truth *truth, struct truth_process *process);

/* The calling thread's record; later calls below charge it. */
struct truth_thread *truth_thread_begin(struct truth *truth, const char *role, const char *comm);
void truth_thread_end(struct truth_thread *thread);

struct truth_lock *truth_lock_new(struct truth *truth, const char *name, const char *kind,
				  const volatile void *addr, size_t size, bool exact);
/* Keep every hold and wait of this lock, so that holders can be named and blamed. */
void truth_lock_log(struct truth *truth, struct truth_lock *lock);

/* From now on the calling thread holds and waits in this function (a constant); see truth_stay. */
void truth_place(const char *place, uint32_t number);

uint64_t truth_wait_begin(struct truth_lock *lock);
void truth_wait_end(struct truth_lock *lock, uint64_t begin_ns, enum wait_end end);
uint64_t truth_hold_begin(struct truth_lock *lock);
void truth_hold_end(struct truth_lock *lock, uint64_t begin_ns);
void truth_wake(struct truth_lock *lock, long woken);
void truth_handoffs(struct truth *truth, uint64_t n);

/* 0 or an error number. */
int truth_write(const struct run *run, const char *path);

#endif
