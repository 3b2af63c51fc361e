// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "user/symbol/cover.h"

static uint32_t value_at(const struct cover *c, uint64_t addr)
{
	const struct cover_span *s = cover_find(c, addr);

	return s ? s->value : 0;
}

static void ranks_and_nesting(void **state)
{
	struct cover c = { 0 };

	(void)state;
	cover_settle(&c);
	assert_null(cover_find(&c, 0));
	cover_add(&c, 10, 100, 1, 0);
	cover_add(&c, 20, 30, 2, 0);   /* inside, begins later */
	cover_add(&c, 25, 60, 3, 1);   /* of higher rank */
	cover_add(&c, 40, 50, 4, 0);   /* hidden by it */
	cover_add(&c, 200, 300, 5, 0); /* the same addresses: the last one counts */
	cover_add(&c, 200, 300, 6, 0);
	cover_add(&c, 7, 7, 7, 9); /* nothing */
	cover_add(&c, UINT64_MAX - 1, UINT64_MAX, 8, 0);
	cover_settle(&c);
	for (uint64_t at = 0; at < 320; at++) {
		uint32_t expected = at >= 25 && at < 60	    ? 3 :
				    at >= 20 && at < 30	    ? 2 :
				    at >= 10 && at < 100    ? 1 :
				    at >= 200 && at < 300   ? 6 :
							      0;

		assert_int_equal(value_at(&c, at), expected);
	}
	assert_int_equal(value_at(&c, UINT64_MAX - 1), 8);
	assert_int_equal(value_at(&c, UINT64_MAX), 0);
	assert_int_equal(c.n, 6); /* 1, 2, 3, 1, 6, 8 */
	cover_free(&c);
	assert_int_equal(c.n, 0);
}

/* Against the definition, address by address. */
static void random_spans(void **state)
{
	(void)state;
	srandom(7);
	for (int round = 0; round < 500; round++) {
		struct cover c = { 0 };
		struct cover_span in[40];
		size_t n = (size_t)random() % 40;

		for (size_t i = 0; i < n; i++) {
			uint64_t begin = (uint64_t)random() % 200;

			in[i] = (struct cover_span){ begin, begin + 1 + (uint64_t)random() % 60,
						     (uint32_t)i + 1, (uint32_t)random() % 3 };
			cover_add(&c, in[i].begin, in[i].end, in[i].value, in[i].rank);
		}
		cover_settle(&c);
		assert_in_range(c.n, 0, 2 * n);
		for (size_t i = 1; i < c.n; i++)
			assert_true(c.spans[i - 1].end <= c.spans[i].begin);
		for (uint64_t at = 0; at < 270; at++) {
			const struct cover_span *best = NULL;

			for (size_t i = 0; i < n; i++)
				if (at >= in[i].begin && at < in[i].end &&
				    (!best || in[i].rank > best->rank ||
				     (in[i].rank == best->rank && in[i].begin >= best->begin)))
					best = &in[i];
			assert_int_equal(value_at(&c, at), best ? best->value : 0);
		}
		cover_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_and_nesting),
		cmocka_unit_test(random_spans),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
