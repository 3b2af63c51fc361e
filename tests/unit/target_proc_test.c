// SPDX-License-Identifier: GPL-2.0-or-later
/* target_proc_test.c - /proc: parsers on hostile text, readers on processes of our own. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h" /* before cmocka, which has a macro of that name */

#include <cmocka.h>

#include "user/target/proc.h"

#define REST " S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 9 0 12345 1 1 18446744073709551615\n"

static void stat_parse(void **state)
{
	/* every one of these could be a thread's name */
	static const char *const names[] = { "bash", "a;b 7\nc) R 1 1", ")", "(", "", "))) S 1",
					     " ", "\x1b[31m", "\xff\xfe", "\n\n\n", "(sd-pam)" };
	struct proc_stat s;
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "77 (%s)" REST, names[i]);
		assert_int_equal(proc_parse_stat(text, &s), 0);
		assert_int_equal(s.id, 77);
		assert_string_equal(s.comm, names[i]);
		assert_int_equal(s.state, 'S');
		assert_int_equal(s.parent, 1);
		assert_int_equal(s.threads, 9);
		assert_int_equal(s.start_ticks, 12345);
		assert_false(proc_is_kernel_thread(&s));
		assert_false(proc_is_zombie(&s));
	}
}

static void stat_garbage(void **state)
{
	static const char *const texts[] = { "", "\n", "7", "7 (", "7 )", "7 )(", "7 (x", "7 (x)",
					     "7 (x) ", "7 (x) S", "7 (x) S 1 2", "x (x)" REST,
					     "7 (x)S 1", "7 (x) 5 1 7 7", "(x)" REST,
					     "7 (x) S 1 7 7 0 -1 99999999999999999999999 1" };
	struct proc_stat s = { .id = 5 };
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(proc_parse_stat(texts[i], &s), -EINVAL);
	assert_int_equal(s.id, 5);
	snprintf(longest, sizeof(longest), "7 (%0200d)" REST, 0);
	assert_int_equal(proc_parse_stat(longest, &s), 0);
	assert_int_equal(strlen(s.comm), PROC_COMM_LEN - 1);
}

static void status_parse(void **state)
{
	static const char good[] = "Name:\ta\\nTgid:\t9\nUmask:\t0022\nTgid:\t41\n"
				   "Uid:\t1\t2\t3\t4\n"
				   "NSpid:\t42\t7\t1\nNSpgid:\t42\nCapEff:\t000001fffeffffff\n";
	struct proc_status s;

	(void)state;
	assert_int_equal(proc_parse_status(good, &s), 0);
	assert_int_equal(s.tgid, 41);
	assert_int_equal(s.uid, 2);
	assert_int_equal(s.cap_eff, 0x1fffeffffff);
	assert_int_equal(s.n_ns, 3);
	assert_int_equal(s.ns_ids[2], 1);
	assert_int_equal(proc_parse_status("", &s), -EINVAL);
	assert_int_equal(proc_parse_status("Tgid:\t\n", &s), -EINVAL);
	assert_int_equal(proc_parse_status("Tgid:\t1\nUid:\t0\n", &s), -EINVAL);
}

static void cgroup_parse(void **state)
{
	static const char text[] = "12:cpuset:/no\n3:cpu,cpuacct:/a:b/c\n1:name=systemd:/\n"
				   "0::/v2 x\n";
	char *path;

	(void)state;
	assert_int_equal(proc_parse_cgroup(text, "cpu", &path), 0);
	assert_string_equal(path, "/a:b/c");
	free(path);
	assert_int_equal(proc_parse_cgroup(text, "cpuacct", &path), 0);
	free(path);
	assert_int_equal(proc_parse_cgroup(text, NULL, &path), 0);
	assert_string_equal(path, "/v2 x");
	free(path);
	assert_int_equal(proc_parse_cgroup("0::/", NULL, &path), 0);
	assert_string_equal(path, "/");
	free(path);
	assert_int_equal(proc_parse_cgroup(text, "cp", &path), -ENOENT);
	assert_int_equal(proc_parse_cgroup("", NULL, &path), -ENOENT);
	assert_int_equal(proc_parse_cgroup(":\n::\n1\n\n2:", "cpu", &path), -ENOENT);
}

