/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * escape.h - strings of the watched process on a terminal.
 *
 * Thread names, command lines and symbols are arbitrary bytes chosen by the target.  What reaches a
 * terminal is valid UTF-8 made of visible characters; everything else becomes visible text:
 *
 *	invalid byte, control byte	\xNN		C0, DEL; a lone 0x80-0xff
 *	invisible or reordering		\u{202e}	C1, bidi controls, zero-width, separators
 *	backslash			\\		so that no name can pretend to be escaped
 *
 * The decoder is our own (strict: no overlong forms, no surrogates, nothing above U+10FFFF); only
 * the column count comes from wcwidth(), so main() must have called setlocale(LC_CTYPE, "").  In a
 * locale where wcwidth() knows ASCII only, other characters are escaped, never miscounted.
 */
#ifndef PARASCOPE_ESCAPE_H
#define PARASCOPE_ESCAPE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define ESCAPE_INVALID UINT32_MAX
#define ESCAPE_NO_LIMIT INT_MAX

/* Decode one character: bytes used (1 for an invalid byte, 0 only if len is 0). */
size_t escape_decode(const char *s, size_t len, uint32_t *ret_cp);

/* True for a character that must not be written raw: control, invisible or reordering. */
bool escape_unsafe(uint32_t cp);

/*
 * Append at most max columns of s, escaped; what does not fit is replaced by a marker.  Without
 * unicode the result is plain ASCII.  Returns the columns used.
 */
int escape_add(struct buf *b, const char *s, size_t len, int max, bool unicode);

/* The same for text that is printable already: only cuts. */
int escape_cut(struct buf *b, const char *s, size_t len, int max, bool unicode);

/* Columns of printable text. */
int escape_width(const char *s, size_t len);

#endif
