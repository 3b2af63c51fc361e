// SPDX-License-Identifier: GPL-2.0-or-later
/* escape.c - make foreign strings safe and measurable for a terminal; see escape.h. */
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "user/base/buf.h"
#include "user/base/escape.h"

static bool is_tail(const unsigned char *p, size_t i)
{
	return (p[i] & 0xc0) == 0x80;
}

size_t escape_decode(const char *s, size_t len, uint32_t *ret_cp)
{
	/* Smallest code point of each length: anything below it is an overlong form. */
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t n;
	uint32_t cp;

	*ret_cp = ESCAPE_INVALID;
	if (!len)
		return 0;
	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len < n)
		return 1;
	cp = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (!is_tail(p, i))
			return 1;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < smallest[n] || (cp >= 0xd800 && cp <= 0xdfff) || cp > 0x10ffff)
		return 1;
	*ret_cp = cp;
	return n;
}

bool escape_unsafe(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },	      /* C0 */
		{ 0x7f, 0x9f },	      /* DEL, C1 */
		{ 0xad, 0xad },	      /* soft hyphen */
		{ 0x61c, 0x61c },     /* Arabic letter mark */
		{ 0x115f, 0x1160 },   /* Hangul fillers: blank */
		{ 0x17b4, 0x17b5 },   /* Khmer inherent vowels: blank */
		{ 0x180e, 0x180e },   /* Mongolian vowel separator */
		{ 0x200b, 0x200f },   /* zero-width, LRM, RLM */
		{ 0x2028, 0x202e },   /* line and paragraph separator, bidi embedding */
		{ 0x2060, 0x206f },   /* word joiner, bidi isolates, deprecated controls */
		{ 0x3164, 0x3164 },   /* Hangul filler */
		{ 0xfeff, 0xfeff },   /* byte order mark */
		{ 0xffa0, 0xffa0 },   /* half-width Hangul filler */
		{ 0xfff0, 0xfffb },   /* interlinear annotation */
		{ 0x1d173, 0x1d17a }, /* musical format controls */
		{ 0xe0000, 0xe0fff }, /* tags, variation selectors supplement */
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && cp >= ranges[i].first; i++)
		if (cp <= ranges[i].last)
			return true;
	return false;
}

/* Columns of a character written raw; -1 if it has to be escaped. */
static int raw_width(uint32_t cp, bool first, bool unicode)
{
	int width;

	if (cp == ESCAPE_INVALID || cp == '\\' || escape_unsafe(cp))
		return -1;
	if (cp < 0x80)
		return 1;
	width = unicode ? wcwidth((wchar_t)cp) : -1;
	/* A combining mark may follow a letter, not sit on our own column border. */
	return width == 0 && first ? -1 : width;
}

static int add_one(struct buf *b, const char *s, size_t n, uint32_t cp, int width)
{
	char text[16];

	if (width >= 0) {
		buf_add(b, s, n);
		return width;
	}
	if (cp == '\\')
		snprintf(text, sizeof(text), "\\\\");
	else if (cp == ESCAPE_INVALID || cp < 0x80)
		snprintf(text, sizeof(text), "\\x%02x", (unsigned char)*s);
	else
		snprintf(text, sizeof(text), "\\u{%x}", cp);
	buf_puts(b, text);
	return (int)strlen(text);
}

static int printable_width(uint32_t cp)
{
	int width = cp == ESCAPE_INVALID ? 1 : wcwidth((wchar_t)cp);

	return width < 0 ? 1 : width; /* our own symbols in a locale that does not know them */
}

/* Both escape_add() and escape_cut(): only where a character's width comes from differs. */
static int add_limited(struct buf *b, const char *s, size_t len, int max, bool unicode, bool raw)
{
	/* Where to cut if the rest does not fit: the prefix that leaves room for the marker. */
	size_t cut_len = b->len;
	int used = 0, cut_used = 0;

	if (max <= 0)
		return 0;
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;
		int width;

		n = escape_decode(s + i, len - i, &cp);
		if (used < max) {
			cut_len = b->len;
			cut_used = used;
		}
		width = raw ? raw_width(cp, used == 0, unicode) : printable_width(cp);
		used += add_one(b, s + i, n, cp, width);
		if (used > max) {
			b->len = cut_len;
			buf_puts(b, unicode ? "…" : "~");
			return cut_used + 1;
		}
	}
	return used;
}

int escape_add(struct buf *b, const char *s, size_t len, int max, bool unicode)
{
	return add_limited(b, s, len, max, unicode, true);
}

int escape_cut(struct buf *b, const char *s, size_t len, int max, bool unicode)
{
	return add_limited(b, s, len, max, unicode, false);
}

int escape_width(const char *s, size_t len)
{
	int width = 0;

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;

		n = escape_decode(s + i, len - i, &cp);
		width += printable_width(cp);
	}
	return width;
}
