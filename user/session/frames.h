/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames.h - the frames of stacks: looked up when a stack has just come, told before its turn in the
 * stream, and not again unless they have changed; part of runtimes.c.
 */
#ifndef PARASCOPE_FRAMES_H
#define PARASCOPE_FRAMES_H

#include <stdint.h>

#include "user/trace/trace.h"

struct cpython;
struct frames;

struct frames *frames_new(void);
/* py: the interpreter of the stack's process, NULL: it cannot be read. */
void frames_peek(struct frames *f, struct cpython *py, const struct wire_stack *stack);
int frames_tell(struct frames *f, const struct wire_stack *stack, trace_sink sink, void *ctx);
/* Those whose function could not be found out. */
uint64_t frames_unknown(const struct frames *f);
void frames_free(struct frames *f);

#endif
