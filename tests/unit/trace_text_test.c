// SPDX-License-Identifier: GPL-2.0-or-later
/* trace_text_test.c - every record of every kind survives text and back; bad ones are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h" /* before cmocka, which makes a macro of fail() */
#include "user/trace/fields.h"
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
	struct wire_pythread pythread;
	struct wire_sample sample;
	struct wire_stack stack;
	struct wire_runtime runtime;
	struct wire_frame frame;
	struct wire_name name;
	struct wire_mapped mapped;
	struct wire_object object;
	struct wire_machine machine;
	struct wire_thread_state state;
	struct wire_detail detail;
	struct wire_overhead overhead;
	uint8_t bytes[TRACE_RECORD_MAX];
};

static const uint16_t sizes[WIRE_KIND_MAX] = {
	[WIRE_TASK] = sizeof(struct wire_task),
	[WIRE_SWITCH] = sizeof(struct wire_switch),
	[WIRE_WAKE] = sizeof(struct wire_wake),
	[WIRE_FUTEX] = sizeof(struct wire_futex),
	[WIRE_WORD] = sizeof(struct wire_word),
	[WIRE_EXEC] = sizeof(struct wire_exec),
	[WIRE_EXIT] = sizeof(struct wire_exit),
	[WIRE_SUMS] = sizeof(struct wire_thread_sums),
	[WIRE_PYTHREAD] = sizeof(struct wire_pythread),
	[WIRE_SAMPLE] = sizeof(struct wire_sample),
	[WIRE_STACK] = sizeof(struct wire_stack),
	[WIRE_MAPPED] = sizeof(struct wire_mapped),
	[WIRE_HOST] = sizeof(struct wire_host),
	[WIRE_WINDOW] = sizeof(struct wire_window),
	[WIRE_PROC] = sizeof(struct wire_proc),
	[WIRE_SHARED] = sizeof(struct wire_shared),
	[WIRE_REGION] = sizeof(struct wire_region),
	[WIRE_LOSS] = sizeof(struct wire_loss),
	[WIRE_PROG] = sizeof(struct wire_prog),
	[WIRE_COST] = sizeof(struct wire_cost),
	[WIRE_RUNTIME] = sizeof(struct wire_runtime),
	[WIRE_FRAME] = sizeof(struct wire_frame),
	[WIRE_NAME] = sizeof(struct wire_name),
	[WIRE_OBJECT] = sizeof(struct wire_object),
	[WIRE_START_COSTS] = sizeof(struct wire_start_costs),
	[WIRE_SPEED] = sizeof(struct wire_speed),
	[WIRE_MACHINE] = sizeof(struct wire_machine),
	[WIRE_STATE] = sizeof(struct wire_thread_state),
	[WIRE_DETAIL] = sizeof(struct wire_detail),
	[WIRE_OVERHEAD] = sizeof(struct wire_overhead),
};

#define FOR_EACH_KIND(kind)                                                                        \
	for (uint16_t kind = 0; kind < WIRE_KIND_MAX; kind++)                                      \
		if (sizes[kind])

#define END(text) ((text)[sizeof(text) - 1] = '\0')

/* Make any bytes a valid record, by hand: the table under test must not help. */
static void make_valid(union record *r, uint16_t kind)
{
	r->head.kind = kind;
	r->head.size = sizes[kind];
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
		if (!(r->sw.flags & WIRE_SWITCH_OBJECT))
			r->sw.block.pad = 0;
		if (!(r->sw.flags & WIRE_SWITCH_BLOCK))
			r->head.size = WIRE_SWITCH_SHORT;
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
	case WIRE_PYTHREAD:
		r->pythread.pad = 0;
		break;
	case WIRE_SAMPLE:
		r->sample.why %= WIRE_SAMPLE_WHYS;
		r->sample.pad = 0;
		r->sample.pad2 = 0;
		break;
	case WIRE_STACK:
		r->stack.n %= WIRE_FRAMES_MAX + 1;
		r->head.size = (uint16_t)WIRE_STACK_SIZE(r->stack.n);
		for (size_t i = r->stack.n; i < WIRE_FRAMES_MAX; i++)
			r->stack.frames[i] = (struct wire_frame_id){ 0 };
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
	case WIRE_RUNTIME:
		r->runtime.status %= WIRE_RUNTIME_STATUSES;
		memset(r->runtime.pad, 0, sizeof(r->runtime.pad));
		END(r->runtime.name);
		END(r->runtime.why);
		break;
	case WIRE_FRAME:
		END(r->frame.function);
		END(r->frame.file);
		END(r->frame.module);
		break;
	case WIRE_NAME:
		END(r->name.name);
		break;
	case WIRE_MACHINE:
		r->machine.pad = 0;
		break;
	case WIRE_STATE:
		r->state.state %= WIRE_STATES;
		r->state.block.pad = 0;
		if (!(r->state.flags & WIRE_STATE_BLOCK))
			memset(&r->state.block, 0, sizeof(r->state.block));
		break;
	case WIRE_DETAIL:
		r->detail.pad = 0;
		break;
	case WIRE_OVERHEAD:
		r->overhead.pad = 0;
		break;
	case WIRE_OBJECT:
		END(r->object.name);
		END(r->object.region);
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
	FOR_EACH_KIND(kind)
	{
		for (int round = 0; round < 2000; round++) {
			union record r;

			for (size_t i = 0; i < sizeof(r); i++)
				r.bytes[i] = (uint8_t)random();
			/* Also records with many zeros: left out fields come back as zero. */
			for (size_t i = 0; round % 2 && i < sizeof(r); i++)
				if (random() % 4)
					r.bytes[i] = 0;
			make_valid(&r, kind);
			survives(&r);
		}
	}
}

