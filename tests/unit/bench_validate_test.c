// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_validate_test.c - predictions against what was measured: pairs, medians, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/buf.h"
#include "user/bench/ledger.h"
#include "user/bench/validate.h"
#include "user/render/ledger.h"

#define MS 1e6

static void assert_near(double is, double wanted)
{
	if (!(fabs(is - wanted) <= 1e-9 * fabs(wanted)))
		fail_msg("%.12g is not %.12g", is, wanted);
}

/* A block of two repeats; 0: no prediction, no run. */
static void add(struct ledger *l, const struct experiment *e, double predicted[2],
		double measured[2])
{
	const struct plan_mode *modes[] = { &validations[0].modes[0], &validations[0].modes[1] };
	struct ledger_block *b = ledger_add(l, e, modes, 2, 2);

	b->validation = &validations[0];
	b->tasks = 2;
	for (size_t i = 0; i < 2; i++) {
		struct ledger_run *asked = &b->rows[0].runs[i], *truth = &b->rows[1].runs[i];

		asked->done = true;
		asked->figure[FIGURE_LIFE] = 1000 * MS;
		if (predicted[i] > 0) {
			asked->prediction.recorded_ns = 1000 * MS;
			asked->prediction.value_ns = predicted[i] * MS;
			asked->prediction.low_ns = 0.9 * predicted[i] * MS;
			asked->prediction.high_ns = 1.1 * predicted[i] * MS;
		} else {
			snprintf(asked->prediction.why_not, sizeof(asked->prediction.why_not),
				 "records were lost");
		}
		truth->done = measured[i] > 0;
		truth->figure[FIGURE_LIFE] = truth->done ? measured[i] * MS : NAN;
	}
}

static struct ledger *sample(struct experiment *e)
{
	struct ledger *l = ledger_new();

	assert_true(validation_experiment(&validations[0], e));
	/* each prediction belongs to the run beside it: 1 % too much, twice, although both differ
	 */
	add(l, e, (double[]){ 505, 1010 }, (double[]){ 500, 1000 });
	add(l, e, (double[]){ 400, 400 }, (double[]){ 500, 500 }); /* 20 % too little */
	add(l, e, (double[]){ 505, 0 }, (double[]){ 500, 600 });   /* one of two counts */
	add(l, e, (double[]){ 0, 0 }, (double[]){ 500, 500 });
	add(l, e, (double[]){ 500, 500 }, (double[]){ 0, 0 });
	ledger_finish(l);
	return l;
}

static void errors_are_by_repeat(void **state)
{
	struct validation_result r;
	struct experiment e;
	struct ledger *l = sample(&e);

	(void)state;
	validation_judge(&l->blocks[0], &r);
	assert_near(r.ratio.value, 1.01);
	assert_int_equal(r.ratio.n, 2);
	assert_true(r.inside);
	assert_near(r.recorded_ns.value, 1000 * MS);
	assert_near(r.predicted_ns.value, 757.5 * MS);
	assert_near(r.measured_ns.value, 750 * MS);
	assert_null(r.why_not);
	validation_judge(&l->blocks[1], &r);
	assert_near(r.ratio.value, 0.8);
	assert_false(r.inside);
	validation_judge(&l->blocks[2], &r);
	assert_near(r.ratio.value, 1.01);
	assert_int_equal(r.ratio.n, 1);
	/* a run without a prediction beside it is left out */
	assert_near(r.measured_ns.value, 500 * MS);
	ledger_free(l);
}

static void what_is_missing_is_no_error_of_zero(void **state)
{
	struct validation_summary s;
	struct validation_result r;
	struct experiment e;
	struct ledger *l = sample(&e);

	(void)state;
	validation_judge(&l->blocks[3], &r);
	assert_int_equal(r.predicted_ns.n, 0);
	assert_int_equal(r.measured_ns.n, 2);
	assert_int_equal(r.ratio.n, 0);
	assert_false(r.inside);
	assert_string_equal(r.why_not, "records were lost");
	validation_judge(&l->blocks[4], &r);
	assert_int_equal(r.measured_ns.n, 0);
	assert_int_equal(r.ratio.n, 0);
	validation_sum_up(l, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.without, 2);
	assert_int_equal(s.inside, 2);
	assert_near(s.median_error, 0.01);
	assert_near(s.worst_error, 0.2);
	ledger_free(l);
}

static void the_table(void **state)
{
	struct render_opts how = render_defaults;
	struct experiment e;
	struct ledger *l = sample(&e);
	struct buf out = { 0 };

	(void)state;
	ledger_text(&out, l, &how);
	assert_non_null(strstr(out.data, "PREDICTIONS"));
	assert_non_null(strstr(out.data, "-20.0 %"));
	assert_non_null(strstr(out.data, "records were lost"));
	assert_non_null(strstr(out.data,
			       "3 predictions: error 1.0 % in the middle, 20.0 % at worst; 2 of"));
	assert_non_null(strstr(out.data, "2 without a prediction or a run"));
	buf_free(&out);
	ledger_free(l);
}

/* A case whose program, modes or question do not exist would only show when it is run. */
static void all_cases_exist(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct validation *v = validations; v->name; v++, n++) {
		struct experiment e;

		assert_true(validation_experiment(v, &e));
		assert_string_equal(e.name, v->name);
		for (const struct validation *other = validations; other < v; other++)
			assert_string_not_equal(other->name, v->name); /* its files, its JSON */
		assert_ptr_equal(e.modes, v->modes);
		assert_non_null(v->modes[0].name);
		assert_non_null(v->modes[1].name);
		assert_null(v->modes[2].name);
		assert_true(e.calibrate && e.told != TOLD_NOTHING);
	}
	assert_true(n >= 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_by_repeat),
		cmocka_unit_test(what_is_missing_is_no_error_of_zero),
		cmocka_unit_test(the_table),
		cmocka_unit_test(all_cases_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
