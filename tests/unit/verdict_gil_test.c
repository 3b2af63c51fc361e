// SPDX-License-Identifier: GPL-2.0-or-later
/* verdict_gil_test.c - verdicts about programs of which a runtime has told more. */
#include "tests/unit/verdict_sample.h"

static struct report_lock *gil_lock(struct sample *s, double blocked)
{
	return add_lock(s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11.2)", blocked);
}

/* --- the holder runs ------------------------------------------------------------------------- */

static void bound(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_lock *l;
	struct report_gil *g;
	(void)state;

	THREADS(&s, 4, .cpu = 2.5, .gil = 7.5);
	l = gil_lock(&s, 30);
	l->sites = add_site(&s, "parse", "/srv/app/parser.py", 12, 20);
	l->n_sites = 1;
	g = add_gil(&s, l);
	g->holding = add_site(&s, "render", "view.py", 0, 25);
	g->n_holding = 1;
	v = check(&s, VERDICT_GIL_BOUND);
	assert_string_equal(v->sentence,
			    "gil-bound: 4.0 threads wanted to run, 1.00 did; 75 % of the wanted "
			    "thread time went to waiting for GIL (CPython 3.11.2), waited for most at "
			    "parse (parser.py:12), held most at render (view.py)");
	assert_true(evidence(v, "handoffs") == 200);
	assert_true(evidence(v, "gil_waits") == 100);
	says(v->advice, "free-threaded Python");
	assert_true(v->explained > 0.99);
}

/* Places without names, and names that are too long for a sentence. */
static void bound_somewhere(void **state)
{
	static char function[300], file[300];
	struct sample none = sample(10, 2), wide = sample(10, 2);
	const struct report_verdict *v;
	struct report_lock *l;
	struct report_gil *g;
	(void)state;

	THREADS(&none, 4, .cpu = 2.5, .gil = 7.5);
	l = gil_lock(&none, 30);
	l->sites = add_site(&none, NULL, NULL, 0, 20);
	l->n_sites = 1;
	g = add_gil(&none, l);
	g->holding = add_site(&none, "", "", 3, 20);
	g->n_holding = 1;
	v = check(&none, VERDICT_GIL_BOUND);
	says_not(v->sentence, "most at");
	g->holding->place = (struct report_place){ .function = "", .file = "x.py", .line = 3 };
	verdict_decide(&none.r);
	says(none.r.verdict.sentence, "held most at a function (x.py:3)");

	memset(function, 'f', sizeof(function) - 1);
	memset(file, 'd', sizeof(file) - 1);
	memcpy(function + 290, ".inner", 7);
	THREADS(&wide, 4, .cpu = 2.5, .gil = 7.5);
	l = gil_lock(&wide, 30);
	l->sites = add_site(&wide, function, file, 99, 20);
	l->n_sites = 1;
	v = check(&wide, VERDICT_GIL_BOUND);
	says(v->sentence, "fff.inner (ddd");
	says(v->sentence, "d:99)");
	assert_true(strlen(v->sentence) < 240);
}

/* It looks up every 5 ms and has to wait for a CPU then, while the holder runs: not the CPU's fault. */
static void bound_with_few_cpus(void **state)
{
	struct sample s = sample(10, 2), starved = sample(10, 2), handed = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 4, .woken = 3.2, .gil = 2.8, .voluntary = 4000);
	level(s.running, 1, 8);
	level(s.wanted, 2, 10);
	add_gil(&s, gil_lock(&s, 5.6));
	s.locks[0].delay_ns = NS(5);
	assert_true(check(&s, VERDICT_GIL_BOUND)->explained > 0.7);
	/* preempted when it had let go of it */
	THREADS(&handed, 2, .cpu = 4.3, .runnable = 2.9, .gil = 2.8);
	level(handed.running, 1, 8.6);
	level(handed.wanted, 2, 10);
	add_gil(&handed, gil_lock(&handed, 5.6));
	check(&handed, VERDICT_GIL_BOUND);
	THREADS(&starved, 2, .cpu = 1, .woken = 6.2, .gil = 2.8, .voluntary = 4000);
	level(starved.running, 1, 2);
	level(starved.wanted, 2, 10);
	add_gil(&starved, gil_lock(&starved, 5.6));
	starved.locks[0].delay_ns = NS(5);
	check(&starved, VERDICT_CPU_SHORT);
}

