/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.h - how much memory a process has in use, and how much of that is its own.
 */
#ifndef PARASCOPE_MEMORY_H
#define PARASCOPE_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct memory {		    /* bytes */
	uint64_t pss;	    /* each page divided by how many processes have it */
	uint64_t uss;	    /* pages that no other process has */
	uint64_t dirty;	    /* ... that were written to: a copy of its own, or new */
	uint64_t anonymous; /* of no file, shared after a fork or not */
};

/*
 * The text of /proc/PID/smaps_rollup; memory in swap counts.  -EINVAL and message: a line that is
 * needed is missing, there twice, or no number of kB.
 */
int memory_parse(const char *text, struct memory *ret);

/* -ESRCH: gone, or a zombie; the kernel walks its page tables for this, some 10 us for a MiB. */
int memory_read(pid_t pid, struct memory *ret);

#endif
