// SPDX-License-Identifier: GPL-2.0-or-later
/* figures.c - from a report to the numbers that the verdict is made of; see figures.h. */
#include <string.h>

#include "user/analysis/figures.h"
#include "user/analysis/thresholds.h"
#include "user/base/unit.h"

/* --- collected once -------------------------------------------------------------------------- */

static double thread_wanted(const struct report_thread *t)
{
	return ns_of(t, STATE_ON_CPU) + ns_of(t, STATE_WOKEN) + ns_of(t, STATE_PREEMPTED) +
	       ns_of(t, STATE_LOCK) + ns_of(t, STATE_GIL);
}

static void collect_budget(struct figures *f, const struct report *r)
{
	const uint64_t *ns = r->budget.state_ns;

	f->total = (double)r->budget.total_ns;
	f->on = (double)ns[STATE_ON_CPU];
	f->woken = (double)ns[STATE_WOKEN];
	f->klock = (double)ns[STATE_KLOCK];
	f->loss[LOSS_RUNNABLE] = (double)ns[STATE_WOKEN] + (double)ns[STATE_PREEMPTED];
	f->loss[LOSS_LOCK] = (double)ns[STATE_LOCK];
	f->loss[LOSS_GIL] = (double)ns[STATE_GIL];
	for (size_t i = 0; i < LOSS_COUNT; i++)
		f->lost += f->loss[i];
	f->wanted = f->on + f->lost;
}

static double bucket(const struct figures *f, const struct report_histogram *h, size_t k)
{
	return k < h->n ? (double)h->ns[k] * f->scale : 0;
}

/* Exact for any ups and downs of the demand, which averages over the window are not. */
static void collect_demand(struct figures *f, const struct report_parallelism *par)
{
	const struct report_histogram *h = &par->wanted;
	double nobody;

	f->ceiling = par->ceiling > 0 ? par->ceiling : max_of(1, f->r->cpus_online);
	f->demand = par->demand;
	if (!h->n || f->doubtful) { /* the kernel's sums are exact whatever was lost */
		f->demand = unit_ratio(f->wanted, f->wall);
		f->busy = min_of(f->wall, f->wanted);
		f->solo = f->wanted > 1.5 * f->wall ? 0 : f->busy;
		f->possible = min_of(f->wanted, f->ceiling * f->wall);
		f->excess = f->wanted - f->possible;
		return;
	}
	for (size_t k = 1; k < h->n; k++) {
		double use = min_of((double)k, f->ceiling);

		f->busy += bucket(f, h, k);
		f->possible += use * bucket(f, h, k);
		f->excess += ((double)k - use) * bucket(f, h, k);
	}
	f->solo = bucket(f, h, 1);
	nobody = max_of(0, bucket(f, &par->running, 0) - bucket(f, h, 0));
	f->stalled = max_of(0, nobody - f->loss[LOSS_RUNNABLE]);
	f->taken = f->ceiling < MANY_RUN ? nobody - f->stalled : 0;
}

/*
 * A thread that sleeps in poll or on a timer may do I/O or have nothing to do.  It does something
 * if the disk is involved, if the wait ended with the thread's life (a program that sleeps and
 * ends), or if it wakes up often.
 */
static bool does_io(const struct report_thread *t, double io)
{
	double disk = ns_of(t, STATE_IO_DISK) + ns_of(t, STATE_FAULT), life = (double)t->life_ns;

	return t->tid && io > 0 && io >= IO_MOSTLY * life &&
	       (t->ended || disk >= IO_DISK_SHARE * life ||
		(double)t->voluntary >= IO_WAKES_PER_S * life / SEC);
}

/*
 * Who mostly waits for the disk or timers is woken from outside, and a short delay of waking up is
 * a part of that wait: no CPU is missing, nor do threads of the program wake each other.  So it is
 * with network and pipes, if nobody else of the program works.
 */
static bool wakes_late(const struct report_thread *t, bool alone)
{
	double ipc = ns_of(t, STATE_IO_IPC);
	double outside = ns_of(t, STATE_IO_DISK) + ns_of(t, STATE_FAULT) + ns_of(t, STATE_SLEEP) +
			 (alone ? ipc : 0);
	double inside = ns_of(t, STATE_COND) + ns_of(t, STATE_LOCK) + ns_of(t, STATE_GIL) +
			(alone ? 0 : ipc);

	return outside >= inside && t->voluntary &&
	       ns_of(t, STATE_WOKEN) < WAKE_DELAY_NS * (double)t->voluntary;
}