/* A third of the waiting is behind a sleeper: still bound by the GIL, but that is to be told. */
static void bound_and_asleep(void **state)
{
	struct sample s = sample(10, 2), little = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	THREADS(&s, 4, .cpu = 2.4, .gil = 7.5);
	g = add_gil(&s, gil_lock(&s, 30));
	add_held(&s, g, "read", "load", "io.py", 5, 10);
	v = check(&s, VERDICT_GIL_BOUND);
	says(v->advice, "for 33 % of that its holder slept, most in read at load (io.py:5)");
	says(v->advice, "release the GIL there");
	/* what the runtime says counts more than that nobody ran */
	THREADS(&little, 4, .cpu = 1, .gil = 9);
	level(little.running, 1, 4);
	level(little.wanted, 4, 10);
	g = add_gil(&little, gil_lock(&little, 36));
	add_held(&little, g, "read", "load", "io.py", 5, 1);
	v = check(&little, VERDICT_GIL_BOUND);
	says_not(v->advice, "sleeps");
	says_not(v->advice, "slept");
}

/* --- the holder sleeps ----------------------------------------------------------------------- */

static void held_asleep(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	/* ctypes.PyDLL(None).usleep() in one thread, work in the other */
	THREAD(&s, .tid = 201, .cpu = 0.1, .sleep = 9.7);
	THREAD(&s, .tid = 202, .cpu = 0.2, .gil = 9.7);
	level(s.running, 1, 0.3);
	level(s.wanted, 1, 10);
	g = add_gil(&s, gil_lock(&s, 9.7));
	add_held(&s, g, "clock_nanosleep", "slow", "/srv/native.py", 33, 9.5);
	v = check(&s, VERDICT_GIL_HELD_BLOCKED);
	assert_string_equal(v->sentence,
			    "gil-held-while-blocked: 1.00 threads wanted to run, 0.03 did; 97 % of "
			    "the wanted thread time went to waiting for GIL (CPython 3.11.2), 98 % of "
			    "it while its holder slept: Thread-2 (201) in clock_nanosleep at slow "
			    "(native.py:33)");
	says(v->advice, "Py_BEGIN_ALLOW_THREADS");
	says(v->advice, "ctypes.CDLL instead of ctypes.PyDLL");
	assert_true(v->explained > 0.99);
	assert_true(evidence(v, "held_asleep_share") > 0.97);
	assert_true(evidence(v, "held_asleep_max") == 0.95e9);
}

static void held_in_several_places(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	THREADS(&s, 4, .cpu = 0.5, .sleep = 2.4, .gil = 7);
	g = add_gil(&s, gil_lock(&s, 28));
	add_held(&s, g, "read", "load", "io.py", 5, 6);
	add_held(&s, g, "", "touch", "map.py", 7, 14);
	v = check(&s, VERDICT_GIL_HELD_BLOCKED);
	says(v->sentence, "mostly Thread-2 (201) in a page fault at touch (map.py:7)");
	says(v->advice, "not in memory");
	says_not(v->advice, "PyDLL");
}

/* Half of the waiting decides. */
static void held_threshold(void **state)
{
	struct sample below = sample(10, 2), above = sample(10, 2);
	(void)state;

	THREADS(&below, 4, .cpu = 2, .sleep = 0.5, .gil = 7.5);
	add_held(&below, add_gil(&below, gil_lock(&below, 30)), "read", "f", "a.py", 1, 14.9);
	check(&below, VERDICT_GIL_BOUND);
	THREADS(&above, 4, .cpu = 2, .sleep = 0.5, .gil = 7.5);
	add_held(&above, add_gil(&above, gil_lock(&above, 30)), "read", "f", "a.py", 1, 15);
	check(&above, VERDICT_GIL_HELD_BLOCKED);
}

/* Little of the program's time is lost to it: no finding. */
static void held_but_little(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 9, .sleep = 0.5, .gil = 0.5);
	add_held(&s, add_gil(&s, gil_lock(&s, 1)), "read", "f", "a.py", 1, 1);
	check(&s, VERDICT_PARALLEL);
}

