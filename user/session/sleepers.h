/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sleepers.h - threads that were asleep when they were first seen: what the BPF programs would have
 * told, had they seen them go to sleep; part of runtimes.c.
 */
#ifndef PARASCOPE_SLEEPERS_H
#define PARASCOPE_SLEEPERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/base/table.h"

struct cpython;
struct sleepers;

/* The records of one thread in the order in which they belong into the stream. */
struct sleeper {
	uint32_t tid;
	struct wire_task awake; /* its WIRE_TASK as it was a moment before */
	struct wire_pythread thread; /* tstate 0: it runs no Python */
	struct wire_stack stack; /* n 0: none, nor a sample */
	struct wire_sample sample;
	struct wire_switch sleep;
	UT_hash_handle hh;
};

struct sleepers *sleepers_new(void);
/* Look at it now; NULL: it runs no Python, or there are too many.  Valid until it is taken. */
const struct sleeper *sleepers_look(struct sleepers *s, struct cpython *py,
				    const struct wire_task *rec, bool stacks);
/* The same of a thread without Python, in a futex call; its stack is the caller's to fill in. */
struct sleeper *sleepers_native(const struct wire_task *rec);
/* NULL, or the caller's to free(), as the one above. */
struct sleeper *sleepers_take(struct sleepers *s, uint32_t tid);
void sleepers_free(struct sleepers *s);

#endif
