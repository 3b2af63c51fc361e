// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The orchestra of planted runs. Holder and waiters coordinate through atomics and short sleeps
 * only, never through futexes: the planted waits and the final joins are all there is to count.
 *
 *	holder: take · invite 1, see 1 asleep · invite 2, see 2 asleep · … · release · all done?
 *	waiter: invited? · wait (blocks) · use · leave · done
 */
#include "planted.h"

#include <stdlib.h>
#include <unistd.h>

#include "asleep.h"

#define SEAT_POLL_NS 10000

struct seat {
	_Atomic pid_t pid;
	_Atomic pid_t tid;	/* set last: the waiter is there */
	_Atomic uint64_t invited;	/* round */
	_Atomic uint64_t done;		/* round */
};

struct plant {
	unsigned int nr_seats;
	_Atomic bool over;
	struct seat seats[];
};

struct plant *plant_new(unsigned int nr_workers)
{
	unsigned int nr_seats = nr_workers - 1;
	struct plant *plant = truth_alloc(sizeof(*plant) + nr_seats * sizeof(struct seat));

	plant->nr_seats = nr_seats;
	return plant;
}

static struct plant *plant_of(const struct worker *w)
{
	return w->run->plant ? w->run->plant : w->process->plant;
}

unsigned int plant_index(const struct worker *w)
{
	return w->run->plant ? w->global : w->index;
}

static unsigned int nr_done(struct plant *plant, uint64_t round)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < plant->nr_seats; i++)
		n += atomic_load(&plant->seats[i].done) == round;
	return n;
}

static void release(struct worker *w, struct plant *plant, uint64_t round)
{
	const struct plant_ops *ops = w->run->workload->plant;

	if (!ops->one_by_one)
		ops->release(w);
	for (unsigned int i = 0; i < plant->nr_seats; i++) {
		if (ops->one_by_one)
			ops->release(w);
		while (nr_done(plant, round) <= i)
			poll_pause();
	}
}

static void holder_round(struct worker *w, struct plant *plant, const struct watch *watches)
{
	const struct plant_ops *ops = w->run->workload->plant;
	uint64_t round = w->done + 1;
	bool last = w->run->opt.count && round == w->run->opt.count;

	if (ops->hold)
		ops->hold(w);
	for (unsigned int i = 0; i < plant->nr_seats; i++) {
		const struct truth_lock *lock = ops->lock(w);

		atomic_store(&plant->seats[i].invited, round);
		watch_until_asleep(&watches[i], lock->addr, lock->size);
	}
	burn_cpu(w->run->opt.hold_ns);
	if (last && ops->abandon)
		ops->abandon(w);
	else
		release(w, plant, round);
	w->done++;
}

static void holder_body(struct worker *w, struct plant *plant)
{
	struct watch *watches = calloc(plant->nr_seats, sizeof(*watches));

	if (!watches)
		die("out of memory");
	for (unsigned int i = 0; i < plant->nr_seats; i++) {
		while (!atomic_load(&plant->seats[i].tid))
			poll_pause();
		watch_open(&watches[i], atomic_load(&plant->seats[i].pid),
			   atomic_load(&plant->seats[i].tid));
	}
	while (worker_more(w)) {
		holder_round(w, plant, watches);
		sleep_ns(w->run->opt.think_ns);
	}
	atomic_store(&plant->over, true);
	for (unsigned int i = 0; i < plant->nr_seats; i++)
		watch_close(&watches[i]);
	free(watches);
}

static void waiter_body(struct worker *w, struct plant *plant, struct seat *seat)
{
	/* The more that look, the more seldom each: together they must not eat a CPU. */
	uint64_t idle_ns = plant->nr_seats * SEAT_POLL_NS;

	atomic_store(&seat->pid, getpid());
	atomic_store(&seat->tid, gettid());
	for (;;) {
		while (atomic_load(&seat->invited) == w->done && !atomic_load(&plant->over))
			sleep_ns(idle_ns);
		if (atomic_load(&seat->invited) == w->done)
			return;
		w->run->workload->plant->wait(w);
		w->done++;
		atomic_store(&seat->done, w->done);
	}
}

void plant_body(struct worker *w)
{
	struct plant *plant = plant_of(w);
	unsigned int index = plant_index(w);

	if (index == 0)
		holder_body(w, plant);
	else
		waiter_body(w, plant, &plant->seats[index - 1]);
}
