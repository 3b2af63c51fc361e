/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: reading it, sleeping through it, burning it. All in ns, CLOCK_MONOTONIC. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

uint64_t now_ns(void);
uint64_t thread_cpu_ns(void);
uint64_t process_cpu_ns(void);
struct timespec to_timespec(uint64_t ns);

/* Sleeps the whole time, also when interrupted. */
void sleep_ns(uint64_t ns);

/* The pause between two looks at an atomic: no futex, so it cannot disturb a truth. */
void poll_pause(void);

/* Spins until the calling thread has used that much CPU time. */
void burn_cpu(uint64_t ns);

/* Counts down: the "CPU-bound task" of all the articles. */
void countdown(uint64_t n);

#endif
