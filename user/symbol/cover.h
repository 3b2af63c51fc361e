/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cover.h - spans of addresses that may overlap, and which of them counts at an address.
 *
 * The one of the highest rank counts; of equal ranks the one that begins last (the innermost), then
 * the one that was added last.
 */
#ifndef PARASCOPE_COVER_H
#define PARASCOPE_COVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cover_span {
	uint64_t begin, end; /* begin < end */
	uint32_t value;	     /* the caller's */
	uint32_t rank;
};

/* All zero is an empty one. */
struct cover {
	struct cover_span *spans; /* after cover_settle() ascending and disjoint */
	size_t n, cap;
};

void cover_add(struct cover *c, uint64_t begin, uint64_t end, uint32_t value, uint32_t rank);

/* Cut the spans to where they count; there may be up to twice as many then. */
void cover_settle(struct cover *c);

/* Only after cover_settle(); NULL: no span contains the address. */
const struct cover_span *cover_find(const struct cover *c, uint64_t addr);

void cover_free(struct cover *c);

#endif
