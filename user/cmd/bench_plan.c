// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_plan.c - from options to experiments; see bench.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/cmd/bench.h"
#include "user/target/facts.h"

#define TASKS_MIN 4
#define REPEATS 3
#define DEBIAN_PYTHON "/usr/bin/python3" /* version managers put a slow script into PATH */

/* --- lists of words -------------------------------------------------------------------------- */

static const char *keep_word(struct bench_plan *plan, const char *s, size_t len)
{
	char *word = xcalloc(len + 1, 1);

	memcpy(word, s, len);
	vec_push(plan->words, plan->n_words, plan->cap_words) = word;
	return word;
}

struct names {
	const char **items;
	size_t n, cap;
};

/* "a,b,c" */
static int split(struct bench_plan *plan, const char *option, const char *list, struct names *ret)
{
	const char *all = list;

	while (list) {
		size_t len = strcspn(list, ",");

		if (!len)
			return fail(-EINVAL, "--%s %s: an empty name", option, all);
		vec_push(ret->items, ret->n, ret->cap) = keep_word(plan, list, len);
		list = list[len] ? list + len + 1 : NULL;
	}
	return 0;
}

/* --- modes ----------------------------------------------------------------------------------- */

static bool wanted(const struct names *names, const char *name)
{
	if (!names->n)
		return true;
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

static void add_modes(struct bench_group *g, const struct names *names)
{
	for (const struct plan_mode *m = g->experiment->modes; m->name; m++)
		if (wanted(names, m->name) && (!m->splits || g->procs))
			vec_push(g->modes, g->n_modes, g->cap_modes) = m;
}

/* A mode that no experiment has is a slip; one that some do not have is left out there. */
static int check_modes(const struct bench_plan *plan, const struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		struct buf known = { 0 };
		bool found = false;
		int err = 0;

		for (size_t k = 0; k < plan->n; k++)
			for (const struct plan_mode *m = plan->groups[k].experiment->modes; m->name;
			     m++) {
				found = found || !strcmp(m->name, names->items[i]);
				if (!known.len || !strstr(known.data, m->name))
					buf_printf(&known, "%s%s", known.len ? ", " : "", m->name);
			}
		if (!found)
			err = fail(-EINVAL, "no mode '%s' here: there are %s", names->items[i],
				   known.data);
		buf_free(&known);
		if (err)
			return err;
	}
	return 0;
}

/* --- groups ---------------------------------------------------------------------------------- */

static bool uses(const struct experiment *e, const char *placeholder)
{
	for (const char *const *word = e->argv; *word; word++)
		if (strstr(*word, placeholder))
			return true;
	return false;
}

static unsigned default_tasks(void)
{
	uint32_t cpus = facts_cpus_online();

	cpus += cpus % 2; /* so that they can be split */
	return cpus > TASKS_MIN ? cpus : TASKS_MIN;
}

static int need_places(const struct bench_plan *plan, const struct experiment *e)
{
	if (uses(e, "{workload}") && !plan->places.workload)
		return places_missing("the C workloads");
	if (uses(e, "{py}") && !plan->places.py)
		return places_missing("the Python workloads");
	return 0;
}

/* Python 2 among those given is for what needs it only: nothing else runs on it. */
static void set_python2_apart(struct bench_plan *plan, struct names *pythons)
{
	size_t kept = 0;

	for (size_t i = 0; i < pythons->n; i++) {
		const char *slash = strrchr(pythons->items[i], '/');

		if (strncmp(slash ? slash + 1 : pythons->items[i], "python2", 7) != 0)
			pythons->items[kept++] = pythons->items[i];
		else if (!plan->python2)
			plan->python2 = pythons->items[i];
	}
	pythons->n = kept;
}

/* false: the one that it needs is not there. */
static bool add_pythons(struct bench_plan *plan, struct bench_group *g, const struct names *pythons)
{
	const char *name = g->experiment->interpreter;
	char *python;

	if (name && plan->python2) {
		vec_push(g->pythons, g->n_pythons, g->cap_pythons) = plan->python2;
	} else if (name) {
		python = places_python(name, getenv("PATH"), getenv("HOME"));
		if (!python)
			return false;
		vec_push(plan->words, plan->n_words, plan->cap_words) = python;
		vec_push(g->pythons, g->n_pythons, g->cap_pythons) = python;
	} else if (!uses(g->experiment, "{python}")) {
		vec_push(g->pythons, g->n_pythons, g->cap_pythons) = NULL;
	} else {
		for (size_t i = 0; i < pythons->n; i++)
			vec_push(g->pythons, g->n_pythons, g->cap_pythons) = pythons->items[i];
	}
	return true;
}

