// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - show a saved trace again: as a report, or record by record. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/show.h"
#include "user/trace/trace.h"

#define TEXT_LINE_MAX (64 << 10)

struct report_cmd {
	struct show_opts show;
	bool text; /* the file is a trace in text form */
	bool help;
};

static const struct opt report_options[] = {
	{ "text-trace", 0, OPT_FLAG, offsetof(struct report_cmd, text), NULL,
	  "FILE is a trace in text form, as `parascope dump` writes it", "Input", NULL },
	SHOW_OPTIONS(struct report_cmd, show),
	CMD_HELP_OPTION(struct report_cmd, help),
	{ 0 },
};

static int apply(void *ctx, const struct wire_head *rec)
{
	return model_apply(ctx, rec);
}

static int read_saved(const char *path, trace_sink sink, void *ctx)
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

static int read_text(const char *path, trace_sink sink, void *ctx)
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

/* A report of no time at all would be nonsense. */
static int check_whole(const struct model *m, const char *path)
{
	if (!m->records)
		return fail(-ENODATA, "%s is empty: it holds no record", path);
	if (!m->have_window)
		return fail(-ENODATA, "%s has no window record: no trace of a whole run", path);
	return 0;
}

static int one_file(int argc, char **argv, int first, const char **ret)
{
	if (argc - first != 1)
		return fail(-EINVAL, "%s FILE: one saved trace, - for stdin (see --help)", argv[0]);
	*ret = argv[first];
	return 0;
}

static int report_run(int argc, char **argv, const struct origin *origin)
{
	struct report_cmd c = { 0 };
	const char *path = NULL;
	struct model *m;
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_report, argc, argv, &c, &first, &c.help);
	if (err <= 0)
		return err ? cmd_failed() : EXIT_OK;
	err = show_check(&c.show);
	if (!err)
		err = one_file(argc, argv, first, &path);
	if (err)
		return cmd_failed();
	m = model_new();
	err = c.text ? read_text(path, apply, m) : read_saved(path, apply, m);
	if (!err)
		err = check_whole(m, path);
	if (err == -EPIPE && m->have_window) { /* what is there is worth a report, marked so */
		cmd_say("%s", fail_text());
		err = show_at_once(m, &c.show, STDOUT_FILENO);
		if (!err)
			err = fail(-EPIPE, "%s is incomplete: the report covers what was saved",
				   path);
	} else if (!err) {
		err = show_at_once(m, &c.show, STDOUT_FILENO);
	}
	model_free(m);
	return err ? cmd_failed() : EXIT_OK;
}

const struct command cmd_report = {
	.name = "report",
	.usage = "[options] FILE",
	.summary = "Make the report of a saved trace again, without root, on any machine",
	.options = report_options,
	.more_help = show_more_help,
	.run = report_run,
};

struct dump_cmd {
	bool help;
};

static const struct opt dump_options[] = {
	CMD_HELP_OPTION(struct dump_cmd, help),
	{ 0 },
};

static int print_record(void *ctx, const struct wire_head *rec)
{
	struct buf *line = ctx;

	line->len = 0;
	trace_format(line, rec);
	buf_puts(line, "\n");
	return cmd_write(STDOUT_FILENO, line);
}

static int dump_run(int argc, char **argv, const struct origin *origin)
{
	struct dump_cmd c = { 0 };
	struct buf line = { 0 };
	const char *path = NULL;
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_dump, argc, argv, &c, &first, &c.help);
	if (err <= 0)
		return err ? cmd_failed() : EXIT_OK;
	err = one_file(argc, argv, first, &path);
	if (!err)
		err = read_saved(path, print_record, &line);
	buf_free(&line);
	return err ? cmd_failed() : EXIT_OK;
}

const struct command cmd_dump = {
	.name = "dump",
	.usage = "FILE",
	.summary = "Print a saved trace in its text form, one record a line",
	.options = dump_options,
	.run = dump_run,
};
