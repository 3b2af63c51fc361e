// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare_test.c - tests of user/analysis/compare and recording: recordings made by hand, and JSON
 * that means no good.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/compare.h"
#include "user/analysis/metric_named.h"
#include "user/analysis/report.h"
#include "user/base/fail.h" /* before cmocka.h, which has a macro of that name */
#include "user/render/compare.h"
#include "user/render/render.h"

#include <cmocka.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))
#define MOST 8

static struct recording *record(const char *verdict)
{
	struct recording *r = xcalloc(1, sizeof(*r));

	r->path = xstrdup("file");
	r->target = xstrdup("./service");
	snprintf(r->kernel, sizeof(r->kernel), "6.18");
	snprintf(r->format, sizeof(r->format), "%s", REPORT_FORMAT);
	r->cpus = 2;
	r->ceiling = 2;
	r->window_s = 1;
	r->command = r->complete = true;
	r->metrics = xcalloc(1, sizeof(*r->metrics));
	snprintf(r->metrics->verdict, sizeof(r->metrics->verdict), "%s", verdict);
	return r;
}

static struct metric *put(struct recording *r, const char *key, double value)
{
	enum metric_better better;
	enum metric_unit unit;

	assert_true(metric_kind(key, &unit, &better));
	return metrics_add(r->metrics, key, unit, better, value);
}

/* Two sides of n recordings each; recordings are freed with free_sides(). */
struct sides {
	struct recording *a[MOST], *b[MOST];
	size_t n;
};

static struct sides make_sides(size_t n)
{
	struct sides s = { .n = n };

	for (size_t i = 0; i < n; i++) {
		s.a[i] = record("parallel");
		s.b[i] = record("parallel");
	}
	return s;
}

static struct comparison *compared(struct sides *s)
{
	return compare((const struct recording *const *)s->a, s->n,
		       (const struct recording *const *)s->b, s->n);
}

static void free_sides(struct sides *s)
{
	for (size_t i = 0; i < s->n; i++) {
		recording_free(s->a[i]);
		recording_free(s->b[i]);
	}
}

static const struct compare_row *row_of(const struct comparison *c, const char *key)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (strcmp(c->rows[i].key, key) == 0)
			return &c->rows[i];
	fail_msg("no row %s", key);
	return NULL;
}

static enum expect_result judged(const struct comparison *c, const char *text)
{
	struct buf why = { 0 };
	enum expect_result result;
	struct expect e;

	if (expect_parse(&e, text, true))
		fail_msg("%s", fail_text());
	result = compare_judge(c, &e, 1, &why);
	assert_true(why.len > 0);
	buf_free(&why);
	return result;
}

static void test_repeats(void **state)
{
	static const double wall_a[] = { 1.00, 1.02, 0.98, 1.01, 0.99 };
	static const double wall_b[] = { 1.50, 1.53, 1.47, 1.49, 1.51 };
	static const double cpu_a[] = { 2.0, 2.2, 1.8, 2.1, 1.9 };
	static const double cpu_b[] = { 2.1, 1.9, 2.0, 2.3, 1.9 };
	struct sides s = make_sides(5);
	const struct compare_row *row;
	struct comparison *c;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		put(s.a[i], "wall", wall_a[i]);
		put(s.b[i], "wall", wall_b[i]);
		put(s.a[i], "cpu", cpu_a[i]);
		put(s.b[i], "cpu", cpu_b[i]);
		put(s.a[i], "gil.share", 0);
		put(s.b[i], "gil.share", 0);
		put(s.b[i], "lock[m].share", 0.2 + 0.01 * (double)i);
	}
	c = compared(&s);
	row = row_of(c, "wall");
	assert_int_equal(row->found, COMPARE_DIFFERS);
	assert_int_equal(row->effect, -1);
	assert_true(fabs(row->relative - 0.5) < 1e-9);
	assert_true(row->change.low > 0.4 && row->change.high < 0.6 && row->change.n == 5);
	assert_int_equal(row_of(c, "cpu")->found, COMPARE_SAME);
	assert_int_equal(row_of(c, "gil.share")->found, COMPARE_SAME);
	/* A has no such lock: it is 0 there */
	row = row_of(c, "lock[m].share");
	assert_int_equal(row->found, COMPARE_DIFFERS);
	assert_int_equal(row->group, METRIC_LOCK);
	assert_true(isnan(row->relative));
	assert_string_equal(c->rows[0].key, "wall"); /* what differs comes first */

	assert_int_equal(judged(c, "wall<=+10%"), EXPECT_FAILED);
	assert_int_equal(judged(c, "wall<=+60%"), EXPECT_MET);
	assert_int_equal(judged(c, "wall<=+50%"), EXPECT_UNCLEAR);
	assert_int_equal(judged(c, "wall<=+100ms"), EXPECT_FAILED);
	assert_int_equal(judged(c, "wall>=-10%"), EXPECT_MET);
	assert_int_equal(judged(c, "cpu<=+30%"), EXPECT_MET);
	assert_int_equal(judged(c, "lock[m].share<=+10pp"), EXPECT_FAILED);
	assert_int_equal(judged(c, "lock[other].share<=+10pp"), EXPECT_MET);
	assert_int_equal(judged(c, "function[f].share<=+10pp"), EXPECT_UNCLEAR);
	assert_int_equal(judged(c, "verdict==same"), EXPECT_MET);
	comparison_free(c);
	free_sides(&s);
}

