/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_run.h - one run of one command, watched or not, with everything that it started gone when
 * it is over.
 */
#ifndef PARASCOPE_BENCH_RUN_H
#define PARASCOPE_BENCH_RUN_H

#include "user/bench/ledger.h"
#include "user/bench/result.h"
#include "user/target/origin.h"

struct runner;

struct runner_opts {
	const struct origin *origin;
	bool as_root, lean;
	uint64_t sample_hz; /* stacks, for traces that are kept */
	const struct host_costs *costs; /* for predictions */
};

/*
 * A folder for results is made; signals are held back from here on, and orphans of what runs become
 * our children.
 */
int runner_open(struct runner **ret, const struct runner_opts *opts);
void runner_close(struct runner *r);

/* For {result}. */
const char *runner_result_path(const struct runner *r);
/* The signal that ended a run, 0: none came. */
int runner_signal(const struct runner *r);

struct runner_job {
	char *const *argv;
	enum plan_told told;
	const char *save;     /* trace, NULL: not kept */
	const char *question; /* as of --what-if, NULL: none; answered in run.prediction */
};

struct runner_answer {
	struct ledger_run run;
	struct result told;
	struct buf text; /* of the result, as it was written */
	double ceiling;	 /* CPUs that it could use */
	bool lost;	 /* failed as records were lost: a busy machine, another run may do better */
};

/*
 * 0: it ran, perhaps badly (run.failed).  -EINTR: a signal came; the run does not count.  Else
 * parascope itself failed.  The caller frees text.
 */
int runner_watch(struct runner *r, const struct runner_job *job, struct runner_answer *ret);

/* The same without watching, to see how long it takes: only told is filled in. */
int runner_try(struct runner *r, const struct runner_job *job, struct runner_answer *ret);

#endif
