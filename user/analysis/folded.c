// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * folded.c - see folded.h.
 *
 * Many stacks look the same once they are spelled out: addresses of one function, stacks cut at
 * different places.  So each text is kept once, each list of texts is kept once, and rows of a
 * thread with the same list become one.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/folded.h"
#include "user/analysis/frame.h"
#include "user/base/buf.h"

struct text {
	UT_hash_handle hh;
	char s[];
};

/* Outermost first; the key are the addresses of its texts. */
struct list {
	UT_hash_handle hh;
	size_t n;
	const char *frames[];
};

struct spelled {
	const struct stack *stack;
	const struct list *list;
	UT_hash_handle hh;
};

struct folded_pool {
	struct text *texts;
	struct list *lists;
	struct spelled *spelled;
};

struct entry {
	uint64_t thread_id;
	const struct list *list;
	struct report_folded row;
};

struct folding {
	struct folded_pool *pool;
	const struct thread_times *times;
	size_t n_times;
	struct entry *entries;
	size_t n, cap;
};

/* --- spelling --------------------------------------------------------------------------------- */

static const char *text_get(struct folded_pool *pool, const char *s)
{
	size_t len = strlen(s);
	struct text *t;

	HASH_FIND(hh, pool->texts, s, len, t);
	if (t)
		return t->s;
	t = xcalloc(1, sizeof(*t) + len + 1);
	memcpy(t->s, s, len);
	HASH_ADD_KEYPTR(hh, pool->texts, t->s, len, t);
	return t->s;
}

static const struct list *list_get(struct folded_pool *pool, const char *const *frames, size_t n)
{
	size_t bytes = n * sizeof(*frames);
	struct list *l;

	HASH_FIND(hh, pool->lists, frames, bytes, l);
	if (l)
		return l;
	l = xcalloc(1, sizeof(*l) + bytes);
	l->n = n;
	memcpy(l->frames, frames, bytes);
	HASH_ADD_KEYPTR(hh, pool->lists, l->frames, bytes, l);
	return l;
}

static const struct list *spell_out(struct folded_pool *pool, const struct stack *stack)
{
	static const char *const ends[] = {
		[MIX_TRUNCATED] = "[truncated]",
		[MIX_CUT] = "[cut off]",
		[MIX_UNKNOWN] = "[unknown]",
	};
	const char *frames[MIX_MAX + 1];
	struct buf b = { 0 };
	struct mix mix = { .n = 0, .end = MIX_UNKNOWN };
	size_t n = 0;

	if (stack)
		mix_expand(stack, &mix);
	if (!mix.n)
		mix.end = MIX_UNKNOWN;
	if (mix.end != MIX_WHOLE)
		frames[n++] = text_get(pool, ends[mix.end]);
	for (size_t i = mix.n; i--;) {
		b.len = 0;
		frame_put_name(&b, mix.frames[i]);
		frames[n++] = text_get(pool, b.data);
	}
	buf_free(&b);
	return list_get(pool, frames, n);
}

static const struct list *spell(struct folded_pool *pool, const struct stack *stack)
{
	struct spelled *s;

	HASH_FIND_PTR(pool->spelled, &stack, s);
	if (s)
		return s->list;
	s = xcalloc(1, sizeof(*s));
	s->stack = stack;
	s->list = spell_out(pool, stack);
	HASH_ADD_PTR(pool->spelled, stack, s);
	return s->list;
}

/* --- collecting ------------------------------------------------------------------------------- */

static void add(struct folding *f, uint64_t thread_id, uint32_t pid, uint32_t tid, const char *comm,
		const struct stack *stack, uint64_t ns)
{
	long i = thread_times_find(f->times, f->n_times, thread_id);
	struct entry *e;

	if (!ns)
		return;
	e = &vec_push(f->entries, f->n, f->cap);
	e->thread_id = thread_id;
	e->list = spell(f->pool, stack);
	e->row = (struct report_folded){ .pid = pid, .tid = tid, .ns = ns };
	e->row.comm = i < 0 ? comm : f->times[i].thread->comm;
}

static uint64_t round_ns(double ns)
{
	return (uint64_t)(ns + 0.5);
}

/* Each row is rounded so that the sum is not. */
static void collect_cpu(struct folding *f, const struct model *m)
{
	struct process *p;
	struct site *s;

	DL_FOREACH (m->all_processes, p) {
		double scale = p->sites ? analysis_cpu_scale(p, f->times, f->n_times) : 0;
		double sampled = 0, before;

		LL_FOREACH(p->sites, s)
		{
			before = sampled;
			sampled += (double)s->ns;
			add(f, s->key.thread_id, p->pid, s->tid, s->comm, s->key.stack,
			    round_ns(sampled * scale) - round_ns(before * scale));
		}
	}
}