/* One recording a side: slices, or nothing is known. */
static void test_single(void **state)
{
	struct sides s = make_sides(1);
	struct comparison *c;

	(void)state;
	put(s.a[0], "parallelism", 1.9)->v = (struct stats_interval){ 1.9, 1.85, 1.95, 10 };
	put(s.b[0], "parallelism", 1.0)->v = (struct stats_interval){ 1.0, 0.95, 1.05, 10 };
	put(s.a[0], "wall", 1);
	put(s.b[0], "wall", 1.5);
	put(s.a[0], "cpu", 1);
	put(s.b[0], "cpu", 1.05);
	put(s.a[0], "function[f].share", 0.4)->v = (struct stats_interval){ 0.4, 0.3, 0.5, 100 };
	put(s.b[0], "function[g].share", 0.1)->v = (struct stats_interval){ 0.1, 0.05, 0.18, 100 };
	c = compared(&s);
	assert_int_equal(row_of(c, "parallelism")->found, COMPARE_DIFFERS);
	assert_int_equal(row_of(c, "parallelism")->effect, -1);
	assert_int_equal(row_of(c, "wall")->found, COMPARE_UNSURE);
	assert_int_equal(row_of(c, "cpu")->found, COMPARE_SAME);
	/* f is not listed in B: it may still have what the last one there may have */
	assert_int_equal(row_of(c, "function[f].share")->found, COMPARE_DIFFERS);
	assert_true(row_of(c, "function[f].share")->b.high == 0.18);
	assert_int_equal(judged(c, "wall<=+10%"), EXPECT_FAILED); /* the value decides */
	assert_int_equal(judged(c, "wall<=+60%"), EXPECT_MET);
	comparison_free(c);
	free_sides(&s);
}

/* B took longer because others used the CPUs: no difference of the program. */
static void test_disturbed(void **state)
{
	struct sides s = make_sides(4);
	struct comparison *c;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		double jitter = 0.01 * (double)i;

		put(s.a[i], "wall", 1 + jitter);
		put(s.b[i], "wall", 1.6 + jitter)->undisturbed = 1.0 + jitter;
		put(s.a[i], "stolen.share", 0);
		put(s.b[i], "stolen.share", 0.4 + jitter);
	}
	c = compared(&s);
	assert_int_equal(row_of(c, "wall")->found, COMPARE_SAME);
	assert_true(row_of(c, "wall")->change.low < 0 && row_of(c, "wall")->change.high > 0.6);
	assert_int_equal(judged(c, "wall<=+10%"), EXPECT_UNCLEAR);
	assert_int_equal(c->n_doubts, 1);
	assert_non_null(strstr(c->doubts[0].data, "B did not get"));
	comparison_free(c);
	free_sides(&s);
}

/* Of many metrics that do not differ, few are said to: 95 % holds for all of them together. */
static void test_false_alarms(void **state)
{
	static const char *const keys[] = {
		"wall",	    "cpu",	   "parallelism", "wanted",
		"switches", "futex.calls", "migrations",  "lock.waits"
	};
	const unsigned tries = 400;
	unsigned alarms = 0;

	(void)state;
	srand48(5);
	for (unsigned t = 0; t < tries; t++) {
		struct sides s = make_sides(4);
		struct comparison *c;
		bool alarm = false;

		for (size_t i = 0; i < 4; i++)
			for (size_t k = 0; k < N_OF(keys); k++) {
				put(s.a[i], keys[k], 10 + drand48() + drand48() + drand48());
				put(s.b[i], keys[k], 10 + drand48() + drand48() + drand48());
			}
		c = compared(&s);
		for (size_t i = 0; i < c->n_rows; i++)
			alarm |= c->rows[i].found == COMPARE_DIFFERS;
		alarms += alarm;
		comparison_free(c);
		free_sides(&s);
	}
	assert_in_range(alarms, 0, (unsigned)(tries * 0.05 + 4 * sqrt(tries * 0.05 * 0.95)));
}

