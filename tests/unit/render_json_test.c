// SPDX-License-Identifier: GPL-2.0-or-later
/* render_json_test.c - the JSON report: strict readers accept it and get every number back. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/report.h"
#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/render/json_writer.h"
#include "user/render/render.h"

static struct buf render(const struct report *r)
{
	struct buf out = { 0 };

	renderer_find("json")->render(&out, r, &render_defaults);
	return out;
}

static json_t *parse(const struct buf *out)
{
	json_error_t error;
	json_t *root = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		print_error("line %d: %s\n", error.line, error.text);
	assert_non_null(root);
	return root;
}

static void assert_int_member(const json_t *object, const char *name, uint64_t value)
{
	const json_t *member = json_object_get(object, name);

	assert_true(json_is_integer(member));
	assert_int_equal(json_integer_value(member), value);
}

static void check_states(const json_t *object, const uint64_t state_ns[STATE_COUNT])
{
	const json_t *states = json_object_get(object, "state_ns");

	assert_int_equal(json_object_size(states), STATE_COUNT);
	for (size_t i = 0; i < STATE_COUNT; i++)
		assert_int_member(states, report_states[i].key, state_ns[i]);
}

static void check_parallelism(const json_t *par, const struct report_parallelism *p)
{
	const json_t *running = json_object_get(par, "running");

	assert_true(json_real_value(json_object_get(par, "average")) == p->average);
	assert_true(json_real_value(json_object_get(par, "demand")) == p->demand);
	assert_true(json_real_value(json_object_get(par, "ceiling")) == p->ceiling);
	assert_int_member(par, "serial_ns", p->serial_ns);
	assert_int_equal(json_array_size(running), p->running.n);
	for (size_t i = 0; i < p->running.n; i++)
		assert_int_equal(json_integer_value(json_array_get(running, i)), p->running.ns[i]);
	assert_int_equal(json_array_size(json_object_get(par, "wanted")), p->wanted.n);
}

static const char *string_member(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	assert_non_null(s);
	return s;
}

/* A place, or a site, which has the same members; strings only if they are valid UTF-8. */
static void check_place(const json_t *place, const struct report_place *p)
{
	assert_int_member(place, "line", p->line);
	assert_memory_equal(string_member(place, "offset"), "0x", 2);
	assert_int_equal(strtoull(string_member(place, "offset"), NULL, 16), p->offset);
	assert_non_null(string_member(place, "module"));
	assert_non_null(string_member(place, "function"));
	if (!json_object_get(place, "module_hex"))
		assert_string_equal(string_member(place, "module"), p->module ? p->module : "");
}

static void check_locks(const json_t *locks, const struct report *r)
{
	assert_int_equal(json_array_size(locks), r->n_locks);
	for (size_t i = 0; i < r->n_locks; i++) {
		const json_t *lock = json_array_get(locks, i);
		const char *addr = json_string_value(json_object_get(lock, "addr"));
		const char *inode = json_string_value(json_object_get(lock, "inode"));

		assert_int_member(lock, "wait_ns", r->locks[i].wait_ns);
		assert_int_equal(strtoull(addr, NULL, 16), r->locks[i].addr);
		assert_int_equal(strtoull(inode, NULL, 10), r->locks[i].inode);
		assert_int_equal(json_array_size(json_object_get(lock, "hist")),
				 r->locks[i].n_hist);
		assert_int_equal(json_array_size(json_object_get(lock, "top_holders")),
				 r->locks[i].n_top_holders);
		assert_int_equal(json_array_size(json_object_get(lock, "sites")),
				 r->locks[i].n_sites);
		assert_int_equal(json_array_size(json_object_get(lock, "holding")),
				 r->locks[i].n_holding);
		check_place(json_object_get(lock, "place"), &r->locks[i].place);
		if (!json_object_get(lock, "object_hex"))
			assert_string_equal(string_member(lock, "object"), r->locks[i].object);
	}
}

