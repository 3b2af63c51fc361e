// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_code_test.c - tables of lines, strings, numbers and code objects, in forged memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "forged_python.h"
#include "user/runtime/cpython_code.h"
#include "user/runtime/cpython_object.h"

/* --- lines ----------------------------------------------------------------------------------- */

/*
 * One function with try, a loop, yield, except, with, a call over several lines and 300 empty ones,
 * compiled by the interpreters themselves; the lines are what dis.findlinestarts() (3.9) and
 * co_lines() said.
 */
static const struct compiled {
	enum cpython_lines kind;
	struct {
		uint8_t units;
		uint16_t line;
	} lines[36];
	uint8_t n;
	uint16_t len;
	uint8_t table[320];
} compiled[] = {
	{
		/* 3.9 */
		CPYTHON_LNOTAB,
		{ { 2, 102 }, { 4, 103 },  { 2, 104 }, { 2, 105 }, { 2, 106 },
		  { 3, 105 }, { 3, 107 },  { 7, 108 }, { 3, 109 }, { 3, 110 },
		  { 1, 112 }, { 31, 110 }, { 2, 114 }, { 1, 115 }, { 3, 114 },
		  { 4, 417 }, { 2, 114 },  { 1, 115 }, { 3, 114 }, { 13, 417 } },
		20,
		52,
		{ 0, 1,	  4, 1,	  8, 1,	  4,  1, 4, 1,	 4, 255, 6, 2,	 6, 1,	 14, 1,
		  6, 1,	  6, 2,	  2, 254, 62, 4, 4, 1,	 2, 255, 6, 127, 0, 127, 0,  49,
		  8, 128, 0, 128, 0, 209, 4,  1, 2, 255, 6, 127, 0, 127, 0, 49 },
	},
	{
		/* 3.10 */
		CPYTHON_LINETABLE,
		{ { 1, 0 },   { 2, 102 }, { 4, 103 },  { 2, 104 }, { 2, 105 }, { 2, 106 },
		  { 3, 105 }, { 2, 107 }, { 2, 103 },  { 7, 108 }, { 3, 109 }, { 3, 110 },
		  { 1, 112 }, { 5, 110 }, { 14, 109 }, { 10, 0 },  { 1, 108 }, { 1, 103 },
		  { 2, 114 }, { 1, 115 }, { 3, 114 },  { 4, 417 }, { 1, 0 },   { 2, 114 },
		  { 1, 115 }, { 3, 114 }, { 4, 417 },  { 2, 114 }, { 1, 115 }, { 3, 114 },
		  { 10, 417 } },
		31,
		82,
		{ 2,   128, 4,	 1,   8,   1, 4, 1,   4,   1,	4,   1,	  6,   255, 4,	 2,   4,
		  252, 14,  5,	 6,   1,   6, 1, 2,   2,   10,	254, 28,  255, 20,  128, 2,   255,
		  2,   251, 4,	 11,  2,   1, 6, 255, 0,   127, 0,   127, 8,   49,  2,	 128, 0,
		  129, 0,   129, 4,   207, 2, 1, 6,   255, 0,	127, 0,	  127, 8,   49,	 0,   129,
		  0,   129, 4,	 207, 2,   1, 6, 255, 0,   127, 0,   127, 20,  49 },
	},
	{
		/* 3.11 */
		CPYTHON_LOCATIONS,
		{ { 3, 101 }, { 1, 102 }, { 4, 103 }, { 2, 104 },  { 7, 105 }, { 3, 106 },
		  { 9, 105 }, { 1, 107 }, { 1, 103 }, { 1, 0 },	   { 9, 108 }, { 3, 109 },
		  { 8, 110 }, { 1, 112 }, { 4, 110 }, { 16, 109 }, { 3, 0 },   { 4, 109 },
		  { 9, 0 },   { 1, 108 }, { 3, 0 },   { 2, 114 },  { 1, 115 }, { 7, 114 },
		  { 5, 417 }, { 1, 0 },	  { 2, 114 }, { 1, 115 },  { 7, 114 }, { 12, 417 } },
		30,
		318,
		{ 232, 0,   232, 0,   128, 0,	240, 2,	  123, 4,   5,	 21,  216, 17,	18,  240,
		  0,   4,   9,	 23,  240, 0,	4,   9,	  23,  136, 65,	 216, 15,  16,	240, 0,
		  3,   13,  23,	 221, 16,  17,	144, 33,  216, 25,  26,	 144, 55,  144, 55,  241,
		  3,   1,   17,	 29,  244, 0,	1,   17,  29,  240, 0,	 1,   17,  29,	240, 0,
		  1,   17,  29,	 224, 18,  22,	240, 9,	  4,   9,   23,	 248, 245, 10,	0,   12,
		  22,  240, 0,	 4,   5,   22,	240, 0,	  4,   5,   22,	 240, 0,   4,	5,   22,
		  216, 13,  14,	 240, 0,   3,	9,   22,  144, 33,  221, 12,  17,  144, 33,  240,
		  0,   2,   13,	 22,  224, 19,	20,  240, 5,   2,   13,	 22,  240, 0,	2,   13,
		  22,  240, 0,	 2,   13,  22,	240, 0,	  2,   13,  22,	 240, 3,   3,	9,   22,
		  240, 0,   3,	 9,   22,  240, 0,   3,	  9,   22,  241, 0,   3,   9,	22,  244,
		  0,   3,   9,	 22,  240, 0,	3,   9,	  22,  240, 0,	 3,   9,   22,	240, 0,
		  3,   9,   22,	 240, 0,   3,	9,   22,  240, 0,   3,	 9,   22,  240, 0,   3,
		  9,   22,  248, 248, 248, 240, 0,   3,	  9,   22,  240, 0,   3,   9,	22,  240,
		  0,   3,   9,	 22,  240, 0,	3,   9,	  22,  248, 248, 248, 248, 248, 248, 248,
		  248, 248, 240, 3,   4,   5,	22,  248, 248, 248, 240, 12,  0,   13,	14,  136,
		  97,  216, 14,	 15,  240, 3,	1,   15,  16,  244, 0,	 1,   13,  17,	136, 1,
		  240, 94,  9,	 0,   16,  17,	144, 49,  137, 117, 136, 12,  248, 240, 95,  9,
		  0,   13,  14,	 136, 97,  216, 14,  15,  240, 3,   1,	 15,  16,  244, 0,   1,
		  13,  17,  136, 1,   240, 94,	9,   0,	  16,  17,  144, 49,  137, 117, 136, 12,
		  136, 12,  136, 12,  136, 12,	136, 12,  136, 12,  136, 12,  136, 12 },
	},
	{
		/* 3.13 */
		CPYTHON_LOCATIONS,
		{ { 3, 101 }, { 1, 102 },  { 5, 103 }, { 7, 104 }, { 6, 105 }, { 3, 106 },
		  { 7, 105 }, { 2, 107 },  { 2, 103 }, { 2, 114 }, { 1, 115 }, { 2, 114 },
		  { 5, 417 }, { 1, 0 },	   { 9, 108 }, { 3, 109 }, { 7, 110 }, { 1, 112 },
		  { 4, 110 }, { 32, 109 }, { 7, 0 },   { 1, 108 }, { 4, 0 },   { 2, 114 },
		  { 1, 115 }, { 2, 114 },  { 9, 417 }, { 5, 0 } },
		28,
		153,
		{ 233, 0,   128, 0,   240, 2,	123, 4,	  5,   21,  219, 17,  18,  136, 65,  222,
		  15,  16,  220, 16,  17,  144, 33,  216, 25,  26,  145, 55,  246, 3,	1,   17,
		  29,  225, 18,	 22,  241, 9,	0,   18,  19,  240, 22,	 0,   13,  14,	136, 97,
		  216, 14,  15,	 240, 3,   1,	13,  17,  136, 1,   240, 94,  9,   0,	16,  17,
		  144, 49,  137, 117, 136, 12,	248, 244, 107, 9,   0,	 12,  22,  243, 0,   4,
		  5,   22,  217, 13,  14,  144, 33,  220, 12,  17,  144, 33,  240, 0,	2,   13,
		  22,  224, 19,	 20,  243, 5,	2,   13,  22,  247, 3,	 0,   14,  15,	143, 81,
		  143, 81,  143, 81,  254, 240, 3,   4,	  5,   22,  251, 240, 12,  0,	13,  14,
		  136, 97,  216, 14,  15,  240, 3,   1,	  13,  17,  136, 1,   240, 94,	9,   0,
		  16,  17,  144, 49,  137, 117, 140, 12,  252 },
	},
	{
		/* 3.15 */
		CPYTHON_LOCATIONS,
		{ { 4, 101 },  { 1, 102 },  { 6, 103 }, { 8, 104 }, { 6, 105 },	 { 4, 106 },
		  { 7, 105 },  { 2, 107 },  { 2, 103 }, { 9, 114 }, { 9, 417 },	 { 1, 0 },
		  { 10, 108 }, { 11, 109 }, { 7, 110 }, { 1, 112 }, { 6, 110 },	 { 34, 109 },
		  { 7, 0 },    { 1, 108 },  { 4, 0 },	{ 9, 114 }, { 13, 417 }, { 5, 0 } },
		24,
		157,
		{ 233, 0,   129, 0,   240, 2,	123, 4,	  5,   21,  220, 17,  18,  136, 65,  223,
		  15,  16,  220, 16,  17,  144, 33,  216, 25,  26,  146, 55,  246, 3,	1,   17,
		  29,  225, 18,	 22,  241, 9,	0,   18,  19,  240, 22,	 0,   13,  14,	240, 0,
		  1,   15,  16,	 245, 0,   1,	13,  17,  136, 1,   240, 94,  9,   0,	16,  17,
		  144, 49,  141, 117, 136, 12,	248, 244, 107, 9,   0,	 12,  22,  244, 0,   4,
		  5,   22,  223, 13,  14,  137, 81,  144, 33,  220, 12,	 17,  144, 33,	240, 0,
		  2,   13,  22,	 224, 19,  20,	245, 5,	  2,   13,  22,	 247, 3,   0,	14,  15,
		  143, 81,  143, 81,  143, 81,	137, 81,  254, 240, 3,	 4,   5,   22,	251, 240,
		  12,  0,   13,	 14,  240, 0,	1,   15,  16,  245, 0,	 1,   13,  17,	136, 1,
		  240, 94,  9,	 0,   16,  17,	144, 49,  141, 117, 140, 12,  252 },
	},
};

