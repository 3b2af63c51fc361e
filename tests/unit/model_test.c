// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * model_test.c - what must hold whatever happens: random streams through model, analysis,
 * renderers.
 *
 * A small machine is simulated: threads run, block, wake each other, fork, exec and die, in several
 * processes, and the records that the collector would write are kept, with its sums.  Then records
 * are lost, told twice or told late.  Some streams leave out single events for a time, and say so.  Streams depend on the seed only: MODEL_SEED=n runs one,
 * MODEL_STREAMS=n so many.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/analysis/analysis.h"
#include "user/analysis/whatif.h"
#include "user/base/buf.h"
#include "user/model/model.h"
#include "user/model/timeline.h"
#include "user/render/render.h"
#include "user/trace/trace.h"

#define STREAMS 2500
#define MAX_THREADS 24
#define MAX_RECORDS 4000
#define WORDS 6
#define GIL 0x7f0000001000ULL
#define STACKS 8
#define BEGIN_NS 1000000000ULL
#define WAIT_BITSET_PRIVATE (9 | 0x80)
#define WAIT_PRIVATE 0x80
#define WAKE_PRIVATE (1 | 0x80)

union record {
	struct wire_head head;
	uint8_t bytes[TRACE_RECORD_MAX];
	struct wire_task task;
	struct wire_switch sw;
	struct wire_wake wake;
	struct wire_futex futex;
	struct wire_word word;
	struct wire_exec exec;
	struct wire_exit exit;
	struct wire_thread_sums sums;
	struct wire_window window;
	struct wire_region region;
	struct wire_shared shared;
	struct wire_loss loss;
	struct wire_pythread pythread;
	struct wire_sample sample;
	struct wire_stack stack;
	struct wire_runtime runtime;
	struct wire_frame frame;
	struct wire_name name;
	struct wire_object object;
	struct wire_mapped mapped;
	struct wire_thread_state state;
	struct wire_detail detail;
	struct wire_overhead overhead;
};

struct sim_thread {
	uint32_t tid, tgid, parent;
	uint64_t start_ns, born_ns, since_ns;
	uint8_t state;
	bool alive, in_call, told;
	struct wire_block block;
	struct wire_sums sums;
};

struct sim {
	uint64_t rng, now_ns, end_ns;
	struct sim_thread threads[MAX_THREADS];
	union record *records;
	size_t n;
	uint32_t next_tid;
	uint64_t starts;
	bool lossy;		     /* records are missing, twice or late */
	bool python;		     /* the target has an interpreter */
	bool gaps;		     /* single events are left out now and then: */
	bool quiet, uncounted;	     /* just now; until every thread's state has been told */
	uint64_t told_ns[WIRE_STATES]; /* inside the window, where they are not left out */
	bool lean;		     /* nobody tells of futex calls */
	uint64_t on_cpu_ns, life_ns; /* the truth, inside the window */
};

/* --- the machine ----------------------------------------------------------------------------- */

static uint64_t draw(struct sim *s)
{
	s->rng ^= s->rng << 13;
	s->rng ^= s->rng >> 7;
	s->rng ^= s->rng << 17;
	return s->rng * 0x2545f4914f6cdd1dULL >> 16;
}

static uint64_t below(struct sim *s, uint64_t n)
{
	return draw(s) % n;
}

static bool chance(struct sim *s, unsigned int percent)
{
	return below(s, 100) < percent;
}

static union record *put(struct sim *s, uint16_t kind, size_t size, uint32_t tid)
{
	union record *r = &s->records[s->n];

	assert_true(s->n < MAX_RECORDS);
	s->n++;
	memset(r, 0, sizeof(*r));
	r->head = (struct wire_head){ s->now_ns, tid, kind, (uint16_t)size };
	return r;
}

static uint64_t inside(const struct sim *s, uint64_t from, uint64_t to)
{
	uint64_t begin = from > BEGIN_NS ? from : BEGIN_NS, end = to < s->end_ns ? to : s->end_ns;

	return end > begin ? end - begin : 0;
}

static void enter(struct sim *s, struct sim_thread *t, uint8_t state)
{
	t->sums.state_ns[t->state] += inside(s, t->since_ns, s->now_ns);
	if (!s->uncounted)
		s->told_ns[t->state] += inside(s, t->since_ns, s->now_ns);
	t->since_ns = s->now_ns;
	t->state = state;
}

static struct wire_block random_block(struct sim *s)
{
	static const uint32_t ops[] = {
		WAIT_BITSET_PRIVATE, WAIT_PRIVATE, 0, 9, 0x80 | 6, 0x80 | 11
	};
	struct wire_block b = { 0 };

	b.addr = 0x7f0000001000ULL + below(s, WORDS) * (chance(s, 30) ? 4 : 64);
	b.op = ops[below(s, sizeof(ops) / sizeof(ops[0]))];
	b.val = chance(s, 60) ? 2 : (uint32_t)below(s, 40);
	b.nr = 202;
	b.word = chance(s, 80) ? b.val : (uint32_t)draw(s);
	b.aux = chance(s, 70) ? 100 + (uint32_t)below(s, 40) : (uint32_t)draw(s);
	return b;
}

