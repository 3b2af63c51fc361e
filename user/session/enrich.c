// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * enrich.c - looks things up in /proc while the target lives; see enrich.h.
 *
 * Everything read belongs to the target and may be anything; a failed look is no error, only a gap.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/table.h"
#include "user/session/enrich.h"
#include "user/session/memfile.h"
#include "user/session/natives.h"
#include "user/session/runtimes.h"
#include "user/session/session.h"
#include "user/target/facts.h"
#include "user/target/maps.h"
#include "user/target/proc.h"

#define MAX_FACTS 256	 /* processes whose /proc facts are read */
#define MAX_SHARED 65536 /* shared words looked up */

struct seen_thread {
	uint32_t tid, tgid;
	UT_hash_handle hh;
};

struct seen_process {
	uint32_t tgid, parent;
	uint32_t alive;
	uint64_t start_ns;
	bool facts, execed;
	UT_hash_handle hh;
};

struct seen_word {
	struct {
		uint64_t tgid, addr;
	} key;
	bool mapped, told;
	struct wire_shared where;
	UT_hash_handle hh;
};

struct enrich {
	trace_sink sink;
	void *ctx;
	struct seen_thread *threads;
	struct seen_process *processes;
	struct seen_word *words;
	struct runtimes *runtimes;
	struct natives *natives; /* NULL: no native stacks */
	uint32_t living, facts;
	uint64_t begin_ns; /* of the window, 0: not yet known */
	bool listed;	   /* the threads that were there when we came are known */
	uint64_t unmapped;
	struct memfile memory; /* of sleepers, until the next tick */
	uint32_t launched; /* tgid, 0: none */
	char cmdline[sizeof(((struct wire_proc *)0)->cmdline)];
};

struct enrich *enrich_new(trace_sink sink, void *ctx)
{
	struct enrich *e = xcalloc(1, sizeof(*e));

	e->sink = sink;
	e->ctx = ctx;
	e->runtimes = runtimes_new(sink, ctx);
	return e;
}

static struct seen_process *find_process(const struct enrich *e, uint32_t tgid)
{
	struct seen_process *p;

	HASH_FIND(hh, e->processes, &tgid, sizeof(tgid), p);
	return p;
}

static struct seen_thread *find_thread(const struct enrich *e, uint32_t tid)
{
	struct seen_thread *t;

	HASH_FIND(hh, e->threads, &tid, sizeof(tid), t);
	return t;
}

static int put_facts(struct enrich *e, struct seen_process *p)
{
	struct wire_proc rec = { .head = { session_now_ns(), p->tgid, WIRE_PROC, sizeof(rec) } };

	if (facts_read((pid_t)p->tgid, &rec))
		return 0;
	rec.start_ns = p->start_ns;
	if (p->tgid == e->launched && (!p->execed || rec.cmdline[0] == '['))
		memcpy(rec.cmdline, e->cmdline, sizeof(rec.cmdline));
	return e->sink(e->ctx, &rec.head);
}

void enrich_launched(struct enrich *e, uint32_t tgid, const char *cmdline)
{
	e->launched = tgid;
	snprintf(e->cmdline, sizeof(e->cmdline), "%s", cmdline);
}

/* --- shared futex words ---------------------------------------------------------------------- */

static struct seen_word *find_word(const struct enrich *e, uint32_t tgid, uint64_t addr)
{
	struct seen_word *w;
	typeof(w->key) key = { tgid, addr };

	HASH_FIND(hh, e->words, &key, sizeof(key), w);
	return w;
}

/* NULL: seen before, or there are too many. */
static struct seen_word *add_word(struct enrich *e, uint32_t tgid, uint64_t addr)
{
	struct seen_word *w;

	if (find_word(e, tgid, addr) || HASH_COUNT(e->words) >= MAX_SHARED)
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->key.tgid = tgid;
	w->key.addr = addr;
	HASH_ADD(hh, e->words, key, sizeof(w->key), w);
	return w;
}

/* A child forked with the mapping has it where its parent has it, also when it is gone already. */
static bool mapped_in_parent(const struct enrich *e, uint32_t tgid, uint64_t addr,
			     struct wire_shared *ret)
{
	const struct seen_process *p = find_process(e, tgid);
	const struct seen_word *w = p ? find_word(e, p->parent, addr) : NULL;

	if (!w || !w->mapped)
		return false;
	*ret = w->where;
	return true;
}

