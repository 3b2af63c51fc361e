// SPDX-License-Identifier: GPL-2.0-or-later
/* opt_table_test.c - options: every kind, every way to get them wrong, and the help text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "user/base/fail.h" /* before cmocka, which has a macro of that name */

#include <cmocka.h>

#include "user/base/opt.h"

struct values {
	bool verbose, no_children;
	unsigned top;
	uint64_t duration_ns, ring_bytes;
	const char *output;
	struct opt_list comms;
	struct opt_ids pids;
	int parity;
};

static int parse_parity(const char *value, void *field)
{
	if (strcmp(value, "even") && strcmp(value, "odd"))
		return (fail)(-ERANGE, "'%s' is neither even nor odd", value);
	*(int *)field = !strcmp(value, "odd");
	return 0;
}

#define AT(field) offsetof(struct values, field)
static const struct opt table[] = {
	{ "pid", 'p', OPT_IDS, AT(pids), "PID,...", "processes to watch", "Target", NULL },
	{ "comm", 'c', OPT_LIST, AT(comms), "PATTERN",
	  "processes whose name matches the pattern; may be given several times, and then a "
	  "process is watched if any of them matches", "Target", NULL },
	{ "duration", 'd', OPT_DURATION, AT(duration_ns), "TIME", "stop after so long", "Session",
	  NULL },
	{ "output", 'o', OPT_STRING, AT(output), "FILE", "save the trace", "Session", NULL },
	{ "ring-buffer-size-of-this-session", 0, OPT_SIZE, AT(ring_bytes), "SIZE", "a long one",
	  "Session", NULL },
	{ "no-children", 0, OPT_FLAG, AT(no_children), NULL, "do not follow forks", "Target",
	  NULL },
	{ "top", 'n', OPT_UNSIGNED, AT(top), "N", "rows to show", NULL, NULL },
	{ "parity", 0, OPT_CUSTOM, AT(parity), "P", "even or odd", NULL, parse_parity },
	{ "verbose", 'v', OPT_FLAG, AT(verbose), NULL, "say more", NULL, NULL },
	{ "test-secret", 0, OPT_FLAG, AT(verbose), NULL, NULL, NULL, NULL },
	{ NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, NULL },
};

#define PARSE(v, first, ...)                                                                       \
	({                                                                                         \
		char *argv_[] = { "attach", __VA_ARGS__, NULL };                                   \
		opt_parse(table, (int)(sizeof(argv_) / sizeof(*argv_)) - 1, argv_, v, first);      \
	})

static void every_kind(void **state)
{
	struct values v = { .top = 10 };
	int first = -1;

	(void)state;
	assert_int_equal(PARSE(&v, &first, "-vp1,22", "--pid=333", "-c", "a*", "--comm", "b", "-d",
			       "1500ms", "--ring-buffer", "8M", "-o", "x", "--no-children",
			       "--parity", "odd"), 0);
	assert_int_equal(first, 16);
	assert_true(v.verbose && v.no_children);
	assert_int_equal(v.top, 10);
	assert_int_equal(v.duration_ns, 1500000000);
	assert_int_equal(v.ring_bytes, 8 << 20);
	assert_string_equal(v.output, "x");
	assert_int_equal(v.comms.n, 2);
	assert_string_equal(v.comms.items[1], "b");
	assert_int_equal(v.pids.n, 3);
	assert_int_equal(v.pids.ids[1], 22);
	assert_int_equal(v.pids.ids[2], 333);
	assert_int_equal(v.parity, 1);
	opt_free(table, &v);
	assert_null(v.pids.ids);
}

static void stops_at_command(void **state)
{
	struct values v = { 0 };
	int first;

	(void)state;
	assert_int_equal(PARSE(&v, &first, "-v", "ls", "-d", "junk", "--nonsense"), 0);
	assert_int_equal(first, 2);
	assert_int_equal(PARSE(&v, &first, "-v", "--", "-d", "junk"), 0);
	assert_int_equal(first, 3);
	assert_int_equal(PARSE(&v, &first, "-n5"), 0);
	assert_int_equal(first, 2);
	assert_int_equal(v.top, 5);
}

static void expect(int err, int want, const char *text)
{
	assert_int_equal(err, want);
	if (!strstr(fail_text(), text))
		fail_msg("\"%s\" lacks \"%s\"", fail_text(), text);
}

static void unknown(void **state)
{
	struct values v = { 0 };
	int first;

	(void)state;
	expect(PARSE(&v, &first, "--duratoin=3"), -EINVAL,
	       "unknown option --duratoin; did you mean --duration?");
	expect(PARSE(&v, &first, "--pids", "3"), -EINVAL, "did you mean --pid?");
	expect(PARSE(&v, &first, "--zzzzzzzzz"), -EINVAL, "unknown option --zzzzzzzzz; --help");
	expect(PARSE(&v, &first, "--tets-secret"), -EINVAL, "--help"); /* hidden: not suggested */
	expect(PARSE(&v, &first, "-vX"), -EINVAL, "unknown option -X");
	expect(PARSE(&v, &first, "--p", "1"), -EINVAL, "--p could be any of 2");
	expect(PARSE(&v, &first, "--"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	       -EINVAL, "--help");
}

static void bad_values(void **state)
{
	static char *const ids[] = { "", "0", "1,", ",1", "1,,2", "-1", "1 2", " 1", "x", "1x",
				     "99999999", "99999999999999999999999" };
	static char *const numbers[] = { "", "-1", "+1", "1.5", "4294967296", "0x10" };
	struct values v = { 0 };
	int first;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		expect(PARSE(&v, &first, "-p", ids[i]), -EINVAL, "option --pid: '");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		expect(PARSE(&v, &first, "--top", numbers[i]), -EINVAL, "option --top: '");
	expect(PARSE(&v, &first, "-d", "soon"), -EINVAL, "option --duration: ");
	expect(PARSE(&v, &first, "--parity", "prime"), -ERANGE, "option --parity: 'prime' is");
	expect(PARSE(&v, &first, "-v", "-d"), -EINVAL, "option --duration needs a value: TIME");
	expect(PARSE(&v, &first, "--output"), -EINVAL, "option --output needs a value: FILE");
	expect(PARSE(&v, &first, "--verbose=1"), -EINVAL, "option --verbose takes no value");
	opt_free(table, &v);
}

static void help(void **state)
{
	static const char want[] =
		"Target:\n"
		"  -p, --pid PID,...           processes to watch\n"
		"  -c, --comm PATTERN          processes whose name matches the pattern; may be\n"
		"                              given several times, and then a process is watched\n"
		"                              if any of them matches\n"
		"      --no-children           do not follow forks\n"
		"\n"
		"Session:\n"
		"  -d, --duration TIME         stop after so long\n"
		"  -o, --output FILE           save the trace\n"
		"      --ring-buffer-size-of-this-session SIZE\n"
		"                              a long one\n"
		"\n"
		"Options:\n"
		"  -n, --top N                 rows to show\n"
		"      --parity P              even or odd\n"
		"  -v, --verbose               say more\n";
	struct buf out = { 0 };

	(void)state;
	opt_help(table, 80, &out);
	assert_string_equal(out.data, want);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind), cmocka_unit_test(stops_at_command),
		cmocka_unit_test(unknown),    cmocka_unit_test(bad_values),
		cmocka_unit_test(help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
