/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.h - of which variable, or of what kind of memory, a lock is part.
 */
#ifndef PARASCOPE_OBJECT_H
#define PARASCOPE_OBJECT_H

#include "user/model/model.h"

struct object {
	struct object_key {
		uint64_t space, addr; /* as of a word */
	} key;
	uint64_t offset; /* of the word in the variable */
	char name[96];	 /* of the variable; "" */
	char region[48]; /* a file's name, "heap", "stack", "memory" */
	UT_hash_handle hh;
};

/* A WIRE_OBJECT; the last one told of a word counts. */
void object_add(struct model *m, const struct process *p, const struct wire_object *r);

/* What a lock is part of, NULL: that was not told.  ret_word: the word it was told of. */
const struct object *object_of(const struct model *m, const struct lock *l, uint64_t *ret_word);

void object_free_all(struct model *m);

#endif
