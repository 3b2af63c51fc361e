// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_python_test.c - what a fixture cannot show: the table of Python's waiting functions, and
 * that stacks, frames, sites and locks stay within their limits without losing time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/model/model.h"
#include "user/model/pylock.h"
#include "user/model/stack.h"

#define PID 10
#define GIL 0x9020ULL
#define WAIT_SEM (9 | 0x80 | 0x100)
#define LIB "/usr/lib/python3.11/"
#define DEPTH 5

/* --- what a stack waits for ------------------------------------------------------------------- */

/* Frames innermost first as "function@file"; the line of the n-th is n + 1. */
struct story {
	const char *frames[DEPTH];
	enum lock_kind kind;
	int place; /* index of its frame */
};

static const struct story stories[] = {
	/* user code */
	{ { "f@/srv/app.py" }, KIND_PY_LOCK, 0 },
	{ { "C.m.<locals>.wait@/srv/app.py", "g@/srv/app.py" }, KIND_PY_LOCK, 0 },
	/* files that only look like the library's */
	{ { "Queue.get@/srv/queue.py", "f@/srv/app.py" }, KIND_PY_LOCK, 0 },
	{ { "Condition.wait@/srv/mythreading.py", "f@/srv/app.py" }, KIND_PY_LOCK, 0 },
	{ { "wait@" LIB "site-packages/threading.py", "f@/srv/app.py" }, KIND_PY_LOCK, 0 },
	/* wherever the library lies */
	{ { "Condition.wait@threading.py", "f@/srv/app.py" }, KIND_PY_CONDITION, 1 },
	{ { "Condition.wait@/src/cpython/Lib/threading.py", "f@app.py" }, KIND_PY_CONDITION, 1 },
	{ { "Condition.wait@/opt/lib/python3.13t/threading.py", "f@app.py" }, KIND_PY_CONDITION, 1 },
	{ { "Condition.wait@/opt/lib/python311.zip/threading.py", "f@a.py" }, KIND_PY_CONDITION, 1 },
	/* the outermost of the library decides */
	{ { "Condition.wait@" LIB "threading.py", "Queue.get@" LIB "queue.py", "f@app.py" },
	  KIND_PY_QUEUE, 2 },
	{ { "Condition.wait@" LIB "threading.py", "Queue.put@" LIB "queue.py", "f@app.py" },
	  KIND_PY_QUEUE, 2 },
	{ { "Condition.wait@" LIB "threading.py", "Event.wait@" LIB "threading.py",
	    "Thread.start@" LIB "threading.py", "f@app.py" }, KIND_PY_CONDITION, 3 },
	{ { "Condition.wait@" LIB "threading.py", "Condition.wait_for@" LIB "threading.py",
	    "Barrier._wait@" LIB "threading.py", "Barrier.wait@" LIB "threading.py", "f@app.py" },
	  KIND_PY_CONDITION, 4 },
	{ { "Condition.wait@" LIB "threading.py", "Semaphore.acquire@" LIB "threading.py",
	    "f@app.py" }, KIND_PY_CONDITION, 2 },
	{ { "Condition.wait@" LIB "threading.py", "Future.result@" LIB "concurrent/futures/_base.py",
	    "f@app.py" }, KIND_PY_CONDITION, 2 },
	{ { "Condition.wait@" LIB "threading.py",
	    "Queue._feed@" LIB "multiprocessing/queues.py", "Thread.run@" LIB "threading.py" },
	  KIND_PY_QUEUE, 1 },
	{ { "Condition.wait@" LIB "threading.py", "Event.wait@" LIB "threading.py",
	    "ApplyResult.wait@" LIB "multiprocessing/pool.py", "f@app.py" }, KIND_PY_CONDITION, 3 },
	/* join */
	{ { "Thread.join@" LIB "threading.py", "f@app.py" }, KIND_PY_JOIN, 1 },
	{ { "Thread._wait_for_tstate_lock@" LIB "threading.py", "Thread.join@" LIB "threading.py",
	    "f@app.py" }, KIND_PY_JOIN, 2 },
	{ { "_shutdown@" LIB "threading.py" }, KIND_PY_JOIN, 0 },
	{ { "Thread.join@" LIB "threading.py",
	    "ThreadPoolExecutor.shutdown@" LIB "concurrent/futures/thread.py",
	    "Executor.__exit__@" LIB "concurrent/futures/_base.py", "f@app.py" }, KIND_PY_JOIN, 3 },
	/* names without a class, 3.9 and 3.10 */
	{ { "wait@" LIB "threading.py", "get@" LIB "queue.py", "f@app.py" }, KIND_PY_QUEUE, 2 },
	{ { "_wait_for_tstate_lock@" LIB "threading.py", "join@" LIB "threading.py", "f@app.py" },
	  KIND_PY_JOIN, 2 },
	/* locks inside the library are locks */
	{ { "Condition.__enter__@" LIB "threading.py", "Queue.get@" LIB "queue.py", "f@app.py" },
	  KIND_PY_LOCK, 2 },
	{ { "Queue.qsize@" LIB "queue.py", "f@app.py" }, KIND_PY_LOCK, 1 },
	{ { "Condition._acquire_restore@" LIB "threading.py", "Condition.wait@" LIB "threading.py",
	    "f@app.py" }, KIND_PY_LOCK, 2 },
	{ { "_RLock.acquire@" LIB "threading.py", "f@app.py" }, KIND_PY_LOCK, 1 },
	{ { "_ModuleLock.acquire@<frozen importlib._bootstrap>",
	    "_find_and_load@<frozen importlib._bootstrap>", "f@app.py" }, KIND_PY_LOCK, 2 },
	/* where a thread begins the library ends */
	{ { "_worker@" LIB "concurrent/futures/thread.py", "Thread.run@" LIB "threading.py",
	    "Thread._bootstrap_inner@" LIB "threading.py", "Thread._bootstrap@" LIB "threading.py" },
	  KIND_PY_QUEUE, 0 },
	{ { "Thread._bootstrap_inner@" LIB "threading.py", "Thread._bootstrap@" LIB "threading.py" },
	  KIND_PY_LOCK, 0 },
	/* unknown frames */
	{ { "?" }, KIND_FUTEX, 0 },
	{ { "Condition.wait@" LIB "threading.py", "?" }, KIND_PY_CONDITION, 1 },
};