/* One byte at a time: no byte is covered by two fields or by none. */
static void single_bytes(uint16_t kind, uint8_t switch_flags)
{
	for (size_t i = 0; i < sizes[kind]; i++) {
		union record r = { .bytes = { 0 } };

		if (kind == WIRE_SWITCH)
			r.sw.flags = switch_flags;
		if (kind == WIRE_TASK)
			r.task.flags = WIRE_TASK_BLOCKED;
		if (kind == WIRE_STACK)
			r.stack.n = WIRE_FRAMES_MAX;
		r.bytes[i] |= 0xa5;
		make_valid(&r, kind);
		survives(&r);
	}
}

static void test_single_bytes(void **state)
{
	(void)state;
	FOR_EACH_KIND(kind)
	single_bytes(kind, WIRE_SWITCH_BLOCK);
	single_bytes(WIRE_SWITCH, WIRE_SWITCH_BLOCK | WIRE_SWITCH_OBJECT);
}

/* A stack of every length; frames that are zero count too. */
static void test_stacks(void **state)
{
	union record r = { .stack = { .head = { .ts_ns = 1, .kind = WIRE_STACK } } };

	(void)state;
	for (uint32_t n = 0; n <= WIRE_FRAMES_MAX; n++) {
		r.stack.n = n;
		r.head.size = (uint16_t)WIRE_STACK_SIZE(n);
		survives(&r);
		if (n)
			r.stack.frames[n - 1] = (struct wire_frame_id){ n % 2 ? ~0ULL - n : 0, n };
		survives(&r);
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
	format_is("1 switch block.aux=7", "1 switch flags=0x1 block.aux=7");
	format_is("1 switch block.object=7", "1 switch flags=0x21 block.object=0x7");
	format_is("1 switch block.object=0x100000000",
		  "1 switch flags=0x21 block.object=0x100000000");
	format_is("1 switch flags=0x30", "1 switch flags=0x30"); /* no block, so no object */
	format_is("1 pythread tid=4 tstate=16 gil=17", "1 pythread tid=4 tstate=0x10 gil=0x11");
	format_is("1 sample stack=5 why=waited flags=1 weight_ns=0x10",
		  "1 sample why=waited weight_ns=16 stack=0x5 flags=0x1");
	format_is("1 sample why=cpu", "1 sample");
	format_is("1 stack id=9 frames=0x10:1,0:0,32:0x2",
		  "1 stack id=0x9 frames=0x10:0x1,0x0:0x0,0x20:0x2");
	format_is("1 stack frames=0:0", "1 stack frames=0x0:0x0");
	format_is("1 stack flags=2", "1 stack flags=0x2");
	format_is("1 runtime name=\"CPython 3.11.2\" status=no_gil switches=3",
		  "1 runtime name=\"CPython 3.11.2\" status=no_gil switches=3");
	format_is("1 frame function=f file=\"/a b.py\" line=3 code=1 instr=2",
		  "1 frame code=0x1 instr=0x2 function=\"f\" file=\"/a b.py\" line=3");
	format_is("1 frame tid=7 code=1 instr=0x7f10 function=\"std::lock(int&)\" "
		  "module=libfoo.so.1 offset=0x1234 depth=2 flags=5",
		  "1 frame tid=7 code=0x1 instr=0x7f10 function=\"std::lock(int&)\" "
		  "module=\"libfoo.so.1\" offset=0x1234 depth=2 flags=0x5");
	format_is("1 sample why=woke weight_ns=7 addr=16",
		  "1 sample why=woke weight_ns=7 addr=0x10");
	format_is("1 mapped tid=4 astray=1 tgid=3", "1 mapped tid=4 tgid=3 astray=1");
	format_is("1 object tid=4 name=\"a \\xff\" addr=0x5010 begin=0x5000 region=heap",
		  "1 object tid=4 addr=0x5010 begin=0x5000 name=\"a \\xff\" region=\"heap\"");
	format_is("1 cost stacks=5 tables=2 table_rows=9 stack_ns=3 stack_frames=8",
		  "1 cost stacks=5 stack_ns=3 stack_frames=8 tables=2 table_rows=9");
	format_is("1 cost symbol_cpu_ns=6 table_ns=4", "1 cost table_ns=4 symbol_cpu_ns=6");
	format_is("1 loss count.unwind=3", "1 loss count.unwind=3");
	format_is("1 name name=\"Thread-3 (\\x1b)\"", "1 name name=\"Thread-3 (\\x1b)\"");
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
	assert_int_equal(trace_parse("1 switch block.object=0", &r, sizeof(r)), 1);
	assert_int_equal(r.sw.flags, WIRE_SWITCH_BLOCK | WIRE_SWITCH_OBJECT);
	assert_int_equal(trace_parse("1 stack frames=1:2,3:4", &r, sizeof(r)), 1);
	assert_int_equal(r.head.size, WIRE_STACK_SIZE(2));
	assert_int_equal(r.stack.n, 2);
	assert_int_equal(r.stack.frames[1].code, 3);
	assert_int_equal(r.stack.frames[1].instr, 4);
	assert_int_equal(trace_parse("1 stack frames=1:2", &r, WIRE_STACK_SIZE(1)), 1);
	assert_int_equal(trace_parse("1 stack frames=1:2", &r, WIRE_STACK_SIZE(1) - 1), -EINVAL);
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
		{ "1 switch prev_state=bored", "'prev_state' needs one of unknown on_cpu" },
		{ "1 switch prev_state=", "'prev_state' needs one of unknown on_cpu" },
		{ "1 switch prev_state=1", "'prev_state' needs one of unknown on_cpu" },
		{ "1 switch flags=0x21 block.aux=1", "there is no 'block.aux'" },
		{ "1 switch block.aux=1 flags=0x20", "there is no 'block.aux'" },
		{ "1 switch block.aux=0 block.object=1", "there is no 'block.aux'" },
		{ "1 switch block.object=1 block.aux=1", "'block.aux' is given twice" },
		{ "1 task block.object=1", "'block.object' is no field" },
		{ "1 sample why=5", "'why' needs one of cpu wait waited held woke, in" },
		{ "1 sample why=wait_", "'why' needs one of" },
		{ "1 runtime status=fine", "'status' needs one of ok no_gil unknown, in" },
		{ "1 window pad=1", "'pad' is no field" },
		{ "1 frame depth=65536", "'depth' has a number that does not fit" },
		{ "1 frame module=0123456789abcdef0123456789abcdef0123456789abcdef",
		  "'module' is too long" },
		{ "1 stack n=1", "'n' is no field" },
		{ "1 stack frames=", "'frames' needs a number" },
		{ "1 stack frames=1", "'frames' needs pairs" },
		{ "1 stack frames=1,2", "'frames' needs a number" },
		{ "1 stack frames=1:", "'frames' needs a number" },
		{ "1 stack frames=1:2,", "'frames' needs a number" },
		{ "1 stack frames=1:2:3", "'frames' needs a number" },
		{ "1 stack frames=1:-2", "'frames' needs a number" },
		{ "1 stack frames=1:18446744073709551616",
		  "'frames' has a number that does not fit" },
		{ "1 stack frames=0:0 frames=1:1", "'frames' is given twice" },
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
	size_t n;

	(void)state;
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "1 wake \x01", 8);
	assert_int_equal(trace_parse(line, &r, sizeof(r)), -EINVAL);
	assert_in_range(strlen(fail_text()), 50, 300);
	memset(line, '8', 500);
	assert_int_equal(trace_parse(line, &r, sizeof(r)), -EINVAL);
	n = (size_t)sprintf(line, "1 stack frames=0:0");
	for (int i = 1; i < WIRE_FRAMES_MAX; i++)
		n += (size_t)sprintf(line + n, ",%d:1", i);
	assert_int_equal(trace_parse(line, &r, sizeof(r)), 1);
	assert_int_equal(r.stack.n, WIRE_FRAMES_MAX);
	strcpy(line + n, ",1:1");
	assert_int_equal(trace_parse(line, &r, sizeof(r)), -EINVAL);
	assert_non_null(strstr(fail_text(), "'frames' has too many frames"));
}

