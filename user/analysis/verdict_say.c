// SPDX-License-Identifier: GPL-2.0-or-later
/* verdict_say.c - sentence and advice of each verdict, in the order of the rules. */
#include <string.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/verdict_say.h"
#include "user/analysis/words.h"
#include "user/base/unit.h"

static const char *const loss_names[LOSS_COUNT] = {
	[LOSS_RUNNABLE] = "waiting for a CPU",
	[LOSS_LOCK] = "waiting for locks",
	[LOSS_GIL] = "waiting for the GIL",
};

static const char *loss_name(const struct figures *f, enum loss loss)
{
	if (loss == LOSS_GIL && f->gil.none)
		return "waiting for a lock that is handed round";
	return loss_names[loss];
}

static const char *io_name(const struct io_figures *io)
{
	if (io->disk >= io->ipc && io->disk >= io->sleep)
		return "disk I/O";
	return io->ipc >= io->sleep ? "network, pipes or events" : "timers";
}

/* --- can anything be told? ------------------------------------------------------------------- */

void say_too_short(const struct figures *f, struct report_verdict *v)
{
	if (!f->r->n_threads)
		words_add(v->sentence, "no thread of the target was seen inside the window of %s",
			  unit_ns((uint64_t)f->wall).s);
	else if (f->wall >= WINDOW_MIN_NS && f->span < WINDOW_MIN_NS)
		words_add(v->sentence, "the target lived for only %s of the window",
			  unit_ns((uint64_t)f->span).s);
	else
		words_add(v->sentence, "%s were watched, with %s of CPU time in them",
			  unit_ns((uint64_t)f->wall).s, unit_ns((uint64_t)f->on).s);
	words_add(v->advice,
		  "watch for a second or more while it works: give it more to do, repeat it in a "
		  "loop of the shell, or attach with -d 5s");
}

