/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.h - start, measure and end the parser process (parser.h), from the privileged side. */
#ifndef PARASCOPE_CHILD_H
#define PARASCOPE_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct child {
	pid_t pid;
	int pidfd;	 /* -1: none; then pid is all that there is */
	int sock;	 /* ours, non-blocking; -1: closed */
	clockid_t clock; /* of its CPU time */
	int status;	 /* as of wait(); only when it was reaped */
};

/* 0 or fail(-errno).  That it has started says its first answer. */
int child_start(struct child *ret);
uint64_t child_cpu_ns(const struct child *c); /* so far; not of one that was reaped */
void child_kill(struct child *c);	      /* and closes the socket; may be called twice */

/*
 * Is it gone?  Then *cpu_ns is what it used.  One that sits in a stuck file system never is, and
 * must not be waited for.  wait_ms: how long this may take.
 */
bool child_reap(struct child *c, int wait_ms, uint64_t *cpu_ns);
void child_forget(struct child *c); /* instead: whoever comes after us reaps it */

#endif
