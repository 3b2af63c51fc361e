// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_expect_test.c - a ledger as named numbers, and expectations of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "user/base/fail.h" /* before cmocka.h, which has a macro of that name */

#include <cmocka.h>

#include "tests/unit/ledger_sample.h"
#include "user/analysis/expect.h"
#include "user/bench/ledger_metrics.h"

static void assert_near(double is, double wanted)
{
	if (!(fabs(is - wanted) <= 1e-9 * fabs(wanted)))
		fail_msg("%.12g is not %.12g", is, wanted);
}

/* Any row: which ones there are is known to a plan only. */
static bool kind(const void *ctx, const char *key, enum metric_unit *ret_unit)
{
	const char *word = strrchr(key, '.');

	(void)ctx;
	return word && ledger_metric_kind(word + 1, ret_unit);
}

static void known_keys(const void *ctx, struct buf *out)
{
	(void)ctx;
	ledger_metric_words(out);
}

static const struct expect_subject subject = { kind, known_keys, NULL };

static enum expect_result judge(const struct metrics *t, const char *text)
{
	struct buf why = { 0 };
	enum expect_result ret;
	struct expect e;

	assert_int_equal(expect_parse_of(&e, text, &subject), 0);
	ret = expect_judge(&e, t, &why);
	assert_true(why.len > 0);
	buf_free(&why);
	return ret;
}

static void names_and_units(void **state)
{
	struct ledger *l = ledger_sample();
	struct metrics *t = ledger_metrics(l);
	const struct metric *m;

	(void)state;
	m = metrics_find(t, "countdown.seq.wall");
	assert_non_null(m);
	assert_true(m->known && m->unit == METRIC_SECONDS);
	assert_near(m->v.value, 1); /* mean of 1, 1.01 and 0.99 s */
	assert_int_equal(m->v.n, 3);
	/* Student: 4.3027 * 0.01 / sqrt(3) */
	assert_true(fabs(m->v.high - 1.024841) < 1e-5 && fabs(m->v.low - 0.975159) < 1e-5);
	m = metrics_find(t, "fork.speedup"); /* the only experiment: its name may be left out */
	assert_non_null(m);
	assert_near(m->v.value, 1.9);
	/* of each run: 3060 / (3060 + 1020 with its noise) */
	assert_true(fabs(metrics_find(t, "threads.gil_share")->v.value - 0.75) < 1e-4);
	assert_int_equal(metrics_find(t, "threads.gil_share")->unit, METRIC_SHARE);
	m = metrics_find(t, "seq.first_work"); /* nobody told: not 0 */
	assert_non_null(m);
	assert_false(m->known);
	assert_null(metrics_find(t, "spawn.wall"));
	metrics_free(t);
	ledger_free(l);
}

static void two_experiments_need_their_names(void **state)
{
	struct ledger *l = ledger_sample();
	struct ledger_block *b = sample_block(l, &sample_by_time, 1);
	struct metrics *t;

	(void)state;
	sample_run(&b->rows[0].runs[0], 500, 1, 0);
	ledger_finish(l);
	t = ledger_metrics(l);
	assert_null(metrics_find(t, "seq.wall"));
	assert_near(metrics_find(t, "pools.seq.wall")->v.value, 0.5);
	assert_near(metrics_find(t, "countdown.seq.wall")->v.value, 1);
	assert_false(metrics_find(t, "pools.fork.wall")->known); /* no run was done */
	metrics_free(t);
	ledger_free(l);
}

static void intervals_decide(void **state)
{
	struct ledger *l = ledger_sample();
	struct metrics *t = ledger_metrics(l);

	(void)state;
	assert_int_equal(judge(t, "fork.speedup>=1.5"), EXPECT_MET);
	assert_int_equal(judge(t, "fork.speedup>=2.5"), EXPECT_FAILED);
	assert_int_equal(judge(t, "fork.speedup>=1.9001"), EXPECT_UNCLEAR); /* within the noise */
	assert_int_equal(judge(t, "countdown.seq.wall<900ms"), EXPECT_FAILED);
	assert_int_equal(judge(t, "seq.wall<1.1s"), EXPECT_MET);
	assert_int_equal(judge(t, "threads.gil_share<50%"), EXPECT_FAILED);
	assert_int_equal(judge(t, "seq.first_work<1s"), EXPECT_UNCLEAR);
	metrics_free(t);
	ledger_free(l);
}

static void words(void **state)
{
	enum metric_unit unit;
	struct expect e;

	(void)state;
	for (size_t f = 0; f < FIGURE_COUNT; f++) /* no two figures have one name */
		for (size_t g = 0; g < f; g++)
			assert_string_not_equal(ledger_figures[f].key, ledger_figures[g].key);
	assert_true(ledger_metric_kind("ipc", &unit) && unit == METRIC_SECONDS);
	assert_true(ledger_metric_kind("ipc_bytes", &unit) && unit == METRIC_COUNT);
	assert_false(ledger_metric_kind("ip", &unit));
	assert_false(ledger_metric_kind("wall_ns", &unit));
	assert_int_equal(expect_parse_of(&e, "fork.speed>=1", &subject), -EINVAL);
	assert_non_null(strstr(fail_text(), "speedup"));
	assert_int_equal(expect_parse_of(&e, "verdict==parallel", &subject), -EINVAL);
	assert_int_equal(expect_parse_of(&e, "fork.wall<=+10%", &subject), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_units),
		cmocka_unit_test(two_experiments_need_their_names),
		cmocka_unit_test(intervals_decide),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
