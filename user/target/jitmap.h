/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jitmap.h - the file in which a process names the code that it makes at run time:
 * /tmp/perf-PID.map, below the root that the process has, PID being what it calls itself.
 *
 * Anybody may put something there: only a regular file that belongs to the process's user or to root
 * is opened, and no link leads to it.  What it says is for the parser process to read.
 */
#ifndef PARASCOPE_JITMAP_H
#define PARASCOPE_JITMAP_H

#include <sys/types.h>

#define JITMAP_BYTES (64 << 20) /* larger ones are left alone */

/*
 * A descriptor to read it by, or fail(-errno): -ESRCH the process is gone, -ENOENT it has none,
 * -EPERM it is none to be trusted, -EFBIG.
 */
int jitmap_open(pid_t pid);

#endif