static void collect_io(struct io_figures *io, const struct report_thread *t, bool alone)
{
	double disk = ns_of(t, STATE_IO_DISK) + ns_of(t, STATE_FAULT);
	double ipc = ns_of(t, STATE_IO_IPC), sleep = ns_of(t, STATE_SLEEP);
	double late = wakes_late(t, alone) ? ns_of(t, STATE_WOKEN) : 0;
	double ns = disk + ipc + sleep + late;

	if (!does_io(t, ns))
		return;
	if (!io->threads++ || (double)t->begin_ns < io->first)
		io->first = (double)t->begin_ns;
	io->last = max_of(io->last, (double)t->end_ns);
	io->top = max_of(io->top, ns + thread_wanted(t) - late);
	io->life += (double)t->life_ns;
	io->wanted += thread_wanted(t) - late;
	io->late += late;
	io->disk += disk;
	io->ipc += ipc;
	io->loop += min_of((double)t->loop_ns, ipc);
	io->sleep += sleep;
	io->ns += ns;
}

static void collect_top(struct figures *f, const struct report *r)
{
	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		if (t->tid && (!f->top || ns_of(t, STATE_ON_CPU) > ns_of(f->top, STATE_ON_CPU)))
			f->top = t;
	}
}

static void collect_threads(struct figures *f, const struct report *r)
{
	double first = f->wall, last = 0;
	bool alone;

	collect_top(f, r);
	alone = figures_top_share(f) >= TOP_SHARE;

	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		collect_io(&f->io, t, alone);
		f->switches += (double)t->voluntary + (double)t->involuntary;
		if (!t->tid) { /* many threads added up: no life of its own */
			first = 0;
			last = f->wall;
			continue;
		}
		first = min_of(first, (double)t->begin_ns);
		last = max_of(last, (double)t->end_ns);
		if (t->tid != t->pid)
			f->waiting += ns_of(t, STATE_COND);
	}
	f->span = last > first ? last - first : 0;
}

bool figures_coordinates(const struct report *r, const struct report_thread *t, double worth)
{
	if (t->tid != t->pid)
		return false;
	for (size_t i = 0; i < r->n_threads; i++)
		if (r->threads[i].pid == t->pid && r->threads[i].tid != t->tid &&
		    ns_of(&r->threads[i], STATE_ON_CPU) >= worth)
			return true;
	for (size_t i = 0; i < r->n_processes; i++)
		if (r->processes[i].ppid == t->pid && r->processes[i].pid != t->pid &&
		    (double)r->processes[i].par.on_cpu_ns >= worth)
			return true;
	return false;
}

static void collect_workers(struct figures *f, const struct report *r)
{
	double worth = f->top ? WORKER_SHARE * ns_of(f->top, STATE_ON_CPU) : 0, sum = 0, most = 0;

	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];
		double on = ns_of(t, STATE_ON_CPU);

		if (!t->tid || on <= 0 || on < worth || figures_coordinates(r, t, worth))
			continue;
		f->workers++;
		sum += on;
		if (on > most) {
			most = on;
			f->longest = t;
		}
	}
	if (f->workers >= 2)
		f->others_mean = (sum - most) / (double)(f->workers - 1);
}

/*
 * Time that went to a GIL, but would not with free CPUs: its holder was preempted, or the thread
 * that it was handed to has no CPU yet.  The latter takes some microseconds on an idle machine.
 */
static double no_cpu_ns(const struct report_gil *g)
{
	double free_ns = (double)g->free_ns, each = unit_ratio(free_ns, (double)g->handoffs);

	return (double)g->held_preempted_ns + (each >= WAKE_DELAY_NS ? free_ns : 0);
}