static void known_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(compiled); i++) {
		const struct compiled *c = &compiled[i];
		int64_t at = 0;

		for (size_t k = 0; k < c->n; k++) {
			for (unsigned u = 0; u < c->lines[k].units; u++, at += 2)
				assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, at),
						 c->lines[k].line);
		}
		assert_true(at > 180);
	}
}

static void before_and_behind(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(compiled); i++) {
		const struct compiled *c = &compiled[i];

		assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, -1), 101);
		assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, -2), 101);
		assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, -3), 0);
		assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, INT64_MIN), 0);
		if (c->kind != CPYTHON_LNOTAB) /* its last line has no end */
			assert_int_equal(cpython_line(c->kind, c->table, c->len, 101, 10000), 0);
		assert_int_equal(cpython_line(c->kind, c->table, 0, 101, 0),
				 c->kind == CPYTHON_LNOTAB ? 101 : 0);
	}
}

/* Cut at every byte: what is there is right, the rest is not known. */
static void cut_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(compiled); i++) {
		const struct compiled *c = &compiled[i];

		for (size_t len = 0; len < c->len; len++) {
			unsigned char *copy = malloc(len + 1);
			uint32_t line;

			memcpy(copy, c->table, len);
			line = cpython_line(c->kind, copy, len, 101, 100);
			if (c->kind != CPYTHON_LNOTAB && line)
				assert_int_equal(line,
						 cpython_line(c->kind, c->table, c->len, 101, 100));
			free(copy);
		}
	}
}

