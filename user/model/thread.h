/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thread.h - threads of a model: how they begin, change state, end and are added up.
 *
 * A thread is in by_tid until its id is used again or it is folded, and in all_threads until it is
 * folded.  A time before the last change of state counts as the time of that change.
 */
#ifndef PARASCOPE_THREAD_H
#define PARASCOPE_THREAD_H

#include "user/model/model.h"

/* The living thread of this id, or NULL. */
struct thread *thread_find(struct model *m, uint32_t tid);

/*
 * The same, created if needed.  One that appears although its birth record was lost belongs to
 * process 0 until its sums tell.
 */
struct thread *thread_get(struct model *m, uint32_t tid, uint64_t ts);

/* A thread of p, without state or name yet; its id is free (see thread_forget()). */
struct thread *thread_new(struct model *m, struct process *p, uint32_t tid, uint64_t ts);

/* Names and start, as its birth record has them. */
void thread_name(struct model *m, struct thread *t, const struct wire_task *r);

/* The thread of t's process that is called ns_tid in t's PID namespace, or NULL. */
struct thread *thread_inner(const struct model *m, const struct thread *t, uint32_t ns_tid);

/* A new thread enters its first state; it may be asleep on a lock already. */
void thread_start(struct model *m, struct thread *t, const struct wire_task *r);

/* A thread whose birth was not seen is told to belong to p. */
void thread_adopt(struct model *m, struct thread *t, struct process *p);

/* Close the present state at ts, go on in another one. */
void thread_enter(struct model *m, struct thread *t, uint8_t state, uint64_t ts);

/*
 * The iterator looked at a thread in the very moment of a switch and saw the state before; the
 * first event knows better.  The collector corrects its sums in the same way.
 */
void thread_correct(struct model *m, struct thread *t, uint8_t state);

/* It leaves the CPU for the state that the switch tells: asleep on its lock or elsewhere. */
void thread_sleep(struct model *m, struct thread *t, const struct wire_switch *s);

/* It was woken; the waker counts if it is a target. */
void thread_woken(struct model *m, struct thread *t, const struct wire_wake *w, uint64_t ts);

/* CPU time of the thread up to ts. */
uint64_t thread_on_cpu_ns(const struct thread *t, uint64_t ts);

/* It died; its process ends with the last of its threads. */
void thread_end(struct model *m, struct thread *t, uint64_t ts);

/* Its id is another thread's from now on. */
void thread_forget(struct model *m, struct thread *t);

/* It has the id tid now; nobody else has. */
void thread_renumber(struct model *m, struct thread *t, uint32_t tid);

/*
 * The sums of a dead thread are here.  Where there are many, one that was too short to be worth a
 * line of its own is added to its process.  This may free t, and its process as well.
 */
void thread_settle_dead(struct model *m, struct thread *t);

/*
 * From ts on there are no records of what it does; they come again, and it is in this state.  In between
 * its state is WIRE_UNKNOWN unless something is told all the same.
 */
void thread_suspend(struct model *m, struct thread *t, uint64_t ts);
void thread_resume(struct model *m, struct thread *t, const struct wire_thread_state *r);

/* The window ends while it lives. */
void thread_finish(struct model *m, struct thread *t, uint64_t end);

#endif
