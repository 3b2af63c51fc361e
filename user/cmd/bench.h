/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench.h - the parts of the command bench: bench.c has the options, bench_plan.c makes experiments
 * of them, bench_group.c runs one, bench_run.c one run of it.
 */
#ifndef PARASCOPE_CMD_BENCH_H
#define PARASCOPE_CMD_BENCH_H

#include "user/bench/ledger.h"
#include "user/bench/places.h"
#include "user/bench/validate.h"
#include "user/cmd/bench_run.h"
#include "user/cmd/show.h"

struct bench_opts {
	const char *workloads, *modes, *pythons, *suite, *keep;
	unsigned workers, repeats; /* 0: not said */
	uint64_t time_ns;
	double scale; /* 0: small */
	uint64_t sample_hz;
	bool validate, list, as_root, lean, quiet, help;
	struct show_opts show; /* its expectations too */
};

/* One experiment as it will be run. */
struct bench_group {
	const struct experiment *experiment;
	const struct validation *validation; /* that it is, NULL: none */
	const struct plan_mode **modes;
	size_t n_modes, cap_modes;
	const char **pythons; /* one block each; one NULL if it runs no Python */
	size_t n_pythons, cap_pythons;
	unsigned tasks, procs, repeats;
	double scale;
};

struct bench_plan {
	struct bench_group *groups;
	size_t n, cap;
	size_t runs; /* in all */
	const struct suite *suite;
	const char *python2; /* of --python, for the one experiment that needs it; NULL: not given */
	struct places places;
	/* what the groups point to */
	struct experiment *validated;
	struct experiment command;
	struct plan_mode *own_modes;
	char **words;
	size_t n_words, cap_words;
};

/* command: of bench -- CMD, NULL-terminated, empty: none.  -EINVAL and message. */
int bench_plan(struct bench_plan *ret, const struct bench_opts *opts, char **command);
void bench_plan_free(struct bench_plan *plan);

/* What may be expected of it: "fork.speedup>=1.7". */
struct expect_subject bench_subject(const struct bench_plan *plan);

/* What a line on the terminal says meanwhile. */
struct bench_progress {
	bool shown;
	size_t done, all;
	uint64_t begin_ns;
};
void bench_progress(struct bench_progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void bench_progress_clear(struct bench_progress *p);

/* Calibrate, then run all modes; blocks are added to the ledger.  As runner_watch(). */
int bench_group(struct runner *r, const struct bench_opts *opts, const struct bench_plan *plan,
		const struct bench_group *g, struct ledger *l, struct bench_progress *p);

#endif
