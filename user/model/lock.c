// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lock.c - the table of locks; see lock.h.
 *
 * A word is found by (space, address).  The space of a private futex is its process (a new one after
 * exec); of a shared futex the file it lies in, so that one multiprocessing lock is one lock in all
 * processes.  Several words can lead to one lock: the two of a condition variable, all of a GIL.
 *
 * Blame: while n threads sleep on a lock and h holds it, h is charged n times the time.  So 10 ms
 * behind nine holders of about 1 ms charge nine holders, and the cost of an event does not depend
 * on how many threads sleep.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/lock.h"
#include "user/model/word.h"

#define FUTEX_PRIVATE 0x80

/* Layout of CPython's GIL from its condition variable on, the same in 3.9 - 3.15 on x86-64 and
 * arm64 up to the mutex: cond 48, mutex 40 (48 on arm64). */
#define GIL_COND_SIZE 48

/* Evidence for a condition that its own waiters hand round, see VERDICT.md. */
#define HANDOFF_MIN_REWAITS 3
#define HANDOFF_MIN_WAKES 8
#define HANDOFF_OWN_WAKES 0.9

struct shared_file {
	struct {
		uint64_t inode;
		uint64_t dev;
	} key;
	uint64_t space;
	UT_hash_handle hh;
};

struct mapping {
	struct {
		uint64_t process, addr;
	} key;
	uint64_t space, offset;
	uint32_t dev;
	uint64_t inode;
	char path[64];
	UT_hash_handle hh;
};

struct shared {
	struct shared_file *files;
	struct mapping *mappings;
};

static struct mapping *find_mapping(const struct model *m, const struct process *p, uint64_t addr,
				    uint32_t op)
{
	struct mapping *map = NULL;
	typeof(map->key) key = { p->id, addr };

	if (op & FUTEX_PRIVATE || !m->shared)
		return NULL;
	HASH_FIND(hh, m->shared->mappings, &key, sizeof(key), map);
	return map;
}

void lock_map_shared(struct model *m, struct process *p, const struct wire_shared *s)
{
	struct shared_file *file = NULL;
	struct mapping *map = NULL;
	typeof(file->key) file_key = { s->inode, s->dev };
	typeof(map->key) key = { p->id, s->addr };

	if (!m->shared)
		m->shared = xcalloc(1, sizeof(*m->shared));
	HASH_FIND(hh, m->shared->mappings, &key, sizeof(key), map);
	if (map)
		return;
	HASH_FIND(hh, m->shared->files, &file_key, sizeof(file_key), file);
	if (!file) {
		file = xcalloc(1, sizeof(*file));
		file->key = file_key;
		file->space = ++m->last_id;
		HASH_ADD(hh, m->shared->files, key, sizeof(file->key), file);
	}
	map = xcalloc(1, sizeof(*map));
	map->key = key;
	map->space = file->space;
	map->offset = s->offset;
	map->dev = s->dev;
	map->inode = s->inode;
	memcpy(map->path, s->path, sizeof(map->path));
	HASH_ADD(hh, m->shared->mappings, key, sizeof(map->key), map);
}

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
	LL_PREPEND(l->words, w);
	HASH_ADD(hh, m->words, key, sizeof(w->key), w);
}

enum lock_class lock_class(const struct lock *l)
{
	return lock_kinds[l->kind].class;
}

static void fold_party(struct party *into, const struct party *from)
{
	into->waits += from->waits;
	into->wait_ns += from->wait_ns;
	into->blocked_ns += from->blocked_ns;
	into->blamed_ns += from->blamed_ns;
	into->holds += from->holds;
	into->wakes += from->wakes;
}

static void free_parties(struct model *m, struct lock *l)
{
	struct party *p, *next;

	HASH_ITER(hh, l->parties, p, next)
	{
		HASH_DEL(l->parties, p);
		free(p);
		m->n_parties--;
	}
}

static void free_words(struct model *m, struct lock *l)
{
	struct word *w, *next;

	LL_FOREACH_SAFE(l->words, w, next)
	{
		HASH_DEL(m->words, w);
		free(w);
	}
}

/* Threads that waited for it keep their time by class. */
static void fold_blocked(struct model *m, struct lock *l)
{
	struct thread *t;
	struct party *p, *next;

	HASH_ITER(hh, l->parties, p, next)
	{
		HASH_FIND(hh, m->by_tid, &p->tid, sizeof(p->tid), t);
		if (t && t->id == p->thread_id)
			t->folded_ns[lock_class(l)] += p->blocked_ns;
	}
}

