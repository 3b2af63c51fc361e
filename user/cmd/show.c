// SPDX-License-Identifier: GPL-2.0-or-later
/* show.c - see show.h. */
#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/analysis/analysis.h"
#include "user/analysis/whatif.h"
#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/cmd/cmd.h"
#include "user/cmd/show.h"
#include "user/render/render.h"

#define DEFAULT_WIDTH 100
#define MIN_WIDTH 80
#define MAX_WIDTH 200

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

int show_parse_width(const char *value, void *field)
{
	unsigned width;
	int err = opt_parse_unsigned(value, &width);

	if (err)
		return err;
	if (width < MIN_WIDTH || width > MAX_WIDTH)
		return fail(-EINVAL, "%u columns: must be %d to %d", width, MIN_WIDTH, MAX_WIDTH);
	*(unsigned *)field = width;
	return 0;
}

void show_more_help(struct buf *out)
{
	buf_puts(out, "\nFormats:\n");
	for (const struct renderer *r = renderers; r->name; r++)
		buf_printf(out, "  %-27s %s%s\n", r->name, r->summary,
			   r == renderers ? " (default)" : "");
}

/* PROFILE_COUNT: there is no such profile. */
static enum report_profile find_profile(const char *name)
{
	enum report_profile p = PROFILE_ON_CPU;

	while (name && p < PROFILE_COUNT && strcmp(name, report_profiles[p]) != 0)
		p++;
	return p;
}

static bool is_folded(const struct show_opts *opts)
{
	return opts->format && strcmp(opts->format, "folded") == 0;
}

static int check_profile(const struct show_opts *opts)
{
	struct buf known = { 0 };
	int err = 0;

	if (find_profile(opts->profile) == PROFILE_COUNT) {
		for (size_t i = 0; i < PROFILE_COUNT; i++)
			buf_printf(&known, "%s%s", i ? ", " : "", report_profiles[i]);
		err = fail(-EINVAL, "no profile '%s': there are %s", opts->profile, known.data);
	} else if (opts->profile && !is_folded(opts)) {
		err = fail(-EINVAL, "--profile is for folded stacks only: add -f folded");
	}
	buf_free(&known);
	return err;
}

int show_check(const struct show_opts *opts)
{
	struct buf known = { 0 };
	struct whatif what;
	int err = 0;

	for (size_t i = 0; i < opts->what_if.n && !err; i++)
		err = whatif_parse(opts->what_if.items[i], &what);
	if (!err)
		err = expecting_check(&opts->expect, false);
	if (err)
		return err;
	if (!opts->format || renderer_find(opts->format))
		return check_profile(opts);
	for (const struct renderer *r = renderers; r->name; r++)
		buf_printf(&known, "%s%s", r == renderers ? "" : ", ", r->name);
	err = fail(-EINVAL, "no format '%s': there are %s", opts->format, known.data);
	buf_free(&known);
	return err;
}

int show_open(struct outfile **ret, const struct show_opts *opts)
{
	*ret = NULL;
	return opts->to ? outfile_open(ret, "report", opts->to, true) : 0;
}

int show_write(struct outfile *to, int fd, const struct buf *text)
{
	int err = 0;

	if (!to)
		return text->len ? cmd_write(fd, text) : 0;
	if (text->len)
		err = outfile_write(to, text->data, text->len);
	return err ? err : outfile_commit(to);
}

void show_how(const struct show_opts *opts, int fd, struct render_opts *ret)
{
	*ret = render_defaults;
	ret->width = opts->width ? (int)opts->width : terminal_width(fd);
	ret->color = wants_color(opts, fd);
	ret->unicode = !opts->ascii && !strcmp(nl_langinfo(CODESET), "UTF-8");
	ret->all_threads = opts->all_threads;
	ret->top = opts->top;
	ret->profile = find_profile(opts->profile);
}

int show_model(struct model *m, const struct show_opts *opts, struct outfile *to, int fd)
{
	const struct renderer *renderer = opts->format ? renderer_find(opts->format) : renderers;
	struct render_opts how;
	struct buf text = { 0 };
	struct report *r;
	int err, unanswered = 0;

	model_finish(m);
	r = analysis_report(m);
	if (opts->what_if.n)
		unanswered = whatif_answer(r, m, opts->what_if.items, opts->what_if.n);
	show_how(opts, fd, &how);
	renderer->render(&text, r, &how);
	err = show_write(to, fd, &text);
	if (!err && is_folded(opts) && !text.len && !opts->quiet)
		cmd_say("no stacks in profile '%s': %s", report_profiles[how.profile],
			render_folded_none(r, how.profile));
	if (!err)
		err = expecting_judge(&opts->expect, r->metrics);
	report_free(r);
	buf_free(&text);
	return err ? err : unanswered;
}

int show_at_once(struct model *m, const struct show_opts *opts, int fd)
{
	bool temporary = opts->to && !outfile_in_place(opts->to);
	struct outfile *to;
	sigset_t held, before;
	int err;

	if (temporary)
		cmd_hold_signals(&held, &before);
	err = show_open(&to, opts);
	if (!err)
		err = show_model(m, opts, to, fd);
	outfile_close(to);
	if (temporary)
		sigprocmask(SIG_SETMASK, &before, NULL);
	return err;
}
