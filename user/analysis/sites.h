/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sites.h - from stacks with their time to places, heaviest first; private to this folder.
 */
#ifndef PARASCOPE_SITES_H
#define PARASCOPE_SITES_H

#include "user/analysis/analysis.h"

#define SITES_MAX 16 /* places in a list */

enum sites_by {
	SITES_WAITING, /* lines, the innermost outside of Python's own lock code */
	SITES_LINES,   /* innermost lines */
	SITES_FUNCTIONS, /* innermost functions; the line is that of the heaviest stack */
};

struct sites {
	enum sites_by by;
	struct site_entry *entries;
	size_t n, cap;
	bool any_stack; /* else there is nothing to say */
	double scale;	/* what is added counts so many times, 0: once */
};

/* One place; held_ns, max_ns and nr of those that slept with a GIL. */
struct site_row {
	struct report_site site;
	uint64_t held_ns, max_ns;
	int32_t nr;
};

/* The function that a stack belongs to with SITES_FUNCTIONS, NULL: not known. */
const struct frame *sites_function(const struct stack *stack);

void sites_add(struct sites *s, const struct site *site);
/* Time of a party at a stack (NULL: not known) that is in no site. */
void sites_add_rest(struct sites *s, const struct stack *stack, const struct party *p, uint64_t ns);
/* All sites of a party in this role. */
void sites_add_party(struct sites *s, const struct party *p, enum site_role role);

/*
 * The heaviest places, at most SITES_MAX; NULL and 0 if no stack is known at all.  Frees what s
 * holds.  Each site.stack is allocated, see sites_free().
 */
struct site_row *sites_top(struct sites *s, const struct thread_times *times, size_t n_times,
			   size_t *ret_n);
/* The same without the rest. */
struct report_site *sites_places(struct sites *s, const struct thread_times *times, size_t n_times,
				 size_t *ret_n);
void sites_free(struct report_site *list, size_t n);

#endif
