// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * metric.c - the numbers of a report as a table of ratios; see metric.h and METRICS.md.
 *
 * Values are exact sums of the report.  What is known of their noise inside one recording comes
 * from its slices, see slices.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/figures.h"
#include "user/analysis/metric.h"
#include "user/analysis/metric_named.h"
#include "user/analysis/slices.h"
#include "user/base/buf.h"
#include "user/base/unit.h"

#define AT_ONCE_MIN 0.05 /* of the window: less says nothing about contention */
#define NOT_LEAN_WHY "lean mode does not count futex calls"
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *const metric_units[METRIC_UNITS] = {
	[METRIC_SECONDS] = "s",	  [METRIC_CPUS] = "cpus",   [METRIC_SHARE] = "share",
	[METRIC_PER_S] = "per_s", [METRIC_COUNT] = "count",
};

const char *const metric_betters[METRIC_BETTERS] = {
	[METRIC_LOWER] = "lower",
	[METRIC_HIGHER] = "higher",
	[METRIC_NEITHER] = "neither",
};

/* What metrics are ratios of.  Times in s; of threads unless they say wall. */
struct sums {
	double one;
	double wall, life; /* wall: window; first to last thread of the target in it */
	double total, cpu, wanted, ceiling; /* ceiling: CPU time that the target could have used */
	double gil, lock, runnable, io, sleep, cond, stolen, owed; /* owed: cpu + stolen */
	double serial;	   /* wall: one ran while others waited for a lock */
	double at_once;	   /* wall: two or more ran, or would have but for a lock */
	double gil_no_cpu; /* its holder, or the next one, had no CPU */
	double demand;
	double handoffs, futex, switches, forced, migrations, lock_waits;
	double threads, processes, lost;
	struct named_waits lock_wait, gil_wait;
};

enum {
	BY_RECORDS = 1 << 0, /* lost records make it doubtful */
	WHOLE_RUN = 1 << 1,  /* means something only if the whole run was seen */
	AT_ONCE = 1 << 2,    /* ... if threads could often have run at once */
	NOT_LEAN = 1 << 3,   /* made of counts that lean mode does not have */
};

/* The value is num / den, 0 where den is 0. */
struct definition {
	const char *key;
	enum metric_unit unit;
	enum metric_better better;
	unsigned flags;
	size_t num, den;
	struct slices_interval (*noise)(const struct slices *s); /* NULL: not known */
};

#define S(member) offsetof(struct sums, member)
static const struct definition definitions[] = {
	{ "wall", METRIC_SECONDS, METRIC_LOWER, WHOLE_RUN, S(life), S(one), NULL },
	{ "cpu", METRIC_SECONDS, METRIC_LOWER, WHOLE_RUN, S(cpu), S(one), NULL },
	{ "parallelism", METRIC_CPUS, METRIC_HIGHER, 0, S(cpu), S(wall), slices_parallelism },
	{ "wanted", METRIC_CPUS, METRIC_NEITHER, BY_RECORDS, S(demand), S(one), slices_wanted },
	{ "ceiling.share", METRIC_SHARE, METRIC_HIGHER, 0, S(cpu), S(ceiling), slices_ceiling },
	{ "serial.share", METRIC_SHARE, METRIC_LOWER, BY_RECORDS, S(serial), S(wall), NULL },
	{ "contention.share", METRIC_SHARE, METRIC_LOWER, BY_RECORDS | AT_ONCE, S(serial),
	  S(at_once), NULL },
	{ "gil.share", METRIC_SHARE, METRIC_LOWER, BY_RECORDS, S(gil), S(wanted), slices_gil },
	{ "lock.share", METRIC_SHARE, METRIC_LOWER, BY_RECORDS, S(lock), S(wanted), slices_lock },
	{ "runnable.share", METRIC_SHARE, METRIC_LOWER, 0, S(runnable), S(wanted),
	  slices_runnable },
	{ "stolen.share", METRIC_SHARE, METRIC_NEITHER, BY_RECORDS, S(stolen), S(owed),
	  slices_stolen },
	{ "io.share", METRIC_SHARE, METRIC_NEITHER, 0, S(io), S(total), NULL },
	{ "sleep.share", METRIC_SHARE, METRIC_NEITHER, 0, S(sleep), S(total), NULL },
	{ "cond.share", METRIC_SHARE, METRIC_NEITHER, BY_RECORDS, S(cond), S(total), NULL },
	{ "gil.handoffs", METRIC_PER_S, METRIC_LOWER, BY_RECORDS, S(handoffs), S(wall), NULL },
	{ "gil.wait.p50", METRIC_SECONDS, METRIC_LOWER, BY_RECORDS, S(gil_wait.p50), S(one), NULL },
	{ "gil.wait.p99", METRIC_SECONDS, METRIC_LOWER, BY_RECORDS, S(gil_wait.p99), S(one), NULL },
	{ "lock.waits", METRIC_PER_S, METRIC_LOWER, BY_RECORDS, S(lock_waits), S(wall), NULL },
	{ "lock.wait.mean", METRIC_SECONDS, METRIC_LOWER, BY_RECORDS, S(lock_wait.mean), S(one),
	  NULL },
	{ "lock.wait.p50", METRIC_SECONDS, METRIC_LOWER, BY_RECORDS, S(lock_wait.p50), S(one),
	  NULL },
	{ "lock.wait.p99", METRIC_SECONDS, METRIC_LOWER, BY_RECORDS, S(lock_wait.p99), S(one),
	  NULL },
	{ "futex.calls", METRIC_PER_S, METRIC_LOWER, NOT_LEAN, S(futex), S(wall), NULL },
	{ "switches", METRIC_PER_S, METRIC_LOWER, 0, S(switches), S(wall), NULL },
	{ "switches.forced", METRIC_PER_S, METRIC_LOWER, 0, S(forced), S(wall), NULL },
	{ "migrations", METRIC_PER_S, METRIC_LOWER, 0, S(migrations), S(wall), NULL },
	{ "threads", METRIC_COUNT, METRIC_NEITHER, 0, S(threads), S(one), NULL },
	{ "processes", METRIC_COUNT, METRIC_NEITHER, 0, S(processes), S(one), NULL },
	{ "lost.records", METRIC_COUNT, METRIC_LOWER, 0, S(lost), S(one), NULL },
};
#undef S

