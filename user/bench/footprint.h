/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footprint.h - memory of a tree of processes while it runs: peaks over samples.
 *
 * A sample asks the kernel to walk page tables, which takes CPU that the watched program may want.
 * So the time between two samples follows from what they cost.
 */
#ifndef PARASCOPE_BENCH_FOOTPRINT_H
#define PARASCOPE_BENCH_FOOTPRINT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FOOTPRINT_EVERY_NS 50000000ULL
#define FOOTPRINT_FREE_NS 10000000ULL /* CPU time of samples that counts for nothing: short runs */
#define FOOTPRINT_SHARE 0.01	      /* of one CPU at most, from then on */
#define FOOTPRINT_MAX 1024    /* processes; further ones are not looked at */

struct footprint;

struct footprint *footprint_new(void);
void footprint_free(struct footprint *f);

/* Look at these processes, at once; returns when to look again. */
uint64_t footprint_sample(struct footprint *f, const pid_t *pids, size_t n, uint64_t now_ns);

/* Peaks of the sums in bytes; NaN without a sample of any process. */
double footprint_pss(const struct footprint *f);
double footprint_uss(const struct footprint *f);
/*
 * Most memory that a process had which was its parent's when it was first seen, and was copied
 * since: pages of its own, less what it has more than in the beginning.  Approximate: what it got
 * before the first sample counts as copied.  NaN: the process was not seen.
 */
double footprint_copied(const struct footprint *f, pid_t pid);

#endif
