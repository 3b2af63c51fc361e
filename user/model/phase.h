/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * phase.h - slices of the window: how much thread time of each kind fell into which.
 */
#ifndef PARASCOPE_PHASE_H
#define PARASCOPE_PHASE_H

#include "user/model/level.h"

#define PHASE_FIRST_NS 1000000 /* a slice until the window outgrows MODEL_PHASES of them */

/*
 * One thread was in this part for [from, to); gil: it waits for a lock of class gil.  Clips to the
 * window; may make the slices longer.
 */
void phase_add(struct model *m, enum level_part part, bool gil, uint64_t from, uint64_t to);

#endif
