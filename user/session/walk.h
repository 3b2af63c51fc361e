/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.h - the native callers of a thread that sleeps, by the same tables as bpf/unwind.bpf.h: for
 * those that were asleep before the BPF programs came; private to this folder.
 */
#ifndef PARASCOPE_WALK_H
#define PARASCOPE_WALK_H

#include <stdint.h>

#include "bpf/wire.h"

struct tables;
struct memfile;

/*
 * Fill frames, n, flags and id of ret with the native frames of the thread that rec tells of (ip, sp,
 * bp), in the address space `slot`.  Returns the number of frames; 0: none, or it has moved on since.
 */
uint32_t walk_thread(const struct tables *t, uint32_t slot, struct memfile *memory,
		     const struct wire_task *rec, struct wire_stack *ret);

#endif
