// SPDX-License-Identifier: GPL-2.0-or-later
/* render_ledger_test.c - the ledger as text, JSON and SVG, of samples made by hand. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/ledger_sample.h"
#include "user/base/escape.h"
#include "user/render/ledger.h"

static struct buf render(const char *format, const struct ledger *l, const struct render_opts *o)
{
	struct buf out = { 0 };

	assert_non_null(ledger_renderer_find(format));
	ledger_renderer_find(format)->render(&out, l, o);
	return out;
}

static void assert_has(const struct buf *out, const char *words)
{
	if (!strstr(out->data, words))
		fail_msg("no '%s' in\n%s", words, out->data);
}

/* No line wider than that, nothing that a terminal would act upon. */
static void assert_harmless(const struct buf *out, int width)
{
	for (const char *line = out->data; *line;) {
		size_t len = strcspn(line, "\n");

		if (escape_width(line, len) > width)
			fail_msg("wider than %d: %.*s", width, (int)len, line);
		if (len && line[len - 1] == ' ')
			fail_msg("a blank at the end: %.*s|", (int)len, line);
		for (size_t at = 0; at < len;) {
			uint32_t cp;
			size_t n = escape_decode(line + at, len - at, &cp);

			assert_true(cp != ESCAPE_INVALID && !escape_unsafe(cp));
			at += n;
		}
		line += len + (line[len] == '\n');
	}
}

/* --- text ------------------------------------------------------------------------------------ */

static void text_of_a_sample(void **state)
{
	struct ledger *l = ledger_sample();
	struct render_opts o = { .width = 100 };
	struct buf out = render("text", l, &o);

	(void)state;
	assert_harmless(&out, 100);
	assert_has(&out,
		   "\nBENCH  3 runs of each mode, in turn; Linux 6.1.0, 2 CPUs; parascope 0.1\n");
	assert_has(&out, "\nCOUNTDOWN  Python: counting down to zero\n"
			 "  4 tasks of size 4,000,000, 2 CPUs to be used; Python 3.11.2, GIL on\n"
			 "  threads 0.98x, fork 1.90x of the speed of seq: use fork");
	assert_has(
		&out,
		"  mode       wall     +-  speed-up          95 %    eff.  CPUs     GIL  verdict\n"
		"  seq      1.00 s  1.0 %     1.00x             -  50.0 %  1.00       -  "
		"sequential\n"
		"  threads  1.02 s  1.0 %     0.98x  0.94 to 1.02  49.0 %  1.00  75.0 %  "
		"gil-bound\n"
		"  fork     526 ms  1.0 %     1.90x  1.82 to 1.98  95.0 %  2.00       -  "
		"parallel\n");
	assert_has(&out, "  mode       start    memory\n"
			 "  seq            -  10.0 MiB\n"
			 "  threads        -  10.0 MiB\n"
			 "  fork     38.0 ms  22.0 MiB\n");
	assert_null(strstr(out.data, "IPC")); /* nobody told: no column, no legend */
	assert_null(strstr(out.data, "INCOMPLETE"));
	buf_free(&out);
	ledger_free(l);
}

/* The bars of one length a millisecond: threads are as long as seq, fork half, and filled. */
static void bars(void **state)
{
	struct ledger *l = ledger_sample();
	struct render_opts o = { .width = 100 };
	struct buf out = render("text", l, &o);
	const char *seq = strstr(out.data, "  seq      ---"),
		   *fork = strstr(out.data, "  fork     ###");

	(void)state;
	assert_non_null(seq);
	assert_non_null(fork);
	seq += 11;
	fork += 11;
	assert_int_equal(strspn(seq, "-"), 72); /* 100 - 7 - 20 columns are 1020 ms */
	assert_int_equal(strspn(fork, "#"), 38);
	assert_int_equal(strncmp(fork + 38, "  526 ms\n", 9), 0);
	buf_free(&out);
	ledger_free(l);
}

static void text_in_all_widths(void **state)
{
	struct ledger *samples[] = { ledger_sample(), ledger_hostile(), ledger_new() };

	(void)state;
	snprintf(samples[2]->version, sizeof(samples[2]->version), "0.1"); /* nothing else */
	for (size_t i = 0; i < 3; i++) {
		for (int width = 80; width <= 200; width += 20) {
			struct render_opts o = { .width = width, .unicode = width % 40 == 0 };
			struct buf out = render("text", samples[i], &o);

			assert_harmless(&out, width);
			buf_free(&out);
		}
		ledger_free(samples[i]);
	}
}

static void failures_and_an_early_end(void **state)
{
	struct ledger *l = ledger_hostile();
	struct render_opts o = { .width = 100 };
	struct buf out = render("text", l, &o);

	(void)state;
	assert_has(&out, "INCOMPLETE: it was ended early");
	assert_has(&out, "1 run failed and not counted");
	assert_has(&out, "seq: 1 of 2 runs failed: exit code 1: \\x1b[31m<b>&");
	assert_has(&out, "0 of 2");
	assert_has(&out, "CLAIMS  0 confirmed, 0 refuted, 1 not testable");
	buf_free(&out);
	ledger_free(l);
}

