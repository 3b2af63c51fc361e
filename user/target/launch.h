/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * launch.h - a command that waits, corked, until everything is attached to it.
 *
 *	launch_start()      fork; the child becomes what exec will find, and waits
 *	  ... attach to launch_pid() ...
 *	launch_uncork()     the child calls exec
 *	  ... poll launch_pidfd(): readable when it has ended ...
 *	launch_wait()       how it ended
 *	launch_free()
 *
 * Between cork and exec the child only reads, clears its death signal and searches PATH.  A corked
 * child never outlives parascope: it dies with the thread that launched it, and when its end of the
 * cork is closed.  Other signals than SIGKILL wait until right before exec.
 */
#ifndef PARASCOPE_LAUNCH_H
#define PARASCOPE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/target/origin.h"

struct launch;

struct launch_opts {
	const struct origin *origin; /* what the command starts with */
	char *const *env;	     /* its environment, normally environ; see sudo.h */
	bool as_root;		     /* stay root under sudo */
	const int *stdio;	     /* its descriptors 0 to 2; NULL: those of the origin */
};

/*
 * Start argv (NULL-terminated, found along PATH) corked, in our process group.  SIGCHLD, if it was
 * ignored, gets its default action back: its status would be lost.  -EINVAL if there is no command
 * or sudo's variables make no sense, or the errno of what the child could not set up.
 */
int launch_start(struct launch **ret, char *const argv[], const struct launch_opts *opts);

pid_t launch_pid(const struct launch *launch);

/* For poll and epoll: readable once the command has ended.  Belongs to launch. */
int launch_pidfd(const struct launch *launch);

/* Has it ended, in its cork or later?  Does not wait. */
bool launch_ended(const struct launch *launch);

/*
 * Let it exec, and wait until it did: 0, or the errno of exec with a message (-ENOENT: not found).
 * The child then exits as a shell would, 127 if not found and 126 if it cannot be run, and
 * launch_wait() tells so.  -ESRCH: something killed it in its cork.
 */
int launch_uncork(struct launch *launch);

/* Wait for its end; ret_status is as waitpid() has it.  May be called again. */
int launch_wait(struct launch *launch, int *ret_status);

/* What a shell would put in $? for that status: the exit code, or 128 + signal. */
int launch_exit_code(int status);

/* SIGKILL, if it has not been waited for. */
void launch_kill(struct launch *launch);

/* Kills the command if it is still corked; one that runs goes on.  NULL is fine. */
void launch_free(struct launch *launch);

#endif
