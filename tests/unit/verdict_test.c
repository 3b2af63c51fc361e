// SPDX-License-Identifier: GPL-2.0-or-later
/* verdict_test.c - one small report by hand for each situation that a verdict has to get right. */
#include "tests/unit/verdict_sample.h"

/* --- nothing to tell ------------------------------------------------------------------------- */

static void too_short(void **state)
{
	struct sample s = sample(0.03, 2), empty = { 0 }, none = sample(10, 2);
	struct sample brief = sample(0.3, 2), died = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 0.03);
	check(&s, VERDICT_TOO_SHORT);
	says(check(&empty, VERDICT_TOO_SHORT)->sentence, "no thread");
	says(check(&none, VERDICT_TOO_SHORT)->sentence, "no thread");
	THREAD(&brief, .tid = 100, .cpu = 0.002);
	check(&brief, VERDICT_TOO_SHORT);
	THREAD(&died, .tid = 100, .cpu = 0.02, .end = 0.02, .ended = true);
	says(check(&died, VERDICT_TOO_SHORT)->sentence, "lived for only 20.0 ms");
}

static void idle(void **state)
{
	struct sample pool = sample(10, 2), poll = sample(10, 2), stopped = sample(10, 2);
	(void)state;

	THREAD(&pool, .tid = 100, .cpu = 0.01);
	THREADS(&pool, 8, .cpu = 0.001);
	says(check(&pool, VERDICT_IDLE)->sentence, "waiting for work");
	/* an event loop that ticks ten times a second has nothing to do */
	THREAD(&poll, .tid = 100, .cpu = 0.02, .io = 9.97, .voluntary = 100);
	says(check(&poll, VERDICT_IDLE)->advice, "cannot be told");
	THREADS(&stopped, 2, .stopped = 10);
	says(check(&stopped, VERDICT_IDLE)->advice, "SIGCONT");
}

/* The main thread ticks every millisecond; that it wakes up late is no demand. */
static void idle_pool(void **state)
{
	struct sample s = sample(2, 2), late = sample(2, 2), loop = sample(2, 2);
	struct sample busy = sample(2, 2), starved = sample(2, 2);
	const struct report_verdict *v;
	(void)state;

	THREAD(&s, .tid = 100, .pid = 100, .cpu = 0.022, .sleep = 1.886, .woken = 0.05,
	       .voluntary = 1772);
	THREADS(&s, 8);
	v = check(&s, VERDICT_IDLE);
	says(v->sentence, "waiting for work");
	says(v->advice, "timers beside it");
	THREAD(&late, .tid = 100, .pid = 100, .cpu = 0.022, .sleep = 1.86, .woken = 0.115,
	       .voluntary = 1772);
	THREADS(&late, 8);
	check(&late, VERDICT_IDLE);
	/* on a busy machine, a millisecond late each time; and one that hardly ever gets a CPU */
	THREAD(&busy, .tid = 100, .pid = 100, .cpu = 0.01, .sleep = 1.5, .woken = 0.49,
	       .voluntary = 500);
	THREADS(&busy, 8);
	check(&busy, VERDICT_IDLE);
	THREADS(&starved, 2, .cpu = 0.01, .woken = 1, .voluntary = 200);
	level(starved.wanted, 1, 2);
	check(&starved, VERDICT_CPU_SHORT);
	/* neither is a server that hardly has requests and keeps threads for them */
	THREAD(&loop, .tid = 100, .pid = 100, .cpu = 0.05, .io = 1.95, .voluntary = 100);
	THREADS(&loop, 4);
	says(check(&loop, VERDICT_IDLE)->advice, "network");
}

/* What only waits for the thread in I/O makes no idle pool; nor does a pool beside real work. */
static void no_idle_pool(void **state)
{
	struct sample join = sample(10.2, 2), both = sample(10.2, 2), helper = sample(10, 2);
	struct sample loads = sample(10, 4), busy = sample(10, 2);
	(void)state;

	THREAD(&join, .tid = 100, .pid = 100, .cpu = 0.001, .ended = true);
	THREAD(&join, .tid = 101, .cpu = 0.001, .sleep = 10, .begin = 0.1, .end = 10.15,
	       .ended = true);
	check(&join, VERDICT_IO_SERIAL);
	THREAD(&both, .tid = 100, .pid = 100, .cpu = 0.001, .ended = true);
	THREADS(&both, 2, .cpu = 0.001, .sleep = 10, .begin = 0.1, .end = 10.15, .ended = true);
	check(&both, VERDICT_IO_OVERLAPPED);
	/* downloads one after the other, beside a thread that shows their progress */
	THREAD(&helper, .tid = 100, .pid = 100, .cpu = 0.1, .io = 9.8, .voluntary = 900);
	THREAD(&helper, .tid = 101, .cpu = 0.001);
	check(&helper, VERDICT_IO_SERIAL);
	THREADS(&loads, 8, .cpu = 0.02, .disk = 6);
	check(&loads, VERDICT_IO_OVERLAPPED);
	THREAD(&busy, .tid = 100, .pid = 100, .cpu = 1, .io = 9, .voluntary = 4000);
	THREADS(&busy, 8);
	check(&busy, VERDICT_IO_SERIAL);
}

