/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metric.h - a report as a flat table of named numbers, each with what is known of its noise: what
 * expectations and comparisons are made of.  METRICS.md says exactly what each one is.
 *
 * Keys are stable words ("gil.share"); those about one lock or function hold its name, which is raw
 * bytes of the target: "lock[registry_lock].wait", "function[hash_block].share".
 */
#ifndef PARASCOPE_METRIC_H
#define PARASCOPE_METRIC_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/stats.h"

struct report;
struct buf;

enum metric_unit {
	METRIC_SECONDS,
	METRIC_CPUS,
	METRIC_SHARE,
	METRIC_PER_S,
	METRIC_COUNT,
	METRIC_UNITS
};
extern const char *const metric_units[METRIC_UNITS]; /* "s", "cpus", "share", "per_s", "count" */

enum metric_better {
	METRIC_LOWER,
	METRIC_HIGHER,
	METRIC_NEITHER,
	METRIC_BETTERS
};
extern const char *const metric_betters[METRIC_BETTERS]; /* "lower", "higher", "neither" */

enum metric_group {
	METRIC_WHOLE,
	METRIC_LOCK,
	METRIC_FUNCTION,
	METRIC_GROUPS
};

#define METRIC_KEY_MAX 192
#define METRIC_WHY_MAX 96

struct metric {
	char key[METRIC_KEY_MAX];
	enum metric_unit unit;
	enum metric_better better;
	bool known;
	char why[METRIC_WHY_MAX]; /* not known: the reason */
	/*
	 * low = high = value and n < 2: nothing is known of its noise.  Of one recording: from
	 * slices of its window (n of them) or from n samples; of several: from their values.
	 */
	struct stats_interval v;
	/*
	 * What it could have been at best or worst if nobody else had used the CPUs; = v.value
	 * where that does not matter.  The truth about the target lies between the two.
	 */
	double undisturbed;
};

struct metrics {
	struct metric *m; /* in the order of METRICS.md, then locks, then functions */
	size_t n, cap;
	char verdict[32]; /* its code; "": several recordings that do not agree */
};

/* All of a report with its verdict. */
struct metrics *metrics_of(const struct report *r);

/*
 * Of several recordings of the same: the mean of each metric with the interval of its repeats; of
 * one only: itself.  Those that do not know a metric do not count for it (v.n).  A lock or function
 * that one does not have is 0 there.
 */
struct metrics *metrics_combine(const struct metrics *const *each, size_t n);

/* NULL if there is none of that key. */
const struct metric *metrics_find(const struct metrics *t, const char *key);
/* There is none: why it is not known, or NULL if it is 0: a lock that nobody waited for. */
const char *metrics_absent(const struct metrics *t, const char *key);
void metrics_free(struct metrics *t);

enum metric_group metric_group(const char *key);

/*
 * Could a report have it, what is it measured in?  False if there is no metric of that kind;
 * metric_known_keys() lists those there are: "wall, cpu, ..., lock[NAME].wait, ...".
 */
bool metric_kind(const char *key, enum metric_unit *ret_unit, enum metric_better *ret_better);
void metric_known_keys(struct buf *out);

/* "1.02 s", "51.4 %", "1.98 CPUs", "312 per s": as people read it. */
void metric_print(struct buf *out, enum metric_unit unit, double value);

#endif
