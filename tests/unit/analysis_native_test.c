// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * analysis_native_test.c - what native stacks and told objects make of a report: names of locks,
 * where they are taken, whole stacks with their time, how stacks end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/analysis/analysis.h"
#include "user/model/model.h"
#include "user/trace/trace.h"

#define MS 1000000ULL
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static void say(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line of a text trace. */
static void say(struct model *m, const char *fmt, ...)
{
	union {
		struct wire_head head;
		uint8_t room[TRACE_RECORD_MAX];
	} rec;
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	assert_int_equal(trace_parse(line, &rec, sizeof(rec)), 1);
	assert_int_equal(model_apply(m, &rec.head), 0);
}

/* A native function at an address; flags as of wire_frame. */
static void function(struct model *m, unsigned int addr, const char *name, const char *file,
		     unsigned int line, unsigned int flags)
{
	say(m,
	    "1000000 frame tid=10 code=0x1 instr=0x%x function=\"%s\" file=\"%s\" line=%u "
	    "module=\"app\" offset=0x%x flags=0x%x",
	    addr, name, file, line, addr, flags);
}

static struct model *begin(void)
{
	struct model *m = model_new();

	say(m, "0 host cpus_online=4");
	say(m, "1000000 window begin_ns=1000000");
	for (unsigned int tid = 10; tid < 13; tid++)
		say(m,
		    "1000000 task tid=%u tgid=10 parent_tgid=1 ns_tid=%u ns_tgid=10 start_ns=%u "
		    "comm=\"app\" state=on_cpu flags=0x1",
		    tid, tid, tid);
	function(m, 0x101, "pthread_mutex_lock", "", 0, WIRE_FRAME_LIBRARY);
	function(m, 0x102, "add", "/src/app.c", 41, 0);
	function(m, 0x103, "add", "/src/app.c", 43, 0);
	function(m, 0x104, "main", "/src/app.c", 90, 0);
	function(m, 0x105, "pthread_mutex_unlock", "", 0, WIRE_FRAME_LIBRARY);
	function(m, 0x106, "", "", 0, 0);
	say(m, "1000000 stack tid=10 id=0x51 flags=0x4 frames=0x1:0x101,0x1:0x102,0x1:0x104");
	say(m, "1000000 stack tid=10 id=0x52 flags=0x4 frames=0x1:0x101,0x1:0x103,0x1:0x104");
	say(m, "1000000 stack tid=10 id=0x53 flags=0x4 frames=0x1:0x105,0x1:0x102,0x1:0x104");
	say(m, "1000000 stack tid=10 id=0x54 flags=0x8 frames=0x1:0x106");
	return m;
}

static struct report *end(struct model *m)
{
	say(m, "21000000 window begin_ns=1000000 end_ns=21000000");
	model_finish(m);
	return analysis_report(m);
}

/* tid waits for tid 10 from..to, in ms; stacks of the waiter and of the one that lets go, 0: none.
 */
static void wait_for(struct model *m, unsigned int tid, unsigned int addr, unsigned int from,
		     unsigned int to, unsigned int stack, unsigned int woke)
{
	say(m,
	    "%u000000 switch tid=%u prev_state=futex flags=0x4 block.addr=0x%x block.op=0x80 "
	    "block.val=2 block.nr=202 block.word=2 block.aux=10",
	    from, tid, addr);
	say(m, "%u000000 wake tid=%u waker_tid=10 waker_tgid=10 flags=0x26 addr=0x%x", to, tid,
	    addr);
	if (woke)
		say(m, "%u000000 sample tid=10 why=woke addr=0x%x weight_ns=1 stack=0x%x", to, addr,
		    woke);
	say(m, "%u000000 futex tid=10 addr=0x%x op=0x81 val=1 ret=1", to, addr);
	say(m, "%u000000 switch next_tid=%u", to, tid);
	if (stack)
		say(m, "%u000000 sample tid=%u why=waited addr=0x%x weight_ns=%u000000 stack=0x%x",
		    to, tid, addr, to - from, stack);
	say(m, "%u000000 futex tid=%u addr=0x%x op=0x80 val=2 ret=0 flags=0x1", to, tid, addr);
	say(m, "%u000000 futex tid=%u addr=0x%x op=0x81 val=1 ret=0", to, tid, addr);
}

static const struct report_lock *lock_at(const struct report *r, uint64_t addr)
{
	for (size_t i = 0; i < r->n_locks; i++)
		if (r->locks[i].addr == addr)
			return &r->locks[i];
	fail_msg("no lock at 0x%llx", (unsigned long long)addr);
	return NULL;
}

/* --- names and places ------------------------------------------------------------------------- */

static const struct naming {
	const char *said; /* of wire_object */
	const char *object, *name;
} namings[] = {
	{ "begin=0x5000 name=registry_lock region=app", "registry_lock", "mutex registry_lock" },
	{ "begin=0x4fd8 name=cache region=app", "cache+0x28", "mutex cache+0x28" },
	{ "begin=0x4fd8 name=cache region=libfoo.so.1", "cache+0x28 (libfoo.so.1)",
	  "mutex cache+0x28 (libfoo.so.1)" },
	{ "begin=0x5000 name=l region=server", "l", "mutex l" }, /* as its command line says */
	{ "begin=0x5000 name=l region=erver", "l (erver)", "mutex l (erver)" },
	{ "region=heap", "heap", "mutex 0x5000 (heap)" },
	{ "region=stack", "stack", "mutex 0x5000 (stack)" },
	{ "region=memory", "memory", "mutex 0x5000 (memory)" },
	{ "region=libfoo.so.1", "0x5000 (libfoo.so.1)", "mutex 0x5000 (libfoo.so.1)" },
	{ "begin=0x6000 name=later region=app", "later", "mutex later" }, /* nonsense */
	{ "name=x region=", "x", "mutex x" },
	{ "region=", "", "mutex 0x5000" },
};

static void objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(namings); i++) {
		struct model *m = begin();
		struct report *r;

		say(m, "1000000 proc tid=10 start_ns=1 cmdline=\"/srv/server -x\"");
		say(m, "1500000 object tid=10 addr=0x5000 region=heap");
		say(m, "1500000 object tid=10 addr=0x5000 %s", namings[i].said);
		wait_for(m, 11, 0x5000, 2, 6, 0x51, 0);
		r = end(m);
		assert_string_equal(lock_at(r, 0x5000)->object, namings[i].object);
		assert_string_equal(lock_at(r, 0x5000)->name, namings[i].name);
		report_free(r);
		model_free(m);
	}
}

