/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython.h - where the GIL of a live CPython process lies.
 *
 * A thread that wants the GIL sleeps on several futex words of one struct: its condition variable
 * and mutex, and those of the forced switch.  For a report all of them are one lock.
 *
 * Nothing is believed because a symbol has the right name: version, interpreter list, a thread and
 * the GIL itself must agree with each other, or the answer is a refusal with its reason.  The
 * target is not stopped; its memory is read through /proc/PID/mem, where a page that userfaultfd
 * holds back is an error and does not block us.
 */
#ifndef PARASCOPE_CPYTHON_H
#define PARASCOPE_CPYTHON_H

#include <stddef.h>
#include <sys/types.h>

#include "bpf/wire.h"

/*
 * Find the GILs of a process: one, or from CPython 3.12 on one more for each sub-interpreter that
 * has its own.  pid may be any thread of it.  Fills at most cap regions, the main interpreter's
 * first, all but head.ts_ns; returns how many GILs there are, which may be more than cap.
 *
 *	0	  no CPython here, or not yet: it may be loaded later
 *	-EAGAIN	  CPython that is starting or ending: try again
 *	-ENOTSUP  CPython whose GIL cannot be watched: unknown layout, no GIL (free-threaded)
 *	-ESRCH	  the process is gone
 *	-EACCES, -EPERM ...  not allowed to look
 *
 * Interpreters come and go: what was found stays true until they do, or until the process calls
 * exec.
 */
int cpython_find_gils(pid_t pid, struct wire_region *ret, size_t cap);

#endif
