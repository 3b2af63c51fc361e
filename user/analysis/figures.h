/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h - the numbers that the verdict is made of, derived from a report; private to this
 * folder.  VERDICT.md explains the words.
 *
 * Nothing is decided here: the rules (verdict.c) compare figures with thresholds, the sentences
 * (verdict_say.c) and the evidence (evidence.c) show them.
 */
#ifndef PARASCOPE_FIGURES_H
#define PARASCOPE_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/analysis/report.h"

enum loss {
	LOSS_RUNNABLE,
	LOSS_LOCK,
	LOSS_GIL,
	LOSS_COUNT,
};

/* All threads whose life is mostly waiting for I/O or timers, and that are not parked in it. */
struct io_figures {
	double disk, ipc, sleep, ns; /* ns: their sum */
	double loop;		     /* part of ipc: in calls that wait for many things at once */
	double late; /* woken from disk or timer, no CPU yet, if that was short; part of both */
	double wanted, life, first, last, top;
	size_t threads;
};

/* What a runtime tells about the GILs of the target, all added up; sums over waiting threads. */
struct gil_figures {
	bool known;	 /* there is one that a runtime has named, and somebody waited for it */
	bool none;	 /* there is Python, and none of it has a GIL */
	double asleep;	 /* waited while the holder slept */
	double no_cpu;	 /* ... while the holder, or the next one, waited for a CPU */
	double on_locks; /* wall: holders asleep on a lock with it */
	double with, without; /* sampled CPU time */
	double handoffs;
	const struct report_held *held;	    /* where a holder slept, at the cost of most waiting */
	const struct report_site *released; /* where most CPU time was used without it */
	const struct report_gil *convoy; /* longest from ready to having it, NULL: none worth it */
};

/* What the rules look at.  Times are ns; sums over threads unless they say wall. */
struct figures {
	const struct report *r;
	double scale; /* from what records tell of to the whole window, see report_scale() */
	double wall, span;	  /* wall: window, life of the target in it */
	double dropped, disagree; /* shares: records lost; stream against kernel sums */
	bool doubtful;		  /* the records do not tell enough */
	double total, on, woken, klock, wanted, lost;
	double loss[LOSS_COUNT];
	double cause[LOSS_COUNT]; /* the same, but by what is to blame; may add up to less */
	double ceiling;
	double demand;	   /* threads that want to run, on average */
	double possible;   /* CPU time if only the ceiling held back who wanted to run */
	double excess;	   /* wanted beyond the ceiling */
	double busy, solo; /* wall: at least one, exactly one wanted to run */
	double switches;   /* how often threads became runnable */
	double stalled;	   /* wall: somebody wanted to run, nobody did or was runnable */
	double taken;	   /* wall: the only CPU it may use was another program's */
	double throttled;
	double waiting; /* in conditions, without main threads, which wait for others to end */
	struct io_figures io;
	struct gil_figures gil;
	const struct report_thread *top;
	/* imbalance: the worker with most CPU time and the others like it */
	const struct report_thread *longest;
	size_t workers;
	double others_mean;
};

/* All of them, from a report that lacks only its verdict and must outlive f. */
void figures_collect(struct figures *f, const struct report *r);

/* The lock of a class with most time waited for it, or NULL; *ret_n: how many were waited for. */
const struct report_lock *figures_top_lock(const struct report *r, enum report_lock_class class,
					   size_t *ret_n);

/* What a runtime knows about the lock l, or NULL. */
const struct report_gil *figures_gil_of(const struct report *r, const struct report_lock *l);

/* A main thread beside others, or children, with so much CPU time: none of the workers. */
bool figures_coordinates(const struct report *r, const struct report_thread *t, double worth);

/* Everybody who wanted to run got what the ceiling allows, and other programs leave of one CPU. */
bool figures_is_full(const struct figures *f);

/* The same, but who was late for disk or timer may be. */
bool figures_is_served(const struct figures *f);

/* Threads in I/O add up to half of the window or more. */
bool figures_io_mostly(const struct figures *f);

/* Holders of the GIL sleep with it: that is what the waiting for it is about. */
bool figures_held_asleep(const struct figures *f);

double figures_loss_share(const struct figures *f, enum loss loss); /* of the wanted time */
double figures_wake_delay(const struct figures *f); /* ns runnable each time a thread became so */
double figures_io_overlap(const struct figures *f); /* threads in I/O, while there is one */
double figures_top_share(const struct figures *f);  /* of the CPU time is one thread's */

static inline double min_of(double a, double b)
{
	return a < b ? a : b;
}

static inline double max_of(double a, double b)
{
	return a > b ? a : b;
}

static inline double within_1(double share)
{
	return max_of(0, min_of(1, share));
}

static inline double ns_of(const struct report_thread *t, enum report_state state)
{
	return (double)t->state_ns[state];
}

#endif
