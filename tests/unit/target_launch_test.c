// SPDX-License-Identifier: GPL-2.0-or-later
/* target_launch_test.c - the corked command: that it waits, and what it inherits. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h" /* before cmocka, which has a macro of that name */

#include <cmocka.h>

#include "user/base/buf.h"
#include "user/target/launch.h"
#include "user/target/proc.h"
#include "user/target/sudo.h"

static struct origin origin;
static char *const small_env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "A=1", NULL };
static char dir[] = "/tmp/parascope-launch-XXXXXX", out_path[64];

static struct launch *start(char *const *env, const char *script)
{
	char *const argv[] = { "sh", "-c", (char *)(uintptr_t)script, out_path, NULL };
	struct launch_opts opts = { .origin = &origin, .env = env };
	struct launch *launch = NULL;
	int err = launch_start(&launch, argv, &opts);

	if (err)
		fail_msg("launch_start: %s", fail_text());
	return launch;
}

static int finish(struct launch *launch)
{
	int status = -1;

	assert_int_equal(launch_uncork(launch), 0);
	assert_int_equal(launch_wait(launch, &status), 0);
	launch_free(launch);
	return launch_exit_code(status);
}

/* What the script writes to "$0". */
static const char *output(void)
{
	static char text[8192];
	FILE *f = fopen(out_path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	unlink(out_path);
	return text;
}

/* What the command does when it is simply run, before anything was changed. */
static void run_plainly(char *const *argv, char *const *env)
{
	pid_t pid = fork();

	if (!pid) {
		execvpe(argv[0], argv, env);
		_exit(99);
	}
	waitpid(pid, NULL, 0);
}

static void cork_holds(void **state)
{
	struct launch *launch = start(small_env, "touch \"$0\"");
	struct pollfd fd = { .fd = launch_pidfd(launch), .events = POLLIN };
	int status;

	(void)state;
	assert_int_equal(poll(&fd, 1, 100), 0);
	assert_int_not_equal(access(out_path, F_OK), 0);
	assert_int_equal(launch_uncork(launch), 0);
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(launch_wait(launch, &status), 0);
	assert_int_equal(launch_wait(launch, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(access(out_path, F_OK), 0);
	unlink(out_path);
	launch_free(launch);
}

static void exit_codes(void **state)
{
	(void)state;
	assert_int_equal(finish(start(small_env, "exit 7")), 7);
	assert_int_equal(finish(start(small_env, "kill -9 $$")), 128 + 9);
}

static void expect_no_exec(const char *command, int err, int code)
{
	char *const argv[] = { (char *)(uintptr_t)command, NULL };
	struct launch_opts opts = { .origin = &origin, .env = small_env };
	struct launch *launch;
	int status;

	assert_int_equal(launch_start(&launch, argv, &opts), 0);
	assert_int_equal(launch_uncork(launch), err);
	assert_non_null(strstr(fail_text(), command));
	assert_int_equal(launch_wait(launch, &status), 0);
	assert_int_equal(launch_exit_code(status), code);
	launch_free(launch);
}

static void no_exec(void **state)
{
	struct launch_opts opts = { .origin = &origin, .env = small_env };
	char *const none[] = { NULL }, *const empty[] = { "", NULL };
	struct launch *launch;

	(void)state;
	expect_no_exec("/no/such/command", -ENOENT, 127);
	expect_no_exec("no-such-command-anywhere", -ENOENT, 127);
	expect_no_exec("/etc/passwd", -EACCES, 126);
	expect_no_exec("/tmp", -EACCES, 126);
	assert_int_equal(launch_start(&launch, none, &opts), -EINVAL);
	assert_int_equal(launch_start(&launch, empty, &opts), -EINVAL);
}

static char *const show_surroundings[] = {
	"sh", "-c", "exec >\"$0\"; env; pwd; umask; ulimit -a; for f in /proc/$$/fd/*; do "
	"echo $f | sed 's/.*fd/fd/'; done", out_path, NULL
};

/* Not through a shell, which has signals of its own. */
static char *const show_status[] = { "cp", "/proc/self/status", out_path, NULL };

/* The lines of a status that must not differ. */
static char *status_lines(const char *text)
{
	static const char *const keys[] = { "Uid:", "Gid:", "Groups:", "NSsid:", "SigBlk:",
					    "SigIgn:", "CapEff:", "NoNewPrivs:", "Seccomp:",
					    "Cpus_allowed:" };
	struct buf lines = { 0 };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *line = strstr(text, keys[i]);

		if (line)
			buf_add(&lines, line, strcspn(line, "\n") + 1);
	}
	return lines.data;
}

/* What parascope does to itself, and worse. */
static void disturb(void)
{
	struct rlimit limit;
	sigset_t all;
	int fd;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_cur > 100 ? limit.rlim_cur - 1 : limit.rlim_cur;
	setrlimit(RLIMIT_NOFILE, &limit);
	fd = open("/dev/null", O_RDONLY); /* forgot O_CLOEXEC */
	if (fd < 0 || dup2(fd, 40) != 40 || dup2(fd, 400) != 400)
		_exit(1);
}

/* In a process of its own, to be as it likes: 0 if both ways give the same. */
static int compare_runs(char *const *argv, bool status)
{
	struct origin mine;
	struct launch_opts opts = { .origin = &mine, .env = small_env };
	struct launch *launch;
	char *want, *got;
	sigset_t set;
	int code;

	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	if (open("/dev/null", O_RDONLY) < 0)
		return 3;
	run_plainly(argv, small_env);
	want = status ? status_lines(output()) : xstrdup(output());
	if (origin_save(&mine))
		return 4;
	disturb();
	if (launch_start(&launch, argv, &opts) || launch_uncork(launch) ||
	    launch_wait(launch, &code) || code)
		return 5;
	got = status ? status_lines(output()) : xstrdup(output());
	code = !*want || strcmp(want, got);
	if (code)
		print_error("wanted:\n%s\ngot:\n%s\n", want, got);
	if (status && !strstr(want, "SigBlk:\t0000000000000800\n"))
		return 6;
	free(want);
	free(got);
	origin_free(&mine);
	launch_free(launch);
	return code;
}

static void expect_same(char *const *argv, bool is_status)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(compare_runs(argv, is_status));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void inherits(void **state)
{
	(void)state;
	expect_same(show_surroundings, false);
	expect_same(show_status, true);
}

/* Standard descriptors that were closed stay closed, whatever was put there since. */
static int closed_descriptors_child(bool reopen)
{
	char *const argv[] = { "sh", "-c", "test -e /proc/$$/fd/1 && ! test -e /proc/$$/fd/0 && "
			       "! test -e /proc/$$/fd/2", NULL };
	struct origin mine;
	struct launch_opts opts = { .origin = &mine, .env = small_env };
	struct launch *launch;
	int status;

	close(0);
	close(2);
	if (origin_save(&mine))
		return 2;
	if (reopen && (open("/dev/null", O_RDWR) != 0 || open("/dev/null", O_RDWR) != 2))
		return 3;
	/* if not, the cork itself lands there */
	if (launch_start(&launch, argv, &opts) || launch_uncork(launch) ||
	    launch_wait(launch, &status))
		return 4;
	return launch_exit_code(status);
}

static void closed_descriptors(void **state)
{
	(void)state;
	for (int reopen = 0; reopen < 2; reopen++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(closed_descriptors_child(reopen));
		waitpid(pid, &status, 0);
		assert_int_equal(status, 0);
	}
}

/* A shell may start us with SIGCHLD ignored: the status must come through all the same. */
static void ignored_sigchld(void **state)
{
	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(finish(start(small_env, "exit 3")), 3);
	signal(SIGCHLD, SIG_DFL);
}

static bool is_gone(pid_t pid)
{
	struct proc_stat stat;

	/* as subreapers we would have to wait for it: a zombie is gone */
	for (int i = 0; i < 300; i++) {
		if (proc_read_stat(pid, &stat) || proc_is_zombie(&stat))
			return true;
		usleep(10000);
	}
	return false;
}

static void never_uncorked(void **state)
{
	struct launch *launch = start(small_env, "touch \"$0\"");
	pid_t pid = launch_pid(launch);

	(void)state;
	assert_false(kill(pid, 0));
	launch_free(launch);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_not_equal(access(out_path, F_OK), 0);
	launch_free(NULL);
}

static void killed_in_cork(void **state)
{
	struct launch *launch = start(small_env, "true");
	int status;

	(void)state;
	kill(launch_pid(launch), SIGKILL);
	assert_int_equal(launch_wait(launch, &status), 0);
	assert_int_equal(launch_exit_code(status), 128 + SIGKILL);
	assert_int_equal(launch_uncork(launch), -ESRCH);
	launch_kill(launch);
	launch_free(launch);
}

static void goes_on_after_free(void **state)
{
	struct launch *launch = start(small_env, "sleep 0.2; echo ok >\"$0\"");
	pid_t pid = launch_pid(launch);

	(void)state;
	assert_int_equal(launch_uncork(launch), 0);
	launch_free(launch);
	waitpid(pid, NULL, 0);
	assert_string_equal(output(), "ok\n");
}

static void parent_dies(void **state)
{
	pid_t parent, child = 0;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	parent = fork();
	if (!parent) {
		child = launch_pid(start(small_env, "touch \"$0\""));
		if (write(fds[1], &child, sizeof(child)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(kill(child, 0), 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	assert_true(is_gone(child));
	assert_int_not_equal(access(out_path, F_OK), 0);
	close(fds[0]);
	close(fds[1]);
}

/* --- sudo ------------------------------------------------------------------------------------- */

static void sudo_variables(void **state)
{
	char *const own[] = { "SUDO_UID=0", "SUDO_GID=0", "HOME=/root", NULL };
	char *const bad[] = { "SUDO_UID=12x", NULL };
	char *const huge[] = { "SUDO_UID=4294967295", NULL };
	char *const unknown[] = { "SUDO_UID=4000000", "SUDO_GID=4000001", "HOME=/h", NULL };
	struct sudo_user user;

	(void)state;
	if (geteuid()) {
		print_message("skipped: needs root\n");
		skip();
	}
	assert_int_equal(sudo_find_user(small_env, false, &user), 0);
	assert_false(user.drop);
	sudo_user_free(&user);
	assert_int_equal(sudo_find_user(own, false, &user), 0);
	assert_false(user.drop);
	assert_string_equal(user.env[2], "HOME=/root");
	assert_null(user.env[3]);
	sudo_user_free(&user);
	assert_int_equal(sudo_find_user(bad, false, &user), -EINVAL);
	sudo_user_free(&user);
	assert_int_equal(sudo_find_user(huge, false, &user), -EINVAL);
	sudo_user_free(&user);
	assert_int_equal(sudo_find_user(bad, true, &user), 0);
	sudo_user_free(&user);
	assert_int_equal(sudo_find_user(unknown, false, &user), 0);
	assert_true(user.drop);
	assert_int_equal(user.uid, 4000000);
	assert_int_equal(user.n_groups, 1);
	assert_int_equal(user.groups[0], 4000001);
	assert_string_equal(user.env[2], "HOME=/h");
	sudo_user_free(&user);
}

static void sudo_drops(void **state)
{
	char *const env[] = { "PATH=/usr/bin:/bin", "HOME=/root", "USER=root", "SUDO_UID=65534",
			      "SUDO_GID=65534", "SUDO_USER=nobody", "KEEP=1", NULL };
	const struct passwd *nobody = getpwnam("nobody");
	gid_t groups[64], extra = 4;
	int n_groups = getgroups(64, groups);
	char home[300];

	(void)state;
	if (geteuid() || n_groups < 0 || !nobody || nobody->pw_uid != 65534) {
		print_message("skipped: needs root and a user nobody\n");
		skip();
	}
	assert_int_equal(setgroups(1, &extra), 0); /* which the command must not keep */
	assert_int_equal(finish(start(env, "exec >\"$0\"; env; id -u; id -g; id -G;"
				     "grep -E '^(Uid|CapEff|CapPrm)' /proc/$$/status")), 0);
	assert_int_equal(setgroups((size_t)n_groups, groups), 0);
	snprintf(home, sizeof(home), "HOME=%s\n", nobody->pw_dir);
	{
		const char *text = output();

		assert_non_null(strstr(text, home));
		assert_non_null(strstr(text, "USER=nobody\n"));
		assert_non_null(strstr(text, "LOGNAME=nobody\n"));
		assert_non_null(strstr(text, "KEEP=1\n"));
		assert_non_null(strstr(text, "\n65534\n65534\n65534\n"));
		assert_non_null(strstr(text, "Uid:\t65534\t65534\t65534\t65534\n"));
		assert_non_null(strstr(text, "CapPrm:\t0000000000000000\n"));
		assert_non_null(strstr(text, "CapEff:\t0000000000000000\n"));
	}
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chmod(dir, 0777))
		return -1;
	snprintf(out_path, sizeof(out_path), "%s/out", dir);
	/* that of whoever runs the test may have directories that we may not search */
	if (setenv("PATH", "/usr/bin:/bin", 1))
		return -1;
	return origin_save(&origin);
}

static int teardown(void **state)
{
	(void)state;
	origin_free(&origin);
	unlink(out_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cork_holds),	      cmocka_unit_test(exit_codes),
		cmocka_unit_test(no_exec),	      cmocka_unit_test(inherits),
		cmocka_unit_test(closed_descriptors), cmocka_unit_test(ignored_sigchld),
		cmocka_unit_test(never_uncorked),     cmocka_unit_test(killed_in_cork),
		cmocka_unit_test(goes_on_after_free), cmocka_unit_test(parent_dies),
		cmocka_unit_test(sudo_variables),     cmocka_unit_test(sudo_drops),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
