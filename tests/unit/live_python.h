/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live_python.h - interpreters that a test starts, and their memory.
 *
 * Looked for: /usr/bin/python3, the builds of pyenv, and what PARASCOPE_TEST_PYTHONS names (more
 * commands, separated by colons).
 */
#ifndef PARASCOPE_TEST_LIVE_PYTHON_H
#define PARASCOPE_TEST_LIVE_PYTHON_H

#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PYTHONS_MAX 32

struct child {
	pid_t pid;
	FILE *out;
};

/* Instead of the tests, which read the memory of other processes. */
static inline void not_root(void **state)
{
	(void)state;
	print_message("not root: no live interpreters\n");
	skip();
}

/* A process whose standard output is read. */
static inline struct child spawn(const char *file, char *const argv[])
{
	struct child c;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c.pid = fork();
	if (!c.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], 1);
		execv(file, argv);
		_exit(127);
	}
	close(ends[1]);
	c.out = fdopen(ends[0], "r");
	return c;
}

/* ... that is ready when it has printed a line. */
static inline struct child start(const char *file, char *const argv[])
{
	struct child c = spawn(file, argv);
	char line[16];

	assert_non_null(fgets(line, sizeof(line), c.out));
	return c;
}

static inline struct child start_python(const char *python, const char *script)
{
	char *argv[] = { (char *)python, (char *)"-c", (char *)script, NULL };

	return start(python, argv);
}

static inline void stop(const struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	fclose(c->out);
}

/* 0: it is none. */
static inline unsigned minor_of(const char *python)
{
	char *argv[] = { (char *)python, (char *)"-c",
			 (char *)"import sys; print(sys.version_info[1])", NULL };
	struct child c = spawn(python, argv);
	unsigned minor = 0;

	if (fscanf(c.out, "%u", &minor) != 1)
		minor = 0;
	fclose(c.out);
	waitpid(c.pid, NULL, 0);
	return minor;
}

/* Bytes of a process; 0, or -1 if they are not all there. */
static inline int peek(pid_t pid, uint64_t addr, void *to, size_t len)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = pread(fd, to, len, (off_t)addr);
	close(fd);
	return n == (ssize_t)len ? 0 : -1;
}

static inline uint64_t peek_u64(pid_t pid, uint64_t addr)
{
	uint64_t v = 0;

	assert_int_equal(peek(pid, addr, &v, sizeof(v)), 0);
	return v;
}

/* All interpreters that a machine has; returns how many. */
static inline size_t find_pythons(char *ret[PYTHONS_MAX])
{
	const char *more = getenv("PARASCOPE_TEST_PYTHONS");
	char *list = strdup(more ? more : ""), *rest = list, *one;
	size_t n = 0;
	glob_t g;

	if (!access("/usr/bin/python3", X_OK))
		ret[n++] = strdup("/usr/bin/python3");
	if (!glob("/root/.pyenv/versions/3*/bin/python3", 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc && n < PYTHONS_MAX; i++)
			ret[n++] = strdup(g.gl_pathv[i]);
		globfree(&g);
	}
	while ((one = strsep(&rest, ":")) && n < PYTHONS_MAX) {
		if (*one)
			ret[n++] = strdup(one);
	}
	free(list);
	return n;
}

static inline void free_pythons(char *pythons[PYTHONS_MAX], size_t n)
{
	while (n--)
		free(pythons[n]);
}

#endif
