// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lines.c - see lines.h.
 *
 * Which unit an address belongs to is read from the units themselves, all at once: .debug_aranges
 * is often missing, or has some of them only.  The functions of a unit are listed when the first
 * address in it is asked for.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/symbol/cover.h"
#include "user/symbol/lines.h"
#include "user/symbol/name.h"

#define UNITS_MAX (1u << 20)
#define RANGES_MAX (1u << 22) /* of all units, and of the functions of one */
#define DIES_MAX (1u << 22)   /* looked at for one question */
#define SCOPES_DEEP 32	      /* namespaces around a function */
#define BLOCKS_DEEP 256	      /* blocks and inlined functions in each other */

struct unit {
	Dwarf_Off die;
	bool listed;
	struct cover functions; /* value: index into dies */
	Dwarf_Off *dies;
	size_t n, cap;
};

struct lines {
	Dwarf *dwarf;
	struct unit *units;
	size_t n, cap;
	struct cover cover; /* value: index into units */
	uint32_t dies;	    /* that may still be looked at for this question */
};

/* --- units and their functions --------------------------------------------------------------- */

/* False: a DIE without code. */
static bool add_ranges(struct cover *c, Dwarf_Die *die, uint32_t value)
{
	Dwarf_Addr base, begin, end;
	ptrdiff_t at = 0;
	bool any = false;

	while (c->n < RANGES_MAX && (at = dwarf_ranges(die, at, &base, &begin, &end)) > 0) {
		/* 0: the linker threw the function away, which DWARF was not told */
		if (begin)
			cover_add(c, begin, end, value, 0);
		any = any || (begin && begin < end);
	}
	return any;
}

struct lines *lines_new(Dwarf *dwarf)
{
	struct lines *l = xcalloc(1, sizeof(*l));
	Dwarf_CU *cu = NULL;
	Dwarf_Half version;
	uint8_t kind;
	Dwarf_Die die;

	l->dwarf = dwarf;
	for (size_t i = 0; i < UNITS_MAX; i++) {
		if (dwarf_get_units(dwarf, cu, &cu, &version, &kind, &die, NULL))
			break;
		if ((kind == DW_UT_compile || kind == DW_UT_skeleton) &&
		    add_ranges(&l->cover, &die, (uint32_t)l->n))
			vec_push(l->units, l->n, l->cap).die = dwarf_dieoffset(&die);
	}
	cover_settle(&l->cover);
	return l;
}

void lines_free(struct lines *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		cover_free(&l->units[i].functions);
		free(l->units[i].dies);
	}
	free(l->units);
	cover_free(&l->cover);
	free(l);
}

/* May functions be defined inside of it?  In C and C++ types have declarations only. */
static bool is_scope(int tag, bool types)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
		return true;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_enumeration_type:
	case DW_TAG_interface_type:
		return types;
	default:
		return false;
	}
}

static void list_functions(struct lines *l, struct unit *u, Dwarf_Die *scope, bool types, int depth)
{
	Dwarf_Die die;

	if (depth > SCOPES_DEEP || dwarf_child(scope, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (!l->dies)
			return;
		l->dies--;
		if (tag == DW_TAG_subprogram) {
			if (add_ranges(&u->functions, &die, (uint32_t)u->n))
				vec_push(u->dies, u->n, u->cap) = dwarf_dieoffset(&die);
		} else if (is_scope(tag, types)) {
			list_functions(l, u, &die, types, depth + 1);
		}
	} while (!dwarf_siblingof(&die, &die));
}

static bool has_functions_in_types(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
		return false;
	default:
		return true;
	}
}

/* --- one address ----------------------------------------------------------------------------- */

/* A function and what is inlined into it at one address, outermost first. */
struct chain {
	Dwarf_Die dies[MODULE_INLINES_MAX];
	size_t n;
};

/* At most max of them: the real function and those inlined innermost. */
static void chain_add(struct chain *c, const Dwarf_Die *die, size_t max)
{
	if (c->n == max) {
		c->n--;
		memmove(&c->dies[1], &c->dies[max > 1 ? 2 : 1], (c->n - (max > 1)) * sizeof(*die));
	}
	c->dies[c->n++] = *die;
}

