// SPDX-License-Identifier: GPL-2.0-or-later
/* sample.c - see sample.h. */
#include "user/model/blame.h"
#include "user/model/lean.h"
#include "user/model/python.h"
#include "user/model/sample.h"
#include "user/model/stack.h"
#include "user/model/timeline.h"
#include "user/model/wait.h"

void sample_stack(struct model *m, const struct wire_stack *r)
{
	const struct stack *stack = stack_add(m, r);
	struct process *p;

	HASH_FIND(hh, m->by_pid, &r->head.tid, sizeof(r->head.tid), p);
	if (p && stack && stack->n_native)
		p->native = true;
}

static void sample_cpu(struct model *m, struct thread *t, const struct wire_sample *r,
		       const struct stack *stack)
{
	bool with_gil = r->flags & WIRE_SAMPLE_GIL;

	m->sample_ns = r->weight_ns;
	if (model_inside(m, r->head.ts_ns)) {
		t->python.cpu_ns[with_gil] += r->weight_ns;
		site_of_thread(m, t, with_gil, stack, r->weight_ns);
	}
	timeline_sampled(m, t, stack, r->head.ts_ns);
	python_seen(m, t, r, stack);
	lock_blame_held(m, t, NULL, stack, r->head.ts_ns);
}

static void sample_wait(struct model *m, struct thread *t, const struct wire_sample *r,
			const struct stack *stack)
{
	(void)m;
	t->look = (struct look){ r->addr, stack };
}

static void sample_waited(struct model *m, struct thread *t, const struct wire_sample *r,
			  const struct stack *stack)
{
	if ((stack || r->stack) && !lean_seen(t, r, stack))
		wait_seen_at(m, t, r, stack);
	lock_blame_held(m, t, t->wait.lock, stack, r->head.ts_ns);
}

static void sample_held(struct model *m, struct thread *t, const struct wire_sample *r,
			const struct stack *stack)
{
	t->python.held_stack = stack;
	python_seen(m, t, r, stack);
}

static void sample_woke(struct model *m, struct thread *t, const struct wire_sample *r,
			const struct stack *stack)
{
	lock_blame_released(m, t, r->addr, stack, r->head.ts_ns);
}

/* How the native frames end, sample by sample. */
static void count_native(struct model *m, const struct stack *stack)
{
	const struct {
		uint32_t flag;
		uint64_t *count;
	} ends[] = {
		{ WIRE_STACK_WHOLE, &m->samples_whole },
		{ WIRE_STACK_CUT, &m->samples_cut },
		{ WIRE_STACK_ASTRAY, &m->samples_astray },
		{ WIRE_STACK_NO_RULE, &m->samples_no_rule },
		{ WIRE_STACK_NO_MEMORY, &m->samples_no_memory },
		{ WIRE_STACK_EARLY, &m->samples_early },
		{ WIRE_STACK_POINTERS, &m->samples_pointers },
	};

	if (!stack)
		return;
	m->samples_native += stack->n_native != 0;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		*ends[i].count += (stack->flags & ends[i].flag) != 0;
}

void sample_thread(struct model *m, struct thread *t, const struct wire_sample *r)
{
	static void (*const handlers[WIRE_SAMPLE_WHYS])(struct model * m, struct thread * t,
							const struct wire_sample *r,
							const struct stack *stack) = {
		[WIRE_SAMPLE_CPU] = sample_cpu,	      [WIRE_SAMPLE_WAIT] = sample_wait,
		[WIRE_SAMPLE_WAITED] = sample_waited, [WIRE_SAMPLE_HELD] = sample_held,
		[WIRE_SAMPLE_WOKE] = sample_woke,
	};
	const struct stack *stack = stack_find(m, r->stack);

	if (t->dead || r->why >= WIRE_SAMPLE_WHYS)
		return;
	m->samples++;
	if (!stack && (r->stack || t->python.key.tstate || t->process->native))
		m->samples_unread++;
	count_native(m, stack);
	handlers[r->why](m, t, r, stack);
}
