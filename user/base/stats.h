/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - a few repeated measurements as one value with a 95 % confidence interval.
 *
 * Everywhere: n values in, none of them counted that is not finite; n of the result says how many
 * were.  With none at all value, low and high are NaN, with one low = high = value: that is no
 * interval, ask for n >= 2.
 */
#ifndef PARASCOPE_STATS_H
#define PARASCOPE_STATS_H

#include <stddef.h>

struct stats_interval {
	double value, low, high; /* 95 % */
	size_t n;		 /* values it was made of */
};

/* Of the mean: Student's t, so the values are taken for independent and about normal. */
struct stats_interval stats_mean(const double *v, size_t n);

/*
 * Of the median, by order statistics: nothing is assumed but independence.  Below 6 values even
 * minimum and maximum are less than 95 % (5: 93.75 %, 3: 75 %); they are the interval then.
 */
struct stats_interval stats_median(const double *v, size_t n);

/*
 * Of the ratio a[i] / b[i], measured in pairs: geometric mean, t on the logarithms.  A pair that is
 * not of two positive numbers has no such ratio and does not count.
 */
struct stats_interval stats_ratio(const double *a, const double *b, size_t n);

/*
 * a - b, of two means that are not paired, from their intervals: Welch.  n < 2 if one of them has
 * no interval.  tests: how many such differences are looked at together; 95 % holds for all at once
 * (Bonferroni).
 */
struct stats_interval stats_difference(struct stats_interval a, struct stats_interval b,
				       size_t tests);

/* The t that a Student variable of so many degrees of freedom exceeds, up or down, 1 in 20 times.
 */
double stats_t95(size_t df);
/* ... with this probability, above 0 and below 1. */
double stats_t(double probability, size_t df);

#endif