static void test_doubts(void **state)
{
	struct sides s = make_sides(2);
	struct comparison *c;

	(void)state;
	c = compared(&s);
	assert_int_equal(c->n_doubts, 0);
	assert_false(c->verdict_changed);
	comparison_free(c);

	free(s.b[1]->target);
	s.b[1]->target = xstrdup("./other");
	snprintf(s.b[0]->kernel, sizeof(s.b[0]->kernel), "6.1");
	s.a[1]->ceiling = 1;
	s.b[0]->command = s.b[1]->command = false;
	s.b[1]->window_s = 5;
	s.b[0]->complete = false;
	snprintf(s.b[0]->format, sizeof(s.b[0]->format), "1.9");
	snprintf(s.b[0]->metrics->verdict, sizeof(s.b[0]->metrics->verdict), "unclear");
	c = compared(&s);
	assert_int_equal(c->n_doubts, 6); /* window: B's own are not compared with a command's */
	assert_false(c->verdict_changed);
	assert_string_equal(c->b.verdicts.data, "unclear x 1, parallel x 1");
	assert_int_equal(judged(c, "verdict==same"), EXPECT_UNCLEAR);
	comparison_free(c);

	s.a[0]->command = s.a[1]->command = false;
	snprintf(s.b[1]->metrics->verdict, sizeof(s.b[1]->metrics->verdict), "unclear");
	c = compared(&s);
	assert_true(c->verdict_changed);
	assert_int_equal(judged(c, "verdict==same"), EXPECT_FAILED);
	assert_int_equal(c->n_doubts, 6); /* the window instead of the way */
	comparison_free(c);
	free_sides(&s);
}

/* --- recordings ------------------------------------------------------------------------------ */

static struct buf json_of(const char *sample)
{
	struct report *r = report_sample(sample);
	struct buf out = { 0 };

	render_json(&out, r, &render_defaults);
	report_sample_free(r);
	return out;
}

/* A report and its JSON are the same recording: nothing differs, nothing is lost. */
static void test_json_is_the_same(void **state)
{
	(void)state;
	for (const char *const *name = report_samples; *name; name++) {
		struct report *r = report_sample(*name);
		struct recording *own = recording_of_report("a", r), *back;
		struct buf text = json_of(*name);

		if (recording_of_json(&back, "b", text.data, text.len))
			fail_msg("%s: %s", *name, fail_text());
		if (strcmp(own->kernel, back->kernel) != 0) /* no UTF-8: JSON has U+FFFD */
			assert_non_null(strstr(back->kernel, "\xef\xbf\xbd"));
		assert_string_equal(own->format, back->format);
		assert_int_equal(own->complete, back->complete);
		assert_string_equal(own->metrics->verdict, back->metrics->verdict);
		assert_int_equal(own->metrics->n, back->metrics->n);
		for (size_t i = 0; i < own->metrics->n; i++) {
			const struct metric *x = &own->metrics->m[i], *y = &back->metrics->m[i];

			assert_string_equal(x->key, y->key);
			assert_int_equal(x->known, y->known);
			assert_string_equal(x->why, y->why);
			assert_int_equal(x->v.n, y->v.n);
			assert_true(!x->known ||
				    (x->v.value == y->v.value && x->v.low == y->v.low &&
				     x->v.high == y->v.high && x->undisturbed == y->undisturbed));
		}
		recording_free(own);
		recording_free(back);
		buf_free(&text);
		report_sample_free(r);
	}
}

