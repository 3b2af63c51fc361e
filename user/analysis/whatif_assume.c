// SPDX-License-Identifier: GPL-2.0-or-later
/* whatif_assume.c - what a prediction takes for granted, in words. */
#include <stdarg.h>
#include <stdio.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/unit.h"

static void assume(struct report_prediction *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static void assume(struct report_prediction *ret, const char *fmt, ...)
{
	size_t max = sizeof(ret->assumptions) / sizeof(ret->assumptions[0]);
	va_list args;

	if (ret->n_assumptions == max)
		return;
	va_start(args, fmt);
	vsnprintf(ret->assumptions[ret->n_assumptions++], sizeof(ret->assumptions[0]), fmt, args);
	va_end(args);
}

static bool asked(const struct report_prediction *ret, bool (*which)(const struct report_whatif *w))
{
	for (size_t i = 0; i < ret->n_whatifs; i++)
		if (!ret->whatifs[i].refused && which(&ret->whatifs[i]))
			return true;
	return false;
}

static bool is_processes(const struct report_whatif *w)
{
	struct whatif what;

	return !whatif_parse(w->asked, &what) && what.kind == WHATIF_PROCESSES;
}

void prediction_assume(const struct prediction *p)
{
	struct report_prediction *ret = p->ret;

	if (!ret->possible)
		return;
	assume(ret,
	       "each thread does the same work in the same order; waits for I/O and timers last "
	       "as long as they did");
	assume(ret,
	       "what stays is waited for as often as it was: a lock that nobody had to wait for "
	       "is not seen");
	if (!ret->costs_known)
		assume(ret,
		       "costs of this host are not in the recording: starting is free and CPUs do "
		       "not "
		       "slow each other down (range: %s, %s)",
		       unit_ns((uint64_t)START_GUESS_NS).s, unit_percent(1 - SPEED_GUESS_LOW).s);
	else
		assume(ret,
		       "CPUs that work at once do %s of the work of one alone each, as measured on "
		       "this host",
		       unit_percent(ret->speed).s);
	if (asked(ret, is_processes))
		assume(ret,
		       "processes: a fork with %.0f to %.0f MiB of memory for each thread that was "
		       "started; they exchange nothing but what is seen",
		       PROCESS_MIB, PROCESS_MIB_HIGH);
	assume(ret,
	       "other programs use as much as they did, %s CPUs with parascope (range: half of it "
	       "to "
	       "half more)%s",
	       unit_decimal(ret->others, 2).s,
	       ret->others > BUSY_OTHERS * p->r->par.ceiling
		       ? "; that is much: what they leave next time is hardly known"
		       : "");
}
