/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h - locks of a model: finding them by their words, telling what they are, taking part.
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

/* The part of thread t in the lock, created if needed. */
struct party *lock_party(struct model *m, struct lock *l, const struct thread *t);

/* The lock of the GIL whose words begin there, created if needed; NULL: no such region. */
struct lock *lock_of_gil(struct model *m, struct process *p, uint64_t begin);

/* The same of a process that may be gone; space: its process.id then.  NULL: nobody waited. */
const struct lock *lock_of_space(const struct model *m, uint64_t space, uint64_t begin);

/* Does addr lie in a region, or in the one that begins there? */
bool lock_in_any_region(const struct process *p, uint64_t addr);
bool lock_in_region(const struct process *p, uint64_t addr, uint64_t begin);

/*
 * Locks of a process that are known by a name: a number that is no futex word of theirs.
 * lock_named() finds one, or NULL; lock_name() gives the name to l, or to a new lock of this kind.
 * A name belongs to a kind, whatever the lock is.
 */
struct lock *lock_named(struct model *m, const struct process *p, enum lock_kind kind,
			uint64_t name);
struct lock *lock_name(struct model *m, const struct process *p, enum lock_kind kind, uint64_t name,
		       struct lock *l, uint64_t base);

/* The part of thread t in the lock, NULL: it has none of its own. */
struct party *lock_party_find(const struct lock *l, const struct thread *t);

/* It is used now. */
void lock_touch(const struct model *m, struct lock *l);

/* A private word belongs to this lock from now on. */
void lock_point(struct model *m, struct lock *l, const struct process *p, uint64_t addr);

/* Is its kind one of KIND_PY_*? */
bool lock_is_python(const struct lock *l);

/* Add the numbers of one lock to another; who took part is added up without names. */
void lock_add(struct lock *into, const struct lock *l);

enum lock_class lock_class(const struct lock *l);

/* Can somebody hold it?  A word of unknown use may turn out to be a lock. */
bool lock_has_holder(const struct lock *l);

/* A thread sleeps on this word of it. */
void lock_slept_on(struct lock *l, uint64_t addr, uint32_t op);

/*
 * Is this a word of a GIL that only one sleeps on who is about to wake another?  Up to glibc 2.40
 * pthread_cond_signal() waits on __g_refs until those of the former group are gone.
 */
bool lock_signals(const struct lock *l, uint64_t addr);

/*
 * Only who has let go of a GIL sleeps on its second condition, until another one has it; the mutexes
 * are slept on without a bitset.
 */
bool lock_given_up(const struct lock *l, uint64_t addr, uint32_t op);

/* Does a wake on addr let go of the lock (and not of a helper word inside it)? */
bool lock_releases(const struct lock *l, uint64_t addr);

/* After a wake-up: a condition that its own waiters hand round is a hand-off lock. */
void lock_learn(struct lock *l);

void lock_free_all(struct model *m);

#endif
