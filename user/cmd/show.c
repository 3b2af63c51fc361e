// SPDX-License-Identifier: GPL-2.0-or-later
/* show.c - see show.h. */
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/analysis/analysis.h"
#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/show.h"
#include "user/render/render.h"

#define DEFAULT_WIDTH 100

static int terminal_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? atoi(columns) : DEFAULT_WIDTH;
}

static bool wants_color(const struct show_opts *opts, int fd)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	return !opts->no_color && !(none && *none) && !opts->to && isatty(fd) &&
	       !(term && !strcmp(term, "dumb"));
}

int show_check(const struct show_opts *opts)
{
	if (opts->format && !renderer_find(opts->format))
		return fail(-EINVAL, "no format '%s': try text or json", opts->format);
	if (opts->width && (opts->width < 80 || opts->width > 200))
		return fail(-EINVAL, "--width %u: must be 80 to 200", opts->width);
	return 0;
}

int show_model(struct model *m, const struct show_opts *opts, int fd)
{
	const struct renderer *renderer = renderer_find(opts->format ? opts->format : "text");
	struct render_opts how = render_defaults;
	struct buf text = { 0 };
	struct report *r;
	int err;

	model_finish(m);
	r = analysis_report(m);
	how.width = opts->width ? (int)opts->width : terminal_width(fd);
	how.color = wants_color(opts, fd);
	how.unicode = !opts->ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	how.all_threads = opts->all_threads;
	how.top = opts->top;
	renderer->render(&text, r, &how);
	report_free(r);
	err = opts->to ? cmd_write_file(opts->to, &text) : cmd_write(fd, &text);
	buf_free(&text);
	return err;
}
