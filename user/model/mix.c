// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mix.c - see mix.h.
 *
 * Python frames come in segments: those that one loop of the interpreter runs, up to the mark that
 * C code called Python (or each one by itself, WIRE_STACK_SINGLES).  The n-th loop among the native
 * frames runs the n-th segment, counted
 *
 *	from the outside	if both lists go down to the thread's begin and there are more loops: a
 *				loop that has just been entered, or is about to be left, has no frame
 *	from the inside		else
 *
 * What is left over keeps its order.  Loops without a segment stay native frames.  Segments without
 * a loop are outside of all that were matched: right there if the native frames are whole (the
 * other loops have no name), behind the last native frame if those are not.  If no loop is known at
 * all, the Python frames go in front of the innermost frame of the interpreter's file, and without
 * such a file, or if the native frames are not whole, behind the last native frame.
 */
#include <string.h>

#include "user/model/mix.h"

#define ENDS_EARLY                                                                                 \
	(WIRE_STACK_CUT | WIRE_STACK_ASTRAY | WIRE_STACK_NO_RULE | WIRE_STACK_NO_MEMORY |          \
	 WIRE_STACK_EARLY)

struct segment {
	size_t begin, end; /* in mix_python() */
};

struct mixing {
	const struct stack *s;
	struct mix *out;
	struct segment segments[WIRE_FRAMES_MAX];
	size_t n_segments, n_loops;
	size_t skip;	    /* innermost loops without a segment */
	size_t loops, used; /* seen and put so far */
	bool whole;	    /* native frames */
};

bool mix_has_python(const struct stack *s)
{
	for (size_t i = 0; i < mix_n_python(s); i++)
		if (mix_python(s)[i] != &stack_entry)
			return true;
	return false;
}

const struct frame *mix_caller(const struct frame *f)
{
	return f && f->known && f->caller && f->caller->known ? f->caller : NULL;
}

bool mix_is_eval(const struct frame *f)
{
	for (size_t i = 0; f && i < MIX_INLINED_MAX; i++, f = mix_caller(f))
		if (f->flags & WIRE_FRAME_EVAL)
			return true;
	return false;
}

static void put(struct mix *out, const struct frame *f)
{
	if (out->n < MIX_MAX)
		out->frames[out->n++] = f;
	else
		out->end = MIX_CUT;
}

/* A loop of Python frames begins anew at each mark; outermost ones without a frame are no loop. */
static void find_segments(struct mixing *x)
{
	const struct frame *const *python = mix_python(x->s);
	bool singles = x->s->flags & WIRE_STACK_SINGLES;
	size_t n = mix_n_python(x->s), begin = 0;

	for (size_t i = 0; i < n; i++) {
		bool mark = python[i] == &stack_entry;

		if (singles && !mark)
			x->segments[x->n_segments++] = (struct segment){ i, i + 1 };
		else if (!singles && mark)
			x->segments[x->n_segments++] = (struct segment){ begin, i };
		if (mark)
			begin = i + 1;
	}
	if (!singles && begin < n)
		x->segments[x->n_segments++] = (struct segment){ begin, n };
	while (x->n_segments &&
	       x->segments[x->n_segments - 1].begin == x->segments[x->n_segments - 1].end)
		x->n_segments--;
}

/* Is there a segment for the next loop?  One without frames is none. */
static bool take_loop(struct mixing *x)
{
	const struct segment *g = &x->segments[x->used];

	if (x->loops++ < x->skip || x->used == x->n_segments)
		return false;
	if (g->begin < g->end)
		return true;
	x->used++;
	return false;
}

static void put_segment(struct mixing *x)
{
	const struct segment *g = &x->segments[x->used++];

	for (size_t i = g->begin; i < g->end; i++)
		put(x->out, mix_python(x->s)[i]);
}

static void put_rest(struct mixing *x)
{
	while (x->used < x->n_segments)
		put_segment(x);
}

/* All functions at one address. */
static void put_native(struct mixing *x, const struct frame *f)
{
	bool eval = mix_is_eval(f), first = true, replaced = eval && take_loop(x);

	if (!f)
		put(x->out, f);
	for (size_t i = 0; f && i < MIX_INLINED_MAX; i++, f = mix_caller(f)) {
		if (!replaced || !(f->flags & WIRE_FRAME_EVAL)) {
			put(x->out, f);
		} else if (first) {
			put_segment(x);
			first = false;
		}
	}
	if (eval && x->whole && x->loops == x->n_loops)
		put_rest(x);
}

static bool is_interpreter(const struct frame *f)
{
	const char *slash = f && f->known ? strrchr(f->module, '/') : NULL;
	const char *name = slash ? slash + 1 : f && f->known ? f->module : "";

	return strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0;
}

static void set_end(struct mixing *x)
{
	uint32_t flags = x->s->flags;

	if (flags & WIRE_STACK_CUT)
		x->out->end = MIX_CUT;
	else if (flags & ENDS_EARLY)
		x->out->end = MIX_UNKNOWN;
	else if (flags & (WIRE_STACK_TRUNCATED | WIRE_STACK_TORN))
		x->out->end = MIX_TRUNCATED;
}

void mix_expand(const struct stack *s, struct mix *ret)
{
	const struct frame *const *native = s->frames + s->n_kernel;
	struct mixing x = { .s = s, .out = ret, .whole = s->flags & WIRE_STACK_WHOLE };
	bool both = x.whole && !(s->flags & (WIRE_STACK_TRUNCATED | WIRE_STACK_TORN));

	ret->n = 0;
	ret->end = MIX_WHOLE;
	set_end(&x);
	find_segments(&x);
	for (size_t i = 0; i < s->n_native; i++)
		x.n_loops += mix_is_eval(native[i]);
	if (both && x.n_loops > x.n_segments)
		x.skip = x.n_loops - x.n_segments;
	for (size_t i = 0; i < s->n_kernel; i++)
		put(ret, s->frames[i]);
	for (size_t i = 0; i < s->n_native; i++) {
		if (!x.n_loops && x.whole && is_interpreter(native[i]))
			put_rest(&x);
		put_native(&x, native[i]);
	}
	put_rest(&x);
}
