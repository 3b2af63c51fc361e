// SPDX-License-Identifier: GPL-2.0-or-later
/* symbols_test.c - questions about files, answered by a process of its own; it dies and comes
 * again. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/asker.h"
#include <cmocka.h>

#include "user/symbol/debugfile.h"

#define LIBC "/lib/x86_64-linux-gnu/libc.so.6"
#define LIBC_ARM "/lib/aarch64-linux-gnu/libc.so.6"
#define PYTHON "/usr/bin/python3.11"
#define LONG 30.0 /* seconds; only so that nothing hangs */

static const char *libc(void)
{
	return access(LIBC, R_OK) ? LIBC_ARM : LIBC;
}

/* --- the same answers as without another process
 * --------------------------------------------------- */

struct direct {
	int fd, debug;
	struct module *m;
};

static void open_direct(struct direct *d, const char *path)
{
	struct module_about about;
	int root = debugfile_root();

	d->fd = open(path, O_RDONLY);
	d->debug = -1;
	assert_int_equal(module_open(d->fd, &d->m), 0);
	module_about(d->m, &about);
	for (unsigned i = 0; !about.has_symbols && d->debug != -ERANGE; i++) {
		d->debug = debugfile_open(root, i, &about, d->fd);
		if (d->debug >= 0 && !module_add_debug(d->m, d->debug))
			break;
	}
	if (root >= 0)
		close(root);
}

static void close_direct(struct direct *d)
{
	module_close(d->m);
	close(d->fd);
	if (d->debug >= 0)
		close(d->debug);
}

static void compare_rows(struct asker *a, int file, struct module *m)
{
	struct asker_file *f = &a->files[file];
	struct wire_row *rows = NULL;
	uint64_t base = 0;
	size_t n = 0;
	int err = module_rows(m, &rows, &n, &base);

	assert_int_equal(symbols_ask_rows(a->s, file), 0);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(f->rows_ends, 1);
	assert_int_equal(f->rows_err, err);
	assert_int_equal(f->n_rows, n);
	assert_true(!n || f->base == base);
	assert_true(!n || !memcmp(f->rows, rows, n * sizeof(*rows)));
	free(rows);
}

static size_t compare_code(struct asker *a, int file, struct module *m, uint64_t from, uint64_t to)
{
	struct module_function f[MODULE_INLINES_MAX];
	uint64_t step = (to - from) / 500 + 1;
	size_t known = 0;

	for (uint64_t addr = from; addr < to; addr += step) {
		int n;

		memset(f, 0, sizeof(f));
		n = module_code(m, addr, f, MODULE_INLINES_MAX);
		assert_int_equal(symbols_ask_code(a->s, file, addr, addr), 0);
		assert_true(asker_wait(a, LONG));
		assert_int_equal(a->cookie, addr);
		assert_int_equal(a->n_functions, n < 0 ? 0 : n);
		if (n < 0) {
			assert_string_not_equal(a->why, "");
			continue;
		}
		known++;
		for (int i = 0; i < n; i++) {
			assert_string_equal(a->functions[i].function, f[i].function);
			assert_string_equal(a->functions[i].file, f[i].file);
			assert_int_equal(a->functions[i].line, f[i].line);
			assert_int_equal(a->functions[i].first, f[i].first);
		}
	}
	return known;
}

static void compare_data(struct asker *a, int file, struct module *m, uint64_t from, uint64_t to)
{
	uint64_t step = (to - from) / 200 + 1;

	for (uint64_t addr = from; addr < to; addr += step) {
		struct module_variable v = { 0 };
		int err = module_data(m, addr, &v);

		assert_int_equal(symbols_ask_data(a->s, file, addr, addr), 0);
		assert_true(asker_wait(a, LONG));
		assert_int_equal(a->has_variable, !err);
		if (err)
			continue;
		assert_string_equal(a->variable.name, v.name);
		assert_int_equal(a->variable.begin, v.begin);
		assert_int_equal(a->variable.size, v.size);
	}
}

