// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mutexes with a tunable critical section: plain, priority-inheriting, shared between processes,
 * and robust. They differ only in their attributes, so they are one family.
 */
#include "mutex.h"

#include <errno.h>

void known_mutex_init(struct known_mutex *m, struct run *run, const char *name, const char *kind,
		      const pthread_mutexattr_t *attr)
{
	check(pthread_mutex_init(&m->mutex, attr), "pthread_mutex_init");
	m->truth = truth_lock_new(run->truth, name, kind, &m->mutex, sizeof(m->mutex),
				  run->opt.planted || run_is_alone(run));
	m->truth->owned = true;
}

/* A robust mutex whose owner died is ours all the same, once declared consistent. */
static void acquired(struct known_mutex *m, int error)
{
	if (error == EOWNERDEAD)
		error = pthread_mutex_consistent(&m->mutex);
	check(error, "pthread_mutex_lock");
	m->held_since_ns = truth_hold_begin(m->truth);
}

void known_mutex_lock_blocking(struct known_mutex *m)
{
	uint64_t begin_ns = truth_wait_begin(m->truth);
	int error = pthread_mutex_lock(&m->mutex);

	truth_wait_end(m->truth, begin_ns, WAIT_WOKEN);
	acquired(m, error);
}

void known_mutex_lock(struct known_mutex *m)
{
	int error = pthread_mutex_trylock(&m->mutex);

	if (error == EBUSY)
		known_mutex_lock_blocking(m);
	else
		acquired(m, error);
}

void known_mutex_unlock(struct known_mutex *m)
{
	truth_hold_end(m->truth, m->held_since_ns);
	check(pthread_mutex_unlock(&m->mutex), "pthread_mutex_unlock");
}

void known_mutex_cond_wait(struct known_mutex *m, pthread_cond_t *cond)
{
	truth_hold_end(m->truth, m->held_since_ns);
	check(pthread_cond_wait(cond, &m->mutex), "pthread_cond_wait");
	m->held_since_ns = truth_hold_begin(m->truth);
}

static struct known_mutex *mutex_of(const struct worker *w)
{
	return w->run->shared ? w->run->shared : w->process->state;
}

static void mutex_unit(struct worker *w)
{
	struct known_mutex *m = mutex_of(w);

	if (!w->run->opt.no_lock)
		known_mutex_lock(m);
	burn_cpu(w->run->opt.hold_ns);
	if (!w->run->opt.no_lock)
		known_mutex_unlock(m);
	burn_cpu(w->run->opt.think_ns);
}

static struct truth_lock *planted_lock(struct worker *w)
{
	return mutex_of(w)->truth;
}

static void planted_hold(struct worker *w)
{
	known_mutex_lock(mutex_of(w));
}

static void planted_release(struct worker *w)
{
	known_mutex_unlock(mutex_of(w));
}

static void planted_wait(struct worker *w)
{
	known_mutex_lock_blocking(mutex_of(w));
	burn_cpu(w->run->opt.hold_ns);
	known_mutex_unlock(mutex_of(w));
}

/* The holder's thread ends with the lock: the kernel wakes a waiter, who gets EOWNERDEAD. */
static void planted_abandon(struct worker *w)
{
	truth_hold_end(mutex_of(w)->truth, mutex_of(w)->held_since_ns);
}

static const struct plant_ops mutex_plant = {
	.lock = planted_lock,
	.hold = planted_hold,
	.release = planted_release,
	.wait = planted_wait,
};

static const struct plant_ops robust_plant = {
	.lock = planted_lock,
	.hold = planted_hold,
	.release = planted_release,
	.wait = planted_wait,
	.abandon = planted_abandon,
};

static void setup(struct known_mutex *m, struct run *run, const char *kind,
		  const pthread_mutexattr_t *attr)
{
	known_mutex_init(m, run, "m", kind, attr);
	truth_lock_log(run->truth, m->truth);
}

static void mutex_setup(struct process *process)
{
	setup(process->state, process->run, "mutex", NULL);
}

static void pi_setup(struct process *process)
{
	pthread_mutexattr_t attr;

	check(pthread_mutexattr_init(&attr), "pthread_mutexattr_init");
	check(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), "setprotocol");
	setup(process->state, process->run, "pi", &attr);
	pthread_mutexattr_destroy(&attr);
}

static void robust_setup(struct process *process)
{
	pthread_mutexattr_t attr;

	check(pthread_mutexattr_init(&attr), "pthread_mutexattr_init");
	check(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), "setrobust");
	setup(process->state, process->run, "robust", &attr);
	pthread_mutexattr_destroy(&attr);
}

static void pshared_setup_run(struct run *run)
{
	struct known_mutex *m = run->shared;
	pthread_mutexattr_t attr;

	check(pthread_mutexattr_init(&attr), "pthread_mutexattr_init");
	check(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), "setpshared");
	setup(m, run, "mutex", &attr);
	m->truth->shared = true;
	pthread_mutexattr_destroy(&attr);
}

#define PRIVATE_FAMILY                                                                  \
	.modes = MODE_ALL, .planted_modes = MODE_THREADS | MODE_BOTH, .hold_us = 100,   \
	.think_us = 100, .state_size = sizeof(struct known_mutex), .unit = mutex_unit,  \
	.lock_optional = true

WORKLOAD(mutex, .summary = "one pthread mutex around --hold-us of CPU", PRIVATE_FAMILY,
	 .setup = mutex_setup, .plant = &mutex_plant);
WORKLOAD(pi, .summary = "one priority-inheriting mutex around --hold-us of CPU", PRIVATE_FAMILY,
	 .setup = pi_setup, .plant = &mutex_plant);
WORKLOAD(robust, .summary = "one robust mutex; planted: its owner dies in the last round",
	 PRIVATE_FAMILY, .setup = robust_setup, .plant = &robust_plant);
WORKLOAD(pshared, .summary = "one process-shared mutex around --hold-us of CPU", .modes = MODE_ALL,
	 .planted_modes = MODE_THREADS | MODE_PROCS | MODE_BOTH, .hold_us = 100, .think_us = 100,
	 .shared_size = sizeof(struct known_mutex), .setup_run = pshared_setup_run,
	 .unit = mutex_unit, .plant = &mutex_plant, .lock_optional = true);
