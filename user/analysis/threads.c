// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * threads.c - the threads of a report: where the time of each went; see analysis.h.
 *
 * A thread's times come from the sums that the kernel side kept (exact whatever was lost); only the
 * split of futex time into lock, gil and condition comes from the stream.  Where both know a number
 * they are compared: quality.disagreement_ns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/analysis.h"
#include "user/analysis/folded.h"
#include "user/analysis/gil.h"
#include "user/base/buf.h"

static const enum report_state state_of[WIRE_STATES] = {
	[WIRE_UNKNOWN] = STATE_UNKNOWN,	    [WIRE_ON_CPU] = STATE_ON_CPU,
	[WIRE_WOKEN] = STATE_WOKEN,	    [WIRE_PREEMPTED] = STATE_PREEMPTED,
	[WIRE_FUTEX_WAIT] = STATE_COND, /* split by class, see fill_states() */
	[WIRE_IO_DISK] = STATE_IO_DISK,	    [WIRE_IO_IPC] = STATE_IO_IPC,
	[WIRE_SLEEP] = STATE_SLEEP,	    [WIRE_CHILD] = STATE_CHILD,
	[WIRE_KLOCK] = STATE_KLOCK,	    [WIRE_FAULT] = STATE_FAULT,
	[WIRE_STOPPED] = STATE_STOPPED,	    [WIRE_OTHER] = STATE_OTHER,
	[WIRE_DEAD] = STATE_UNKNOWN,	    [14] = STATE_UNKNOWN,
	[15] = STATE_UNKNOWN,
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Split the futex time by what the stream says; kernel time that it does not explain is waiting. */
static void fill_states(uint64_t *ret, const __u64 *wire_ns, const uint64_t *class_ns)
{
	uint64_t futex = wire_ns[WIRE_FUTEX_WAIT];

	for (int i = 0; i < WIRE_STATES; i++)
		if (i != WIRE_FUTEX_WAIT)
			ret[state_of[i]] += wire_ns[i];
	ret[STATE_LOCK] = min_u64(class_ns[CLASS_LOCK], futex);
	ret[STATE_GIL] = min_u64(class_ns[CLASS_GIL], futex - ret[STATE_LOCK]);
	ret[STATE_COND] = futex - ret[STATE_LOCK] - ret[STATE_GIL];
}

uint64_t analysis_sum_states(const uint64_t *state_ns)
{
	uint64_t sum = 0;

	for (int i = 0; i < STATE_COUNT; i++)
		sum += state_ns[i];
	return sum;
}

/* Life that no state accounts for is unknown; never hidden. */
static void close_states(uint64_t *state_ns, uint64_t life_ns)
{
	uint64_t sum = analysis_sum_states(state_ns);

	if (sum < life_ns)
		state_ns[STATE_UNKNOWN] += life_ns - sum;
}

static void fill_counts(struct report_thread *ret, const struct wire_sums *s, bool lean)
{
	uint64_t ticks = s->utime_ns + s->stime_ns;
	uint64_t on_cpu = ret->state_ns[STATE_ON_CPU];

	/* the kernel samples the split at its tick; the sum is exact */
	ret->user_ns = ticks ? (uint64_t)((double)on_cpu * ((double)s->utime_ns / (double)ticks))
			     : on_cpu;
	ret->system_ns = on_cpu - min_u64(ret->user_ns, on_cpu);
	ret->voluntary = s->voluntary;
	ret->involuntary = s->involuntary;
	ret->migrations = s->migrations;
	ret->waits = s->waits;
	ret->timeouts = s->timeouts;
	ret->interrupted = s->interrupted;
	ret->again = lean ? REPORT_ABSENT : s->again;
	ret->wakes = lean ? REPORT_ABSENT : s->wakes;
	ret->empty_wakes = lean ? REPORT_ABSENT : s->empty_wakes;
}

/* Samples say which share of the CPU time, the sums how much that is. */
static void fill_python(struct report_thread *ret, const struct thread *t)
{
	uint64_t with = t->python.cpu_ns[true], all = with + t->python.cpu_ns[false];
	uint64_t on_cpu = ret->state_ns[STATE_ON_CPU];

	ret->python = t->python.seen;
	if (ret->python && ret->life_ns)
		ret->gil_wait_share = (double)ret->state_ns[STATE_GIL] / (double)ret->life_ns;
	if (!ret->python || !all)
		return;
	ret->gil_ns = (uint64_t)((double)on_cpu * ((double)with / (double)all));
	ret->free_ns = on_cpu - min_u64(ret->gil_ns, on_cpu);
}

/*
 * Which locks a thread waited for is known from records only.  Where they tell of a part of its futex
 * time, that is how the whole is split; of a thread that they do not tell of, it is unknown.
 */
static void split_futex(uint64_t *ret, const struct model *m, const struct thread *t, uint64_t *class_ns)
{
	uint64_t all = t->sums.sums.state_ns[WIRE_FUTEX_WAIT], told = t->state_ns[WIRE_FUTEX_WAIT];
	struct wire_sums sums = t->sums.sums;

	if (m->n_gaps && told && told < all)
		for (int i = 0; i < CLASS_COUNT; i++)
			class_ns[i] = (uint64_t)((double)class_ns[i] * ((double)all / (double)told));
	if (m->n_gaps && !told) {
		sums.state_ns[WIRE_UNKNOWN] += all;
		sums.state_ns[WIRE_FUTEX_WAIT] = 0;
	}
	fill_states(ret, sums.state_ns, class_ns);
}

/* On-CPU time that records and sums do not agree on; what records leave out on purpose is none. */
static uint64_t apart_ns(const struct model *m, const struct thread *t)
{
	uint64_t sums = t->sums.sums.state_ns[WIRE_ON_CPU], told = t->state_ns[WIRE_ON_CPU];

	return m->n_gaps && told < sums ? 0 : difference(sums, told);
}

static void fill_thread(struct report_thread *ret, struct report_quality *q, const struct model *m,
			const struct thread *t, const struct thread_times *times)
{
	const struct wire_sums *s = &t->sums.sums;
	uint64_t class_ns[CLASS_COUNT], apart, sum;

	for (int i = 0; i < CLASS_COUNT; i++)
		class_ns[i] = times->class_ns[i] + t->folded_ns[i];
	ret->pid = t->process->pid;
	ret->tid = t->tid;
	ret->ns_tid = t->ns_tid;
	memcpy(ret->comm, t->comm, sizeof(ret->comm));
	ret->existed = t->existed;
	ret->ended = t->dead;
	ret->never_switched = !t->switches;
	ret->top_lock = times->top_row;
	ret->begin_ns = analysis_since_begin(m, t->begin_ns);
	ret->end_ns = analysis_since_begin(m, t->end_ns);
	ret->life_ns = ret->end_ns - min_u64(ret->begin_ns, ret->end_ns);
	if (!t->existed && t->first_cpu_ns > t->begin_ns)
		ret->first_cpu_ns = t->first_cpu_ns - t->begin_ns;
	ret->name = t->python.name;
	ret->loop_ns = t->loop_ns;
	if (!t->have_sums) {
		fill_states(ret->state_ns, t->state_ns, class_ns);
		close_states(ret->state_ns, ret->life_ns);
		ret->user_ns = ret->state_ns[STATE_ON_CPU];
		fill_python(ret, t);
		return;
	}
	ret->life_ns = t->sums.end_ns - min_u64(t->sums.begin_ns, t->sums.end_ns);
	split_futex(ret->state_ns, m, t, class_ns);
	sum = analysis_sum_states(ret->state_ns);
	q->residual_ns += difference(sum, ret->life_ns);
	close_states(ret->state_ns, ret->life_ns);
	fill_counts(ret, s, m->window.flags & WIRE_WINDOW_LEAN);
	if (s->voluntary || s->involuntary)
		ret->never_switched = false;
	apart = apart_ns(m, t);
	q->disagreement_ns += apart;
	ret->doubtful = apart > ANALYSIS_DOUBT_NS &&
			(double)apart > ANALYSIS_DOUBT_SHARE * (double)ret->life_ns;
	fill_python(ret, t);
}

/* The threads that ended and were added up: one row without a tid. */
static void fill_folded(struct report_thread *ret, const struct model *m, const struct process *p)
{
	ret->pid = p->pid;
	snprintf(ret->comm, sizeof(ret->comm), "(ended threads)");
	ret->name = "";
	ret->ended = true;
	ret->life_ns = p->folded_life_ns;
	fill_states(ret->state_ns, p->folded_sums.state_ns, p->folded_class_ns);
	close_states(ret->state_ns, ret->life_ns);
	fill_counts(ret, &p->folded_sums, m->window.flags & WIRE_WINDOW_LEAN);
}

static uint64_t weight(const struct report_thread *t)
{
	return t->state_ns[STATE_ON_CPU] + t->state_ns[STATE_WOKEN] + t->state_ns[STATE_PREEMPTED] +
	       t->state_ns[STATE_LOCK] + t->state_ns[STATE_GIL];
}

static int by_thread_weight(const void *a, const void *b)
{
	const struct report_thread *x = a, *y = b;

	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

void analysis_threads(struct report *r, const struct model *m)
{
	struct thread_times *times = xcalloc(m->n_threads, sizeof(*times));
	const struct lock **rows;
	struct process *p;
	struct thread *t;
	size_t n = 0, folded = 0;

	DL_FOREACH(m->all_threads, t)
	{
		times[n].thread = t;
		times[n++].id = t->id;
	}
	DL_FOREACH(m->all_processes, p) folded += p->folded_threads != 0;
	rows = analysis_locks(r, m, times, n);
	analysis_runtimes(r, m, rows, times, n);
	analysis_folded(r, m, times, n);
	free(rows);
	r->threads = xcalloc(n + folded, sizeof(*r->threads));
	n = 0;
	DL_FOREACH(m->all_threads, t)
	{
		fill_thread(&r->threads[r->n_threads], &r->quality, m, t, &times[n++]);
		/* gone before the window opened */
		if (r->threads[r->n_threads].life_ns)
			r->n_threads++;
		else
			memset(&r->threads[r->n_threads], 0, sizeof(*r->threads));
	}
	DL_FOREACH(m->all_processes, p)
		if (p->folded_threads)
			fill_folded(&r->threads[r->n_threads++], m, p);
	free(times);
	qsort(r->threads, r->n_threads, sizeof(*r->threads), by_thread_weight);
}
