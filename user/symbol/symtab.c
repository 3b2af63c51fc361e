// SPDX-License-Identifier: GPL-2.0-or-later
/* symtab.c - see symtab.h. */
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/symbol/name.h"
#include "user/symbol/symtab.h"

#define SYMBOLS_MAX (8u << 20) /* all tables together */

/* --- reading --------------------------------------------------------------------------------- */

/* A string table's entry; NULL if it is empty or does not end in it. */
static const char *string_at(const Elf_Data *strings, uint64_t at)
{
	const char *s = strings->d_buf;

	if (!s || at >= strings->d_size || !s[at] || !memchr(s + at, '\0', strings->d_size - at))
		return NULL;
	return s + at;
}

/*
 * A symbol without a type counts as a function if it lies in code: assembler code has such.  Names
 * that begin with '$' or ".L" are marks of assemblers.
 */
static bool is_wanted(const struct symtab *t, const GElf_Sym *sym, bool exec)
{
	unsigned int type = GELF_ST_TYPE(sym->st_info);

	if (t->data)
		return type == STT_OBJECT && sym->st_size;
	return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && exec);
}

static void add_symbol(struct symtab *t, Elf *elf, const GElf_Sym *sym, const Elf_Data *strings)
{
	const char *name;
	GElf_Shdr h;

	/* also reserved numbers: absolute, common, beyond 65279 sections */
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx >= SHN_LORESERVE ||
	    !gelf_getshdr(elf_getscn(elf, sym->st_shndx), &h) || !(h.sh_flags & SHF_ALLOC) ||
	    sym->st_value < h.sh_addr || sym->st_value - h.sh_addr >= h.sh_size ||
	    !is_wanted(t, sym, h.sh_flags & SHF_EXECINSTR))
		return;
	name = string_at(strings, sym->st_name);
	if (!name || *name == '$' || !strncmp(name, ".L", 2))
		return;
	vec_push(t->symbols, t->n, t->cap) = (struct symtab_symbol){
		.name = name,
		.begin = sym->st_value,
		.end = sym->st_size && sym->st_size < h.sh_addr + h.sh_size - sym->st_value
			       ? sym->st_value + sym->st_size
			       : h.sh_addr + h.sh_size,
		.local = GELF_ST_BIND(sym->st_info) == STB_LOCAL,
		.sized = sym->st_size,
	};
}

static void read_table(struct symtab *t, Elf *elf, Elf_Scn *scn, const GElf_Shdr *h)
{
	GElf_Shdr sh;
	Elf_Scn *string_scn = elf_getscn(elf, h->sh_link);
	Elf_Data *symbols = elf_getdata(scn, NULL), *strings;
	size_t n;

	if (!gelf_getshdr(string_scn, &sh) || sh.sh_type != SHT_STRTAB || !symbols)
		return;
	strings = elf_getdata(string_scn, NULL);
	if (!strings)
		return;
	n = symbols->d_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < n && t->n < SYMBOLS_MAX; i++) {
		GElf_Sym sym;

		if (gelf_getsym(symbols, (int)i, &sym))
			add_symbol(t, elf, &sym, strings);
	}
}

void symtab_read(struct symtab *t, Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr h;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &h) &&
		    (h.sh_type == SHT_SYMTAB || h.sh_type == SHT_DYNSYM))
			read_table(t, elf, scn, &h);
	t->settled = false;
}

/* --- order ----------------------------------------------------------------------------------- */

static int by_address(const void *va, const void *vb)
{
	const struct symtab_symbol *a = va, *b = vb;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	if (a->sized != b->sized)
		return a->sized ? -1 : 1;
	if (a->sized && a->end != b->end)
		return a->end > b->end ? -1 : 1;
	if (a->local != b->local)
		return a->local ? 1 : -1;
	return name_compare(a->name, b->name);
}

/*
 * Keep the first one of each address, and one without a size only where no other one lies: it is a
 * function then, not a label.
 */
static void keep_best(struct symtab *t)
{
	uint64_t reach = 0; /* end of all sized ones so far */
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct symtab_symbol *s = &t->symbols[i];

		if ((n && t->symbols[n - 1].begin == s->begin) || (!s->sized && s->begin < reach))
			continue;
		if (s->sized && s->end > reach)
			reach = s->end;
		t->symbols[n++] = *s;
	}
	t->n = n;
}

static void settle(struct symtab *t)
{
	if (t->settled)
		return;
	if (t->n)
		qsort(t->symbols, t->n, sizeof(*t->symbols), by_address);
	keep_best(t);
	cover_free(&t->cover);
	for (size_t i = 0; i < t->n; i++) {
		struct symtab_symbol *s = &t->symbols[i];

		if (!s->sized && i + 1 < t->n && t->symbols[i + 1].begin < s->end)
			s->end = t->symbols[i + 1].begin;
		cover_add(&t->cover, s->begin, s->end, (uint32_t)i, 0);
	}
	cover_settle(&t->cover);
	t->settled = true;
}

const struct symtab_symbol *symtab_find(struct symtab *t, uint64_t addr)
{
	const struct cover_span *span;

	settle(t);
	span = cover_find(&t->cover, addr);
	return span ? &t->symbols[span->value] : NULL;
}

const struct symtab_symbol *symtab_at(struct symtab *t, uint64_t addr)
{
	const struct symtab_symbol *s = symtab_find(t, addr);

	return s && s->begin == addr ? s : NULL;
}

void symtab_free(struct symtab *t)
{
	free(t->symbols);
	cover_free(&t->cover);
	*t = (struct symtab){ .data = t->data };
}
