// SPDX-License-Identifier: GPL-2.0-or-later
/* Command line of the workload binary: options in, one run, the truth out. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workload.h"

#define EXIT_USAGE 2
#define MAX_WORKERS 100000
#define MAX_PROCS   4096
#define MAX_US	    (3600ull * 1000000)
#define MAX_SECONDS 1e6

static const char usage_text[] =
	"Usage: workload KIND [options]\n"
	"       workload --list | --help\n"
	"\n"
	"Runs one workload that knows the truth about itself.\n"
	"\n"
	"  --mode MODE     seq, threads (default), procs, both (threads x processes)\n"
	"  --workers N     threads per process; with procs, processes\n"
	"  --procs P       processes, with --mode both (default 2)\n"
	"  --tasks N       workers in all, in every mode; both divides them among its processes\n"
	"  --count N       units of work per worker\n"
	"  --time SECONDS  run for that long instead (may be fractional)\n"
	"  --calibrate     choose the count so that a share takes 1 s (the default if neither)\n"
	"  --size N        depends on the kind, see README.md\n"
	"  --hold-us N     length of the critical section, sleep or piece of work\n"
	"  --think-us N    time outside of it\n"
	"  --planted       exactly one blocking wait per waiter and round (count = rounds)\n"
	"  --no-lock       the same work without taking the lock: the truth of \"what if it were gone\"\n"
	"  --pin           everything on one CPU\n"
	"  --truth FILE    write the truth there as JSON (- for stdout)\n";

static const struct {
	const char *name;
	enum mode mode;
} mode_names[] = {
	{"seq", MODE_SEQ},
	{"threads", MODE_THREADS},
	{"procs", MODE_PROCS},
	{"both", MODE_BOTH},
};

enum option_id { OPT_MODE = 256, OPT_WORKERS, OPT_PROCS, OPT_COUNT, OPT_TIME, OPT_CALIBRATE,
		 OPT_SIZE, OPT_HOLD, OPT_THINK, OPT_PLANTED, OPT_PIN, OPT_TRUTH, OPT_LIST,
		 OPT_HELP, OPT_TASKS, OPT_NO_LOCK };

static const struct option long_options[] = {
	{"mode", required_argument, NULL, OPT_MODE},
	{"workers", required_argument, NULL, OPT_WORKERS},
	{"procs", required_argument, NULL, OPT_PROCS},
	{"tasks", required_argument, NULL, OPT_TASKS},
	{"count", required_argument, NULL, OPT_COUNT},
	{"time", required_argument, NULL, OPT_TIME},
	{"calibrate", no_argument, NULL, OPT_CALIBRATE},
	{"size", required_argument, NULL, OPT_SIZE},
	{"hold-us", required_argument, NULL, OPT_HOLD},
	{"think-us", required_argument, NULL, OPT_THINK},
	{"planted", no_argument, NULL, OPT_PLANTED},
	{"no-lock", no_argument, NULL, OPT_NO_LOCK},
	{"pin", no_argument, NULL, OPT_PIN},
	{"truth", required_argument, NULL, OPT_TRUTH},
	{"list", no_argument, NULL, OPT_LIST},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* What the command line said; what it did not say comes from the workload. */
struct given {
	struct options opt;
	unsigned int tasks;
	bool mode, size, hold, think, procs, calibrate;
};

static void __attribute__((noreturn, format(printf, 1, 2))) usage_error(const char *format, ...)
{
	va_list args;

	fputs("workload: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs(" (see workload --help)\n", stderr);
	exit(EXIT_USAGE);
}

static uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || n < min || n > max)
		usage_error("--%s %s: must be a number from %llu to %llu", option, text,
			    (unsigned long long)min, (unsigned long long)max);
	return n;
}

static uint64_t parse_seconds(const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !isfinite(s) || s < 1e-6 || s > MAX_SECONDS)
		usage_error("--time %s: must be seconds, from 0.000001 to %.0f", text, MAX_SECONDS);
	return (uint64_t)(s * 1e9);
}

static enum mode parse_mode(const char *text)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
		if (strcmp(text, mode_names[i].name) == 0)
			return mode_names[i].mode;
	usage_error("--mode %s: must be seq, threads, procs or both", text);
}

static const char *mode_name(enum mode mode)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(*mode_names); i++)
		if (mode_names[i].mode == mode)
			return mode_names[i].name;
	return "?";
}

static void list_workloads(void)
{
	const struct workload *const *row;

	for (row = __start_workload_rows; row < __stop_workload_rows; row++)
		printf("%-12s %s\n", (*row)->name, (*row)->summary);
}

static const struct workload *find_workload(const char *name)
{
	const struct workload *const *row;

	for (row = __start_workload_rows; row < __stop_workload_rows; row++)
		if (strcmp((*row)->name, name) == 0)
			return *row;
	usage_error("no workload named '%s', try --list", name);
}

