// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many futex addresses, few of which matter: --size cold words get one aborted wait each (EAGAIN
 * for even ones, a timeout of 1 us for odd ones), and ten hot words get planted blocking waits:
 * the k-th (k + 1) x count of them. A profiler whose tables overflow loses the wrong ones.
 */
#include <stdio.h>
#include <stdlib.h>

#include "asleep.h"
#include "futex.h"
#include "workload.h"

#define NR_HOT	      10
#define HOT_PER_COUNT (NR_HOT * (NR_HOT + 1) / 2)

struct hot {
	futex_word word;
	struct truth_lock *truth;
} __attribute__((aligned(64)));

struct addresses_state {
	struct hot hot[NR_HOT];
	futex_word *cold;
	struct truth_lock *cold_truth;
	_Atomic uint64_t taken;		/* hot waits that have ended */
};

static void addresses_setup(struct process *process)
{
	struct addresses_state *s = process->state;
	uint64_t size = process->run->opt.size;
	struct truth *truth = process->run->truth;
	char name[24];

	s->cold = calloc(size, sizeof(*s->cold));
	if (!s->cold)
		die("out of memory for %llu addresses", (unsigned long long)size);
	s->cold_truth = truth_lock_new(truth, "cold", "futex", s->cold, size * sizeof(*s->cold),
				       true);
	for (int k = 0; k < NR_HOT; k++) {
		snprintf(name, sizeof(name), "hot-%d", k);
		s->hot[k].truth = truth_lock_new(truth, name, "futex", &s->hot[k].word,
						 sizeof(futex_word), true);
		s->hot[k].truth->knows_wakes = true;
	}
}

static void addresses_teardown(struct process *process)
{
	struct addresses_state *s = process->state;

	free(s->cold);
}

/* Which hot word the n-th hot wait uses: 0, 1 1, 2 2 2, … and again. Both threads know. */
static struct hot *hot_of(struct addresses_state *s, uint64_t n)
{
	uint64_t left = n % HOT_PER_COUNT;
	int k = 0;

	while (left > (uint64_t)k) {
		left -= (uint64_t)k + 1;
		k++;
	}
	return &s->hot[k];
}

static void wait_cold(struct addresses_state *s, uint64_t i)
{
	static const struct timespec one_us = {.tv_nsec = 1000};
	uint64_t begin_ns = truth_wait_begin(s->cold_truth);
	int error = i % 2 ? futex_wait(&s->cold[i], 0, &one_us) : futex_wait(&s->cold[i], 1, NULL);

	truth_wait_end(s->cold_truth, begin_ns, futex_wait_end(error));
}

static void wait_hot(struct addresses_state *s, uint64_t n)
{
	struct hot *hot = hot_of(s, n);
	uint64_t begin_ns;

	do {
		begin_ns = truth_wait_begin(hot->truth);
		truth_wait_end(hot->truth, begin_ns,
			       futex_wait_end(futex_wait(&hot->word, 0, NULL)));
	} while (!atomic_load(&hot->word));
	atomic_store(&hot->word, 0);
	atomic_store(&s->taken, n + 1);
}

/* Hot waits are spread evenly between the cold ones. */
static void waiter(struct worker *w, struct addresses_state *s, uint64_t nr_hot)
{
	uint64_t size = w->run->opt.size, n = 0;

	for (uint64_t i = 0; i < size; i++) {
		for (; n < nr_hot * i / size; n++)
			wait_hot(s, n);
		wait_cold(s, i);
	}
	for (; n < nr_hot; n++)
		wait_hot(s, n);
	w->done = size + nr_hot;
}

static void waker(struct worker *w, struct addresses_state *s, uint64_t nr_hot)
{
	struct worker *other = &w->process->workers[0];
	struct watch watch;

	while (!atomic_load(&other->tid))
		poll_pause();
	watch_open(&watch, getpid(), atomic_load(&other->tid));
	for (uint64_t n = 0; n < nr_hot; n++) {
		struct hot *hot = hot_of(s, n);

		watch_until_asleep(&watch, hot->truth->addr, hot->truth->size);
		atomic_store(&hot->word, 1);
		truth_wake(hot->truth, futex_wake(&hot->word, 1));
		while (atomic_load(&s->taken) <= n)
			poll_pause();
		w->done++;
	}
	watch_close(&watch);
}

static void addresses_body(struct worker *w)
{
	uint64_t nr_hot = w->run->opt.count * HOT_PER_COUNT;

	if (w->index == 0)
		waiter(w, w->process->state, nr_hot);
	else
		waker(w, w->process->state, nr_hot);
}

static const char *addresses_role(const struct worker *w)
{
	return w->index == 0 ? "waiter" : "waker";
}

WORKLOAD(addresses, .summary = "--size cold futex addresses and ten hot ones",
	 .modes = MODE_THREADS | MODE_BOTH, .min_workers = 2, .max_workers = 2, .count = 1,
	 .size = 10000, .no_time = true, .state_size = sizeof(struct addresses_state),
	 .setup = addresses_setup, .teardown = addresses_teardown,
	 .body = addresses_body, .role = addresses_role);
