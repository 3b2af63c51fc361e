// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_order_test.c - what comes a little out of order goes out in order, at speed. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/fail.h" /* before cmocka, which makes a macro of fail() */
#include "user/trace/trace.h"

#include <cmocka.h>

/* A record whose place of arrival can be seen in what comes out. */
static struct wire_wake made(uint64_t ts_ns, uint64_t number)
{
	return (struct wire_wake){
		.head = { .ts_ns = ts_ns,
			  .tid = 1,
			  .kind = WIRE_WAKE,
			  .size = sizeof(struct wire_wake) },
		.addr = number,
	};
}

static struct trace_order *order(uint64_t delay_ns, bool last, trace_sink sink, void *ctx)
{
	const struct trace_order_opts opts = { delay_ns, 64 << 20, last };

	return trace_order_new(&opts, sink, ctx);
}

static struct trace_order *last_order(uint64_t delay_ns, trace_sink sink, void *ctx)
{
	return order(delay_ns, true, sink, ctx);
}

struct seen {
	uint64_t *ts;
	uint64_t *number;
	size_t n, cap_ts, n_number, cap_number;
	int fail_at; /* the sink's own error at this record, -1: never */
};

static int see(void *ctx, const struct wire_head *rec)
{
	struct seen *seen = ctx;

	vec_push(seen->ts, seen->n, seen->cap_ts) = rec->ts_ns;
	vec_push(seen->number, seen->n_number, seen->cap_number) =
		rec->kind == WIRE_WAKE ? ((const struct wire_wake *)rec)->addr : rec->kind;
	return (int)seen->n - 1 == seen->fail_at ? -ENOSPC : 0;
}

static void seen_free(struct seen *seen)
{
	free(seen->ts);
	free(seen->number);
	*seen = (struct seen){ .fail_at = -1 };
}

