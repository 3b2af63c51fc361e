// SPDX-License-Identifier: GPL-2.0-or-later
/* outfile.c - temporary file and rename, or in place; see outfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/outfile.h"

#define TEMP_TRIES 8

struct outfile {
	const char *what;
	char *path;
	int fd;
	int folder;    /* of the temporary file, -1: written in place */
	char temp[48]; /* its name there, "" once it is gone */
	bool terminal;
	int err; /* the first error and its message stick */
	char why[384];
};

/* --- errors -------------------------------------------------------------------------------- */

static const char *remedy(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
		return "; make room or choose another folder";
	case EFBIG:
		return "; the file size limit (ulimit -f) or the file system does not allow more";
	case EPIPE:
		return "; its reader is gone";
	default:
		return "";
	}
}

static void discard(struct outfile *f)
{
	if (f->temp[0])
		unlinkat(f->folder, f->temp, 0);
	f->temp[0] = '\0';
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* Whoever else uses a full disk gets the room back at once. */
static int failed(struct outfile *f, int err)
{
	discard(f);
	snprintf(f->why, sizeof(f->why), "cannot write %s %.200s: %s%s", f->what, f->path,
		 strerror(err), remedy(err));
	f->err = -err;
	return fail(f->err, "%s", f->why);
}

static int refused(const struct outfile *f, int err, const char *why)
{
	return fail(err, "cannot write %s %.200s: %s", f->what, f->path, why);
}

int outfile_error(const struct outfile *f)
{
	return f->err ? fail(f->err, "%s", f->why) : 0;
}

/* --- names --------------------------------------------------------------------------------- */

bool outfile_is_stdout(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
}

/* What is wrong with a path that cannot be looked at shows when the file is made. */
static mode_t type_of(const char *path)
{
	struct stat st;

	if (outfile_is_stdout(path))
		return S_IFIFO; /* whatever it is, even a file: what it holds is not ours */
	return stat(path, &st) ? S_IFREG : st.st_mode & S_IFMT;
}

bool outfile_in_place(const char *path)
{
	mode_t type = type_of(path);

	return type != S_IFREG && type != S_IFDIR;
}

static int open_in_place(struct outfile *f)
{
	bool to_stdout = outfile_is_stdout(f->path);
	struct stat st;

	if (to_stdout)
		f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		f->fd = open(f->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return failed(f, errno);
	if (!f->terminal && isatty(f->fd))
		return refused(f, -EINVAL, "it is a terminal; name a file");
	/* A regular file was put there after we looked: in place would be over what it holds. */
	if (!to_stdout && S_ISREG(st.st_mode))
		return refused(f, -EEXIST, "the file changed meanwhile; try again");
	return 0;
}

static int open_folder(struct outfile *f)
{
	const char *slash = strrchr(f->path, '/');
	char *folder = xstrdup(slash ? f->path : ".");
	int err = 0;

	if (slash)
		folder[slash == f->path ? 1 : slash - f->path] = '\0';
	f->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->folder < 0)
		err = fail(-errno, "cannot write %s %.200s: folder %.200s: %s", f->what, f->path,
			   folder, strerror(errno));
	free(folder);
	return err;
}

static int open_beside(struct outfile *f)
{
	int err = open_folder(f);

	for (int i = 0; !err && f->fd < 0; i++) {
		uint64_t random[2];

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return failed(f, errno);
		snprintf(f->temp, sizeof(f->temp), ".parascope-%016" PRIx64 "%016" PRIx64,
			 random[0], random[1]);
		f->fd = openat(f->folder, f->temp,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd >= 0)
			break;
		f->temp[0] = '\0';
		if (errno != EEXIST || i == TEMP_TRIES)
			return failed(f, errno);
	}
	return err;
}

static int open_target(struct outfile *f)
{
	const char *slash = strrchr(f->path, '/');
	mode_t type = type_of(f->path);
	struct stat link;

	if (!f->path[0])
		return fail(-EINVAL, "cannot write %s: its name is empty", f->what);
	if (type == S_IFDIR || (slash && !slash[1]))
		return failed(f, EISDIR);
	if (type == S_IFBLK)
		return refused(f, -EINVAL, "it is a block device");
	if (type != S_IFREG)
		return open_in_place(f);
	/*
	 * The new name would take the place of the link, not of what it points to.  That is never
	 * meant: the link is the user's (/dev/stderr!) or a trap.
	 */
	if (lstat(f->path, &link) == 0 && S_ISLNK(link.st_mode))
		return refused(f, -ELOOP, "it is a symbolic link; name the file itself");
	return open_beside(f);
}

/* --- the life of a file -------------------------------------------------------------------- */

int outfile_open(struct outfile **ret, const char *what, const char *path, bool terminal)
{
	struct outfile *f = xcalloc(1, sizeof(*f));
	int err;

	*f = (struct outfile){ .what = what, .path = xstrdup(path), .fd = -1, .folder = -1 };
	f->terminal = terminal;
	err = open_target(f);
	if (err) {
		outfile_close(f);
		return err;
	}
	*ret = f;
	return 0;
}

int write_all(int fd, const void *data, size_t len)
{
	const unsigned char *pos = data;

	while (len) {
		ssize_t n = write(fd, pos, len);

		if (n > 0) {
			pos += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) { /* an inherited pipe may be non-blocking */
			poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return n ? -errno : -EIO;
		}
	}
	return 0;
}

int outfile_write(struct outfile *f, const void *data, size_t len)
{
	int err = outfile_error(f);

	if (err)
		return err;
	err = write_all(f->fd, data, len);
	return err ? failed(f, -err) : 0;
}

/* One that cannot be given is still good. */
static void give_to_invoker(int fd)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	unsigned int user, group;
	char rest;

	if (geteuid() != 0 || !uid || !gid)
		return;
	if (sscanf(uid, "%u%c", &user, &rest) != 1 || sscanf(gid, "%u%c", &group, &rest) != 1)
		return;
	if (fchown(fd, user, group) < 0)
		return;
}

int outfile_commit(struct outfile *f)
{
	const char *slash = strrchr(f->path, '/');
	int fd = f->fd, err = outfile_error(f);

	if (err || !f->temp[0])
		return err;
	give_to_invoker(fd);
	if (fsync(fd) < 0)
		return failed(f, errno);
	f->fd = -1;
	if (close(fd) < 0 && errno != EINTR) /* on Linux it is closed nevertheless */
		return failed(f, errno);
	if (renameat(f->folder, f->temp, f->folder, slash ? slash + 1 : f->path) < 0)
		return failed(f, errno);
	f->temp[0] = '\0';
	return 0;
}

void outfile_close(struct outfile *f)
{
	if (!f)
		return;
	discard(f);
	if (f->folder >= 0)
		close(f->folder);
	free(f->path);
	free(f);
}
