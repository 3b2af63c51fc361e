// SPDX-License-Identifier: GPL-2.0-or-later
/* child.c - the parser process, seen from outside; see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/ask.h"
#include "user/symbol/child.h"
#include "user/symbol/parser.h"

/* --- the child until it is another program: only calls that are allowed after fork ----------- */

#ifdef __SANITIZE_ADDRESS__
#define SILENT_FDS STDERR_FILENO /* what it finds is to be read */
#else
#define SILENT_FDS (STDERR_FILENO + 1)
#endif

static void stay_silent(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = STDIN_FILENO; i < SILENT_FDS; i++) {
		if (fd < 0)
			close(i);
		else if (fd != i)
			dup2(fd, i);
	}
}

static _Noreturn void become_parser(int sock)
{
	char *argv[] = { "parascope", PARSER_ARGUMENT, NULL }, *envp[] = { NULL };
	struct ask_answer failed = { .version = ASK_VERSION, .kind = ASK_HELLO, .last = 1 };

	setsid(); /* Ctrl-C is not meant for it */
	if (sock == ASK_FD)
		fcntl(sock, F_SETFD, 0);
	else
		dup2(sock, ASK_FD);
	stay_silent();
	syscall(SYS_close_range, ASK_FD + 1, ~0u, 0);
	execve("/proc/self/exe", argv, envp);
	failed.err = -errno;
	strcpy(failed.why, "/proc/self/exe cannot be started");
	send(ASK_FD, &failed, sizeof(failed), MSG_NOSIGNAL);
	_exit(1);
}

/* --- the parent ------------------------------------------------------------------------------ */

/* Handlers of this program must not run in a copy of it. */
static pid_t fork_quietly(void)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid)
		sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int child_start(struct child *ret)
{
	int pair[2], err;
	pid_t pid;

	*ret = (struct child){ .pid = -1, .pidfd = -1, .sock = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(-errno, "socketpair: %s", strerror(errno));
	pid = fork_quietly();
	if (!pid)
		become_parser(pair[1]);
	err = errno;
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail(-err, "fork: %s", strerror(err));
	}
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	ret->pid = pid;
	clock_getcpuclockid(pid, &ret->clock);
	ret->sock = pair[0];
	ret->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

uint64_t child_cpu_ns(const struct child *c)
{
	struct timespec t;

	if (clock_gettime(c->clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void child_kill(struct child *c)
{
	if (c->pidfd < 0 || syscall(SYS_pidfd_send_signal, c->pidfd, SIGKILL, NULL, 0))
		kill(c->pid, SIGKILL); /* not reaped yet, so the number is still its own */
	if (c->sock >= 0)
		close(c->sock);
	c->sock = -1;
}

bool child_reap(struct child *c, int wait_ms, uint64_t *cpu_ns)
{
	struct pollfd gone = { .fd = c->pidfd, .events = POLLIN };
	struct rusage used = { 0 };
	pid_t pid;

	if (wait_ms && c->pidfd >= 0)
		poll(&gone, 1, wait_ms);
	pid = wait4(c->pid, &c->status, WNOHANG, &used);
	if (!pid || (pid < 0 && errno == EINTR))
		return false;
	*cpu_ns = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000 +
		  (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000;
	child_forget(c);
	return true;
}

void child_forget(struct child *c)
{
	if (c->pidfd >= 0)
		close(c->pidfd);
	c->pidfd = -1;
}
