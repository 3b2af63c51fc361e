// SPDX-License-Identifier: GPL-2.0-or-later
/* room.c - see room.h. */
#include <stdlib.h>
#include <utlist.h>

#include "user/model/blame.h"
#include "user/model/lock.h"
#include "user/model/room.h"
#include "user/model/stack.h"
#include "user/model/timeline.h"

#define ROOM_PAID 64 /* looks for each new lock */
#define ROOM_SAVED (4 * MODEL_MAX_LOCKS)

static void fold_party(struct party *into, const struct party *from)
{
	into->waits += from->waits;
	into->wait_ns += from->wait_ns;
	into->blocked_ns += from->blocked_ns;
	into->drop_ns += from->drop_ns;
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
		site_free_list(m, p->sites);
		free(p);
		m->n_parties--;
	}
}

static void free_words(struct model *m, struct lock *l)
{
	struct word *w, *next;

	DL_FOREACH_SAFE(l->words, w, next)
	{
		HASH_DEL(m->words, w);
		free(w);
	}
}

void room_drop(struct model *m, struct lock *l)
{
	free_parties(m, l);
	site_free_list(m, l->rest.sites);
	free_words(m, l);
	hist_free(&l->hist);
	if (l->gil)
		hist_free(&l->gil->ready);
	free(l->gil);
	lock_unlink(l);
	timeline_lock_gone(m, l);
	DL_DELETE(m->locks, l);
	m->n_locks--;
	free(l);
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
			t->folded_ns[lock_class(l)] += p->blocked_ns + p->drop_ns;
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
	room_drop(m, l);
	m->folded_locks++;
}

static bool points_to(const struct thread *t, const struct lock *l)
{
	return t->wait.lock == l || t->asleep_on == l || t->dropped == l || t->python.held == l;
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

/* Visits to a lock, one for each of its parties that in_use() may have to look at. */
static int64_t effort(const struct model *m, const struct lock *l)
{
	return 1 + HASH_COUNT(l->parties) + (l->crowded ? HASH_COUNT(m->by_tid) : 0);
}

/*
 * Make room: the oldest lock goes unless it was used since the last look or matters.  So few locks
 * that matter outlive a million that do not.  Where nearly all are in use (as many threads as locks,
 * each asleep on its own) looking at all of them for each new one would take longer than the rest of
 * the model: a new lock pays for some looks, what was not spent is saved up for one round or two, and
 * the table grows meanwhile, by what is in use.
 */
void room_make(struct model *m)
{
	m->room_spent -= m->room_spent < ROOM_PAID ? m->room_spent : ROOM_PAID;
	while (m->n_locks >= MODEL_MAX_LOCKS && m->room_spent < ROOM_SAVED) {
		struct lock *l = m->locks;

		m->room_spent += effort(m, l);
		if (!l->active && !matters(m, l) && !in_use(m, l)) {
			fold_lock(m, l);
			continue;
		}
		l->active = false;
		DL_DELETE(m->locks, l);
		DL_APPEND(m->locks, l);
	}
}
