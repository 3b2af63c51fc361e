/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * level.h - how many threads run, want to run or wait for a lock, over time: t_k and its like.
 */
#ifndef PARASCOPE_LEVEL_H
#define PARASCOPE_LEVEL_H

#include "user/model/model.h"

/* Beyond this many threads the last step holds "so many or more". */
#define LEVEL_STEPS_MAX 4096

/* What a thread counts as; a thread that does none of them counts as nothing. */
enum level_part {
	PART_NONE,
	PART_RUNNING,
	PART_RUNNABLE,
	PART_WAITING,
};

/* Close the time up to ts, then move one thread. */
void level_move(const struct model *m, struct level *l, enum level_part from, enum level_part to,
		uint64_t ts);
/* Close the time up to ts. */
void level_close(const struct model *m, struct level *l, uint64_t ts);
void level_merge(struct level *into, const struct level *from);
void level_free(struct level *l);

#endif
