/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * perfmap.h - names of code that was made at run time, as its maker wrote them to /tmp/perf-PID.map.
 *
 * Lines "START SIZE name" with hexadecimal numbers.  The file grows while code is made and thrown
 * away, so the last line about an address counts, and of a file that is too large the end.  Lines
 * that are not like this are skipped.  Names may contain anything but NUL and newline.
 *
 * Functions return 0 or more, or fail(-errno): -ENOEXEC no regular file, -ENOENT nothing is known of
 * the address.
 */
#ifndef PARASCOPE_PERFMAP_H
#define PARASCOPE_PERFMAP_H

#include <stdint.h>

#include "user/symbol/module.h"

#define PERFMAP_BYTES (64 << 20)
#define PERFMAP_LINES (1 << 20)

struct perfmap;

/* Reads all of it; fd stays the caller's and may be closed. */
int perfmap_open(int fd, struct perfmap **ret);
void perfmap_close(struct perfmap *p); /* NULL is fine */

/* Like module_code(): 1, and the function's name. */
int perfmap_code(struct perfmap *p, uint64_t addr, struct module_function *ret);

#endif
