// SPDX-License-Identifier: GPL-2.0-or-later
/* report_python.c - what a runtime adds to a report, made by hand; see report_sample.h. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/report.h"

#define MS 1000000ull
#define SEC 1000000000ull
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Where strings come from: those of the target that breaks things, or none. */
struct words {
	const char *const *bad;
	size_t n_bad;
};

static const char *word(const struct words *w, size_t i, const char *good)
{
	return w->bad ? w->bad[i % w->n_bad] : good;
}

static const struct {
	const char *function, *file, *thread, *stack;
	uint32_t line;
} places[] = {
	{ "Parser.parse_record", "/srv/billing/app/ingest/parser.py", "Thread-1 (consume)",
	  "Parser.parse_record (/srv/billing/app/ingest/parser.py:212); consume "
	  "(/srv/billing/app/ingest/worker.py:48); Thread.run (/usr/lib/python3.11/threading.py:975)",
	  212 },
	{ "render_template.<locals>.<genexpr>",
	  "/usr/local/lib/python3.11/site-packages/company_templates/engine/compiler.py",
	  "Thread-2 (render)",
	  "render_template.<locals>.<genexpr> (/usr/local/lib/python3.11/site-packages/"
	  "company_templates/engine/compiler.py:1044); join (x.py:3)",
	  1044 },
	{ "sha256_file", "hash.py", "ThreadPoolExecutor-0_0", "sha256_file (hash.py:12)", 12 },
	{ "", "", "MainThread", "", 0 },
	{ "<lambda>", "<string>", "", "<lambda> (<string>:1) ... truncated", 1 },
};

static void set_site(struct report_site *s, const struct words *w, size_t i, uint64_t ns)
{
	size_t k = i % N_OF(places);

	*s = (struct report_site){ .tid = 4713 + (uint32_t)i % 2, .ns = ns, .samples = ns / MS };
	s->place.function = word(w, i, places[k].function);
	s->place.file = word(w, i + 1, places[k].file);
	s->place.line = w->bad ? UINT32_MAX : places[k].line;
	s->stack = word(w, i + 2, places[k].stack);
	s->thread_name = word(w, i + 3, places[k].thread);
	snprintf(s->comm, sizeof(s->comm), "%s", word(w, i + 4, "python3"));
}

/* Places that share total_ns, each less than the one before. */
static struct report_site *new_sites(struct report *r, const struct words *w, size_t first,
				     size_t n, uint64_t total_ns)
{
	struct report_site *s = report_sample_alloc(r, n, sizeof(*s));

	for (size_t i = 0; i < n; i++) {
		uint64_t ns = i + 1 < n ? total_ns - total_ns / 4 : total_ns;

		set_site(&s[i], w, first + i, ns);
		total_ns -= ns;
	}
	return s;
}

static void set_held(struct report *r, struct report_gil *g, const struct words *w, size_t n)
{
	static const char *const calls[] = { "clock_nanosleep", "", "futex" };

	g->held = report_sample_alloc(r, n, sizeof(*g->held));
	g->n_held = n;
	for (size_t i = 0; i < n; i++) {
		struct report_held *h = &g->held[i];

		set_site(&h->site, w, i + 1, 700 * MS / (i + 1));
		h->site.samples = 7;
		h->syscall = calls[i % N_OF(calls)];
		h->held_ns = 710 * MS / (i + 1);
		h->max_ns = 102 * MS;
	}
}

static void set_gil(struct report *r, struct report_gil *g, const struct words *w, size_t n)
{
	*g = (struct report_gil){ .lock = 1, .pid = 4711, .addr = 0xa3f8c0,
		.runtime = word(w, 0, "CPython 3.11.2"), .interval_ns = 5 * MS, .handoffs = 1853,
		.switches_known = true, .switches = 3710, .forced = 1848, .poll_ns = 9320 * MS,
		.delay_ns = 198 * MS, .handoff_ns = 190 * MS, .convoy_count = 1234,
		.convoy_p50_ns = 5020000, .convoy_p99_ns = 10100000, .convoy_max_ns = 15000000,
		.held_ns = 9640 * MS, .free_ns = 48 * MS, .held_asleep_ns = 1200 * MS,
		.held_preempted_ns = 130 * MS, .with_ns = 9910 * MS, .without_ns = 210 * MS };
	set_held(r, g, w, n);
	g->holding = new_sites(r, w, 0, n + 1, 9510 * MS);
	g->n_holding = n + 1;
	g->without = new_sites(r, w, 2, n, 210 * MS);
	g->n_without = n;
}

