/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slices.h - what the slices of a window tell about the noise of its averages, and about CPU time
 * that others took; private to this folder.
 *
 * The slices (report_phase) are put together to SLICES_BATCHES long batches, so that one hardly
 * depends on the one before it (batch means; Schmeiser, Operations Research 30, 1982: 10 to 30 of
 * them, more gain nothing).  A figure is a ratio of two sums; its interval is the jackknife's over
 * the batches.  It answers: how far might another window of this length differ, if the program goes
 * on like this?  Not: what if it is run again.
 */
#ifndef PARASCOPE_SLICES_H
#define PARASCOPE_SLICES_H

#include <stddef.h>

struct report;

#define SLICES_BATCHES 10
#define SLICES_EACH_MIN 3 /* slices of a batch; a window with fewer has no interval */

/* Time in s, all threads together, but for wall. */
struct slices_sums {
	double wall, running, runnable, lock, gil;
	double stolen, saved, blamed; /* see below */
};

/*
 * stolen: the target had threads ready to run and CPUs it may use, but they did not run: others had
 * the CPU, or the kernel took its time to wake them up.  saved (wall): by how much shorter the
 * slices would have been without.  blamed: waiting for locks while that was so, at most: it may
 * have been for a holder that had no CPU.
 */
struct slices {
	size_t n; /* batches; 0: too few slices */
	double ceiling;
	struct slices_sums batch[SLICES_BATCHES];
	double stolen_s, saved_s, blamed_s;
};

void slices_of(struct slices *ret, const struct report *r, double ceiling);

struct slices_interval {
	double half; /* value +- half */
	size_t n;    /* 0: not known */
};
struct slices_interval slices_parallelism(const struct slices *s);
struct slices_interval slices_wanted(const struct slices *s);
struct slices_interval slices_ceiling(const struct slices *s);
struct slices_interval slices_gil(const struct slices *s);
struct slices_interval slices_lock(const struct slices *s);
struct slices_interval slices_runnable(const struct slices *s);
struct slices_interval slices_stolen(const struct slices *s);

#endif
