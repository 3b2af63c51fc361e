// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_layout.c - what is known of each version of CPython; see cpython_layout.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/runtime/cpython_layout.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define OFFSET_MAX (1u << 20) /* the offsets that are read are below 8 KiB so far */

/*
 * Versions that do not describe themselves.  Source: offsetof() compiled with the internal headers
 * of 3.9.18, 3.10.13, 3.11.7, 3.12.1 on x86-64; DWARF of Debian's arm64 builds of 3.9 and 3.11 has
 * the same.
 */
static const struct cpython_layout layouts[] = {
	{ .minor = 9, .head = 32, .gil = 352, .next = 0, .id = 24, .threads = 8, .interp = 16 },
	{ .minor = 10, .head = 32, .gil = 352, .next = 0, .id = 24, .threads = 8, .interp = 16 },
	{ .minor = 11, .head = 40, .gil = 360, .next = 0, .id = 48, .threads = 16, .interp = 16 },
	{ .minor = 12, .head = 40, .next = 0, .id = 8, .threads = 72, .gil_ptr = 384,
	  .gil_own = 1040, .interp = 16 },
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
 * Where _Py_DebugOffsets has them.  Source: offsetof() with pycore_debug_offsets.h of 3.13.0, and
 * with the headers of Debian's 3.13, 3.14 and 3.15.
 */
static const struct offsets {
	unsigned minor;
	uint16_t head, id, next, threads, gil_ptr, gil_own, locked, holder, interp;
} debug_offsets[] = {
	{ .minor = 13, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 112,
	  .gil_own = 120, .locked = 136, .holder = 144, .interp = 176 },
	{ .minor = 14, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 120,
	  .gil_own = 128, .locked = 144, .holder = 152, .interp = 200 },
	{ .minor = 15, .head = 40, .id = 56, .next = 64, .threads = 72, .gil_ptr = 120,
	  .gil_own = 128, .locked = 144, .holder = 152, .interp = 200 },
};

enum { COOKIE_LEN = 8, DEBUG_VERSION = 8, DEBUG_FREE_THREADED = 16 };

/* Alphas and betas change their layout from one to the next. */
static int check_release(uint32_t version)
{
	unsigned level = version >> 4 & 0xf;

	if (version >> 24 == 3 && level != 0xc && level != 0xf)
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

static bool is_offset(uint64_t v)
{
	return v < OFFSET_MAX && v % 8 == 0;
}

/* The offsets that the interpreter states; they must place the GIL's fields where we know them. */
static int take_offsets(const void *bytes, const struct offsets *o, struct cpython_layout *ret)
{
	uint64_t head = u64_at(bytes, o->head), next = u64_at(bytes, o->next),
		 id = u64_at(bytes, o->id), threads = u64_at(bytes, o->threads),
		 ptr = u64_at(bytes, o->gil_ptr), own = u64_at(bytes, o->gil_own),
		 interp = u64_at(bytes, o->interp);
	unsigned shift = ret->free_threaded ? GIL_FREE_THREADED : 0;

	if (!is_offset(head) || !is_offset(next) || !is_offset(id) || !is_offset(threads) ||
	    !is_offset(ptr) || !is_offset(own) || !is_offset(interp) || !own ||
	    u64_at(bytes, o->locked) - own != shift + GIL_LOCKED ||
	    u64_at(bytes, o->holder) - own != shift + GIL_LAST_HOLDER)
		return fail(-ENOTSUP, "CPython 3.%u describes a GIL that is not laid out as known",
			    o->minor);
	ret->minor = o->minor;
	ret->head = (uint32_t)head;
	ret->next = (uint32_t)next;
	ret->id = (uint32_t)id;
	ret->threads = (uint32_t)threads;
	ret->gil_ptr = (uint32_t)ptr;
	ret->gil_own = (uint32_t)own;
	ret->interp = (uint32_t)interp;
	return 0;
}

int cpython_parse_offsets(const void *bytes, size_t len, struct cpython_layout *ret)
{
	struct cpython_layout l = { 0 };
	uint64_t version, free_threaded;
	int err;

	if (len < CPYTHON_OFFSETS_BYTES || memcmp(bytes, "xdebugpy", COOKIE_LEN))
		return fail(-ENOENT, "no _Py_DebugOffsets");
	version = u64_at(bytes, DEBUG_VERSION);
	free_threaded = u64_at(bytes, DEBUG_FREE_THREADED);
	if (version > UINT32_MAX || version >> 24 != 3 || free_threaded > 1)
		return fail(-ENOTSUP, "_Py_DebugOffsets of an unknown kind");
	err = check_release((uint32_t)version);
	if (err)
		return err;
	l.free_threaded = free_threaded;
	for (size_t i = 0; i < COUNT(debug_offsets); i++) {
		if (debug_offsets[i].minor != (version >> 16 & 0xff))
			continue;
		err = take_offsets(bytes, &debug_offsets[i], &l);
		if (!err)
			*ret = l;
		return err;
	}
	return fail_version((uint32_t)version);
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
