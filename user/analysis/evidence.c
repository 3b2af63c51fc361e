// SPDX-License-Identifier: GPL-2.0-or-later
/* evidence.c - key, label, unit and value of each number that may be shown; see evidence.h. */
#include <stdio.h>

#include "user/analysis/evidence.h"
#include "user/analysis/thresholds.h"
#include "user/base/unit.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

#define EVIDENCE(name, expression)                                                                 \
	static double name(const struct figures *f)                                                \
	{                                                                                          \
		return expression;                                                                 \
	}
EVIDENCE(ev_demand, f->demand)
EVIDENCE(ev_parallelism, f->r->par.average)
EVIDENCE(ev_ceiling, f->ceiling)
EVIDENCE(ev_window, f->wall)
EVIDENCE(ev_cpu_time, f->on)
EVIDENCE(ev_runnable, figures_loss_share(f, LOSS_RUNNABLE))
EVIDENCE(ev_lock, figures_loss_share(f, LOSS_LOCK))
EVIDENCE(ev_gil, figures_loss_share(f, LOSS_GIL))
EVIDENCE(ev_gil_no_cpu, unit_ratio(min_of(f->gil.no_cpu, f->loss[LOSS_GIL]), f->wanted))
EVIDENCE(ev_held_asleep, within_1(unit_ratio(f->gil.asleep, f->loss[LOSS_GIL])))
EVIDENCE(ev_held_longest, f->gil.held ? (double)f->gil.held->max_ns : 0)
EVIDENCE(ev_handoffs, unit_ratio(f->gil.handoffs, f->wall / SEC))
EVIDENCE(ev_convoy, f->gil.convoy ? (double)f->gil.convoy->convoy_p99_ns : 0)
EVIDENCE(ev_released, unit_ratio(f->gil.without, f->gil.with + f->gil.without))
EVIDENCE(ev_klock, unit_ratio(f->klock, f->wanted + f->klock))
EVIDENCE(ev_serial, unit_ratio((double)f->r->par.serial_ns * f->scale, f->wall))
EVIDENCE(ev_stalled, unit_ratio(f->stalled, f->wall))
EVIDENCE(ev_throttled, f->throttled)
EVIDENCE(ev_switches, unit_ratio(f->switches, f->wall / SEC))
EVIDENCE(ev_io_overlap, figures_io_overlap(f))
EVIDENCE(ev_loop, unit_ratio(f->io.loop, f->io.last - f->io.first))
EVIDENCE(ev_busy, unit_ratio(f->busy, f->wall))
EVIDENCE(ev_solo, unit_ratio(f->solo, f->busy))
EVIDENCE(ev_cond, unit_ratio((double)f->r->budget.state_ns[STATE_COND], f->total))
EVIDENCE(ev_imbalance, f->longest ? unit_ratio(ns_of(f->longest, STATE_ON_CPU), f->others_mean) : 0)
EVIDENCE(ev_unknown, unit_ratio((double)f->r->budget.state_ns[STATE_UNKNOWN], f->total))
EVIDENCE(ev_dropped, f->dropped)
EVIDENCE(ev_disagree, f->disagree)

static double waits_per_s(const struct figures *f, enum report_lock_class class)
{
	size_t n;
	const struct report_lock *top = figures_top_lock(f->r, class, &n);

	return top ? unit_ratio((double)top->waits * f->scale, f->wall / SEC) : 0;
}
EVIDENCE(ev_lock_waits, waits_per_s(f, LOCK_CLASS_LOCK))
EVIDENCE(ev_gil_waits, waits_per_s(f, LOCK_CLASS_GIL))

