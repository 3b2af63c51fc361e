/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.h - which file an address of a process lies in: the identity of a shared futex word.
 *
 * The kernel knows a shared futex by inode and offset, so do we: two processes that map one
 * multiprocessing.Lock at different addresses have one lock.  Shared memory without a name
 * ("/dev/zero (deleted)", memfd, System V) has an inode too.  System V segments of different IPC
 * namespaces cannot be told apart: their inode is their id.
 */
#ifndef PARASCOPE_MAPS_H
#define PARASCOPE_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"

struct maps_line {
	uint64_t begin;
	uint64_t end;
	uint64_t offset; /* of begin in the file */
	uint64_t inode;
	uint32_t dev; /* major << 20 | minor, as the kernel has it inside */
	bool shared;
	const char *path; /* inside the line, newlines as \012; "" if it has none */
};

/* One line of /proc/PID/maps, with or without its newline; false if it is none. */
bool maps_parse_line(const char *line, struct maps_line *ret);

/*
 * Fill addr, inode, offset, dev and path; the head is the caller's.  The path is for people, and
 * only its end if it is long.  0 or
 *
 *	-ENOENT  no shared mapping of a file there: a futex word there is known by process
 *	         and address
 *	-ESRCH   the process is gone
 */
int maps_find_file(pid_t pid, uint64_t addr, struct wire_shared *ret);

/* The same from the text alone, for kernels before 6.11; maps_find_file() decides. */
int maps_find_file_in_text(pid_t pid, uint64_t addr, struct wire_shared *ret);

#endif