static void idle_is_a_share_of_life(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	/* lived for 0.4 s and used a CPU all that time */
	THREAD(&s, .tid = 100, .cpu = 0.4, .begin = 1, .end = 1.4, .ended = true);
	check(&s, VERDICT_SEQUENTIAL);
}

static void unaccounted(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 3, .unknown = 6);
	says(check(&s, VERDICT_UNCLEAR)->sentence, "60 % of the thread time");
}

/* --- losses ---------------------------------------------------------------------------------- */

static void gil_bound(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREAD(&s, .tid = 100);
	THREADS(&s, 4, .cpu = 2.5, .gil = 7.5);
	s.r.par.serial_ns = NS(9.9);
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 30);
	add_lock(&s, LOCK_CLASS_COND, "join", "join 0x7f00", 10);
	v = check(&s, VERDICT_GIL_BOUND);
	assert_string_equal(v->sentence,
			    "gil-bound: 4.0 threads wanted to run, 1.00 did; 75 % of the wanted "
			    "thread time went to waiting for GIL (CPython 3.11)");
	assert_true(v->explained > 0.99);
	assert_true(evidence(v, "serial_share") > 0.98);
	assert_true(evidence(v, "gil_waits") == 100);
	says(v->advice, "processes");
}

static void handoff_lock(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 2, .cpu = 5, .gil = 5);
	add_lock(&s, LOCK_CLASS_GIL, "hand-off lock", "hand-off lock 0x7f10", 10);
	v = check(&s, VERDICT_GIL_BOUND);
	says(v->sentence, "hand-off lock 0x7f10, which behaves like a GIL");
	says_not(v->advice, "Python");
}

static void gils_of_several_processes(void **state)
{
	struct sample s = sample(10, 4);
	(void)state;

	THREADS(&s, 2, .pid = 100, .cpu = 5, .gil = 5);
	THREADS(&s, 2, .pid = 300, .cpu = 5, .gil = 5);
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 10);
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 10);
	says(check(&s, VERDICT_GIL_BOUND)->sentence, "and 1 more like it");
}

static void gil_holder_sleeps(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	/* native code sleeps with the GIL; the other thread gets 2 % */
	THREAD(&s, .tid = 100, .cpu = 0.1, .sleep = 9.7);
	THREAD(&s, .tid = 101, .cpu = 0.2, .gil = 9.7);
	level(s.running, 1, 0.3);
	level(s.wanted, 1, 10);
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 9.7);
	v = check(&s, VERDICT_GIL_BOUND);
	says(v->advice, "97 % of the window nobody ran");
	assert_true(evidence(v, "stalled_share") > 0.96);
}

static void gil_on_one_cpu(void **state)
{
	struct sample s = sample(10, 1);
	const struct report_verdict *v;
	(void)state;

	/* without the GIL nothing would be faster: there is one CPU */
	THREADS(&s, 2, .cpu = 4.9, .gil = 5);
	strcpy(s.r.par.ceiling_why, "affinity: 1 CPU");
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 10);
	v = check(&s, VERDICT_CPU_SHORT);
	says(v->sentence, "affinity: 1 CPU");
	says(v->advice, "the GIL would be the next limit");
	assert_true(evidence(v, "gil_share") > 0.5);
}

/* The one CPU is shared with another program: without the GIL still nothing would be faster. */
static void gil_on_a_part_of_a_cpu(void **state)
{
	struct sample s = sample(10, 1);
	(void)state;

	THREADS(&s, 3, .cpu = 2.2, .runnable = 3.5, .gil = 4.2);
	level(s.running, 1, 6.6);
	level(s.wanted, 3, 9.9);
	add_lock(&s, LOCK_CLASS_GIL, "gil", "GIL (CPython 3.11)", 12.6);
	says(check(&s, VERDICT_CPU_SHORT)->sentence, "other programs had them");
}

static void gil_on_a_busy_machine(void **state)
{
	struct sample gil = sample(10, 2), cpu = sample(10, 2);
	(void)state;

	THREADS(&gil, 2, .cpu = 2.5, .runnable = 2.5, .gil = 5);
	/* the holder is not asleep, it waits for a CPU */
	says_not(check(&gil, VERDICT_GIL_BOUND)->advice, "nobody ran");
	THREADS(&cpu, 2, .cpu = 2.5, .runnable = 5, .gil = 2.5);
	assert_true(evidence(check(&cpu, VERDICT_CPU_SHORT), "gil_share") == 0.25);
}

