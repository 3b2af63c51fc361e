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

/*
 * The window ends with the command.  A signal from the terminal reached the command as well: it may
 * end in its own time, a second one ends the watching.  SIGTERM and SIGHUP came to us alone.
 */
static int watch_command(struct watch *w, struct launch *launch)
{
	int err = watch_loop(w, launch_pidfd(launch));
	int signal = watch_signal(w);

	if (err || !signal)
		return err;
	if (signal == SIGTERM || signal == SIGHUP)
		kill(launch_pid(launch), signal);
	return watch_loop(w, launch_pidfd(launch));
}

/* Watch, report, and leave with the command's own code in *ret_code. */
static int go(struct watch *w, struct launch *launch, char **argv, int *ret_code)
{
	struct target_spec spec = { 0 };
	struct target_list targets = { 0 };
	int err, exec_err, status;

	vec_push(spec.pids.ids, spec.pids.n, spec.pids.cap) = launch_pid(launch);
	err = target_resolve(&spec, &targets);
	free(spec.pids.ids);
	watch_launched(w, launch_pid(launch), argv);
	if (!err)
		err = watch_start(w, &targets);
	target_list_free(&targets);
	if (err)
		return err;
	exec_err = launch_uncork(launch);
	if (exec_err) {
		*ret_code = exec_err == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
		return exec_err;
	}
	err = watch_command(w, launch);
	if (!err)
		err = watch_stop(w);
	if (!err)
		err = watch_report(w, STDERR_FILENO);
	if (err)
		return err;
	/* the window may be over before the command is */
	err = launch_wait(launch, &status);
	*ret_code = err ? EXIT_OWN_FAILURE : launch_exit_code(status);
	return err;
}

static int launch_and_watch(const struct run *r, char **argv, const struct origin *origin)
{
	struct launch_opts opts = { .origin = origin, .env = environ, .as_root = r->as_root };
	struct launch *launch = NULL;
	struct watch *w = NULL;
	int err, code = EXIT_OWN_FAILURE;

	err = launch_start(&launch, argv, &opts);
	if (!err)
		err = watch_open(&w, &r->watch, false, true);
	if (!err)
		err = go(w, launch, argv, &code);
	if (err)
		cmd_failed();
	watch_close(w);
	launch_free(launch);
	return code;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct run r = { 0 };
	int err, first, code = EXIT_OK;

	err = cmd_parse(&cmd_run, argc, argv, &r, &first, &r.watch.help);
	if (err == 1) {
		err = show_check(&r.watch.show);
		if (!err && first >= argc)
			err = fail(-EINVAL, "no command: parascope run [options] -- COMMAND ...");
		if (!err)
			err = target_check_host();
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
		   "126 and 127 as a\nshell uses them, 125 if parascope itself failed.  Under sudo "
		   "the command runs as the invoking\nuser.  With -d the window ends earlier; the "
		   "command goes on and is waited for.",
	.options = options,
	.run = run,
};
