/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict_sample.h - small reports by hand, and what to ask of their verdicts; for the verdict
 * tests.
 */
#ifndef PARASCOPE_VERDICT_SAMPLE_H
#define PARASCOPE_VERDICT_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/analysis/report.h"
#include "user/analysis/verdict.h"

#define MAX_THREADS 24
#define MAX_K 20
#define NS(seconds) ((uint64_t)((seconds)*1e9 + 0.5))

/* A report with room for all that hangs on it. */
struct sample {
	struct report r;
	struct report_thread threads[MAX_THREADS];
	struct report_process processes[4];
	struct report_lock locks[4];
	struct report_phase phases[10];
	struct report_party parties[4];
	struct report_gil gils[4];
	struct report_site sites[8];
	struct report_held held[4];
	struct report_runtime runtimes[4];
	size_t n_sites, n_held;
	uint64_t running[MAX_K], wanted[MAX_K];
};

/* A thread; seconds.  What is left of its life is waiting for work. */
struct life {
	uint32_t pid, tid;
	const char *comm;
	double cpu, runnable, woken, lock, gil, io, disk, sleep, child, klock, unknown, stopped;
	double loop;	   /* part of io: in epoll_wait() */
	double begin, end; /* end 0: lives until the end of the window */
	bool ended;
	uint64_t voluntary, involuntary;
};

static inline struct sample sample(double window, double ceiling)
{
	struct sample s = { .r = { .window_ns = NS(window),
				   .cpus_online = 2,
				   .quality = {
					   .complete = true, .made = 1000, .received = 1000 } } };

	s.r.par.wall_ns = s.r.window_ns;
	s.r.par.ceiling = ceiling;
	snprintf(s.r.par.ceiling_why, sizeof(s.r.par.ceiling_why), "%g CPUs online", ceiling);
	return s;
}

static inline void add_life(struct sample *s, const struct life *l)
{
	struct report_thread *t = &s->threads[s->r.n_threads++];
	uint64_t *ns = t->state_ns, sum = 0;

	assert_true(s->r.n_threads <= MAX_THREADS);
	t->pid = l->pid ? l->pid : 100;
	t->tid = l->tid;
	snprintf(t->comm, sizeof(t->comm), "%s", l->comm ? l->comm : "worker");
	t->begin_ns = NS(l->begin);
	t->end_ns = l->end > 0 ? NS(l->end) : s->r.window_ns;
	t->life_ns = t->end_ns - t->begin_ns;
	t->ended = l->ended;
	t->voluntary = l->voluntary;
	t->involuntary = l->involuntary;
	ns[STATE_ON_CPU] = NS(l->cpu);
	ns[STATE_PREEMPTED] = NS(l->runnable);
	ns[STATE_WOKEN] = NS(l->woken);
	t->loop_ns = NS(l->loop);
	ns[STATE_LOCK] = NS(l->lock);
	ns[STATE_GIL] = NS(l->gil);
	ns[STATE_IO_IPC] = NS(l->io);
	ns[STATE_IO_DISK] = NS(l->disk);
	ns[STATE_SLEEP] = NS(l->sleep);
	ns[STATE_CHILD] = NS(l->child);
	ns[STATE_KLOCK] = NS(l->klock);
	ns[STATE_UNKNOWN] = NS(l->unknown);
	ns[STATE_STOPPED] = NS(l->stopped);
	for (int i = 0; i < STATE_COUNT; i++)
		sum += ns[i];
	assert_true(sum <= t->life_ns);
	ns[STATE_COND] = t->life_ns - sum;
}
#define THREAD(s, ...) add_life(s, &(struct life){ __VA_ARGS__ })

/* So many alike. */
#define THREADS(s, n, ...)                                                                         \
	do {                                                                                       \
		for (uint32_t i_ = 0; i_ < (n); i_++)                                              \
			THREAD(s, .tid = 200 + i_, __VA_ARGS__);                                   \
	} while (0)

static inline struct report_lock *add_lock(struct sample *s, enum report_lock_class class,
					   const char *kind, const char *name, double blocked)
{
	struct report_lock *l = &s->locks[s->r.n_locks++];

	l->id = (uint32_t)s->r.n_locks;
	l->class = class;
	l->kind = kind;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->pid = 100;
	l->addr = 0x7f10;
	l->blocked_ns = l->wait_ns = NS(blocked);
	l->waits = 1000;
	return l;
}

static inline void add_holder(struct sample *s, struct report_lock *l, const char *comm,
			      double held)
{
	l->top_holders = s->parties;
	l->n_top_holders = 1;
	s->parties[0].tid = 207;
	s->parties[0].ns = NS(held);
	snprintf(s->parties[0].comm, sizeof(s->parties[0].comm), "%s", comm);
}

/* The window with so many threads; instead of what decide() makes of the averages. */
static inline void level(uint64_t *ns, size_t k, double seconds)
{
	ns[k] = NS(seconds);
}