/* It waits for a native lock with the GIL: two threads lose the same, one for a lock. */
static void held_while_locked(void **state)
{
	struct sample s = sample(10, 2), other = sample(10, 2), dead = sample(10, 2);
	struct report_lock *l;
	(void)state;

	THREAD(&s, .tid = 201, .cpu = 0.1, .lock = 9.8);
	THREAD(&s, .tid = 202, .cpu = 0.3, .gil = 9.6);
	level(s.running, 1, 0.4);
	level(s.wanted, 2, 10);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f80", 9.8);
	add_held(&s, add_gil(&s, gil_lock(&s, 9.6)), "futex", "query", "db.py", 8, 9.5);
	says(check(&s, VERDICT_GIL_HELD_BLOCKED)->sentence, "in futex at query (db.py:8)");
	assert_true(s.r.verdict.explained > 0.97);
	/* the lock that others wait for is another one, and costs more */
	THREADS(&other, 4, .cpu = 1, .lock = 8);
	THREADS(&other, 2, .cpu = 1, .gil = 8);
	add_lock(&other, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f80", 32);
	add_held(&other, add_gil(&other, gil_lock(&other, 16)), "read", "f", "a.py", 1, 15);
	check(&other, VERDICT_LOCK_BOUND);
	/* nobody ever goes on */
	THREAD(&dead, .tid = 201, .lock = 10);
	THREAD(&dead, .tid = 202, .gil = 10);
	add_lock(&dead, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f80", 10);
	l = gil_lock(&dead, 10);
	l->waits = 0;
	l->open = 1;
	add_held(&dead, add_gil(&dead, l), "futex", "query", "db.py", 8, 10);
	says(check(&dead, VERDICT_GIL_HELD_BLOCKED)->advice, "deadlock");
}

/* --- a busy machine -------------------------------------------------------------------------- */

/* The holder has half a CPU: half of the waiting behind it is the machine's, not the GIL's. */
static void preempted_holder(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	THREADS(&s, 4, .cpu = 1.25, .runnable = 1.25, .gil = 7.5);
	g = add_gil(&s, gil_lock(&s, 30));
	g->held_preempted_ns = NS(15);
	v = check(&s, VERDICT_CPU_SHORT);
	says(v->sentence, "50 % of the wanted thread time waited for a CPU, or for the GIL of a "
			  "thread without one, although 2 may be used");
	says(v->advice, "with more CPUs the GIL would be the next limit");
	assert_true(evidence(v, "gil_no_cpu_share") == 0.375);
	assert_true(evidence(v, "gil_share") == 0.75);
	assert_true(v->explained > 0.57 && v->explained < 0.58);
}

/* For 4 of 10 s nobody runs, although all want to. */
static void with_pauses(struct sample *s)
{
	level(s->running, 1, 4);
	level(s->running, 2, 2);
}

/* Half of the loss decides. */
static void preempted_threshold(void **state)
{
	struct sample gil = sample(10, 2), cpu = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&gil, 4, .cpu = 2, .runnable = 1, .gil = 7);
	with_pauses(&gil);
	add_gil(&gil, gil_lock(&gil, 28))->held_preempted_ns = NS(11.9);
	v = check(&gil, VERDICT_GIL_BOUND);
	assert_true(v->explained > 0.5 && v->explained < 0.51);
	THREADS(&cpu, 4, .cpu = 2, .runnable = 1, .gil = 7);
	with_pauses(&cpu);
	add_gil(&cpu, gil_lock(&cpu, 28))->held_preempted_ns = NS(12.1);
	check(&cpu, VERDICT_CPU_SHORT);
}

/* It was handed over, but who gets it has no CPU.  On an idle machine that takes microseconds. */
static void nobody_has_it(void **state)
{
	struct sample busy = sample(10, 2), idle = sample(10, 2);
	struct report_gil *g;
	(void)state;

	THREADS(&busy, 4, .cpu = 2, .runnable = 1.5, .gil = 6.5);
	with_pauses(&busy);
	g = add_gil(&busy, gil_lock(&busy, 26));
	g->free_ns = NS(11); /* 5.5 ms for each hand-off */
	check(&busy, VERDICT_CPU_SHORT);
	THREADS(&idle, 4, .cpu = 2, .runnable = 1.5, .gil = 6.5);
	g = add_gil(&idle, gil_lock(&idle, 26));
	g->free_ns = NS(11);
	g->handoffs = 200000; /* 55 us */
	check(&idle, VERDICT_GIL_BOUND);
}

/* --- without the GIL ------------------------------------------------------------------------- */

static void released(void **state)
{
	struct sample s = sample(10, 2), some = sample(10, 2), full = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	/* hashlib releases it */
	THREADS(&s, 2, .cpu = 9.7, .gil = 0.1);
	g = add_gil(&s, NULL);
	g->with_ns = NS(1.2);
	g->without_ns = NS(18.8);
	g->without = add_site(&s, "digest", "hash.py", 21, 18.8);
	g->n_without = 1;
	v = check(&s, VERDICT_PARALLEL);
	says(v->sentence, "parallel: 1.94 of 2 CPUs; 94 % of Python's CPU time ran without the GIL, "
			  "most of it in digest (hash.py:21)");
	assert_true(evidence(v, "released_share") == 0.94);
	/* processes: each has its own, no word about it */
	THREADS(&some, 2, .cpu = 9.7);
	g = add_gil(&some, NULL);
	g->with_ns = NS(19);
	g->without_ns = NS(0.4);
	says_not(check(&some, VERDICT_PARALLEL)->sentence, "GIL");
	/* more threads of that kind than CPUs */
	THREADS(&full, 4, .cpu = 4.9, .runnable = 4.9);
	g = add_gil(&full, NULL);
	g->with_ns = NS(1);
	g->without_ns = NS(18.6);
	says(check(&full, VERDICT_CPU_SHORT)->sentence, "95 % of Python's CPU time ran without");
}

static void free_threaded(void **state)
{
	struct sample par = sample(10, 2), lock = sample(10, 2), hand = sample(10, 2);
	struct sample unclear = sample(10, 4), mixed = sample(10, 2), cpu = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&par, 2, .cpu = 9.7);
	add_runtime(&par, "CPython 3.13t", "no-gil");
	v = check(&par, VERDICT_PARALLEL);
	says(v->sentence, "this Python has no GIL");
	says_not(v->advice, "GIL");
	THREADS(&lock, 4, .cpu = 2.5, .lock = 7.5);
	add_lock(&lock, LOCK_CLASS_LOCK, "Python lock", "Python lock 0x7f20", 30);
	add_runtime(&lock, "CPython 3.13t", "no-gil");
	says_not(check(&lock, VERDICT_LOCK_BOUND)->advice, "GIL");
	THREADS(&hand, 2, .cpu = 5, .gil = 5);
	add_lock(&hand, LOCK_CLASS_GIL, "hand-off lock", "hand-off lock 0x7f10", 10);
	add_runtime(&hand, "CPython 3.13t", "no-gil");
	v = check(&hand, VERDICT_GIL_BOUND);
	says_not(v->advice, "GIL");
	says_not(v->advice, "free-threaded");
	THREADS(&unclear, 4, .cpu = 4, .runnable = 1.8, .lock = 2, .gil = 2.2);
	add_runtime(&unclear, "CPython 3.13t", "no-gil");
	says_not(check(&unclear, VERDICT_UNCLEAR)->sentence, "GIL");
	THREADS(&cpu, 2, .cpu = 2.5, .runnable = 5, .gil = 2.5);
	add_runtime(&cpu, "CPython 3.13t", "no-gil");
	says_not(check(&cpu, VERDICT_CPU_SHORT)->advice, "GIL");
	/* one of two has one */
	THREADS(&mixed, 4, .cpu = 2.5, .gil = 7.5);
	add_gil(&mixed, gil_lock(&mixed, 30));
	add_runtime(&mixed, "CPython 3.13t", "no-gil");
	says(check(&mixed, VERDICT_GIL_BOUND)->advice, "GIL");
}

