/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hist.h - a log-linear histogram of times: 8 slots for each power of two, so that a quantile is
 * right within 1/8 = 12.5 %.  The exact count, sum and maximum are kept by the owner.
 */
#ifndef PARASCOPE_HIST_H
#define PARASCOPE_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB 8
#define HIST_SLOTS (62 * HIST_SUB)

struct hist {
	uint32_t *slot; /* NULL while empty; HIST_SLOTS of them */
	uint16_t first, last; /* all others are 0; a lock that is folded has used few */
};

void hist_add(struct hist *h, uint64_t value);
void hist_add_n(struct hist *h, uint64_t value, uint64_t n); /* n times */
void hist_merge(struct hist *into, const struct hist *from);
uint64_t hist_count(const struct hist *h);
/* Smallest value of slot i. */
uint64_t hist_floor(size_t i);
/* The value below which a share q (0..1) of all lies, at most max; 0 if empty. */
uint64_t hist_quantile(const struct hist *h, double q, uint64_t max);
void hist_free(struct hist *h);

#endif