static void lock_bound(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	struct report_lock *l;
	(void)state;

	THREADS(&s, 4, .cpu = 2.7, .lock = 7.2);
	l = add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 28);
	add_holder(&s, l, "hog-0", 26.9);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f80", 0.8);
	v = check(&s, VERDICT_LOCK_BOUND);
	says(v->sentence, "73 % of the wanted thread time went to waiting for mutex 0x7f10 of "
			  "process 100, 96 % of it while held by hog-0 (207)");
}

static void several_locks(void **state)
{
	struct sample s = sample(10, 4);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 4, .cpu = 5, .lock = 5);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 8);
	add_lock(&s, LOCK_CLASS_LOCK, "rwlock", "rwlock 0x7f80", 7);
	add_lock(&s, LOCK_CLASS_LOCK, "low-level lock", "low-level lock 0x7f90", 5);
	v = check(&s, VERDICT_LOCK_BOUND);
	says(v->sentence, "3 locks, 40 % of it for mutex 0x7f10");
}

static void lock_without_a_row(void **state)
{
	struct sample s = sample(10, 4);
	(void)state;

	THREADS(&s, 4, .cpu = 5, .lock = 5);
	check(&s, VERDICT_LOCK_BOUND);
}

static void deadlock(void **state)
{
	struct sample s = sample(10, 2);
	struct report_lock *l;
	(void)state;

	THREADS(&s, 2, .lock = 10);
	l = add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 20);
	l->waits = 0;
	l->open = 2;
	says(check(&s, VERDICT_LOCK_BOUND)->advice, "deadlock");
}

static void io_under_a_lock(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	/* one at a time does I/O while it holds the mutex; the others wait for it */
	THREADS(&s, 4, .cpu = 0.1, .io = 2.4, .lock = 7.5, .voluntary = 5000);
	level(s.running, 1, 0.4);
	level(s.wanted, 3, 10);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 30);
	says(check(&s, VERDICT_LOCK_BOUND)->advice, "do not sleep or do I/O");
}

static void kernel_lock(void **state)
{
	struct sample s = sample(10, 4), both = sample(10, 4);
	const struct report_verdict *v;
	(void)state;

	THREADS(&both, 4, .cpu = 3, .lock = 1.2, .klock = 5.8);
	says(check(&both, VERDICT_LOCK_BOUND)->sentence, "inside the kernel");
	THREADS(&s, 4, .cpu = 3, .klock = 7);
	v = check(&s, VERDICT_LOCK_BOUND);
	says(v->sentence, "70 % of the time");
	says(v->sentence, "inside the kernel");
}

static void conditions_are_no_contention(void **state)
{
	struct sample ring = sample(10, 2), pool = sample(10, 2);
	struct report_lock *l;
	(void)state;

	/* a token goes round: one runs, three wait for it, in a condition */
	THREADS(&ring, 4, .cpu = 2.5);
	l = add_lock(&ring, LOCK_CLASS_COND, "condition", "condition 0x7f10", 30);
	l->owner_note = "no owner by design";
	says(check(&ring, VERDICT_SEQUENTIAL)->advice, "only one work at a time");
	/* eight workers of which two have work */
	THREADS(&pool, 8, .cpu = 2.4, .runnable = 0.1);
	add_lock(&pool, LOCK_CLASS_COND, "condition", "condition 0x7f10", 60);
	check(&pool, VERDICT_PARALLEL);
}

static void oversubscribed(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 8, .cpu = 2.475, .runnable = 7.525);
	v = check(&s, VERDICT_CPU_SHORT);
	says(v->sentence, "8.0 threads wanted to run, 1.98 did, which is about all it may use");
	assert_true(v->explained > 0.99);
}

static void locks_behind_full_cpus(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	/* the lock costs more time than the CPUs do, but taking it away would gain nothing */
	THREADS(&s, 8, .cpu = 2.4, .runnable = 3, .lock = 4.6);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 36.8);
	says(check(&s, VERDICT_CPU_SHORT)->advice, "a lock would be the next limit");
}

static void other_programs(void **state)
{
	struct sample s = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	/* hashlib on a loaded machine: it releases the GIL, 0.57 CPUs are no GIL finding */
	THREADS(&s, 2, .cpu = 2.85, .runnable = 6.9, .gil = 0.2);
	v = check(&s, VERDICT_CPU_SHORT);
	says(v->sentence, "although 2 may be used");
	says(v->sentence, "other programs had them, or threads are bound");
}

