/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verdict.h - what serialises the target, in one line; VERDICT.md says how it is decided.
 */
#ifndef PARASCOPE_VERDICT_H
#define PARASCOPE_VERDICT_H

#include "user/analysis/report.h"

/* Fill r->verdict from everything else in the report; the same numbers give the same verdict. */
void verdict_decide(struct report *r);

#endif
