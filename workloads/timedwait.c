// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waits that all time out: semaphore, condition, mutex, and raw futexes with a relative and an
 * absolute deadline. Every worker has its own set, so nothing but the timer ends a wait.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "futex.h"
#include "workload.h"

enum { T_SEM, T_COND, T_MUTEX, T_WAIT, T_BITSET, NR_TIMED };

struct timed_set {
	sem_t sem;			/* never posted */
	pthread_cond_t cond;		/* never signalled */
	pthread_mutex_t cond_mutex;
	pthread_mutex_t mutex;		/* held by the thread that did the setup */
	futex_word wait_word;
	futex_word bitset_word;
	struct truth_lock *truth[NR_TIMED];
} __attribute__((aligned(64)));

struct timed_state {
	struct timed_set *sets;
};

static void set_init(struct timed_set *set, struct truth *truth, unsigned int i)
{
	const struct {
		const char *name;
		const char *kind;
		const volatile void *addr;
		size_t size;
	} rows[NR_TIMED] = {
		[T_SEM] = {"sem", "sem", &set->sem, sizeof(set->sem)},
		[T_COND] = {"cond", "cond", &set->cond, sizeof(set->cond)},
		[T_MUTEX] = {"mutex", "mutex", &set->mutex, sizeof(set->mutex)},
		[T_WAIT] = {"wait", "futex", &set->wait_word, sizeof(set->wait_word)},
		[T_BITSET] = {"bitset", "futex", &set->bitset_word, sizeof(set->bitset_word)},
	};
	char name[24];

	if (sem_init(&set->sem, 0, 0))
		die("sem_init failed: %m");
	check(pthread_cond_init(&set->cond, NULL), "pthread_cond_init");
	check(pthread_mutex_init(&set->cond_mutex, NULL), "pthread_mutex_init");
	check(pthread_mutex_init(&set->mutex, NULL), "pthread_mutex_init");
	check(pthread_mutex_lock(&set->mutex), "pthread_mutex_lock");
	for (int k = 0; k < NR_TIMED; k++) {
		snprintf(name, sizeof(name), "%s-%u", rows[k].name, i);
		set->truth[k] = truth_lock_new(truth, name, rows[k].kind, rows[k].addr,
					       rows[k].size, true);
	}
}

static void timed_setup(struct process *process)
{
	struct timed_state *s = process->state;

	s->sets = aligned_alloc(64, process->nr_workers * sizeof(*s->sets));
	if (!s->sets)
		die("out of memory");
	for (unsigned int i = 0; i < process->nr_workers; i++) {
		s->sets[i] = (struct timed_set){0};
		set_init(&s->sets[i], process->run->truth, i);
	}
}

static void timed_teardown(struct process *process)
{
	struct timed_state *s = process->state;

	free(s->sets);
}

static struct timespec deadline(clockid_t clock, uint64_t ns)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		die("clock_gettime failed: %m");
	return to_timespec((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec + ns);
}

static int wait_sem(struct timed_set *set, uint64_t ns)
{
	struct timespec until = deadline(CLOCK_REALTIME, ns);

	return sem_timedwait(&set->sem, &until) ? errno : 0;
}

static int wait_cond(struct timed_set *set, uint64_t ns)
{
	struct timespec until = deadline(CLOCK_REALTIME, ns);
	int error;

	check(pthread_mutex_lock(&set->cond_mutex), "pthread_mutex_lock");
	do
		error = pthread_cond_timedwait(&set->cond, &set->cond_mutex, &until);
	while (!error);
	check(pthread_mutex_unlock(&set->cond_mutex), "pthread_mutex_unlock");
	return error;
}

static int wait_mutex(struct timed_set *set, uint64_t ns)
{
	struct timespec until = deadline(CLOCK_REALTIME, ns);

	return pthread_mutex_timedlock(&set->mutex, &until);
}

static int wait_relative(struct timed_set *set, uint64_t ns)
{
	struct timespec length = to_timespec(ns);

	return futex_wait(&set->wait_word, 0, &length);
}

static int wait_absolute(struct timed_set *set, uint64_t ns)
{
	struct timespec until = deadline(CLOCK_MONOTONIC, ns);

	return futex_wait_until(&set->bitset_word, 0, &until);
}

static int (*const timed_waits[NR_TIMED])(struct timed_set *set, uint64_t ns) = {
	[T_SEM] = wait_sem,
	[T_COND] = wait_cond,
	[T_MUTEX] = wait_mutex,
	[T_WAIT] = wait_relative,
	[T_BITSET] = wait_absolute,
};

static void timed_unit(struct worker *w)
{
	struct timed_state *s = w->process->state;
	struct timed_set *set = &s->sets[w->index];

	for (int k = 0; k < NR_TIMED; k++) {
		uint64_t begin_ns = truth_wait_begin(set->truth[k]);
		int error = timed_waits[k](set, w->run->opt.hold_ns);

		truth_wait_end(set->truth[k], begin_ns, futex_wait_end(error));
		if (error != ETIMEDOUT && error != EINTR)
			die("timed wait %d ended with %d instead of a timeout", k, error);
	}
}

WORKLOAD(timedwait, .summary = "five kinds of waits that all time out after --hold-us",
	 .modes = MODE_ALL, .count = 20, .hold_us = 2000, .state_size = sizeof(struct timed_state),
	 .setup = timed_setup, .teardown = timed_teardown, .unit = timed_unit);
