// SPDX-License-Identifier: GPL-2.0-or-later
/* report_native.c - what native stacks add to a report, made by hand; see report_sample.h. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/report.h"

#define MS 1000000ull
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	struct report_place place;
	const char *stack;
} places[] = {
	{ { "registry_add", "/src/app/registry.c", 41, "app", 0x1a40 },
	  "__lll_lock_wait (libc.so.6); pthread_mutex_lock (libc.so.6); registry_add "
	  "(/src/app/registry.c:41); handle (/src/app/server.c:88); worker (/src/app/server.c:60); "
	  "start_thread (libc.so.6); clone3 (libc.so.6)" },
	{ { "void ns::Cache<std::string, std::vector<int> >::insert<int>(std::string const&, int) "
	    "const",
	    "/src/app/cache.hh", 112, "libcache.so.2", 0x2f10 },
	  "pthread_mutex_lock (libc.so.6); void ns::Cache<std::string, std::vector<int> "
	  ">::insert<int>"
	  "(std::string const&, int) const (/src/app/cache.hh:112); ns::Store::put(std::string "
	  "const&) "
	  "(/src/app/store.cc:7); walk (/src/app/tree.c:9); walk (/src/app/tree.c:9); walk "
	  "(/src/app/tree.c:9) ... truncated" },
	{ { "", "", 0, "libvendor.so.1", 0x81f3c },
	  "libvendor.so.1+0x81f3c; main (/src/app/main.c:5)" },
	{ { "inflate", "", 0, "libz.so.1", 0x9a0 },
	  "inflate (libz.so.1); unpack (/src/app/pack.c:31); main (/src/app/main.c:5)" },
	{ { "Loader.parse", "/srv/app/loader.py", 17, "", 0 },
	  "pthread_cond_timedwait (libc.so.6); Loader.parse (/srv/app/loader.py:17); "
	  "_PyEval_Vector "
	  "(python3.11); run (/srv/app/__init__.py:3)" },
	{ { "", "", 0, "", 0 }, "?" },
};

static const char *word(const char *const *bad, size_t n_bad, size_t i, const char *good)
{
	return bad ? bad[i % n_bad] : good;
}

static struct report_site *new_sites(struct report *r, const char *const *bad, size_t n_bad,
				     size_t first, size_t n, uint64_t total_ns)
{
	struct report_site *s = report_sample_alloc(r, n, sizeof(*s));

	for (size_t i = 0; i < n; i++) {
		size_t k = (first + i) % N_OF(places);

		s[i].place = places[k].place;
		s[i].place.function = word(bad, n_bad, i, places[k].place.function);
		s[i].place.file = word(bad, n_bad, i + 1, places[k].place.file);
		s[i].place.module = word(bad, n_bad, i + 2, places[k].place.module);
		s[i].stack = word(bad, n_bad, i, places[k].stack);
		s[i].ns = i + 1 < n ? total_ns - total_ns / 3 : total_ns;
		s[i].samples = s[i].ns / MS;
		s[i].tid = 4000000 + (uint32_t)i;
		snprintf(s[i].comm, sizeof(s[i].comm), "worker");
		total_ns -= s[i].ns;
	}
	return s;
}

/* Frames of the folded lines, outermost first. */
static const char *const frames[] = { "_start",
				      "main",
				      "run (/srv/app/__init__.py:3)",
				      "ns::Cache<int>::insert(std::string const&, int)",
				      "libvendor.so.1+0x81f3c",
				      "__x64_sys_futex [k]" };

static void set_folded(struct report *r, const char *const *bad, size_t n_bad, size_t n)
{
	for (size_t p = 0; p < PROFILE_COUNT; p++) {
		struct report_folded *f = report_sample_alloc(r, n, sizeof(*f));

		r->folded[p] = f;
		r->n_folded[p] = n;
		for (size_t i = 0; i < n; i++) {
			f[i].pid = 900;
			f[i].tid = 901 + (uint32_t)(i % 3);
			f[i].comm = word(bad, n_bad, i, "worker");
			f[i].n = i % (N_OF(frames) + 1);
			f[i].frames = report_sample_alloc(r, f[i].n, sizeof(*f[i].frames));
			for (size_t k = 0; k < f[i].n; k++)
				f[i].frames[k] = word(bad, n_bad, i + k, frames[k]);
			f[i].ns = (n - i) * 1234567 / (1 + i % 5 * 1000);
		}
	}
}

static void set_quality(struct report_quality *q)
{
	q->samples = 2345;
	q->stacks = 61;
	q->sample_ns = 10 * MS;
	q->samples_native = 2300;
	q->samples_whole = 2291;
	q->samples_cut = 3;
	q->samples_no_rule = 4;
	q->samples_early = 2;
	q->samples_pointers = 12;
	q->stacks_taken = 1234;
	q->stacks_ns = 1234 * 2100;
	q->stacks_frames = 1234 * 46;
	q->tables = 5;
	q->table_rows = 93120;
	q->table_ns = 41 * MS;
	q->symbol_cpu_ns = 120 * MS;
}

void report_native_fill(struct report *r, const char *const *bad, size_t n_bad, size_t n)
{
	static const char *const objects[] = {
		"registry_lock", "heap", "cache+0x28 (libcache.so.2)", "stack", "memory", ""
	};

	for (size_t i = 0; i < r->n_locks; i++) {
		struct report_lock *l = &r->locks[i];

		snprintf(l->object, sizeof(l->object), "%s",
			 word(bad, n_bad, i, objects[(i + 5) % N_OF(objects)]));
		if (i == 1 || i == 2)
			snprintf(l->name, sizeof(l->name), i == 1 ? "%s %s" : "%s 0x7f10 (%s)",
				 l->kind, l->object);
		l->sites = new_sites(r, bad, n_bad, i, i == 5 ? 1 : n, l->wait_ns);
		l->n_sites = i == 5 ? 1 : n;
		l->place = l->sites[0].place;
		l->holding = new_sites(r, bad, n_bad, i + 1, n, l->blocked_ns);
		l->n_holding = l->class == LOCK_CLASS_COND ? 0 : n;
	}
	r->running = new_sites(r, bad, n_bad, 0, n, r->par.on_cpu_ns);
	r->n_running = n;
	set_folded(r, bad, n_bad, 7 * n);
	set_quality(&r->quality);
}
