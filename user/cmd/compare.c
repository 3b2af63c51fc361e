// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - what is different between two saved recordings, or several of each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/analysis/compare.h"
#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/expecting.h"
#include "user/cmd/saved.h"
#include "user/cmd/show.h"
#include "user/render/compare.h"
#include "user/render/render.h"

#define SIDE_MAX 100 /* recordings */

struct compare_cmd {
	const char *format;
	unsigned width, top;
	bool no_color, ascii;
	struct expecting_opts expect;
	bool help;
};

static const struct opt options[] = {
	{ "format", 'f', OPT_STRING, offsetof(struct compare_cmd, format), "NAME",
	  "text (default) or json", "Output", NULL },
	{ "top", 0, OPT_UNSIGNED, offsetof(struct compare_cmd, top), "N",
	  "rows of each list (default 10)", "Output", NULL },
	{ "width", 0, OPT_CUSTOM, offsetof(struct compare_cmd, width), "COLUMNS",
	  "width of the text (80-200; default: the terminal's, else 100)", "Output",
	  show_parse_width },
	{ "no-color", 0, OPT_FLAG, offsetof(struct compare_cmd, no_color), NULL,
	  "no colours, also by NO_COLOR in the environment", "Output", NULL },
	{ "ascii", 0, OPT_FLAG, offsetof(struct compare_cmd, ascii), NULL, "plain ASCII", "Output",
	  NULL },
	EXPECT_OPTIONS(struct compare_cmd, expect),
	CMD_HELP_OPTION(struct compare_cmd, help),
	{ 0 },
};

struct side {
	struct recording *r[SIDE_MAX];
	size_t n;
};

static int check_format(const char *format)
{
	if (!format || !strcmp(format, "text") || !strcmp(format, "json"))
		return 0;
	return fail(-EINVAL, "no format '%s': there are text, json", format);
}

/* "A B", or "A... -- B...": *ret is where B begins, *ret_a how many A has. */
static int find_sides(char **paths, size_t n, size_t *ret_a, size_t *ret_b)
{
	size_t dash = 0;

	for (size_t i = 0; i < n; i++)
		if (paths[i][0] == '-' && strcmp(paths[i], "--") != 0)
			return fail(-EINVAL, "%s after the recordings: options go before them",
				    paths[i]);
	while (dash < n && strcmp(paths[dash], "--") != 0)
		dash++;
	*ret_a = dash < n ? dash : 1;
	*ret_b = dash < n ? dash + 1 : 1;
	if ((dash == n && n != 2) || !*ret_a || *ret_b >= n)
		return fail(-EINVAL, "compare A B, or several of each: A... -- B... (see --help)");
	if (*ret_a > SIDE_MAX || n - *ret_b > SIDE_MAX)
		return fail(-EINVAL, "more than %d recordings on a side", SIDE_MAX);
	return 0;
}

static int read_side(struct side *s, char **paths, size_t n)
{
	int err = 0;

	while (!err && s->n < n) {
		err = saved_recording(&s->r[s->n], paths[s->n]);
		s->n += !err;
	}
	return err;
}

static void free_side(struct side *s)
{
	for (size_t i = 0; i < s->n; i++)
		recording_free(s->r[i]);
}

static void add_text(struct buf *out, const struct comparison *c, const struct compare_cmd *cmd)
{
	const struct show_opts show = { .width = cmd->width,
					.no_color = cmd->no_color,
					.ascii = cmd->ascii };
	struct render_opts how;

	show_how(&show, STDOUT_FILENO, &how);
	how.top = cmd->top;
	render_compare_text(out, c, &how);
}

/* 1: an expectation failed. */
static int show(const struct compare_cmd *cmd, const struct comparison *c)
{
	size_t n = cmd->expect.expects.n;
	struct compare_expected *all = xcalloc(n ? n : 1, sizeof(*all));
	struct expect *e = xcalloc(n ? n : 1, sizeof(*e));
	struct buf *why = xcalloc(n ? n : 1, sizeof(*why)), out = { 0 };
	bool failed = false;
	int err;

	for (size_t i = 0; i < n; i++) {
		all[i].text = cmd->expect.expects.items[i];
		expect_parse(&e[i], all[i].text, true);
		all[i].result = compare_judge(c, &e[i], n, &why[i]);
		all[i].why = why[i].data;
	}
	if (cmd->format && !strcmp(cmd->format, "json"))
		render_compare_json(&out, c, all, n);
	else
		add_text(&out, c, cmd);
	err = cmd_write(STDOUT_FILENO, &out);
	for (size_t i = 0; i < n; i++) {
		failed |= expecting_say(&cmd->expect, &e[i], all[i].result, why[i].data);
		buf_free(&why[i]);
	}
	buf_free(&out);
	free(why);
	free(all);
	free(e);
	return err ? err : failed;
}

static int compare_files(const struct compare_cmd *cmd, char **paths, size_t n)
{
	struct side a = { .n = 0 }, b = { .n = 0 };
	struct comparison *c = NULL;
	size_t n_a = 0, from_b = 0;
	int err = find_sides(paths, n, &n_a, &from_b);

	if (!err)
		err = read_side(&a, paths, n_a);
	if (!err)
		err = read_side(&b, paths + from_b, n - from_b);
	if (!err) {
		c = compare((const struct recording *const *)a.r, a.n,
			    (const struct recording *const *)b.r, b.n);
		err = show(cmd, c);
	}
	comparison_free(c);
	free_side(&a);
	free_side(&b);
	return err;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct compare_cmd cmd = { 0 };
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_compare, argc, argv, &cmd, &first, &cmd.help);
	if (err == 1) {
		err = check_format(cmd.format);
		if (!err)
			err = expecting_check(&cmd.expect, true);
		if (!err)
			err = compare_files(&cmd, argv + first, (size_t)(argc - first));
	}
	opt_free(options, &cmd);
	return err < 0 ? cmd_failed() : err ? EXIT_UNEXPECTED : EXIT_OK;
}

const struct command cmd_compare = {
	.name = "compare",
	.usage = "[options] A B | A... -- B...",
	.summary = "Say what differs between saved recordings, and whether that is more than noise",
	.details =
		"A and B are saved traces or JSON reports; several of a side (repeats of the same "
		"run) tell how\nmuch its numbers vary.  An expectation is about the change: "
		"'wall<=+10%', 'lock.share<=+5pp'.",
	.options = options,
	.run = run,
};
