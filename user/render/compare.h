/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h - a comparison as text for people or as JSON (compare.schema.json).
 */
#ifndef PARASCOPE_RENDER_COMPARE_H
#define PARASCOPE_RENDER_COMPARE_H

#include <stddef.h>

#include "user/analysis/compare.h"

struct buf;
struct render_opts;

/* What became of the expectations; why is the caller's. */
struct compare_expected {
	const char *text;
	enum expect_result result;
	const char *why;
};

void render_compare_text(struct buf *out, const struct comparison *c, const struct render_opts *o);
void render_compare_json(struct buf *out, const struct comparison *c,
			 const struct compare_expected *expected, size_t n);

#endif