static void wake_ups(void **state)
{
	struct sample ring = sample(2, 2), many = sample(2, 16), slow = sample(2, 2);
	const struct report_verdict *v;
	(void)state;

	/* measured: a ring through a condition variable, on an idle machine with two CPUs */
	THREADS(&ring, 3, .cpu = 0.449, .runnable = 0.785, .lock = 0.108, .voluntary = 43000,
		.involuntary = 9000);
	v = check(&ring, VERDICT_SEQUENTIAL);
	says(v->sentence, "78,000 switches per second");
	says_not(v->sentence, "other programs");
	assert_true(v->explained > 0.8);
	THREADS(&many, 16, .cpu = 0.4, .runnable = 0.8, .voluntary = 43000);
	check(&many, VERDICT_UNCLEAR);
	/* half a millisecond each: somebody else had the CPU */
	THREADS(&slow, 3, .cpu = 0.449, .runnable = 0.785, .voluntary = 1500);
	check(&slow, VERDICT_CPU_SHORT);
}

/* Woken for a lock while another thread runs: with a CPU it would find the lock taken. */
static void woken_for_a_lock(void **state)
{
	struct sample fight = sample(10, 2), starved = sample(10, 2), other = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&fight, 4, .cpu = 2.3, .woken = 5.2, .lock = 2.4, .voluntary = 2000);
	level(fight.running, 1, 9.2);
	level(fight.wanted, 4, 10);
	add_lock(&fight, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 9.6)->delay_ns = NS(20);
	v = check(&fight, VERDICT_LOCK_BOUND);
	assert_true(v->explained > 0.85);
	says(v->sentence, "69 % of the wanted thread time went to waiting, and waking up, for mutex");
	/* nobody of the program runs meanwhile: that is what a CPU is for */
	THREADS(&starved, 4, .cpu = 0.6, .woken = 6.4, .lock = 3, .voluntary = 2000);
	level(starved.running, 1, 2.4);
	level(starved.wanted, 4, 10);
	add_lock(&starved, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 12)->delay_ns = NS(24);
	check(&starved, VERDICT_CPU_SHORT);
	/* the delay of waits for work is no lock's, and two of them do run at once */
	THREADS(&other, 4, .cpu = 2.3, .woken = 5.2, .lock = 2.4, .voluntary = 2000);
	level(other.running, 1, 7.4);
	level(other.running, 2, 0.9);
	level(other.wanted, 4, 10);
	add_lock(&other, LOCK_CLASS_COND, "condition", "condition 0x7f10", 9.6)->delay_ns = NS(20);
	check(&other, VERDICT_CPU_SHORT);
}

/* What is late for its timer is no loss: it does not leave a gap between "full" and "short". */
static void late_for_timers(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	THREAD(&s, .tid = 201, .cpu = 8.4, .runnable = 1.6);
	THREADS(&s, 3, .cpu = 0.1, .woken = 0.3, .sleep = 9.6, .voluntary = 3000);
	level(s.wanted, 1, 9);
	level(s.wanted, 2, 0.9);
	level(s.wanted, 3, 0.1);
	check(&s, VERDICT_SEQUENTIAL);
}

/* Preempted outside of the lock, but two threads never run at once: each would want it the next moment. */
static void one_at_a_time(void **state)
{
	struct sample fight = sample(10, 2), both = sample(10, 2), light = sample(10, 2);
	struct sample ring = sample(10, 2), held = sample(10, 2), naps = sample(10, 2);
	(void)state;

	THREADS(&fight, 4, .cpu = 2.1, .runnable = 4.4, .lock = 3.4);
	level(fight.running, 1, 8.4);
	level(fight.wanted, 4, 10);
	add_lock(&fight, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 13.6);
	check(&fight, VERDICT_LOCK_BOUND);
	/* a holder that has no CPU; and the same if holders may as well sleep */
	THREADS(&held, 4, .cpu = 0.7, .runnable = 3.8, .lock = 5.5);
	level(held.running, 1, 2.8);
	level(held.wanted, 4, 10);
	add_lock(&held, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 22);
	says(check(&held, VERDICT_CPU_SHORT)->sentence, "or for the lock of a thread without one");
	THREADS(&naps, 4, .cpu = 0.7, .runnable = 3, .lock = 5, .sleep = 1.3);
	level(naps.running, 1, 2.8);
	level(naps.wanted, 4, 8.7);
	add_lock(&naps, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 20);
	check(&naps, VERDICT_LOCK_BOUND);
	/* two do run at once */
	THREADS(&both, 4, .cpu = 2.1, .runnable = 4.4, .lock = 3.4);
	level(both.running, 1, 6.4);
	level(both.running, 2, 1);
	level(both.wanted, 4, 10);
	add_lock(&both, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 13.6);
	check(&both, VERDICT_CPU_SHORT);
	/* they wait for each other at a condition, and a little for its mutex */
	THREADS(&ring, 4, .cpu = 2.2, .runnable = 3, .lock = 0.8);
	level(ring.running, 1, 8.8);
	level(ring.wanted, 2, 10);
	add_lock(&ring, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 3.2);
	check(&ring, VERDICT_CPU_SHORT);
	/* a lock that costs little does not explain it: they may be bound to one CPU */
	THREADS(&light, 4, .cpu = 2.1, .runnable = 7.2, .lock = 0.6);
	level(light.running, 1, 8.4);
	level(light.wanted, 4, 10);
	add_lock(&light, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 5.2);
	check(&light, VERDICT_CPU_SHORT);
}

