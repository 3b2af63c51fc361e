/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_metrics.h - a ledger as a table of named numbers, for expectations: "fork.speedup",
 * "countdown.fork.gil_share".
 *
 * A name is [EXPERIMENT.]MODE.FIGURE, FIGURE as in the JSON without "_ns"; without EXPERIMENT if
 * the ledger has only one.  Of several interpreters the first counts.  Times are in seconds, sizes
 * in bytes.
 */
#ifndef PARASCOPE_BENCH_LEDGER_METRICS_H
#define PARASCOPE_BENCH_LEDGER_METRICS_H

#include "user/analysis/metric.h"
#include "user/bench/ledger.h"

/* Is there such a figure, in which unit?  word: "wall". */
bool ledger_metric_kind(const char *word, enum metric_unit *ret_unit);
/* "wall, life, ...". */
void ledger_metric_words(struct buf *out);

/*
 * Means of the runs with Student's t, of speed-ups and efficiencies what the ledger has; not known
 * where no run was done or none told it.  The caller frees it by metrics_free().
 */
struct metrics *ledger_metrics(const struct ledger *l);

#endif
