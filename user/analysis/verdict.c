// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verdict.c - what serialises the target.
 *
 *	report ──figures.c──► figures ──first rule that applies──► sentence, advice, evidence
 *
 * The rules are the table at the end, tried in order: first whether anything can be told at all,
 * then what takes time away from threads that want to run, then how those that got it used it.
 * VERDICT.md explains each rule, thresholds.h has the numbers that decide; keep the two alike.
 */
#include <string.h>

#include "user/analysis/evidence.h"
#include "user/analysis/thresholds.h"
#include "user/analysis/verdict.h"
#include "user/analysis/verdict_say.h"
#include "user/base/unit.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- can anything be told? ------------------------------------------------------------------- */

static bool is_too_short(const struct figures *f)
{
	return !f->r->n_threads || f->wall < WINDOW_MIN_NS || f->span < WINDOW_MIN_NS ||
	       (f->wall < WINDOW_SHORT_NS && f->wanted < WORK_MIN_NS && !figures_io_mostly(f));
}

static bool is_unaccounted(const struct figures *f)
{
	return (double)f->r->budget.state_ns[STATE_UNKNOWN] > UNKNOWN_MAX * f->total;
}

/*
 * What it hardly wants with free CPUs is no demand: a thread that wakes up a thousand times a
 * second for nothing may be late each time, on a busy machine by as much as it sleeps.  But if
 * somebody wants to run for most of the time, CPUs are what is missing.
 */
static bool is_without_demand(const struct figures *f)
{
	double woken = f->busy < IDLE_BUSY * f->span ? f->woken : 0;

	return f->wanted + f->klock - woken < IDLE_DEMAND * f->span;
}

/* A thread in I/O that somebody waits for (a join, a queue of one) makes no pool. */
static bool is_idle(const struct figures *f)
{
	return is_without_demand(f) &&
	       (!figures_io_mostly(f) || f->waiting >= IDLE_WAITERS * f->io.ns);
}

/* --- losses: who wanted to run and did not --------------------------------------------------- */

/* Does this loss, out of so much wanted time, make a main cause? */
static bool is_main(const struct figures *f, double loss, double wanted)
{
	double active = wanted + f->io.ns;

	return wanted >= IDLE_DEMAND * f->span && loss >= LOSS_SHARE * wanted &&
	       loss >= CAUSE_SHARE * (f->lost + f->klock) &&
	       (loss >= ACTIVE_SHARE * active || loss >= LOSS_THREADS * f->wall);
}

/*
 * Time lost to missing CPUs, waits for a GIL whose holder has none included.  With full CPUs that
 * is the whole excess, whatever the threads wait for: without the lock they would wait for a CPU
 * instead.
 */
static double shortage(const struct figures *f)
{
	return figures_is_full(f) ? max_of(f->cause[LOSS_RUNNABLE], min_of(f->excess, f->lost))
				  : f->cause[LOSS_RUNNABLE];
}

static bool is_waking(const struct figures *f)
{
	return !figures_is_full(f) && f->switches > 0 && figures_wake_delay(f) < WAKE_DELAY_NS &&
	       figures_top_share(f) < TOP_SHARE && is_main(f, f->cause[LOSS_RUNNABLE], f->wanted);
}

static bool is_waking_in_turn(const struct figures *f)
{
	return is_waking(f) && f->on < MANY_RUN * f->busy;
}

static double runnable_explains(const struct figures *f)
{
	return unit_ratio(f->cause[LOSS_RUNNABLE], f->lost);
}

static bool is_cpu_short(const struct figures *f)
{
	return is_main(f, shortage(f), f->wanted);
}

static double cpu_short_explains(const struct figures *f)
{
	return unit_ratio(shortage(f), f->lost);
}

/* The largest loss, and large enough. */
static bool is_lost_to(const struct figures *f, enum loss loss)
{
	for (size_t i = 0; i < LOSS_COUNT; i++)
		if (f->cause[i] > f->cause[loss])
			return false;
	return is_main(f, f->cause[loss], f->wanted);
}

