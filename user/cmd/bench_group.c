// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_group.c - one experiment: calibrate, run all modes in turn; see bench.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/cmd/bench.h"

#define CALIBRATIONS 16 /* runs at most */
#define AGAIN_IF_LOST 2 /* tries more, if a busy machine made us lose records */

struct group {
	struct runner *r;
	const struct bench_opts *opts;
	const struct bench_plan *plan;
	const struct bench_group *g;
	struct ledger *l;
	struct bench_progress *progress;
	size_t first; /* of its blocks in the ledger */
	uint64_t size;
	char why[160]; /* it could not be calibrated */
};

static uint64_t wanted_ns(const struct group *x)
{
	return (uint64_t)((double)x->opts->time_ns * x->g->scale);
}

static struct plan_values values(const struct group *x, const struct plan_mode *mode,
				 const char *python)
{
	return (struct plan_values){
		.mode = mode,
		.tasks = x->g->tasks,
		.procs = x->g->procs,
		.size = x->size,
		.scale = x->g->scale,
		.time_ns = wanted_ns(x),
		.result = runner_result_path(x->r),
		.workload = x->plan->places.workload,
		.python = python,
		.py = x->plan->places.py,
	};
}

/* --- calibration ----------------------------------------------------------------------------- */

static int try_size(struct group *x, uint64_t *ret_ns)
{
	const struct experiment *e = x->g->experiment;
	struct plan_values v = values(x, &e->modes[0], x->g->pythons[0]);
	struct runner_job job = { .told = e->told };
	struct runner_answer answer;
	char **argv;
	int err = plan_expand(e->argv, &v, &argv);

	if (err)
		return err;
	job.argv = argv;
	err = runner_try(x->r, &job, &answer);
	if (!err && answer.run.failed)
		snprintf(x->why, sizeof(x->why), "%s", answer.run.why);
	else if (!err && !(answer.told.wall_ns > 0))
		snprintf(x->why, sizeof(x->why), "it does not tell how long it took");
	else if (!err)
		*ret_ns = (uint64_t)answer.told.wall_ns;
	buf_free(&answer.text);
	plan_argv_free(argv);
	return err;
}

/* The size at which the first mode runs for as long as wanted; all modes then have it. */
static int calibrate(struct group *x)
{
	const struct experiment *e = x->g->experiment;

	x->size = (uint64_t)fmax(1, e->calibrate ? e->size : round(e->size * x->g->scale));
	for (int i = 0; e->calibrate && i < CALIBRATIONS; i++) {
		uint64_t took_ns = 0, next;
		int err;

		bench_progress(x->progress, "%s: how much work is %.3g s?", e->name,
			       (double)wanted_ns(x) / 1e9);
		err = try_size(x, &took_ns);
		if (err || x->why[0])
			return err;
		next = plan_next_size(x->size, took_ns, wanted_ns(x));
		if (next == x->size)
			break;
		x->size = next;
	}
	return 0;
}

/* --- runs ------------------------------------------------------------------------------------ */

static void know_python(struct ledger_block *b, const struct result *told)
{
	struct buf text = { 0 };

	if (b->python || !told->python[0])
		return;
	escape_add(&text, told->python, strlen(told->python), ESCAPE_NO_LIMIT, true);
	if (told->free_threaded == 1)
		buf_puts(&text, " free-threaded");
	b->python = text.data;
	b->gil = told->gil;
}

static char *kept_path(const struct group *x, const struct ledger_block *b, const char *mode,
		       size_t repeat, const char *suffix)
{
	struct buf path = { 0 };

	buf_printf(&path, "%s/%s-", x->opts->keep, x->g->experiment->name);
	if (x->g->n_pythons > 1)
		buf_printf(&path, "%zu-", (size_t)(b - x->l->blocks) - x->first + 1);
	buf_printf(&path, "%s-%zu.%s", mode, repeat + 1, suffix);
	return path.data;
}

static int keep_result(const char *path, const struct buf *text)
{
	struct outfile *f;
	int err = outfile_open(&f, "result", path, false);

	if (!err)
		err = outfile_write(f, text->data, text->len);
	if (!err)
		err = outfile_commit(f);
	outfile_close(f);
	return err;
}

