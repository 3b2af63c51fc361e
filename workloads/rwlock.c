// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Readers and writers: every fourth worker writes. Planted rounds alternate: a writer blocks
 * readers, then a reader blocks writers.
 */
#include <errno.h>

#include "workload.h"

struct rwlock_state {
	pthread_rwlock_t lock;
	struct truth_lock *truth;
	uint64_t held_since_ns;		/* planted: by the holder */
};

static void rwlock_setup(struct process *process)
{
	struct rwlock_state *s = process->state;

	check(pthread_rwlock_init(&s->lock, NULL), "pthread_rwlock_init");
	s->truth = truth_lock_new(process->run->truth, "rw", "rwlock", &s->lock, sizeof(s->lock),
				  process->run->opt.planted || run_is_alone(process->run));
	s->truth->owned = true;
}

static bool is_writer(const struct worker *w)
{
	return w->index % 4 == 0;
}

static const char *rwlock_role(const struct worker *w)
{
	return is_writer(w) ? "writer" : "reader";
}

static void lock_blocking(struct rwlock_state *s, bool write)
{
	uint64_t begin_ns = truth_wait_begin(s->truth);

	check(write ? pthread_rwlock_wrlock(&s->lock) : pthread_rwlock_rdlock(&s->lock),
	      "pthread_rwlock lock");
	truth_wait_end(s->truth, begin_ns, WAIT_WOKEN);
}

static void lock_now_or_later(struct rwlock_state *s, bool write)
{
	int error = write ? pthread_rwlock_trywrlock(&s->lock) : pthread_rwlock_tryrdlock(&s->lock);

	if (error == EBUSY)
		lock_blocking(s, write);
	else
		check(error, "pthread_rwlock trylock");
}

static void unlock(struct rwlock_state *s, uint64_t held_since_ns)
{
	truth_hold_end(s->truth, held_since_ns);
	check(pthread_rwlock_unlock(&s->lock), "pthread_rwlock_unlock");
}

static void rwlock_unit(struct worker *w)
{
	struct rwlock_state *s = w->process->state;
	uint64_t held_since_ns;

	lock_now_or_later(s, is_writer(w));
	held_since_ns = truth_hold_begin(s->truth);
	burn_cpu(w->run->opt.hold_ns);
	unlock(s, held_since_ns);
	burn_cpu(w->run->opt.think_ns);
}

static bool is_writer_round(const struct worker *w)
{
	return w->done % 2 == 0;
}

static struct truth_lock *planted_lock(struct worker *w)
{
	struct rwlock_state *s = w->process->state;

	return s->truth;
}

static void planted_hold(struct worker *w)
{
	struct rwlock_state *s = w->process->state;

	lock_now_or_later(s, is_writer_round(w));
	s->held_since_ns = truth_hold_begin(s->truth);
}

static void planted_release(struct worker *w)
{
	struct rwlock_state *s = w->process->state;

	unlock(s, s->held_since_ns);
}

static void planted_wait(struct worker *w)
{
	struct rwlock_state *s = w->process->state;
	uint64_t held_since_ns;

	lock_blocking(s, !is_writer_round(w));
	held_since_ns = truth_hold_begin(s->truth);
	unlock(s, held_since_ns);
}

static const struct plant_ops rwlock_plant = {
	.lock = planted_lock,
	.hold = planted_hold,
	.release = planted_release,
	.wait = planted_wait,
};

WORKLOAD(rwlock, .summary = "readers and writers of one rwlock", .modes = MODE_ALL,
	 .planted_modes = MODE_THREADS | MODE_BOTH, .workers = 4, .hold_us = 100, .think_us = 100,
	 .state_size = sizeof(struct rwlock_state), .setup = rwlock_setup, .unit = rwlock_unit,
	 .role = rwlock_role, .plant = &rwlock_plant);
