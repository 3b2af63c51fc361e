/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memfile.h - the memory of the process that was looked at last, kept open: the sleeping threads of a
 * process come one after another, 10,000 of them maybe; private to this folder.
 *
 * It is that of the program which the process ran when it was opened: close it before long.
 */
#ifndef PARASCOPE_MEMFILE_H
#define PARASCOPE_MEMFILE_H

#include <stdint.h>

struct memfile {
	uint32_t tgid; /* 0: none is open */
	int fd;
};

/* A descriptor for pread(), the memfile's own; -1: it cannot be opened. */
int memfile_of(struct memfile *f, uint32_t tgid);
void memfile_close(struct memfile *f);

#endif
