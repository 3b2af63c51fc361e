// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lock.c - the table of locks; see lock.h.
 *
 * A word is found by (space, address).  The space of a private futex is its process (a new one after
 * exec); of a shared futex the file it lies in, so that one multiprocessing lock is one lock in all
 * processes.  Several words can lead to one lock: the two of a condition variable, all of a GIL.
 * Others are known by a name that is no address, see lock_named().
 */
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/lock.h"
#include "user/model/room.h"
#include "user/model/shared.h"
#include "user/model/word.h"

/* Layout of CPython's GIL from its condition variable on, the same in 3.9 - 3.15 on x86-64 and
 * arm64 up to the mutex: cond 48, mutex 40 (48 on arm64). */
#define GIL_COND_SIZE 48

/* Evidence for a condition that its own waiters hand round, see VERDICT.md. */
#define HANDOFF_MIN_REWAITS 3
#define HANDOFF_MIN_WAKES 8
#define HANDOFF_OWN_WAKES 0.9

static struct word *find_word(const struct model *m, uint64_t space, uint64_t addr)
{
	struct word *w = NULL;
	typeof(w->key) key = { space, addr };

	HASH_FIND(hh, m->words, &key, sizeof(key), w);
	return w;
}

static void add_word(struct model *m, struct lock *l, uint64_t space, uint64_t addr)
{
	struct word *w = xcalloc(1, sizeof(*w));

	w->key.space = space;
	w->key.addr = addr;
	w->lock = l;
	DL_APPEND(l->words, w);
	HASH_ADD(hh, m->words, key, sizeof(w->key), w);
}

enum lock_class lock_class(const struct lock *l)
{
	return lock_kinds[l->kind].class;
}

bool lock_has_holder(const struct lock *l)
{
	return lock_class(l) != CLASS_COND || l->kind == KIND_FUTEX;
}

static struct lock *new_lock(struct model *m, const struct process *p, const struct mapping *map,
			     struct word_guess guess)
{
	struct lock *l;

	if (m->n_locks >= MODEL_MAX_LOCKS)
		room_make(m);
	l = xcalloc(1, sizeof(*l));
	l->kind = guess.kind;
	l->charged_ns = m->now_ns;
	if (map) {
		l->space = map->space;
		l->base = map->offset - (map->key.addr - guess.base);
		l->shared = true;
		l->dev = map->dev;
		l->inode = map->inode;
		memcpy(l->path, map->path, sizeof(l->path));
	} else {
		l->space = p->id;
		l->base = guess.base;
		l->pid = p->pid;
	}
	DL_APPEND(m->locks, l);
	m->n_locks++;
	return l;
}

static const struct region *find_region(const struct process *p, uint64_t addr)
{
	for (size_t i = 0; i < p->n_regions; i++)
		if (addr >= p->regions[i].begin && addr < p->regions[i].end)
			return &p->regions[i];
	return NULL;
}

/* All words of a region lead to one lock, found by the address of its begin. */
static struct lock *region_lock(struct model *m, struct process *p, const struct region *r,
				uint64_t addr)
{
	struct word *w = find_word(m, p->id, r->begin);
	struct word_guess guess = { KIND_GIL, r->begin };
	struct lock *l = w ? w->lock : NULL;

	if (!l) {
		l = new_lock(m, p, NULL, guess);
		l->gil = xcalloc(1, sizeof(*l->gil));
		memcpy(l->name, r->name, sizeof(l->name));
		add_word(m, l, l->space, r->begin);
	}
	if (addr != r->begin)
		add_word(m, l, l->space, addr);
	return l;
}

bool lock_in_any_region(const struct process *p, uint64_t addr)
{
	return find_region(p, addr) != NULL;
}

bool lock_in_region(const struct process *p, uint64_t addr, uint64_t begin)
{
	const struct region *r = find_region(p, addr);

	return r && r->begin == begin;
}

struct lock *lock_of_gil(struct model *m, struct process *p, uint64_t begin)
{
	const struct word *w = find_word(m, p->id, begin);
	const struct region *r;

	if (w && w->lock->gil)
		return w->lock;
	r = w ? NULL : find_region(p, begin);
	return r && r->begin == begin ? region_lock(m, p, r, begin) : NULL;
}

const struct lock *lock_of_space(const struct model *m, uint64_t space, uint64_t begin)
{
	const struct word *w = find_word(m, space, begin);

	return w && w->lock->gil ? w->lock : NULL;
}

static bool is_own_tid(const struct model *m, const struct process *p, uint32_t val)
{
	struct thread *other;

	HASH_FIND(hh, m->by_tid, &val, sizeof(val), other);
	if (other && other->ns_tid == val)
		return other->process == p;
	/* in a PID namespace the value is the inner id */
	return p->ns_pid != p->pid && val && val < (1u << 22);
}

