// SPDX-License-Identifier: GPL-2.0-or-later
/* whatif_refuse.c - what a recording cannot answer, and why; see WHATIF.md for the limits. */
#include <math.h>
#include <stdio.h>
#include <utlist.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/unit.h"
#include "user/model/lock.h"

bool refuse_recording(const struct prediction *p, char *ret, size_t size)
{
	const struct report_quality *q = &p->r->quality;

	if (p->tl->cut)
		snprintf(ret, size,
			 "too many events to keep in order (more than %s): watch for a "
			 "shorter time, -d",
			 unit_count(TIMELINE_MAX_OPS).s);
	else if (p->r->truncated)
		snprintf(ret, size, "the trace ends before its window was closed");
	else if (p->m->window.flags & WIRE_WINDOW_TIDS)
		snprintf(ret, size, "only some threads of the process were watched");
	else if (p->r->par.gap_ns)
		snprintf(ret, size,
			 "single events were not recorded in %s of %s, to keep to --max-overhead",
			 unit_ns(p->r->par.gap_ns).s, unit_ns(p->r->par.wall_ns).s);
	else if (!p->tl->n_ops || p->measured_ns < WINDOW_MIN_NS)
		snprintf(ret, size, "too little happened: %s, and less than %s tells nothing",
			 unit_ns((uint64_t)p->measured_ns).s, unit_ns((uint64_t)WINDOW_MIN_NS).s);
	else if ((double)q->dropped > DROPPED_MAX * (double)q->made)
		snprintf(ret, size,
			 "%s of the records were lost: what happened in between is not known",
			 unit_share(q->dropped, q->made).s);
	else if ((double)q->disagreement_ns > DISAGREE_MAX * (double)p->r->par.on_cpu_ns)
		snprintf(ret, size,
			 "records and the kernel's own sums disagree about %s of the CPU time",
			 unit_share(q->disagreement_ns, p->r->par.on_cpu_ns).s);
	else
		return false;
	return true;
}

bool refuse_error(const struct prediction *p, char *ret, size_t size)
{
	if (fabs(p->ret->error) <= REPLAY_ERROR_MAX)
		return false;
	snprintf(ret, size,
		 "replayed without any change it takes %s instead of %s: the recording does not "
		 "tell "
		 "what held these threads up",
		 unit_ns(p->ret->replayed_ns).s, unit_ns(p->ret->measured_ns).s);
	return true;
}

static bool has_threads(const struct model *m)
{
	const struct process *p;

	DL_FOREACH (m->all_processes, p)
		if (p->pid && p->threads > 1)
			return true;
	return false;
}

/* Private, and not one that each process has for itself or that only waits for an end. */
static bool is_common(const struct lock *l)
{
	return !l->shared && !prediction_is_of_threads(l) && l->kind != KIND_JOIN &&
	       l->kind != KIND_PY_JOIN && l->kind != KIND_FOLDED;
}

static const char *name_of(const struct report *r, const struct lock *l)
{
	for (size_t i = 0; i < r->n_locks; i++)
		if (l->timeline && r->locks[i].timeline == l->timeline)
			return r->locks[i].name;
	return "a lock";
}

bool refuse_processes(const struct prediction *p, char *ret, size_t size)
{
	uint64_t lock_ns = 0, turns = 0;
	const struct lock *l, *most_waited = NULL, *most_used = NULL;
	double wanted = 0;

	if (!has_threads(p->m)) {
		snprintf(ret, size, "no process of the target has more than one thread");
		return true;
	}
	DL_FOREACH (p->m->locks, l) {
		if (!is_common(l) || prediction_is_part(p, l))
			continue;
		if (lock_class(l) == CLASS_COND) {
			turns += l->waits;
			if (!most_used || l->waits > most_used->waits)
				most_used = l;
		} else {
			lock_ns += l->wait_ns;
			if (!most_waited || l->wait_ns > most_waited->wait_ns)
				most_waited = l;
		}
	}
	wanted = p->r->par.demand * (double)p->r->par.wall_ns;
	if ((double)lock_ns > SHARED_LOCK_SHARE * wanted) {
		snprintf(ret, size,
			 "threads share data: they waited %s for locks of their process, most for "
			 "%s; "
			 "as processes they would have to exchange it",
			 unit_ns(lock_ns).s, name_of(p->r, most_waited));
		return true;
	}
	if ((double)turns > SHARED_TURNS_PER_S * p->measured_ns / SEC) {
		snprintf(ret, size,
			 "threads hand work or data to each other: %s waits on conditions and "
			 "queues, "
			 "most on %s; how much goes over is not seen",
			 unit_count(turns).s, name_of(p->r, most_used));
		return true;
	}
	return false;
}
