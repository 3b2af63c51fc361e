// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * natives.c - see natives.h.
 *
 * Two tables: what is at an address of a file (asked once, whoever runs it), and which frames of
 * which process that answers.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/table.h"
#include "user/session/library.h"
#include "user/session/memfile.h"
#include "user/session/natives.h"
#include "user/session/objects.h"
#include "user/session/session.h"
#include "user/session/spaces.h"
#include "user/session/tables.h"
#include "user/session/walk.h"
#include "user/symbol/kernel.h"
#include "user/symbol/symbols.h"

#define MAX_CODES 65536	  /* addresses of files; further ones are told without a name */
#define MAX_FRAMES 131072 /* of processes */
#define MAX_NAMELESS 4096
#define LOOK_EVERY_NS 250000000
#define SETTLE_MS 3000 /* mostly a fraction of it */
#define FINISH_MS 3000
#define FINISH_FETCH_MS 30000 /* if servers are asked, which the user wants */
#define POLL_MS 20

/* A frame of a process that an address of a file is the answer for. */
struct native {
	struct native_key {
		uint32_t tgid, space; /* space: of wire_stack */
		uint64_t addr;
	} key;
	bool waits;	     /* for an answer; is in a list */
	uint32_t map;	     /* code made at run time: the perf map that was asked, 0: there was none */
	struct native *next; /* of the same code, early_frames or nameless */
	UT_hash_handle hh;
};

struct code {
	struct code_key {
		uint64_t file, addr;
	} key;
	char module[48];
	bool answered, jit;
	size_t n; /* functions, 0: not known */
	struct module_function *functions;
	struct native *waiting;
	UT_hash_handle hh;
};

struct natives {
	struct natives_opts opts;
	struct symbols *symbols;
	struct spaces *spaces;
	struct tables *tables; /* the session's */
	struct code *codes;
	struct native *frames;
	struct objects *objects;
	/* whose file has not been looked into yet */
	struct native *early_frames;
	struct native *nameless; /* of code made at run time: they may have a name later */
	size_t n_nameless;
	uint64_t look_ns; /* for those names */
	size_t n_kernel; /* frames of the kernel, not told yet */
	uint64_t unknown;
	struct memfile memory; /* of sleepers, until the next tick */
	int err; /* of the sink */
};

/* --- telling --------------------------------------------------------------------------------- */

static void tell(void *ctx, const struct wire_head *rec)
{
	struct natives *n = ctx;

	if (!n->err)
		n->err = n->opts.sink(n->opts.ctx, rec);
}

static void fill_frame(struct wire_frame *ret, const struct module_function *f, const char *module)
{
	ret->line = f->line;
	ret->first = f->first;
	ret->flags = library_flags(f->function, module);
	snprintf(ret->function, sizeof(ret->function), "%s", f->function);
	snprintf(ret->file, sizeof(ret->file), "%s", f->file);
}

static void tell_frame(struct natives *n, const struct code *c, const struct native *frame)
{
	static const struct module_function nothing;
	size_t count = c->n ? c->n : 1;

	for (size_t i = 0; i < count; i++) {
		struct wire_frame rec = {
			.head = { session_now_ns(), frame->key.tgid, WIRE_FRAME, sizeof(rec) },
			.id = { WIRE_CODE_NATIVE, frame->key.addr },
			.offset = c->key.addr,
			.depth = (uint16_t)i,
			.space = (uint16_t)frame->key.space,
		};

		fill_frame(&rec, c->n ? &c->functions[i] : &nothing, c->module);
		if (i + 1 < count)
			rec.flags |= WIRE_FRAME_MORE;
		snprintf(rec.module, sizeof(rec.module), "%s", c->module);
		tell(n, &rec.head);
	}
	n->unknown += !c->n;
}

static void may_have_name(struct natives *n, struct native *f, uint32_t map)
{
	if (n->n_nameless >= MAX_NAMELESS)
		return;
	n->n_nameless++;
	f->map = map;
	f->waits = true;
	f->next = n->nameless;
	n->nameless = f;
}

static void answer_frame(struct natives *n, const struct code *c, struct native *f)
{
	f->waits = false;
	tell_frame(n, c, f);
	if (c->jit && !c->n)
		may_have_name(n, f, (uint32_t)c->key.file);
}

