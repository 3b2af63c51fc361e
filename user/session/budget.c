// SPDX-License-Identifier: GPL-2.0-or-later
/* budget.c - see budget.h. */
#include "bpf/wire.h"
#include "user/session/budget.h"

#define SETTLED 5   /* slots after a change before the next is thought of */
#define PATIENCE 10 /* at first; see budget.h */
#define PATIENCE_MAX 320
#define ENOUGH 0.9	/* of the limit: what taking it back may cost at most */
#define FIRST_GUESS 0.9 /* of the limit: where the share of slots with detail is put at first */
#define SMOOTH 0.5	/* weight of the last slot in a mean */
#define CYCLES 2	/* a share of slots is judged after so many slots with detail, */
#define SLOTS_MIN 5	/* and so many of all */

static const double shares[] = { 0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1 };
#define N_SHARES (sizeof(shares) / sizeof(shares[0]))

static double share_below(double wanted)
{
	double best = 0;

	for (unsigned i = 0; i < N_SHARES; i++)
		if (shares[i] <= wanted)
			best = shares[i];
	return best;
}

/* The next one up (1) or down (-1); the same at the ends. */
static double share_next(double share, int step)
{
	for (unsigned i = 0; i < N_SHARES; i++)
		if (shares[i] >= share)
			return step > 0 ? shares[i + 1 < N_SHARES ? i + 1 : i]
					: shares[i ? i - 1 : 0];
	return share;
}

void budget_init(struct budget *b, double limit, bool stacks)
{
	*b = (struct budget){ .limit = limit,
			      .divisor = stacks,
			      .detail = 1,
			      .stacks_wanted = stacks,
			      .patience = PATIENCE };
}

static double smooth(double mean, double value, bool first)
{
	return first ? value : mean + SMOOTH * (value - mean);
}

#define LAST (sizeof(((struct budget *)0)->last) / sizeof(struct budget_cost))

/*
 * What happens once, above all at the begin, when files are read for names and unwind tables, is no
 * reason to leave anything out: that would not undo it.
 */
static struct budget_cost median(struct budget *b, struct budget_cost cost)
{
	struct budget_cost sorted[LAST];
	unsigned n;

	b->last[b->n_last++ % LAST] = cost;
	n = b->n_last < LAST ? b->n_last : LAST;
	for (unsigned i = 0; i < n; i++) {
		unsigned at = i;

		for (; at && sorted[at - 1].all > b->last[i].all; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = b->last[i];
	}
	return sorted[n / 2];
}

static bool changed(struct budget *b, bool took_back)
{
	b->slots = b->calm = 0;
	b->cost_ns = b->target_ns = 0;
	/* what had to be given up again is not tried again so soon */
	if (b->took_back && !took_back && b->patience < PATIENCE_MAX)
		b->patience *= 2;
	b->took_back = took_back;
	return true;
}

/* Nothing at first, to learn what is saved by it. */
static bool give_up_detail(struct budget *b)
{
	b->detail = b->credit = 0;
	b->learned = false;
	return changed(b, false);
}

/* Stacks so much more seldom that it is enough; if that cannot be, no detail as well. */
static bool give_up_stacks(struct budget *b)
{
	for (unsigned divisor = b->divisor * 2; divisor && divisor <= BUDGET_DIVISOR_MAX;
	     divisor *= 2) {
		if (b->on.all - b->on.stacks * (1 - (double)b->divisor / divisor) > b->limit)
			continue;
		b->divisor = divisor;
		return changed(b, false);
	}
	b->divisor = 0;
	return b->on.all - b->on.stacks > b->limit ? give_up_detail(b) : changed(b, false);
}

static bool take_back_stacks(struct budget *b)
{
	unsigned next = b->divisor ? b->divisor / 2 : BUDGET_DIVISOR_MAX;
	/* without any, nothing is known of their cost but that it must leave room */
	double expected = b->divisor ? b->on.all + b->on.stacks : b->on.all * 2;

	if (!b->stacks_wanted || b->divisor == 1)
		return false;
	b->calm = expected <= ENOUGH * b->limit ? b->calm + 1 : 0;
	if (b->calm < b->patience)
		return false;
	b->divisor = next;
	return changed(b, true);
}

/* How much of the time there may be detail, from what slots with it and without have cost. */
static bool first_share(struct budget *b)
{
	double room = FIRST_GUESS * b->limit - b->off;

	b->learned = true;
	if (room <= 0)
		b->detail = 0;
	else
		b->detail = share_below(b->on.all > b->off ? room / (b->on.all - b->off) : 1);
	return changed(b, false);
}

static bool judge_share(struct budget *b)
{
	double mean = b->target_ns > 0 ? b->cost_ns / b->target_ns : 0;
	double up = share_next(b->detail, 1), more;

	if (b->slots < SLOTS_MIN || b->slots * b->detail < (b->detail > 0 ? CYCLES : 0))
		return false;
	if (mean > b->limit && b->detail > 0) {
		b->detail = share_next(b->detail, -1);
		return changed(b, false);
	}
	more = b->detail > 0 ? (mean - b->off) * up / b->detail : (b->on.all - b->off) * up;
	b->calm = b->off + more <= ENOUGH * b->limit ? b->calm + b->slots : 0;
	b->slots = 0;
	b->cost_ns = b->target_ns = 0;
	if (b->calm < b->patience)
		return false;
	b->detail = up;
	return changed(b, true);
}

bool budget_spent(struct budget *b, const struct budget_slot *s)
{
	double least = WIRE_LEAST_PPM / 1e6 * (double)s->wall_ns;
	double target = (double)s->target_ns > least ? (double)s->target_ns : least;
	double cost = (double)s->bpf_ns + (double)s->reader_ns;

	if (target <= 0)
		return false;
	b->slots++;
	b->cost_ns += cost;
	b->target_ns += target;
	if (s->detail) {
		if (b->slots == 1 && b->detail >= 1)
			b->n_last = 0;
		b->on = median(b,
			       (struct budget_cost){ cost / target, (double)s->stack_ns / target });
	} else {
		b->off = smooth(b->off, cost / target, b->slots == 1 && !b->learned);
	}
	if (b->slots < SETTLED)
		return false;
	if (b->detail < 1)
		return b->learned ? judge_share(b) : first_share(b);
	if (b->on.all > b->limit)
		return b->divisor ? give_up_stacks(b) : give_up_detail(b);
	return take_back_stacks(b);
}

bool budget_next(struct budget *b)
{
	b->credit += b->detail;
	if (b->credit < 1 - 1e-9)
		return false;
	b->credit -= 1;
	return true;
}