static void check_sites(const json_t *sites, const struct report_site *s, size_t n)
{
	assert_int_equal(json_array_size(sites), n);
	for (size_t i = 0; i < n; i++) {
		const json_t *site = json_array_get(sites, i);

		assert_int_member(site, "ns", s[i].ns);
		assert_int_member(site, "samples", s[i].samples);
		check_place(site, &s[i].place);
		assert_int_member(site, "tid", s[i].tid);
	}
}

static void check_gils(const json_t *gils, const struct report *r)
{
	assert_int_equal(json_array_size(gils), r->n_gils);
	for (size_t i = 0; i < r->n_gils; i++) {
		const struct report_gil *g = &r->gils[i];
		const json_t *gil = json_array_get(gils, i), *held = json_object_get(gil, "held");

		assert_int_member(gil, "lock", g->lock);
		assert_int_member(gil, "handoffs", g->handoffs);
		assert_int_member(gil, "switches", g->switches);
		assert_int_member(gil, "forced", g->forced);
		assert_int_member(gil, "poll_ns", g->poll_ns);
		assert_int_member(gil, "held_asleep_ns", g->held_asleep_ns);
		assert_int_member(gil, "convoy_p99_ns", g->convoy_p99_ns);
		assert_int_member(gil, "without_ns", g->without_ns);
		assert_int_equal(strtoull(string_member(gil, "addr"), NULL, 16), g->addr);
		check_sites(json_object_get(gil, "holding"), g->holding, g->n_holding);
		check_sites(json_object_get(gil, "without"), g->without, g->n_without);
		assert_int_equal(json_array_size(held), g->n_held);
		for (size_t k = 0; k < g->n_held; k++) {
			const json_t *row = json_array_get(held, k);

			assert_int_member(row, "held_ns", g->held[k].held_ns);
			assert_int_member(row, "max_ns", g->held[k].max_ns);
			assert_int_member(json_object_get(row, "site"), "ns", g->held[k].site.ns);
			assert_string_equal(string_member(row, "syscall"),
					    g->held[k].syscall ? g->held[k].syscall : "");
		}
	}
}

/* What has no string has an empty one, never null and never nothing. */
static void test_python(void **state)
{
	struct report *r = report_sample("python"), *nulls = report_sample("nulls");
	struct buf out = render(r), empty = render(nulls);
	json_t *root = parse(&out), *bare = parse(&empty), *site;

	(void)state;
	site = json_array_get(json_object_get(root, "running"), 0);
	assert_string_equal(string_member(site, "function"), "Parser.parse_record");
	assert_string_equal(string_member(site, "file"), "/srv/billing/app/ingest/parser.py");
	assert_string_equal(string_member(site, "thread_name"), "Thread-1 (consume)");
	assert_memory_equal(string_member(site, "stack"), "Parser.parse_record (/srv", 25);
	site = json_array_get(json_object_get(root, "threads"), 0);
	assert_string_equal(string_member(site, "name"), "Thread-1 (consume)");
	assert_int_member(site, "gil_ns", r->threads[0].gil_ns);
	assert_true(json_is_true(json_object_get(site, "python")));
	assert_true(json_real_value(json_object_get(site, "gil_wait_share")) == 0.4901);
	site = json_array_get(json_object_get(root, "runtimes"), 2);
	assert_string_equal(string_member(site, "status"), "unknown");
	assert_string_equal(string_member(site, "why"), "no offsets for this version");
	assert_int_member(json_object_get(root, "quality"), "sample_ns", 10000000);
	site = json_array_get(json_object_get(bare, "running"), 0);
	assert_string_equal(string_member(site, "function"), "");
	assert_string_equal(string_member(site, "stack"), "");
	site = json_array_get(json_object_get(bare, "threads"), 0);
	assert_string_equal(string_member(site, "name"), "");
	json_decref(root);
	json_decref(bare);
	buf_free(&out);
	buf_free(&empty);
	report_sample_free(r);
	report_sample_free(nulls);
}

