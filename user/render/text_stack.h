/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_stack.h - the callers of a place, taken from the text of its stack (report_site.stack).
 *
 * Private to user/render/text*.c.
 */
#ifndef PARASCOPE_TEXT_STACK_H
#define PARASCOPE_TEXT_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "user/render/text_out.h"

#define TEXT_CALLERS_MAX 4

struct report_site;

struct text_caller {
	const char *text; /* of the frame, len bytes */
	size_t len;
	unsigned times; /* calls of itself, one after the other */
};

/* Innermost first, without those that say nothing. */
struct text_callers {
	struct text_caller list[TEXT_CALLERS_MAX];
	size_t n;
	bool more;	/* there are more than were asked for */
	const char *end; /* all that are known are there, and the stack goes on; else NULL */
	char *text;
};

void text_callers(struct text_callers *ret, const struct report_site *s, size_t max);
void text_callers_free(struct text_callers *c);

/* "worker (app.c:60)  12 times" in at most width columns, 28 or more. */
void text_caller(struct buf *out, const struct text *t, const struct text_caller *c, int width);

#endif