static void test_check(void **state)
{
	union record r = { .bytes = { 0 } };

	(void)state;
	assert_int_equal(trace_check(&r.head, 15), -EINVAL);
	for (unsigned int kind = 0; kind < 100; kind++) {
		size_t right_size = kind < WIRE_KIND_MAX ? sizes[kind] : 0;

		if (kind == WIRE_SWITCH)
			right_size = WIRE_SWITCH_SHORT;
		if (kind == WIRE_STACK)
			right_size = WIRE_STACK_SIZE(0);
		memset(&r, 0, sizeof(r));
		r.head.kind = (uint16_t)kind;
		for (unsigned int size = 0; size <= sizeof(r); size++) {
			bool right = right_size && size == right_size;

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

/* Fill a text member: it has no end any more. */
#define ENDLESS(r, member)                                                                         \
	do {                                                                                       \
		union record full = *(r);                                                          \
		memset(full.member, 'x', sizeof(full.member));                                     \
		assert_int_equal(trace_check(&full.head, sizeof(full)), -EINVAL);                  \
		full.member[sizeof(full.member) - 1] = 0;                                          \
		assert_int_equal(trace_check(&full.head, sizeof(full)), 0);                        \
	} while (0)

static void test_check_python(void **state)
{
	union record r = { .sample = { .head = { .kind = WIRE_SAMPLE, .size = 48 } } };

	(void)state;
	for (unsigned int why = 0; why < 256; why++) {
		r.sample.why = (uint8_t)why;
		assert_int_equal(trace_check(&r.head, sizeof(r)),
				 why < WIRE_SAMPLE_WHYS ? 0 : -EINVAL);
	}
	memset(&r, 0, sizeof(r));
	r.head.kind = WIRE_STACK;
	r.head.size = sizeof(r.stack);
	r.stack.n = WIRE_FRAMES_MAX;
	assert_int_equal(trace_check(&r.head, sizeof(r)), 0);
	r.stack.n = WIRE_FRAMES_MAX + 1;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	assert_non_null(strstr(fail_text(), "n is 209, it must be below 209"));
	r.stack.n = 0x100;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	r.stack.n = 3; /* the size follows from it: neither more nor less */
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	assert_non_null(strstr(fail_text(), "it must be 80"));
	r.head.size = WIRE_STACK_SIZE(3);
	assert_int_equal(trace_check(&r.head, sizeof(r)), 0);
	assert_int_equal(trace_check(&r.head, WIRE_STACK_SIZE(3) - 1), -EINVAL);
	r.stack.n = ~0u;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	memset(&r, 0, sizeof(r));
	r.head.kind = WIRE_RUNTIME;
	r.head.size = sizeof(r.runtime);
	ENDLESS(&r, runtime.name);
	ENDLESS(&r, runtime.why);
	r.runtime.status = WIRE_RUNTIME_STATUSES;
	assert_int_equal(trace_check(&r.head, sizeof(r)), -EINVAL);
	r.runtime.status = 0;
	r.head.kind = WIRE_FRAME;
	r.head.size = sizeof(r.frame);
	ENDLESS(&r, frame.function);
	ENDLESS(&r, frame.file);
	ENDLESS(&r, frame.module);
	r.head.kind = WIRE_NAME;
	r.head.size = sizeof(r.name);
	ENDLESS(&r, name.name);
	r.head.kind = WIRE_OBJECT;
	r.head.size = sizeof(r.object);
	ENDLESS(&r, object.name);
	ENDLESS(&r, object.region);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(trace_state_name(WIRE_FUTEX_WAIT), "futex");
	assert_string_equal(trace_state_name(WIRE_STATES), "?");
	assert_string_equal(trace_loss_name(WIRE_LOSS_RING_FULL), "ring_full");
	assert_string_equal(trace_loss_name(WIRE_LOSS_KINDS), "?");
}

/* What is not looked at by trace_check() has nothing that could be wrong. */
static void test_plain(void **state)
{
	unsigned int plain = 0;

	(void)state;
	for (unsigned int i = 0; i < WIRE_KIND_MAX; i++) {
		const struct kind *k = kind_get(i);

		if (!k || !k->plain)
			continue;
		plain++;
		for (size_t f = 0; f < k->n_fields; f++) {
			assert_int_equal(k->fields[f].limit, 0);
			assert_int_not_equal(k->fields[f].form, FIELD_STRING);
		}
	}
	assert_int_equal(plain, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_records), cmocka_unit_test(test_single_bytes),
		cmocka_unit_test(test_text_form),      cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bad_lines),      cmocka_unit_test(test_nothing_on_the_line),
		cmocka_unit_test(test_long_line),      cmocka_unit_test(test_check),
		cmocka_unit_test(test_names),	       cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_check_python),   cmocka_unit_test(test_plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
