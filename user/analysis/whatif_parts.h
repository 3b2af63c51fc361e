/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * whatif_parts.h - what the parts of a prediction share; private to user/analysis/whatif*.c.
 */
#ifndef PARASCOPE_WHATIF_PARTS_H
#define PARASCOPE_WHATIF_PARTS_H

#include "user/analysis/costs_wire.h"
#include "user/analysis/critical.h"
#include "user/analysis/functions.h"
#include "user/analysis/replay.h"
#include "user/analysis/whatif.h"

struct prediction {
	const struct report *r;
	const struct model *m;
	const struct timeline *tl;
	struct report_prediction *ret;
	struct functions functions;
	const struct lock **handoffs; /* the hand-off locks: few of many */
	size_t n_handoffs, cap_handoffs;
	struct host_costs costs;  /* unknown: speeds are 1, with a guess of their range */
	struct replay_opts plain; /* nothing taken away */
	double plain_ns, measured_ns;
};

struct prediction_range {
	double value, low, high;
};

/* A replay with these changes, as a time of this program, and its range. */
struct prediction_range prediction_replay(const struct prediction *p, struct replay_opts opts);

/* Same, and what keeps it from being shorter in words. */
struct prediction_range prediction_explain(const struct prediction *p, struct replay_opts opts,
					   struct report_whatif *ret);

/* Does each process have its own, when threads are processes? */
bool prediction_is_of_threads(const struct lock *l);

/*
 * Is it one of the mutexes and conditions that a hand-off lock is made of?  CPython's GIL is known as a
 * whole; of others it is known that they lie side by side.
 */
bool prediction_is_part(const struct prediction *p, const struct lock *l);

/* Look for them: fills handoffs. */
void prediction_find_handoffs(struct prediction *p);

/* The set, by number, gets the parts of the hand-off locks in it. */
void prediction_add_parts(const struct prediction *p, bool *set);

/* Set by number: true for the locks that want() says yes to, and parts of them; the caller frees it. */
bool *prediction_locks(const struct prediction *p, bool (*want)(const struct lock *l));

/* Why the recording cannot be replayed, or threads not be processes; false: it can. */
bool refuse_recording(const struct prediction *p, char *ret, size_t size);
bool refuse_error(const struct prediction *p, char *ret, size_t size);
bool refuse_processes(const struct prediction *p, char *ret, size_t size);

/* The one lock that is meant; NULL, and why not. */
const struct report_lock *whatif_find_lock(const struct report *r, const char *name, char *why,
					   size_t size);

/* Answers all of them, in order. */
int whatif_questions(const struct prediction *p, const char *const *questions, size_t n);

void serial_rank(const struct prediction *p);
void critical_report(const struct prediction *p);
void prediction_assume(const struct prediction *p);

#endif