struct lock *lock_lookup(struct model *m, const struct process *p, uint64_t addr, uint32_t op)
{
	const struct mapping *map = shared_find(m, p, addr, op);
	struct word *w = map ? find_word(m, map->space, map->offset)
			     : find_word(m, p->id, addr);

	return w ? w->lock : NULL;
}

/* Find the lock by its base if another word of it is known, else make one. */
static struct lock *lock_at(struct model *m, struct process *p, const struct mapping *map,
			    uint64_t addr, struct word_guess guess)
{
	uint64_t space = map ? map->space : p->id;
	uint64_t here = map ? map->offset : addr;
	uint64_t base = here - (addr - guess.base);
	struct word *w = find_word(m, space, base);
	struct lock *l;

	if (!w && addr & 4) { /* the second word of a pair, without a look at its memory */
		w = find_word(m, space, here - 4);
		if (w && w->lock->kind != KIND_CONDITION && w->lock->kind != KIND_RWLOCK)
			w = NULL;
		base = w ? here - 4 : base;
	}
	l = w ? w->lock : NULL;

	if (!l) {
		l = new_lock(m, p, map, guess);
		add_word(m, l, space, base);
	}
	if (here != base)
		add_word(m, l, space, here);
	return l;
}

void lock_touch(const struct model *m, struct lock *l)
{
	l->active = true;
	l->last_ns = m->now_ns;
	if (!l->first_ns)
		l->first_ns = m->now_ns;
}

struct lock *lock_find(struct model *m, struct process *p, uint64_t addr, uint32_t op, uint32_t val)
{
	struct lock *l = lock_lookup(m, p, addr, op);
	const struct region *r;

	if (!l) {
		r = find_region(p, addr);
		l = r ? region_lock(m, p, r, addr)
		      : lock_at(m, p, shared_find(m, p, addr, op), addr,
				word_guess_call(addr, op, val, is_own_tid(m, p, val)));
	}
	if (l->kind == KIND_FUTEX && !(op & FUTEX_PRIVATE_FLAG))
		l->waited_val = val;
	lock_touch(m, l);
	return l;
}

/* Neither waits nor waiters, and no word leads to it any more. */
static bool is_unused(const struct lock *l)
{
	return !l->words && !l->parties && !l->crowded && !l->blocked;
}

static void point_word(struct model *m, struct lock *l, uint64_t space, uint64_t addr)
{
	struct word *w = find_word(m, space, addr);
	struct lock *old = w ? w->lock : NULL;

	if (!w) {
		add_word(m, l, space, addr);
	} else if (old != l) {
		DL_DELETE(old->words, w);
		w->lock = l;
		DL_APPEND(l->words, w);
		if (is_unused(old)) {
			lock_add(l, old);
			room_drop(m, old);
		}
	}
}

void lock_point(struct model *m, struct lock *l, const struct process *p, uint64_t addr)
{
	point_word(m, l, p->id, addr);
}

/* Spaces are small numbers: their high bits are free for the kind. */
static uint64_t named_space(const struct process *p, enum lock_kind kind)
{
	return p->id | (uint64_t)kind << 56;
}

struct lock *lock_named(struct model *m, const struct process *p, enum lock_kind kind, uint64_t name)
{
	struct word *w = find_word(m, named_space(p, kind), name);

	return w ? w->lock : NULL;
}

struct lock *lock_name(struct model *m, const struct process *p, enum lock_kind kind, uint64_t name,
		       struct lock *l, uint64_t base)
{
	struct word_guess guess = { kind, base };

	if (!l)
		l = new_lock(m, p, NULL, guess);
	point_word(m, l, named_space(p, kind), name);
	return l;
}

static void remove_word(struct model *m, const struct process *p, uint64_t addr)
{
	struct word *w = find_word(m, p->id, addr);

	if (!w)
		return;
	HASH_DEL(m->words, w);
	DL_DELETE(w->lock->words, w);
	if (is_unused(w->lock))
		room_drop(m, w->lock);
	free(w);
}

bool lock_is_python(const struct lock *l)
{
	return l->kind >= KIND_PY_LOCK && l->kind <= KIND_PY_CONDITION;
}

/* A pthread mutex of its own kind. */
static bool is_own_mutex(enum lock_kind kind)
{
	return kind == KIND_PI_MUTEX || kind == KIND_ROBUST_MUTEX;
}

/* What memory does not show for a moment (a mutex while its owner unlocks) refutes nothing. */
static void vote(struct lock *l, enum lock_kind kind)
{
	bool vague = kind == KIND_FUTEX || kind == KIND_LOW_LEVEL;

	if (l->kind == KIND_GIL || l->kind == KIND_HANDOFF || lock_is_python(l) || l->by_object)
		return;
	l->votes[kind] += vague ? 1 : 4;
	if (l->by_frames && !(l->kind == KIND_MUTEX && is_own_mutex(kind)))
		return;
	if (l->votes[kind] >= l->votes[l->kind])
		l->kind = kind;
}

