// SPDX-License-Identifier: GPL-2.0-or-later
/* report.c - show a saved trace again: as a report, or record by record. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/saved.h"
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

static int one_file(int argc, char **argv, int first, const char **ret)
{
	if (argc - first != 1)
		return fail(-EINVAL, "%s FILE: one saved trace, - for stdin (see --help)", argv[0]);
	*ret = argv[first];
	return 0;
}

static int show_file(const struct report_cmd *c, const char *path)
{
	struct model *m = model_new();
	int err;

	if (c->show.what_if.n)
		model_record(m);
	err = saved_model(m, path, c->text);
	if (err == -EPIPE && m->have_window) { /* what is there is worth a report, marked so */
		cmd_say("%s", fail_text());
		err = show_at_once(m, &c->show, STDOUT_FILENO);
		if (err >= 0)
			err = fail(-EPIPE, "%s is incomplete: the report covers what was saved",
				   path);
	} else if (!err) {
		err = show_at_once(m, &c->show, STDOUT_FILENO);
	}
	model_free(m);
	return err;
}

static int report_run(int argc, char **argv, const struct origin *origin)
{
	struct report_cmd c = { 0 };
	const char *path = NULL;
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_report, argc, argv, &c, &first, &c.help);
	if (err == 1) {
		err = show_check(&c.show);
		if (!err)
			err = one_file(argc, argv, first, &path);
		if (!err)
			err = show_file(&c, path);
	}
	opt_free(report_options, &c);
	return err < 0 ? cmd_failed() : err ? EXIT_UNEXPECTED : EXIT_OK;
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
		err = saved_read(path, print_record, &line);
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
