/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * render.h - one report, many formats: the table of renderers.
 *
 * A renderer turns a const struct report into bytes in a struct buf; it computes nothing but
 * ratios, reads nothing else and prints nothing: the command layer decides where the bytes go.  A
 * new format is one file with one function and one row in renderers[].
 *
 * main() calls setlocale(LC_CTYPE, "") and leaves LC_NUMERIC alone.
 */
#ifndef PARASCOPE_RENDER_H
#define PARASCOPE_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "user/analysis/report.h"

struct buf;

/* How to show it; formats for machines ignore all of this but the profile. */
struct render_opts {
	int width;	  /* columns of the terminal; used between 80 and 200 */
	bool color;	  /* SGR sequences */
	bool unicode;	  /* bars, and names in other scripts; else plain ASCII */
	bool all_threads; /* do not cut the lists of threads and processes */
	size_t top;	  /* rows of a list before it is cut; 0: the default */
	enum report_profile profile; /* of folded stacks */
};

#define RENDER_TOP 10

extern const struct render_opts render_defaults;

struct renderer {
	const char *name;    /* "text": --format text */
	const char *summary; /* one line for --help */
	void (*render)(struct buf *out, const struct report *r, const struct render_opts *o);
};

extern const struct renderer renderers[]; /* ends with a NULL name */

/* NULL if there is no such format. */
const struct renderer *renderer_find(const char *name);

/* JSON Schema of the json format (report.schema.json, linked in); not NUL-terminated. */
const char *render_json_schema(size_t *ret_len);

/* The renderers: each in its own file, used through the table. */
void render_text(struct buf *out, const struct report *r, const struct render_opts *o);
void render_json(struct buf *out, const struct report *r, const struct render_opts *o);
void render_folded(struct buf *out, const struct report *r, const struct render_opts *o);

/* Why a profile has no stack: render_folded() wrote nothing. */
const char *render_folded_none(const struct report *r, enum report_profile profile);

#endif