/* One thread's part in a lock: what its sites do not say was at `rest`, as far as that was seen. */
static void collect_party(struct folding *f, const struct party *p, enum site_role role,
			  const struct stack *rest, uint64_t rest_ns, uint64_t all_ns)
{
	uint64_t known = rest ? rest_ns : 0;

	for (const struct site *s = p->sites; s; s = s->next) {
		if (s->key.role != (uint32_t)role)
			continue;
		add(f, p->thread_id, p->pid, p->tid, p->comm, s->key.stack, s->ns);
		known += s->ns;
	}
	if (rest)
		add(f, p->thread_id, p->pid, p->tid, p->comm, rest, rest_ns);
	if (all_ns > known)
		add(f, p->thread_id, p->pid, p->tid, p->comm, NULL, all_ns - known);
}

static void collect_waiting(struct folding *f, const struct party *p)
{
	collect_party(f, p, SITE_WAIT, p->waited_at, p->waited_new_ns, p->wait_ns);
}

static void collect_holding(struct folding *f, const struct party *p)
{
	collect_party(f, p, SITE_HOLDING, p->held_at, p->blamed_new_ns, p->blamed_ns);
}

static void collect_locks(struct folding *f, const struct model *m, enum report_profile profile)
{
	void (*collect)(struct folding *, const struct party *) =
		profile == PROFILE_WAITING ? collect_waiting : collect_holding;
	const struct party *p;
	struct lock *l;

	DL_FOREACH (m->locks, l) {
		if (profile == PROFILE_HOLDING && lock_kinds[l->kind].class == CLASS_COND)
			continue;
		for (p = l->parties; p; p = p->hh.next)
			collect(f, p);
		collect(f, &l->rest);
	}
	if (profile == PROFILE_WAITING)
		collect(f, &m->folded.rest);
}

/* --- rows ------------------------------------------------------------------------------------- */

static int compare_frames(const struct list *x, const struct list *y)
{
	int order;

	for (size_t i = 0; i < x->n && i < y->n; i++) {
		order = strcmp(x->frames[i], y->frames[i]);
		if (order)
			return order;
	}
	return (x->n > y->n) - (x->n < y->n);
}

static int by_thread_and_list(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->thread_id != y->thread_id)
		return x->thread_id < y->thread_id ? -1 : 1;
	if (x->row.pid != y->row.pid)
		return x->row.pid < y->row.pid ? -1 : 1;
	return x->list == y->list ? 0 : compare_frames(x->list, y->list);
}

static int by_weight(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->row.ns != y->row.ns)
		return x->row.ns < y->row.ns ? 1 : -1;
	return by_thread_and_list(a, b);
}

static void fill_rows(struct report *r, enum report_profile profile, struct folding *f)
{
	size_t n = 0;

	if (f->n)
		qsort(f->entries, f->n, sizeof(*f->entries), by_thread_and_list);
	for (size_t i = 0; i < f->n; i++) {
		if (n && by_thread_and_list(&f->entries[n - 1], &f->entries[i]) == 0)
			f->entries[n - 1].row.ns += f->entries[i].row.ns;
		else
			f->entries[n++] = f->entries[i];
	}
	if (n)
		qsort(f->entries, n, sizeof(*f->entries), by_weight);
	r->folded[profile] = xcalloc(n, sizeof(*r->folded[profile]));
	r->n_folded[profile] = n;
	for (size_t i = 0; i < n; i++) {
		f->entries[i].row.frames = (const char **)f->entries[i].list->frames;
		f->entries[i].row.n = f->entries[i].list->n;
		r->folded[profile][i] = f->entries[i].row;
	}
	free(f->entries);
}

void analysis_folded(struct report *r, const struct model *m, const struct thread_times *times,
		     size_t n)
{
	r->folded_pool = xcalloc(1, sizeof(*r->folded_pool));
	if (!m->samples)
		return;
	for (int profile = 0; profile < PROFILE_COUNT; profile++) {
		struct folding f = { .pool = r->folded_pool, .times = times, .n_times = n };

		if (profile == PROFILE_ON_CPU)
			collect_cpu(&f, m);
		else
			collect_locks(&f, m, (enum report_profile)profile);
		fill_rows(r, (enum report_profile)profile, &f);
	}
}

void report_free_folded(struct report *r)
{
	struct folded_pool *pool = r->folded_pool;
	struct spelled *spelled, *next_spelled;
	struct list *list, *next_list;
	struct text *text, *next_text;

	for (int i = 0; i < PROFILE_COUNT; i++)
		free(r->folded[i]);
	if (!pool)
		return;
	HASH_ITER (hh, pool->spelled, spelled, next_spelled) {
		HASH_DEL(pool->spelled, spelled);
		free(spelled);
	}
	HASH_ITER (hh, pool->lists, list, next_list) {
		HASH_DEL(pool->lists, list);
		free(list);
	}
	HASH_ITER (hh, pool->texts, text, next_text) {
		HASH_DEL(pool->texts, text);
		free(text);
	}
	free(pool);
}
