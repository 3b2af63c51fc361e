// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * metric_test.c - tests of user/analysis/metric, slices and metric_named: a report made by hand, in
 * which every number can be worked out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/metric.h"
#include "user/analysis/metric_named.h"
#include "user/analysis/report.h"
#include "user/analysis/slices.h"
#include "user/base/buf.h"

#include <cmocka.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS 1000000ULL
#define PHASES 100

static void near_to(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.10g, expected %.10g +- %g", value, expected, tolerance);
}

/* Two threads for 1 s on 2 CPUs; what they do is said by the caller. */
struct made {
	struct report r;
	struct report_process process;
	struct report_thread threads[2];
	struct report_phase phases[PHASES];
	struct report_lock locks[3];
	struct report_hist_slot slots[3][2];
	struct report_site running[3];
	uint64_t run[3], want[3];
};

static struct made *make(double running, double runnable, double lock, double gil)
{
	const double of_thread = 0.5e9;
	struct made *m = xcalloc(1, sizeof(*m));
	uint64_t *ns = m->r.budget.state_ns;

	m->r = (struct report){
		.command = true,
		.cpus_online = 2,
		.window_ns = 1000 * MS,
		.target = "two",
		.processes = &m->process,
		.n_processes = 1,
		.threads = m->threads,
		.n_threads = 2,
		.phases = m->phases,
		.n_phases = PHASES,
		.locks = m->locks,
		.running = m->running,
	};
	m->process.ended = true;
	ns[STATE_ON_CPU] = (uint64_t)(running * 1e9);
	ns[STATE_WOKEN] = (uint64_t)(runnable * 1e9);
	ns[STATE_LOCK] = (uint64_t)(lock * 1e9);
	ns[STATE_GIL] = (uint64_t)(gil * 1e9);
	ns[STATE_SLEEP] = (uint64_t)((2 - running - runnable - lock - gil) * 1e9);
	m->r.budget.total_ns = 2000 * MS;
	m->r.par = (struct report_parallelism){
		.wall_ns = 1000 * MS,
		.on_cpu_ns = ns[STATE_ON_CPU],
		.ceiling = 2,
		.average = running,
		.running = { m->run, 3 },
		.wanted = { m->want, 3 },
	};
	m->want[2] = 1000 * MS;
	for (int i = 0; i < 2; i++)
		m->threads[i] = (struct report_thread){
			.tid = 10 + (uint32_t)i,
			.pid = 10,
			.life_ns = 1000 * MS,
			.end_ns = 1000 * MS,
			.voluntary = 300,
			.involuntary = 200,
			.migrations = 5,
			.waits = 40,
			.wakes = 9,
			.empty_wakes = 1,
			.state_ns = { [STATE_ON_CPU] = (uint64_t)(running * of_thread) },
		};
	for (size_t i = 0; i < PHASES; i++)
		m->phases[i] = (struct report_phase){ i * 10 * MS, (i + 1) * 10 * MS, running,
						      lock + gil,  runnable,	      gil };
	return m;
}

static double value(const struct metrics *t, const char *key)
{
	const struct metric *m = metrics_find(t, key);

	if (!m || !m->known)
		fail_msg("%s: %s", key, m ? m->why : "no such metric");
	return m->v.value;
}

static const char *why(const struct metrics *t, const char *key)
{
	const struct metric *m = metrics_find(t, key);

	assert_non_null(m);
	assert_false(m->known);
	assert_true(isnan(m->v.value) && m->v.n == 0);
	return m->why;
}

