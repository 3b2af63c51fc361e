// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_costs_test.c - what host_costs_measure() says must fit together.  Nothing absolute is asked
 * of a machine that others use: the limits are those that no machine passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "user/bench/costs.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void print(const struct host_costs *c)
{
	print_message(
		"# thread %.1f us, fork %.1f us + %.1f us/MiB, exit %.1f us, message %.2f us + "
		"%.2f us/KiB\n",
		(double)c->thread_ns / 1e3, (double)c->fork_ns / 1e3, (double)c->fork_mib_ns / 1e3,
		(double)c->exit_ns / 1e3, (double)c->ipc_ns / 1e3, (double)c->ipc_kib_ns / 1e3);
	for (unsigned k = 1; k <= c->n_speed; k++)
		print_message("# speed of %u: %.3f (%.3f to %.3f)\n", k, c->speed[k - 1],
			      c->speed_low[k - 1], c->speed_high[k - 1]);
}

/* A tenth of a microsecond is less than any of these system calls takes, a second more. */
#define POSSIBLE(ns) assert_in_range((ns), 100, 1000000000)

static void costs_fit_together(void **state)
{
	struct host_costs c;
	uint64_t began = now_ns();

	(void)state;
	assert_int_equal(host_costs_measure(&c), 0);
	print_message("# took %.0f ms\n", (double)(now_ns() - began) / 1e6);
	print(&c);
	assert_true(c.known);
	POSSIBLE(c.thread_ns);
	POSSIBLE(c.fork_ns);
	POSSIBLE(c.exit_ns);
	POSSIBLE(c.ipc_ns);
	/* 256 page table entries cannot be copied in less than 0.1 ns each */
	assert_in_range(c.fork_mib_ns, 25, 100000000);
	/* a KiB is not copied twice in less than 5 ns; what it takes is less than the whole message
	 */
	assert_in_range(c.ipc_kib_ns, 5, 100000000);
}

static void speeds_fit_together(void **state)
{
	struct host_costs c;
	cpu_set_t set;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_int_equal(host_costs_measure(&c), 0);
	assert_int_equal(c.n_speed,
			 CPU_COUNT(&set) < HOST_SPEEDS_MAX ? CPU_COUNT(&set) : HOST_SPEEDS_MAX);
	assert_true(c.speed[0] == 1.0);
	for (unsigned k = 1; k <= c.n_speed; k++) {
		assert_true(c.speed_low[k - 1] > 0);
		assert_true(c.speed_low[k - 1] <= c.speed[k - 1]);
		assert_true(c.speed_high[k - 1] >= c.speed[k - 1]);
		/* each of k cannot do less than 1/20 of one alone: CPU time, not wall time */
		assert_true(c.speed[k - 1] > 0.05);
		assert_true(c.speed[k - 1] < 20);
	}
}

/* One CPU only: there is nothing to compare, and nothing waits for ever. */
static void one_cpu_is_enough(void **state)
{
	struct host_costs c;
	cpu_set_t all, one;
	unsigned cpu = 0;

	(void)state;
	sched_getaffinity(0, sizeof(all), &all);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(host_costs_measure(&c), 0);
	sched_setaffinity(0, sizeof(all), &all);
	assert_int_equal(c.n_speed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_fit_together),
		cmocka_unit_test(speeds_fit_together),
		cmocka_unit_test(one_cpu_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
