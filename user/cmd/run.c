// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - launch a command and watch it from its first instruction. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/cmd.h"
#include "user/cmd/watch.h"
#include "user/target/launch.h"
#include "user/target/target.h"

struct run {
	struct watch_opts watch;
	bool as_root;
};

static const struct opt options[] = {
	{ "as-root", 0, OPT_FLAG, offsetof(struct run, as_root), NULL,
	  "under sudo: run the command as root, not as the invoking user", "Target", NULL },
	WATCH_OPTIONS(struct run),
	SHOW_OPTIONS(struct run, watch.show),
	CMD_HELP_OPTION(struct run, watch.help),
	{ 0 },
};

/* A signal from the terminal reached the command as well; SIGTERM and SIGHUP came to us alone. */
static void forward(const struct launch *launch, int signal)
{
	if (signal == SIGTERM || signal == SIGHUP)
		kill(launch_pid(launch), signal);
}

/* The window ends with the command: it may end in its own time, a second signal ends the window. */
static int watch_command(struct watch *w, struct launch *launch)
{
	for (int i = 0; i < 2; i++) {
		int err = watch_loop(w, launch_pidfd(launch));

		if (err || !watch_signal(w))
			return err;
		forward(launch, watch_signal(w));
	}
	return 0;
}

/* The window may be over before the command is.  Returns its exit code. */
static int wait_for_command(struct watch *w, struct launch *launch)
{
	int signal, status;

	while ((signal = watch_wait(w, launch_pidfd(launch))) > 0)
		forward(launch, signal);
	if (signal < 0 || launch_wait(launch, &status))
		return cmd_failed();
	return launch_exit_code(status);
}

static pid_t watched;

static void take_along(int signal)
{
	kill(watched, signal);
	raise(signal); /* the default by now: SA_RESETHAND */
}

/* While the report waits for its reader a signal ends us: the command is not to be left behind. */
static int report(struct watch *w, const struct launch *launch)
{
	static const int ours[] = { SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = take_along, .sa_flags = SA_RESETHAND };
	struct sigaction before[2];
	int err;

	watched = launch_pid(launch);
	for (int i = 0; i < 2; i++) {
		sigaction(ours[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(ours[i], &action, NULL);
	}
	err = watch_report(w, STDERR_FILENO);
	for (int i = 0; i < 2; i++)
		sigaction(ours[i], &before[i], NULL);
	return err;
}

/* From the cork to the open window. */
static int begin(struct watch *w, const struct launch *launch, char **argv)
{
	struct target_spec spec = { 0 };
	struct target_list targets = { 0 };
	int err;

	vec_push(spec.pids.ids, spec.pids.n, spec.pids.cap) = launch_pid(launch);
	err = target_resolve(&spec, &targets);
	free(spec.pids.ids);
	watch_launched(w, launch_pid(launch), argv);
	if (!err)
		err = watch_start(w, &targets);
	target_list_free(&targets);
	return err;
}

/* It did not come to exec, or exec failed; the message is kept unless it died in its cork. */
static int not_run(struct launch *launch, int err, bool exec_failed, char **argv)
{
	int status;

	if (exec_failed && err != -ESRCH) {
		cmd_failed();
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
	if (!launch_ended(launch))
		return cmd_failed();
	cmd_say("'%s' was killed before it began", argv[0]);
	return launch_wait(launch, &status) ? cmd_failed() : launch_exit_code(status);
}

/* Watch, report, and return the exit code. */
static int go(struct watch *w, struct launch *launch, char **argv)
{
	int err, code, signal = watch_pending(w);

	if (signal) /* nothing has begun: as if it had come a moment earlier */
		return 128 + signal;
	err = begin(w, launch, argv);
	if (err)
		return not_run(launch, err, false, argv);
	err = launch_uncork(launch);
	if (err)
		return not_run(launch, err, true, argv);
	err = watch_command(w, launch);
	if (!err)
		err = watch_stop(w);
	if (!err)
		err = report(w, launch);
	if (err < 0) { /* tell it now: the command may go on for long */
		cmd_failed();
		watch_abandon(w);
	}
	code = wait_for_command(w, launch);
	if (err < 0)
		return EXIT_OWN_FAILURE;
	return code == EXIT_OK && err ? EXIT_UNEXPECTED : code;
}

static int launch_and_watch(const struct run *r, char **argv, const struct origin *origin)
{
	struct launch_opts opts = { .origin = origin, .env = environ, .as_root = r->as_root };
	struct launch *launch = NULL;
	struct watch *w = NULL;
	int err, code;

	err = launch_start(&launch, argv, &opts);
	if (!err)
		err = watch_open(&w, &r->watch, false, true);
	code = err ? cmd_failed() : go(w, launch, argv);
	launch_free(launch);
	watch_close(w);
	return code;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct run r = { .watch = watch_defaults };
	int err, first, code = EXIT_OK;

	err = cmd_parse(&cmd_run, argc, argv, &r, &first, &r.watch.help);
	if (err == 1) {
		err = watch_check(&r.watch, STDERR_FILENO);
		if (!err && first >= argc)
			err = fail(-EINVAL, "no command: parascope run [options] -- COMMAND ...");
		if (!err)
			err = target_check_host();
		if (!err && origin->err)
			err = fail(origin->err, "cannot tell what the command inherits: %s",
				   strerror(-origin->err));
		if (!err)
			code = launch_and_watch(&r, argv + first, origin);
	}
	opt_free(options, &r);
	return err ? cmd_failed() : code;
}

const struct command cmd_run = {
	.name = "run",
	.usage = "[options] [--] COMMAND [ARGUMENT...]",
	.summary = "Launch a command, watch it from its first instruction, report when it ends",
	.details = "The report goes to stderr (or --to FILE), the exit code is the command's own; "
		   "126 and 127 as a\nshell uses them, 125 if parascope itself failed, 2 if the "
		   "command's is 0 but an --expect failed.\nUnder sudo the command runs as the "
		   "invoking user.  With -d the window ends earlier; the command\ngoes on and is "
		   "waited for.",
	.options = options,
	.more_help = show_more_help,
	.run = run,
};