static void test_ratios(void **state)
{
	struct made *m = make(1.2, 0, 0.2, 0.4);
	struct metrics *t;

	(void)state;
	m->r.par.serial_ns = 300 * MS;
	m->run[2] = 450 * MS;
	m->r.quality.dropped = 3;
	m->r.quality.made = 1000;
	t = metrics_of(&m->r);
	near_to(value(t, "wall"), 1, 1e-9);
	near_to(value(t, "cpu"), 1.2, 1e-9);
	near_to(value(t, "parallelism"), 1.2, 1e-9);
	near_to(value(t, "wanted"), 0, 1e-9); /* par.demand, which was not made */
	near_to(value(t, "ceiling.share"), 0.6, 1e-9);
	near_to(value(t, "serial.share"), 0.3, 1e-9);
	near_to(value(t, "contention.share"), 300.0 / 750, 1e-9);
	near_to(value(t, "gil.share"), 0.4 / 1.8, 1e-9);
	near_to(value(t, "lock.share"), 0.2 / 1.8, 1e-9);
	near_to(value(t, "runnable.share"), 0, 1e-9);
	near_to(value(t, "sleep.share"), 0.1, 1e-9);
	near_to(value(t, "switches"), 1000, 1e-9);
	near_to(value(t, "switches.forced"), 400, 1e-9);
	near_to(value(t, "migrations"), 10, 1e-9);
	near_to(value(t, "futex.calls"), 100, 1e-9);
	near_to(value(t, "threads"), 2, 0);
	near_to(value(t, "lost.records"), 3, 0);
	assert_string_equal(t->verdict, report_verdicts[m->r.verdict.code]);
	metrics_free(t);
	free(m);
}

/* Nothing may be said that was not measured. */
static void test_not_known(void **state)
{
	struct made *m = make(1.2, 0, 0.2, 0.4);
	struct metrics *t;

	(void)state;
	m->r.command = false;
	t = metrics_of(&m->r);
	assert_string_equal(why(t, "wall"), "only a part of the run was watched");
	assert_string_equal(why(t, "cpu"), "only a part of the run was watched");
	assert_non_null(strstr(why(t, "contention.share"), "hardly ever had a CPU at once"));
	near_to(value(t, "parallelism"), 1.2, 1e-9);
	metrics_free(t);

	m->want[2] = 49 * MS;
	t = metrics_of(&m->r);
	assert_non_null(strstr(why(t, "contention.share"), "wanted to run at once"));
	metrics_free(t);

	m->r.command = true;
	m->process.ended = false;
	t = metrics_of(&m->r);
	assert_string_equal(why(t, "wall"), "only a part of the run was watched");
	metrics_free(t);

	m->r.quality.made = 1000;
	m->r.quality.dropped = 200;
	t = metrics_of(&m->r);
	assert_string_equal(why(t, "gil.share"), "too many records were lost");
	assert_null(metrics_find(t, "lock[GIL].wait"));
	near_to(value(t, "parallelism"), 1.2, 1e-9); /* the kernel's own sums */
	metrics_free(t);
	free(m);
}

/* Batches of a known spread: a mean of 1.2, half of them 0.1 above and half below. */
static void test_slices(void **state)
{
	struct made *m = make(1.2, 0, 0, 0);
	const struct metric *p;
	struct metrics *t;

	(void)state;
	for (size_t i = 0; i < PHASES; i++)
		m->phases[i].parallelism = i / 10 % 2 ? 1.3 : 1.1;
	t = metrics_of(&m->r);
	p = metrics_find(t, "parallelism");
	assert_int_equal(p->v.n, SLICES_BATCHES);
	/* sample deviation 0.1 * sqrt(10 / 9), of the mean / sqrt(10), times t of 9 = 2.262 */
	near_to(p->v.high - p->v.value, 2.26216 * 0.1 / 3, 1e-5);
	near_to(p->v.value - p->v.low, 2.26216 * 0.1 / 3, 1e-5);
	p = metrics_find(t, "serial.share");
	assert_true(p->v.n == 1 && p->v.low == p->v.value && p->v.high == p->v.value);
	metrics_free(t);

	m->r.n_phases = SLICES_BATCHES * SLICES_EACH_MIN - 1;
	t = metrics_of(&m->r);
	assert_int_equal(metrics_find(t, "parallelism")->v.n, 1);
	metrics_free(t);
	free(m);
}

/* What 95 % promises: windows of a process whose slices hang together, and how often its mean is
 * hit. */
