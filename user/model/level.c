// SPDX-License-Identifier: GPL-2.0-or-later
/* level.c - see level.h. */
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/model/level.h"

static void add_step(struct steps *s, size_t k, uint64_t ns)
{
	if (k >= LEVEL_STEPS_MAX)
		k = LEVEL_STEPS_MAX - 1;
	if (k >= s->n) {
		s->ns = xrealloc(s->ns, k + 1, sizeof(*s->ns));
		memset(s->ns + s->n, 0, (k + 1 - s->n) * sizeof(*s->ns));
		s->n = k + 1;
	}
	s->ns[k] += ns;
}

void level_close(const struct model *m, struct level *l, uint64_t ts)
{
	uint64_t ns = model_detail_ns(m, l->since_ns, ts); /* one that is adopted late began before a gap */

	if (ts > l->since_ns)
		l->since_ns = ts;
	if (!ns)
		return;
	add_step(&l->run, l->running, ns);
	add_step(&l->want, l->running + l->runnable + l->waiting, ns);
	if (l->running == 1 && l->waiting)
		l->serial_ns += ns;
}

static uint32_t *part(struct level *l, enum level_part p)
{
	switch (p) {
	case PART_RUNNING:
		return &l->running;
	case PART_RUNNABLE:
		return &l->runnable;
	case PART_WAITING:
		return &l->waiting;
	default:
		return NULL;
	}
}

void level_move(const struct model *m, struct level *l, enum level_part from, enum level_part to,
		uint64_t ts)
{
	uint32_t *n;

	if (from == to)
		return;
	level_close(m, l, ts);
	n = part(l, from);
	if (n && *n)
		--*n;
	n = part(l, to);
	if (n)
		++*n;
}

void level_merge(struct level *into, const struct level *from)
{
	for (size_t k = 0; k < from->run.n; k++)
		if (from->run.ns[k])
			add_step(&into->run, k, from->run.ns[k]);
	for (size_t k = 0; k < from->want.n; k++)
		if (from->want.ns[k])
			add_step(&into->want, k, from->want.ns[k]);
	into->serial_ns += from->serial_ns;
}

void level_free(struct level *l)
{
	free(l->run.ns);
	free(l->want.ns);
	*l = (struct level){ 0 };
}
