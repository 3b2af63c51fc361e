// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * whatif_test.c - from records to answers: what is predicted, with which range, and what is
 * refused.
 *
 * Times are ms after the begin of the window.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/analysis/analysis.h"
#include "user/analysis/whatif_parts.h"
#include "user/model/model.h"
#include "user/model/timeline.h"
#include "user/trace/trace.h"

#define MS 1000000ULL
#define MUTEX "block.addr=0x5000 block.op=0x80 block.val=2 block.nr=202 block.word=2"

static struct model *m;
static struct report *r;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* One line of a text trace. */
static void say(const char *fmt, ...)
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
	if (trace_parse(line, &rec, sizeof(rec)) != 1)
		fail_msg("%s: %s", line, fail_text());
	assert_int_equal(model_apply(m, &rec.head), 0);
}

static void task(unsigned int tid, const char *state)
{
	say("1000000 task tid=%u tgid=10 parent_tgid=1 ns_tid=%u ns_tgid=10 start_ns=%u "
	    "comm=\"app\" state=%s flags=0x1",
	    tid, tid, tid, state);
}

static int begin(void **state)
{
	(void)state;
	m = model_new();
	model_record(m);
	say("0 host cpus_online=2");
	say("1000000 window begin_ns=1000000");
	return 0;
}

static int end(void **state)
{
	(void)state;
	report_free(r);
	model_free(m);
	r = NULL;
	return 0;
}

/* The window closes after so many ms; then these questions. */
static int ask(unsigned int ms, const char *const *questions, size_t n)
{
	if (ms)
		say("%u000000 window begin_ns=1000000 end_ns=%u000000", ms + 1, ms + 1);
	model_finish(m);
	r = analysis_report(m);
	return whatif_answer(r, m, questions, n);
}

static const struct report_whatif *answer(const char *question)
{
	for (size_t i = 0; i < r->prediction->n_whatifs; i++)
		if (!strcmp(r->prediction->whatifs[i].asked, question))
			return &r->prediction->whatifs[i];
	fail_msg("no answer to %s", question);
	return NULL;
}

