// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reader.c - reads a trace file (layout: file.h), which may come from anywhere and hold anything.
 *
 * Only read(), never a seek, so that a pipe will do; never more memory than one block, whatever the
 * lengths in the file say.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "user/base/fail.h"
#include "user/trace/file.h"
#include "user/trace/trace.h"

struct trace_reader {
	int fd;
	char *path;
	int err; /* the first error and its message stick */
	char why[384];
	bool done;
	uint32_t sequence;
	uint32_t block_records; /* not given out yet */
	size_t used;
	size_t pos;
	uint64_t offset; /* in the file, of what is read next */
	struct file_totals totals;
	unsigned char *block; /* FILE_BLOCK_MAX; malloc aligns it for records */
};

/* --- what can be wrong --------------------------------------------------------------------- */

static int stick(struct trace_reader *r, int err)
{
	snprintf(r->why, sizeof(r->why), "%.383s", fail_text());
	r->err = err;
	return err;
}

static int truncated(struct trace_reader *r)
{
	return fail(-EPIPE,
		    "trace %.200s is truncated after %" PRIu64 " records (%" PRIu64 " bytes): "
		    "its writer was stopped or had no more room; what comes before is good",
		    r->path, r->totals.records, r->offset);
}

static int corrupt(struct trace_reader *r, const char *what)
{
	return fail(-EBADMSG,
		    "trace %.200s is corrupt after %" PRIu64 " records, before byte %" PRIu64
		    ": %.100s; what comes before is good, copy or record it again",
		    r->path, r->totals.records, r->offset, what);
}

/* Everything has been checked by its sum: this was not written by trace_writer. */
static int bad_record(struct trace_reader *r, const char *what)
{
	return fail(-EBADMSG, "trace %.200s has a bad record after %" PRIu64 " good ones: %.100s",
		    r->path, r->totals.records, what);
}

/* The sums are what a fuzzer cannot guess and must not be stopped by. */
static bool sum_fits(const void *data, size_t len, uint32_t crc)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
	(void)data, (void)len, (void)crc;
	return true;
#else
	return crc32(0, data, (uInt)len) == crc;
#endif
}

/* --- blocks -------------------------------------------------------------------------------- */

/* The bytes read, fewer than len only at the end of the file. */
static ssize_t read_all(struct trace_reader *r, void *data, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(r->fd, (unsigned char *)data + got, len - got);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) { /* an inherited pipe may be non-blocking */
			poll(&(struct pollfd){ .fd = r->fd, .events = POLLIN }, 1, -1);
			continue;
		}
		if (n < 0)
			return fail(-errno, "cannot read trace %.200s: %s", r->path,
				    strerror(errno));
		got += (size_t)n;
	}
	r->offset += got;
	return (ssize_t)got;
}

static int read_head(struct trace_reader *r)
{
	struct file_head head = { 0 };
	ssize_t n = read_all(r, &head, sizeof(head));
	size_t magic = n < 8 ? (size_t)n : 8;
	bool newer;

	if (n < 0)
		return (int)n;
	if (memcmp(head.magic, FILE_MAGIC, magic) != 0)
		return fail(-EINVAL, "%.200s is not a parascope trace", r->path);
	if (n == 0)
		return fail(-EPIPE, "trace %.200s is empty: nothing was recorded to it", r->path);
	if ((size_t)n < sizeof(head))
		return truncated(r);
	if (!sum_fits(&head, offsetof(struct file_head, crc), head.crc))
		return corrupt(r, "its head does not fit its checksum");
	newer = head.version > FILE_VERSION || head.wire_version > WIRE_VERSION;
	if (newer || head.version != FILE_VERSION || head.wire_version != WIRE_VERSION)
		return fail(-EPROTO, "trace %.200s has version %u.%u, not %u.%u: use %s parascope",
			    r->path, head.version, head.wire_version, FILE_VERSION, WIRE_VERSION,
			    newer ? "a newer" : "an older");
	return 0;
}

static int read_end(struct trace_reader *r, const struct file_block *head)
{
	struct file_totals totals;
	char more;
	ssize_t n;

	if (head->bytes != sizeof(totals))
		return corrupt(r, "its end has a wrong size");
	memcpy(&totals, r->block, sizeof(totals));
	if (totals.records != r->totals.records || totals.bytes != r->totals.bytes)
		return corrupt(r, "its end counts other records than came");
	n = read_all(r, &more, 1);
	if (n < 0)
		return (int)n;
	if (n > 0)
		return corrupt(r, "something follows its end");
	r->done = true;
	return 0;
}

static int read_block(struct trace_reader *r)
{
	struct file_block head;
	ssize_t n = read_all(r, &head, sizeof(head));

	if (n < 0)
		return (int)n;
	if ((size_t)n < sizeof(head))
		return truncated(r);
	if (!sum_fits(&head, offsetof(struct file_block, crc), head.crc))
		return corrupt(r, "the head of a block does not fit its checksum");
	if ((head.magic != FILE_DATA && head.magic != FILE_DONE) ||
	    head.sequence != r->sequence++ || head.bytes > FILE_BLOCK_MAX || !head.bytes)
		return corrupt(r, "a block is missing or out of place");
	n = read_all(r, r->block, head.bytes);
	if (n < 0)
		return (int)n;
	if ((size_t)n < head.bytes)
		return truncated(r);
	if (!sum_fits(r->block, head.bytes, head.bytes_crc))
		return corrupt(r, "a block does not fit its checksum");
	if (head.magic == FILE_DONE)
		return read_end(r, &head);
	r->used = head.bytes;
	r->pos = 0;
	r->block_records = head.records;
	return 0;
}

/* --- the life of a reader ------------------------------------------------------------------ */

int trace_reader_open(struct trace_reader **ret, const char *path)
{
	struct trace_reader *r = xcalloc(1, sizeof(*r));
	bool from_stdin = !strcmp(path, "-");
	int err;

	r->path = xstrdup(from_stdin ? "(standard input)" : path);
	r->block = xcalloc(1, FILE_BLOCK_MAX);
	if (from_stdin)
		r->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0)
		err = fail(-errno, "cannot open trace %.200s: %s", r->path, strerror(errno));
	else
		err = read_head(r);
	if (err) {
		trace_reader_close(r);
		return err;
	}
	*ret = r;
	return 0;
}

static int next_record(struct trace_reader *r, const struct wire_head **ret)
{
	const struct wire_head *rec = (const struct wire_head *)(r->block + r->pos);
	int err = trace_check(rec, r->used - r->pos);

	if (err)
		return bad_record(r, fail_text());
	if (!r->block_records--)
		return bad_record(r, "its block says that it has no more");
	r->pos += rec->size;
	if (r->pos == r->used && r->block_records)
		return bad_record(r, "its block says that it has more");
	r->totals.records++;
	r->totals.bytes += rec->size;
	*ret = rec;
	return 1;
}

int trace_reader_next(struct trace_reader *r, const struct wire_head **ret)
{
	int err = 0;

	if (r->err)
		return fail(r->err, "%s", r->why);
	if (!r->done && r->pos == r->used)
		err = read_block(r);
	if (!err && r->done)
		return 0;
	if (!err)
		err = next_record(r, ret);
	return err < 0 ? stick(r, err) : err;
}

void trace_reader_close(struct trace_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r->block);
	free(r);
}
