// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * whatif_rank.c - what serialises most: locks and functions, by what would be gained without each.
 */
#include <stdlib.h>
#include <string.h>

#include "user/analysis/frame.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/buf.h"
#include "user/model/lock.h"

#define RANK_LOCKS 5
#define RANK_FUNCTIONS 5

static void set_range(struct report_serial *ret, struct prediction_range range)
{
	ret->value_ns = (uint64_t)range.value;
	ret->low_ns = (uint64_t)range.low;
	ret->high_ns = (uint64_t)range.high;
}

/* The first rows of a report are the locks that cost most. */
static void rank_locks(const struct prediction *p)
{
	bool *set = xcalloc(p->tl->n_locks + 1, sizeof(*set));
	struct replay_opts opts = p->plain;
	size_t ranked = 0;

	opts.without_lock = set;
	for (size_t i = 0; i < p->r->n_locks && ranked < RANK_LOCKS; i++) {
		const struct report_lock *l = &p->r->locks[i];
		struct report_serial *ret;

		if (l->class == LOCK_CLASS_COND || !l->timeline || !l->wait_ns)
			continue;
		memset(set, 0, p->tl->n_locks + 1);
		set[l->timeline] = true;
		prediction_add_parts(p, set);
		ret = &p->ret->serial[p->ret->n_serial++];
		ret->lock = l->id;
		ret->cost_ns = l->wait_ns;
		ret->place = frame_place(NULL);
		set_range(ret, prediction_replay(p, opts));
		ranked++;
	}
	free(set);
}

/* CPU time of each function. */
static uint64_t *sum_functions(const struct prediction *p)
{
	uint64_t *ns = xcalloc(p->functions.n + 1, sizeof(*ns));

	for (size_t i = 0; i < p->tl->n_threads; i++) {
		const struct timeline_thread *tt = &p->tl->threads[i];

		for (size_t k = 0; k < tt->n; k++)
			if (tt->ops[k].kind == TIMELINE_RUN)
				ns[functions_of(&p->functions, tt->ops[k].stack)] += tt->ops[k].ns;
	}
	return ns;
}

static size_t take_largest(uint64_t *ns, size_t n)
{
	size_t top = 0;

	for (size_t i = 1; i <= n; i++)
		if (ns[i] > ns[top])
			top = i;
	return top;
}

static void rank_functions(const struct prediction *p)
{
	size_t n_stacks = p->functions.n_stacks;
	bool *set = xcalloc(n_stacks + 1, sizeof(*set));
	uint64_t *ns = sum_functions(p);
	struct replay_opts opts = p->plain;

	opts.without_stack = set;
	ns[0] = 0; /* those whose function is not known */
	for (size_t i = 0; i < RANK_FUNCTIONS; i++) {
		size_t top = take_largest(ns, p->functions.n);
		struct report_serial *ret;

		if (!top || !ns[top])
			break;
		for (size_t s = 0; s <= n_stacks; s++)
			set[s] = p->functions.of_stack[s] == top;
		ret = &p->ret->serial[p->ret->n_serial++];
		ret->place = frame_place(p->functions.frames[top - 1]);
		ret->cost_ns = ns[top];
		set_range(ret, prediction_replay(p, opts));
		ns[top] = 0;
	}
	free(set);
	free(ns);
}

static int by_gain(const void *a, const void *b)
{
	const struct report_serial *x = a, *y = b;

	if (x->value_ns != y->value_ns)
		return x->value_ns < y->value_ns ? -1 : 1;
	if (x->cost_ns != y->cost_ns)
		return x->cost_ns > y->cost_ns ? -1 : 1;
	return x->lock < y->lock ? -1 : x->lock > y->lock;
}

void serial_rank(const struct prediction *p)
{
	p->ret->serial = xcalloc(RANK_LOCKS + RANK_FUNCTIONS, sizeof(*p->ret->serial));
	rank_locks(p);
	rank_functions(p);
	qsort(p->ret->serial, p->ret->n_serial, sizeof(*p->ret->serial), by_gain);
}
