// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay_test.c - replays and critical paths of timelines made by hand, whose answer is arithmetic.
 *
 * Times are ms.  Threads are numbered from 1 in the order of thread(); a wake-up names the
 * operation of the other thread by its place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/analysis/critical.h"
#include "user/analysis/replay.h"
#include "user/base/buf.h"

#define MS 1000000ULL
#define GIL 1
#define MUTEX 2
#define QUEUE 3
#define FIRST_STACK 1
#define SECOND_STACK 2

static struct timeline tl;
static struct stack *stacks[3];

static int begin(void **state)
{
	(void)state;
	tl = (struct timeline){ .n_locks = 3 };
	for (uint32_t i = 1; i < 3; i++) {
		stacks[i] = calloc(1, sizeof(*stacks[i]));
		stacks[i]->number = i;
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < tl.n_threads; i++)
		free(tl.threads[i].ops);
	free(tl.threads);
	for (uint32_t i = 1; i < 3; i++)
		free(stacks[i]);
	return 0;
}

static void thread(void)
{
	struct timeline_thread *tt = &vec_push(tl.threads, tl.n_threads, tl.cap_threads);

	*tt = (struct timeline_thread){ .id = tl.n_threads, .tid = (uint32_t)(100 + tl.n_threads) };
}

/* Of the last thread. */
static struct timeline_op *op(enum timeline_kind kind, uint64_t ms)
{
	struct timeline_thread *tt = &tl.threads[tl.n_threads - 1];
	struct timeline_op *o = &vec_push(tt->ops, tt->n, tt->cap);

	*o = (struct timeline_op){ .kind = (uint8_t)kind, .ns = ms * MS };
	tl.n_ops++;
	return o;
}

static struct timeline_op *run(uint64_t ms, double together)
{
	struct timeline_op *o = op(TIMELINE_RUN, ms);

	o->level = (uint8_t)(together * TIMELINE_LEVEL);
	return o;
}

static struct timeline_op *wait_for(uint64_t ms, uint32_t lock, uint32_t waker, uint32_t at)
{
	struct timeline_op *o = op(TIMELINE_WAIT, ms);

	o->state = lock ? WIRE_FUTEX_WAIT : WIRE_SLEEP;
	o->lock = lock;
	o->thread = waker;
	o->op = at;
	return o;
}

static struct timeline_op *wake(uint32_t woken, uint32_t at)
{
	struct timeline_op *o = op(TIMELINE_WAKE, 0);

	o->thread = woken;
	o->op = at;
	return o;
}

static struct replay_opts on(double cpus)
{
	return (struct replay_opts){
		.cpus = cpus, .recorded_cpus = 2, .all_cpus = true, .delay = 1, .crowd = 1
	};
}

static double replay_ms(const struct replay_opts *opts)
{
	struct replay r;

	replay_run(&r, &tl, 0, opts, false);
	return r.makespan_ns / 1e6;
}

static void assert_ms(const struct replay_opts *opts, double want)
{
	double ms = replay_ms(opts);

	if (fabs(ms - want) > 1e-6)
		fail_msg("wanted %.6f ms, got %.6f", want, ms);
}

/* Two threads that take turns of 10 ms under one lock, three turns each. */
static void two_in_turn(void)
{
	thread();
	run(10, 1); /* 0 */
	wake(2, 0);
	wait_for(10, GIL, 2, 2); /* 2 */
	run(10, 1);
	wake(2, 3);
	wait_for(10, GIL, 2, 5); /* 5 */
	run(10, 1);
	wake(2, 6);
	thread();
	wait_for(10, GIL, 1, 1); /* 0 */
	run(10, 1);
	wake(1, 2);
	wait_for(10, GIL, 1, 4); /* 3 */
	run(10, 1);
	wake(1, 5);
	wait_for(10, GIL, 1, 7); /* 6 */
	run(10, 1);
}