static uint32_t location(const char *table, size_t n, uint32_t first)
{
	return cpython_line(CPYTHON_LOCATIONS, (const unsigned char *)table, n, first, 0);
}

#define LOCATION(table, first) location(table, sizeof(table) - 1, first)

static void odd_lines(void **state)
{
	static const unsigned char down[] = { 2, 0x81, 2, 0x81 }, none[] = { 4, 0x80 };
	unsigned char random_table[300];

	(void)state;
	assert_int_equal(LOCATION("\xf8", 5), 0);		  /* no location */
	assert_int_equal(LOCATION("\xe8\x02", 5), 6);		  /* one line on, no column */
	assert_int_equal(LOCATION("\xe8\x03", 5), 4);		  /* one back */
	assert_int_equal(LOCATION("\xe8\x0d", 5), 0);		  /* six back: below the first */
	assert_int_equal(LOCATION("\xf0\x02\x01\x01\x01", 5), 6); /* long form */
	assert_int_equal(LOCATION("\xf0\x02\x01\x01", 5), 0);	  /* ... without an end */
	assert_int_equal(LOCATION("\xe8\x42\x01", 5), 38);	  /* 2 | 1 << 6 = 66 = +33 */
	assert_int_equal(LOCATION("\x68\x02", 5), 0);		  /* no beginning of an entry */
	assert_int_equal(LOCATION("\xd8\x00", 5), 0);		  /* one of two columns */
	assert_int_equal(LOCATION("\xd8\x00\x00", 5), 6);
	/* numbers without an end, and the largest that is taken */
	assert_int_equal(LOCATION("\xe8\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x01", 5), 0);
	assert_int_equal(LOCATION("\xe8\x7e\x7f\x7f\x7f\x7f\x3f", 5), 0);
	assert_int_equal(cpython_line(CPYTHON_LNOTAB, down, sizeof(down), 5, 4), 0);
	assert_int_equal(cpython_line(CPYTHON_LNOTAB, down, sizeof(down), 500, 4), 246);
	assert_int_equal(cpython_line(CPYTHON_LINETABLE, none, sizeof(none), 5, 2), 0);
	assert_int_equal(cpython_line(CPYTHON_LINETABLE, none, 1, 5, 0), 0);
	srandom(2);
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof(random_table); i++)
			random_table[i] = (unsigned char)random();
		for (int kind = CPYTHON_LNOTAB; kind <= CPYTHON_LOCATIONS; kind++)
			assert_true(cpython_line((enum cpython_lines)kind, random_table,
						 sizeof(random_table), UINT32_MAX,
						 random() % 4000) <= INT32_MAX);
	}
}

