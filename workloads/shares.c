// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mutex that is waited for at five places of known shares: a report by call stack can be
 * compared with what each place waited, which the program itself measures.
 */
#include "mutex.h"
#include "planted.h"

#define CALLERS 5
#define SLOTS 20	/* turns of the plan: 8 + 5 + 4 + 2 + 1 = 40, 25, 20, 10, 5 % */

/* Its own frame, as written, whatever the optimiser would like. */
#define PLACE __attribute__((noipa, noinline))

static struct known_mutex *mutex_of(const struct worker *w)
{
	return w->process->state;
}

static void entered(struct known_mutex *m, uint64_t begin_ns)
{
	truth_wait_end(m->truth, begin_ns, WAIT_WOKEN);
	m->held_since_ns = truth_hold_begin(m->truth);
}

/* The lock is taken in the function itself: it is the innermost one that is not the C library's. */
#define CALLER(name)                                                                  \
	static PLACE void name(struct known_mutex *m)                                 \
	{                                                                             \
		uint64_t begin_ns;                                                    \
                                                                                      \
		truth_place(__func__, 0);                                             \
		begin_ns = truth_wait_begin(m->truth);                                \
		check(pthread_mutex_lock(&m->mutex), "pthread_mutex_lock");           \
		entered(m, begin_ns);                                                 \
		known_mutex_unlock(m);                                                \
		__asm__ volatile("");	/* a tail call would take the frame */        \
	}

CALLER(read_index)
CALLER(write_index)
CALLER(flush_pages)
CALLER(drop_pages)
CALLER(take_statistics)

static void (*const callers[CALLERS])(struct known_mutex *m) = {
	read_index, write_index, flush_pages, drop_pages, take_statistics,
};

static const unsigned char plan[SLOTS] = {
	0, 1, 2, 0, 3, 1, 0, 2, 0, 1, 0, 4, 2, 0, 1, 0, 3, 2, 0, 1,
};

static struct truth_lock *shares_lock(struct worker *w)
{
	return mutex_of(w)->truth;
}

static void shares_hold(struct worker *w)
{
	truth_place("shares_hold", 0);
	known_mutex_lock(mutex_of(w));
}

static void shares_release(struct worker *w)
{
	known_mutex_unlock(mutex_of(w));
}

/* Each waiter goes through the whole plan, all of them at different turns of it. */
static void shares_wait(struct worker *w)
{
	callers[plan[(w->done + 7 * w->index) % SLOTS]](mutex_of(w));
	__asm__ volatile("");
}

static const struct plant_ops shares_plant = {
	.lock = shares_lock,
	.hold = shares_hold,
	.release = shares_release,
	.wait = shares_wait,
};

static void shares_setup(struct process *process)
{
	struct known_mutex *m = process->state;

	known_mutex_init(m, process->run, "m", "mutex", NULL);
	truth_lock_log(process->run->truth, m->truth);
}

WORKLOAD(shares, .summary = "one mutex, waited for in five functions of known shares",
	 .modes = MODE_THREADS, .planted_modes = MODE_THREADS, .always_planted = true,
	 .workers = 25, .count = 400, .hold_us = 5000, .think_us = 100,
	 .state_size = sizeof(struct known_mutex), .setup = shares_setup, .plant = &shares_plant);
