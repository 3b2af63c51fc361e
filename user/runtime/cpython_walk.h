/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_walk.h - from _PyRuntime to the GILs, in any memory that a function reads.
 */
#ifndef PARASCOPE_CPYTHON_WALK_H
#define PARASCOPE_CPYTHON_WALK_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/runtime/cpython_layout.h"

/* Read all of [addr, addr + len), or fail(): -EIO where nothing is, anything else ends the walk. */
typedef int cpython_read_fn(void *ctx, uint64_t addr, void *to, size_t len);

/* The walk from _PyRuntime to the GILs; returns as cpython_find_gils(), head.tid is left 0. */
int cpython_walk_gils(cpython_read_fn *read_fn, void *ctx, uint64_t runtime,
		      const struct cpython_layout *layout, struct wire_region *ret, size_t cap);

#endif