static void look_up_shared(struct enrich *e, uint32_t tgid, uint64_t addr)
{
	struct seen_word *w;
	int err;

	if (find_word(e, tgid, addr))
		return;
	w = add_word(e, tgid, addr);
	if (!w) {
		e->unmapped++;
		return;
	}
	err = maps_find_file((pid_t)tgid, addr, &w->where);
	w->mapped = !err || (err == -ESRCH && mapped_in_parent(e, tgid, addr, &w->where));
	if (!w->mapped)
		e->unmapped += err == -ESRCH; /* private memory is an answer, too */
}

/* Tell where the word lies, once, before the first record that is about it. */
static int tell_shared(struct enrich *e, uint32_t tgid, uint64_t addr)
{
	struct seen_word *w;

	look_up_shared(e, tgid, addr);
	w = find_word(e, tgid, addr);
	if (!w || !w->mapped || w->told)
		return 0;
	w->told = true;
	w->where.head = (struct wire_head){ session_now_ns(), tgid, WIRE_SHARED,
					    sizeof(w->where) };
	return e->sink(e->ctx, &w->where.head);
}

static void peek_word(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_word *w = (const void *)rec;

	/* the value of a join is the tid, its word is private memory */
	if (!(w->op & FUTEX_PRIVATE_FLAG) && !find_thread(e, w->val))
		look_up_shared(e, w->tgid, w->addr);
	runtimes_peek_word(e->runtimes, w->tgid);
	natives_word(e->natives, w->tgid, w->addr);
}

static void peek_task(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_task *r = (const void *)rec;
	bool existed = r->flags & WIRE_TASK_EXISTED;

	if (existed || r->tgid == r->head.tid) {
		runtimes_peek_process(e->runtimes, r->tgid, r->parent_tgid, !existed);
		if (r->tgid != e->launched) /* it is still a copy of ourselves */
			natives_process(e->natives, r->tgid, r->parent_tgid, !existed);
	}
	if (r->flags & WIRE_TASK_BLOCKED)
		runtimes_peek_sleeper(e->runtimes, r);
}

static void peek_exec(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_exec *r = (const void *)rec;

	runtimes_peek_exec(e->runtimes, r->tgid);
	natives_exec(e->natives, r->tgid);
}

static void peek_mapped(struct enrich *e, const struct wire_head *rec)
{
	natives_mapped(e->natives, ((const struct wire_mapped *)(const void *)rec)->tgid);
}

static void peek_stack(struct enrich *e, const struct wire_head *rec)
{
	runtimes_peek_stack(e->runtimes, (const void *)rec);
	natives_stack(e->natives, (const void *)rec);
}

static void peek_pythread(struct enrich *e, const struct wire_head *rec)
{
	runtimes_peek_thread(e->runtimes, (const void *)rec);
}

static void (*const peeks[WIRE_KIND_MAX])(struct enrich *e, const struct wire_head *rec) = {
	[WIRE_TASK] = peek_task,   [WIRE_EXEC] = peek_exec,
	[WIRE_WORD] = peek_word,   [WIRE_STACK] = peek_stack,
	[WIRE_PYTHREAD] = peek_pythread, [WIRE_MAPPED] = peek_mapped,
};

void enrich_peek(struct enrich *e, const struct wire_head *rec)
{
	if (rec->kind < WIRE_KIND_MAX && peeks[rec->kind])
		peeks[rec->kind](e, rec);
}

/* --- records --------------------------------------------------------------------------------- */

static struct seen_process *new_process(struct enrich *e, const struct wire_task *r)
{
	struct seen_process *p = xcalloc(1, sizeof(*p));

	p->tgid = r->tgid;
	p->parent = r->parent_tgid;
	p->start_ns = r->start_ns;
	HASH_ADD(hh, e->processes, tgid, sizeof(p->tgid), p);
	return p;
}

/*
 * The collector describes the memory around a word when a thread goes to sleep; this one slept
 * before it came.
 */
static int describe_word(struct enrich *e, const struct wire_task *r)
{
	struct wire_word w = { .head = { r->head.ts_ns, r->head.tid, WIRE_WORD, sizeof(w) } };
	off_t begin = (off_t)((r->block.addr & ~7ULL) - WIRE_WORD_BEFORE);
	int fd = memfile_of(&e->memory, r->tgid);

	if (fd < 0 || pread(fd, w.bytes, sizeof(w.bytes), begin) != (ssize_t)sizeof(w.bytes))
		return 0;
	w.addr = r->block.addr;
	w.op = r->block.op;
	w.val = r->block.val;
	w.sp = r->sp;
	w.tgid = r->tgid;
	natives_word(e->natives, r->tgid, w.addr);
	natives_tell_word(e->natives, r->tgid, w.addr);
	return e->sink(e->ctx, &w.head);
}

