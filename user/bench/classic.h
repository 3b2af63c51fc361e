/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * classic.h - the suite "classic": the experiments of five articles about threads and processes in
 * Python, numbered 000 to 004, and what has become of their numbers and claims.
 *
 * A claim is judged by one figure of the ledger, or a ratio or difference of two: it says that this
 * lies in a range.  It is confirmed if the whole 95 % interval does, refuted if none of it does,
 * and not testable if the interval holds a bound, or if the machine or the runs cannot tell.
 */
#ifndef PARASCOPE_BENCH_CLASSIC_H
#define PARASCOPE_BENCH_CLASSIC_H

#include "user/bench/ledger.h"
#include "user/bench/plan.h"

#define CLASSIC_SUMMARY "the experiments of the articles, their numbers and claims beside ours"

/* The interval of a speed-up is 1.2 times its spread then; with 3 it would be 2.5 times. */
#define CLASSIC_REPEATS 5

extern const struct experiment classic_experiments[]; /* ends with a NULL name */

/* Adds all claims to the ledger, judged by what is in it.  Rows are finished (ledger_finish()). */
void classic_judge(struct ledger *l);

struct classic_claim {
	const char *id, *words, *theirs;
	const char *experiment; /* of expressions that name none */
	const char *test;	/* an expression, see below; NULL: no measurement can tell */
	double low, high;	/* the claim: test lies within */
	unsigned cpus;		/* at least so many must be usable; 0: any */
	const char *quiet;	/* mode that must not have waited much for a CPU; NULL: any may */
	const char *ours;	/* texts with {expressions} */
	const char *if_so;	/* evidence if confirmed */
	const char *if_not;	/* if refuted; with no test: why there is none */
};
extern const struct classic_claim classic_claims[]; /* ends with a NULL id */

/*
 * An expression:	FIGURE MODE	FIGURE MODE / MODE	FIGURE MODE - MODE
 *
 * FIGURE is the key of a figure of the ledger or one of those in classic_judge.c; a MODE of another
 * experiment is EXPERIMENT:MODE.  In a text {expression} is its value, {=expression} that and its
 * interval.
 */
struct classic_value {
	struct stats_interval interval; /* n: 0 if it is not known */
	enum figure_unit unit;
};

/* 0; -ENOENT: an experiment or mode was not run; -EINVAL: no such expression.  No message. */
int classic_eval(const struct ledger *l, const char *experiment, const char *expression,
		 struct classic_value *ret);

#endif
