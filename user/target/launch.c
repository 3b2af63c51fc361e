// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * launch.c - the corked command; see launch.h.
 *
 * Parent and child share one socket pair, closed at exec.  The child sends a report when it is set
 * up, waits for one byte, and sends a second report only if exec failed; that exec worked shows as
 * the end of the stream, and so does, in the child, that the parent is gone.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/target/launch.h"
#include "user/target/sudo.h"

struct launch {
	pid_t pid;
	int pidfd;
	int cork; /* our end of the pair */
	bool uncorked;
	bool waited;
	int status;
	char *name;
};

/* Where the child failed; message texts for the parent. */
enum stage { STAGE_ORIGIN, STAGE_USER, STAGE_READY, STAGE_EXEC };

struct report {
	int stage;
	int err; /* errno, 0: none */
};

/* --- the child: only calls that are allowed after fork --------------------------------------- */

struct child {
	char *const *argv;
	const struct origin *origin;
	const struct sudo_user *user;
	const int *stdio;
	pid_t parent;
	int cork;
};

static void send_report(int cork, enum stage stage, int err)
{
	struct report report = { .stage = (int)stage, .err = -err };

	send(cork, &report, sizeof(report), MSG_NOSIGNAL);
}

static int set_up(const struct child *c, enum stage *stage)
{
	int err;

	*stage = STAGE_ORIGIN; /* as root: it may have to raise limits */
	err = origin_restore(c->origin);
	for (int fd = 0; !err && c->stdio && fd <= STDERR_FILENO; fd++)
		err = dup2(c->stdio[fd], fd) < 0 ? -errno : 0;
	if (err)
		return err;
	*stage = STAGE_USER;
	err = sudo_become(c->user);
	if (err)
		return err;
	*stage = STAGE_READY;
	/* a change of user clears it, so it comes after */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) ? -errno : 0;
}

