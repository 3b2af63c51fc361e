// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fields.c - the table of all record kinds and their fields, and the check that follows from it.
 *
 * Order inside a kind is the order of the text form: what a reader looks for first comes first.
 */
#include <errno.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/trace/fields.h"
#include "user/trace/trace.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The numbers without a name are reserved in wire.h: they need one so that no value is lost. */
#define STATES(X)                                                                                  \
	X(WIRE_UNKNOWN, "unknown")                                                                 \
	X(WIRE_ON_CPU, "on_cpu")                                                                   \
	X(WIRE_WOKEN, "woken")                                                                     \
	X(WIRE_PREEMPTED, "preempted")                                                             \
	X(WIRE_FUTEX_WAIT, "futex")                                                                \
	X(WIRE_IO_DISK, "io_disk")                                                                 \
	X(WIRE_IO_IPC, "io_ipc")                                                                   \
	X(WIRE_SLEEP, "sleep")                                                                     \
	X(WIRE_CHILD, "child")                                                                     \
	X(WIRE_KLOCK, "klock")                                                                     \
	X(WIRE_FAULT, "fault")                                                                     \
	X(WIRE_STOPPED, "stopped")                                                                 \
	X(WIRE_OTHER, "other")                                                                     \
	X(WIRE_DEAD, "dead")                                                                       \
	X(14, "state_14")                                                                          \
	X(15, "state_15")

#define LOSSES(X)                                                                                  \
	X(WIRE_LOSS_RING_FULL, "ring_full")                                                        \
	X(WIRE_LOSS_STORAGE, "storage")                                                            \
	X(WIRE_LOSS_THREAD, "thread")                                                              \
	X(WIRE_LOSS_READ, "read")                                                                  \
	X(WIRE_LOSS_CLOCK, "clock")                                                                \
	X(WIRE_LOSS_SWITCH, "switch")                                                              \
	X(WIRE_LOSS_SKIPPED, "skipped")                                                            \
	X(WIRE_LOSS_PYTHREAD, "pythread")                                                          \
	X(WIRE_LOSS_STACK, "stack")                                                                \
	X(WIRE_LOSS_TRUNCATED, "truncated")                                                        \
	X(WIRE_LOSS_UNWIND, "unwind")                                                              \
	X(WIRE_LOSS_MADE, "made")                                                                  \
	X(WIRE_LOSS_RECEIVED, "received")                                                          \
	X(WIRE_LOSS_RECURSION, "recursion")                                                        \
	X(WIRE_LOSS_LATE, "late")                                                                  \
	X(WIRE_LOSS_SHARED, "shared")                                                              \
	X(WIRE_LOSS_SOURCE, "source")                                                              \
	X(WIRE_LOSS_FRAME, "frame")

#define WHYS(X)                                                                                    \
	X(WIRE_SAMPLE_CPU, "cpu")                                                                  \
	X(WIRE_SAMPLE_WAIT, "wait")                                                                \
	X(WIRE_SAMPLE_WAITED, "waited")                                                            \
	X(WIRE_SAMPLE_HELD, "held")                                                                \
	X(WIRE_SAMPLE_WOKE, "woke")

#define STATUSES(X)                                                                                \
	X(WIRE_RUNTIME_OK, "ok")                                                                   \
	X(WIRE_RUNTIME_NO_GIL, "no_gil")                                                           \
	X(WIRE_RUNTIME_UNKNOWN, "unknown")

#define NAME(number, text) [number] = (text),
static const char *const state_names[] = { STATES(NAME) };
static const char *const loss_names[] = { LOSSES(NAME) };
static const char *const why_names[] = { WHYS(NAME) };
static const char *const status_names[] = { STATUSES(NAME) };
_Static_assert(COUNT(state_names) == WIRE_STATES, "every state has a name");
_Static_assert(COUNT(loss_names) == WIRE_LOSS_KINDS, "every loss has a name");
_Static_assert(COUNT(why_names) == WIRE_SAMPLE_WHYS, "every reason has a name");
_Static_assert(COUNT(status_names) == WIRE_RUNTIME_STATUSES, "every status has a name");
_Static_assert(sizeof(struct wire_stack) <= TRACE_RECORD_MAX, "the largest kind");

