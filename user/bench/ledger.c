// SPDX-License-Identifier: GPL-2.0-or-later
/* ledger.c - from runs to rows; see ledger.h.  The words are in ledger_say.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/figures.h"
#include "user/bench/ledger.h"
#include "user/bench/ledger_say.h"

const struct ledger_figure_info ledger_figures[FIGURE_COUNT] = {
	[FIGURE_WALL] = { "wall_ns", "wall", UNIT_NS,
			  "how long it took, by the program's own clock if it tells, else its "
			  "life" },
	[FIGURE_LIFE] = { "life_ns", "life", UNIT_NS,
			  "from exec to the end of its last process, its start included" },
	[FIGURE_WORK] = { "work", "work", UNIT_COUNT, "units of work done, as the program tells" },
	[FIGURE_USER] = { "user_ns", "user", UNIT_NS, "CPU time in the programs" },
	[FIGURE_SYS] = { "sys_ns", "sys", UNIT_NS, "CPU time in the kernel for them" },
	[FIGURE_CPU] = { "cpu_ns", "cpu", UNIT_NS, "user + sys" },
	[FIGURE_CPUS] = { "cpus", "CPUs", UNIT_CPUS, "CPUs used on average" },
	[FIGURE_SPEEDUP] = { "speedup", "speed-up", UNIT_RATIO,
			     "against the first mode, run by run" },
	[FIGURE_EFFICIENCY] = { "efficiency", "eff.", UNIT_SHARE,
				"speed-up for each CPU that it could use" },
	[FIGURE_GIL] = { "gil_share", "GIL", UNIT_SHARE,
			 "waiting for the GIL, of the time threads wanted to run" },
	[FIGURE_LOCK] = { "lock_share", "lock", UNIT_SHARE, "waiting for locks, of the same" },
	[FIGURE_QUEUE] = { "queue_share", "queue", UNIT_SHARE,
			   "waiting for a free CPU, of the same" },
	[FIGURE_OVERLAP] = { "overlap_share", "2+ run", UNIT_SHARE,
			     "of the life, with two or more threads on a CPU" },
	[FIGURE_CREATE] = { "create_ns", "made", UNIT_NS,
			    "a worker: from the call that makes it to its first instruction" },
	[FIGURE_FIRST_CPU] = { "first_cpu_ns", "on CPU", UNIT_NS,
			       "a worker: from its birth until it is first on a CPU" },
	[FIGURE_FIRST_WORK] = { "first_work_ns", "start", UNIT_NS,
				"a worker: from the call that makes it until it begins its work" },
	[FIGURE_PSS] = { "pss_bytes", "memory", UNIT_BYTES,
			 "peak of all processes, shared pages counted once (PSS)" },
	[FIGURE_USS] = { "uss_bytes", "private", UNIT_BYTES,
			 "peak of all pages that only one process has (USS)" },
	[FIGURE_COPIED] = { "copied_bytes", "copied", UNIT_BYTES,
			    "shared at fork and copied since (copy on write)" },
	[FIGURE_IPC_BYTES] = { "ipc_bytes", "IPC", UNIT_BYTES,
			       "sent between processes, as the program tells" },
	[FIGURE_IPC_NS] = { "ipc_ns", "IPC time", UNIT_NS, "time spent in that" },
	[FIGURE_SWITCHES] = { "switches", "switches", UNIT_COUNT, "context switches" },
	[FIGURE_FUTEX] = { "futex_calls", "futex", UNIT_COUNT, "futex calls" },
	[FIGURE_HANDOFFS] = { "handoffs", "hand-offs", UNIT_COUNT,
			      "how often the GIL went to another thread" },
	[FIGURE_HALF] = { "half_share", "half", UNIT_SHARE,
			  "of the wall, when the last worker had done half of its work" },
	[FIGURE_MAIN] = { "main_share", "main", UNIT_SHARE,
			  "of the wall, when the main thread had nothing more to do" },
	[FIGURE_OTHERS] = { "others_cpus", "others", UNIT_CPUS,
			    "CPUs that everything else on this machine used meanwhile" },
};

const char *const ledger_claim_status[] = {
	[CLAIM_CONFIRMED] = "confirmed",
	[CLAIM_REFUTED] = "refuted",
	[CLAIM_NOT_TESTABLE] = "not testable",
};

struct ledger *ledger_new(void)
{
	return xcalloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_blocks; i++) {
		struct ledger_block *b = &l->blocks[i];

		for (size_t k = 0; k < b->n_rows; k++)
			free(b->rows[k].runs);
		free(b->rows);
		free(b->python);
		free(b->path);
	}
	free(l->blocks);
	free(l->claims);
	free(l->command);
	free(l);
}

struct ledger_block *ledger_add(struct ledger *l, const struct experiment *e,
				const struct plan_mode *const *modes, size_t n_modes,
				size_t repeats)
{
	struct ledger_block *b = &vec_push(l->blocks, l->n_blocks, l->cap_blocks);

	b->experiment = e;
	b->gil = -1;
	b->rows = xcalloc(n_modes, sizeof(*b->rows));
	b->n_rows = n_modes;
	for (size_t i = 0; i < n_modes; i++) {
		b->rows[i].mode = modes[i]->name;
		b->rows[i].runs = xcalloc(repeats, sizeof(*b->rows[i].runs));
		b->rows[i].n_runs = repeats;
		for (size_t k = 0; k < repeats; k++)
			figures_clear(&b->rows[i].runs[k]);
	}
	return b;
}

/* --- arithmetic ------------------------------------------------------------------------------ */

