/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * costs.h - measure what workers and messages cost on this host; see user/analysis/costs.h.
 */
#ifndef PARASCOPE_BENCH_COSTS_H
#define PARASCOPE_BENCH_COSTS_H

#include "user/analysis/costs.h"

/*
 * Takes some 0.2 s, of all CPUs that we may use; best before anything large is in memory.  0 and
 * ret->known, or -errno with a message.  The caller has no other threads, and no handler of SIGCHLD
 * that waits for any child.
 */
int host_costs_measure(struct host_costs *ret);

#endif