static int on_asleep(struct enrich *e, const struct wire_task *r)
{
	int err = r->block.op & FUTEX_PRIVATE_FLAG ? 0 : tell_shared(e, r->tgid, r->block.addr);

	if (!err)
		err = describe_word(e, r);
	return err ? err : runtimes_tell_sleeper(e->runtimes, r);
}

static int on_task(struct enrich *e, const struct wire_head *rec)
{
	struct wire_task r = *(const struct wire_task *)rec;
	bool asleep = r.flags & WIRE_TASK_BLOCKED && r.state == WIRE_FUTEX_WAIT;
	struct seen_process *p = find_process(e, r.tgid);
	struct seen_thread *t = find_thread(e, rec->tid);
	bool first = !p;
	int err = 0;

	if (!t) {
		t = xcalloc(1, sizeof(*t));
		t->tid = rec->tid;
		HASH_ADD(hh, e->threads, tid, sizeof(t->tid), t);
		if (first)
			p = new_process(e, &r);
		if (!p->alive++)
			e->living++;
	}
	if (!p)
		p = new_process(e, &r);
	t->tgid = r.tgid;
	if (rec->tid == r.tgid) { /* threads that were born meanwhile may have come before */
		p->parent = r.parent_tgid;
		p->start_ns = r.start_ns;
	}
	/* a runtime's lock must be known before a sleep on it is told */
	if (first)
		err = runtimes_tell_process(e->runtimes, r.tgid);
	if (!err && first && e->facts < MAX_FACTS) {
		p->facts = true;
		e->facts++;
		err = put_facts(e, p);
	}
	if (err)
		return err;
	return asleep ? on_asleep(e, &r) : runtimes_tell_sleeper(e->runtimes, &r);
}

static void end_process(struct enrich *e, struct seen_process *p)
{
	runtimes_end_process(e->runtimes, p->tgid);
	natives_end(e->natives, p->tgid);
	HASH_DEL(e->processes, p);
	free(p);
}

static void end_thread(struct enrich *e, struct seen_thread *t)
{
	struct seen_process *p = find_process(e, t->tgid);

	runtimes_end_thread(e->runtimes, t->tid);
	if (p && !--p->alive) {
		e->living--;
		if (e->listed)
			end_process(e, p);
	}
	HASH_DEL(e->threads, t);
	free(t);
}

/*
 * Until the window opens threads are born, and end, of processes whose other threads are listed only
 * afterwards: none of those has ended with them.
 */
static void end_unlisted(struct enrich *e)
{
	struct seen_process *p, *next;

	e->listed = true;
	HASH_ITER(hh, e->processes, p, next)
	{
		if (!p->alive)
			end_process(e, p);
	}
}

static int on_end(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_thread_sums *r = (const void *)rec;
	struct seen_thread *t = r->dead ? find_thread(e, rec->tid) : NULL;

	if (!e->listed && e->begin_ns && rec->ts_ns >= e->begin_ns)
		end_unlisted(e);
	if (t)
		end_thread(e, t);
	return e->sink(e->ctx, rec);
}

static int on_exec(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_exec *r = (const void *)rec;
	struct seen_process *p = find_process(e, r->tgid);
	int err = e->sink(e->ctx, rec);

	runtimes_exec_told(e->runtimes, r->tgid);
	if (!p || err)
		return err;
	p->execed = true;
	if (e->facts < MAX_FACTS) {
		p->facts = true;
		e->facts++;
	}
	return p->facts ? put_facts(e, p) : 0;
}

static int on_word(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_word *r = (const void *)rec;
	int err = 0;

	/* a join waits for a tid in private memory, with a shared operation */
	if (!(r->op & FUTEX_PRIVATE_FLAG) && find_thread(e, r->val))
		add_word(e, r->tgid, r->addr);
	else if (!(r->op & FUTEX_PRIVATE_FLAG))
		err = tell_shared(e, r->tgid, r->addr);
	if (!err)
		err = runtimes_tell_process(e->runtimes, r->tgid);
	if (!err)
		err = e->sink(e->ctx, rec);
	natives_tell_word(e->natives, r->tgid, r->addr);
	return err;
}

static int on_futex(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_futex *r = (const void *)rec;
	const struct seen_thread *t = NULL;
	int err = 0;

	if (!(r->op & FUTEX_PRIVATE_FLAG))
		t = find_thread(e, rec->tid);
	if (t)
		err = tell_shared(e, t->tgid, r->addr);
	return err ? err : e->sink(e->ctx, rec);
}

static int on_stack(struct enrich *e, const struct wire_head *rec)
{
	int err = runtimes_tell_stack(e->runtimes, (const void *)rec);

	return err ? err : e->sink(e->ctx, rec);
}

/* It was for us alone. */
static int on_mapped(struct enrich *e, const struct wire_head *rec)
{
	(void)e;
	(void)rec;
	return 0;
}

