/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_parts.h - the sections of the text report, in the order in which text.c calls them.
 *
 * Private to user/render/text*.c.
 */
#ifndef PARASCOPE_TEXT_PARTS_H
#define PARASCOPE_TEXT_PARTS_H

#include "user/base/unit.h"
#include "user/render/text_out.h"

void text_head(struct text *t);	       /* text_verdict.c: target, verdict, evidence, advice */
void text_parallelism(struct text *t); /* text_parallelism.c */
void text_budget(struct text *t);
void text_phases(struct text *t);
void text_processes(struct text *t); /* text_threads.c */
void text_threads(struct text *t);
void text_locks(struct text *t);   /* text_locks.c */
void text_quality(struct text *t); /* text_quality.c */

/* A share as a table cell: "51.4", nothing for zero, "<0.1" for almost nothing. */
void text_share_cell(struct buf *out, uint64_t part, uint64_t whole);

/* "1 thread", "2,345 threads". */
struct unit_text text_plural(uint64_t n, const char *noun);

/* True if s begins with the words of prefix, whatever the case. */
bool text_starts_with(const char *s, const char *prefix);

#endif