static void test_coverage(void **state)
{
	struct made *m = make(1, 0, 0, 0);
	const unsigned tries = 1000;
	unsigned hit = 0;

	(void)state;
	srand48(7);
	for (unsigned i = 0; i < tries; i++) {
		double level = 0, sum = 0;
		const struct metric *p;
		struct metrics *t;

		for (size_t k = 0; k < PHASES; k++) { /* AR(1), 0.5 from slice to slice */
			level = 0.5 * level + 0.1 * (drand48() + drand48() + drand48() - 1.5);
			m->phases[k].parallelism = 1 + level;
			sum += level;
		}
		m->r.budget.state_ns[STATE_ON_CPU] = (uint64_t)((1 + sum / PHASES) * 1e9);
		t = metrics_of(&m->r);
		p = metrics_find(t, "parallelism");
		hit += p->v.low <= 1 && 1 <= p->v.high;
		metrics_free(t);
	}
	/* 4 standard deviations, and 2 % for what the batches still have to do with each other */
	near_to((double)hit / tries, 0.95, 0.048);
	free(m);
}

/* Others took the CPUs: in half of the slices one of two threads waits for a CPU. */
static void test_stolen(void **state)
{
	struct made *m = make(1.5, 0.5, 0, 0);
	struct metrics *t;

	(void)state;
	for (size_t i = 0; i < PHASES; i++) {
		m->phases[i].parallelism = i % 2 ? 2 : 1;
		m->phases[i].runnable = i % 2 ? 0 : 1;
	}
	t = metrics_of(&m->r);
	near_to(value(t, "stolen.share"), 0.25, 1e-9);
	/* a slice of one thread, that could have been two, had needed half of the time */
	near_to(metrics_find(t, "wall")->undisturbed, 0.75, 1e-9);
	near_to(metrics_find(t, "parallelism")->undisturbed, 2, 1e-9);
	near_to(metrics_find(t, "ceiling.share")->undisturbed, 1, 1e-9);
	near_to(value(t, "runnable.share"), 0.25, 1e-9);
	near_to(metrics_find(t, "runnable.share")->undisturbed, 0, 1e-9);
	near_to(metrics_find(t, "cpu")->undisturbed, 1.5, 1e-9);
	metrics_free(t);

	/* it may use one CPU only: nobody took anything */
	m->r.par.ceiling = 1.5;
	t = metrics_of(&m->r);
	near_to(value(t, "stolen.share"), 0, 1e-9);
	near_to(metrics_find(t, "wall")->undisturbed, 1, 1e-9);
	metrics_free(t);
	free(m);
}

/* Waiting in slices where others had the CPU may be for a holder that could not run. */
static void test_stolen_locks(void **state)
{
	struct made *m = make(1, 0.5, 0.5, 0);
	struct metrics *t;

	(void)state;
	for (size_t i = 0; i < PHASES; i++) {
		bool busy = i % 2;

		m->phases[i].parallelism = busy ? 0 : 2;
		m->phases[i].runnable = busy ? 1 : 0;
		m->phases[i].waiting = busy ? 1 : 0;
	}
	t = metrics_of(&m->r);
	near_to(value(t, "lock.share"), 0.25, 1e-9);
	near_to(metrics_find(t, "lock.share")->undisturbed, 0, 1e-9);
	metrics_free(t);
	free(m);
}

static void add_lock(struct made *m, const char *kind, const char *object, const char *function,
		     enum report_lock_class class, uint64_t wait_ms, uint64_t waits)
{
	struct report_lock *l = &m->locks[m->r.n_locks];
	struct report_hist_slot *slot = m->slots[m->r.n_locks++];

	*l = (struct report_lock){ .id = (uint32_t)m->r.n_locks,
				   .kind = kind,
				   .class = class,
				   .waits = waits,
				   .wait_ns = wait_ms * MS,
				   .blocked_ns = wait_ms * MS / 2,
				   .mean_ns = MS,
				   .max_ns = 9 * MS,
				   .hist = slot,
				   .n_hist = 2 };
	snprintf(l->object, sizeof(l->object), "%s", object);
	l->place.function = function;
	slot[0] = (struct report_hist_slot){ 983040, waits - 1 }; /* 2^16 * 15 */
	slot[1] = (struct report_hist_slot){ 8388608, 1 };
}