static void put_task(struct sim *s, struct sim_thread *t, uint8_t flags)
{
	struct wire_task *r = &put(s, WIRE_TASK, sizeof(*r), t->tid)->task;

	r->tgid = t->tgid;
	r->parent_tgid = t->parent;
	r->ns_tid = t->tid;
	r->ns_tgid = t->tgid;
	r->start_ns = t->start_ns;
	snprintf(r->comm, sizeof(r->comm), "t%u", t->tid);
	r->state = t->state;
	r->flags = flags;
	r->block = t->block;
}

static struct sim_thread *spawn(struct sim *s, uint32_t tgid, uint32_t parent, uint8_t state)
{
	struct sim_thread *t = s->threads, *end = t + MAX_THREADS;

	while (t < end && t->alive)
		t++;
	if (t == end)
		return NULL;
	memset(t, 0, sizeof(*t));
	/* ids are used again now and then, never two at once */
	t->tid = s->next_tid++;
	t->tgid = tgid ? tgid : t->tid;
	t->parent = parent ? parent : t->tgid;
	t->start_ns = ++s->starts;
	t->born_ns = t->since_ns = s->now_ns;
	t->state = state;
	t->alive = true;
	return t;
}

static struct sim_thread *pick(struct sim *s, bool (*want)(const struct sim_thread *t))
{
	size_t first = below(s, MAX_THREADS);

	for (size_t i = 0; i < MAX_THREADS; i++) {
		struct sim_thread *t = &s->threads[(first + i) % MAX_THREADS];

		if (t->alive && want(t))
			return t;
	}
	return NULL;
}

static bool runs(const struct sim_thread *t)
{
	return t->state == WIRE_ON_CPU;
}

static bool wants_cpu(const struct sim_thread *t)
{
	return t->state == WIRE_WOKEN || t->state == WIRE_PREEMPTED;
}

static bool blocked(const struct sim_thread *t)
{
	return !runs(t) && !wants_cpu(t);
}

static void put_sums(struct sim *s, struct sim_thread *t, bool dead)
{
	struct wire_thread_sums *r = &put(s, WIRE_SUMS, sizeof(*r), t->tid)->sums;

	r->tgid = t->tgid;
	r->dead = dead;
	r->start_ns = t->start_ns;
	r->begin_ns = t->born_ns > BEGIN_NS ? t->born_ns : BEGIN_NS;
	r->end_ns = s->now_ns < s->end_ns ? s->now_ns : s->end_ns;
	if (r->end_ns < r->begin_ns)
		r->end_ns = r->begin_ns;
	snprintf(r->comm, sizeof(r->comm), "t%u", t->tid);
	r->sums = t->sums;
	if (!dead)
		r->sums.state_ns[t->state] += inside(s, t->since_ns, s->now_ns);
	if (!dead && !s->uncounted)
		s->told_ns[t->state] += inside(s, t->since_ns, s->now_ns);
	s->on_cpu_ns += r->sums.state_ns[WIRE_ON_CPU];
	s->life_ns += r->end_ns - r->begin_ns;
}

static uint64_t tstate_of(const struct sim_thread *t)
{
	return 0x555500000000ULL + t->tid * 16;
}

/* What the collector says of a Python thread that goes to sleep on a word: often not the truth. */
static uint8_t look_into_python(struct sim *s, struct sim_thread *t)
{
	struct sim_thread *holder = pick(s, runs);
	bool gil = t->block.addr < GIL + 0xb0;

	if (!s->python || chance(s, 40))
		return chance(s, 5) ? WIRE_SWITCH_GIL : 0;
	t->block.word = gil ? (uint32_t)below(s, 3) - 1 : 0;
	t->block.object = gil ? (holder ? tstate_of(holder) : 7) : 0x9000 + below(s, 3) * 16;
	return WIRE_SWITCH_OBJECT;
}

static void put_sample(struct sim *s, struct sim_thread *t, uint8_t why)
{
	struct wire_sample *r;

	if ((!s->python && why == WIRE_SAMPLE_HELD) || chance(s, 30))
		return;
	r = &put(s, WIRE_SAMPLE, sizeof(*r), t->tid)->sample;
	r->why = why;
	r->flags = chance(s, 50) ? WIRE_SAMPLE_GIL : 0;
	r->stack = below(s, STACKS + 2);
	r->addr = t->block.addr;
	r->weight_ns = why == WIRE_SAMPLE_CPU ? 1000000 : below(s, 100000);
}

static void put_pythread(struct sim *s, const struct sim_thread *t)
{
	struct wire_pythread *r = &put(s, WIRE_PYTHREAD, sizeof(*r), t->tid)->pythread;

	r->tstate = tstate_of(t);
	r->gil = chance(s, 90) ? GIL : 0;
	snprintf(put(s, WIRE_NAME, sizeof(struct wire_name), t->tid)->name.name, 16, "n%u", t->tid);
}

