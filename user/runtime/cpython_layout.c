// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_layout.c - what is known of each version of CPython; see cpython_layout.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/wire.h"
#include "user/base/fail.h"
#include "user/runtime/cpython_layout.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define OFFSET_MAX (1u << 20) /* the offsets that are read are below 8 KiB so far */

enum { LEVEL_CANDIDATE = 0xc, LEVEL_FINAL = 0xf }; /* of PY_VERSION_HEX */

/*
 * Versions that do not describe themselves.  Source: offsetof() compiled with the internal headers
 * of 3.9.18, 3.10.13, 3.11.7, 3.12.1 on x86-64; DWARF of Debian's arm64 builds of 3.9 and 3.11 has
 * the same.
 */
static const struct cpython_layout layouts[] = {
	{ .minor = 9, .head = 32, .gil = 352, .main_thread = 72, .id = 24, .threads = 8,
	  .t_thread_id = 176, .t_frame = 24, .cframe = CPYTHON_NONE,
	  .f_code = 32, .f_previous = 24, .f_instr = 104, .instr_mask = 0xffffffff,
	  .f_owner = CPYTHON_NONE, .f_entry = WIRE_PYTHON_ALL, .f_locals = 360,
	  .c_file = 104, .c_name = 112, .c_first = 40, .c_lines = 120, .lines = CPYTHON_LNOTAB },
	{ .minor = 10, .head = 32, .gil = 352, .main_thread = 72, .id = 24, .threads = 8,
	  .t_thread_id = 176, .t_frame = 24, .cframe = CPYTHON_NONE,
	  .f_code = 32, .f_previous = 24, .f_instr = 96, .instr_mask = 0xffffffff,
	  .f_owner = CPYTHON_NONE, .f_entry = WIRE_PYTHON_ALL, .f_locals = 352,
	  .c_file = 104, .c_name = 112, .c_first = 40, .c_lines = 120, .lines = CPYTHON_LINETABLE },
	{ .minor = 11, .head = 40, .gil = 360, .main_thread = 80, .id = 48, .threads = 16,
	  .t_thread_id = 152, .t_frame = 56, .cframe = 8,
	  .f_code = 32, .f_previous = 48, .f_instr = 56, .f_owner = 69, .f_entry = 68, .f_locals = 72,
	  .c_file = 112, .c_name = 128, .c_first = 72, .c_lines = 136, .c_code = 184,
	  .lines = CPYTHON_LOCATIONS },
	{ .minor = 12, .head = 40, .main_thread = 64, .id = 8, .threads = 72, .gil_ptr = 384,
	  .gil_own = 1040, .t_thread_id = 136, .t_frame = 56, .cframe = 0,
	  .f_code = 0, .f_previous = 8, .f_instr = 56, .f_owner = 70, .f_entry = WIRE_PYTHON_NONE,
	  .owner_c = 3, .f_locals = 72,
	  .c_file = 112, .c_name = 128, .c_first = 68, .c_lines = 136, .c_code = 192,
	  .lines = CPYTHON_LOCATIONS },
};

/*
 * Versions without Py_Version, told by the size of _PyRuntime.  x86-64: sizeof() with the headers
 * of 3.9.18 and 3.10.13, and the symbols of Debian's 3.9.2.  aarch64: 3.9 from Debian's DWARF, 3.10
 * by the same 16 bytes of two larger mutexes.
 */
static const struct {
	unsigned minor;
	uint64_t size;
} runtime_sizes[] = {
#if defined(__x86_64__)
	{ 9, 656 },
	{ 10, 672 },
#elif defined(__aarch64__)
	{ 9, 672 },
	{ 10, 688 },
#else
	{ 0, 0 },
#endif
};

/*
 * Where _Py_DebugOffsets of 3.13, 3.14, 3.15 has them.  Source: offsetof() with
 * pycore_debug_offsets.h of 3.13.0, and with the headers of Debian's 3.13, 3.14 and 3.15.
 */
enum { DEBUG_VERSION = 8, DEBUG_FREE_THREADED = 16 };

