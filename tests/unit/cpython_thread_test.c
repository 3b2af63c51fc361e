// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_thread_test.c - frames of threads, attributes and names, in forged memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "forged_python.h"
#include "user/runtime/cpython.h"
#include "user/runtime/cpython_object.h"
#include "user/runtime/cpython_thread.h"

#define RUNTIME 0x10000
#define INTERP 0x100000
#define TSTATE 0x200000
#define MAIN 0x210000
#define ID 0x7f0000001000 /* pthread_self() */
#define MAIN_ID 0x7f0000002000

/* --- instances ------------------------------------------------------------------------------- */

/* Forms that attributes come in; not every version has each. */
enum form {
	OF_CLASS,
	COMBINED,
	SPLIT,
	GENERAL,
	FORMS
};

struct attribute {
	const char *name; /* NULL: it was deleted */
	uint64_t value;
};

/* Names, with a hash table of 8 slots in front; values beside them, or not. */
static uint64_t make_keys(struct world *w, const struct attribute *a, size_t n, bool values,
			  bool general)
{
	const struct cpython_layout *l = &w->layout;
	uint64_t addr = make_object(w, A_FLOAT, 1024), at = addr + l->k_entries + 8;
	bool three = general || l->minor < 11; /* hash, key, value */

	if (l->minor >= 11) {
		put(w, addr + 8, (uint64_t)(general ? 0 : values ? 1 : 2) << 16 | 3 << 8 | 3);
		put(w, addr + 24, n);
	} else {
		put(w, addr + 8, 8);
		put(w, addr + 32, n);
	}
	for (size_t i = 0; i < n; i++, at += three ? 24 : 16) {
		uint64_t key = a[i].name ? make_ascii(w, a[i].name) : 0;

		put(w, at + (three ? 8 : 0), key);
		put(w, at + (three ? 16 : 8), values ? a[i].value : 0);
	}
	return addr;
}

static uint64_t make_values(struct world *w, const struct attribute *a, size_t n)
{
	uint64_t addr = make_object(w, A_FLOAT, 512);

	put(w, addr, 0x01000000 | 30); /* valid, room for 30; overwritten where there is no head */
	for (size_t i = 0; i < n; i++)
		put(w, addr + w->layout.v_data + 8 * i, a[i].value);
	return addr;
}

static uint64_t make_dict(struct world *w, const struct attribute *a, size_t n, enum form form)
{
	uint64_t addr = make_object(w, A_DICT, 128), values = 0;

	if (form == SPLIT)
		values = make_values(w, a, n);
	put(w, addr + w->layout.d_keys, make_keys(w, a, n, !values, form == GENERAL));
	put(w, addr + w->layout.d_values, values);
	return addr;
}

/* 0: the version has no such instances. */
static uint64_t make_instance(struct world *w, const struct attribute *a, size_t n, enum form form)
{
	const struct cpython_layout *l = &w->layout;
	uint64_t addr = make_object(w, A_THREAD, 512), type = type_addr(A_THREAD), values;
	uint64_t dict = form == OF_CLASS ? 0 : make_dict(w, a, n, form);

	put(w, type + l->y_basicsize, 32);
	if (l->attributes == CPYTHON_DICT) {
		put(w, type + l->y_dictoffset, 16);
		put(w, addr + 16, dict);
		return dict ? addr : 0;
	}
	put(w, type + l->y_keys, make_keys(w, a, n, false, false));
	if (dict) {
		put(w, addr - l->o_dict, dict);
		return addr;
	}
	values = make_values(w, a, n);
	if (l->attributes == CPYTHON_VALUES)
		put(w, addr - 32, values);
	else if (l->attributes == CPYTHON_DICT_OR_VALUES)
		put(w, addr - l->o_dict, values - 1);
	else
		memcpy(w->bytes + addr + 32, w->bytes + values, 256);
	return addr;
}

static void attributes(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		unsigned forms = 0;

		for (enum form form = OF_CLASS; form < FORMS; form++) {
			uint64_t object, v;

			empty_world(&w, &l);
			struct attribute a[] = { { "_target", make_int(&w, 1) },
						 { NULL, 0 },
						 { "_name", make_int(&w, 2) },
						 { "_name2", make_int(&w, 3) },
						 { "unset", 0 } };

			object = make_instance(&w, a, COUNT(a), form);
			if (!object)
				continue;
			forms++;
			assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), 0);
			assert_int_equal(v, a[2].value);
			assert_int_equal(cpython_attribute(&w.memory, object, "_name2", &v), 0);
			assert_int_equal(v, a[3].value);
			assert_int_equal(cpython_attribute(&w.memory, object, "_nam", &v), -ENOENT);
			assert_int_equal(cpython_attribute(&w.memory, object, "unset", &v), -EIO);
		}
		assert_int_equal(forms, l.attributes == CPYTHON_DICT ? FORMS - 1 : FORMS);
	}
	free(w.bytes);
}

