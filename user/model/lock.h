/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h - locks of a model: finding them, who sleeps on them, who is charged for it.
 */
#ifndef PARASCOPE_LOCK_H
#define PARASCOPE_LOCK_H

#include "user/model/model.h"

/* The lock of a futex word as a process uses it, created if needed; never NULL. */
struct lock *lock_find(struct model *m, struct process *p, uint64_t addr, uint32_t op, uint32_t val);

/* As above, NULL if nobody has waited on this word. */
struct lock *lock_lookup(struct model *m, const struct process *p, uint64_t addr, uint32_t op);

/* A WIRE_WORD: learn what the word belongs to. */
void lock_describe(struct model *m, struct process *p, const struct wire_word *w);

/* A WIRE_SHARED: the word lies in a file. */
void lock_map_shared(struct model *m, struct process *p, const struct wire_shared *s);

/* The part of thread t in the lock, created if needed. */
struct party *lock_party(struct model *m, struct lock *l, const struct thread *t);

/* A thread fell asleep on the lock (+1) or was woken (-1) at ts. */
void lock_sleepers(struct model *m, struct lock *l, int change, uint64_t ts);

/* From ts on the sleepers are charged to this thread; NULL: nobody known. */
void lock_hold(struct model *m, struct lock *l, const struct thread *holder, uint64_t ts);

/* The word says that this thread owns the lock: it also had it while nobody was known. */
void lock_seen_held(struct model *m, struct lock *l, const struct thread *holder, uint64_t ts);

/* The sleepers' time up to ts is charged now. */
void lock_charge(struct model *m, struct lock *l, uint64_t ts);

/* At attach a thread that joins is seen before the one it joins: look again later. */
void lock_learn_join(struct model *m, struct lock *l, uint64_t ts);

/* The end of the window: what was not told by now never will be. */
void lock_finish(struct model *m, struct lock *l, uint64_t end);

/* Add the numbers of one lock to another; who took part is added up without names. */
void lock_add(struct lock *into, const struct lock *l);

enum lock_class lock_class(const struct lock *l);

/* Does a wake on addr let go of the lock (and not of a helper word inside it)? */
bool lock_releases(const struct lock *l, uint64_t addr);

/* After a wake-up: a condition that its own waiters hand round is a hand-off lock. */
void lock_learn(struct lock *l);

void lock_free_all(struct model *m);

#endif