static void tell_code(struct natives *n, struct code *c)
{
	struct native *f = c->waiting, *next;

	c->waiting = NULL;
	for (; f; f = next) {
		next = f->next;
		answer_frame(n, c, f);
	}
}

static void tell_kernel(struct natives *n, const struct kernel *kernel, uint64_t addr)
{
	struct wire_frame rec = {
		.head = { session_now_ns(), 0, WIRE_FRAME, sizeof(rec) },
		.id = { WIRE_CODE_KERNEL, addr },
		.flags = WIRE_FRAME_LIBRARY,
	};

	rec.offset = kernel_name(kernel, addr, rec.function, sizeof(rec.function), rec.module,
				 sizeof(rec.module));
	n->unknown += !rec.function[0];
	tell(n, &rec.head);
}

/* --- answers --------------------------------------------------------------------------------- */

static void on_opened(void *ctx, uint32_t file, int err, const char *why,
		      const struct module_about *about)
{
	struct natives *n = ctx;

	(void)why;
	spaces_opened(n->spaces, file, err, about);
}

static void on_rows(void *ctx, uint32_t file, int err, uint64_t base, const struct wire_row *rows,
		    size_t count)
{
	struct natives *n = ctx;

	spaces_rows(n->spaces, file, err, base, rows, count);
}

/* The cookie is the code: it lives as long as the questions about it. */
static void on_code(void *ctx, uint64_t cookie, const struct module_function *functions, size_t count,
		    const char *why)
{
	struct code *c = (struct code *)(uintptr_t)cookie;
	struct natives *n = ctx;

	(void)why;
	if (c->answered)
		return;
	c->answered = true;
	if (count) {
		c->functions = xcalloc(count, sizeof(*functions));
		memcpy(c->functions, functions, count * sizeof(*functions));
		c->n = count;
	}
	tell_code(n, c);
}

static void on_data(void *ctx, uint64_t cookie, const struct module_variable *variable)
{
	struct natives *n = ctx;

	objects_answer(n->objects, cookie, variable);
}

static const struct symbols_answers answers = {
	.opened = on_opened,
	.rows = on_rows,
	.code = on_code,
	.data = on_data,
};

int natives_new(struct natives **ret, struct session *session, const struct natives_opts *opts)
{
	struct natives *n = xcalloc(1, sizeof(*n));
	struct symbols_opts ask = { &answers, n, opts->debuginfod };
	int err = symbols_new(&n->symbols, &ask);

	n->opts = *opts;
	if (err) {
		free(n);
		return err;
	}
	n->tables = session_tables(session);
	n->spaces = spaces_new(n->symbols, n->tables);
	spaces_warm(n->spaces);
	n->objects = objects_new(n->symbols, n->spaces, tell, n);
	*ret = n;
	return 0;
}

/* --- questions ------------------------------------------------------------------------------- */

static struct code *get_code(struct natives *n, const struct spaces_place *place)
{
	struct code_key key;
	struct code *c;

	memset(&key, 0, sizeof(key)); /* compared byte by byte */
	key.file = place->file;
	key.addr = place->addr;
	HASH_FIND(hh, n->codes, &key, sizeof(key), c);
	if (c || HASH_COUNT(n->codes) >= MAX_CODES)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->key = key;
	c->jit = place->jit;
	memcpy(c->module, place->module, sizeof(c->module));
	HASH_ADD(hh, n->codes, key, sizeof(c->key), c);
	c->answered = !place->file || symbols_ask_code(n->symbols, place->file, place->addr,
						       (uint64_t)(uintptr_t)c);
	return c;
}

/* -EAGAIN: its file is not known well enough yet. */
static int ask_frame(struct natives *n, struct native *f)
{
	struct spaces_place place;
	int err = spaces_locate(n->spaces, f->key.tgid, f->key.addr, &place);
	struct code *c = err ? NULL : get_code(n, &place);

	if (err == -EAGAIN)
		return err;
	n->unknown += !c;
	if (!c || c->answered) {
		if (c)
			answer_frame(n, c, f);
		return 0;
	}
	f->waits = true;
	f->next = c->waiting;
	c->waiting = f;
	return 0;
}

