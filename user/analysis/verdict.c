// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * verdict.c - what serialises the target.
 *
 *	report ──collect()──► figures ──first rule that applies──► sentence, advice, evidence
 *
 * The rules are the table at the end, tried in order: first whether anything can be told at all,
 * then what takes time away from threads that want to run, then how those that got it used it.
 * VERDICT.md explains each rule and threshold; keep the two alike.  Only ratios of measured times
 * decide, except for the few smallest sizes below which a ratio means nothing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/analysis/verdict.h"
#include "user/base/unit.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MS 1e6
#define SEC 1e9

/* Can anything be told? */
#define WINDOW_MIN_NS (50 * MS) /* shorter: start-up and chance decide */
#define WINDOW_SHORT_NS SEC	/* shorter, and ... */
#define WORK_MIN_NS (5 * MS)	/* ... less wanted than this: nothing to judge */
#define UNKNOWN_MAX 0.5		/* of the thread time */
#define DROPPED_MAX 0.05	/* of the records */
#define DISAGREE_MAX 0.10	/* of the CPU time: stream against the kernel's sums */
/* Losses */
#define IDLE_DEMAND 0.05    /* threads that want to run, on average */
#define LOSS_SHARE 0.2	    /* of the wanted time: less does not matter */
#define CAUSE_SHARE 0.5	    /* of the lost time: the main cause */
#define ACTIVE_SHARE 0.1    /* of wanted and I/O time; or ... */
#define LOSS_THREADS 1.0    /* ... so many threads lost all the time */
#define FULL_SHARE 0.8	    /* of what the CPUs allow was used */
#define WAKE_DELAY_NS 1e5   /* runnable for less than this each time: that is no shortage */
#define THROTTLED_SHARE 0.1 /* of the window */
#define STALLED_SHARE 0.25  /* of the busy time: the holder itself sleeps */
#define ONE_LOCK_SHARE 0.8  /* of the waiting is one lock's */
#define MENTION_SHARE 0.1   /* of the wanted time: a second loss is worth a word */
/* I/O */
#define IO_MOSTLY 0.5	    /* of a thread's active time; of the window */
#define IO_DISK_SHARE 0.1   /* of a thread's life: it does I/O, it is not parked */
#define IO_WAKES_PER_S 20.0 /* waits for I/O so often: not parked */
#define IO_OTHER_CPU 0.25   /* CPUs wanted by other threads */
#define IO_OVERLAP 1.25	    /* threads in I/O at the same time */
#define IO_COVERED 0.8	    /* of the time one thread is active */
#define IO_TOP_SHARE 0.8    /* of the active time is one thread's */
/* Use of the CPUs */
#define SOLO_SHARE 0.5	 /* of the busy time only one thread wants to run */
#define TOP_SHARE 0.8	 /* of the CPU time is one thread's */
#define BUSY_SHARE 0.9	 /* of the window somebody wants to run: no need to mention it */
#define WORKER_SHARE 0.1 /* of the longest worker's CPU time: comparable work */
#define IMBALANCE 2.0	 /* longest worker against the mean of the others */
#define TAIL_SHARE 0.2	 /* of the time the longest worker is alone */
#define MANY_RUN 1.5	 /* parallelism of a phase: more than one thread */
#define ONE_RUNS 0.5	 /* ... about one */

enum loss {
	LOSS_RUNNABLE,
	LOSS_LOCK,
	LOSS_GIL,
	LOSS_COUNT,
};

static const char *const loss_names[LOSS_COUNT] = {
	[LOSS_RUNNABLE] = "waiting for a CPU",
	[LOSS_LOCK] = "waiting for locks",
	[LOSS_GIL] = "waiting for the GIL",
};

/* All threads whose life is mostly waiting for I/O or timers, and that are not parked in it. */
struct io_figures {
	double disk, ipc, sleep, ns; /* ns: their sum */
	double wanted, life, first, last, top;
	size_t threads;
};

/* What the rules look at.  Times are ns; sums over threads unless they say wall. */
struct figures {
	const struct report *r;
	double wall, span;	  /* wall: window, life of the target in it */
	double dropped, disagree; /* shares: records lost; stream against kernel sums */
	bool doubtful;		  /* the records do not tell enough */
	double total, on, klock, wanted, lost;
	double loss[LOSS_COUNT];
	double ceiling;
	double demand;	   /* threads that want to run, on average */
	double possible;   /* CPU time if only the ceiling held back who wanted to run */
	double excess;	   /* wanted beyond the ceiling */
	double busy, solo; /* wall: at least one, exactly one wanted to run */
	double switches;   /* how often threads became runnable */
	double stalled;	   /* wall: somebody wanted to run, nobody did or was runnable */
	double throttled;
	struct io_figures io;
	const struct report_thread *top;
	/* imbalance: the worker with most CPU time and the others like it */
	const struct report_thread *longest;
	size_t workers;
	double others_mean;
};