static void throttled(void **state)
{
	struct sample s = sample(10, 0.5);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 2, .cpu = 2.5, .runnable = 7.5);
	strcpy(s.r.par.ceiling_why, "cgroup quota: 0.50 CPUs");
	s.r.n_processes = 2; /* of one cgroup: the same time twice */
	s.processes[0].throttled_ns = s.processes[1].throttled_ns = NS(7.4);
	v = check(&s, VERDICT_CPU_SHORT);
	says(v->sentence, "7.40 s");
	says(v->sentence, "cgroup quota");
	says(v->advice, "cpu.max");
}

static void no_single_cause(void **state)
{
	struct sample s = sample(10, 4);
	const struct report_verdict *v;
	(void)state;

	THREADS(&s, 4, .cpu = 4, .runnable = 1.8, .lock = 2, .gil = 2.2);
	v = check(&s, VERDICT_UNCLEAR);
	says(v->sentence, "no single cause");
	says(v->sentence, "22 % of the wanted thread time went to waiting for the GIL, 20 % to "
			  "waiting for locks");
}

/* --- I/O ------------------------------------------------------------------------------------- */

static void sleepers(void **state)
{
	struct sample threads = sample(10.2, 2), procs = sample(10.2, 2), seq = sample(20.2, 2);
	(void)state;

	/* time.sleep(10) in two threads, in two processes, one after the other in one thread */
	THREAD(&threads, .tid = 100, .cpu = 0.1, .ended = true);
	THREADS(&threads, 2, .cpu = 0.001, .sleep = 10, .begin = 0.1, .end = 10.15, .ended = true);
	says(check(&threads, VERDICT_IO_OVERLAPPED)->sentence, "wait for timers");
	THREAD(&procs, .tid = 100, .cpu = 0.1, .child = 10, .ended = true);
	THREAD(&procs, .pid = 101, .tid = 101, .sleep = 10, .begin = 0.1, .end = 10.15,
	       .ended = true);
	THREAD(&procs, .pid = 102, .tid = 102, .sleep = 10, .begin = 0.1, .end = 10.15,
	       .ended = true);
	check(&procs, VERDICT_IO_OVERLAPPED);
	THREAD(&seq, .tid = 100, .cpu = 0.1, .sleep = 20, .ended = true);
	says(check(&seq, VERDICT_IO_SERIAL)->advice, "overlap");
}

static void sleepers_in_a_row(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	for (uint32_t i = 0; i < 5; i++)
		THREAD(&s, .pid = 300 + i, .tid = 300 + i, .cpu = 0.01, .sleep = 1.98,
		       .begin = 2 * i, .end = 2 * i + 2, .ended = true);
	check(&s, VERDICT_IO_SERIAL);
}

static void clients(void **state)
{
	struct sample one = sample(10, 2), many = sample(10, 2);
	(void)state;

	THREAD(&one, .tid = 100, .cpu = 1, .io = 9, .voluntary = 4000);
	says(check(&one, VERDICT_IO_SERIAL)->advice, "poll, select");
	THREADS(&many, 4, .cpu = 2, .io = 7.8, .gil = 0.2, .voluntary = 4000);
	check(&many, VERDICT_IO_OVERLAPPED);
}

/* One wait of an event loop may be for any number of requests; that of several threads overlaps. */
static void event_loops(void **state)
{
	struct sample one = sample(10, 2), some = sample(10, 2), several = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREAD(&one, .tid = 100, .cpu = 1, .io = 9, .loop = 8.9, .voluntary = 4000);
	v = check(&one, VERDICT_UNCLEAR);
	assert_string_equal(v->rule, "event-loop");
	says(v->sentence, "cannot tell: one thread waits for many things at once");
	says(v->advice, "asyncio.gather");
	assert_true(evidence(v, "event_loop_share") > 0.88);
	/* most of it is elsewhere */
	THREAD(&some, .tid = 100, .cpu = 1, .io = 9, .loop = 6, .voluntary = 4000);
	check(&some, VERDICT_IO_SERIAL);
	THREADS(&several, 4, .cpu = 1, .io = 9, .loop = 9, .voluntary = 4000);
	check(&several, VERDICT_IO_OVERLAPPED);
}

