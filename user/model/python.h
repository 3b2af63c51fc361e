/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * python.h - what is known of threads that run Python: their PyThreadState, whether they have the
 * GIL, how long they take from being ready to having the GIL.
 */
#ifndef PARASCOPE_PYTHON_H
#define PARASCOPE_PYTHON_H

#include "user/model/model.h"

/* A WIRE_PYTHREAD, a WIRE_NAME, a WIRE_RUNTIME. */
void python_thread(struct model *m, struct thread *t, const struct wire_pythread *r);
void python_name(struct thread *t, const struct wire_name *r);
void python_runtime(struct model *m, struct process *p, const struct wire_runtime *r);

/* Seen in a sample on a CPU, or about to leave it, with its GIL or without. */
void python_seen(struct model *m, struct thread *t, const struct wire_sample *r,
		 const struct stack *stack);

/* The thread of a PyThreadState, NULL: not known. */
struct thread *python_find(const struct model *m, const struct process *p, uint64_t tstate);

/* The thread belongs to another process from now on: it was adopted. */
void python_move(struct model *m, struct thread *t);

/* Its interpreter is gone: it ends or executes another program. */
void python_forget(struct model *m, struct thread *t, uint64_t ts);

/* The thread leaves the CPU; before its wait is told. */
void python_leave(struct model *m, struct thread *t, const struct wire_switch *s, uint64_t ts);

/* It gets on a CPU; before its state changes. */
void python_enter(struct model *m, struct thread *t, uint64_t ts);

/* It is woken; before its state changes. */
void python_woken(struct thread *t, uint64_t ts);

/* A wait for the GIL of this lock is over: it has it. */
void python_waited(struct model *m, struct thread *t, struct lock *l, uint64_t ts);

#endif