static double min_of(double a, double b)
{
	return a < b ? a : b;
}

static double max_of(double a, double b)
{
	return a > b ? a : b;
}

static double within_1(double share)
{
	return max_of(0, min_of(1, share));
}

/* --- figures --------------------------------------------------------------------------------- */

static double ns_of(const struct report_thread *t, enum report_state state)
{
	return (double)t->state_ns[state];
}

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
	f->klock = (double)ns[STATE_KLOCK];
	f->loss[LOSS_RUNNABLE] = (double)ns[STATE_WOKEN] + (double)ns[STATE_PREEMPTED];
	f->loss[LOSS_LOCK] = (double)ns[STATE_LOCK];
	f->loss[LOSS_GIL] = (double)ns[STATE_GIL];
	for (size_t i = 0; i < LOSS_COUNT; i++)
		f->lost += f->loss[i];
	f->wanted = f->on + f->lost;
}

static double bucket(const struct report_histogram *h, size_t k)
{
	return k < h->n ? (double)h->ns[k] : 0;
}

/* Exact for any ups and downs of the demand, which averages over the window are not. */
static void collect_demand(struct figures *f, const struct report_parallelism *par)
{
	const struct report_histogram *h = &par->wanted;

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

		f->busy += bucket(h, k);
		f->possible += use * bucket(h, k);
		f->excess += ((double)k - use) * bucket(h, k);
	}
	f->solo = bucket(h, 1);
	f->stalled = max_of(0, bucket(&par->running, 0) - bucket(h, 0) - f->loss[LOSS_RUNNABLE]);
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

static void collect_io(struct io_figures *io, const struct report_thread *t)
{
	double disk = ns_of(t, STATE_IO_DISK) + ns_of(t, STATE_FAULT);
	double ipc = ns_of(t, STATE_IO_IPC), sleep = ns_of(t, STATE_SLEEP);
	double ns = disk + ipc + sleep;

	if (!does_io(t, ns))
		return;
	if (!io->threads++ || (double)t->begin_ns < io->first)
		io->first = (double)t->begin_ns;
	io->last = max_of(io->last, (double)t->end_ns);
	io->top = max_of(io->top, ns + thread_wanted(t));
	io->life += (double)t->life_ns;
	io->wanted += thread_wanted(t);
	io->disk += disk;
	io->ipc += ipc;
	io->sleep += sleep;
	io->ns += ns;
}

static void collect_threads(struct figures *f, const struct report *r)
{
	double first = f->wall, last = 0;

	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		collect_io(&f->io, t);
		f->switches += (double)t->voluntary + (double)t->involuntary;
		if (!t->tid) { /* many threads added up: no life of its own */
			first = 0;
			last = f->wall;
			continue;
		}
		first = min_of(first, (double)t->begin_ns);
		last = max_of(last, (double)t->end_ns);
		if (!f->top || t->state_ns[STATE_ON_CPU] > f->top->state_ns[STATE_ON_CPU])
			f->top = t;
	}
	f->span = last > first ? last - first : 0;
}

/* The main thread that works beside others, or beside children, is none of the workers. */
static bool coordinates(const struct report *r, const struct report_thread *t, double worth)
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

		if (!t->tid || on <= 0 || on < worth || coordinates(r, t, worth))
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

static void collect_quality(struct figures *f, const struct report_quality *q)
{
	f->dropped = unit_ratio((double)q->dropped, (double)q->made);
	if (f->on >= IDLE_DEMAND * f->wall)
		f->disagree = unit_ratio((double)q->disagreement_ns, f->on);
	f->doubtful = f->dropped > DROPPED_MAX || f->disagree > DISAGREE_MAX;
}

static void collect(struct figures *f, const struct report *r)
{
	*f = (struct figures){ .r = r };
	f->wall = (double)(r->par.wall_ns ? r->par.wall_ns : r->window_ns);
	collect_budget(f, r);
	collect_quality(f, &r->quality);
	collect_demand(f, &r->par);
	collect_threads(f, r);
	collect_workers(f, r);
	/* not the sum: processes of one cgroup all show the same number */
	for (size_t i = 0; i < r->n_processes; i++)
		f->throttled = max_of(f->throttled, (double)r->processes[i].throttled_ns);
}

static const struct report_lock *top_lock(const struct report *r, enum report_lock_class class,
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

/* --- text ------------------------------------------------------------------------------------ */

#define TEXT_MAX 301 /* of sentence and advice, with the NUL */

static void add(char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, TEXT_MAX - len, fmt, ap);
	va_end(ap);
}

static struct unit_text percent(double share)
{
	struct unit_text t = unit_decimal(share * 100, 0);

	if (share > 0 && share < 0.005)
		strcpy(t.s, "<1");
	strcat(t.s, " %");
	return t;
}

/* Threads or CPUs: two digits that mean something. */
static struct unit_text amount(double n)
{
	if (n > 0 && n < 0.005)
		return (struct unit_text){ "<0.01" };
	return unit_decimal(n, n < 9.95 ? n < 1.995 ? 2 : 1 : 0);
}

