// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that are blocked in one futex for the whole run, then woken at once: a few, or very
 * many with small stacks. Exact: --time begins when all have been seen asleep.
 */
#include <limits.h>

#include "asleep.h"
#include "futex.h"
#include "workload.h"

struct idle_state {
	futex_word gate;
	struct truth_lock *truth;
};

static void idle_setup(struct process *process)
{
	struct idle_state *s = process->state;

	s->truth = truth_lock_new(process->run->truth, "gate", "futex", &s->gate, sizeof(s->gate),
				  true);
	s->truth->knows_wakes = true;
}

static void idle_body(struct worker *w)
{
	struct idle_state *s = w->process->state;
	uint64_t begin_ns;

	while (!atomic_load(&s->gate)) {
		begin_ns = truth_wait_begin(s->truth);
		truth_wait_end(s->truth, begin_ns, futex_wait_end(futex_wait(&s->gate, 0, NULL)));
	}
	w->done = 1;
}

static void idle_drive(struct process *process)
{
	struct idle_state *s = process->state;
	struct worker *workers = process->workers;
	struct watch watch;

	for (unsigned int i = 0; i < process->nr_workers; i++) {
		while (!atomic_load(&workers[i].tid))
			poll_pause();
		watch_open(&watch, getpid(), atomic_load(&workers[i].tid));
		watch_until_asleep(&watch, s->truth->addr, s->truth->size);
		watch_close(&watch);
	}
	all_blocked(process);
	while (worker_more(&workers[0]))
		sleep_ns(NS_PER_MS);
	atomic_store(&s->gate, 1);
	truth_wake(s->truth, futex_wake(&s->gate, INT_MAX));
}

#define IDLE_FAMILY                                                                      	.modes = MODE_THREADS | MODE_BOTH, .no_count = true,                             	.state_size = sizeof(struct idle_state), .setup = idle_setup, .body = idle_body, 	.drive = idle_drive

WORKLOAD(idle, .summary = "threads blocked in one futex for --time", IDLE_FAMILY, .workers = 4);
WORKLOAD(manythreads, .summary = "10000 threads with small stacks, all blocked for --time",
	 IDLE_FAMILY, .workers = 10000, .stack_size = 65536);