static void odd_instances(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t object, dict, keys, v;

		empty_world(&w, &l);
		struct attribute a[] = { { "_name", make_int(&w, 2) } };

		object = make_instance(&w, a, 1, COMBINED);
		memcpy(&dict,
		       w.bytes + (l.attributes == CPYTHON_DICT ? object + 16 : object - l.o_dict),
		       8);
		memcpy(&keys, w.bytes + dict + l.d_keys, 8);
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), 0);
		/* more attributes than an instance has, a hash table larger than any */
		put(&w, keys + (l.minor >= 11 ? 24 : 32), UINT64_MAX);
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -EIO);
		put(&w, keys + (l.minor >= 11 ? 24 : 32), 1);
		put(&w, keys + 8, l.minor >= 11 ? 63 << 8 : 1ull << 62);
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -EIO);
		put(&w, dict + l.d_keys, 7);
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -EIO);
		put(&w, dict + l.o_type, type_addr(A_FLOAT));
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -EIO);
		/* instances of other types have no such attributes */
		assert_int_equal(cpython_attribute(&w.memory, make_int(&w, 1), "_name", &v), -EIO);
		assert_int_equal(cpython_attribute(&w.memory, 0, "_name", &v), -EIO);
		assert_int_equal(cpython_attribute(&w.memory, MEMORY, "_name", &v), -EIO);
		if (l.attributes != CPYTHON_INLINE_VALUES)
			continue;
		object = make_instance(&w, a, 1, OF_CLASS);
		w.bytes[object + 32] = 0; /* room for none */
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -ENOENT);
		w.bytes[object + 35] = 0; /* not valid */
		assert_int_equal(cpython_attribute(&w.memory, object, "_name", &v), -EIO);
	}
	free(w.bytes);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* A thread and the main one; frames come later. */
static void make_threads(struct world *w, const struct cpython_layout *l)
{
	empty_world(w, l);
	put(w, RUNTIME + l->main_thread, MAIN_ID);
	put(w, INTERP + l->id, 0);
	put(w, TSTATE + l->t_interp, INTERP);
	put(w, TSTATE + l->t_thread_id, ID);
	put(w, MAIN + l->t_interp, INTERP);
	put(w, MAIN + l->t_thread_id, MAIN_ID);
}

static void frames(void **state)
{
	struct world w = { 0 };

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t outer, c, inner, at, code;
		struct cpython_frame f;

		make_threads(&w, &l);
		code = make_code(&w, "f", "f.py", 1, "", 0);
		outer = make_frame(&w, code | l.tags, 0xffffffff00000007, 0, 0);
		c = make_frame(&w, type_addr(A_INT), 0, outer, 3);
		inner = make_frame(&w, code, 8, c, 1);
		put_frame(&w, TSTATE, inner);
		assert_int_equal(cpython_first_frame(&w.memory, TSTATE, &at), 0);
		assert_int_equal(at, inner);
		assert_int_equal(cpython_read_frame(&w.memory, inner, &f), 0);
		assert_int_equal(f.id.code, code);
		assert_int_equal(f.id.instr, 8);
		assert_int_equal(f.previous, c);
		assert_int_equal(cpython_read_frame(&w.memory, c, &f), 0);
		assert_int_equal(f.id.code, l.owner_c ? 0 : type_addr(A_INT));
		assert_int_equal(f.previous, outer);
		assert_int_equal(cpython_read_frame(&w.memory, outer, &f), 0);
		assert_int_equal(f.id.code, code);
		assert_int_equal(f.id.instr, l.instr_mask ? 7 : 0xffffffff00000007);
		assert_int_equal(f.previous, 0);
		assert_int_equal(cpython_check_frames(&w.memory, TSTATE), 1);
		assert_int_equal(cpython_check_frames(&w.memory, MAIN), 0);
		assert_int_equal(cpython_read_frame(&w.memory, 3, &f), -EIO);
		assert_int_equal(cpython_read_frame(&w.memory, MEMORY - 8, &f), -EIO);
	}
	free(w.bytes);
}

