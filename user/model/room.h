/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * room.h - keeps the table of locks within MODEL_MAX_LOCKS: adds up those that matter least.
 */
#ifndef PARASCOPE_ROOM_H
#define PARASCOPE_ROOM_H

#include "user/model/model.h"

/* Make room for another lock. */
void room_make(struct model *m);

/* The lock goes, with its words and parties; nobody may point to it. */
void room_drop(struct model *m, struct lock *l);

#endif