static bool wait_for_uncork(int cork)
{
	ssize_t n;
	char byte;

	do
		n = recv(cork, &byte, 1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static _Noreturn void child_main(const struct child *c)
{
	enum stage stage;
	int err = set_up(c, &stage);

	if (getppid() != c->parent)
		_exit(125); /* the parent died before it could be told to take us along */
	send_report(c->cork, stage, err);
	if (err || !wait_for_uncork(c->cork))
		_exit(125);
	prctl(PR_SET_PDEATHSIG, 0);
	origin_restore_mask(c->origin);
	execvpe(c->argv[0], c->argv, c->user->env);
	err = errno;
	send_report(c->cork, STAGE_EXEC, -err);
	_exit(err == ENOENT ? 127 : 126);
}

/* --- the parent ------------------------------------------------------------------------------ */

/* 1: a report came; 0: the child's end is closed. */
static int receive(int cork, struct report *ret)
{
	ssize_t n;

	do
		n = recv(cork, ret, sizeof(*ret), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*ret);
}

/*
 * A child that inherits our handlers must not run them, and Ctrl-C must not end it in its cork,
 * where we would take it for a target that has gone: no signal is let through until right before
 * exec.
 */
static pid_t fork_child(const struct child *c, int our_end)
{
	sigset_t all, before;
	pid_t pid;
	int err;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (!pid) {
		close(our_end); /* or it would keep its own cork open */
		child_main(c);
	}
	err = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return pid;
}

static int fail_set_up(const struct launch *launch, const struct report *report)
{
	static const char *const what[] = {
		[STAGE_ORIGIN] = "put its signals, limits and descriptors back",
		[STAGE_USER] = "become the user who called sudo (--as-root stays root)",
		[STAGE_READY] = "be tied to parascope",
	};

	return fail(-report->err, "cannot start '%s': the child could not %s: %s", launch->name,
		    what[report->stage], strerror(report->err));
}

static int start(struct launch *launch, const struct child *child, int our_end)
{
	struct report report;

	launch->pid = fork_child(child, our_end);
	if (launch->pid < 0)
		return fail(-errno, "cannot start '%s': fork: %s", launch->name, strerror(errno));
	close(child->cork);
	launch->pidfd = (int)syscall(SYS_pidfd_open, launch->pid, 0);
	if (launch->pidfd < 0)
		return fail(-errno, "cannot start '%s': pidfd_open: %s", launch->name,
			    strerror(errno));
	if (!receive(launch->cork, &report))
		return fail(-ESRCH, "cannot start '%s': the child was killed at once",
			    launch->name);
	return report.err ? fail_set_up(launch, &report) : 0;
}

static void keep_status_of_children(void)
{
	struct sigaction action;

	if (!sigaction(SIGCHLD, NULL, &action) && action.sa_handler == SIG_IGN)
		signal(SIGCHLD, SIG_DFL);
}

int launch_start(struct launch **ret, char *const argv[], const struct launch_opts *opts)
{
	struct child child = { .argv = argv, .origin = opts->origin,
			       .stdio = opts->stdio,
			       .parent = getpid() };
	struct sudo_user user;
	struct launch *launch;
	int pair[2], err;

	if (!argv[0] || !*argv[0])
		return fail(-EINVAL, "no command to run");
	err = sudo_find_user(opts->env, opts->as_root, &user);
	if (err)
		goto out;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err = fail(-errno, "cannot start '%s': socketpair: %s", argv[0], strerror(errno));
		goto out;
	}
	keep_status_of_children();
	launch = xcalloc(1, sizeof(*launch));
	*launch = (struct launch){ .pidfd = -1, .cork = pair[0], .name = xstrdup(argv[0]) };
	child.cork = pair[1];
	child.user = &user;
	err = start(launch, &child, pair[0]);
	if (launch->pid < 0)
		close(pair[1]);
	if (err)
		launch_free(launch);
	else
		*ret = launch;
out:
	sudo_user_free(&user);
	return err;
}

pid_t launch_pid(const struct launch *launch)
{
	return launch->pid;
}

int launch_pidfd(const struct launch *launch)
{
	return launch->pidfd;
}

bool launch_ended(const struct launch *launch)
{
	struct pollfd fd = { launch->pidfd, POLLIN, 0 };

	return launch->waited || poll(&fd, 1, 0) > 0;
}

int launch_uncork(struct launch *launch)
{
	struct report report;

	if (launch->uncorked)
		return 0;
	launch->uncorked = true;
	if (send(launch->cork, "", 1, MSG_NOSIGNAL) < 0)
		return fail(-ESRCH, "'%s' was killed before it began", launch->name);
	if (!receive(launch->cork, &report))
		return 0;
	if (report.err == ENOENT)
		return fail(-ENOENT, "cannot run '%s': no such command", launch->name);
	return fail(-report.err, "cannot run '%s': %s", launch->name, strerror(report.err));
}

int launch_wait(struct launch *launch, int *ret_status)
{
	while (!launch->waited) {
		if (waitpid(launch->pid, &launch->status, 0) == launch->pid)
			launch->waited = true;
		else if (errno != EINTR)
			return fail(-errno, "cannot wait for '%s': %s", launch->name,
				    strerror(errno));
	}
	*ret_status = launch->status;
	return 0;
}

int launch_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void launch_kill(struct launch *launch)
{
	if (!launch->waited)
		kill(launch->pid, SIGKILL);
}

void launch_free(struct launch *launch)
{
	int status;

	if (!launch)
		return;
	if (launch->pid > 0 && !launch->uncorked) {
		launch_kill(launch);
		launch_wait(launch, &status);
	} else if (launch->pid > 0 && !launch->waited) {
		waitpid(launch->pid, &status, WNOHANG);
	}
	if (launch->pidfd >= 0)
		close(launch->pidfd);
	close(launch->cork);
	free(launch->name);
	free(launch);
}
