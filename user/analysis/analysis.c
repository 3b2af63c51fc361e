// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * analysis.c - threads, processes, parallelism, phases and quality of a report; see analysis.h.
 *
 * A thread's times come from the sums that the kernel side kept (exact whatever was lost); only the
 * split of futex time into lock, gil and condition, and everything over time (t_k, phases), comes
 * from the stream.  Where both know a number they are compared: quality.disagreement_ns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/analysis.h"
#include "user/analysis/verdict.h"
#include "user/base/buf.h"
#include "user/model/level.h"

_Static_assert(LEVEL_STEPS_MAX == REPORT_STEPS_MAX, "report.h describes the same histogram");

/* On-CPU time of stream and kernel sums may differ by so much before a thread is called doubtful:
 * the first and the last switch are seen at slightly different times. */
#define DOUBT_NS 50000
#define DOUBT_SHARE 0.01

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

static uint64_t since_begin(const struct model *m, uint64_t ts)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	ts = min_u64(ts, end);
	return ts > begin ? ts - begin : 0;
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

static uint64_t sum_states(const uint64_t *state_ns)
{
	uint64_t sum = 0;

	for (int i = 0; i < STATE_COUNT; i++)
		sum += state_ns[i];
	return sum;
}

/* Life that no state accounts for is unknown; never hidden. */
static void close_states(uint64_t *state_ns, uint64_t life_ns)
{
	uint64_t sum = sum_states(state_ns);

	if (sum < life_ns)
		state_ns[STATE_UNKNOWN] += life_ns - sum;
}

static void fill_counts(struct report_thread *ret, const struct wire_sums *s)
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
	ret->again = s->again;
	ret->wakes = s->wakes;
	ret->empty_wakes = s->empty_wakes;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
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
	ret->begin_ns = since_begin(m, t->begin_ns);
	ret->end_ns = since_begin(m, t->end_ns);
	ret->life_ns = ret->end_ns - min_u64(ret->begin_ns, ret->end_ns);
	if (!t->have_sums) {
		fill_states(ret->state_ns, t->state_ns, class_ns);
		close_states(ret->state_ns, ret->life_ns);
		ret->user_ns = ret->state_ns[STATE_ON_CPU];
		return;
	}
	ret->life_ns = t->sums.end_ns - min_u64(t->sums.begin_ns, t->sums.end_ns);
	fill_states(ret->state_ns, s->state_ns, class_ns);
	sum = sum_states(ret->state_ns);
	q->residual_ns += difference(sum, ret->life_ns);
	close_states(ret->state_ns, ret->life_ns);
	fill_counts(ret, s);
	apart = difference(s->state_ns[WIRE_ON_CPU], t->state_ns[WIRE_ON_CPU]);
	q->disagreement_ns += apart;
	ret->doubtful = apart > DOUBT_NS && (double)apart > DOUBT_SHARE * (double)ret->life_ns;
}