static int add_group(struct bench_plan *plan, const struct bench_opts *opts,
		     const struct experiment *e, const struct names *modes,
		     const struct names *pythons)
{
	struct bench_group g = { .experiment = e };
	int err = need_places(plan, e);

	if (err)
		return err;
	g.tasks = opts->workers ? opts->workers : e->tasks ? e->tasks : default_tasks();
	if (e == &plan->command && !uses(e, "{n}") && !uses(e, "{threads}"))
		g.tasks = 0; /* only the command knows */
	g.procs = plan_procs(g.tasks);
	g.repeats = opts->repeats ? opts->repeats : plan->suite ? plan->suite->repeats : REPEATS;
	if (e->repeats && e->repeats < g.repeats)
		g.repeats = e->repeats;
	g.scale = opts->scale > 0 ? opts->scale : e->small > 0 ? e->small : 1;
	add_modes(&g, modes);
	if (!add_pythons(plan, &g, pythons)) {
		free(g.modes);
		return 0;
	}
	plan->runs += g.n_modes * g.repeats * g.n_pythons;
	vec_push(plan->groups, plan->n, plan->cap) = g;
	return 0;
}

static int add_suite(struct bench_plan *plan, const struct bench_opts *opts,
		     const struct names *modes, const struct names *pythons)
{
	struct buf known = { 0 };
	int err = 0;

	plan->suite = plan_find_suite(opts->suite);
	if (!plan->suite) {
		for (const struct suite *s = plan_suites; s->name; s++)
			buf_printf(&known, "%s%s", known.len ? ", " : "", s->name);
		err = fail(-EINVAL, "no suite '%s': there %s", opts->suite,
			   known.len ? known.data : "are none");
		buf_free(&known);
		return err;
	}
	for (const struct experiment *e = plan->suite->experiments; !err && e->name; e++)
		err = add_group(plan, opts, e, modes, pythons);
	return err;
}

