/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_layout.h - versions of CPython and where each keeps what leads to its GIL; no process is
 * needed for it.
 */
#ifndef PARASCOPE_CPYTHON_LAYOUT_H
#define PARASCOPE_CPYTHON_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * 3.9 and 3.10 have no version in memory: as PY_VERSION_HEX, from the size of _PyRuntime and what
 * cpython_version_in() says of a name.  0: they disagree, or the size is not known.
 */
uint32_t cpython_version_of_size(uint64_t size, uint32_t named);

/*
 * struct _gil_runtime_state, the same from 3.9 to 3.15 but for an int in front in free-threaded
 * builds (Include/internal/pycore_gil.h; offsetof() with the headers of 3.9.18, 3.10.13, 3.11.7,
 * 3.12.1, 3.13.0; DWARF of Debian's 3.9 to 3.15 on x86-64 and arm64).
 */
enum {
	GIL_INTERVAL = 0, /* microseconds */
	GIL_LAST_HOLDER = 8,
	GIL_LOCKED = 16, /* -1: never taken */
	GIL_COND = 32,
#if defined(__x86_64__)
	GIL_END = 208, /* two pthread_cond_t of 48 and two pthread_mutex_t of 40 bytes */
#elif defined(__aarch64__)
	GIL_END = 224, /* ... and 48 bytes */
#else
	GIL_END = 0, /* not known */
#endif
	GIL_FREE_THREADED = 8, /* added to all of them: enabled and its padding */
};

#endif
