/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw futex calls, for workloads that must see every return value themselves. */
#ifndef FUTEX_H
#define FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

typedef _Atomic uint32_t futex_word;

/* 0 when woken, else the error number (EAGAIN, ETIMEDOUT, EINTR). */
static inline int futex_wait(futex_word *word, uint32_t expected, const struct timespec *relative)
{
	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, relative, NULL, 0) ? errno
											 : 0;
}

/* As above with an absolute CLOCK_MONOTONIC deadline. */
static inline int futex_wait_until(futex_word *word, uint32_t expected,
				   const struct timespec *deadline)
{
	return syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline, NULL,
		       FUTEX_BITSET_MATCH_ANY) ? errno : 0;
}

/* The number of threads woken. */
static inline long futex_wake(futex_word *word, int most)
{
	return syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

static inline enum wait_end futex_wait_end(int error)
{
	switch (error) {
	case 0:
		return WAIT_WOKEN;
	case ETIMEDOUT:
		return WAIT_TIMEOUT;
	case EINTR:
		return WAIT_EINTR;
	default:
		return WAIT_EAGAIN;
	}
}

#endif
