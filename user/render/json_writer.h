/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_writer.h - a streaming JSON writer: commas, nesting, line breaks and escaping.
 *
 * Every call takes the member name first; NULL inside an array.  The output is always valid JSON
 * and safe on a terminal: control, invisible and reordering characters are written as \u escapes.
 */
#ifndef PARASCOPE_JSON_WRITER_H
#define PARASCOPE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct json_writer {
	struct buf *out;
	int break_depth; /* containers nested less deep than this get a line per member */
	int depth;
	bool comma; /* a value was written on this level */
};

void jsonw_open(struct json_writer *w, const char *name, char bracket); /* '{' or '[' */
void jsonw_close(struct json_writer *w, char bracket);			/* '}' or ']' */

void jsonw_u64(struct json_writer *w, const char *name, uint64_t value);
void jsonw_i64(struct json_writer *w, const char *name, int64_t value);
void jsonw_bool(struct json_writer *w, const char *name, bool value);
void jsonw_null(struct json_writer *w, const char *name);

/* Shortest form that reads back as the same double; null if it is not finite. */
void jsonw_double(struct json_writer *w, const char *name, double value);

/* Our own text; NULL becomes null.  Invalid UTF-8 bytes become U+FFFD. */
void jsonw_string(struct json_writer *w, const char *name, const char *s);
void jsonw_string_n(struct json_writer *w, const char *name, const char *s, size_t len);

/*
 * Text of the target, len bytes of any kind.  If bytes had to be replaced, a second member
 * "<name>_hex" holds all of them.
 */
void jsonw_raw(struct json_writer *w, const char *name, const char *s, size_t len);

#endif