static void tell(struct model *m, const void *rec)
{
	assert_int_equal(model_apply(m, rec), 0);
}

#define RECORD(type, name, kind_, tid_)                                                            \
	struct type name = { .head = { m->now_ns, tid_, kind_, sizeof(name) } }

static void tell_frame(struct model *m, uint64_t code, const char *text, uint32_t line)
{
	RECORD(wire_frame, f, WIRE_FRAME, PID);
	const char *at = strchr(text, '@');

	if (!at)
		return;
	f.id.code = code;
	f.line = line;
	snprintf(f.function, sizeof(f.function), "%.*s", (int)(at - text), text);
	snprintf(f.file, sizeof(f.file), "%s", at + 1);
	tell(m, &f);
}

static const struct stack *tell_story(struct model *m, const struct story *s, uint64_t id)
{
	RECORD(wire_stack, stack, WIRE_STACK, PID);

	stack.id = id;
	for (uint32_t i = 0; i < DEPTH && s->frames[i]; i++) {
		stack.frames[i].code = id * DEPTH + i;
		stack.n = i + 1;
		tell_frame(m, id * DEPTH + i, s->frames[i], i + 1);
	}
	tell(m, &stack);
	return stack_find(m, id);
}

static void kinds(void **state)
{
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		const struct stack *stack = tell_story(m, &stories[i], i + 1);
		const struct frame *place;
		enum lock_kind kind = pylock_kind(stack, &place);

		if (kind != stories[i].kind || place != stack->frames[stories[i].place])
			fail_msg("story %zu, %s: kind %d, place %s", i, stories[i].frames[0], kind,
				 place ? place->function : "-");
	}
	model_free(m);
}

static void empty_stack(void **state)
{
	struct model *m = model_new();
	const struct frame *place;
	struct story none = { { NULL }, KIND_FUTEX, 0 };

	(void)state;
	assert_int_equal(pylock_kind(tell_story(m, &none, 1), &place), KIND_FUTEX);
	assert_null(place);
	assert_null(stack_find(m, 0));
	assert_null(stack_find(m, 2));
	model_free(m);
}

/* --- limits ----------------------------------------------------------------------------------- */

static struct model *new_target(uint32_t threads)
{
	struct model *m = model_new();

	m->now_ns = 1000;
	for (uint32_t i = 0; i < threads; i++) {
		RECORD(wire_task, t, WIRE_TASK, PID + i);

		t.tgid = PID;
		t.ns_tid = PID + i;
		t.start_ns = PID + i;
		t.state = WIRE_ON_CPU;
		t.flags = WIRE_TASK_EXISTED;
		tell(m, &t);
	}
	RECORD(wire_window, w, WIRE_WINDOW, 0);
	w.begin_ns = 1000;
	tell(m, &w);
	return m;
}

static void tell_cpu(struct model *m, uint32_t tid, uint64_t stack)
{
	RECORD(wire_sample, s, WIRE_SAMPLE, tid);

	m->now_ns++;
	s.head.ts_ns = m->now_ns;
	s.stack = stack;
	s.weight_ns = 7;
	tell(m, &s);
}

static void many_stacks(void **state)
{
	struct model *m = new_target(1);
	size_t n = MODEL_MAX_STACKS + 1000;
	uint64_t sum = 0;

	(void)state;
	for (uint64_t id = 1; id <= n; id++) {
		RECORD(wire_stack, stack, WIRE_STACK, PID);

		stack.id = id;
		stack.n = WIRE_FRAMES_MAX;
		for (uint32_t i = 0; i < stack.n; i++)
			stack.frames[i] = (struct wire_frame_id){ id, i + 1 };
		tell(m, &stack);
		tell_cpu(m, PID, id);
	}
	model_finish(m);
	assert_int_equal(HASH_COUNT(m->stacks), MODEL_MAX_STACKS);
	assert_int_equal(HASH_COUNT(m->frames), MODEL_MAX_FRAMES);
	assert_int_equal(m->samples, n);
	assert_int_equal(m->samples_unread, 1000);
	for (const struct site *s = m->all_processes->sites; s; s = s->next)
		sum += s->ns;
	assert_int_equal(sum, n * 7);
	model_free(m);
}