/* A disk that answers in 60 us: half as long again is waking up, which no CPU would take away. */
static void fast_disk(void **state)
{
	struct sample one = sample(10, 2), many = sample(10, 2), slow = sample(10, 2);
	struct sample client = sample(10, 2);
	(void)state;

	THREAD(&one, .tid = 100, .cpu = 2.9, .woken = 2.4, .disk = 4.7, .voluntary = 160000);
	check(&one, VERDICT_IO_SERIAL);
	THREADS(&many, 6, .cpu = 0.9, .woken = 3, .disk = 6, .voluntary = 90000);
	check(&many, VERDICT_IO_OVERLAPPED);
	/* a client alone: the server is elsewhere, nobody wakes anybody */
	THREAD(&client, .tid = 100, .cpu = 1.4, .woken = 1.9, .io = 6.7, .voluntary = 14000);
	check(&client, VERDICT_IO_SERIAL);
	/* a millisecond each: somebody else has the CPUs */
	THREADS(&slow, 6, .cpu = 0.9, .woken = 3, .disk = 6, .voluntary = 3000);
	check(&slow, VERDICT_CPU_SHORT);
}

static void io_beside_work(void **state)
{
	struct sample s = sample(10, 8);
	(void)state;

	/* four busy loggers do not make a program about I/O of one that computes */
	THREAD(&s, .tid = 100, .cpu = 9.9);
	THREADS(&s, 4, .cpu = 0.05, .io = 9.9, .voluntary = 500);
	level(s.wanted, 1, 9.8);
	level(s.wanted, 2, 0.15);
	check(&s, VERDICT_SEQUENTIAL);
}

static void lock_beside_much_io(void **state)
{
	struct sample s = sample(10, 2), server = sample(10, 2);
	(void)state;

	/* more than a thread at all times waits for it: that counts among any number */
	THREADS(&server, 20, .cpu = 0.3, .lock = 0.6, .io = 9, .voluntary = 4000);
	add_lock(&server, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 12);
	check(&server, VERDICT_LOCK_BOUND);
	/* half of the little that is wanted is a lock; that is 1 % of what the threads do */
	THREADS(&s, 16, .cpu = 0.1, .lock = 0.1, .io = 9.7, .voluntary = 4000);
	add_lock(&s, LOCK_CLASS_LOCK, "mutex", "mutex 0x7f10", 1.6);
	assert_true(evidence(check(&s, VERDICT_IO_OVERLAPPED), "lock_share") > 0.4);
}

static void disk(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	THREAD(&s, .tid = 100, .cpu = 1, .disk = 9, .voluntary = 100);
	says(check(&s, VERDICT_IO_SERIAL)->sentence, "disk I/O");
}

/* --- use of the CPUs ------------------------------------------------------------------------- */

static void parallel(void **state)
{
	struct sample full = sample(10, 2), wide = sample(10, 64), bursts = sample(10, 2);
	struct sample partly = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREAD(&full, .tid = 100);
	THREADS(&full, 2, .cpu = 9.8, .runnable = 0.2);
	v = check(&full, VERDICT_PARALLEL);
	says(v->sentence, "parallel: 1.96 of 2 CPUs");
	THREADS(&wide, 4, .cpu = 9.9);
	v = check(&wide, VERDICT_PARALLEL);
	says(v->sentence, "3.96 of 64 CPUs; no more threads want to run");
	says(v->advice, "the other 60 CPUs");
	THREAD(&partly, .tid = 100, .cpu = 9.9);
	THREAD(&partly, .tid = 101, .cpu = 6);
	check(&partly, VERDICT_PARALLEL);
	/* works for a third of the time, then with all CPUs: averages would say "half a CPU" */
	THREADS(&bursts, 2, .cpu = 3.3, .runnable = 0.1);
	level(bursts.running, 2, 3.3);
	level(bursts.wanted, 2, 3.4);
	v = check(&bursts, VERDICT_PARALLEL);
	says(v->sentence, "1.94 of 2 CPUs while it has work, which is 34 % of the time");
}

static void sequential(void **state)
{
	struct sample s = sample(10, 2), one = sample(10, 1), rare = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREAD(&s, .tid = 100, .comm = "main", .cpu = 9.7);
	THREADS(&s, 4, .cpu = 0.05);
	v = check(&s, VERDICT_SEQUENTIAL);
	says(v->sentence, "one thread, main (100), does 98 % of the work");
	says(v->advice, "2 CPUs may be used");
	assert_true(v->explained == 0);
	THREAD(&one, .tid = 100, .cpu = 9.9);
	says(check(&one, VERDICT_SEQUENTIAL)->advice, "would not help");
	THREAD(&rare, .tid = 100, .cpu = 2);
	v = check(&rare, VERDICT_SEQUENTIAL);
	says(v->sentence, "it has work 20 % of the time");
}

static void one_after_the_other(void **state)
{
	struct sample s = sample(9, 2);
	(void)state;

	for (uint32_t i = 0; i < 3; i++)
		THREAD(&s, .pid = 300 + i, .tid = 300 + i, .cpu = 2.9, .begin = 3 * i,
		       .end = 3 * i + 3, .ended = true);
	says(check(&s, VERDICT_SEQUENTIAL)->sentence, "several threads");
}

