/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack.h - stacks, their frames, and the time that belongs to them.
 *
 * A stack is told once and named by its id after that; what its frames are called may be told later,
 * and again.  Beyond the limits of model.h a stack is not known (NULL) and counted.
 */
#ifndef PARASCOPE_STACK_H
#define PARASCOPE_STACK_H

#include "user/model/model.h"

/* A WIRE_STACK and a WIRE_FRAME. */
struct stack *stack_add(struct model *m, const struct wire_stack *s); /* NULL: no room */
void stack_name_frame(struct model *m, const struct wire_frame *f);

/* NULL: id is 0 or was not told. */
const struct stack *stack_find(const struct model *m, uint64_t id);

/*
 * Add time to where a thread waits or holds a lock.  Nothing happens if ns is 0.  stack NULL: its
 * stack is not known.
 */
void site_of_party(struct model *m, struct party *p, enum site_role role, const struct stack *stack,
		   uint64_t ns);
/* It slept so long with the GIL; others waited ns meanwhile. */
void site_of_sleep(struct model *m, struct party *p, const struct stack *stack, int32_t nr,
		   uint64_t ns, uint64_t slept_ns);
/* Add sampled CPU time to a thread's process. */
void site_of_thread(struct model *m, const struct thread *t, bool with_gil,
		    const struct stack *stack, uint64_t ns);

/* All sites of an owner go: with it, or to another process. */
void site_free_list(struct model *m, struct site *list);
void site_move_list(struct model *m, struct process *to, struct site *list);

void stack_free_all(struct model *m);

#endif
