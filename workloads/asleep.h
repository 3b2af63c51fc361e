/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seeing from outside that a thread sleeps in a futex system call. This is what makes planted
 * waits exact: the holder lets go only after it has seen its waiter asleep.
 */
#ifndef ASLEEP_H
#define ASLEEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct watch {
	pid_t tid;
	int syscall_fd;
	int stat_fd;
};

void watch_open(struct watch *watch, pid_t pid, pid_t tid);
void watch_close(struct watch *watch);

/* Is it blocked in futex() on a word in [addr, addr + size), or in futex_waitv()? */
bool watch_asleep(const struct watch *watch, uint64_t addr, uint64_t size);

/* Polls until it is; dies after 30 s, because then the workload itself is wrong. */
void watch_until_asleep(const struct watch *watch, uint64_t addr, uint64_t size);

#endif
