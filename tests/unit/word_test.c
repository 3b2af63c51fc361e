// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * word_test.c - which kind of lock a futex word belongs to: each glibc layout, and any memory.
 *
 * Layouts are built from offsets of the object, as word.c lists them; where this glibc has the
 * type, a real object is used as well.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/model/word.h"

#define OBJECT 0x7f0012340000ULL
#define SP 0x7ffd00000000ULL
#define WAIT 0x80
#define WAIT_BITSET 0x89
#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct memory {
	uint32_t words[16]; /* of the object, from its first byte */
};

/* What the collector sees when a thread blocks on the word at this offset of the object. */
static struct wire_word look(const struct memory *m, unsigned int off, uint32_t op, uint32_t val)
{
	struct wire_word w = { .addr = OBJECT + off, .op = op, .val = val, .sp = SP };
	int64_t begin = (int64_t)(off & ~7u) - WIRE_WORD_BEFORE;

	for (int64_t i = 0; i < WIRE_WORD_LEN; i++) {
		int64_t at = begin + i;

		if (at >= 0 && at < (int64_t)sizeof(m->words))
			w.bytes[i] = ((const uint8_t *)m->words)[at];
	}
	return w;
}

static void expect(struct wire_word w, enum lock_kind kind, uint64_t base)
{
	struct word_guess g = word_guess_memory(&w, false);

	assert_string_equal(lock_kinds[g.kind].name, lock_kinds[kind].name);
	assert_int_equal(g.base, base);
}

static void mutexes(void **state)
{
	/* timed, recursive, errorcheck, adaptive; elision and shared bits */
	static const uint32_t kinds[] = { 0, 1, 2, 3, 0x80, 0x100, 0x101 };

	(void)state;
	for (size_t i = 0; i < N_OF(kinds); i++) {
		struct memory m = { { 2, 1, 4711, 1, kinds[i] } };

		expect(look(&m, 0, WAIT, 2), KIND_MUTEX, OBJECT);
		expect(look(&m, 0, 0, 2), KIND_MUTEX, OBJECT);
		expect(look(&m, 0, WAIT_BITSET, 2), KIND_MUTEX, OBJECT); /* timedlock */
	}
}

static void owners(void **state)
{
	struct wire_block b = { .word = 0x80000000u | 4711, .aux = 4711, .val = 4712 };
	struct wire_block bad = { .aux = 0xffffffff };

	(void)state;
	assert_int_equal(word_owner(KIND_MUTEX, &b), 4711);
	assert_int_equal(word_owner(KIND_MUTEX, &bad), 0);
	assert_int_equal(word_owner(KIND_PI_MUTEX, &b), 4711);
	assert_int_equal(word_owner(KIND_ROBUST_MUTEX, &b), 4711);
	assert_int_equal(word_owner(KIND_JOIN, &b), 4712);
	assert_int_equal(word_owner(KIND_LOW_LEVEL, &b), 0);
	assert_int_equal(word_owner(KIND_CONDITION, &b), 0);
	assert_int_equal(word_owner(KIND_RWLOCK, &b), 0);
}

static void by_call(void **state)
{
	struct memory none = { { 0 } };
	uint32_t held = 0x80000000u | 4711;

	(void)state;
	expect(look(&none, 0, 0x86, 0), KIND_PI_MUTEX, OBJECT);	 /* LOCK_PI */
	expect(look(&none, 0, 0x8d, 0), KIND_PI_MUTEX, OBJECT);	 /* LOCK_PI2 */
	expect(look(&none, 0, 0x8b, 0), KIND_CONDITION, OBJECT); /* WAIT_REQUEUE_PI */
	expect(look(&none, 0, WAIT, held), KIND_ROBUST_MUTEX, OBJECT);
	expect(look(&none, 0, WAIT, 2), KIND_LOW_LEVEL, OBJECT);
	expect(look(&none, 0, WAIT, 7), KIND_FUTEX, OBJECT);
	/* a tid is waited for with a shared operation, a counter of that value is not */
	assert_int_equal(word_guess_call(OBJECT, 0x109, 4711, true).kind, KIND_JOIN);
	assert_int_equal(word_guess_call(OBJECT, WAIT, 4711, true).kind, KIND_FUTEX);
	assert_int_equal(word_guess_call(OBJECT, 0x109, 4711, false).kind, KIND_FUTEX);
}

static void conditions(void **state)
{
	(void)state;
	for (unsigned int g = 0; g < 2; g++) {
		/* <= 2.40: wrefs at 36, g_refs at 16 and 20, words 40 and 44 */
		struct memory old = { { [0] = 7, [9] = 8 } };
		/* >= 2.41: wseq at 0, wrefs at 28, words 32 and 36 */
		struct memory new = { { [0] = 3, [7] = 8 } };

		old.words[4 + g] = 2;
		expect(look(&old, 40 + 4 * g, WAIT_BITSET, 0), KIND_CONDITION, OBJECT + 40);
		expect(look(&old, 40 + 4 * g, 0x189, 0), KIND_CONDITION, OBJECT + 40);
		expect(look(&new, 32 + 4 * g, WAIT_BITSET, 0), KIND_CONDITION, OBJECT + 32);
		/* signals were posted meanwhile: since 2.41 the value counts on */
		expect(look(&new, 32 + 4 * g, WAIT_BITSET, 6), KIND_CONDITION, OBJECT + 32);
	}
}

