// SPDX-License-Identifier: GPL-2.0-or-later
/* bench.c - run programs in every mode, measured, and compare; see bench.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/base/unit.h"
#include "user/bench/costs.h"
#include "user/bench/ledger_metrics.h"
#include "user/cmd/bench.h"
#include "user/cmd/cmd.h"
#include "user/cmd/watch.h"
#include "user/render/ledger.h"
#include "user/session/session.h"
#include "user/target/facts.h"
#include "user/target/target.h"
#include "version.h"

#define REPEATS_MAX 1000
#define WORKERS_MAX 1000
#define SCALE_MAX 1e6

static int parse_count(const char *value, void *field, unsigned max)
{
	unsigned n;
	int err = opt_parse_unsigned(value, &n);

	if (err)
		return err;
	if (!n || n > max)
		return fail(-EINVAL, "%s: must be 1 to %u", value, max);
	*(unsigned *)field = n;
	return 0;
}

static int parse_repeats(const char *value, void *field)
{
	return parse_count(value, field, REPEATS_MAX);
}

static int parse_workers(const char *value, void *field)
{
	return parse_count(value, field, WORKERS_MAX);
}

static int parse_scale(const char *value, void *field)
{
	char *end;
	double scale = strtod(value, &end);

	if (!strcmp(value, "small")) {
		*(double *)field = 0;
		return 0;
	}
	if (*end || end == value || !(scale > 0) || scale > SCALE_MAX)
		return fail(-EINVAL, "%s: must be small, or a number above 0", value);
	*(double *)field = scale;
	return 0;
}

static const struct opt options[] = {
	{ "workload", 0, OPT_STRING, offsetof(struct bench_opts, workloads), "NAME,...",
	  "built-in programs to run (see --list; default: a few of each kind)", "What", NULL },
	{ "suite", 0, OPT_STRING, offsetof(struct bench_opts, suite), "NAME",
	  "a named set of them, with claims to be checked", "What", NULL },
	{ "validate", 0, OPT_FLAG, offsetof(struct bench_opts, validate), NULL,
	  "predict one mode from another (--what-if), run it, and show the error", "What", NULL },
	{ "list", 0, OPT_FLAG, offsetof(struct bench_opts, list), NULL,
	  "list workloads, their modes, and suites", "What", NULL },
	{ "modes", 0, OPT_STRING, offsetof(struct bench_opts, modes), "NAME,...",
	  "only these modes; for a command: what {mode} becomes", "What", NULL },
	{ "python", 0, OPT_STRING, offsetof(struct bench_opts, pythons), "PATH,...",
	  "interpreters for the Python workloads; several are compared", "What", NULL },
	{ "workers", 'w', OPT_CUSTOM, offsetof(struct bench_opts, workers), "N",
	  "tasks in every mode (default: 4, or as many as CPUs)", "How much", parse_workers },
	{ "repeat", 'r', OPT_CUSTOM, offsetof(struct bench_opts, repeats), "N",
	  "runs of each mode (default 3; suite classic: 5)", "How much", parse_repeats },
	{ "time", 0, OPT_DURATION, offsetof(struct bench_opts, time_ns), "TIME",
	  "how long the first mode shall take; sets the work of all (default 1s)", "How much",
	  NULL },
	{ "scale", 0, OPT_CUSTOM, offsetof(struct bench_opts, scale), "F",
	  "multiply the work by F; small: as short as makes sense", "How much", parse_scale },
	{ "lean", 0, OPT_FLAG, offsetof(struct bench_opts, lean), NULL,
	  "watch without system call tracepoints: no futex calls in the ledger", "How much",
	  NULL },
	{ "format", 'f', OPT_STRING, offsetof(struct bench_opts, show.format), "NAME",
	  "one of the formats below", "Ledger", NULL },
	{ "to", 0, OPT_STRING, offsetof(struct bench_opts, show.to), "FILE",
	  "write the ledger to FILE instead of stdout", "Ledger", NULL },
	{ "keep", 0, OPT_STRING, offsetof(struct bench_opts, keep), "DIR",
	  "save trace and result of every run there", "Ledger", NULL },
	{ "sample-rate", 0, OPT_CUSTOM, offsetof(struct bench_opts, sample_hz), "N",
	  "stacks per second in these traces (0-10000, default 0)", "Ledger", watch_parse_rate },
	{ "width", 0, OPT_CUSTOM, offsetof(struct bench_opts, show.width), "COLUMNS",
	  "width of the text (80-200; default: the terminal's, else 100)", "Ledger",
	  show_parse_width },
	{ "no-color", 0, OPT_FLAG, offsetof(struct bench_opts, show.no_color), NULL,
	  "no colours, also by NO_COLOR in the environment", "Ledger", NULL },
	{ "ascii", 0, OPT_FLAG, offsetof(struct bench_opts, show.ascii), NULL,
	  "plain ASCII, no bars of block characters", "Ledger", NULL },
	EXPECT_OPTIONS(struct bench_opts, show.expect),
	{ "as-root", 0, OPT_FLAG, offsetof(struct bench_opts, as_root), NULL,
	  "under sudo: run everything as root, not as the invoking user", "Other", NULL },
	{ "quiet", 'q', OPT_FLAG, offsetof(struct bench_opts, quiet), NULL,
	  "no progress on the terminal", "Other", NULL },
	CMD_HELP_OPTION(struct bench_opts, help),
	{ 0 },
};

static void more_help(struct buf *out)
{
	buf_puts(out, "\nFormats:\n");
	for (const struct ledger_renderer *r = ledger_renderers; r->name; r++)
		buf_printf(out, "  %-27s %s%s\n", r->name, r->summary,
			   r == ledger_renderers ? " (default)" : "");
	buf_puts(out, "\nIn a command:\n"
		      "  {mode}                      each of --modes in turn\n"
		      "  {n}                         --workers\n"
		      "  {procs} {threads}           {n} split in two factors\n"
		      "  {python}                    each of --python\n");
}

/* --- progress -------------------------------------------------------------------------------- */