/* A lock that nobody slept on turns out to be another word of one that is known. */
static struct lock *absorb(struct model *m, struct lock *into, struct lock *from)
{
	struct word *w;

	if (into == from || from->parties || from->crowded || from->blocked)
		return from;
	DL_FOREACH(from->words, w) w->lock = into;
	DL_CONCAT(into->words, from->words);
	from->words = NULL;
	lock_add(into, from);
	room_drop(m, from);
	return into;
}

/* The word was a Python lock's; is its memory another object's now? */
static bool is_reused(enum lock_kind kind)
{
	return kind != KIND_FUTEX && kind != KIND_LOW_LEVEL && kind != KIND_SEMAPHORE &&
	       kind != KIND_WAIT_LIST;
}

void lock_describe(struct model *m, struct process *p, const struct wire_word *w)
{
	const struct mapping *map = shared_find(m, p, w->addr, w->op);
	struct lock *l = lock_lookup(m, p, w->addr, w->op);
	struct word_guess guess;
	struct word *first;
	uint64_t base;

	if (find_region(p, w->addr))
		return;
	guess = word_guess_memory(w, is_own_tid(m, p, w->val));
	if (l && (lock_is_python(l) || l->by_object)) {
		if (!is_reused(guess.kind))
			return;
		remove_word(m, p, w->addr);
		l = NULL;
	}
	base = (map ? map->offset : w->addr) - (w->addr - guess.base);
	if (!l) {
		l = lock_at(m, p, map, w->addr, guess);
	} else if ((first = find_word(m, l->space, base))) {
		l = absorb(m, first->lock, l);
	} else {
		add_word(m, l, l->space, base);
		l->base = base;
	}
	vote(l, guess.kind);
}

struct party *lock_party_find(const struct lock *l, const struct thread *t)
{
	struct party *p;

	HASH_FIND(hh, l->parties, &t->id, sizeof(t->id), p);
	return p;
}

struct party *lock_party(struct model *m, struct lock *l, const struct thread *t)
{
	struct party *p = lock_party_find(l, t);

	if (p) {
		p->tid = t->tid; /* an exec may have changed it */
		return p;
	}
	if (m->n_parties >= MODEL_MAX_PARTIES) {
		l->crowded = true;
		return &l->rest;
	}
	p = xcalloc(1, sizeof(*p));
	p->thread_id = t->id;
	p->tid = t->tid;
	p->pid = t->process->pid;
	memcpy(p->comm, t->comm, sizeof(p->comm));
	HASH_ADD(hh, l->parties, thread_id, sizeof(p->thread_id), p);
	m->n_parties++;
	return p;
}

/*
 * The words of its condition variable that are slept on; which they are depends on the version of
 * glibc, and the one between them is the variable's own lock.
 */
static uint32_t signal_bit(const struct lock *l, uint64_t addr)
{
	return addr >= l->base && addr < l->base + GIL_COND_SIZE ? 1u << (addr - l->base) / 4 : 0;
}

void lock_slept_on(struct lock *l, uint64_t addr, uint32_t op)
{
	if (l->gil && (op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET)
		l->gil->signals |= signal_bit(l, addr);
}

bool lock_signals(const struct lock *l, uint64_t addr)
{
	return l->gil && (addr == l->base + 16 || addr == l->base + 20);
}

bool lock_given_up(const struct lock *l, uint64_t addr, uint32_t op)
{
	return l->gil && (op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && !signal_bit(l, addr);
}

bool lock_releases(const struct lock *l, uint64_t addr)
{
	/* wakes on the other words of a GIL belong to taking it as well */
	return !l->gil || l->gil->signals & signal_bit(l, addr);
}

/* A condition becomes a hand-off lock by how it is used. */
static bool behaves_like_gil(const struct lock *l)
{
	uint64_t wakes = l->wakes_by_thread; /* timeouts are no wakes */

	return (l->kind == KIND_CONDITION || l->kind == KIND_FUTEX) &&
	       l->rewaits >= HANDOFF_MIN_REWAITS && wakes >= HANDOFF_MIN_WAKES &&
	       (double)l->wakes_by_waiter >= HANDOFF_OWN_WAKES * (double)wakes;
}

void lock_learn(struct lock *l)
{
	if (behaves_like_gil(l))
		l->kind = KIND_HANDOFF;
}

void lock_free_all(struct model *m)
{
	struct lock *l, *next;

	DL_FOREACH_SAFE(m->locks, l, next) room_drop(m, l);
	hist_free(&m->folded.hist);
}
