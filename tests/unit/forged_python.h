/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forged_python.h - memory made by hand that looks like an interpreter's, for each layout.
 *
 * It is what the layouts say; that these are right is shown by the live tests.
 */
#ifndef PARASCOPE_TEST_FORGED_PYTHON_H
#define PARASCOPE_TEST_FORGED_PYTHON_H

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/runtime/cpython_memory.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* --- what 3.13 and later say about themselves ------------------------------------------------ */

#define WORDS 38

/*
 * Where _Py_DebugOffsets has: head id next threads; gil_ptr gil_own locked holder; t_next t_interp
 * t_frame t_thread_id; f_previous f_code f_instr f_locals f_owner; c_file c_name c_lines c_first
 * c_code c_tlbc; o_type y_name y_flags y_basicsize y_dictoffset y_keys; d_keys d_values i_digits
 * o_size b_data; s_state s_length s_ascii s_compact.  0: it does not.
 */
static const uint16_t word_at[][WORDS] = {
	[13] = { 40,  56,  64,	72,  112, 120, 136, 144, 168, 176, 184, 192, 232,
		 240, 248, 256, 264, 280, 296, 304, 312, 344, 0,   360, 376, 392,
		 0,   0,   0,	456, 464, 504, 520, 528, 544, 552, 560, 0 },
	[14] = { 40,  56,  64,	72,  120, 128, 144, 152, 192, 200, 208, 216, 256,
		 264, 272, 280, 288, 320, 336, 344, 352, 384, 392, 408, 424, 440,
		 0,   0,   0,	536, 544, 584, 600, 608, 624, 632, 640, 0 },
	[15] = { 40,  56,  64,	72,  120, 128, 144, 152, 192, 200, 208, 240, 320,
		 328, 336, 344, 352, 384, 400, 408, 416, 448, 456, 472, 488, 504,
		 512, 520, 536, 632, 640, 680, 696, 704, 720, 728, 736, 744 },
};

/*
 * And what it has there: read from live 3.13.5, 3.14.10, 3.15.2; offsetof() with the headers and
 * Py_GIL_DISABLED.
 */
static const struct described {
	uint32_t version;
	uint64_t free_threaded;
	uint16_t words[WORDS];
} descriptions[] = {
	{ 0x030d05f0, 0, { 632, 7272, 7264, 7344, 16,  7752, 7768, 7760, 8,   16, 72, 152, 8,
			   0,	56,   72,   70,	  112, 128,  136,  68,	 200, 0,  8,  24,  168,
			   0,	0,    0,    32,	  40,  24,   16,   32,	 32,  16, 40, 0 } },
	{ 0x030e0af0, 0, { 808, 7280, 7272, 7344, 16,  7784, 7800, 7792, 8,   16, 72, 152, 8,
			   0,	56,   80,   74,	  112, 128,  136,  68,	 208, 0,  8,  24,  168,
			   0,	0,    0,    32,	  40,  24,   16,   32,	 32,  16, 40, 0 } },
	{ 0x030f02f0, 0, { 936, 7272, 7264, 7336, 16,  7736, 7752, 7744, 8,   16, 72, 176, 8,
			   0,	56,   80,   74,	  112, 128,  136,  68,	 208, 0,  8,  24,  168,
			   32,	288,  888,  32,	  40,  24,   16,   32,	 32,  16, 40, 56 } },
	{ 0x030d0ff0, 1, { 632, 7272, 7264, 7344, 16,  7760, 7784, 7776, 8,   16, 72, 152, 8,
			   0,	56,   72,   70,	  128, 144,  152,  84,	 216, 0,  24, 40,  184,
			   0,	0,    0,    48,	  56,  40,   32,   48,	 48,  32, 56, 0 } },
	{ 0x030e0af0, 1, { 808, 7280, 7272, 7344, 16,  7808, 7832, 7824, 8,   16,  72, 152, 8,
			   0,	56,   80,   78,	  128, 144,  152,  84,	 232, 224, 24, 40,  184,
			   0,	0,    0,    48,	  56,  40,   32,   48,	 48,  32,  56, 0 } },
	{ 0x030f02f0, 1, { 936, 7272, 7264, 7336, 16,  7736, 7760, 7752, 8,   16,  72, 176, 8,
			   0,	56,   80,   78,	  128, 144,  152,  84,	 232, 224, 24, 40,  184,
			   48,	304,  904,  48,	  56,  40,   32,   48,	 48,  32,  56, 72 } },
};

