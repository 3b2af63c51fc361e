// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_walk.c - interpreters, a thread that proves them, their GILs; see cpython_walk.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/runtime/cpython_walk.h"

#define INTERVAL_MAX 10000000 /* 10 s; the default is 5 ms */
#define INTERPRETERS_MAX 256
#define TRIES 3 /* the lists change while they are walked */

struct interpreter {
	uint64_t addr;
	uint64_t id;
	uint64_t gil; /* 0: not made yet */
};

struct walk {
	cpython_read_fn *read;
	void *ctx;
	uint64_t runtime;
	const struct cpython_layout *layout;
	size_t n; /* newest first */
	struct interpreter interpreters[INTERPRETERS_MAX];
};

static int fail_starting(const struct walk *w, const char *what)
{
	return fail(-EAGAIN, "CPython 3.%u is starting or ending: %s", w->layout->minor, what);
}

/* What does not fit is -EIO, as memory that cannot be read: tried again, then refused. */
static int fail_odd(const struct walk *w, const char *what)
{
	return fail(-EIO, "CPython 3.%u is not laid out as known: %s", w->layout->minor, what);
}

static int read_u64(const struct walk *w, uint64_t addr, uint64_t *ret)
{
	return w->read(w->ctx, addr, ret, sizeof(*ret));
}

static bool is_object(uint64_t addr)
{
	return addr >= 4096 && addr % 8 == 0 && addr < 1ull << 63;
}

static int read_interpreter(struct walk *w, uint64_t addr, uint64_t *ret_next)
{
	const struct cpython_layout *l = w->layout;
	struct interpreter in = { .addr = addr, .gil = w->runtime + l->gil };
	int err;

	if (!is_object(addr))
		return fail_odd(w, "an interpreter's address is impossible");
	err = read_u64(w, addr + l->id, &in.id);
	if (!err)
		err = read_u64(w, addr + l->next, ret_next);
	if (!err && !l->gil)
		err = read_u64(w, addr + l->gil_ptr, &in.gil);
	if (err)
		return err;
	/* each new one gets the next number and becomes the head: a circle cannot pass */
	if (in.id > INT32_MAX || (w->n && in.id >= w->interpreters[w->n - 1].id))
		return fail_odd(w, "the interpreters' numbers do not fall");
	w->interpreters[w->n++] = in;
	return 0;
}

static int read_interpreters(struct walk *w)
{
	uint64_t at;
	int err = read_u64(w, w->runtime + w->layout->head, &at);

	if (err)
		return err;
	if (!at)
		return fail_starting(w, "there is no interpreter");
	for (w->n = 0; at && !err; ) {
		if (w->n == INTERPRETERS_MAX)
			return fail_odd(w, "too many interpreters");
		err = read_interpreter(w, at, &at);
	}
	if (!err && w->interpreters[w->n - 1].id)
		return fail_odd(w, "the last interpreter is not the main one");
	return err;
}

/* The strongest proof that offsets and addresses are right: a thread that points back. */
static int check_main(const struct walk *w, const struct interpreter *main_interp)
{
	const struct cpython_layout *l = w->layout;
	uint64_t thread, back;
	int err = read_u64(w, main_interp->addr + l->threads, &thread);

	if (err)
		return err;
	if (!thread)
		return fail_starting(w, "the main interpreter has no thread");
	if (!is_object(thread))
		return fail_odd(w, "a thread's address is impossible");
	err = read_u64(w, thread + l->interp, &back);
	if (err)
		return err;
	if (back != main_interp->addr)
		return fail_odd(w, "a thread of the main interpreter does not point to it");
	if (!main_interp->gil)
		return fail_starting(w, "the GIL is not made yet");
	if (!l->gil && main_interp->gil != main_interp->addr + l->gil_own)
		return fail_odd(w, "the main interpreter's GIL is not inside it");
	return 0;
}

/* Free-threaded builds have a GIL that is off, unless an extension or the user asked for it. */
static int check_enabled(const struct walk *w, uint64_t gil)
{
	int32_t enabled;
	int err = w->read(w->ctx, gil, &enabled, sizeof(enabled));

	if (err)
		return err;
	if (!enabled)
		return fail(-ENOTSUP, "CPython 3.%u is free-threaded and its GIL is off",
			    w->layout->minor);
	if (enabled != INT_MAX)
		return fail_starting(w, "the GIL is being switched on or off");
	return 0;
}

