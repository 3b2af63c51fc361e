/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * images.h - the files whose code is in the memory of watched processes: what they say of themselves
 * and their unwind rows, each asked for once, whoever maps them; part of spaces.c.
 *
 * A file is held by the descriptor that symbols.h has, so it stays readable when its name is gone.
 */
#ifndef PARASCOPE_IMAGES_H
#define PARASCOPE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/table.h"
#include "user/session/tables.h"
#include "user/symbol/symbols.h"

#define IMAGE_NAME 48

enum image_state {
	IMAGE_OPENED, /* what it says of itself is on the way, it may be a copy */
	IMAGE_ASKED,  /* its rows are on the way, or those of what it is a copy of */
	IMAGE_ROWS,
	IMAGE_NO_ROWS, /* it has none, or cannot be read */
};

struct image {
	struct image_key {
		uint64_t dev, inode, size;
		int64_t mtime_s, mtime_ns;
	} key;
	uint32_t id; /* of symbols.h, 0: it was refused */
	uint32_t owner;
	enum image_state state;
	char name[IMAGE_NAME];
	struct module_load loads[MODULE_LOADS_MAX];
	uint32_t n_loads;
	uint64_t base; /* row.pc is relative to it */
	struct tables_part *parts;
	size_t n_parts;
	bool borrows;	       /* parts are those of a copy of it */
	struct image *copies;   /* their rows wait for this one's */
	struct image *next;     /* copy */
	uint8_t build_id[MODULE_BUILD_ID_MAX];
	uint32_t build_id_len;
	UT_hash_handle hh, by_id;
};

struct images;

/* changed: an image has its rows now, or will never have any.  All pointers are the caller's. */
struct images *images_new(struct symbols *symbols, struct tables *tables,
			  void (*changed)(void *ctx, const struct image *image), void *ctx);
void images_free(struct images *s); /* NULL is fine */

/* Takes fd, also if it is an error.  NULL: it cannot be opened, or there are too many. */
struct image *images_get(struct images *s, int fd, const char *path);

/* Answers of symbols.h. */
void images_opened(struct images *s, uint32_t file, int err, const struct module_about *about);
void images_rows(struct images *s, uint32_t file, int err, uint64_t base,
		 const struct wire_row *rows, size_t n);
/* No rows are awaited. */
bool images_settled(const struct images *s);

/* What it says of itself is on the way. */
bool image_is_early(const struct image *f);
/* Where its address 0 lies if its executable byte `offset` is mapped to `begin`; false: not known. */
bool image_bias(const struct image *f, uint64_t begin, uint64_t offset, uint64_t *ret);
/* Is this address of it part of its memory, also behind what is mapped: variables that are zeros? */
bool image_has(const struct image *f, uint64_t addr);

struct images_count {
	uint64_t tables, table_ns; /* made, and the time in which some were awaited */
};
struct images_count images_count(const struct images *s);

#endif