/* Waiting for the GIL, and for the lock that somebody waits for with the GIL in his hands. */
static double held_loss(const struct figures *f)
{
	return f->cause[LOSS_GIL] + min_of(f->loss[LOSS_LOCK], f->gil.on_locks);
}

static bool is_gil_held(const struct figures *f)
{
	double lock = f->loss[LOSS_LOCK] - min_of(f->loss[LOSS_LOCK], f->gil.on_locks);

	return figures_held_asleep(f) && held_loss(f) >= f->cause[LOSS_RUNNABLE] &&
	       held_loss(f) >= lock && is_main(f, held_loss(f), f->wanted);
}

static double gil_held_explains(const struct figures *f)
{
	return unit_ratio(held_loss(f), f->lost);
}

static bool is_gil_bound(const struct figures *f)
{
	return is_lost_to(f, LOSS_GIL);
}

static double gil_explains(const struct figures *f)
{
	return unit_ratio(f->cause[LOSS_GIL], f->lost);
}

static bool is_lock_bound(const struct figures *f)
{
	return is_lost_to(f, LOSS_LOCK);
}

static double lock_explains(const struct figures *f)
{
	return unit_ratio(f->cause[LOSS_LOCK], f->lost);
}

static bool is_kernel_lock(const struct figures *f)
{
	return is_main(f, f->klock, f->wanted + f->klock);
}

static double kernel_lock_explains(const struct figures *f)
{
	return unit_ratio(f->klock, f->lost + f->klock);
}

/* --- I/O ------------------------------------------------------------------------------------- */

/* The program is about I/O: its threads wait, and nobody else wants much CPU time. */
static bool is_about_io(const struct figures *f)
{
	return figures_io_mostly(f) && f->io.last > f->io.first &&
	       f->wanted - f->io.wanted - f->io.late <=
		       max_of(IO_OTHER_CPU * f->wall, f->io.wanted);
}

static bool is_io_overlapped(const struct figures *f)
{
	return is_about_io(f) && f->io.threads >= 2 && figures_io_overlap(f) >= IO_OVERLAP;
}

/* One at a time: one thread does nearly all, or hardly two of them lived at the same time. */
static bool is_one_in_io(const struct figures *f)
{
	double hull = f->io.last - f->io.first, sum = f->io.ns + f->io.wanted;

	return is_about_io(f) && sum >= IO_COVERED * hull && sum <= IO_OVERLAP * hull &&
	       (f->io.top >= IO_TOP_SHARE * sum || f->io.life <= IO_OVERLAP * hull);
}

/* One thread, but what it waits for can be any number of requests. */
static bool is_event_loop(const struct figures *f)
{
	return is_one_in_io(f) && f->io.loop >= LOOP_SHARE * (f->io.ns - f->io.late) &&
	       f->io.top >= IO_TOP_SHARE * (f->io.ns + f->io.wanted);
}

/* --- use of the CPUs ------------------------------------------------------------------------- */

/* The others began with the longest worker, ended, and left it alone for much of its life. */
static bool outlives_others(const struct figures *f)
{
	const struct report_thread *l = f->longest;
	double life = (double)l->life_ns, worth = WORKER_SHARE * ns_of(l, STATE_ON_CPU), end = 0;

	for (size_t i = 0; i < f->r->n_threads; i++) {
		const struct report_thread *t = &f->r->threads[i];
		double apart = (double)t->begin_ns - (double)l->begin_ns;

		if (t == l || !t->tid || ns_of(t, STATE_ON_CPU) < worth ||
		    figures_coordinates(f->r, t, worth))
			continue;
		if (!t->ended || apart > WORKER_SHARE * life || -apart > WORKER_SHARE * life)
			return false;
		end = max_of(end, (double)t->end_ns);
	}
	return (double)l->end_ns - end >= TAIL_SHARE * life;
}

