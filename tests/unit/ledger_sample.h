/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger_sample.h - a ledger made by hand: three modes of one experiment, three runs each, with
 * known ratios; and one with everything that may go wrong in it.
 */
#ifndef LEDGER_SAMPLE_H
#define LEDGER_SAMPLE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/figures.h"
#include "user/bench/ledger.h"

#define MS 1e6

static const struct plan_mode sample_modes[] = {
	{ .name = "seq" },
	{ .name = "threads" },
	{ .name = "fork" },
	{ 0 },
};

static const struct experiment sample_experiment = {
	.name = "countdown",
	.title = "Python: counting down to zero",
	.modes = sample_modes,
	.told = TOLD_PYTHON,
};

static const struct experiment sample_by_time = {
	.name = "pools",
	.title = "pools in an endless loop",
	.modes = sample_modes,
	.told = TOLD_PYTHON,
	.by_time = true,
};

/* A run that took wall_ms, all of it with k threads on a CPU, and waited gil_ms for the GIL. */
static inline void sample_run(struct ledger_run *run, double wall_ms, unsigned k, double gil_ms)
{
	figures_clear(run);
	run->done = true;
	run->figure[FIGURE_WALL] = run->figure[FIGURE_LIFE] = wall_ms * MS;
	run->figure[FIGURE_CPUS] = k;
	run->figure[FIGURE_GIL] = gil_ms / (gil_ms + k * wall_ms);
	run->figure[FIGURE_PSS] = (10.0 + 12.0 * (k - 1)) * (1 << 20);
	run->figure[FIGURE_FIRST_WORK] = k > 1 ? 38 * MS : NAN;
	run->state_ns[STATE_ON_CPU] = (uint64_t)(k * wall_ms * MS);
	run->state_ns[STATE_GIL] = (uint64_t)(gil_ms * MS);
	run->running_ns[k] = (uint64_t)(wall_ms * MS);
	run->verdict = gil_ms > 0 ? VERDICT_GIL_BOUND
		       : k > 1	  ? VERDICT_PARALLEL
				  : VERDICT_SEQUENTIAL;
}

static inline struct ledger_block *sample_block(struct ledger *l, const struct experiment *e,
						size_t repeats)
{
	static const struct plan_mode *const modes[] = { &sample_modes[0], &sample_modes[1],
							 &sample_modes[2] };
	struct ledger_block *b = ledger_add(l, e, modes, 3, repeats);

	b->tasks = 4;
	b->procs = 2;
	b->size = 4000000;
	b->scale = 1;
	b->ceiling = 2;
	return b;
}

/* seq 1000 ms, threads 2 % slower, fork 1.9 times as fast; each with a spread of 1 %. */
static inline struct ledger *ledger_sample(void)
{
	static const double noise[] = { 1.0, 1.01, 0.99 };
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &sample_experiment, 3);

	snprintf(l->kernel, sizeof(l->kernel), "6.1.0");
	snprintf(l->version, sizeof(l->version), "0.1");
	l->cpus = 2;
	l->repeats = 3;
	b->python = xstrdup("3.11.2");
	b->gil = 1;
	for (size_t i = 0; i < 3; i++) {
		sample_run(&b->rows[0].runs[i], 1000 * noise[i], 1, 0);
		sample_run(&b->rows[1].runs[i], 1020 * noise[(i + 1) % 3], 1, 3060);
		sample_run(&b->rows[2].runs[i], 1000 / 1.9 * noise[(i + 2) % 3], 2, 0);
	}
	ledger_finish(l);
	return l;
}

#define HOSTILE "\x1b[31m<b>&\"\xff\xe2\x80\xae</svg>\n"

/* Strings that want to break out, no run that worked, an early end, a claim. */
static inline struct ledger *ledger_hostile(void)
{
	static const struct experiment command = { .name = "command",
						   .title = "",
						   .modes = sample_modes };
	struct ledger *l = ledger_new();
	struct ledger_block *b = sample_block(l, &command, 2);
	struct ledger_claim *c;

	l->repeats = 2;
	l->incomplete = true;
	snprintf(l->version, sizeof(l->version), "0.1");
	l->command = xstrdup(HOSTILE HOSTILE HOSTILE HOSTILE HOSTILE HOSTILE HOSTILE HOSTILE);
	b->python = xstrdup(HOSTILE);
	b->path = xstrdup(HOSTILE);
	b->gil = 0;
	b->rows[0].runs[0].failed = true;
	snprintf(b->rows[0].runs[0].why, sizeof(b->rows[0].runs[0].why), "exit code 1: %s",
		 HOSTILE);
	sample_run(&b->rows[1].runs[0], 0.000001, 1, 0);
	sample_run(&b->rows[1].runs[1], 1e9, 1, 1e9);
	ledger_finish(l);
	c = ledger_claim(l, "000-x", "words", "");
	snprintf(c->evidence, sizeof(c->evidence), "%s", HOSTILE);
	return l;
}

#endif
