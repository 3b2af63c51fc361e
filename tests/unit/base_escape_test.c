// SPDX-License-Identifier: GPL-2.0-or-later
/* base_escape_test.c - tests of user/base/escape: no string commands a terminal. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/buf.h"
#include "user/base/escape.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Strings are split where a hex escape would swallow the next letter. */
static const struct {
	const char *in, *unicode, *ascii;
} corpus[] = {
	{ "plain-name_1", "plain-name_1", "plain-name_1" },
	{ "", "", "" },
	{ "\033[31mred\033[0m", "\\x1b[31mred\\x1b[0m", "\\x1b[31mred\\x1b[0m" },
	{ "a\nb\tc\rd\be\af", "a\\x0ab\\x09c\\x0dd\\x08e\\x07f",
	  "a\\x0ab\\x09c\\x0dd\\x08e\\x07f" },
	{ "\x7f", "\\x7f", "\\x7f" },
	{ "back\\slash\\x1b", "back\\\\slash\\\\x1b", "back\\\\slash\\\\x1b" },
	{ "\x9b" "31m", "\\x9b31m", "\\x9b31m" },		/* raw C1 */
	{ "\xc2\x9b" "31m", "\\u{9b}31m", "\\u{9b}31m" },	/* C1 as UTF-8 */
	{ "\xc2\x80\xc2\x85\xc2\x9f", "\\u{80}\\u{85}\\u{9f}", "\\u{80}\\u{85}\\u{9f}" },
	{ "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
	{ "\x80", "\\x80", "\\x80" },				/* tail alone */
	{ "\xc3", "\\xc3", "\\xc3" },				/* cut */
	{ "\xe2\x82", "\\xe2\\x82", "\\xe2\\x82" },
	{ "\xc3\x28", "\\xc3(", "\\xc3(" },
	{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" },		/* overlong */
	{ "\xc1\xbf", "\\xc1\\xbf", "\\xc1\\xbf" },
	{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\\xe0\\x80\\xaf" },
	{ "\xf0\x80\x80\x9b", "\\xf0\\x80\\x80\\x9b", "\\xf0\\x80\\x80\\x9b" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },	  /* surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80" }, /* > 10FFFF */
	{ "\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80", "\\xf8\\x88\\x80\\x80\\x80" },
	{ "\xe2\x80\xae" "evil", "\\u{202e}evil", "\\u{202e}evil" },
	{ "\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", "\\u{202a}\\u{2066}\\u{2069}",
	  "\\u{202a}\\u{2066}\\u{2069}" },
	{ "a\xe2\x80\x8b" "b", "a\\u{200b}b", "a\\u{200b}b" },
	{ "\xef\xbb\xbf", "\\u{feff}", "\\u{feff}" },
	{ "\xe2\x80\xa8", "\\u{2028}", "\\u{2028}" },
	{ "\xf3\xa0\x81\x81", "\\u{e0041}", "\\u{e0041}" },	/* tag */
	{ "\xc2\xad", "\\u{ad}", "\\u{ad}" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\\u{fc}\\u{df}" },
	{ "\xe4\xb8\xad", "\xe4\xb8\xad", "\\u{4e2d}" },
	{ "e\xcc\x81", "e\xcc\x81", "e\\u{301}" },		/* combining on a letter */
	{ "\xcc\x81 x", "\\u{301} x", "\\u{301} x" },		/* combining on nothing */
};

static void test_corpus(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(corpus); i++) {
		struct buf unicode = { 0 }, ascii = { 0 };
		size_t len = strlen(corpus[i].in);
		int width = escape_add(&unicode, corpus[i].in, len, ESCAPE_NO_LIMIT, true);

		assert_int_equal(width, escape_width(unicode.data, unicode.len));
		width = escape_add(&ascii, corpus[i].in, len, ESCAPE_NO_LIMIT, false);
		assert_int_equal(width, ascii.len);
		assert_string_equal(unicode.data ? unicode.data : "", corpus[i].unicode);
		assert_string_equal(ascii.data ? ascii.data : "", corpus[i].ascii);
		buf_free(&unicode);
		buf_free(&ascii);
	}
}

static void test_cut(void **state)
{
	static const struct {
		const char *in;
		int max;
		const char *out;
	} cases[] = {
		{ "abcdef", 6, "abcdef" },
		{ "abcdef", 5, "abcd…" },
		{ "abcdef", 1, "…" },
		{ "abcdef", 0, "" },
		{ "abcdef", -3, "" },
		{ "\xe4\xb8\xad\xe6\x96\x87", 4, "\xe4\xb8\xad\xe6\x96\x87" },
		{ "\xe4\xb8\xad\xe6\x96\x87", 3, "\xe4\xb8\xad…" },
		{ "\xe4\xb8\xad\xe6\x96\x87", 2, "…" },
		{ "ab\033", 5, "ab…" }, /* an escape is cut whole */
		{ "ab\033", 6, "ab\\x1b" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct buf out = { 0 };
		int width = escape_add(&out, cases[i].in, strlen(cases[i].in), cases[i].max, true);

		assert_string_equal(out.data ? out.data : "", cases[i].out);
		assert_int_equal(width, escape_width(out.data ? out.data : "", out.len));
		buf_free(&out);
	}
}

/* Any bytes at all: result is printable, as wide as told, never wider than allowed. */
static void test_random(void **state)
{
	unsigned int seed = 4711;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t len = (size_t)rand_r(&seed) % sizeof(in);
		int max = rand_r(&seed) % 30, width;
		struct buf out = { 0 };

		for (size_t i = 0; i < len; i++)
			in[i] = (char)(rand_r(&seed) % 4 ? 0x70 + rand_r(&seed) % 0x90 :
							   rand_r(&seed));
		width = escape_add(&out, in, len, max, round % 2);
		assert_true(width <= max);
		assert_int_equal(width, escape_width(out.data ? out.data : "", out.len));
		for (size_t i = 0, n; i < out.len; i += n) {
			uint32_t cp;

			n = escape_decode(out.data + i, out.len - i, &cp);
			assert_true(cp != ESCAPE_INVALID && !escape_unsafe(cp));
		}
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_random),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77; /* skipped */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