/* --- from a report to sums ------------------------------------------------------------------- */

static void sum_threads(struct sums *s, const struct report *r)
{
	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		s->switches += (double)t->voluntary + (double)t->involuntary;
		s->forced += (double)t->involuntary;
		s->migrations += (double)t->migrations;
		if (!r->lean)
			s->futex += (double)t->waits + (double)t->timeouts +
				    (double)t->interrupted + (double)t->again +
				    (double)t->wakes + (double)t->empty_wakes;
	}
}

static void sum_locks(struct sums *s, const struct report *r)
{
	double scale = report_scale(r);

	for (size_t i = 0; i < r->n_locks; i++) {
		const struct report_lock *l = &r->locks[i];
		const struct report_gil *g = figures_gil_of(r, l);

		if (l->class == LOCK_CLASS_LOCK)
			s->lock_waits += (double)l->waits * scale;
		else if (l->class == LOCK_CLASS_GIL)
			s->handoffs += (double)(g ? g->handoffs : l->waits) * scale;
	}
	named_waits_of(&s->lock_wait, r, LOCK_CLASS_LOCK);
	named_waits_of(&s->gil_wait, r, LOCK_CLASS_GIL);
}

/* s with two or more. */
static double above_one(const struct report_histogram *h)
{
	double ns = 0;

	for (size_t k = 2; k < h->n; k++)
		ns += (double)h->ns[k];
	return ns / 1e9;
}

static void sum_up(struct sums *s, const struct report *r, const struct figures *f,
		   const struct slices *slices)
{
	const uint64_t *ns = r->budget.state_ns;

	*s = (struct sums){
		.one = 1,
		.wall = f->wall / 1e9,
		.life = f->span / 1e9,
		.total = f->total / 1e9,
		.cpu = f->on / 1e9,
		.wanted = f->wanted / 1e9,
		.ceiling = f->ceiling * f->wall / 1e9,
		.gil = f->loss[LOSS_GIL] / 1e9,
		.gil_no_cpu = f->gil.no_cpu / 1e9,
		.lock = f->loss[LOSS_LOCK] / 1e9,
		.runnable = f->loss[LOSS_RUNNABLE] / 1e9,
		.io = ((double)ns[STATE_IO_DISK] + (double)ns[STATE_IO_IPC]) / 1e9,
		.sleep = (double)ns[STATE_SLEEP] / 1e9,
		.cond = (double)ns[STATE_COND] / 1e9,
		.serial = (double)r->par.serial_ns * f->scale / 1e9,
		.demand = f->demand,
		.stolen = slices->stolen_s,
		.threads = (double)r->n_threads,
		.processes = (double)r->n_processes,
		.lost = (double)r->quality.dropped,
	};
	s->owed = s->cpu + s->stolen;
	s->at_once = s->serial + above_one(&r->par.running) * f->scale;
	sum_threads(s, r);
	sum_locks(s, r);
}