static struct unit_text cpus(double n)
{
	bool whole = n == (double)(uint64_t)n;

	return unit_decimal(n, whole ? 0 : 2);
}

static void add_thread(char *text, const char *comm, uint32_t tid)
{
	add(text, "%.*s (%u)", WIRE_COMM_LEN, *comm ? comm : "thread", tid);
}

static void add_lock(char *text, const struct report_lock *l)
{
	const char *kind = l->kind ? l->kind : "lock";

	if (*l->name)
		add(text, "%.*s", (int)sizeof(l->name), l->name);
	else
		add(text, "%s 0x%llx", kind, (unsigned long long)l->addr);
	if (strcmp(kind, "hand-off lock") == 0)
		add(text, ", which behaves like a GIL");
	if (!l->shared && l->pid && l->class == LOCK_CLASS_LOCK)
		add(text, " of process %u", l->pid);
}

/* "4.0 threads wanted to run, 1.02 did" */
static void add_wanted(char *text, const struct figures *f)
{
	add(text, "%s threads wanted to run, %s did", amount(f->demand).s,
	    amount(f->r->par.average).s);
}

static double share_of_wanted(const struct figures *f, enum loss loss)
{
	return unit_ratio(f->loss[loss], f->wanted);
}

/* --- can anything be told? ------------------------------------------------------------------- */

static bool io_mostly(const struct figures *f)
{
	return f->io.ns >= IO_MOSTLY * f->wall && f->wall > 0;
}

static bool is_too_short(const struct figures *f)
{
	return !f->r->n_threads || f->wall < WINDOW_MIN_NS || f->span < WINDOW_MIN_NS ||
	       (f->wall < WINDOW_SHORT_NS && f->wanted < WORK_MIN_NS && !io_mostly(f));
}

static void say_too_short(const struct figures *f, struct report_verdict *v)
{
	if (!f->r->n_threads)
		add(v->sentence, "no thread of the target was seen inside the window of %s",
		    unit_ns((uint64_t)f->wall).s);
	else if (f->wall >= WINDOW_MIN_NS && f->span < WINDOW_MIN_NS)
		add(v->sentence, "the target lived for only %s of the window",
		    unit_ns((uint64_t)f->span).s);
	else
		add(v->sentence, "%s were watched, with %s of CPU time in them",
		    unit_ns((uint64_t)f->wall).s, unit_ns((uint64_t)f->on).s);
	add(v->advice, "watch for a second or more, while the target works");
}

static bool is_unaccounted(const struct figures *f)
{
	return (double)f->r->budget.state_ns[STATE_UNKNOWN] > UNKNOWN_MAX * f->total;
}

static void say_unaccounted(const struct figures *f, struct report_verdict *v)
{
	double unknown = (double)f->r->budget.state_ns[STATE_UNKNOWN];

	add(v->sentence, "cannot tell: %s of the thread time could not be accounted for",
	    percent(unit_ratio(unknown, f->total)).s);
	add(v->advice, "see what the report says about quality");
}

static const char *const idle_in[STATE_COUNT] = {
	[STATE_COND] = "waiting for work or for other threads",
	[STATE_IO_DISK] = "disk I/O",
	[STATE_IO_IPC] = "waiting for network, pipes or events",
	[STATE_SLEEP] = "sleeping on timers",
	[STATE_CHILD] = "waiting for child processes",
	[STATE_FAULT] = "page faults",
	[STATE_STOPPED] = "being stopped or frozen",
	[STATE_OTHER] = "waiting in other system calls",
};

static enum report_state idle_state(const struct figures *f)
{
	const uint64_t *ns = f->r->budget.state_ns;
	enum report_state most = STATE_OTHER;

	for (int i = 0; i < STATE_COUNT; i++)
		if (idle_in[i] && ns[i] > ns[most])
			most = (enum report_state)i;
	return most;
}

static bool is_idle(const struct figures *f)
{
	return f->wanted + f->klock < IDLE_DEMAND * f->span && !io_mostly(f);
}

