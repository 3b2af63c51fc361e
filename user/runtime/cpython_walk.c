// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_walk.c - interpreters, a thread that proves them, their GILs; see cpython_walk.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/runtime/cpython_thread.h"
#include "user/runtime/cpython_walk.h"

#define INTERVAL_MAX 10000000 /* 10 s; the default is 5 ms */
#define THREADS_MAX 64	      /* that are looked at to find one that proves the layout */
#define TRIES 3		      /* the lists change while they are walked */

struct interpreter {
	uint64_t addr;
	uint64_t id;
	uint64_t gil; /* 0: not made yet */
};

struct walk {
	const struct cpython_memory *m;
	uint64_t runtime;
	const struct cpython_layout *layout;
	size_t n; /* newest first */
	struct interpreter interpreters[CPYTHON_INTERPRETERS_MAX];
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
	return cpython_read_u64(w->m, addr, ret);
}

static int read_interpreter(struct walk *w, uint64_t addr, uint64_t *ret_next)
{
	const struct cpython_layout *l = w->layout;
	struct interpreter in = { .addr = addr, .gil = w->runtime + l->gil };
	int err;

	if (!cpython_is_address(addr))
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
	for (w->n = 0; at && !err;) {
		if (w->n == CPYTHON_INTERPRETERS_MAX)
			return fail_odd(w, "too many interpreters");
		err = read_interpreter(w, at, &at);
	}
	if (!err && w->interpreters[w->n - 1].id)
		return fail_odd(w, "the last interpreter is not the main one");
	return err;
}

/*
 * A thread that points back to its interpreter.  ret_next: the next older one.  Its id is 0 until
 * it runs.
 */
static int check_thread(const struct walk *w, const struct interpreter *in, uint64_t thread,
			uint64_t *ret_next)
{
	const struct cpython_layout *l = w->layout;
	uint64_t back, id;
	int err;

	if (!cpython_is_address(thread))
		return fail_odd(w, "a thread's address is impossible");
	err = read_u64(w, thread + l->t_interp, &back);
	if (!err)
		err = read_u64(w, thread + l->t_thread_id, &id);
	if (!err)
		err = read_u64(w, thread + l->t_next, ret_next);
	if (err)
		return err;
	if (back != in->addr)
		return fail_odd(w, "a thread of the main interpreter does not point to it");
	if (id && !cpython_is_address(id))
		return fail_odd(w, "a thread's id is none of pthread_self()");
	return 0;
}

/*
 * The strongest proof that offsets and addresses are right: a thread that points back and runs code
 * with a name.  Threads move while they are looked at, so one is enough.
 */
static int check_threads(const struct walk *w, const struct interpreter *in, uint64_t thread)
{
	uint64_t next = 0;
	int err = 0;

	for (int i = 0; thread && i < THREADS_MAX; i++, thread = next) {
		int bad = check_thread(w, in, thread, &next),
		    n = bad ? bad : cpython_check_frames(w->m, thread);

		if (n > 0)
			return 0;
		if (n < 0)
			err = n;
		if (bad) /* it does not say what comes next */
			break;
	}
	return err;
}

static int check_main(const struct walk *w, const struct interpreter *main_interp)
{
	const struct cpython_layout *l = w->layout;
	uint64_t thread;
	int err = read_u64(w, main_interp->addr + l->threads, &thread);

	if (err)
		return err;
	if (!thread)
		return fail_starting(w, "the main interpreter has no thread");
	err = check_threads(w, main_interp, thread);
	if (err)
		return err;
	if (!main_interp->gil)
		return fail_starting(w, "the GIL is not made yet");
	if (!l->gil && main_interp->gil != main_interp->addr + l->gil_own)
		return fail_odd(w, "the main interpreter's GIL is not inside it");
	return 0;
}

/*
 * Free-threaded builds have a GIL that is off, unless an extension or the user asked for it.  1 or
 * 0, or an error.
 */
static int is_enabled(const struct walk *w, uint64_t gil)
{
	int32_t enabled;
	int err = cpython_read(w->m, gil, &enabled, sizeof(enabled));

	if (err)
		return err;
	if (enabled && enabled != INT_MAX)
		return fail_starting(w, "the GIL is being switched on or off");
	return enabled != 0;
}

