// SPDX-License-Identifier: GPL-2.0-or-later
/* render_text_test.c - the text report: fits, is clean, says what it must, hides nothing. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/render/render.h"
#include "user/render/text_parts.h"

static struct buf render(const char *sample, struct render_opts o)
{
	struct report *r = report_sample(sample);
	struct buf out = { 0 };

	assert_non_null(r);
	renderer_find("text")->render(&out, r, &o);
	report_sample_free(r);
	return out;
}

static struct buf render_at(const char *sample, int width, bool unicode)
{
	struct render_opts o = render_defaults;

	o.width = width;
	o.unicode = unicode;
	return render(sample, o);
}

/* Every line: columns, bytes, characters. */
static void check_clean(const struct buf *out, const char *sample, int width, bool unicode)
{
	const char *line = out->data;

	assert_true(out->len > 0 && out->data[out->len - 1] == '\n');
	while (*line) {
		size_t len = strcspn(line, "\n");

		if (escape_width(line, len) > width)
			print_error("%s at %d: %.*s\n", sample, width, (int)len, line);
		assert_true(escape_width(line, len) <= width);
		assert_true(len == 0 || line[len - 1] != ' ');
		for (size_t i = 0, n; i < len; i += n) {
			uint32_t cp;

			n = escape_decode(line + i, len - i, &cp);
			assert_true(cp != ESCAPE_INVALID && !escape_unsafe(cp));
			assert_true(unicode || cp < 0x80);
		}
		line += len + 1;
	}
	assert_int_equal(line - out->data, out->len); /* no NUL inside */
}

static void test_fits(void **state)
{
	static const int widths[] = { 80, 81, 100, 132, 200 };

	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++)
		for (size_t i = 0; i < 2 * N_OF(widths); i++) {
			bool unicode = i % 2;
			struct buf out = render_at(*sample, widths[i / 2], unicode);

			check_clean(&out, *sample, widths[i / 2], unicode);
			buf_free(&out);
		}
}

static void test_width_is_bounded(void **state)
{
	static const int widths[] = { -5, 0, 1, 79, 100000 };

	(void)state;
	for (size_t i = 0; i < N_OF(widths); i++) {
		struct buf out = render_at("gil", widths[i], true);

		check_clean(&out, "gil", widths[i] < 80 ? 80 : 200, true);
		buf_free(&out);
	}
}

/* Without its SGR sequences the coloured report is the plain one. */
static void test_color(void **state)
{
	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct render_opts o = render_defaults;
		struct buf plain, color, stripped = { 0 };
		bool on = false;

		plain = render(*sample, o);
		o.color = true;
		color = render(*sample, o);
		for (const char *p = color.data; *p; p++) {
			if (*p != '\033') {
				buf_add(&stripped, p, 1);
				continue;
			}
			assert_true(p[1] == '[');
			p += strspn(p + 1, "[0123456789;") + 1;
			assert_true(*p == 'm');
			on = strncmp(p - 2, "[0", 2) != 0;
		}
		assert_false(on); /* the terminal is left as it was */
		assert_string_equal(stripped.data, plain.data);
		buf_free(&plain);
		buf_free(&color);
		buf_free(&stripped);
	}
}

static void assert_has(const struct buf *out, const char *text)
{
	if (!strstr(out->data, text))
		print_error("missing: %s\nin:\n%s\n", text, out->data);
	assert_non_null(strstr(out->data, text));
}

/* The answer stands in the first three lines, in this order of sections. */
static void test_order(void **state)
{
	static const char *const order[] = {
		"4711 python3 countdown.py --mode threads  10.0 s from 2026-11-21 14:03:11 +0000",
		"\n\nGIL-BOUND: 2 threads want to run",
		"96.4 %  one thread on CPU",
		"What would change it: run the CPU-bound part in processes",
		"PARALLELISM",
		"1.01 CPUs of 2 on average = 50.6 % of the machine = 101.2 % of one CPU",
		"WHERE THE THREADS' TIME WENT",
		"THREADS",
		"CONTENTION",
		"L1  GIL (CPython 3.11)",
		"blocked by",
		"not contention",
		"OVER TIME",
		"QUALITY",
		"complete: 24,567 records, none lost",
	};
	struct buf out = render_at("gil", 100, false);
	const char *at = out.data;

	(void)state;
	for (size_t i = 0; i < N_OF(order); i++) {
		at = strstr(at, order[i]);
		if (!at)
			print_error("missing or out of order: %s\n", order[i]);
		assert_non_null(at);
	}
	buf_free(&out);
}

