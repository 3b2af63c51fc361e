// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * symbols_debug_test.c - debug files: which are found, which are taken, which are left alone.
 *
 * Runs with its own empty /usr/lib/debug, so it needs root (a mount namespace), and gcc, objcopy.
 * With SYMBOLS_SLOW in the environment it also waits until a server takes too long.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/asker.h"
#include <cmocka.h>

#define LONG 30.0

static const char program[] =
	"#include <stdlib.h>\n"
	"static inline __attribute__((always_inline)) int inner(int x)\n{ return x * rand(); }\n"
	"__attribute__((noinline)) int outer(int x)\n{ return inner(x) + 1; }\n"
	"int shared_table[64];\n"
	"int main(int argc, char **argv)\n"
	"{ (void)argv; return outer(argc) + shared_table[argc & 63]; }\n";

static char dir[64];
static uint64_t outer_at, table_at; /* addresses in the program */

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *fmt, ...)
{
	char command[2000];
	va_list ap;
	int n = snprintf(command, sizeof(command), "cd %s && ( ", dir);

	va_start(ap, fmt);
	n += vsnprintf(command + n, sizeof(command) - (size_t)n, fmt, ap);
	va_end(ap);
	snprintf(command + n, sizeof(command) - (size_t)n, " ) >/dev/null 2>&1");
	if (system(command))
		fail_msg("failed: %s", command);
}

static bool have(const char *tool)
{
	char command[200];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
	return !system(command);
}

static uint64_t address_of(const char *file, const char *symbol)
{
	char command[300];
	unsigned long addr = 0;
	FILE *p;

	snprintf(command, sizeof(command), "nm %s/%s | awk '$3 == \"%s\" { print $1 }'", dir, file,
		 symbol);
	p = popen(command, "re");
	if (!p || fscanf(p, "%lx", &addr) != 1)
		fail_msg("%s has no %s", file, symbol);
	pclose(p);
	return addr;
}

static void id_path(const char *file, char *ret, size_t size)
{
	char command[300], id[200] = "";
	FILE *p;

	snprintf(command, sizeof(command), "readelf -n %s/%s | sed -n 's/.*Build ID: //p'", dir,
		 file);
	p = popen(command, "re");
	assert_true(p && fscanf(p, "%199s", id) == 1);
	pclose(p);
	snprintf(ret, size, "/usr/lib/debug/.build-id/%.2s/%s.debug", id, id + 2);
}

/* NAME stripped, NAME.debug, and NAME.full as it was. */
static void build(const char *name, const char *flags)
{
	run("gcc -g -O1 %s -o %s.full program.c", flags, name);
	run("objcopy --only-keep-debug %s.full %s.debug && strip -o %s %s.full", name, name, name,
	    name);
	outer_at = address_of("prog.full", "outer");
	table_at = address_of("prog.full", "shared_table");
}

