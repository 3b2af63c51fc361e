// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython.c - an interpreter that was found, and code objects of it; see cpython.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/table.h"
#include "user/runtime/cpython.h"
#include "user/runtime/cpython_code.h"
#include "user/runtime/cpython_find.h"
#include "user/runtime/cpython_sleeper.h"
#include "user/runtime/cpython_thread.h"
#include "user/runtime/cpython_walk.h"

#define CODE_AGE_NS 1000000000ull /* a code object is believed for so long */
#define CODES_MAX 16384		  /* remembered; beyond it all are forgotten */
#define LINES_BYTES (16 << 20)	  /* ... and of their tables of lines */

struct seen_code {
	uint64_t addr;
	uint64_t read_ns;
	struct cpython_code code;
	UT_hash_handle hh;
};

struct cpython {
	struct cpython_place place;
	struct cpython_memory memory;
	struct seen_code *codes;
	size_t bytes; /* of their lines */
};

/* --- open, close ----------------------------------------------------------------------------- */

static struct cpython *new_cpython(const struct cpython_place *place)
{
	struct cpython *py = xcalloc(1, sizeof(*py));

	py->place = *place;
	py->memory = (struct cpython_memory){ cpython_read_place, &py->place, &py->place.layout };
	return py;
}

int cpython_open(struct cpython **ret, pid_t pid)
{
	struct cpython_place place;
	int n;

	*ret = NULL;
	n = cpython_find(pid, &place);
	if (n <= 0)
		return n;
	*ret = new_cpython(&place);
	return 0;
}

int cpython_open_child(struct cpython **ret, const struct cpython *parent, pid_t pid)
{
	struct cpython_place place = parent->place;

	*ret = NULL;
	place.mem = cpython_open_memory(pid, &place.tgid);
	if (place.mem < 0)
		return place.mem;
	*ret = new_cpython(&place);
	return 0;
}

static void forget_codes(struct cpython *py)
{
	struct seen_code *c, *next;

	HASH_ITER(hh, py->codes, c, next)
	{
		HASH_DEL(py->codes, c);
		cpython_code_free(&c->code);
		free(c);
	}
	py->bytes = 0;
}

void cpython_close(struct cpython *py)
{
	if (!py)
		return;
	forget_codes(py);
	close(py->place.mem);
	free(py);
}

/* --- GILs ------------------------------------------------------------------------------------ */

/* Returns how many there are; at most CPYTHON_INTERPRETERS_MAX. */
static int read_gils(struct cpython *py, struct cpython_gil gils[CPYTHON_INTERPRETERS_MAX])
{
	return cpython_walk_gils(&py->memory, py->place.runtime, gils, CPYTHON_INTERPRETERS_MAX);
}

int cpython_gils(struct cpython *py, struct wire_region *ret, size_t cap)
{
	struct cpython_gil gils[CPYTHON_INTERPRETERS_MAX];
	int n = read_gils(py, gils);

	for (int i = 0; i < n && (size_t)i < cap; i++) {
		cpython_gil_region(&py->place.layout, &gils[i], &ret[i]);
		ret[i].head.tid = (uint32_t)py->place.tgid;
	}
	return n;
}

int cpython_runtimes(struct cpython *py, struct wire_runtime *ret, size_t cap)
{
	struct cpython_gil gils[CPYTHON_INTERPRETERS_MAX];
	int n = read_gils(py, gils), shown = n ? n : 1;

	if (n < 0)
		return n;
	for (int i = 0; i < shown && (size_t)i < cap; i++) {
		cpython_gil_runtime(&py->place.layout, n ? &gils[i] : NULL, &ret[i]);
		ret[i].head.tid = (uint32_t)py->place.tgid;
	}
	return shown;
}

