/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - two sides, each one or several recordings of the same program: what differs, and
 * whether that is more than noise.
 *
 * Noise: of several recordings the spread of their values; of a single one what it knows of itself
 * (metric.v).  The interval of a difference is Welch's, wide enough that 95 % holds for all metrics
 * of a group at once, and reaches to what the difference would have been if nobody else had used
 * the CPUs.  A difference is one if 0 is not inside, and if it is worth a word (COMPARE_GRAIN).
 */
#ifndef PARASCOPE_COMPARE_H
#define PARASCOPE_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "user/analysis/expect.h"
#include "user/analysis/metric.h"
#include "user/analysis/recording.h"
#include "user/base/buf.h"

/* Smaller differences are not shown as such, whatever the interval says. */
#define COMPARE_GRAIN 0.02	    /* of the larger value */
#define COMPARE_GRAIN_SHARE 0.01    /* of a share: absolute */
#define COMPARE_GRAIN_QUANTILE 0.15 /* p50, p99: they are known within 12.5 % (hist.h) */
/* Where nothing is known of the noise, smaller ones are not shown. */
#define COMPARE_GUESS 0.1
#define COMPARE_GUESS_SHARE 0.05

enum compare_found {
	COMPARE_SAME,	 /* no more than noise */
	COMPARE_DIFFERS, /* more than noise */
	COMPARE_UNSURE,	 /* it is different, but nothing is known of the noise */
	COMPARE_UNKNOWN, /* a side does not know it */
	COMPARE_FOUNDS,
};
extern const char *const compare_founds[COMPARE_FOUNDS]; /* "same", "differs", ... */

struct compare_row {
	char key[METRIC_KEY_MAX];
	enum metric_unit unit;
	enum metric_better better;
	enum metric_group group;
	struct stats_interval a, b; /* n: recordings, or values inside the only one */
	double undisturbed_a, undisturbed_b;
	/* b - a; n < 2: no interval */
	struct stats_interval change;
	double relative; /* change / a; NaN if a is 0 */
	enum compare_found found;
	const char *why; /* COMPARE_UNKNOWN: the reason; else NULL */
	int effect;	 /* 1 better, -1 worse, 0 neither */
};

struct compare_side {
	size_t n;
	const char *target;  /* of the first */
	struct buf verdicts; /* "gil-bound", "parallel x 2, unclear" */
	struct metrics *metrics;
};

struct comparison {
	struct compare_side a, b;
	bool verdict_changed; /* both sides agree with themselves, but not with each other */
	struct buf *doubts;   /* sentences: why the sides may not be comparable; raw bytes */
	size_t n_doubts, cap_doubts;
	struct compare_row *rows; /* of a group: what differs first, largest first */
	size_t n_rows, cap_rows;
};

struct comparison *compare(const struct recording *const *a, size_t n_a,
			   const struct recording *const *b, size_t n_b);
void comparison_free(struct comparison *c);

/*
 * Expectations about a change; n of them are judged together.  ret_why as expect_judge().
 */
enum expect_result compare_judge(const struct comparison *c, const struct expect *e, size_t n,
				 struct buf *ret_why);

#endif