#define LAYOUTS (COUNT(descriptions) + 4) /* and 3.9 to 3.12 */

static inline unsigned minor_in(uint32_t version)
{
	return version >> 16 & 0xff;
}

static inline void describe(const struct described *d, unsigned char bytes[CPYTHON_OFFSETS_BYTES])
{
	uint64_t version = d->version, word;

	memset(bytes, 0xaa, CPYTHON_OFFSETS_BYTES); /* what is not known must not matter */
	memcpy(bytes, "xdebugpy", 8);
	memcpy(bytes + 8, &version, 8);
	memcpy(bytes + 16, &d->free_threaded, 8);
	for (size_t i = 0; i < WORDS; i++) {
		word = d->words[i];
		if (word_at[minor_in(d->version)][i])
			memcpy(bytes + word_at[minor_in(d->version)][i], &word, 8);
	}
}

static inline struct cpython_layout layout_of(size_t i)
{
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l = { 0 };

	if (i < COUNT(descriptions)) {
		describe(&descriptions[i], bytes);
		assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), 0);
	} else {
		uint32_t minor = 9 + (uint32_t)(i - COUNT(descriptions));

		assert_int_equal(cpython_layout_of(0x030002f0 | minor << 16, &l), 0);
	}
	return l;
}

/* --- memory ---------------------------------------------------------------------------------- */

#define MEMORY (16 << 20) /* addresses from 0 on */
#define HEAP 0x800000	  /* objects, one after the other */
#define TYPES 0x700000

enum type {
	A_CODE,
	A_STR,
	A_BYTES,
	A_INT,
	A_DICT,
	A_THREAD,
	A_FLOAT
};

struct world {
	unsigned char *bytes;
	struct cpython_layout layout;
	struct cpython_memory memory;
	uint64_t free;
	uint64_t reads;
	uint64_t twist_at; /* this read and later ones see other values */
	struct {
		uint64_t addr, value;
	} twist[2];
};

static inline void put(struct world *w, uint64_t addr, uint64_t value)
{
	memcpy(w->bytes + addr, &value, sizeof(value));
}

static inline void put_u32(struct world *w, uint64_t addr, uint32_t value)
{
	memcpy(w->bytes + addr, &value, sizeof(value));
}

static inline int read_world(void *ctx, uint64_t addr, void *to, size_t len)
{
	struct world *w = ctx;

	if (++w->reads == w->twist_at)
		for (size_t i = 0; i < COUNT(w->twist); i++)
			put(w, w->twist[i].addr, w->twist[i].value);
	if (addr >= MEMORY || len > MEMORY - addr)
		/* ours, not the macro of cmocka */
		return (fail)(-EIO, "nothing at 0x%llx", (unsigned long long)addr);
	memcpy(to, w->bytes + addr, len);
	return 0;
}

static inline uint64_t type_addr(enum type type)
{
	return TYPES + (uint64_t)type * 4096;
}

static inline void make_types(struct world *w)
{
	static const struct {
		const char *name;
		uint32_t flags;
	} types[] = {
		[A_CODE] = { "code", 0 },
		[A_STR] = { "str", 1u << 28 },
		[A_BYTES] = { "bytes", 1u << 27 },
		[A_INT] = { "int", 1u << 24 },
		[A_DICT] = { "dict", 1u << 29 },
		[A_FLOAT] = { "float", 0 },
		[A_THREAD] = { "Thread", 1 << 2 | 1 << 4 | 1 << 9 },
	};
	const struct cpython_layout *l = &w->layout;

	for (size_t i = 0; i < COUNT(types); i++) {
		uint64_t at = type_addr((enum type)i), name = at + 2048;

		strcpy((char *)w->bytes + name, types[i].name);
		put(w, at + l->y_name, name);
		put(w, at + l->y_flags, types[i].flags);
		put(w, at + l->y_basicsize, 16 + l->o_type);
	}
}

