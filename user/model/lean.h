/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lean.h - lean mode (bpf/lean.bpf.h): no record tells of futex calls, so they are made up from the
 * sleeps in them and from who ended those.
 *
 * A call that slept begins when its thread leaves the CPU and ends when it has it back; it woke
 * somebody when somebody was woken by it.  Calls that neither slept nor woke anybody are not known.
 */
#ifndef PARASCOPE_LEAN_H
#define PARASCOPE_LEAN_H

#include "user/model/model.h"

/* It falls asleep (or is asleep when first seen): in such a call, and on which word? */
void lean_sleep(struct thread *t, bool lean, const struct wire_block *b);

/* What ended its sleep. */
void lean_ended(struct thread *t, const struct wire_wake *w);

/* Where it waited: true if that is kept until its call is over. */
bool lean_seen(struct thread *t, const struct wire_sample *r, const struct stack *stack);

/* It has the CPU again. */
void lean_resume(struct model *m, struct thread *t, uint64_t ts);

#endif
