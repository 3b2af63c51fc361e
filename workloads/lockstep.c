// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two threads hand a token to each other through raw futexes. Each gives only after it has seen
 * the other asleep: every hand-off is exactly one blocking wait and one wake-up.
 */
#include "asleep.h"
#include "futex.h"
#include "workload.h"

struct side {
	futex_word word;	/* 1: the token is here */
	struct truth_lock *truth;
} __attribute__((aligned(64)));

struct lockstep_state {
	struct side sides[2];
	_Atomic bool stop;
};

static void lockstep_setup(struct process *process)
{
	struct lockstep_state *s = process->state;

	for (unsigned int i = 0; i < 2; i++) {
		s->sides[i].truth = truth_lock_new(process->run->truth, i ? "token-1" : "token-0",
						   "futex", &s->sides[i].word, sizeof(futex_word),
						   true);
		s->sides[i].truth->knows_wakes = true;
	}
}

static void give(struct worker *w, struct side *to, const struct watch *partner)
{
	long woken;

	watch_until_asleep(partner, to->truth->addr, to->truth->size);
	atomic_store(&to->word, 1);
	woken = futex_wake(&to->word, 1);
	truth_wake(to->truth, woken);
	if (woken != 1)
		die("lockstep: a wake-up reached %ld threads instead of 1", woken);
	truth_handoffs(w->run->truth, 1);
}

static void take(struct side *from)
{
	uint64_t begin_ns;

	do {
		begin_ns = truth_wait_begin(from->truth);
		truth_wait_end(from->truth, begin_ns,
			       futex_wait_end(futex_wait(&from->word, 0, NULL)));
	} while (!atomic_load(&from->word));
	atomic_store(&from->word, 0);
}

static void lead(struct worker *w, struct lockstep_state *s, const struct watch *partner)
{
	while (worker_more(w)) {
		give(w, &s->sides[1], partner);
		take(&s->sides[0]);
		w->done++;
	}
	/* With --count both know when it ends, and there are 2 x count hand-offs. */
	if (w->done != w->run->opt.count) {
		atomic_store(&s->stop, true);
		give(w, &s->sides[1], partner);
	}
}

static void follow(struct worker *w, struct lockstep_state *s, const struct watch *partner)
{
	while (!w->run->opt.count || w->done < w->run->opt.count) {
		take(&s->sides[1]);
		if (atomic_load(&s->stop))
			return;
		give(w, &s->sides[0], partner);
		w->done++;
	}
}

static void lockstep_body(struct worker *w)
{
	struct worker *other = &w->process->workers[1 - w->index];
	struct watch partner;

	while (!atomic_load(&other->tid))
		poll_pause();
	watch_open(&partner, getpid(), atomic_load(&other->tid));
	if (w->index == 0)
		lead(w, w->process->state, &partner);
	else
		follow(w, w->process->state, &partner);
	watch_close(&partner);
}

WORKLOAD(lockstep, .summary = "two threads hand a token over raw futexes: exact counts",
	 .modes = MODE_THREADS | MODE_BOTH, .workers = 2, .min_workers = 2, .max_workers = 2,
	 .count = 1000, .state_size = sizeof(struct lockstep_state), .setup = lockstep_setup,
	 .body = lockstep_body);