/* --- strings --------------------------------------------------------------------------------- */

static void check_string(struct world *w, uint64_t str, enum cpython_keep keep, size_t size,
			 const char *want)
{
	char got[CPYTHON_STRING_MAX];

	memset(got, 'x', sizeof(got));
	assert_int_equal(cpython_string(&w->memory, str, keep, got, size), 0);
	assert_string_equal(got, want);
}

static void strings(void **state)
{
	static const uint16_t two[] = { 'a', 0x416, 0x4e2d, 0xd800, 0xdc0d, 'z' };
	static const uint32_t four[] = { 0x1f40d, 0x10ffff, 0x110000, UINT32_MAX, 'z' };
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t s;

		empty_world(&w, &l);
		check_string(&w, make_ascii(&w, "name"), CPYTHON_BEGIN, 64, "name");
		check_string(&w, make_ascii(&w, "name"), CPYTHON_END, 64, "name");
		check_string(&w, make_ascii(&w, ""), CPYTHON_END, 64, "");
		check_string(&w, make_str(&w, 1, false, "\xe9\xff", 2), CPYTHON_BEGIN, 64,
			     "\xc3\xa9\xc3\xbf");
		check_string(&w, make_str(&w, 2, false, two, 6), CPYTHON_BEGIN, 64,
			     "a\xd0\x96\xe4\xb8\xad??z");
		check_string(&w, make_str(&w, 4, false, four, 5), CPYTHON_BEGIN, 64,
			     "\xf0\x9f\x90\x8d\xf4\x8f\xbf\xbf??z");
		check_string(&w, make_str(&w, 1, true, "ab\0c\n", 5), CPYTHON_BEGIN, 64, "ab");
		check_string(&w, make_str(&w, 1, true, "a\n\x1b", 3), CPYTHON_BEGIN, 64, "a\n\x1b");
		/* cut: never inside of a character */
		check_string(&w, make_ascii(&w, "abcdef"), CPYTHON_BEGIN, 4, "abc");
		check_string(&w, make_ascii(&w, "abcdef"), CPYTHON_END, 4, "def");
		check_string(&w, make_ascii(&w, "abcdef"), CPYTHON_END, 7, "abcdef");
		check_string(&w, make_ascii(&w, "abcdef"), CPYTHON_BEGIN, 1, "");
		s = make_str(&w, 2, false, (const uint16_t[]){ 0x4e2d, 0x4e2d, 0x4e2d }, 3);
		check_string(&w, s, CPYTHON_BEGIN, 6, "\xe4\xb8\xad");
		check_string(&w, s, CPYTHON_END, 6, "\xe4\xb8\xad");
		check_string(&w, s, CPYTHON_BEGIN, 3, "");
		check_string(&w, s, CPYTHON_END, 7, "\xe4\xb8\xad\xe4\xb8\xad");
	}
	free(w.bytes);
}