static int set_up(void **state)
{
	FILE *f;
	char path[100];

	(void)state;
	if (geteuid() || !have("gcc") || !have("objcopy") || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 0;
	strcpy(dir, "/tmp/parascope-debug-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	/* What the target owns lies elsewhere: below /tmp, it would be read from nowhere. */
	mkdir("/usr/lib/debug", 0755);
	if (mount("none", "/usr/lib/debug", "tmpfs", 0, "mode=755"))
		return -1;
	snprintf(path, sizeof(path), "%s/program.c", dir);
	f = fopen(path, "we");
	fputs(program, f);
	fclose(f);
	build("prog", "");
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return dir[0] ? system(command) : 0;
}

static int clear(void **state)
{
	(void)state;
	return dir[0] ? system("rm -rf /usr/lib/debug/* /usr/lib/debug/.[a-z]*") : 0;
}

enum known {
	NOTHING,
	NAME,
	LINE
};

static char last_function[128], last_inline[128];

/* What is known of outer() and of the variable. */
static enum known ask_about(const char *name, bool debuginfod)
{
	struct asker *a = asker_new(debuginfod);
	char path[200];
	enum known known;
	struct symbols_cost cost;
	int file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = asker_open(a, path);
	assert_true(file > 0);
	symbols_ask_data(a->s, (uint32_t)file, table_at + 8, 2);
	symbols_ask_code(a->s, (uint32_t)file, outer_at + 6, 1);
	assert_true(asker_wait(a, LONG));
	known = !a->n_functions ? NOTHING : a->functions[a->n_functions - 1].line ? LINE : NAME;
	assert_int_equal(a->has_variable, known != NOTHING);
	if (known) {
		snprintf(last_function, sizeof(last_function), "%s",
			 a->functions[a->n_functions - 1].function);
		snprintf(last_inline, sizeof(last_inline), "%s", a->functions[0].function);
		assert_string_equal(last_function, "outer");
		assert_string_equal(a->variable.name, "shared_table");
	}
	symbols_cost(a->s, &cost);
	assert_int_equal(cost.killed, 0);
	asker_free(a);
	return known;
}

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		if (!dir[0]) {                                                                     \
			print_message("needs root, gcc and objcopy\n");                            \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void test_none(void **state)
{
	(void)state;
	NEEDS_ROOT();
	assert_int_equal(ask_about("prog.full", false), LINE);
	assert_int_equal(ask_about("prog", false), NOTHING);
	/* beside the target it is the target's, not ours */
	run("objcopy --add-gnu-debuglink=prog.debug prog linked && mkdir -p .debug && cp "
	    "prog.debug .debug");
	assert_int_equal(ask_about("linked", false), NOTHING);
}

static void test_by_id(void **state)
{
	char path[300];

	(void)state;
	NEEDS_ROOT();
	id_path("prog", path, sizeof(path));
	run("install -D prog.debug %s", path);
	assert_int_equal(ask_about("prog", false), LINE);
	/* another build under this name */
	build("other", "-DOTHER -O2");
	run("cp other.debug %s", path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("chown nobody %s && cp prog.debug %s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("chown root %s && chmod 666 %s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("chmod 644 %s", path);
	assert_int_equal(ask_about("prog", false), LINE);
}

static void test_by_link(void **state)
{
	(void)state;
	NEEDS_ROOT();
	build("noid", "-Wl,--build-id=none");
	run("objcopy --add-gnu-debuglink=noid.debug noid noid.linked");
	assert_int_equal(ask_about("noid.linked", false), NOTHING);
	run("install -D noid.debug /usr/lib/debug%s/noid.debug", dir);
	assert_int_equal(ask_about("noid.linked", false), LINE);
	run("mv /usr/lib/debug%s/noid.debug /usr/lib/debug/noid.debug", dir);
	assert_int_equal(ask_about("noid.linked", false), LINE);
	run("echo >>/usr/lib/debug/noid.debug"); /* the checksum */
	assert_int_equal(ask_about("noid.linked", false), NOTHING);
}

/* What must not be opened, or not waited for. */
static void test_traps(void **state)
{
	char path[300];

	(void)state;
	NEEDS_ROOT();
	id_path("prog", path, sizeof(path));
	run("mkdir -p $(dirname %s) && mkfifo %s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm %s && ln -s %s/prog.debug %s", path, dir, path); /* leaves the folder */
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm %s && ln -s ../../../../..%s/prog.debug %s", path, dir, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm %s && cp prog.debug /usr/lib/debug/real && ln -s ../../real %s", path, path);
	assert_int_equal(ask_about("prog", false), LINE); /* stays there */
	run("rm %s && ln -s /proc/self/exe %s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm %s && mkdir %s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rmdir %s && mknod %s c 1 5", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm %s && head -c 3000 prog.debug >%s", path, path);
	assert_int_equal(ask_about("prog", false), NOTHING);
	run("rm -f /usr/lib/debug/evil* && mkfifo /usr/lib/debug/noid.debug");
	build("noid", "-Wl,--build-id=none");
	run("objcopy --add-gnu-debuglink=noid.debug noid noid.linked");
	assert_int_equal(ask_about("noid.linked", false), NOTHING);
}

static void test_shared(void **state)
{
	char path[300], alt[300];

	(void)state;
	NEEDS_ROOT();
	if (!have("dwz")) {
		print_message("dwz is not installed\n");
		skip();
	}
	id_path("prog", path, sizeof(path));

	run("cp prog.debug a.debug && cp prog.full b.full && dwz -m shared.debug -M "
	    "/x/shared.debug "
	    "prog.full b.full && objcopy --only-keep-debug prog.full a.debug");
	run("install -D a.debug %s", path);
	assert_int_equal(ask_about("prog", false), LINE); /* some names lie in the shared file */
	id_path("shared.debug", alt, sizeof(alt));
	run("install -D shared.debug %s", alt);
	assert_int_equal(ask_about("prog", false), LINE);
	assert_string_equal(last_inline, "inner");
	run("rm %s && install -D shared.debug /usr/lib/debug/.dwz/x86/shared.debug && "
	    "cp prog.debug /usr/lib/debug/.dwz/x86/another && mkfifo /usr/lib/debug/.dwz/x86/fifo",
	    alt);
	assert_int_equal(ask_about("prog", false), LINE);
	assert_string_equal(last_inline, "inner");
}

/* Servers are asked only if the user wants it. */
static void test_servers(void **state)
{
	char path[300], *id;

	(void)state;
	NEEDS_ROOT();
	if (access("/usr/bin/debuginfod-find", X_OK)) {
		print_message("debuginfod-find is not installed\n");
		skip();
	}
	build("prog", "");
	id_path("prog", path, sizeof(path));
	id = path + strlen("/usr/lib/debug/.build-id/");
	memmove(id + 2, id + 3, strlen(id + 2));
	*strrchr(id, '.') = '\0';
	run("install -D prog.debug server/buildid/%s/debuginfo", id);
	snprintf(path, sizeof(path), "file://%s/server", dir);
	setenv("DEBUGINFOD_URLS", path, 1);
	snprintf(path, sizeof(path), "%s/cache", dir);
	setenv("DEBUGINFOD_CACHE_PATH", path, 1);
	assert_int_equal(ask_about("prog", false), NOTHING);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(ask_about("prog", true), LINE);
	assert_int_equal(access(path, F_OK), 0);
	setenv("DEBUGINFOD_URLS", "", 1);
	assert_int_equal(ask_about("prog", true), NOTHING);
	unsetenv("DEBUGINFOD_URLS");
	assert_int_equal(ask_about("prog", true), NOTHING);
}

/* A server that does not answer delays names of this file only. */
static void test_slow_server(void **state)
{
	struct asker *a;
	char path[300];
	double began;
	int slow, other;

	(void)state;
	NEEDS_ROOT();
	run("printf '#!/bin/sh\\nexec sleep 100\\n' >finder && chmod 755 finder");
	snprintf(path, sizeof(path), "%s/finder", dir);
	if (access("/usr/bin/debuginfod-find", X_OK) ||
	    mount(path, "/usr/bin/debuginfod-find", NULL, MS_BIND, NULL))
		skip();
	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	a = asker_new(true);
	snprintf(path, sizeof(path), "%s/prog", dir);
	slow = asker_open(a, path);
	other = asker_open(a, "/bin/true");
	symbols_ask_code(a->s, (uint32_t)slow, outer_at, 1);
	symbols_ask_rows(a->s, (uint32_t)slow);
	symbols_ask_rows(a->s, (uint32_t)other);
	began = asker_now();
	while (a->n_rows < 1 && asker_now() < began + LONG)
		asker_poll(a, 1000);
	assert_true(asker_now() - began < 2);
	assert_int_equal(a->files[other].rows_err, 0);
	/* nor rows of this one */
	assert_int_equal(symbols_ask_rows(a->s, (uint32_t)slow), 0);
	while (a->n_rows < 3 && asker_now() < began + LONG)
		asker_poll(a, 1000);
	assert_true(asker_now() - began < 2);
	assert_int_equal(a->files[slow].rows_ends, 2);
	assert_int_equal(a->n_code, 0);
	if (getenv("SYMBOLS_SLOW")) { /* half a minute */
		while (a->n_code < 1 && asker_now() < began + 2 * LONG)
			asker_poll(a, 1000);
		assert_true(asker_now() - began > 29 && asker_now() - began < 33);
		assert_true(asker_wait(a, LONG));
		assert_int_equal(a->n_rows, 3);
	}
	/* closed while it is being asked for */
	symbols_close(a->s, (uint32_t)slow);
	slow = asker_open(a, path);
	symbols_ask_code(a->s, (uint32_t)slow, outer_at, 1);
	for (int i = 0; i < 20; i++)
		asker_poll(a, 20);
	symbols_close(a->s, (uint32_t)slow);
	assert_int_equal(symbols_waiting(a->s), 0);
	asker_poll(a, 20);
	asker_free(a);
	umount("/usr/bin/debuginfod-find");
	unsetenv("DEBUGINFOD_URLS");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_none, clear),
		cmocka_unit_test_setup(test_by_id, clear),
		cmocka_unit_test_setup(test_by_link, clear),
		cmocka_unit_test_setup(test_traps, clear),
		cmocka_unit_test_setup(test_shared, clear),
		cmocka_unit_test_setup(test_servers, clear),
		cmocka_unit_test_setup(test_slow_server, clear),
	};

	asker_parser(argc, argv);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
