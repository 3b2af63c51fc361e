// SPDX-License-Identifier: GPL-2.0-or-later
/* cmd.c - what all commands share: messages, help, writing results; see cmd.h. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/escape.h"
#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/cmd/cmd.h"

/* Messages quote names from the target and from the command line: escaped like everything else. */
static void say(const char *text)
{
	struct buf b = { 0 };

	buf_puts(&b, "parascope: ");
	escape_add(&b, text, strlen(text), ESCAPE_NO_LIMIT, true);
	buf_puts(&b, "\n");
	write_all(STDERR_FILENO, b.data, b.len);
	buf_free(&b);
}

int cmd_failed(void)
{
	say(fail_text());
	return EXIT_OWN_FAILURE;
}

void cmd_say(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(text);
}

void cmd_help(const struct command *command, struct buf *out)
{
	buf_printf(out, "usage: parascope %s %s\n\n%s.\n", command->name, command->usage,
		   command->summary);
	if (command->details)
		buf_printf(out, "%s\n", command->details);
	buf_puts(out, "\n");
	opt_help(command->options, 100, out);
	if (command->more_help)
		command->more_help(out);
}

int cmd_parse(const struct command *command, int argc, char **argv, void *dest, int *ret_first,
	      const bool *help)
{
	struct buf text = { 0 };
	int err;

	err = opt_parse(command->options, argc, argv, dest, ret_first);
	if (err)
		return err;
	if (!*help)
		return 1;
	cmd_help(command, &text);
	err = cmd_write(STDOUT_FILENO, &text);
	buf_free(&text);
	return err;
}

int cmd_write(int fd, const struct buf *text)
{
	int err = write_all(fd, text->data ? text->data : "", text->len);

	return err ? fail(err, "cannot write to %s: %s",
			  fd == STDERR_FILENO ? "stderr" : "stdout", strerror(-err))
		   : 0;
}

void cmd_hold_signals(sigset_t *ret_held, sigset_t *ret_before)
{
	sigemptyset(ret_held);
	sigaddset(ret_held, SIGINT);
	sigaddset(ret_held, SIGTERM);
	sigaddset(ret_held, SIGHUP);
	sigaddset(ret_held, SIGQUIT);
	sigprocmask(SIG_BLOCK, ret_held, ret_before);
}