static void rwlocks(void **state)
{
	struct memory held = { { [0] = 0x0a, [1] = 0, [2] = 3, [6] = 4711 } };
	struct memory writer = { { [0] = 0x0a, [1] = 1, [3] = 3, [6] = 4711 } };

	(void)state;
	expect(look(&held, 8, WAIT_BITSET, 3), KIND_RWLOCK, OBJECT + 8);
	expect(look(&held, 8, WAIT_BITSET, 2), KIND_RWLOCK, OBJECT + 8);
	expect(look(&writer, 12, WAIT_BITSET, 3), KIND_RWLOCK, OBJECT + 8);
	held.words[7] = 1; /* process-shared */
	expect(look(&held, 8, 9, 3), KIND_RWLOCK, OBJECT + 8);
}

static void semaphores(void **state)
{
	struct memory m = { { 0, 1, 0 } };

	(void)state;
	expect(look(&m, 0, WAIT_BITSET, 0), KIND_SEMAPHORE, OBJECT);
	expect(look(&m, 0, 0x189, 0), KIND_SEMAPHORE, OBJECT);
	m.words[2] = 0x80; /* process-shared */
	expect(look(&m, 0, 9, 0), KIND_SEMAPHORE, OBJECT);
}

static void barriers(void **state)
{
	struct memory m = { { 3, 0, 4, 0, 0 } };

	(void)state;
	expect(look(&m, 4, WAIT, 0), KIND_BARRIER, OBJECT + 4);
	m = (struct memory){ { 7, 4, 4, 0, 4 } }; /* the next round */
	expect(look(&m, 4, WAIT, 4), KIND_BARRIER, OBJECT + 4);
	m.words[2] = 1; /* nobody waits for a barrier of one */
	expect(look(&m, 4, WAIT, 4), KIND_FUTEX, OBJECT + 4);
}

static void on_stack(void **state)
{
	struct memory sem = { { 0, 1, 0 } };
	struct wire_word w = look(&sem, 0, 0x189, 0);

	(void)state;
	w.sp = OBJECT - 264;
	expect(w, KIND_WAIT_LIST, OBJECT);
	w.sp = OBJECT - 20000;
	expect(w, KIND_SEMAPHORE, OBJECT);
	w = look(&(struct memory){ { 2, 1, 4711, 1, 0 } }, 0, WAIT, 2);
	w.sp = OBJECT - 264; /* a mutex may lie on a stack as well */
	expect(w, KIND_MUTEX, OBJECT);
}

static void real_objects(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
	struct memory m = { { 0 } };

	(void)state;
	pthread_mutex_lock(&mutex);
	memcpy(&m, &mutex, sizeof(mutex));
	expect(look(&m, 0, WAIT, 2), KIND_MUTEX, OBJECT);
	pthread_mutex_unlock(&mutex);
	pthread_rwlock_wrlock(&rwlock);
	memset(&m, 0, sizeof(m));
	memcpy(&m, &rwlock, sizeof(rwlock));
	expect(look(&m, 8, WAIT_BITSET, 3), KIND_RWLOCK, OBJECT + 8);
	pthread_rwlock_unlock(&rwlock);
}

/* Without memory only the call tells. */
static void unreadable(void **state)
{
	static const uint32_t vals[] = { 0, 1, 2, 3, 4711, 0x80000000u | 4711 };
	static const uint32_t ops[] = { WAIT, WAIT_BITSET, 0, 0x109, 0x86 };

	(void)state;
	for (size_t i = 0; i < N_OF(vals) * N_OF(ops); i++) {
		uint32_t val = vals[i % N_OF(vals)], op = ops[i / N_OF(vals)];
		struct wire_word w = { .addr = OBJECT + 4, .op = op, .val = val, .sp = SP };

		w.valid = WIRE_WORD_LEN;
		memset(w.bytes, 0x11, sizeof(w.bytes));
		expect(w, word_guess_call(w.addr, op, val, false).kind, w.addr);
		w.valid = UINT32_MAX;
		expect(w, word_guess_call(w.addr, op, val, false).kind, w.addr);
	}
}

static void random_memory(void **state)
{
	(void)state;
	srandom(3);
	for (int i = 0; i < 300000; i++) {
		struct wire_word w = { .addr = OBJECT + (uint64_t)random() % 64, .sp = SP };
		struct word_guess g;

		if (i % 100 == 0)
			w.addr = i % 200 ? UINT64_MAX - (uint64_t)random() % 9
					 : (uint64_t)random() % 9;
		w.op = (uint32_t)random() % 3 ? WAIT_BITSET : (uint32_t)random();
		w.val = (uint32_t)random() % 4 ? (uint32_t)random() % 4 : (uint32_t)random();
		w.valid = (uint32_t)random() % 5 ? 0 : (uint32_t)random() % (WIRE_WORD_LEN + 1);
		for (size_t k = 0; k < sizeof(w.bytes); k++)
			w.bytes[k] = random() % 3 ? 0 : (uint8_t)(random() % (i % 2 ? 12 : 256));
		g = word_guess_memory(&w, random() % 2);
		assert_true(g.kind < KIND_FOLDED);
		assert_true(w.addr - g.base < 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutexes),	 cmocka_unit_test(owners),
		cmocka_unit_test(by_call),	 cmocka_unit_test(conditions),
		cmocka_unit_test(rwlocks),	 cmocka_unit_test(semaphores),
		cmocka_unit_test(barriers),	 cmocka_unit_test(on_stack),
		cmocka_unit_test(real_objects),	 cmocka_unit_test(unreadable),
		cmocka_unit_test(random_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
