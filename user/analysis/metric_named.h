/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metric_named.h - the metrics that are about one lock or one function, which recordings know by a
 * name that stays from run to run; private to this folder.
 *
 * Addresses change with every run, so a lock is what its program calls it; else the function that
 * waits for it most; else only its kind.  Those of one name are one: their times are added up.
 */
#ifndef PARASCOPE_METRIC_NAMED_H
#define PARASCOPE_METRIC_NAMED_H

#include "user/analysis/metric.h"
#include "user/analysis/report.h"

struct figures;

/* Waits in s; 0 if there was none. */
struct named_waits {
	double mean, p50, p99;
};

/* Of all locks of a class. */
void named_waits_of(struct named_waits *ret, const struct report *r, enum report_lock_class class);

/* Rows for the locks that were waited for and the functions that ran. */
void named_add(struct metrics *t, const struct report *r, const struct figures *f, bool whole_run);

enum metric_group named_group(const char *key);
bool named_kind(const char *key, enum metric_unit *ret_unit, enum metric_better *ret_better);
void named_known_keys(struct buf *out);
/* Is it there only if the whole run was seen? */
bool named_whole_run(const char *key);

/* metric.c: a row whose value is known, without noise. */
struct metric *metrics_add(struct metrics *t, const char *key, enum metric_unit unit,
			   enum metric_better better, double value);

#endif
