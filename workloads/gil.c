// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A global interpreter lock built step by step like CPython 3.11's (Python/ceval_gil.h): a flag
 * under a mutex and condition, a waiter that asks for it after 5 ms, and a holder that, once
 * asked, waits on a second condition until somebody else has really taken it (forced switching).
 * Here the hand-offs are counted, so what a profiler says of Python can be checked without one.
 *
 * A unit of work is what lies between two looks at the "eval breaker". With --think-us each unit
 * also sleeps that long with the lock released, as a blocking call does.
 */
#include <errno.h>
#include <unistd.h>

#include "workload.h"

#define SWITCH_INTERVAL_NS (5 * NS_PER_MS)

struct gil {
	_Atomic int locked;
	_Atomic pid_t last_holder;
	uint64_t switch_number;
	_Atomic int drop_request;
	pthread_cond_t cond;
	pthread_mutex_t mutex;
	pthread_cond_t switch_cond;
	pthread_mutex_t switch_mutex;
};

struct gil_state {
	struct gil gil;
	_Atomic unsigned int left;	/* workers that have not finished */
	struct truth_lock *truth;
	uint64_t held_since_ns;
};

static void gil_setup(struct process *process)
{
	struct gil_state *state = process->state;
	struct gil *gil = &state->gil;
	pthread_condattr_t attr;

	check(pthread_condattr_init(&attr), "pthread_condattr_init");
	check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
	check(pthread_cond_init(&gil->cond, &attr), "pthread_cond_init");
	check(pthread_cond_init(&gil->switch_cond, &attr), "pthread_cond_init");
	check(pthread_mutex_init(&gil->mutex, NULL), "pthread_mutex_init");
	check(pthread_mutex_init(&gil->switch_mutex, NULL), "pthread_mutex_init");
	pthread_condattr_destroy(&attr);
	atomic_store(&state->left, process->nr_workers);
	state->truth = truth_lock_new(process->run->truth, "gil", "gil", gil, sizeof(*gil),
				      run_is_alone(process->run));
	state->truth->owned = true;
	truth_lock_log(process->run->truth, state->truth);
}

/* Waits until it is free; gil->mutex is held. */
static void wait_until_free(struct gil_state *state)
{
	struct gil *gil = &state->gil;
	uint64_t begin_ns = truth_wait_begin(state->truth);

	while (atomic_load(&gil->locked)) {
		uint64_t saved = gil->switch_number;
		struct timespec deadline = to_timespec(now_ns() + SWITCH_INTERVAL_NS);
		int error = pthread_cond_timedwait(&gil->cond, &gil->mutex, &deadline);

		if (error != ETIMEDOUT) {
			check(error, "pthread_cond_timedwait");
			continue;
		}
		/* A timed re-wait belongs to this one wait: counted on the lock, not the thread. */
		atomic_fetch_add(&state->truth->timeouts, 1);
		if (atomic_load(&gil->locked) && gil->switch_number == saved)
			atomic_store(&gil->drop_request, 1);
	}
	truth_wait_end(state->truth, begin_ns, WAIT_WOKEN);
}

static void take_gil(struct gil_state *state, pid_t me)
{
	struct gil *gil = &state->gil;

	check(pthread_mutex_lock(&gil->mutex), "pthread_mutex_lock");
	if (atomic_load(&gil->locked))
		wait_until_free(state);
	check(pthread_mutex_lock(&gil->switch_mutex), "pthread_mutex_lock");
	atomic_store(&gil->locked, 1);
	if (atomic_load(&gil->last_holder) != me) {
		atomic_store(&gil->last_holder, me);
		gil->switch_number++;
	}
	check(pthread_cond_signal(&gil->switch_cond), "pthread_cond_signal");
	check(pthread_mutex_unlock(&gil->switch_mutex), "pthread_mutex_unlock");
	if (atomic_load(&gil->drop_request))
		atomic_store(&gil->drop_request, 0);
	check(pthread_mutex_unlock(&gil->mutex), "pthread_mutex_unlock");
	state->held_since_ns = truth_hold_begin(state->truth);
}

static void drop_gil(struct gil_state *state, pid_t me)
{
	struct gil *gil = &state->gil;

	truth_hold_end(state->truth, state->held_since_ns);
	check(pthread_mutex_lock(&gil->mutex), "pthread_mutex_lock");
	atomic_store(&gil->locked, 0);
	check(pthread_cond_signal(&gil->cond), "pthread_cond_signal");
	check(pthread_mutex_unlock(&gil->mutex), "pthread_mutex_unlock");
	if (!atomic_load(&gil->drop_request))
		return;
	check(pthread_mutex_lock(&gil->switch_mutex), "pthread_mutex_lock");
	if (atomic_load(&gil->last_holder) == me) {
		atomic_store(&gil->drop_request, 0);
		check(pthread_cond_wait(&gil->switch_cond, &gil->switch_mutex),
		      "pthread_cond_wait");
	}
	check(pthread_mutex_unlock(&gil->switch_mutex), "pthread_mutex_unlock");
}

static void gil_body(struct worker *w)
{
	struct gil_state *state = w->process->state;
	pid_t me = gettid();

	take_gil(state, me);
	while (worker_more(w)) {
		countdown(w->run->opt.size);
		w->done++;
		if (w->run->opt.think_ns) {
			drop_gil(state, me);
			sleep_ns(w->run->opt.think_ns);
			take_gil(state, me);
		} else if (atomic_load(&state->gil.drop_request)) {
			drop_gil(state, me);
			take_gil(state, me);
		}
	}
	/* Still under the lock, so switch_number is final when the last one reads it. */
	if (atomic_fetch_sub(&state->left, 1) == 1)
		truth_handoffs(w->run->truth, state->gil.switch_number);
	drop_gil(state, me);
}

WORKLOAD(gil, .summary = "CPU work under a global lock built like CPython's GIL",
	 .modes = MODE_ALL, .size = 20000, .state_size = sizeof(struct gil_state),
	 .setup = gil_setup, .body = gil_body);
