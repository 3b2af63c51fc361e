/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi.h - unwind rows (struct wire_row) from an ELF file's call frame information.
 *
 * For module.c.  x86-64 only.  A row says what the BPF unwinder can follow: where the caller's stack
 * pointer (CFA) and rbp are; the return address always lies at CFA - 8.  What does not fit into a row
 * is WIRE_RULE_NONE.  What a row means where it is made by an expression:
 *
 *	WIRE_RULE_RBP_AT, WIRE_RULE_RSP_AT  a function that realigned its stack
 *	WIRE_RULE_PLT			    lazy binding's stubs
 *	WIRE_RULE_SIGNAL		    the C library's return from a signal handler
 */
#ifndef PARASCOPE_CFI_H
#define PARASCOPE_CFI_H

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/symbol/cover.h"

/* Like module_rows(), of which it is all. */
int cfi_rows(Elf *elf, struct wire_row **ret, size_t *ret_n, uint64_t *ret_base);

/* Where functions, and parts of them, are: settled; cover_free() also after a failure. */
int cfi_functions(Elf *elf, struct cover *ret);

/* Bytes of the file at an address; NULL: it does not have so many there. */
const uint8_t *cfi_code(Elf *elf, uint64_t begin, size_t size);

#endif