static int run_one(struct group *x, struct ledger_block *b, const struct plan_mode *mode,
		   const char *python, struct ledger_run *ret, size_t repeat)
{
	const struct experiment *e = x->g->experiment;
	struct plan_values v = values(x, mode, python);
	struct runner_job job = { .told = e->told };
	struct runner_answer answer = { 0 };
	char **argv = NULL, *trace = NULL, *truth = NULL;
	int err = plan_expand(e->argv, &v, &argv);

	if (err)
		return err;
	if (x->opts->keep) {
		trace = kept_path(x, b, mode->name, repeat, "trace");
		truth = kept_path(x, b, mode->name, repeat, "json");
	}
	job.argv = argv;
	job.save = trace;
	if (x->g->validation && mode == x->g->modes[0])
		job.question = x->g->validation->question;
	for (int again = 0; !err && again <= AGAIN_IF_LOST; again++) {
		buf_free(&answer.text);
		answer = (struct runner_answer){ 0 };
		err = runner_watch(x->r, &job, &answer);
		if (!answer.lost)
			break;
	}
	if (!err) {
		*ret = answer.run;
		know_python(b, &answer.told);
		if (answer.ceiling > 0)
			b->ceiling = answer.ceiling;
	}
	if (!err && truth && answer.text.len)
		err = keep_result(truth, &answer.text);
	buf_free(&answer.text);
	plan_argv_free(argv);
	free(trace);
	free(truth);
	return err;
}

static void add_blocks(struct group *x)
{
	const struct bench_group *g = x->g;

	x->first = x->l->n_blocks;
	for (size_t i = 0; i < g->n_pythons; i++) {
		struct ledger_block *b =
			ledger_add(x->l, g->experiment, g->modes, g->n_modes, g->repeats);

		b->validation = g->validation;
		b->path = g->pythons[i] ? xstrdup(g->pythons[i]) : NULL;
		b->tasks = g->tasks;
		b->procs = g->procs;
		b->size = x->size;
		b->scale = g->scale;
	}
}

static void all_failed(const struct group *x)
{
	for (size_t i = x->first; i < x->l->n_blocks; i++)
		for (size_t k = 0; k < x->l->blocks[i].n_rows; k++)
			for (size_t n = 0; n < x->l->blocks[i].rows[k].n_runs; n++) {
				struct ledger_run *run = &x->l->blocks[i].rows[k].runs[n];

				run->failed = true;
				snprintf(run->why, sizeof(run->why), "%s", x->why);
			}
}

/* Interpreters take turns as modes do. */
static int run_all(struct group *x)
{
	const struct bench_group *g = x->g;
	size_t n_rows = g->n_modes * g->n_pythons, n = n_rows * g->repeats;
	struct plan_run *order = xcalloc(n, sizeof(*order));
	int err = 0;

	plan_order(order, n_rows, g->repeats);
	for (size_t i = 0; !err && i < n; i++) {
		size_t python = order[i].mode / g->n_modes, mode = order[i].mode % g->n_modes;
		struct ledger_block *b = &x->l->blocks[x->first + python];

		bench_progress(x->progress, "%s: %s, run %zu of %u", g->experiment->name,
			       g->modes[mode]->name, order[i].repeat + 1, g->repeats);
		err = run_one(x, b, g->modes[mode], g->pythons[python],
			      &b->rows[mode].runs[order[i].repeat], order[i].repeat);
		x->progress->done++;
	}
	free(order);
	return err;
}

int bench_group(struct runner *r, const struct bench_opts *opts, const struct bench_plan *plan,
		const struct bench_group *g, struct ledger *l, struct bench_progress *p)
{
	struct group x = { .r = r, .opts = opts, .plan = plan, .g = g, .l = l, .progress = p };
	int err = calibrate(&x);

	add_blocks(&x);
	if (err)
		return err;
	if (!x.why[0])
		return run_all(&x);
	all_failed(&x);
	p->done += g->n_modes * g->repeats * g->n_pythons;
	return 0;
}