/*
 * 1: it is one, 0: it is off, or an error.  last_holder is only checked for being an address: after
 * a thread has ended CPython leaves it pointing to what was freed.
 */
static int read_gil(const struct walk *w, const struct interpreter *in, struct cpython_gil *ret)
{
	unsigned char bytes[GIL_COND];
	uint64_t interval, holder, gil = in->gil;
	int32_t locked;
	int n = 1, err;

	if (w->layout->free_threaded) {
		n = is_enabled(w, gil);
		gil += GIL_FREE_THREADED;
	}
	if (n <= 0)
		return n;
	err = cpython_read(w->m, gil, bytes, sizeof(bytes));
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
	if (holder && !cpython_is_address(holder))
		return fail_odd(w, "the GIL's last holder is no thread");
	*ret = (struct cpython_gil){ gil, in->id, 0, (uint32_t)interval };
	memcpy(&ret->switches, bytes + GIL_SWITCHES, sizeof(ret->switches));
	return 1;
}

/* Does a sub-interpreter have its own GIL by now?  1 or 0, or an error. */
static int read_own_gil(const struct walk *w, const struct interpreter *in,
			const struct interpreter *main_interp, struct cpython_gil *ret)
{
	int n;

	if (w->layout->gil || !in->gil || in->gil == main_interp->gil)
		return 0;
	if (in->gil != in->addr + w->layout->gil_own)
		return fail_odd(w, "a sub-interpreter's GIL is neither its own nor the main one");
	n = read_gil(w, in, ret);
	return n == -EAGAIN ? 0 : n;
}

static int walk_once(struct walk *w, struct cpython_gil *ret, size_t cap)
{
	const struct interpreter *main_interp;
	struct cpython_gil gil;
	size_t n = 0;
	int found, err = read_interpreters(w);

	if (err)
		return err;
	main_interp = &w->interpreters[w->n - 1];
	err = check_main(w, main_interp);
	if (err)
		return err;
	for (size_t i = w->n; i-- > 0; n += (size_t)found) {
		const struct interpreter *in = &w->interpreters[i];

		found = in == main_interp ? read_gil(w, in, &gil)
					  : read_own_gil(w, in, main_interp, &gil);
		if (found < 0)
			return found;
		if (found && n < cap)
			ret[n] = gil;
	}
	return (int)n;
}

int cpython_walk_gils(const struct cpython_memory *m, uint64_t runtime, struct cpython_gil *ret,
		      size_t cap)
{
	struct walk w = { .m = m, .runtime = runtime, .layout = m->layout };
	int n = -EIO;

	if (!GIL_END)
		return fail(-ENOTSUP, "the layout of CPython's GIL is not known on this machine");
	for (int i = 0; i < TRIES && n == -EIO; i++)
		n = walk_once(&w, ret, cap);
	return n == -EIO ? fail(-ENOTSUP, "%s", fail_text()) : n;
}

/* --- records --------------------------------------------------------------------------------- */

void cpython_gil_region(const struct cpython_layout *layout, const struct cpython_gil *gil,
			struct wire_region *ret)
{
	const char *t = layout->free_threaded ? "t" : "";
	unsigned minor = layout->minor & 0xff;

	*ret = (struct wire_region){
		.head.kind = WIRE_REGION,
		.head.size = sizeof(*ret),
		.begin = gil->addr + GIL_COND,
		.end = gil->addr + GIL_END,
		.region_kind = WIRE_REGION_GIL,
	};
	if (!gil->id)
		snprintf(ret->name, sizeof(ret->name), "GIL (CPython 3.%u%s)", minor, t);
	else
		snprintf(ret->name, sizeof(ret->name), "GIL of interpreter %u (CPython 3.%u%s)",
			 (unsigned)gil->id, minor, t);
}

void cpython_gil_runtime(const struct cpython_layout *layout, const struct cpython_gil *gil,
			 struct wire_runtime *ret)
{
	*ret = (struct wire_runtime){
		.head.kind = WIRE_RUNTIME,
		.head.size = sizeof(*ret),
		.gil = gil ? gil->addr + GIL_COND : 0,
		.switches = gil ? gil->switches : 0,
		.interval_us = gil ? gil->interval_us : 0,
		.status = gil ? WIRE_RUNTIME_OK : WIRE_RUNTIME_NO_GIL,
	};
	cpython_version_name(layout, ret->name, sizeof(ret->name));
}