static void fill_phases(struct sample *s, size_t wide, double first, double rest)
{
	s->r.n_phases = 10;
	for (size_t i = 0; i < 10; i++) {
		s->phases[i].begin_ns = i * (s->r.window_ns / 10);
		s->phases[i].end_ns = (i + 1) * (s->r.window_ns / 10);
		s->phases[i].parallelism = i < wide ? first : rest;
	}
}

static void imbalanced_lives(void **state)
{
	struct sample s = sample(10, 4);
	const struct report_verdict *v;
	(void)state;

	THREAD(&s, .tid = 100, .cpu = 0.1);
	for (uint32_t i = 0; i < 3; i++)
		THREAD(&s, .tid = 201 + i, .cpu = 3, .end = 3, .ended = true);
	THREAD(&s, .tid = 204, .comm = "slow", .cpu = 9.9);
	level(s.wanted, 4, 3);
	level(s.wanted, 1, 6.9);
	v = check(&s, VERDICT_IMBALANCED);
	says(v->sentence, "of 4 workers slow (204) ran for 9.90 s, the others for 3.00 s");
}

static void imbalanced_pool(void **state)
{
	struct sample s = sample(10, 4);
	(void)state;

	/* pool threads stay: only the phases show that they had nothing more to do */
	THREADS(&s, 3, .cpu = 2);
	THREAD(&s, .tid = 210, .cpu = 9.9);
	level(s.wanted, 4, 2);
	level(s.wanted, 1, 7.9);
	fill_phases(&s, 2, 3.9, 1);
	check(&s, VERDICT_IMBALANCED);
}

static void imbalanced_rounds(void **state)
{
	struct sample s = sample(10, 4);
	(void)state;

	THREADS(&s, 3, .cpu = 2);
	THREAD(&s, .tid = 210, .cpu = 9.9);
	level(s.wanted, 4, 2);
	level(s.wanted, 1, 7.9);
	add_lock(&s, LOCK_CLASS_COND, "barrier", "barrier 0x7f10", 24);
	fill_phases(&s, 10, 1.6, 0);
	check(&s, VERDICT_IMBALANCED);
}

static void main_is_no_worker(void **state)
{
	struct sample threads = sample(10, 4), procs = sample(10, 4);
	(void)state;

	/* 7 s of preparation by main, then four balanced workers */
	THREAD(&threads, .tid = 100, .cpu = 7);
	THREADS(&threads, 4, .cpu = 2.9, .begin = 7, .ended = true);
	level(threads.wanted, 1, 7);
	level(threads.wanted, 4, 2.9);
	check(&threads, VERDICT_SEQUENTIAL);
	/* the same with processes */
	THREAD(&procs, .tid = 100, .cpu = 7, .child = 3);
	procs.r.n_processes = 3;
	procs.processes[0].pid = 100;
	for (uint32_t i = 1; i < 3; i++) {
		THREAD(&procs, .pid = 100 + i, .tid = 100 + i, .cpu = 2, .end = 2, .ended = true);
		procs.processes[i].pid = 100 + i;
		procs.processes[i].ppid = 100;
		procs.processes[i].par.on_cpu_ns = NS(2);
	}
	level(procs.wanted, 3, 2);
	level(procs.wanted, 1, 5);
	check(&procs, VERDICT_SEQUENTIAL);
}

static void different_roles(void **state)
{
	struct sample s = sample(10, 4);
	(void)state;

	/* a service with one hot thread: nothing shows that the others had the same work */
	THREAD(&s, .tid = 210, .cpu = 9);
	THREADS(&s, 3, .cpu = 1);
	level(s.wanted, 1, 7);
	level(s.wanted, 2, 2.5);
	fill_phases(&s, 10, 1.2, 0);
	check(&s, VERDICT_SEQUENTIAL);
}

/* --- quality --------------------------------------------------------------------------------- */

static void lost_records(void **state)
{
	struct sample gil = sample(10, 2), few = sample(10, 2), cpu = sample(10, 2);
	struct sample busy = sample(10, 2);
	const struct report_verdict *v;
	(void)state;

	THREADS(&gil, 4, .cpu = 2.5, .gil = 7.5);
	gil.r.quality.dropped = 120;
	v = check(&gil, VERDICT_UNCLEAR);
	says(v->sentence, "12 % of the records were lost; what is left looks gil-bound");
	says(v->advice, "--ring-size");
	assert_true(evidence(v, "dropped_share") == 0.12 && v->explained == 0);
	THREADS(&few, 4, .cpu = 2.5, .gil = 7.5);
	few.r.quality.dropped = 20;
	assert_true(evidence(check(&few, VERDICT_GIL_BOUND), "dropped_share") == 0.02);
	/* runnable time is the kernel's own sum: the stream is not needed */
	THREADS(&cpu, 8, .cpu = 2.5, .runnable = 7.5);
	level(cpu.wanted, 1, 10);
	cpu.r.quality.dropped = 900;
	says(check(&cpu, VERDICT_CPU_SHORT)->sentence, "8.0 threads wanted to run, 2.0 did");
	/* what is left of the levels says that one ran of one that wanted to */
	THREADS(&busy, 4, .cpu = 2.5, .runnable = 7.5);
	level(busy.wanted, 1, 10);
	busy.r.quality.dropped = 900;
	says(check(&busy, VERDICT_CPU_SHORT)->sentence, "other programs");
}