static void test_locks(void **state)
{
	struct made *m = make(1, 0, 0.5, 0.3);
	struct metrics *t;

	(void)state;
	add_lock(m, "mutex", "registry", "find", LOCK_CLASS_LOCK, 100, 100);
	add_lock(m, "mutex", "heap", "find", LOCK_CLASS_LOCK, 40, 10);
	add_lock(m, "mutex", "memory", "find", LOCK_CLASS_LOCK, 60, 30);
	t = metrics_of(&m->r);
	near_to(value(t, "lock[registry].wait"), 0.1, 1e-9);
	near_to(value(t, "lock[registry].share"), 0.05 / 1.8, 1e-9);
	near_to(value(t, "lock[registry].waits"), 100, 1e-9);
	near_to(value(t, "lock[registry].mean"), 0.001, 1e-9);
	/* no name of their own: added up */
	near_to(value(t, "lock[mutex at find].wait"), 0.1, 1e-9);
	near_to(value(t, "lock[mutex at find].waits"), 40, 1e-9);
	/* 98.75 % of 40 and 40 times p99 are in the second slot, whose middle is below the longest
	 */
	near_to(value(t, "lock[mutex at find].p99"), 0.0089, 0.0002);
	near_to(value(t, "lock.wait.p50"), 0.00102, 0.00005);
	near_to(value(t, "lock.waits"), 140, 1e-9);
	assert_int_equal(metric_group("lock[registry].wait"), METRIC_LOCK);
	metrics_free(t);

	/* conditions are no contention, what nobody waited for is no row */
	m->locks[0].class = LOCK_CLASS_COND;
	m->locks[1].wait_ns = m->locks[2].wait_ns = 0;
	t = metrics_of(&m->r);
	for (size_t i = 0; i < t->n; i++)
		assert_int_equal(metric_group(t->m[i].key), METRIC_WHOLE);
	metrics_free(t);
	free(m);
}

static void test_functions(void **state)
{
	struct made *m = make(1, 0, 0, 0);
	const struct metric *f;
	struct metrics *t;

	(void)state;
	m->r.quality.sample_ns = 10 * MS; /* so 100 samples */
	m->r.n_running = 3;
	m->running[0] = (struct report_site){ .place.function = "hash", .ns = 300 * MS };
	m->running[1] = (struct report_site){ .place.function = "hash", .ns = 200 * MS };
	m->running[2] = (struct report_site){ .place = { .module = "libx.so", .offset = 0x10 },
					      .ns = 100 * MS };
	t = metrics_of(&m->r);
	f = metrics_find(t, "function[hash].share");
	near_to(f->v.value, 0.5, 1e-9);
	assert_int_equal(f->v.n, 100);
	/* Wilson, 50 of 100 */
	near_to(f->v.low, 0.4038, 0.0002);
	near_to(f->v.high, 0.5962, 0.0002);
	near_to(value(t, "function[hash].cpu"), 0.5, 1e-9);
	near_to(value(t, "function[libx.so+0x10].share"), 0.1, 1e-9);
	metrics_free(t);
	free(m);
}

/* Names are chosen by the target. */
static void test_names(void **state)
{
	struct made *m = make(1, 0, 0.5, 0);
	char longest[400];
	struct metrics *t;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	add_lock(m, "mutex", "\xff\xc3(", "", LOCK_CLASS_LOCK, 10, 10);
	add_lock(m, "mutex", "", longest, LOCK_CLASS_LOCK, 10, 10);
	add_lock(m, NULL, "", NULL, LOCK_CLASS_LOCK, 10, 10);
	t = metrics_of(&m->r);
	near_to(value(t, "lock[?\?(].waits"), 10, 1e-9);
	near_to(value(t, "lock[lock].waits"), 10, 1e-9);
	for (size_t i = 0; i < t->n; i++) {
		enum metric_better better;
		enum metric_unit unit;

		assert_true(strlen(t->m[i].key) < METRIC_KEY_MAX - 8);
		assert_true(metric_kind(t->m[i].key, &unit, &better));
		assert_int_equal(unit, t->m[i].unit);
		assert_int_equal(better, t->m[i].better);
	}
	metrics_free(t);
	free(m);
}

