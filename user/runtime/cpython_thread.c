// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_thread.c - frames and the name of a thread; see cpython_thread.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/runtime/cpython.h"
#include "user/runtime/cpython_code.h"
#include "user/runtime/cpython_object.h"
#include "user/runtime/cpython_thread.h"

#define C_FRAMES_MAX 64 /* in a row: one is usual */

/* --- frames ---------------------------------------------------------------------------------- */

int cpython_first_frame(const struct cpython_memory *m, uint64_t tstate, uint64_t *ret)
{
	const struct cpython_layout *l = m->layout;
	int err = cpython_read_u64(m, tstate + l->t_frame, ret);

	/* the cframe lies on the thread's C stack, or in its PyThreadState */
	if (!err && *ret && l->cframe != CPYTHON_NONE)
		err = cpython_read_u64(m, *ret + l->cframe, ret);
	return err;
}

static uint64_t word_of(const unsigned char *bytes, uint32_t at)
{
	uint64_t v;

	memcpy(&v, bytes + at, sizeof(v));
	return v;
}

int cpython_read_frame(const struct cpython_memory *m, uint64_t addr, struct cpython_frame *ret)
{
	const struct cpython_layout *l = m->layout;
	unsigned char bytes[WIRE_PYTHON_FRAME + 8] = { 0 }; /* an int is read as a word */
	struct cpython_frame f = { .addr = addr };
	int err = -EIO;

	if (cpython_is_address(addr))
		err = cpython_read(m, addr, bytes, l->f_size);
	else
		err = fail(-EIO, "a frame's address is impossible");
	if (err)
		return err;
	f.previous = word_of(bytes, l->f_previous);
	if (!l->owner_c || bytes[l->f_owner] < l->owner_c) {
		f.id.code = word_of(bytes, l->f_code) & ~l->tags;
		f.id.instr = word_of(bytes, l->f_instr);
		if (l->instr_mask)
			f.id.instr &= l->instr_mask;
	}
	f.entry = l->f_entry < WIRE_PYTHON_FRAME && bytes[l->f_entry];
	*ret = f;
	return 0;
}

int cpython_check_frames(const struct cpython_memory *m, uint64_t tstate)
{
	struct cpython_frame f;
	struct cpython_code code;
	uint64_t at;
	int err = cpython_first_frame(m, tstate, &at);

	for (int i = 0; !err && at && i < C_FRAMES_MAX; i++, at = f.previous) {
		err = cpython_read_frame(m, at, &f);
		if (err || !f.id.code)
			continue;
		err = cpython_code_read(m, f.id.code, &code);
		if (!err)
			cpython_code_free(&code);
		return err ? err : 1;
	}
	return err;
}

/* --- names ----------------------------------------------------------------------------------- */

static int find_outermost(const struct cpython_memory *m, uint64_t tstate,
			  struct cpython_frame *ret)
{
	struct cpython_frame f;
	bool any = false;
	uint64_t at;
	int err = cpython_first_frame(m, tstate, &at);

	for (int i = 0; !err && at; i++, at = f.previous) {
		if (i == CPYTHON_FRAMES_MAX)
			return fail(-ENOENT, "too many frames");
		err = cpython_read_frame(m, at, &f);
		if (!err && f.id.code) {
			any = true;
			*ret = f;
		}
	}
	return err ? err : any ? 0 : fail(-ENOENT, "no frame");
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), len = strlen(end);

	return n >= len && !strcmp(s + n - len, end);
}

static bool is_bootstrap(const struct cpython_memory *m, const struct cpython_code *code)
{
	const char *name = m->layout->minor >= 11 ? "Thread._bootstrap" : "_bootstrap";

	return !strcmp(code->function, name) && (ends_with(code->file, "threading.py") ||
						 ends_with(code->file, "<frozen threading>"));
}