void bench_progress_clear(struct bench_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
}

void bench_progress(struct bench_progress *p, const char *fmt, ...)
{
	uint64_t spent = session_now_ns() - p->begin_ns;
	va_list ap;

	if (!p->shown)
		return;
	fprintf(stderr, "\r\033[K[%zu/%zu] ", p->done + 1, p->all);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (p->done)
		fprintf(stderr, ", %s left",
			unit_ns((spent / p->done * (p->all - p->done) / 1000000000 + 1) *
				1000000000)
				.s);
	fflush(stderr);
}

/* --- list ------------------------------------------------------------------------------------ */

static int list(void)
{
	struct buf out = { 0 };
	int err;

	buf_puts(&out, "workloads (* runs without --workload):\n");
	for (const struct experiment *e = plan_experiments; e->name; e++) {
		buf_printf(&out, "%c %-12s %s\n               ", e->usual ? '*' : ' ', e->name,
			   e->title);
		for (const struct plan_mode *m = e->modes; m->name; m++)
			buf_printf(&out, "%s%s", m == e->modes ? "modes: " : ", ", m->name);
		buf_puts(&out, "\n");
	}
	buf_puts(&out, "\nsuites:\n");
	for (const struct suite *s = plan_suites; s->name; s++)
		buf_printf(&out, "  %-12s %s\n", s->name, s->summary);
	err = cmd_write(STDOUT_FILENO, &out);
	buf_free(&out);
	return err;
}

/* --- the ledger ------------------------------------------------------------------------------ */

static struct ledger *new_ledger(const struct bench_plan *plan, char **command)
{
	struct ledger *l = ledger_new();
	struct buf text = { 0 };
	struct timespec now;
	struct utsname name;

	uname(&name);
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(l->kernel, sizeof(l->kernel), "%.63s", name.release);
	snprintf(l->version, sizeof(l->version), "%s", PARASCOPE_VERSION);
	l->realtime_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	l->cpus = facts_cpus_online();
	l->suite = plan->suite ? plan->suite->name : NULL;
	for (size_t i = 0; i < plan->n; i++)
		if (plan->groups[i].repeats > l->repeats)
			l->repeats = plan->groups[i].repeats;
	for (size_t i = 0; command[i]; i++)
		buf_printf(&text, "%s%s", i ? " " : "", command[i]);
	l->command = text.data;
	return l;
}

static int show(const struct ledger *l, const struct show_opts *opts, struct outfile *to)
{
	const struct ledger_renderer *r =
		opts->format ? ledger_renderer_find(opts->format) : ledger_renderers;
	struct render_opts how;
	struct buf text = { 0 };
	int err;

	show_how(opts, STDOUT_FILENO, &how);
	r->render(&text, l, &how);
	err = show_write(to, STDOUT_FILENO, &text);
	buf_free(&text);
	return err;
}

static int measure(struct runner *r, const struct bench_opts *opts, const struct bench_plan *plan,
		   struct ledger *l)
{
	struct bench_progress p = {
		.shown = !opts->quiet && isatty(STDERR_FILENO),
		.all = plan->runs,
		.begin_ns = session_now_ns(),
	};
	int err = 0;

	for (size_t i = 0; !err && i < plan->n; i++)
		err = bench_group(r, opts, plan, &plan->groups[i], l, &p);
	bench_progress_clear(&p);
	return err;
}