/* Both words of a rwlock, and of a condition, are the variable. */
static void inner_words(void **state)
{
	static const struct {
		unsigned int word, begin;
		const char *function, *name;
	} cases[] = {
		{ 0x7008, 0x7000, "pthread_rwlock_rdlock", "rwlock v" },
		{ 0x7008, 0x6ff0, "pthread_rwlock_rdlock", "rwlock v+0x10" },
		{ 0x7004, 0x7000, "pthread_barrier_wait", "barrier v" },
		{ 0x7028, 0x7000, "pthread_cond_wait", "condition v" },
		{ 0x7020, 0x7000, "pthread_cond_wait", "condition v" },
		{ 0x7030, 0x7000, "pthread_cond_wait", "condition v+0x30" },
		{ 0x7030, 0x7000, "sem_wait", "semaphore v+0x30" },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct model *m = begin();
		struct report *r;

		function(m, 0x101, cases[i].function, "", 0, WIRE_FRAME_LIBRARY);
		say(m, "1500000 object tid=10 addr=0x%x begin=0x%x name=v", cases[i].word,
		    cases[i].begin);
		wait_for(m, 11, cases[i].word, 2, 6, 0x51, 0);
		r = end(m);
		assert_string_equal(lock_at(r, cases[i].word)->name, cases[i].name);
		report_free(r);
		model_free(m);
	}
}

