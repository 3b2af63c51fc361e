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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* --- the parts of it that need no process ---------------------------------------------------- */

/* Offsets in bytes. */
struct cpython_layout {
	unsigned minor; /* of version 3 */
	bool free_threaded;
	uint32_t head;	  /* _PyRuntime: newest PyInterpreterState */
	uint32_t gil;	  /* _PyRuntime: the GIL; 0: each interpreter points to its own */
	uint32_t next;	  /* PyInterpreterState: the next older one */
	uint32_t id;
	uint32_t threads; /* PyInterpreterState: newest PyThreadState */
	uint32_t gil_ptr; /* PyInterpreterState: the GIL it uses */
	uint32_t gil_own; /* PyInterpreterState: the GIL inside it, in use or not */
	uint32_t interp;  /* PyThreadState: its PyInterpreterState */
};

#define CPYTHON_OFFSETS_BYTES 256 /* of _PyRuntime, enough for cpython_parse_offsets() */

/*
 * From the first bytes of _PyRuntime, where 3.13 and later describe themselves (_Py_DebugOffsets).
 * -ENOENT: they do not; -ENOTSUP: a version or layout that is not known.
 */
int cpython_parse_offsets(const void *bytes, size_t len, struct cpython_layout *ret);

/* For 3.9 to 3.12, from PY_VERSION_HEX; -ENOTSUP for all others. */
int cpython_layout_of(uint32_t version, struct cpython_layout *ret);

/* PY_VERSION_HEX without all after the minor, from the name of a file; 0 if it says nothing. */
uint32_t cpython_version_in(const char *name);

/* Read all of [addr, addr + len), or fail(): -EIO where nothing is, anything else ends the walk. */
typedef int cpython_read_fn(void *ctx, uint64_t addr, void *to, size_t len);

/* The walk from _PyRuntime to the GILs; returns as cpython_find_gils(), head.tid is left 0. */
int cpython_walk_gils(cpython_read_fn *read_fn, void *ctx, uint64_t runtime,
		      const struct cpython_layout *layout, struct wire_region *ret, size_t cap);

#endif
