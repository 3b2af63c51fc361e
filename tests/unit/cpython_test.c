// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cpython_test.c - the GIL of live interpreters.
 *
 * The proof for a live one does not use what the code under test knows: threads that fight for the
 * GIL sleep in futex calls, and /proc/PID/task/TID/syscall shows on which words.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "live_python.h"
#include "user/runtime/cpython.h"

/* Open, list, close: 0 without CPython, -ENOTSUP without a GIL. */
static int find_gils(pid_t pid, struct wire_region *ret, size_t cap)
{
	struct cpython *py;
	int n = cpython_open(&py, pid);

	if (n || !py)
		return n;
	n = cpython_gils(py, ret, cap);
	if (!n)
		n = -ENOTSUP;
	cpython_close(py);
	return n;
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char spinners[] =
	"import sys, threading, time\n"
	"sys.setswitchinterval(0.004321)\n"
	"def burn():\n"
	"    while True: pass\n"
	"for _ in range(2): threading.Thread(target=burn, daemon=True).start()\n"
	"print('ready', flush=True)\n"
	"time.sleep(60)\n";

/* The futex word a thread waits on; 0: it does something else. */
static uint64_t futex_word(pid_t pid, const char *tid)
{
	unsigned long long word = 0, op = 0;
	char path[300];
	long nr = -1;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, tid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	n = fscanf(f, "%ld %llx %llx", &nr, &word, &op);
	fclose(f);
	op &= 0x7f;
	return n == 3 && nr == SYS_futex && (op == 0 || op == 9) ? word : 0;
}

struct waits {
	unsigned inside, outside, threads;
};

/* Look at all threads until enough of them were seen waiting for a futex. */
static struct waits watch(pid_t pid, const struct wire_region *r, unsigned enough)
{
	struct waits w = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	for (int round = 0; round < 5000 && w.inside + w.outside < enough; round++) {
		DIR *dir = opendir(path);
		struct dirent *e;

		assert_non_null(dir);
		w.threads = 0;
		while ((e = readdir(dir))) {
			uint64_t word = *e->d_name == '.' ? 0 : futex_word(pid, e->d_name);

			w.threads += *e->d_name != '.';
			w.inside += word >= r->begin && word < r->end;
			w.outside += word && (word < r->begin || word >= r->end);
		}
		closedir(dir);
		usleep(1000);
	}
	return w;
}

/* A Python that is known or refused, as its version says. */
static void one_python(const char *python)
{
	unsigned minor = minor_of(python);
	struct child c = start_python(python, spinners);
	struct wire_region r[4];
	char want[48];
	int n = find_gils(c.pid, r, 4);

	if (minor < 9) {
		assert_int_equal(n, -ENOTSUP);
		print_message("%s: refused: %s\n", python, fail_text());
	} else {
		struct waits w;

		if (n < 0)
			print_message("%s: %s\n", python, fail_text());
		assert_int_equal(n, 1);
		snprintf(want, sizeof(want), "GIL (CPython 3.%u)", minor);
		assert_string_equal(r[0].name, want);
		assert_int_equal(r[0].head.tid, c.pid);
		assert_int_equal(peek_u64(c.pid, r[0].begin - 32), 4321);
		w = watch(c.pid, r, 50);
		print_message("%s: %u threads, %u futex waits in the GIL, %u elsewhere\n", python,
			      w.threads, w.inside, w.outside);
		assert_int_equal(w.threads, 3);
		assert_true(w.inside >= 50);
		assert_int_equal(w.outside, 0);
	}
	stop(&c);
}

static void system_python(void **state)
{
	(void)state;
	if (access("/usr/bin/python3", X_OK)) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	one_python("/usr/bin/python3");
}

static void other_pythons(void **state)
{
	glob_t g;

	(void)state;
	if (glob("/root/.pyenv/versions/3*/bin/python3", 0, NULL, &g)) {
		print_message("no pyenv builds in /root/.pyenv\n");
		skip();
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		one_python(g.gl_pathv[i]);
	globfree(&g);
}

/* Two spinning threads in an interpreter of its own, in a process that spins as well. */
static void one_with_subinterpreter(const char *python, const char *module)
{
	struct wire_region r[4];
	struct waits main_waits, sub_waits;
	struct child c;
	char script[1024];
	int n;

	snprintf(script, sizeof(script),
		 "import %s as i, threading, time\n"
		 "def burn():\n"
		 "    while True: pass\n"
		 "s = i.create()\n"
		 "code = '''import threading, time\n"
		 "def burn():\n"
		 "    while True: pass\n"
		 "for _ in range(2): threading.Thread(target=burn).start()\n"
		 "print('ready', flush=True)\n"
		 "time.sleep(60)'''\n"
		 "i.run_string(s, code)\n", module);
	c = start_python(python, script);
	n = find_gils(c.pid, r, 4);
	if (n != 2)
		print_message("%s: %d %s\n", python, n, n < 0 ? fail_text() : "");
	assert_int_equal(n, 2);
	assert_memory_equal(r[0].name, "GIL (CPython 3.1", 16);
	assert_memory_equal(r[1].name, "GIL of interpreter 1 (CPython 3.1", 33);
	sub_waits = watch(c.pid, &r[1], 20);
	main_waits = watch(c.pid, &r[0], 20);
	print_message("%s: \"%s\": %u waits, 0 in \"%s\"\n", python, r[1].name, sub_waits.inside,
		      r[0].name);
	assert_true(sub_waits.inside >= 20);
	assert_int_equal(main_waits.inside, 0);
	stop(&c);
}

static void subinterpreters(void **state)
{
	static const struct {
		const char *pattern, *module;
	} pythons[] = {
		{ "/root/.pyenv/versions/3.12*/bin/python3", "_xxsubinterpreters" },
		{ "/root/.pyenv/versions/3.13*/bin/python3", "_interpreters" },
	};
	bool any = false;

	(void)state;
	for (size_t i = 0; i < COUNT(pythons); i++) {
		glob_t g;

		if (glob(pythons[i].pattern, 0, NULL, &g))
			continue;
		one_with_subinterpreter(g.gl_pathv[0], pythons[i].module);
		globfree(&g);
		any = true;
	}
	if (!any) {
		print_message("no CPython 3.12 or later\n");
		skip();
	}
}

/* Ask from the first moment on: nothing but "no" and "try again" until it is found. */
static void start_and_find(const char *python)
{
	char *argv[] = { (char *)python, (char *)"-c", (char *)"import time; time.sleep(60)",
			 NULL };
	unsigned again = 0, none = 0;

	for (int round = 0; round < 20; round++) {
		time_t end = time(NULL) + 60;
		struct wire_region r;
		pid_t pid = fork();
		int n;

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			execv(argv[0], argv);
			_exit(127);
		}
		while ((n = find_gils(pid, &r, 1)) != 1 && time(NULL) < end) {
			if (n && n != -EAGAIN)
				print_message("%d: %s\n", n, fail_text());
			assert_true(!n || n == -EAGAIN);
			again += n == -EAGAIN;
			none += !n;
		}
		assert_int_equal(n, 1);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	print_message("%s: %u times \"try again\" and %u times no CPython, then found\n", python,
		      again, none);
}

static void starting(void **state)
{
	glob_t g;

	(void)state;
	if (access("/usr/bin/python3", X_OK)) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	start_and_find("/usr/bin/python3");
	/* the interpreter in a library */
	if (glob("/root/.pyenv/versions/3.1[0-9]*/bin/python3", 0, NULL, &g))
		return;
	for (size_t i = 0; i < g.gl_pathc; i++)
		start_and_find(g.gl_pathv[i]);
	globfree(&g);
}

/* The interpreter's file says nothing unless it is there to run. */
static void mapped_to_read(void **state)
{
	int fd = open("/usr/bin/python3", O_RDONLY | O_CLOEXEC);
	struct wire_region r;
	void *p;
	int n;

	(void)state;
	if (fd < 0)
		skip();
	p = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(find_gils(getpid(), &r, 1), 0);
	/* mapped to run, but nobody made it a program: whatever lies there is not believed */
	assert_int_equal(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
	n = find_gils(getpid(), &r, 1);
	assert_true(n == -ENOTSUP || n == -EAGAIN);
	munmap(p, 1 << 20);
	close(fd);
}

/* Its own file gone, its name another: the kernel still has both. */
static void renamed_and_deleted(void **state)
{
	static const char path[] = "/tmp/parascope-innocent";
	char *argv[] = { (char *)"innocent", (char *)"-c",
			 (char *)"import time; print('ready', flush=True); time.sleep(60)", NULL };
	struct wire_region r;
	struct child c;

	(void)state;
	if (access("/usr/bin/python3", X_OK) ||
	    system("cp /usr/bin/python3 /tmp/parascope-innocent")) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	c = start(path, argv);
	unlink(path);
	assert_int_equal(find_gils(c.pid, &r, 1), 1);
	assert_int_equal(peek_u64(c.pid, r.begin - 32), 5000);
	stop(&c);
}

/* A tid will do; a name will not, and a process that is not Python at all has no GIL. */
static void others(void **state)
{
	char *sleep_argv[] = { (char *)"python3", (char *)"-c", (char *)"echo; sleep 60", NULL };
	struct child c = start("/bin/sh", sleep_argv);
	struct wire_region r;

	(void)state;
	assert_int_equal(find_gils(c.pid, &r, 1), 0);
	kill(c.pid, SIGKILL);
	usleep(100000);
	assert_int_equal(find_gils(c.pid, &r, 1), -ESRCH); /* a zombie */
	waitpid(c.pid, NULL, 0);
	assert_int_equal(find_gils(c.pid, &r, 1), -ESRCH);
	assert_non_null(strstr(fail_text(), "no process"));
	fclose(c.out);
	assert_int_equal(find_gils(getpid(), &r, 1), 0);
}

static void by_tid(void **state)
{
	struct child c;
	struct wire_region r;
	char path[64];
	struct dirent *e;
	DIR *dir;

	(void)state;
	if (access("/usr/bin/python3", X_OK))
		skip();
	c = start_python("/usr/bin/python3", spinners);
	snprintf(path, sizeof(path), "/proc/%d/task", c.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		assert_int_equal(find_gils((pid_t)atoi(e->d_name), &r, 1), 1);
		assert_int_equal(r.head.tid, c.pid);
	}
	closedir(dir);
	stop(&c);
}

/* A child that was forked without exec has all where its parent has it. */
static void forked(void **state)
{
	static const char script[] =
		"import os, time\n"
		"print('ready', flush=True)\n"
		"pid = os.fork()\n"
		"if pid: print(pid, flush=True)\n"
		"time.sleep(60)\n";
	struct wire_region r[2], of_child[2];
	struct cpython *py, *child_py;
	struct wire_python a, b;
	struct child c;
	int pid;

	(void)state;
	if (access("/usr/bin/python3", X_OK))
		skip();
	c = start_python("/usr/bin/python3", script);
	assert_int_equal(fscanf(c.out, "%d", &pid), 1);
	assert_int_equal(cpython_open(&py, c.pid), 0);
	assert_non_null(py);
	assert_int_equal(cpython_open_child(&child_py, py, pid), 0);
	cpython_describe(py, &a);
	cpython_describe(child_py, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(cpython_gils(py, r, 2), 1);
	assert_int_equal(cpython_gils(child_py, of_child, 2), 1);
	assert_int_equal(r[0].head.tid, c.pid);
	assert_int_equal(of_child[0].head.tid, pid);
	assert_int_equal(of_child[0].begin, r[0].begin);
	/* each reads its own memory */
	kill(pid, SIGKILL);
	usleep(100000);
	assert_int_equal(cpython_gils(child_py, of_child, 2), -EAGAIN);
	assert_int_equal(cpython_gils(py, r, 2), 1);
	cpython_close(child_py);
	cpython_close(py);
	cpython_close(NULL);
	stop(&c);
}

/* A code object is believed for a second, then read again. */
static void used_again(void **state)
{
	static const char script[] =
		"import ctypes, signal, struct\n"
		"signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
		"scope = {}\n"
		"exec(compile('\\n' * 4241 + 'def f(): pass', 'some.py', 'exec'), scope)\n"
		"c = scope['f'].__code__\n"
		"at = id(c) + ctypes.string_at(id(c), 160).find(struct.pack('i', 4242))\n"
		"print('ready', flush=True)\n"
		"print(id(c), flush=True)\n"
		"while True:\n"
		"    signal.sigwait({signal.SIGUSR1})\n"
		"    ctypes.c_int.from_address(at).value = 77\n"
		"    print('changed', flush=True)\n";
	struct wire_frame_id id = { 0 };
	struct wire_frame f;
	struct cpython *py;
	struct child c;
	char word[16];

	(void)state;
	if (access("/usr/bin/python3", X_OK))
		skip();
	c = start_python("/usr/bin/python3", script);
	assert_int_equal(fscanf(c.out, "%llu", (unsigned long long *)&id.code), 1);
	assert_int_equal(cpython_open(&py, c.pid), 0);
	assert_non_null(py);
	assert_int_equal(cpython_frame(py, &id, &f), 0);
	assert_string_equal(f.function, "f");
	assert_string_equal(f.file, "some.py");
	assert_int_equal(f.first, 4242);
	assert_int_equal(f.line, 0); /* an instruction that is not in it */
	assert_int_equal(f.head.kind, WIRE_FRAME);
	assert_int_equal(f.head.size, sizeof(f));
	assert_int_equal(f.head.tid, c.pid);
	kill(c.pid, SIGUSR1);
	assert_int_equal(fscanf(c.out, "%15s", word), 1);
	usleep(1100000);
	assert_int_equal(cpython_frame(py, &id, &f), 0);
	assert_int_equal(f.first, 77);
	/* what is no code */
	id.code += 16;
	memset(&f, 'x', sizeof(f));
	assert_int_equal(cpython_frame(py, &id, &f), -EIO);
	assert_string_equal(f.function, "");
	assert_int_equal(f.id.code, id.code);
	cpython_close(py);
	stop(&c);
}

static uint64_t newest_thread(pid_t pid, const struct wire_python *p)
{
	return peek_u64(pid, peek_u64(pid, p->runtime + p->head) + p->threads);
}

/* Threads that come and go all the time do not hide the interpreter, and none gets a wrong name. */
static void churn(void **state)
{
	static const char script[] =
		"import signal, threading\n"
		"signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
		"def work(n): return work(n - 1) if n else sum(range(3000))\n"
		"print('ready', flush=True)\n"
		"signal.sigwait({signal.SIGUSR1})\n"
		"while True:\n"
		"    ts = [threading.Thread(target=work, args=(50,), name='churn') for _ in '8 times']\n"
		"    for t in ts: t.start()\n"
		"    for t in ts: t.join()\n";
	char *pythons[PYTHONS_MAX];
	size_t n = find_pythons(pythons);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		unsigned named = 0, seen = 0;
		struct wire_python p;
		uint64_t main_thread;
		struct cpython *py;
		struct child c;

		if (minor_of(pythons[i]) < 9)
			continue;
		c = start_python(pythons[i], script);
		assert_int_equal(cpython_open(&py, c.pid), 0);
		assert_non_null(py);
		cpython_describe(py, &p);
		cpython_close(py);
		main_thread = newest_thread(c.pid, &p); /* the only one */
		kill(c.pid, SIGUSR1);
		for (int round = 0; round < 100; round++) {
			assert_int_equal(cpython_open(&py, c.pid), 0);
			assert_non_null(py);
			cpython_close(py);
		}
		assert_int_equal(cpython_open(&py, c.pid), 0);
		for (int round = 0; round < 2000; round++) {
			uint64_t t = newest_thread(c.pid, &p);
			struct cpython_tstate s;
			char name[64];

			/* a thread that is gone leads nowhere */
			for (int k = 0; t && k < 10; k++) {
				seen++;
				s = (struct cpython_tstate){ .addr = t };
				if (!peek(c.pid, t + p.t_thread_id, &s.thread_id, 8) &&
				    !cpython_thread_name(py, &s, name, sizeof(name))) {
					named++;
					if (strcmp(name, t == main_thread ? "MainThread" : "churn"))
						fail_msg("%s: \"%s\"", pythons[i], name);
				}
				if (peek(c.pid, t + p.t_next, &t, sizeof(t)))
					break;
			}
		}
		print_message("%s: %u of %u looks at threads found a name\n", pythons[i], named,
			      seen);
		assert_true(named > 0);
		cpython_close(py);
		stop(&c);
	}
	free_pythons(pythons, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_python), cmocka_unit_test(other_pythons),
		cmocka_unit_test(subinterpreters), cmocka_unit_test(starting),
		cmocka_unit_test(others),	 cmocka_unit_test(by_tid),
		cmocka_unit_test(mapped_to_read), cmocka_unit_test(renamed_and_deleted),
		cmocka_unit_test(forked),	 cmocka_unit_test(used_again),
		cmocka_unit_test(churn),
	};

	const struct CMUnitTest refused[] = { cmocka_unit_test(not_root) };

	if (geteuid())
		return cmocka_run_group_tests(refused, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