void lock_add(struct lock *into, const struct lock *l)
{
	const struct party *p;

	into->waits += l->waits;
	into->open += l->open;
	into->carried += l->carried;
	into->aborted += l->aborted;
	into->calls += l->calls;
	into->timeouts += l->timeouts;
	into->interrupted += l->interrupted;
	into->again += l->again;
	into->wakes += l->wakes;
	into->empty_wakes += l->empty_wakes;
	into->wait_ns += l->wait_ns;
	into->blocked_ns += l->blocked_ns;
	into->delay_ns += l->delay_ns;
	into->unknown_ns += l->unknown_ns + l->pending_ns;
	into->max_ns = l->max_ns > into->max_ns ? l->max_ns : into->max_ns;
	if (!into->first_ns || l->first_ns < into->first_ns)
		into->first_ns = l->first_ns;
	into->last_ns = l->last_ns > into->last_ns ? l->last_ns : into->last_ns;
	hist_merge(&into->hist, &l->hist);
	for (p = l->parties; p; p = p->hh.next)
		fold_party(&into->rest, p);
	fold_party(&into->rest, &l->rest);
}

static void fold_lock(struct model *m, struct lock *l)
{
	lock_add(&m->folded, l);
	fold_blocked(m, l);
	free_parties(m, l);
	free_words(m, l);
	hist_free(&l->hist);
	DL_DELETE(m->locks, l);
	m->n_locks--;
	m->folded_locks++;
	free(l);
}

static bool points_to(const struct thread *t, const struct lock *l)
{
	return t->wait.lock == l || t->asleep_on == l || t->dropped == l;
}

/* A thread may still point to it. */
static bool in_use(const struct model *m, const struct lock *l)
{
	const struct party *p, *next;
	struct thread *t;

	if (l->blocked)
		return true;
	HASH_ITER(hh, l->parties, p, next)
	{
		HASH_FIND(hh, m->by_tid, &p->tid, sizeof(p->tid), t);
		if (t && points_to(t, l))
			return true;
	}
	if (!l->crowded)
		return false;
	for (t = m->by_tid; t; t = t->hh.next)
		if (points_to(t, l))
			return true;
	return false;
}

/* A thousandth of all waits that somebody ended, or of their time; a timeout is nobody's lock. */
static bool matters(const struct model *m, const struct lock *l)
{
	return l->waits && (l->waits > m->total_waits / 1024 || l->wait_ns > m->total_wait_ns / 1024);
}

/*
 * Make room: the oldest lock goes unless it was used since the last look or matters.  So few locks
 * that matter outlive a million that do not.
 */
static void make_room(struct model *m)
{
	for (size_t looks = 0; m->n_locks >= MODEL_MAX_LOCKS && looks < MODEL_MAX_LOCKS * 2; looks++) {
		struct lock *l = m->locks;

		if (!l->active && !matters(m, l) && !in_use(m, l)) {
			fold_lock(m, l);
			return;
		}
		l->active = false;
		DL_DELETE(m->locks, l);
		DL_APPEND(m->locks, l);
	}
}

static struct lock *new_lock(struct model *m, const struct process *p, const struct mapping *map,
			     struct word_guess guess)
{
	struct lock *l;

	if (m->n_locks >= MODEL_MAX_LOCKS)
		make_room(m);
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
		memcpy(l->name, r->name, sizeof(l->name));
		add_word(m, l, l->space, r->begin);
	}
	if (addr != r->begin)
		add_word(m, l, l->space, addr);
	return l;
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
	const struct mapping *map = find_mapping(m, p, addr, op);
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

struct lock *lock_find(struct model *m, struct process *p, uint64_t addr, uint32_t op, uint32_t val)
{
	struct lock *l = lock_lookup(m, p, addr, op);
	const struct region *r;

	if (!l) {
		r = find_region(p, addr);
		l = r ? region_lock(m, p, r, addr)
		      : lock_at(m, p, find_mapping(m, p, addr, op), addr,
				word_guess_call(addr, op, val, is_own_tid(m, p, val)));
	}
	if (l->kind == KIND_FUTEX && !(op & FUTEX_PRIVATE))
		l->waited_val = val;
	l->active = true;
	l->last_ns = m->now_ns;
	if (!l->first_ns)
		l->first_ns = m->now_ns;
	return l;
}

/* What memory does not show for a moment (a mutex while its owner unlocks) refutes nothing. */
static void vote(struct lock *l, enum lock_kind kind)
{
	bool vague = kind == KIND_FUTEX || kind == KIND_LOW_LEVEL;

	if (l->kind == KIND_GIL || l->kind == KIND_HANDOFF)
		return;
	l->votes[kind] += vague ? 1 : 4;
	if (l->votes[kind] >= l->votes[l->kind])
		l->kind = kind;
}

