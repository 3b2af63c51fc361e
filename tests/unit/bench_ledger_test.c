// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_ledger_test.c - from runs to rows, ratios by repeat, and the sentence that follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/ledger_sample.h"
#include "user/bench/ledger_say.h"

static void assert_near(double is, double wanted)
{
	if (!(fabs(is - wanted) <= 1e-9 * fabs(wanted)))
		fail_msg("%.12g is not %.12g", is, wanted);
}

static void assert_says(const struct ledger_block *b, const char *words)
{
	if (!strstr(b->verdict, words))
		fail_msg("'%s' does not say '%s'", b->verdict, words);
}

static void assert_silent(const struct ledger_block *b, const char *words)
{
	if (strstr(b->verdict, words))
		fail_msg("'%s' says '%s'", b->verdict, words);
}

static void ratios_are_by_repeat(void **state)
{
	struct ledger *l = ledger_sample();
	const struct ledger_block *b = ledger_block(l, "countdown");
	const struct ledger_row *fork = ledger_row(b, "fork");
	struct stats_interval i;

	(void)state;
	assert_non_null(fork);
	assert_null(ledger_block(l, "other"));
	assert_null(ledger_row(b, "spawn"));
	assert_true(ledger_get(fork, FIGURE_SPEEDUP, &i));
	/* the noise is the same three factors in another order: the geometric mean is exact */
	assert_near(i.value, 1.9);
	assert_int_equal(i.n, 3);
	assert_true(i.low < 1.9 && i.low > 1.7 && i.high > 1.9 && i.high < 2.1);
	assert_near(fork->runs[0].figure[FIGURE_SPEEDUP], 1000 / (1000 / 1.9 * 0.99));
	assert_true(ledger_get(fork, FIGURE_EFFICIENCY, &i));
	assert_near(i.value, 0.95); /* of two CPUs */
	assert_true(ledger_get(&b->rows[0], FIGURE_SPEEDUP, &i));
	assert_near(i.value, 1);
	assert_near(i.low, 1);
	assert_true(ledger_get(fork, FIGURE_WALL, &i));
	assert_near(i.value, 1000 * MS / 1.9);
	assert_near(i.low, 990 * MS / 1.9);
	assert_near(i.high, 1010 * MS / 1.9);
	assert_true(ledger_ratio(ledger_row(b, "threads"), &b->rows[0], FIGURE_WALL, &i));
	assert_near(i.value, 1.02);
	assert_false(ledger_get(fork, FIGURE_IPC_BYTES, &i)); /* nobody told: absent, not 0 */
	assert_false(ledger_ratio(fork, &b->rows[0], FIGURE_FIRST_WORK, &i));
	assert_near(fork->running_ns[2], 1000 * MS / 1.9);
	assert_int_equal(fork->verdict, VERDICT_PARALLEL);
	assert_int_equal(fork->n_done, 3);
	ledger_free(l);
}

static void the_sentence(void **state)
{
	struct ledger *l = ledger_sample();
	const struct ledger_block *b = &l->blocks[0];

	(void)state;
	assert_says(b, "threads 0.98x, fork 1.90x of the speed of seq: use fork (1.");
	assert_says(b, "a worker takes 38.0 ms to start");
	assert_says(b, "memory is 12.0 MiB more than with seq");
	assert_says(b, "With threads, 75.0 % of the wanted time was waiting for the GIL");
	ledger_free(l);
}

static void set_walls(struct ledger_block *b, size_t row, double a, double c, double d)
{
	sample_run(&b->rows[row].runs[0], a, 1, 0);
	sample_run(&b->rows[row].runs[1], c, 1, 0);
	sample_run(&b->rows[row].runs[2], d, 1, 0);
}

static void noise_is_no_gain(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_experiment, 3);

	(void)state;
	set_walls(b, 0, 1000, 1300, 900);
	set_walls(b, 1, 1100, 950, 1200);
	set_walls(b, 2, 900, 1200, 1000);
	ledger_finish(l);
	assert_says(b, "no gain over seq that 3 runs can show");
	assert_silent(b, "use ");
	ledger_free(l);
}

static void all_slower_means_stay(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_experiment, 3);

	(void)state;
	set_walls(b, 0, 1000, 1010, 990);
	set_walls(b, 1, 1300, 1310, 1290);
	set_walls(b, 2, 1500, 1510, 1490);
	ledger_finish(l);
	assert_says(b, "threads 0.77x, fork 0.67x");
	assert_says(b, "stay with seq");
	ledger_free(l);
}