static void test_kinds(void **state)
{
	static const char *const no[] = {
		"",
		"nothing",
		"lock[].wait",
		"lock[x]",
		"lock[x].",
		"lock[x].no",
		"lock[x",
		"lock.",
		"function[f].wait",
		"lock[f].cpu",
		"function[].share",
	};
	enum metric_better better;
	enum metric_unit unit;
	struct buf known = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(no); i++)
		if (metric_kind(no[i], &unit, &better))
			fail_msg("'%s' is a metric", no[i]);
	assert_true(metric_kind("lock[a].b].p99", &unit, &better));
	assert_int_equal(unit, METRIC_SECONDS);
	metric_known_keys(&known);
	assert_non_null(strstr(known.data, "parallelism, "));
	assert_non_null(strstr(known.data, "lock[NAME].p99"));
	buf_free(&known);
}

static void test_combine(void **state)
{
	struct made *m = make(1, 0, 0.5, 0);
	struct metrics *each[3], *all;
	const struct metric *p;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		m->r.budget.state_ns[STATE_ON_CPU] = (1000 + 10 * i) * MS;
		if (i == 1)
			add_lock(m, "mutex", "late", "", LOCK_CLASS_LOCK, 30, 30);
		m->process.ended = i != 2;
		each[i] = metrics_of(&m->r);
	}
	all = metrics_combine((const struct metrics *const *)each, 3);
	p = metrics_find(all, "parallelism");
	near_to(p->v.value, 1.01, 1e-9);
	assert_int_equal(p->v.n, 3);
	near_to(p->v.high - p->v.value, 4.30265 * 0.01 / sqrt(3), 1e-5);
	/* not there is 0; not known is not counted */
	p = metrics_find(all, "lock[late].waits");
	near_to(p->v.value, 20, 1e-9);
	assert_int_equal(p->v.n, 3);
	assert_int_equal(metrics_find(all, "wall")->v.n, 2);
	assert_string_equal(all->verdict, each[0]->verdict);
	metrics_free(all);
	all = metrics_combine((const struct metrics *const *)&each[2], 1);
	assert_string_equal(why(all, "wall"), "only a part of the run was watched");
	assert_int_equal(metrics_find(all, "parallelism")->v.n, SLICES_BATCHES);
	metrics_free(all);
	for (size_t i = 0; i < 3; i++)
		metrics_free(each[i]);
	free(m);
}

/* Whatever the report holds: finite or not known, the value inside of its interval. */
static void test_all_samples(void **state)
{
	(void)state;
	for (const char *const *name = report_samples; *name; name++) {
		struct report *r = report_sample(*name);

		assert_true(r->metrics->n > 20);
		for (size_t i = 0; i < r->metrics->n; i++) {
			const struct metric *m = &r->metrics->m[i];

			if (!m->known) {
				assert_true(m->why[0] != '\0');
				continue;
			}
			if (!isfinite(m->v.value) || !isfinite(m->undisturbed) ||
			    m->v.low > m->v.value || m->v.high < m->v.value)
				fail_msg("%s: %s: %g (%g .. %g), %g", *name, m->key, m->v.value,
					 m->v.low, m->v.high, m->undisturbed);
		}
		report_sample_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ratios),	cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_slices),	cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_stolen),	cmocka_unit_test(test_stolen_locks),
		cmocka_unit_test(test_locks),	cmocka_unit_test(test_functions),
		cmocka_unit_test(test_names),	cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_combine), cmocka_unit_test(test_all_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