/* The threads that ended and were added up: one row without a tid. */
static void fill_folded(struct report_thread *ret, const struct process *p)
{
	ret->pid = p->pid;
	snprintf(ret->comm, sizeof(ret->comm), "(ended threads)");
	ret->ended = true;
	ret->life_ns = p->folded_life_ns;
	fill_states(ret->state_ns, p->folded_sums.state_ns, p->folded_class_ns);
	close_states(ret->state_ns, ret->life_ns);
	fill_counts(ret, &p->folded_sums);
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

static void fill_threads(struct report *r, const struct model *m)
{
	struct thread_times *times = xcalloc(m->n_threads, sizeof(*times));
	struct process *p;
	struct thread *t;
	size_t n = 0, folded = 0;

	DL_FOREACH(m->all_threads, t)
	{
		times[n].thread = t;
		times[n++].id = t->id;
	}
	DL_FOREACH(m->all_processes, p) folded += p->folded_threads != 0;
	analysis_locks(r, m, times, n);
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
			fill_folded(&r->threads[r->n_threads++], p);
	free(times);
	qsort(r->threads, r->n_threads, sizeof(*r->threads), by_thread_weight);
}

/* --- parallelism ----------------------------------------------------------------------------- */

static struct report_histogram copy_steps(const struct steps *s, uint64_t wall_ns)
{
	struct report_histogram h = { xcalloc(s->n ? s->n : 1, sizeof(*h.ns)), s->n ? s->n : 1 };

	if (s->n)
		memcpy(h.ns, s->ns, s->n * sizeof(*h.ns));
	else
		h.ns[0] = wall_ns;
	return h;
}

static double average(const struct report_histogram *h, uint64_t wall_ns)
{
	double sum = 0;

	for (size_t k = 0; k < h->n; k++)
		sum += (double)k * (double)h->ns[k];
	return wall_ns ? sum / (double)wall_ns : 0;
}

static void fill_par(struct report_parallelism *ret, const struct level *l, uint64_t wall_ns,
		     uint64_t on_cpu_ns)
{
	ret->wall_ns = wall_ns;
	ret->on_cpu_ns = on_cpu_ns;
	ret->average = wall_ns ? (double)on_cpu_ns / (double)wall_ns : 0;
	ret->serial_ns = l->serial_ns;
	ret->running = copy_steps(&l->run, wall_ns);
	ret->wanted = copy_steps(&l->want, wall_ns);
	ret->demand = average(&ret->wanted, wall_ns);
}

/* CPUs a process could use: the least of online CPUs, affinity and cgroup quota. */
static void fill_ceiling(struct report_parallelism *ret, const struct wire_proc *proc,
			 uint32_t online)
{
	ret->ceiling = online;
	snprintf(ret->ceiling_why, sizeof(ret->ceiling_why), "%u CPU%s online", online,
		 online == 1 ? "" : "s");
	if (!proc)
		return;
	if (proc->cpus_allowed && proc->cpus_allowed < ret->ceiling) {
		ret->ceiling = proc->cpus_allowed;
		snprintf(ret->ceiling_why, sizeof(ret->ceiling_why), "affinity: %u CPU%s",
			 proc->cpus_allowed, proc->cpus_allowed == 1 ? "" : "s");
	}
	if (proc->quota_milli && proc->quota_milli / 1000.0 < ret->ceiling) {
		ret->ceiling = proc->quota_milli / 1000.0;
		snprintf(ret->ceiling_why, sizeof(ret->ceiling_why), "cgroup quota: %.2f CPUs",
			 ret->ceiling);
	}
}

static void add_budget(struct report_budget *b, const struct report_thread *t)
{
	for (int i = 0; i < STATE_COUNT; i++)
		b->state_ns[i] += t->state_ns[i];
	b->total_ns += sum_states(t->state_ns);
}

static void fill_process(struct report_process *ret, const struct model *m,
			 const struct process *p)
{
	ret->pid = p->pid;
	ret->ns_pid = p->ns_pid;
	ret->ppid = p->ppid;
	memcpy(ret->comm, p->comm, sizeof(ret->comm));
	ret->cmdline = p->have_proc ? p->last.cmdline : "";
	ret->threads = p->threads;
	ret->execs = p->execs;
	ret->existed = p->existed;
	ret->ended = p->ended;
	ret->exit_code = p->exit_code;
	ret->begin_ns = since_begin(m, p->begin_ns);
	ret->end_ns = since_begin(m, p->end_ns);
	if (p->have_proc) {
		ret->throttled_ns = p->last.throttled_ns - min_u64(p->first.throttled_ns,
								   p->last.throttled_ns);
		ret->throttled = p->last.throttled - min_u64(p->first.throttled, p->last.throttled);
	}
}

static int by_pid(const void *a, const void *b)
{
	const struct report_process *x = *(struct report_process *const *)a;
	const struct report_process *y = *(struct report_process *const *)b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

/* The process of this pid that lived at that time: an id may be used again. */
static struct report_process *process_of(struct report_process **index, size_t n, uint32_t pid,
					 uint64_t begin_ns)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (index[mid]->pid < pid ||
		    (index[mid]->pid == pid && index[mid]->begin_ns <= begin_ns))
			low = mid + 1;
		else
			high = mid;
	}
	if (low && index[low - 1]->pid == pid)
		return index[low - 1];
	return low < n && index[low]->pid == pid ? index[low] : NULL;
}

static void sum_budgets(struct report *r)
{
	struct report_process **index = xcalloc(r->n_processes, sizeof(*index)), *p;

	for (size_t i = 0; i < r->n_processes; i++)
		index[i] = &r->processes[i];
	qsort(index, r->n_processes, sizeof(struct report_process *), by_pid);
	for (size_t i = 0; i < r->n_threads; i++) {
		p = process_of(index, r->n_processes, r->threads[i].pid, r->threads[i].begin_ns);
		add_budget(&r->budget, &r->threads[i]);
		if (p)
			add_budget(&p->budget, &r->threads[i]);
	}
	free(index);
}