static void test_budget_closes(void **state)
{
	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct buf out = render_at(*sample, 100, false);

		assert_has(&out, "  unknown ");
		assert_has(&out, "  total ");
		if (strcmp(*sample, "gil") == 0)
			assert_has(&out, "  30.0 s  100.0 %\n");
		buf_free(&out);
	}
}

static void test_no_nonsense(void **state)
{
	static const char *const nonsense[] = { " nan", "(nan", "inf ", "-0.0", "(null)", "-nan" };

	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct buf out = render_at(*sample, 132, false);

		for (size_t i = 0; i < N_OF(nonsense); i++)
			assert_null(strstr(out.data, nonsense[i]));
		buf_free(&out);
	}
}

static void test_nothing_silently_dropped(void **state)
{
	struct render_opts o = render_defaults;
	struct buf out = render_at("huge", 100, false);

	(void)state;
	assert_has(&out, "...  9,990 more");
	assert_has(&out, "...  240 more");
	assert_has(&out, "... and ");
	assert_has(&out, "17 further lock objects");
	buf_free(&out);

	o.all_threads = true;
	out = render("huge", o);
	assert_null(strstr(out.data, "9,990 more"));
	assert_has(&out, "4009999"); /* the last one */
	buf_free(&out);
}

static void test_losses(void **state)
{
	struct buf out = render_at("processes", 100, false);

	(void)state;
	assert_has(&out, "Caution: 10.0 % of the records were lost");
	assert_has(&out, "INCOMPLETE: 123,456 of 1,234,567 records lost (10.0 %)");
	assert_has(&out, "--ring-size");
	assert_has(&out, "switches not shown by the kernel");
	assert_has(&out, "!4000000");
	assert_has(&out, "on_sched_switch");
	assert_has(&out, "387 ns");
	assert_has(&out, "unknown for 10.0 s: the owner had left the process");
	buf_free(&out);
}

static void assert_has_not(const struct buf *out, const char *text)
{
	if (strstr(out->data, text))
		print_error("not expected: %s\nin:\n%s\n", text, out->data);
	assert_null(strstr(out->data, text));
}

/* The block of the GIL: threads, places, and what only a GIL has. */
static void test_gil(void **state)
{
	static const char *const lines[] = {
		"4.85 s  50.0 %      927 x  4713 Thread-1 (consume)    |   4.80 s  50.5 %",
		"waiting at                                              | held at\n",
		"7.28 s  75.0 %  Parser.parse_record (parser.py:212)   |   7.13 s  75.4 %  Parser.",
		"                        < consume (worker.py:48)              |                   in 4713",
		"18.8 %  ...cals>.<genexpr> (compiler.py:1044) |                   < consume (worker.py:",
		"6.3 %  sha256_file (hash.py:12)              |                   in 4714 Thread-2 (",
		"|                   < join (x.py:3)\n",
		"|   446 ms   4.7 %  sha256_file (hash.py:12)\n",
		"|   149 ms   1.6 %  not known  4714 MainThread\n",
		"handed over 1,853 times (185 /s)   forced by the switch interval of 5.00 ms: 1,848\n",
		"CPython's own count of changes of hands: 3,710   held for 9.64 s while somebody",
		"waiting: 96.0 % (9.32 s) asleep until it was handed over   2.0 % (190 ms) the hand-off",
		"2.0 % (198 ms) ready, but no CPU free\n",
		"meanwhile: 12.4 % (1.20 s) its holder slept   1.3 % (130 ms) its holder had no CPU\n",
		"0.5 % (48.0 ms) nobody had it yet\n",
		"ready (after I/O, a timer, a lock) -> has the GIL: p50 5.02 ms   p99 10.1 ms   max",
		"asleep with the GIL while others waited for it:\n",
		"700 ms      7  710 ms   102 ms  clock_nanosleep  ",
		"(compiler.py:1044)  4714 Thread-2 (render)\n",
		"350 ms      7  355 ms   102 ms  page fault       sha256_file (hash.py:12)",
		"CPU time with the GIL 9.91 s (97.9 %), without it 210 ms (2.1 %):\n",
		"158 ms  1.6  sha256_file (hash.py:12)  4713 ThreadPoolExecutor-0~\n",
		"WAITING FOR WORK",
	};
	struct buf out = render_at("python", 120, false);
	const char *at = out.data;

	(void)state;
	for (size_t i = 0; i < N_OF(lines); i++) {
		at = strstr(at, lines[i]);
		if (!at)
			print_error("missing or out of order: %s\n%s\n", lines[i], out.data);
		assert_non_null(at);
	}
	buf_free(&out);
}

