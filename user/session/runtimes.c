// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * runtimes.c - CPython in the watched processes; see runtimes.h.
 *
 * Everything read belongs to the target and may be anything; a failed look is no error, only a gap.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/table.h"
#include "user/runtime/cpython.h"
#include "user/session/frames.h"
#include "user/session/natives.h"
#include "user/session/runtimes.h"
#include "user/session/session.h"
#include "user/session/sleepers.h"

#define MAX_OPEN 512	 /* interpreters whose memory is held open: a descriptor each */
#define MAX_REGIONS 64	 /* GILs of one process */
#define MAX_LOOKS 100	 /* for a runtime that is not ready yet */
#define LOOK_EVERY_NS 20000000
#define MAX_NAMED 4096	 /* threads whose name is looked up */
#define NAME_LOOKS 20

struct named {
	uint32_t tid, tgid;
	struct cpython_tstate tstate;
	uint32_t looks; /* left */
	bool placed;	/* its turn in the stream has come: the name can follow */
	bool untold;
	char name[sizeof(((struct wire_name *)0)->name)];
	UT_hash_handle hh;
};

struct process {
	uint32_t tgid;
	struct cpython *py; /* NULL: none, or too many */
	uint32_t looks;	    /* left to find one */
	uint64_t look_ns;   /* not before */
	uint32_t execs;	    /* seen, but their turn in the stream has not come */
	bool refused, told;
	uint64_t gils[MAX_REGIONS]; /* regions told of */
	size_t n_gils;
	bool more_gils; /* a thread has one that is not among them */
	struct wire_runtime status; /* of one that was refused */
	UT_hash_handle hh;
};

struct runtimes {
	trace_sink sink;
	void *ctx;
	struct session *session;
	struct natives *natives;
	bool stacks;
	struct process *processes;
	struct sleepers *sleepers;
	struct named *names;
	struct frames *frames;
	size_t n_open;
};

struct runtimes *runtimes_new(trace_sink sink, void *ctx)
{
	struct runtimes *r = xcalloc(1, sizeof(*r));

	r->sink = sink;
	r->ctx = ctx;
	r->frames = frames_new();
	r->sleepers = sleepers_new();
	return r;
}

void runtimes_session(struct runtimes *r, struct session *session, bool stacks)
{
	r->session = session;
	r->stacks = stacks;
}

void runtimes_natives(struct runtimes *r, struct natives *natives)
{
	r->natives = natives;
}

static struct process *find_process(const struct runtimes *r, uint32_t tgid)
{
	struct process *p;

	HASH_FIND(hh, r->processes, &tgid, sizeof(tgid), p);
	return p;
}

static struct process *get_process(struct runtimes *r, uint32_t tgid)
{
	struct process *p = find_process(r, tgid);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->tgid = tgid;
	HASH_ADD(hh, r->processes, tgid, sizeof(p->tgid), p);
	return p;
}

static void close_runtime(struct runtimes *r, struct process *p)
{
	if (p->py)
		r->n_open--;
	cpython_close(p->py);
	p->py = NULL;
	p->refused = p->told = false;
	p->n_gils = 0;
	p->more_gils = true;
}

/* --- finding --------------------------------------------------------------------------------- */

static void refuse(struct process *p)
{
	p->refused = true;
	p->status = (struct wire_runtime){
		.head = { 0, p->tgid, WIRE_RUNTIME, sizeof(p->status) },
		.status = WIRE_RUNTIME_UNKNOWN,
		.name = "CPython",
	};
	snprintf(p->status.why, sizeof(p->status.why), "%s", fail_text());
}

static void found(struct runtimes *r, struct process *p)
{
	struct wire_python python;

	r->n_open++;
	p->looks = 0;
	cpython_describe(p->py, &python);
	if (r->session && session_python(r->session, p->tgid, &python))
		refuse(p); /* its stacks and holders will not be read; the region is still one lock */
}