/* Of several places the one where most time was waited and that is known. */
static void places(void **state)
{
	struct model *m = begin();
	const struct report_lock *l;
	struct report *r;

	(void)state;
	wait_for(m, 11, 0x5000, 2, 4, 0x51, 0);
	wait_for(m, 11, 0x5000, 5, 8, 0x52, 0);
	wait_for(m, 11, 0x5000, 9, 13, 0x99, 0);
	wait_for(m, 11, 0x6000, 14, 15, 0x54, 0);
	wait_for(m, 11, 0x7000, 16, 17, 0, 0);
	r = end(m);
	l = lock_at(r, 0x5000);
	assert_string_equal(l->place.function, "add");
	assert_string_equal(l->place.file, "/src/app.c");
	assert_int_equal(l->place.line, 43);
	assert_string_equal(l->place.module, "app");
	assert_int_equal(l->place.offset, 0x103);
	assert_int_equal(l->n_sites, 3);
	assert_int_equal(l->sites[0].ns, 4 * MS);
	assert_string_equal(l->sites[0].place.function, "");
	l = lock_at(r, 0x6000);
	assert_string_equal(l->place.function, "");
	assert_string_equal(l->place.module, "app");
	assert_int_equal(l->place.offset, 0x106);
	assert_string_equal(l->sites[0].stack, "app+0x106 ... (cut off)");
	l = lock_at(r, 0x7000);
	assert_string_equal(l->place.function, "");
	assert_string_equal(l->place.module, "");
	report_free(r);
	model_free(m);
}

/* --- whole stacks ----------------------------------------------------------------------------- */

/* A row as "tid: frame;frame ms". */
static void expect_folded(const struct report *r, enum report_profile profile,
			  const char *const *rows)
{
	char text[256];
	size_t n = 0;

	for (; rows[n]; n++) {
		const struct report_folded *f = &r->folded[profile][n];

		assert_true(n < r->n_folded[profile]);
		assert_string_equal(f->comm, "app");
		assert_int_equal(f->pid, 10);
		snprintf(text, sizeof(text), "%u: ", f->tid);
		for (size_t i = 0; i < f->n; i++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 i ? ";" : "", f->frames[i]);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %llu",
			 (unsigned long long)(f->ns / MS));
		assert_string_equal(text, rows[n]);
	}
	assert_int_equal(n, r->n_folded[profile]);
}

static void folded(void **state)
{
	static const char *const waiting[] = { "11: main;add;pthread_mutex_lock 5",
					       "12: [unknown] 4", "11: [cut off];app+0x106 1",
					       NULL };
	static const char *const holding[] = { "10: main;add;pthread_mutex_unlock 6",
					       "10: [unknown] 4", NULL };
	struct model *m = begin();
	struct report *r;

	(void)state;
	wait_for(m, 11, 0x5000, 2, 4, 0x51, 0x53);
	wait_for(m, 11, 0x5000, 5, 8, 0x52, 0);
	wait_for(m, 12, 0x6000, 9, 13, 0, 0);
	wait_for(m, 11, 0x5000, 14, 15, 0x54, 0x53);
	for (unsigned int i = 0; i < 3; i++) {
		say(m, "%u000000 sample tid=10 why=cpu weight_ns=1000000 stack=0x5%u", 16 + i,
		    1 + i);
		say(m, "%u000000 sample tid=11 why=cpu weight_ns=1000000 stack=0x0", 16 + i);
	}
	/* the mutex is known by memory, so that it has an owner */
	say(m, "18000000 word tid=11 tgid=10 addr=0x6000 op=0x80 val=2");
	r = end(m);
	expect_folded(r, PROFILE_WAITING, waiting);
	expect_folded(r, PROFILE_HOLDING, holding);
	assert_string_equal(report_profiles[PROFILE_WAITING], "waiting");
	report_free(r);
	model_free(m);
}

