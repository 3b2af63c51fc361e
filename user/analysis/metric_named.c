// SPDX-License-Identifier: GPL-2.0-or-later
/* metric_named.c - see metric_named.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/figures.h"
#include "user/analysis/metric_named.h"
#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/model/hist.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_MAX_BYTES 160 /* and one character; with what stands around below METRIC_KEY_MAX */
#define Z95 1.96	   /* of the normal distribution: 95 % within +- Z95 */

/* --- what there is of each ------------------------------------------------------------------- */

enum named_value {
	LOCK_WAIT,
	LOCK_SHARE,
	LOCK_WAITS,
	LOCK_MEAN,
	LOCK_P99,
	RUN_CPU,
	RUN_SHARE
};

static const struct suffix {
	enum metric_group group;
	const char *word;
	enum metric_unit unit;
	enum metric_better better;
	bool whole_run;
} suffixes[] = {
	[LOCK_WAIT] = { METRIC_LOCK, "wait", METRIC_SECONDS, METRIC_LOWER, true },
	[LOCK_SHARE] = { METRIC_LOCK, "share", METRIC_SHARE, METRIC_LOWER, false },
	[LOCK_WAITS] = { METRIC_LOCK, "waits", METRIC_PER_S, METRIC_LOWER, false },
	[LOCK_MEAN] = { METRIC_LOCK, "mean", METRIC_SECONDS, METRIC_LOWER, false },
	[LOCK_P99] = { METRIC_LOCK, "p99", METRIC_SECONDS, METRIC_LOWER, false },
	[RUN_CPU] = { METRIC_FUNCTION, "cpu", METRIC_SECONDS, METRIC_LOWER, true },
	[RUN_SHARE] = { METRIC_FUNCTION, "share", METRIC_SHARE, METRIC_NEITHER, false },
};

static const char *const prefixes[METRIC_GROUPS] = {
	[METRIC_WHOLE] = "",
	[METRIC_LOCK] = "lock[",
	[METRIC_FUNCTION] = "function[",
};

enum metric_group named_group(const char *key)
{
	for (enum metric_group g = METRIC_LOCK; g < METRIC_GROUPS; g++)
		if (strncmp(key, prefixes[g], strlen(prefixes[g])) == 0)
			return g;
	return METRIC_WHOLE;
}

/* A name may hold anything, "]." too: the last one counts. */
static const char *suffix_of(const char *key)
{
	const char *end = NULL;

	for (const char *p = key; (p = strstr(p, "].")); p++)
		end = p + 2;
	return end;
}

static const struct suffix *find_suffix(const char *key)
{
	enum metric_group group = named_group(key);
	const char *word = suffix_of(key);

	if (!word || (size_t)(word - key) <= strlen(prefixes[group]) + 2 ||
	    strlen(key) >= METRIC_KEY_MAX)
		return NULL; /* no name */
	for (size_t i = 0; i < N_OF(suffixes); i++)
		if (suffixes[i].group == group && strcmp(suffixes[i].word, word) == 0)
			return &suffixes[i];
	return NULL;
}

bool named_whole_run(const char *key)
{
	const struct suffix *s = find_suffix(key);

	return s && s->whole_run;
}

bool named_kind(const char *key, enum metric_unit *ret_unit, enum metric_better *ret_better)
{
	const struct suffix *s = find_suffix(key);

	if (!s)
		return false;
	*ret_unit = s->unit;
	*ret_better = s->better;
	return true;
}

void named_known_keys(struct buf *out)
{
	for (size_t i = 0; i < N_OF(suffixes); i++)
		buf_printf(out, ", %sNAME].%s", prefixes[suffixes[i].group], suffixes[i].word);
}

/* Always UTF-8, so that a report has the same keys when it comes back from JSON. */
static void make_key(char key[METRIC_KEY_MAX], const struct suffix *s, const char *name)
{
	struct buf clean = { 0 };

	for (size_t len = strlen(name), used; len && clean.len < NAME_MAX_BYTES; len -= used) {
		uint32_t cp;

		used = escape_decode(name, len, &cp);
		if (cp == ESCAPE_INVALID)
			buf_puts(&clean, "?");
		else
			buf_add(&clean, name, used);
		name += used;
	}
	snprintf(key, METRIC_KEY_MAX, "%s%s].%s", prefixes[s->group], clean.data ? clean.data : "",
		 s->word);
	buf_free(&clean);
}

/* NULL where it would mean nothing. */
static struct metric *add(struct metrics *t, enum named_value what, const char *name,
			  bool whole_run, double value)
{
	const struct suffix *s = &suffixes[what];
	char key[METRIC_KEY_MAX];

	if (s->whole_run && !whole_run)
		return NULL;
	make_key(key, s, name);
	return metrics_add(t, key, s->unit, s->better, value);
}

/* --- waits ----------------------------------------------------------------------------------- */

/* All waits of some locks. */
struct waits {
	struct hist hist; /* of those that ended */
	uint64_t n, wait_ns, blocked_ns, max_ns;
	double ended_ns;
};

static void add_lock(struct waits *w, const struct report_lock *l)
{
	w->n += l->waits;
	w->wait_ns += l->wait_ns;
	w->blocked_ns += l->blocked_ns;
	w->ended_ns += (double)l->mean_ns * (double)l->waits;
	w->max_ns = l->max_ns > w->max_ns ? l->max_ns : w->max_ns;
	for (size_t i = 0; i < l->n_hist; i++)
		hist_add_n(&w->hist, l->hist[i].floor_ns, l->hist[i].count);
}

static double mean_s(const struct waits *w)
{
	return unit_ratio(w->ended_ns, (double)w->n) / 1e9;
}

