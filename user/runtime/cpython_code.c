// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_code.c - code objects and the three encodings of their lines; see cpython_code.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/runtime/cpython_code.h"
#include "user/runtime/cpython_object.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define LINES_MAX (1 << 20)   /* bytes of a table: some 200000 lines of code */
#define CODE_MAX (1ull << 32) /* bytes of instructions */
#define COPIES_MAX 4096	      /* threads */
#define UNIT 2		      /* bytes of the smallest instruction, since 3.6 */

/* --- lines ----------------------------------------------------------------------------------- */

static uint32_t line_or_none(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

/* Objects/lnotab_notes.txt of 3.9: (bytes to the next line's code, lines to it). */
static uint32_t line_in_lnotab(const unsigned char *t, size_t n, int64_t line, int64_t at)
{
	int64_t begin = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		begin += t[i];
		if (begin > at)
			break;
		line += (int8_t)t[i + 1];
	}
	return line_or_none(line);
}

/* Objects/lnotab_notes.txt of 3.10: (bytes of code, lines to its line), or -128: it has none. */
static uint32_t line_in_linetable(const unsigned char *t, size_t n, int64_t line, int64_t at)
{
	int64_t end = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		int8_t step = (int8_t)t[i + 1];

		line += step == -128 ? 0 : step;
		end += t[i];
		if (at < end)
			return step == -128 ? 0 : line_or_none(line);
	}
	return 0;
}

struct cursor {
	const unsigned char *at, *end;
};

