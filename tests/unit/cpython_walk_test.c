// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_walk_test.c - from _PyRuntime to the GILs, in forged memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "forged_python.h"
#include "user/runtime/cpython_walk.h"

/* --- forged: the walk ------------------------------------------------------------------------ */

#define RUNTIME 0x10000
#define OLDER 0x100000 /* the main interpreter */
#define STRIDE 0x10000 /* from one interpreter to the next newer one */
#define THREAD 0xf0000
#define ID 0x7f0000001000 /* pthread_self() */
static uint64_t interp_addr(unsigned i)
{
	return OLDER + (uint64_t)i * STRIDE;
}

static uint64_t gil_addr(const struct world *w, unsigned i)
{
	return w->layout.gil ? RUNTIME + w->layout.gil : interp_addr(i) + w->layout.gil_own;
}

static void put_gil(struct world *w, uint64_t gil)
{
	if (w->layout.free_threaded) {
		put(w, gil, INT_MAX);
		gil += 8;
	}
	put(w, gil, 5000);
	put(w, gil + 8, THREAD);
	put(w, gil + 16, 1);
}

static bool has_own(unsigned own, unsigned i)
{
	return i < 32 && own >> i & 1;
}

/* n interpreters; those whose bit is set in own have their own GIL, as the main one always has. */
static void make_world(struct world *w, const struct cpython_layout *l, unsigned n, unsigned own)
{
	uint64_t code;

	empty_world(w, l);
	put(w, RUNTIME + l->head, interp_addr(n - 1));
	for (unsigned i = 0; i < n; i++) {
		put(w, interp_addr(i) + l->id, i);
		put(w, interp_addr(i) + l->next, i ? interp_addr(i - 1) : 0);
		if (!l->gil)
			put(w, interp_addr(i) + l->gil_ptr, gil_addr(w, has_own(own, i) ? i : 0));
		if (!i || has_own(own, i))
			put_gil(w, gil_addr(w, i));
	}
	put(w, OLDER + l->threads, THREAD);
	put(w, THREAD + l->t_interp, OLDER);
	put(w, THREAD + l->t_thread_id, ID);
	code = make_code(w, "f", "f.py", 1, "", 0);
	put_frame(w, THREAD, make_frame(w, code | l->tags, 0, 0, 0));
}

static int walk(struct world *w, struct cpython_gil *ret, size_t cap)
{
	return cpython_walk_gils(&w->memory, RUNTIME, ret, cap);
}

static void worlds(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct cpython_gil g[4];
		unsigned shift = l.free_threaded ? 8 : 0;

		make_world(&w, &l, 1, 0);
		memset(g, 0xff, sizeof(g));
		put(&w, gil_addr(&w, 0) + shift + 24, 777);
		assert_int_equal(walk(&w, g, 4), 1);
		assert_int_equal(g[0].addr, gil_addr(&w, 0) + shift);
		assert_int_equal(g[0].id, 0);
		assert_int_equal(g[0].interval_us, 5000);
		assert_int_equal(g[0].switches, 777);
		/* three: number 1 shares the main one's GIL, number 2 has its own if it can */
		make_world(&w, &l, 3, 4);
		assert_int_equal(walk(&w, g, 4), l.gil ? 1 : 2);
		if (!l.gil) {
			assert_int_equal(g[1].id, 2);
			assert_int_equal(g[1].addr, gil_addr(&w, 2) + shift);
		}
		g[1].addr = 7;
		assert_int_equal(walk(&w, g, 1), l.gil ? 1 : 2);
		assert_int_equal(g[1].addr, 7);
		assert_int_equal(walk(&w, NULL, 0), l.gil ? 1 : 2);
	}
	free(w.bytes);
}

/* One word changed in a good world. */
static void expect(const struct cpython_layout *l, uint64_t addr, uint64_t value, int err)
{
	struct world w = { 0 };
	struct cpython_gil r[4];
	int n;

	make_world(&w, l, 3, 4);
	put(&w, addr, value);
	n = walk(&w, r, 4);
	if (n != err)
		fail_msg("3.%u: %llu at 0x%llx gave %d (%s), not %d", l->minor,
			 (unsigned long long)value, (unsigned long long)addr, n, fail_text(), err);
	free(w.bytes);
}

