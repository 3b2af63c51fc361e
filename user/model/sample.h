/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample.h - stacks that were taken of a thread, and what follows from them: where it ran, where it
 * waited, what it held meanwhile.
 */
#ifndef PARASCOPE_SAMPLE_H
#define PARASCOPE_SAMPLE_H

#include "user/model/model.h"

/* A WIRE_STACK. */
void sample_stack(struct model *m, const struct wire_stack *r);

/* A WIRE_SAMPLE. */
void sample_thread(struct model *m, struct thread *t, const struct wire_sample *r);

#endif