/* Several ran at first, one at the end. */
static bool has_tail(const struct figures *f)
{
	const struct report_phase *p = f->r->phases;
	double head = 0, tail = 0;
	size_t split = 0;

	for (size_t i = 0; i < f->r->n_phases; i++)
		if (p[i].parallelism >= MANY_RUN)
			split = i + 1;
	for (size_t i = 0; i < f->r->n_phases; i++) {
		double ns = (double)(p[i].end_ns - p[i].begin_ns);

		if (i < split && p[i].parallelism >= MANY_RUN)
			head += ns;
		else if (i >= split && p[i].parallelism >= ONE_RUNS)
			tail += ns;
	}
	return tail >= TAIL_SHARE * f->busy && head >= WORKER_SHARE * f->busy && tail > 0;
}

static bool waits_at_barrier(const struct figures *f)
{
	double ns = 0;

	for (size_t i = 0; i < f->r->n_locks; i++)
		if (f->r->locks[i].kind && strcmp(f->r->locks[i].kind, "barrier") == 0)
			ns += (double)f->r->locks[i].blocked_ns;
	return ns >= TAIL_SHARE * f->wanted;
}

static bool has_demand(const struct figures *f)
{
	return f->wanted > 0 && f->wanted >= IDLE_DEMAND * f->span && figures_is_served(f);
}

static bool is_imbalanced(const struct figures *f)
{
	return has_demand(f) && f->workers >= 2 && f->solo >= TAIL_SHARE * f->busy &&
	       ns_of(f->longest, STATE_ON_CPU) >= IMBALANCE * f->others_mean &&
	       (outlives_others(f) || has_tail(f) || waits_at_barrier(f));
}

static bool is_parallel(const struct figures *f)
{
	return has_demand(f) && f->solo < SOLO_SHARE * f->busy;
}

static bool is_sequential(const struct figures *f)
{
	return has_demand(f); /* all others are gone: mostly one at a time */
}

static bool is_rest(const struct figures *f)
{
	(void)f;
	return true;
}

/* --- the rules ------------------------------------------------------------------------------- */

struct rule {
	const char *name; /* its row in VERDICT.md */
	enum verdict_code code;
	bool from_records; /* not to be told from the kernel's sums alone */
	bool (*applies)(const struct figures *f);
	void (*say)(const struct figures *f, struct report_verdict *v);
	double (*explains)(const struct figures *f);
	enum evidence evidence[8]; /* most telling first; EV_DROPPED or EV_DISAGREE may follow */
};

