// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The main thread joins threads that run for --hold-us. A join is a futex wait on the word that
 * the kernel clears and wakes when the thread is gone; that word is the "lock" of the truth.
 * Planted: a thread starts its work only when it has seen the main thread asleep on its word.
 */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "asleep.h"
#include "workload.h"

static void join_body(struct worker *w)
{
	bool planted = w->run->opt.planted;
	struct truth_lock *lock;
	struct watch watch;
	int *word = NULL;
	char name[24];

	if (prctl(PR_GET_TID_ADDRESS, &word))
		die("prctl(PR_GET_TID_ADDRESS) failed: %m");
	snprintf(name, sizeof(name), "join-%u", w->index);
	lock = truth_lock_new(w->run->truth, name, "join", word, sizeof(*word), planted);
	atomic_store(&w->join, lock);
	if (planted) {
		/* Joined in order: look only when it is our turn, or many lookers eat the CPUs. */
		while (atomic_load(&w->process->finished) < w->index)
			sleep_ns(NS_PER_MS);
		watch_open(&watch, getpid(), getpid());
		watch_until_asleep(&watch, lock->addr, lock->size);
		watch_close(&watch);
	}
	burn_cpu(w->run->opt.hold_ns);
	w->done = 1;
}

/* The joins begin only when every thread has told its word. */
static void join_drive(struct process *process)
{
	for (unsigned int i = 0; i < process->nr_workers; i++)
		while (!atomic_load(&process->workers[i].join))
			poll_pause();
}

WORKLOAD(join, .summary = "the main thread joins threads that run for --hold-us",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH, .workers = 4,
	 .count = 1, .hold_us = 10000, .no_count = true, .no_time = true, .body = join_body,
	 .drive = join_drive);