static void odd_strings(void **state)
{
	struct world w = { 0 };
	char got[64];

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t s;

		empty_world(&w, &l);
		for (uint32_t kind = 0; kind < 8; kind++) {
			s = make_ascii(&w, "abcd");
			put_u32(&w, s + l.s_state, (kind | 1 << 3 | 1 << 4) << l.s_shift);
			assert_int_equal(cpython_string(&w.memory, s, CPYTHON_BEGIN, got, 64), 0);
			if (kind != 1 && kind != 2 && kind != 4)
				assert_string_equal(got, "?");
		}
		s = make_ascii(&w, "not compact");
		put_u32(&w, s + l.s_state, (1 | 1 << 4) << l.s_shift);
		check_string(&w, s, CPYTHON_BEGIN, 64, "?");
		s = make_ascii(&w, "long");
		put(&w, s + l.s_length, UINT64_MAX);
		assert_int_equal(cpython_string(&w.memory, s, CPYTHON_END, got, 64), -EIO);
		put(&w, s + l.s_length, MEMORY); /* its end is nowhere */
		assert_int_equal(cpython_string(&w.memory, s, CPYTHON_END, got, 64), -EIO);
		assert_int_equal(cpython_string(&w.memory, s, CPYTHON_BEGIN, got, 4), 0);
		assert_string_equal(got, "lon");
		assert_int_equal(cpython_string(&w.memory, make_int(&w, 5), CPYTHON_END, got, 64),
				 -EIO);
		assert_string_equal(got, "");
		assert_int_equal(cpython_string(&w.memory, 0, CPYTHON_END, got, 64), -EIO);
		assert_int_equal(cpython_string(&w.memory, 4097, CPYTHON_END, got, 64), -EIO);
		assert_int_equal(cpython_string(&w.memory, MEMORY - 8, CPYTHON_END, got, 64), -EIO);
		assert_int_equal(cpython_string(&w.memory, UINT64_MAX - 7, CPYTHON_END, got, 64),
				 -EIO);
	}
	free(w.bytes);
}