static void put(struct trace_order *o, uint64_t ts_ns, uint64_t number)
{
	struct wire_wake rec = made(ts_ns, number);

	assert_int_equal(trace_order_put(o, &rec.head), 0);
	assert_true(trace_order_give(o, 0, INT_MAX) >= 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Record i has time i*10/ties*ties and arrives up to spread ns later than its time says. */
static void shuffle(size_t n, uint64_t spread, uint64_t ties, uint64_t delay)
{
	uint64_t(*plan)[2] = calloc(n, sizeof(*plan));
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(delay, see, &seen);

	for (size_t i = 0; i < n; i++) {
		plan[i][1] = 1000 + i * 10 / ties * ties;
		plan[i][0] = plan[i][1] + (spread ? (uint64_t)random() % spread : 0);
	}
	qsort(plan, n, sizeof(*plan), compare);
	for (size_t i = 0; i < n; i++)
		put(o, plan[i][1], i);
	assert_true(seen.n < n || !delay);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(seen.n, n);
	assert_int_equal(trace_order_late(o), 0);
	for (size_t i = 1; i < n; i++) {
		assert_true(seen.ts[i - 1] <= seen.ts[i]);
		if (seen.ts[i - 1] == seen.ts[i])
			assert_true(seen.number[i - 1] < seen.number[i]);
		assert_int_equal(seen.ts[i], plan[seen.number[i]][1]);
	}
	trace_order_free(o);
	seen_free(&seen);
	free(plan);
}

static void test_shuffles(void **state)
{
	(void)state;
	srandom(2);
	shuffle(1000, 0, 1, 0);
	shuffle(1000, 0, 100, 0);
	shuffle(20000, 50, 1, 50);
	shuffle(20000, 300, 70, 300);
	shuffle(20000, 5000, 1, 5000);	   /* further than a walk from the end */
	shuffle(20000, 200000, 1, 200000); /* nothing but disorder */
	shuffle(20000, 200000, 10000, 200000);
}

/* The worst order there is. */
static void test_reversed(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(UINT64_MAX, see, &seen);

	(void)state;
	for (uint64_t i = 0; i < 200000; i++)
		put(o, 1000000 - i, i);
	assert_int_equal(seen.n, 0);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(seen.n, 200000);
	for (size_t i = 0; i < seen.n; i++)
		assert_int_equal(seen.number[i], 199999 - i);
	assert_int_equal(trace_order_late(o), 0);
	trace_order_free(o);
	seen_free(&seen);
}

static void test_delay_is_exact(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(100, see, &seen);

	(void)state;
	put(o, 1000, 0);
	put(o, 1099, 1);
	assert_int_equal(seen.n, 0);
	put(o, 1100, 2);
	assert_int_equal(seen.n, 1);
	assert_int_equal(trace_order_give(o, 1050, INT_MAX), 0); /* time does not go back */
	assert_int_equal(seen.n, 1);
	assert_int_equal(trace_order_give(o, 1199, INT_MAX), 1);
	assert_int_equal(seen.n, 2);
	assert_int_equal(trace_order_give(o, 1200, INT_MAX), 1);
	assert_int_equal(seen.n, 3);
	trace_order_free(o);
	seen_free(&seen);
}

/* However much is due, no more than asked for goes out, and nothing before it is asked for. */
static void test_portions(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(100, see, &seen);

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		struct wire_wake rec = made(1000 - i, i);

		assert_int_equal(trace_order_put(o, &rec.head), 0);
	}
	assert_int_equal(seen.n, 0);
	assert_int_equal(trace_order_give(o, 1099, 3), 3);
	assert_int_equal(trace_order_give(o, 0, 3), 3);
	assert_int_equal(seen.n, 6);
	assert_int_equal(trace_order_give(o, 0, 9), 3); /* the last one is due at 1100 */
	assert_int_equal(trace_order_give(o, 1100, 1), 1);
	assert_int_equal(trace_order_give(o, UINT64_MAX, 1), 0);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(seen.number[i], 9 - i);
	trace_order_free(o);
	seen_free(&seen);
}

static void test_late(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(100, see, &seen);

	(void)state;
	put(o, 1000, 0);
	put(o, 1150, 1); /* gives out 1000 */
	put(o, 1000, 2); /* the same time is not late */
	put(o, 999, 3);
	assert_int_equal(trace_order_late(o), 1);
	assert_int_equal(trace_order_flush(o), 0);
	put(o, 5, 4);
	assert_int_equal(trace_order_late(o), 2);
	assert_int_equal(seen.n, 5);
	assert_int_equal(seen.ts[1], 1000);
	assert_int_equal(seen.number[1], 2);
	assert_int_equal(seen.ts[2], 1000);
	assert_int_equal(seen.number[2], 3);
	assert_int_equal(seen.ts[4], 1150);
	assert_int_equal(seen.number[4], 4);
	trace_order_free(o);
	seen_free(&seen);
}

static void test_without_a_time(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = order(100, false, see, &seen);
	struct wire_cost cost = {
		.head = { .ts_ns = UINT64_MAX, .kind = WIRE_COST, .size = sizeof(cost) }
	};
	struct wire_task task = { .head = { .kind = WIRE_TASK, .size = sizeof(task) } };

	(void)state;
	put(o, 1000, 100);
	assert_int_equal(trace_order_put(o, &cost.head), 0);
	assert_int_equal(trace_order_put(o, &task.head), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.number[0], WIRE_COST);
	assert_int_equal(seen.number[1], WIRE_TASK);
	task.head.ts_ns = 1001;
	assert_int_equal(trace_order_put(o, &task.head), 0);
	assert_int_equal(seen.n, 2);
	put(o, 500, 101);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(trace_order_late(o), 0);
	assert_int_equal(seen.number[2], 101);
	assert_int_equal(seen.number[3], 100);
	assert_int_equal(seen.number[4], WIRE_TASK);
	trace_order_free(o);
	seen_free(&seen);
}

/* In the last order they stay behind the records that came before them, and before those that follow. */
static void test_last_without_a_time(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(100, see, &seen);
	struct wire_cost cost = { .head = { .ts_ns = 7, .kind = WIRE_COST, .size = sizeof(cost) } };
	const uint64_t expected[] = { 102, 100, WIRE_COST, 101, WIRE_COST, WIRE_COST };

	(void)state;
	put(o, 1000, 100);
	cost.head.ts_ns = UINT64_MAX;
	assert_int_equal(trace_order_put(o, &cost.head), 0);
	put(o, 1000, 101);
	put(o, 950, 102);
	cost.head.ts_ns = 0;
	assert_int_equal(trace_order_put(o, &cost.head), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(trace_order_give(o, UINT64_MAX, INT_MAX), 5);
	assert_int_equal(trace_order_put(o, &cost.head), 0); /* after all others */
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(trace_order_late(o), 0);
	assert_int_equal(seen.n, 6);
	assert_memory_equal(seen.number, expected, sizeof(expected));
	assert_int_equal(seen.ts[2], UINT64_MAX); /* its own */
	trace_order_free(o);
	seen_free(&seen);
}

static int into(void *ctx, const struct wire_head *rec)
{
	return trace_order_put(ctx, rec);
}

/* What is too late for one order is not for the next. */
static void test_two_orders(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *last = last_order(10000, see, &seen);
	struct trace_order *o = order(100, false, into, last);

	(void)state;
	put(o, 1000, 0);
	put(o, 2000, 1);
	put(o, 3000, 2);
	put(o, 1500, 3); /* 2000 has been given out */
	assert_int_equal(trace_order_late(o), 1);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(trace_order_flush(last), 0);
	assert_int_equal(trace_order_late(last), 0);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.number[1], 3);
	assert_int_equal(seen.ts[1], 1500);
	assert_int_equal(seen.number[2], 1);
	trace_order_free(o);
	trace_order_free(last);
	seen_free(&seen);
}

static void test_sink_error(void **state)
{
	struct seen seen = { .fail_at = 1 };
	struct trace_order *o = last_order(100, see, &seen);
	struct wire_wake rec = made(5000, 9);

	(void)state;
	put(o, 1000, 0);
	put(o, 1001, 1);
	put(o, 1002, 2);
	assert_int_equal(trace_order_put(o, &rec.head), 0);
	assert_int_equal(trace_order_give(o, 0, INT_MAX), -ENOSPC);
	assert_int_equal(seen.n, 2);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.number[3], 9);
	trace_order_free(o);
	seen_free(&seen);
}