static void look_up(struct natives *n, uint32_t tgid, uint32_t space, uint64_t addr)
{
	struct native_key key = { tgid, space, addr };
	struct native *f;

	HASH_FIND(hh, n->frames, &key, sizeof(key), f);
	if (f)
		return;
	if (HASH_COUNT(n->frames) >= MAX_FRAMES) {
		n->unknown++;
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->key = key;
	HASH_ADD(hh, n->frames, key, sizeof(f->key), f);
	if (ask_frame(n, f) != -EAGAIN)
		return;
	f->waits = true;
	f->next = n->early_frames;
	n->early_frames = f;
}

/*
 * Its name is told in the end: to read all names of the kernel takes a tenth of a second, in which a
 * process that has just begun would map its files unseen.
 */
static void note_kernel(struct natives *n, uint64_t addr)
{
	struct native_key key = { .addr = addr };
	struct native *f;

	HASH_FIND(hh, n->frames, &key, sizeof(key), f);
	if (f || HASH_COUNT(n->frames) >= MAX_FRAMES)
		return;
	f = xcalloc(1, sizeof(*f));
	f->key = key;
	HASH_ADD(hh, n->frames, key, sizeof(f->key), f);
	n->n_kernel++;
}

static void name_kernel(struct natives *n)
{
	struct kernel *kernel = n->n_kernel ? kernel_new() : NULL;
	struct native *f;

	for (f = n->frames; f && kernel; f = f->hh.next)
		if (!f->key.tgid)
			tell_kernel(n, kernel, f->key.addr);
	n->n_kernel = 0;
	kernel_free(kernel);
}

void natives_stack(struct natives *n, const struct wire_stack *rec)
{
	for (uint32_t i = 0; n && i < rec->n && i < WIRE_FRAMES_MAX; i++) {
		if (rec->frames[i].code == WIRE_CODE_NATIVE)
			look_up(n, rec->head.tid, rec->space, rec->frames[i].instr);
		else if (rec->frames[i].code == WIRE_CODE_KERNEL)
			note_kernel(n, rec->frames[i].instr);
	}
}

void natives_sleeper(struct natives *n, const struct wire_task *rec, struct wire_stack *stack)
{
	struct wire_stack native = { 0 };

	if (!n ||
	    !walk_thread(n->tables, spaces_slot(n->spaces, rec->tgid), &n->memory, rec, &native))
		return;
	natives_stack(n, &native);
	for (uint32_t i = 0; i < stack->n && native.n < WIRE_FRAMES_MAX; i++)
		native.frames[native.n++] = stack->frames[i];
	native.flags |= stack->flags;
	native.id ^= stack->id;
	native.head.size = (uint16_t)WIRE_STACK_SIZE(native.n);
	*stack = native;
}

void natives_word(struct natives *n, uint32_t tgid, uint64_t addr)
{
	if (n)
		objects_word(n->objects, tgid, addr);
}

void natives_tell_word(struct natives *n, uint32_t tgid, uint64_t addr)
{
	if (n)
		objects_tell(n->objects, tgid, addr);
}

/* Ask for what could not be asked for before. */
static void ask_early(struct natives *n)
{
	struct native *frames = n->early_frames, *next_frame;

	n->early_frames = NULL;
	for (; frames; frames = next_frame) {
		next_frame = frames->next;
		frames->waits = false;
		if (ask_frame(n, frames) != -EAGAIN)
			continue;
		frames->waits = true;
		frames->next = n->early_frames;
		n->early_frames = frames;
	}
	objects_ask_early(n->objects);
}

/* The map that was asked last is another one, or has grown, so it is another one, too. */
static bool ask_again(struct natives *n, struct native *f, bool at_once)
{
	struct spaces_place place;

	spaces_look(n->spaces, f->key.tgid, at_once);
	return spaces_locate(n->spaces, f->key.tgid, f->key.addr, &place) == 0 && place.jit &&
	       place.file != f->map;
}

/* Names that have been written meanwhile.  at_once: the last time. */
static void ask_nameless(struct natives *n, bool at_once)
{
	struct native *f = n->nameless, *next;
	uint64_t now = session_now_ns();

	if (!f || (!at_once && now - n->look_ns < LOOK_EVERY_NS))
		return;
	n->look_ns = now;
	n->nameless = NULL;
	n->n_nameless = 0;
	for (; f; f = next) {
		next = f->next;
		if (!ask_again(n, f, at_once)) {
			may_have_name(n, f, f->map);
			continue;
		}
		f->waits = false;
		n->unknown--; /* told so once, and again if it is so still */
		ask_frame(n, f);
	}
}

/* --- processes ------------------------------------------------------------------------------- */

void natives_process(struct natives *n, uint32_t tgid, uint32_t parent, bool forked)
{
	if (n)
		spaces_process(n->spaces, tgid, parent, forked);
}

void natives_exec(struct natives *n, uint32_t tgid)
{
	if (n)
		spaces_exec(n->spaces, tgid);
}

void natives_mapped(struct natives *n, uint32_t tgid)
{
	if (n)
		spaces_mapped(n->spaces, tgid);
}

void natives_end(struct natives *n, uint32_t tgid)
{
	if (n)
		spaces_end(n->spaces, tgid);
}

/* --- time ------------------------------------------------------------------------------------ */

int natives_tick(struct natives *n)
{
	int err;

	if (!n)
		return 0;
	memfile_close(&n->memory);
	spaces_tick(n->spaces);
	symbols_poll(n->symbols);
	ask_early(n);
	ask_nameless(n, false);
	spaces_tick(n->spaces);
	err = n->err;
	n->err = 0;
	return err;
}

static int wait_for(struct natives *n, uint64_t ms, bool names)
{
	uint64_t end = session_now_ns() + ms * 1000000;
	int err = natives_tick(n);

	while (!err && (names ? symbols_waiting(n->symbols) > 0 : !spaces_settled(n->spaces)) &&
	       session_now_ns() < end) {
		struct pollfd fd = { symbols_fd(n->symbols), POLLIN, 0 };

		poll(&fd, 1, POLL_MS);
		err = natives_tick(n);
	}
	return err;
}

int natives_settle(struct natives *n)
{
	return n ? wait_for(n, SETTLE_MS, false) : 0;
}

int natives_finish(struct natives *n)
{
	struct code *c;
	int err = 0;

	if (n) {
		ask_nameless(n, true);
		err = wait_for(n, n->opts.debuginfod ? FINISH_FETCH_MS : FINISH_MS, true);
	}
	for (c = n ? n->codes : NULL; c; c = c->hh.next)
		if (!c->answered)
			tell_code(n, c); /* by where it lies */
	if (n)
		name_kernel(n);
	return err ? err : n ? natives_tick(n) : 0;
}

bool natives_hurry(const struct natives *n)
{
	return n && spaces_hurry(n->spaces);
}

int natives_fd(const struct natives *n)
{
	return n ? symbols_fd(n->symbols) : -1;
}

uint64_t natives_unknown(const struct natives *n)
{
	return n ? n->unknown : 0;
}

void natives_cost(const struct natives *n, struct wire_cost *ret)
{
	struct images_count count;
	struct symbols_cost cost;

	if (!n)
		return;
	count = spaces_count(n->spaces);
	symbols_cost(n->symbols, &cost);
	ret->tables = count.tables;
	ret->table_ns = count.table_ns;
	ret->table_rows = tables_rows(n->tables);
	ret->symbol_cpu_ns = cost.cpu_ns;
}

#define FREE_ALL(type, table, release)                                                             \
	do {                                                                                       \
		struct type *item, *next;                                                          \
		HASH_ITER(hh, table, item, next)                                                   \
		{                                                                                  \
			HASH_DEL(table, item);                                                     \
			release;                                                                   \
			free(item);                                                                \
		}                                                                                  \
	} while (0)

void natives_free(struct natives *n)
{
	if (!n)
		return;
	memfile_close(&n->memory);
	symbols_free(n->symbols);
	spaces_free(n->spaces);
	FREE_ALL(code, n->codes, free(item->functions));
	FREE_ALL(native, n->frames, (void)0);
	objects_free(n->objects);
	free(n);
}