static void same_answers(const char *path, bool names)
{
	struct asker *a = asker_new(false);
	struct module_about about;
	struct direct d;
	size_t known;
	int file;

	open_direct(&d, path);
	file = asker_open(a, path);
	assert_true(file > 0);
	assert_true(asker_wait_opened(a, file, LONG));
	assert_int_equal(a->files[file].err, 0);
	module_about(d.m, &about);
	assert_int_equal(a->files[file].about.build_id_len, about.build_id_len);
	assert_memory_equal(a->files[file].about.build_id, about.build_id, about.build_id_len);
	assert_string_equal(a->files[file].about.link, about.link);
	compare_rows(a, file, d.m);
	known = compare_code(a, file, d.m, a->files[file].base, a->files[file].base + 0x100000);
	assert_true(!names || known > 20);
	compare_data(a, file, d.m, 0, 0x400000);
	close_direct(&d);
	asker_free(a);
}

static void test_same_answers(void **state)
{
	(void)state;
	same_answers("/bin/true", false);
	same_answers(libc(), true);
	same_answers("/proc/self/exe", true);
	if (!access(PYTHON, R_OK))
		same_answers(PYTHON, false);
}

/* --- as many answers as questions
 * --------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
	char command[600];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* A memory file with the bytes of another one. */
static int memory_copy(const char *path)
{
	int in = open(path, O_RDONLY), out = memfd_create("copy", MFD_CLOEXEC), fd;
	char bytes[65536], name[64];
	ssize_t n;

	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	close(out);
	return fd;
}

/* More files than the parser may have open, each asked again and again. */
static void test_many_files(void **state)
{
	enum {
		FILES = 70,
		ROUNDS = 20
	};
	struct asker *a = asker_new(false);
	int files[FILES];
	struct symbols_cost cost;

	(void)state;
	for (int i = 0; i < FILES; i++) {
		files[i] = symbols_open(a->s, memory_copy("/bin/true"));
		assert_true(files[i] > 0);
		assert_int_equal(symbols_ask_rows(a->s, files[i]), 0);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < FILES; i++) {
			assert_int_equal(symbols_ask_code(a->s, files[i], 0x2000 + round, i), 0);
			assert_int_equal(symbols_ask_data(a->s, files[i], 0x2000 + round, i), 0);
			if (i % 7 == 0)
				symbols_poll(a->s);
		}
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_opened, FILES);
	assert_int_equal(a->n_rows, FILES);
	assert_int_equal(a->n_code, FILES * ROUNDS);
	assert_int_equal(a->n_data, FILES * ROUNDS);
	for (int i = 0; i < FILES; i++) {
		assert_int_equal(a->files[files[i]].rows_err, 0);
		assert_int_equal(a->files[files[i]].n_rows, a->files[files[0]].n_rows);
	}
	symbols_cost(a->s, &cost);
	assert_int_equal(cost.killed, 0);
	assert_true(cost.cpu_ns > 0);
	asker_free(a);
}

static void test_limits(void **state)
{
	struct asker *a = asker_new(false);
	int file = asker_open(a, "/bin/true"), err = 0;
	size_t n = 0;

	(void)state;
	while (!(err = symbols_ask_code(a->s, file, n, n)))
		n++;
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, 16384);
	assert_int_equal(symbols_waiting(a->s), n);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_code, n);
	assert_int_equal(symbols_ask_code(a->s, 4711, 0, 0), -ENOENT);
	symbols_close(a->s, 4711);
	symbols_close(a->s, file);
	assert_int_equal(symbols_ask_code(a->s, file, 0, 0), -ENOENT);
	asker_free(a);
}

static void test_many_open(void **state)
{
	struct asker *a = asker_new(false);
	struct rlimit l, before;
	int file = 1, n = 0;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	l = before;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur < 4200) {
		asker_free(a);
		skip();
	}
	while ((file = asker_open(a, "/bin/true")) > 0)
		n++;
	assert_int_equal(n, 4096);
	assert_int_equal(file, -ENOSPC);
	for (int i = 1; i <= n; i++)
		symbols_close(a->s, i);
	asker_poll(a, 0);
	assert_true(asker_open(a, "/bin/true") > 0);
	asker_free(a);
	setrlimit(RLIMIT_NOFILE, &before);
}

static void close_it(struct asker *a, uint64_t cookie, size_t n)
{
	(void)n;
	if (cookie == 100)
		symbols_close(a->s, 1);
	else if (cookie < 90)
		assert_int_equal(symbols_ask_code(a->s, 1, 1, 1000 + cookie), 0);
}

