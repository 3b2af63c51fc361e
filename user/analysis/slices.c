// SPDX-License-Identifier: GPL-2.0-or-later
/* slices.c - see slices.h. */
#include <math.h>
#include <string.h>

#include "user/analysis/figures.h"
#include "user/analysis/slices.h"
#include "user/base/stats.h"
#include "user/base/unit.h"

/* CPUs that were wanted and allowed, but not had, on average over a slice. */
static double shortfall(const struct report_phase *p, double ceiling)
{
	return max_of(0, min_of(ceiling, p->parallelism + p->runnable) - p->parallelism);
}

static void add_slice(struct slices_sums *sums, const struct report_phase *p, double ceiling,
		      double part)
{
	double s = (double)(p->end_ns - p->begin_ns) / 1e9, missing = part * shortfall(p, ceiling);
	double waiting = p->waiting - p->gil;

	sums->wall += s;
	sums->running += p->parallelism * s;
	sums->runnable += p->runnable * s;
	sums->gil += p->gil * s;
	sums->lock += waiting * s;
	sums->blamed += min_of(waiting, min_of(1, missing) * max_of(1, waiting)) * s;
	sums->stolen += missing * s;
	/* time in which nothing else ran, or a part of what all CPUs did: whichever is less */
	sums->saved += missing / max_of(1, p->parallelism + missing) * s;
}

/*
 * Slices may show a shortfall that is the target's own: a CPU quota lets it run at full speed and
 * then not at all.  Over the whole window it cannot be more than what the ceiling leaves.
 */
static double believable(const struct report *r, double ceiling)
{
	struct slices_sums all = { 0 };
	double most;

	for (size_t i = 0; i < r->n_phases; i++)
		add_slice(&all, &r->phases[i], ceiling, 1);
	most = min_of(ceiling * all.wall, all.running + all.runnable) - all.running;
	return all.stolen > 0 ? within_1(most / all.stolen) : 0;
}

void slices_of(struct slices *ret, const struct report *r, double ceiling)
{
	double part = believable(r, ceiling);

	*ret = (struct slices){ .ceiling = ceiling };
	for (size_t i = 0; i < r->n_phases; i++)
		add_slice(&ret->batch[i * SLICES_BATCHES / r->n_phases], &r->phases[i], ceiling,
			  part);
	for (size_t i = 0; i < SLICES_BATCHES; i++) {
		ret->stolen_s += ret->batch[i].stolen;
		ret->saved_s += ret->batch[i].saved;
		ret->blamed_s += ret->batch[i].blamed;
	}
	if (r->n_phases >= (size_t)SLICES_BATCHES * SLICES_EACH_MIN)
		ret->n = SLICES_BATCHES;
}

/* Tukey's jackknife: the ratio without each batch in turn. */
static struct slices_interval jackknife(const double *num, const double *den, size_t n)
{
	double all_num = 0, all_den = 0, pseudo[SLICES_BATCHES];
	struct stats_interval i;

	for (size_t k = 0; k < n; k++) {
		all_num += num[k];
		all_den += den[k];
	}
	for (size_t k = 0; k < n; k++) {
		double without = unit_ratio(all_num - num[k], all_den - den[k]);

		pseudo[k] = (double)n * unit_ratio(all_num, all_den) - (double)(n - 1) * without;
	}
	i = stats_mean(pseudo, n);
	return (struct slices_interval){ n ? (i.high - i.low) / 2 : 0, n };
}

static double wanted(const struct slices_sums *b)
{
	return b->running + b->runnable + b->lock + b->gil;
}

static double wall(const struct slices_sums *b)
{
	return b->wall;
}

static double running(const struct slices_sums *b)
{
	return b->running;
}

static double runnable(const struct slices_sums *b)
{
	return b->runnable;
}

static double lock(const struct slices_sums *b)
{
	return b->lock;
}

static double gil(const struct slices_sums *b)
{
	return b->gil;
}

static double stolen(const struct slices_sums *b)
{
	return b->stolen;
}

static double owed(const struct slices_sums *b)
{
	return b->running + b->stolen;
}

static struct slices_interval ratio(const struct slices *s,
				    double (*num)(const struct slices_sums *),
				    double (*den)(const struct slices_sums *))
{
	double a[SLICES_BATCHES], b[SLICES_BATCHES];

	for (size_t i = 0; i < s->n; i++) {
		a[i] = num(&s->batch[i]);
		b[i] = den(&s->batch[i]);
	}
	return jackknife(a, b, s->n);
}

struct slices_interval slices_parallelism(const struct slices *s)
{
	return ratio(s, running, wall);
}

struct slices_interval slices_wanted(const struct slices *s)
{
	return ratio(s, wanted, wall);
}

struct slices_interval slices_ceiling(const struct slices *s)
{
	struct slices_interval i = ratio(s, running, wall);

	i.half = unit_ratio(i.half, s->ceiling);
	return i;
}

struct slices_interval slices_gil(const struct slices *s)
{
	return ratio(s, gil, wanted);
}

struct slices_interval slices_lock(const struct slices *s)
{
	return ratio(s, lock, wanted);
}

struct slices_interval slices_runnable(const struct slices *s)
{
	return ratio(s, runnable, wanted);
}

struct slices_interval slices_stolen(const struct slices *s)
{
	return ratio(s, stolen, owed);
}