/* Inlined into each other in all ways, the loop of an interpreter, functions that wait. */
static void put_native_frame(struct sim *s, uint32_t tgid)
{
	static const char *const names[] = { "pthread_mutex_lock", "pthread_cond_wait", "malloc",
					     "work", "std::sys::futex::Mutex::lock", "" };
	struct wire_frame *r = &put(s, WIRE_FRAME, sizeof(*r), tgid)->frame;

	r->id.code = WIRE_CODE_NATIVE;
	r->id.instr = below(s, 8);
	r->depth = (uint16_t)below(s, 3);
	r->flags = (uint32_t)below(s, 16);
	r->offset = r->id.instr;
	strcpy(r->function, names[below(s, sizeof(names) / sizeof(names[0]))]);
	strcpy(r->module, chance(s, 50) ? "libc.so.6" : "python3.11");
}

static void put_stacks(struct sim *s, uint32_t tgid)
{
	static const char *const names[][2] = {
		{ "f", "/srv/app.py" },
		{ "Queue.get", "/usr/lib/python3.11/queue.py" },
		{ "Condition.wait", "/usr/lib/python3.11/threading.py" },
		{ "Thread.run", "/usr/lib/python3.11/threading.py" },
		{ "", "" },
	};

	for (uint64_t id = 1; id <= STACKS; id++) {
		uint32_t n = (uint32_t)below(s, 12);
		struct wire_stack *r = &put(s, WIRE_STACK, WIRE_STACK_SIZE(n), tgid)->stack;

		r->id = id;
		r->n = n;
		r->flags = (uint32_t)below(s, WIRE_STACK_SINGLES * 2);
		for (uint32_t i = 0; i < r->n; i++) {
			r->frames[i].code = below(s, WIRE_CODES + 6);
			r->frames[i].instr = below(s, 8);
		}
	}
	for (uint64_t code = WIRE_CODES; code < WIRE_CODES + 5; code++) {
		struct wire_frame *r = &put(s, WIRE_FRAME, sizeof(*r), tgid)->frame;

		r->id.code = code;
		r->line = (uint32_t)below(s, 3);
		strcpy(r->function, names[code - WIRE_CODES][0]);
		strcpy(r->file, names[code - WIRE_CODES][1]);
	}
	for (uint64_t i = 0; i < 10; i++)
		put_native_frame(s, tgid);
}

static void put_object(struct sim *s, const struct sim_thread *t)
{
	struct wire_object *r = &put(s, WIRE_OBJECT, sizeof(*r), t->tgid)->object;

	r->addr = t->block.addr;
	r->begin = chance(s, 50) ? r->addr - below(s, 100) : 0;
	strcpy(r->name, r->begin ? "locks" : "");
	strcpy(r->region, chance(s, 50) ? "heap" : "libx.so");
}

/* The thread leaves the CPU, perhaps for another one. */
static void switch_away(struct sim *s, struct sim_thread *t, uint8_t state, uint8_t flags)
{
	struct sim_thread *next = chance(s, 50) ? pick(s, wants_cpu) : NULL;
	bool block = flags & WIRE_SWITCH_BLOCK;
	struct wire_switch *r =
		&put(s, WIRE_SWITCH, block ? sizeof(*r) : WIRE_SWITCH_SHORT, t->tid)->sw;

	r->prev_state = state;
	r->flags = flags;
	if (block)
		r->block = t->block;
	enter(s, t, flags & WIRE_SWITCH_RACED ? WIRE_WOKEN : state);
	if (!next)
		return;
	r->next_tid = next->tid;
	enter(s, next, WIRE_ON_CPU);
}

static void put_futex(struct sim *s, struct sim_thread *t, uint32_t op, int ret, bool slept)
{
	struct wire_futex *r = &put(s, WIRE_FUTEX, sizeof(*r), t->tid)->futex;

	r->addr = t->block.addr;
	r->op = op;
	r->val = t->block.val;
	r->ret = ret;
	r->flags = slept ? WIRE_FUTEX_BLOCKED : 0;
}

static void do_sleep(struct sim *s, struct sim_thread *t)
{
	uint8_t flags = WIRE_SWITCH_BLOCK | WIRE_SWITCH_VOLUNTARY;
	struct wire_word *w;

	t->block = random_block(s);
	flags |= look_into_python(s, t);
	flags |= s->lean ? WIRE_SWITCH_LEAN : 0;
	t->in_call = true;
	put_sample(s, t, WIRE_SAMPLE_WAIT);
	if (chance(s, 10))
		put_object(s, t);
	if (chance(s, 40)) {
		w = &put(s, WIRE_WORD, sizeof(*w), t->tid)->word;
		w->addr = t->block.addr;
		w->op = t->block.op;
		w->val = t->block.val;
		w->sp = chance(s, 10) ? w->addr - 64 : 0x7ffd00000000ULL;
		w->tgid = t->tgid;
		w->valid = chance(s, 10) ? (uint32_t)below(s, WIRE_WORD_LEN + 1) : 0;
		for (size_t i = 0; i < sizeof(w->bytes); i++)
			w->bytes[i] = chance(s, 20) ? (uint8_t)below(s, 12) : 0;
	}
	if (chance(s, 10)) {
		struct wire_wake *k = &put(s, WIRE_WAKE, sizeof(*k), t->tid)->wake;

		k->flags = WIRE_WAKE_EARLY;
		flags |= WIRE_SWITCH_RACED;
	}
	switch_away(s, t, WIRE_FUTEX_WAIT, flags);
}