/* One row a line. */
/* clang-format off */
#define SIZE(type, member) sizeof(((struct type *)0)->member)
#define AT(type, member) .offset = offsetof(struct type, member), .size = SIZE(type, member)
#define NAMED(type, text, member, how) { .name = (text), AT(type, member), .form = (how) }
#define FIELD(type, member, how) NAMED(type, #member, member, how)
#define BELOW(type, member, how, end)                                                              \
	{ .name = #member, AT(type, member), .form = (how), .limit = (end) }
#define ENUM(type, member, table)                                                                  \
	{ .name = #member, AT(type, member), .form = FIELD_NAME, .limit = COUNT(table),            \
	  .names = (table) }
#define IF(type, member, how, bits, not_bits)                                                      \
	{ .name = #member, AT(type, member), .form = (how), .needs = (bits), .forbids = (not_bits) }
#define BLOCK(type, bit)                                                                           \
	IF(type, block.addr, FIELD_HEX, bit, 0),                                                   \
	IF(type, block.val, FIELD_UINT, bit, 0),                                                   \
	IF(type, block.op, FIELD_HEX, bit, 0),                                                     \
	IF(type, block.nr, FIELD_SINT, bit, 0),                                                    \
	IF(type, block.word, FIELD_UINT, bit, 0)
#define STATE_NS(number, text)                                                                     \
	NAMED(wire_thread_sums, "state_ns." text, sums.state_ns[number], FIELD_UINT),
#define LOSS_COUNT(number, text) NAMED(wire_loss, "count." text, count[number], FIELD_UINT),
#define SUM(member) NAMED(wire_thread_sums, #member, sums.member, FIELD_UINT)

static const struct field task_fields[] = {
	FIELD(wire_task, tgid, FIELD_UINT),
	FIELD(wire_task, parent_tgid, FIELD_UINT),
	FIELD(wire_task, ns_tid, FIELD_UINT),
	FIELD(wire_task, ns_tgid, FIELD_UINT),
	FIELD(wire_task, start_ns, FIELD_UINT),
	FIELD(wire_task, comm, FIELD_STRING),
	ENUM(wire_task, state, state_names),
	FIELD(wire_task, flags, FIELD_HEX),
	FIELD(wire_task, cpu, FIELD_UINT),
	FIELD(wire_task, thread_pointer, FIELD_HEX),
	FIELD(wire_task, sp, FIELD_HEX),
	FIELD(wire_task, ip, FIELD_HEX),
	FIELD(wire_task, bp, FIELD_HEX),
	BLOCK(wire_task, WIRE_TASK_BLOCKED),
	IF(wire_task, block.aux, FIELD_UINT, WIRE_TASK_BLOCKED, 0),
};

static const struct field switch_fields[] = {
	FIELD(wire_switch, next_tid, FIELD_UINT),
	FIELD(wire_switch, cpu, FIELD_UINT),
	ENUM(wire_switch, prev_state, state_names),
	FIELD(wire_switch, flags, FIELD_HEX),
	BLOCK(wire_switch, WIRE_SWITCH_BLOCK),
	IF(wire_switch, block.aux, FIELD_UINT, WIRE_SWITCH_BLOCK, WIRE_SWITCH_OBJECT),
	IF(wire_switch, block.object, FIELD_HEX, WIRE_SWITCH_BLOCK | WIRE_SWITCH_OBJECT, 0),
};

static const struct field wake_fields[] = {
	FIELD(wire_wake, waker_tid, FIELD_UINT),
	FIELD(wire_wake, waker_tgid, FIELD_UINT),
	FIELD(wire_wake, cpu, FIELD_UINT),
	FIELD(wire_wake, flags, FIELD_HEX),
	FIELD(wire_wake, addr, FIELD_HEX),
	FIELD(wire_wake, op, FIELD_HEX),
};

static const struct field futex_fields[] = {
	FIELD(wire_futex, addr, FIELD_HEX),
	FIELD(wire_futex, op, FIELD_HEX),
	FIELD(wire_futex, val, FIELD_UINT),
	FIELD(wire_futex, ret, FIELD_SINT),
	FIELD(wire_futex, addr2, FIELD_HEX),
	FIELD(wire_futex, flags, FIELD_HEX),
};

static const struct field word_fields[] = {
	FIELD(wire_word, tgid, FIELD_UINT),
	FIELD(wire_word, addr, FIELD_HEX),
	FIELD(wire_word, op, FIELD_HEX),
	FIELD(wire_word, val, FIELD_UINT),
	FIELD(wire_word, sp, FIELD_HEX),
	BELOW(wire_word, valid, FIELD_UINT, WIRE_WORD_LEN + 1),
	FIELD(wire_word, bytes, FIELD_BYTES),
};

static const struct field exec_fields[] = {
	FIELD(wire_exec, old_tid, FIELD_UINT),
	FIELD(wire_exec, tgid, FIELD_UINT),
	FIELD(wire_exec, start_ns, FIELD_UINT),
	FIELD(wire_exec, comm, FIELD_STRING),
};

static const struct field exit_fields[] = {
	FIELD(wire_exit, tgid, FIELD_UINT),
	FIELD(wire_exit, code, FIELD_SINT),
};

static const struct field sums_fields[] = {
	FIELD(wire_thread_sums, tgid, FIELD_UINT),
	FIELD(wire_thread_sums, dead, FIELD_UINT),
	FIELD(wire_thread_sums, start_ns, FIELD_UINT),
	FIELD(wire_thread_sums, begin_ns, FIELD_UINT),
	FIELD(wire_thread_sums, end_ns, FIELD_UINT),
	FIELD(wire_thread_sums, comm, FIELD_STRING),
	STATES(STATE_NS)
	SUM(utime_ns),
	SUM(stime_ns),
	SUM(voluntary),
	SUM(involuntary),
	SUM(migrations),
	SUM(waits),
	SUM(timeouts),
	SUM(interrupted),
	SUM(again),
	SUM(wakes),
	SUM(empty_wakes),
};

static const struct field pythread_fields[] = {
	FIELD(wire_pythread, tstate, FIELD_HEX),
	FIELD(wire_pythread, gil, FIELD_HEX),
	FIELD(wire_pythread, thread_id, FIELD_HEX),
	FIELD(wire_pythread, tgid, FIELD_UINT),
};

static const struct field sample_fields[] = {
	ENUM(wire_sample, why, why_names),
	FIELD(wire_sample, weight_ns, FIELD_UINT),
	FIELD(wire_sample, stack, FIELD_HEX),
	FIELD(wire_sample, addr, FIELD_HEX),
	FIELD(wire_sample, flags, FIELD_HEX),
};

static const struct field stack_fields[] = {
	FIELD(wire_stack, id, FIELD_HEX),
	FIELD(wire_stack, flags, FIELD_HEX),
	FIELD(wire_stack, space, FIELD_UINT),
	BELOW(wire_stack, n, FIELD_COUNT, WIRE_FRAMES_MAX + 1),
	FIELD(wire_stack, frames, FIELD_FRAMES),
};

static const struct field mapped_fields[] = {
	FIELD(wire_mapped, tgid, FIELD_UINT),
	FIELD(wire_mapped, astray, FIELD_UINT),
};

static const struct field state_fields[] = {
	FIELD(wire_thread_state, tgid, FIELD_UINT),
	FIELD(wire_thread_state, start_ns, FIELD_UINT),
	ENUM(wire_thread_state, state, state_names),
	FIELD(wire_thread_state, cpu, FIELD_UINT),
	FIELD(wire_thread_state, flags, FIELD_HEX),
	BLOCK(wire_thread_state, WIRE_STATE_BLOCK),
	IF(wire_thread_state, block.aux, FIELD_UINT, WIRE_STATE_BLOCK, 0),
};

static const struct field detail_fields[] = {
	FIELD(wire_detail, on, FIELD_UINT),
};

static const struct field host_fields[] = {
	FIELD(wire_host, kernel, FIELD_STRING),
	FIELD(wire_host, version, FIELD_STRING),
	FIELD(wire_host, cpus_online, FIELD_UINT),
	FIELD(wire_host, realtime_offset_ns, FIELD_SINT),
};

static const struct field window_fields[] = {
	FIELD(wire_window, begin_ns, FIELD_UINT),
	FIELD(wire_window, end_ns, FIELD_UINT),
	FIELD(wire_window, flags, FIELD_HEX),
};

static const struct field proc_fields[] = {
	FIELD(wire_proc, start_ns, FIELD_UINT),
	FIELD(wire_proc, cpus_allowed, FIELD_UINT),
	FIELD(wire_proc, quota_milli, FIELD_UINT),
	FIELD(wire_proc, throttled_ns, FIELD_UINT),
	FIELD(wire_proc, throttled, FIELD_UINT),
	FIELD(wire_proc, cmdline, FIELD_STRING),
};

static const struct field shared_fields[] = {
	FIELD(wire_shared, addr, FIELD_HEX),
	FIELD(wire_shared, dev, FIELD_HEX),
	FIELD(wire_shared, inode, FIELD_UINT),
	FIELD(wire_shared, offset, FIELD_HEX),
	FIELD(wire_shared, path, FIELD_STRING),
};

static const struct field region_fields[] = {
	FIELD(wire_region, begin, FIELD_HEX),
	FIELD(wire_region, end, FIELD_HEX),
	FIELD(wire_region, region_kind, FIELD_UINT),
	FIELD(wire_region, name, FIELD_STRING),
};

static const struct field runtime_fields[] = {
	FIELD(wire_runtime, name, FIELD_STRING),
	ENUM(wire_runtime, status, status_names),
	FIELD(wire_runtime, why, FIELD_STRING),
	FIELD(wire_runtime, gil, FIELD_HEX),
	FIELD(wire_runtime, switches, FIELD_UINT),
	FIELD(wire_runtime, interval_us, FIELD_UINT),
};

static const struct field frame_fields[] = {
	NAMED(wire_frame, "code", id.code, FIELD_HEX),
	NAMED(wire_frame, "instr", id.instr, FIELD_HEX),
	FIELD(wire_frame, function, FIELD_STRING),
	FIELD(wire_frame, file, FIELD_STRING),
	FIELD(wire_frame, line, FIELD_UINT),
	FIELD(wire_frame, first, FIELD_UINT),
	FIELD(wire_frame, module, FIELD_STRING),
	FIELD(wire_frame, offset, FIELD_HEX),
	FIELD(wire_frame, depth, FIELD_UINT),
	FIELD(wire_frame, space, FIELD_UINT),
	FIELD(wire_frame, flags, FIELD_HEX),
};

static const struct field name_fields[] = {
	FIELD(wire_name, name, FIELD_STRING),
};

static const struct field object_fields[] = {
	FIELD(wire_object, addr, FIELD_HEX),
	FIELD(wire_object, begin, FIELD_HEX),
	FIELD(wire_object, name, FIELD_STRING),
	FIELD(wire_object, region, FIELD_STRING),
};

static const struct field loss_fields[] = { LOSSES(LOSS_COUNT) };

static const struct field prog_fields[] = {
	FIELD(wire_prog, name, FIELD_STRING),
	FIELD(wire_prog, runs, FIELD_UINT),
	FIELD(wire_prog, run_ns, FIELD_UINT),
	FIELD(wire_prog, misses, FIELD_UINT),
	FIELD(wire_prog, insns, FIELD_UINT),
};

static const struct field cost_fields[] = {
	FIELD(wire_cost, cpu_ns, FIELD_UINT),
	FIELD(wire_cost, rss_kib, FIELD_UINT),
	FIELD(wire_cost, maps_kib, FIELD_UINT),
	FIELD(wire_cost, ring_kib, FIELD_UINT),
	FIELD(wire_cost, stacks, FIELD_UINT),
	FIELD(wire_cost, stack_ns, FIELD_UINT),
	FIELD(wire_cost, stack_frames, FIELD_UINT),
	FIELD(wire_cost, tables, FIELD_UINT),
	FIELD(wire_cost, table_rows, FIELD_UINT),
	FIELD(wire_cost, table_ns, FIELD_UINT),
	FIELD(wire_cost, symbol_cpu_ns, FIELD_UINT),
};

static const struct field start_costs_fields[] = {
	FIELD(wire_start_costs, thread_ns, FIELD_UINT),
	FIELD(wire_start_costs, fork_ns, FIELD_UINT),
	FIELD(wire_start_costs, fork_mib_ns, FIELD_UINT),
	FIELD(wire_start_costs, exit_ns, FIELD_UINT),
	FIELD(wire_start_costs, ipc_ns, FIELD_UINT),
	FIELD(wire_start_costs, ipc_kib_ns, FIELD_UINT),
};

static const struct field speed_fields[] = {
	FIELD(wire_speed, threads, FIELD_UINT),
	FIELD(wire_speed, ppm, FIELD_UINT),
	FIELD(wire_speed, low_ppm, FIELD_UINT),
	FIELD(wire_speed, high_ppm, FIELD_UINT),
};

static const struct field machine_fields[] = {
	FIELD(wire_machine, begin_ns, FIELD_UINT),
	FIELD(wire_machine, end_ns, FIELD_UINT),
	FIELD(wire_machine, idle_ns, FIELD_UINT),
	FIELD(wire_machine, cpus, FIELD_UINT),
};

static const struct field overhead_fields[] = {
	FIELD(wire_overhead, begin_ns, FIELD_UINT),
	FIELD(wire_overhead, bpf_ns, FIELD_UINT),
	FIELD(wire_overhead, reader_ns, FIELD_UINT),
	FIELD(wire_overhead, target_ns, FIELD_UINT),
	FIELD(wire_overhead, budget_ppm, FIELD_UINT),
	FIELD(wire_overhead, sample_divisor, FIELD_UINT),
	FIELD(wire_overhead, detail_ppm, FIELD_UINT),
};

#define ROW(text, type, table)                                                                     \
	.name = (text), .size = sizeof(struct type), .fields = (table), .n_fields = COUNT(table)
#define ROW_BLOCK(type, flag)                                                                      \
	.block = offsetof(struct type, block), .flags = offsetof(struct type, flags),              \
	.block_flag = (flag)

static const struct kind kinds[WIRE_KIND_MAX] = {
	[WIRE_TASK] = { ROW("task", wire_task, task_fields),
			ROW_BLOCK(wire_task, WIRE_TASK_BLOCKED) },
	[WIRE_SWITCH] = { ROW("switch", wire_switch, switch_fields),
			  ROW_BLOCK(wire_switch, WIRE_SWITCH_BLOCK),
			  .short_size = WIRE_SWITCH_SHORT },
	[WIRE_WAKE] = { ROW("wake", wire_wake, wake_fields), .plain = true },
	[WIRE_FUTEX] = { ROW("futex", wire_futex, futex_fields), .plain = true },
	[WIRE_WORD] = { ROW("word", wire_word, word_fields) },
	[WIRE_EXEC] = { ROW("exec", wire_exec, exec_fields) },
	[WIRE_EXIT] = { ROW("exit", wire_exit, exit_fields) },
	[WIRE_SUMS] = { ROW("sums", wire_thread_sums, sums_fields) },
	[WIRE_PYTHREAD] = { ROW("pythread", wire_pythread, pythread_fields) },
	[WIRE_SAMPLE] = { ROW("sample", wire_sample, sample_fields) },
	[WIRE_STACK] = { ROW("stack", wire_stack, stack_fields),
			 .count = offsetof(struct wire_stack, n), .items_max = WIRE_FRAMES_MAX,
			 .item = sizeof(struct wire_frame_id) },
	[WIRE_MAPPED] = { ROW("mapped", wire_mapped, mapped_fields) },
	[WIRE_STATE] = { ROW("state", wire_thread_state, state_fields),
			 ROW_BLOCK(wire_thread_state, WIRE_STATE_BLOCK) },
	[WIRE_DETAIL] = { ROW("detail", wire_detail, detail_fields) },
	[WIRE_HOST] = { ROW("host", wire_host, host_fields) },
	[WIRE_WINDOW] = { ROW("window", wire_window, window_fields) },
	[WIRE_PROC] = { ROW("proc", wire_proc, proc_fields) },
	[WIRE_SHARED] = { ROW("shared", wire_shared, shared_fields) },
	[WIRE_REGION] = { ROW("region", wire_region, region_fields) },
	[WIRE_LOSS] = { ROW("loss", wire_loss, loss_fields) },
	[WIRE_PROG] = { ROW("prog", wire_prog, prog_fields) },
	[WIRE_COST] = { ROW("cost", wire_cost, cost_fields) },
	[WIRE_RUNTIME] = { ROW("runtime", wire_runtime, runtime_fields) },
	[WIRE_FRAME] = { ROW("frame", wire_frame, frame_fields) },
	[WIRE_NAME] = { ROW("name", wire_name, name_fields) },
	[WIRE_OBJECT] = { ROW("object", wire_object, object_fields) },
	[WIRE_START_COSTS] = { ROW("start_costs", wire_start_costs, start_costs_fields) },
	[WIRE_MACHINE] = { ROW("machine", wire_machine, machine_fields) },
	[WIRE_SPEED] = { ROW("speed", wire_speed, speed_fields) },
	[WIRE_OVERHEAD] = { ROW("overhead", wire_overhead, overhead_fields) },
};

/* clang-format on */

const struct kind *kind_get(unsigned int kind)
{
	return kind < WIRE_KIND_MAX && kinds[kind].name ? &kinds[kind] : NULL;
}

const struct kind *kind_find(const char *name, size_t len, unsigned int *ret_kind)
{
	for (unsigned int i = 0; i < WIRE_KIND_MAX; i++) {
		if (!kinds[i].name || strlen(kinds[i].name) != len ||
		    memcmp(kinds[i].name, name, len) != 0)
			continue;
		*ret_kind = i;
		return &kinds[i];
	}
	return NULL;
}

const char *trace_state_name(unsigned int state)
{
	return state < COUNT(state_names) ? state_names[state] : "?";
}

const char *trace_loss_name(unsigned int loss)
{
	return loss < COUNT(loss_names) ? loss_names[loss] : "?";
}

static int check_field(const struct kind *k, const struct field *f, const uint8_t *at)
{
	uint64_t value = 0;

	if (f->form == FIELD_STRING && at[f->size - 1])
		return fail(-EINVAL, "bad %s record: %s has no end", k->name, f->name);
	if (!f->limit)
		return 0;
	memcpy(&value, at, f->size);
	if (value >= f->limit)
		return fail(-EINVAL, "bad %s record: %s is %llu, it must be below %u", k->name,
			    f->name, (unsigned long long)value, f->limit);
	return 0;
}

int trace_check(const struct wire_head *rec, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)rec;
	const struct kind *k;
	size_t size;

	if (len < sizeof(*rec))
		return fail(-EINVAL, "bad record: %zu bytes are less than a header", len);
	k = kind_get(rec->kind);
	if (!k)
		return fail(-EINVAL, "bad record: unknown kind %u", rec->kind);
	if (rec->size > len || rec->size < kind_least(k))
		return fail(-EINVAL, "bad %s record: size %u, there are %zu bytes", k->name,
			    rec->size, len);
	size = kind_size(k, rec);
	if (rec->size != size)
		return fail(-EINVAL, "bad %s record: size %u, it must be %zu", k->name, rec->size,
			    size);
	for (const struct field *f = k->fields; !k->plain && f < k->fields + k->n_fields; f++) {
		int err;

		if (k->block && f->offset >= k->block)
			break; /* nothing in a block can be wrong */
		if (!f->limit && f->form != FIELD_STRING)
			continue;
		err = check_field(k, f, bytes + f->offset);
		if (err)
			return err;
	}
	return 0;
}
