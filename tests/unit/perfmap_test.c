// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "user/symbol/perfmap.h"

static struct perfmap *map_of(const char *text, size_t len)
{
	int fd = memfd_create("perfmap", MFD_CLOEXEC);
	struct perfmap *p;

	assert_int_equal(write(fd, text, len), (ssize_t)len);
	assert_int_equal(perfmap_open(fd, &p), 0);
	close(fd);
	return p;
}

static void assert_name(struct perfmap *p, uint64_t addr, const char *name)
{
	struct module_function f;

	if (!name) {
		assert_int_equal(perfmap_code(p, addr, &f), -ENOENT);
		return;
	}
	memset(&f, 0xff, sizeof(f));
	assert_int_equal(perfmap_code(p, addr, &f), 1);
	assert_string_equal(f.function, name);
	assert_string_equal(f.file, "");
	assert_int_equal(f.line, 0);
	assert_int_equal(f.first, 0);
}

static void lines(void **state)
{
	static const char text[] = "7f0000001000 20 py::run:/app/a b.py\n"
				   "7F0000001020 0x10 upper\r\n"
				   "0x1000\t8\ttabs\n"
				   "\n"
				   "nonsense\n"
				   "2000\n"
				   "2000 \n"
				   "2000 10\n"
				   "2000 10 \n"
				   "2000 g bad\n"
				   "10000000000002000 10 too large\n"
				   " 2000 10 blank\n"
				   "3000 0 empty\n"
				   "4000 4 esc\033[31m\377\n"
				   "fffffffffffffff0 ffff end of all\n"
				   "5000 10 last, without a newline";
	struct perfmap *p = map_of(text, sizeof(text) - 1);

	(void)state;
	assert_name(p, 0x7f0000000fff, NULL);
	assert_name(p, 0x7f0000001000, "py::run:/app/a b.py");
	assert_name(p, 0x7f000000101f, "py::run:/app/a b.py");
	assert_name(p, 0x7f0000001020, "upper");
	assert_name(p, 0x7f000000102f, "upper");
	assert_name(p, 0x7f0000001030, NULL);
	assert_name(p, 0x1007, "tabs");
	assert_name(p, 0x1008, NULL);
	assert_name(p, 0x2000, NULL);
	assert_name(p, 0x3000, NULL);
	assert_name(p, 0x4000, "esc\033[31m\377");
	assert_name(p, 0xfffffffffffffff0, "end of all");
	assert_name(p, 0xfffffffffffffffe, "end of all");
	assert_name(p, 0x500f, "last, without a newline");
	perfmap_close(p);
}

static void later_lines_win(void **state)
{
	static const char text[] = "1000 100 old\n"
				   "1040 10 inner\n"
				   "1000 20 new begin\n"
				   "10f0 20 new end\n"
				   "2000 10 gone\n"
				   "1f00 200 over it\n";
	struct perfmap *p = map_of(text, sizeof(text) - 1);

	(void)state;
	assert_name(p, 0x1000, "new begin");
	assert_name(p, 0x101f, "new begin");
	assert_name(p, 0x1020, "old");
	assert_name(p, 0x1040, "inner");
	assert_name(p, 0x1050, "old");
	assert_name(p, 0x10ef, "old");
	assert_name(p, 0x10f0, "new end");
	assert_name(p, 0x110f, "new end");
	assert_name(p, 0x2008, "over it");
	perfmap_close(p);
}

static void long_names(void **state)
{
	char text[4096] = "1000 10 ", name[128];
	struct perfmap *p;

	(void)state;
	memset(text + 8, 'x', sizeof(text) - 8);
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	p = map_of(text, sizeof(text));
	assert_name(p, 0x1000, name);
	perfmap_close(p);
	p = map_of(text, 8 + 127);
	assert_name(p, 0x1000, name);
	perfmap_close(p);
	p = map_of("1000 10 a\0b\n1010 10 c\n", 22);
	assert_name(p, 0x1000, "a");
	assert_name(p, 0x1010, "c");
	perfmap_close(p);
	p = map_of("", 0);
	assert_name(p, 0x1000, NULL);
	perfmap_close(p);
	p = map_of("\n\n", 2);
	assert_name(p, 0, NULL);
	perfmap_close(p);
	perfmap_close(NULL);
}

/* Of too many lines and of too many bytes the last ones count. */
static void large(void **state)
{
	int fd = memfd_create("perfmap", MFD_CLOEXEC);
	FILE *f = fdopen(dup(fd), "w");
	struct rusage usage;
	struct perfmap *p;

	(void)state;
	for (unsigned int i = 0; i < PERFMAP_LINES + 1; i++)
		fprintf(f, "%x 10 f%u\n", 0x1000 + i * 16, i);
	fflush(f);
	assert_int_equal(perfmap_open(fd, &p), 0);
	assert_name(p, 0x1000, NULL);
	assert_name(p, 0x1010, "f1");
	assert_name(p, 0x1000 + PERFMAP_LINES * 16, "f1048576");
	perfmap_close(p);
	fclose(f);
	/* 8 bytes too many, and the rest of the line that is cut looks like one: "1000 10 fun" */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "1234567 1000 10 fun\n", 20, 0), 20);
	assert_int_equal(pwrite(fd, "\n2000 10 tail\n", 14, PERFMAP_BYTES + 8 - 14), 14);
	assert_int_equal(perfmap_open(fd, &p), 0);
	assert_name(p, 0x1000, NULL);
	assert_name(p, 0x2000, "tail");
	perfmap_close(p);
	/* all lines overlap each other */
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	f = fdopen(fd, "w");
	for (unsigned int i = 0; i < PERFMAP_LINES; i++)
		fprintf(f, "%x %x f%u\n", 0x1000 + i, 0x40000000 - 2 * i, i);
	fflush(f);
	assert_int_equal(perfmap_open(fd, &p), 0);
	assert_name(p, 0x1000, "f0");
	assert_name(p, 0x40000fff, "f0");
	assert_name(p, 0x20000000, "f1048575");
	perfmap_close(p);
	fclose(f);
	getrusage(RUSAGE_SELF, &usage);
	print_message("at most %ld MiB\n", usage.ru_maxrss / 1024);
	assert_in_range(usage.ru_maxrss, 0, 512 * 1024);
}

static void not_files(void **state)
{
	struct perfmap *p;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(perfmap_open(ends[0], &p), -ENOEXEC);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(perfmap_open(-1, &p), -EBADF);
	ends[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(perfmap_open(ends[0], &p), -ENOEXEC);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),      cmocka_unit_test(later_lines_win),
		cmocka_unit_test(long_names), cmocka_unit_test(large),
		cmocka_unit_test(not_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