static void do_block(struct sim *s, struct sim_thread *t)
{
	static const uint8_t why[] = { WIRE_IO_DISK, WIRE_IO_IPC, WIRE_SLEEP,	WIRE_CHILD,
				       WIRE_KLOCK,   WIRE_FAULT,  WIRE_STOPPED, WIRE_OTHER };

	uint8_t flags = WIRE_SWITCH_BLOCK | WIRE_SWITCH_VOLUNTARY;

	t->block = (struct wire_block){ .nr = 7 };
	if (s->python && chance(s, 40)) {
		flags |= WIRE_SWITCH_GIL;
		put_sample(s, t, WIRE_SAMPLE_HELD);
	}
	switch_away(s, t, why[below(s, sizeof(why))], flags);
}

static void do_wake(struct sim *s, struct sim_thread *sleeper)
{
	static const uint16_t ends[] = { 0, WIRE_WAKE_TIMEOUT, WIRE_WAKE_SIGNAL, WIRE_WAKE_VECTOR };
	struct sim_thread *waker = chance(s, 70) ? pick(s, runs) : NULL;
	struct wire_wake *r = &put(s, WIRE_WAKE, sizeof(*r), sleeper->tid)->wake;

	r->flags = WIRE_WAKE_CTX | (waker ? WIRE_WAKE_OURS : WIRE_WAKE_IRQ);
	r->waker_tid = waker ? waker->tid : 1;
	if (waker && sleeper->in_call) {
		r->flags |= WIRE_WAKE_FUTEX;
		r->addr = sleeper->block.addr;
	}
	if (s->lean && sleeper->in_call) {
		r->flags |= WIRE_WAKE_LEAN | ends[below(s, 4)];
		r->op = WAKE_PRIVATE;
		if (chance(s, 40)) /* told with the end of the sleep */
			put_sample(s, sleeper, WIRE_SAMPLE_WAITED);
	}
	enter(s, sleeper, WIRE_WOKEN);
	if (s->lean || !waker || !sleeper->in_call || waker->in_call)
		return;
	waker->block = sleeper->block;
	r->op = chance(s, 50) ? WAKE_PRIVATE : 0;
	r->flags |= r->op ? WIRE_WAKE_CALL : 0;
	if (chance(s, 40))
		put_sample(s, waker, WIRE_SAMPLE_WOKE);
	if (!(r->flags & WIRE_WAKE_CALL))
		put_futex(s, waker, WAKE_PRIVATE, 1, false);
}

static void do_clone(struct sim *s, struct sim_thread *t)
{
	bool process = chance(s, 25);
	struct sim_thread *child = spawn(s, process ? 0 : t->tgid, t->tgid, WIRE_OTHER);
	struct wire_wake *r;

	if (!child)
		return;
	put_task(s, child, 0);
	if (s->python && chance(s, 80))
		put_pythread(s, child);
	r = &put(s, WIRE_WAKE, sizeof(*r), child->tid)->wake;
	r->flags = WIRE_WAKE_NEW | WIRE_WAKE_OURS;
	r->waker_tid = t->tid;
	enter(s, child, WIRE_WOKEN);
}

static void die(struct sim *s, struct sim_thread *t)
{
	struct wire_exit *r;

	if (chance(s, 90)) {
		r = &put(s, WIRE_EXIT, sizeof(*r), t->tid)->exit;
		r->tgid = t->tgid;
	}
	switch_away(s, t, WIRE_DEAD, WIRE_SWITCH_VOLUNTARY);
	put_sums(s, t, true);
	t->alive = false;
	if (chance(s, 30) && t->tid != t->tgid) { /* its id comes back */
		struct sim_thread *other = spawn(s, t->tgid, t->tgid, WIRE_OTHER);

		other->tid = t->tid;
		put_task(s, other, 0);
	}
}

/* All other threads of the process die first, then this one goes on with the leader's id. */
static void do_exec(struct sim *s, struct sim_thread *t)
{
	struct wire_exec *r;

	for (struct sim_thread *o = s->threads; o < s->threads + MAX_THREADS; o++)
		if (o != t && o->alive && o->tgid == t->tgid)
			return;
	r = &put(s, WIRE_EXEC, sizeof(*r), t->tgid)->exec;
	r->old_tid = t->tid;
	r->tgid = t->tgid;
	r->start_ns = t->start_ns;
	snprintf(r->comm, sizeof(r->comm), "new");
	t->tid = t->tgid;
}