static void collect_held(struct gil_figures *gil, const struct report_gil *g)
{
	for (size_t i = 0; i < g->n_held; i++) {
		const struct report_held *h = &g->held[i];

		if (!gil->held || h->site.ns > gil->held->site.ns)
			gil->held = h;
		if (h->syscall && strncmp(h->syscall, "futex", strlen("futex")) == 0)
			gil->on_locks += (double)h->held_ns;
	}
}

static bool is_convoy(const struct report_gil *g)
{
	double interval = g->interval_ns ? (double)g->interval_ns : GIL_INTERVAL_NS;

	return g->convoy_count >= CONVOY_MIN && (double)g->convoy_p99_ns > CONVOY_TURNS * interval;
}

static void collect_gils(struct figures *f, const struct report *r)
{
	struct gil_figures *gil = &f->gil;

	for (size_t i = 0; i < r->n_gils; i++) {
		const struct report_gil *g = &r->gils[i];

		gil->known |= g->lock != 0;
		gil->asleep += (double)g->held_asleep_ns * f->scale;
		gil->no_cpu += no_cpu_ns(g) * f->scale;
		gil->with += (double)g->with_ns;
		gil->without += (double)g->without_ns;
		gil->handoffs += (double)g->handoffs * f->scale;
		collect_held(gil, g);
		if (g->n_without && (!gil->released || g->without[0].ns > gil->released->ns))
			gil->released = &g->without[0];
		if (is_convoy(g) && (!gil->convoy || g->convoy_p99_ns > gil->convoy->convoy_p99_ns))
			gil->convoy = g;
	}
	gil->none = r->n_runtimes > 0;
	for (size_t i = 0; i < r->n_runtimes; i++)
		gil->none &= r->runtimes[i].status && strcmp(r->runtimes[i].status, "no-gil") == 0;
}

/* Woken for locks of this class, and without a CPU yet. */
static double lock_delay(const struct figures *f, enum report_lock_class class)
{
	double delay = 0;

	for (size_t i = 0; i < f->r->n_locks; i++)
		if (f->r->locks[i].class == class)
			delay += (double)f->r->locks[i].delay_ns * f->scale;
	return delay;
}

/* One at a time, of several that want to, and more of it for these locks than at conditions. */
static bool in_turn(const struct figures *f, enum loss loss, enum loss other, double delay)
{
	const struct report_histogram *h = &f->r->par.running;
	double together = 0;

	for (size_t k = 2; k < h->n; k++)
		together += bucket(f, h, k);
	return f->ceiling >= MANY_RUN && together < TOGETHER_SHARE * f->busy &&
	       f->loss[loss] >= f->loss[other] &&
	       f->loss[loss] + delay >= max_of(MENTION_SHARE * f->wanted, f->waiting);
}

/* Can holders of locks sleep?  They cannot if threads hardly ever sleep but for locks and work. */
static bool holders_may_sleep(const struct figures *f)
{
	const uint64_t *ns = f->r->budget.state_ns;
	double elsewhere = f->total - f->wanted - (double)ns[STATE_COND] - (double)ns[STATE_CHILD];

	return elsewhere >= MENTION_SHARE * f->wanted;
}

/*
 * Runnable, but because of a lock: another thread of the program runs, and with a CPU this one
 * would find the lock taken.  While nobody runs, and no holder sleeps, a CPU is what is missing: to
 * who is runnable, and to those that wait for him.  Of the GIL the latter are known (gil.no_cpu).
 */
static void blame_locks(const struct figures *f, double runnable, double *ret_lock, double *ret_gil)
{
	double nobody = max_of(0, bucket(f, &f->r->par.running, 0) - bucket(f, &f->r->par.wanted, 0));
	double ran = 1 - within_1(unit_ratio(nobody, f->busy));
	double lock = lock_delay(f, LOCK_CLASS_LOCK), gil = lock_delay(f, LOCK_CLASS_GIL);
	double short_ns = (nobody - f->stalled) * unit_ratio(f->wanted, f->busy);

	*ret_lock = min_of(lock, runnable) * ran;
	*ret_gil = min_of(gil * ran, runnable - *ret_lock);
	if (in_turn(f, LOSS_LOCK, LOSS_GIL, lock))
		*ret_lock = max_of(holders_may_sleep(f) ? 0 : -f->loss[LOSS_LOCK],
				   runnable - *ret_gil - short_ns);
	else if (f->gil.known && in_turn(f, LOSS_GIL, LOSS_LOCK, gil))
		*ret_gil = max_of(*ret_gil,
				  runnable - *ret_lock - max_of(0, short_ns - f->gil.no_cpu));
}

