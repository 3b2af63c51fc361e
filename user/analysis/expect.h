/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expect.h - what a user expects of a report, "parallelism>=1.8", or of a change, "wall<=+10%", and
 * whether that is so.
 *
 * Of a report:	KEY OP NUMBER		OP is < <= > >=, KEY a metric
 *		verdict OP CODE		OP is == or !=
 * Of a change:	KEY OP +NUMBER		the sign tells that a difference is meant; -NUMBER as well
 *		verdict==same
 *
 * Numbers have the unit of the metric: 1.5s 200ms (a plain number is seconds), 5% or 0.05 of a
 * share, 1000 or 1000/s.  A change is +10% of the old value, or +200ms, +0.2; of a share +5pp
 * (percentage points).
 *
 * An expectation fails only if its interval lies on the wrong side as a whole, is met only if it
 * lies on the right one, and else cannot be judged.  The interval reaches to what the value could
 * have been if nobody else had used the CPUs.  Without an interval the value decides.
 */
#ifndef PARASCOPE_EXPECT_H
#define PARASCOPE_EXPECT_H

#include <stdbool.h>

#include "user/analysis/metric.h"

struct buf;

enum expect_op {
	EXPECT_LT,
	EXPECT_LE,
	EXPECT_GT,
	EXPECT_GE,
	EXPECT_EQ,
	EXPECT_NE,
	EXPECT_OPS
};

enum expect_result {
	EXPECT_MET,
	EXPECT_FAILED,
	EXPECT_UNCLEAR,
	EXPECT_RESULTS
};
extern const char *const expect_results[EXPECT_RESULTS]; /* "met", "failed", "unclear" */

struct expect {
	const char *text; /* as given; the caller's */
	char key[METRIC_KEY_MAX];
	enum expect_op op;
	char verdict[64]; /* of key "verdict"; else "" */
	double limit;	  /* in the unit of the metric; relative: of the old value */
	bool change, relative;
	enum metric_unit unit;
};

/* 0, or -EINVAL with a message that lists what there is. */
int expect_parse(struct expect *ret, const char *text, bool change);

/* Expectations of something else than a report: what numbers it has, by what names. */
struct expect_subject {
	bool (*kind)(const void *ctx, const char *key, enum metric_unit *ret_unit);
	void (*known_keys)(const void *ctx, struct buf *out);
	const void *ctx;
};
int expect_parse_of(struct expect *ret, const char *text, const struct expect_subject *subject);

/* ret_why: "51.4 % (49.8 % .. 53.0 %)", or why it cannot be told. */
enum expect_result expect_judge(const struct expect *e, const struct metrics *t,
				struct buf *ret_why);

/* Where an interval lies. */
enum expect_result expect_place(enum expect_op op, double low, double high, double limit);

#endif
