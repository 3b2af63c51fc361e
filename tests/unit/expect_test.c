// SPDX-License-Identifier: GPL-2.0-or-later
/* expect_test.c - tests of user/analysis/expect: what may be expected, and when it is so. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/expect.h"
#include "user/analysis/metric_named.h"
#include "user/base/buf.h"
#include "user/base/fail.h" /* before cmocka.h, which has a macro of that name */

#include <cmocka.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		bool change;
		const char *key;
		enum expect_op op;
		double limit;
		bool relative;
	} good[] = {
		{ "parallelism>=1.8", false, "parallelism", EXPECT_GE, 1.8, false },
		{ " gil.share < 5 % ", false, "gil.share", EXPECT_LT, 0.05, false },
		{ "gil.share<0.05", false, "gil.share", EXPECT_LT, 0.05, false },
		{ "lock.share<=100%", false, "lock.share", EXPECT_LE, 1, false },
		{ "wall<1.5s", false, "wall", EXPECT_LT, 1.5, false },
		{ "wall<=200ms", false, "wall", EXPECT_LE, 0.2, false },
		{ "wall>2", false, "wall", EXPECT_GT, 2, false },
		{ "futex.calls<1000/s", false, "futex.calls", EXPECT_LT, 1000, false },
		{ "futex.calls<1000", false, "futex.calls", EXPECT_LT, 1000, false },
		{ "threads<=4", false, "threads", EXPECT_LE, 4, false },
		{ "lock[operator<].p99<1ms", false, "lock[operator<].p99", EXPECT_LT, 0.001,
		  false },
		{ "lock[a==b].waits>=3", false, "lock[a==b].waits", EXPECT_GE, 3, false },
		{ "wall<=+10%", true, "wall", EXPECT_LE, 0.1, true },
		{ "wall<=+200ms", true, "wall", EXPECT_LE, 0.2, false },
		{ "parallelism>=-0.2", true, "parallelism", EXPECT_GE, -0.2, false },
		{ "parallelism>=-20%", true, "parallelism", EXPECT_GE, -0.2, true },
		{ "gil.share<=+5pp", true, "gil.share", EXPECT_LE, 0.05, false },
		{ "switches<+100/s", true, "switches", EXPECT_LT, 100, false },
		{ "switches<+300%", true, "switches", EXPECT_LT, 3, true },
	};
	struct expect e;

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++) {
		if (expect_parse(&e, good[i].text, good[i].change))
			fail_msg("%s: %s", good[i].text, fail_text());
		assert_string_equal(e.key, good[i].key);
		assert_int_equal(e.op, good[i].op);
		assert_true(fabs(e.limit - good[i].limit) < 1e-12);
		assert_int_equal(e.relative, good[i].relative);
		assert_string_equal(e.verdict, "");
	}
	assert_int_equal(expect_parse(&e, "verdict!=gil-bound", false), 0);
	assert_string_equal(e.verdict, "gil-bound");
	assert_int_equal(expect_parse(&e, "verdict==same", true), 0);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		bool change;
		const char *words;
	} bad[] = {
		{ "", false, "must be METRIC" },
		{ "parallelism", false, "must be METRIC" },
		{ "<1", false, "must be METRIC" },
		{ "parallelism=1", false, "must be METRIC" },
		{ "parallelism<", false, "nothing to compare with" },
		{ "paralelism<1", false, "no metric 'paralelism': there are verdict, wall" },
		{ "lock[].wait<1", false, "no metric" },
		{ "parallelism<x", false, "no such number" },
		{ "parallelism<1x", false, "no such number" },
		{ "parallelism<1 2", false, "no such number" },
		{ "parallelism<1e3", false, "no such number" },
		{ "parallelism<0x10", false, "no such number" },
		{ "parallelism<nan", false, "no such number" },
		{ "parallelism<1.2.3", false, "no such number" },
		{ "parallelism<5%", false, "no share" },
		{ "gil.share<5", false, "a share is 0 to 1" },
		{ "gil.share<500%", false, "a share is 0 to 1" },
		{ "wall<5%", false, "wall<5%" },
		{ "wall<5 parsecs", false, "parsecs" },
		{ "wall==1s", false, "has a limit" },
		{ "wall<+10%", false, "no + or -" },
		{ "wall<10%", true, "about the change" },
		{ "gil.share<=+5%", true, "percentage points" },
		{ "gil.share<=+0.05", true, "percentage points" },
		{ "gil.share<=+500pp", true, "a share is 0 to 1" },
		{ "verdict<parallel", false, "== or !=" },
		{ "verdict==paralel", false, "no verdict 'paralel': there are gil-bound" },
		{ "verdict==parallel", true, "only verdict==same" },
		{ "verdict!=same", true, "only verdict==same" },
	};
	struct expect e;
	char longest[600];

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		if (expect_parse(&e, bad[i].text, bad[i].change) != -EINVAL)
			fail_msg("'%s' is taken", bad[i].text);
		if (!strstr(fail_text(), bad[i].words))
			fail_msg("'%s': %s; expected '%s'", bad[i].text, fail_text(), bad[i].words);
	}
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(expect_parse(&e, longest, false), -EINVAL);
	memcpy(longest, "wall<", 5);
	assert_int_equal(expect_parse(&e, longest, false), -EINVAL);
	memset(longest, 'x', sizeof(longest) - 3);
	memcpy(longest + sizeof(longest) - 3, "<1", 3);
	assert_int_equal(expect_parse(&e, longest, false), -EINVAL);
}

