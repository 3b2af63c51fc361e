// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rounds of work that all threads finish together at a barrier; the last thread has --think-us
 * more to do, so that the others wait for it.
 */
#include "workload.h"

struct barrier_state {
	pthread_barrier_t barrier;
	struct truth_lock *truth;
	_Atomic uint64_t last_round;
};

static void barrier_setup(struct process *process)
{
	struct barrier_state *s = process->state;

	check(pthread_barrier_init(&s->barrier, NULL, process->nr_workers), "pthread_barrier_init");
	atomic_store(&s->last_round, UINT64_MAX);
	s->truth = truth_lock_new(process->run->truth, "barrier", "barrier", &s->barrier,
				  sizeof(s->barrier), process->run->opt.planted);
}

/* The one that arrives last is told so, and has not waited. */
static void arrive(struct barrier_state *s)
{
	uint64_t begin_ns = truth_wait_begin(s->truth);
	int result = pthread_barrier_wait(&s->barrier);

	if (result == PTHREAD_BARRIER_SERIAL_THREAD)
		return;
	check(result, "pthread_barrier_wait");
	truth_wait_end(s->truth, begin_ns, WAIT_WOKEN);
}

/* The first thread names the last round before it arrives there: so all of them see it in time. */
static void barrier_body(struct worker *w)
{
	struct barrier_state *s = w->process->state;

	for (;;) {
		burn_cpu(w->run->opt.hold_ns);
		if (w->index == w->process->nr_workers - 1)
			burn_cpu(w->run->opt.think_ns);
		w->done++;
		if (w->index == 0 && !worker_more(w))
			atomic_store(&s->last_round, w->done);
		arrive(s);
		if (w->done == atomic_load(&s->last_round))
			return;
	}
}

static struct truth_lock *planted_lock(struct worker *w)
{
	struct barrier_state *s = w->process->state;

	return s->truth;
}

static void planted_arrive(struct worker *w)
{
	arrive(w->process->state);
}

static const struct plant_ops barrier_plant = {
	.lock = planted_lock,
	.release = planted_arrive,
	.wait = planted_arrive,
};

WORKLOAD(barrier, .summary = "rounds that end at a barrier, one thread being slower",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH, .workers = 4,
	 .min_workers = 2, .hold_us = 500, .think_us = 500,
	 .state_size = sizeof(struct barrier_state), .setup = barrier_setup, .body = barrier_body,
	 .plant = &barrier_plant);
