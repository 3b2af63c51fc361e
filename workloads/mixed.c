// SPDX-License-Identifier: GPL-2.0-or-later
/* In turn: CPU work, a sleep, and CPU work under one mutex. No single cause explains it all. */
#include "mutex.h"

static void mixed_setup(struct process *process)
{
	struct known_mutex *m = process->state;

	known_mutex_init(m, process->run, "m", "mutex", NULL);
	truth_lock_log(process->run->truth, m->truth);
}

static void mixed_unit(struct worker *w)
{
	struct known_mutex *m = w->process->state;

	burn_cpu(w->run->opt.think_ns);
	sleep_ns(w->run->opt.hold_ns);
	if (!w->run->opt.no_lock)
		known_mutex_lock(m);
	burn_cpu(w->run->opt.hold_ns);
	if (!w->run->opt.no_lock)
		known_mutex_unlock(m);
}

WORKLOAD(mixed, .summary = "CPU, sleep and a mutex in turn", .modes = MODE_ALL, .workers = 4,
	 .hold_us = 500, .think_us = 1000, .state_size = sizeof(struct known_mutex),
	 .setup = mixed_setup, .unit = mixed_unit, .lock_optional = true);
