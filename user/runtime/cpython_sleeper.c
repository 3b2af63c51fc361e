// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_sleeper.c - threads that sleep; see cpython_sleeper.h. */
#include <errno.h>
#include <string.h>

#include "bpf/wire.h"
#include "user/base/fail.h"
#include "user/runtime/cpython.h"
#include "user/runtime/cpython_sleeper.h"
#include "user/runtime/cpython_thread.h"

#define INTERPRETERS_MAX 256 /* their lists may run in circles */
#define PARK_NEAR 4096	     /* PYTHON_PARK_NEAR of bpf/python.bpf.h */

/* Begin of the words of the GIL that an interpreter is under, 0: none. */
static uint64_t gil_words(const struct cpython_memory *m, uint64_t runtime, uint64_t interp)
{
	const struct cpython_layout *l = m->layout;
	uint64_t gil = runtime + l->gil;

	if (!l->gil && (cpython_read_u64(m, interp + l->gil_ptr, &gil) || !gil))
		return 0;
	return gil + (l->free_threaded ? GIL_FREE_THREADED : 0) + GIL_COND;
}

static int list_interpreter(const struct cpython_memory *m, uint64_t interp, uint64_t gil,
			    struct cpython_tstate *ret, size_t cap, size_t *n)
{
	const struct cpython_layout *l = m->layout;
	uint64_t at;
	int err = cpython_read_u64(m, interp + l->threads, &at);

	while (!err && at && *n < cap) {
		struct cpython_tstate t = { .addr = at, .gil = gil };

		if (!cpython_is_address(at))
			return fail(-EIO, "a thread's address is impossible");
		err = cpython_read_u64(m, at + l->t_thread_id, &t.thread_id);
		if (!err)
			err = cpython_read_u64(m, at + l->t_next, &at);
		if (!err)
			ret[(*n)++] = t;
	}
	return err;
}

int cpython_list_threads(const struct cpython_memory *m, uint64_t runtime,
			 struct cpython_tstate *ret, size_t cap, size_t *ret_n)
{
	uint64_t interp;
	int err = cpython_read_u64(m, runtime + m->layout->head, &interp);

	*ret_n = 0;
	for (int i = 0; !err && interp && i < INTERPRETERS_MAX; i++) {
		if (!cpython_is_address(interp))
			return fail(-EIO, "an interpreter's address is impossible");
		err = list_interpreter(m, interp, gil_words(m, runtime, interp), ret, cap, ret_n);
		if (!err)
			err = cpython_read_u64(m, interp + m->layout->next, &interp);
	}
	return err;
}

/* As stack_push() has it. */
static uint64_t push(struct wire_stack *s, struct wire_frame_id id, uint64_t hash)
{
	s->frames[s->n++] = id;
	return stack_hash(hash, id.code, id.instr);
}

int cpython_read_stack(const struct cpython_memory *m, uint64_t tstate, uint32_t tgid,
		       struct wire_stack *ret)
{
	uint64_t at, hash = STACK_HASH_START;
	struct cpython_frame f;
	int err = cpython_first_frame(m, tstate, &at);

	if (err)
		return err;
	memset(ret, 0, sizeof(*ret));
	for (int i = 0; at && i < WIRE_PYTHON_MAX; i++) {
		if (cpython_read_frame(m, at, &f) || f.previous == at) {
			ret->flags = WIRE_STACK_TRUNCATED | WIRE_STACK_TORN;
			break;
		}
		hash = push(ret, f.id, hash);
		if (f.entry)
			hash = push(ret, (struct wire_frame_id){ 0 }, hash);
		at = f.previous;
	}
	if (m->layout->f_entry == WIRE_PYTHON_ALL)
		ret->flags |= WIRE_STACK_SINGLES;
	if (at)
		ret->flags |= WIRE_STACK_TRUNCATED;
	if (!ret->n)
		return fail(-ENOENT, "no frame");
	ret->id = hash ^ (uint64_t)tgid << 32;
	return 0;
}

static bool read_holder(const struct cpython_memory *m, uint64_t gil, struct wire_block *block)
{
	uint64_t holder;
	int32_t locked;

	if (cpython_read_u64(m, gil - GIL_COND + GIL_LAST_HOLDER, &holder) ||
	    cpython_read(m, gil - GIL_COND + GIL_LOCKED, &locked, sizeof(locked)))
		return false;
	block->word = (uint32_t)locked;
	block->object = holder;
	return true;
}

bool cpython_read_object(const struct cpython_memory *m, uint64_t gil, uint64_t sp,
			 struct wire_block *block)
{
	uint64_t object;

	if (gil && block->addr >= gil && block->addr < gil - GIL_COND + GIL_END)
		return read_holder(m, gil, block);
	if (m->layout->minor < 13 || !sp || block->addr - sp >= PARK_NEAR ||
	    cpython_read_u64(m, block->addr - sizeof(object), &object) || !object)
		return false;
	block->object = object;
	return true;
}
