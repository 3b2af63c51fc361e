/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * origin.h - what parascope was started with, so that a command it runs can start with the same.
 *
 * Saved are the signal mask, the ignored signals, the open descriptors and the resource limits:
 * what parascope may change for itself and a child inherits.  Directory, umask, priority, affinity
 * and environment are not saved, because parascope leaves them alone.
 */
#ifndef PARASCOPE_ORIGIN_H
#define PARASCOPE_ORIGIN_H

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

struct origin {
	sigset_t mask;
	sigset_t ignored;
	struct rlimit limits[RLIM_NLIMITS];
	int *fds; /* that were open, rising */
	size_t n, cap;
	int err; /* of origin_save() */
};

/*
 * To be called first in main: before a signal is blocked or handled, a limit raised, a file opened,
 * or /dev/null put on a standard descriptor that was closed.  An error is kept in ret->err: it does
 * not matter to commands that launch nothing.
 */
int origin_save(struct origin *ret);
void origin_free(struct origin *origin);

/*
 * In a child just forked, with all signals blocked: put everything back but the signal mask.
 * Descriptors that are not of the origin are marked to close at exec; those that are must not have
 * been closed meanwhile.  Makes only calls that are allowed after fork.  0 or -errno, no message.
 */
int origin_restore(const struct origin *origin);

/* The mask, right before exec: what came until then does now what it would do to the command. */
int origin_restore_mask(const struct origin *origin);

#endif
