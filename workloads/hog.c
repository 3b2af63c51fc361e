// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One mutex, one thread that keeps it for --hold-us (10 ms), and others that keep it a tenth of
 * that: who is to blame? The truth holds hold and blamed time of every holder.
 */
#include "mutex.h"

static bool is_hog(const struct worker *w)
{
	return w->index == 0;
}

static const char *hog_role(const struct worker *w)
{
	return is_hog(w) ? "hog" : "worker";
}

static void hog_setup(struct process *process)
{
	struct known_mutex *m = process->state;

	known_mutex_init(m, process->run, "m", "mutex", NULL);
	truth_lock_log(process->run->truth, m->truth);
}

static uint64_t piece_ns(const struct worker *w)
{
	return is_hog(w) ? w->run->opt.hold_ns : w->run->opt.hold_ns / 10;
}

/* Sleeps outside: a pthread mutex is not fair, and a hog that comes straight back starves all. */
static void hog_unit(struct worker *w)
{
	struct known_mutex *m = w->process->state;

	known_mutex_lock(m);
	burn_cpu(piece_ns(w));
	known_mutex_unlock(m);
	sleep_ns(w->run->opt.think_ns);
}

static struct truth_lock *hog_lock(struct worker *w)
{
	struct known_mutex *m = w->process->state;

	return m->truth;
}

static void hog_hold(struct worker *w)
{
	known_mutex_lock(w->process->state);
}

static void hog_release(struct worker *w)
{
	known_mutex_unlock(w->process->state);
}

static void hog_wait(struct worker *w)
{
	known_mutex_lock_blocking(w->process->state);
	burn_cpu(piece_ns(w));
	known_mutex_unlock(w->process->state);
}

static const struct plant_ops hog_plant = {
	.lock = hog_lock,
	.hold = hog_hold,
	.release = hog_release,
	.wait = hog_wait,
};

WORKLOAD(hog, .summary = "one thread hogs the mutex that the others hold briefly",
	 .modes = MODE_THREADS | MODE_BOTH, .planted_modes = MODE_THREADS | MODE_BOTH, .workers = 4,
	 .min_workers = 2, .hold_us = 10000, .think_us = 500,
	 .state_size = sizeof(struct known_mutex), .setup = hog_setup, .unit = hog_unit,
	 .role = hog_role, .plant = &hog_plant);
