/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blame.h - who is charged for the time that others sleep on a lock.
 *
 * While n threads sleep on a lock and h holds it, h is charged n times the time.  So 10 ms behind
 * nine holders of about 1 ms charge nine holders, and the cost of an event does not depend on how
 * many threads sleep.  What is charged to nobody is either free time of a GIL (it is known that
 * nobody has it) or unknown.
 */
#ifndef PARASCOPE_BLAME_H
#define PARASCOPE_BLAME_H

#include "user/model/model.h"

/* A thread fell asleep on the lock (+1) or was woken (-1) at ts. */
void lock_sleepers(struct model *m, struct lock *l, int change, uint64_t ts);

/* From ts on the sleepers are charged to this thread; NULL: nobody known. */
void lock_hold(struct model *m, struct lock *l, struct thread *holder, uint64_t ts);

/* The word says that this thread owns the lock: it also had it while nobody was known. */
void lock_seen_held(struct model *m, struct lock *l, struct thread *holder, uint64_t ts);

/* Nobody has the lock from ts on, until the next who is seen with it.  Of a GIL only. */
void lock_free(struct model *m, struct lock *l, uint64_t ts);

/* The sleepers' time up to ts is charged now. */
void lock_charge(struct model *m, struct lock *l, uint64_t ts);

/* What a holder was charged with up to ts, and no stack has, belongs to this one. */
void lock_blame_at(struct model *m, struct lock *l, const struct thread *holder,
		   const struct stack *stack, uint64_t ts);

/*
 * The same of all locks that a thread is the holder of, but one and the GIL, whose samples say whether
 * it is held; and of one that it has just let go of.
 */
void lock_blame_held(struct model *m, const struct thread *t, const struct lock *but,
		     const struct stack *stack, uint64_t ts);
void lock_blame_released(struct model *m, const struct thread *t, uint64_t addr,
			 const struct stack *stack, uint64_t ts);

/* The lock goes; the thread goes: it stays the holder, by its id. */
void lock_unlink(struct lock *l);
void lock_holder_gone(struct thread *t);

/*
 * The holder of a GIL, a thread that was just seen to have it, leaves the CPU with it: asleep in a
 * system call (nr -1: a fault), or preempted.  It goes on at to, and was asleep up to woken.
 */
void lock_holder_off(struct model *m, struct lock *l, enum gil_off how, int32_t nr,
		     const struct stack *stack, uint64_t ts);
void lock_holder_on(struct model *m, struct lock *l, uint64_t woken, uint64_t to);

/* A sleep on one lock turns out to have been on another one: the part that nobody was charged. */
void lock_move_blame(struct model *m, struct lock *from, struct lock *to, uint64_t ns, uint64_t ts);

/* At attach a thread that joins is seen before the one it joins: look again later. */
void lock_learn_join(struct model *m, struct lock *l, uint64_t ts);

/* The end of the window: what was not told by now never will be. */
void lock_finish(struct model *m, struct lock *l, uint64_t end);
/* Records of it end for some time: nobody has it, as far as is known. */
void lock_suspend(struct model *m, struct lock *l, uint64_t ts);

#endif
