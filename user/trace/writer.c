// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * writer.c - saves records to a trace file (layout: file.h).
 *
 * parascope runs as root in folders that others may write to.  So the file is made under a name
 * nobody can foresee, private, and takes its real name only when it is whole: an older trace stays
 * until then, and no link that lies in wait is ever followed.
 */
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
#include <zlib.h>

#include "user/base/fail.h"
#include "user/trace/file.h"
#include "user/trace/trace.h"

#define TEMP_TRIES 8

struct trace_writer {
	int fd;
	int folder;    /* of the temporary file, -1: written in place */
	char temp[48]; /* its name there, "" once it is gone */
	char *path;
	int err; /* the first write error and its message stick */
	char why[384];
	bool finished;
	uint32_t sequence;
	uint32_t block_records;
	size_t used; /* bytes of records in block, behind room for its head */
	struct file_totals totals;
	unsigned char block[sizeof(struct file_block) + FILE_BLOCK_MAX];
};

/* --- bytes --------------------------------------------------------------------------------- */

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

static void discard(struct trace_writer *w)
{
	if (w->temp[0])
		unlinkat(w->folder, w->temp, 0);
	w->temp[0] = '\0';
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/* Whoever else uses a full disk gets the room back at once. */
static int write_failed(struct trace_writer *w, int err)
{
	discard(w);
	snprintf(w->why, sizeof(w->why), "cannot write trace %.200s: %s%s", w->path, strerror(err),
		 remedy(err));
	w->err = -err;
	return fail(w->err, "%s", w->why);
}

static int write_all(struct trace_writer *w, const void *data, size_t len)
{
	const unsigned char *pos = data;

	while (len) {
		ssize_t n = write(w->fd, pos, len);

		if (n > 0) {
			pos += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) { /* an inherited pipe may be non-blocking */
			poll(&(struct pollfd){ .fd = w->fd, .events = POLLOUT }, 1, -1);
		} else if (n == 0 || errno != EINTR) {
			return write_failed(w, n ? errno : EIO);
		}
	}
	return 0;
}

static int write_head(struct trace_writer *w)
{
	struct file_head head = { .version = FILE_VERSION, .wire_version = WIRE_VERSION };

	memcpy(head.magic, FILE_MAGIC, sizeof(head.magic));
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct file_head, crc));
	return write_all(w, &head, sizeof(head));
}

/* Write what stands in w->block behind the room for the head. */
static int write_block(struct trace_writer *w, uint32_t magic)
{
	struct file_block head = {
		.magic = magic,
		.sequence = w->sequence++,
		.bytes = (uint32_t)w->used,
		.records = w->block_records,
	};
	int err;

	head.bytes_crc = (uint32_t)crc32(0, w->block + sizeof(head), (uInt)w->used);
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct file_block, crc));
	memcpy(w->block, &head, sizeof(head));
	err = write_all(w, w->block, sizeof(head) + w->used);
	w->used = 0;
	w->block_records = 0;
	return err;
}

/* --- names --------------------------------------------------------------------------------- */

/* A path that is neither absent nor a regular file: written straight to, as cp does. */
static int open_in_place(struct trace_writer *w)
{
	bool to_stdout = !strcmp(w->path, "-");
	struct stat st;

	if (to_stdout)
		w->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		w->fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (w->fd < 0 || fstat(w->fd, &st) < 0)
		return write_failed(w, errno);
	if (isatty(w->fd))
		return fail(-EINVAL, "cannot write trace %.200s: it is a terminal; name a file",
			    w->path);
	/* A regular file was put there after we looked: in place would be over what it holds. */
	if (!to_stdout && S_ISREG(st.st_mode))
		return fail(-EEXIST,
			    "cannot write trace %.200s: the file changed meanwhile; try again",
			    w->path);
	return 0;
}

static int open_folder(struct trace_writer *w)
{
	const char *slash = strrchr(w->path, '/');
	char *folder = xstrdup(slash ? w->path : ".");
	int err = 0;

	if (slash)
		folder[slash == w->path ? 1 : slash - w->path] = '\0';
	w->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->folder < 0)
		err = fail(-errno, "cannot write trace %.200s: folder %.200s: %s", w->path, folder,
			   strerror(errno));
	free(folder);
	return err;
}

