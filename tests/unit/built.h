/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * built.h - programs that tests build, and what binutils say about them.
 *
 * All in a directory of its own; commands run there and must succeed.
 */
#ifndef PARASCOPE_TEST_BUILT_H
#define PARASCOPE_TEST_BUILT_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char built_dir[] = "/tmp/parascope-built-XXXXXX";

static inline int built_begin(void **state)
{
	(void)state;
	return mkdtemp(built_dir) && !chdir(built_dir) ? 0 : -1;
}

static inline int built_end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", built_dir);
	return chdir("/") || system(command);
}

__attribute__((format(printf, 1, 2))) static inline void run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	assert_in_range(vsnprintf(command, sizeof(command), fmt, ap), 1, sizeof(command) - 1);
	va_end(ap);
	if (system(command))
		fail_msg("failed: %s", command);
}

static inline void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static inline int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("cannot open %s", path);
	return fd;
}

/* The value of a symbol as nm has it. */
static inline uint64_t address_of(const char *path, const char *symbol)
{
	char command[1024], line[1024], name[256];
	unsigned long long value, found = 0;
	FILE *f;
	int n = 0;

	snprintf(command, sizeof(command), "nm %s", path);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %*c %255s", &value, name) == 2 && !strcmp(name, symbol)) {
			found = value;
			n++;
		}
	pclose(f);
	if (n != 1)
		fail_msg("%s has %d symbols %s", path, n, symbol);
	return found;
}

#endif
