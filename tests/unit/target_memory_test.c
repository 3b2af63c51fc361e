// SPDX-License-Identifier: GPL-2.0-or-later
/* target_memory_test.c - memory of processes: the text, ourselves, a forked child that writes. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/bench/footprint.h"
#include "user/target/memory.h"

#define MIB (1 << 20)

#define HEAD                                                                                       \
	"55-7f ---p 00000000 00:00 0    [rollup]\nRss:  1748 kB\nPss:   368 kB\nPss_Dirty: 1 kB\n"
#define PRIVATE "Private_Clean:  36 kB\nPrivate_Dirty:   112 kB\n"

static void rollup(void **state)
{
	struct memory m;

	(void)state;
	assert_int_equal(memory_parse(HEAD PRIVATE "Anonymous:  100 kB\n", &m), 0);
	assert_int_equal(m.pss, 368 << 10);
	assert_int_equal(m.uss, 148 << 10);
	assert_int_equal(m.dirty, 112 << 10);
	assert_int_equal(m.anonymous, 100 << 10);
	assert_int_equal(
		memory_parse(HEAD PRIVATE "Anonymous: 1 kB\nSwap: 2 kB\nSwapPss: 4 kB", &m), 0);
	assert_int_equal(m.pss, 372 << 10);
	assert_int_equal(m.anonymous, 3 << 10);
}

static void rollups_that_make_no_sense(void **state)
{
	static const char *const bad[] = {
		"",
		"Pss: 1 kB\n",
		HEAD PRIVATE,
		HEAD PRIVATE "Anonymous: kB\n",
		HEAD PRIVATE "Anonymous: 1\n",
		HEAD PRIVATE "Anonymous: -1 kB\n",
		HEAD PRIVATE "Anonymous: 1 kBx\n",
		HEAD PRIVATE "Anonymous: 1 MB\n",
		HEAD PRIVATE "Anonymous: 99999999999999999999999 kB\n",
		HEAD PRIVATE PRIVATE "Anonymous: 1 kB\n",
		HEAD PRIVATE "anonymous: 1 kB\n",
		HEAD PRIVATE "Anonymous: 0x1 kB\n",
	};
	struct memory m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(memory_parse(bad[i], &m), -22);
}

static void of_ourselves(void **state)
{
	struct memory before, after;
	char *p;

	(void)state;
	assert_int_equal(memory_read(getpid(), &before), 0);
	p = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 8 * MIB);
	assert_int_equal(memory_read(getpid(), &after), 0);
	/* the allocator may have taken a page or two as well */
	assert_in_range(after.uss - before.uss, 8 * MIB, 8 * MIB + MIB / 2);
	assert_in_range(after.anonymous - before.anonymous, 8 * MIB, 8 * MIB + MIB / 2);
	munmap(p, 8 * MIB);
	assert_true(after.uss <= after.pss);
}

static void of_nobody(void **state)
{
	struct memory m;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	siginfo_t info;

	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT); /* a zombie has none */
	assert_true(memory_read(pid, &m) < 0);
	waitpid(pid, NULL, 0);
	assert_int_equal(memory_read(pid, &m), -3);
}

/* A child that writes to 4 of the 12 MiB that it was forked with, and takes 6 MiB of its own. */
static _Noreturn void child(char *p, int ready)
{
	char *own = mmap(NULL, 6 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 2, 4 * MIB);
	memset(own, 3, 6 * MIB);
	if (write(ready, "", 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void copies_after_a_fork(void **state)
{
	struct footprint *f = footprint_new();
	char *p = mmap(NULL, 12 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pids[2] = { getpid(), 0 };
	int pair[2];
	char byte;

	(void)state;
	assert_true(isnan(footprint_pss(f)));
	memset(p, 1, 12 * MIB);
	assert_true(footprint_sample(f, pids, 1, 1000) >= 1000 + FOOTPRINT_EVERY_NS);
	assert_int_equal(pipe(pair), 0);
	pids[1] = fork();
	if (!pids[1])
		child(p, pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	footprint_sample(f, pids, 2, 2000);
	kill(pids[1], SIGKILL);
	waitpid(pids[1], NULL, 0);
	/* 4 MiB were copied; stack and heap of the child add some pages */
	assert_true(footprint_copied(f, pids[1]) >= 4 * MIB);
	assert_true(footprint_copied(f, pids[1]) < 5 * MIB);
	assert_true(isnan(footprint_copied(f, 1)));
	assert_true(footprint_uss(f) >= 14 * MIB); /* 4 + 4 of both, 6 of the child */
	assert_true(footprint_pss(f) >= 22 * MIB); /* and 8 that are shared */
	assert_true(footprint_pss(f) < 40 * MIB);
	munmap(p, 12 * MIB);
	close(pair[0]);
	close(pair[1]);
	footprint_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rollup),
		cmocka_unit_test(rollups_that_make_no_sense),
		cmocka_unit_test(of_ourselves),
		cmocka_unit_test(of_nobody),
		cmocka_unit_test(copies_after_a_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