static int open_beside(struct trace_writer *w)
{
	int err = open_folder(w);

	for (int i = 0; !err && w->fd < 0; i++) {
		uint64_t random[2];

		if (getrandom(random, sizeof(random), 0) != sizeof(random))
			return write_failed(w, errno);
		snprintf(w->temp, sizeof(w->temp), ".parascope-%016" PRIx64 "%016" PRIx64,
			 random[0], random[1]);
		w->fd = openat(w->folder, w->temp,
			       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (w->fd >= 0)
			break;
		w->temp[0] = '\0';
		if (errno != EEXIST || i == TEMP_TRIES)
			return write_failed(w, errno);
	}
	return err;
}

static int open_target(struct trace_writer *w)
{
	const char *slash = strrchr(w->path, '/');
	struct stat st, link;

	if (!strcmp(w->path, "-"))
		return open_in_place(w);
	if (!w->path[0])
		return fail(-EINVAL, "cannot write trace: its name is empty");
	if (slash && !slash[1])
		return write_failed(w, EISDIR);
	if (stat(w->path, &st) < 0)
		st.st_mode = S_IFREG; /* nothing there, or what is wrong shows below */
	if (S_ISDIR(st.st_mode))
		return write_failed(w, EISDIR);
	if (S_ISBLK(st.st_mode))
		return fail(-EINVAL, "cannot write trace %.200s: it is a block device", w->path);
	if (!S_ISREG(st.st_mode))
		return open_in_place(w);
	/*
	 * The new name would take the place of the link, not of what it points to.  That is never
	 * meant: the link is the user's (/dev/stdout!) or a trap.
	 */
	if (lstat(w->path, &link) == 0 && S_ISLNK(link.st_mode))
		return fail(
			-ELOOP,
			"cannot write trace %.200s: it is a symbolic link; name the file itself",
			w->path);
	return open_beside(w);
}

/* --- the life of a writer ------------------------------------------------------------------ */

int trace_writer_open(struct trace_writer **ret, const char *path)
{
	struct trace_writer *w = xcalloc(1, sizeof(*w));
	int err;

	w->fd = -1;
	w->folder = -1;
	w->path = xstrdup(path);
	err = open_target(w);
	if (!err)
		err = write_head(w);
	if (err) {
		trace_writer_close(w);
		return err;
	}
	*ret = w;
	return 0;
}

int trace_writer_put(struct trace_writer *w, const struct wire_head *rec)
{
	int err;

	if (w->err)
		return fail(w->err, "%s", w->why);
	if (w->finished)
		return fail(-EINVAL, "cannot write trace %.200s: it is finished", w->path);
	err = trace_check(rec, rec->size);
	if (err)
		return err;
	if (w->used + rec->size > FILE_BLOCK_MAX) {
		err = write_block(w, FILE_DATA);
		if (err)
			return err;
	}
	memcpy(w->block + sizeof(struct file_block) + w->used, rec, rec->size);
	w->used += rec->size;
	w->block_records++;
	w->totals.records++;
	w->totals.bytes += rec->size;
	return 0;
}

static int write_end(struct trace_writer *w)
{
	int err = w->used ? write_block(w, FILE_DATA) : 0;

	if (err)
		return err;
	memcpy(w->block + sizeof(struct file_block), &w->totals, sizeof(w->totals));
	w->used = sizeof(w->totals);
	return write_block(w, FILE_DONE);
}

/* Under sudo the trace belongs to whoever asked for it; one that cannot be given is still good. */
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

static int commit_temp(struct trace_writer *w)
{
	const char *slash = strrchr(w->path, '/');
	int fd = w->fd;

	give_to_invoker(fd);
	if (fsync(fd) < 0)
		return write_failed(w, errno);
	w->fd = -1;
	if (close(fd) < 0 && errno != EINTR) /* on Linux it is closed nevertheless */
		return write_failed(w, errno);
	if (renameat(w->folder, w->temp, w->folder, slash ? slash + 1 : w->path) < 0)
		return write_failed(w, errno);
	w->temp[0] = '\0';
	return 0;
}

int trace_writer_commit(struct trace_writer *w)
{
	int err;

	if (w->err)
		return fail(w->err, "%s", w->why);
	if (w->finished)
		return 0;
	w->finished = true;
	err = write_end(w);
	return !err && w->temp[0] ? commit_temp(w) : err;
}

void trace_writer_close(struct trace_writer *w)
{
	if (!w)
		return;
	discard(w);
	if (w->folder >= 0)
		close(w->folder);
	free(w->path);
	free(w);
}
