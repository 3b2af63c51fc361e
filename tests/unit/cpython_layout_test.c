// SPDX-License-Identifier: GPL-2.0-or-later
/* cpython_layout_test.c - versions, and offsets that interpreters state. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "forged_python.h"

static void names(void **state)
{
	static const struct {
		const char *name;
		uint32_t version;
	} cases[] = {
		{ "libpython3.9.so.1.0", 0x03090000 },
		{ "libpython3.10d.so.1.0", 0x030a0000 },
		{ "python3.10", 0x030a0000 },
		{ "libpython2.7.so.1.0", 0x02070000 },
		{ "/usr/lib/python3.9/lib-dynload/_json.cpython-310-x86_64-linux-gnu.so",
		  0x03090000 },
		{ "/x/_json.cpython-310-x86_64-linux-gnu.so", 0x030a0000 },
		{ "/x/_json.cpython-39-x86_64-linux-gnu.so", 0x03090000 },
		{ "libpython3.123.so", 0 },
		{ "libpython3.99999999999999999999.so", 0 },
		{ "libpython3.so", 0 },
		{ "python3.-9", 0 },
		{ "python", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(cpython_version_in(cases[i].name), cases[i].version);
}

static void versions(void **state)
{
	static const uint32_t bad[] = { 0,	    0x020712f0, 0x030811f0, 0x030d00f0, 0x031000f0,
					0x030b00a3, 0x030c00b1, 0x040b00f0, UINT32_MAX };
	struct cpython_layout l;

	(void)state;
	assert_int_equal(cpython_layout_of(0x030b02f0, &l), 0);
	assert_int_equal(l.minor, 11);
	assert_int_equal(l.gil, 360);
	assert_int_equal(cpython_layout_of(0x030c00c1, &l), 0);
	assert_int_equal(l.gil_own, 1040);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(cpython_layout_of(bad[i], &l), -ENOTSUP);
		assert_non_null(strstr(fail_text(), "CPython 3"));
	}
}

/* The ones that do not describe themselves, as the reference of the project has them. */
static void tables(void **state)
{
	struct cpython_layout l;

	(void)state;
	assert_int_equal(cpython_layout_of(0x030902f0, &l), 0);
	assert_int_equal(l.f_size, 108);
	assert_int_equal(l.instr_mask, 0xffffffff);
	assert_int_equal(l.f_owner, CPYTHON_NONE);
	assert_int_equal(l.y_keys, 0);
	assert_int_equal(cpython_layout_of(0x030a02f0, &l), 0);
	assert_int_equal(l.f_size, 100);
	assert_int_equal(l.s_compact, 72);
	assert_int_equal(cpython_layout_of(0x030b02f0, &l), 0);
	assert_int_equal(l.cframe, 8);
	assert_int_equal(l.owner_c, 0);
	assert_int_equal(l.y_keys, 872);
	assert_false(l.i_tagged);
	assert_int_equal(cpython_layout_of(0x030c02f0, &l), 0);
	assert_int_equal(l.cframe, 0);
	assert_int_equal(l.owner_c, 3);
	assert_int_equal(l.s_compact, 56);
	assert_true(l.i_tagged);
	for (size_t i = 0; i < LAYOUTS; i++)
		assert_in_range(layout_of(i).f_size, 64, 112);
}

static void offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(descriptions); i++) {
		const struct described *d = &descriptions[i];
		struct cpython_layout l = layout_of(i);
		const uint16_t *w = d->words;

		assert_int_equal(l.version, d->version);
		assert_int_equal(l.minor, minor_in(d->version));
		assert_int_equal(l.free_threaded, d->free_threaded);
		assert_int_equal(l.head, w[0]);
		assert_int_equal(l.main_thread, w[0] + 24);
		assert_int_equal(l.id, w[1]);
		assert_int_equal(l.next, w[2]);
		assert_int_equal(l.threads, w[3]);
		assert_int_equal(l.gil_ptr, w[4]);
		assert_int_equal(l.gil_own, w[5]);
		assert_int_equal(l.gil, 0);
		assert_int_equal(l.t_interp, w[9]);
		assert_int_equal(l.t_frame, w[10]);
		assert_int_equal(l.cframe, CPYTHON_NONE);
		assert_int_equal(l.t_thread_id, w[11]);
		assert_int_equal(l.f_code, w[13]);
		assert_int_equal(l.f_instr, w[14]);
		assert_int_equal(l.f_owner, w[16]);
		assert_int_equal(l.f_size, w[16] + 1u);
		assert_int_equal(l.c_name, w[18]);
		assert_int_equal(l.c_tlbc, w[22]);
		assert_int_equal(l.owner_c, 3);
		assert_int_equal(l.tags, l.minor >= 14 ? 3 : 0);
		assert_int_equal(l.s_shift, l.free_threaded && l.minor >= 14 ? 8 : 2);
	}
}

static void version_names(void **state)
{
	static const struct {
		uint32_t version;
		bool free_threaded;
		const char *name;
	} cases[] = {
		{ 0x030b02f0, false, "CPython 3.11.2" },
		{ 0x030900f0, false, "CPython 3.9" },
		{ 0x030e0ac1, false, "CPython 3.14.10rc1" },
		{ 0x030d0ff0, true, "CPython 3.13t" },
	};
	char name[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cpython_layout l = { .version = cases[i].version,
					    .minor = minor_in(cases[i].version),
					    .free_threaded = cases[i].free_threaded };

		cpython_version_name(&l, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
}

static int parse_version(uint64_t version)
{
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	describe(&descriptions[0], bytes);
	memcpy(bytes + 8, &version, 8);
	return cpython_parse_offsets(bytes, sizeof(bytes), &l);
}

static void bad_offsets(void **state)
{
	const struct described *d = &descriptions[0];
	unsigned char bytes[CPYTHON_OFFSETS_BYTES];
	struct cpython_layout l;

	(void)state;
	describe(d, bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_int_equal(cpython_parse_offsets(bytes, len, &l), -ENOENT);
	bytes[0] = 'X';
	assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOENT);
	assert_int_equal(parse_version(0x031000f0), -ENOTSUP); /* 3.16 */
	assert_int_equal(parse_version(0x030c00f0), -ENOTSUP); /* 3.12 does not describe itself */
	assert_int_equal(parse_version(0x040d00f0), -ENOTSUP);
	assert_int_equal(parse_version(0x030d00a6), -ENOTSUP); /* an alpha */
	assert_int_equal(parse_version(0x1030d00f0), -ENOTSUP);
	for (size_t i = 0; i < WORDS; i++) {
		static const uint64_t bad[] = { UINT64_MAX, 1 << 20, 1ull << 63 };
		unsigned at = word_at[minor_in(d->version)][i];

		for (size_t k = 0; at && k < COUNT(bad); k++) {
			describe(d, bytes);
			memcpy(bytes + at, &bad[k], 8);
			assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOTSUP);
		}
	}
	/* a frame that is larger than what is read of one */
	describe(d, bytes);
	bytes[word_at[13][16]] = 112;
	assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOTSUP);
	/* a str whose head is not the one that is known */
	describe(d, bytes);
	bytes[word_at[13][34]] += 8;
	assert_int_equal(cpython_parse_offsets(bytes, sizeof(bytes), &l), -ENOTSUP);
	assert_non_null(strstr(fail_text(), "s_state"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       cmocka_unit_test(versions),
		cmocka_unit_test(tables),      cmocka_unit_test(offsets),
		cmocka_unit_test(bad_offsets), cmocka_unit_test(version_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
