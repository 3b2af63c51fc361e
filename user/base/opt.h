/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt.h - options are data: a table names each option, its type and where its value goes.
 *
 *	static const struct opt options[] = {
 *		{ "pid", 'p', OPT_IDS, offsetof(struct attach, spec.pids), "PID,...",
 *		  "processes to watch", "Target" },
 *		{ "duration", 'd', OPT_DURATION, offsetof(struct attach, duration_ns), "TIME",
 *		  "stop after so long", "Session" },
 *		{ 0 },
 *	};
 *	struct attach a = { .duration_ns = ... };	// defaults
 *	err = opt_parse(options, argc, argv, &a, &first);
 */
#ifndef PARASCOPE_OPT_H
#define PARASCOPE_OPT_H

#include <stddef.h>
#include <sys/types.h>

#include "user/base/buf.h"

struct opt_list {
	const char **items; /* the array is ours, the strings are those of argv */
	size_t n, cap;
};

struct opt_ids {
	pid_t *ids;
	size_t n, cap;
};

enum opt_kind {	      /* type of the field the value goes to */
	OPT_FLAG,     /* bool, becomes true */
	OPT_UNSIGNED, /* unsigned */
	OPT_DURATION, /* uint64_t, nanoseconds */
	OPT_SIZE,     /* uint64_t, bytes */
	OPT_STRING,   /* const char *, a string of argv */
	OPT_LIST,     /* struct opt_list: one string each time the option is given */
	OPT_IDS,      /* struct opt_ids: "1,2,3", may be given again */
	OPT_CUSTOM,   /* whatever opt.parse makes of it */
};

struct opt {
	const char *name;  /* without the dashes; NULL ends the table */
	char short_name;   /* 0: none */
	enum opt_kind kind;
	size_t offset;	   /* of the field in dest */
	const char *arg;   /* what help calls the value; ignored for a flag */
	const char *help;  /* NULL: the option works but help does not show it */
	const char *group; /* heading in help; options of one group stand together */
	/* OPT_CUSTOM: 0, or fail(-errno, "what is wrong with the value") */
	int (*parse)(const char *value, void *field);
};

/*
 * Parse argv[1..] into the struct at dest, which holds the defaults, up to the first argument that
 * is no option, or past "--".  ret_first_positional is the index of what follows (argc: nothing).
 * A scalar given twice keeps the last value.  -EINVAL (or what opt.parse returned) with a message
 * that names the option; dest may then be partly filled.
 */
int opt_parse(const struct opt *table, int argc, char **argv, void *dest,
	      int *ret_first_positional);

/*
 * One value as the options take it, for arguments that are none and for opt.parse: digits and
 * nothing else.  0, or -EINVAL with a message.
 */
int opt_parse_unsigned(const char *value, unsigned *ret);
int opt_parse_id(const char *value, pid_t *ret);

/* Free the lists that opt_parse() grew inside dest and empty them. */
void opt_free(const struct opt *table, void *dest);

/* Append the description of all options, no line wider than so many columns (at least 60). */
void opt_help(const struct opt *table, unsigned columns, struct buf *out);

#endif
