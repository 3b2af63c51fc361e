/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mappings.h - what a process has in its memory, and the very files that are mapped.
 *
 * Names in it belong to the process and may be anything; a file is opened through its mapping, so
 * that it is the right one wherever its name leads now: deleted, replaced, in a container.
 */
#ifndef PARASCOPE_MAPPINGS_H
#define PARASCOPE_MAPPINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/buf.h"

struct mapping {
	uint64_t begin, end;
	uint64_t offset; /* of begin in the file */
	uint64_t inode;	 /* 0: no file */
	uint32_t dev;	 /* as struct maps_line has it */
	bool exec;
	bool data;	  /* private and writable */
	const char *path; /* "" if it has none; "[heap]" and the like */
};

struct mappings {
	struct buf text; /* has the paths */
	struct mapping *items; /* ascending */
	size_t n, cap;
};

/* 0, -ESRCH: no such process, or what reading said. */
int mappings_read(pid_t pid, struct mappings *ret);
void mappings_free(struct mappings *m);

/* The mapping that covers an address, NULL: none does. */
const struct mapping *mappings_find(const struct mappings *m, uint64_t addr);

/*
 * The mapped file, read-only, which is a regular one.  -EAGAIN: the mapping is gone; -ENOEXEC: it is
 * no regular file; or what opening said.
 */
int mapping_open(pid_t pid, const struct mapping *m);

/* The last part of a path. */
const char *mapping_base_name(const char *path);

#endif
