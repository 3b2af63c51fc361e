/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython.h - a live CPython, 3.9 to 3.15: its GILs, and the names of its frames and threads.
 *
 * A thread that wants the GIL sleeps on several futex words of one struct: its condition variable
 * and mutex, and those of the forced switch.  For a report all of them are one lock.
 *
 * Nothing is believed because a symbol has the right name: version, interpreter list, a thread, the
 * code it runs and the GIL itself must agree with each other, or the answer is a refusal with its
 * reason.  The target is not stopped; its memory is read through /proc/PID/mem, where a page that
 * userfaultfd holds back is an error and does not block us.
 *
 * Interpreters come and go: what was found stays true until they do, or until the process calls
 * exec.  Then reads fail, because the memory that was opened is not that of the new program.
 */
#ifndef PARASCOPE_CPYTHON_H
#define PARASCOPE_CPYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"

struct cpython;

/*
 * Find the interpreter of a process; pid may be any thread of it.  0 and NULL in *ret: there is
 * none, or not yet: it may be loaded later.  A free-threaded build is found, also without a GIL.
 *
 *	-EAGAIN	  CPython that is starting or ending: try again
 *	-ENOTSUP  CPython that cannot be watched: unknown layout, musl
 *	-ESRCH	  the process is gone
 *	-EACCES, -EPERM ...  not allowed to look
 */
int cpython_open(struct cpython **ret, pid_t pid);

/* The same interpreter in a child that was forked and did not exec: nothing is searched. */
int cpython_open_child(struct cpython **ret, const struct cpython *parent, pid_t pid);

void cpython_close(struct cpython *py);

/*
 * The GILs: one, or from CPython 3.12 on one more for each sub-interpreter that has its own; none
 * in a free-threaded build whose GIL is off.  Fills at most cap, the main interpreter's first, all
 * but head.ts_ns; returns how many there are, which may be more than cap.  Errors as
 * cpython_open().
 */
int cpython_gils(struct cpython *py, struct wire_region *ret, size_t cap);

/* The same as they stand now.  Where the GIL is off one comes all the same and says so. */
int cpython_runtimes(struct cpython *py, struct wire_runtime *ret, size_t cap);

/* What the BPF programs need; equal interpreters are equal byte by byte. */
void cpython_describe(const struct cpython *py, struct wire_python *ret);

/*
 * Function, file and line of a frame, all but head.ts_ns.  -EIO: they cannot be read, function is
 * "", -ESRCH: the process is gone.  Code objects are remembered for a second: their memory may be
 * used again.
 */
int cpython_frame(struct cpython *py, const struct wire_frame_id *id, struct wire_frame *ret);

/* A thread of an interpreter. */
struct cpython_tstate {
	uint64_t addr;	    /* of its PyThreadState */
	uint64_t thread_id; /* pthread_self() */
	uint64_t gil;	    /* that it is under, as wire_region.begin; 0: none */
};

/*
 * All of them, newest first, at most cap; returns how many.  A thread may come twice: one that has
 * not begun bears its maker's id, see find_step() in bpf/python.bpf.h.  -EIO, -ESRCH.
 */
int cpython_threads(struct cpython *py, struct cpython_tstate *ret, size_t cap);

/*
 * The name that threading.Thread gave it; "MainThread" for the main one.  -ENOENT: it has none, or
 * not yet, or its PyThreadState is that of another thread by now; -ESRCH: the process is gone.  Once
 * a thread has ended another one may have both its PyThreadState and its id.
 */
int cpython_thread_name(struct cpython *py, const struct cpython_tstate *t, char *ret, size_t size);

/*
 * The stack of a thread that sleeps, all but head.ts_ns, with the id that the BPF programs would give
 * it; and what it sleeps on, if there is more to say of the word.  -EIO, -ENOENT: no frame; -ESRCH.
 */
int cpython_stack(struct cpython *py, const struct cpython_tstate *t, struct wire_stack *ret);
bool cpython_object(struct cpython *py, const struct cpython_tstate *t, uint64_t sp,
		    struct wire_block *block);

#endif
