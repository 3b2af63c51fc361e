/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock_name.h - what a lock is called: by its runtime, the place that waits for it, its file, its
 * variable or its address; private to this folder.
 */
#ifndef PARASCOPE_LOCK_NAME_H
#define PARASCOPE_LOCK_NAME_H

#include "user/analysis/report.h"
#include "user/model/model.h"

/* Fills name and object. */
void lock_name_fill(struct report_lock *ret, const struct model *m, const struct lock *l);

#endif
