// SPDX-License-Identifier: GPL-2.0-or-later
/* level_test.c - t_k and its like: identities on random schedules, the window, merging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/model/level.h"

#define THREADS 12

static struct model window(uint64_t begin, uint64_t end)
{
	struct model m = { .have_window = true };

	m.window.begin_ns = begin;
	m.window.end_ns = end;
	return m;
}

static uint64_t sum(const struct steps *s)
{
	uint64_t ns = 0;

	for (size_t k = 0; k < s->n; k++)
		ns += s->ns[k];
	return ns;
}

static uint64_t weighted(const struct steps *s)
{
	uint64_t ns = 0;

	for (size_t k = 0; k < s->n; k++)
		ns += k * s->ns[k];
	return ns;
}

/* Thread time by part as each thread sees it, beside what the level adds up. */
static void random_schedule(unsigned int seed)
{
	struct model m = window(1000, 1000 + (uint64_t)random() % 100000 + 1);
	enum level_part parts[THREADS] = { PART_NONE };
	uint64_t in_part[4] = { 0 }, ts = 0, serial = 0, last = 0, end = m.window.end_ns + 500;
	struct level l = { 0 };

	srandom(seed);
	while (ts < end) {
		size_t i = (size_t)random() % THREADS, n[4] = { 0 };
		enum level_part to = (enum level_part)(random() % 4);
		uint64_t inside;

		ts += (uint64_t)random() % 900;
		inside = model_inside_ns(&m, last, ts);
		for (size_t k = 0; k < THREADS; k++)
			n[parts[k]]++;
		for (size_t k = 0; k < 4; k++)
			in_part[k] += inside * n[k];
		serial += n[PART_RUNNING] == 1 && n[PART_WAITING] ? inside : 0;
		level_move(&m, &l, parts[i], to, ts);
		parts[i] = to;
		last = ts;
	}
	level_close(&m, &l, ts);
	assert_int_equal(sum(&l.run), m.window.end_ns - m.window.begin_ns);
	assert_int_equal(sum(&l.want), m.window.end_ns - m.window.begin_ns);
	assert_int_equal(weighted(&l.run), in_part[PART_RUNNING]);
	assert_int_equal(weighted(&l.want),
			 in_part[PART_RUNNING] + in_part[PART_RUNNABLE] + in_part[PART_WAITING]);
	assert_int_equal(l.serial_ns, serial);
	level_free(&l);
}

static void identities(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 1000; seed++)
		random_schedule(seed);
}

static void scripted(void **state)
{
	struct model m = window(100, 1100);
	struct level l = { 0 };

	(void)state;
	level_move(&m, &l, PART_NONE, PART_RUNNING, 0);
	level_move(&m, &l, PART_NONE, PART_WAITING, 300);
	level_move(&m, &l, PART_WAITING, PART_RUNNABLE, 600);
	level_move(&m, &l, PART_RUNNABLE, PART_RUNNING, 700);
	level_move(&m, &l, PART_RUNNING, PART_NONE, 1000);
	level_close(&m, &l, 5000);
	assert_int_equal(l.run.n, 3);
	assert_int_equal(l.run.ns[1], 200 + 300 + 100 + 100);
	assert_int_equal(l.run.ns[2], 300);
	assert_int_equal(l.want.ns[1], 200 + 100);
	assert_int_equal(l.want.ns[2], 700);
	assert_int_equal(l.serial_ns, 300);
	level_free(&l);
}

/* What comes late changes the count, never the time. */
static void late(void **state)
{
	struct model m = window(0, 1000);
	struct level l = { 0 };

	(void)state;
	level_move(&m, &l, PART_NONE, PART_RUNNING, 500);
	level_move(&m, &l, PART_NONE, PART_RUNNING, 200);
	level_move(&m, &l, PART_WAITING, PART_NONE, 600); /* nobody waited: stays at none */
	level_close(&m, &l, 1000);
	assert_int_equal(sum(&l.run), 1000);
	assert_int_equal(l.run.ns[0], 500);
	assert_int_equal(l.run.ns[2], 500);
	assert_int_equal(l.waiting, 0);
	level_free(&l);
}

/* Very many threads: the last step holds the rest, the time is still all there. */
static void crowd(void **state)
{
	struct model m = window(0, 10000);
	struct level l = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 6000; i++)
		level_move(&m, &l, PART_NONE, PART_RUNNING, i);
	level_close(&m, &l, 10000);
	assert_int_equal(sum(&l.run), 10000);
	assert_true(l.run.n <= 4096);
	level_free(&l);
}

static void merge(void **state)
{
	struct model m = window(0, 1000);
	struct level a = { 0 }, b = { 0 };

	(void)state;
	level_move(&m, &b, PART_NONE, PART_RUNNING, 400);
	level_move(&m, &b, PART_NONE, PART_WAITING, 500);
	level_close(&m, &b, 1000);
	level_merge(&a, &b);
	level_merge(&a, &b);
	assert_int_equal(a.run.ns[0], 800);
	assert_int_equal(a.run.ns[1], 1200);
	assert_int_equal(a.want.ns[2], 1000);
	assert_int_equal(a.serial_ns, 1000);
	level_free(&a);
	level_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities), cmocka_unit_test(scripted), cmocka_unit_test(late),
		cmocka_unit_test(crowd),      cmocka_unit_test(merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
