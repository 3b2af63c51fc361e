// SPDX-License-Identifier: GPL-2.0-or-later
/* footprint.c - see footprint.h. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "user/base/buf.h"
#include "user/bench/footprint.h"
#include "user/target/memory.h"
#include "user/target/proc.h"

struct one {
	pid_t pid;
	uint64_t began_with; /* anonymous memory */
	uint64_t anonymous;  /* when last seen */
	uint64_t copied;     /* most */
};

struct footprint {
	struct one *items;
	size_t n, cap;
	uint64_t pss, uss;
	uint64_t spent_ns; /* CPU time of all samples */
	bool seen;
};

struct footprint *footprint_new(void)
{
	return xcalloc(1, sizeof(struct footprint));
}

void footprint_free(struct footprint *f)
{
	if (!f)
		return;
	free(f->items);
	free(f);
}

static struct one *find(const struct footprint *f, pid_t pid)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].pid == pid)
			return &f->items[i];
	return NULL;
}

/* A forked child began with what its parent had, if that is less: the rest is new. */
static struct one *add(struct footprint *f, pid_t pid, const struct memory *m)
{
	const struct one *parent;
	struct proc_stat stat;
	uint64_t began_with = m->anonymous;

	if (f->n == FOOTPRINT_MAX)
		return NULL;
	if (!proc_read_stat(pid, &stat)) {
		parent = find(f, stat.parent);
		if (parent && parent->anonymous < began_with)
			began_with = parent->anonymous;
	}
	vec_push(f->items, f->n, f->cap) = (struct one){ pid, began_with, m->anonymous, 0 };
	return &f->items[f->n - 1];
}

static void look(struct footprint *f, pid_t pid, const struct memory *m)
{
	struct one *one = find(f, pid);
	uint64_t more, copied;

	if (!one)
		one = add(f, pid, m);
	if (!one)
		return;
	one->anonymous = m->anonymous;
	more = m->anonymous > one->began_with ? m->anonymous - one->began_with : 0;
	copied = m->dirty > more ? m->dirty - more : 0;
	if (copied > one->copied)
		one->copied = copied;
}

static uint64_t own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t footprint_sample(struct footprint *f, const pid_t *pids, size_t n, uint64_t now_ns)
{
	uint64_t began = own_cpu_ns(), pss = 0, uss = 0, pause = 0, cost;

	for (size_t i = 0; i < n && i < FOOTPRINT_MAX; i++) {
		struct memory m;

		if (memory_read(pids[i], &m))
			continue; /* gone meanwhile */
		look(f, pids[i], &m);
		pss += m.pss;
		uss += m.uss;
		f->seen = true;
	}
	f->pss = pss > f->pss ? pss : f->pss;
	f->uss = uss > f->uss ? uss : f->uss;
	cost = own_cpu_ns() - began;
	f->spent_ns += cost;
	if (f->spent_ns > FOOTPRINT_FREE_NS)
		pause = (uint64_t)((double)cost / FOOTPRINT_SHARE);
	return now_ns + (pause > FOOTPRINT_EVERY_NS ? pause : FOOTPRINT_EVERY_NS);
}

double footprint_pss(const struct footprint *f)
{
	return f->seen ? (double)f->pss : NAN;
}

double footprint_uss(const struct footprint *f)
{
	return f->seen ? (double)f->uss : NAN;
}

double footprint_copied(const struct footprint *f, pid_t pid)
{
	const struct one *one = find(f, pid);

	return one ? (double)one->copied : NAN;
}
