/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_walk.h - from _PyRuntime to the GILs.
 */
#ifndef PARASCOPE_CPYTHON_WALK_H
#define PARASCOPE_CPYTHON_WALK_H

#include "bpf/wire.h"
#include "user/runtime/cpython_memory.h"

#define CPYTHON_INTERPRETERS_MAX 256

/* A GIL as it stands now. */
struct cpython_gil {
	uint64_t addr;	   /* struct _gil_runtime_state, without what free-threaded builds add */
	uint64_t id;	   /* of the interpreter that it belongs to: 0 is the main one */
	uint64_t switches; /* how often another thread took it */
	uint32_t interval_us;
};

/*
 * The walk from _PyRuntime to the GILs, the main one first; fills at most cap and returns how many
 * there are.  0: a free-threaded build whose GIL is off.  Errors as cpython_open() has them, and
 * what the read function fails with.
 */
int cpython_walk_gils(const struct cpython_memory *m, uint64_t runtime, struct cpython_gil *ret,
		      size_t cap);

/* The records about a GIL, but for head.ts_ns and head.tid; no gil: it is off. */
void cpython_gil_region(const struct cpython_layout *layout, const struct cpython_gil *gil,
			struct wire_region *ret);
void cpython_gil_runtime(const struct cpython_layout *layout, const struct cpython_gil *gil,
			 struct wire_runtime *ret);

#endif
