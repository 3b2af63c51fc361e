/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd.h - the commands: option tables and glue.  The only layer that prints messages and exits.
 */
#ifndef PARASCOPE_CMD_H
#define PARASCOPE_CMD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/base/buf.h"
#include "user/base/opt.h"
#include "user/target/origin.h"

/* Exit codes; `run` otherwise passes on the command's own. */
enum {
	EXIT_OK = 0,
	EXIT_UNUSABLE = 2, /* doctor: parascope cannot work here */
	EXIT_UNEXPECTED = 2, /* an expectation failed */
	EXIT_OWN_FAILURE = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

struct command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *summary;
	const char *details; /* paragraphs for --help */
	const struct opt *options;
	void (*more_help)(struct buf *out); /* after the options; NULL: nothing */
	int (*run)(int argc, char **argv, const struct origin *origin);
};

extern const struct command cmd_attach, cmd_run, cmd_report, cmd_compare, cmd_dump, cmd_bench,
	cmd_doctor;

/* "parascope: " and the kept message to stderr; returns EXIT_OWN_FAILURE. */
int cmd_failed(void);
/* One line to stderr. */
void cmd_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Help of one command into out. */
void cmd_help(const struct command *command, struct buf *out);

/*
 * Parse the options of a command.  1: go on, 0: --help was given and shown, -EINVAL with message.
 * Every options table ends with CMD_HELP_OPTION at the offset of its bool.
 */
int cmd_parse(const struct command *command, int argc, char **argv, void *dest, int *ret_first,
	      const bool *help);
#define CMD_HELP_OPTION(type, field)                                                               \
	{ "help", 'h', OPT_FLAG, offsetof(type, field), NULL, "show this help", "Other", NULL }

/* Write all of it to stdout or stderr; 0 or -errno and message. */
int cmd_write(int fd, const struct buf *text);

/*
 * The signals that end parascope (a terminal's, SIGTERM, SIGHUP): hold them back, so that nothing
 * is left half done.  ret_before is the mask to put back; held: which they are.
 */
void cmd_hold_signals(sigset_t *ret_held, sigset_t *ret_before);

#endif
