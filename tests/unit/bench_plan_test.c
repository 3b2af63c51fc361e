// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_plan_test.c - templates, the order of runs, sizes, and what programs tell. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail

#include "user/base/fail.h"
#include "user/bench/footprint.h"
#include "user/bench/places.h"
#include "user/bench/plan.h"
#include "user/bench/result.h"

static const struct plan_mode both = { .name = "both",
				       .args = WORDS("--mode", "{mode}", "--procs={procs}") };

static struct plan_values some_values(void)
{
	return (struct plan_values){ .mode = &both,
				     .tasks = 6,
				     .procs = 2,
				     .size = 1000,
				     .scale = 0.5,
				     .time_ns = 1500000000,
				     .result = "/tmp/x y" };
}

static void assert_expands(const char *const *argv, const struct plan_values *v,
			   const char *const *wanted)
{
	char **got;
	size_t i = 0;

	assert_int_equal(plan_expand(argv, v, &got), 0);
	for (; wanted[i]; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], wanted[i]);
	}
	assert_null(got[i]);
	plan_argv_free(got);
}

static void templates(void **state)
{
	struct plan_values v = some_values();

	(void)state;
	assert_expands(WORDS("p", "{args}", "-n{n}", "{threads}", "{size}", "{scale}", "{time}"),
		       &v,
		       WORDS("p", "--mode", "both", "--procs=2", "-n6", "3", "1000", "0.5", "1.5"));
	assert_expands(WORDS("{result}", "a{mode}b{mode}", ""), &v,
		       WORDS("/tmp/x y", "abothbboth", ""));
	/* braces that are no placeholder belong to the command */
	assert_expands(WORDS("{ print $1 }", "{}", "{A}", "${x", "{{n}}"), &v,
		       WORDS("{ print $1 }", "{}", "{A}", "${x", "{6}"));
}

static void values_that_are_not_there(void **state)
{
	struct plan_values v = some_values();
	char **got;

	(void)state;
	assert_int_equal(plan_expand(WORDS("{workload}"), &v, &got), -22);
	assert_non_null(strstr(fail_text(), "{workload}"));
	assert_int_equal(plan_expand(WORDS("{nonsense}"), &v, &got), -22);
	v.procs = 0;
	assert_int_equal(plan_expand(WORDS("{threads}"), &v, &got), -22);
}

static void every_mode_once_in_each_repeat(void **state)
{
	enum {
		MODES = 4,
		REPEATS = 5
	};
	struct plan_run order[MODES * REPEATS];

	(void)state;
	plan_order(order, MODES, REPEATS);
	for (size_t r = 0; r < REPEATS; r++) {
		unsigned seen = 0;

		for (size_t i = 0; i < MODES; i++) {
			assert_int_equal(order[r * MODES + i].repeat, r);
			seen |= 1u << order[r * MODES + i].mode;
		}
		assert_int_equal(seen, 15);
		assert_int_equal(order[r * MODES].mode, r % MODES); /* another one begins */
	}
}

static void sizes_come_to_an_end(void **state)
{
	(void)state;
	assert_int_equal(plan_next_size(100, 1000, 1000), 100);
	assert_int_equal(plan_next_size(100, 1000, 1200), 100); /* near enough */
	assert_int_equal(plan_next_size(100, 1000, 4000), 400);
	assert_int_equal(plan_next_size(100, 1, 1000000),
			 800); /* what a short run says is little */
	assert_int_equal(plan_next_size(100, 10000, 1000), 10);
	assert_int_equal(plan_next_size(1, 100000, 1000), 1);
	assert_int_equal(plan_next_size(1000000000000000, 1, 1000000), 1000000000000000);
	assert_int_equal(plan_next_size(7, 0, 1000), 56);
}

static void processes_of_threads(void **state)
{
	(void)state;
	assert_int_equal(plan_procs(4), 2);
	assert_int_equal(plan_procs(9), 3);
	assert_int_equal(plan_procs(2), 0); /* two processes of one thread each is mode procs */
	assert_int_equal(plan_procs(7), 0);
	assert_int_equal(plan_procs(1), 0);
	assert_int_equal(plan_procs(0), 0);
}

static void experiments_are_whole(void **state)
{
	(void)state;
	for (const struct experiment *e = plan_experiments; e->name; e++) {
		struct plan_values v = { .tasks = 4,
					 .procs = 2,
					 .size = 10,
					 .scale = 1,
					 .time_ns = 1,
					 .result = "r",
					 .workload = "w",
					 .python = "p",
					 .py = "y" };

		assert_non_null(e->title);
		assert_true(e->size >= 1);
		for (const struct plan_mode *m = e->modes; m->name; m++) {
			char **argv;

			v.mode = m;
			assert_int_equal(plan_expand(e->argv, &v, &argv), 0);
			plan_argv_free(argv);
		}
		for (const struct experiment *other = plan_experiments; other < e; other++)
			assert_string_not_equal(other->name, e->name);
	}
	for (const struct suite *s = plan_suites; s->name; s++)
		assert_ptr_equal(plan_find_suite(s->name), s);
	assert_null(plan_find_suite("no such"));
}

/* --- results --------------------------------------------------------------------------------- */

static int parse(const char *text, enum plan_told told, struct result *r)
{
	return result_parse(text, strlen(text), told, r);
}

