/* SPDX-License-Identifier: GPL-2.0-or-later */
/* name.h - from what a linker calls a thing to what its programmer does. */
#ifndef PARASCOPE_NAME_H
#define PARASCOPE_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Demangled (C++, Rust), without parameters, symbol versions, and what compilers append to parts
 * of a function or to variables of it (".cold", ".part.0", ".3"); at most size - 1 bytes of it.
 */
void name_readable(const char *symbol, char *ret, size_t size);

/* Of two symbols for the same thing: < 0 if the first one tells more, > 0 the second, 0 equal. */
int name_compare(const char *a, const char *b);

bool name_is_mangled(const char *symbol);

/* Leading underscores, by which libraries mark their inner names; a mangled name has none. */
unsigned int name_underscores(const char *symbol);

#endif
