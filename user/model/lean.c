// SPDX-License-Identifier: GPL-2.0-or-later
/* lean.c - see lean.h. */
#include <errno.h>
#include <linux/futex.h>

#include "user/model/lean.h"
#include "user/model/thread.h"
#include "user/model/wait.h"

void lean_sleep(struct thread *t, bool lean, const struct wire_block *b)
{
	t->lean = (struct lean){ .asleep = lean };
	if (lean)
		t->lean.call = (struct wire_futex){
			.addr = b->addr,
			.op = b->op,
			.val = b->val,
			.flags = WIRE_FUTEX_BLOCKED,
		};
}

void lean_ended(struct thread *t, const struct wire_wake *w)
{
	struct wire_futex *call = &t->lean.call;

	if (!t->lean.asleep || !(w->flags & WIRE_WAKE_LEAN))
		return;
	if (w->flags & WIRE_WAKE_TIMEOUT)
		call->ret = -ETIMEDOUT;
	else if (w->flags & WIRE_WAKE_SIGNAL)
		call->ret = -EINTR;
	if (!(w->flags & WIRE_WAKE_VECTOR))
		return;
	call->flags |= WIRE_FUTEX_VECTOR;
	if (w->flags & WIRE_WAKE_FUTEX && !((w->op ^ call->op) & FUTEX_PRIVATE_FLAG))
		call->addr = w->addr;
}

bool lean_seen(struct thread *t, const struct wire_sample *r, const struct stack *stack)
{
	if (!t->lean.asleep)
		return false;
	t->lean.seen = *r;
	t->lean.stack = stack;
	return true;
}

void lean_resume(struct model *m, struct thread *t, uint64_t ts)
{
	if (!t->lean.asleep)
		return;
	t->lean.asleep = false;
	if (t->lean.seen.head.ts_ns)
		wait_seen_at(m, t, &t->lean.seen, t->lean.stack);
	t->lean.call.head.ts_ns = ts;
	wait_call(m, t, &t->lean.call);
}
