// SPDX-License-Identifier: GPL-2.0-or-later
/* render_folded_test.c - folded stacks: every line is one, whatever the names; nothing is lost. */
#include <ctype.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/report_sample.h"
#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/render/render.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct buf render(const struct report *r, enum report_profile profile)
{
	struct render_opts o = render_defaults;
	struct buf out = { 0 };

	o.profile = profile;
	renderer_find("folded")->render(&out, r, &o);
	return out;
}

/* What flamegraph.pl takes for the value: digits behind the last blank.  Returns where it begins.
 */
static const char *value_at(const char *line, size_t len)
{
	const char *p = line + len;

	while (p > line && isdigit((unsigned char)p[-1]))
		p--;
	assert_true(p < line + len && p > line && p[-1] == ' ');
	return p;
}

static size_t count(const char *s, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += s[i] == c;
	return n;
}

static void check_line(const char *line, size_t len, const struct report_folded *f)
{
	const char *value = value_at(line, len), *second = value - 1;

	assert_int_equal(count(line, len, ';'), f->n);
	for (size_t i = 0, n; i < len; i += n) {
		uint32_t cp;

		n = escape_decode(line + i, len - i, &cp);
		assert_true(cp != ESCAPE_INVALID && !escape_unsafe(cp));
	}
	/* No second value in front of it: flamegraph.pl would make a difference of it. */
	while (second > line && (isdigit((unsigned char)second[-1]) || second[-1] == '.'))
		second--;
	assert_false(second < value - 1 && second > line && second[-1] == ' ');
}

/* Every line belongs to a stack, in their order; each thread has its time within 1 us. */
static void check_all(const struct report *r, enum report_profile p)
{
	struct buf out = render(r, p);
	uint64_t ns[8] = { 0 }, us[8] = { 0 };
	const char *line = out.data ? out.data : "";

	for (size_t i = 0; i < r->n_folded[p]; i++) {
		const struct report_folded *f = &r->folded[p][i];
		size_t len = strcspn(line, "\n");
		char thread[40];
		const char *end;

		snprintf(thread, sizeof(thread), "-%u/%u%s", f->pid, f->tid, f->n ? ";" : " ");
		ns[f->tid % 8] += f->ns;
		end = memmem(line, len, thread, strlen(thread));
		if (!len || !end) { /* less than a microsecond: left out */
			assert_true(f->ns < 1000);
			continue;
		}
		check_line(line, len, f);
		us[f->tid % 8] += strtoull(value_at(line, len), NULL, 10);
		line += len + 1;
	}
	assert_int_equal(*line, '\0');
	for (size_t i = 0; i < 8; i++)
		assert_true(us[i] * 1000 <= ns[i] && ns[i] - us[i] * 1000 < 1000);
	buf_free(&out);
}

static void test_samples(void **state)
{
	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct report *r = report_sample(*sample);

		for (enum report_profile p = 0; p < PROFILE_COUNT; p++)
			check_all(r, p);
		report_sample_free(r);
	}
}

static void is_folded(const struct report_folded *list, size_t n, const char *expected)
{
	struct report r = { 0 };
	struct buf out;

	r.folded[PROFILE_WAITING] = (struct report_folded *)list;
	r.n_folded[PROFILE_WAITING] = n;
	out = render(&r, PROFILE_WAITING);
	assert_string_equal(out.data, expected);
	buf_free(&out);
	out = render(&r, PROFILE_HOLDING);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

#define FRAMES(...)                                                                                \
	(const char *[]){ __VA_ARGS__ }, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static void test_lines(void **state)
{
	const struct report_folded list[] = {
		{ 10, 11, "app", FRAMES("_start", "main", "f(int, char)"), 5034112999 },
		{ 10, 11, "app", FRAMES("run (/srv/a b.py:3)", "__x64_sys_futex [k]"), 7001 },
		{ 10, 12, "app", FRAMES("libfoo.so.1+0x1234"), 7001 },
		{ 10, 12, "app", NULL, 0, 1999 },
	};

	(void)state;
	is_folded(list, N_OF(list),
		  "app-10/11;_start;main;f(int, char) 5034112\n"
		  "app-10/11;run (/srv/a b.py:3);__x64_sys_futex_[k] 8\n"
		  "app-10/12;libfoo.so.1+0x1234 7\n"
		  "app-10/12 2\n");
}

static void test_hostile_names(void **state)
{
	const struct report_folded list[] = {
		{ 1, 2, "a;b\n", FRAMES("x;y;", "\n1 2\n"), 1000 },
		{ 1, 2, "", FRAMES("", NULL), 1000 },
		{ 1, 2, "t", FRAMES("f 12"), 1000 },
		{ 1, 2, "t", FRAMES("f  1.5"), 1000 },
		{ 1, 2, "t", FRAMES("f 1 2"), 1000 },
		{ 1, 2, "t 7", FRAMES("7"), 1000 },
		{ 1, 2, "t", FRAMES(" ", "g "), 1000 },
		{ 1, 2, "\xff\x1b", FRAMES("\xe2\x80\xae", "a\\x", "\xc3\xbc"), 1000 },
	};

	(void)state;
	is_folded(list, N_OF(list),
		  "a:b\\x0a-1/2;x:y:;\\x0a1 2\\x0a 1\n"
		  "?-1/2;?;? 1\n"
		  "t-1/2;f_12 1\n"
		  "t-1/2;f__1.5 1\n"
		  "t-1/2;f 1_2 1\n"
		  "t 7-1/2;7 1\n"
		  "t-1/2; ;g  1\n"
		  "\\xff\\x1b-1/2;\\u{202e};a\\\\x;\xc3\xbc 1\n");
}

/* Many stacks of less than a microsecond: together they are what they are. */
static void test_small_times(void **state)
{
	const char *frames[] = { "f" };
	struct report_folded list[1000];
	struct report r = { 0 };
	struct buf out;
	uint64_t us = 0;

	(void)state;
	for (size_t i = 0; i < N_OF(list); i++)
		list[i] = (struct report_folded){ 1, 2, "t", frames, 1, 333 };
	r.folded[PROFILE_ON_CPU] = list;
	r.n_folded[PROFILE_ON_CPU] = N_OF(list);
	out = render(&r, PROFILE_ON_CPU);
	for (const char *line = out.data; *line; line = strchr(line, '\n') + 1)
		us += strtoull(value_at(line, strcspn(line, "\n")), NULL, 10);
	assert_int_equal(us, 333);
	buf_free(&out);
}

static void test_nothing(void **state)
{
	struct report r = { 0 };

	(void)state;
	for (enum report_profile p = 0; p < PROFILE_COUNT; p++) {
		struct buf out = render(&r, p);

		assert_int_equal(out.len, 0);
		r.quality.samples = 0;
		assert_string_equal(render_folded_none(&r, p), "no stacks were taken");
		r.quality.samples = 1;
		assert_non_null(strchr(render_folded_none(&r, p), ' '));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),	      cmocka_unit_test(test_lines),
		cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_small_times),
		cmocka_unit_test(test_nothing),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
