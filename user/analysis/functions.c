// SPDX-License-Identifier: GPL-2.0-or-later
/* functions.c - see functions.h. */
#include <stdlib.h>

#include "user/analysis/frame.h"
#include "user/analysis/functions.h"
#include "user/analysis/sites.h"
#include "user/base/buf.h"

struct row {
	const struct frame *frame;
	uint32_t stack;
};

static int by_function(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return frame_compare(x->frame, x->frame->first, y->frame, y->frame->first);
}

void functions_find(struct functions *ret, const struct model *m)
{
	size_t n = HASH_COUNT(m->stacks), rows = 0;
	struct row *row = xcalloc(n + 1, sizeof(*row));
	const struct stack *s;

	*ret = (struct functions){ 0 };
	ret->n_stacks = n;
	ret->of_stack = xcalloc(n + 1, sizeof(*ret->of_stack));
	ret->frames = xcalloc(n + 1, sizeof(*ret->frames));
	for (s = m->stacks; s; s = s->hh.next) {
		row[rows].frame = sites_function(s);
		row[rows].stack = s->number;
		rows += row[rows].frame != NULL;
	}
	qsort(row, rows, sizeof(*row), by_function);
	for (size_t i = 0; i < rows; i++) {
		if (!i || by_function(&row[i - 1], &row[i]))
			ret->frames[ret->n++] = row[i].frame;
		ret->of_stack[row[i].stack] = (uint32_t)ret->n;
	}
	free(row);
}

void functions_free(struct functions *f)
{
	free(f->frames);
	free(f->of_stack);
}

uint32_t functions_of(const struct functions *f, const struct stack *stack)
{
	return stack && stack->number <= f->n_stacks ? f->of_stack[stack->number] : 0;
}
