/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared.h - which file a shared futex word lies in, so that it is one lock in all processes.
 */
#ifndef PARASCOPE_SHARED_H
#define PARASCOPE_SHARED_H

#include "user/model/model.h"

/* A word of a process that is known to lie in a file. */
struct mapping {
	struct mapping_key {
		uint64_t process, addr;
	} key;
	uint64_t space, offset;
	uint32_t dev;
	uint64_t inode;
	char path[64];
	UT_hash_handle hh;
};

/* A WIRE_SHARED. */
void shared_map(struct model *m, const struct process *p, const struct wire_shared *s);

/* NULL: the operation is a private one, or the file is not known. */
const struct mapping *shared_find(const struct model *m, const struct process *p, uint64_t addr,
				  uint32_t op);

void shared_free(struct model *m);

#endif
