// SPDX-License-Identifier: GPL-2.0-or-later
/* base_table_test.c - keys that are neighbours are spread over a table's buckets like random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/table.h"

#define BUCKETS 4096
#define KEYS (4 * BUCKETS)
/* Of random keys a bucket with more is seen once in 10,000 tables: Poisson with a mean of 4. */
#define MOST 20

static void spread(const char *what, size_t len, uint64_t step, uint64_t second_step)
{
	static unsigned int n[BUCKETS];
	unsigned int most = 0, empty = 0;

	memset(n, 0, sizeof(n));
	for (uint64_t i = 0; i < KEYS; i++) {
		uint64_t key[2] = { 0x7f0000000000 + i * step, i * second_step };

		n[table_hash(key, len) % BUCKETS]++;
	}
	for (size_t i = 0; i < BUCKETS; i++) {
		most = n[i] > most ? n[i] : most;
		empty += !n[i];
	}
	print_message("%-34s fullest bucket %u, empty ones %u\n", what, most, empty);
	assert_in_range(most, 4, MOST);
	assert_in_range(empty, 0, BUCKETS / 20); /* random: one in 55 */
}

static void neighbours(void **state)
{
	(void)state;
	spread("thread ids, 4 bytes", 4, 1, 0);
	spread("addresses 4 bytes apart", 8, 4, 0);
	spread("addresses 64 bytes apart", 8, 64, 0);
	spread("thread stacks, 8 MiB apart", 8, 8 << 20, 0);
	spread("one address of many processes", 16, 0, 1);
	spread("the high bits only", 16, 0, 1ULL << 50);
}

/* Every byte counts, at every length, and so does the length. */
static void all_bytes(void **state)
{
	uint8_t key[40] = { 0 };
	uint32_t hash[sizeof(key) + 1];

	(void)state;
	for (size_t len = 1; len <= sizeof(key); len++) {
		hash[len] = table_hash(key, len);
		for (size_t i = 0; i < len; i++) {
			key[i] = 1;
			assert_int_not_equal(table_hash(key, len), hash[len]);
			key[i] = 0;
		}
		for (size_t shorter = 1; shorter < len; shorter++)
			assert_int_not_equal(hash[len], hash[shorter]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours),
		cmocka_unit_test(all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