static void disagreement(void **state)
{
	struct sample s = sample(10, 2);
	(void)state;

	THREADS(&s, 2, .cpu = 9.9);
	s.r.quality.disagreement_ns = NS(4);
	says(check(&s, VERDICT_UNCLEAR)->sentence, "differ by 20 % of the CPU time");
}

static void hostile_numbers(void **state)
{
	struct sample s = { 0 }, long_names = sample(10, 2);
	struct report_lock *l;
	(void)state;

	memset(s.threads, 0xff, sizeof(s.threads));
	for (size_t i = 0; i < MAX_THREADS; i++)
		s.threads[i].ended = true;
	memset(s.running, 0xff, sizeof(s.running));
	s.r = (struct report){ .window_ns = UINT64_MAX, .threads = s.threads,
		.n_threads = MAX_THREADS, .quality = { .dropped = 5 } };
	memset(&s.r.budget, 0xff, sizeof(s.r.budget));
	s.r.par = (struct report_parallelism){ .average = 1e300, .demand = 1e300,
		.ceiling = 1e300, .running = { s.running, MAX_K } };
	verdict_decide(&s.r);
	assert_true(s.r.verdict.n_evidence <= 8 && strlen(s.r.verdict.sentence) <= 300);
	/* nothing ends with a NUL */
	THREADS(&long_names, 4, .cpu = 2.5, .lock = 7.5);
	l = add_lock(&long_names, LOCK_CLASS_LOCK, "mutex", "", 30);
	memset(l->name, 'x', sizeof(l->name));
	add_holder(&long_names, l, "", 30);
	memset(long_names.parties[0].comm, 'y', sizeof(long_names.parties[0].comm));
	memset(long_names.r.par.ceiling_why, 'z', sizeof(long_names.r.par.ceiling_why));
	check(&long_names, VERDICT_LOCK_BOUND);
}

static void pure(void **state)
{
	struct sample s = sample(10, 2);
	struct report_verdict first;
	(void)state;

	THREADS(&s, 4, .cpu = 2.5, .gil = 7.5);
	first = *check(&s, VERDICT_GIL_BOUND);
	memset(&s.r.verdict, 0xaa, sizeof(s.r.verdict));
	verdict_decide(&s.r);
	assert_memory_equal(&first, &s.r.verdict, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_short),
		cmocka_unit_test(idle),
		cmocka_unit_test(idle_pool),
		cmocka_unit_test(no_idle_pool),
		cmocka_unit_test(idle_is_a_share_of_life),
		cmocka_unit_test(unaccounted),
		cmocka_unit_test(gil_bound),
		cmocka_unit_test(handoff_lock),
		cmocka_unit_test(gils_of_several_processes),
		cmocka_unit_test(gil_holder_sleeps),
		cmocka_unit_test(gil_on_one_cpu),
		cmocka_unit_test(gil_on_a_part_of_a_cpu),
		cmocka_unit_test(gil_on_a_busy_machine),
		cmocka_unit_test(lock_bound),
		cmocka_unit_test(several_locks),
		cmocka_unit_test(lock_without_a_row),
		cmocka_unit_test(deadlock),
		cmocka_unit_test(io_under_a_lock),
		cmocka_unit_test(kernel_lock),
		cmocka_unit_test(conditions_are_no_contention),
		cmocka_unit_test(oversubscribed),
		cmocka_unit_test(locks_behind_full_cpus),
		cmocka_unit_test(other_programs),
		cmocka_unit_test(wake_ups),
		cmocka_unit_test(woken_for_a_lock),
		cmocka_unit_test(late_for_timers),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(throttled),
		cmocka_unit_test(no_single_cause),
		cmocka_unit_test(sleepers),
		cmocka_unit_test(sleepers_in_a_row),
		cmocka_unit_test(clients),
		cmocka_unit_test(event_loops),
		cmocka_unit_test(fast_disk),
		cmocka_unit_test(io_beside_work),
		cmocka_unit_test(lock_beside_much_io),
		cmocka_unit_test(disk),
		cmocka_unit_test(parallel),
		cmocka_unit_test(sequential),
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(imbalanced_lives),
		cmocka_unit_test(imbalanced_pool),
		cmocka_unit_test(imbalanced_rounds),
		cmocka_unit_test(main_is_no_worker),
		cmocka_unit_test(different_roles),
		cmocka_unit_test(lost_records),
		cmocka_unit_test(disagreement),
		cmocka_unit_test(hostile_numbers),
		cmocka_unit_test(pure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