static inline void empty_world(struct world *w, const struct cpython_layout *l)
{
	free(w->bytes);
	*w = (struct world){ .bytes = calloc(1, MEMORY), .layout = *l, .free = HEAP };
	w->memory = (struct cpython_memory){ read_world, w, &w->layout };
	make_types(w);
}

/* --- objects --------------------------------------------------------------------------------- */

static inline uint64_t make_object(struct world *w, enum type type, size_t size)
{
	uint64_t addr = w->free + 64; /* room for what is in front */

	w->free = addr + (size + 15) / 16 * 16;
	put(w, addr + w->layout.o_type, type_addr(type));
	return addr;
}

/* n characters of 1, 2 or 4 bytes. */
static inline uint64_t make_str(struct world *w, unsigned kind, bool ascii, const void *data,
				size_t n)
{
	const struct cpython_layout *l = &w->layout;
	uint64_t addr = make_object(w, A_STR, 128 + n * kind);

	put(w, addr + l->s_length, n);
	/* interned, as names are; compact */
	put_u32(w, addr + l->s_state, 1 | (kind | 1 << 3 | (uint32_t)ascii << 4) << l->s_shift);
	memcpy(w->bytes + addr + (ascii ? l->s_ascii : l->s_compact), data, n * kind);
	return addr;
}

static inline uint64_t make_ascii(struct world *w, const char *s)
{
	return make_str(w, 1, true, s, strlen(s));
}

static inline uint64_t make_bytes(struct world *w, const void *data, size_t n)
{
	uint64_t addr = make_object(w, A_BYTES, 64 + n);

	put(w, addr + w->layout.o_size, n);
	memcpy(w->bytes + addr + w->layout.b_data, data, n);
	return addr;
}

static inline uint64_t make_int(struct world *w, uint64_t v)
{
	uint64_t addr = make_object(w, A_INT, 64), n = 0;

	for (; v; v >>= 30)
		put_u32(w, addr + w->layout.i_digits + 4 * n++, v & 0x3fffffff);
	put(w, addr + w->layout.o_size, w->layout.i_tagged ? n << 3 : n);
	return addr;
}

/* 40 units of instructions with these lines. */
static inline uint64_t make_code(struct world *w, const char *name, const char *file,
				 uint32_t first, const void *lines, size_t n)
{
	const struct cpython_layout *l = &w->layout;
	uint64_t addr = make_object(w, A_CODE, 512);

	put(w, addr + l->c_name, make_ascii(w, name));
	put(w, addr + l->c_file, make_ascii(w, file));
	put_u32(w, addr + l->c_first, first);
	put(w, addr + l->c_lines, make_bytes(w, lines, n));
	if (l->c_code)
		put(w, addr + l->o_size, 40);
	return addr;
}

/* owner 3 and above: of C code, if the version has such frames. */
static inline uint64_t make_frame(struct world *w, uint64_t code, uint64_t instr, uint64_t previous,
				  unsigned owner)
{
	const struct cpython_layout *l = &w->layout;
	uint64_t addr = make_object(w, A_FLOAT, 512);

	put(w, addr + l->f_code, code);
	put(w, addr + l->f_previous, previous);
	put(w, addr + l->f_instr, instr);
	if (l->f_owner != CPYTHON_NONE)
		w->bytes[addr + l->f_owner] = (unsigned char)owner;
	return addr;
}

/* Let a PyThreadState run this frame. */
static inline void put_frame(struct world *w, uint64_t tstate, uint64_t frame)
{
	const struct cpython_layout *l = &w->layout;

	if (l->cframe == CPYTHON_NONE) {
		put(w, tstate + l->t_frame, frame);
	} else {
		put(w, tstate + l->t_frame, tstate + 1024);
		put(w, tstate + 1024 + l->cframe, frame);
	}
}

#endif
