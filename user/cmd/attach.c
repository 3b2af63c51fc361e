// SPDX-License-Identifier: GPL-2.0-or-later
/* attach.c - watch processes that run already. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/base/unit.h"
#include "user/cmd/cmd.h"
#include "user/cmd/watch.h"
#include "user/target/target.h"

struct attach {
	struct target_spec spec;
	struct watch_opts watch;
};

static const struct opt options[] = {
	{ "pid", 'p', OPT_IDS, offsetof(struct attach, spec.pids), "PID,...",
	  "processes to watch, with all their threads", "Target", NULL },
	{ "tid", 't', OPT_IDS, offsetof(struct attach, spec.tids), "TID,...",
	  "single threads instead", "Target", NULL },
	{ "comm", 0, OPT_LIST, offsetof(struct attach, spec.comms), "GLOB",
	  "all processes of that name now", "Target", NULL },
	{ "cgroup", 'c', OPT_STRING, offsetof(struct attach, spec.cgroup), "PATH",
	  "all processes now in a control group and below", "Target", NULL },
	WATCH_OPTIONS(struct attach),
	SHOW_OPTIONS(struct attach, watch.show),
	CMD_HELP_OPTION(struct attach, watch.help),
	{ 0 },
};

/* PIDs may also stand without -p. */
static int add_pids(struct attach *a, int argc, char **argv, int first)
{
	for (int i = first; i < argc; i++) {
		pid_t pid;
		int err = opt_parse_id(argv[i], &pid);

		if (err && argv[i][0] == '-')
			return fail(err, "%s after the PIDs: options go before them", argv[i]);
		if (err)
			return err;
		vec_push(a->spec.pids.ids, a->spec.pids.n, a->spec.pids.cap) = pid;
	}
	return 0;
}

static void announce(const struct attach *a, const struct target_list *targets)
{
	const char *what = targets->by_tid ? "thread" : "process";

	if (a->watch.quiet)
		return;
	if (targets->notes.len)
		cmd_say("%.*s", (int)strcspn(targets->notes.data, "\n"), targets->notes.data);
	if (a->watch.duration_ns)
		cmd_say("watching %zu %s%s for %s; Ctrl-C ends earlier", targets->n, what,
			targets->n == 1 ? "" : targets->by_tid ? "s" : "es",
			unit_ns(a->watch.duration_ns).s);
	else
		cmd_say("watching %zu %s%s; Ctrl-C ends and reports", targets->n, what,
			targets->n == 1 ? "" : targets->by_tid ? "s" : "es");
}

static int watch_targets(const struct attach *a, const struct target_list *targets)
{
	struct watch *w = NULL;
	int err;

	err = watch_open(&w, &a->watch, targets->by_tid, false);
	if (!err)
		err = watch_start(w, targets);
	if (!err) {
		announce(a, targets);
		err = watch_loop(w, -1);
	}
	if (!err)
		err = watch_stop(w);
	if (!err)
		err = watch_report(w, STDOUT_FILENO);
	watch_close(w);
	return err;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct attach a = { .watch = watch_defaults };
	struct target_list targets = { 0 };
	int err, first;

	(void)origin;
	err = cmd_parse(&cmd_attach, argc, argv, &a, &first, &a.watch.help);
	if (err == 1) {
		err = add_pids(&a, argc, argv, first);
		if (!err)
			err = watch_check(&a.watch, STDOUT_FILENO);
		if (!err)
			err = target_check_host();
		if (!err)
			err = target_resolve(&a.spec, &targets);
		if (!err)
			err = watch_targets(&a, &targets);
	}
	target_list_free(&targets);
	opt_free(options, &a);
	return err < 0 ? cmd_failed() : err ? EXIT_UNEXPECTED : EXIT_OK;
}

const struct command cmd_attach = {
	.name = "attach",
	.usage = "[options] PID...",
	.summary = "Watch live processes and report how parallel they are and what serialises them",
	.details = "The target is neither stopped nor changed.  Threads and child processes that "
		   "appear later are\nwatched as well.  Ends after -d, with Ctrl-C, or when the "
		   "last target process has ended.",
	.options = options,
	.more_help = show_more_help,
	.run = run,
};
