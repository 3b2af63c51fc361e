// SPDX-License-Identifier: GPL-2.0-or-later
/* verdict_gil.c - sentence and advice of the verdicts about a GIL; see verdict_say.h. */
#include <string.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/verdict_say.h"
#include "user/analysis/words.h"

/* The holder of the lock is asleep itself for much of the time that others wait. */
static bool holder_sleeps(const struct figures *f)
{
	if (f->gil.known)
		return f->gil.held && f->gil.asleep >= STALLED_SHARE * f->loss[LOSS_GIL];
	return f->stalled >= STALLED_SHARE * f->busy && f->stalled > 0;
}

static const struct report_lock *add_gil(const struct figures *f, char *text)
{
	size_t n;
	const struct report_lock *top = figures_top_lock(f->r, LOCK_CLASS_GIL, &n);

	if (top)
		words_lock(text, top);
	else
		words_add(text, "a global lock that is handed round");
	if (n > 1 && (double)top->blocked_ns < ONE_LOCK_SHARE * f->loss[LOSS_GIL])
		words_add(text, " and %zu more like it", n - 1);
	return top;
}

static const char *call_of(const struct report_held *h)
{
	return h->syscall && *h->syscall ? h->syscall : "a page fault";
}

/* --- the holder sleeps ----------------------------------------------------------------------- */

static void add_held_advice(const struct report_held *h, const struct report_lock *gil, char *text)
{
	if (gil && !gil->waits && gil->open)
		words_add(text, "no wait for it ended inside the window: look for a deadlock; ");
	if (h && (!h->syscall || !*h->syscall)) {
		words_add(text, "what it touches is not in memory (a mapped file, swap): load it "
				"before, or touch it after releasing the GIL");
		return;
	}
	words_add(text, "release the GIL there: Py_BEGIN_ALLOW_THREADS around the call in C, nogil "
			"in Cython, ctypes.CDLL instead of ctypes.PyDLL; more threads or CPUs "
			"change nothing");
}

void say_gil_held(const struct figures *f, struct report_verdict *v)
{
	const struct report_held *h = f->gil.held;
	const struct report_lock *top;

	words_lost_to(f, LOSS_GIL, v->sentence);
	top = add_gil(f, v->sentence);
	words_add(v->sentence, ", %s of it while its holder slept",
		  words_percent(within_1(unit_ratio(f->gil.asleep, f->loss[LOSS_GIL]))).s);
	if (h) {
		bool one = (double)h->site.ns >= ONE_LOCK_SHARE * f->gil.asleep;

		words_add(v->sentence, one ? ": " : ", mostly ");
		if (h->site.tid) {
			words_thread(v->sentence, h->site.thread_name, h->site.comm, h->site.tid);
			words_add(v->sentence, " ");
		}
		words_add(v->sentence, "in %s", call_of(h));
		words_place(v->sentence, " at ", &h->site.place);
	}
	add_held_advice(h, top, v->advice);
}

/* --- the holder runs ------------------------------------------------------------------------- */

static void add_sleep_advice(const struct figures *f, char *text)
{
	if (!f->gil.known) {
		words_add(text,
			  "for %s of the window nobody ran although threads waited: the holder "
			  "itself sleeps, probably in native code that keeps the lock during I/O; "
			  "release it there",
			  words_percent(unit_ratio(f->stalled, f->wall)).s);
		return;
	}
	words_add(text, "for %s of that its holder slept, most in %s",
		  words_percent(within_1(unit_ratio(f->gil.asleep, f->loss[LOSS_GIL]))).s,
		  call_of(f->gil.held));
	words_place(text, " at ", &f->gil.held->site.place);
	words_add(text, ": release the GIL there; for the rest processes, native code that "
			"releases it, or a free-threaded Python");
}

void say_gil_bound(const struct figures *f, struct report_verdict *v)
{
	const struct report_lock *top;
	const struct report_gil *g;

	words_lost_to(f, LOSS_GIL, v->sentence);
	top = add_gil(f, v->sentence);
	g = figures_gil_of(f->r, top);
	if (top && top->n_sites)
		words_place(v->sentence, ", waited for most at ", &top->sites[0].place);
	if (g && g->n_holding)
		words_place(v->sentence, ", held most at ", &g->holding[0].place);
	if (holder_sleeps(f))
		add_sleep_advice(f, v->advice);
	else if (top && strcmp(top->kind ? top->kind : "", "gil") == 0)
		words_add(
			v->advice,
			"run the CPU-bound part in processes (--what-if processes says how much "
			"they bring), in native code that releases the GIL, or on a free-threaded "
			"Python; more threads change nothing");
	else
		words_add(v->advice, "run the work in processes, or outside of this lock; more "
				     "threads change nothing");
}
