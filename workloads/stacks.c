// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mutex that is waited for with very many different stacks: each of --size patterns of bits
 * is a way down through two functions that waits once, and in between one way, always the same,
 * waits so long that most of the time belongs to it. Every wait is planted and numbered.
 */
#include "asleep.h"
#include "mutex.h"

#include <unistd.h>

#define LEVELS 16
#define PATTERNS (1u << LEVELS)
#define STRIDE 7919u		/* odd: the multiples are all different modulo PATTERNS */
#define COLD_PER_HOT 20
#define HOT_FACTOR 50		/* the hot way waits so many times as long */
#define HOT_NUMBER PATTERNS	/* its number in the truth; the others' is their pattern */
#define POLL_NS 20000

#define PLACE __attribute__((noipa, noinline))
#define NO_TAIL_CALL() __asm__ volatile("")

struct stacks {
	struct known_mutex m;
	_Atomic pid_t waiter;
	_Atomic uint64_t invited;
	_Atomic uint64_t done;
};

static bool is_hot(uint64_t round)
{
	return round % (COLD_PER_HOT + 1) == COLD_PER_HOT;
}

static uint32_t pattern_of(uint64_t round)
{
	return (uint32_t)(round - round / (COLD_PER_HOT + 1)) * STRIDE % PATTERNS;
}

static PLACE void entered(struct known_mutex *m, uint64_t begin_ns)
{
	truth_wait_end(m->truth, begin_ns, WAIT_WOKEN);
	m->held_since_ns = truth_hold_begin(m->truth);
	known_mutex_unlock(m);
	NO_TAIL_CALL();
}

static PLACE void cold_wait(struct stacks *s, uint32_t pattern)
{
	uint64_t begin_ns;

	truth_place(__func__, pattern);
	begin_ns = truth_wait_begin(s->m.truth);
	check(pthread_mutex_lock(&s->m.mutex), "pthread_mutex_lock");
	entered(&s->m, begin_ns);
	NO_TAIL_CALL();
}

static PLACE void hot_wait(struct stacks *s)
{
	uint64_t begin_ns;

	truth_place(__func__, HOT_NUMBER);
	begin_ns = truth_wait_begin(s->m.truth);
	check(pthread_mutex_lock(&s->m.mutex), "pthread_mutex_lock");
	entered(&s->m, begin_ns);
	NO_TAIL_CALL();
}

static void zero(struct stacks *s, uint32_t pattern, unsigned int level);
static void one(struct stacks *s, uint32_t pattern, unsigned int level);

/* The lowest bit is the outermost function. */
#define DESCEND()                                                                     \
	do {                                                                          \
		if (level == LEVELS)                                                  \
			cold_wait(s, pattern);                                        \
		else if (pattern >> level & 1)                                        \
			one(s, pattern, level + 1);                                   \
		else                                                                  \
			zero(s, pattern, level + 1);                                  \
		NO_TAIL_CALL();                                                       \
	} while (0)

static PLACE void zero(struct stacks *s, uint32_t pattern, unsigned int level)
{
	DESCEND();
}

static PLACE void one(struct stacks *s, uint32_t pattern, unsigned int level)
{
	DESCEND();
}

static PLACE void cold_way(struct stacks *s, uint32_t pattern)
{
	unsigned int level = 0;

	DESCEND();
}

static PLACE void hot_way(struct stacks *s)
{
	hot_wait(s);
	NO_TAIL_CALL();
}

static void holder(struct worker *w, struct stacks *s)
{
	struct watch watch;

	while (!atomic_load(&s->waiter))
		poll_pause();
	watch_open(&watch, getpid(), atomic_load(&s->waiter));
	truth_place("holder", 0);
	while (worker_more(w)) {
		known_mutex_lock(&s->m);
		atomic_store(&s->invited, w->done + 1);
		watch_until_asleep(&watch, s->m.truth->addr, s->m.truth->size);
		burn_cpu(w->run->opt.hold_ns * (is_hot(w->done) ? HOT_FACTOR : 1));
		known_mutex_unlock(&s->m);
		w->done++;
		while (atomic_load(&s->done) != w->done)
			poll_pause();
	}
	atomic_store(&s->invited, UINT64_MAX);
	watch_close(&watch);
}

static void waiter(struct worker *w, struct stacks *s)
{
	uint64_t invited;

	atomic_store(&s->waiter, gettid());
	for (;;) {
		while ((invited = atomic_load(&s->invited)) == w->done)
			sleep_ns(POLL_NS);
		if (invited == UINT64_MAX)
			return;
		if (is_hot(w->done))
			hot_way(s);
		else
			cold_way(s, pattern_of(w->done));
		w->done++;
		atomic_store(&s->done, w->done);
	}
}

static void stacks_body(struct worker *w)
{
	if (w->index == 0)
		holder(w, w->process->state);
	else
		waiter(w, w->process->state);
}

static const char *stacks_role(const struct worker *w)
{
	return w->index == 0 ? "holder" : "waiter";
}

static void stacks_setup(struct process *process)
{
	struct stacks *s = process->state;

	known_mutex_init(&s->m, process->run, "m", "mutex", NULL);
	truth_lock_log(process->run->truth, s->m.truth);
	s->m.truth->tells_waits = true;
}

/* 20,000 cold ones and 1,000 times the hot one */
WORKLOAD(stacks, .summary = "one mutex, waited for with 20,000 different stacks",
	 .modes = MODE_THREADS, .planted_modes = MODE_THREADS, .always_planted = true,
	 .workers = 2, .min_workers = 2, .max_workers = 2, .count = 21000, .hold_us = 150,
	 .state_size = sizeof(struct stacks), .setup = stacks_setup, .body = stacks_body,
	 .role = stacks_role);