/* A lock that nobody slept on turns out to be another word of one that is known. */
static struct lock *absorb(struct model *m, struct lock *into, struct lock *from)
{
	struct word *w;

	if (into == from || from->parties || from->blocked)
		return from;
	LL_FOREACH(from->words, w) w->lock = into;
	LL_CONCAT(into->words, from->words);
	lock_add(into, from);
	hist_free(&from->hist);
	DL_DELETE(m->locks, from);
	m->n_locks--;
	free(from);
	return into;
}

void lock_describe(struct model *m, struct process *p, const struct wire_word *w)
{
	const struct mapping *map = find_mapping(m, p, w->addr, w->op);
	struct lock *l = lock_lookup(m, p, w->addr, w->op);
	struct word_guess guess;
	struct word *first;
	uint64_t base;

	if (find_region(p, w->addr))
		return;
	guess = word_guess_memory(w, is_own_tid(m, p, w->val));
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

struct party *lock_party(struct model *m, struct lock *l, const struct thread *t)
{
	struct party *p;

	HASH_FIND(hh, l->parties, &t->id, sizeof(t->id), p);
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

void lock_charge(struct model *m, struct lock *l, uint64_t ts)
{
	uint64_t ns = model_inside_ns(m, l->charged_ns, ts) * l->blocked;
	struct party *p = NULL;

	if (ts > l->charged_ns)
		l->charged_ns = ts;
	if (!ns)
		return;
	if (l->holder_id)
		HASH_FIND(hh, l->parties, &l->holder_id, sizeof(l->holder_id), p);
	if (p)
		p->blamed_ns += ns;
	else
		l->pending_ns += ns;
}

void lock_sleepers(struct model *m, struct lock *l, int change, uint64_t ts)
{
	lock_charge(m, l, ts);
	l->blocked += (uint32_t)change;
	if (l->blocked > l->max_blocked)
		l->max_blocked = l->blocked;
}

void lock_hold(struct model *m, struct lock *l, const struct thread *holder, uint64_t ts)
{
	uint64_t id = holder ? holder->id : 0;

	if (id == l->holder_id)
		return;
	lock_charge(m, l, ts);
	l->holder_id = id;
	l->unknown_ns += l->pending_ns; /* nobody ever said who had it */
	l->pending_ns = 0;
	if (holder)
		lock_party(m, l, holder)->holds++;
}

void lock_seen_held(struct model *m, struct lock *l, const struct thread *holder, uint64_t ts)
{
	if (!l->holder_id) {
		lock_charge(m, l, ts);
		lock_party(m, l, holder)->blamed_ns += l->pending_ns;
		l->pending_ns = 0;
	}
	lock_hold(m, l, holder, ts);
}

void lock_learn_join(struct model *m, struct lock *l, uint64_t ts)
{
	struct thread *t;

	if (l->kind != KIND_FUTEX || !l->waited_val)
		return;
	HASH_FIND(hh, m->by_tid, &l->waited_val, sizeof(l->waited_val), t);
	if (!t || t->ns_tid != l->waited_val || t->process->id != l->space)
		return;
	l->kind = KIND_JOIN;
	lock_seen_held(m, l, t, ts);
}

void lock_finish(struct model *m, struct lock *l, uint64_t end)
{
	lock_learn_join(m, l, end);
	lock_charge(m, l, end);
	l->unknown_ns += l->pending_ns;
	l->pending_ns = 0;
}

bool lock_releases(const struct lock *l, uint64_t addr)
{
	/* wakes on the other words of a GIL belong to taking it as well */
	return l->kind != KIND_GIL || (addr >= l->base && addr < l->base + GIL_COND_SIZE);
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
	struct mapping *map, *next_map;
	struct shared_file *file, *next_file;

	DL_FOREACH_SAFE(m->locks, l, next)
	{
		free_parties(m, l);
		free_words(m, l);
		hist_free(&l->hist);
		free(l);
	}
	hist_free(&m->folded.hist);
	if (!m->shared)
		return;
	HASH_ITER(hh, m->shared->mappings, map, next_map)
	{
		HASH_DEL(m->shared->mappings, map);
		free(map);
	}
	HASH_ITER(hh, m->shared->files, file, next_file)
	{
		HASH_DEL(m->shared->files, file);
		free(file);
	}
	free(m->shared);
}
