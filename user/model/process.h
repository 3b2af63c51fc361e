/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process.h - processes of a model: how they begin, end and are added up.
 *
 * A process is in by_pid until it ends, and in all_processes until it is folded.  Process 0 holds
 * the threads of which nobody knows yet where they belong.
 */
#ifndef PARASCOPE_PROCESS_H
#define PARASCOPE_PROCESS_H

#include "user/model/model.h"

/* The living process of this id, created if needed; never NULL. */
struct process *process_get(struct model *m, uint32_t pid, uint64_t ts);

/* The process of a thread that is born.  Its first one says what the process is. */
struct process *process_of_task(struct model *m, const struct wire_task *r);

/*
 * All its threads that are known are gone.  It has ended then, unless that was before the window
 * opened: others that were there are still to be listed.
 */
bool process_is_over(const struct process *p);

/* Its last thread is gone: the id is free again. */
void process_end(struct model *m, struct process *p, uint64_t ts);

/* The process itself; it is in no list. */
void process_free(struct process *p);

/* Add the numbers of a dead thread of p to what p keeps of such; the thread itself stays. */
void process_fold_thread(const struct model *m, struct process *p, const struct thread *t);

/*
 * Add an ended process, all of whose threads are folded, to the one that stands for such, and free
 * it.  What happened over time inside it (t_k) is kept in the tree only.
 */
void process_fold(struct model *m, struct process *p);

#endif
