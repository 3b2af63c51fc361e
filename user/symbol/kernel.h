/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel.h - what addresses of the running kernel are called, by /proc/kallsyms.
 */
#ifndef PARASCOPE_KERNEL_H
#define PARASCOPE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

struct kernel;

/* Reads the table once; if it cannot be read, or hides its addresses, nothing has a name. */
struct kernel *kernel_new(void);
void kernel_free(struct kernel *k); /* NULL is fine */

/*
 * The function at an address and the module it is in ("" for the kernel itself), both "" if that is
 * not known.  Returns how far into the function it is.
 */
uint64_t kernel_name(const struct kernel *k, uint64_t addr, char *ret_function, size_t size,
		     char *ret_module, size_t module_size);

#endif
