// SPDX-License-Identifier: GPL-2.0-or-later
/* Clocks and the two ways to let time pass: asleep, or on the CPU. */
#include "clock.h"

#include <errno.h>

#include "workload.h"

#define POLL_NS 20000

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		die("clock_gettime(%d) failed", (int)clock);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t thread_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
				 .tv_nsec = (long)(ns % NS_PER_S)};
}

void sleep_ns(uint64_t ns)
{
	struct timespec left = to_timespec(ns);

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

void poll_pause(void)
{
	sleep_ns(POLL_NS);
}

void countdown(uint64_t n)
{
	volatile uint64_t left = n;

	while (left > 0)
		left--;
}

void burn_cpu(uint64_t ns)
{
	uint64_t end;

	if (!ns)
		return;
	end = thread_cpu_ns() + ns;
	/* The CPU clock is a system call: ask it only about every microsecond. */
	while (thread_cpu_ns() < end)
		countdown(500);
}
