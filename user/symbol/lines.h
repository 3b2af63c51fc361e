/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lines.h - functions, what is inlined into them, files and lines by address, from DWARF.
 *
 * For module.c.  Only what lies in the given file (and its dwz file, if dwarf_setalt() was told
 * one) is read: parts in other files (.dwo) are as if they were not there.
 */
#ifndef PARASCOPE_LINES_H
#define PARASCOPE_LINES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/symbol/module.h"

struct lines;

struct lines_found {
	size_t n;	/* functions, 0: nothing is known of the address */
	uint64_t entry; /* of the last one, the real function; 0: not known */
	bool bare;	/* its name is not mangled: a linker may know more */
};

/* The Dwarf stays the caller's. */
struct lines *lines_new(Dwarf *dwarf);
void lines_free(struct lines *l); /* NULL is fine */

/*
 * As module_code(), but a function may be "" where only its line is known.  If there are more than
 * max functions, those inlined outermost are left out.
 */
struct lines_found lines_find(struct lines *l, uint64_t addr, struct module_function *ret,
			      size_t max);

#endif
