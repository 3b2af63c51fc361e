// SPDX-License-Identifier: GPL-2.0-or-later
/* gil.c - see gil.h. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/gil.h"
#include "user/analysis/sites.h"
#include "user/base/buf.h"
#include "user/base/syscall.h"
#include "user/model/lock.h"

/* A GIL on its way into the report. */
struct found {
	const struct process *process;
	const struct runtime *runtime;
	const struct lock *lock; /* NULL: nobody ever waited for it */
	bool first;		 /* of its process: it gets what belongs to no GIL */
};

static const char *const statuses[WIRE_RUNTIME_STATUSES] = {
	[WIRE_RUNTIME_OK] = "ok",
	[WIRE_RUNTIME_NO_GIL] = "no-gil",
	[WIRE_RUNTIME_UNKNOWN] = "unknown",
};

/* Numbers of system calls that have no name here are shown as such. */
static const char *call_name(int32_t nr)
{
	const char *name = nr < 0 ? "" : syscall_name(nr);

	return name ? name : "?";
}

static void fill_held(struct report_gil *ret, const struct lock *l,
		      const struct thread_times *times, size_t n)
{
	struct sites asleep = { .by = SITES_LINES };
	struct site_row *rows;

	for (const struct party *p = l->parties; p; p = p->hh.next)
		sites_add_party(&asleep, p, SITE_ASLEEP);
	asleep.any_stack = asleep.n != 0; /* without a place there still is the call */
	rows = sites_top(&asleep, times, n, &ret->n_held);
	ret->held = xcalloc(ret->n_held, sizeof(*ret->held));
	for (size_t i = 0; i < ret->n_held; i++)
		ret->held[i] = (struct report_held){ rows[i].site, call_name(rows[i].nr),
						     rows[i].held_ns, rows[i].max_ns };
	free(rows);
}

static void fill_holding(struct report_gil *ret, const struct lock *l,
			 const struct thread_times *times, size_t n)
{
	struct sites holding = { .by = SITES_FUNCTIONS };

	for (const struct party *p = l->parties; p; p = p->hh.next) {
		sites_add_party(&holding, p, SITE_HOLDING);
		sites_add_rest(&holding, p->held_at, p, p->blamed_new_ns);
	}
	ret->holding = sites_places(&holding, times, n, &ret->n_holding);
}

static void fill_waits(struct report_gil *ret, const struct report *r, const struct lock *l)
{
	const struct gil *g = l->gil;

	ret->handoffs = l->waits;
	ret->forced = r->lean ? REPORT_ABSENT : g->forced;
	ret->poll_ns = g->poll_ns;
	ret->delay_ns = g->delay_ns;
	ret->handoff_ns = l->wait_ns - g->poll_ns - g->delay_ns;
	ret->convoy_count = hist_count(&g->ready);
	ret->convoy_p50_ns = hist_quantile(&g->ready, 0.50, g->ready_max_ns);
	ret->convoy_p99_ns = hist_quantile(&g->ready, 0.99, g->ready_max_ns);
	ret->convoy_max_ns = g->ready_max_ns;
	ret->held_ns = g->held_ns;
	ret->free_ns = g->free_ns;
	ret->held_asleep_ns = g->asleep_ns;
	ret->held_preempted_ns = g->preempted_ns;
}

static uint64_t thread_cpu_ns(const struct thread *t)
{
	return t->have_sums ? t->sums.sums.state_ns[WIRE_ON_CPU] : t->state_ns[WIRE_ON_CPU];
}

static uint64_t cpu_of_process(const struct process *p, const struct thread_times *times, size_t n)
{
	uint64_t ns = p->folded_sums.state_ns[WIRE_ON_CPU];

	for (size_t i = 0; i < n; i++)
		if (times[i].thread->process == p)
			ns += thread_cpu_ns(times[i].thread);
	return ns;
}

double analysis_cpu_scale(const struct process *p, const struct thread_times *times, size_t n)
{
	uint64_t sampled = 0;
	const struct site *s;

	LL_FOREACH(p->sites, s) sampled += s->ns;
	return sampled ? (double)cpu_of_process(p, times, n) / (double)sampled : 0;
}

/* Threads of the process that run no Python count too: they run without the GIL. */
static void fill_cpu(struct report_gil *ret, const struct found *f,
		     const struct thread_times *times, size_t n)
{
	double scale = analysis_cpu_scale(f->process, times, n);
	struct sites without = { .by = SITES_FUNCTIONS, .scale = scale };
	const struct site *s;

	LL_FOREACH(f->process->sites, s)
	{
		if (s->key.gil != ret->addr && (s->key.gil || !f->first))
			continue;
		if (s->key.role == SITE_WITH) {
			ret->with_ns += (uint64_t)((double)s->ns * scale);
		} else {
			ret->without_ns += (uint64_t)((double)s->ns * scale);
			sites_add(&without, s);
		}
	}
	ret->without = sites_places(&without, times, n, &ret->n_without);
}