static void test_python(void **state)
{
	struct buf out = render_at("python", 120, false);

	(void)state;
	assert_has(&out, "  4713  Thread-1 (consume)  10.0 s  50.6      49.5 ");
	assert_has(&out, "with GIL: CPU time that had it");
	assert_has(&out, "CPython 3.11.2 in processes 4711, 4712\n");
	assert_has(&out, "CPython 3.16 in process 4713: layout not known (no offsets for this "
			 "version): its GIL is not told apart\n");
	assert_has(&out, "CPython 3.13t in process 4715: no GIL (free-threaded)\n");
	assert_has(&out, "GIL of process 4712: nobody waited for it\n");
	assert_has(&out, "PYTHON FUNCTIONS  by CPU time");
	assert_has(&out, "7.59 s  75.0  Parser.parse_record (/srv/billing/app/ingest/parser.py:212)");
	assert_has(&out, "(.../engine/compiler.py:1044)"); /* the end of a long path */
	assert_has(&out, "samples 2,345: a stack for every 10.0 ms of running or waiting");
	assert_has(&out, "without a stack 3 (0.1 %)");
	assert_has(&out, "unknown frames 4\n");
	buf_free(&out);

	/* A program without Python has none of this. */
	out = render_at("processes", 120, false);
	assert_has_not(&out, "PYTHON");
	assert_has_not(&out, "a stack for every");
	assert_has_not(&out, "most waited");
	assert_has_not(&out, "with GIL");
	buf_free(&out);
}

/* Names, places and stacks of native code. */
static void test_native(void **state)
{
	static const char *const lines[] = {
		"mutex file /dev/shm/sem.x+0x10",
		"      locked at registry_add() registry.c:41\n",
		"      waiting at                                    | held at\n",
		"66.7 %  registry_add (registry.c:41)         |  66.7 %  ...::insert<...> (cache.hh:112)\n",
		"               < handle (server.c:88)               |          in 4000000 worker\n",
		"               < worker (server.c:60)               |          < ns::Store::put (store.cc:7)\n",
		"< walk (tree.c:9)  3 times\n",
		"|          (cut off here)\n",
		"libvendor.so.1+0x81f3c               |          < main (main.c:5)\n",
		"               < main (main.c:5)                    |   7.4 %  inflate (libz.so.1)  4000002",
		"  L2  mutex registry_lock  pid 901 ",
		"      locked at ns::Cache<std::string, std::vector<int> >::insert<int>() cache.hh:112\n",
		"  L3  rwlock 0x7f10 (heap)  pid 902  locked at libvendor.so.1+0x81f3c  ",
		"< run (app/__init__.py:3)            |",
		"      holder: a reader-writer lock names no reader\n",
		"  L5  condition 0x7f21a8003f60  pid 901",
		"      waited at Loader.parse() loader.py:17\n",
		"      waiting at\n        1.57 s  66.7 %  Loader.parse (loader.py:17)\n",
		"                  < run (app/__init__.py:3)\n",
		"  L6  semaphore 0x7f21a8003fa0  pid 902",
		"most waited at\n  L7  barrier",
		"registry_add (registry.c:41)\n",
		"\nFUNCTIONS  by CPU time",
		"function (file:line or module) ",
		"ns::Cache<...>::insert<...> (cache.hh:112) ",
		"stacks whose native frames end early - callers of native code are missing",
		"stacks taken 1,234, 2.10 us each (45 ns a frame): 99.6 % of the native ones are whole\n",
		"    3 cut off after 128 frames   4 end where the code says nothing about its caller\n",
		"unwind tables of 5 files: 93,120 rows, made in 41.0 ms\n",
		"files are read by a process of its own: 120 ms of CPU\n",
	};
	struct buf out = render_at("native", 100, false);
	const char *at = out.data, *l6;

	(void)state;
	for (size_t i = 0; i < N_OF(lines); i++) {
		at = strstr(at, lines[i]);
		if (!at)
			print_error("missing or out of order: %s\n%s\n", lines[i], out.data);
		assert_non_null(at);
	}
	assert_has_not(&out, "PYTHON");
	assert_has_not(&out, "start_thread");
	assert_has_not(&out, "__lll_lock_wait");
	assert_has_not(&out, "_PyEval");
	/* Of whose places nothing is known, nothing is said. */
	l6 = strstr(out.data, "  L6  ");
	assert_null(strstr(l6, "      waiting at\n"));
	assert_null(strstr(l6, "      waited at "));
	buf_free(&out);
}

