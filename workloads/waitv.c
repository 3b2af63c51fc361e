// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread waits on three words at once with futex_waitv() (Linux 5.16); each round wakes it
 * through the next of them. Always planted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "futex.h"
#include "workload.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define NR_WORDS  3
#define EXIT_SKIP 77

struct waitv_state {
	futex_word words[NR_WORDS];
	struct truth_lock *truth[NR_WORDS];
};

static void waitv_setup_run(struct run *run)
{
	(void)run;
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) == -1 && errno == ENOSYS) {
		fputs("workload: waitv skipped: this kernel has no futex_waitv()\n", stderr);
		exit(EXIT_SKIP);
	}
}

static void waitv_setup(struct process *process)
{
	struct waitv_state *s = process->state;
	char name[24];

	for (int i = 0; i < NR_WORDS; i++) {
		snprintf(name, sizeof(name), "word-%d", i);
		s->truth[i] = truth_lock_new(process->run->truth, name, "waitv", &s->words[i],
					     sizeof(s->words[i]), true);
		s->truth[i]->knows_wakes = true;
	}
}

static struct truth_lock *waitv_lock(struct worker *w)
{
	struct waitv_state *s = w->process->state;

	return s->truth[w->done % NR_WORDS];
}

static void waitv_wait(struct worker *w)
{
	struct waitv_state *s = w->process->state;
	struct futex_waitv vector[NR_WORDS];
	uint64_t begin_ns;
	long index;

	for (int i = 0; i < NR_WORDS; i++)
		vector[i] = (struct futex_waitv){.uaddr = (uintptr_t)&s->words[i],
						 .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG};
	begin_ns = truth_wait_begin(waitv_lock(w));
	index = syscall(SYS_futex_waitv, vector, NR_WORDS, 0, NULL, 0);
	if (index != (long)(w->done % NR_WORDS))
		die("futex_waitv returned %ld (%s)", index, index < 0 ? strerror(errno) : "index");
	truth_wait_end(s->truth[index], begin_ns, WAIT_WOKEN);
	atomic_store(&s->words[index], 0);
}

static void waitv_release(struct worker *w)
{
	struct waitv_state *s = w->process->state;
	futex_word *word = &s->words[w->done % NR_WORDS];

	atomic_store(word, 1);
	truth_wake(waitv_lock(w), futex_wake(word, 1));
}

static const struct plant_ops waitv_plant = {
	.lock = waitv_lock,
	.release = waitv_release,
	.wait = waitv_wait,
};

WORKLOAD(waitv, .summary = "waits on three words at once with futex_waitv()",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH,
	 .always_planted = true, .min_workers = 2, .max_workers = 2, .count = 50,
	 .state_size = sizeof(struct waitv_state), .setup_run = waitv_setup_run,
	 .setup = waitv_setup, .plant = &waitv_plant);
