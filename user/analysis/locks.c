// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * locks.c - the locks of a report: who waited, who held, how long; see analysis.h.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/analysis.h"
#include "user/analysis/frame.h"
#include "user/analysis/lock_name.h"
#include "user/analysis/sites.h"
#include "user/base/buf.h"
#include "user/model/lock.h"

_Static_assert(HIST_SUB == REPORT_HIST_SUB, "report.h describes the same histogram");

long thread_times_find(const struct thread_times *times, size_t n, uint64_t id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (times[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && times[low].id == id ? (long)low : -1;
}

static enum report_lock_class report_class(const struct lock *l)
{
	static const enum report_lock_class classes[CLASS_COUNT] = {
		[CLASS_LOCK] = LOCK_CLASS_LOCK,
		[CLASS_GIL] = LOCK_CLASS_GIL,
		[CLASS_COND] = LOCK_CLASS_COND,
	};

	return classes[lock_kinds[l->kind].class];
}

/* What a thread is sorted by, for each of the three lists. */
static uint64_t as_waiter(const struct party *p)
{
	return p->wait_ns + (p->waits ? 1 : 0);
}

static uint64_t as_holder(const struct party *p)
{
	return p->blamed_ns;
}

static uint64_t as_waker(const struct party *p)
{
	return p->wakes;
}

struct row {
	uint64_t weight;
	const struct party *party;
};

static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return x->party->thread_id < y->party->thread_id ? -1 : 1;
}

/* The thread's own name as it was last; threads name themselves after their first wait. */
static void fill_party(struct report_party *ret, const struct party *p,
		       const struct thread_times *times, size_t n)
{
	long i = thread_times_find(times, n, p->thread_id);

	ret->tid = p->tid;
	ret->pid = p->pid;
	memcpy(ret->comm, i < 0 ? p->comm : times[i].thread->comm, sizeof(ret->comm));
	ret->name = i < 0 ? "" : times[i].thread->python.name;
}

/* The parties with the greatest weight; two slots more are left, for nobody and for an unknown one. */
static struct report_party *top_parties(const struct lock *l, uint64_t (*weight)(const struct party *),
					const struct thread_times *times, size_t n_times,
					size_t *ret_n)
{
	size_t n = 0, all = HASH_COUNT(l->parties);
	struct row *rows = xcalloc(all, sizeof(*rows));
	struct report_party *top;
	struct party *p;

	for (p = l->parties; p; p = p->hh.next)
		if (weight(p))
			rows[n++] = (struct row){ weight(p), p };
	qsort(rows, n, sizeof(*rows), by_weight);
	if (n > ANALYSIS_MAX_PARTIES)
		n = ANALYSIS_MAX_PARTIES;
	top = xcalloc(n + 2, sizeof(*top));
	for (size_t i = 0; i < n; i++) {
		p = (struct party *)rows[i].party;
		fill_party(&top[i], p, times, n_times);
		top[i].ns = weight == as_waiter ? p->wait_ns : weight == as_holder ? p->blamed_ns : 0;
		top[i].count = weight == as_waiter   ? p->waits
			       : weight == as_holder ? p->holds
						     : p->wakes;
	}
	free(rows);
	*ret_n = n;
	return top;
}

static const char *unknown_why(const struct lock *l)
{
	switch (l->kind) {
	case KIND_LOW_LEVEL:
	case KIND_PY_LOCK:
		return "this lock does not record its owner";
	case KIND_RWLOCK:
		return "a rwlock does not record its readers";
	case KIND_GIL:
	case KIND_HANDOFF:
		return "taken without anybody waiting: no event tells by whom";
	default:
		return "taken without a system call after the last look";
	}
}

static void fill_holders(struct report_lock *ret, const struct lock *l,
			 const struct thread_times *times, size_t n)
{
	struct report_party *unknown;

	if (lock_kinds[l->kind].refutes_owner) {
		ret->owner_note = l->kind == KIND_FUTEX ? "use of this futex word is unknown"
							: "no owner by design";
		return;
	}
	ret->top_holders = top_parties(l, as_holder, times, n, &ret->n_top_holders);
	if (l->gil && l->gil->free_ns)
		ret->top_holders[ret->n_top_holders++] =
			(struct report_party){ .name = "nobody yet", .ns = l->gil->free_ns };
	if (!l->unknown_ns)
		return;
	unknown = &ret->top_holders[ret->n_top_holders++];
	unknown->ns = l->unknown_ns;
	unknown->name = "";
	unknown->why = unknown_why(l);
}

static void fill_hist(struct report_lock *ret, const struct lock *l)
{
	size_t n = 0;

	for (size_t i = 0; l->hist.slot && i < HIST_SLOTS; i++)
		n += l->hist.slot[i] != 0;
	ret->hist = xcalloc(n, sizeof(*ret->hist));
	for (size_t i = 0; l->hist.slot && i < HIST_SLOTS; i++)
		if (l->hist.slot[i])
			ret->hist[ret->n_hist++] =
				(struct report_hist_slot){ hist_floor(i), l->hist.slot[i] };
}

/* What no stack was seen for goes where the thread waited last. */
static void fill_sites(struct report_lock *ret, const struct lock *l,
		       const struct thread_times *times, size_t n)
{
	struct sites waiting = { .by = SITES_WAITING };

	for (const struct party *p = l->parties; p; p = p->hh.next) {
		sites_add_party(&waiting, p, SITE_WAIT);
		sites_add_rest(&waiting, p->waited_at, p, p->waited_new_ns);
	}
	ret->sites = sites_places(&waiting, times, n, &ret->n_sites);
	ret->place = frame_place(NULL);
	for (size_t i = ret->n_sites; i--;)
		if (ret->sites[i].place.function[0] || ret->sites[i].place.module[0])
			ret->place = ret->sites[i].place;
}

/* Likewise where its holders were seen; a GIL has that in its own part of the report. */
static void fill_holding(struct report_lock *ret, const struct lock *l,
			 const struct thread_times *times, size_t n)
{
	struct sites holding = { .by = SITES_FUNCTIONS };

	if (l->gil || lock_kinds[l->kind].class == CLASS_COND)
		return;
	for (const struct party *p = l->parties; p; p = p->hh.next) {
		sites_add_party(&holding, p, SITE_HOLDING);
		sites_add_rest(&holding, p->held_at, p, p->blamed_new_ns);
	}
	ret->holding = sites_places(&holding, times, n, &ret->n_holding);
}

static void fill_lock(struct report_lock *ret, const struct model *m, const struct lock *l,
		      const struct thread_times *times, size_t n)
{
	bool lean = m->window.flags & WIRE_WINDOW_LEAN;
	uint64_t ended = hist_count(&l->hist);
	struct party *p;

	ret->kind = lock_kinds[l->kind].name;
	ret->class = report_class(l);
	lock_name_fill(ret, m, l);
	ret->pid = l->pid;
	ret->addr = l->base;
	ret->timeline = l->timeline;
	ret->shared = l->shared;
	ret->dev = l->dev;
	ret->inode = l->inode;
	ret->waits = l->waits;
	ret->open = l->open;
	ret->carried = l->carried;
	ret->calls = l->calls;
	ret->timeouts = l->timeouts;
	ret->interrupted = l->interrupted;
	ret->again = lean ? REPORT_ABSENT : l->again;
	ret->wakes = lean ? REPORT_ABSENT : l->wakes;
	ret->empty_wakes = lean ? REPORT_ABSENT : l->empty_wakes;
	ret->wait_ns = l->wait_ns;
	ret->blocked_ns = l->blocked_ns;
	ret->delay_ns = l->delay_ns;
	ret->mean_ns = ended + l->open ? l->wait_ns / (ended + l->open) : 0;
	ret->p50_ns = hist_quantile(&l->hist, 0.50, l->max_ns);
	ret->p99_ns = hist_quantile(&l->hist, 0.99, l->max_ns);
	ret->max_ns = l->max_ns;
	for (p = l->parties; p; p = p->hh.next)
		ret->waiters += p->wait_ns || p->waits;
	ret->max_waiting = l->max_blocked;
	ret->first_ns = analysis_since_begin(m, l->first_ns);
	ret->last_ns = analysis_since_begin(m, l->last_ns);
	fill_hist(ret, l);
	ret->top_waiters = top_parties(l, as_waiter, times, n, &ret->n_top_waiters);
	ret->top_wakers = top_parties(l, as_waker, times, n, &ret->n_top_wakers);
	fill_holders(ret, l, times, n);
	fill_sites(ret, l, times, n);
	fill_holding(ret, l, times, n);
}

/* Each thread's time by class, and the lock that cost it most. */
static void add_times(const struct lock *l, struct thread_times *times, size_t n)
{
	enum lock_class class = lock_kinds[l->kind].class;
	const struct party *p;
	long i;

	for (p = l->parties; p; p = p->hh.next) {
		i = thread_times_find(times, n, p->thread_id);
		if (i < 0)
			continue;
		times[i].class_ns[class] += p->blocked_ns + p->drop_ns;
		if (class != CLASS_COND && p->wait_ns > times[i].top_ns) {
			times[i].top_ns = p->wait_ns;
			times[i].top = l;
		}
	}
}

/* Tell the threads that lost most on this lock by which number the report lists it. */
static void name_top(const struct lock *l, uint32_t row, struct thread_times *times, size_t n)
{
	const struct party *p;
	long i;

	for (p = l->parties; p; p = p->hh.next) {
		i = thread_times_find(times, n, p->thread_id);
		if (i >= 0 && times[i].top == l)
			times[i].top_row = row;
	}
}

static bool worth_a_row(const struct lock *l)
{
	return l->wait_ns || l->waits || l->open || l->timeouts || l->interrupted || l->again ||
	       l->wakes || l->empty_wakes;
}

/* Contention first, then by time. */
static int by_loss(const void *a, const void *b)
{
	const struct lock *x = *(const struct lock *const *)a, *y = *(const struct lock *const *)b;
	bool cond_x = lock_kinds[x->kind].class == CLASS_COND;
	bool cond_y = lock_kinds[y->kind].class == CLASS_COND;

	if (cond_x != cond_y)
		return cond_x ? 1 : -1;
	if (x->wait_ns != y->wait_ns)
		return x->wait_ns < y->wait_ns ? 1 : -1;
	if (x->space != y->space)
		return x->space < y->space ? -1 : 1;
	return x->base < y->base ? -1 : x->base > y->base;
}

/* Rows beyond the list are added to that of the folded locks: the totals stay exact. */
static struct lock *fold_rows(const struct model *m, const struct lock **sorted, size_t rows)
{
	struct lock *rest = xcalloc(1, sizeof(*rest));

	*rest = m->folded;
	rest->kind = KIND_FOLDED;
	rest->hist = (struct hist){ 0 };
	hist_merge(&rest->hist, &m->folded.hist);
	for (size_t i = ANALYSIS_MAX_LOCKS; i < rows; i++)
		lock_add(rest, sorted[i]);
	return rest;
}

const struct lock **analysis_locks(struct report *r, const struct model *m,
				   struct thread_times *times, size_t n)
{
	const struct lock **sorted = xcalloc(m->n_locks + 1, sizeof(*sorted));
	struct lock *l, *rest;
	size_t rows = 0;

	DL_FOREACH(m->locks, l)
	{
		add_times(l, times, n);
		if (worth_a_row(l))
			sorted[rows++] = l;
	}
	qsort(sorted, rows, sizeof(*sorted), by_loss);
	r->locks_total = rows + m->folded_locks;
	rest = fold_rows(m, sorted, rows);
	if (rows > ANALYSIS_MAX_LOCKS)
		rows = ANALYSIS_MAX_LOCKS;
	if (r->locks_total > rows)
		sorted[rows++] = rest;
	r->locks = xcalloc(rows, sizeof(*r->locks));
	r->n_locks = rows;
	for (size_t i = 0; i < rows; i++) {
		fill_lock(&r->locks[i], m, sorted[i], times, n);
		r->locks[i].id = (uint32_t)i + 1;
		name_top(sorted[i], r->locks[i].id, times, n);
	}
	hist_free(&rest->hist);
	free(rest);
	return sorted;
}
