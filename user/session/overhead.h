/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * overhead.h - keeps what watching costs below a budget: measures it, and leaves out what may be left
 * out (budget.h).  Sums per thread are never touched.
 *
 * Cost is the run time of the BPF programs, also for those who are not watched, and the CPU time of
 * parascope, as a share of the CPU time of the target's processes meanwhile.  The kernel times the
 * programs for a tenth of the time only, because that costs too.
 */
#ifndef PARASCOPE_OVERHEAD_H
#define PARASCOPE_OVERHEAD_H

#include <stdint.h>

#include "user/trace/trace.h"

struct overhead;
struct proc_ids;
struct session;

struct overhead_opts {
	double limit;	    /* share of the target's CPU time */
	uint64_t sample_ns; /* of the session, 0: there are no stacks */
	trace_sink ordered; /* gets what has a place in time, as it comes from the session */
	trace_sink told;    /* gets the rest: WIRE_OVERHEAD */
	void *ctx;	    /* of both */
};

/* 0, or -errno and message if the kernel does not time its programs for us. */
int overhead_new(struct overhead **ret, struct session *session, const struct overhead_opts *opts);
/* The window begins, goes on, is over; targets: processes that live.  What a sink fails with. */
int overhead_start(struct overhead *o, const struct proc_ids *targets);
int overhead_tick(struct overhead *o, const struct proc_ids *targets);
int overhead_stop(struct overhead *o, const struct proc_ids *targets);
/* How long the next tick may wait. */
int overhead_pause_ms(const struct overhead *o);
void overhead_free(struct overhead *o);

#endif
