// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - show a saved trace again: as a report, or record by record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/show.h"
#include "user/trace/trace.h"

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

static int read_text(const char *path, trace_sink sink, void *ctx)
{
	union {
		struct wire_head head;
		char room[TRACE_RECORD_MAX];
	} rec;
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *line = NULL;
	size_t cap = 0;
	unsigned long n = 0;
	int err = 0;

	if (!f)
		return fail(-errno, "cannot read %s: %s", path, strerror(errno));
	while (!err && getline(&line, &cap, f) > 0) {
		n++;
		err = trace_parse(line, &rec, sizeof(rec));
		if (err < 0)
			fail_in(err, "%s:%lu", path, n);
		else if (err > 0)
			err = sink(ctx, &rec.head);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return err;
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
	if (err == -EPIPE && m->records) { /* what is there is still worth a report, marked so */
		cmd_say("%s", fail_text());
		err = show_model(m, &c.show, STDOUT_FILENO);
		if (!err)
			err = fail(-EPIPE, "%s is incomplete: the report covers what was saved",
				   path);
	} else if (!err) {
		err = show_model(m, &c.show, STDOUT_FILENO);
	}
	model_free(m);
	return err ? cmd_failed() : EXIT_OK;
}

const struct command cmd_report = {
	.name = "report",
	.usage = "[options] FILE",
	.summary = "Make the report of a saved trace again, without root, on any machine",
	.options = report_options,
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
