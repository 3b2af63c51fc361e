/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * evidence.h - the numbers that are shown with a verdict; private to this folder.
 */
#ifndef PARASCOPE_EVIDENCE_H
#define PARASCOPE_EVIDENCE_H

#include "user/analysis/figures.h"

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
	EV_GIL_NO_CPU,
	EV_HELD_ASLEEP,
	EV_HELD_LONGEST,
	EV_HANDOFFS,
	EV_CONVOY,
	EV_RELEASED,
	EV_KLOCK,
	EV_SERIAL,
	EV_STALLED,
	EV_LOCK_WAITS,
	EV_GIL_WAITS,
	EV_THROTTLED,
	EV_SWITCHES,
	EV_IO_OVERLAP,
	EV_LOOP,
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

/* False if it is too small to be worth a line, or there is no room. */
bool evidence_add(const struct figures *f, enum evidence id, struct report_verdict *v);

#endif