static int by_process_weight(const void *a, const void *b)
{
	const struct report_process *x = a, *y = b;

	if (x->par.on_cpu_ns != y->par.on_cpu_ns)
		return x->par.on_cpu_ns < y->par.on_cpu_ns ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static void fill_processes(struct report *r, const struct model *m)
{
	size_t n = 0, i = 0;
	struct process *p;

	DL_FOREACH(m->all_processes, p) n += p->threads || p->folded_threads;
	r->processes = xcalloc(n, sizeof(*r->processes));
	r->n_processes = n;
	DL_FOREACH(m->all_processes, p)
		if (p->threads || p->folded_threads)
			fill_process(&r->processes[i++], m, p);
	sum_budgets(r);
	i = 0;
	DL_FOREACH(m->all_processes, p)
	{
		struct report_process *row;

		if (!p->threads && !p->folded_threads)
			continue;
		row = &r->processes[i++];
		fill_par(&row->par, &p->level, row->end_ns - min_u64(row->begin_ns, row->end_ns),
			 row->budget.state_ns[STATE_ON_CPU]);
		fill_ceiling(&row->par, p->have_proc ? &p->last : NULL, r->cpus_online);
	}
	qsort(r->processes, n, sizeof(*r->processes), by_process_weight);
}

/* The tree can use what its least limited busy process can use. */
static void fill_tree(struct report *r, const struct model *m)
{
	const struct report_parallelism *best = NULL;

	fill_par(&r->par, &m->tree, r->window_ns, r->budget.state_ns[STATE_ON_CPU]);
	fill_ceiling(&r->par, NULL, r->cpus_online);
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct report_parallelism *p = &r->processes[i].par;

		if (p->on_cpu_ns && (!best || p->ceiling > best->ceiling))
			best = p;
	}
	if (!best)
		return;
	r->par.ceiling = best->ceiling;
	memcpy(r->par.ceiling_why, best->ceiling_why, sizeof(r->par.ceiling_why));
}

static void fill_phases(struct report *r, const struct model *m)
{
	size_t n = r->window_ns ? (size_t)((r->window_ns - 1) / m->phase_ns) + 1 : 0;

	if (n > MODEL_PHASES)
		n = MODEL_PHASES;
	r->phases = xcalloc(n, sizeof(*r->phases));
	r->n_phases = n;
	for (size_t i = 0; i < n; i++) {
		struct report_phase *p = &r->phases[i];
		double ns;

		p->begin_ns = i * m->phase_ns;
		p->end_ns = min_u64(p->begin_ns + m->phase_ns, r->window_ns);
		ns = (double)(p->end_ns - p->begin_ns);
		p->parallelism = (double)m->phases[i].running_ns / ns;
		p->runnable = (double)m->phases[i].runnable_ns / ns;
		p->waiting = (double)m->phases[i].waiting_ns / ns;
	}
}

/* --- quality --------------------------------------------------------------------------------- */

static const struct {
	const char *key;
	const char *label;
	bool harmless; /* does not make the report incomplete */
} losses[WIRE_LOSS_KINDS] = {
	[WIRE_LOSS_MADE] = { "made", "records made", true },
	[WIRE_LOSS_RING_FULL] = { "ring_full", "records dropped, the ring buffer was full", false },
	[WIRE_LOSS_STORAGE] = { "storage", "threads in the fallback table", true },
	[WIRE_LOSS_THREAD] = { "thread", "threads that could not be watched", false },
	[WIRE_LOSS_READ] = { "read", "reads of user memory that failed", true },
	[WIRE_LOSS_CLOCK] = { "clock", "events with a time before the last one", true },
	[WIRE_LOSS_UNMATCHED] = { "unmatched", "futex returns without a known begin", true },
	[WIRE_LOSS_SWITCH] = { "switch", "switches not shown by the kernel, their time is known", true },
	[WIRE_LOSS_SKIPPED] = { "skipped", "events that the kernel did not tell", false },
	[WIRE_LOSS_RECEIVED] = { "received", "records received", true },
	[WIRE_LOSS_RECURSION] = { "recursion", "program runs skipped by the kernel", false },
	[WIRE_LOSS_LATE] = { "late", "records too late to be put in order", true },
	[WIRE_LOSS_SHARED] = { "shared", "shared futex words of unknown file", true },
	[WIRE_LOSS_SOURCE] = { "source", "optional event sources missing in this kernel", true },
};