static void fill_gil(struct report_gil *ret, const struct report *r, const struct found *f,
		     const struct lock *const *rows, const struct thread_times *times, size_t n)
{
	const struct wire_runtime *base = &f->runtime->base, *last = &f->runtime->last;

	ret->pid = f->process->pid;
	ret->addr = last->gil;
	ret->runtime = last->name;
	ret->interval_ns = (uint64_t)last->interval_us * 1000;
	ret->switches_known = last->head.ts_ns > base->head.ts_ns && last->switches >= base->switches;
	ret->switches = ret->switches_known ? last->switches - base->switches : 0;
	fill_cpu(ret, f, times, n);
	if (!f->lock)
		return;
	for (size_t i = 0; i < r->n_locks && !ret->lock; i++)
		if (rows[i] == f->lock)
			ret->lock = r->locks[i].id;
	fill_waits(ret, r, f->lock);
	fill_held(ret, f->lock, times, n);
	fill_holding(ret, f->lock, times, n);
}

static uint64_t wait_of(const struct found *f)
{
	return f->lock ? f->lock->wait_ns : 0;
}

static int by_wait(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (wait_of(x) != wait_of(y))
		return wait_of(x) < wait_of(y) ? 1 : -1;
	if (x->process->id != y->process->id)
		return x->process->id < y->process->id ? -1 : 1;
	return x->runtime->last.gil < y->runtime->last.gil ? -1 : 1;
}

static void fill_gils(struct report *r, const struct model *m, const struct lock *const *rows,
		      const struct thread_times *times, size_t n)
{
	struct found *found = NULL;
	size_t n_found = 0, cap = 0;
	struct process *p;

	DL_FOREACH(m->all_processes, p)
	{
		bool first = true;

		for (size_t i = 0; i < p->n_runtimes; i++) {
			const struct runtime *rt = &p->runtimes[i];

			if (!rt->last.gil || rt->last.status != WIRE_RUNTIME_OK)
				continue;
			vec_push(found, n_found, cap) = (struct found){
				p, rt, lock_of_space(m, rt->space, rt->last.gil), first
			};
			first = false;
		}
	}
	if (n_found)
		qsort(found, n_found, sizeof(*found), by_wait);
	r->n_gils = n_found < ANALYSIS_MAX_GILS ? n_found : ANALYSIS_MAX_GILS;
	r->gils = xcalloc(r->n_gils, sizeof(*r->gils));
	for (size_t i = 0; i < r->n_gils; i++)
		fill_gil(&r->gils[i], r, &found[i], rows, times, n);
	free(found);
}

static void fill_runtimes(struct report *r, const struct model *m)
{
	size_t cap = 0;
	struct process *p;

	DL_FOREACH(m->all_processes, p)
		for (size_t i = 0; i < p->n_runtimes && r->n_runtimes < ANALYSIS_MAX_RUNTIMES; i++) {
			const struct wire_runtime *last = &p->runtimes[i].last;

			vec_push(r->runtimes, r->n_runtimes, cap) = (struct report_runtime){
				p->pid, last->name, statuses[last->status % WIRE_RUNTIME_STATUSES],
				last->status == WIRE_RUNTIME_UNKNOWN ? last->why : ""
			};
		}
}

void analysis_runtimes(struct report *r, const struct model *m, const struct lock *const *rows,
		       const struct thread_times *times, size_t n)
{
	struct sites running = { .by = SITES_FUNCTIONS };
	struct process *p;
	struct site *s;

	fill_gils(r, m, rows, times, n);
	fill_runtimes(r, m);
	DL_FOREACH(m->all_processes, p)
	{
		if (p->sites)
			running.scale = analysis_cpu_scale(p, times, n);
		LL_FOREACH(p->sites, s) sites_add(&running, s);
	}
	r->running = sites_places(&running, times, n, &r->n_running);
}

void report_free_runtimes(struct report *r)
{
	for (size_t i = 0; i < r->n_gils; i++) {
		struct report_gil *g = &r->gils[i];

		for (size_t k = 0; k < g->n_held; k++)
			free((char *)g->held[k].site.stack);
		free(g->held);
		sites_free(g->holding, g->n_holding);
		sites_free(g->without, g->n_without);
	}
	free(r->gils);
	free(r->runtimes);
	sites_free(r->running, r->n_running);
}