/* A layout that is not known: the words are those for a lock that behaves like one. */
static void unknown_layout(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 2, .cpu = 5, .gil = 5);
	add_lock(&s, LOCK_CLASS_GIL, "hand-off lock", "hand-off lock 0x7f10", 10);
	add_runtime(&s, "CPython 3.16", "unknown");
	v = check(&s, VERDICT_GIL_BOUND);
	says(v->sentence, "which behaves like a GIL");
}

/* --- I/O ------------------------------------------------------------------------------------- */

static void convoy(void **state)
{
	struct sample s = sample(10, 2), fast = sample(10, 2), rare = sample(10, 2);
	struct sample fine = sample(10, 2);
	const struct report_verdict *v;
	struct report_gil *g;
	(void)state;

	THREADS(&s, 8, .cpu = 0.3, .io = 9.4, .gil = 0.2, .voluntary = 4000);
	g = add_gil(&s, gil_lock(&s, 1.6));
	g->convoy_count = 5000;
	g->convoy_p99_ns = NS(0.0251);
	v = check(&s, VERDICT_IO_OVERLAPPED);
	says(v->sentence, "who is ready waits for the GIL for up to 25.1 ms (p99)");
	says(v->advice, "sys.setswitchinterval()");
	assert_true(evidence(v, "convoy_p99") == 25.1e6);
	/* up to two switch intervals are nothing special */
	THREADS(&fast, 8, .cpu = 0.3, .io = 9.4, .gil = 0.2, .voluntary = 4000);
	g = add_gil(&fast, gil_lock(&fast, 1.6));
	g->convoy_count = 5000;
	g->convoy_p99_ns = NS(0.01);
	says_not(check(&fast, VERDICT_IO_OVERLAPPED)->sentence, "GIL");
	/* the interval of the program, not CPython's default */
	THREADS(&fine, 8, .cpu = 0.3, .io = 9.4, .gil = 0.2, .voluntary = 4000);
	g = add_gil(&fine, gil_lock(&fine, 1.6));
	g->convoy_count = 5000;
	g->interval_ns = NS(0.0005);
	g->convoy_p99_ns = NS(0.0011);
	says(check(&fine, VERDICT_IO_OVERLAPPED)->sentence, "1.10 ms");
	THREADS(&rare, 8, .cpu = 0.3, .io = 9.4, .gil = 0.2, .voluntary = 4000);
	g = add_gil(&rare, gil_lock(&rare, 1.6));
	g->convoy_count = 9;
	g->convoy_p99_ns = NS(0.1);
	says_not(check(&rare, VERDICT_IO_OVERLAPPED)->sentence, "GIL");
}