static void do_running(struct sim *s, struct sim_thread *t)
{
	static const int results[] = { 0, 0, 0, -ETIMEDOUT, -EINTR, -512, -EAGAIN };
	uint64_t what = below(s, 100);

	if (t->in_call) { /* it came back from its sleep */
		if (chance(s, 20)) {
			do_block(s, t); /* a fault or a lock of the kernel, inside the call */
			return;
		}
		if (chance(s, 40))
			put_sample(s, t, WIRE_SAMPLE_WAITED);
		if (!s->lean)
			put_futex(s, t, t->block.op, results[below(s, 7)], true);
		t->in_call = false;
		return;
	}
	if (what < 40) {
		do_sleep(s, t);
	} else if (what < 55) {
		do_block(s, t);
	} else if (what < 70) {
		put_sample(s, t, WIRE_SAMPLE_CPU);
		switch_away(s, t, WIRE_PREEMPTED,
			    s->python && chance(s, 50) ? WIRE_SWITCH_GIL : 0);
	} else if (what < 80) {
		t->block = random_block(s);
		put_futex(s, t, chance(s, 50) ? WAKE_PRIVATE : WAIT_PRIVATE,
			  chance(s, 50) ? 0 : -EAGAIN, false);
	} else if (what < 88) {
		do_clone(s, t);
	} else if (what < 91) {
		do_exec(s, t);
	} else if (what < 96) {
		die(s, t);
	}
}

static void put_window(struct sim *s, bool closed)
{
	struct wire_window *r = &put(s, WIRE_WINDOW, sizeof(*r), 0)->window;

	r->begin_ns = BEGIN_NS;
	r->end_ns = closed ? s->end_ns : 0;
}

static void put_facts(struct sim *s, uint32_t tgid)
{
	struct wire_region *g;
	struct wire_shared *f;

	if (s->python || chance(s, 30)) {
		g = &put(s, WIRE_REGION, sizeof(*g), tgid)->region;
		g->begin = 0x7f0000001000ULL;
		g->end = g->begin + 0xb0;
		g->region_kind = WIRE_REGION_GIL;
		strcpy(g->name, "GIL");
	}
	if (s->python) {
		struct wire_runtime *r = &put(s, WIRE_RUNTIME, sizeof(*r), tgid)->runtime;

		r->gil = GIL;
		strcpy(r->name, "CPython");
	}
	put_stacks(s, tgid);
	if (chance(s, 30)) {
		f = &put(s, WIRE_SHARED, sizeof(*f), tgid)->shared;
		f->addr = 0x7f0000001000ULL + below(s, WORDS) * 64;
		f->inode = 5;
		f->offset = below(s, 4) * 4;
	}
}

static void begin(struct sim *s)
{
	uint64_t n = 1 + below(s, 8);
	uint32_t tgid = 0;

	s->now_ns = BEGIN_NS - 5000;
	for (uint64_t i = 0; i < n; i++) {
		static const uint8_t states[] = { WIRE_ON_CPU, WIRE_PREEMPTED, WIRE_SLEEP,
						  WIRE_FUTEX_WAIT };
		struct sim_thread *t =
			spawn(s, chance(s, 70) ? tgid : 0, 1, states[below(s, sizeof(states))]);
		bool asleep = t->state == WIRE_FUTEX_WAIT;

		tgid = t->tgid;
		if (t->tid == tgid)
			put_facts(s, tgid);
		if (asleep)
			t->block = random_block(s);
		t->in_call = asleep;
		put_task(s, t, WIRE_TASK_EXISTED | (blocked(t) ? WIRE_TASK_BLOCKED : 0));
		if (s->python && chance(s, 70))
			put_pythread(s, t);
		s->now_ns += below(s, 100);
	}
	put_window(s, false);
}

/* --- gaps ------------------------------------------------------------------------------------ */

static void put_detail(struct sim *s, bool on)
{
	put(s, WIRE_DETAIL, sizeof(struct wire_detail), 0)->detail.on = on;
	for (struct sim_thread *t = s->threads; t < s->threads + MAX_THREADS; t++)
		if (t->alive)
			enter(s, t, t->state);
	s->uncounted = !on;
}

static void put_states(struct sim *s)
{
	for (struct sim_thread *t = s->threads; t < s->threads + MAX_THREADS; t++) {
		struct wire_thread_state *r;

		if (!t->alive)
			continue;
		r = &put(s, WIRE_STATE, sizeof(*r), t->tid)->state;
		r->start_ns = t->start_ns;
		r->tgid = t->tgid;
		r->state = t->state;
		r->block = t->block;
		r->flags = t->state == WIRE_FUTEX_WAIT && t->in_call ? WIRE_STATE_BLOCK : 0;
	}
}

/* From all to nothing, to all but not counted yet, to all. */
static void change_detail(struct sim *s)
{
	if (!s->uncounted) {
		put_detail(s, false);
		s->quiet = true;
	} else if (s->quiet) {
		put_states(s);
		s->quiet = false;
	} else {
		put_detail(s, true);
	}
}