/* CPU time is exact, samples only divide it. */
static void folded_cpu(void **state)
{
	struct model *m = begin();
	uint64_t sum = 0;
	struct report *r;

	(void)state;
	for (unsigned int i = 0; i < 7; i++)
		say(m, "%u000000 sample tid=%u why=cpu weight_ns=1000000 stack=0x%x", 2 + i,
		    10 + i % 3, 0x51 + i % 5);
	r = end(m);
	for (size_t i = 0; i < r->n_folded[PROFILE_ON_CPU]; i++)
		sum += r->folded[PROFILE_ON_CPU][i].ns;
	assert_int_equal(sum, 3 * 20 * MS);
	report_free(r);
	model_free(m);
}

/* Without a sample nothing is known of stacks. */
static void no_samples(void **state)
{
	struct model *m = begin();
	struct report *r;

	(void)state;
	wait_for(m, 11, 0x5000, 2, 6, 0, 0);
	r = end(m);
	for (int i = 0; i < PROFILE_COUNT; i++)
		assert_int_equal(r->n_folded[i], 0);
	report_free(r);
	model_free(m);
}

/* --- quality ---------------------------------------------------------------------------------- */

static void quality(void **state)
{
	static const unsigned int flags[] = {
		WIRE_STACK_WHOLE,   WIRE_STACK_WHOLE | WIRE_STACK_POINTERS,
		WIRE_STACK_CUT,	    WIRE_STACK_ASTRAY,
		WIRE_STACK_NO_RULE, WIRE_STACK_NO_MEMORY,
		WIRE_STACK_EARLY,
	};
	struct model *m = begin();
	const struct report_quality *q;
	struct report *r;

	(void)state;
	for (unsigned int i = 0; i < LENGTH(flags); i++) {
		say(m, "2000000 stack tid=10 id=0x%x flags=0x%x frames=0x1:0x101", 0x80 + i,
		    flags[i]);
		say(m, "3000000 sample tid=10 why=cpu weight_ns=1000000 stack=0x%x", 0x80 + i);
	}
	say(m, "3000000 sample tid=10 why=cpu weight_ns=1000000 stack=0x0");
	say(m, "3000000 loss count.unwind=7");
	say(m, "3000000 cost cpu_ns=1 stacks=2 stack_ns=3 stack_frames=4 tables=5 table_rows=6 "
	       "table_ns=7 symbol_cpu_ns=8");
	r = end(m);
	q = &r->quality;
	assert_int_equal(q->samples, LENGTH(flags) + 1);
	assert_int_equal(q->samples_unread, 1); /* native stacks of the process are there */
	assert_int_equal(q->samples_native, LENGTH(flags));
	assert_int_equal(q->samples_whole, 2);
	assert_int_equal(q->samples_pointers, 1);
	assert_int_equal(q->samples_cut, 1);
	assert_int_equal(q->samples_astray, 1);
	assert_int_equal(q->samples_no_rule, 1);
	assert_int_equal(q->samples_no_memory, 1);
	assert_int_equal(q->samples_early, 1);
	assert_int_equal(q->stacks_taken, 2);
	assert_int_equal(q->stacks_ns, 3);
	assert_int_equal(q->stacks_frames, 4);
	assert_int_equal(q->tables, 5);
	assert_int_equal(q->table_rows, 6);
	assert_int_equal(q->table_ns, 7);
	assert_int_equal(q->symbol_cpu_ns, 8);
	assert_int_equal(q->loss[WIRE_LOSS_UNWIND].count, 7);
	assert_true(q->complete);
	report_free(r);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects),    cmocka_unit_test(inner_words),
		cmocka_unit_test(places),     cmocka_unit_test(folded),
		cmocka_unit_test(folded_cpu), cmocka_unit_test(no_samples),
		cmocka_unit_test(quality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
