/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer.h - is this packet an answer that the parser process may give to this request?
 *
 * The parser may have been taken over by a file that it read.  So every field is checked: what
 * comes through here has the right size and kind, belongs to the request, its numbers are within
 * their limits, rows rise, strings end inside of their field and are followed by zeros.
 */
#ifndef PARASCOPE_ANSWER_H
#define PARASCOPE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/symbol/ask.h"

/* The request that is to be answered, and what has come of its answer. */
struct answer_due {
	struct ask ask;
	uint32_t rows; /* so far */
	uint32_t pc;   /* of the last one */
	uint64_t base;
	uint64_t begin, end; /* where rows may lie; end 0: not known */
};

/* A segment whose ends do not wrap. */
bool answer_is_load(const struct module_load *l);
/* Where rows of such a file may lie. */
void answer_bounds(const struct module_about *about, struct answer_due *ret);

/*
 * 0 or fail(-EBADMSG): kill the parser.  packet is aligned as for struct ask_answer, and may be
 * changed: bytes behind the end of a string become zeros.  Counts rows in *due.
 */
int answer_check(void *packet, size_t len, struct answer_due *due);

/* Of a packet that was checked. */
const void *answer_tail(const void *packet);
void answer_about(const void *packet, struct module_about *ret);

#endif