static void say_idle(const struct figures *f, struct report_verdict *v)
{
	enum report_state most = idle_state(f);

	add(v->sentence, "it used %s CPUs and hardly wanted more; %s of the thread time went to %s",
	    amount(f->r->par.average).s,
	    percent(unit_ratio((double)f->r->budget.state_ns[most], f->total)).s, idle_in[most]);
	if (most == STATE_STOPPED)
		add(v->advice, "continue it (SIGCONT), thaw its cgroup, or let the debugger go on");
	else if (most == STATE_IO_IPC || most == STATE_SLEEP)
		add(v->advice, "nothing here to speed up by parallelism; whether it has nothing to "
			       "do or waits for something slow outside cannot be told");
	else
		add(v->advice, "nothing here to speed up; watch it while it works");
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

/* Everybody who wanted to run got what the ceiling allows. */
static bool is_full(const struct figures *f)
{
	return f->on >= FULL_SHARE * f->possible;
}

/*
 * Time lost to missing CPUs.  With full CPUs that is the whole excess, whatever the threads wait
 * for: without the lock they would wait for a CPU instead.
 */
static double shortage(const struct figures *f)
{
	return is_full(f) ? max_of(f->loss[LOSS_RUNNABLE], min_of(f->excess, f->lost))
			  : f->loss[LOSS_RUNNABLE];
}

/*
 * Waking up a thread takes some microseconds even if a CPU is free.  Threads that do nothing but
 * wake each other lose most of their time to that; no CPU is missing.
 */
static double wake_delay(const struct figures *f)
{
	return unit_ratio(f->loss[LOSS_RUNNABLE], f->switches);
}

static bool is_waking(const struct figures *f)
{
	return !is_full(f) && f->switches > 0 && wake_delay(f) < WAKE_DELAY_NS &&
	       is_main(f, f->loss[LOSS_RUNNABLE], f->wanted);
}

static bool is_waking_in_turn(const struct figures *f)
{
	return is_waking(f) && f->on < MANY_RUN * f->busy;
}

static double runnable_explains(const struct figures *f)
{
	return unit_ratio(f->loss[LOSS_RUNNABLE], f->lost);
}

static void say_waking(const struct figures *f, struct report_verdict *v)
{
	add(v->sentence,
	    "%s CPUs are used by threads that wake each other all the time (%s switches per "
	    "second); %s of the wanted thread time is the delay of waking up, %s each",
	    amount(f->r->par.average).s,
	    unit_count((uint64_t)unit_ratio(f->switches, f->wall / SEC)).s,
	    percent(share_of_wanted(f, LOSS_RUNNABLE)).s, unit_ns((uint64_t)wake_delay(f)).s);
	add(v->advice,
	    "hand over more work at a time, so that threads sleep and wake up less often");
}

static bool is_cpu_short(const struct figures *f)
{
	return is_main(f, shortage(f), f->wanted);
}

static double cpu_short_explains(const struct figures *f)
{
	return unit_ratio(shortage(f), f->lost);
}

static bool is_throttled(const struct figures *f)
{
	return f->throttled >= THROTTLED_SHARE * f->wall;
}

static void say_cpu_short(const struct figures *f, struct report_verdict *v)
{
	const struct report_parallelism *par = &f->r->par;
	double contended = max_of(f->loss[LOSS_LOCK], f->loss[LOSS_GIL]);

	add_wanted(v->sentence, f);
	if (is_throttled(f)) {
		add(v->sentence, "; its cgroup throttled it for %s, summed over CPUs (%.64s)",
		    unit_ns((uint64_t)f->throttled).s, par->ceiling_why);
		add(v->advice, "raise the CPU quota of the cgroup (cpu.max), or run fewer threads");
	} else if (is_full(f)) {
		add(v->sentence, ", which is about all it may use (%.64s)", par->ceiling_why);
		add(v->advice, "it is as parallel as the CPUs allow: more CPUs or less work would "
			       "help, more threads would not");
	} else {
		add(v->sentence,
		    "; %s of the wanted thread time waited for a CPU although %s may be used "
		    "(%.64s): other programs had them, or threads are bound to the same CPU",
		    percent(share_of_wanted(f, LOSS_RUNNABLE)).s, cpus(f->ceiling).s,
		    par->ceiling_why);
		add(v->advice, "free the machine of other work, or look at the affinity of the "
			       "threads (taskset -ap PID)");
	}
	if (contended >= MENTION_SHARE * f->wanted)
		add(v->advice, "; with more CPUs %s would be the next limit",
		    f->loss[LOSS_GIL] >= f->loss[LOSS_LOCK] ? "the GIL" : "a lock");
}

/* The largest loss, and large enough. */
static bool is_lost_to(const struct figures *f, enum loss loss)
{
	for (size_t i = 0; i < LOSS_COUNT; i++)
		if (f->loss[i] > f->loss[loss])
			return false;
	return is_main(f, f->loss[loss], f->wanted);
}

static bool is_gil_bound(const struct figures *f)
{
	return is_lost_to(f, LOSS_GIL);
}

static double gil_explains(const struct figures *f)
{
	return unit_ratio(f->loss[LOSS_GIL], f->lost);
}

static bool is_lock_bound(const struct figures *f)
{
	return is_lost_to(f, LOSS_LOCK);
}

static double lock_explains(const struct figures *f)
{
	return unit_ratio(f->loss[LOSS_LOCK], f->lost);
}

/* The holder of the lock is asleep itself for much of the time that others wait. */
static bool holder_sleeps(const struct figures *f)
{
	return f->stalled >= STALLED_SHARE * f->busy && f->stalled > 0;
}

static void add_lost_to(const struct figures *f, enum loss loss, char *text)
{
	add_wanted(text, f);
	add(text, "; %s of the wanted thread time went to waiting for ",
	    percent(share_of_wanted(f, loss)).s);
}

static void add_gil_advice(const struct figures *f, const struct report_lock *top, char *text)
{
	if (holder_sleeps(f))
		add(text,
		    "for %s of the window nobody ran although threads waited: the holder "
		    "itself sleeps, probably in native code that keeps the lock during I/O; "
		    "release it there",
		    percent(unit_ratio(f->stalled, f->wall)).s);
	else if (top && strcmp(top->kind ? top->kind : "", "gil") == 0)
		add(text, "run the CPU-bound part in processes, in native code that releases the "
			  "GIL, or on a free-threaded Python; more threads change nothing");
	else
		add(text, "run the work in processes, or outside of this lock; more threads change "
			  "nothing");
}

static void say_gil_bound(const struct figures *f, struct report_verdict *v)
{
	size_t n;
	const struct report_lock *top = top_lock(f->r, LOCK_CLASS_GIL, &n);

	add_lost_to(f, LOSS_GIL, v->sentence);
	if (top)
		add_lock(v->sentence, top);
	else
		add(v->sentence, "a global lock that is handed round");
	if (n > 1 && (double)top->blocked_ns < ONE_LOCK_SHARE * f->loss[LOSS_GIL])
		add(v->sentence, " and %zu more like it", n - 1);
	add_gil_advice(f, top, v->advice);
}

static void add_holder(char *text, const struct report_lock *l)
{
	const struct report_party *h = l->n_top_holders ? &l->top_holders[0] : NULL;

	if (!h || !h->tid)
		return;
	add(text, ", %s of it while held by ",
	    percent(within_1(unit_ratio((double)h->ns, (double)l->blocked_ns))).s);
	add_thread(text, h->comm, h->tid);
}

static void say_lock_bound(const struct figures *f, struct report_verdict *v)
{
	size_t n;
	const struct report_lock *top = top_lock(f->r, LOCK_CLASS_LOCK, &n);
	double share = top ? within_1((double)top->blocked_ns / f->loss[LOSS_LOCK]) : 0;

	add_lost_to(f, LOSS_LOCK, v->sentence);
	if (!top) {
		add(v->sentence, "locks that are not known by name");
	} else if (n == 1 || share >= ONE_LOCK_SHARE) {
		add_lock(v->sentence, top);
		add_holder(v->sentence, top);
	} else {
		add(v->sentence, "%zu locks, %s of it for ", n, percent(share).s);
		add_lock(v->sentence, top);
	}
	if (top && !top->waits && top->open && holder_sleeps(f))
		add(v->advice,
		    "no wait for it ended inside the window: look for a deadlock, or for a "
		    "holder that is blocked elsewhere");
	else if (holder_sleeps(f))
		add(v->advice,
		    "for %s of the window nobody ran although threads waited: do not "
		    "sleep or do I/O while holding the lock",
		    percent(unit_ratio(f->stalled, f->wall)).s);
	else
		add(v->advice,
		    "hold it for a shorter time, or split what it protects; processes help "
		    "only if they do not share the lock");
}

static bool is_kernel_lock(const struct figures *f)
{
	return is_main(f, f->klock, f->wanted + f->klock);
}

static double kernel_lock_explains(const struct figures *f)
{
	return unit_ratio(f->klock, f->lost + f->klock);
}

static void say_kernel_lock(const struct figures *f, struct report_verdict *v)
{
	add(v->sentence,
	    "%s of the time that threads could have run went to waiting for locks inside "
	    "the kernel, such as mmap_lock",
	    percent(unit_ratio(f->klock, f->wanted + f->klock)).s);
	add(v->advice, "fewer mmap, munmap and page faults at the same time in one process, or "
		       "processes instead of threads");
}

/* --- I/O ------------------------------------------------------------------------------------- */

static const char *io_name(const struct io_figures *io)
{
	if (io->disk >= io->ipc && io->disk >= io->sleep)
		return "disk I/O";
	return io->ipc >= io->sleep ? "network, pipes or events" : "timers";
}

/* The program is about I/O: its threads wait, and nobody else wants much CPU time. */
static bool is_about_io(const struct figures *f)
{
	return io_mostly(f) && f->io.last > f->io.first &&
	       f->wanted - f->io.wanted <= max_of(IO_OTHER_CPU * f->wall, f->io.wanted);
}

/* Threads in I/O, on average over the time from the first to the last of them. */
static double io_overlap(const struct figures *f)
{
	return unit_ratio(f->io.ns, f->io.last - f->io.first);
}

static bool is_io_overlapped(const struct figures *f)
{
	return is_about_io(f) && f->io.threads >= 2 && io_overlap(f) >= IO_OVERLAP;
}

static void say_io_overlapped(const struct figures *f, struct report_verdict *v)
{
	add(v->sentence,
	    "%s threads wait for %s at the same time, on average, and %s CPUs are used: "
	    "the waits overlap",
	    amount(io_overlap(f)).s, io_name(&f->io), amount(f->r->par.average).s);
	add(v->advice,
	    "threads are enough for this: processes or more CPUs would change little; more "
	    "of them would overlap more waits, if the other side can take it");
}

/* One at a time: one thread does nearly all, or hardly two of them lived at the same time. */
static bool is_io_serial(const struct figures *f)
{
	double hull = f->io.last - f->io.first, sum = f->io.ns + f->io.wanted;

	return is_about_io(f) && sum >= IO_COVERED * hull && sum <= IO_OVERLAP * hull &&
	       (f->io.top >= IO_TOP_SHARE * sum || f->io.life <= IO_OVERLAP * hull);
}

static void say_io_serial(const struct figures *f, struct report_verdict *v)
{
	add(v->sentence,
	    "mostly one thread at a time waits for %s, %s of the time; %s CPUs are used",
	    io_name(&f->io), percent(within_1(io_overlap(f))).s, amount(f->r->par.average).s);
	add(v->advice, "let the waits overlap: threads, or asynchronous calls");
	if (f->io.ipc >= f->io.sleep && f->io.ipc >= f->io.disk)
		add(v->advice,
		    "; if it does so already (epoll, asyncio), several requests inside one "
		    "wait cannot be seen from here");
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
		    coordinates(f->r, t, worth))
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
	return f->wanted > 0 && f->wanted >= IDLE_DEMAND * f->span && is_full(f);
}

