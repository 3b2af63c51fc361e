/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * critical.h - the chain of work and waiting that the end of the window had to wait for.
 *
 * Backwards from the last thing done: what a thread did, then, at a wait that another thread of the
 * target ended, what that one did before.  Its parts follow one another without a gap: they add up
 * to the whole time.  Shorten one and the program may end earlier; shorten anything else and it
 * does not.
 */
#ifndef PARASCOPE_CRITICAL_H
#define PARASCOPE_CRITICAL_H

#include "user/analysis/functions.h"
#include "user/analysis/replay.h"
#include "user/analysis/report.h"

struct critical {
	double ns[CRITICAL_KINDS];
	double *thread_ns;   /* by index in the timeline */
	double *function_ns; /* running, by number in functions; [0]: not known */
	uint64_t jumps;	     /* from one thread to another */
};

/*
 * r: as recorded or replayed, with its ends.  total_ns: up to where the path goes, not less than
 * the makespan.
 */
void critical_find(struct critical *ret, const struct timeline *tl, const struct functions *f,
		   const struct replay *r, double total_ns);
void critical_free(struct critical *c);

#endif
