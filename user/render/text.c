// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text.c - the report for people: the order of its sections, and small helpers that they share.
 *
 * The answer stands in the first three lines; every section below gives the reason for the one
 * above.  A sample of each part stands in its own file.
 */
#include <stdio.h>
#include <strings.h>

#include "user/analysis/report.h"
#include "user/base/unit.h"
#include "user/render/render.h"
#include "user/render/text_parts.h"

#define MIN_WIDTH 80
#define MAX_WIDTH 200

void text_share_cell(struct buf *out, uint64_t part, uint64_t whole)
{
	struct unit_text share = unit_share(part, whole);

	if (!part)
		return;
	buf_add(out, share.s, strcspn(share.s, " "));
}

struct unit_text text_plural(uint64_t n, const char *noun)
{
	struct unit_text t = unit_count(n);
	size_t noun_len = strlen(noun), len = strlen(t.s);
	/* process -> processes, thread -> threads */
	const char *tail = n == 1 ? "" : noun_len && noun[noun_len - 1] == 's' ? "es" : "s";

	snprintf(t.s + len, sizeof(t.s) - len, " %s%s", noun, tail);
	return t;
}

bool text_starts_with(const char *s, const char *prefix)
{
	return strncasecmp(s, prefix, strlen(prefix)) == 0;
}

void render_text(struct buf *out, const struct report *r, const struct render_opts *o)
{
	static void (*const sections[])(struct text *) = {
		text_head,    text_whatif, text_parallelism, text_budget, text_processes,
		text_threads, text_locks,  text_python,	     text_functions, text_phases,
		text_quality,
	};
	struct text t = {
		.out = out,
		.r = r,
		.width = o->width,
		.color = o->color,
		.unicode = o->unicode,
		.top = o->top ? o->top : RENDER_TOP,
	};

	if (t.width < MIN_WIDTH)
		t.width = MIN_WIDTH;
	if (t.width > MAX_WIDTH)
		t.width = MAX_WIDTH;
	t.top_tasks = o->all_threads ? SIZE_MAX : t.top;
	for (size_t i = 0; i < N_OF(sections); i++)
		sections[i](&t);
}
