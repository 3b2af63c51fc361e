/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields.h - the layout of every record kind as data (private to user/trace).
 *
 * One table drives checking, formatting and parsing, so that a new kind or field is one row.  Every
 * byte of a record is a field or a pad member of wire.h, which is zero.
 */
#ifndef PARASCOPE_TRACE_FIELDS_H
#define PARASCOPE_TRACE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bpf/wire.h"

enum field_form {
	FIELD_UINT,
	FIELD_SINT,
	FIELD_HEX,
	FIELD_NAME,   /* a number below limit, shown as names[number] */
	FIELD_STRING, /* NUL-terminated text */
	FIELD_BYTES,
	FIELD_COUNT,  /* wire_stack.n: not in the text form, it follows from FIELD_FRAMES */
	FIELD_FRAMES, /* wire_stack.frames */
};

struct field {
	const char *name;
	uint16_t offset;
	uint16_t size;
	uint8_t form;
	uint8_t limit; /* the value must be below this one, 0: any */
	/*
	 * Of the flags member (struct kind): the field is there if it has all bits of needs and
	 * none of forbids.  So one place can have two meanings.
	 */
	uint8_t needs;
	uint8_t forbids;
	const char *const *names;
};

struct kind {
	const char *name;
	const struct field *fields;
	uint16_t n_fields;
	uint16_t size;
	/*
	 * A kind with a wire_block has it at the end (block != 0) and an 8-bit flags member with a
	 * bit that says whether it is valid; its fields need that bit.  Without it the block is not
	 * part of the text form, and if short_size is set not even of the record.
	 */
	uint16_t block;
	uint16_t short_size;
	uint16_t flags;
	uint8_t block_flag;
	bool plain; /* every value of every field is a good one: a frequent kind */
	/* A kind that ends with an array has only so many items as its 32-bit count member says. */
	uint16_t count;
	uint16_t item; /* size of one, 0: no such array */
	uint16_t items_max;
};

/* NULL: no such kind. */
const struct kind *kind_get(unsigned int kind);
const struct kind *kind_find(const char *name, size_t len, unsigned int *ret_kind);

/* Does the record say that its block is there?  True for kinds that have none. */
static inline int kind_has_block(const struct kind *k, const void *rec)
{
	return !k->block || ((const uint8_t *)rec)[k->flags] & k->block_flag;
}

/* The size that a record must have; what decides on it must be there. */
static inline size_t kind_size(const struct kind *k, const void *rec)
{
	uint32_t n;

	if (k->short_size && !kind_has_block(k, rec))
		return k->short_size;
	if (!k->item)
		return k->size;
	memcpy(&n, (const uint8_t *)rec + k->count, sizeof(n));
	return k->size - (size_t)k->item * (k->items_max - (n < k->items_max ? n : k->items_max));
}

/* The smallest one: it holds all that decides. */
static inline size_t kind_least(const struct kind *k)
{
	return k->short_size ? k->short_size : k->size - (size_t)k->item * k->items_max;
}

static inline int kind_has_field(const struct kind *k, const struct field *f, const void *rec)
{
	uint8_t flags = ((const uint8_t *)rec)[k->flags];

	return (flags & f->needs) == f->needs && !(flags & f->forbids);
}

#endif
