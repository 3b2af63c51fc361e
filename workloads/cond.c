// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A turn handed round a ring of threads through one condition variable: waiting for somebody,
 * not contention. The first thread leads; its last turn carries the stop.
 */
#include "mutex.h"

struct cond_state {
	struct known_mutex mutex;
	pthread_cond_t cond;
	struct truth_lock *truth;
	unsigned int turn;
	bool stop;
	_Atomic unsigned int tickets;	/* planted: waiters that may go */
};

static void cond_setup(struct process *process)
{
	struct cond_state *s = process->state;

	known_mutex_init(&s->mutex, process->run, "m", "mutex", NULL);
	check(pthread_cond_init(&s->cond, NULL), "pthread_cond_init");
	s->truth = truth_lock_new(process->run->truth, "cond", "cond", &s->cond, sizeof(s->cond),
				  process->run->opt.planted);
}

/* Returns whether this was the last turn. */
static bool await_turn(struct cond_state *s, unsigned int me)
{
	uint64_t begin_ns;
	bool stop;

	known_mutex_lock(&s->mutex);
	if (s->turn != me) {
		begin_ns = truth_wait_begin(s->truth);
		while (s->turn != me)
			known_mutex_cond_wait(&s->mutex, &s->cond);
		truth_wait_end(s->truth, begin_ns, WAIT_WOKEN);
	}
	stop = s->stop;
	known_mutex_unlock(&s->mutex);
	return stop;
}

static void pass_turn(struct worker *w, struct cond_state *s, bool stop)
{
	unsigned int n = w->process->nr_workers;

	known_mutex_lock(&s->mutex);
	s->turn = (w->index + 1) % n;
	s->stop = stop;
	check(n == 2 ? pthread_cond_signal(&s->cond) : pthread_cond_broadcast(&s->cond),
	      "pthread_cond_signal");
	known_mutex_unlock(&s->mutex);
	truth_handoffs(w->run->truth, 1);
}

static void cond_body(struct worker *w)
{
	struct cond_state *s = w->process->state;

	if (w->index == 0) {
		while (worker_more(w)) {
			pass_turn(w, s, false);
			await_turn(s, 0);
			w->done++;
		}
		pass_turn(w, s, true);
		return;
	}
	while (!await_turn(s, w->index)) {
		burn_cpu(w->run->opt.hold_ns);
		w->done++;
		pass_turn(w, s, false);
	}
	if (w->index + 1 < w->process->nr_workers)
		pass_turn(w, s, true);
}

static struct truth_lock *planted_lock(struct worker *w)
{
	struct cond_state *s = w->process->state;

	return s->truth;
}

static void planted_wait(struct worker *w)
{
	struct cond_state *s = w->process->state;
	uint64_t begin_ns;

	known_mutex_lock(&s->mutex);
	begin_ns = truth_wait_begin(s->truth);
	while (atomic_load(&s->tickets) == 0)
		known_mutex_cond_wait(&s->mutex, &s->cond);
	atomic_fetch_sub(&s->tickets, 1);
	truth_wait_end(s->truth, begin_ns, WAIT_WOKEN);
	known_mutex_unlock(&s->mutex);
}

/* Without the mutex, and only one at a time: a woken waiter must find the mutex free. */
static void planted_release(struct worker *w)
{
	struct cond_state *s = w->process->state;

	atomic_fetch_add(&s->tickets, 1);
	check(pthread_cond_signal(&s->cond), "pthread_cond_signal");
}

static const struct plant_ops cond_plant = {
	.lock = planted_lock,
	.release = planted_release,
	.wait = planted_wait,
	.one_by_one = true,
};

WORKLOAD(cond, .summary = "a turn handed round through one condition variable",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH,
	 .min_workers = 2, .state_size = sizeof(struct cond_state), .setup = cond_setup,
	 .body = cond_body, .plant = &cond_plant);
