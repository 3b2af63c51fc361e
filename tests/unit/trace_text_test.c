// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_text_test.c - every record of every kind survives text and back; bad ones are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h" /* before cmocka, which makes a macro of fail() */
#include "user/trace/trace.h"

#include <cmocka.h>

union record {
	struct wire_head head;
	struct wire_task task;
	struct wire_switch sw;
	struct wire_wake wake;
	struct wire_futex futex;
	struct wire_word word;
	struct wire_exec exec;
	struct wire_exit exit;
	struct wire_thread_sums sums;
	struct wire_host host;
	struct wire_window window;
	struct wire_proc proc;
	struct wire_shared shared;
	struct wire_region region;
	struct wire_loss loss;
	struct wire_prog prog;
	struct wire_cost cost;
	uint8_t bytes[TRACE_RECORD_MAX];
};

static const uint16_t kinds[] = {
	WIRE_TASK,   WIRE_SWITCH, WIRE_WAKE, WIRE_FUTEX,  WIRE_WORD, WIRE_EXEC,
	WIRE_EXIT,   WIRE_SUMS,	  WIRE_HOST, WIRE_WINDOW, WIRE_PROC, WIRE_SHARED,
	WIRE_REGION, WIRE_LOSS,	  WIRE_PROG, WIRE_COST,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static size_t size_of(uint16_t kind)
{
	switch (kind) {
	case WIRE_TASK:
		return sizeof(struct wire_task);
	case WIRE_SWITCH:
		return sizeof(struct wire_switch);
	case WIRE_WAKE:
		return sizeof(struct wire_wake);
	case WIRE_FUTEX:
		return sizeof(struct wire_futex);
	case WIRE_WORD:
		return sizeof(struct wire_word);
	case WIRE_EXEC:
		return sizeof(struct wire_exec);
	case WIRE_EXIT:
		return sizeof(struct wire_exit);
	case WIRE_SUMS:
		return sizeof(struct wire_thread_sums);
	case WIRE_HOST:
		return sizeof(struct wire_host);
	case WIRE_WINDOW:
		return sizeof(struct wire_window);
	case WIRE_PROC:
		return sizeof(struct wire_proc);
	case WIRE_SHARED:
		return sizeof(struct wire_shared);
	case WIRE_REGION:
		return sizeof(struct wire_region);
	case WIRE_LOSS:
		return sizeof(struct wire_loss);
	case WIRE_PROG:
		return sizeof(struct wire_prog);
	default:
		return sizeof(struct wire_cost);
	}
}

#define END(text) ((text)[sizeof(text) - 1] = '\0')

/* Make any bytes a valid record, by hand: the table under test must not help. */
static void make_valid(union record *r, uint16_t kind)
{
	r->head.kind = kind;
	r->head.size = (uint16_t)size_of(kind);
	switch (kind) {
	case WIRE_TASK:
		END(r->task.comm);
		r->task.state %= WIRE_STATES;
		r->task.pad = r->task.block.pad = 0;
		if (!(r->task.flags & WIRE_TASK_BLOCKED))
			memset(&r->task.block, 0, sizeof(r->task.block));
		break;
	case WIRE_SWITCH:
		r->sw.prev_state %= WIRE_STATES;
		r->sw.block.pad = 0;
		if (!(r->sw.flags & WIRE_SWITCH_BLOCK))
			r->head.size = WIRE_SWITCH_SHORT;
		break;
	case WIRE_WAKE:
		r->wake.pad = 0;
		break;
	case WIRE_WORD:
		r->word.valid %= WIRE_WORD_LEN + 1;
		break;
	case WIRE_EXEC:
		END(r->exec.comm);
		break;
	case WIRE_SUMS:
		END(r->sums.comm);
		r->sums.sums.pad = 0;
		break;
	case WIRE_HOST:
		END(r->host.kernel);
		END(r->host.version);
		r->host.pad = 0;
		break;
	case WIRE_WINDOW:
		r->window.pad = 0;
		break;
	case WIRE_PROC:
		END(r->proc.cmdline);
		break;
	case WIRE_SHARED:
		END(r->shared.path);
		r->shared.pad = 0;
		break;
	case WIRE_REGION:
		END(r->region.name);
		r->region.pad = 0;
		break;
	case WIRE_PROG:
		END(r->prog.name);
		break;
	default:
		break;
	}
}

static void survives(const union record *r)
{
	union record back;
	struct buf text = { 0 };
	int n;

	assert_int_equal(trace_check(&r->head, r->head.size), 0);
	trace_format(&text, &r->head);
	memset(&back, 0x55, sizeof(back));
	n = trace_parse(text.data, &back, sizeof(back));
	if (n != 1)
		fail_msg("%s: %s", fail_text(), text.data);
	assert_int_equal(back.head.size, r->head.size);
	assert_memory_equal(&back, r, r->head.size);
	assert_null(strpbrk(text.data, "\n\r\x1b\x7f"));
	buf_free(&text);
}

static void test_random_records(void **state)
{
	(void)state;
	srandom(1);
	for (size_t k = 0; k < N_KINDS; k++) {
		for (int round = 0; round < 2000; round++) {
			union record r;

			for (size_t i = 0; i < sizeof(r); i++)
				r.bytes[i] = (uint8_t)random();
			/* Also records with many zeros: left out fields come back as zero. */
			for (size_t i = 0; round % 2 && i < sizeof(r); i++)
				if (random() % 4)
					r.bytes[i] = 0;
			make_valid(&r, kinds[k]);
			survives(&r);
		}
	}
}

/* One byte at a time: no byte is covered by two fields or by none. */
static void test_single_bytes(void **state)
{
	(void)state;
	for (size_t k = 0; k < N_KINDS; k++) {
		for (size_t i = 0; i < size_of(kinds[k]); i++) {
			union record r = { .bytes = { 0 } };

			if (kinds[k] == WIRE_SWITCH)
				r.sw.flags = WIRE_SWITCH_BLOCK;
			if (kinds[k] == WIRE_TASK)
				r.task.flags = WIRE_TASK_BLOCKED;
			r.bytes[i] |= 0xa5;
			make_valid(&r, kinds[k]);
			survives(&r);
		}
	}
}

static void format_is(const char *line, const char *expected)
{
	union record r;
	struct buf text = { 0 };

	if (trace_parse(line, &r, sizeof(r)) != 1)
		fail_msg("%s", fail_text());
	trace_format(&text, &r.head);
	assert_string_equal(text.data, expected);
	buf_free(&text);
}

static void test_text_form(void **state)
{
	(void)state;
	format_is("1000 switch tid=12 next_tid=13 cpu=0 prev_state=futex block.addr=0x7f10",
		  "1000 switch tid=12 next_tid=13 prev_state=futex flags=0x1 block.addr=0x7f10");
	format_is("\t5   switch  flags=2 \r\n", "5 switch flags=0x2");
	format_is("5 switch flags=1", "5 switch flags=0x1");
	format_is("7 task tid=3 comm=worker block.nr=-1 # born blocked",
		  "7 task tid=3 comm=\"worker\" flags=0x2 block.nr=-1");
	format_is("0 exec comm=\"a \\\"b\\\\\\x1b\\n\xc3\"",
		  "0 exec comm=\"a \\\"b\\\\\\x1b\\x0a\\xc3\"");
	format_is("0 exec comm=\"a\\x00b\"", "0 exec comm=\"a\\x00b\"");
	format_is("0 exec comm=\"\"", "0 exec");
	format_is("9 sums tid=1 state_ns.on_cpu=5 state_ns.state_15=1 utime_ns=0x10",
		  "9 sums tid=1 state_ns.on_cpu=5 state_ns.state_15=1 utime_ns=16");
	format_is("9 loss count.ring_full=3 count.source=1",
		  "9 loss count.ring_full=3 count.source=1");
	format_is("18446744073709551615 futex ret=-110 op=0x80 val=4294967295",
		  "18446744073709551615 futex op=0x80 val=4294967295 ret=-110");
	format_is("1 word bytes=00A1ff00", "1 word bytes=00a1ff");
	format_is("1 host realtime_offset_ns=-9223372036854775808",
		  "1 host realtime_offset_ns=-9223372036854775808");
}

static void test_sizes(void **state)
{
	union record r;

	(void)state;
	assert_int_equal(trace_parse("1 switch prev_state=sleep", &r, sizeof(r)), 1);
	assert_int_equal(r.head.size, WIRE_SWITCH_SHORT);
	assert_int_equal(trace_parse("1 switch block.nr=202", &r, sizeof(r)), 1);
	assert_int_equal(r.head.size, sizeof(struct wire_switch));
	assert_int_equal(r.sw.flags, WIRE_SWITCH_BLOCK);
	assert_int_equal(trace_parse("1 switch", &r, WIRE_SWITCH_SHORT), 1);
	assert_int_equal(trace_parse("1 switch", &r, WIRE_SWITCH_SHORT - 1), -EINVAL);
}

static void test_nothing_on_the_line(void **state)
{
	static const char *const lines[] = { "", " ", "\n", "\r\n", "# 5 wake", "  \t# x" };
	union record r;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(trace_parse(lines[i], &r, sizeof(r)), 0);
}

static void test_bad_lines(void **state)
{
	static const struct {
		const char *line, *says;
	} bad[] = {
		{ "x wake", "'x' needs a number" },
		{ "-1 wake", "'-1' needs a number" },
		{ "18446744073709551616 wake", "does not fit" },
		{ "1", "'1' is followed by no kind" },
		{ "1 wak", "'wak' is no kind" },
		{ "1 wake tid", "'tid' needs a value" },
		{ "1 wake tid=", "'tid' needs a number" },
		{ "1 wake tid=0x", "'tid' needs a number" },
		{ "1 wake tid=+1", "'tid' needs a number" },
		{ "1 wake tid=-1", "'tid' needs a number" },
		{ "1 wake tid= 1", "'tid' needs a number" },
		{ "1 wake tid=1x", "'tid' needs a number" },
		{ "1 wake tid=4294967296", "'tid' has a number that does not fit" },
		{ "1 wake cpu=65536", "'cpu' has a number that does not fit" },
		{ "1 wake cpu=1 cpu=2", "'cpu' is given twice" },
		{ "1 wake tid=1 tid=2", "'tid' is given twice" },
		{ "1 wake comm=x", "'comm' is no field" },
		{ "1 wake pad=1", "'pad' is no field" },
		{ "1 wake =1", "'' is no field" },
		{ "1 futex ret=2147483648", "'ret' has a number that does not fit" },
		{ "1 futex ret=-2147483649", "'ret' has a number that does not fit" },
		{ "1 futex ret=--1", "'ret' needs a number" },
		{ "1 switch prev_state=bored", "'prev_state' needs the name of a state" },
		{ "1 switch prev_state=", "'prev_state' needs the name of a state" },
		{ "1 switch prev_state=1", "'prev_state' needs the name of a state" },
		{ "1 word valid=81", "'valid' has a number that does not fit" },
		{ "1 word bytes=0", "'bytes' needs pairs" },
		{ "1 word bytes=0g", "'bytes' needs pairs" },
		{ "1 exec comm=0123456789abcdef", "'comm' is too long" },
		{ "1 exec comm=\"abc", "'comm' has no closing quote" },
		{ "1 exec comm=\"abc\\", "'comm' has an unknown escape" },
		{ "1 exec comm=\"abc\\q\"", "'comm' has an unknown escape" },
		{ "1 exec comm=\"abc\\x1\"", "'comm' has an unknown escape" },
		{ "1 exec comm=\"abc\"tid=1", "'comm' has something behind" },
		{ "1 exec comm=a\"b", "'comm' needs quotes" },
		{ "1 wake \x1b[31m=1", "'\\x1b[31m' is no field" },
	};
	union record r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(trace_parse(bad[i].line, &r, sizeof(r)), -EINVAL);
		if (!strstr(fail_text(), bad[i].says))
			fail_msg("'%s' not in: %s", bad[i].says, fail_text());
		assert_null(strpbrk(fail_text(), "\x1b\n"));
	}
}