/* --- names ----------------------------------------------------------------------------------- */

/* Thread._bootstrap(), with its self, and a frame inside of it. */
static uint64_t make_bootstrap(struct world *w, uint64_t self, const char *name, const char *file)
{
	uint64_t code = make_code(w, name, file, 1, "", 0), outer, f;

	f = make_code(w, "work", "app.py", 1, "", 0);
	outer = make_frame(w, code | w->layout.tags, 0, 0, 0);
	put(w, outer + w->layout.f_locals, self | (w->layout.tags & 1));
	put_frame(w, TSTATE, make_frame(w, f, 0, outer, 0));
	return outer;
}

static const char *bootstrap(const struct cpython_layout *l)
{
	return l->minor >= 11 ? "Thread._bootstrap" : "_bootstrap";
}

static uint64_t make_thread(struct world *w, uint64_t id, const char *name)
{
	struct attribute a[] = { { "_ident", make_int(w, id) }, { "_name", make_ascii(w, name) } };

	return make_instance(w, a, 2, w->layout.attributes == CPYTHON_DICT ? SPLIT : OF_CLASS);
}

static int name_of_id(struct world *w, uint64_t tstate, uint64_t id, char *ret, size_t size)
{
	struct cpython_tstate t = { .addr = tstate, .thread_id = id };

	return cpython_name_of_thread(&w->memory, RUNTIME, &t, ret, size);
}

static int name_of(struct world *w, uint64_t tstate, char *ret, size_t size)
{
	return name_of_id(w, tstate, tstate == MAIN ? MAIN_ID : ID, ret, size);
}

