// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cold.c - see cold.h.
 *
 * Compilers cut rarely run code out of a function and put it far away, as "f.cold".  Of CPython's loop
 * that can be nearly all of it, and in a stripped file it has no symbol: without a name for it Python's
 * frames would have no place among the native ones.  It is found by the jumps that lead there from the
 * part that has a symbol.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/symbol/cfi.h"
#include "user/symbol/cold.h"
#include "user/symbol/cover.h"

#define LOOP "_PyEval_EvalFrameDefault"
#define LOOP_BYTES (1u << 20) /* it has no more */
#define JUMPS_MIN 2	      /* to one place: bytes that only look like a jump lead anywhere */

/* "jmp" or "jcc", 32 bits: how many bytes it has, 0: it is none. */
static size_t jump_at(const uint8_t *code, size_t left, uint64_t addr, uint64_t *ret)
{
	size_t n = code[0] == 0xe9 ? 1 : code[0] == 0x0f && left > 1 && (code[1] & 0xf0) == 0x80 ? 2 : 0;
	int32_t distance;

	if (!n || left < n + sizeof(distance))
		return 0;
	memcpy(&distance, code + n, sizeof(distance));
	n += sizeof(distance);
	*ret = addr + n + (uint64_t)(int64_t)distance;
	return n;
}

static const struct symtab_symbol *find_loop(struct symtab *t)
{
	const struct symtab_symbol *found = NULL;

	for (size_t i = 0; i < t->n; i++) {
		if (!strcmp(t->symbols[i].name, LOOP ".cold"))
			return NULL;
		if (!strcmp(t->symbols[i].name, LOOP) && t->symbols[i].sized)
			found = &t->symbols[i];
	}
	return found && found->end - found->begin <= LOOP_BYTES ? found : NULL;
}

/* The part of a function that most jumps lead to; NULL: none. */
static const struct cover_span *find_target(const struct cover *functions, const uint8_t *code,
					    uint64_t begin, size_t size)
{
	const struct cover_span *span, *most = NULL;
	uint32_t *jumps = xcalloc(functions->n, sizeof(*jumps));
	uint64_t to;

	for (size_t i = 0; i < size; i++) {
		if (!jump_at(code + i, size - i, begin + i, &to) || to - begin < size)
			continue;
		span = cover_find(functions, to);
		if (!span || to == span->begin) /* there it is another function, by a call at the end */
			continue;
		jumps[span - functions->spans]++;
		if (!most || jumps[span - functions->spans] > jumps[most - functions->spans])
			most = span;
	}
	if (most && jumps[most - functions->spans] < JUMPS_MIN)
		most = NULL;
	free(jumps);
	return most;
}

void cold_read(struct symtab *t, Elf *elf)
{
	const struct symtab_symbol *loop = find_loop(t);
	const struct cover_span *cold = NULL;
	struct cover functions = { 0 };
	const uint8_t *code = NULL;
	uint64_t begin = 0, size = 0;

	if (loop) {
		begin = loop->begin;
		size = loop->end - begin;
		code = cfi_code(elf, begin, size);
	}
	if (code && !cfi_functions(elf, &functions))
		cold = find_target(&functions, code, begin, size);
	if (cold && !symtab_find(t, cold->begin)) {
		vec_push(t->symbols, t->n, t->cap) = (struct symtab_symbol){
			.name = LOOP ".cold",
			.begin = cold->begin,
			.end = cold->end,
			.local = true,
			.sized = true,
		};
		t->settled = false;
	}
	cover_free(&functions);
}