static int on_pythread(struct enrich *e, const struct wire_head *rec)
{
	const struct wire_pythread *r = (const void *)rec;
	int err = runtimes_tell_process(e->runtimes, r->tgid);

	if (!err)
		err = e->sink(e->ctx, rec);
	return err ? err : runtimes_tell_thread(e->runtimes, r);
}

static int (*const handlers[WIRE_KIND_MAX])(struct enrich *e, const struct wire_head *rec) = {
	[WIRE_TASK] = on_task, [WIRE_SUMS] = on_end, [WIRE_EXEC] = on_exec,
	[WIRE_WORD] = on_word, [WIRE_FUTEX] = on_futex, [WIRE_STACK] = on_stack,
	[WIRE_PYTHREAD] = on_pythread, [WIRE_MAPPED] = on_mapped,
};

int enrich_put(void *ctx, const struct wire_head *rec)
{
	struct enrich *e = ctx;

	if (rec->kind < WIRE_KIND_MAX && handlers[rec->kind])
		return handlers[rec->kind](e, rec);
	return e->sink(e->ctx, rec);
}

int enrich_finish(struct enrich *e)
{
	int err = natives_finish(e->natives);
	struct seen_process *p, *next;

	if (!err)
		err = runtimes_finish(e->runtimes);

	HASH_ITER(hh, e->processes, p, next)
	{
		if (!err && p->facts && p->alive)
			err = put_facts(e, p);
	}
	return err;
}

int enrich_session(struct enrich *e, struct session *session, bool stacks, bool debuginfod)
{
	struct natives_opts opts = { e->sink, e->ctx, debuginfod };
	int err;

	runtimes_session(e->runtimes, session, stacks);
	if (!session_tables(session))
		return 0;
	err = natives_new(&e->natives, session, &opts);
	runtimes_natives(e->runtimes, e->natives);
	return err;
}

int enrich_tick(struct enrich *e)
{
	int err = natives_tick(e->natives);

	memfile_close(&e->memory);
	return err ? err : runtimes_tick(e->runtimes);
}

void enrich_expect(struct enrich *e, uint32_t id)
{
	struct proc_status status;

	if (e->natives && id != e->launched && !proc_read_status((pid_t)id, &status))
		natives_process(e->natives, (uint32_t)status.tgid, 0, false);
}

int enrich_settle(struct enrich *e)
{
	return natives_settle(e->natives);
}

int enrich_fd(const struct enrich *e)
{
	return natives_fd(e->natives);
}

void enrich_cost(const struct enrich *e, struct wire_cost *ret)
{
	natives_cost(e->natives, ret);
}

int enrich_pause_ms(const struct enrich *e)
{
	if (natives_hurry(e->natives))
		return NATIVES_HURRY_MS;
	return runtimes_hurry(e->runtimes) ? RUNTIMES_HURRY_MS : SESSION_POLL_MS;
}

int enrich_mark(struct enrich *e, uint64_t ts_ns)
{
	if (!e->begin_ns)
		e->begin_ns = ts_ns;
	return runtimes_mark(e->runtimes, ts_ns);
}

uint64_t enrich_unknown_frames(const struct enrich *e)
{
	return runtimes_unknown(e->runtimes) + natives_unknown(e->natives);
}

uint32_t enrich_living(const struct enrich *e)
{
	return e->living;
}

void enrich_list_living(const struct enrich *e, struct proc_ids *ret)
{
	for (const struct seen_process *p = e->processes; p; p = p->hh.next)
		if (p->alive)
			vec_push(ret->ids, ret->n, ret->cap) = (pid_t)p->tgid;
}

uint64_t enrich_unmapped(const struct enrich *e)
{
	return e->unmapped;
}

#define FREE_ALL(type, table)                                                                      \
	do {                                                                                       \
		struct type *item, *next;                                                          \
		HASH_ITER(hh, table, item, next)                                                   \
		{                                                                                  \
			HASH_DEL(table, item);                                                     \
			free(item);                                                                \
		}                                                                                  \
	} while (0)

void enrich_close(struct enrich *e)
{
	runtimes_session(e->runtimes, NULL, false);
	runtimes_natives(e->runtimes, NULL);
	natives_free(e->natives);
	e->natives = NULL;
}

void enrich_free(struct enrich *e)
{
	if (!e)
		return;
	FREE_ALL(seen_thread, e->threads);
	FREE_ALL(seen_process, e->processes);
	FREE_ALL(seen_word, e->words);
	memfile_close(&e->memory);
	natives_free(e->natives);
	runtimes_free(e->runtimes);
	free(e);
}