static void many_sites(void **state)
{
	enum { THREADS = 140, STACKS = 1000 };
	struct model *m = new_target(THREADS);
	uint64_t sum = 0, without = 0;

	(void)state;
	for (uint64_t id = 1; id <= STACKS; id++) {
		RECORD(wire_stack, stack, WIRE_STACK, PID);

		stack.id = id;
		tell(m, &stack);
		for (uint32_t t = 0; t < THREADS; t++)
			tell_cpu(m, PID + t, id);
	}
	model_finish(m);
	assert_in_range(HASH_COUNT(m->sites), MODEL_MAX_SITES, MODEL_MAX_SITES + 1);
	for (const struct site *s = m->all_processes->sites; s; s = s->next) {
		sum += s->ns;
		if (!s->key.stack)
			without += s->ns;
	}
	assert_int_equal(sum, THREADS * STACKS * 7);
	assert_int_equal(without, (THREADS * STACKS - MODEL_MAX_SITES) * 7);
	model_free(m);
}

/* Each wait is for another lock, on one word of the stack: the table stays small, all is counted. */
static void many_parked(void **state)
{
	enum { WAITS = MODEL_MAX_LOCKS * 3 };
	struct model *m = new_target(1);
	uint64_t waits = 0, ns = 0;
	struct lock *l;

	(void)state;
	for (uint64_t i = 1; i <= WAITS; i++) {
		RECORD(wire_switch, out, WIRE_SWITCH, PID);
		RECORD(wire_wake, wake, WIRE_WAKE, PID);
		RECORD(wire_switch, in, WIRE_SWITCH, 0);
		RECORD(wire_futex, ret, WIRE_FUTEX, PID);

		out.prev_state = WIRE_FUTEX_WAIT;
		out.flags = WIRE_SWITCH_BLOCK | WIRE_SWITCH_OBJECT;
		out.block.addr = 0x7ffd0100;
		out.block.op = WAIT_SEM;
		out.block.object = i * 16;
		tell(m, &out);
		wake.head.ts_ns = in.head.ts_ns = ret.head.ts_ns = m->now_ns + 10;
		in.next_tid = PID;
		ret.addr = out.block.addr;
		ret.op = WAIT_SEM;
		ret.flags = WIRE_FUTEX_BLOCKED;
		tell(m, &wake);
		tell(m, &in);
		tell(m, &ret);
	}
	model_finish(m);
	assert_int_equal(m->n_locks, MODEL_MAX_LOCKS);
	for (l = m->locks; l; l = l->next) {
		waits += l->waits;
		ns += l->wait_ns;
	}
	assert_int_equal(waits + m->folded.waits, WAITS);
	assert_int_equal(ns + m->folded.wait_ns, WAITS * 10);
	model_free(m);
}

/* A word that leads to another lock each time leaves nothing behind. */
static void stray_words(void **state)
{
	struct model *m = new_target(1);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		RECORD(wire_word, word, WIRE_WORD, PID);
		RECORD(wire_switch, out, WIRE_SWITCH, PID);

		word.tgid = PID;
		word.addr = 0x7ffd0100 + i * 64;
		word.op = WAIT_SEM;
		word.sp = word.addr - 64;
		tell(m, &word);
		out.prev_state = WIRE_FUTEX_WAIT;
		out.flags = WIRE_SWITCH_BLOCK | WIRE_SWITCH_OBJECT;
		out.block.addr = word.addr;
		out.block.op = WAIT_SEM;
		out.block.object = 0x5010;
		tell(m, &out);
	}
	assert_int_equal(m->n_locks, 1);
	assert_int_equal(m->locks->base, 0x5010);
	model_finish(m);
	model_free(m);
}

/* Threads come and go with their PyThreadStates. */
static void tstates_come_and_go(void **state)
{
	struct model *m = new_target(1);

	(void)state;
	for (uint32_t tid = 100; tid < 600; tid++) {
		RECORD(wire_task, t, WIRE_TASK, tid);
		RECORD(wire_pythread, py, WIRE_PYTHREAD, tid);
		RECORD(wire_switch, dead, WIRE_SWITCH, tid);

		t.tgid = PID;
		t.start_ns = tid;
		t.state = WIRE_ON_CPU;
		tell(m, &t);
		py.tstate = 0x1000 + tid % 3;
		py.gil = GIL;
		tell(m, &py);
		assert_int_equal(HASH_CNT(python.hh, m->by_tstate), 1);
		dead.prev_state = WIRE_DEAD;
		tell(m, &dead);
		assert_null(m->by_tstate);
	}
	model_finish(m);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),	cmocka_unit_test(empty_stack),
		cmocka_unit_test(many_stacks),	cmocka_unit_test(many_sites),
		cmocka_unit_test(many_parked),	cmocka_unit_test(stray_words),
		cmocka_unit_test(tstates_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
