// SPDX-License-Identifier: GPL-2.0-or-later
/* target_maps_test.c - which file a shared word lies in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/target/maps.h"

typedef int find_fn(pid_t pid, uint64_t addr, struct wire_shared *ret);
static find_fn *const finders[] = { maps_find_file, maps_find_file_in_text };

static void lines(void **state)
{
	struct maps_line m;

	(void)state;
	assert_true(maps_parse_line("7f0c8a000000-7f0c8a021000 rw-s 00001000 08:1f 1031   "
				    "     /dev/shm/a b\\012c (deleted)", &m));
	assert_int_equal(m.begin, 0x7f0c8a000000);
	assert_int_equal(m.end, 0x7f0c8a021000);
	assert_int_equal(m.offset, 0x1000);
	assert_int_equal(m.inode, 1031);
	assert_int_equal(m.dev, 8 << 20 | 0x1f);
	assert_true(m.shared);
	assert_string_equal(m.path, "/dev/shm/a b\\012c (deleted)");
	assert_true(maps_parse_line("1000-2000 rw-p 00000000 00:00 0 ", &m));
	assert_false(m.shared);
	assert_string_equal(m.path, "");
	assert_true(maps_parse_line("1000-2000 rw-p 00000000 00:00 0\n", &m));
}

static void garbage(void **state)
{
	static const char *const texts[] = { "", "\n", "-", "1-", "1000-2000", "1000-2000 rw",
					     "1000-2000 rw-p", "1000-2000 rw-x 0 0:0 0",
					     "2000-1000 rw-p 0 0:0 0", "x-y rw-p 0 0:0 0",
					     "1000-2000 rw-p 0 0:0", "1000-2000 rw-p 0 0:0 ",
					     "1000-2000 rw-p 0 00 0", "-1-2 rw-p 0 0:0 0",
					     "fffffffffffffffff-1 rw-p 0 0:0 0" };
	struct maps_line m;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (maps_parse_line(texts[i], &m))
			fail_msg("\"%s\" was taken", texts[i]);
	}
}

/* A file of some name, mapped from its second page on. */
static void one_file(const char *path, const char *want)
{
	long page = sysconf(_SC_PAGESIZE);
	FILE *f = fopen(path, "w+");
	struct stat st;
	char *p;

	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), 4 * page), 0);
	p = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), page);
	fstat(fileno(f), &st);
	for (size_t i = 0; i < 2; i++) {
		struct wire_shared s;

		memset(&s, 0xff, sizeof(s));
		assert_int_equal(finders[i](getpid(), (uintptr_t)p + 100, &s), 0);
		assert_int_equal(s.addr, (uintptr_t)p + 100);
		assert_int_equal(s.inode, st.st_ino);
		assert_int_equal(s.dev, major(st.st_dev) << 20 | minor(st.st_dev));
		assert_int_equal(s.offset, page + 100);
		assert_string_equal(s.path, want);
	}
	munmap(p, 2 * (size_t)page);
	fclose(f);
	unlink(path);
}

static void files(void **state)
{
	char longest[256], nul[2] = "";

	(void)state;
	one_file("/dev/shm/parascope a\nb", "/dev/shm/parascope a\\012b");
	one_file("/dev/shm/parascope (deleted)", "/dev/shm/parascope (deleted)");
	/* cut inside a character of two bytes: only whole ones are kept */
	snprintf(longest, sizeof(longest), "/dev/shm/parascope\xc3\xa4%062d%s", 7, nul);
	one_file(longest, longest + sizeof("/dev/shm/parascope\xc3\xa4") - 1);
}

static void anonymous(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int id = shmget(IPC_PRIVATE, page, 0600), fd = memfd_create("m\nn", MFD_CLOEXEC);
	char *zero = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *sysv = shmat(id, NULL, 0), *mem;

	(void)state;
	shmctl(id, IPC_RMID, NULL);
	assert_int_equal(ftruncate(fd, (off_t)page), 0);
	mem = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (size_t i = 0; i < 2; i++) {
		struct wire_shared a, b, c;

		assert_int_equal(finders[i](getpid(), (uintptr_t)zero, &a), 0);
		assert_string_equal(a.path, "/dev/zero (deleted)");
		assert_int_equal(finders[i](getpid(), (uintptr_t)sysv + 8, &b), 0);
		assert_memory_equal(b.path, "/SYSV", 5);
		assert_int_equal(finders[i](getpid(), (uintptr_t)mem, &c), 0);
		assert_string_equal(c.path, "/memfd:m\\012n (deleted)");
		assert_true(a.inode && c.inode); /* that of System V is its id and may be 0 */
		assert_int_not_equal(a.inode, c.inode);
		assert_int_equal(b.offset, 8);
	}
	munmap(zero, page);
	munmap(mem, page);
	shmdt(sysv);
	close(fd);
}

static void none(void **state)
{
	static int in_data = 1; /* a private mapping of our own program file */
	struct wire_shared s;
	char *heap = malloc(100);
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(finders[i](getpid(), (uintptr_t)heap, &s), -ENOENT);
		assert_int_equal(finders[i](getpid(), (uintptr_t)&in_data, &s), -ENOENT);
		assert_int_equal(finders[i](getpid(), (uintptr_t)&s, &s), -ENOENT);
		assert_int_equal(finders[i](getpid(), 0, &s), -ENOENT);
		assert_int_equal(finders[i](getpid(), UINT64_MAX, &s), -ENOENT);
		assert_int_equal(finders[i](pid, (uintptr_t)heap, &s), -ESRCH);
	}
	free(heap);
}

/* Many mappings: lines cross the ends of what one read returns. */
static void many(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 20000;
	char *p = mmap(NULL, n * page, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		mprotect(p + i * page, page, PROT_READ | PROT_WRITE);
	for (size_t at = 0; at < n; at += 1777) {
		struct wire_shared a = { 0 }, b = { 0 };

		assert_int_equal(maps_find_file(getpid(), (uintptr_t)p + at * page, &a), 0);
		assert_int_equal(maps_find_file_in_text(getpid(), (uintptr_t)p + at * page, &b), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(a.offset, at * page);
	}
	munmap(p, n * page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),     cmocka_unit_test(garbage), cmocka_unit_test(files),
		cmocka_unit_test(anonymous), cmocka_unit_test(none),	cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