static void look(struct runtimes *r, struct process *p)
{
	int err;

	if (!p->looks || session_now_ns() < p->look_ns)
		return;
	p->looks--;
	p->look_ns = session_now_ns() + LOOK_EVERY_NS;
	if (r->n_open >= MAX_OPEN) {
		p->looks = 0;
		return;
	}
	err = cpython_open(&p->py, (pid_t)p->tgid);
	if (err == -EAGAIN)
		return;
	p->looks = 0;
	if (err == -ENOTSUP)
		refuse(p);
	if (!err && p->py)
		found(r, p);
}

void runtimes_peek_process(struct runtimes *r, uint32_t tgid, uint32_t parent, bool forked)
{
	struct process *p = find_process(r, tgid), *of;

	if (p && !forked)
		return; /* another thread of it was first */
	p = get_process(r, tgid);
	close_runtime(r, p); /* if its id was another process's */
	if (!forked) {
		p->looks = MAX_LOOKS;
		look(r, p);
		return;
	}
	of = find_process(r, parent);
	if (!of || !of->py) { /* forked while its parent's was still looked for */
		p->looks = of ? of->looks : 0;
		return;
	}
	if (r->n_open >= MAX_OPEN || cpython_open_child(&p->py, of->py, (pid_t)tgid))
		return;
	found(r, p);
	memcpy(p->gils, of->gils, sizeof(p->gils)); /* it has its parent's regions */
	p->n_gils = of->n_gils;
	p->more_gils = false;
}

void runtimes_peek_exec(struct runtimes *r, uint32_t tgid)
{
	struct process *p = get_process(r, tgid);

	close_runtime(r, p);
	p->looks = MAX_LOOKS;
	p->look_ns = 0;
	p->execs++;
}

void runtimes_peek_word(struct runtimes *r, uint32_t tgid)
{
	struct process *p = find_process(r, tgid);

	if (p)
		look(r, p);
}

/* --- telling of processes -------------------------------------------------------------------- */

static bool has_gil(const struct process *p, uint64_t gil)
{
	for (size_t i = 0; i < p->n_gils; i++)
		if (p->gils[i] == gil)
			return true;
	return false;
}

static int tell_regions(struct runtimes *r, struct process *p)
{
	struct wire_region regions[MAX_REGIONS] = { 0 };
	int n = cpython_gils(p->py, regions, MAX_REGIONS), err = 0;

	for (int i = 0; i < n && i < MAX_REGIONS && !err; i++) {
		if (has_gil(p, regions[i].begin) || p->n_gils == MAX_REGIONS)
			continue;
		p->gils[p->n_gils++] = regions[i].begin;
		regions[i].head.ts_ns = session_now_ns();
		err = r->sink(r->ctx, &regions[i].head);
	}
	p->more_gils = n == -EAGAIN;
	return err;
}

static int tell_runtime(struct runtimes *r, struct process *p, uint64_t ts_ns)
{
	struct wire_runtime runtimes[MAX_REGIONS] = { 0 };
	int n = p->py ? cpython_runtimes(p->py, runtimes, MAX_REGIONS) : 0, err = 0;

	for (int i = 0; i < n && i < MAX_REGIONS && !err; i++) {
		runtimes[i].head = (struct wire_head){ ts_ns, p->tgid, WIRE_RUNTIME,
						       sizeof(runtimes[i]) };
		err = r->sink(r->ctx, &runtimes[i].head);
	}
	if (p->refused && !p->told && !err) {
		p->status.head.ts_ns = ts_ns;
		err = r->sink(r->ctx, &p->status.head);
	}
	p->told = true;
	return err;
}

int runtimes_tell_process(struct runtimes *r, uint32_t tgid)
{
	struct process *p = find_process(r, tgid);
	int err = 0;

	if (!p || p->execs || (!p->py && !p->refused))
		return 0;
	if (p->py && p->more_gils)
		err = tell_regions(r, p);
	if (!err && !p->told)
		err = tell_runtime(r, p, session_now_ns());
	return err;
}

