/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h - runs the threads of a timeline again on so many CPUs, with something taken away.
 *
 * Ready threads share the CPUs equally.  Who was woken by a thread of the target goes on when that
 * thread has come to the same point again; a wait that something else ended lasts as long as it
 * did.  Pure: the same timeline and options give the same result.  WHATIF.md explains it.
 */
#ifndef PARASCOPE_REPLAY_H
#define PARASCOPE_REPLAY_H

#include "user/analysis/costs.h"
#include "user/model/timeline.h"

struct replay_opts {
	double cpus;	      /* > 0; may be a fraction of one */
	double others;	      /* CPUs that other programs use */
	double crowd;	      /* at most so many of their threads are ready on each CPU */
	double recorded_cpus; /* that the target could use when it was recorded */
	bool all_cpus;	      /* these were all that are online */
	/* work in a second of CPU time by how many run at once, [0]: one; n_speed 0: always 1 */
	const double *speed;
	size_t n_speed;
	const bool *without_lock;  /* by number in the timeline; NULL: all stay */
	const bool *without_stack; /* by struct stack.number: runs that take no time; or NULL */
	double delay;		   /* factor of runnable time while a CPU was free: 1 as recorded */
	bool without_unknown;	   /* waits that nobody knows the end of take no time */
	/* threads that are born become processes: CPU time of who starts one, or wakes one up there
	 */
	bool processes;
	double start_ns, message_ns;
	const bool *message_lock; /* by number in the timeline, or NULL */
};

struct replay {
	double makespan_ns; /* from the begin of the window to the last thing done */
	double cpu_ns;	    /* time that CPUs were busy */
	/* only if asked for, else NULL */
	double *begins_ns; /* [thread] */
	double **ends_ns;  /* [thread][operation]: when it was over */
};

/* False: a wait that was going on at the end, which the target itself would have ended. */
bool replay_counts(const struct timeline_op *op);

/* ends: keep when each operation was over, see replay_free(). */
void replay_run(struct replay *ret, const struct timeline *tl, uint64_t window_begin_ns,
		const struct replay_opts *opts, bool ends);

/* The same as it was recorded. */
void replay_recorded(struct replay *ret, const struct timeline *tl, uint64_t window_begin_ns);

void replay_free(struct replay *r, const struct timeline *tl);

#endif