static const struct {
	const char *key, *label, *unit;
	double (*value)(const struct figures *f);
	double min; /* smaller ones are left out */
} evidence[EV_COUNT] = {
	[EV_DEMAND] = { "demand", "wanted: threads that ran or wanted to", "cpus", ev_demand, 0 },
	[EV_PARALLELISM] = { "parallelism", "average parallelism", "cpus", ev_parallelism, 0 },
	[EV_CEILING] = { "ceiling", "may be used", "cpus", ev_ceiling, 0 },
	[EV_WINDOW] = { "window", "were watched", "ns", ev_window, 0 },
	[EV_CPU_TIME] = { "cpu_time", "of CPU time, all threads", "ns", ev_cpu_time, 0 },
	[EV_RUNNABLE] = { "runnable_share", "of the wanted time waited for a CPU", "share",
			  ev_runnable, 0.01 },
	[EV_LOCK] = { "lock_share", "of the wanted time waited for locks", "share", ev_lock, 0.01 },
	[EV_GIL] = { "gil_share", "of the wanted time waited for the GIL", "share", ev_gil, 0.01 },
	[EV_GIL_NO_CPU] = { "gil_no_cpu_share", "waited for the GIL of a thread without a CPU",
			    "share", ev_gil_no_cpu, 0.01 },
	[EV_HELD_ASLEEP] = { "held_asleep_share", "of that while the GIL's holder slept", "share",
			     ev_held_asleep, 0.01 },
	[EV_HELD_LONGEST] = { "held_asleep_max", "longest sleep with the GIL at that place", "ns",
			      ev_held_longest, 1 },
	[EV_HANDOFFS] = { "handoffs", "the GIL is handed over", "per_s", ev_handoffs, 0.1 },
	[EV_CONVOY] = { "convoy_p99", "from ready to having the GIL, p99", "ns", ev_convoy, 1 },
	[EV_RELEASED] = { "released_share", "of Python's CPU time ran without the GIL", "share",
			  ev_released, 0.01 },
	[EV_KLOCK] = { "klock_share", "of the wanted time waited for kernel locks", "share",
		       ev_klock, 0.01 },
	[EV_SERIAL] = { "serial_share", "one thread on CPU while others wait for locks", "share",
			ev_serial, 0.01 },
	[EV_STALLED] = { "stalled_share", "nobody on CPU while threads wait for locks", "share",
			 ev_stalled, 0.01 },
	[EV_LOCK_WAITS] = { "lock_waits", "waits for this lock", "per_s", ev_lock_waits, 0.1 },
	[EV_GIL_WAITS] = { "gil_waits", "waits for this lock", "per_s", ev_gil_waits, 0.1 },
	[EV_THROTTLED] = { "throttled", "throttled by the cgroup, summed over CPUs", "ns",
			   ev_throttled, 1 },
	[EV_SWITCHES] = { "switches", "context switches", "per_s", ev_switches, 0 },
	[EV_IO_OVERLAP] = { "io_overlap", "threads in I/O at once", NULL, ev_io_overlap, 0 },
	[EV_LOOP] = { "event_loop_share", "of the time in epoll, io_uring and the like", "share", ev_loop,
		      0 },
	[EV_BUSY] = { "busy_share", "of the window somebody wanted to run", "share", ev_busy, 0 },
	[EV_SOLO] = { "solo_share", "of the busy time only one thread wanted to run", "share",
		      ev_solo, 0 },
	[EV_TOP] = { "top_share", "of the CPU time is one thread's", "share", figures_top_share,
		     0 },
	[EV_COND] = { "cond_share", "of the thread time waited for work or others", "share",
		      ev_cond, 0.01 },
	[EV_IMBALANCE] = { "imbalance", "longest worker / mean of the others", NULL, ev_imbalance,
			   0 },
	[EV_UNKNOWN] = { "unknown_share", "of the thread time is not accounted for", "share",
			 ev_unknown, 0.01 },
	[EV_DROPPED] = { "dropped_share", "of the records were lost", "share", ev_dropped, 1e-9 },
	[EV_DISAGREE] = { "disagreement", "CPU time, records against kernel's sums", "share",
			  ev_disagree, DISAGREE_MAX },
};

bool evidence_add(const struct figures *f, enum evidence id, struct report_verdict *v)
{
	struct report_evidence *e = &v->evidence[v->n_evidence];
	double value = evidence[id].value(f);

	if (v->n_evidence == N_OF(v->evidence) || value < evidence[id].min)
		return false;
	e->key = evidence[id].key;
	e->unit = evidence[id].unit;
	e->value = value;
	snprintf(e->label, sizeof(e->label), "%s", evidence[id].label);
	v->n_evidence++;
	return true;
}