static void ask_more(struct asker *a, uint32_t file)
{
	assert_int_equal(symbols_ask_code(a->s, file, 0, 2000), 0);
}

/* Files are closed, and more is asked, by whoever is given an answer. */
static void test_from_answers(void **state)
{
	struct asker *a = asker_new(false);
	int first = asker_open(a, "/bin/true"), second = asker_open(a, "/bin/true");

	(void)state;
	a->on_code = close_it;
	a->on_opened = ask_more;
	for (uint64_t i = 0; i < 200; i++)
		symbols_ask_code(a->s, first, i, i);
	symbols_ask_rows(a->s, second);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->files[second].rows_ends, 1);
	assert_true(a->n_code >= 101 && a->n_code < 200);
	asker_free(a);
}

/* --- what is no file
 * ---------------------------------------------------------------------------------------- */

static int refused(int fd)
{
	struct asker *a = asker_new(false);
	int ret;

	assert_true(fd >= 0);
	ret = symbols_open(a->s, fd);
	if (ret > 0) { /* it looked like one */
		assert_true(asker_wait_opened(a, ret, LONG));
		assert_string_not_equal(a->files[ret].why, "");
		assert_int_equal(symbols_ask_code(a->s, ret, 0, 0), -ENOENT);
		ret = a->files[ret].err;
	}
	asker_free(a);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken in any case */
	return ret;
}

static void test_not_files(void **state)
{
	char dir[] = "/tmp/parascope-symbols-XXXXXX", path[64];
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int pair[2], sock = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(refused(open(path, O_RDONLY | O_NONBLOCK)), -EINVAL);
	assert_int_equal(refused(open(path, O_PATH)), -EINVAL);
	unlink(path);
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/sock", dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(refused(open(name.sun_path, O_PATH)), -EINVAL);
	unlink(name.sun_path);
	assert_int_equal(refused(sock), -EINVAL);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(refused(pair[0]), -EINVAL);
	close(pair[1]);
	assert_int_equal(refused(open(dir, O_RDONLY)), -EINVAL);
	assert_int_equal(refused(open("/dev/zero", O_RDONLY)), -EINVAL);
	assert_int_equal(refused(open("/dev/null", O_RDONLY)), -EINVAL);
	assert_int_equal(refused(open("/proc/self/mem", O_RDONLY)), -EINVAL);
	assert_int_equal(refused(open("/bin/true", O_PATH)), -EINVAL);
	snprintf(path, sizeof(path), "%s/file", dir);
	copy_file("/bin/true", path);
	assert_int_equal(refused(open(path, O_RDWR)), -EINVAL);
	assert_int_equal(refused(open(path, O_WRONLY)), -EINVAL);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(refused(open(path, O_RDONLY)), -EINVAL);
	assert_int_equal(truncate(path, 1), 0);
	assert_int_equal(refused(open(path, O_RDONLY)), -ENOEXEC);
	assert_int_equal(truncate(path, 3ll << 30), 0);
	assert_int_equal(refused(open(path, O_RDONLY)), -EINVAL);
	unlink(path);
	if (!access("/sys/kernel/notes", R_OK))
		assert_int_equal(refused(open("/sys/kernel/notes", O_RDONLY)), -ENOEXEC);
	rmdir(dir);
}

static void test_sparse(void **state)
{
	int fd = memfd_create("sparse", MFD_CLOEXEC), again;
	char name[64];

	(void)state;
	assert_int_equal(ftruncate(fd, INT64_MAX), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	again = open(name, O_RDONLY);
	close(fd);
	assert_int_equal(refused(again), -EINVAL);
	assert_int_equal(symbols_open(NULL, -1), -EBADF);
}

/* --- the parser ends
 * -------------------------------------------------------------------------------------- */

static void test_killed(void **state)
{
	struct asker *a = asker_new(false);
	struct symbols_cost cost;
	size_t asked = 0;
	int kills = 0, file = 0;

	(void)state;
	for (int round = 0; round < 40; round++) {
		pid_t pid;

		file = asker_open(a, "/bin/true");
		symbols_ask_rows(a->s, file);
		for (int i = 0; i < 25; i++, asked++)
			assert_int_equal(symbols_ask_code(a->s, file, 0x2000 + i, i), 0);
		for (int i = 0; i < round % 4; i++)
			asker_poll(a, 1);
		pid = asker_child();
		if (pid) {
			kill(pid, SIGKILL);
			kills++;
		}
		if (round % 3 == 0)
			assert_true(asker_wait(a, LONG));
	}
	assert_true(asker_wait(a, LONG));
	symbols_cost(a->s, &cost);
	assert_true(kills > 5);
	assert_true(cost.killed > 0 && cost.killed <= (uint64_t)kills);
	/* All are answered but those about files that were given up before they were open. */
	for (int i = 1; i <= file; i++) {
		assert_true(a->files[i].told);
		asked -= a->files[i].err ? 25 : 0;
		assert_true(a->files[i].err || a->files[i].rows_ends == 1);
	}
	assert_int_equal(a->n_code, asked);
	file = asker_open(a, libc());
	symbols_ask_rows(a->s, file);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->files[file].rows_err, 0);
	assert_true(a->files[file].n_rows > 1000);
	asker_free(a);
}

