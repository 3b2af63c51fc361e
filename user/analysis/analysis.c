// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * analysis.c - processes, parallelism and phases of a report, and the whole of it; see analysis.h.
 *
 * What happened over time (t_k, phases) comes from the stream, sums from threads.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/analysis.h"
#include "user/analysis/folded.h"
#include "user/analysis/gil.h"
#include "user/analysis/metric.h"
#include "user/analysis/sites.h"
#include "user/analysis/verdict.h"
#include "user/analysis/whatif.h"
#include "user/base/buf.h"
#include "user/model/level.h"

_Static_assert(LEVEL_STEPS_MAX == REPORT_STEPS_MAX, "report.h describes the same histogram");

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t analysis_since_begin(const struct model *m, uint64_t ts)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	ts = min_u64(ts, end);
	return ts > begin ? ts - begin : 0;
}

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
		     uint64_t gap_ns, uint64_t on_cpu_ns)
{
	uint64_t detail_ns = wall_ns - min_u64(gap_ns, wall_ns);

	ret->wall_ns = wall_ns;
	ret->gap_ns = wall_ns - detail_ns;
	ret->on_cpu_ns = on_cpu_ns;
	ret->average = wall_ns ? (double)on_cpu_ns / (double)wall_ns : 0;
	ret->serial_ns = l->serial_ns;
	ret->running = copy_steps(&l->run, detail_ns);
	ret->wanted = copy_steps(&l->want, detail_ns);
	ret->demand = average(&ret->wanted, detail_ns);
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
	b->total_ns += analysis_sum_states(t->state_ns);
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
	ret->begin_ns = analysis_since_begin(m, p->begin_ns);
	ret->end_ns = analysis_since_begin(m, p->end_ns);
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

static uint64_t gap_ns(const struct model *m, uint64_t from, uint64_t to)
{
	return model_window_ns(m, from, to) - model_detail_ns(m, from, to);
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
			 gap_ns(m, p->begin_ns, p->end_ns), row->budget.state_ns[STATE_ON_CPU]);
		fill_ceiling(&row->par, p->have_proc ? &p->last : NULL, r->cpus_online);
	}
	qsort(r->processes, n, sizeof(*r->processes), by_process_weight);
}

/* The tree can use what its least limited busy process can use. */
static void fill_tree(struct report *r, const struct model *m)
{
	const struct report_parallelism *best = NULL;

	fill_par(&r->par, &m->tree, r->window_ns,
		 gap_ns(m, model_begin_ns(m), model_end_ns(m)), r->budget.state_ns[STATE_ON_CPU]);
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

#define PHASE_DETAIL_MIN 0.01

static void fill_phases(struct report *r, const struct model *m)
{
	size_t n = r->window_ns ? (size_t)((r->window_ns - 1) / m->phase_ns) + 1 : 0;

	if (n > MODEL_PHASES)
		n = MODEL_PHASES;
	r->phases = xcalloc(n, sizeof(*r->phases));
	for (size_t i = 0; i < n; i++) {
		struct report_phase *p = &r->phases[r->n_phases];
		double ns;

		p->begin_ns = i * m->phase_ns;
		p->end_ns = min_u64(p->begin_ns + m->phase_ns, r->window_ns);
		ns = (double)model_detail_ns(m, r->begin_ns + p->begin_ns, r->begin_ns + p->end_ns);
		if (ns < PHASE_DETAIL_MIN * (double)(p->end_ns - p->begin_ns))
			continue; /* nothing is known of it */
		r->n_phases++;
		p->parallelism = (double)m->phases[i].running_ns / ns;
		p->runnable = (double)m->phases[i].runnable_ns / ns;
		p->waiting = (double)m->phases[i].waiting_ns / ns;
		p->gil = (double)m->phases[i].gil_ns / ns;
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
	r->lean = m->window.flags & WIRE_WINDOW_LEAN;
	r->truncated = !m->closed;
	analysis_threads(r, m);
	fill_processes(r, m);
	fill_tree(r, m);
	fill_phases(r, m);
	analysis_quality(r, m);
	analysis_overhead(r, m);
	r->target = name_target(m, r);
	verdict_decide(r);
	r->metrics = metrics_of(r);
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
		sites_free(r->locks[i].sites, r->locks[i].n_sites);
		sites_free(r->locks[i].holding, r->locks[i].n_holding);
	}
	report_free_runtimes(r);
	report_free_folded(r);
	whatif_free(r->prediction);
	if (r->overhead)
		free(r->overhead->steps);
	free(r->overhead);
	free(r->processes);
	free(r->threads);
	free(r->locks);
	free(r->phases);
	free(r->quality.progs);
	metrics_free(r->metrics);
	free((char *)r->target);
	free(r);
}