static void self(void **state)
{
	struct proc_status status;
	struct buf cmdline = { 0 };
	struct proc_stat stat;

	(void)state;
	prctl(PR_SET_NAME, "a;b 7\nc) R 1 1");
	assert_int_equal(proc_read_stat(getpid(), &stat), 0);
	assert_string_equal(stat.comm, "a;b 7\nc) R 1 1");
	assert_int_equal(stat.id, getpid());
	assert_int_equal(stat.parent, getppid());
	assert_int_equal(stat.state, 'R');
	assert_true(stat.start_ticks > 0);
	assert_int_equal(proc_read_status(getpid(), &status), 0);
	assert_int_equal(status.tgid, getpid());
	assert_int_equal(status.uid, geteuid());
	assert_true(status.n_ns >= 1);
	assert_int_equal(proc_read_cmdline(getpid(), 0, &cmdline), 0);
	assert_non_null(strstr(cmdline.data, "target_proc"));
	cmdline.len = 0;
	assert_int_equal(proc_read_cmdline(getpid(), 3, &cmdline), 0);
	assert_int_equal(cmdline.len, 3);
	buf_free(&cmdline);
}

static void missing(void **state)
{
	struct proc_ids ids = { 0 };
	struct proc_stat stat;
	uint32_t cpus;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_read_stat(pid, &stat), -ESRCH);
	assert_non_null(strstr(fail_text(), "no process "));
	assert_int_equal(proc_list_threads(pid, &ids), -ESRCH);
	assert_int_equal(proc_cpus_allowed(pid, &cpus), -ESRCH);
	assert_int_equal(proc_read_stat(0, &stat), -ESRCH);
	assert_int_equal(proc_read_stat(-1, &stat), -ESRCH);
}

static void zombie(void **state)
{
	struct buf cmdline = { 0 };
	struct proc_stat stat;
	pid_t pid = fork();
	siginfo_t info;

	(void)state;
	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(proc_read_stat(pid, &stat), 0);
	assert_true(proc_is_zombie(&stat));
	assert_int_equal(proc_read_cmdline(pid, 100, &cmdline), 0);
	assert_int_equal(cmdline.data[0], '[');
	buf_free(&cmdline);
	waitpid(pid, NULL, 0);
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

/* The leader has left, its threads live: not a zombie. */
static void headless(void **state)
{
	struct proc_ids ids = { 0 };
	struct proc_stat stat = { 0 };
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_create(&thread, NULL, sleeper, NULL);
		pthread_exit(NULL);
	}
	for (int i = 0; i < 500 && stat.state != 'Z'; i++) {
		assert_int_equal(proc_read_stat(pid, &stat), 0);
		usleep(10000);
	}
	assert_int_equal(stat.state, 'Z');
	assert_false(proc_is_zombie(&stat));
	assert_int_equal(proc_list_threads(pid, &ids), 0);
	assert_int_equal(ids.n, 2);
	proc_ids_free(&ids);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void kernel_thread(void **state)
{
	struct proc_stat stat;

	(void)state;
	if (proc_read_stat(2, &stat) || strcmp(stat.comm, "kthreadd")) {
		print_message("skipped: pid 2 is not kthreadd here\n");
		skip();
	}
	assert_true(proc_is_kernel_thread(&stat));
}

static void affinity(void **state)
{
	uint32_t all, one;
	cpu_set_t set;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(proc_cpus_allowed(getpid(), &all), 0);
	sched_getaffinity(0, sizeof(set), &set);
	assert_int_equal(all, CPU_COUNT(&set));
	pid = fork();
	if (!pid) {
		int cpu = 0;

		while (!CPU_ISSET(cpu, &set))
			cpu++;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
		_exit(proc_cpus_allowed(getpid(), &one) || one != 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_parse),   cmocka_unit_test(stat_garbage),
		cmocka_unit_test(status_parse), cmocka_unit_test(cgroup_parse),
		cmocka_unit_test(self),	 	cmocka_unit_test(missing),
		cmocka_unit_test(zombie),	cmocka_unit_test(headless),
		cmocka_unit_test(kernel_thread), cmocka_unit_test(affinity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