static void set_runtimes(struct report *r, const struct words *w, size_t n)
{
	static const struct {
		const char *name, *status, *why;
	} kinds[] = {
		{ "CPython 3.11.2", "ok", "" },
		{ "CPython 3.13t", "no-gil", "" },
		{ "CPython 3.16", "unknown", "no offsets for this version" },
	};

	r->runtimes = report_sample_alloc(r, n, sizeof(*r->runtimes));
	r->n_runtimes = n;
	for (size_t i = 0; i < n; i++) {
		size_t k = i < n / 2 ? 0 : i % N_OF(kinds);

		r->runtimes[i] = (struct report_runtime){ .pid = 4711 + (uint32_t)i,
			.name = word(w, i, kinds[k].name), .status = kinds[k].status,
			.why = word(w, i, kinds[k].why) };
	}
}

static void set_names(struct report *r, const struct words *w)
{
	for (size_t i = 0; i < r->n_threads; i++) {
		struct report_thread *t = &r->threads[i];

		t->python = i % 4 != 3;
		t->name = word(w, i, i < 3 ? (const char *const[]){ "Thread-1 (consume)",
			"Thread-2 (render)", "MainThread" }[i] : NULL);
		t->gil_wait_share = 0.4901;
		t->gil_ns = t->state_ns[STATE_ON_CPU] - t->state_ns[STATE_ON_CPU] / 50;
		t->free_ns = t->state_ns[STATE_ON_CPU] / 50;
	}
	for (size_t i = 0; i < r->n_locks; i++) {
		struct report_lock *l = &r->locks[i];

		for (size_t k = 0; k < l->n_top_waiters; k++)
			l->top_waiters[k].name = word(w, k, k ? NULL : "Thread-1 (consume)");
		for (size_t k = 0; k < l->n_top_holders; k++)
			l->top_holders[k].name = word(w, k, k ? "" : "Thread-1 (consume)");
	}
}

void report_python_fill(struct report *r, const char *const *bad, size_t n_bad, size_t n)
{
	struct words w = { bad, n_bad };

	set_names(r, &w);
	for (size_t i = 0; i < r->n_locks; i++) {
		struct report_lock *l = &r->locks[i];

		l->n_sites = n;
		l->sites = new_sites(r, &w, i, n, l->wait_ns);
		l->n_holding = i % 2 ? n : 0;
		l->holding = new_sites(r, &w, i + 1, n, l->blocked_ns);
	}
	r->locks[0].class = LOCK_CLASS_GIL;
	r->n_gils = n;
	r->gils = report_sample_alloc(r, n, sizeof(*r->gils));
	for (size_t i = 0; i < n; i++) {
		set_gil(r, &r->gils[i], &w, i ? 1 : n);
		if (i) { /* nobody waited for it, or there is no row of it */
			r->gils[i].lock = i % 2 ? 0 : 5000000;
			r->gils[i].pid = 4711 + (uint32_t)i;
		}
	}
	set_runtimes(r, &w, n + 2);
	r->n_running = n + 3;
	r->running = new_sites(r, &w, 0, n + 3, r->par.on_cpu_ns);
	r->quality.samples = 2345;
	r->quality.samples_unread = 3;
	r->quality.stacks = 61;
	r->quality.stacks_truncated = 2;
	r->quality.frames_unknown = 4;
	r->quality.sample_ns = 10 * MS;
}

void report_python_nulls(struct report *r)
{
	r->gils = report_sample_alloc(r, 2, sizeof(*r->gils));
	r->n_gils = 2;
	r->gils[0].lock = 1;
	for (size_t i = 0; i < 2; i++) {
		struct report_gil *g = &r->gils[i];

		g->held = report_sample_alloc(r, 1, sizeof(*g->held));
		g->holding = report_sample_alloc(r, 1, sizeof(*g->holding));
		g->without = report_sample_alloc(r, 1, sizeof(*g->without));
		g->n_held = g->n_holding = g->n_without = 1;
	}
	r->locks[0].sites = report_sample_alloc(r, 1, sizeof(*r->locks[0].sites));
	r->locks[0].n_sites = 1;
	r->runtimes = report_sample_alloc(r, 1, sizeof(*r->runtimes));
	r->n_runtimes = 1;
	r->runtimes[0].status = "unknown";
	r->running = report_sample_alloc(r, 1, sizeof(*r->running));
	r->n_running = 1;
	for (size_t i = 0; i < r->n_threads; i++)
		r->threads[i].python = true;
}