void cpython_describe(const struct cpython *py, struct wire_python *ret)
{
	const struct cpython_layout *l = &py->place.layout;
	uint32_t shift = l->free_threaded ? GIL_FREE_THREADED : 0;

	memset(ret, 0, sizeof(*ret));
	*ret = (struct wire_python){
		.runtime = py->place.runtime,
		.gil = l->gil ? py->place.runtime + l->gil : 0,
		.head = l->head,
		.next = l->next,
		.threads = l->threads,
		.gil_ptr = l->gil_ptr,
		.t_next = l->t_next,
		.t_interp = l->t_interp,
		.t_thread_id = l->t_thread_id,
		.t_frame = l->t_frame,
		.cframe = l->cframe,
		.f_size = l->f_size,
		.f_code = l->f_code,
		.f_previous = l->f_previous,
		.f_instr = l->f_instr,
		.f_owner = l->f_owner,
		.owner_c = l->owner_c,
		.f_entry = l->f_entry,
		.instr_mask = l->instr_mask,
		.gil_shift = shift,
		.gil_end = GIL_END + shift,
	};
}

/* --- frames and threads ---------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Read again when it is old: a code object that was freed may be another one by now. */
static int find_code(struct cpython *py, uint64_t addr, const struct cpython_code **ret)
{
	uint64_t now = now_ns();
	struct cpython_code code;
	struct seen_code *c;
	int err;

	HASH_FIND(hh, py->codes, &addr, sizeof(addr), c);
	if (c && now - c->read_ns < CODE_AGE_NS) {
		*ret = &c->code;
		return 0;
	}
	if (c) {
		HASH_DEL(py->codes, c);
		py->bytes -= c->code.n_lines;
		cpython_code_free(&c->code);
		free(c);
	}
	err = cpython_code_read(&py->memory, addr, &code);
	if (err)
		return err;
	if (HASH_COUNT(py->codes) >= CODES_MAX || py->bytes + code.n_lines > LINES_BYTES)
		forget_codes(py);
	c = xcalloc(1, sizeof(*c));
	c->addr = addr;
	c->read_ns = now;
	c->code = code;
	py->bytes += code.n_lines;
	HASH_ADD(hh, py->codes, addr, sizeof(c->addr), c);
	*ret = &c->code;
	return 0;
}

int cpython_frame(struct cpython *py, const struct wire_frame_id *id, struct wire_frame *ret)
{
	const struct cpython_code *code;
	int err = find_code(py, id->code, &code);

	memset(ret, 0, sizeof(*ret));
	ret->head.kind = WIRE_FRAME;
	ret->head.size = sizeof(*ret);
	ret->head.tid = (uint32_t)py->place.tgid;
	ret->id = *id;
	if (err)
		return err == -EAGAIN ? fail(-ESRCH, "%s", fail_text()) : err;
	memcpy(ret->function, code->function, sizeof(ret->function));
	memcpy(ret->file, code->file, sizeof(ret->file));
	ret->first = code->first;
	ret->line = cpython_code_line(&py->memory, code, id->instr);
	return 0;
}

int cpython_thread_name(struct cpython *py, const struct cpython_tstate *t, char *ret, size_t size)
{
	int err = cpython_name_of_thread(&py->memory, py->place.runtime, t, ret, size);

	return err == -EAGAIN ? fail(-ESRCH, "%s", fail_text()) : err;
}

/* --- threads that sleep ---------------------------------------------------------------------- */

int cpython_threads(struct cpython *py, struct cpython_tstate *ret, size_t cap)
{
	size_t n;
	int err = cpython_list_threads(&py->memory, py->place.runtime, ret, cap, &n);

	if (err)
		return err == -EAGAIN ? fail(-ESRCH, "%s", fail_text()) : err;
	return (int)n;
}

int cpython_stack(struct cpython *py, const struct cpython_tstate *t, struct wire_stack *ret)
{
	int err = cpython_read_stack(&py->memory, t->addr, (uint32_t)py->place.tgid, ret);

	ret->head = (struct wire_head){ 0, (uint32_t)py->place.tgid, WIRE_STACK,
					(uint16_t)WIRE_STACK_SIZE(err ? 0 : ret->n) };
	return err == -EAGAIN ? fail(-ESRCH, "%s", fail_text()) : err;
}

bool cpython_object(struct cpython *py, const struct cpython_tstate *t, uint64_t sp,
		    struct wire_block *block)
{
	return cpython_read_object(&py->memory, t->gil, sp, block);
}