void runtimes_exec_told(struct runtimes *r, uint32_t tgid)
{
	struct process *p = find_process(r, tgid);

	if (p && p->execs)
		p->execs--;
}

int runtimes_mark(struct runtimes *r, uint64_t ts_ns)
{
	struct process *p, *next;
	int err = 0;

	HASH_ITER(hh, r->processes, p, next)
	{
		if (p->py && !err)
			err = tell_runtime(r, p, ts_ns);
	}
	return err;
}

/* --- frames ---------------------------------------------------------------------------------- */

void runtimes_peek_stack(struct runtimes *r, const struct wire_stack *rec)
{
	const struct process *p = find_process(r, rec->head.tid);

	if (p)
		frames_peek(r->frames, p->py, rec);
}

int runtimes_tell_stack(struct runtimes *r, const struct wire_stack *rec)
{
	return frames_tell(r->frames, rec, r->sink, r->ctx);
}

/* --- names ----------------------------------------------------------------------------------- */

/*
 * While a thread lives its pthread_self() is its own.  Once it has ended the next thread may have
 * that, and its PyThreadState: a name read then is not its name.
 */
static bool lives(const struct named *n)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task/%u", n->tgid, n->tid);
	return !access(path, F_OK);
}

static void read_name(struct runtimes *r, struct named *n)
{
	const struct process *p = find_process(r, n->tgid);
	char name[sizeof(n->name)] = "";

	if (n->looks)
		n->looks--;
	if (!p || !p->py || cpython_thread_name(p->py, &n->tstate, name, sizeof(name)) ||
	    !strcmp(name, n->name) || !lives(n))
		return;
	n->looks = 0;
	n->untold = true;
	memcpy(n->name, name, sizeof(n->name));
}

static int tell_name(struct runtimes *r, struct named *n)
{
	struct wire_name rec = { .head = { session_now_ns(), n->tid, WIRE_NAME, sizeof(rec) } };

	if (!n->untold || !n->placed)
		return 0;
	n->untold = false;
	memcpy(rec.name, n->name, sizeof(rec.name));
	return r->sink(r->ctx, &rec.head);
}

static struct named *find_named(const struct runtimes *r, uint32_t tid)
{
	struct named *n;

	HASH_FIND(hh, r->names, &tid, sizeof(tid), n);
	return n;
}

void runtimes_peek_thread(struct runtimes *r, const struct wire_pythread *rec)
{
	struct process *p = find_process(r, rec->tgid);
	uint32_t tid = rec->head.tid;
	struct named *n = find_named(r, tid);

	if (p && rec->gil && !has_gil(p, rec->gil))
		p->more_gils = true; /* a sub-interpreter has come */
	if (!n && HASH_COUNT(r->names) >= MAX_NAMED)
		return;
	if (!n) {
		n = xcalloc(1, sizeof(*n));
		n->tid = tid;
		HASH_ADD(hh, r->names, tid, sizeof(n->tid), n);
	}
	n->tgid = rec->tgid;
	n->tstate = (struct cpython_tstate){ rec->tstate, rec->thread_id, rec->gil };
	n->looks = NAME_LOOKS;
	read_name(r, n);
}

int runtimes_tell_thread(struct runtimes *r, const struct wire_pythread *rec)
{
	struct named *n = find_named(r, rec->head.tid);

	if (!n)
		return 0;
	n->placed = true;
	return tell_name(r, n);
}

void runtimes_end_thread(struct runtimes *r, uint32_t tid)
{
	struct named *n = find_named(r, tid);

	if (!n)
		return;
	HASH_DEL(r->names, n);
	free(n);
}