static const struct debug_gil {
	unsigned minor;
	uint16_t locked, holder;
} debug_gils[] = { { 13, 136, 144 }, { 14, 144, 152 }, { 15, 144, 152 } };

#define MEMBER(m) .member = offsetof(struct cpython_layout, m), .what = #m

static const struct debug_offset {
	size_t member;
	const char *what;
	uint16_t at[COUNT(debug_gils)]; /* 0: not there, the member stays as it is */
	uint8_t align;
	bool known; /* we know it already: it must be the same */
} debug_offsets[] = {
	{ MEMBER(head), { 40, 40, 40 }, 8 },
	{ MEMBER(id), { 56, 56, 56 }, 8 },
	{ MEMBER(next), { 64, 64, 64 }, 8 },
	{ MEMBER(threads), { 72, 72, 72 }, 8 },
	{ MEMBER(gil_ptr), { 112, 120, 120 }, 8 },
	{ MEMBER(gil_own), { 120, 128, 128 }, 8 },
	{ MEMBER(t_next), { 168, 192, 192 }, 8 },
	{ MEMBER(t_interp), { 176, 200, 200 }, 8 },
	{ MEMBER(t_frame), { 184, 208, 208 }, 8 },
	{ MEMBER(t_thread_id), { 192, 216, 240 }, 8 },
	{ MEMBER(f_previous), { 232, 256, 320 }, 8 },
	{ MEMBER(f_code), { 240, 264, 328 }, 8 },
	{ MEMBER(f_instr), { 248, 272, 336 }, 8 },
	{ MEMBER(f_locals), { 256, 280, 344 }, 8 },
	{ MEMBER(f_owner), { 264, 288, 352 }, 1 },
	{ MEMBER(c_file), { 280, 320, 384 }, 8 },
	{ MEMBER(c_name), { 296, 336, 400 }, 8 },
	{ MEMBER(c_lines), { 304, 344, 408 }, 8 },
	{ MEMBER(c_first), { 312, 352, 416 }, 4 },
	{ MEMBER(c_code), { 344, 384, 448 }, 8 },
	{ MEMBER(c_tlbc), { 0, 392, 456 }, 8 },
	{ MEMBER(o_type), { 360, 408, 472 }, .known = true },
	{ MEMBER(y_name), { 376, 424, 488 }, .known = true },
	{ MEMBER(y_flags), { 392, 440, 504 }, .known = true },
	{ MEMBER(y_basicsize), { 0, 0, 512 }, .known = true },
	{ MEMBER(y_dictoffset), { 0, 0, 520 }, .known = true },
	{ MEMBER(y_keys), { 0, 0, 536 }, .known = true },
	{ MEMBER(d_keys), { 456, 536, 632 }, .known = true },
	{ MEMBER(d_values), { 464, 544, 640 }, .known = true },
	{ MEMBER(i_digits), { 504, 584, 680 }, .known = true },
	{ MEMBER(o_size), { 520, 600, 696 }, .known = true },
	{ MEMBER(b_data), { 528, 608, 704 }, .known = true },
	{ MEMBER(s_state), { 544, 624, 720 }, .known = true },
	{ MEMBER(s_length), { 552, 632, 728 }, .known = true },
	{ MEMBER(s_ascii), { 560, 640, 736 }, .known = true },
	{ MEMBER(s_compact), { 0, 0, 744 }, .known = true },
};

/*
 * PyObject_HEAD has 16 more bytes in free-threaded builds, and there is no collector's head in
 * front.  Source: offsetof() with the headers of all versions, with and without Py_GIL_DISABLED;
 * dk_indices of 3.9 and 3.10 from the DWARF of their libpython.
 */
