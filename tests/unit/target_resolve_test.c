// SPDX-License-Identifier: GPL-2.0-or-later
/* target_resolve_test.c - what the user names, and what must be refused. */
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
#include "user/target/target.h"

static struct target_list list;

static int resolve(const struct target_spec *spec)
{
	int err;

	target_list_free(&list);
	err = target_resolve(spec, &list);
	if (err) {
		assert_true(*fail_text());
		assert_null(strchr(fail_text(), '\n'));
	}
	return err;
}

static int resolve_ids(pid_t pid, pid_t tid)
{
	struct target_spec spec = {
		.pids = { .ids = &pid, .n = pid != 0 },
		.tids = { .ids = &tid, .n = tid != 0 },
	};

	return resolve(&spec);
}

static int resolve_comm(const char *pattern)
{
	struct target_spec spec = { .comms = { .items = &pattern, .n = 1 } };

	return resolve(&spec);
}

static void expect(int err, int want, const char *text)
{
	assert_int_equal(err, want);
	if (!strstr(fail_text(), text))
		fail_msg("\"%s\" lacks \"%s\"", fail_text(), text);
}

static void *other_thread(void *arg)
{
	pid_t tid = gettid();

	if (write(*(int *)arg, &tid, sizeof(tid)) < 0)
		_exit(1);
	pause();
	return NULL;
}

/* A process of that name with a second thread. */
static pid_t start(const char *comm, pid_t *ret_tid)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		pthread_create(&thread, NULL, other_thread, &fds[1]);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], ret_tid, sizeof(*ret_tid)), sizeof(*ret_tid));
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void processes(void **state)
{
	pid_t tid, pid = start("x", &tid), pids[3] = { pid, pid, tid };
	struct target_spec spec = { .pids = { .ids = pids, .n = 3 } };
	struct proc_stat stat;

	(void)state;
	assert_int_equal(proc_read_stat(pid, &stat), 0);
	assert_int_equal(resolve(&spec), 0);
	assert_int_equal(list.n, 1);
	assert_false(list.by_tid);
	assert_int_equal(list.items[0].id, pid);
	assert_int_equal(list.items[0].start_ticks, stat.start_ticks);
	assert_non_null(strstr(list.notes.data, "is a thread of process"));
	assert_int_equal(resolve_ids(pid, 0), 0);
	assert_string_equal(list.notes.data, "");
	stop(pid);
	expect(resolve_ids(pid, 0), -ESRCH, "no process");
	expect(resolve_ids(0, tid), -ESRCH, "no thread");
}

static void threads(void **state)
{
	pid_t tid, pid = start("x", &tid);

	(void)state;
	assert_int_equal(resolve_ids(0, tid), 0);
	assert_int_equal(list.n, 1);
	assert_true(list.by_tid);
	assert_int_equal(list.items[0].id, tid);
	assert_true(list.items[0].start_ticks > 0);
	expect(resolve_ids(pid, tid), -EINVAL, "together");
	stop(pid);
}

static void refused(void **state)
{
	struct target_spec nothing = { 0 };
	pid_t pid = fork();
	siginfo_t info;

	(void)state;
	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	expect(resolve_ids(pid, 0), -ESTALE, "zombie");
	expect(resolve_ids(0, pid), -ESTALE, "zombie");
	waitpid(pid, NULL, 0);
	expect(resolve_ids(getpid(), 0), -EDEADLK, "parascope itself");
	expect(resolve_ids(0, gettid()), -EDEADLK, "parascope itself");
	expect(resolve(&nothing), -EINVAL, "nothing to watch");
	assert_int_equal(resolve_ids(1, 0), 0);
}

static void kernel_thread(void **state)
{
	struct proc_stat stat;

	(void)state;
	if (proc_read_stat(2, &stat) || strcmp(stat.comm, "kthreadd")) {
		print_message("skipped: pid 2 is not kthreadd here\n");
		skip();
	}
	expect(resolve_ids(2, 0), -EOPNOTSUPP, "process 2 is a kernel thread");
	expect(resolve_ids(0, 2), -EOPNOTSUPP, "thread 2 is a kernel thread");
	expect(resolve_comm("kthreadd"), -ENOENT, "'kthreadd'");
}

static void patterns(void **state)
{
	char name[PROC_COMM_LEN], glob[80], longer[80];
	pid_t tid, a, b;

	(void)state;
	snprintf(name, sizeof(name), "pst)\n%d", getpid());
	snprintf(glob, sizeof(glob), "pst[)]?%d*", getpid());
	prctl(PR_SET_NAME, name); /* ourselves too, and never found */
	expect(resolve_comm(glob), -ENOENT, "no process is named");
	a = start(name, &tid);
	snprintf(name, sizeof(name), "pst)\n%d abcdefghij", getpid());
	b = start(name, &tid);
	assert_int_equal(resolve_comm(glob), 0);
	assert_int_equal(list.n, 2);
	snprintf(longer, sizeof(longer), "%s that is cut", name);
	assert_int_equal(resolve_comm(longer), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.items[0].id, b);
	stop(a);
	stop(b);
	prctl(PR_SET_NAME, "target_resolve");
}

static void host(void **state)
{
	int err = target_check_host(), status;
	pid_t pid;

	(void)state;
	if (err) {
		print_message("skipped: we are in a container: %s\n", fail_text());
		skip();
	}
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER))
			_exit(9);
		_exit(target_check_host() != -EPERM || !strstr(fail_text(), "user namespace"));
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 9)
		print_message("no user namespaces here\n");
	else
		assert_int_equal(status, 0);
}

static void pid_namespace(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() || target_check_host()) {
		print_message("skipped: needs root outside of containers\n");
		skip();
	}
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(9);
		pid = fork();
		if (!pid)
			_exit(target_check_host() == -EPERM ? 0 : 1);
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static int teardown(void **state)
{
	(void)state;
	target_list_free(&list);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes),	 cmocka_unit_test(threads),
		cmocka_unit_test(refused),	 cmocka_unit_test(kernel_thread),
		cmocka_unit_test(patterns),	 cmocka_unit_test(host),
		cmocka_unit_test(pid_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
