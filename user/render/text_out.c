// SPDX-License-Identifier: GPL-2.0-or-later
/* text_out.c - styles, wrapped prose, flowing items, bars and sparklines; see text_out.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/render/text_out.h"

void text_style(struct text *t, enum text_style style)
{
	static const char *const sgr[TEXT_STYLES] = {
		[TEXT_PLAIN] = "0",   [TEXT_BOLD] = "1",   [TEXT_DIM] = "2",
		[TEXT_HEADING] = "1", [TEXT_BAD] = "1;31", [TEXT_WARN] = "1;33",
		[TEXT_GOOD] = "1;32",
	};

	if (t->color)
		buf_printf(t->out, "\033[%sm", sgr[style]);
}

void text_end_line(struct text *t, bool styled)
{
	struct buf *out = t->out;

	while (out->len && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	if (styled)
		text_style(t, TEXT_PLAIN);
	buf_puts(out, "\n");
}

void text_heading(struct text *t, const char *heading, const char *note)
{
	buf_puts(t->out, "\n");
	text_style(t, TEXT_HEADING);
	buf_puts(t->out, heading);
	text_style(t, TEXT_PLAIN);
	if (note) {
		int room = t->width - (int)strlen(heading) - 2;

		buf_puts(t->out, "  ");
		text_style(t, TEXT_DIM);
		escape_cut(t->out, note, strlen(note), room, t->unicode);
		text_style(t, TEXT_PLAIN);
	}
	buf_puts(t->out, "\n");
}

/* --- prose ----------------------------------------------------------------------------------- */

/* One word, cut into lines if it is longer than a line; returns the column behind it. */
static int wrap_word(struct text *t, int indent, int column, const char *word, size_t len)
{
	int room = t->width - indent;
	struct buf text = { 0 };
	int width = escape_add(&text, word, len, ESCAPE_NO_LIMIT, t->unicode);

	if (column > indent && column + 1 + width > t->width) {
		buf_puts(t->out, "\n");
		column = 0;
	}
	if (!column) {
		buf_pad(t->out, ' ', (size_t)indent);
		column = indent;
	} else if (column > indent) {
		buf_puts(t->out, " ");
		column++;
	}
	for (size_t i = 0, n; width > room && i < text.len; i += n) { /* rare: break anywhere */
		uint32_t cp;
		int w;

		n = escape_decode(text.data + i, text.len - i, &cp);
		w = escape_width(text.data + i, n);
		if (column + w > t->width) {
			buf_puts(t->out, "\n");
			buf_pad(t->out, ' ', (size_t)indent);
			column = indent;
		}
		buf_add(t->out, text.data + i, n);
		column += w;
	}
	if (width <= room && text.len) {
		buf_add(t->out, text.data, text.len);
		column += width;
	}
	buf_free(&text);
	return column;
}

/* column: where the line stands already, 0 or indent. */
static void wrap(struct text *t, enum text_style style, int indent, int column, const char *s,
		 size_t len)
{
	text_style(t, style);
	for (size_t i = 0; i < len;) {
		size_t n = 0;

		while (i + n < len && s[i + n] != ' ')
			n++;
		if (n)
			column = wrap_word(t, indent, column, s + i, n);
		i += n + 1;
	}
	text_style(t, TEXT_PLAIN);
	buf_puts(t->out, "\n");
}

void text_wrap(struct text *t, enum text_style style, int indent, const char *s, size_t len)
{
	wrap(t, style, indent, 0, s, len);
}

void text_wrapf(struct text *t, enum text_style style, int indent, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (len >= 0)
		wrap(t, style, indent, 0, s, (size_t)len);
	free(s);
}

void text_fact(struct text *t, enum text_style style, const char *label, int indent,
	       const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&s, fmt, ap);
	va_end(ap);
	buf_printf(t->out, "  %-*s", indent - 2, label);
	if (len >= 0)
		wrap(t, style, indent, indent, s, (size_t)len);
	free(s);
}

void text_flow(struct text_flow *f, const char *fmt, ...)
{
	struct buf *out = f->t->out;
	char item[320];
	va_list ap;
	int width;

	va_start(ap, fmt);
	vsnprintf(item, sizeof(item), fmt, ap);
	va_end(ap);
	width = escape_width(item, strlen(item));
	if (f->used && f->used + 3 + width > f->t->width) {
		buf_puts(out, "\n");
		f->used = 0;
		f->indent += f->hang;
		f->hang = 0;
	}
	buf_pad(out, ' ', f->used ? 3 : (size_t)f->indent);
	f->used += f->used ? 3 : f->indent;
	f->used += escape_cut(out, item, strlen(item), f->t->width - f->used, f->t->unicode);
}

void text_flow_end(struct text_flow *f)
{
	if (f->used)
		buf_puts(f->t->out, "\n");
	f->used = 0;
}

/* --- pictures -------------------------------------------------------------------------------- */

int text_bar(struct buf *out, double share, int cells, bool unicode)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int steps = unicode ? 8 : 1;
	int n;

	if (!(share > 0) || cells <= 0)
		return 0;
	n = (int)lround(fmin(share, 1) * cells * steps);
	if (!n && unicode)
		n = 1; /* something is not nothing */
	for (int i = 0; i < n / steps; i++)
		buf_puts(out, unicode ? "█" : "#");
	if (n % steps)
		buf_puts(out, eighths[n % steps]);
	return (n + steps - 1) / steps;
}

void text_spark(struct buf *out, const double *values, size_t n, double max, bool unicode)
{
	static const char *const blocks[] = { "·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { "_", ".", ":", "-", "=", "+", "*", "%", "@" };
	const int levels = N_OF(blocks) - 1;

	for (size_t i = 0; i < n; i++) {
		bool any = values[i] > 0 && max > 0;
		int level = any ? (int)ceil(fmin(values[i] / max, 1) * levels) : 0;

		buf_puts(out, unicode ? blocks[level] : ascii[level]);
	}
}

void text_cell(struct buf *out, const char *s, size_t len, int width, bool right, bool unicode)
{
	struct buf text = { 0 };
	int used = escape_cut(&text, s, len, width, unicode);

	if (right)
		buf_pad(out, ' ', (size_t)(width - used));
	if (text.len)
		buf_add(out, text.data, text.len);
	if (!right)
		buf_pad(out, ' ', (size_t)(width - used));
	buf_free(&text);
}