static void odd_worlds(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct world w = { .layout = l };
		uint64_t gil = gil_addr(&w, 0), g = gil + (l.free_threaded ? 8 : 0);

		expect(&l, RUNTIME + l.head, 0, -EAGAIN);
		expect(&l, RUNTIME + l.head, 12, -ENOTSUP);
		expect(&l, RUNTIME + l.head, UINT64_MAX - 7, -ENOTSUP);
		expect(&l, RUNTIME + l.head, MEMORY, -ENOTSUP);
		expect(&l, interp_addr(0) + l.next, interp_addr(2), -ENOTSUP); /* a circle */
		expect(&l, interp_addr(2) + l.next, interp_addr(2), -ENOTSUP);
		expect(&l, interp_addr(0) + l.id, 1, -ENOTSUP);
		expect(&l, interp_addr(2) + l.id, UINT64_MAX, -ENOTSUP);
		expect(&l, interp_addr(1) + l.next, 0, -ENOTSUP); /* none is number 0 */
		expect(&l, OLDER + l.threads, 0, -EAGAIN);
		expect(&l, OLDER + l.threads, 3, -ENOTSUP);
		expect(&l, THREAD + l.t_interp, interp_addr(1), -ENOTSUP);
		expect(&l, THREAD + l.t_thread_id, 0, l.gil ? 1 : 2); /* not begun */
		expect(&l, THREAD + l.t_thread_id, 12345, -ENOTSUP);
		expect(&l, THREAD + l.t_frame, 0, l.gil ? 1 : 2);
		expect(&l, THREAD + l.t_frame, MEMORY, -ENOTSUP);
		expect(&l, g, 0, -EAGAIN);
		expect(&l, g, 10000001, -ENOTSUP);
		expect(&l, g, 10000000, l.gil ? 1 : 2);
		expect(&l, g + 8, 0, l.gil ? 1 : 2);
		expect(&l, g + 8, 12345, -ENOTSUP);
		expect(&l, g + 16, UINT32_MAX, l.gil ? 1 : 2); /* never taken */
		expect(&l, g + 16, 2, -ENOTSUP);
		if (l.gil)
			continue;
		expect(&l, OLDER + l.gil_ptr, 0, -EAGAIN);
		expect(&l, OLDER + l.gil_ptr, gil + 8, -ENOTSUP);
		expect(&l, interp_addr(2) + l.gil_ptr, 0, 1);
		expect(&l, interp_addr(2) + l.gil_ptr, gil_addr(&w, 1), -ENOTSUP);
		if (!l.free_threaded)
			continue;
		expect(&l, gil, 0, 1); /* that of interpreter 2 is on */
		expect(&l, gil, 1, -EAGAIN);
	}
}

/* The list changes while it is walked: the second try finds it whole. */
static void changing_world(void **state)
{
	struct cpython_layout l = layout_of(0);
	struct cpython_gil r[4];
	struct world w = { 0 };

	(void)state;
	make_world(&w, &l, 3, 4);
	put(&w, interp_addr(1) + l.next, 0x8);
	w.twist_at = 8;
	w.twist[0].addr = interp_addr(1) + l.next;
	w.twist[0].value = OLDER;
	assert_int_equal(walk(&w, r, 4), 2);
	/* random words everywhere: an answer, no endless loop */
	srandom(1);
	for (int round = 0; round < 300; round++) {
		make_world(&w, &l, 3, 4);
		for (int i = 0; i < 50; i++)
			put(&w, (uint64_t)random() % (OLDER + 4 * STRIDE) & ~7ull,
			    (uint64_t)random() % MEMORY & ~7ull);
		walk(&w, r, 4);
		assert_true(w.reads < 10000);
	}
	/* more interpreters than we look at */
	make_world(&w, &l, 200, 0);
	assert_int_equal(walk(&w, r, 4), 1);
	free(w.bytes);
}