static void thread_names(void **state)
{
	struct world w = { 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t self;

		make_threads(&w, &l);
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		self = make_thread(&w, ID, "Thread-3 (worker)");
		make_bootstrap(&w, self, bootstrap(&l), "/usr/lib/python3.9/threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), 0);
		assert_string_equal(name, "Thread-3 (worker)");
		assert_int_equal(name_of(&w, TSTATE, name, 7), 0);
		assert_string_equal(name, "Thread");
		make_bootstrap(&w, self, bootstrap(&l), "<frozen threading>");
		assert_int_equal(name_of(&w, TSTATE, name, 64), 0);
		make_bootstrap(&w, self, "bootstrap", "threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		assert_string_equal(name, "");
		make_bootstrap(&w, self, bootstrap(&l), "other.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		/* the PyThreadState is another thread's by now */
		make_bootstrap(&w, self, bootstrap(&l), "<frozen threading>");
		assert_int_equal(name_of_id(&w, TSTATE, ID + 8, name, 64), -ENOENT);
		assert_string_equal(name, "");
		/* the Thread of another thread, or of none yet */
		make_bootstrap(&w, make_thread(&w, ID + 8, "x"), bootstrap(&l), "threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		make_bootstrap(&w, make_thread(&w, 0, "x"), bootstrap(&l), "threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		make_bootstrap(&w, make_int(&w, 1), bootstrap(&l), "threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		make_bootstrap(&w, 0, bootstrap(&l), "threading.py");
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
	}
	free(w.bytes);
}

static void main_thread(void **state)
{
	struct world w = { 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);

		make_threads(&w, &l);
		assert_int_equal(name_of(&w, MAIN, name, 64), -ENOENT); /* not begun */
		put_frame(&w, MAIN, make_frame(&w, make_code(&w, "m", "m.py", 1, "", 0), 0, 0, 0));
		assert_int_equal(name_of(&w, MAIN, name, 64), 0);
		assert_string_equal(name, "MainThread");
		/* its Thread is on its stack: a fork in a thread made it the main one */
		put(&w, TSTATE + l.t_thread_id, MAIN_ID);
		make_bootstrap(&w, make_thread(&w, MAIN_ID, "worker"), bootstrap(&l),
			       "threading.py");
		assert_int_equal(name_of_id(&w, TSTATE, MAIN_ID, name, 64), 0);
		assert_string_equal(name, "worker");
		put(&w, INTERP + l.id, 1); /* a sub-interpreter in the main thread */
		assert_int_equal(name_of(&w, MAIN, name, 64), -ENOENT);
		put(&w, MAIN + l.t_interp, 0);
		assert_int_equal(name_of(&w, MAIN, name, 64), -ENOENT);
	}
	free(w.bytes);
}

static void odd_threads(void **state)
{
	struct world w = { 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		struct cpython_layout l = layout_of(i);
		uint64_t f;

		make_threads(&w, &l);
		assert_int_equal(name_of(&w, 0, name, 64), -ENOENT);
		assert_int_equal(name_of(&w, 12345, name, 64), -ENOENT);
		assert_int_equal(name_of(&w, MEMORY, name, 64), -ENOENT);
		assert_int_equal(name_of(&w, UINT64_MAX - 7, name, 64), -ENOENT);
		/* a circle of frames */
		f = make_frame(&w, make_code(&w, "f", "f.py", 1, "", 0), 0, 0, 0);
		put(&w, f + l.f_previous, f);
		put_frame(&w, TSTATE, f);
		w.reads = 0;
		assert_int_equal(name_of(&w, TSTATE, name, 64), -ENOENT);
		assert_in_range(w.reads, CPYTHON_FRAMES_MAX, CPYTHON_FRAMES_MAX + 20);
		/* words that change between two looks, and any words */
		make_bootstrap(&w, make_thread(&w, ID, "x"), bootstrap(&l), "threading.py");
		srandom(4);
		for (int round = 0; round < 100; round++) {
			for (int k = 0; k < 5; k++)
				put(&w, HEAP + ((uint64_t)random() % 8192 & ~7ull),
				    (uint64_t)random() % MEMORY & ~7ull);
			assert_in_range(-name_of(&w, TSTATE, name, 64), 0, ENOENT);
			assert_non_null(memchr(name, '\0', sizeof(name)));
		}
	}
	free(w.bytes);
}

/*
 * What a thread's memory becomes while it is looked at.  Each takes a world where TSTATE is "mine".
 */
static void becomes_other(struct world *w, uint64_t self, uint64_t outer)
{
	(void)self;
	w->twist[0].addr = outer + w->layout.f_locals;
	w->twist[0].value = make_thread(w, ID + 8, "other's");
}

/* It ended, and the memory of its name is no str any more. */
static void ends(struct world *w, uint64_t self, uint64_t outer)
{
	uint64_t name;

	(void)outer;
	assert_int_equal(cpython_attribute(&w->memory, self, "_name", &name), 0);
	w->reads = 0;
	w->twist[0].addr = name + (w->layout.s_state & ~7u);
	w->twist[1].addr = TSTATE + w->layout.t_frame;
}

/* It had its maker's id, and no frames; then it began. */
static void begins(struct world *w, uint64_t self, uint64_t outer)
{
	uint64_t frame;

	(void)self;
	(void)outer;
	assert_int_equal(cpython_read_u64(&w->memory, TSTATE + w->layout.t_frame, &frame), 0);
	w->reads = 0;
	put(w, TSTATE + w->layout.t_frame, 0);
	put(w, TSTATE + w->layout.t_thread_id, MAIN_ID);
	w->twist[0].addr = TSTATE + w->layout.t_frame;
	w->twist[0].value = frame;
	w->twist[1].addr = TSTATE + w->layout.t_thread_id;
	w->twist[1].value = ID;
}

/* It changes before each read in turn: an answer, and never a name that is wrong. */
static void torn(void **state)
{
	static void (*const twists[])(struct world *w, uint64_t self, uint64_t outer) = {
		becomes_other,
		ends,
		begins,
	};
	struct world w = { 0 };
	char name[64];

	(void)state;
	for (size_t i = 0; i < LAYOUTS * COUNT(twists); i++) {
		struct cpython_layout l = layout_of(i / COUNT(twists));
		uint64_t at = 0;

		do {
			uint64_t self, outer;

			make_threads(&w, &l);
			self = make_thread(&w, ID, "mine");
			outer = make_bootstrap(&w, self, bootstrap(&l), "threading.py");
			twists[i % COUNT(twists)](&w, self, outer);
			w.twist_at = ++at;
			if (!name_of(&w, TSTATE, name, 64))
				assert_string_equal(name, "mine");
			else
				assert_string_equal(name, "");
		} while (w.reads >= at); /* that read there was */
		assert_true(at > 1);
	}
	free(w.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes),  cmocka_unit_test(odd_instances),
		cmocka_unit_test(frames),      cmocka_unit_test(thread_names),
		cmocka_unit_test(main_thread), cmocka_unit_test(odd_threads),
		cmocka_unit_test(torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
