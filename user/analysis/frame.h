/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame.h - places and stacks as text; private to this folder.
 */
#ifndef PARASCOPE_FRAME_H
#define PARASCOPE_FRAME_H

#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/model/mix.h"

/* Has somebody found out what this place is called, or at least which file it lies in? */
bool frame_is_known(const struct frame *f);

/* "f (file:12)", "f (libfoo.so.1)", "libfoo.so.1+0x1234", "f [k]" in the kernel, "?". */
void frame_put(struct buf *b, const struct frame *f);

/* The same without a line: "f (file.py)" for Python, "f" for native code. */
void frame_put_name(struct buf *b, const struct frame *f);

/* A whole stack, "f (file:line); g (module) ... (cut off)"; allocated.  NULL: "". */
char *frame_stack_text(const struct stack *stack);

struct report_place frame_place(const struct frame *f); /* NULL: not known */

/* Below 0, 0, above 0: order of two places; line: of the function or within it, whatever counts. */
int frame_compare(const struct frame *x, uint32_t line_x, const struct frame *y, uint32_t line_y);

#endif
