/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cold.h - the part of CPython's loop that a compiler has put elsewhere.
 *
 * For module.c.
 */
#ifndef PARASCOPE_COLD_H
#define PARASCOPE_COLD_H

#include <libelf.h>

#include "user/symbol/symtab.h"

/* Add it to the functions of this file, if they have the loop. */
void cold_read(struct symtab *t, Elf *elf);

#endif