static bool is_block(int tag)
{
	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

/* The block directly in *die that contains an address; it becomes *die. */
static bool go_in(struct lines *l, Dwarf_Die *die, uint64_t addr)
{
	Dwarf_Die inner;

	if (dwarf_child(die, &inner))
		return false;
	do {
		if (!l->dies)
			return false;
		l->dies--;
		if (is_block(dwarf_tag(&inner)) && dwarf_haspc(&inner, addr) > 0) {
			*die = inner;
			return true;
		}
	} while (!dwarf_siblingof(&inner, &inner));
	return false;
}

static void make_chain(struct lines *l, Dwarf_Die die, uint64_t addr, size_t max, struct chain *ret)
{
	chain_add(ret, &die, max);
	if (max < 2)
		return;
	for (int depth = 0; depth < BLOCKS_DEEP && go_in(l, &die, addr); depth++)
		if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
			chain_add(ret, &die, max);
}

/* From the unit to the function that contains an address. */
static bool find_function(struct lines *l, struct unit *u, Dwarf_Die *cu, uint64_t addr,
			  Dwarf_Die *ret)
{
	const struct cover_span *span;

	if (!u->listed) {
		list_functions(l, u, cu, has_functions_in_types(cu), 0);
		cover_settle(&u->functions);
		u->listed = true;
	}
	span = cover_find(&u->functions, addr);
	return span && dwarf_offdie(l->dwarf, u->dies[span->value], ret);
}

/* --- what is known of it --------------------------------------------------------------------- */

static const char *string_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attr));
}

static uint32_t number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	return !dwarf_formudata(dwarf_attr(die, name, &attr), &value) && value <= UINT32_MAX
		       ? (uint32_t)value
		       : 0;
}

/* Its end, if it is too long. */
static void set_file(struct module_function *f, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (!len)
		return;
	if (len >= sizeof(f->file)) {
		path += len - (sizeof(f->file) - 1);
		len = sizeof(f->file) - 1;
	}
	memcpy(f->file, path, len + 1);
}

/* Returns whether the name is a bare one, as all are in C. */
static bool set_function(struct module_function *f, Dwarf_Die *die)
{
	const char *name = string_of(die, DW_AT_linkage_name);
	bool bare;
	int line;

	if (!name)
		name = string_of(die, DW_AT_MIPS_linkage_name);
	bare = !name || !name_is_mangled(name);
	if (!name)
		name = dwarf_diename(die);
	if (name)
		name_readable(name, f->function, sizeof(f->function));
	if (!dwarf_decl_line(die, &line) && line > 0)
		f->first = (uint32_t)line;
	return bare;
}

/* 0: not known.  Of a function in several parts the first one is where it begins. */
static uint64_t entry_of(Dwarf_Die *die)
{
	Dwarf_Addr base, begin, end;

	if (!dwarf_entrypc(die, &begin) || dwarf_ranges(die, 0, &base, &begin, &end) > 0)
		return begin;
	return 0;
}

/* Where an inlined function was called. */
static void set_call(struct module_function *f, Dwarf_Die *cu, Dwarf_Die *inlined)
{
	uint32_t index = number_of(inlined, DW_AT_call_file);
	Dwarf_Files *files;
	size_t n;

	f->line = number_of(inlined, DW_AT_call_line);
	if (!dwarf_getsrcfiles(cu, &files, &n) && index < n)
		set_file(f, dwarf_filesrc(files, index, NULL, NULL));
}

static bool set_line(struct module_function *f, Dwarf_Die *cu, uint64_t addr)
{
	Dwarf_Line *line = dwarf_getsrc_die(cu, addr);
	int n;

	if (!line)
		return false;
	set_file(f, dwarf_linesrc(line, NULL, NULL));
	if (!dwarf_lineno(line, &n) && n > 0)
		f->line = (uint32_t)n;
	return true;
}

struct lines_found lines_find(struct lines *l, uint64_t addr, struct module_function *ret,
			      size_t max)
{
	const struct cover_span *span = cover_find(&l->cover, addr);
	struct lines_found found = { 0 };
	struct chain chain = { .n = 0 };
	Dwarf_Die cu, die;
	bool line;

	if (!span || !max || !dwarf_offdie(l->dwarf, l->units[span->value].die, &cu))
		return found;
	max = max < MODULE_INLINES_MAX ? max : MODULE_INLINES_MAX;
	l->dies = DIES_MAX;
	ret[0] = (struct module_function){ .line = 0 };
	line = set_line(&ret[0], &cu, addr);
	if (find_function(l, &l->units[span->value], &cu, addr, &die))
		make_chain(l, die, addr, max, &chain);
	for (size_t i = 0; i < chain.n; i++) {
		if (i) {
			ret[i] = (struct module_function){ .line = 0 };
			set_call(&ret[i], &cu, &chain.dies[chain.n - i]);
		}
		found.bare = set_function(&ret[i], &chain.dies[chain.n - 1 - i]);
	}
	if (chain.n)
		found.entry = entry_of(&chain.dies[0]);
	found.n = chain.n ? chain.n : line;
	return found;
}
