/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text_out.h - what the parts of the text report are made of: styles, wrapped prose, items that
 * flow over lines, bars, sparklines and tables.  Whatever goes through here stays inside the width.
 *
 * Private to user/render/text*.c.
 */
#ifndef PARASCOPE_TEXT_OUT_H
#define PARASCOPE_TEXT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "user/base/buf.h"

struct report;
struct render_opts;

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

enum text_style {
	TEXT_PLAIN,
	TEXT_BOLD,
	TEXT_DIM,
	TEXT_HEADING,
	TEXT_BAD,
	TEXT_WARN,
	TEXT_GOOD,
	TEXT_STYLES,
};

struct text {
	struct buf *out;
	const struct report *r;
	int width;
	bool color, unicode;
	size_t top;	  /* rows of a list of locks or parties */
	size_t top_tasks; /* rows of a list of threads or processes */
	uint32_t last_block; /* id of the last lock of CONTENTION that got a block of its own */
};

/* Start a style; TEXT_PLAIN ends it.  The only place that writes SGR sequences. */
void text_style(struct text *t, enum text_style style);

/* End the line without blanks at its end; styled: a style is to be ended too. */
void text_end_line(struct text *t, bool styled);

/* "HEADING  note" on its own line after an empty one; note may be NULL. */
void text_heading(struct text *t, const char *heading, const char *note);

/* Prose, escaped and broken between words; every line starts with indent spaces. */
void text_wrap(struct text *t, enum text_style style, int indent, const char *s, size_t len);
void text_wrapf(struct text *t, enum text_style style, int indent, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "  label   prose": the prose starts, and goes on in further lines, at column indent. */
void text_fact(struct text *t, enum text_style style, const char *label, int indent,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Short items separated by three spaces that move to the next line when there is no room. */
struct text_flow {
	struct text *t;
	int indent;
	int hang; /* more of it from the second line on */
	int used; /* columns of the current line; 0: nothing written yet */
};
void text_flow(struct text_flow *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_flow_end(struct text_flow *f);

/* A bar of at most cells columns, not padded; returns its columns. */
int text_bar(struct buf *out, double share, int cells, bool unicode);

/* One character per value, 0..max; a value above 0 never looks like 0. */
void text_spark(struct buf *out, const double *values, size_t n, double max, bool unicode);

/* Append printable text in exactly width columns. */
void text_cell(struct buf *out, const char *s, size_t len, int width, bool right, bool unicode);

/*
 * Tables.  A column writes the text of its cell for one row; a column whose cells are all empty is
 * left out, an empty cell in a column that stays becomes "-".  When the table is too wide, the
 * column that may shrink gives way down to its minimum, then columns go by their drop value,
 * highest first; the names of those are told below the table.
 */
struct text_column {
	const char *head;
	void (*cell)(struct buf *out, const struct text *t, const void *row);
	/* the same in at most width columns, if it is better at it than cutting off the end */
	void (*fit)(struct buf *out, const struct text *t, const void *row, int width);
	const char *blank; /* instead of "-" */
	int drop;	   /* 0: stays */
	int min;	   /* of a column that may shrink; else 0.  At most one of them. */
	bool left;
};
void text_table(struct text *t, int indent, const struct text_column *columns, size_t n_columns,
		const void *const *rows, size_t n_rows);

/* Target strings: fixed arrays of the wire may lack their NUL. */
#define TEXT_ARRAY(a) (a), strnlen((a), sizeof(a))

#endif