static void fill_quality(struct report *r, const struct model *m)
{
	struct report_quality *q = &r->quality;

	q->made = m->loss.count[WIRE_LOSS_MADE];
	q->received = m->loss.count[WIRE_LOSS_RECEIVED];
	q->dropped = m->loss.count[WIRE_LOSS_RING_FULL];
	q->complete = m->closed;
	for (int i = 0; i < WIRE_LOSS_KINDS; i++) {
		q->loss[i] = (struct report_loss){ losses[i].key, losses[i].label,
						   m->loss.count[i] };
		if (m->loss.count[i] && !losses[i].harmless)
			q->complete = false;
	}
	if ((double)q->disagreement_ns > DOUBT_SHARE * (double)r->par.on_cpu_ns + DOUBT_NS)
		q->complete = false;
	q->n_loss = WIRE_LOSS_KINDS;
	q->unmapped_shared = m->loss.count[WIRE_LOSS_SHARED];
	q->locks_folded = m->folded_locks;
	q->own_cpu_ns = m->cost.cpu_ns;
	q->own_rss_kib = m->cost.rss_kib;
	q->maps_kib = m->cost.maps_kib;
	q->ring_kib = m->cost.ring_kib;
	q->progs = xcalloc(m->n_progs, sizeof(*q->progs));
	q->n_progs = m->n_progs;
	for (size_t i = 0; i < m->n_progs; i++) {
		memcpy(q->progs[i].name, m->progs[i].name, sizeof(q->progs[i].name));
		q->progs[i].runs = m->progs[i].runs;
		q->progs[i].run_ns = m->progs[i].run_ns;
		q->progs[i].misses = m->progs[i].misses;
		q->prog_times |= m->progs[i].runs != 0;
	}
}

static const char *name_target(const struct model *m, const struct report *r)
{
	const struct process *first = m->all_processes;
	struct buf b = { 0 };

	while (first && !first->pid)
		first = first->next;
	if (!first)
		return xstrdup("no process");
	if (!r->command)
		buf_printf(&b, "%u ", first->pid);
	buf_puts(&b, first->have_proc && first->last.cmdline[0] ? first->last.cmdline : first->comm);
	if (r->n_processes > 1)
		buf_printf(&b, " (and %zu more processes)", r->n_processes - 1);
	return b.data;
}

struct report *analysis_report(const struct model *m)
{
	struct report *r = xcalloc(1, sizeof(*r));

	memcpy(r->kernel, m->host.kernel, sizeof(r->kernel));
	memcpy(r->version, m->host.version, sizeof(r->version));
	r->cpus_online = m->host.cpus_online ? m->host.cpus_online : 1;
	r->begin_ns = model_begin_ns(m);
	r->window_ns = model_end_ns(m) - r->begin_ns;
	r->realtime_ns = (int64_t)r->begin_ns + m->host.realtime_offset_ns;
	r->command = m->window.flags & WIRE_WINDOW_COMMAND;
	r->truncated = !m->closed;
	fill_threads(r, m);
	fill_processes(r, m);
	fill_tree(r, m);
	fill_phases(r, m);
	fill_quality(r, m);
	r->target = name_target(m, r);
	verdict_decide(r);
	return r;
}

static void free_par(struct report_parallelism *p)
{
	free(p->running.ns);
	free(p->wanted.ns);
}

void report_free(struct report *r)
{
	if (!r)
		return;
	free_par(&r->par);
	for (size_t i = 0; i < r->n_processes; i++)
		free_par(&r->processes[i].par);
	for (size_t i = 0; i < r->n_locks; i++) {
		free(r->locks[i].hist);
		free(r->locks[i].top_waiters);
		free(r->locks[i].top_holders);
		free(r->locks[i].top_wakers);
	}
	free(r->processes);
	free(r->threads);
	free(r->locks);
	free(r->phases);
	free(r->quality.progs);
	free((char *)r->target);
	free(r);
}