void say_unaccounted(const struct figures *f, struct report_verdict *v)
{
	double unknown = (double)f->r->budget.state_ns[STATE_UNKNOWN];

	words_add(v->sentence, "cannot tell: %s of the thread time could not be accounted for",
		  words_percent(unit_ratio(unknown, f->total)).s);
	words_add(v->advice,
		  "see what the report says about quality; watch it from its start (run), or for "
		  "longer (-d)");
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

void say_idle(const struct figures *f, struct report_verdict *v)
{
	enum report_state most = idle_state(f);

	words_add(v->sentence,
		  "it used %s CPUs and hardly wanted more; %s of the thread time went to %s",
		  words_amount(f->r->par.average).s,
		  words_percent(unit_ratio((double)f->r->budget.state_ns[most], f->total)).s,
		  idle_in[most]);
	if (most == STATE_STOPPED)
		words_add(v->advice,
			  "continue it (SIGCONT), thaw its cgroup, or let the debugger go on");
	else if (most == STATE_IO_IPC || most == STATE_SLEEP)
		words_add(
			v->advice,
			"more threads or CPUs would change nothing; whether it has nothing to do "
			"or waits for something slow outside cannot be told: watch it under load");
	else
		words_add(v->advice,
			  "there is nothing to speed up; watch it while it works, or for longer "
			  "(-d)");
	if (most == STATE_COND && figures_io_mostly(f))
		words_add(v->advice,
			  "; whether the waits for %s beside it are its work cannot be told",
			  io_name(&f->io));
}

/* --- losses: who wanted to run and did not --------------------------------------------------- */

void say_waking(const struct figures *f, struct report_verdict *v)
{
	words_add(v->sentence,
		  "%s CPUs are used by threads that wake each other all the time (%s switches per "
		  "second); %s of the wanted thread time is the delay of waking up, %s each",
		  words_amount(f->r->par.average).s,
		  unit_count((uint64_t)unit_ratio(f->switches, f->wall / SEC)).s,
		  words_percent(figures_loss_share(f, LOSS_RUNNABLE)).s,
		  unit_ns((uint64_t)figures_wake_delay(f)).s);
	words_add(v->advice,
		  "hand over more work at a time, so that threads sleep and wake up less often; "
		  "more threads or CPUs would change little");
}

static bool is_throttled(const struct figures *f)
{
	return f->throttled >= THROTTLED_SHARE * f->wall;
}

void say_cpu_short(const struct figures *f, struct report_verdict *v)
{
	const struct report_parallelism *par = &f->r->par;
	double contended = max_of(f->cause[LOSS_LOCK], f->cause[LOSS_GIL]);
	bool gil = f->cause[LOSS_GIL] >= f->cause[LOSS_LOCK] && !f->gil.none;
	const char *behind = "";

	if (f->loss[LOSS_GIL] - f->cause[LOSS_GIL] >= MENTION_SHARE * f->wanted)
		behind = ", or for the GIL of a thread without one,";
	else if (f->loss[LOSS_LOCK] - f->cause[LOSS_LOCK] >= MENTION_SHARE * f->wanted)
		behind = ", or for the lock of a thread without one,";
	words_wanted(v->sentence, f);
	if (is_throttled(f)) {
		words_add(v->sentence, "; its cgroup throttled it for %s, summed over CPUs (%.64s)",
			  unit_ns((uint64_t)f->throttled).s, par->ceiling_why);
		words_add(v->advice,
			  "raise the CPU quota of the cgroup (cpu.max), or run fewer threads");
	} else if (f->on >= FULL_SHARE * f->possible) {
		words_add(v->sentence, ", which is about all it may use (%.64s)", par->ceiling_why);
		words_released(f, v->sentence);
		words_add(
			v->advice,
			"it is as parallel as the CPUs allow: more CPUs (--what-if cpus:N says how "
			"much they bring) or less work would help, more threads would not");
	} else {
		words_add(
			v->sentence,
			"; %s of the wanted thread time waited for a CPU%s although %s may be used "
			"(%.64s): other programs had them, or threads are bound to the same CPU",
			words_percent(unit_ratio(f->cause[LOSS_RUNNABLE], f->wanted)).s, behind,
			words_cpus(f->ceiling).s, par->ceiling_why);
		words_add(v->advice,
			  "free the machine of other work, or look at the affinity of the "
			  "threads (taskset -ap PID)");
	}
	if (contended >= MENTION_SHARE * f->wanted)
		words_add(v->advice, "; with more CPUs %s would be the next limit",
			  gil ? "the GIL" : "a lock");
}

/* Of a lock of which no runtime tells who holds it. */
static bool holder_sleeps(const struct figures *f)
{
	return f->stalled >= STALLED_SHARE * f->busy && f->stalled > 0;
}

static void add_holder(char *text, const struct report_lock *l)
{
	const struct report_party *h = l->n_top_holders ? &l->top_holders[0] : NULL;

	if (!h || !h->tid)
		return;
	words_add(text, ", %s of it while held by ",
		  words_percent(within_1(unit_ratio((double)h->ns, (double)l->blocked_ns))).s);
	words_thread(text, h->name, h->comm, h->tid);
}

void say_lock_bound(const struct figures *f, struct report_verdict *v)
{
	size_t n;
	const struct report_lock *top = figures_top_lock(f->r, LOCK_CLASS_LOCK, &n);
	double share = top ? within_1((double)top->blocked_ns / f->loss[LOSS_LOCK]) : 0;

	words_lost_to(f, LOSS_LOCK, v->sentence);
	if (!top) {
		words_add(v->sentence, "locks that are not known by name");
	} else if (n == 1 || share >= ONE_LOCK_SHARE) {
		words_lock(v->sentence, top);
		add_holder(v->sentence, top);
		if (top->n_sites)
			words_place(v->sentence, ", waited for most at ", &top->sites[0].place);
		if (top->n_holding)
			words_place(v->sentence, ", held most at ", &top->holding[0].place);
	} else {
		words_add(v->sentence, "%zu locks, %s of it for ", n, words_percent(share).s);
		words_lock(v->sentence, top);
	}
	if (top && !top->waits && top->open && holder_sleeps(f))
		words_add(v->advice,
			  "no wait for it ended inside the window: look for a deadlock, or for a "
			  "holder that is blocked elsewhere");
	else if (holder_sleeps(f))
		words_add(v->advice,
			  "for %s of the window nobody ran although threads waited: do not "
			  "sleep or do I/O while holding the lock",
			  words_percent(unit_ratio(f->stalled, f->wall)).s);
	else
		words_add(v->advice,
			  "hold it for a shorter time, or split what it protects; processes help "
			  "only if they do not share the lock");
	if (top)
		words_add(v->advice, " (--what-if no-lock:L%u says how much)", top->id);
}

void say_kernel_lock(const struct figures *f, struct report_verdict *v)
{
	words_add(v->sentence,
		  "%s of the time that threads could have run went to waiting for locks inside "
		  "the kernel, such as mmap_lock or that of a file",
		  words_percent(unit_ratio(f->klock, f->wanted + f->klock)).s);
	words_add(
		v->advice,
		"fewer mmap, munmap and page faults in one process, or writes to one file, at the "
		"same time; for memory, processes instead of threads");
}

/* --- I/O ------------------------------------------------------------------------------------- */

void say_io_overlapped(const struct figures *f, struct report_verdict *v)
{
	words_add(v->sentence,
		  "%s threads wait for %s at the same time, on average, and %s CPUs are used: "
		  "the waits overlap",
		  words_amount(figures_io_overlap(f)).s, io_name(&f->io),
		  words_amount(f->r->par.average).s);
	if (f->gil.convoy) {
		words_add(v->sentence, "; but who is ready waits for the GIL for up to %s (p99)",
			  unit_ns(f->gil.convoy->convoy_p99_ns).s);
		words_add(v->advice,
			  "who computes keeps the GIL for a switch interval at a time: run that "
			  "part in a process of its own, or lower sys.setswitchinterval()");
		return;
	}
	words_add(v->advice,
		  "threads are enough for this: processes or more CPUs would change little; more "
		  "of them would overlap more waits, if the other side can take it");
}

void say_event_loop(const struct figures *f, struct report_verdict *v)
{
	words_add(
		v->sentence,
		"cannot tell: one thread waits for many things at once (epoll, io_uring: an event "
		"loop, asyncio), %s of the time; how many requests are under way in there cannot "
		"be seen from here; %s CPUs are used",
		words_percent(within_1(unit_ratio(f->io.loop, f->io.last - f->io.first))).s,
		words_amount(f->r->par.average).s);
	words_add(
		v->advice,
		"count them in the program: if it is one at a time, begin several (asyncio.gather "
		"and its like); if it is many, they overlap already, and threads or CPUs would "
		"change little");
}

void say_io_serial(const struct figures *f, struct report_verdict *v)
{
	words_add(v->sentence,
		  "mostly one thread at a time waits for %s, %s of the time; %s CPUs are used",
		  io_name(&f->io), words_percent(within_1(figures_io_overlap(f))).s,
		  words_amount(f->r->par.average).s);
	words_add(v->advice,
		  "let the waits overlap: threads, or asynchronous calls; more CPUs would change "
		  "nothing");
	if (f->io.ipc >= f->io.sleep && f->io.ipc >= f->io.disk)
		words_add(v->advice,
			  "; if it does so already (poll, select), several requests inside one "
			  "wait cannot be seen from here");
}

/* --- use of the CPUs ------------------------------------------------------------------------- */

void say_imbalanced(const struct figures *f, struct report_verdict *v)
{
	words_add(v->sentence, "of %zu workers ", f->workers);
	words_thread(v->sentence, f->longest->name, f->longest->comm, f->longest->tid);
	words_add(v->sentence,
		  " ran for %s, the others for %s on average; for %s of the busy time only one "
		  "thread wanted to run",
		  unit_ns(f->longest->state_ns[STATE_ON_CPU]).s,
		  unit_ns((uint64_t)f->others_mean).s,
		  words_percent(unit_ratio(f->solo, f->busy)).s);
	words_add(v->advice,
		  "divide the work into smaller pieces that the workers take from a queue, so "
		  "that all end at the same time");
}

void say_parallel(const struct figures *f, struct report_verdict *v)
{
	double busy = unit_ratio(f->busy, f->wall), room;
	double used = unit_ratio(f->on, busy < BUSY_SHARE ? f->busy : f->wall);

	room = f->ceiling - unit_ratio(f->possible, f->busy);
	words_add(v->sentence, "%s of %s CPUs", unit_decimal(used, 2).s, words_cpus(f->ceiling).s);
	if (busy < BUSY_SHARE)
		words_add(v->sentence, " while it has work, which is %s of the time",
			  words_percent(busy).s);
	if (room < (1 - FULL_SHARE) * f->ceiling) {
		words_add(v->advice,
			  "it uses the CPUs that it may use (%.64s): only more CPUs or less work "
			  "would make it faster",
			  f->r->par.ceiling_why);
		words_released(f, v->sentence);
		return;
	}
	words_add(v->sentence, "; no more threads want to run");
	words_released(f, v->sentence);
	words_add(v->advice, "more threads or processes could use the other %s CPUs",
		  unit_decimal(room, room < 9.95 ? 1 : 0).s);
}

void say_sequential(const struct figures *f, struct report_verdict *v)
{
	bool one = figures_top_share(f) >= TOP_SHARE;
	double busy = unit_ratio(f->busy, f->wall);

	if (one) {
		words_add(v->sentence, "one thread, ");
		words_thread(v->sentence, f->top->name, f->top->comm, f->top->tid);
		words_add(v->sentence,
			  ", does %s of the work; others hardly wait for a lock or a CPU",
			  words_percent(figures_top_share(f)).s);
	} else {
		words_add(v->sentence,
			  "several threads do the work, but for %s of the busy time only one "
			  "of them wants to run",
			  words_percent(unit_ratio(f->solo, f->busy)).s);
	}
	if (busy < BUSY_SHARE)
		words_add(v->sentence, "; it has work %s of the time", words_percent(busy).s);
	if (f->ceiling < MANY_RUN)
		words_add(v->advice, "more threads would not help: %.64s", f->r->par.ceiling_why);
	else if (!one)
		words_add(v->advice, "see what lets only one work at a time: a part before or "
				     "after the parallel "
				     "one, or conditions, semaphores, queues, pipes");
	else if (busy < SOLO_SHARE)
		words_add(v->advice,
			  "it waits for work most of the time; more threads would change little");
	else
		words_add(v->advice,
			  "divide its work among threads or processes: %s CPUs may be used",
			  words_cpus(f->ceiling).s);
}

/* --- the rest -------------------------------------------------------------------------------- */

void say_unclear(const struct figures *f, struct report_verdict *v)
{
	enum loss first = LOSS_RUNNABLE, second;

	for (enum loss i = 0; i < LOSS_COUNT; i++)
		if (f->loss[i] > f->loss[first])
			first = i;
	second = first == LOSS_RUNNABLE ? LOSS_LOCK : LOSS_RUNNABLE;
	for (enum loss i = 0; i < LOSS_COUNT; i++)
		if (i != first && f->loss[i] > f->loss[second])
			second = i;
	words_add(v->sentence, "no single cause: ");
	if (figures_is_full(f)) {
		words_add(v->sentence,
			  "hardly anybody wanted to run, and the waits for I/O overlap only in "
			  "part");
		words_add(v->advice,
			  "watch one of its phases alone, or one of its threads (attach -t TID); "
			  "more CPUs would change nothing");
		return;
	}
	words_wanted(v->sentence, f);
	words_add(v->sentence, "; %s of the wanted thread time went to %s",
		  words_percent(figures_loss_share(f, first)).s, loss_name(f, first));
	if (figures_loss_share(f, second) >= 0.01)
		words_add(v->sentence, ", %s to %s", words_percent(figures_loss_share(f, second)).s,
			  loss_name(f, second));
	words_add(v->advice,
		  "take away one after the other, the larger one first; what each would bring: "
		  "--what-if all");
}

void say_doubt(const struct figures *f, enum verdict_code looks, struct report_verdict *v)
{
	if (f->dropped > DROPPED_MAX) {
		words_add(v->sentence,
			  "cannot tell: %s of the records were lost; what is left looks %s",
			  words_percent(f->dropped).s, report_verdicts[looks]);
		words_add(v->advice,
			  "record again with a larger ring (--ring-size) or for a shorter time");
	} else {
		words_add(v->sentence,
			  "cannot tell: the records and the kernel's own sums differ by %s of "
			  "the CPU time; the records look %s",
			  words_percent(f->disagree).s, report_verdicts[looks]);
		words_add(v->advice, "see what the report says about quality, and record again");
	}
}

void say_name(struct report_verdict *v)
{
	char sentence[WORDS_MAX];

	memcpy(sentence, v->sentence, sizeof(sentence));
	v->sentence[0] = '\0';
	words_add(v->sentence, "%s: %s", report_verdicts[v->code], sentence);
}