/* The good report with one thing changed: what must be said. */
static void test_bad_json(void **state)
{
	static const struct {
		const char *path; /* member, or member of "metrics[0]" after a '.' */
		const char *json; /* NULL: taken out */
		const char *words;
	} bad[] = {
		{ "schema", "\"parascope-doctor\"", "no report of parascope" },
		{ "schema", "7", "no report of parascope" },
		{ "version", "\"2.0\"", "another format" },
		{ "version", NULL, "another format" },
		{ "kernel", "[]", "'kernel'" },
		{ "kernel", "\"6\\u0000x\"", "u0000" },
		{ "target", "{}", "'target'" },
		{ "cpus_online", "-1", "'cpus_online'" },
		{ "cpus_online", "1e300", "'cpus_online'" },
		{ "window_ns", "\"1\"", "'window_ns'" },
		{ "par", "3", "'ceiling'" },
		{ "quality", "null", "'complete'" },
		{ "verdict", "[]", "'code'" },
		{ "metrics", NULL, "older parascope" },
		{ "metrics", "{}", "'metrics'" },
		{ "metrics", "[3]", "'key'" },
		{ ".key", "\"\\u0000\"", "u0000" },
		{ ".key", "\"parallelism\"", "unit" },
		{ ".unit", "\"parsec\"", "'unit'" },
		{ ".better", "3", "'better'" },
		{ ".known", "\"yes\"", "'known'" },
		{ ".value", "\"1\"", "'value'" },
		{ ".value", "null", "'wall'" },
		{ ".n", "-1", "'n'" },
		{ ".n", "1e18", "'n'" },
		{ ".n", "10", "'wall'" }, /* low and high are null */
		{ ".undisturbed", "[]", "'undisturbed'" },
	};
	struct buf text = json_of("gil");

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		json_t *root = json_loadb(text.data, text.len, 0, NULL), *object = root;
		struct recording *r = (void *)1;
		const char *name = bad[i].path;
		char *changed;

		if (*name == '.') {
			object = json_array_get(json_object_get(root, "metrics"), 0);
			json_object_set_new(object, "known", json_true());
			json_object_set_new(object, "value", json_real(1));
			json_object_set_new(object, "undisturbed", json_real(1));
			name++;
		}
		if (bad[i].json)
			json_object_set_new(
				object, name,
				json_loads(bad[i].json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
		else
			json_object_del(object, name);
		changed = json_dumps(root, 0);
		if (recording_of_json(&r, "bad.json", changed, strlen(changed)) != -EINVAL)
			fail_msg("%s = %s is taken", bad[i].path, bad[i].json);
		assert_null(r);
		if (!strstr(fail_text(), bad[i].words) || !strstr(fail_text(), "bad.json"))
			fail_msg("%s = %s: %s; expected %s", bad[i].path, bad[i].json, fail_text(),
				 bad[i].words);
		free(changed);
		json_decref(root);
	}
	buf_free(&text);
}

/* What a later version may have is left out or kept; never a crash. */
static void test_later_json(void **state)
{
	static const char rows[] =
		"{\"key\":\"function[x\",\"unit\":\"s\",\"better\":\"lower\",\"known\":true,"
		"\"value\":1,\"low\":0.5,\"high\":2,\"n\":9,\"undisturbed\":1},"
		"{\"key\":\"later\",\"unit\":\"s\",\"better\":\"lower\",\"known\":true,"
		"\"value\":1,\"low\":0.5,\"high\":2,\"n\":9,\"undisturbed\":1}";
	struct buf text = { 0 }, out = { 0 };
	struct recording *r, *own = record("parallel");
	struct comparison *c;

	(void)state;
	buf_puts(&text, "{\"schema\":\"parascope-report\",\"version\":\"1.99\",\"kernel\":\"\",");
	buf_puts(&text, "\"command\":true,\"target\":\"\",\"cpus_online\":1,\"window_ns\":1,");
	buf_puts(&text, "\"par\":{\"ceiling\":1},\"truncated\":false,\"more\":[],");
	buf_puts(&text, "\"quality\":{\"complete\":true},\"verdict\":{\"code\":\"new\"},");
	buf_printf(&text, "\"metrics\":[%s]}", rows);
	if (recording_of_json(&r, "later", text.data, text.len))
		fail_msg("%s", fail_text());
	assert_int_equal(r->metrics->n, 1);
	put(own, "function[f].share", 0.5);
	c = compare((const struct recording *const *)&own, 1, (const struct recording *const *)&r,
		    1);
	assert_int_equal(row_of(c, "later")->found, COMPARE_UNKNOWN);
	render_compare_text(&out, c, &render_defaults);
	assert_non_null(strstr(out.data, "another version"));
	comparison_free(c);
	recording_free(r);
	recording_free(own);
	buf_free(&text);
	buf_free(&out);
}

static void refused(const char *text, size_t len, const char *words)
{
	struct recording *r;

	assert_int_equal(recording_of_json(&r, "x", text, len), -EINVAL);
	if (!strstr(fail_text(), words))
		fail_msg("%s; expected %s", fail_text(), words);
}

static void test_hostile_json(void **state)
{
	char *deep = xcalloc(1, RECORDING_JSON_MAX + 2);
	struct buf text = json_of("gil"), many = { 0 };

	(void)state;
	refused("", 0, "no JSON");
	refused("{", 1, "no JSON");
	refused("{}", 2, "no report");
	refused("{\"a\":1,\"a\":2}", 13, "duplicate");
	refused("{\"schema\":\"\xff\"}", 15, "no JSON");
	memset(deep, '[', RECORDING_JSON_MAX + 1);
	refused(deep, 100000, "no JSON");
	refused(deep, RECORDING_JSON_MAX + 1, "more than 64 MiB");
	for (size_t len = 0; len < text.len; len += 1 + len / 16) /* cut off anywhere */
		refused(text.data, len, "x: ");
	buf_puts(&many, "{\"schema\":\"parascope-report\",\"version\":\"" REPORT_FORMAT "\",");
	buf_puts(&many, "\"kernel\":\"\",\"command\":true,\"target\":\"\",\"cpus_online\":1,");
	buf_puts(&many, "\"window_ns\":1,\"par\":{\"ceiling\":1},\"truncated\":false,");
	buf_puts(&many, "\"quality\":{\"complete\":true},\"metrics\":[0");
	for (int i = 0; i < RECORDING_METRICS_MAX; i++)
		buf_puts(&many, ",0");
	buf_puts(&many, "]}");
	refused(many.data, many.len, "'metrics'");
	free(deep);
	buf_free(&many);
	buf_free(&text);
}

/* --- shown ----------------------------------------------------------------------------------- */

static void test_shown(void **state)
{
	struct sides s = make_sides(1);
	struct render_opts how = render_defaults;
	struct compare_expected expected = { "x<\n", EXPECT_FAILED, "why\033" };
	struct buf text = { 0 }, json = { 0 };
	struct comparison *c;
	json_t *root;

	(void)state;
	free(s.b[0]->target);
	s.b[0]->target = xstrdup("evil\033[2J\xff\n");
	put(s.a[0], "wall", 1);
	put(s.b[0], "wall", 2);
	for (size_t i = 0; i < 2; i++) { /* of a later version, or not */
		struct recording *r = i ? s.a[0] : s.b[0];

		metrics_add(r->metrics, "evil.\033[2J\n.........................................",
			    METRIC_COUNT, METRIC_LOWER, (double)i);
	}
	put(s.a[0], "lock[evil\033[2J\n].share", 0);
	put(s.b[0], "lock[evil\033[2J\n].share", 0.5);
	for (int i = 0; i < 30; i++) {
		char key[64];

		snprintf(key, sizeof(key), "function[f%d].share", i);
		put(s.a[0], key, 0.5)->v = (struct stats_interval){ 0.5, 0.4, 0.6, 10 };
		put(s.b[0], key, 0)->v = (struct stats_interval){ 0, 0, 0.1, 10 };
	}
	c = compared(&s);
	render_compare_text(&text, c, &how);
	render_compare_json(&json, c, &expected, 1);
	for (size_t i = 0; i < text.len; i++)
		assert_true(text.data[i] == '\n' || ((unsigned char)text.data[i] >= ' ' &&
						     (unsigned char)text.data[i] < 127));
	for (size_t i = 0; i < json.len; i++)
		assert_true(json.data[i] == '\n' || (unsigned char)json.data[i] >= ' ');
	assert_non_null(strstr(text.data, "wall"));
	assert_non_null(strstr(text.data, "+100.0 %"));
	assert_non_null(strstr(text.data, "worse?"));
	assert_non_null(strstr(text.data, "20 more; --top shows them"));
	assert_non_null(strstr(text.data, "Doubtful: not the same target"));
	for (const char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1)
		assert_true(end - line <= how.width);
	root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "metrics")), 33);
	json_decref(root);
	buf_free(&text);
	buf_free(&json);
	comparison_free(c);
	free_sides(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeats),	  cmocka_unit_test(test_single),
		cmocka_unit_test(test_disturbed), cmocka_unit_test(test_false_alarms),
		cmocka_unit_test(test_doubts),	  cmocka_unit_test(test_json_is_the_same),
		cmocka_unit_test(test_bad_json),  cmocka_unit_test(test_hostile_json),
		cmocka_unit_test(test_shown),	  cmocka_unit_test(test_later_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