static void numbers(void **state)
{
	static const uint64_t good[] = { 1, 0x3fffffff, 0x40000000, 0x7f1234567000, UINT64_MAX };
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t v, n;

		empty_world(&w, &l);
		for (size_t k = 0; k < COUNT(good); k++) {
			assert_int_equal(cpython_int(&w.memory, make_int(&w, good[k]), &v), 0);
			assert_true(v == good[k]);
		}
		assert_int_equal(cpython_int(&w.memory, make_int(&w, 0), &v), -EIO);
		assert_int_equal(cpython_int(&w.memory, make_ascii(&w, "5"), &v), -EIO);
		n = make_int(&w, UINT64_MAX);
		put_u32(&w, n + l.i_digits + 8, 16); /* 2^64 */
		assert_int_equal(cpython_int(&w.memory, n, &v), -EIO);
		n = make_int(&w, 7);
		put(&w, n + l.o_size, l.i_tagged ? 1 << 3 | 2 : UINT64_MAX); /* negative */
		assert_int_equal(cpython_int(&w.memory, n, &v), -EIO);
		put(&w, n + l.o_size, 4 << 3);
		assert_int_equal(cpython_int(&w.memory, n, &v), -EIO);
	}
	free(w.bytes);
}

/* --- code objects ---------------------------------------------------------------------------- */

/* Each kind: two units of the first line, two of the next, the rest of none or of that one. */
static const struct {
	const char *table;
	size_t n;
} steps[] = {
	[CPYTHON_LNOTAB] = { "\x04\x01", 2 },
	[CPYTHON_LINETABLE] = { "\x04\x00\x04\x01", 4 },
	[CPYTHON_LOCATIONS] = { "\x81\x00\xd9\x00\x00\x87\x00\x87\x00\x87\x00\x87\x00\x87\x00",
				15 }, /* more than there is code */
};

static uint64_t steps_code(struct world *w, const char *name, const char *file)
{
	enum cpython_lines kind = w->layout.lines;

	return make_code(w, name, file, 10, steps[kind].table, steps[kind].n);
}

/* How the version's frames say that they are at a byte of the code. */
static uint64_t instr_at(const struct world *w, uint64_t code, int at)
{
	if (w->layout.c_code)
		return code + w->layout.c_code + (uint64_t)(int64_t)at;
	return (uint32_t)(w->layout.minor == 9 ? at : at / 2);
}

static void codes(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct cpython_code c;
		uint64_t code;

		empty_world(&w, &l);
		code = steps_code(&w, "outer.<locals>.f", "/srv/app.py");
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		assert_string_equal(c.function, "outer.<locals>.f");
		assert_string_equal(c.file, "/srv/app.py");
		assert_int_equal(c.first, 10);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, -2)), 10);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 0)), 10);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 2)), 10);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 4)), 11);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 6)), 11);
		if (l.c_code) {
			assert_int_equal(cpython_code_line(&w.memory, &c, code), 0);
			assert_int_equal(cpython_code_line(&w.memory, &c, 0), 0);
			assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 78)),
					 11);
			assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 80)),
					 0);
			assert_int_equal(cpython_code_line(&w.memory, &c, UINT64_MAX), 0);
		} else {
			assert_int_equal(cpython_code_line(&w.memory, &c, INT32_MIN), 0);
		}
		cpython_code_free(&c);
		cpython_code_free(&c);
	}
	free(w.bytes);
}

static void long_names(void **state)
{
	struct cpython_layout l = layout_of(0);
	char name[1000], want[1000];
	struct world w = { 0 };
	struct cpython_code c;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (char)('a' + i % 26);
	name[sizeof(name) - 1] = '\0';
	empty_world(&w, &l);
	assert_int_equal(cpython_code_read(&w.memory, steps_code(&w, name, name), &c), 0);
	snprintf(want, sizeof(want), "%.127s", name);
	assert_string_equal(c.function, want);
	assert_string_equal(c.file, name + 999 - 159);
	cpython_code_free(&c);
	free(w.bytes);
}