/* Both are faster, and within 3 % of each other: the one that costs less. */
static void the_cheaper_of_equals(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_experiment, 3);

	(void)state;
	set_walls(b, 0, 1000, 1000, 1000);
	set_walls(b, 1, 510, 510, 510);
	set_walls(b, 2, 500, 500, 500);
	ledger_finish(l);
	assert_says(b, "use threads (1.96 to 1.96x)");
	set_walls(b, 2, 480, 480, 480);
	ledger_finish(l);
	assert_says(b, "use fork (2.08 to 2.08x)");
	ledger_free(l);
}

static void one_run_says_nothing(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_experiment, 1);

	(void)state;
	sample_run(&b->rows[0].runs[0], 1000, 1, 0);
	sample_run(&b->rows[1].runs[0], 500, 2, 0);
	ledger_finish(l);
	assert_says(b, "threads 2.00x");
	assert_says(b, "one run each says nothing about noise");
	assert_silent(b, "use ");
	ledger_free(l);
}

/* A failed run has no figures, spoils no median, and the others of its repeat still count. */
static void failed_runs_do_not_count(void **state)
{
	struct ledger *l = ledger_sample();
	struct ledger_block *b = &l->blocks[0];
	struct ledger_run *run = &b->rows[2].runs[1];
	struct stats_interval i;

	(void)state;
	figures_clear(run);
	run->failed = true;
	ledger_finish(l);
	assert_int_equal(l->n_failed, 1);
	assert_int_equal(b->rows[2].n_done, 2);
	assert_int_equal(b->rows[2].n_failed, 1);
	assert_true(ledger_get(&b->rows[2], FIGURE_SPEEDUP, &i));
	assert_int_equal(i.n, 2);
	assert_true(ledger_get(&b->rows[1], FIGURE_SPEEDUP, &i));
	assert_int_equal(i.n, 3);
	for (size_t k = 0; k < 3; k++) {
		figures_clear(&b->rows[2].runs[k]);
		b->rows[2].runs[k].failed = true;
	}
	ledger_finish(l);
	assert_int_equal(l->n_failed, 3);
	assert_false(ledger_get(&b->rows[2], FIGURE_WALL, &i));
	assert_says(b, "fork failed");
	ledger_free(l);
}

/* Where the time is fixed, speed is work per time. */
static void work_counts_where_time_is_fixed(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_by_time, 3);
	struct stats_interval i;

	(void)state;
	for (size_t row = 0; row < 3; row++)
		for (size_t k = 0; k < 3; k++) {
			sample_run(&b->rows[row].runs[k], 1000, 1, 0);
			if (row != 1)
				b->rows[row].runs[k].figure[FIGURE_WORK] = row ? 3000 : 2000;
		}
	ledger_finish(l);
	assert_true(ledger_get(&b->rows[2], FIGURE_SPEEDUP, &i));
	assert_near(i.value, 1.5);
	assert_false(ledger_get(&b->rows[1], FIGURE_SPEEDUP, &i)); /* it did not tell its work */
	ledger_free(l);
}

static void others_on_the_machine(void **state)
{
	struct ledger *l = ledger_sample();
	struct ledger_block *b = &l->blocks[0];

	(void)state;
	assert_silent(b, "Others used");
	for (size_t k = 0; k < 3; k++)
		b->rows[0].runs[k].figure[FIGURE_OTHERS] = 0.5;
	ledger_finish(l);
	assert_says(b, "Others used 0.5 CPUs meanwhile");
	ledger_free(l);
}

static void claims_begin_not_testable(void **state)
{
	struct ledger *l = ledger_new();
	struct ledger_claim *c = ledger_claim(l, "002-b", "words", "18.88 s");

	(void)state;
	assert_int_equal(l->n_claims, 1);
	assert_int_equal(c->status, CLAIM_NOT_TESTABLE);
	assert_string_equal(ledger_claim_status[c->status], "not testable");
	assert_string_equal(c->ours, "");
	ledger_free(l);
}

static void every_figure_is_described(void **state)
{
	(void)state;
	for (size_t f = 0; f < FIGURE_COUNT; f++) {
		assert_non_null(ledger_figures[f].key);
		assert_non_null(ledger_figures[f].label);
		assert_non_null(ledger_figures[f].what);
		for (size_t k = 0; k < f; k++)
			assert_string_not_equal(ledger_figures[f].key, ledger_figures[k].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios_are_by_repeat),
		cmocka_unit_test(the_sentence),
		cmocka_unit_test(noise_is_no_gain),
		cmocka_unit_test(all_slower_means_stay),
		cmocka_unit_test(the_cheaper_of_equals),
		cmocka_unit_test(one_run_says_nothing),
		cmocka_unit_test(failed_runs_do_not_count),
		cmocka_unit_test(work_counts_where_time_is_fixed),
		cmocka_unit_test(others_on_the_machine),
		cmocka_unit_test(claims_begin_not_testable),
		cmocka_unit_test(every_figure_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
