// SPDX-License-Identifier: GPL-2.0-or-later
/* syscall_table_test.c - system calls: names and states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "bpf/wire.h"
#include "user/base/syscall.h"

static void states(void **state)
{
	(void)state;
	assert_int_equal(syscall_state(SYS_futex), WIRE_FUTEX_WAIT);
	assert_int_equal(syscall_state(449), WIRE_FUTEX_WAIT);
	assert_int_equal(syscall_state(455), WIRE_FUTEX_WAIT);
	assert_int_equal(syscall_state(SYS_clock_nanosleep), WIRE_SLEEP);
	assert_int_equal(syscall_state(SYS_wait4), WIRE_CHILD);
	assert_int_equal(syscall_state(SYS_flock), WIRE_KLOCK);
	assert_int_equal(syscall_state(SYS_fsync), WIRE_IO_DISK);
	assert_int_equal(syscall_state(SYS_read), WIRE_IO_IPC);
	assert_int_equal(syscall_state(SYS_epoll_pwait), WIRE_IO_IPC);
	assert_int_equal(syscall_state(SYS_io_uring_enter), WIRE_IO_IPC);
	assert_int_equal(syscall_state(SYS_rt_sigsuspend), WIRE_OTHER);
#ifdef __x86_64__
	assert_int_equal(syscall_state(SYS_poll), WIRE_IO_IPC);
	assert_int_equal(syscall_state(SYS_vfork), WIRE_CHILD);
	assert_int_equal(syscall_state(SYS_pause), WIRE_OTHER);
#endif
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(syscall_name(SYS_read), "read");
	assert_string_equal(syscall_name(SYS_futex), "futex");
	assert_string_equal(syscall_name(SYS_rt_sigtimedwait), "rt_sigtimedwait");
	assert_string_equal(syscall_name(449), "futex_waitv");
}

static void unknown(void **state)
{
	static const int numbers[] = { -1, INT32_MIN, INT32_MAX, WIRE_SYSCALLS, 511 };

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		assert_null(syscall_name(numbers[i]));
		assert_int_equal(syscall_state(numbers[i]), WIRE_OTHER);
	}
}

/* A name stands at one number only, and the numbers have no gaps where they should not. */
static void whole(void **state)
{
	unsigned known = 0;

	(void)state;
	for (int i = 0; i < WIRE_SYSCALLS; i++) {
		if (!syscall_name(i))
			continue;
		known++;
		assert_int_not_equal(syscall_state(i), WIRE_UNKNOWN);
		for (int j = 0; j < i; j++) {
			if (syscall_name(j))
				assert_string_not_equal(syscall_name(i), syscall_name(j));
		}
	}
	assert_true(known >= 300);
	for (int i = 424; i < 470; i++)
		assert_non_null(syscall_name(i));
#ifdef __x86_64__
	for (int i = 0; i < 335; i++)
		assert_non_null(syscall_name(i));
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(names),
		cmocka_unit_test(unknown),
		cmocka_unit_test(whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
