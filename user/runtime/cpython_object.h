/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_object.h - objects of Python: their types, strings, numbers, attributes of instances.
 *
 * All return 0 or what the read function fails with, and -EIO for what is not such an object.
 */
#ifndef PARASCOPE_CPYTHON_OBJECT_H
#define PARASCOPE_CPYTHON_OBJECT_H

#include "user/runtime/cpython_memory.h"

/* Bits of tp_flags, the same in all versions (Include/object.h). */
enum {
	CPYTHON_IS_INT = 1 << 24,
	CPYTHON_IS_BYTES = 1 << 27,
	CPYTHON_IS_STR = 1 << 28,
	CPYTHON_IS_DICT = 1 << 29,
};

/* Is it an object whose type has this flag? */
int cpython_check_flag(const struct cpython_memory *m, uint64_t object, uint64_t flag);

/* Is it an object whose type has exactly this name? */
int cpython_check_type(const struct cpython_memory *m, uint64_t object, const char *name);

enum cpython_keep {
	CPYTHON_BEGIN,
	CPYTHON_END,
};

#define CPYTHON_STRING_MAX 256

/*
 * A str as UTF-8, at most CPYTHON_STRING_MAX bytes with its NUL; keep says which part of a longer
 * one.  It ends at the first NUL of that part.  A code point that has no UTF-8 (lone surrogates,
 * what is above U+10FFFF) is "?", and so is a str as a whole that is stored in no known way.
 */
int cpython_string(const struct cpython_memory *m, uint64_t str, enum cpython_keep keep, char *ret,
		   size_t size);

/* An int that is positive and less than 2^64. */
int cpython_int(const struct cpython_memory *m, uint64_t object, uint64_t *ret);

/* The object that is the attribute of an instance, not of its class.  -ENOENT: it has none. */
int cpython_attribute(const struct cpython_memory *m, uint64_t object, const char *name,
		      uint64_t *ret);

#endif