/* What is left out while it is quiet: records from `first` on. */
static void leave_out(struct sim *s, size_t first)
{
	size_t n = first;

	for (size_t i = first; i < s->n; i++) {
		union record *r = &s->records[i];
		bool event = r->head.kind == WIRE_SWITCH || r->head.kind == WIRE_WAKE ||
			     r->head.kind == WIRE_FUTEX || r->head.kind == WIRE_WORD ||
			     r->head.kind == WIRE_SAMPLE;

		if (event && (r->head.kind != WIRE_SWITCH || r->sw.prev_state != WIRE_DEAD))
			continue;
		if (r->head.kind == WIRE_SWITCH)
			r->sw.next_tid = 0;
		s->records[n++] = *r;
	}
	s->n = n;
}

static struct sim *simulate(uint64_t seed)
{
	struct sim *s = xcalloc(1, sizeof(*s));
	size_t steps;

	s->rng = seed * 0x9e3779b97f4a7c15ULL + 1;
	draw(s);
	s->records = xcalloc(MAX_RECORDS, sizeof(*s->records));
	s->next_tid = 100;
	s->python = seed % 4 >= 2;
	s->gaps = seed % 8 >= 6;
	s->lean = seed % 8 >= 4 && !s->gaps;
	s->end_ns = BEGIN_NS + 1 + below(s, chance(s, 20) ? 3000 : 300000000);
	steps = below(s, 300);
	begin(s);
	while (steps-- && s->now_ns < s->end_ns) {
		uint64_t what = below(s, 100);
		struct sim_thread *t = pick(s, what < 50 ? runs : what < 75 ? wants_cpu : blocked);
		size_t first;

		s->now_ns += below(s, chance(s, 80) ? 300000 : 8000000);
		if (!t || s->now_ns >= s->end_ns)
			continue;
		if (s->gaps && chance(s, 10))
			change_detail(s);
		first = s->n;
		if (runs(t)) {
			do_running(s, t);
		} else if (wants_cpu(t)) {
			put(s, WIRE_SWITCH, WIRE_SWITCH_SHORT, 0)->sw.next_tid = t->tid;
			enter(s, t, WIRE_ON_CPU);
		} else {
			do_wake(s, t);
		}
		if (s->quiet)
			leave_out(s, first);
	}
	s->now_ns = s->end_ns;
	for (struct sim_thread *t = s->threads; t < s->threads + MAX_THREADS; t++)
		if (t->alive)
			put_sums(s, t, false);
	put_window(s, true);
	return s;
}

static void sim_free(struct sim *s)
{
	free(s->records);
	free(s);
}

/* --- what can go wrong on the way ------------------------------------------------------------ */

static void lose(struct sim *s)
{
	unsigned int percent = (unsigned int)below(s, 40);
	uint64_t last = 0;
	size_t n = 0;

	s->lossy = true;
	for (size_t i = 0; i < s->n; i++) {
		union record r = s->records[i];

		if (r.head.kind != WIRE_WINDOW && chance(s, percent))
			continue;
		s->records[n++] = r;
		if (i && r.head.kind != WIRE_WINDOW &&
		    chance(s, 3)) { /* two change places; the time of one that is late moves on */
			s->records[n - 1] = s->records[i - 1];
			if (s->records[n - 1].head.ts_ns < last)
				s->records[n - 1].head.ts_ns = last;
		}
		last = s->records[n - 1].head.ts_ns;
	}
	s->n = n;
}

/* --- what must hold -------------------------------------------------------------------------- */

static void check_threads(const struct sim *s, const struct model *m)
{
	struct thread *t;
	uint64_t on_cpu = 0, all[WIRE_STATES] = { 0 };

	DL_FOREACH (m->all_threads, t) {
		uint64_t sum = 0;

		for (int i = 0; i < WIRE_STATES; i++)
			sum += t->state_ns[i];
		assert_int_equal(sum, model_detail_ns(m, t->begin_ns, t->end_ns));
		on_cpu += t->state_ns[WIRE_ON_CPU];
		if (!s->lossy && !s->gaps)
			for (int i = 0; i < WIRE_STATES; i++)
				assert_int_equal(t->state_ns[i], t->sums.sums.state_ns[i]);
		for (int i = 0; i < WIRE_STATES; i++)
			all[i] += t->state_ns[i];
	}
	for (int i = 0; !s->lossy && i < WIRE_STATES; i++)
		assert_int_equal(all[i], s->told_ns[i]);
	if (!s->lossy && !s->gaps)
		assert_int_equal(on_cpu, s->on_cpu_ns);
}

static void check_level(const struct level *l, uint64_t wall, uint64_t on_cpu, bool exact)
{
	uint64_t run = 0, want = 0, weighted = 0;

	for (size_t k = 0; k < l->run.n; k++) {
		run += l->run.ns[k];
		weighted += k * l->run.ns[k];
	}
	for (size_t k = 0; k < l->want.n; k++)
		want += l->want.ns[k];
	assert_int_equal(run, wall);
	assert_int_equal(want, wall);
	assert_true(l->serial_ns <= wall);
	if (exact)
		assert_int_equal(weighted, on_cpu);
}