static double quantile_s(const struct waits *w, double q)
{
	return (double)hist_quantile(&w->hist, q, w->max_ns) / 1e9;
}

void named_waits_of(struct named_waits *ret, const struct report *r, enum report_lock_class class)
{
	struct waits w = { 0 };

	for (size_t i = 0; i < r->n_locks; i++)
		if (r->locks[i].class == class)
			add_lock(&w, &r->locks[i]);
	*ret = (struct named_waits){ mean_s(&w), quantile_s(&w, 0.5), quantile_s(&w, 0.99) };
	hist_free(&w.hist);
}

/* --- locks ----------------------------------------------------------------------------------- */

/* Kinds of memory are no names; see report_lock.object. */
static bool is_variable(const char *object)
{
	static const char *const memory[] = { "", "heap", "stack", "memory" };

	for (size_t i = 0; i < N_OF(memory); i++)
		if (strcmp(object, memory[i]) == 0)
			return false;
	return true;
}

static void name_lock(struct buf *out, const struct report *r, const struct report_lock *l)
{
	const char *kind = l->kind ? l->kind : "lock";

	if (figures_gil_of(r, l))
		buf_puts(out, "GIL");
	else if (is_variable(l->object))
		buf_puts(out, l->object);
	else if (l->shared && l->name[0])
		buf_puts(out, l->name);
	else if (l->place.function && l->place.function[0])
		buf_printf(out, "%s at %s", kind, l->place.function);
	else
		buf_puts(out, kind);
}

struct named_lock {
	struct buf name;
	struct waits waits;
};

static struct named_lock *lock_of(struct named_lock *all, size_t *n, struct buf *name)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(all[i].name.data, name->data) == 0)
			return &all[i];
	all[*n].name = *name;
	*name = (struct buf){ 0 };
	return &all[(*n)++];
}

static void add_locks(struct metrics *t, const struct report *r, const struct figures *f,
		      bool whole_run)
{
	struct named_lock *all = xcalloc(r->n_locks ? r->n_locks : 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < r->n_locks; i++) {
		struct buf name = { 0 };

		if (r->locks[i].class == LOCK_CLASS_COND || !r->locks[i].wait_ns)
			continue;
		name_lock(&name, r, &r->locks[i]);
		add_lock(&lock_of(all, &n, &name)->waits, &r->locks[i]);
		buf_free(&name);
	}
	for (size_t i = 0; i < n; i++) {
		const struct waits *w = &all[i].waits;
		const char *name = all[i].name.data;

		add(t, LOCK_WAIT, name, whole_run, (double)w->wait_ns * f->scale / 1e9);
		add(t, LOCK_SHARE, name, whole_run, unit_ratio((double)w->blocked_ns, f->wanted));
		add(t, LOCK_WAITS, name, whole_run, unit_ratio((double)w->n * f->scale, f->wall / 1e9));
		add(t, LOCK_MEAN, name, whole_run, mean_s(w));
		add(t, LOCK_P99, name, whole_run, quantile_s(w, 0.99));
		hist_free(&all[i].waits.hist);
		buf_free(&all[i].name);
	}
	free(all);
}

/* --- functions ------------------------------------------------------------------------------- */

static void name_place(struct buf *out, const struct report_place *p)
{
	if (p->function && p->function[0])
		buf_puts(out, p->function);
	else if (p->module && p->module[0])
		buf_printf(out, "%s+0x%llx", p->module, (unsigned long long)p->offset);
}

/* A share of n samples, each of which is in the function or not: Wilson's interval, times whole. */
static struct stats_interval sampled(double share, size_t n, double whole)
{
	double z2 = Z95 * Z95 / (double)n, middle = (share + z2 / 2) / (1 + z2);
	double half = Z95 / (1 + z2) * sqrt((share * (1 - share) + z2 / 4) / (double)n);

	return (struct stats_interval){ whole * share,
					whole * min_of(share, max_of(0, middle - half)),
					whole * max_of(share, min_of(1, middle + half)), n };
}

static bool has(const struct metrics *t, size_t first, const char *name)
{
	char key[METRIC_KEY_MAX];

	make_key(key, &suffixes[RUN_SHARE], name);
	for (size_t i = first; i < t->n; i++)
		if (strcmp(t->m[i].key, key) == 0)
			return true;
	return false;
}

/* Several places of one name are one function: its rows have the sum. */
static void add_function(struct metrics *t, const struct report *r, const struct figures *f,
			 const char *name, bool whole_run)
{
	double ns = 0, share, n = unit_ratio(f->on, (double)r->quality.sample_ns);
	struct metric *m;

	for (size_t i = 0; i < r->n_running; i++) {
		struct buf other = { 0 };

		name_place(&other, &r->running[i].place);
		if (other.len && strcmp(other.data, name) == 0)
			ns += (double)r->running[i].ns;
		buf_free(&other);
	}
	share = within_1(unit_ratio(ns, f->on));
	m = add(t, RUN_CPU, name, whole_run, ns / 1e9);
	if (m && n >= 2)
		m->v = sampled(share, (size_t)n, f->on / 1e9);
	m = add(t, RUN_SHARE, name, whole_run, share);
	if (n >= 2)
		m->v = sampled(share, (size_t)n, 1);
}

void named_add(struct metrics *t, const struct report *r, const struct figures *f, bool whole_run)
{
	size_t first;

	add_locks(t, r, f, whole_run);
	first = t->n;
	for (size_t i = 0; i < r->n_running; i++) {
		struct buf name = { 0 };

		name_place(&name, &r->running[i].place);
		if (name.len && !has(t, first, name.data))
			add_function(t, r, f, name.data, whole_run);
		buf_free(&name);
	}
}