/* clang-format off */
static const struct rule rules[] = {
	/* can anything be told? */
	{ "too-short", VERDICT_TOO_SHORT, false, is_too_short, say_too_short, NULL,
	  { EV_WINDOW, EV_CPU_TIME } },
	{ "unaccounted", VERDICT_UNCLEAR, false, is_unaccounted, say_unaccounted, NULL,
	  { EV_UNKNOWN, EV_PARALLELISM } },
	{ "idle", VERDICT_IDLE, true, is_idle, say_idle, NULL,
	  { EV_PARALLELISM, EV_DEMAND, EV_COND } },
	/* losses */
	{ "waking-in-turn", VERDICT_SEQUENTIAL, false, is_waking_in_turn, say_waking, runnable_explains,
	  { EV_RUNNABLE, EV_SWITCHES, EV_PARALLELISM, EV_DEMAND, EV_COND, EV_LOCK, EV_GIL } },
	{ "waking", VERDICT_UNCLEAR, false, is_waking, say_waking, runnable_explains,
	  { EV_RUNNABLE, EV_SWITCHES, EV_PARALLELISM, EV_DEMAND, EV_COND, EV_LOCK, EV_GIL } },
	{ "cpu-short", VERDICT_CPU_SHORT, false, is_cpu_short, say_cpu_short, cpu_short_explains,
	  { EV_DEMAND, EV_PARALLELISM, EV_CEILING, EV_RUNNABLE, EV_GIL_NO_CPU, EV_THROTTLED,
	    EV_GIL, EV_LOCK } },
	{ "gil-held", VERDICT_GIL_HELD_BLOCKED, true, is_gil_held, say_gil_held, gil_held_explains,
	  { EV_GIL, EV_HELD_ASLEEP, EV_HELD_LONGEST, EV_PARALLELISM, EV_STALLED, EV_RUNNABLE,
	    EV_LOCK } },
	{ "gil-bound", VERDICT_GIL_BOUND, true, is_gil_bound, say_gil_bound, gil_explains,
	  { EV_GIL, EV_SERIAL, EV_PARALLELISM, EV_HANDOFFS, EV_STALLED, EV_GIL_WAITS,
	    EV_RUNNABLE } },
	{ "lock-bound", VERDICT_LOCK_BOUND, true, is_lock_bound, say_lock_bound, lock_explains,
	  { EV_LOCK, EV_SERIAL, EV_PARALLELISM, EV_STALLED, EV_LOCK_WAITS, EV_RUNNABLE, EV_GIL } },
	{ "kernel-lock", VERDICT_LOCK_BOUND, false, is_kernel_lock, say_kernel_lock, kernel_lock_explains,
	  { EV_KLOCK, EV_DEMAND, EV_PARALLELISM, EV_RUNNABLE, EV_LOCK, EV_GIL } },
	/* I/O */
	{ "io-overlapped", VERDICT_IO_OVERLAPPED, false, is_io_overlapped, say_io_overlapped, NULL,
	  { EV_IO_OVERLAP, EV_PARALLELISM, EV_DEMAND, EV_CONVOY, EV_LOCK, EV_GIL } },
	{ "event-loop", VERDICT_UNCLEAR, false, is_event_loop, say_event_loop, NULL,
	  { EV_LOOP, EV_PARALLELISM, EV_DEMAND, EV_SWITCHES } },
	{ "io-serial", VERDICT_IO_SERIAL, false, is_one_in_io, say_io_serial, NULL,
	  { EV_IO_OVERLAP, EV_PARALLELISM, EV_DEMAND } },
	/* use of the CPUs */
	{ "imbalanced", VERDICT_IMBALANCED, true, is_imbalanced, say_imbalanced, NULL,
	  { EV_IMBALANCE, EV_SOLO, EV_PARALLELISM, EV_DEMAND } },
	{ "parallel", VERDICT_PARALLEL, true, is_parallel, say_parallel, NULL,
	  { EV_PARALLELISM, EV_DEMAND, EV_CEILING, EV_RELEASED, EV_SOLO, EV_RUNNABLE, EV_LOCK,
	    EV_GIL } },
	{ "sequential", VERDICT_SEQUENTIAL, true, is_sequential, say_sequential, NULL,
	  { EV_SOLO, EV_TOP, EV_PARALLELISM, EV_BUSY, EV_COND, EV_LOCK, EV_GIL } },
	{ "no-single-cause", VERDICT_UNCLEAR, false, is_rest, say_unclear, NULL,
	  { EV_DEMAND, EV_PARALLELISM, EV_RUNNABLE, EV_LOCK, EV_GIL, EV_KLOCK, EV_COND } },
};
/* clang-format on */

static void apply(const struct figures *f, const struct rule *rule, struct report_verdict *v)
{
	bool doubtful = rule->from_records && f->doubtful;

	v->code = doubtful ? VERDICT_UNCLEAR : rule->code;
	v->rule = doubtful ? "in-doubt" : rule->name;
	if (doubtful) {
		say_doubt(f, rule->code, v);
	} else {
		rule->say(f, v);
		v->explained = rule->explains ? within_1(rule->explains(f)) : 0;
	}
	say_name(v);
	for (size_t i = 0; i < N_OF(rule->evidence) && rule->evidence[i]; i++)
		if (v->n_evidence < N_OF(v->evidence) - 1) /* room for what follows */
			evidence_add(f, rule->evidence[i], v);
	if (!evidence_add(f, EV_DROPPED, v))
		evidence_add(f, EV_DISAGREE, v);
}

void verdict_decide(struct report *r)
{
	struct figures f;

	figures_collect(&f, r);
	r->verdict = (struct report_verdict){ 0 };
	for (size_t i = 0; i < N_OF(rules); i++) {
		if (!rules[i].applies(&f))
			continue;
		apply(&f, &rules[i], &r->verdict);
		return;
	}
}
