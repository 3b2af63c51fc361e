/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Planted rounds: exactly one blocking wait per waiter and round (struct plant_ops says how). */
#ifndef PLANTED_H
#define PLANTED_H

#include "workload.h"

/* Seats for one holder and nr_workers - 1 waiters, in memory that all processes share. */
struct plant *plant_new(unsigned int nr_workers);

/* The whole life of a worker of a planted run: the first is the holder. */
void plant_body(struct worker *w);

/* Which one of the plant's workers this is; 0 is the holder. */
unsigned int plant_index(const struct worker *w);

#endif