static void check_levels(const struct sim *s, const struct model *m)
{
	struct process *p;
	struct thread *t;
	uint64_t all = 0;

	DL_FOREACH (m->all_threads, t)
		all += t->state_ns[WIRE_ON_CPU];
	/* a thread that the iterator saw wrongly is corrected later, the levels are not */
	check_level(&m->tree, model_detail_ns(m, m->window.begin_ns, m->window.end_ns), all,
		    !s->lossy);
	DL_FOREACH (m->all_processes, p) {
		uint64_t on_cpu = 0;

		DL_FOREACH (m->all_threads, t) {
			if (t->process == p)
				on_cpu += t->state_ns[WIRE_ON_CPU];
		}
		/* a thread whose birth was lost ran for process 0 until its sums came */
		check_level(&p->level, model_detail_ns(m, p->begin_ns, p->end_ns), on_cpu,
			    !s->lossy);
	}
	for (size_t i = 0; i < MODEL_PHASES; i++)
		all -= m->phases[i].running_ns;
	assert_int_equal(all, 0);
}

/* Where its waiters were adds up to their waiting, where its holders were to their blame. */
static void check_sites(const struct lock *l)
{
	uint64_t sum[SITE_WITHOUT + 1] = { 0 }, waited = 0, blamed = 0, parts;
	const struct party *p;
	const struct site *site;

	for (p = l->parties; p; p = p->hh.next) {
		for (site = p->sites; site; site = site->next)
			sum[site->key.role] += site->ns;
		sum[SITE_WAIT] += p->waited_new_ns;
		sum[SITE_HOLDING] += p->blamed_new_ns;
		waited += p->wait_ns;
		blamed += p->blamed_ns;
	}
	assert_int_equal(sum[SITE_WAIT], waited);
	assert_int_equal(sum[SITE_HOLDING], blamed);
	if (!l->gil)
		return;
	assert_int_equal(sum[SITE_ASLEEP], l->gil->asleep_ns);
	parts = l->gil->poll_ns + l->gil->delay_ns;
	assert_true(parts <= l->wait_ns);
	assert_true(l->gil->asleep_ns + l->gil->preempted_ns <= blamed);
	assert_true(l->gil->held_ns <= blamed);
	assert_true(l->gil->forced <= l->waits + l->open);
}

static void check_locks(const struct sim *s, const struct model *m)
{
	uint64_t window = m->window.end_ns - m->window.begin_ns;
	struct lock *l;

	DL_FOREACH (m->locks, l) {
		uint64_t blamed = l->unknown_ns + l->pending_ns, waited = 0, waits = 0, asleep = 0;
		struct party *p;

		for (p = l->parties; p; p = p->hh.next) {
			blamed += p->blamed_ns;
			waited += p->wait_ns;
			waits += p->waits;
			asleep += p->blocked_ns;
		}
		if (l->gil)
			blamed += l->gil->free_ns;
		check_sites(l);
		assert_int_equal(l->blocked, 0);
		assert_true(blamed <= window * m->n_threads);
		assert_int_equal(waited, l->wait_ns);
		assert_int_equal(waits, l->waits);
		assert_int_equal(asleep, l->blocked_ns);
		assert_int_equal(hist_count(&l->hist), l->waits + l->aborted);
		assert_true(l->max_ns <= window);
		assert_true(l->wait_ns <= window * m->n_threads);
		/* what turns out to be the time of another Python lock stays charged */
		if (!s->lossy && !s->python)
			assert_int_equal(blamed, l->blocked_ns);
		assert_true(s->lossy || blamed >= l->blocked_ns);
		if (!s->lossy)
			assert_true(l->blocked_ns <= l->wait_ns);
	}
}

static uint64_t folded_ns(const struct report *r, enum report_profile profile)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->n_folded[profile]; i++) {
		assert_true(r->folded[profile][i].n > 0);
		sum += r->folded[profile][i].ns;
	}
	return sum;
}

/* Whole stacks add up to what was waited, and to what holders are charged with. */
static void check_folded(const struct model *m, const struct report *r)
{
	uint64_t waited = m->folded.rest.wait_ns, blamed = 0;
	const struct party *p;
	struct lock *l;

	if (!m->samples)
		return;
	DL_FOREACH (m->locks, l) {
		for (p = l->parties; p; p = p->hh.next) {
			waited += p->wait_ns;
			blamed += lock_kinds[l->kind].class == CLASS_COND ? 0 : p->blamed_ns;
		}
		waited += l->rest.wait_ns;
		blamed += lock_kinds[l->kind].class == CLASS_COND ? 0 : l->rest.blamed_ns;
	}
	assert_int_equal(folded_ns(r, PROFILE_WAITING), waited);
	assert_int_equal(folded_ns(r, PROFILE_HOLDING), blamed);
}