static const struct experiment *find_experiment(const char *name)
{
	for (const struct experiment *e = plan_experiments; e->name; e++)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static int add_workloads(struct bench_plan *plan, const struct bench_opts *opts,
			 const struct names *modes, const struct names *pythons)
{
	struct names names = { 0 };
	int err = split(plan, "workload", opts->workloads, &names);

	for (size_t i = 0; !err && i < names.n; i++) {
		const struct experiment *e = find_experiment(names.items[i]);

		err = e ? add_group(plan, opts, e, modes, pythons)
			: fail(-EINVAL, "no workload '%s': see parascope bench --list",
			       names.items[i]);
	}
	if (!names.n)
		for (const struct experiment *e = plan_experiments; !err && e->name; e++)
			if (e->usual)
				err = add_group(plan, opts, e, modes, pythons);
	free(names.items);
	return err;
}

/* --- predictions ----------------------------------------------------------------------------- */

static int add_validations(struct bench_plan *plan, const struct bench_opts *opts,
			   const struct names *pythons)
{
	const struct names every_mode = { 0 };
	size_t n = 0;
	int err = 0;

	while (validations[n].name)
		n++;
	plan->validated = xcalloc(n, sizeof(*plan->validated));
	for (size_t i = 0; !err && i < n; i++) {
		if (!validation_experiment(&validations[i], &plan->validated[i]))
			return fail(-EINVAL, "no workload '%s' to be predicted", validations[i].of);
		err = add_group(plan, opts, &plan->validated[i], &every_mode, pythons);
		if (!err)
			plan->groups[plan->n - 1].validation = &validations[i];
	}
	return err;
}

/* --- the user's own command ------------------------------------------------------------------ */

static int check_name(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return name[len] ? fail(-EINVAL, "mode '%s': letters, digits, and . _ - only", name) : 0;
}

static int add_command(struct bench_plan *plan, const struct bench_opts *opts, char **command,
		       const struct names *modes, const struct names *pythons)
{
	struct experiment *e = &plan->command;
	size_t n = modes->n ? modes->n : 1;
	int err = 0;

	*e = (struct experiment){ .name = "command",
				  .title = "",
				  .argv = (const char *const *)command };
	if (uses(e, "{mode}") && !modes->n)
		return fail(-EINVAL, "which modes shall {mode} be? --modes seq,threads,procs");
	if (!uses(e, "{mode}") && modes->n > 1)
		return fail(-EINVAL, "the command does the same in every mode: put {mode} into it");
	plan->own_modes = xcalloc(n + 1, sizeof(*plan->own_modes));
	for (size_t i = 0; !err && i < n; i++) {
		plan->own_modes[i].name = modes->n ? modes->items[i] : "command";
		err = check_name(plan->own_modes[i].name);
	}
	e->modes = plan->own_modes;
	if (!err && opts->workers && !uses(e, "{n}") && !uses(e, "{threads}"))
		err = fail(-EINVAL, "--workers is for {n} in the command, and there is none");
	return err ? err : add_group(plan, opts, e, modes, pythons);
}

/* What has no value shows before anything runs. */
static int check_templates(const struct bench_plan *plan)
{
	int err = 0;

	for (size_t i = 0; i < plan->n; i++) {
		const struct bench_group *g = &plan->groups[i];
		struct plan_values v = {
			.tasks = g->tasks,
			.procs = g->procs,
			.size = 1,
			.scale = 1,
			.time_ns = 1,
			.result = "",
			.workload = plan->places.workload,
			.python = "",
			.py = plan->places.py,
		};

		for (size_t k = 0; !err && k < g->n_modes; k++) {
			char **argv = NULL;

			v.mode = g->modes[k];
			err = plan_expand(g->experiment->argv, &v, &argv);
			plan_argv_free(argv);
		}
	}
	return err;
}

/* --- all of it ------------------------------------------------------------------------------- */

static int check_opts(const struct bench_opts *opts, char **command)
{
	if (opts->suite && opts->workloads)
		return fail(-EINVAL, "--suite and --workload exclude each other");
	if (opts->validate &&
	    (*command || opts->suite || opts->workloads || opts->modes || opts->workers))
		return fail(-EINVAL, "--validate has its own programs, modes and workers: leave out "
				     "the command, --suite, --workload, --modes and --workers");
	if (opts->validate && opts->pythons && strchr(opts->pythons, ','))
		return fail(-EINVAL, "--validate takes one interpreter: --python %.*s",
			    (int)strcspn(opts->pythons, ","), opts->pythons);
	if (*command && (opts->suite || opts->workloads))
		return fail(-EINVAL, "a command excludes --suite and --workload");
	return 0;
}

static int choose(struct bench_plan *plan, const struct bench_opts *opts, char **command,
		  const struct names *modes, const struct names *pythons)
{
	int err;

	if (opts->validate)
		err = add_validations(plan, opts, pythons);
	else if (*command)
		err = add_command(plan, opts, command, modes, pythons);
	else if (opts->suite)
		err = add_suite(plan, opts, modes, pythons);
	else
		err = add_workloads(plan, opts, modes, pythons);
	if (!err)
		err = check_modes(plan, modes);
	if (!err && !plan->runs)
		err = fail(-EINVAL,
			   "nothing to run: %u tasks cannot be split into processes of "
			   "threads",
			   plan->n ? plan->groups[0].tasks : 0);
	return err ? err : check_templates(plan);
}

static int find_places(struct bench_plan *plan)
{
	char program[4096];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		return fail(-errno, "cannot read /proc/self/exe: %s", strerror(errno));
	program[n] = '\0';
	places_find(&plan->places, program, getenv("PARASCOPE_WORKLOADS"));
	return 0;
}

int bench_plan(struct bench_plan *ret, const struct bench_opts *opts, char **command)
{
	struct names modes = { 0 }, pythons = { 0 };
	int err = check_opts(opts, command);

	if (!err)
		err = find_places(ret);
	if (!err)
		err = split(ret, "modes", opts->modes, &modes);
	if (!err)
		err = split(ret, "python", opts->pythons, &pythons);
	if (!*command)
		set_python2_apart(ret, &pythons);
	if (!pythons.n)
		vec_push(pythons.items, pythons.n, pythons.cap) =
			access(DEBIAN_PYTHON, X_OK) ? "python3" : DEBIAN_PYTHON;
	if (!err)
		err = choose(ret, opts, command, &modes, &pythons);
	free(modes.items);
	free(pythons.items);
	return err;
}

void bench_plan_free(struct bench_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		free(plan->groups[i].modes);
		free(plan->groups[i].pythons);
	}
	free(plan->groups);
	for (size_t i = 0; i < plan->n_words; i++)
		free(plan->words[i]);
	free(plan->words);
	free(plan->own_modes);
	free(plan->validated);
	places_free(&plan->places);
}
