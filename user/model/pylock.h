/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pylock.h - Python's locks, queues and conditions, told apart by the functions that wait.
 *
 * To the kernel all of them are a semaphore: of the lock up to 3.12, on the waiter's own stack
 * since 3.13, where the lock's address is known beside it (block.object).  A Condition makes a new
 * lock for each wait and memory is used again, so that an address says little.  What somebody waits
 * for is in its stack, which is seen the first time a thread sleeps on a word and now and then
 * after that.
 *
 *	Python lock		user code is innermost; known by its address
 *	queue, join, condition	known by the line that called the library, so that it is one row
 */
#ifndef PARASCOPE_PYLOCK_H
#define PARASCOPE_PYLOCK_H

#include "user/model/model.h"

/* The lock that a thread is about to sleep on; stack: where, NULL if that was not seen. */
struct lock *pylock_find(struct model *m, struct process *p, const struct wire_block *b, bool object,
			 const struct stack *stack);

/* The lock of a wait whose stack is known only now; it may be the one that it has already. */
struct lock *pylock_learn(struct model *m, struct process *p, const struct wait *w);

/* Is this how sem_wait() calls? */
bool pylock_like_semaphore(uint32_t op, uint32_t val);

/*
 * What a thread with this stack waits for: KIND_PY_*, or KIND_FUTEX if that cannot be told.
 * ret_place: the innermost frame outside of Python's own lock code, NULL if there is none.
 */
enum lock_kind pylock_kind(const struct stack *stack, const struct frame **ret_place);

#endif