static void check_report(const struct sim *s, const struct report *r)
{
	uint64_t total = 0, on_cpu = 0, sum, life = 0;

	for (size_t i = 0; i < r->n_threads; i++) {
		const struct report_thread *t = &r->threads[i];

		sum = 0;
		for (int k = 0; k < STATE_COUNT; k++)
			sum += t->state_ns[k];
		assert_int_equal(sum, t->life_ns);
		assert_true(t->life_ns <= r->window_ns);
		assert_true(t->top_lock <= r->n_locks);
		total += sum;
		life += t->life_ns;
		on_cpu += t->state_ns[STATE_ON_CPU];
		assert_true(s->lossy || !t->doubtful);
	}
	assert_int_equal(total, r->budget.total_ns);
	assert_int_equal(on_cpu, r->par.on_cpu_ns);
	sum = 0;
	for (size_t i = 0; i < r->n_processes; i++) {
		sum += r->processes[i].budget.total_ns;
		assert_true(r->processes[i].par.wall_ns <= r->window_ns);
	}
	assert_int_equal(sum, total);
	if (s->lossy)
		return;
	assert_int_equal(life, s->life_ns);
	assert_int_equal(r->quality.residual_ns, 0);
	assert_int_equal(r->quality.disagreement_ns, 0);
	assert_true(r->quality.complete);
}

/* Every thread's life has no gap, as far as it lay inside the window and was seen. */
static void check_timeline(const struct sim *s, const struct model *m)
{
	const struct thread *t;

	DL_FOREACH(m->all_threads, t)
	{
		const struct timeline_thread *tt = &m->timeline->threads[t->timeline - 1];
		uint64_t ns = 0, on_cpu = 0;

		assert_int_equal(tt->id, t->id);
		for (size_t i = 0; i < tt->n; i++) {
			const struct timeline_op *op = &tt->ops[i];

			ns += op->ns;
			on_cpu += op->kind == TIMELINE_RUN ? op->ns : 0;
			if (op->kind == TIMELINE_WAIT && op->thread)
				assert_int_equal(m->timeline->threads[op->thread - 1].ops[op->op].kind,
						 TIMELINE_WAKE);
		}
		if (s->lossy || m->n_gaps) /* a record that comes late; a gap, which refuses all questions */
			continue;
		assert_int_equal(on_cpu, t->state_ns[WIRE_ON_CPU]);
		assert_int_equal(ns, model_detail_ns(m, t->begin_ns, t->end_ns));
	}
}

/* Whatever was recorded: the path adds up, and every question has an answer or a reason. */
static void check_prediction(const struct sim *s, const struct model *m, struct report *r)
{
	static const char *const questions[] = { "all", "processes", "no-gil", "no-lock:L1",
						 "cpus:1", "cpus:7" };
	const struct report_prediction *p;
	uint64_t sum = 0;

	check_timeline(s, m);
	whatif_answer(r, m, questions, sizeof(questions) / sizeof(questions[0]));
	p = r->prediction;
	for (size_t i = 0; i < CRITICAL_KINDS; i++)
		sum += p->critical.kind_ns[i];
	assert_int_equal(sum, r->window_ns);
	for (size_t i = 0; i < p->n_whatifs; i++) {
		const struct report_whatif *w = &p->whatifs[i];

		assert_true(w->refused == (w->why[0] != 0));
		assert_true(w->low_ns <= w->value_ns && w->value_ns <= w->high_ns);
	}
}

static void check_formats(const struct report *r)
{
	struct render_opts o = render_defaults;
	struct buf out = { 0 };

	o.width = 100;
	o.all_threads = true;
	for (const struct renderer *f = renderers; f->name; f++) {
		out.len = 0;
		f->render(&out, r, &o);
		assert_true(out.len > 0 || f->render == render_folded);
		assert_true(!out.len || !strstr(out.data, "-nan"));
	}
	buf_free(&out);
}

static void run_stream(uint64_t seed)
{
	struct sim *s = simulate(seed);
	struct model *m = model_new();
	struct report *r;

	model_record(m);
	if (seed % 2)
		lose(s);
	for (size_t i = 0; i < s->n; i++) {
		assert_int_equal(trace_check(&s->records[i].head, sizeof(*s->records)), 0);
		assert_int_equal(model_apply(m, &s->records[i].head), 0);
		if (s->lossy && chance(s, 2)) /* told twice */
			assert_int_equal(model_apply(m, &s->records[i].head), 0);
	}
	model_finish(m);
	r = analysis_report(m);
	check_threads(s, m);
	check_levels(s, m);
	check_locks(s, m);
	check_report(s, r);
	check_folded(m, r);
	check_prediction(s, m, r);
	check_formats(r);
	report_free(r);
	model_free(m);
	sim_free(s);
}

static void random_streams(void **state)
{
	const char *one = getenv("MODEL_SEED"), *many = getenv("MODEL_STREAMS");
	uint64_t n = many ? strtoull(many, NULL, 10) : STREAMS;

	(void)state;
	if (one) {
		run_stream(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= n; seed++) {
		char note[64];

		snprintf(note, sizeof(note), "MODEL_SEED=%llu\n", (unsigned long long)seed);
		if (getenv("MODEL_VERBOSE"))
			fputs(note, stderr);
		run_stream(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
