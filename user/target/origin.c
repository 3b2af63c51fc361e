// SPDX-License-Identifier: GPL-2.0-or-later
/* origin.c - saves and restores what a command inherits; see origin.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/target/origin.h"
#include "user/target/proc.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The one that lists the directory is among them: it is closed again when we look. */
static int save_descriptors(struct origin *ret)
{
	struct proc_ids fds = { 0 };
	int err = proc_list_descriptors(&fds);

	for (size_t i = 0; !err && i < fds.n; i++) {
		if (fcntl(fds.ids[i], F_GETFD) >= 0)
			vec_push(ret->fds, ret->n, ret->cap) = fds.ids[i];
	}
	proc_ids_free(&fds);
	if (ret->n)
		qsort(ret->fds, ret->n, sizeof(*ret->fds), compare);
	return err;
}

static int save(struct origin *ret)
{
	sigprocmask(SIG_SETMASK, NULL, &ret->mask);
	sigemptyset(&ret->ignored);
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction action;

		if (!sigaction(sig, NULL, &action) && action.sa_handler == SIG_IGN)
			sigaddset(&ret->ignored, sig);
	}
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		if (getrlimit((__rlimit_resource_t)i, &ret->limits[i]))
			return fail(-errno, "cannot read resource limit %d: %s", i,
				    strerror(errno));
	}
	return save_descriptors(ret);
}

int origin_save(struct origin *ret)
{
	*ret = (struct origin){ 0 };
	ret->err = save(ret);
	return ret->err;
}

void origin_free(struct origin *origin)
{
	free(origin->fds);
	*origin = (struct origin){ 0 };
}

static int close_range_at_exec(unsigned first, unsigned last)
{
	if (first > last || !syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* before 5.11; a kernel so old is refused later, and shall be told why */
	for (unsigned fd = first; fd <= last && fd < (unsigned)sysconf(_SC_OPEN_MAX); fd++)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int restore_descriptors(const struct origin *origin)
{
	unsigned next = 0;

	for (size_t i = 0; i < origin->n; i++) {
		unsigned fd = (unsigned)origin->fds[i];
		int err = fd > next ? close_range_at_exec(next, fd - 1) : 0;

		if (err)
			return err;
		next = fd + 1;
	}
	return close_range_at_exec(next, UINT_MAX);
}

int origin_restore(const struct origin *origin)
{
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction action = {
			.sa_handler = sigismember(&origin->ignored, sig) == 1 ? SIG_IGN : SIG_DFL,
		};

		sigaction(sig, &action, NULL); /* refused for those that nobody can change */
	}
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		if (setrlimit((__rlimit_resource_t)i, &origin->limits[i]))
			return -errno;
	}
	return restore_descriptors(origin);
}

int origin_restore_mask(const struct origin *origin)
{
	return sigprocmask(SIG_SETMASK, &origin->mask, NULL) ? -errno : 0;
}
