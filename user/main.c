// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - the command table. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/render/render.h"
#include "user/symbol/parser.h"
#include "version.h"

static const struct command *const commands[] = {
	&cmd_run,
	&cmd_attach,
	&cmd_report,
	&cmd_compare,
	&cmd_dump,
	&cmd_bench,
	&cmd_doctor,
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int usage(void)
{
	struct buf b = { 0 };
	int err;

	buf_puts(&b, "parascope - is this program really parallel, and what serialises it?\n\n"
		     "usage: parascope COMMAND [options] ...\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		buf_printf(&b, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	buf_puts(&b, "\n  parascope COMMAND --help   options of a command\n"
		     "  parascope --json-schema    schema of the JSON report\n"
		     "  parascope --version\n\n"
		     "examples:\n"
		     "  parascope doctor                       does it work on this machine?\n"
		     "  parascope attach -d 10s 4711           a live process, for ten seconds\n"
		     "  parascope run -- python3 app.py        a command, from start to end\n"
		     "  parascope bench                        threads or processes?  Programs in both\n"
		     "  parascope attach -p 4711 -o trace      save what happened ...\n"
		     "  parascope report trace                 ... and look at it again\n"
		     "  parascope compare before after         what differs between two of them?\n");
	err = cmd_write(STDOUT_FILENO, &b);
	buf_free(&b);
	return err ? cmd_failed() : EXIT_OK;
}

static int version(void)
{
	struct buf b = { 0 };
	int err;

	buf_puts(&b, "parascope " PARASCOPE_VERSION "\n");
	err = cmd_write(STDOUT_FILENO, &b);
	buf_free(&b);
	return err ? cmd_failed() : EXIT_OK;
}

static int json_schema(void)
{
	struct buf b = { 0 };
	size_t len;
	const char *text = render_json_schema(&len);
	int err;

	buf_add(&b, text, len);
	err = cmd_write(STDOUT_FILENO, &b);
	buf_free(&b);
	return err ? cmd_failed() : EXIT_OK;
}

static const struct {
	const char *word;
	int (*show)(void);
} words[] = {
	{ "--help", usage },	     { "-h", usage },
	{ "help", usage },	     { "--version", version },
	{ "-V", version },	     { "--json-schema", json_schema },
};

/* Descriptors 0 - 2 that are closed would be given to BPF maps and saved traces. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int dispatch(int argc, char **argv, const struct origin *origin)
{
	if (argc < 2) {
		usage();
		return EXIT_OWN_FAILURE;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(argv[1], words[i].word))
			return words[i].show();
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i]->name))
			return commands[i]->run(argc - 1, argv + 1, origin);
	fail(-EINVAL, "no command '%s': see parascope --help", argv[1]);
	return cmd_failed();
}

int main(int argc, char **argv)
{
	struct origin origin = { 0 };
	int code;

	if (parser_wanted(argc, argv))
		parser_main();
	origin_save(&origin);
	fill_standard_fds();
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN); /* writing says EPIPE instead */
	signal(SIGXFSZ, SIG_IGN);
	code = dispatch(argc, argv, &origin);
	origin_free(&origin);
	return code;
}
