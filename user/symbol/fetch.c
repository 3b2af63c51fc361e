// SPDX-License-Identifier: GPL-2.0-or-later
/* fetch.c - runs debuginfod-find; see fetch.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/fetch.h"

#define FINDER "/usr/bin/debuginfod-find"
#define SERVERS "DEBUGINFOD_URLS"
#define REAP_MS 100

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool fetch_possible(void)
{
	const char *servers = getenv(SERVERS);

	return servers && servers[0] && !access(FINDER, X_OK);
}

/* What debuginfod-find needs of our environment, as NAME=value; the rest is none of its business.
 */
struct surroundings {
	char text[4][PATH_MAX];
	char *list[5];
	size_t n;
};

static void hand_down(struct surroundings *s, const char *name)
{
	const char *value = getenv(name);

	if (!value || (size_t)snprintf(s->text[s->n], PATH_MAX, "%s=%s", name, value) >= PATH_MAX)
		return;
	s->list[s->n] = s->text[s->n];
	s->n++;
}

/* After fork: only calls that are allowed there. */
static _Noreturn void become_finder(int out, const char *build_id, char *const *envp)
{
	char *argv[] = { "debuginfod-find", "debuginfo", (char *)(uintptr_t)build_id, NULL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setsid(); /* Ctrl-C is not meant for it */
	out = fcntl(out, F_DUPFD, STDERR_FILENO + 1);
	null = fcntl(null, F_DUPFD, STDERR_FILENO + 1);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	execve(FINDER, argv, envp);
	_exit(1);
}

int fetch_start(struct fetch *f, const char *build_id)
{
	struct surroundings env = { 0 };
	sigset_t all, before;
	int ends[2];

	hand_down(&env, SERVERS);
	hand_down(&env, "DEBUGINFOD_CACHE_PATH");
	hand_down(&env, "XDG_CACHE_HOME");
	hand_down(&env, "HOME");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return fail(-errno, "pipe: %s", strerror(errno));
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	f->pid = fork();
	if (!f->pid)
		become_finder(ends[1], build_id, env.list);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (f->pid < 0) {
		f->pid = 0;
		close(ends[0]);
		return fail(-errno, "fork: %s", strerror(errno));
	}
	f->pipe = ends[0];
	f->until_ns = now_ns() + FETCH_MS * 1000000ull;
	f->len = 0;
	return 0;
}

void fetch_stop(struct fetch *f)
{
	if (!f->pid)
		return;
	kill(f->pid, SIGKILL);
	for (int i = 0; i < REAP_MS && !waitpid(f->pid, NULL, WNOHANG); i++)
		usleep(1000); /* longer only if its home directory hangs: then it is left */
	close(f->pipe);
	f->pid = 0;
}

bool fetch_poll(struct fetch *f)
{
	char *end;
	ssize_t n;

	while ((n = read(f->pipe, f->path + f->len, sizeof(f->path) - 1 - f->len)) > 0)
		f->len += (size_t)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && now_ns() < f->until_ns)
		return false;
	f->path[n ? 0 : f->len] = '\0';
	end = strchr(f->path, '\n');
	if (end)
		*end = '\0';
	fetch_stop(f);
	return true;
}
