/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait.h - one logical acquisition after the other: what a thread's futex calls and sleeps add up to.
 */
#ifndef PARASCOPE_WAIT_H
#define PARASCOPE_WAIT_H

#include "user/model/model.h"

/*
 * The thread falls asleep on a word (also: was asleep when first seen).  object: b->object is there.
 */
void wait_sleep(struct model *m, struct thread *t, const struct wire_block *b, bool object,
		uint64_t ts);

/* It comes back from a sleep on addr; this is where it waited, NULL: nobody knows. */
void wait_seen_at(struct model *m, struct thread *t, const struct wire_sample *r,
		  const struct stack *stack);

/* A stretch of sleep on its lock is over, [from, to); then it may wait for a CPU. */
void wait_slept(struct model *m, struct thread *t, uint64_t from, uint64_t to);
void wait_delayed(struct model *m, struct thread *t, uint64_t from, uint64_t to);

/* A futex call returned. */
void wait_call(struct model *m, struct thread *t, const struct wire_futex *f);

/* A wake-up that tells its waker's call, as no record of that call will. */
void wait_woke(struct model *m, const struct wire_wake *w);

/* The thread was woken; waker NULL: an interrupt, a timer or somebody who is not a target. */
void wait_woken(struct model *m, struct thread *t, struct thread *waker, const struct wire_wake *w);

/* Its call has returned, but it is seen without the lock: the CPU time until now was the wait's. */
void wait_not_over(struct thread *t, const struct lock *l, uint64_t ts);

/* The thread does something else (blocks elsewhere, dies, the window ends): no more re-waits. */
void wait_close(struct model *m, struct thread *t);

/* End of the window: what is still asleep is open. */
void wait_finish(struct model *m, struct thread *t, uint64_t end);

#endif
