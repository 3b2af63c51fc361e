/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * module.h - one ELF file that a process runs: its functions, variables and unwind rows.
 *
 * Only the parser process (parser.h) opens modules.  The file belongs to the watched process and may
 * be anything: whatever it says, an answer is an error or a wrong name; what it costs is bounded by
 * the limits of that process.  Addresses are the file's own (p_vaddr).
 *
 * Functions return 0 or more, or fail(-errno): -ENOEXEC no ELF file of this machine, -ENOENT it does
 * not have the thing, -EBADMSG it contradicts itself, -EFBIG it is beyond a limit.
 */
#ifndef PARASCOPE_MODULE_H
#define PARASCOPE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

#define MODULE_BUILD_ID_MAX 64
#define MODULE_LINK_MAX 256
#define MODULE_INLINES_MAX 16	   /* functions at one address */
#define MODULE_ROWS_MAX (1 << 21) /* of one file */

#define MODULE_LOADS_MAX 16

struct module;

/* One PT_LOAD. */
struct module_load {
	uint64_t vaddr;
	uint64_t offset;
	uint64_t filesz, memsz;
	uint32_t exec;
	uint32_t pad;
};

struct module_about {
	struct module_load loads[MODULE_LOADS_MAX]; /* in the order of the file; further ones are left out */
	uint32_t n_loads;
	uint8_t build_id[MODULE_BUILD_ID_MAX];
	uint32_t build_id_len;	   /* 0: it has none */
	char link[MODULE_LINK_MAX]; /* .gnu_debuglink: a bare name, else "" */
	uint32_t link_crc;
	uint8_t alt_id[MODULE_BUILD_ID_MAX]; /* build id of .gnu_debugaltlink (dwz) */
	uint32_t alt_id_len;
	bool has_symbols; /* .symtab */
	bool has_lines;	  /* .debug_info */
};

/* fd stays the caller's, and open until module_close(). */
int module_open(int fd, struct module **ret);
void module_close(struct module *m); /* NULL is fine */
void module_about(const struct module *m, struct module_about *ret);

/* Take symbols and lines from a separate debug file, or from the file that this one shares (dwz). */
int module_add_debug(struct module *m, int fd);
int module_add_alt(struct module *m, int fd);

/* A function at an address; what is not known is "" or 0. */
struct module_function {
	char function[128]; /* demangled, at most this much of it */
	char file[160];	    /* the end of it */
	uint32_t line;	    /* of the address; for one that inlines: of the call */
	uint32_t first;	    /* of the function */
};

/*
 * The functions at an address, innermost first, the others have it inlined.  Returns how many, at
 * least 1.  A symbol counts only inside its size, so that a stripped file's local functions are not
 * called by their neighbour's name.
 */
int module_code(struct module *m, uint64_t addr, struct module_function *ret, size_t max);

struct module_variable {
	char name[96]; /* demangled */
	uint64_t begin;
	uint64_t size;
};

int module_data(struct module *m, uint64_t addr, struct module_variable *ret);

/*
 * Unwind rows of the whole file, ascending, made from .eh_frame and .debug_frame; row.pc is relative
 * to *ret_base.  Neighbours with equal rules are one row; gaps between functions are rows of
 * WIRE_RULE_NONE.  Frees with free().  -ENOENT: it has no call frame information.
 */
int module_rows(struct module *m, struct wire_row **ret, size_t *ret_n, uint64_t *ret_base);

#endif
