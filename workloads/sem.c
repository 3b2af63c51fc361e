// SPDX-License-Identifier: GPL-2.0-or-later
/* A token handed round a ring of threads, each waiting at its own semaphore. */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "workload.h"

struct known_sem {
	sem_t sem;
	struct truth_lock *truth;
};

struct sem_state {
	struct known_sem *sems;	/* one a worker; planted: only the first */
	_Atomic bool stop;
};

static void sem_setup(struct process *process)
{
	struct sem_state *s = process->state;
	unsigned int n = process->run->opt.planted ? 1 : process->nr_workers;
	char name[24];

	s->sems = calloc(n, sizeof(*s->sems));
	if (!s->sems)
		die("out of memory");
	for (unsigned int i = 0; i < n; i++) {
		if (sem_init(&s->sems[i].sem, 0, 0))
			die("sem_init failed: %m");
		snprintf(name, sizeof(name), "sem-%u", i);
		s->sems[i].truth = truth_lock_new(process->run->truth, name, "sem", &s->sems[i].sem,
						  sizeof(sem_t), process->run->opt.planted);
	}
}

static void sem_teardown(struct process *process)
{
	struct sem_state *s = process->state;

	free(s->sems);
}

static void wait_blocking(struct known_sem *k)
{
	uint64_t begin_ns = truth_wait_begin(k->truth);

	while (sem_wait(&k->sem))
		if (errno != EINTR)
			die("sem_wait failed: %m");
	truth_wait_end(k->truth, begin_ns, WAIT_WOKEN);
}

static void take_token(struct known_sem *k)
{
	if (sem_trywait(&k->sem))
		wait_blocking(k);
}

static void pass_token(struct worker *w, struct sem_state *s)
{
	unsigned int next = (w->index + 1) % w->process->nr_workers;

	if (sem_post(&s->sems[next].sem))
		die("sem_post failed: %m");
	truth_handoffs(w->run->truth, 1);
}

static void sem_body(struct worker *w)
{
	struct sem_state *s = w->process->state;

	if (w->index == 0) {
		while (worker_more(w)) {
			pass_token(w, s);
			take_token(&s->sems[0]);
			w->done++;
		}
		atomic_store(&s->stop, true);
		pass_token(w, s);
		return;
	}
	for (;;) {
		take_token(&s->sems[w->index]);
		if (atomic_load(&s->stop))
			break;
		burn_cpu(w->run->opt.hold_ns);
		w->done++;
		pass_token(w, s);
	}
	if (w->index + 1 < w->process->nr_workers)
		pass_token(w, s);
}

static struct truth_lock *planted_lock(struct worker *w)
{
	struct sem_state *s = w->process->state;

	return s->sems[0].truth;
}

static void planted_wait(struct worker *w)
{
	struct sem_state *s = w->process->state;

	wait_blocking(&s->sems[0]);
}

static void planted_release(struct worker *w)
{
	struct sem_state *s = w->process->state;

	if (sem_post(&s->sems[0].sem))
		die("sem_post failed: %m");
}

static const struct plant_ops sem_plant = {
	.lock = planted_lock,
	.release = planted_release,
	.wait = planted_wait,
	.one_by_one = true,
};

WORKLOAD(sem, .summary = "a token handed round through semaphores",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH,
	 .min_workers = 2, .state_size = sizeof(struct sem_state), .setup = sem_setup,
	 .teardown = sem_teardown, .body = sem_body, .plant = &sem_plant);