static void set_option(struct given *g, int id, const char *arg)
{
	switch (id) {
	case OPT_MODE:
		g->opt.mode = parse_mode(arg);
		g->mode = true;
		break;
	case OPT_WORKERS:
		g->opt.workers = (unsigned int)parse_number("workers", arg, 1, MAX_WORKERS);
		break;
	case OPT_PROCS:
		g->opt.procs = (unsigned int)parse_number("procs", arg, 1, MAX_PROCS);
		g->procs = true;
		break;
	case OPT_TASKS:
		g->tasks = (unsigned int)parse_number("tasks", arg, 1, MAX_WORKERS);
		break;
	case OPT_COUNT:
		g->opt.count = parse_number("count", arg, 1, INT64_MAX);
		break;
	case OPT_TIME:
		g->opt.time_ns = parse_seconds(arg);
		break;
	case OPT_CALIBRATE:
		g->calibrate = true;
		break;
	case OPT_SIZE:
		g->opt.size = parse_number("size", arg, 1, UINT32_MAX);
		g->size = true;
		break;
	case OPT_HOLD:
		g->opt.hold_ns = parse_number("hold-us", arg, 0, MAX_US) * NS_PER_US;
		g->hold = true;
		break;
	case OPT_THINK:
		g->opt.think_ns = parse_number("think-us", arg, 0, MAX_US) * NS_PER_US;
		g->think = true;
		break;
	case OPT_PLANTED:
		g->opt.planted = true;
		break;
	case OPT_NO_LOCK:
		g->opt.no_lock = true;
		break;
	case OPT_PIN:
		g->opt.pin = true;
		break;
	case OPT_TRUTH:
		g->opt.truth = arg;
		break;
	default:
		exit(EXIT_USAGE);	/* getopt_long has said why */
	}
}

static void parse_options(struct given *g, int argc, char **argv)
{
	int id;

	while ((id = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (id == OPT_LIST || id == OPT_HELP || id == 'h') {
			if (id == OPT_LIST)
				list_workloads();
			else
				fputs(usage_text, stdout);
			exit(0);
		}
		set_option(g, id, optarg);
	}
}

/* --tasks counts all workers of the run, --workers those of a process. */
static void share_out_tasks(struct given *g)
{
	struct options *opt = &g->opt;

	if (opt->workers)
		usage_error("give --workers or --tasks, not both");
	if (g->tasks % opt->procs)
		usage_error("--tasks %u cannot be divided among %u processes evenly", g->tasks,
			    opt->procs);
	opt->workers = g->tasks / opt->procs;
}

static void fill_defaults(struct given *g, const struct workload *wl)
{
	struct options *opt = &g->opt;

	if (!g->mode)
		opt->mode = wl->modes & MODE_THREADS ? MODE_THREADS : MODE_SEQ;
	if (!opt->procs)
		opt->procs = opt->mode == MODE_BOTH ? 2 : 1;
	if (g->tasks)
		share_out_tasks(g);
	if (!opt->workers)
		opt->workers = wl->workers ? wl->workers : 2;
	if (wl->always_planted)
		opt->planted = true;
	if (!g->size)
		opt->size = wl->size;
	if (!g->hold)
		opt->hold_ns = wl->hold_us * NS_PER_US;
	if (!g->think)
		opt->think_ns = wl->think_us * NS_PER_US;
}

static void check_options(const struct given *g, const struct workload *wl)
{
	const struct options *opt = &g->opt;
	unsigned int min = opt->planted && wl->plant && wl->min_workers < 2 ? 2 : wl->min_workers;

	if (!(opt->mode & wl->modes))
		usage_error("%s does not run with --mode %s", wl->name, mode_name(opt->mode));
	if (opt->no_lock && !wl->lock_optional)
		usage_error("%s cannot do without its lock", wl->name);
	if (opt->no_lock && opt->planted)
		usage_error("planted rounds need the lock: give --planted or --no-lock");
	if (opt->planted && !wl->planted_modes)
		usage_error("%s cannot be planted", wl->name);
	if (opt->planted && !(opt->mode & wl->planted_modes))
		usage_error("%s cannot be planted with --mode %s", wl->name, mode_name(opt->mode));
	if (g->procs && opt->mode != MODE_BOTH)
		usage_error("--procs needs --mode both");
	if (opt->count && opt->time_ns)
		usage_error("give --count or --time, not both");
	if (g->calibrate && (opt->count || opt->time_ns))
		usage_error("--calibrate chooses the count: give no --count or --time with it");
	if (g->calibrate && !wl->calibrates)
		usage_error("%s cannot calibrate itself: give --count or --time", wl->name);
	if (opt->count && wl->no_count)
		usage_error("%s has no --count", wl->name);
	if (opt->time_ns && wl->no_time)
		usage_error("%s has no --time", wl->name);
	if (opt->workers < min)
		usage_error("%s needs at least %u workers%s", wl->name, min,
			    opt->planted ? " when planted" : "");
	if (wl->max_workers && opt->workers > wl->max_workers)
		usage_error("%s takes at most %u workers", wl->name, wl->max_workers);
	if (opt->mode == MODE_PROCS && opt->workers > MAX_PROCS)
		usage_error("at most %u processes", MAX_PROCS);
	if ((uint64_t)opt->workers * opt->procs > MAX_WORKERS)
		usage_error("at most %u workers in all", MAX_WORKERS);
}

static void pin_to_one_cpu(void)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity failed: %m");
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed)) {
			CPU_SET(cpu, &one);
			break;
		}
	}
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity failed: %m");
}

int main(int argc, char **argv)
{
	struct given given = {0};
	struct run run = {0};
	int error;

	parse_options(&given, argc, argv);
	if (optind >= argc)
		usage_error("which workload? try --list");
	if (optind + 1 < argc)
		usage_error("unexpected argument '%s'", argv[optind + 1]);
	run.workload = find_workload(argv[optind]);
	fill_defaults(&given, run.workload);
	check_options(&given, run.workload);
	run.opt = given.opt;
	if (run.opt.pin)
		pin_to_one_cpu();
	if (modes_run(&run))
		die("a child process failed");
	if (run.opt.truth) {
		error = truth_write(&run, run.opt.truth);
		if (error)
			die("cannot write %s: %s", run.opt.truth, strerror(error));
	}
	return 0;
}
