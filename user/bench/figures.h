/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h - the figures of one run, out of what was measured: report, memory, and what the
 * program told itself.
 */
#ifndef PARASCOPE_BENCH_FIGURES_H
#define PARASCOPE_BENCH_FIGURES_H

#include "user/bench/footprint.h"
#include "user/bench/ledger.h"
#include "user/bench/result.h"

struct measured {
	const struct report *report;
	const struct footprint *memory; /* NULL: not looked at */
	const struct result *told;	/* NULL: nothing was told */
	pid_t pid;			/* of the command */
	uint64_t exec_ns;		/* when it was let go, CLOCK_MONOTONIC */
	double busy_ns;			/* CPU time of all of the machine but parascope; NaN ... */
	uint64_t busy_in_ns;		/* ... in so much time, the run's and a little more */
};

/* Everything but what needs other runs (speed-up, efficiency). */
void figures_fill(struct ledger_run *run, const struct measured *m);

/* No figure is known, nothing has happened. */
void figures_clear(struct ledger_run *run);

#endif
