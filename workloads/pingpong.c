// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two threads, two semaphores, nothing else: as many blocking waits a second as this machine can
 * do, and so the worst case for a profiler's overhead. It keeps no account of its waits, which
 * would slow it down; it prints the rate.
 */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include "workload.h"

struct pingpong_state {
	sem_t sems[2];
	_Atomic bool stop;
};

static void pingpong_setup(struct process *process)
{
	struct pingpong_state *s = process->state;
	struct truth_lock *lock;

	for (int i = 0; i < 2; i++) {
		if (sem_init(&s->sems[i], 0, 0))
			die("sem_init failed: %m");
		lock = truth_lock_new(process->run->truth, i ? "pong" : "ping", "sem", &s->sems[i],
				      sizeof(s->sems[i]), false);
		lock->blind = true;
	}
}

static void sem_take(sem_t *sem)
{
	while (sem_wait(sem))
		if (errno != EINTR)
			die("sem_wait failed: %m");
}

static void sem_give(sem_t *sem)
{
	if (sem_post(sem))
		die("sem_post failed: %m");
}

static void ping(struct worker *w, struct pingpong_state *s)
{
	bool to_stdout = !w->run->opt.truth || strcmp(w->run->opt.truth, "-") != 0;
	uint64_t begin_ns = now_ns();
	double seconds;

	while (worker_more(w)) {
		sem_give(&s->sems[1]);
		sem_take(&s->sems[0]);
		w->done++;
	}
	seconds = (double)(now_ns() - begin_ns) / 1e9;
	atomic_store(&s->stop, true);
	sem_give(&s->sems[1]);
	truth_handoffs(w->run->truth, 2 * w->done + 1);
	fprintf(to_stdout ? stdout : stderr, "pingpong: %.0f round trips per second\n",
		(double)w->done / seconds);
}

static void pong(struct worker *w, struct pingpong_state *s)
{
	for (;;) {
		sem_take(&s->sems[1]);
		if (atomic_load(&s->stop))
			return;
		w->done++;
		sem_give(&s->sems[0]);
	}
}

static void pingpong_body(struct worker *w)
{
	if (w->index == 0)
		ping(w, w->process->state);
	else
		pong(w, w->process->state);
}

WORKLOAD(pingpong, .summary = "two threads and two semaphores, as fast as possible",
	 .modes = MODE_THREADS, .min_workers = 2, .max_workers = 2,
	 .state_size = sizeof(struct pingpong_state), .setup = pingpong_setup,
	 .body = pingpong_body);
