// SPDX-License-Identifier: GPL-2.0-or-later
/* json_writer.c - streaming JSON; see json_writer.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/render/json_writer.h"

static void new_line(struct json_writer *w)
{
	if (w->depth > w->break_depth)
		return;
	buf_pad(w->out, '\n', 1);
	buf_pad(w->out, ' ', (size_t)w->depth);
}

/* Everything that comes before a value: comma, line break, name. */
static void begin_value(struct json_writer *w, const char *name)
{
	if (w->comma)
		buf_pad(w->out, ',', 1);
	if (w->depth)
		new_line(w);
	if (name) {
		buf_pad(w->out, '"', 1);
		buf_puts(w->out, name);
		buf_add(w->out, "\":", 2);
	}
	w->comma = true;
}

void jsonw_open(struct json_writer *w, const char *name, char bracket)
{
	begin_value(w, name);
	buf_pad(w->out, bracket, 1);
	w->depth++;
	w->comma = false;
}

void jsonw_close(struct json_writer *w, char bracket)
{
	w->depth--;
	if (w->comma && w->depth < w->break_depth)
		new_line(w);
	buf_pad(w->out, bracket, 1);
	w->comma = true;
}

/* A report of 10,000 threads has half a million numbers: formats would take most of its time. */
static void add_number(struct buf *out, uint64_t value)
{
	char text[20], *at = text + sizeof(text);

	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	buf_add(out, at, (size_t)(text + sizeof(text) - at));
}

void jsonw_u64(struct json_writer *w, const char *name, uint64_t value)
{
	begin_value(w, name);
	add_number(w->out, value);
}

void jsonw_i64(struct json_writer *w, const char *name, int64_t value)
{
	begin_value(w, name);
	if (value < 0)
		buf_pad(w->out, '-', 1);
	add_number(w->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void jsonw_bool(struct json_writer *w, const char *name, bool value)
{
	begin_value(w, name);
	buf_puts(w->out, value ? "true" : "false");
}

void jsonw_null(struct json_writer *w, const char *name)
{
	begin_value(w, name);
	buf_puts(w->out, "null");
}

void jsonw_double(struct json_writer *w, const char *name, double value)
{
	char text[40];

	if (!isfinite(value)) {
		jsonw_null(w, name);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value == 0 ? 0.0 : value);
		if (strtod(text, NULL) == value)
			break;
	}
	begin_value(w, name);
	buf_puts(w->out, text);
	if (!strpbrk(text, ".e"))
		buf_puts(w->out, ".0"); /* stays a real number for strict readers */
}

static void add_escaped(struct buf *out, uint32_t cp)
{
	if (cp > 0xffff) {
		cp -= 0x10000;
		buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
	} else {
		buf_printf(out, "\\u%04x", cp);
	}
}

/* Bytes at the begin of s that stand for themselves. */
static size_t plain(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= ' ' && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* Write the string value; returns true if a byte had to be replaced. */
static bool add_string(struct buf *out, const char *s, size_t len)
{
	bool replaced = false;

	buf_pad(out, '"', 1);
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;

		n = plain(s + i, len - i);
		if (n) {
			buf_add(out, s + i, n);
			continue;
		}
		n = escape_decode(s + i, len - i, &cp);
		if (cp == ESCAPE_INVALID) {
			buf_puts(out, "\\ufffd");
			replaced = true;
		} else if (cp == '"' || cp == '\\') {
			buf_printf(out, "\\%c", (int)cp);
		} else if (escape_unsafe(cp)) {
			add_escaped(out, cp);
		} else {
			buf_add(out, s + i, n);
		}
	}
	buf_pad(out, '"', 1);
	return replaced;
}

void jsonw_string(struct json_writer *w, const char *name, const char *s)
{
	if (s)
		jsonw_string_n(w, name, s, strlen(s));
	else
		jsonw_null(w, name);
}

void jsonw_string_n(struct json_writer *w, const char *name, const char *s, size_t len)
{
	begin_value(w, name);
	add_string(w->out, s, len);
}

void jsonw_raw(struct json_writer *w, const char *name, const char *s, size_t len)
{
	begin_value(w, name);
	if (!add_string(w->out, s, len))
		return;
	buf_printf(w->out, ",\"%s_hex\":\"", name);
	for (size_t i = 0; i < len; i++)
		buf_printf(w->out, "%02x", (unsigned char)s[i]);
	buf_pad(w->out, '"', 1);
}
