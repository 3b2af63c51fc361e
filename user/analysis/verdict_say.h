/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict_say.h - a verdict in words; private to this folder.
 *
 * Each appends to v->sentence and v->advice, which begin empty: ASCII, at most 300 bytes, longer
 * ones are cut off.  They say what a rule has found and decide nothing.
 */
#ifndef PARASCOPE_VERDICT_SAY_H
#define PARASCOPE_VERDICT_SAY_H

#include "user/analysis/figures.h"

/* can anything be told? */
void say_too_short(const struct figures *f, struct report_verdict *v);
void say_unaccounted(const struct figures *f, struct report_verdict *v);
void say_idle(const struct figures *f, struct report_verdict *v);

/* losses */
void say_waking(const struct figures *f, struct report_verdict *v);
void say_cpu_short(const struct figures *f, struct report_verdict *v);
void say_gil_held(const struct figures *f, struct report_verdict *v);
void say_gil_bound(const struct figures *f, struct report_verdict *v);
void say_lock_bound(const struct figures *f, struct report_verdict *v);
void say_kernel_lock(const struct figures *f, struct report_verdict *v);

/* I/O */
void say_io_overlapped(const struct figures *f, struct report_verdict *v);
void say_event_loop(const struct figures *f, struct report_verdict *v);
void say_io_serial(const struct figures *f, struct report_verdict *v);

/* use of the CPUs, and the rest */
void say_imbalanced(const struct figures *f, struct report_verdict *v);
void say_parallel(const struct figures *f, struct report_verdict *v);
void say_sequential(const struct figures *f, struct report_verdict *v);
void say_unclear(const struct figures *f, struct report_verdict *v);

/* Too little is left of the records to be sure that it is what it looks like. */
void say_doubt(const struct figures *f, enum verdict_code looks, struct report_verdict *v);

/* Put the name under which people find it in VERDICT.md before the sentence. */
void say_name(struct report_verdict *v);

#endif
