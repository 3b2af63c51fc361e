/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_sides.h - two lists beside each other in the block of a lock: who waited and behind whom,
 * or where.
 *
 * Private to user/render/text*.c.
 */
#ifndef PARASCOPE_TEXT_SIDES_H
#define PARASCOPE_TEXT_SIDES_H

#include "user/analysis/report.h"
#include "user/render/text_out.h"

/* One side: its threads or places, and what the list leaves out. */
struct text_side {
	const char *heading;
	const struct report_party *parties;
	const struct report_site *sites; /* if there are no parties */
	size_t n, shown;
	uint64_t total_ns, total; /* of all rows; total_ns 0: count only */
	uint64_t distinct;	  /* rows altogether, 0: not known */
	bool by_count;
	bool threads; /* of places: name the thread too, where there is room */
	bool callers; /* of places: who called them, in lines below */
	bool counts;  /* decided by text_sides() */
};

/* A side without rows takes no room. */
void text_sides(struct text *t, const struct report_lock *l, struct text_side *left,
		struct text_side *right, int indent);

/* "4713 Thread-1", with the process if it is not the lock's. */
void text_party_name(struct buf *out, const struct text *t, const struct report_party *p,
		     const struct report_lock *l);

#endif
