/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symtab.h - the functions or the variables of ELF files by address, from .symtab and .dynsym.
 *
 * For module.c.  Names lie in the memory of the Elf they come from.
 */
#ifndef PARASCOPE_SYMTAB_H
#define PARASCOPE_SYMTAB_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/symbol/cover.h"

struct symtab_symbol {
	const char *name;
	uint64_t begin;
	uint64_t end; /* without a size: where the next one begins, or its section ends */
	bool local;
	bool sized;
};

/* All zero is an empty one. */
struct symtab {
	bool data; /* of variables */
	bool settled;
	struct symtab_symbol *symbols; /* settled: one an address, ascending */
	size_t n, cap;
	struct cover cover; /* value: index of the symbol */
};

/* Add what a file has; one without symbols adds nothing. */
void symtab_read(struct symtab *t, Elf *elf);

/* The innermost one that contains an address; of several names the one that tells most. */
const struct symtab_symbol *symtab_find(struct symtab *t, uint64_t addr);

/* The one that begins at an address. */
const struct symtab_symbol *symtab_at(struct symtab *t, uint64_t addr);

void symtab_free(struct symtab *t);

#endif