static void test_place(void **state)
{
	static const struct {
		enum expect_op op;
		double low, high;
		enum expect_result result;
	} table[] = {
		/* against 2 */
		{ EXPECT_LT, 1, 1.9, EXPECT_MET },    { EXPECT_LT, 1, 2, EXPECT_UNCLEAR },
		{ EXPECT_LT, 2, 3, EXPECT_FAILED },   { EXPECT_LT, 2, 2, EXPECT_FAILED },
		{ EXPECT_LE, 1, 2, EXPECT_MET },      { EXPECT_LE, 2, 2, EXPECT_MET },
		{ EXPECT_LE, 2, 3, EXPECT_UNCLEAR },  { EXPECT_LE, 2.1, 3, EXPECT_FAILED },
		{ EXPECT_GT, 2.1, 3, EXPECT_MET },    { EXPECT_GT, 2, 3, EXPECT_UNCLEAR },
		{ EXPECT_GT, 1, 2, EXPECT_FAILED },   { EXPECT_GT, 2, 2, EXPECT_FAILED },
		{ EXPECT_GE, 2, 3, EXPECT_MET },      { EXPECT_GE, 1, 2, EXPECT_UNCLEAR },
		{ EXPECT_GE, 1, 1.9, EXPECT_FAILED }, { EXPECT_GE, 2, 2, EXPECT_MET },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		if (expect_place(table[i].op, table[i].low, table[i].high, 2) != table[i].result)
			fail_msg("row %zu", i);
}

static enum expect_result judged(const char *text, const struct metrics *t, const char *words)
{
	struct buf why = { 0 };
	enum expect_result result;
	struct expect e;

	assert_int_equal(expect_parse(&e, text, false), 0);
	result = expect_judge(&e, t, &why);
	if (!strstr(why.data, words))
		fail_msg("%s: '%s', expected '%s'", text, why.data, words);
	buf_free(&why);
	return result;
}

static void test_judge(void **state)
{
	struct metrics t = { .verdict = "parallel" };
	struct metric *m;

	(void)state;
	m = metrics_add(&t, "parallelism", METRIC_CPUS, METRIC_HIGHER, 1.5);
	m->v = (struct stats_interval){ 1.5, 1.4, 1.6, 10 };
	assert_int_equal(judged("parallelism>=1.3", &t, "1.50 CPUs (95 %: 1.40 CPUs .. 1.60 CPUs)"),
			 EXPECT_MET);
	assert_int_equal(judged("parallelism>=1.45", &t, ""), EXPECT_UNCLEAR);
	assert_int_equal(judged("parallelism>=1.7", &t, ""), EXPECT_FAILED);
	/* others had the CPUs: 1.8 is possible, give or take as much noise */
	m->undisturbed = 1.8;
	assert_int_equal(judged("parallelism>=1.7", &t, "1.80 CPUs if nobody else"),
			 EXPECT_UNCLEAR);
	assert_int_equal(judged("parallelism>=1.9", &t, ""), EXPECT_UNCLEAR);
	assert_int_equal(judged("parallelism>=1.95", &t, ""), EXPECT_FAILED);
	assert_int_equal(judged("parallelism<1.7", &t, ""), EXPECT_UNCLEAR);
	assert_int_equal(judged("parallelism<1.3", &t, ""), EXPECT_FAILED);

	m = metrics_add(&t, "wall", METRIC_SECONDS, METRIC_LOWER, 2);
	m->undisturbed = 1.5;
	assert_int_equal(judged("wall<1s", &t, "2.00 s, 1.50 s if nobody else"), EXPECT_FAILED);
	assert_int_equal(judged("wall<1.8s", &t, ""), EXPECT_UNCLEAR);
	m->known = false;
	snprintf(m->why, sizeof(m->why), "it slept");
	assert_int_equal(judged("wall<1s", &t, "not known: it slept"), EXPECT_UNCLEAR);

	/* no interval: the value decides */
	metrics_add(&t, "futex.calls", METRIC_PER_S, METRIC_LOWER, 99.5);
	assert_int_equal(judged("futex.calls<99", &t, "99.5/s"), EXPECT_FAILED);
	assert_int_equal(judged("futex.calls<100", &t, ""), EXPECT_MET);
	assert_int_equal(judged("switches<1", &t, "another version"), EXPECT_UNCLEAR);

	assert_int_equal(judged("lock[m].wait<1ms", &t, "it slept"), EXPECT_UNCLEAR); /* as wall */
	assert_int_equal(judged("lock[m].p99<1ms", &t, "nobody waited"), EXPECT_MET);
	assert_int_equal(judged("lock[m].p99>1ms", &t, "nobody waited"), EXPECT_FAILED);
	assert_int_equal(judged("function[g].share<5%", &t, "no function was seen"),
			 EXPECT_UNCLEAR);
	metrics_add(&t, "function[f].share", METRIC_SHARE, METRIC_NEITHER, 0.1);
	assert_int_equal(judged("function[g].share<20%", &t, "10.0 % or more"), EXPECT_MET);
	assert_int_equal(judged("function[g].share<5%", &t, "not among"), EXPECT_UNCLEAR);

	assert_int_equal(judged("verdict==parallel", &t, "the verdict is parallel"), EXPECT_MET);
	assert_int_equal(judged("verdict!=parallel", &t, ""), EXPECT_FAILED);
	assert_int_equal(judged("verdict==gil-bound", &t, ""), EXPECT_FAILED);
	assert_int_equal(judged("verdict!=gil-bound", &t, ""), EXPECT_MET);
	m = metrics_add(&t, "lock.share", METRIC_SHARE, METRIC_LOWER, 0);
	m->known = false; /* records were lost: a lock that is not there may have been */
	snprintf(m->why, sizeof(m->why), "lost");
	assert_int_equal(judged("lock[m].p99<1ms", &t, "not known: lost"), EXPECT_UNCLEAR);
	snprintf(t.verdict, sizeof(t.verdict), "too-short-to-tell");
	assert_int_equal(judged("verdict==parallel", &t, ""), EXPECT_UNCLEAR);
	assert_int_equal(judged("verdict!=gil-bound", &t, ""), EXPECT_UNCLEAR);
	assert_int_equal(judged("verdict==too-short-to-tell", &t, ""), EXPECT_MET);
	t.verdict[0] = '\0';
	assert_int_equal(judged("verdict==parallel", &t, "not always the same"), EXPECT_UNCLEAR);
	free(t.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
