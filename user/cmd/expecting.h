/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expecting.h - --expect of all commands that have a report: options, what is said, what is
 * returned.
 */
#ifndef PARASCOPE_EXPECTING_H
#define PARASCOPE_EXPECTING_H

#include <stdbool.h>

#include "user/analysis/expect.h"
#include "user/base/opt.h"

struct expecting_opts {
	struct opt_list expects; /* opt_free() frees it with the others of the table */
	bool strict;
};

/* Rows for a command's table; expect is the member of type that is a struct expecting_opts. */
#define EXPECT_OPTIONS(type, expect)                                                               \
	{ "expect",	  0,                                                                       \
	  OPT_LIST,	  offsetof(type, expect.expects),                                          \
	  "EXPR",	  "exit code 2 unless EXPR is true, 'parallelism>=1.8'; may be repeated",  \
	  "Expectations", NULL },                                                                  \
	{                                                                                          \
		"strict", 0, OPT_FLAG, offsetof(type, expect.strict), NULL,                        \
			"an expectation that cannot be judged fails too", "Expectations", NULL     \
	}

/* -EINVAL and message: before anything is measured.  change: of two recordings. */
int expecting_check(const struct expecting_opts *opts, bool change);

/* A line to stderr unless it is met.  True if it counts as failed. */
bool expecting_say(const struct expecting_opts *opts, const struct expect *e,
		   enum expect_result result, const char *why);

/* Judge all of a report: 1 if one failed, else 0. */
int expecting_judge(const struct expecting_opts *opts, const struct metrics *t);

/* The same of something else than a report. */
int expecting_check_of(const struct expecting_opts *opts, const struct expect_subject *subject);
int expecting_judge_of(const struct expecting_opts *opts, const struct expect_subject *subject,
		       const struct metrics *t);

#endif