/* --- other locks of Python, and quality ------------------------------------------------------- */

static void python_lock(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_lock *l;
	(void)state;

	THREADS(&s, 4, .cpu = 2.7, .lock = 7.2);
	l = add_lock(&s, LOCK_CLASS_LOCK, "Python lock", "Python lock 0x7f10", 28);
	add_holder(&s, l, "python3", 26.9);
	s.parties[0].name = "Thread-7 (store)";
	l->sites = add_site(&s, "Cache.get", "cache.py", 40, 28);
	l->n_sites = 1;
	v = check(&s, VERDICT_LOCK_BOUND);
	says(v->sentence, "while held by Thread-7 (store) (207), waited for most at Cache.get "
			  "(cache.py:40)");
}

static void lost_records_tell_no_holder(void **state)
{
	struct sample s = sample(10, 2), busy = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 0.2, .gil = 9.7);
	add_held(&s, add_gil(&s, gil_lock(&s, 19.4)), "read", "f", "a.py", 1, 19);
	s.r.quality.dropped = 120;
	says(check(&s, VERDICT_UNCLEAR)->sentence, "looks gil-held-while-blocked");
	assert_true(evidence(&s.r.verdict, "dropped_share") == 0.12);
	/* nor that he had no CPU */
	THREADS(&busy, 4, .cpu = 1.25, .runnable = 1.25, .gil = 7.5);
	add_gil(&busy, gil_lock(&busy, 30))->held_preempted_ns = NS(15);
	busy.r.quality.dropped = 120;
	says(check(&busy, VERDICT_UNCLEAR)->sentence, "looks gil-bound");
}

static void hostile_gils(void **state)
{
	struct sample s = sample(10, 2);
	struct report_gil *g;
	struct report_lock *l;
	(void)state;

	THREADS(&s, 4, .cpu = 2.5, .gil = 7.5);
	l = gil_lock(&s, 30);
	g = add_gil(&s, l);
	memset(g, 0xff, sizeof(*g)); /* largest numbers; no lists */
	g->lock = l->id;
	g->n_held = g->n_holding = g->n_without = 0;
	s.runtimes[0] = (struct report_runtime){ 0 };
	decide(&s);
	check_form(&s.r.verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound),
		cmocka_unit_test(bound_somewhere),
		cmocka_unit_test(bound_with_few_cpus),
		cmocka_unit_test(bound_and_asleep),
		cmocka_unit_test(held_asleep),
		cmocka_unit_test(held_in_several_places),
		cmocka_unit_test(held_threshold),
		cmocka_unit_test(held_but_little),
		cmocka_unit_test(held_while_locked),
		cmocka_unit_test(preempted_holder),
		cmocka_unit_test(preempted_threshold),
		cmocka_unit_test(nobody_has_it),
		cmocka_unit_test(released),
		cmocka_unit_test(free_threaded),
		cmocka_unit_test(unknown_layout),
		cmocka_unit_test(convoy),
		cmocka_unit_test(python_lock),
		cmocka_unit_test(lost_records_tell_no_holder),
		cmocka_unit_test(hostile_gils),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
