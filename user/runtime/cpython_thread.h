/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_thread.h - the frames of a thread that runs Python, and what threading.Thread calls it.
 */
#ifndef PARASCOPE_CPYTHON_THREAD_H
#define PARASCOPE_CPYTHON_THREAD_H

#include "bpf/wire.h"
#include "user/runtime/cpython_memory.h"

#define CPYTHON_FRAMES_MAX 20000 /* of one thread; the usual limit of recursion is 1000 */

struct cpython_frame {
	uint64_t addr;
	uint64_t previous;	 /* the frame that called it; 0: none */
	struct wire_frame_id id; /* code WIRE_CODE_ENTRY: here C code called Python */
	bool entry;		 /* C code called this one */
};

/* Address of the innermost frame of a PyThreadState, 0 if it has none. */
int cpython_first_frame(const struct cpython_memory *m, uint64_t tstate, uint64_t *ret);

int cpython_read_frame(const struct cpython_memory *m, uint64_t addr, struct cpython_frame *ret);

/*
 * Proof that frames lie where the layout says: 1 if the innermost frame of Python code has a code
 * object with a name and a file, 0 if the thread has no such frame, else an error.
 */
int cpython_check_frames(const struct cpython_memory *m, uint64_t tstate);

struct cpython_tstate;
/*
 * The _name of its threading.Thread, from the outermost frame, which is that Thread's _bootstrap().
 * For the main thread, whose Thread is not on its stack, "MainThread".  -ENOENT: it has none, or not
 * yet, or it cannot be told.
 */
int cpython_name_of_thread(const struct cpython_memory *m, uint64_t runtime,
			   const struct cpython_tstate *t, char *ret, size_t size);

#endif