static void set_objects(struct cpython_layout *l)
{
	static const uint32_t keys[] = {
		[11] = 872, [12] = 880, [13] = 880, [14] = 880, [15] = 888,
	};
	static const enum cpython_attributes attributes[] = {
		[9] = CPYTHON_DICT, [10] = CPYTHON_DICT, [11] = CPYTHON_VALUES,
		[12] = CPYTHON_DICT_OR_VALUES, [13] = CPYTHON_INLINE_VALUES,
		[14] = CPYTHON_INLINE_VALUES, [15] = CPYTHON_INLINE_VALUES,
	};
	uint32_t head = l->free_threaded ? 16 : 0;

	l->o_type = 8 + head;
	l->o_size = 16 + head;
	l->b_data = 32 + head;
	l->i_digits = 24 + head;
	l->i_tagged = l->minor >= 12;
	l->y_name = 24 + head;
	l->y_basicsize = 32 + head;
	l->y_flags = 168 + head;
	l->y_dictoffset = 288 + head;
	l->y_keys = keys[l->minor] + head;
	l->s_length = 16 + head;
	l->s_state = 32 + head;
	l->s_ascii = (l->minor >= 12 ? 40 : 48) + head;
	l->s_compact = (l->minor >= 12 ? 56 : 72) + head;
	l->s_shift = l->free_threaded && l->minor >= 14 ? 8 : 2;
	l->d_keys = 32 + head;
	l->d_values = 40 + head;
	l->k_entries = l->minor >= 11 ? 32 : 40;
	l->o_dict = l->free_threaded ? 8 : 24;
	l->v_data = l->minor >= 13 ? 8 : 0;
	l->attributes = attributes[l->minor];
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void set_frame_size(struct cpython_layout *l)
{
	l->f_size = larger(l->f_code, l->f_previous) + 8;
	l->f_size = larger(l->f_size, l->f_instr + (l->instr_mask ? 4 : 8));
	if (l->f_owner != CPYTHON_NONE)
		l->f_size = larger(l->f_size, l->f_owner + 1);
}

/* Alphas and betas change their layout from one to the next. */
static int check_release(uint32_t version)
{
	unsigned level = version >> 4 & 0xf;

	if (version >> 24 == 3 && level != LEVEL_CANDIDATE && level != LEVEL_FINAL)
		return fail(-ENOTSUP, "CPython 3.%u is a pre-release (0x%08x), whose layout is not "
			    "known", version >> 16 & 0xff, version);
	return 0;
}

static int fail_version(uint32_t version)
{
	if (version >> 24 != 3)
		return fail(-ENOTSUP, "0x%08x is not a version of CPython 3", version);
	return fail(-ENOTSUP, "the layout of CPython 3.%u is not known", version >> 16 & 0xff);
}

int cpython_layout_of(uint32_t version, struct cpython_layout *ret)
{
	int err = check_release(version);

	if (err)
		return err;
	for (size_t i = 0; i < COUNT(layouts); i++) {
		if (version >> 24 == 3 && (version >> 16 & 0xff) == layouts[i].minor) {
			*ret = layouts[i];
			ret->version = version;
			ret->t_next = 8;
			ret->t_interp = 16;
			set_objects(ret);
			set_frame_size(ret);
			return 0;
		}
	}
	return fail_version(version);
}

static uint64_t u64_at(const void *bytes, size_t at)
{
	uint64_t v;

	memcpy(&v, (const char *)bytes + at, sizeof(v));
	return v;
}

static int fail_described(const struct cpython_layout *l, const char *what)
{
	return fail(-ENOTSUP, "CPython 3.%u describes a layout that is not known: %s", l->minor,
		    what);
}

/* One offset that the interpreter states. */
static int take_offset(const void *bytes, const struct debug_offset *o, size_t which,
		       struct cpython_layout *l)
{
	uint32_t *member = (uint32_t *)((char *)l + o->member);
	uint64_t v;

	if (!o->at[which])
		return 0;
	v = u64_at(bytes, o->at[which]);
	if (o->known ? v != *member : v >= OFFSET_MAX || v % o->align)
		return fail_described(l, o->what);
	*member = (uint32_t)v;
	return 0;
}

/* They must place the GIL's fields where we know them. */
static int take_offsets(const void *bytes, size_t which, struct cpython_layout *l)
{
	const struct debug_gil *gil = &debug_gils[which];
	unsigned shift = l->free_threaded ? GIL_FREE_THREADED : 0;
	int err = 0;

	l->minor = gil->minor;
	l->cframe = CPYTHON_NONE;
	l->f_entry = WIRE_PYTHON_NONE;
	l->owner_c = 3; /* FRAME_OWNED_BY_CSTACK, from 3.14 on ..._BY_INTERPRETER */
	l->tags = l->minor >= 14 ? 3 : 0;
	l->lines = CPYTHON_LOCATIONS;
	set_objects(l);
	for (size_t i = 0; i < COUNT(debug_offsets) && !err; i++)
		err = take_offset(bytes, &debug_offsets[i], which, l);
	if (err)
		return err;
	if (!l->gil_own || u64_at(bytes, gil->locked) - l->gil_own != shift + GIL_LOCKED ||
	    u64_at(bytes, gil->holder) - l->gil_own != shift + GIL_LAST_HOLDER)
		return fail_described(l, "its GIL");
	l->main_thread = l->head + 24; /* after head, main, next_id in all three */
	if (!l->free_threaded)
		l->c_tlbc = 0;
	set_frame_size(l);
	return l->f_size > WIRE_PYTHON_FRAME ? fail_described(l, "its frames") : 0;
}

int cpython_parse_offsets(const void *bytes, size_t len, struct cpython_layout *ret)
{
	struct cpython_layout l = { 0 };
	uint64_t version, free_threaded;
	int err;

	if (len < CPYTHON_OFFSETS_BYTES || memcmp(bytes, CPYTHON_COOKIE, CPYTHON_COOKIE_LEN))
		return fail(-ENOENT, "no _Py_DebugOffsets");
	version = u64_at(bytes, DEBUG_VERSION);
	free_threaded = u64_at(bytes, DEBUG_FREE_THREADED);
	if (version > UINT32_MAX || version >> 24 != 3 || free_threaded > 1)
		return fail(-ENOTSUP, "_Py_DebugOffsets of an unknown kind");
	err = check_release((uint32_t)version);
	if (err)
		return err;
	l.version = (uint32_t)version;
	l.free_threaded = free_threaded;
	for (size_t i = 0; i < COUNT(debug_gils); i++) {
		if (debug_gils[i].minor != (version >> 16 & 0xff))
			continue;
		err = take_offsets(bytes, i, &l);
		if (!err)
			*ret = l;
		return err;
	}
	return fail_version((uint32_t)version);
}

void cpython_version_name(const struct cpython_layout *layout, char *ret, size_t size)
{
	unsigned patch = layout->version >> 8 & 0xff, serial = layout->version & 0xf;

	if (layout->free_threaded)
		snprintf(ret, size, "CPython 3.%ut", layout->minor & 0xff);
	else if (layout->minor < 11)
		snprintf(ret, size, "CPython 3.%u", layout->minor & 0xff);
	else if ((layout->version >> 4 & 0xf) == LEVEL_CANDIDATE)
		snprintf(ret, size, "CPython 3.%u.%urc%u", layout->minor & 0xff, patch, serial);
	else
		snprintf(ret, size, "CPython 3.%u.%u", layout->minor & 0xff, patch);
}

/*
 *	libpython3.9.so.1.0  python3.10d  /usr/lib/python3.9/lib-dynload/x.cpython-39-x86_64-...so
 */
uint32_t cpython_version_in(const char *name)
{
	static const char *const marks[] = { "python3.", "cpython-3", "python2." };

	for (size_t i = 0; i < COUNT(marks); i++) {
		const char *at = strstr(name, marks[i]);
		unsigned long minor;
		char *end;

		if (!at)
			continue;
		at += strlen(marks[i]);
		if (*at < '0' || *at > '9')
			continue;
		minor = strtoul(at, &end, 10);
		if (end - at <= 2)
			return (i == 2 ? 2u : 3u) << 24 | (uint32_t)minor << 16;
	}
	return 0;
}

uint32_t cpython_version_of_size(uint64_t size, uint32_t named)
{
	for (size_t i = 0; i < COUNT(runtime_sizes); i++) {
		uint32_t sized = 3u << 24 | runtime_sizes[i].minor << 16;

		if (size == runtime_sizes[i].size && (!named || named == sized))
			return sized | 0xf0; /* as of a release */
	}
	return 0;
}
