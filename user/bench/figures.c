// SPDX-License-Identifier: GPL-2.0-or-later
/* figures.c - see figures.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/figures.h"

#define BUSY_MIN_NS 200000000ULL /* twenty clock ticks: less says nothing about the others */

void figures_clear(struct ledger_run *run)
{
	memset(run, 0, sizeof(*run));
	for (size_t i = 0; i < FIGURE_COUNT; i++)
		run->figure[i] = NAN;
	run->prediction.recorded_ns = run->prediction.value_ns = NAN;
	run->prediction.low_ns = run->prediction.high_ns = NAN;
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

/* From exec to the end of the last process of the tree. */
static double life_ns(const struct measured *m)
{
	uint64_t end = 0;

	for (size_t i = 0; i < m->report->n_processes; i++)
		if (m->report->processes[i].end_ns > end)
			end = m->report->processes[i].end_ns;
	end += m->report->begin_ns;
	return end > m->exec_ns ? (double)(end - m->exec_ns) : NAN;
}

static void fill_time(double *figure, const struct report *r)
{
	const uint64_t *state = r->budget.state_ns;
	double queue = (double)(state[STATE_WOKEN] + state[STATE_PREEMPTED]);
	double wanted =
		(double)(state[STATE_ON_CPU] + state[STATE_LOCK] + state[STATE_GIL]) + queue;
	uint64_t overlap = 0;

	figure[FIGURE_CPUS] = share((double)r->par.on_cpu_ns, figure[FIGURE_LIFE]);
	figure[FIGURE_GIL] = share((double)state[STATE_GIL], wanted);
	figure[FIGURE_LOCK] = share((double)state[STATE_LOCK], wanted);
	figure[FIGURE_QUEUE] = share(queue, wanted);
	for (size_t k = 2; k < r->par.running.n; k++)
		overlap += r->par.running.ns[k];
	figure[FIGURE_OVERLAP] = share((double)overlap, figure[FIGURE_LIFE]);
}

/* The median over those that began in the run; the command itself waited in its cork. */
static double first_cpu(const struct measured *m)
{
	const struct report *r = m->report;
	double *took = xcalloc(r->n_threads + 1, sizeof(*took)), ret;
	size_t n = 0;

	for (size_t i = 0; i < r->n_threads; i++)
		if (r->threads[i].first_cpu_ns && r->threads[i].tid != (uint32_t)m->pid)
			took[n++] = (double)r->threads[i].first_cpu_ns;
	ret = stats_median(took, n).value;
	free(took);
	return ret;
}

static void fill_threads(double *figure, const struct measured *m)
{
	const struct report *r = m->report;
	double user = 0, sys = 0, switches = 0, futex = 0;

	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		user += (double)t->user_ns;
		sys += (double)t->system_ns;
		switches += (double)(t->voluntary + t->involuntary);
		if (!r->lean)
			futex += (double)(t->waits + t->timeouts + t->interrupted + t->again +
					  t->wakes + t->empty_wakes);
	}
	figure[FIGURE_USER] = user;
	figure[FIGURE_SYS] = sys;
	figure[FIGURE_CPU] = user + sys;
	figure[FIGURE_SWITCHES] = switches;
	figure[FIGURE_FUTEX] = r->lean ? NAN : futex; /* it knows of a part only */
	figure[FIGURE_FIRST_CPU] = first_cpu(m);
}

/* CPython's own count where every interpreter told it, else the waits that ended with it. */
static double handoffs(const struct report *r)
{
	uint64_t counted = 0, waited = 0;
	bool all = true;

	for (size_t i = 0; i < r->n_gils; i++) {
		all = all && r->gils[i].switches_known;
		counted += r->gils[i].switches;
		waited += r->gils[i].handoffs;
	}
	if (!r->n_gils)
		return NAN;
	return (double)(all ? counted : waited);
}

/* Only what was forked and did not become another program can have copied anything. */
static double copied(const struct measured *m)
{
	double sum = 0;
	bool any = false;

	for (size_t i = 0; i < m->report->n_processes; i++) {
		const struct report_process *p = &m->report->processes[i];
		double bytes = footprint_copied(m->memory, (pid_t)p->pid);

		if (p->pid == (uint32_t)m->pid || p->existed || p->execs || isnan(bytes))
			continue;
		sum += bytes;
		any = true;
	}
	return any ? sum : NAN;
}

static void fill_told(double *figure, const struct result *told)
{
	if (!isnan(told->wall_ns) && told->wall_ns > 0)
		figure[FIGURE_WALL] = told->wall_ns;
	figure[FIGURE_WORK] = told->work;
	figure[FIGURE_CREATE] = told->create_ns;
	figure[FIGURE_FIRST_WORK] = told->first_work_ns;
	figure[FIGURE_IPC_BYTES] = told->ipc_bytes;
	figure[FIGURE_IPC_NS] = told->ipc_ns;
	figure[FIGURE_HALF] = told->half_share;
	figure[FIGURE_MAIN] = told->main_share;
	if (!isnan(told->handoffs))
		figure[FIGURE_HANDOFFS] = told->handoffs;
}

/* The window is longer than the life: what is missing from it is time with nobody on a CPU. */
static void fill_running(struct ledger_run *run, const struct report *r)
{
	uint64_t some = 0;

	for (size_t k = 1; k < r->par.running.n; k++) {
		run->running_ns[k < LEDGER_STEPS ? k : LEDGER_STEPS - 1] += r->par.running.ns[k];
		some += r->par.running.ns[k];
	}
	if (run->figure[FIGURE_LIFE] > (double)some)
		run->running_ns[0] = (uint64_t)run->figure[FIGURE_LIFE] - some;
}

void figures_fill(struct ledger_run *run, const struct measured *m)
{
	const struct report *r = m->report;
	double *figure = run->figure;

	figures_clear(run);
	run->done = true;
	figure[FIGURE_LIFE] = figure[FIGURE_WALL] = life_ns(m);
	fill_time(figure, r);
	fill_threads(figure, m);
	figure[FIGURE_HANDOFFS] = handoffs(r);
	if (m->busy_in_ns >= BUSY_MIN_NS) /* clock ticks and exact times differ by a little */
		figure[FIGURE_OTHERS] =
			fmax(0, m->busy_ns - (double)r->par.on_cpu_ns) / (double)m->busy_in_ns;
	if (isnan(m->busy_ns))
		figure[FIGURE_OTHERS] = NAN;
	if (m->memory) {
		figure[FIGURE_PSS] = footprint_pss(m->memory);
		figure[FIGURE_USS] = footprint_uss(m->memory);
		figure[FIGURE_COPIED] = copied(m);
	}
	if (m->told)
		fill_told(figure, m->told);
	memcpy(run->state_ns, r->budget.state_ns, sizeof(run->state_ns));
	fill_running(run, r);
	run->verdict = r->verdict.code;
}
