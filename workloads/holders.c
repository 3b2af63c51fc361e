// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mutex and one thread that waits for it, held by several threads in several functions for
 * different lengths, all by plan: who held it, where and how long is known for every wait.
 *
 * Threads, functions and lengths are not evenly spread, so that a wait that is charged to the
 * holder before, or to any other, moves the sums.
 */
#include "asleep.h"
#include "mutex.h"

#include <unistd.h>

#define FUNCTIONS 3
#define POLL_NS 50000

#define PLACE __attribute__((noipa, noinline))

struct holders {
	struct known_mutex m;
	_Atomic pid_t waiter;
	_Atomic uint64_t round;		/* whose turn it is follows from it */
	_Atomic uint64_t invited;
	_Atomic uint64_t done;
};

/* A cheap generator whose numbers follow from the round alone. */
static uint32_t dice(uint64_t round, uint32_t salt)
{
	uint64_t x = (round + 1) * 0x9e3779b97f4a7c15ull + salt * 0xbf58476d1ce4e5b9ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(x >> 33);
}

/* The first of n comes half of the time, the second half as often, … */
static unsigned int halving(uint32_t number, unsigned int n)
{
	unsigned int i = 0;

	while (i + 1 < n && number >> i & 1)
		i++;
	return i;
}

static void let_wait(struct holders *s, const struct watch *watch, uint64_t hold_ns)
{
	atomic_fetch_add(&s->invited, 1);
	watch_until_asleep(watch, s->m.truth->addr, s->m.truth->size);
	burn_cpu(hold_ns);
}

/* Lock and unlock are called here: this is the function that holds. */
#define HOLDER(name, factor)                                                          \
	static PLACE void name(struct holders *s, const struct watch *watch,          \
			       uint64_t hold_ns)                                      \
	{                                                                             \
		uint64_t since_ns;                                                    \
                                                                                      \
		truth_place(__func__, 0);                                             \
		check(pthread_mutex_lock(&s->m.mutex), "pthread_mutex_lock");         \
		since_ns = truth_hold_begin(s->m.truth);                              \
		let_wait(s, watch, hold_ns * (factor));                               \
		truth_hold_end(s->m.truth, since_ns);                                 \
		check(pthread_mutex_unlock(&s->m.mutex), "pthread_mutex_unlock");     \
		__asm__ volatile("");	/* a tail call would take the frame */        \
	}

HOLDER(hold_short, 1)
HOLDER(hold_longer, 2)
HOLDER(hold_longest, 4)

static void (*const functions[FUNCTIONS])(struct holders *s, const struct watch *watch,
					  uint64_t hold_ns) = {
	hold_short, hold_longer, hold_longest,
};

static void holder(struct worker *w, struct holders *s)
{
	unsigned int nr_holders = w->process->nr_workers - 1;
	uint64_t round, rounds = w->run->opt.count;
	struct watch watch;

	while (!atomic_load(&s->waiter))
		poll_pause();
	watch_open(&watch, getpid(), atomic_load(&s->waiter));
	while ((round = atomic_load(&s->round)) < rounds) {
		if (halving(dice(round, 1), nr_holders) != w->index) {
			sleep_ns(POLL_NS);
			continue;
		}
		functions[halving(dice(round, 2), FUNCTIONS)](s, &watch, w->run->opt.hold_ns);
		while (atomic_load(&s->done) != round + 1)
			poll_pause();
		w->done++;
		atomic_store(&s->round, atomic_load(&w->run->truth->stop) ? rounds : round + 1);
	}
	watch_close(&watch);
}

static PLACE void wait_behind(struct worker *w, struct holders *s)
{
	truth_place(__func__, 0);
	known_mutex_lock_blocking(&s->m);
	known_mutex_unlock(&s->m);
	w->done++;
}

static void waiter(struct worker *w, struct holders *s)
{
	atomic_store(&s->waiter, gettid());
	for (;;) {
		while (atomic_load(&s->invited) == w->done) {
			if (atomic_load(&s->round) >= w->run->opt.count)
				return;
			sleep_ns(POLL_NS);
		}
		wait_behind(w, s);
		atomic_store(&s->done, w->done);
	}
}

static bool is_waiter(const struct worker *w)
{
	return w->index == w->process->nr_workers - 1;
}

static void holders_body(struct worker *w)
{
	if (is_waiter(w))
		waiter(w, w->process->state);
	else
		holder(w, w->process->state);
}

static const char *holders_role(const struct worker *w)
{
	return is_waiter(w) ? "waiter" : "holder";
}

static void holders_setup(struct process *process)
{
	struct holders *s = process->state;

	known_mutex_init(&s->m, process->run, "m", "mutex", NULL);
	truth_lock_log(process->run->truth, s->m.truth);
}

WORKLOAD(holders, .summary = "one mutex, held by plan in several threads and functions",
	 .modes = MODE_THREADS, .planted_modes = MODE_THREADS, .always_planted = true, .no_time = true,
	 .workers = 4, .min_workers = 2, .count = 10000, .hold_us = 150,
	 .state_size = sizeof(struct holders), .setup = holders_setup, .body = holders_body,
	 .role = holders_role);