/* --- the table ------------------------------------------------------------------------------- */

struct metric *metrics_add(struct metrics *t, const char *key, enum metric_unit unit,
			   enum metric_better better, double value)
{
	struct metric *m = &vec_push(t->m, t->n, t->cap);

	snprintf(m->key, sizeof(m->key), "%s", key);
	m->unit = unit;
	m->better = better;
	m->known = true;
	m->v = (struct stats_interval){ value, value, value, 1 };
	m->undisturbed = value;
	return m;
}

static void unknown(struct metric *m, const char *why)
{
	m->known = false;
	m->v = (struct stats_interval){ NAN, NAN, NAN, 0 };
	m->undisturbed = NAN;
	snprintf(m->why, sizeof(m->why), "%s", why);
}

/* Launched by us, and gone before the window closed. */
static bool saw_whole_run(const struct report *r)
{
	bool whole = r->command && !r->truncated && r->n_processes;

	for (size_t i = 0; i < r->n_processes; i++)
		whole &= r->processes[i].ended;
	return whole;
}

static void set_noise(struct metric *m, struct slices_interval i)
{
	double top = m->unit == METRIC_SHARE ? 1 : INFINITY;

	if (!i.n)
		return;
	m->v.low = max_of(0, m->v.value - i.half);
	m->v.high = min_of(top, m->v.value + i.half);
	m->v.n = i.n;
}

/* The machine was not ours alone: what would it have been? */
static void set_undisturbed(struct metrics *t, const struct sums *s, const struct slices *slices)
{
	double part = slices->saved_s < s->wall ? 1 - slices->saved_s / s->wall : 1;
	double ready = max_of(0, s->runnable - s->stolen), wanted = s->wanted - s->stolen;
	double lock = max_of(0, s->lock - slices->blamed_s),
	       gil = max_of(0, s->gil - s->gil_no_cpu);
	const struct {
		const char *key;
		double value;
	} rows[] = {
		{ "wall", max_of(0, s->life - slices->saved_s) },
		{ "parallelism",
		  min_of(unit_ratio(s->ceiling, s->wall), unit_ratio(s->cpu, s->wall * part)) },
		{ "ceiling.share", min_of(1, unit_ratio(s->cpu, s->ceiling * part)) },
		{ "runnable.share", unit_ratio(ready, wanted) },
		{ "lock.share", unit_ratio(lock, wanted - s->lock + lock) },
		{ "gil.share", unit_ratio(gil, wanted - s->gil + gil) },
		{ "stolen.share", 0 },
	};

	for (size_t i = 0; i < N_OF(rows); i++) {
		struct metric *m = t->m;

		while (strcmp(m->key, rows[i].key) != 0) /* all of them are in definitions[] */
			m++;
		if (m->known)
			m->undisturbed = rows[i].value;
	}
}

static void add_defined(struct metrics *t, const struct report *r, const struct figures *f)
{
	bool whole = saw_whole_run(r);
	struct slices slices;
	struct sums s;

	slices_of(&slices, r, f->ceiling);
	sum_up(&s, r, f, &slices);
	for (size_t i = 0; i < N_OF(definitions); i++) {
		const struct definition *d = &definitions[i];
		double num = *(const double *)((const char *)&s + d->num);
		double den = *(const double *)((const char *)&s + d->den);
		struct metric *m = metrics_add(t, d->key, d->unit, d->better, unit_ratio(num, den));

		if (d->flags & WHOLE_RUN && !whole)
			unknown(m, "only a part of the run was watched");
		else if (d->flags & BY_RECORDS && f->doubtful)
			unknown(m, "too many records were lost");
		else if (d->flags & NOT_LEAN && r->lean)
			unknown(m, NOT_LEAN_WHY);
		else if (!(s.wall > 0))
			unknown(m, "no time was measured");
		else if (d->flags & AT_ONCE && s.at_once < AT_ONCE_MIN * s.wall)
			unknown(m, above_one(&r->par.wanted) < AT_ONCE_MIN * s.wall
					   ? "its threads hardly ever wanted to run at once"
					   : "two of its threads hardly ever had a CPU at once");
		else if (d->noise)
			set_noise(m, d->noise(&slices));
	}
	if (!f->doubtful) /* slices are made of records */
		set_undisturbed(t, &s, &slices);
}

struct metrics *metrics_of(const struct report *r)
{
	struct metrics *t = xcalloc(1, sizeof(*t));
	struct figures f;