/* Copies of the code for single threads, in free-threaded builds since 3.14. */
static void copies(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct cpython_code c;
		uint64_t code, array = MEMORY - 4096, copy = MEMORY - 2048;

		assert_int_equal(!!l.c_tlbc, l.free_threaded && l.minor >= 14);
		if (!l.c_tlbc)
			continue;
		empty_world(&w, &l);
		code = steps_code(&w, "f", "f.py");
		put(&w, code + l.c_tlbc, array);
		put(&w, array, 3);
		put(&w, array + 8, code + l.c_code);
		put(&w, array + 24, copy); /* that of 1 is not made */
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		assert_int_equal(cpython_code_line(&w.memory, &c, copy + 4), 11);
		assert_int_equal(cpython_code_line(&w.memory, &c, copy + 80), 0);
		assert_int_equal(cpython_code_line(&w.memory, &c, code + l.c_code + 4), 11);
		put(&w, code + l.c_tlbc, 4096);
		put(&w, 4096, UINT64_MAX); /* and none of them is made */
		cpython_code_free(&c);
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		w.reads = 0;
		assert_int_equal(cpython_code_line(&w.memory, &c, 1 << 20), 0);
		assert_true(w.reads < 10000);
		cpython_code_free(&c);
	}
	free(w.bytes);
}

static void odd_codes(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct cpython_code c;
		uint64_t code, lines;

		empty_world(&w, &l);
		assert_int_equal(cpython_code_read(&w.memory, 0, &c), -EIO);
		assert_int_equal(cpython_code_read(&w.memory, 12345, &c), -EIO);
		assert_int_equal(cpython_code_read(&w.memory, MEMORY - 64, &c), -EIO);
		assert_int_equal(cpython_code_read(&w.memory, make_ascii(&w, "code"), &c), -EIO);
		code = steps_code(&w, "f", "f.py");
		put(&w, code + l.c_name, make_int(&w, 5));
		assert_int_equal(cpython_code_read(&w.memory, code, &c), -EIO);
		code = steps_code(&w, "f", "f.py");
		put(&w, code + l.c_file, 0);
		assert_int_equal(cpython_code_read(&w.memory, code, &c), -EIO);
		/* without lines the function is known */
		code = steps_code(&w, "f", "f.py");
		lines = make_bytes(&w, "", 0);
		put(&w, lines + l.o_size, UINT64_MAX);
		put(&w, code + l.c_lines, lines);
		put_u32(&w, code + l.c_first, (uint32_t)-7);
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		assert_string_equal(c.function, "f");
		assert_int_equal(c.first, 0);
		assert_int_equal(cpython_code_line(&w.memory, &c, instr_at(&w, code, 0)), 0);
		w.free = MEMORY - 4096;
		lines = make_bytes(&w, "", 0);
		put(&w, lines + l.o_size, 1 << 20); /* not all of it is there */
		put(&w, code + l.c_lines, lines);
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		assert_null(c.lines);
		put(&w, code + l.c_lines, code);
		assert_int_equal(cpython_code_read(&w.memory, code, &c), 0);
		assert_null(c.lines);
	}
	/* any words: an answer */
	srandom(3);
	for (int round = 0; round < 2000; round++) {
		struct cpython_layout l = layout_of((size_t)round % LAYOUTS);
		struct cpython_code c;
		uint64_t code;

		w.layout = l;
		w.free = HEAP;
		make_types(&w);
		code = steps_code(&w, "f", "f.py");
		for (int k = 0; k < 20; k++)
			put(&w, HEAP + ((uint64_t)random() % 2048 & ~7ull),
			    (uint64_t)random() % MEMORY & ~7ull);
		if (!cpython_code_read(&w.memory, code, &c)) {
			cpython_code_line(&w.memory, &c, instr_at(&w, code, 4));
			cpython_code_free(&c);
		}
	}
	free(w.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_lines), cmocka_unit_test(before_and_behind),
		cmocka_unit_test(cut_tables),  cmocka_unit_test(odd_lines),
		cmocka_unit_test(strings),     cmocka_unit_test(odd_strings),
		cmocka_unit_test(numbers),     cmocka_unit_test(codes),
		cmocka_unit_test(long_names),  cmocka_unit_test(copies),
		cmocka_unit_test(odd_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
