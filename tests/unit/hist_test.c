// SPDX-License-Identifier: GPL-2.0-or-later
/* hist_test.c - slot borders, quantiles within 12.5 %, merging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/model/hist.h"

static size_t only_slot(uint64_t value)
{
	struct hist h = { 0 };
	size_t at = HIST_SLOTS;

	hist_add(&h, value);
	for (size_t i = 0; i < HIST_SLOTS; i++)
		if (h.slot[i])
			at = i;
	hist_free(&h);
	return at;
}

static void borders(void **state)
{
	(void)state;
	for (size_t i = 0; i < HIST_SLOTS; i++) {
		uint64_t low = hist_floor(i), next;

		assert_int_equal(only_slot(low), i);
		if (i + 1 == HIST_SLOTS)
			break;
		next = hist_floor(i + 1);
		assert_true(next > low);
		assert_int_equal(only_slot(next - 1), i);
		/* no wider than 1/8 of what it holds */
		assert_true(next - low <= (low < HIST_SUB ? 1 : low / HIST_SUB));
	}
}

static void whole_range(void **state)
{
	(void)state;
	assert_int_equal(only_slot(0), 0);
	assert_int_equal(only_slot(7), 7);
	assert_int_equal(only_slot(8), 8);
	assert_int_equal(only_slot(15), 15);
	assert_int_equal(only_slot(16), 16);
	assert_int_equal(only_slot(17), 16);
	assert_int_equal(only_slot(UINT64_MAX), HIST_SLOTS - 1);
}

static void empty(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_int_equal(hist_count(&h), 0);
	assert_int_equal(hist_quantile(&h, 0.5, 100), 0);
	hist_free(&h);
	hist_free(&h);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void check_quantiles(uint64_t *values, size_t n)
{
	static const double qs[] = { 0.01, 0.25, 0.5, 0.9, 0.99, 1.0 };
	struct hist h = { 0 };

	for (size_t i = 0; i < n; i++)
		hist_add(&h, values[i]);
	assert_int_equal(hist_count(&h), n);
	qsort(values, n, sizeof(*values), by_value);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		size_t rank = (size_t)(qs[i] * (double)n + 0.999999);
		uint64_t true_value = values[rank ? rank - 1 : 0];
		uint64_t got = hist_quantile(&h, qs[i], values[n - 1]);
		uint64_t apart = got > true_value ? got - true_value : true_value - got;

		assert_true(apart <= true_value / 8 + 1);
		assert_true(got <= values[n - 1]);
	}
	hist_free(&h);
}

static void quantiles(void **state)
{
	uint64_t values[1000];

	(void)state;
	srandom(7);
	for (int round = 0; round < 200; round++) {
		size_t n = 1 + (size_t)random() % 1000;
		unsigned int bits = 1 + (unsigned int)random() % 50;

		for (size_t i = 0; i < n; i++)
			values[i] = ((uint64_t)random() << 31 | (uint64_t)random()) &
				    ((1ULL << bits) - 1);
		check_quantiles(values, n);
	}
}

static void one_value(void **state)
{
	struct hist h = { 0 };

	(void)state;
	hist_add(&h, 1000);
	assert_true(hist_quantile(&h, 0.0, 1000) <= 1000);
	assert_int_equal(hist_quantile(&h, 0.5, 1000), 992); /* the middle of 960 .. 1023 */
	assert_int_equal(hist_quantile(&h, 0.5, 970), 970);
	hist_free(&h);
}

static void merge(void **state)
{
	struct hist a = { 0 }, b = { 0 }, none = { 0 };

	(void)state;
	hist_merge(&a, &none);
	assert_null(a.slot);
	for (uint64_t i = 0; i < 100; i++)
		hist_add(&b, i * i);
	hist_merge(&a, &b);
	hist_merge(&a, &b);
	assert_int_equal(hist_count(&a), 200);
	assert_int_equal(hist_count(&b), 100);
	for (size_t i = 0; i < HIST_SLOTS; i++)
		assert_int_equal(a.slot[i], 2 * b.slot[i]);
	hist_free(&a);
	hist_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(borders),   cmocka_unit_test(whole_range), cmocka_unit_test(empty),
		cmocka_unit_test(quantiles), cmocka_unit_test(one_value),   cmocka_unit_test(merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