	figures_collect(&f, r);
	snprintf(t->verdict, sizeof(t->verdict), "%s", report_verdicts[r->verdict.code]);
	add_defined(t, r, &f);
	if (!f.doubtful)
		named_add(t, r, &f, saw_whole_run(r));
	return t;
}

const struct metric *metrics_find(const struct metrics *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->m[i].key, key) == 0)
			return &t->m[i];
	return NULL;
}

const char *metrics_absent(const struct metrics *t, const char *key)
{
	const struct metric *wall = metrics_find(t, "wall"), *lock = metrics_find(t, "lock.share");
	enum metric_group group = metric_group(key);

	if (group == METRIC_WHOLE)
		return "another version of parascope did not have it";
	if (lock && !lock->known) /* as all that is made of records */
		return lock->why;
	if (named_whole_run(key) && wall && !wall->known)
		return wall->why;
	for (size_t i = 0; i < t->n; i++)
		if (metric_group(t->m[i].key) == group)
			return NULL;
	return group == METRIC_FUNCTION ? "no function was seen running" : NULL;
}

void metrics_free(struct metrics *t)
{
	if (t)
		free(t->m);
	free(t);
}

/* --- several recordings ---------------------------------------------------------------------- */

/* What one recording says about a metric. */
static bool value_in(const struct metrics *t, const struct metric *m, double *ret,
		     double *ret_undisturbed, const char **ret_why)
{
	const struct metric *own = metrics_find(t, m->key);

	*ret_why = !own ? metrics_absent(t, m->key) : own->known ? NULL : own->why;
	*ret = own ? own->v.value : 0;
	*ret_undisturbed = own ? own->undisturbed : 0;
	return !*ret_why;
}

static void combine_one(struct metrics *into, const struct metric *m,
			const struct metrics *const *each, size_t n)
{
	double *value = xcalloc(n, sizeof(*value)), *quiet = xcalloc(n, sizeof(*quiet));
	struct metric *sum = metrics_add(into, m->key, m->unit, m->better, 0);
	const char *why = NULL, *last = NULL;
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		if (value_in(each[i], m, &value[known], &quiet[known], &why))
			known++;
		else
			last = why;
	}
	if (n == 1) {
		*sum = *m;
	} else if (!known) {
		unknown(sum, last);
	} else {
		sum->v = stats_mean(value, known);
		sum->undisturbed = stats_mean(quiet, known).value;
	}
	free(value);
	free(quiet);
}

struct metrics *metrics_combine(const struct metrics *const *each, size_t n)
{
	struct metrics *t = xcalloc(1, sizeof(*t));

	if (n)
		memcpy(t->verdict, each[0]->verdict, sizeof(t->verdict));
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < each[i]->n; k++)
			if (!metrics_find(t, each[i]->m[k].key))
				combine_one(t, &each[i]->m[k], each, n);
		if (strcmp(each[i]->verdict, t->verdict) != 0)
			t->verdict[0] = '\0';
	}
	return t;
}

/* --- what there can be ----------------------------------------------------------------------- */

enum metric_group metric_group(const char *key)
{
	return named_group(key);
}

bool metric_kind(const char *key, enum metric_unit *ret_unit, enum metric_better *ret_better)
{
	if (named_group(key) != METRIC_WHOLE)
		return named_kind(key, ret_unit, ret_better);
	for (size_t i = 0; i < N_OF(definitions); i++) {
		if (strcmp(definitions[i].key, key) != 0)
			continue;
		*ret_unit = definitions[i].unit;
		*ret_better = definitions[i].better;
		return true;
	}
	return false;
}

void metric_known_keys(struct buf *out)
{
	for (size_t i = 0; i < N_OF(definitions); i++)
		buf_printf(out, "%s%s", i ? ", " : "", definitions[i].key);
	named_known_keys(out);
}

void metric_print(struct buf *out, enum metric_unit unit, double value)
{
	const char *sign = value < 0 ? "-" : "";
	double size = fabs(value);

	switch (unit) {
	case METRIC_SECONDS:
		buf_printf(out, "%s%s", sign, unit_ns((uint64_t)min_of(size * 1e9, 1e18)).s);
		break;
	case METRIC_SHARE:
		buf_puts(out, unit_percent(value).s);
		break;
	case METRIC_CPUS:
		buf_printf(out, "%s CPUs", unit_decimal(value, 2).s);
		break;
	case METRIC_PER_S:
		buf_printf(out, "%s/s", unit_decimal(value, size < 10 ? 2 : size < 1000 ? 1 : 0).s);
		break;
	default:
		buf_puts(out, unit_decimal(value, value == rint(value) ? 0 : 2).s);
	}
}
