/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * functions.h - the functions of a model's stacks, numbered; private to this folder.
 */
#ifndef PARASCOPE_FUNCTIONS_H
#define PARASCOPE_FUNCTIONS_H

#include "user/model/model.h"

struct functions {
	const struct frame **frames; /* number 1 is frames[0] */
	size_t n;
	uint32_t *of_stack; /* by struct stack.number; 0: the function is not known */
	size_t n_stacks;
};

void functions_find(struct functions *ret, const struct model *m);
void functions_free(struct functions *f);

/* 0: no stack, or its function is not known. */
uint32_t functions_of(const struct functions *f, const struct stack *stack);

#endif