static bool is_imbalanced(const struct figures *f)
{
	return has_demand(f) && f->workers >= 2 && f->solo >= TAIL_SHARE * f->busy &&
	       ns_of(f->longest, STATE_ON_CPU) >= IMBALANCE * f->others_mean &&
	       (outlives_others(f) || has_tail(f) || waits_at_barrier(f));
}

static void say_imbalanced(const struct figures *f, struct report_verdict *v)
{
	add(v->sentence, "of %zu workers ", f->workers);
	add_thread(v->sentence, f->longest->comm, f->longest->tid);
	add(v->sentence,
	    " ran for %s, the others for %s on average; for %s of the busy time only one "
	    "thread wanted to run",
	    unit_ns(f->longest->state_ns[STATE_ON_CPU]).s, unit_ns((uint64_t)f->others_mean).s,
	    percent(unit_ratio(f->solo, f->busy)).s);
	add(v->advice, "divide the work into smaller pieces that the workers take from a queue, so "
		       "that all end at the same time");
}

static bool is_parallel(const struct figures *f)
{
	return has_demand(f) && f->solo < SOLO_SHARE * f->busy;
}

static void say_parallel(const struct figures *f, struct report_verdict *v)
{
	double busy = unit_ratio(f->busy, f->wall), room;
	double used = unit_ratio(f->on, busy < BUSY_SHARE ? f->busy : f->wall);

	room = f->ceiling - unit_ratio(f->possible, f->busy);
	add(v->sentence, "%s of %s CPUs", unit_decimal(used, 2).s, cpus(f->ceiling).s);
	if (busy < BUSY_SHARE)
		add(v->sentence, " while it has work, which is %s of the time", percent(busy).s);
	if (room < (1 - FULL_SHARE) * f->ceiling) {
		add(v->advice, "it uses the CPUs that it may use (%.64s)", f->r->par.ceiling_why);
		return;
	}
	add(v->sentence, "; no more threads want to run");
	add(v->advice, "more threads or processes could use the other %s CPUs",
	    unit_decimal(room, room < 9.95 ? 1 : 0).s);
}

