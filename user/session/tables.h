/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tables.h - what the BPF programs unwind by: rows of files, ranges of address spaces, and which
 * process has which; private to this folder.
 *
 * Rows are never moved or changed once a range leads to them.  They and the ranges are memory that
 * the programs share: nothing is copied.
 */
#ifndef PARASCOPE_TABLES_H
#define PARASCOPE_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

struct bpf_map;
struct tables;

struct tables_maps {
	struct bpf_map *chunks, *index, *space_of;
	uint32_t *generation;
};

/* NULL with message: no memory. */
struct tables *tables_new(const struct tables_maps *maps);
void tables_free(struct tables *t); /* NULL is fine */

/*
 * A part of a file's rows, all in one chunk: from the first one's pc up to the next part's.
 */
struct tables_part {
	uint32_t first, n;
	uint32_t pc;
	uint32_t index, last; /* as struct wire_range has them */
};

/*
 * Append rows, ascending, to those of the file that is being told; it may become several parts.
 * Returns 0, or -ENOSPC: there is no room for more.  One file at a time.
 */
int tables_add(struct tables *t, const struct wire_row *rows, size_t n);
/*
 * The file is complete: its parts are the caller's to free.  0, -ENOENT: there were no rows, or
 * -ENOSPC: nothing is kept.
 */
int tables_end(struct tables *t, struct tables_part **ret, size_t *ret_n);
/* Take back what was added since the last file. */
void tables_drop(struct tables *t);

/*
 * Set the ranges of an address space (*slot 0: a new one).  Returns 0, or -ENOSPC: too many spaces or
 * ranges; the space is then as before.
 */
int tables_set(struct tables *t, uint32_t *slot, const struct wire_range *ranges, size_t n);
void tables_remove(struct tables *t, uint32_t slot);

/* A process has this space; its threads notice at their next event.  0 or fail(-errno). */
int tables_bind(struct tables *t, uint32_t tgid, uint32_t slot);
void tables_unbind(struct tables *t, uint32_t tgid);

/*
 * How to get to the caller from an address of a space, as the programs find it: 0 and a WIRE_RULE,
 * -ENOENT: no code is known there, -EAGAIN: its table is being made.
 */
int tables_rule(const struct tables *t, uint32_t slot, uint64_t pc, uint32_t *ret);

uint64_t tables_rows(const struct tables *t);

#endif
