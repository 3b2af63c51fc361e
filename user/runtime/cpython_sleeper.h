/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_sleeper.h - what the BPF programs tell of a thread when it goes to sleep, of one that slept
 * before they came: its PyThreadState, its stack, what it waits for.  The same bytes are read in the
 * same way (bpf/python.bpf.h).
 */
#ifndef PARASCOPE_CPYTHON_SLEEPER_H
#define PARASCOPE_CPYTHON_SLEEPER_H

#include "bpf/wire.h"
#include "user/runtime/cpython_memory.h"

/* The PyThreadStates of all interpreters; at most cap are filled, *ret_n how many.  0 or an error. */
struct cpython_tstate;
int cpython_list_threads(const struct cpython_memory *m, uint64_t runtime,
			 struct cpython_tstate *ret, size_t cap, size_t *ret_n);

/* All but the head.  -ENOENT: it has no frame. */
int cpython_read_stack(const struct cpython_memory *m, uint64_t tstate, uint32_t tgid,
		       struct wire_stack *ret);

/*
 * The object of a sleep on a futex word, as wire_block has it; gil: begin of the words of the thread's
 * GIL or 0, sp: its stack pointer.  False: there is none.
 */
bool cpython_read_object(const struct cpython_memory *m, uint64_t gil, uint64_t sp,
			 struct wire_block *block);

#endif
