// SPDX-License-Identifier: GPL-2.0-or-later
/* target_jitmap_test.c - which perf maps are opened. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/target/jitmap.h"

static char path[64];

static int clean(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	unlink(path);
	rmdir(path);
	return 0;
}

static void make_file(off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void own_file(void **state)
{
	char text[8] = "";
	int fd;

	(void)state;
	make_file(0);
	fd = open(path, O_WRONLY);
	assert_int_equal(write(fd, "10 20 f", 7), 7);
	close(fd);
	fd = jitmap_open(getpid());
	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read(fd, text, 7), 7);
	assert_string_equal(text, "10 20 f");
	close(fd);
}

static void none(void **state)
{
	pid_t child;

	(void)state;
	assert_int_equal(jitmap_open(getpid()), -ENOENT);
	child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_int_equal(jitmap_open(child), -ESRCH);
}

static void too_large(void **state)
{
	int fd;

	(void)state;
	make_file(JITMAP_BYTES);
	fd = jitmap_open(getpid());
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(truncate(path, JITMAP_BYTES + 1), 0);
	assert_int_equal(jitmap_open(getpid()), -EFBIG);
}

static void no_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(jitmap_open(getpid()), -EPERM);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(jitmap_open(getpid()), -EPERM);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(jitmap_open(getpid()), -EPERM);
}

static void of_others(void **state)
{
	int fd;

	(void)state;
	if (geteuid()) {
		print_message("only root can give files away\n");
		skip();
	}
	make_file(1);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_int_equal(jitmap_open(getpid()), -EPERM);
	assert_int_equal(seteuid(12345), 0);
	fd = jitmap_open(getpid());
	assert_int_equal(seteuid(0), 0);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 5)), 0); /* zeros without end */
	assert_int_equal(jitmap_open(getpid()), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_file, clean, clean),
		cmocka_unit_test_setup_teardown(none, clean, clean),
		cmocka_unit_test_setup_teardown(too_large, clean, clean),
		cmocka_unit_test_setup_teardown(no_file, clean, clean),
		cmocka_unit_test_setup_teardown(of_others, clean, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