static bool is_sequential(const struct figures *f)
{
	return has_demand(f); /* all others are gone: mostly one at a time */
}

static double top_share(const struct figures *f)
{
	return f->top ? within_1(unit_ratio(ns_of(f->top, STATE_ON_CPU), f->on)) : 0;
}

static void say_sequential(const struct figures *f, struct report_verdict *v)
{
	bool one = top_share(f) >= TOP_SHARE;
	double busy = unit_ratio(f->busy, f->wall);

	if (one) {
		add(v->sentence, "one thread, ");
		add_thread(v->sentence, f->top->comm, f->top->tid);
		add(v->sentence, ", does %s of the work; others hardly wait for a lock or a CPU",
		    percent(top_share(f)).s);
	} else {
		add(v->sentence,
		    "several threads do the work, but for %s of the busy time only one "
		    "of them wants to run",
		    percent(unit_ratio(f->solo, f->busy)).s);
	}
	if (busy < BUSY_SHARE)
		add(v->sentence, "; it has work %s of the time", percent(busy).s);
	if (f->ceiling < MANY_RUN)
		add(v->advice, "more threads would not help: %.64s", f->r->par.ceiling_why);
	else if (!one)
		add(v->advice,
		    "see what lets only one work at a time: a part before or after the parallel "
		    "one, or conditions, semaphores, pipes (Python's threading.Lock looks like "
		    "one)");
	else if (busy < SOLO_SHARE)
		add(v->advice,
		    "it waits for work most of the time; more threads would change little");
	else
		add(v->advice, "divide its work among threads or processes: %s CPUs may be used",
		    cpus(f->ceiling).s);
}