/* A FIFO waits for its reader: then a signal may end us.  A temporary file must be removed. */
static int prepare(struct runner **r, struct outfile **to, const struct bench_opts *opts,
		   const struct origin *origin, const struct host_costs *costs)
{
	struct runner_opts runner = {
		.origin = origin,
		.as_root = opts->as_root,
		.lean = opts->lean,
		.sample_hz = opts->sample_hz,
		.costs = costs,
	};
	bool in_place = opts->show.to && outfile_in_place(opts->show.to);
	int err = in_place ? show_open(to, &opts->show) : 0;

	if (!err)
		err = runner_open(r, &runner);
	return !err && !in_place ? show_open(to, &opts->show) : err;
}

/* Of a bench that ended early nothing is expected. */
static bool is_unexpected(const struct bench_opts *opts, const struct bench_plan *plan,
			  const struct ledger *l)
{
	struct expect_subject subject = bench_subject(plan);
	struct metrics *t = ledger_metrics(l);
	bool failed = !l->incomplete && expecting_judge_of(&opts->show.expect, &subject, t);

	metrics_free(t);
	return failed;
}

static int go(const struct bench_opts *opts, const struct bench_plan *plan, char **command,
	      const struct origin *origin)
{
	struct ledger *l = new_ledger(plan, command);
	struct outfile *to = NULL;
	struct runner *r = NULL;
	int err, code = EXIT_OK;

	l->lean = opts->lean;
	err = host_costs_measure(&l->costs);
	if (!err)
		err = prepare(&r, &to, opts, origin, &l->costs);
	if (err) {
		code = cmd_failed();
		goto out;
	}
	err = measure(r, opts, plan, l);
	if (err == -EINTR)
		code = 128 + runner_signal(r);
	else if (err)
		code = cmd_failed();
	l->incomplete = err != 0;
	ledger_finish(l);
	if (plan->suite && plan->suite->judge)
		plan->suite->judge(l);
	if (!to || outfile_in_place(opts->show.to)) {
		runner_close(r); /* nothing is left to be removed: signals may end us */
		r = NULL;
	}
	if (show(l, &opts->show, to))
		code = cmd_failed();
	else if (!err && l->n_failed)
		code = EXIT_OWN_FAILURE;
	if (is_unexpected(opts, plan, l) && code == EXIT_OK)
		code = EXIT_UNEXPECTED;
out:
	outfile_close(to);
	runner_close(r);
	ledger_free(l);
	return code;
}

static int check(const struct bench_opts *opts, const struct bench_plan *plan,
		 const struct origin *origin)
{
	struct expect_subject subject = bench_subject(plan);
	struct buf known = { 0 };
	int err = expecting_check_of(&opts->show.expect, &subject);

	if (err)
		return err;
	if (opts->show.format && !ledger_renderer_find(opts->show.format)) {
		for (const struct ledger_renderer *r = ledger_renderers; r->name; r++)
			buf_printf(&known, "%s%s", known.len ? ", " : "", r->name);
		err = fail(-EINVAL, "no format '%s': there are %s", opts->show.format, known.data);
		buf_free(&known);
	}
	if (!err)
		err = target_check_host();
	if (!err && origin->err)
		err = fail(origin->err, "cannot tell what the commands inherit: %s",
			   strerror(-origin->err));
	if (!err && opts->keep && mkdir(opts->keep, 0777) && errno != EEXIST)
		err = fail(-errno, "cannot make the folder %s: %s", opts->keep, strerror(errno));
	return err;
}

static int run(int argc, char **argv, const struct origin *origin)
{
	struct bench_opts opts = { .time_ns = 1000000000, .scale = 1 };
	struct bench_plan plan = { 0 };
	int err, first, code = EXIT_OK;

	err = cmd_parse(&cmd_bench, argc, argv, &opts, &first, &opts.help);
	if (err <= 0)
		return err ? cmd_failed() : EXIT_OK;
	if (opts.list) {
		err = list();
	} else {
		err = bench_plan(&plan, &opts, argv + first);
		if (!err)
			err = check(&opts, &plan, origin);
		if (!err)
			code = go(&opts, &plan, argv + first, origin);
	}
	bench_plan_free(&plan);
	opt_free(options, &opts);
	return err ? cmd_failed() : code;
}

const struct command cmd_bench = {
	.name = "bench",
	.usage = "[options] [-- COMMAND [ARGUMENT...]]",
	.summary = "Run programs as threads, as processes, one after the other, and compare",
	.details =
		"Without a command: built-in programs that compute, sleep, or share a lock, in C "
		"and in Python.  All\nmodes do the same work, take turns, and are watched as by "
		"`parascope run`.  The ledger goes to\nstdout.  Exit code 125 if a run failed.  "
		"Under sudo the programs run as the invoking user.",
	.options = options,
	.more_help = more_help,
	.run = run,
};