static void test_long_line(void **state)
{
	char line[20000];
	union record r;

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "1 wake \x01", 8);
	assert_int_equal(trace_parse(line, &r, sizeof(r)), -EINVAL);
	assert_in_range(strlen(fail_text()), 50, 300);
	memset(line, '8', 500);
	assert_int_equal(trace_parse(line, &r, sizeof(r)), -EINVAL);
}

static void test_check(void **state)
{
	union record r = { .bytes = { 0 } };

	(void)state;
	assert_int_equal(trace_check(&r.head, 15), -EINVAL);
	for (unsigned int kind = 0; kind < 100; kind++) {
		bool known = false;

		for (size_t k = 0; k < N_KINDS; k++)
			known |= kinds[k] == kind;
		memset(&r, 0, sizeof(r));
		r.head.kind = (uint16_t)kind;
		for (unsigned int size = 0; size <= sizeof(r); size++) {
			bool right =
				known && size == (kind == WIRE_SWITCH ? WIRE_SWITCH_SHORT
								      : size_of((uint16_t)kind));

			r.head.size = (uint16_t)size;
			assert_int_equal(trace_check(&r.head, sizeof(r)), right ? 0 : -EINVAL);
			if (right)
				assert_int_equal(trace_check(&r.head, size - 1), -EINVAL);
		}
	}
	r = (union record){ .sw = { .head = { .kind = WIRE_SWITCH, .size = WIRE_SWITCH_SHORT } } };
	r.sw.flags = WIRE_SWITCH_BLOCK;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	r.head.size = sizeof(struct wire_switch);
	assert_int_equal(trace_check(&r.head, sizeof(r)), 0);
	r.sw.prev_state = WIRE_STATES;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	r = (union record){ .exec = { .head = { .kind = WIRE_EXEC, .size = sizeof(r.exec) } } };
	memset(r.exec.comm, 'x', sizeof(r.exec.comm));
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	r = (union record){ .word = { .head = { .kind = WIRE_WORD, .size = sizeof(r.word) } } };
	r.word.valid = 0x100; /* the low byte alone would pass */
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(trace_state_name(WIRE_FUTEX_WAIT), "futex");
	assert_string_equal(trace_state_name(WIRE_STATES), "?");
	assert_string_equal(trace_loss_name(WIRE_LOSS_RING_FULL), "ring_full");
	assert_string_equal(trace_loss_name(WIRE_LOSS_KINDS), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_records), cmocka_unit_test(test_single_bytes),
		cmocka_unit_test(test_text_form),      cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bad_lines),      cmocka_unit_test(test_nothing_on_the_line),
		cmocka_unit_test(test_long_line),      cmocka_unit_test(test_check),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
