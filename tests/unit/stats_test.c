// SPDX-License-Identifier: GPL-2.0-or-later
/* stats_test.c - tests of user/base/stats against printed tables and worked examples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "user/base/stats.h"

#include <cmocka.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void near_to(double value, double expected, double tolerance)
{
	if (!(fabs(value - expected) <= tolerance))
		fail_msg("%.10g, expected %.10g +- %g", value, expected, tolerance);
}

/* NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975 */
static void test_t95(void **state)
{
	static const struct {
		size_t df;
		double t;
	} table[] = {
		{ 1, 12.706 }, { 2, 4.303 },  { 3, 3.182 },  { 4, 2.776 },   { 5, 2.571 },
		{ 6, 2.447 },  { 7, 2.365 },  { 8, 2.306 },  { 9, 2.262 },   { 10, 2.228 },
		{ 11, 2.201 }, { 15, 2.131 }, { 20, 2.086 }, { 29, 2.045 },  { 30, 2.042 },
		{ 40, 2.021 }, { 60, 2.000 }, { 80, 1.990 }, { 100, 1.984 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		near_to(stats_t95(table[i].df), table[i].t, 0.0005);
	near_to(stats_t95(200), stats_t95(201), 0.0001); /* series, expansion */
	near_to(stats_t95(1000000000), 1.96, 0.0001);
	assert_true(isnan(stats_t95(0)));
	for (size_t df = 1; df < 1000; df++)
		assert_true(stats_t95(df) > stats_t95(df + 1));
}

/* Student's own data (Biometrika 6, 1908): additional hours of sleep, drug 2, and its mean */
static const double drug1[] = { 0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0 };
static const double drug2[] = { 1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4 };

static void test_mean(void **state)
{
	double difference[N_OF(drug1)], some[] = { NAN, 3, INFINITY, 5 };
	struct stats_interval r;

	(void)state;
	for (size_t i = 0; i < N_OF(drug1); i++)
		difference[i] = drug2[i] - drug1[i];
	r = stats_mean(difference, N_OF(difference)); /* R: t.test(drug2, drug1, paired = TRUE) */
	near_to(r.value, 1.58, 1e-9);
	near_to(r.low, 0.7001142, 1e-6);
	near_to(r.high, 2.4598858, 1e-6);
	assert_int_equal(r.n, 10);

	r = stats_mean(some, N_OF(some));
	near_to(r.value, 4, 0);
	near_to(r.high - r.value, 12.7062, 0.0001);
	assert_int_equal(r.n, 2);
}

static void test_few(void **state)
{
	static const double one[] = { 7 };
	struct stats_interval (*const of[])(const double *, size_t) = { stats_mean, stats_median };

	(void)state;
	for (size_t i = 0; i < N_OF(of); i++) {
		struct stats_interval r = of[i](one, 1);

		assert_true(r.value == 7 && r.low == 7 && r.high == 7);
		assert_int_equal(r.n, 1);
		r = of[i](one, 0);
		assert_true(isnan(r.value) && isnan(r.low) && isnan(r.high));
		assert_int_equal(r.n, 0);
	}
}

/* Same source, 1.3.6.7.2, other columns; df 1 and 2 have closed forms. */
static void test_t(void **state)
{
	static const struct {
		double probability;
		size_t df;
		double t;
	} table[] = {
		{ 0.01, 1, 63.657 },  { 0.01, 5, 4.032 },    { 0.01, 30, 2.750 },
		{ 0.20, 4, 1.533 },   { 0.002, 10, 4.144 },  { 0.002, 3, 10.215 },
		{ 0.10, 100, 1.660 }, { 0.002, 100, 3.174 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++)
		near_to(stats_t(table[i].probability, table[i].df), table[i].t, 0.0006);
	near_to(stats_t(1e-4, 1), 1 / tan(M_PI * 1e-4 / 2), 0.01);
	near_to(stats_t(1e-4, 2), (1 - 1e-4) * sqrt(2 / (1e-4 * (2 - 1e-4))), 1e-6);
	near_to(stats_t(0.001, 201) / stats_t(0.001, 200), 1, 0.0001);
	assert_true(isnan(stats_t(0, 3)) && isnan(stats_t(1, 3)) && isnan(stats_t(0.05, 0)));
}

/* R: t.test(drug1, drug2) */
static void test_difference(void **state)
{
	struct stats_interval a = stats_mean(drug1, N_OF(drug1)), b = stats_mean(drug2, 10), r;
	struct stats_interval fixed = { 2, 2, 2, 3 }, one = { 5, 5, 5, 1 };

	(void)state;
	r = stats_difference(a, b, 1);
	near_to(r.value, -1.58, 1e-9);
	/* 17.776 degrees of freedom there, 17 here: 0.3 % wider */
	near_to(r.low, -3.3654832, 0.01);
	near_to(r.high, 0.2054832, 0.01);
	assert_int_equal(r.n, 10);
	/* ten at once: each at 99.5 % */
	near_to((stats_difference(a, b, 10).high + 1.58) / (r.high + 1.58),
		stats_t(0.005, 17) / stats_t95(17), 1e-9);
	r = stats_difference(fixed, fixed, 1);
	assert_true(r.value == 0 && r.low == 0 && r.high == 0 && r.n == 3);
	/* one of them exact: the other one's interval */
	r = stats_difference(a, fixed, 1);
	near_to(r.low, a.low - 2, 1e-9);
	near_to(r.high, a.high - 2, 1e-9);
	assert_int_equal(stats_difference(one, b, 1).n, 1);
	assert_true(isnan(stats_difference(stats_mean(NULL, 0), b, 1).value));
}

/* Ranks of the interval for n values, of many tables: Conover, Practical Nonparametric Statistics
 */
static void test_median(void **state)
{
	static const struct {
		size_t n, low, high; /* ranks from 1 */
	} table[] = {
		{ 2, 1, 2 },   { 3, 1, 3 },   { 5, 1, 5 },   { 6, 1, 6 },    { 7, 1, 7 },
		{ 8, 1, 8 },   { 9, 2, 8 },   { 10, 2, 9 },  { 11, 2, 10 },  { 12, 3, 10 },
		{ 15, 4, 12 }, { 20, 6, 15 }, { 25, 8, 18 }, { 50, 18, 33 }, { 100, 40, 61 },
	};
	double v[100];

	(void)state;
	for (size_t i = 0; i < N_OF(table); i++) {
		size_t n = table[i].n;
		struct stats_interval r;

		for (size_t k = 0; k < n; k++) /* 1..n in some order */
			v[k] = (double)((k * 7919 + 3) % n + 1);
		r = stats_median(v, n);
		near_to(r.value, (double)(n + 1) / 2, 0);
		assert_int_equal(r.low, table[i].low);
		assert_int_equal(r.high, table[i].high);
		assert_int_equal(r.n, n);
	}
}

static void test_ratio(void **state)
{
	static const double a[] = { 2, 8, 0, 5, NAN }, b[] = { 1, 1, 3, -1, 1 };
	struct stats_interval r = stats_ratio(a, b, N_OF(a));

	(void)state;
	near_to(r.value, 4, 1e-12);
	assert_int_equal(r.n, 2);
	near_to(log(r.high / r.value), 12.7062 * log(2), 0.0001);
	near_to(r.low * r.high, 16, 1e-6);
	assert_true(isnan(stats_ratio(b, a + 2, 0).value));
}

/* What "95 %" promises: of many samples so many intervals hold the truth. */
static void test_coverage(void **state)
{
	static const size_t sizes[] = { 2, 3, 5, 10, 30 };
	const unsigned tries = 4000;

	(void)state;
	srand48(4711);
	for (size_t s = 0; s < N_OF(sizes); s++) {
		unsigned hit = 0;

		for (unsigned i = 0; i < tries; i++) {
			struct stats_interval r;
			double v[30];

			for (size_t k = 0; k < sizes[s]; k++) /* Box and Muller */
				v[k] = 3 +
				       sqrt(-2 * log(1 - drand48())) * cos(2 * M_PI * drand48());
			r = stats_mean(v, sizes[s]);
			hit += r.low <= 3 && 3 <= r.high;
		}
		near_to((double)hit / tries, 0.95, 0.0138); /* 4 standard deviations */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_t95),   cmocka_unit_test(test_mean),
		cmocka_unit_test(test_few),   cmocka_unit_test(test_difference),
		cmocka_unit_test(test_t),     cmocka_unit_test(test_median),
		cmocka_unit_test(test_ratio), cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