static void what_programs_tell(void **state)
{
	struct result r;

	(void)state;
	assert_int_equal(parse("{\"schema\":\"parascope-py/1\",\"wall_ns\":1000,\"work\":8,"
			       "\"python\":\"3.13.0\",\"gil\":false,\"free_threaded\":true,"
			       "\"startup\":{\"create_ns\":[1,3],\"work_ns\":[10,null,30]},"
			       "\"ipc_bytes\":0,\"ipc_ns\":null}",
			       TOLD_PYTHON, &r),
			 0);
	assert_true(r.wall_ns == 1000 && r.work == 8 && r.create_ns == 2 && r.first_work_ns == 20);
	assert_true(r.ipc_bytes == 0 && isnan(r.ipc_ns) && isnan(r.handoffs));
	assert_string_equal(r.python, "3.13.0");
	assert_true(r.gil == 0 && r.free_threaded == 1);
	assert_int_equal(parse("{\"schema\":\"parascope-truth/1\",\"wall_ns\":5,\"ops\":7,"
			       "\"work\":1,\"handoffs\":3,\"startup\":{\"create_ns\":[]}}",
			       TOLD_TRUTH, &r),
			 0);
	assert_true(r.work == 7 && r.handoffs == 3 && isnan(r.create_ns));
	assert_int_equal(r.gil, -1);
}

static void results_that_make_no_sense(void **state)
{
	static const char *const bad[] = {
		"",
		"nonsense",
		"[]",
		"{}",
		"{\"schema\":1}",
		"{\"schema\":\"parascope-truth/1\"}",
		"{\"schema\":\"parascope-py/1\",\"schema\":\"parascope-py/1\"}",
		"\"\\ud800\"",
		"{\"schema\":\"parascope-py/1\"",
	};
	struct result r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i], TOLD_PYTHON, &r), -22);
	/* numbers that cannot be, members of the wrong type: not known */
	assert_int_equal(parse("{\"schema\":\"parascope-py/1\",\"wall_ns\":-1,\"work\":1e300,"
			       "\"python\":[],\"gil\":\"yes\",\"startup\":7,\"ipc_bytes\":\"x\"}",
			       TOLD_PYTHON, &r),
			 0);
	assert_true(isnan(r.wall_ns) && isnan(r.work) && isnan(r.create_ns) && isnan(r.ipc_bytes));
	assert_string_equal(r.python, "");
	assert_int_equal(r.gil, -1);
}

static void results_are_files(void **state)
{
	char folder[] = "/tmp/parascope-test-XXXXXX";
	struct buf text = { 0 };
	struct result r;
	int dir, fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	assert_int_equal(result_take(dir, "r", TOLD_PYTHON, &r, &text), -2);
	/* a link that the program left, a FIFO without a writer: neither is followed or waited for
	 */
	assert_int_equal(symlinkat("/etc/passwd", dir, "r"), 0);
	assert_true(result_take(dir, "r", TOLD_PYTHON, &r, &text) < 0);
	unlinkat(dir, "r", 0);
	assert_int_equal(mkfifoat(dir, "r", 0600), 0);
	assert_int_equal(result_take(dir, "r", TOLD_PYTHON, &r, &text), -22);
	assert_int_equal(faccessat(dir, "r", F_OK, 0), -1);
	fd = openat(dir, "r", O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "{\"schema\":\"parascope-py/1\"}", 27), 27);
	close(fd);
	assert_int_equal(result_take(dir, "r", TOLD_PYTHON, &r, &text), 0);
	assert_int_equal(text.len, 27);
	assert_int_equal(faccessat(dir, "r", F_OK, 0), -1); /* taken */
	close(dir);
	assert_int_equal(rmdir(folder), 0);
	buf_free(&text);
}

/* --- places ---------------------------------------------------------------------------------- */

static void places_of_workloads(void **state)
{
	char folder[] = "/tmp/parascope-test-XXXXXX", program[64], command[512];
	struct places p;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(program, sizeof(program), "%s/bin/parascope", folder);
	places_find(&p, program, NULL);
	assert_null(p.workload);
	assert_null(p.py);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p bin share/parascope/py o/py && touch bin/parascope-workload "
		 "share/parascope/py/countdown.py o/workload o/py/countdown.py && "
		 "chmod +x bin/* o/workload",
		 folder);
	assert_int_equal(system(command), 0);
	places_find(&p, program, "");
	assert_non_null(strstr(p.workload, "/bin/parascope-workload"));
	assert_non_null(strstr(p.py, "/share/parascope/py"));
	assert_null(strstr(p.py, ".."));
	places_free(&p);
	snprintf(command, sizeof(command), "%s/o", folder);
	places_find(&p, program, command);
	assert_non_null(strstr(p.workload, "/o/workload"));
	assert_non_null(strstr(p.py, "/o/py"));
	places_free(&p);
	places_find(&p, program, "/nonexistent"); /* says so, instead of taking others */
	assert_null(p.workload);
	places_free(&p);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates),
		cmocka_unit_test(values_that_are_not_there),
		cmocka_unit_test(every_mode_once_in_each_repeat),
		cmocka_unit_test(sizes_come_to_an_end),
		cmocka_unit_test(processes_of_threads),
		cmocka_unit_test(experiments_are_whole),
		cmocka_unit_test(what_programs_tell),
		cmocka_unit_test(results_that_make_no_sense),
		cmocka_unit_test(results_are_files),
		cmocka_unit_test(places_of_workloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
