// SPDX-License-Identifier: GPL-2.0-or-later
/* base_unit_test.c - tests of user/base/unit: what people read and what they type. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/fail.h" /* before cmocka.h, which has a macro of that name */
#include "user/base/unit.h"

#include <cmocka.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_ns(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 1234, "1.23 us" },
		{ 1235, "1.24 us" },
		{ 9994, "9.99 us" },
		{ 9995, "10.0 us" },
		{ 99949, "99.9 us" },
		{ 99950, "100 us" },
		{ 850000, "850 us" },
		{ 999499, "999 us" },
		{ 999500, "1.00 ms" },
		{ 999999, "1.00 ms" },
		{ 12400000, "12.4 ms" },
		{ 999999999, "1.00 s" },
		{ 3210000000, "3.21 s" },
		{ 59999999999, "60.0 s" },
		{ 599499999999, "599 s" },
		{ 599500000000, "10 min 00 s" },
		{ 723000000000, "12 min 03 s" },
		{ 3600000000000, "1 h 00 min" },
		{ 11100000000000, "3 h 05 min" },
		{ 172800000000000, "2 d 00 h" },
		{ 8639999000000000, "99 d 23 h" },
		{ 8640000000000000, "100 d" },
		{ UINT64_MAX, "213503 d" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++)
		assert_string_equal(unit_ns(cases[i].ns).s, cases[i].text);
}

static void test_count_and_bytes(void **state)
{
	(void)state;
	assert_string_equal(unit_count(0).s, "0");
	assert_string_equal(unit_count(999).s, "999");
	assert_string_equal(unit_count(1000).s, "1,000");
	assert_string_equal(unit_count(1234567).s, "1,234,567");
	assert_string_equal(unit_count(UINT64_MAX).s, "18,446,744,073,709,551,615");
	assert_string_equal(unit_bytes(0).s, "0 B");
	assert_string_equal(unit_bytes(1023).s, "1023 B");
	assert_string_equal(unit_bytes(1024).s, "1.00 KiB");
	assert_string_equal(unit_bytes(8 << 20).s, "8.00 MiB");
	assert_string_equal(unit_bytes(1010 << 10).s, "1010 KiB");
	assert_string_equal(unit_bytes((1 << 20) - 1).s, "1.00 MiB");
	assert_string_equal(unit_bytes(UINT64_MAX).s, "16384 PiB");
}

static void test_percent(void **state)
{
	(void)state;
	assert_string_equal(unit_percent(0).s, "0.0 %");
	assert_string_equal(unit_percent(-0.0).s, "0.0 %");
	assert_string_equal(unit_percent(-0.0000001).s, "0.0 %");
	assert_string_equal(unit_percent(-0.012).s, "-1.2 %");
	assert_string_equal(unit_percent(1e-9).s, "<0.1 %");
	assert_string_equal(unit_percent(0.0005).s, "0.1 %");
	assert_string_equal(unit_percent(0.514).s, "51.4 %");
	assert_string_equal(unit_percent(1).s, "100.0 %");
	assert_string_equal(unit_percent(12.5).s, "1250.0 %");
	assert_string_equal(unit_percent(NAN).s, "-");
	assert_string_equal(unit_percent(INFINITY).s, "-");
	assert_string_equal(unit_percent(1e300).s, "> 1e12 %");
	assert_string_equal(unit_share(1, 0).s, "-");
	assert_string_equal(unit_share(0, 0).s, "-");
	assert_string_equal(unit_share(1, 2).s, "50.0 %");
	assert_string_equal(unit_share(UINT64_MAX, UINT64_MAX).s, "100.0 %");
}

static void test_decimal(void **state)
{
	(void)state;
	assert_string_equal(unit_decimal(1.016, 2).s, "1.02");
	assert_string_equal(unit_decimal(-0.001, 2).s, "0.00");
	assert_string_equal(unit_decimal(-1.5, 1).s, "-1.5");
	assert_string_equal(unit_decimal(2.6, 0).s, "3");
	assert_string_equal(unit_decimal(0.999, 2).s, "1.00");
	assert_string_equal(unit_decimal(-NAN, 2).s, "-");
	assert_string_equal(unit_decimal(-1e20, 2).s, "< -1e12");
	assert_true(unit_ratio(1, 0) == 0);
	assert_true(unit_ratio(NAN, 1) == 0);
	assert_true(unit_ratio(1, 4) == 0.25);
}

static void test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ns;
	} cases[] = {
		{ "10", 0, 10000000000 },
		{ "0", 0, 0 },
		{ "0.5", 0, 500000000 },
		{ ".5s", 0, 500000000 },
		{ "10s", 0, 10000000000 },
		{ "500ms", 0, 500000000 },
		{ "250us", 0, 250000 },
		{ "250\u00b5s", 0, 250000 },
		{ "250\u03bcs", 0, 250000 },
		{ "7ns", 0, 7 },
		{ "1.5ns", 0, 1 },
		{ "1m30s", 0, 90000000000 },
		{ "1h2m3s4ms", 0, 3723004000000 },
		{ "2min", 0, 120000000000 },
		{ "0.25h", 0, 900000000000 },
		{ "1d", 0, 86400000000000 },
		{ "0.123456789123456789s", 0, 123456789 },
		{ "", -EINVAL, 0 },
		{ ".", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "+1s", -EINVAL, 0 },
		{ " 1s", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "10x", -EINVAL, 0 },
		{ "1.2.3s", -EINVAL, 0 },
		{ "30s1m", -EINVAL, 0 },
		{ "1s1s", -EINVAL, 0 },
		{ "1m30", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
		{ "1M", -EINVAL, 0 },
		{ "18446744073", 0, 18446744073000000000u },
		{ "18446744074", -ERANGE, 0 },
		{ "99999999999999999999ns", -ERANGE, 0 },
		{ "213503d23h59m", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		uint64_t ns = 4711;
		int err = unit_parse_duration(cases[i].text, &ns);

		if (err != cases[i].err)
			print_error("duration '%s': %s\n", cases[i].text, fail_text());
		assert_int_equal(err, cases[i].err);
		assert_int_equal(ns, err ? 4711 : cases[i].ns); /* untouched on failure */
	}
}

static void test_parse_size(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "512K", 0, 512 << 10 },
		{ "512k", 0, 512 << 10 },
		{ "8M", 0, 8 << 20 },
		{ "8MB", 0, 8 << 20 },
		{ "1.5GiB", 0, 3ull << 29 },
		{ "1T", 0, 1ull << 40 },
		{ "12B", 0, 12 },
		{ "16777215T", 0, 16777215ull << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
		{ "8m", -EINVAL, 0 },
		{ "8Mi", -EINVAL, 0 },
		{ "8M4", -EINVAL, 0 },
		{ "-8M", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		uint64_t bytes = 4711;
		int err = unit_parse_size(cases[i].text, &bytes);

		if (err != cases[i].err)
			print_error("size '%s': %s\n", cases[i].text, fail_text());
		assert_int_equal(err, cases[i].err);
		assert_int_equal(bytes, err ? 4711 : cases[i].bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ns),
		cmocka_unit_test(test_count_and_bytes),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_parse_duration),
		cmocka_unit_test(test_parse_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