/* As steady as the average allows: 1.3 is 70 % with one and 30 % with two. */
static inline struct report_histogram steady(uint64_t *ns, double average, uint64_t wall_ns)
{
	size_t k = (size_t)average;
	uint64_t sum = 0, more = (uint64_t)((average - (double)k) * (double)wall_ns);

	for (size_t i = 0; i < MAX_K; i++)
		sum += ns[i];
	if (!sum) {
		assert_true(k + 1 < MAX_K);
		ns[k] = wall_ns - more;
		ns[k + 1] = more;
	} else if (sum < wall_ns) {
		ns[0] += wall_ns - sum;
	}
	return (struct report_histogram){ ns, MAX_K };
}

static inline const struct report_verdict *decide(struct sample *s)
{
	struct report *r = &s->r;
	const uint64_t *ns = r->budget.state_ns;
	double wall = (double)r->window_ns;

	for (size_t i = 0; i < r->n_threads; i++) {
		r->budget.total_ns += s->threads[i].life_ns;
		for (int k = 0; k < STATE_COUNT; k++)
			r->budget.state_ns[k] += s->threads[i].state_ns[k];
	}
	r->threads = s->threads;
	r->processes = s->processes;
	r->locks = s->locks;
	r->phases = s->phases;
	r->gils = s->gils;
	r->runtimes = s->runtimes;
	r->par.on_cpu_ns = ns[STATE_ON_CPU];
	r->par.average = wall > 0 ? (double)ns[STATE_ON_CPU] / wall : 0;
	r->par.demand =
		r->par.average + (wall > 0 ? (double)(ns[STATE_PREEMPTED] + ns[STATE_WOKEN] +
						      ns[STATE_LOCK] + ns[STATE_GIL]) /
						     wall
					   : 0);
	r->par.running = steady(s->running, r->par.average, r->window_ns);
	r->par.wanted = steady(s->wanted, r->par.demand, r->window_ns);
	verdict_decide(r);
	return &r->verdict;
}

/* --- what a runtime knows -------------------------------------------------------------------- */

static inline void add_runtime(struct sample *s, const char *name, const char *status)
{
	s->runtimes[s->r.n_runtimes++] = (struct report_runtime){ 100, name, status, "" };
}

/* The GIL of lock l; NULL: nobody waited for it. */
static inline struct report_gil *add_gil(struct sample *s, const struct report_lock *l)
{
	struct report_gil *g = &s->gils[s->r.n_gils++];

	add_runtime(s, "CPython 3.11.2", "ok");
	*g = (struct report_gil){ .lock = l ? l->id : 0,
				  .pid = 100,
				  .addr = 0x7f10,
				  .runtime = "CPython 3.11.2",
				  .interval_ns = 5000000,
				  .handoffs = 2000,
				  .switches_known = true,
				  .switches = 2100 };
	return g;
}

static inline struct report_site *add_site(struct sample *s, const char *function, const char *file,
					   uint32_t line, double seconds)
{
	struct report_site *site = &s->sites[s->n_sites++];

	assert_true(s->n_sites <= sizeof(s->sites) / sizeof(s->sites[0]));
	*site = (struct report_site){ .place = { function, file, line },
				      .stack = "",
				      .tid = 201,
				      .comm = "python3",
				      .thread_name = "Thread-2",
				      .ns = NS(seconds),
				      .samples = 100 };
	return site;
}

/* Its holder slept, in one place. */
static inline struct report_held *add_held(struct sample *s, struct report_gil *g,
					   const char *syscall, const char *function,
					   const char *file, uint32_t line, double waited)
{
	struct report_held *h = &s->held[s->n_held++];

	if (!g->n_held++)
		g->held = h;
	h->site = *add_site(s, function, file, line, waited);
	h->syscall = syscall;
	h->held_ns = NS(waited);
	h->max_ns = NS(waited / 10);
	g->held_asleep_ns += NS(waited);
	return h;
}

/* --- the verdict ----------------------------------------------------------------------------- */

static inline void check_form(const struct report_verdict *v)
{
	const char *name = report_verdicts[v->code];

	assert_true(strlen(v->sentence) <= 300 && strlen(v->advice) <= 300);
	assert_memory_equal(v->sentence, name, strlen(name));
	assert_true(v->explained >= 0 && v->explained <= 1);
	assert_true(v->rule && *v->rule && *v->advice);
	assert_true(v->n_evidence <= 8);
	for (size_t i = 0; i < v->n_evidence; i++) {
		assert_non_null(v->evidence[i].key);
		assert_true(v->evidence[i].value >= 0 && *v->evidence[i].label);
	}
	for (const char *p = v->sentence; *p; p++)
		assert_true(*p >= ' ' && *p < 127);
}

static inline const struct report_verdict *check(struct sample *s, enum verdict_code code)
{
	const struct report_verdict *v = decide(s);

	print_message("%s\n    [%.0f %%] %s\n", v->sentence, v->explained * 100, v->advice);
	assert_string_equal(report_verdicts[v->code], report_verdicts[code]);
	check_form(v);
	return v;
}

static inline void says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' does not say '%s'", text, part);
}

static inline void says_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' says '%s'", text, part);
}

static inline double evidence(const struct report_verdict *v, const char *key)
{
	for (size_t i = 0; i < v->n_evidence; i++)
		if (strcmp(v->evidence[i].key, key) == 0)
			return v->evidence[i].value;
	return -1;
}

#endif
