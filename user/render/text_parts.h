/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_parts.h - the sections of the text report, in the order in which text.c calls them.
 *
 * Private to user/render/text*.c.
 */
#ifndef PARASCOPE_TEXT_PARTS_H
#define PARASCOPE_TEXT_PARTS_H

#include "bpf/wire.h"
#include "user/base/unit.h"
#include "user/render/text_out.h"

struct report_gil;
struct report_lock;
struct report_place;
struct report_site;

void text_head(struct text *t);	       /* text_verdict.c: target, verdict, evidence, advice */
void text_whatif(struct text *t);      /* text_whatif.c: predictions, if there are any */
void text_parallelism(struct text *t); /* text_parallelism.c */
void text_budget(struct text *t);
void text_phases(struct text *t);
void text_processes(struct text *t); /* text_threads.c */
void text_threads(struct text *t);
void text_locks(struct text *t);   /* text_locks.c */
void text_python(struct text *t);  /* text_python.c */
void text_functions(struct text *t); /* text_functions.c */
void text_quality(struct text *t); /* text_quality.c */

/* What only a GIL has, below the block of its lock; text_gil.c. */
void text_gil(struct text *t, const struct report_gil *g, const struct report_lock *l, int indent);

/* CPU time with a GIL and without it, and the functions that ran without it; text_gil.c. */
void text_gil_cpu(struct text *t, const struct report_gil *g, int indent);

/*
 * "function (…/pkg/mod.py:12)", "function (libfoo.so.1)", "libfoo.so.1+0x1234" in at most width
 * columns, 20 or more; text_place.c.
 */
void text_place(struct buf *out, const struct text *t, const struct report_place *p, int width);

/* "mutex registry_lock", "mutex 0x7f10 (heap)"; text_lock_name.c. */
void text_lock_name(struct buf *out, const struct text *t, const struct report_lock *l);

/* Where it is waited for most, as far as that is known; else NULL. */
const struct report_place *text_lock_place(const struct report_lock *l);

/* False if it would only say "not known". */
bool text_place_known(const struct report_place *p);

/* The same with the base name of its file, "mod.py"; of "pkg/__init__.py" both. */
struct report_place text_place_short(const struct report_place *p);

/* "worker() app.c:41", "worker() libfoo.so.1", in at most about width columns. */
void text_locked_at(struct buf *out, const struct text *t, const struct report_place *p, int width);

/* A function's name in at most width columns; text_function.c. */
void text_function(struct buf *out, const struct text *t, const char *name, int width);

/* The end of printable text in at most width columns, "…::find". */
void text_end(struct buf *out, const struct text *t, const char *s, size_t len, int width);

/* "4713 Thread-1 (work)": as its language calls it, else its comm. */
void text_thread_name(struct buf *out, const struct text *t, uint32_t tid, const char *name,
		      const char comm[WIRE_COMM_LEN]);
#define TEXT_THREAD_COLUMNS 26 /* of it in a table */

/* A table of places; heading stands above them, total_ns is the whole of the shares. */
void text_sites(struct text *t, int indent, const char *heading, const struct report_site *sites,
		size_t n, uint64_t total_ns);

/* A share as a table cell: "51.4", nothing for zero, "<0.1" for almost nothing. */
void text_share_cell(struct buf *out, uint64_t part, uint64_t whole);

/* "1 thread", "2,345 threads". */
struct unit_text text_plural(uint64_t n, const char *noun);

/* True if s begins with the words of prefix, whatever the case. */
bool text_starts_with(const char *s, const char *prefix);

#endif
