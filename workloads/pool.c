// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread pool on a queue with a condition variable. With --count it is saturated, and every job
 * needs one mutex for --hold-us; with --time it is idle: all wait on the condition, which looks
 * like much waiting and is no contention at all. The idle pool is exact: threads enter and leave
 * one at a time.
 */
#include <unistd.h>

#include "asleep.h"
#include "mutex.h"

struct pool_state {
	struct known_mutex queue;
	struct known_mutex work;
	pthread_cond_t cond;
	struct truth_lock *truth;	/* of the condition */
	uint64_t jobs;			/* under queue */
	_Atomic unsigned int exits;	/* workers that may leave */
	_Atomic unsigned int admitted;	/* idle pool: workers that may enter */
	_Atomic unsigned int left;	/* workers that have left */
};

static bool is_idle(const struct run *run)
{
	return run->opt.time_ns;
}

static void pool_setup(struct process *process)
{
	struct pool_state *s = process->state;
	bool exact = is_idle(process->run);

	known_mutex_init(&s->queue, process->run, "queue", "mutex", NULL);
	known_mutex_init(&s->work, process->run, "work", "mutex", NULL);
	truth_lock_log(process->run->truth, s->work.truth);
	check(pthread_cond_init(&s->cond, NULL), "pthread_cond_init");
	s->truth = truth_lock_new(process->run->truth, "cond", "cond", &s->cond, sizeof(s->cond),
				  exact);
	s->queue.truth->exact = exact;
	s->work.truth->exact = exact;
}

/* Returns false when the pool closes. */
static bool next_job(struct pool_state *s)
{
	uint64_t begin_ns;
	bool job;

	known_mutex_lock(&s->queue);
	if (!s->jobs && !atomic_load(&s->exits)) {
		begin_ns = truth_wait_begin(s->truth);
		while (!s->jobs && !atomic_load(&s->exits))
			known_mutex_cond_wait(&s->queue, &s->cond);
		truth_wait_end(s->truth, begin_ns, WAIT_WOKEN);
	}
	job = s->jobs;
	if (job)
		s->jobs--;
	else
		atomic_fetch_sub(&s->exits, 1);
	known_mutex_unlock(&s->queue);
	return job;
}

static void pool_body(struct worker *w)
{
	struct pool_state *s = w->process->state;

	while (is_idle(w->run) && atomic_load(&s->admitted) <= w->index)
		poll_pause();
	while (next_job(s)) {
		known_mutex_lock(&s->work);
		burn_cpu(w->run->opt.hold_ns);
		known_mutex_unlock(&s->work);
		burn_cpu(w->run->opt.think_ns);
		w->done++;
	}
	atomic_fetch_add(&s->left, 1);
}

static void drive_jobs(struct process *process, struct pool_state *s)
{
	known_mutex_lock(&s->queue);
	s->jobs = process->run->opt.count * process->nr_workers;
	atomic_store(&s->exits, process->nr_workers);
	check(pthread_cond_broadcast(&s->cond), "pthread_cond_broadcast");
	known_mutex_unlock(&s->queue);
}

static void drive_idle(struct process *process, struct pool_state *s)
{
	struct worker *workers = process->workers;
	struct watch watch;

	for (unsigned int i = 0; i < process->nr_workers; i++) {
		atomic_store(&s->admitted, i + 1);
		while (!atomic_load(&workers[i].tid))
			poll_pause();
		watch_open(&watch, getpid(), atomic_load(&workers[i].tid));
		watch_until_asleep(&watch, s->truth->addr, s->truth->size);
		watch_close(&watch);
	}
	all_blocked(process);
	while (worker_more(&workers[0]))
		sleep_ns(NS_PER_MS);
	for (unsigned int i = 0; i < process->nr_workers; i++) {
		atomic_store(&s->exits, 1);
		check(pthread_cond_signal(&s->cond), "pthread_cond_signal");
		while (atomic_load(&s->left) <= i)
			poll_pause();
	}
}

static void pool_drive(struct process *process)
{
	if (is_idle(process->run))
		drive_idle(process, process->state);
	else
		drive_jobs(process, process->state);
}

WORKLOAD(pool, .summary = "thread pool: idle with --time, saturated on one mutex with --count",
	 .modes = MODE_THREADS | MODE_BOTH, .workers = 4, .hold_us = 100,
	 .state_size = sizeof(struct pool_state), .setup = pool_setup, .body = pool_body,
	 .drive = pool_drive);
