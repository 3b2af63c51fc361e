// SPDX-License-Identifier: GPL-2.0-or-later
/* Wake-ups that wake nobody, as fast as possible: what a futex profiler costs at its worst. */
#include "futex.h"
#include "workload.h"

/* Calls between two looks at the clock. */
#define BURST 64

static uint64_t burst_of(const struct worker *w)
{
	uint64_t left = w->run->opt.count - w->done;

	return w->run->opt.count && left < BURST ? left : BURST;
}

static void storm_body(struct worker *w)
{
	futex_word word = 0;
	struct truth_lock *lock = truth_lock_new(w->run->truth, "word", "futex", &word,
						 sizeof(word), true);

	lock->knows_wakes = true;
	while (worker_more(w)) {
		uint64_t burst = burst_of(w);

		for (uint64_t i = 0; i < burst; i++)
			if (futex_wake(&word, 1))
				die("storm: a wake-up found a thread");
		w->done += burst;
	}
	atomic_fetch_add(&lock->empty_wakes, w->done);
}

WORKLOAD(storm, .summary = "FUTEX_WAKE calls that wake nobody, as fast as possible",
	 .modes = MODE_ALL, .body = storm_body);