#define ASK(ms, ...)                                                                               \
	ask(ms, (const char *const[]){ __VA_ARGS__ },                                              \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void assert_value(const char *question, double ms)
{
	const struct report_whatif *w = answer(question);

	if (w->refused)
		fail_msg("%s is refused: %s", question, w->why);
	assert_true(w->low_ns <= w->value_ns && w->value_ns <= w->high_ns);
	assert_in_range(w->value_ns, (uint64_t)(ms * 1e6) - 1000, (uint64_t)(ms * 1e6) + 1000);
}

static void assert_refused(const char *question, const char *because)
{
	const struct report_whatif *w = answer(question);

	assert_true(w->refused);
	if (!strstr(w->why, because))
		fail_msg("%s is refused because: %s", question, w->why);
}

/* from waits for the lock until to gives it; then it runs.  addr2: of the word that is waked. */
static void hand_over(unsigned int ms, unsigned int from, unsigned int to, const char *block,
		      unsigned int addr)
{
	say("%u000000 wake tid=%u waker_tid=%u waker_tgid=10 flags=0x26 addr=0x%x", ms, to, from,
	    addr);
	say("%u000000 futex tid=%u addr=0x%x op=0x81 val=1 ret=1", ms, from, addr);
	say("%u000000 switch tid=%u next_tid=%u prev_state=futex flags=0x4 %s", ms, from, to,
	    block);
	say("%u000000 futex tid=%u addr=0x%x op=%s ret=0 flags=0x1", ms, to, addr,
	    strstr(block, "0x89") ? "0x89" : "0x80");
}

/* Two threads take turns of 10 ms, ten turns in all: the first one begins. */
static void turns(const char *block, unsigned int addr)
{
	task(10, "on_cpu");
	task(11, "on_cpu");
	say("1000000 switch tid=11 prev_state=futex flags=0x4 %s", block);
	for (unsigned int i = 0; i < 9; i++)
		hand_over(11 + 10 * i, 10 + i % 2, 11 - i % 2, block, addr);
}

static void gil(void)
{
	say("1000000 region tid=10 begin=0x9020 end=0x90d0 region_kind=1 name=\"GIL (CPython "
	    "3.11)\"");
	turns("block.addr=0x904c block.op=0x89 block.val=0 block.nr=202 block.word=1", 0x904c);
}

static void costs(void)
{
	say("1000 start_costs thread_ns=10000 fork_ns=200000 exit_ns=100000 ipc_ns=5000");
	say("1000 speed threads=1 ppm=1000000 low_ppm=1000000 high_ppm=1000000");
	say("1000 speed threads=2 ppm=800000 low_ppm=750000 high_ppm=900000");
}

static void gil_halves(void **state)
{
	(void)state;
	gil();
	assert_int_equal(ASK(100, "processes", "no-gil", "no-lock:L1", "no-lock:gil", "cpus:1"), 0);
	assert_true(r->prediction->possible);
	assert_int_equal(r->prediction->measured_ns, 100 * MS);
	assert_true(r->prediction->error > -0.001 && r->prediction->error < 0.001);
	assert_value("no-gil", 50);
	assert_value("processes", 50);
	assert_value("no-lock:L1", 50);
	assert_value("no-lock:gil", 50);
	assert_value("cpus:1", 100);
	assert_false(r->prediction->costs_known);
	assert_string_equal(answer("no-gil")->limit, "the CPUs: 2.00 of 2.00");
}

static void costs_count(void **state)
{
	(void)state;
	costs();
	gil();
	assert_int_equal(ASK(100, "no-gil"), 0);
	assert_true(r->prediction->costs_known);
	assert_value("no-gil", 50 / 0.8);
	assert_in_range(answer("no-gil")->low_ns, 50 * MS, 56 * MS);  /* 50 / 0.9, less 5 % */
	assert_in_range(answer("no-gil")->high_ns, 66 * MS, 71 * MS); /* 50 / 0.75, and 5 % */
}

/* Speeds that no machine has are none. */
static void false_costs(void **state)
{
	(void)state;
	say("1000 start_costs thread_ns=10000");
	say("1000 speed threads=1 ppm=0 low_ppm=0 high_ppm=4294967295");
	say("1000 speed threads=0 ppm=1 low_ppm=1 high_ppm=1");
	say("1000 speed threads=4000000000 ppm=1 low_ppm=1 high_ppm=1");
	gil();
	assert_int_equal(ASK(100, "no-gil"), 0);
	assert_false(r->prediction->costs_known);
	assert_value("no-gil", 50);
}

static void ranks_and_path(void **state)
{
	uint64_t sum = 0;

	(void)state;
	gil();
	assert_int_equal(ASK(100, "no-gil"), 0);
	assert_true(r->prediction->n_serial >= 1);
	assert_int_equal(r->prediction->serial[0].lock, 1);
	assert_in_range(r->prediction->serial[0].value_ns, 50 * MS - 1000, 50 * MS + 1000);
	for (size_t i = 0; i < CRITICAL_KINDS; i++)
		sum += r->prediction->critical.kind_ns[i];
	assert_int_equal(sum, 100 * MS);
	assert_int_equal(r->prediction->critical.kind_ns[CRITICAL_RUN], 100 * MS);
	assert_int_equal(r->prediction->critical.jumps, 9);
}

static void mutex_gone(void **state)
{
	(void)state;
	turns(MUTEX, 0x5000);
	assert_int_equal(ASK(100, "no-lock:L1", "processes", "no-gil"), 0);
	assert_value("no-lock:L1", 50);
	assert_refused("processes", "threads share data");
	assert_refused("no-gil", "nobody waited for a GIL");
}

/* Turns of 10 ms; one thread waits at 0x5000, the other one at another address. */
static void two_addresses(unsigned int other)
{
	const char *const block = "block.op=0x80 block.val=0 block.nr=202 block.addr";
	struct lock *l;

	task(10, "on_cpu");
	task(11, "on_cpu");
	say("1000000 switch tid=11 prev_state=futex flags=0x4 %s=0x5000", block);
	for (unsigned int i = 0; i < 9; i++) {
		unsigned int ms = 11 + 10 * i, from = 10 + i % 2, to = 11 - i % 2;
		unsigned int woken = i % 2 ? other : 0x5000, next = i % 2 ? 0x5000 : other;

		say("%u000000 wake tid=%u waker_tid=%u waker_tgid=10 flags=0x26 addr=0x%x", ms, to,
		    from, woken);
		say("%u000000 futex tid=%u addr=0x%x op=0x81 val=1 ret=1", ms, from, woken);
		say("%u000000 switch tid=%u next_tid=%u prev_state=futex flags=0x4 %s=0x%x", ms,
		    from, to, block, next);
		say("%u000000 futex tid=%u addr=0x%x op=0x80 ret=0 flags=0x1", ms,
		    to, woken);
	}
	DL_FOREACH (m->locks, l)
		if (l->base == 0x5000)
			l->kind = KIND_HANDOFF; /* as if it had been seen to be one */
}

static void handoff_with_parts(void **state)
{
	struct prediction p = { 0 };
	const struct lock *l;

	(void)state;
	two_addresses(0x5040);
	p.m = m;
	prediction_find_handoffs(&p);
	DL_FOREACH (m->locks, l)
		assert_int_equal(prediction_is_part(&p, l), l->base == 0x5040);
	free(p.handoffs);
	assert_int_equal(ASK(100, "no-gil", "processes", "no-lock:0x5000"), 0);
	assert_value("no-gil", 50);
	assert_value("processes", 50);
	assert_value("no-lock:0x5000", 50);
}

/* What lies elsewhere is another lock. */
static void handoff_alone(void **state)
{
	struct prediction p = { 0 };
	const struct lock *l;

	(void)state;
	two_addresses(0x7000);
	p.m = m;
	prediction_find_handoffs(&p);
	assert_int_equal(p.n_handoffs, 1);
	DL_FOREACH (m->locks, l)
		assert_false(prediction_is_part(&p, l));
	free(p.handoffs);
}

/* A condition 1000 times a second. */
static void queue_refused(void **state)
{
	(void)state;
	task(10, "on_cpu");
	task(11, "on_cpu");
	say("1000000 word tid=11 tgid=10 addr=0x6020 op=0x189 val=0 sp=0x7ffd0000 bytes="
	    "00000000000000000000000000000000030000000000"
	    "0000000000000000000000000000000000000000000009");
	for (unsigned int i = 1; i < 100; i++) {
		say("%u000000 switch tid=11 prev_state=futex flags=0x4 block.addr=0x6020 "
		    "block.op=0x189 block.val=0 block.nr=202",
		    i);
		say("%u500000 wake tid=11 waker_tid=10 waker_tgid=10 flags=0x26 addr=0x6020", i);
		say("%u500000 switch next_tid=11", i);
		say("%u500000 futex tid=11 addr=0x6020 op=0x189 ret=0 flags=0x1", i);
	}
	assert_int_equal(ASK(100, "processes"), 0);
	if (strcmp(r->locks[0].kind, "condition") != 0)
		fail_msg("a %s", r->locks[0].kind);
	assert_refused("processes", "hand work or data to each other");
}

static void one_thread_refused(void **state)
{
	(void)state;
	task(10, "on_cpu");
	assert_int_equal(ASK(100, "processes", "cpus:4"), 0);
	assert_refused("processes", "more than one thread");
	assert_value("cpus:4", 100);
}

static void names(void **state)
{
	(void)state;
	turns(MUTEX, 0x5000);
	assert_int_equal(ASK(100, "no-lock:nothing", "no-lock:L1", "no-lock:L7"), -EINVAL);
	assert_non_null(strstr(fail_text(), "no-lock:nothing: no such lock; there are L1 "));
	assert_refused("no-lock:nothing", "no such lock");
	assert_refused("no-lock:L7", "no such lock");
	assert_value("no-lock:L1", 50);
}

static void ambiguous_name(void **state)
{
	(void)state;
	turns(MUTEX, 0x5000);
	say("95000000 switch tid=10 prev_state=futex flags=0x4 block.addr=0x7000 block.op=0x80 "
	    "block.val=2 block.nr=202 block.word=2");
	assert_int_equal(ASK(100, "no-lock:000"), -EINVAL);
	assert_refused("no-lock:000", "2 locks have that name: L1 ");
}

static void bad_questions(void **state)
{
	static const char *const bad[] = {
		"",	   "process",	"no-lock:", "cpus:",   "cpus:0",
		"cpus:-1", "cpus:5000", "cpus:2x",  "no-gil ", "all:",
	};
	struct whatif w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (whatif_parse(bad[i], &w) != -EINVAL)
			fail_msg("'%s' is a question", bad[i]);
	assert_int_equal(whatif_parse("cpus:64", &w), 0);
	assert_int_equal(w.cpus, 64);
	assert_int_equal(whatif_parse("no-lock:a b", &w), 0);
	assert_string_equal(w.name, "a b");
	assert_int_equal(ASK(0, "all"), 0);
}

static void all(void **state)
{
	(void)state;
	gil();
	assert_int_equal(ASK(100, "all"), 0);
	assert_value("processes", 50);
	assert_value("no-gil", 50);
	assert_value("cpus:4", 100);
}

/* Three threads on two CPUs, one of them last: equal shares would take 75 ms, not 100. */
static void self_check(void **state)
{
	(void)state;
	task(10, "on_cpu");
	task(11, "on_cpu");
	task(12, "preempted");
	say("51000000 switch tid=10 next_tid=12 prev_state=dead flags=0x4 block.addr=10");
	say("51000000 switch tid=11 prev_state=dead flags=0x4 block.addr=11");
	assert_int_equal(ASK(100, "cpus:4"), 0);
	assert_false(r->prediction->possible);
	assert_non_null(strstr(r->prediction->why_not, "instead of 100 ms"));
	assert_true(answer("cpus:4")->refused);
	assert_int_equal(r->prediction->n_serial, 0);
}

static void too_short(void **state)
{
	(void)state;
	task(10, "on_cpu");
	assert_int_equal(ASK(20, "cpus:4"), 0);
	assert_refused("cpus:4", "too little happened");
}

static void truncated(void **state)
{
	(void)state;
	gil();
	assert_int_equal(ASK(0, "no-gil"), 0);
	assert_refused("no-gil", "ends before its window was closed");
}

static void losses(void **state)
{
	(void)state;
	gil();
	say("100000000 loss count.made=1000 count.ring_full=100 count.received=900");
	assert_int_equal(ASK(100, "no-gil"), 0);
	assert_refused("no-gil", "10.0 % of the records were lost");
}

static void single_threads(void **state)
{
	(void)state;
	gil();
	say("101000000 window begin_ns=1000000 end_ns=101000000 flags=0x4");
	assert_int_equal(ASK(0, "no-gil"), 0);
	assert_refused("no-gil", "only some threads");
}

static void cut(void **state)
{
	(void)state;
	gil();
	m->timeline->cut = true;
	assert_int_equal(ASK(100, "no-gil"), 0);
	assert_refused("no-gil", "too many events");
	assert_int_equal(r->prediction->critical.total_ns, 0);
}

static void no_timeline(void **state)
{
	(void)state;
	timeline_free(m);
	task(10, "on_cpu");
	assert_int_equal(ASK(100, "cpus:2"), -EINVAL);
	assert_null(r->prediction);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(handoff_with_parts),
		TEST(handoff_alone),
		TEST(gil_halves),
		TEST(costs_count),
		TEST(false_costs),
		TEST(ranks_and_path),
		TEST(mutex_gone),
		TEST(queue_refused),
		TEST(one_thread_refused),
		TEST(names),
		TEST(ambiguous_name),
		TEST(bad_questions),
		TEST(all),
		TEST(self_check),
		TEST(too_short),
		TEST(truncated),
		TEST(losses),
		TEST(single_threads),
		TEST(cut),
		TEST(no_timeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