/* How fast a run was: the work of an experiment is fixed, or its time is. */
static double speed(const struct ledger_block *b, const struct ledger_run *run)
{
	double wall = run->figure[FIGURE_WALL];
	double work = b->experiment->by_time ? run->figure[FIGURE_WORK] : 1;

	return run->done && wall > 0 ? work / wall : NAN;
}

static double usable_cpus(const struct ledger_block *b)
{
	if (!(b->ceiling > 0))
		return NAN;
	return b->tasks && b->tasks < b->ceiling ? b->tasks : b->ceiling;
}

/* Against the first row, run by run: both saw the machine at about the same time. */
static void compare(const struct ledger_block *b, struct ledger_row *row)
{
	const struct ledger_row *first = &b->rows[0];
	double *ours = xcalloc(row->n_runs, sizeof(*ours));
	double *theirs = xcalloc(row->n_runs, sizeof(*theirs));
	double cpus = usable_cpus(b);
	struct stats_interval *ret = &row->figure[FIGURE_SPEEDUP];

	for (size_t i = 0; i < row->n_runs; i++) {
		ours[i] = speed(b, &row->runs[i]);
		theirs[i] = i < first->n_runs ? speed(b, &first->runs[i]) : NAN;
		row->runs[i].figure[FIGURE_SPEEDUP] = ours[i] / theirs[i];
		row->runs[i].figure[FIGURE_EFFICIENCY] = ours[i] / theirs[i] / cpus;
	}
	*ret = stats_ratio(ours, theirs, row->n_runs);
	if (ret->n && !isnan(cpus))
		row->figure[FIGURE_EFFICIENCY] =
			(struct stats_interval){ ret->value / cpus, ret->low / cpus,
						 ret->high / cpus, ret->n };
	free(ours);
	free(theirs);
}

static void add_up(struct ledger_row *row, const struct ledger_run *run)
{
	row->n_failed += run->failed;
	if (!run->done)
		return;
	row->n_done++;
	for (size_t i = 0; i < STATE_COUNT; i++)
		row->state_ns[i] += (double)run->state_ns[i];
	for (size_t i = 0; i < LEDGER_STEPS; i++)
		row->running_ns[i] += (double)run->running_ns[i];
}

