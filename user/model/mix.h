/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mix.h - kernel, native and Python frames of a stack put together into one list.
 *
 * Python frames lie in place of the interpreter's loop that runs them: between the native functions
 * that they called and those that called them.  Functions that a compiler inlined become frames.
 * Nothing of a stack is left out but loops of the interpreter that have Python frames.
 */
#ifndef PARASCOPE_MIX_H
#define PARASCOPE_MIX_H

#include "user/model/model.h"

#define MIX_MAX 1024	   /* frames of a list */
#define MIX_INLINED_MAX 64 /* functions at one address */

/* How the outer end of a stack looks. */
enum mix_end {
	MIX_WHOLE,     /* where the thread began, or all that there is of Python */
	MIX_TRUNCATED, /* there are more Python frames */
	MIX_CUT,       /* there are more native frames */
	MIX_UNKNOWN,   /* nobody knows how it goes on */
};

struct mix {
	size_t n;
	const struct frame *frames[MIX_MAX]; /* innermost first; NULL: beyond MODEL_MAX_FRAMES */
	enum mix_end end;
};

/* Names of frames may change until the model is finished: so may the list. */
void mix_expand(const struct stack *s, struct mix *ret);

/* Python frames of a stack, with &stack_entry among them. */
static inline size_t mix_n_python(const struct stack *s)
{
	return s->n - s->n_kernel - s->n_native;
}

static inline const struct frame *const *mix_python(const struct stack *s)
{
	return s->frames + s->n_kernel + s->n_native;
}

/* Does it have a frame of Python code? */
bool mix_has_python(const struct stack *s);

/* Is this address in the loop of an interpreter, as far as it is known by now? */
bool mix_is_eval(const struct frame *f);

/* The frame into which f is inlined, NULL: none, or it is not known. */
const struct frame *mix_caller(const struct frame *f);

#endif
