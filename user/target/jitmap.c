// SPDX-License-Identifier: GPL-2.0-or-later
/* jitmap.c - see jitmap.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/target/jitmap.h"
#include "user/target/proc.h"

/* As the process sees it, whatever links it has put there. */
static int look_below(pid_t pid, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	char path[32];
	int root, fd;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(errno == ENOENT ? -ESRCH : -errno, "cannot open %s: %s", path,
			    strerror(errno));
	fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	if (fd < 0)
		fd = fail(-errno, "cannot open %s/%s: %s", path, name, strerror(errno));
	close(root);
	return fd;
}

static int check(int look, uid_t uid)
{
	struct statx st;

	if (statx(look, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st))
		return fail(-errno, "statx: %s", strerror(errno));
	if (!S_ISREG(st.stx_mode))
		return fail(-EPERM, "the perf map is not a regular file");
	if (st.stx_uid && st.stx_uid != uid)
		return fail(-EPERM, "the perf map belongs to another user");
	if (st.stx_size > JITMAP_BYTES)
		return fail(-EFBIG, "the perf map is larger than %d MiB", JITMAP_BYTES >> 20);
	return 0;
}

/* What it is must be known before it is opened for reading: opening a device does things. */
int jitmap_open(pid_t pid)
{
	struct proc_status status;
	char path[64];
	int fd, look, err = proc_read_status(pid, &status);

	if (err)
		return err;
	snprintf(path, sizeof(path), "tmp/perf-%d.map",
		 status.n_ns ? status.ns_ids[status.n_ns - 1] : pid);
	look = look_below(pid, path);
	if (look < 0)
		return look;
	fd = check(look, status.uid);
	if (!fd) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", look);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			fd = fail(-errno, "cannot open the perf map of process %d: %s", pid,
				  strerror(errno));
	}
	close(look);
	return fd;
}