static void test_native(void **state)
{
	struct report *r = report_sample("native");
	struct buf out = render(r);
	json_t *root = parse(&out), *lock, *site, *quality = json_object_get(root, "quality");

	(void)state;
	assert_string_equal(string_member(root, "version"), "1.4");
	lock = json_array_get(json_object_get(root, "locks"), 1);
	assert_string_equal(string_member(lock, "object"), "registry_lock");
	assert_string_equal(string_member(json_object_get(lock, "place"), "module"),
			    "libcache.so.2");
	assert_string_equal(string_member(json_object_get(lock, "place"), "offset"), "0x2f10");
	site = json_array_get(json_object_get(lock, "holding"), 0);
	assert_string_equal(string_member(site, "module"), "libvendor.so.1");
	assert_string_equal(string_member(site, "function"), "");
	assert_string_equal(string_member(site, "offset"), "0x81f3c");
	assert_int_member(quality, "samples_native", 2300);
	assert_int_member(quality, "samples_whole", 2291);
	assert_int_member(quality, "samples_cut", 3);
	assert_int_member(quality, "samples_no_rule", 4);
	assert_int_member(quality, "samples_astray", 0);
	assert_int_member(quality, "samples_no_memory", 0);
	assert_int_member(quality, "samples_early", 2);
	assert_int_member(quality, "samples_pointers", 12);
	assert_int_member(quality, "stacks_taken", 1234);
	assert_int_member(quality, "stacks_ns", 1234 * 2100);
	assert_int_member(quality, "stacks_frames", 1234 * 46);
	assert_int_member(quality, "tables", 5);
	assert_int_member(quality, "table_rows", 93120);
	assert_int_member(quality, "table_ns", 41000000);
	assert_int_member(quality, "symbol_cpu_ns", 120000000);
	json_decref(root);
	buf_free(&out);
	report_sample_free(r);
}

static void test_numbers_come_back(void **state)
{
	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct report *r = report_sample(*sample);
		struct buf out = render(r);
		json_t *root = parse(&out);
		json_t *threads = json_object_get(root, "threads");

		assert_string_equal(json_string_value(json_object_get(root, "schema")),
				    "parascope-report");
		assert_int_member(root, "window_ns", r->window_ns);
		assert_int_member(root, "begin_ns", r->begin_ns);
		assert_int_member(root, "locks_total", r->locks_total);
		check_parallelism(json_object_get(root, "par"), &r->par);
		check_states(json_object_get(root, "budget"), r->budget.state_ns);
		check_locks(json_object_get(root, "locks"), r);
		check_gils(json_object_get(root, "gils"), r);
		check_sites(json_object_get(root, "running"), r->running, r->n_running);
		assert_int_equal(json_array_size(json_object_get(root, "runtimes")),
				 r->n_runtimes);
		assert_int_equal(json_array_size(threads), r->n_threads);
		for (size_t i = 0; i < r->n_threads; i++) {
			const json_t *thread = json_array_get(threads, i);

			assert_int_member(thread, "tid", r->threads[i].tid);
			assert_int_member(thread, "voluntary", r->threads[i].voluntary);
			check_states(thread, r->threads[i].state_ns);
		}
		json_decref(root);
		buf_free(&out);
		report_sample_free(r);
	}
}

/* The bytes themselves are harmless, wherever they are printed. */
static void test_safe_and_deterministic(void **state)
{
	(void)state;
	for (const char *const *sample = report_samples; *sample; sample++) {
		struct report *r = report_sample(*sample);
		struct buf out = render(r), again = render(r);

		assert_int_equal(out.len, again.len);
		assert_memory_equal(out.data, again.data, out.len);
		for (size_t i = 0, n; i < out.len; i += n) {
			uint32_t cp;

			n = escape_decode(out.data + i, out.len - i, &cp);
			assert_true(cp != ESCAPE_INVALID && (cp == '\n' || !escape_unsafe(cp)));
		}
		buf_free(&out);
		buf_free(&again);
		report_sample_free(r);
	}
}