static void gil_removed_is_half(void **state)
{
	struct replay_opts opts = on(2);
	bool gone[4] = { [GIL] = true };

	(void)state;
	two_in_turn();
	assert_ms(&opts, 60);
	opts.without_lock = gone;
	assert_ms(&opts, 30);
	opts.cpus = 1;
	assert_ms(&opts, 60);
	opts.cpus = 0.5;
	assert_ms(&opts, 120);
	opts.without_lock = NULL;
	opts.cpus = 8;
	assert_ms(&opts, 60);
}

static void speed_counts(void **state)
{
	const double speed[2] = { 1.0, 0.8 };
	struct replay_opts opts = on(2);
	bool gone[4] = { [GIL] = true };

	(void)state;
	two_in_turn(); /* recorded one at a time */
	opts.speed = speed;
	opts.n_speed = 2;
	assert_ms(&opts, 60);
	opts.without_lock = gone;
	assert_ms(&opts, 30 / 0.8);
}

/* What was recorded two at a time is slow already. */
static void speed_is_taken_out(void **state)
{
	const double speed[2] = { 1.0, 0.8 };
	struct replay_opts opts = on(2);

	(void)state;
	for (int i = 0; i < 2; i++) {
		thread();
		run(10, 2);
	}
	opts.speed = speed;
	opts.n_speed = 2;
	assert_ms(&opts, 10);
	opts.cpus = 1;
	assert_ms(&opts, 16); /* 8 ms of work each, one after the other */
}

static void three_on_two(void **state)
{
	struct replay_opts opts = on(2);

	(void)state;
	for (int i = 0; i < 3; i++) {
		thread();
		run(10, 2);
	}
	assert_ms(&opts, 15);
	opts.cpus = 3;
	assert_ms(&opts, 10);
	opts.cpus = 1;
	assert_ms(&opts, 30);
}

/* 10, 20 and 30 ms on two CPUs that are shared equally: all have done 10 at 15, two go on alone. */
static void unequal_on_two(void **state)
{
	struct replay_opts opts = on(2);

	(void)state;
	for (uint64_t ms = 10; ms <= 30; ms += 10) {
		thread();
		run(ms, 2);
	}
	assert_ms(&opts, 35);
}

/* Main starts two threads and waits for the end of each. */
static void join(void **state)
{
	struct replay_opts opts = on(2);

	(void)state;
	thread();
	run(1, 1);
	wake(2, 0)->flags = TIMELINE_BIRTH;
	run(1, 1);
	wake(3, 0)->flags = TIMELINE_BIRTH;
	wait_for(20, 0, 2, 2)->state = WIRE_FUTEX_WAIT; /* 4 */
	wait_for(5, 0, 3, 2)->state = WIRE_FUTEX_WAIT;
	run(2, 1);
	thread();
	wait_for(0, 0, 1, 1)->flags = TIMELINE_BIRTH;
	run(20, 2);
	wake(1, 4);
	thread();
	wait_for(0, 0, 1, 3)->flags = TIMELINE_BIRTH;
	run(25, 2);
	wake(1, 5);
	assert_ms(&opts, 1 + 1 + 25 + 2);
	opts.cpus = 1; /* 1 of the first beside 1 of main: both at half speed */
	assert_ms(&opts, 1 + 1 + 20 + 25 + 2);
	opts.cpus = 2;
	opts.processes = true; /* main needs 3 ms more for each */
	opts.start_ns = 3e6;
	assert_ms(&opts, 1 + 3 + 1 + 3 + 25 + 2);
}

/* A wakes B, B wakes C, C wakes A. */
static void chain_of_wakes(void **state)
{
	struct replay_opts opts = on(4);

	(void)state;
	thread();
	run(5, 1);
	wake(2, 0);
	wait_for(16, MUTEX, 3, 2);
	run(1, 1);
	thread();
	wait_for(5, QUEUE, 1, 1);
	run(7, 1);
	wake(3, 0);
	thread();
	wait_for(12, QUEUE, 2, 2);
	run(9, 1);
	wake(1, 2);
	assert_ms(&opts, 5 + 7 + 9 + 1);
	opts.processes = true;
	opts.message_ns = 2e6;
	opts.message_lock = (bool[4]){ [QUEUE] = true };
	assert_ms(&opts, 5 + 2 + 7 + 2 + 9 + 1);
}