/* Its file is the only one, so it was the file. */
static void test_killed_alone(void **state)
{
	struct asker *a = asker_new(false);
	int file = asker_open(a, "/bin/true"), again, other;

	(void)state;
	assert_true(asker_wait_opened(a, file, LONG));
	assert_int_equal(kill(asker_child(), SIGSTOP), 0);
	symbols_ask_code(a->s, file, 0x2000, 7);
	symbols_ask_rows(a->s, file);
	asker_poll(a, 0);
	assert_int_equal(kill(asker_child(), SIGKILL), 0);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_unknown, 1);
	assert_string_equal(a->why, "the parser process ended: Killed");
	assert_int_equal(a->files[file].rows_err, -EIO);
	/* this and all later questions, and whoever opens it again */
	assert_int_equal(symbols_ask_code(a->s, file, 0x2000, 8), 0);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_unknown, 2);
	again = asker_open(a, "/bin/true");
	assert_true(asker_wait_opened(a, again, LONG));
	assert_int_equal(a->files[again].err, -EIO);
	other = asker_open(a, libc());
	assert_true(asker_wait_opened(a, other, LONG));
	assert_int_equal(a->files[other].err, 0);
	asker_free(a);
}

static void test_stopped(void **state)
{
	struct asker *a = asker_new(false);
	int file = asker_open(a, "/bin/true"), other = asker_open(a, libc());
	double began;

	(void)state;
	assert_true(asker_wait_opened(a, file, LONG));
	assert_true(asker_wait_opened(a, other, LONG));
	assert_int_equal(kill(asker_child(), SIGSTOP), 0);
	symbols_ask_code(a->s, file, 0x2000, 7);
	symbols_ask_rows(a->s, other);
	began = asker_now();
	assert_true(asker_wait(a, LONG));
	assert_true(asker_now() - began > 4.9 && asker_now() - began < 7);
	assert_int_equal(a->n_unknown, 1);
	assert_string_equal(a->why, "reading it takes too long");
	assert_int_equal(a->files[other].rows_err, 0); /* repeated with the next one */
	assert_true(a->files[other].n_rows > 1000);
	asker_free(a);
}

/* Without a poll loop the parser is not blamed for what it could not say. */
static void test_not_polled(void **state)
{
	struct asker *a = asker_new(false);
	int file = asker_open(a, access(PYTHON, R_OK) ? libc() : PYTHON);

	(void)state;
	symbols_ask_rows(a->s, file);
	symbols_poll(a->s);
	sleep(6);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->files[file].rows_err, 0);
	asker_free(a);
}

static void test_ends_with_us(void **state)
{
	int ends[2];
	pid_t pid, parser = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		struct asker *a = asker_new(false);
		int file = asker_open(a, "/bin/true");

		asker_wait_opened(a, file, LONG);
		parser = asker_child();
		if (write(ends[1], &parser, sizeof(parser)) != sizeof(parser))
			_exit(1);
		pause();
	}
	assert_int_equal(read(ends[0], &parser, sizeof(parser)), sizeof(parser));
	assert_true(parser > 0 && !kill(parser, 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 200 && !kill(parser, 0); i++) {
		char path[64], state_of = '?';
		FILE *f;

		usleep(10000);
		snprintf(path, sizeof(path), "/proc/%d/stat", parser);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%*d %*s %c", &state_of) != 1 || state_of == 'Z')
			parser = INT32_MAX; /* whose turn it is to reap it is not our business */
		if (f)
			fclose(f);
	}
	assert_true(kill(parser, 0));
	close(ends[0]);
	close(ends[1]);
}

