/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folded.h - whole stacks with their time, for flame graphs; private to this folder.
 *
 * Sums are exact: CPU time of the processes that were sampled, waiting of all locks, waiting that
 * holders are charged with.  What has no stack is at the frame "[unknown]".
 */
#ifndef PARASCOPE_FOLDED_H
#define PARASCOPE_FOLDED_H

#include "user/analysis/analysis.h"

void analysis_folded(struct report *r, const struct model *m, const struct thread_times *times,
		     size_t n);
void report_free_folded(struct report *r);

#endif