static enum verdict_code most_frequent(const struct ledger_row *row)
{
	size_t count[VERDICT_COUNT] = { 0 };
	enum verdict_code best = VERDICT_UNCLEAR;

	for (size_t i = 0; i < row->n_runs; i++)
		if (row->runs[i].done && row->runs[i].verdict < VERDICT_COUNT)
			count[row->runs[i].verdict]++;
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		if (count[i] > count[best])
			best = (enum verdict_code)i;
	return best;
}

static void finish_row(struct ledger_row *row)
{
	double *values = xcalloc(row->n_runs, sizeof(*values));

	row->n_done = row->n_failed = 0;
	memset(row->state_ns, 0, sizeof(row->state_ns));
	memset(row->running_ns, 0, sizeof(row->running_ns));
	for (size_t i = 0; i < row->n_runs; i++)
		add_up(row, &row->runs[i]);
	for (size_t i = 0; row->n_done && i < STATE_COUNT; i++)
		row->state_ns[i] /= (double)row->n_done;
	for (size_t i = 0; row->n_done && i < LEDGER_STEPS; i++)
		row->running_ns[i] /= (double)row->n_done;
	for (size_t f = 0; f < FIGURE_COUNT; f++) {
		for (size_t i = 0; i < row->n_runs; i++)
			values[i] = row->runs[i].done ? row->runs[i].figure[f] : NAN;
		row->figure[f] = stats_median(values, row->n_runs);
	}
	row->verdict = most_frequent(row);
	free(values);
}

void ledger_finish(struct ledger *l)
{
	l->n_failed = 0;
	for (size_t i = 0; i < l->n_blocks; i++) {
		struct ledger_block *b = &l->blocks[i];

		for (size_t k = 0; k < b->n_rows; k++) {
			finish_row(&b->rows[k]);
			l->n_failed += b->rows[k].n_failed;
		}
		for (size_t k = 0; b->n_rows > 1 && k < b->n_rows; k++)
			compare(b, &b->rows[k]);
		ledger_say(b);
	}
}

/* --- questions ------------------------------------------------------------------------------- */

const struct ledger_block *ledger_block(const struct ledger *l, const char *experiment)
{
	for (size_t i = 0; i < l->n_blocks; i++)
		if (!strcmp(l->blocks[i].experiment->name, experiment))
			return &l->blocks[i];
	return NULL;
}

const struct ledger_row *ledger_row(const struct ledger_block *b, const char *mode)
{
	for (size_t i = 0; b && i < b->n_rows; i++)
		if (!strcmp(b->rows[i].mode, mode))
			return &b->rows[i];
	return NULL;
}

bool ledger_get(const struct ledger_row *row, enum ledger_figure f, struct stats_interval *ret)
{
	if (!row || !row->figure[f].n)
		return false;
	*ret = row->figure[f];
	return true;
}

bool ledger_ratio(const struct ledger_row *a, const struct ledger_row *b, enum ledger_figure f,
		  struct stats_interval *ret)
{
	size_t n = a && b ? (a->n_runs < b->n_runs ? a->n_runs : b->n_runs) : 0;
	double *x = xcalloc(n + 1, sizeof(*x)), *y = xcalloc(n + 1, sizeof(*y));

	for (size_t i = 0; i < n; i++) {
		x[i] = a->runs[i].done ? a->runs[i].figure[f] : NAN;
		y[i] = b->runs[i].done ? b->runs[i].figure[f] : NAN;
	}
	*ret = stats_ratio(x, y, n);
	free(x);
	free(y);
	return ret->n > 0;
}

struct ledger_claim *ledger_claim(struct ledger *l, const char *id, const char *words,
				  const char *theirs)
{
	struct ledger_claim *c = &vec_push(l->claims, l->n_claims, l->cap_claims);

	*c = (struct ledger_claim){
		.id = id, .words = words, .theirs = theirs, .status = CLAIM_NOT_TESTABLE
	};
	return c;
}
