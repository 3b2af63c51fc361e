/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_memory.h - the memory of an interpreter: any that a function reads.
 *
 * It belongs to the target, which runs on and may be hostile: an address may lead anywhere, and
 * what was read may be different the next time.  All walks through it are bounded.
 */
#ifndef PARASCOPE_CPYTHON_MEMORY_H
#define PARASCOPE_CPYTHON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/runtime/cpython_layout.h"

/* Read all of [addr, addr + len), or fail(): -EIO where nothing is, anything else ends the walk. */
typedef int cpython_read_fn(void *ctx, uint64_t addr, void *to, size_t len);

struct cpython_memory {
	cpython_read_fn *read;
	void *ctx;
	const struct cpython_layout *layout;
};

static inline int cpython_read(const struct cpython_memory *m, uint64_t addr, void *to, size_t len)
{
	return m->read(m->ctx, addr, to, len);
}

static inline int cpython_read_u64(const struct cpython_memory *m, uint64_t addr, uint64_t *ret)
{
	return m->read(m->ctx, addr, ret, sizeof(*ret));
}

static inline bool cpython_is_address(uint64_t addr)
{
	return addr >= 4096 && addr % 8 == 0 && addr < 1ull << 63;
}

#endif