/* What is to blame for the losses; who held what, and when, is known from the records only. */
static void collect_causes(struct figures *f)
{
	double runnable = max_of(0, f->loss[LOSS_RUNNABLE] - f->io.late), lock = 0, gil = 0;
	double no_cpu = 0;

	if (!f->doubtful) {
		no_cpu = min_of(f->gil.no_cpu, f->loss[LOSS_GIL]);
		blame_locks(f, runnable, &lock, &gil);
	}
	f->cause[LOSS_LOCK] = f->loss[LOSS_LOCK] + lock;
	f->cause[LOSS_GIL] = f->loss[LOSS_GIL] - no_cpu + gil;
	f->cause[LOSS_RUNNABLE] = runnable - lock - gil + no_cpu;
}

static void collect_quality(struct figures *f, const struct report_quality *q)
{
	f->dropped = unit_ratio((double)q->dropped, (double)q->made);
	if (f->on >= IDLE_DEMAND * f->wall)
		f->disagree = unit_ratio((double)q->disagreement_ns, f->on);
	f->doubtful = f->dropped > DROPPED_MAX || f->disagree > DISAGREE_MAX;
}

void figures_collect(struct figures *f, const struct report *r)
{
	*f = (struct figures){ .r = r, .scale = report_scale(r) };
	f->wall = (double)(r->par.wall_ns ? r->par.wall_ns : r->window_ns);
	collect_budget(f, r);
	collect_quality(f, &r->quality);
	collect_demand(f, &r->par);
	collect_threads(f, r);
	collect_workers(f, r);
	collect_gils(f, r);
	collect_causes(f);
	/* not the sum: processes of one cgroup all show the same number */
	for (size_t i = 0; i < r->n_processes; i++)
		f->throttled = max_of(f->throttled, (double)r->processes[i].throttled_ns);
}

/* --- derived when asked for ------------------------------------------------------------------ */

const struct report_lock *figures_top_lock(const struct report *r, enum report_lock_class class,
					   size_t *ret_n)
{
	const struct report_lock *top = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < r->n_locks; i++) {
		const struct report_lock *l = &r->locks[i];

		if (l->class != class || !l->blocked_ns)
			continue;
		++*ret_n;
		if (!top || l->blocked_ns > top->blocked_ns)
			top = l;
	}
	return top;
}

const struct report_gil *figures_gil_of(const struct report *r, const struct report_lock *l)
{
	for (size_t i = 0; l && i < r->n_gils; i++)
		if (r->gils[i].lock && r->gils[i].lock == l->id)
			return &r->gils[i];
	return NULL;
}

bool figures_held_asleep(const struct figures *f)
{
	return f->gil.asleep > 0 && f->gil.asleep >= HELD_ASLEEP_SHARE * f->loss[LOSS_GIL];
}

double figures_loss_share(const struct figures *f, enum loss loss)
{
	return unit_ratio(f->loss[loss], f->wanted);
}

bool figures_io_mostly(const struct figures *f)
{
	return f->io.ns >= IO_MOSTLY * f->wall && f->wall > 0;
}

bool figures_is_full(const struct figures *f)
{
	return f->on + f->taken >= FULL_SHARE * f->possible;
}

bool figures_is_served(const struct figures *f)
{
	return figures_is_full(f) || f->on + f->io.late >= FULL_SHARE * f->possible;
}

/*
 * Waking up a thread takes some microseconds even if a CPU is free.  Threads that do nothing but
 * wake each other lose most of their time to that; no CPU is missing.
 */
double figures_wake_delay(const struct figures *f)
{
	return unit_ratio(f->loss[LOSS_RUNNABLE], f->switches);
}

double figures_io_overlap(const struct figures *f)
{
	return unit_ratio(f->io.ns, f->io.last - f->io.first);
}

double figures_top_share(const struct figures *f)
{
	return f->top ? within_1(unit_ratio(ns_of(f->top, STATE_ON_CPU), f->on)) : 0;
}
