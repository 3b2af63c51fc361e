// SPDX-License-Identifier: GPL-2.0-or-later
/* sleepers.c - see sleepers.h. */
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/runtime/cpython.h"
#include "user/session/sleepers.h"

#define MAX_THREADS 16384 /* of one process, and that wait to be told of */

struct sleepers {
	struct sleeper *all;
	/* the threads of the interpreter that was asked last: those of a process come together */
	const struct cpython *of;
	struct cpython_tstate *threads;
	int n_threads;
};

struct sleepers *sleepers_new(void)
{
	return xcalloc(1, sizeof(struct sleepers));
}

/* The oldest state of this thread: a newer one may be another's that has not begun. */
static const struct cpython_tstate *find_tstate(struct sleepers *s, struct cpython *py,
						uint64_t thread_pointer)
{
	const struct cpython_tstate *found = NULL;

	if (!s->threads)
		s->threads = xcalloc(MAX_THREADS, sizeof(*s->threads));
	if (s->of != py)
		s->n_threads = cpython_threads(py, s->threads, MAX_THREADS);
	s->of = py;
	for (int i = 0; i < s->n_threads; i++)
		if (thread_pointer && s->threads[i].thread_id == thread_pointer)
			found = &s->threads[i];
	return found;
}

static struct wire_head head(const struct wire_task *rec, uint32_t tid, uint16_t kind, size_t size)
{
	return (struct wire_head){ rec->head.ts_ns, tid, kind, (uint16_t)size };
}

static void fill_awake(struct sleeper *s, const struct wire_task *rec)
{
	s->awake = *rec;
	s->awake.state = WIRE_ON_CPU;
	s->awake.flags &= (__u8)~(WIRE_TASK_BLOCKED | WIRE_TASK_LEAN);
	s->awake.thread_pointer = s->awake.sp = s->awake.ip = s->awake.bp = 0;
	memset(&s->awake.block, 0, sizeof(s->awake.block));
}

static void fill_sample(struct sleeper *s, const struct wire_task *rec)
{
	s->sample = (struct wire_sample){
		.head = head(rec, s->tid, WIRE_SAMPLE, sizeof(s->sample)),
		.stack = s->stack.id,
		.addr = rec->block.addr,
		.why = WIRE_SAMPLE_WAIT,
	};
}

static void fill_stack(struct sleeper *s, const struct wire_task *rec, struct cpython *py,
		       const struct cpython_tstate *t)
{
	if (cpython_stack(py, t, &s->stack))
		s->stack.n = 0;
	s->stack.head.ts_ns = rec->head.ts_ns;
	fill_sample(s, rec);
}

static void fill_sleep(struct sleeper *s, const struct wire_task *rec)
{
	s->sleep = (struct wire_switch){
		.head = head(rec, s->tid, WIRE_SWITCH, sizeof(s->sleep)),
		.cpu = rec->cpu,
		.prev_state = rec->state,
		.flags = WIRE_SWITCH_BLOCK | WIRE_SWITCH_FOUND |
			 (rec->flags & WIRE_TASK_LEAN ? WIRE_SWITCH_LEAN : 0),
		.block = rec->block,
	};
}

struct sleeper *sleepers_native(const struct wire_task *rec)
{
	struct sleeper *s = xcalloc(1, sizeof(*s));

	s->tid = rec->head.tid;
	fill_awake(s, rec);
	fill_sample(s, rec);
	fill_sleep(s, rec);
	return s;
}

const struct sleeper *sleepers_look(struct sleepers *all, struct cpython *py,
				    const struct wire_task *rec, bool stacks)
{
	const struct cpython_tstate *t = NULL;
	struct sleeper *s;

	if (HASH_COUNT(all->all) < MAX_THREADS)
		t = find_tstate(all, py, rec->thread_pointer);
	if (!t)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->tid = rec->head.tid;
	s->thread = (struct wire_pythread){
		.head = head(rec, s->tid, WIRE_PYTHREAD, sizeof(s->thread)),
		.tstate = t->addr,
		.gil = t->gil,
		.thread_id = t->thread_id,
		.tgid = rec->tgid,
	};
	fill_awake(s, rec);
	if (stacks && rec->state == WIRE_FUTEX_WAIT)
		fill_stack(s, rec, py, t);
	fill_sleep(s, rec);
	if (rec->state == WIRE_FUTEX_WAIT && cpython_object(py, t, rec->sp, &s->sleep.block))
		s->sleep.flags |= WIRE_SWITCH_OBJECT;
	HASH_ADD(hh, all->all, tid, sizeof(s->tid), s);
	return s;
}

struct sleeper *sleepers_take(struct sleepers *all, uint32_t tid)
{
	struct sleeper *s;

	HASH_FIND(hh, all->all, &tid, sizeof(tid), s);
	if (s)
		HASH_DEL(all->all, s);
	return s;
}

void sleepers_free(struct sleepers *all)
{
	struct sleeper *s, *next;

	HASH_ITER(hh, all->all, s, next)
	{
		HASH_DEL(all->all, s);
		free(s);
	}
	free(all->threads);
	free(all);
}