/* --- what the parser may do
 * ------------------------------------------------------------------------------------ */

static void status_of(pid_t pid, const char *name, char *ret, size_t size)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			snprintf(ret, size, "%s", line + strlen(name) + 2);
	ret[strcspn(ret, "\n")] = '\0';
	fclose(f);
}

static void test_jail(void **state)
{
	static const char *const none[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	struct asker *a = asker_new(false);
	int file = asker_open(a, "/bin/true"), n = 0;
	char text[256], path[64];
	struct dirent *e;
	pid_t pid;
	DIR *d;

	(void)state;
	assert_true(asker_wait_opened(a, file, LONG));
	pid = asker_child();
	assert_true(pid > 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		status_of(pid, none[i], text, sizeof(text));
		if (!geteuid() || strcmp(none[i], "CapBnd"))
			assert_string_equal(text, "0000000000000000");
	}
	status_of(pid, "NoNewPrivs", text, sizeof(text));
	assert_string_equal(text, "1");
	status_of(pid, "Seccomp", text, sizeof(text));
	assert_string_equal(text, "2");
	if (!geteuid()) {
		status_of(pid, "Uid", text, sizeof(text));
		assert_string_equal(text, "65534\t65534\t65534\t65534");
		status_of(pid, "Gid", text, sizeof(text));
		assert_string_equal(text, "65534\t65534\t65534\t65534");
		snprintf(path, sizeof(path), "/proc/%d/fd", pid);
		d = opendir(path);
		while ((e = readdir(d)))
			n += e->d_name[0] != '.';
		closedir(d);
		assert_int_equal(n, 5); /* /dev/null three times, the socket, the file */
		snprintf(path, sizeof(path), "/proc/%d/environ", pid);
		d = NULL;
		n = open(path, O_RDONLY);
		assert_int_equal(read(n, text, sizeof(text)), 0);
		close(n);
	}
	asker_free(a);
}

/* Nobody starts one by hand. */
static void test_not_wanted(void **state)
{
	char *argv[] = { "parascope", PARSER_ARGUMENT, NULL };
	int pair[2];

	(void)state;
	assert_false(parser_wanted(2, argv));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		if (pair[i] != 3)
			dup2(pair[i], 3);
	assert_false(parser_wanted(2, argv)); /* its maker is not our parent */
	close(3);
	for (int i = 0; i < 2; i++)
		close(pair[i]);
}

/* --- descriptors 0 to 2
 * -------------------------------------------------------------------------------------------- */

static void test_without_stdio(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		struct asker *a;
		int file;

		for (int i = 0; i < 10; i++)
			close(i);
		a = asker_new(false);
		file = asker_open(a, "/bin/true");
		symbols_ask_rows(a->s, file);
		if (!asker_wait(a, LONG) || a->files[file].rows_err || !a->files[file].n_rows)
			_exit(1);
		asker_free(a);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_leaves_nothing(void **state)
{
	int before = count_fds(), file;

	(void)state;
	for (int i = 0; i < 30; i++) {
		struct asker *a = asker_new(false);

		file = asker_open(a, libc());
		symbols_ask_rows(a->s, file);
		symbols_ask_code(a->s, file, 0x26000, 1);
		for (int j = 0; j < i; j++)
			asker_poll(a, 1);
		asker_free(a);
		assert_int_equal(count_fds(), before);
		assert_int_equal(asker_child(), 0);
	}
}

/* --- what may fail
 * --------------------------------------------------------------------------------- */

/* Without descriptors for a new parser nothing is known, and why; the caller's work goes on. */
static void test_no_descriptors(void **state)
{
	struct asker *a = asker_new(false);
	int file = asker_open(a, "/bin/true"), next;
	struct rlimit before, l;

	(void)state;
	symbols_ask_rows(a->s, file);
	getrlimit(RLIMIT_NOFILE, &before);
	next = open("/dev/null", O_RDONLY);
	close(next);
	l = before;
	l.rlim_cur = (rlim_t)next;
	setrlimit(RLIMIT_NOFILE, &l);
	assert_true(asker_wait(a, LONG));
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(a->files[file].err, -EIO);
	assert_string_equal(a->files[file].why, "socketpair: Too many open files");
	assert_int_equal(symbols_ask_rows(a->s, file), -ENOENT);
	file = asker_open(a, "/bin/true");
	assert_true(asker_wait_opened(a, file, LONG));
	assert_int_equal(a->files[file].err, -EIO);
	asker_free(a);
}

static const char *freezer(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/freezer/parascope-test-%d%s", getpid(), file);
	return path;
}

static bool write_to(const char *file, const char *text)
{
	FILE *f = fopen(freezer(file), "we");
	bool good = f && fputs(text, f) >= 0;

	return f && !fclose(f) && good;
}

static bool freeze(pid_t pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", pid);
	return write_to("/tasks", text) && write_to("/freezer.state", "FROZEN");
}

static int thaw(void **state)
{
	(void)state;
	write_to("/freezer.state", "THAWED");
	for (int i = 0; i < 200 && rmdir(freezer("")) && errno == EBUSY; i++) {
		waitpid(-1, NULL, WNOHANG);
		usleep(10000);
	}
	return 0;
}

/*
 * Processes that cannot be killed, as with a file system that does not answer: the first two are
 * left behind, then nothing more is known.
 */
static void test_stuck(void **state)
{
	struct asker *a;
	pid_t pids[2];
	int files[3];

	(void)state;
	if (mkdir(freezer(""), 0755)) {
		print_message("no freezer that is stronger than SIGKILL (cgroup v1)\n");
		skip();
	}
	a = asker_new(false);
	for (int i = 0; i < 2; i++) {
		files[i] = symbols_open(a->s, memory_copy("/bin/true"));
		assert_true(asker_wait_opened(a, files[i], LONG));
		pids[i] = asker_other_child(i ? pids[0] : 0);
		assert_true(freeze(pids[i]));
		symbols_ask_code(a->s, files[i], 0x2000, 1);
		assert_true(asker_wait(a, LONG));
		assert_string_equal(a->why, "reading it takes too long");
		assert_int_equal(kill(pids[i], 0), 0); /* still there */
	}
	files[2] = symbols_open(a->s, memory_copy("/bin/true"));
	assert_true(asker_wait_opened(a, files[2], LONG));
	for (int i = 0;
	     i < 300 && !symbols_ask_rows(a->s, files[2]) && !a->files[files[2]].rows_err; i++) {
		asker_poll(a, 100);
		usleep(10000);
	}
	assert_int_equal(a->files[files[2]].rows_err, -EIO);
	asker_free(a);
}

/* --- code that was made at run time
 * ---------------------------------------------------------------------------- */

static int memory_text(const char *text)
{
	int out = memfd_create("text", MFD_CLOEXEC), fd;
	char name[64];

	assert_int_equal(write(out, text, strlen(text)), strlen(text));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", out);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	close(out);
	return fd;
}

static void test_map(void **state)
{
	struct asker *a = asker_new(false);
	int file = symbols_open_map(a->s, memory_text("1000 20 first\n1020 10 second one\n"));

	(void)state;
	assert_true(file > 0);
	symbols_ask_code(a->s, file, 0x1025, 1);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_functions, 1);
	assert_string_equal(a->functions[0].function, "second one");
	symbols_ask_code(a->s, file, 0x1030, 1);
	symbols_ask_rows(a->s, file);
	symbols_ask_data(a->s, file, 0x1000, 1);
	assert_true(asker_wait(a, LONG));
	assert_int_equal(a->n_unknown, 1);
	assert_int_equal(a->n_data, 1);
	assert_int_equal(a->files[file].rows_err, -EINVAL);
	asker_free(a);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_answers),  cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_limits),	      cmocka_unit_test(test_many_open),
		cmocka_unit_test(test_from_answers),  cmocka_unit_test(test_not_files),
		cmocka_unit_test(test_sparse),	      cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_alone),  cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_not_polled),    cmocka_unit_test(test_ends_with_us),
		cmocka_unit_test(test_jail),	      cmocka_unit_test(test_not_wanted),
		cmocka_unit_test(test_without_stdio), cmocka_unit_test(test_leaves_nothing),
		cmocka_unit_test(test_map),	      cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test_setup_teardown(test_stuck, thaw, thaw),
	};

	asker_parser(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