static bool is_rest(const struct figures *f)
{
	(void)f;
	return true;
}

static void say_unclear(const struct figures *f, struct report_verdict *v)
{
	enum loss first = LOSS_RUNNABLE, second;

	for (enum loss i = 0; i < LOSS_COUNT; i++)
		if (f->loss[i] > f->loss[first])
			first = i;
	second = first == LOSS_RUNNABLE ? LOSS_LOCK : LOSS_RUNNABLE;
	for (enum loss i = 0; i < LOSS_COUNT; i++)
		if (i != first && f->loss[i] > f->loss[second])
			second = i;
	add(v->sentence, "no single cause: ");
	if (is_full(f)) {
		add(v->sentence,
		    "hardly anybody wanted to run, and the waits for I/O overlap only in "
		    "part");
		return;
	}
	add_wanted(v->sentence, f);
	add(v->sentence, "; %s of the wanted thread time went to %s, %s to %s",
	    percent(share_of_wanted(f, first)).s, loss_names[first],
	    percent(share_of_wanted(f, second)).s, loss_names[second]);
}

/* --- evidence -------------------------------------------------------------------------------- */

enum evidence {
	EV_NONE,
	EV_DEMAND,
	EV_PARALLELISM,
	EV_CEILING,
	EV_WINDOW,
	EV_CPU_TIME,
	EV_RUNNABLE,
	EV_LOCK,
	EV_GIL,
	EV_KLOCK,
	EV_SERIAL,
	EV_STALLED,
	EV_LOCK_WAITS,
	EV_GIL_WAITS,
	EV_THROTTLED,
	EV_SWITCHES,
	EV_IO_OVERLAP,
	EV_BUSY,
	EV_SOLO,
	EV_TOP,
	EV_COND,
	EV_IMBALANCE,
	EV_UNKNOWN,
	EV_DROPPED,
	EV_DISAGREE,
	EV_COUNT,
};

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
EVIDENCE(ev_runnable, share_of_wanted(f, LOSS_RUNNABLE))
EVIDENCE(ev_lock, share_of_wanted(f, LOSS_LOCK))
EVIDENCE(ev_gil, share_of_wanted(f, LOSS_GIL))
EVIDENCE(ev_klock, unit_ratio(f->klock, f->wanted + f->klock))
EVIDENCE(ev_serial, unit_ratio((double)f->r->par.serial_ns, f->wall))
EVIDENCE(ev_stalled, unit_ratio(f->stalled, f->wall))
EVIDENCE(ev_throttled, f->throttled)
EVIDENCE(ev_switches, unit_ratio(f->switches, f->wall / SEC))
EVIDENCE(ev_io_overlap, io_overlap(f))
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
	const struct report_lock *top = top_lock(f->r, class, &n);

	return top ? unit_ratio((double)top->waits, f->wall / SEC) : 0;
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
	[EV_BUSY] = { "busy_share", "of the window somebody wanted to run", "share", ev_busy, 0 },
	[EV_SOLO] = { "solo_share", "of the busy time only one thread wanted to run", "share",
		      ev_solo, 0 },
	[EV_TOP] = { "top_share", "of the CPU time is one thread's", "share", top_share, 0 },
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

/* --- the rules ------------------------------------------------------------------------------- */

struct rule {
	enum verdict_code code;
	bool from_records; /* not to be told from the kernel's sums alone */
	bool (*applies)(const struct figures *f);
	void (*say)(const struct figures *f, struct report_verdict *v);
	double (*explains)(const struct figures *f);
	enum evidence evidence[7]; /* most telling first; EV_DROPPED or EV_DISAGREE may follow */
};

