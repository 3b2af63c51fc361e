/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare_doubts.h - what makes two sides hard to compare: other targets, machines, windows;
 * private to this folder.
 */
#ifndef PARASCOPE_COMPARE_DOUBTS_H
#define PARASCOPE_COMPARE_DOUBTS_H

struct comparison;
struct recording;

/* Adds the sentences to c, whose sides are filled. */
void compare_doubts(struct comparison *c, const struct recording *const *a,
		    const struct recording *const *b);

#endif