/*
 * last_holder is only checked for being an address: after a thread has ended CPython leaves it
 * pointing to what was freed.
 */
static int check_gil(const struct walk *w, uint64_t gil)
{
	unsigned char bytes[GIL_COND];
	uint64_t interval, holder;
	int32_t locked;
	int err = 0;

	if (w->layout->free_threaded) {
		err = check_enabled(w, gil);
		gil += GIL_FREE_THREADED;
	}
	if (!err)
		err = w->read(w->ctx, gil, bytes, sizeof(bytes));
	if (err)
		return err;
	memcpy(&interval, bytes + GIL_INTERVAL, sizeof(interval));
	memcpy(&holder, bytes + GIL_LAST_HOLDER, sizeof(holder));
	memcpy(&locked, bytes + GIL_LOCKED, sizeof(locked));
	if (!interval)
		return fail_starting(w, "the GIL is not made yet");
	if (interval > INTERVAL_MAX)
		return fail_odd(w, "the GIL's switch interval is above 10 s");
	if (locked < -1 || locked > 1)
		return fail_odd(w, "the GIL's lock word is none");
	if (holder && !is_object(holder))
		return fail_odd(w, "the GIL's last holder is no thread");
	return 0;
}

static void fill_region(const struct walk *w, const struct interpreter *in, struct wire_region *ret)
{
	const char *t = w->layout->free_threaded ? "t" : "";
	unsigned minor = w->layout->minor & 0xff;
	uint64_t gil = in->gil + (*t ? GIL_FREE_THREADED : 0);

	*ret = (struct wire_region){
		.head.kind = WIRE_REGION,
		.head.size = sizeof(*ret),
		.begin = gil + GIL_COND,
		.end = gil + GIL_END,
		.region_kind = WIRE_REGION_GIL,
	};
	if (!in->id)
		snprintf(ret->name, sizeof(ret->name), "GIL (CPython 3.%u%s)", minor, t);
	else
		snprintf(ret->name, sizeof(ret->name), "GIL of interpreter %u (CPython 3.%u%s)",
			 (unsigned)in->id, minor, t);
}

/* Does a sub-interpreter have its own GIL by now?  1 or 0, or an error. */
static int has_own_gil(const struct walk *w, const struct interpreter *in,
		       const struct interpreter *main_interp)
{
	int err;

	if (w->layout->gil || !in->gil || in->gil == main_interp->gil)
		return 0;
	if (in->gil != in->addr + w->layout->gil_own)
		return fail_odd(w, "a sub-interpreter's GIL is neither its own nor the main one");
	err = check_gil(w, in->gil);
	return err == -EAGAIN ? 0 : err ? err : 1;
}

static int walk_once(struct walk *w, struct wire_region *ret, size_t cap)
{
	const struct interpreter *main_interp;
	size_t n = 1;
	int err = read_interpreters(w);

	if (err)
		return err;
	main_interp = &w->interpreters[w->n - 1];
	err = check_main(w, main_interp);
	if (!err)
		err = check_gil(w, main_interp->gil);
	if (err)
		return err;
	if (cap)
		fill_region(w, main_interp, &ret[0]);
	for (size_t i = w->n - 1; i-- > 0; ) {
		int own = has_own_gil(w, &w->interpreters[i], main_interp);

		if (own < 0)
			return own;
		if (own && n < cap)
			fill_region(w, &w->interpreters[i], &ret[n]);
		n += (size_t)own;
	}
	return (int)n;
}

int cpython_walk_gils(cpython_read_fn *read_fn, void *ctx, uint64_t runtime,
		      const struct cpython_layout *layout, struct wire_region *ret, size_t cap)
{
	struct walk w = { .read = read_fn, .ctx = ctx, .runtime = runtime, .layout = layout };
	int n = -EIO;

	if (!GIL_END)
		return fail(-ENOTSUP, "the layout of CPython's GIL is not known on this machine");
	for (int i = 0; i < TRIES && n == -EIO; i++)
		n = walk_once(&w, ret, cap);
	return n == -EIO ? fail(-ENOTSUP, "%s", fail_text()) : n;
}