static void interpreters_side_by_side(void **state)
{
	struct ledger *l = ledger_sample();
	struct ledger_block *b = sample_block(l, &sample_experiment, 3);
	struct render_opts o = { .width = 100 };
	struct buf out;

	(void)state;
	b->python = xstrdup("3.13.0 free-threaded");
	b->gil = 0;
	for (size_t row = 0; row < 3; row++)
		for (size_t i = 0; i < 3; i++) {
			b->rows[row].runs[i] = l->blocks[0].rows[row].runs[i];
			b->rows[row].runs[i].figure[FIGURE_WALL] /= 1.25;
		}
	ledger_finish(l);
	out = render("text", l, &o);
	assert_harmless(&out, 100);
	assert_has(&out, "INTERPRETERS  Python: counting down to zero");
	assert_has(&out, "seq      3.11.2                 on  1.00 s      -");
	assert_has(&out, "seq      3.13.0 free-threaded  off  800 ms  1.25x  1.25 to 1.25");
	buf_free(&out);
	ledger_free(l);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static json_t *parse(const struct buf *out)
{
	json_error_t error;
	json_t *root = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		fail_msg("line %d: %s", error.line, error.text);
	return root;
}

static void json_of_a_sample(void **state)
{
	struct ledger *l = ledger_sample();
	struct buf out = render("json", l, &render_defaults);
	json_t *root = parse(&out), *experiment, *mode, *figures, *runs;

	(void)state;
	experiment = json_array_get(json_object_get(root, "experiments"), 0);
	mode = json_array_get(json_object_get(experiment, "modes"), 2);
	figures = json_object_get(mode, "figures");
	runs = json_object_get(mode, "runs");
	assert_string_equal(json_string_value(json_object_get(mode, "mode")), "fork");
	assert_int_equal(json_object_size(figures), FIGURE_COUNT);
	for (size_t f = 0; f < FIGURE_COUNT; f++) {
		const json_t *member = json_object_get(figures, ledger_figures[f].key);
		const struct stats_interval *i = &l->blocks[0].rows[2].figure[f];

		assert_non_null(member);
		if (!i->n) {
			assert_true(json_is_null(member));
			continue;
		}
		assert_true(json_number_value(json_object_get(member, "value")) == i->value);
		assert_true(json_number_value(json_object_get(member, "low")) == i->low);
		assert_true(json_number_value(json_object_get(member, "high")) == i->high);
		assert_int_equal(json_integer_value(json_object_get(member, "n")), i->n);
	}
	assert_int_equal(json_array_size(runs), 3);
	assert_int_equal(json_array_size(json_object_get(mode, "running_ns")), 3);
	assert_true(json_is_true(json_object_get(root, "complete")));
	assert_true(json_is_null(json_object_get(root, "costs")));
	json_decref(root);
	buf_free(&out);
	ledger_free(l);
}

static void json_of_hostile_strings(void **state)
{
	struct ledger *l = ledger_hostile();
	struct buf out = render("json", l, &render_defaults);
	json_t *root = parse(&out), *mode;

	(void)state;
	assert_harmless(&out, 1 << 20);
	assert_true(json_is_false(json_object_get(root, "complete")));
	assert_non_null(json_object_get(root, "command_hex"));
	mode = json_array_get(
		json_object_get(json_array_get(json_object_get(root, "experiments"), 0), "modes"),
		0);
	mode = json_array_get(json_object_get(mode, "runs"), 0);
	assert_string_equal(json_string_value(json_object_get(mode, "result")), "failed");
	assert_int_equal(json_object_size(json_object_get(mode, "figures")), 0);
	json_decref(root);
	buf_free(&out);
	ledger_free(l);
}

/* --- SVG ------------------------------------------------------------------------------------- */

static size_t count(const char *s, const char *what)
{
	size_t n = 0;

	for (; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

static void svg_of_a_sample(void **state)
{
	struct ledger *l = ledger_sample();
	struct buf out = render("svg", l, &render_defaults);

	(void)state;
	assert_int_equal(strncmp(out.data, "<svg ", 5), 0);
	assert_int_equal(count(out.data, "<text "), count(out.data, "</text>"));
	assert_int_equal(count(out.data, "class=\"whisker\""), 3);
	assert_int_equal(count(out.data, "class=\"gil\""), 2); /* in the bar and the legend */
	assert_has(&out, "1.02 s · 0.98x (0.94 to 1.02)");
	assert_null(strstr(out.data, "script"));
	assert_null(strstr(out.data, "nan"));
	assert_null(strstr(out.data, "inf"));
	buf_free(&out);
	ledger_free(l);
}

static void svg_of_hostile_strings(void **state)
{
	struct ledger *l = ledger_hostile();
	struct buf out = render("svg", l, &render_defaults);

	(void)state;
	assert_harmless(&out, 1 << 20);
	assert_null(strstr(out.data, "<b>"));
	assert_int_equal(count(out.data, "</svg>"), 1); /* the end */
	assert_has(&out, "&lt;b&gt;&amp;&quot;");
	assert_null(strstr(out.data, "nan"));
	buf_free(&out);
	ledger_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_a_sample),
		cmocka_unit_test(bars),
		cmocka_unit_test(text_in_all_widths),
		cmocka_unit_test(failures_and_an_early_end),
		cmocka_unit_test(interpreters_side_by_side),
		cmocka_unit_test(json_of_a_sample),
		cmocka_unit_test(json_of_hostile_strings),
		cmocka_unit_test(svg_of_a_sample),
		cmocka_unit_test(svg_of_hostile_strings),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