/* The Thread whose _bootstrap() a frame is: its first argument. */
static int find_self(const struct cpython_memory *m, const struct cpython_frame *f, uint64_t *ret)
{
	struct cpython_code code;
	int err = cpython_code_read(m, f->id.code, &code);
	bool is;

	if (err)
		return err;
	is = is_bootstrap(m, &code);
	cpython_code_free(&code);
	if (!is)
		return fail(-ENOENT, "not a threading.Thread");
	err = cpython_read_u64(m, f->addr + m->layout->f_locals, ret);
	*ret &= ~m->layout->tags;
	return err;
}

/*
 * The frames move while they are walked, and those of 3.9 and 3.10 are used again by other threads:
 * the Thread must say itself that it is the one of this id.
 */
static int name_by_frames(const struct cpython_memory *m, uint64_t tstate, uint64_t id, char *ret,
			  size_t size)
{
	uint64_t self = 0, ident, object, value;
	struct cpython_frame f = { 0 };
	int err = find_outermost(m, tstate, &f);

	if (!err)
		err = find_self(m, &f, &self);
	if (!err)
		err = cpython_attribute(m, self, "_ident", &object);
	if (!err)
		err = cpython_int(m, object, &ident);
	if (err)
		return err;
	if (ident != id)
		return fail(-ENOENT, "another thread's Thread");
	err = cpython_attribute(m, self, "_name", &value);
	return err ? err : cpython_string(m, value, CPYTHON_BEGIN, ret, size);
}

/*
 * Up to 3.11 a PyThreadState has the id of the thread that made it until its own begins; but then
 * it has no frames.
 */
static int name_of_main(const struct cpython_memory *m, uint64_t runtime, uint64_t tstate,
			uint64_t id, char *ret, size_t size)
{
	const struct cpython_layout *l = m->layout;
	uint64_t main_id, frame, interp, number;
	int err = cpython_read_u64(m, runtime + l->main_thread, &main_id);

	if (!err)
		err = cpython_first_frame(m, tstate, &frame);
	if (!err)
		err = cpython_read_u64(m, tstate + l->t_interp, &interp);
	if (!err && !cpython_is_address(interp))
		err = fail(-EIO, "an interpreter's address is impossible");
	if (!err)
		err = cpython_read_u64(m, interp + l->id, &number);
	if (err)
		return err;
	if (main_id != id || !frame || number)
		return fail(-ENOENT, "not the main thread");
	snprintf(ret, size, "MainThread");
	return 0;
}

static int read_name(const struct cpython_memory *m, uint64_t runtime,
		     const struct cpython_tstate *t, char *ret, size_t size)
{
	uint64_t id;
	int err = cpython_read_u64(m, t->addr + m->layout->t_thread_id, &id);

	if (err)
		return err;
	if (id != t->thread_id)
		return fail(-ENOENT, "another thread's PyThreadState");
	err = name_by_frames(m, t->addr, id, ret, size);
	if (err == -ENOENT || err == -EIO)
		err = name_of_main(m, runtime, t->addr, id, ret, size);
	return err;
}

/*
 * A thread that ends while it is read may have led anywhere, and one that begins may have borne its
 * maker's id: what is read again, from the start, and is the same, was there.
 */
int cpython_name_of_thread(const struct cpython_memory *m, uint64_t runtime,
			   const struct cpython_tstate *t, char *ret, size_t size)
{
	char again[CPYTHON_STRING_MAX];
	int err = 0;

	if (!cpython_is_address(t->addr))
		err = fail(-ENOENT, "a thread's address is impossible");
	if (!err)
		err = read_name(m, runtime, t, ret, size);
	if (!err)
		err = read_name(m, runtime, t, again,
				size < sizeof(again) ? size : sizeof(again));
	if (!err && strcmp(again, ret))
		err = fail(-ENOENT, "a thread's name changed while it was read");
	if (err)
		*ret = '\0';
	return err == -EIO ? fail(-ENOENT, "%s", fail_text()) : err;
}