static char *written(void (*write)(struct json_writer *w, const void *arg), const void *arg)
{
	struct buf out = { 0 };
	struct json_writer w = { .out = &out };

	jsonw_open(&w, NULL, '{');
	write(&w, arg);
	jsonw_close(&w, '}');
	return out.data;
}

static void write_raw(struct json_writer *w, const void *arg)
{
	jsonw_raw(w, "comm", arg, strlen(arg));
}

static void test_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "python3", "{\"comm\":\"python3\"}" },
		{ "", "{\"comm\":\"\"}" },
		{ "a\"b\\c", "{\"comm\":\"a\\\"b\\\\c\"}" },
		{ "\033[m\n\x7f", "{\"comm\":\"\\u001b[m\\u000a\\u007f\"}" },
		{ "\xc2\x9b", "{\"comm\":\"\\u009b\"}" },
		{ "\xe2\x80\xae", "{\"comm\":\"\\u202e\"}" },
		{ "\xf3\xa0\x81\x81", "{\"comm\":\"\\udb40\\udc41\"}" },
		{ "\xc3\xbc\xf0\x9f\x98\x80", "{\"comm\":\"\xc3\xbc\xf0\x9f\x98\x80\"}" },
		{ "a\xff", "{\"comm\":\"a\\ufffd\",\"comm_hex\":\"61ff\"}" },
		{ "\xed\xa0\x80", "{\"comm\":\"\\ufffd\\ufffd\\ufffd\",\"comm_hex\":\"eda080\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = written(write_raw, cases[i].in);

		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

static void write_double(struct json_writer *w, const void *arg)
{
	jsonw_double(w, "v", *(const double *)arg);
}

static void test_doubles(void **state)
{
	static const struct {
		double in;
		const char *out;
	} cases[] = {
		{ 0, "{\"v\":0.0}" },
		{ -0.0, "{\"v\":0.0}" },
		{ 1, "{\"v\":1.0}" },
		{ 0.1, "{\"v\":0.1}" },
		{ 1.0 / 3, "{\"v\":0.3333333333333333}" },
		{ -2.5, "{\"v\":-2.5}" },
		{ 1e300, "{\"v\":1e+300}" },
		{ NAN, "{\"v\":null}" },
		{ INFINITY, "{\"v\":null}" },
		{ 5e-324, "{\"v\":4.94065645841247e-324}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *out = written(write_double, &cases[i].in);

		assert_string_equal(out, cases[i].out);
		free(out);
	}
}

/* The schema is linked in, is JSON, and knows every enum. */
static void test_schema(void **state)
{
	size_t len;
	const char *text = render_json_schema(&len);
	json_error_t error;
	json_t *schema = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	json_t *definitions = json_object_get(schema, "definitions"), *names, *codes;

	(void)state;
	assert_non_null(schema);
	names = json_object_get(json_object_get(definitions, "states"), "required");
	codes = json_object_get(json_object_get(definitions, "verdict"), "properties");
	codes = json_object_get(json_object_get(codes, "code"), "enum");
	assert_int_equal(json_array_size(names), STATE_COUNT);
	for (size_t i = 0; i < STATE_COUNT; i++)
		assert_string_equal(json_string_value(json_array_get(names, i)),
				    report_states[i].key);
	assert_int_equal(json_array_size(codes), VERDICT_COUNT);
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		assert_string_equal(json_string_value(json_array_get(codes, i)),
				    report_verdicts[i]);
	json_decref(schema);
}

static void test_table(void **state)
{
	(void)state;
	assert_non_null(renderer_find("text"));
	assert_non_null(renderer_find("json"));
	assert_null(renderer_find(""));
	assert_null(renderer_find("xml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_come_back),
		cmocka_unit_test(test_python),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_safe_and_deterministic),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_table),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
