/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.h - is a what-if right?  One mode is recorded and asked; then what it was asked about is
 * run for real.
 *
 * A validation is an experiment of two modes: the first is recorded, the second is the truth.  Both
 * take turns, so that each prediction is compared with a run right beside it.
 */
#ifndef PARASCOPE_BENCH_VALIDATE_H
#define PARASCOPE_BENCH_VALIDATE_H

#include "user/base/stats.h"
#include "user/bench/plan.h"

struct validation {
	const char *name;	       /* of its experiment: unique */
	const char *of;		       /* name in plan_experiments: program, size, what it tells */
	const char *question;	       /* as of --what-if */
	const char *change;	       /* for people: "threads -> processes" */
	const struct plan_mode *modes; /* recorded, truth; ends with a NULL name */
	unsigned tasks;
};

/* End with a NULL name. */
extern const struct validation validations[];

/* The experiment that one is; false: there is no experiment of that name. */
bool validation_experiment(const struct validation *v, struct experiment *ret);

struct ledger_block;
struct ledger;

/* What came of a block, over its repeats. */
struct validation_result {
	struct stats_interval recorded_ns, predicted_ns, measured_ns; /* medians; n 0: none */
	struct stats_interval ratio; /* predicted / measured, paired by repeat */
	double low_ns, high_ns;	     /* medians of the predicted range */
	bool inside;		     /* what was measured lies inside of it */
	const char *why_not;	     /* n 0: why there is no prediction, NULL: no run */
};
void validation_judge(const struct ledger_block *b, struct validation_result *ret);

struct validation_summary {
	size_t n, inside, without;	  /* without: blocks that have no prediction */
	double median_error, worst_error; /* of |ratio - 1| over the blocks */
};
void validation_sum_up(const struct ledger *l, struct validation_summary *ret);

#endif
