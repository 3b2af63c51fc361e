/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * analysis.h - from a finished model to a report.
 */
#ifndef PARASCOPE_ANALYSIS_H
#define PARASCOPE_ANALYSIS_H

#include "user/analysis/report.h"
#include "user/model/model.h"

#define ANALYSIS_MAX_LOCKS 256 /* rows; the others are counted in locks_total */
#define ANALYSIS_MAX_PARTIES 16

/*
 * Everything the model knows, as numbers, with the verdict.  The model must be finished
 * (model_finish) and must outlive the report, which points into it.
 */
struct report *analysis_report(const struct model *m);
void report_free(struct report *r);

/* On-CPU time of stream and kernel sums may differ by so much before a thread is called doubtful:
 * the first and the last switch are seen at slightly different times. */
#define ANALYSIS_DOUBT_NS 50000
#define ANALYSIS_DOUBT_SHARE 0.01

struct thread_times;

/* CPU time is known exactly, samples only say where it was: what one of a process counts. */
double analysis_cpu_scale(const struct process *p, const struct thread_times *times, size_t n);

/* Parts of it. */
void analysis_threads(struct report *r, const struct model *m);
void analysis_quality(struct report *r, const struct model *m);
/* Fills overhead: what watching cost against its budget, overhead.c. */
void analysis_overhead(struct report *r, const struct model *m);

/* Time since the begin of the window, inside of it. */
uint64_t analysis_since_begin(const struct model *m, uint64_t ts);
uint64_t analysis_sum_states(const uint64_t *state_ns);

/* Part of the report about locks; class_ns[i] of the i-th thread in model order is filled. */
struct thread_times {
	uint64_t id; /* thread id of the model, ascending */
	const struct thread *thread;
	uint64_t class_ns[CLASS_COUNT];
	uint64_t top_ns;      /* longest wait time on one lock of class lock or gil */
	const struct lock *top; /* that lock */
	uint32_t top_row;	/* its id in the report, 0: none */
};
/* Returns what the rows of r->locks are about; the caller frees the array. */
const struct lock **analysis_locks(struct report *r, const struct model *m,
				   struct thread_times *times, size_t n);

/* Index into times of a thread id, -1: folded. */
long thread_times_find(const struct thread_times *times, size_t n, uint64_t id);

#endif