/* One thread that is right proves the layout, as long as the list leads to it. */
static void threads(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct world w = { 0 };
		uint64_t newer = THREAD - 0x10000, code;

		make_world(&w, &l, 1, 0);
		put(&w, OLDER + l.threads, newer);
		put(&w, newer + l.t_interp, OLDER);
		put(&w, newer + l.t_next, THREAD);
		assert_int_equal(walk(&w, NULL, 0), 1); /* one without frames */
		put_frame(&w, newer, MEMORY);
		assert_int_equal(walk(&w, NULL, 0), 1); /* one whose frame is gone */
		put_frame(&w, THREAD, 0);
		assert_int_equal(walk(&w, NULL, 0), -ENOTSUP);
		/* code that is none: a float, a function without a name */
		put_frame(&w, newer, make_frame(&w, make_object(&w, A_FLOAT, 512), 0, 0, 0));
		assert_int_equal(walk(&w, NULL, 0), -ENOTSUP);
		code = make_code(&w, "f", "f.py", 1, "", 0);
		put(&w, code + l.c_name, make_int(&w, 5));
		put_frame(&w, newer, make_frame(&w, code, 0, 0, 0));
		assert_int_equal(walk(&w, NULL, 0), -ENOTSUP);
		assert_non_null(strstr(fail_text(), "CPython"));
		/* circles of threads and of frames */
		put_frame(&w, newer, 0);
		put(&w, newer + l.t_next, newer);
		w.reads = 0;
		assert_int_equal(walk(&w, NULL, 0), 1);
		if (l.owner_c) {
			uint64_t f = make_frame(&w, 0, 0, 0, 3);

			put(&w, f + l.f_previous, f);
			put_frame(&w, newer, f);
			assert_int_equal(walk(&w, NULL, 0), 1);
		}
		assert_true(w.reads < 10000);
		free(w.bytes);
	}
}

/* A free-threaded build without a GIL is one all the same. */
static void gil_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		struct world w = { 0 };

		if (!l.free_threaded)
			continue;
		make_world(&w, &l, 2, 0);
		put(&w, gil_addr(&w, 0), 0);
		assert_int_equal(walk(&w, NULL, 0), 0);
		put(&w, OLDER + l.threads, 12);
		assert_int_equal(walk(&w, NULL, 0), -ENOTSUP);
		free(w.bytes);
	}
}

static void records(void **state)
{
	struct cpython_layout l = layout_of(0), t = layout_of(3);
	struct cpython_gil main_gil = { 4096, 0, 7, 5000 }, other = { 8192, 2, 9, 100 };
	struct wire_region region;
	struct wire_runtime runtime;

	(void)state;
	cpython_gil_region(&l, &main_gil, &region);
	assert_int_equal(region.head.kind, WIRE_REGION);
	assert_int_equal(region.head.size, sizeof(region));
	assert_int_equal(region.region_kind, WIRE_REGION_GIL);
	assert_int_equal(region.begin, 4096 + 32);
#ifdef __x86_64__
	assert_int_equal(region.end, 4096 + 208);
#endif
	assert_string_equal(region.name, "GIL (CPython 3.13)");
	cpython_gil_region(&t, &other, &region);
	assert_string_equal(region.name, "GIL of interpreter 2 (CPython 3.13t)");
	cpython_gil_runtime(&l, &main_gil, &runtime);
	assert_int_equal(runtime.head.kind, WIRE_RUNTIME);
	assert_int_equal(runtime.head.size, sizeof(runtime));
	assert_int_equal(runtime.gil, 4096 + 32);
	assert_int_equal(runtime.switches, 7);
	assert_int_equal(runtime.interval_us, 5000);
	assert_int_equal(runtime.status, WIRE_RUNTIME_OK);
	assert_string_equal(runtime.name, "CPython 3.13.5");
	cpython_gil_runtime(&t, NULL, &runtime);
	assert_int_equal(runtime.gil, 0);
	assert_int_equal(runtime.status, WIRE_RUNTIME_NO_GIL);
	assert_string_equal(runtime.name, "CPython 3.13t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worlds),	  cmocka_unit_test(odd_worlds),
		cmocka_unit_test(changing_world), cmocka_unit_test(threads),
		cmocka_unit_test(gil_off),	  cmocka_unit_test(records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