int runtimes_tick(struct runtimes *r)
{
	struct process *p, *next;
	struct named *n, *next_named;
	int err = 0;

	HASH_ITER(hh, r->processes, p, next)
	{
		look(r, p);
		if (!err && !p->told)
			err = runtimes_tell_process(r, p->tgid);
	}
	HASH_ITER(hh, r->names, n, next_named)
	{
		if (n->looks && n->placed)
			read_name(r, n);
		if (!err)
			err = tell_name(r, n);
	}
	return err;
}

bool runtimes_hurry(const struct runtimes *r)
{
	const struct process *p;

	for (p = r->processes; p; p = p->hh.next)
		if (p->looks)
			return true;
	return false;
}

int runtimes_finish(struct runtimes *r)
{
	struct named *n, *next;
	int err = 0;

	HASH_ITER(hh, r->names, n, next)
	{
		read_name(r, n);
		if (!err)
			err = tell_name(r, n);
	}
	return err;
}

/* --- threads that slept when they were first seen --------------------------------------------- */

void runtimes_peek_sleeper(struct runtimes *r, const struct wire_task *rec)
{
	const struct process *p = find_process(r, rec->tgid);
	const struct sleeper *s = NULL;

	if (p && p->py)
		s = sleepers_look(r->sleepers, p->py, rec, r->stacks);
	if (!s)
		return;
	runtimes_peek_thread(r, &s->thread);
	runtimes_peek_stack(r, &s->stack);
}

static int tell_python(struct runtimes *r, const struct sleeper *s)
{
	int err = runtimes_tell_process(r, s->thread.tgid);

	if (!err)
		err = r->sink(r->ctx, &s->thread.head);
	return err ? err : runtimes_tell_thread(r, &s->thread);
}

static int tell_sleeping(struct runtimes *r, const struct sleeper *s)
{
	int err = r->sink(r->ctx, &s->awake.head);

	if (!err && s->thread.tstate)
		err = tell_python(r, s);
	if (!err && s->stack.n) {
		err = runtimes_tell_stack(r, &s->stack);
		if (!err)
			err = r->sink(r->ctx, &s->stack.head);
		if (!err)
			err = r->sink(r->ctx, &s->sample.head);
	}
	return err ? err : r->sink(r->ctx, &s->sleep.head);
}

int runtimes_tell_sleeper(struct runtimes *r, const struct wire_task *rec)
{
	struct sleeper *s = sleepers_take(r->sleepers, rec->head.tid);
	bool asleep = rec->state == WIRE_FUTEX_WAIT && rec->flags & WIRE_TASK_BLOCKED;
	int err;

	if (!s && r->natives && asleep)
		s = sleepers_native(rec);
	if (s && asleep) {
		natives_sleeper(r->natives, rec, &s->stack);
		s->sample.stack = s->stack.id;
	}
	if (!s)
		return r->sink(r->ctx, &rec->head);
	err = tell_sleeping(r, s);
	free(s);
	return err;
}

/* --- end ------------------------------------------------------------------------------------- */

void runtimes_end_process(struct runtimes *r, uint32_t tgid)
{
	struct process *p = find_process(r, tgid);

	if (!p)
		return;
	close_runtime(r, p);
	if (r->session)
		session_forget(r->session, tgid);
	HASH_DEL(r->processes, p);
	free(p);
}

uint64_t runtimes_unknown(const struct runtimes *r)
{
	return frames_unknown(r->frames);
}

void runtimes_free(struct runtimes *r)
{
	struct process *p, *next_process;
	struct named *n, *next_named;

	if (!r)
		return;
	HASH_ITER(hh, r->processes, p, next_process)
	{
		close_runtime(r, p);
		HASH_DEL(r->processes, p);
		free(p);
	}
	HASH_ITER(hh, r->names, n, next_named)
	{
		HASH_DEL(r->names, n);
		free(n);
	}
	frames_free(r->frames);
	sleepers_free(r->sleepers);
	free(r);
}
