/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gil.h - interpreters, their GILs and what ran in them; private to this folder.
 */
#ifndef PARASCOPE_GIL_H
#define PARASCOPE_GIL_H

#include "user/analysis/analysis.h"

#define ANALYSIS_MAX_GILS 64 /* those with most waiting */
#define ANALYSIS_MAX_RUNTIMES 256

/* gils, runtimes and running of a report; rows: its locks, in order. */
void analysis_runtimes(struct report *r, const struct model *m, const struct lock *const *rows,
		       const struct thread_times *times, size_t n);
void report_free_runtimes(struct report *r);

#endif