/* Six bits a byte, lowest first; bit 6: there are more. */
static bool take_varint(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 36 && c->at < c->end; shift += 6) {
		unsigned char byte = *c->at++;

		v |= (uint64_t)(byte & 0x3f) << shift;
		if (!(byte & 0x40)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static bool take_line(struct cursor *c, int64_t *line)
{
	uint64_t v;

	if (!take_varint(c, &v))
		return false;
	*line += v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
	return true;
}

enum {
	LOCATION_ONE_LINE = 10,
	LOCATION_NO_COLUMN = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15
};

/* What follows the first byte of an entry; moves the line. */
static bool take_location(struct cursor *c, unsigned code, int64_t *line)
{
	uint64_t column;
	bool ok = true;

	if (code == LOCATION_NONE)
		return true;
	if (code >= LOCATION_NO_COLUMN) {
		ok = take_line(c, line);
		for (int i = 0; i < 3 && ok && code == LOCATION_LONG; i++)
			ok = take_varint(c, &column);
		return ok;
	}
	if (code >= LOCATION_ONE_LINE)
		*line += code - LOCATION_ONE_LINE;
	c->at += code >= LOCATION_ONE_LINE ? 2 : 1; /* columns */
	return c->at <= c->end;
}

/* Objects/locations.md of 3.11: 1 bit set, 4 bits of code, 3 bits of length in units - 1. */
static uint32_t line_in_locations(const unsigned char *t, size_t n, int64_t line, int64_t at)
{
	struct cursor c = { t, t + n };
	int64_t end = 0;

	while (c.at < c.end) {
		unsigned char first = *c.at++;
		unsigned code = first >> 3 & 15;

		if (!(first & 0x80) || !take_location(&c, code, &line))
			return 0;
		end += ((first & 7) + 1) * UNIT;
		if (at < end)
			return code == LOCATION_NONE ? 0 : line_or_none(line);
	}
	return 0;
}

static uint32_t (*const encodings[])(const unsigned char *t, size_t n, int64_t line, int64_t at) = {
	[CPYTHON_LNOTAB] = line_in_lnotab,
	[CPYTHON_LINETABLE] = line_in_linetable,
	[CPYTHON_LOCATIONS] = line_in_locations,
};

uint32_t cpython_line(enum cpython_lines kind, const unsigned char *lines, size_t n, uint32_t first,
		      int64_t at)
{
	if (at < 0) /* not begun */
		return at >= -UNIT ? first : 0;
	return encodings[kind](lines, n, first, at);
}

/* --- code objects ---------------------------------------------------------------------------- */

/* Where the copy of the code begins that an instruction is in; -ENOENT: in none. */
static int find_copy(const struct cpython_memory *m, const struct cpython_code *code,
		     uint64_t instr, uint64_t *ret)
{
	uint64_t n, begin;
	int err = cpython_read_u64(m, code->copies, &n); /* then n pointers */

	for (uint64_t i = 0; !err && i < n && i < COPIES_MAX; i++) {
		err = cpython_read_u64(m, code->copies + 8 + 8 * i, &begin);
		if (!err && begin && instr >= begin && instr - begin < code->bytes) {
			*ret = begin;
			return 0;
		}
	}
	return err ? err : fail(-ENOENT, "no such instruction");
}

uint32_t cpython_code_line(const struct cpython_memory *m, const struct cpython_code *code,
			   uint64_t instr)
{
	const struct cpython_layout *l = m->layout;
	uint64_t begin = code->addr + l->c_code;
	int64_t at = (int32_t)instr;

	if (!code->lines)
		return 0;
	if (!l->c_code)
		at *= l->minor >= 10 ? UNIT : 1;
	else if (instr - begin < code->bytes || instr - begin >= -(uint64_t)UNIT)
		at = (int64_t)(instr - begin);
	else if (code->copies && !find_copy(m, code, instr, &begin))
		at = (int64_t)(instr - begin);
	else
		return 0;
	return cpython_line(l->lines, code->lines, code->n_lines, code->first, at);
}

/* Without it the function is known all the same. */
static int read_lines(const struct cpython_memory *m, struct cpython_code *code)
{
	const struct cpython_layout *l = m->layout;
	uint64_t addr, n;
	int err = cpython_read_u64(m, code->addr + l->c_lines, &addr);

	if (!err)
		err = cpython_check_flag(m, addr, CPYTHON_IS_BYTES);
	if (!err)
		err = cpython_read_u64(m, addr + l->o_size, &n);
	if (err)
		return err;
	if (n > LINES_MAX)
		return fail(-EIO, "too many lines");
	code->lines = xcalloc(1, n + 1);
	code->n_lines = n;
	return n ? cpython_read(m, addr + l->b_data, code->lines, n) : 0;
}

static int read_size(const struct cpython_memory *m, struct cpython_code *code)
{
	const struct cpython_layout *l = m->layout;
	uint64_t units;
	int err = 0;

	if (l->c_code)
		err = cpython_read_u64(m, code->addr + l->o_size, &units);
	if (!err && l->c_code && units <= CODE_MAX / UNIT)
		code->bytes = units * UNIT;
	if (!err && l->c_tlbc)
		err = cpython_read_u64(m, code->addr + l->c_tlbc, &code->copies);
	return err;
}

static int read_string(const struct cpython_memory *m, uint64_t at, enum cpython_keep keep,
		       char *ret, size_t size)
{
	uint64_t str;
	int err = cpython_read_u64(m, at, &str);

	return err ? err : cpython_string(m, str, keep, ret, size);
}

int cpython_code_read(const struct cpython_memory *m, uint64_t addr, struct cpython_code *ret)
{
	const struct cpython_layout *l = m->layout;
	struct cpython_code code = { .addr = addr };
	int32_t first;
	int err = cpython_check_type(m, addr, "code");

	if (!err)
		err = cpython_read(m, addr + l->c_first, &first, sizeof(first));
	if (!err)
		err = read_string(m, addr + l->c_name, CPYTHON_BEGIN, code.function,
				  sizeof(code.function));
	if (!err)
		err = read_string(m, addr + l->c_file, CPYTHON_END, code.file, sizeof(code.file));
	if (!err)
		err = read_size(m, &code);
	if (err)
		return err;
	code.first = first > 0 ? (uint32_t)first : 0;
	if (read_lines(m, &code))
		cpython_code_free(&code);
	*ret = code;
	return 0;
}

void cpython_code_free(struct cpython_code *code)
{
	free(code->lines);
	code->lines = NULL;
	code->n_lines = 0;
}