/* Who comes late does not wait: the wake-up was before. */
static void late_waiter(void **state)
{
	struct replay_opts opts = on(2);
	bool without[3] = { [FIRST_STACK] = true };

	(void)state;
	thread();
	run(10, 2)->stack = stacks[FIRST_STACK];
	wake(2, 1);
	run(1, 2);
	thread();
	run(5, 2)->stack = stacks[SECOND_STACK];
	wait_for(5, MUTEX, 1, 1);
	run(3, 1);
	assert_ms(&opts, 13);
	opts.without_stack = without;
	assert_ms(&opts, 8);
}

static void io_stays(void **state)
{
	struct replay_opts opts = on(1);
	bool gone[4] = { [GIL] = true };

	(void)state;
	thread();
	run(2, 1);
	wait_for(30, 0, 0, 0);
	run(2, 1);
	opts.without_lock = gone;
	assert_ms(&opts, 34);
	opts.cpus = 16;
	assert_ms(&opts, 34);
}

/* Re-waits of one acquisition, and what is run in between, go away with it; one that stays is one.
 */
static void rewaits(void **state)
{
	struct replay_opts opts = on(2);
	bool gone[4] = { [GIL] = true };

	(void)state;
	thread();
	wait_for(5, GIL, 0, 0)->flags = TIMELINE_RETRY;
	run(1, 2)->lock = GIL;
	wait_for(6, GIL, 2, 1);
	run(10, 1);
	thread();
	run(12, 1);
	wake(1, 2);
	assert_ms(&opts, 22);
	opts.without_lock = gone;
	assert_ms(&opts, 12);
}

/* Runnable with CPUs that the target did not use stays; with all of them used it is made anew. */
static void delays(void **state)
{
	struct replay_opts opts = on(2);
	struct timeline_op *ready;

	(void)state;
	thread();
	run(10, 1);
	ready = op(TIMELINE_READY, 4);
	ready->state = WIRE_WOKEN;
	ready->free_ns = 3 * MS;
	run(10, 1);
	assert_ms(&opts, 23);
	opts.delay = 0.5;
	assert_ms(&opts, 21.5);
	opts.delay = 1;
	opts.all_cpus = false; /* then the level tells: two ran, one and a half, one */
	ready->level = 2 * (uint8_t)TIMELINE_LEVEL;
	assert_ms(&opts, 20);
	ready->level = (uint8_t)(1.5 * TIMELINE_LEVEL);
	assert_ms(&opts, 22);
	ready->level = (uint8_t)TIMELINE_LEVEL;
	assert_ms(&opts, 24);
}

/* Others use one and a half CPUs of two: two threads that are always ready share what is left. */
static void others(void **state)
{
	struct replay_opts opts = on(2);

	(void)state;
	thread();
	run(10, 1);
	thread();
	run(10, 1);
	assert_ms(&opts, 10);
	opts.others = 0.5;
	assert_ms(&opts, 20 / 1.5);
	opts.others = 1.9; /* not less than a fair share: two of four threads */
	assert_ms(&opts, 20);
}

static void open_waits(void **state)
{
	struct replay_opts opts = on(2);
	struct timeline_op *last;

	(void)state;
	thread();
	run(10, 1);
	last = wait_for(90, GIL, 0, 0);
	last->flags = TIMELINE_OPEN;
	assert_ms(&opts, 10);
	last->state = WIRE_SLEEP;
	last->lock = 0;
	assert_ms(&opts, 100);
}

static void unknown_end(void **state)
{
	struct replay_opts opts = on(2);

	(void)state;
	thread();
	run(10, 1);
	wait_for(7, MUTEX, 0, 0)->flags = TIMELINE_UNKNOWN;
	run(10, 1);
	assert_ms(&opts, 27);
	opts.without_unknown = true;
	assert_ms(&opts, 20);
}

/* --- critical path --------------------------------------------------------------------------- */

static double sum(const struct critical *c)
{
	double ns = 0;

	for (size_t i = 0; i < CRITICAL_KINDS; i++)
		ns += c->ns[i];
	return ns;
}