static void test_bad_size(void **state)
{
	struct seen seen = { .fail_at = -1 };
	struct trace_order *o = last_order(100, see, &seen);
	struct wire_wake rec = made(1, 1);

	(void)state;
	rec.head.size = TRACE_RECORD_MAX + 8;
	assert_int_equal(trace_order_put(o, &rec.head), -EINVAL);
	rec.head.size = 8;
	assert_int_equal(trace_order_put(o, &rec.head), -EINVAL);
	put(o, 2, 2);
	trace_order_free(o); /* with something still in it */
	trace_order_free(NULL);
}

/* Every byte of the largest record arrives, in order and late. */
static int same_stack(void *ctx, const struct wire_head *rec)
{
	const struct wire_stack *expected = ctx;

	assert_int_equal(rec->ts_ns, 1000);
	assert_int_equal(rec->size, sizeof(*expected));
	assert_memory_equal(rec + 1, &expected->head + 1, sizeof(*expected) - sizeof(*rec));
	return 0;
}

static void test_largest(void **state)
{
	struct wire_stack stack;
	struct trace_order *o = last_order(0, same_stack, &stack);

	(void)state;
	assert_int_equal(sizeof(stack), TRACE_RECORD_MAX);
	memset(&stack, 0xa5, sizeof(stack));
	stack.head = (struct wire_head){ 1000, 1, WIRE_STACK, sizeof(stack) };
	assert_int_equal(trace_order_put(o, &stack.head), 0);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(trace_order_late(o), 0);
	stack.head.ts_ns = 999;
	assert_int_equal(trace_order_put(o, &stack.head), 0);
	assert_int_equal(trace_order_late(o), 1);
	trace_order_free(o);
}

static int count_order(void *ctx, const struct wire_head *rec)
{
	uint64_t *last = ctx;

	assert_true(rec->ts_ns >= last[0]);
	last[0] = rec->ts_ns;
	last[1]++;
	return 0;
}

/* More than may be held: the oldest go early, nothing is lost, times never go back. */
static void test_memory_is_bounded(void **state)
{
	uint64_t last[2] = { 0 };
	struct trace_order *o = last_order(UINT64_MAX, count_order, last);
	struct wire_thread_sums rec = { .head = { .kind = WIRE_SUMS, .size = sizeof(rec) } };
	const uint64_t n = 600000; /* x 272 bytes: two and a half times what is kept */

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		/* Every 100th is as old as can be: late as soon as anything has gone out. */
		rec.head.ts_ns = i % 100 ? 1000 + i : 1;
		assert_int_equal(trace_order_put(o, &rec.head), 0);
	}
	assert_in_range(n - last[1], 200000, 250000);
	assert_int_equal(trace_order_flush(o), 0);
	assert_int_equal(last[1], n);
	assert_in_range(trace_order_late(o), 3000, 4000);
	trace_order_free(o);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void speed_of(const char *what, uint64_t spread, uint64_t delay, unsigned int rare)
{
	const uint64_t n = 1000000;
	struct wire_switch rec = { .head = { .kind = WIRE_SWITCH, .size = sizeof(rec) } };
	uint64_t last[2] = { 0 };
	struct trace_order *o = last_order(delay, count_order, last);
	uint64_t random_bits = 88172645463325252ULL;
	double begin = seconds();

	for (uint64_t i = 0; i < n; i++) {
		random_bits ^= random_bits << 13;
		random_bits ^= random_bits >> 7;
		random_bits ^= random_bits << 17;
		rec.head.ts_ns = 100000000 + i * 500;
		if (spread && random_bits % rare == 0)
			rec.head.ts_ns -= (random_bits >> 32) % spread;
		trace_order_put(o, &rec.head);
		trace_order_give(o, 0, INT_MAX);
	}
	trace_order_flush(o);
	print_message("%-45s %6.2f million records/s, %llu late\n", what,
		      (double)n / (seconds() - begin) / 1e6,
		      (unsigned long long)trace_order_late(o));
	assert_int_equal(last[1], n);
	trace_order_free(o);
}

static void test_speed(void **state)
{
	(void)state;
	speed_of("in order, 20 ms held back", 0, 20000000, 1);
	speed_of("all within 2 µs, 20 ms held back", 2000, 20000000, 1);
	speed_of("1 in 100 up to 10 ms late, 20 ms held back", 10000000, 20000000, 100);
	speed_of("all within 20 ms, 20 ms held back", 20000000, 20000000, 1);
	speed_of("all within 100 ms, 100 ms held back", 100000000, 100000000, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shuffles),       cmocka_unit_test(test_reversed),
		cmocka_unit_test(test_delay_is_exact), cmocka_unit_test(test_late),
		cmocka_unit_test(test_without_a_time), cmocka_unit_test(test_sink_error),
		cmocka_unit_test(test_bad_size),       cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_largest),	       cmocka_unit_test(test_speed),
		cmocka_unit_test(test_portions),       cmocka_unit_test(test_last_without_a_time),
		cmocka_unit_test(test_two_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
