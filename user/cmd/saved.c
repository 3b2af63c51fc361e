// SPDX-License-Identifier: GPL-2.0-or-later
/* saved.c - see saved.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/analysis/analysis.h"
#include "user/analysis/recording.h"
#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/cmd/saved.h"
#include "user/model/model.h"

#define TEXT_LINE_MAX (64 << 10)

/* --- traces ---------------------------------------------------------------------------------- */

int saved_read(const char *path, trace_sink sink, void *ctx)
{
	const struct wire_head *rec;
	struct trace_reader *reader;
	int err;

	err = trace_reader_open(&reader, path);
	if (err)
		return err;
	while ((err = trace_reader_next(reader, &rec)) > 0) {
		err = sink(ctx, rec);
		if (err)
			break;
	}
	trace_reader_close(reader);
	return err;
}

/* 1: a line without its end, 0: no more, -EINVAL and message (the caller adds where). */
static int read_line(FILE *f, struct buf *line)
{
	int c;

	line->len = 0;
	while ((c = getc_unlocked(f)) != EOF && c != '\n') {
		char byte = (char)c;

		if (!byte)
			return fail(-EINVAL, "a byte 0: no trace in text form");
		if (line->len == TEXT_LINE_MAX)
			return fail(-EINVAL, "a line of more than %d bytes: no trace in text form",
				    TEXT_LINE_MAX);
		buf_add(line, &byte, 1);
	}
	buf_puts(line, "");
	return !ferror(f) && (c != EOF || line->len > 0);
}

static int read_lines(FILE *f, const char *path, trace_sink sink, void *ctx)
{
	union {
		struct wire_head head;
		char room[TRACE_RECORD_MAX];
	} rec;
	struct buf line = { 0 };
	unsigned long n = 0;
	int err;

	while ((err = read_line(f, &line)) != 0) {
		n++;
		if (err > 0)
			err = trace_parse(line.data, &rec, sizeof(rec));
		if (err < 0)
			fail_in(err, "%s:%lu", path, n);
		else if (err > 0)
			err = sink(ctx, &rec.head);
		if (err)
			break;
	}
	buf_free(&line);
	return err;
}

int saved_read_text(const char *path, trace_sink sink, void *ctx)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	int err;

	if (!f)
		return fail(-errno, "cannot read %s: %s", path, strerror(errno));
	errno = 0;
	err = read_lines(f, path, sink, ctx);
	if (!err && ferror(f))
		err = fail(errno ? -errno : -EIO, "cannot read %s: %s", path, strerror(errno));
	if (f != stdin)
		fclose(f);
	return err;
}

static int apply(void *ctx, const struct wire_head *rec)
{
	return model_apply(ctx, rec);
}

/* A report of no time at all would be nonsense. */
static int check_whole(const struct model *m, const char *path)
{
	if (!m->records)
		return fail(-ENODATA, "%s is empty: it holds no record", path);
	if (!m->have_window)
		return fail(-ENODATA, "%s has no window record: no trace of a whole run", path);
	return 0;
}

int saved_model(struct model *m, const char *path, bool text)
{
	int err = text ? saved_read_text(path, apply, m) : saved_read(path, apply, m);

	return err ? err : check_whole(m, path);
}

/* --- for a comparison ------------------------------------------------------------------------ */

static int recording_of_trace(struct recording **ret, const char *path)
{
	struct model *m = model_new();
	int err = saved_model(m, path, false);
	struct report *r;

	if (err == -EPIPE && m->have_window) /* its end is missing: the comparison says so */
		err = 0;
	if (!err) {
		model_finish(m);
		r = analysis_report(m);
		*ret = recording_of_report(path, r);
		report_free(r);
	}
	model_free(m);
	return err;
}

/* What fd still has, at most so much and a byte more, which tells that it is too much. */
static int read_rest(int fd, const char *path, struct buf *out)
{
	char block[64 << 10];
	ssize_t n;

	while (out->len <= RECORDING_JSON_MAX) {
		n = read(fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(-errno, "cannot read %s: %s", path, strerror(errno));
		if (!n)
			break;
		buf_add(out, block, (size_t)n);
	}
	return 0;
}

/* JSON of ours begins with a brace, a trace with its magic, which may only be read by its reader.
 */
static int recording_of_fd(struct recording **ret, const char *path, int fd)
{
	struct buf text = { 0 };
	struct stat st;
	char first;
	ssize_t n;
	int err = 0;

	if (fstat(fd, &st) < 0)
		return fail(-errno, "cannot read %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "cannot read %s: it is a folder", path);
	do
		n = read(fd, &first, 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return fail(-errno, "cannot read %s: %s", path, strerror(errno));
	if (!n)
		return fail(-ENODATA, "%s is empty", path);
	if (first != '{' && !S_ISREG(st.st_mode))
		return fail(-EINVAL, "%s is no JSON: a trace must be a file to be compared", path);
	if (first != '{')
		return recording_of_trace(ret, path);
	buf_add(&text, &first, 1);
	err = read_rest(fd, path, &text);
	if (!err)
		err = recording_of_json(ret, path, text.data, text.len);
	buf_free(&text);
	return err;
}

int saved_recording(struct recording **ret, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err;

	*ret = NULL;
	if (fd < 0)
		return fail(-errno, "cannot read %s: %s", path, strerror(errno));
	err = recording_of_fd(ret, path, fd);
	close(fd);
	return err;
}
