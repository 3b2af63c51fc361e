/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show.h - from a model to the user's eyes: format, width, colour, destination.
 */
#ifndef PARASCOPE_SHOW_H
#define PARASCOPE_SHOW_H

#include <stdbool.h>

#include "user/base/opt.h"
#include "user/cmd/expecting.h"
#include "user/model/model.h"

struct show_opts {
	const char *format;
	const char *profile; /* of format folded, NULL: the first */
	const char *to; /* file, NULL: none */
	unsigned width; /* 0: of the terminal */
	unsigned top;
	struct opt_list what_if; /* questions, see analysis/whatif.h */
	bool all_threads, no_color, ascii;
	bool quiet; /* not a word about an empty report */
	struct expecting_opts expect;
};

/* Rows for a command's table; show is the member of type that is a struct show_opts. */
#define SHOW_OPTIONS(type, show)                                                                   \
	{ "format", 'f', OPT_STRING, offsetof(type, show.format), "NAME",                          \
	  "one of the formats below", "Report", NULL },                                            \
	{ "profile", 0, OPT_STRING, offsetof(type, show.profile), "NAME",                          \
	  "with -f folded: on-cpu (default), waiting or holding", "Report", NULL },                \
	{ "to", 0, OPT_STRING, offsetof(type, show.to), "FILE",                                    \
	  "write the report to FILE instead of the terminal", "Report", NULL },                    \
	{ "what-if", 0, OPT_LIST, offsetof(type, show.what_if), "CHANGE",                          \
	  "predict: processes, no-gil, no-lock:NAME, cpus:N or all; may be given again", "Report", \
	  NULL },                                                                                  \
	{ "top", 0, OPT_UNSIGNED, offsetof(type, show.top), "N",                                   \
	  "rows of each list (default 10)", "Report", NULL },                                      \
	{ "all-threads", 0, OPT_FLAG, offsetof(type, show.all_threads), NULL,                      \
	  "list every thread and process", "Report", NULL },                                       \
	{ "width", 0, OPT_CUSTOM, offsetof(type, show.width), "COLUMNS",                           \
	  "width of the text (80-200; default: the terminal's, else 100)", "Report",               \
	  show_parse_width },                                                                      \
	{ "no-color", 0, OPT_FLAG, offsetof(type, show.no_color), NULL,                            \
	  "no colours, also by NO_COLOR in the environment", "Report", NULL },                     \
	{ "ascii", 0, OPT_FLAG, offsetof(type, show.ascii), NULL,                                  \
	  "plain ASCII, no bars of block characters", "Report", NULL },                            \
	EXPECT_OPTIONS(type, show.expect)

/* -EINVAL and message if the options make no sense: before anything is measured. */
int show_check(const struct show_opts *opts);

/* For the table, and for struct command: the list of formats. */
int show_parse_width(const char *value, void *field);
void show_more_help(struct buf *out);

/* Width, colours and characters that go with the options and the terminal. */
struct render_opts;
void show_how(const struct show_opts *opts, int fd, struct render_opts *ret);

/*
 * Open the file of opts->to, before anything is measured; *ret is NULL if there is none.  Where
 * outfile_in_place(opts->to) the caller lets signals through, else it holds them back.
 */
struct outfile;
int show_open(struct outfile **ret, const struct show_opts *opts);

/*
 * Finish the model, analyse, render, and write to the file, to fd if that is NULL.  0, 1: an
 * expectation failed, or -errno.
 */
int show_model(struct model *m, const struct show_opts *opts, struct outfile *to, int fd);

/* All of it to the file, to fd if that is NULL. */
int show_write(struct outfile *to, int fd, const struct buf *text);

/* Open, show, close, for a caller who holds no signals back; returns the same. */
int show_at_once(struct model *m, const struct show_opts *opts, int fd);

#endif