static void find(struct critical *c, double total_ms)
{
	uint32_t of_stack[3] = { 0, 1, 2 };
	struct functions f = { .n = 2, .of_stack = of_stack, .n_stacks = 2 };
	struct replay r;

	replay_recorded(&r, &tl, 0);
	critical_find(c, &tl, &f, &r, total_ms * 1e6);
	replay_free(&r, &tl);
	assert_true(sum(c) == total_ms * 1e6); /* exactly */
}

static void path_of_turns(void **state)
{
	struct critical c;

	(void)state;
	two_in_turn();
	find(&c, 61);
	assert_true(c.ns[CRITICAL_RUN] == 60e6);
	assert_true(c.ns[CRITICAL_END] == 1e6);
	assert_true(c.thread_ns[0] == 30e6 && c.thread_ns[1] == 30e6);
	assert_int_equal(c.jumps, 5);
	critical_free(&c);
}

/* The long one of two is on the path, the other one is not. */
static void path_of_join(void **state)
{
	struct critical c;

	(void)state;
	thread();
	run(1, 1);
	wake(2, 0)->flags = TIMELINE_BIRTH;
	wake(3, 0)->flags = TIMELINE_BIRTH;
	wait_for(26, 0, 3, 3)->state = WIRE_FUTEX_WAIT;
	run(2, 1);
	thread();
	tl.threads[1].begin_ns = MS;
	wait_for(0, 0, 1, 1)->flags = TIMELINE_BIRTH;
	run(20, 2)->stack = stacks[FIRST_STACK];
	thread();
	tl.threads[2].begin_ns = MS;
	wait_for(0, 0, 1, 2)->flags = TIMELINE_BIRTH;
	op(TIMELINE_READY, 1)->state = WIRE_WOKEN;
	run(25, 2)->stack = stacks[SECOND_STACK];
	wake(1, 3);
	find(&c, 29);
	assert_true(c.ns[CRITICAL_RUN] == 28e6);
	assert_true(c.ns[CRITICAL_START] == 1e6);
	assert_true(c.function_ns[1] == 0 && c.function_ns[2] == 25e6 && c.function_ns[0] == 3e6);
	assert_true(c.thread_ns[1] == 0);
	critical_free(&c);
}

static void path_kinds(void **state)
{
	struct critical c;

	(void)state;
	thread();
	run(1, 1);
	wait_for(2, 0, 0, 0);			   /* sleep */
	op(TIMELINE_READY, 3)->state = WIRE_WOKEN; /* woken by a timer: no CPU */
	run(4, 1);
	wait_for(5, 0, 0, 0)->state = WIRE_IO_IPC;
	run(6, 1);
	op(TIMELINE_READY, 7)->state = WIRE_PREEMPTED;
	wait_for(8, MUTEX, 0, 0);
	op(TIMELINE_READY, 9)->state = WIRE_WOKEN;
	run(10, 1);
	find(&c, 55);
	assert_true(c.ns[CRITICAL_RUN] == 21e6);
	assert_true(c.ns[CRITICAL_SLEEP] == 2e6);
	assert_true(c.ns[CRITICAL_READY] == 10e6);
	assert_true(c.ns[CRITICAL_IO] == 5e6);
	assert_true(c.ns[CRITICAL_LOCK] == 8e6);
	assert_true(c.ns[CRITICAL_HANDOFF] == 9e6);
	critical_free(&c);
}

static void path_of_nothing(void **state)
{
	struct critical c;

	(void)state;
	find(&c, 7);
	assert_true(c.ns[CRITICAL_END] == 7e6);
	critical_free(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(gil_removed_is_half),
		TEST(speed_counts),
		TEST(speed_is_taken_out),
		TEST(three_on_two),
		TEST(unequal_on_two),
		TEST(join),
		TEST(chain_of_wakes),
		TEST(late_waiter),
		TEST(io_stays),
		TEST(rewaits),
		TEST(delays),
		TEST(others),
		TEST(open_waits),
		TEST(unknown_end),
		TEST(path_of_turns),
		TEST(path_of_join),
		TEST(path_kinds),
		TEST(path_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