/* clang-format off */
static const struct rule rules[] = {
	/* can anything be told? */
	{ VERDICT_TOO_SHORT, false, is_too_short, say_too_short, NULL,
	  { EV_WINDOW, EV_CPU_TIME } },
	{ VERDICT_UNCLEAR, false, is_unaccounted, say_unaccounted, NULL,
	  { EV_UNKNOWN, EV_PARALLELISM } },
	{ VERDICT_IDLE, true, is_idle, say_idle, NULL,
	  { EV_PARALLELISM, EV_DEMAND, EV_COND } },
	/* losses */
	{ VERDICT_SEQUENTIAL, false, is_waking_in_turn, say_waking, runnable_explains,
	  { EV_RUNNABLE, EV_SWITCHES, EV_PARALLELISM, EV_DEMAND, EV_COND, EV_LOCK, EV_GIL } },
	{ VERDICT_UNCLEAR, false, is_waking, say_waking, runnable_explains,
	  { EV_RUNNABLE, EV_SWITCHES, EV_PARALLELISM, EV_DEMAND, EV_COND, EV_LOCK, EV_GIL } },
	{ VERDICT_CPU_SHORT, false, is_cpu_short, say_cpu_short, cpu_short_explains,
	  { EV_DEMAND, EV_PARALLELISM, EV_CEILING, EV_RUNNABLE, EV_GIL, EV_LOCK, EV_THROTTLED } },
	{ VERDICT_GIL_BOUND, true, is_gil_bound, say_gil_bound, gil_explains,
	  { EV_GIL, EV_SERIAL, EV_PARALLELISM, EV_STALLED, EV_GIL_WAITS, EV_RUNNABLE, EV_LOCK } },
	{ VERDICT_LOCK_BOUND, true, is_lock_bound, say_lock_bound, lock_explains,
	  { EV_LOCK, EV_SERIAL, EV_PARALLELISM, EV_STALLED, EV_LOCK_WAITS, EV_RUNNABLE, EV_GIL } },
	{ VERDICT_LOCK_BOUND, false, is_kernel_lock, say_kernel_lock, kernel_lock_explains,
	  { EV_KLOCK, EV_DEMAND, EV_PARALLELISM, EV_RUNNABLE, EV_LOCK, EV_GIL } },
	/* I/O */
	{ VERDICT_IO_OVERLAPPED, false, is_io_overlapped, say_io_overlapped, NULL,
	  { EV_IO_OVERLAP, EV_PARALLELISM, EV_DEMAND, EV_LOCK, EV_GIL } },
	{ VERDICT_IO_SERIAL, false, is_io_serial, say_io_serial, NULL,
	  { EV_IO_OVERLAP, EV_PARALLELISM, EV_DEMAND } },
	/* use of the CPUs */
	{ VERDICT_IMBALANCED, true, is_imbalanced, say_imbalanced, NULL,
	  { EV_IMBALANCE, EV_SOLO, EV_PARALLELISM, EV_DEMAND } },
	{ VERDICT_PARALLEL, true, is_parallel, say_parallel, NULL,
	  { EV_PARALLELISM, EV_DEMAND, EV_CEILING, EV_SOLO, EV_RUNNABLE, EV_LOCK, EV_GIL } },
	{ VERDICT_SEQUENTIAL, true, is_sequential, say_sequential, NULL,
	  { EV_SOLO, EV_TOP, EV_PARALLELISM, EV_BUSY, EV_COND, EV_LOCK, EV_GIL } },
	{ VERDICT_UNCLEAR, false, is_rest, say_unclear, NULL,
	  { EV_DEMAND, EV_PARALLELISM, EV_RUNNABLE, EV_LOCK, EV_GIL, EV_KLOCK, EV_COND } },
};
/* clang-format on */

static bool add_evidence(const struct figures *f, struct report_verdict *v, enum evidence id)
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

/* Too little is left of the records: the rule may be wrong, say so instead. */
static bool doubt(const struct figures *f, const struct rule *rule, struct report_verdict *v)
{
	if (!rule->from_records || !f->doubtful)
		return false;
	if (f->dropped > DROPPED_MAX) {
		add(v->sentence, "cannot tell: %s of the records were lost; what is left looks %s",
		    percent(f->dropped).s, report_verdicts[rule->code]);
		add(v->advice,
		    "record again with a larger ring (--ring-size) or for a shorter time");
	} else {
		add(v->sentence,
		    "cannot tell: the records and the kernel's own sums differ by %s of "
		    "the CPU time; the records look %s",
		    percent(f->disagree).s, report_verdicts[rule->code]);
		add(v->advice, "see what the report says about quality, and record again");
	}
	return true;
}

static void apply(const struct figures *f, const struct rule *rule, struct report_verdict *v)
{
	char sentence[TEXT_MAX];
	bool doubtful = doubt(f, rule, v);

	v->code = doubtful ? VERDICT_UNCLEAR : rule->code;
	if (!doubtful) {
		rule->say(f, v);
		v->explained = rule->explains ? within_1(rule->explains(f)) : 0;
	}
	/* the name under which people find it in VERDICT.md */
	memcpy(sentence, v->sentence, sizeof(sentence));
	v->sentence[0] = '\0';
	add(v->sentence, "%s: %s", report_verdicts[v->code], sentence);
	for (size_t i = 0; i < N_OF(rule->evidence) && rule->evidence[i]; i++)
		add_evidence(f, v, rule->evidence[i]);
	if (!add_evidence(f, v, EV_DROPPED))
		add_evidence(f, v, EV_DISAGREE);
}

void verdict_decide(struct report *r)
{
	struct figures f;

	collect(&f, r);
	r->verdict = (struct report_verdict){ 0 };
	for (size_t i = 0; i < N_OF(rules); i++) {
		if (!rules[i].applies(&f))
			continue;
		apply(&f, &rules[i], &r->verdict);
		return;
	}
}