/* How a stack ends is told only where something is to be told. */
static void test_stacks_quality(void **state)
{
	struct report *r = report_sample("native");
	struct buf out = { 0 };

	(void)state;
	r->quality.samples_whole = r->quality.samples_native;
	r->quality.samples_cut = r->quality.samples_no_rule = r->quality.samples_early = 0;
	r->quality.samples_pointers = r->quality.tables = r->quality.symbol_cpu_ns = 0;
	renderer_find("text")->render(&out, r, &render_defaults);
	assert_has(&out, ": 100.0 % of the native ones are whole\n  watching cost");
	assert_has_not(&out, "unwind tables");
	assert_has_not(&out, "frame pointers");
	report_sample_free(r);
	buf_free(&out);
}

/* A name in so many columns. */
static void test_functions(void **state)
{
	static const struct {
		const char *name;
		int width;
		const char *shown;
	} cases[] = {
		{ "main", 20, "main" },
		{ "parse.<locals>.<lambda>", 40, "parse.<locals>.<lambda>" },
		{ "parse.<locals>.<lambda>", 16, "...als>.<lambda>" },
		{ "ns::f(int, char const*)", 40, "ns::f" },
		{ "ns::C::f(int) const", 40, "ns::C::f" },
		{ "ns::C::f() const &", 40, "ns::C::f" },
		{ "std::vector<int>::push_back(int&&)", 40, "std::vector<int>::push_back" },
		{ "std::vector<unsigned>::push_back(int&&)", 27, "std::vector<...>::push_back" },
		{ "a::b<int>::c(int)", 11, "...::c" },
		{ "void f<int>(int)", 40, "f<int>" },
		{ "std::pair<int, int> g<int>(int)", 40, "g<int>" },
		{ "C::operator()(int) const", 40, "C::operator()" },
		{ "C::operator<(C const&)", 40, "C::operator<" },
		{ "C::operator<< <int>(int)", 40, "C::operator<< <int>" },
		{ "C::operator->()", 40, "C::operator->" },
		{ "f(int)::{lambda(int)#1}::operator()(int) const", 40, "f::{lambda#1}::operator()" },
		{ "(anonymous namespace)::f(int)", 40, "(anonymous namespace)::f" },
		{ "<T as core::Trait>::call", 40, "<T as core::Trait>::call" },
		{ "f(int (*)(char))", 40, "f" },
		{ "f(int", 40, "f" },
		{ "f<int", 40, "f<int" },
		{ "f<int", 4, "...>" },
		{ "(", 40, "(" },
		{ " const", 40, " const" },
		{ "g (const", 40, "g " },
		{ "a\x1b(b", 40, "a\\x1b" },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct text t = { .unicode = false };
		struct buf out = { 0 };

		buf_puts(&out, "");
		text_function(&out, &t, cases[i].name, cases[i].width);
		assert_string_equal(out.data, cases[i].shown);
		assert_true(escape_width(out.data, out.len) <= cases[i].width);
		buf_free(&out);
	}
}

/* Narrow: the name of the file and the line stay, the begin of the function goes. */
static void test_places_narrow(void **state)
{
	struct buf out = render_at("python", 80, true);

	(void)state;
	assert_has(&out, "75.0 %  …se_record (parser.py:212) │");
	assert_has(&out, "18.8 %  …enexpr> (…mpiler.py:1044) │");
	assert_has(&out, "no room for: most in thread");
	buf_free(&out);
}

/* Strings that are not there are no reason to fail, or to leave a number out. */
static void test_nulls(void **state)
{
	struct buf out = render_at("nulls", 100, false);

	(void)state;
	assert_has_not(&out, "100.0 %  not known");
	assert_has_not(&out, "      waiting at\n");
	assert_has(&out, "handed over 0 times (0.0 /s)   forced 0\n");
	assert_has(&out, "page fault  not known\n");
	assert_has(&out, "an interpreter in process 0: layout not known: its GIL is not told");
	buf_free(&out);
}

/* Every verdict and every state can be printed. */
static void test_all_codes(void **state)
{
	(void)state;
	for (int code = 0; code < VERDICT_COUNT; code++) {
		struct report *r = report_sample("zero");
		struct buf out = { 0 };

		r->verdict.code = (enum verdict_code)code;
		strcpy(r->verdict.sentence, "because");
		renderer_find("text")->render(&out, r, &render_defaults);
		assert_has(&out, ": because\n");
		buf_free(&out);
		report_sample_free(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_width_is_bounded),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_budget_closes),
		cmocka_unit_test(test_no_nonsense),
		cmocka_unit_test(test_nothing_silently_dropped),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_gil),
		cmocka_unit_test(test_python),
		cmocka_unit_test(test_places_narrow),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_stacks_quality),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_nulls),
		cmocka_unit_test(test_all_codes),
	};

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77; /* skipped */
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
