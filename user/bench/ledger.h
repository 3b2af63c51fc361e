/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger.h - what a bench has to say: a table for each experiment, a row a mode, a column a figure.
 * The contract between the measuring, the suites and the renderers.
 *
 * A figure that is not known is absent, never 0.  A run that failed has its reason and no figures.
 * Strings come from programs and files: raw, a renderer escapes them.
 */
#ifndef PARASCOPE_BENCH_LEDGER_H
#define PARASCOPE_BENCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/analysis/costs.h"
#include "user/analysis/report.h"
#include "user/base/stats.h"
#include "user/bench/plan.h"

enum ledger_figure {
	FIGURE_WALL, /* ns: of the program's own clock if it tells, else FIGURE_LIFE */
	FIGURE_LIFE, /* ns: of the command, exec to end, as we saw it */
	FIGURE_WORK, /* units of work done, as told */
	FIGURE_USER, /* ns of CPU, life of all processes */
	FIGURE_SYS,
	FIGURE_CPU,	   /* user + sys */
	FIGURE_CPUS,	   /* CPUs used: on CPU / life */
	FIGURE_SPEEDUP,	   /* of wall (by_time: of work per time) against the first mode */
	FIGURE_EFFICIENCY, /* speed-up for each CPU that it could use */
	FIGURE_GIL,	   /* shares of the wanted time: on CPU + runnable + lock + gil */
	FIGURE_LOCK,
	FIGURE_QUEUE,	   /* runnable, no CPU free */
	FIGURE_OVERLAP,	   /* time with two or more on a CPU, share of the life */
	FIGURE_CREATE,	   /* ns a worker: call that makes it -> its first instruction, as told */
	FIGURE_FIRST_CPU,  /* ns a worker: born -> first on a CPU, as the kernel saw it */
	FIGURE_FIRST_WORK, /* ns a worker: begin of its making -> first useful work, as told */
	FIGURE_PSS,	   /* bytes: peak of all processes together, sampled */
	FIGURE_USS,
	FIGURE_COPIED,	  /* bytes: shared at fork, copied since (copy on write), sampled */
	FIGURE_IPC_BYTES, /* as told */
	FIGURE_IPC_NS,
	FIGURE_SWITCHES, /* context switches */
	FIGURE_FUTEX,	 /* futex calls */
	FIGURE_HANDOFFS, /* of GILs: as the interpreter counts them, else those that were waited for
			  */
	FIGURE_OTHERS,	 /* CPUs that everything else on this machine used meanwhile */
	FIGURE_HALF,	 /* of the wall, when the last worker had done half of its work; as told */
	FIGURE_MAIN,	 /* of the wall, when the main thread had nothing more to do; as told */
	FIGURE_COUNT,
};

#define LEDGER_STEPS 65 /* t_k for k = 0..63; the last one: 64 and above */

enum figure_unit {
	UNIT_NS,
	UNIT_BYTES,
	UNIT_COUNT,
	UNIT_CPUS,
	UNIT_RATIO,
	UNIT_SHARE
};

struct ledger_figure_info {
	const char *key;   /* "wall_ns": JSON */
	const char *label; /* "wall": text, short */
	enum figure_unit unit;
	const char *what; /* one line of explanation */
};
extern const struct ledger_figure_info ledger_figures[FIGURE_COUNT];

/* What a recording was asked (see validate.h), and its answer. */
struct ledger_prediction {
	double recorded_ns;		 /* NaN in all of them: there is no answer */
	double value_ns, low_ns, high_ns;
	char why_not[400]; /* "": there is one, or nothing was asked */
};

struct ledger_run {
	bool done;   /* it ran and was measured: figures are good */
	bool failed; /* it ran badly: why says how */
	char why[160];
	double figure[FIGURE_COUNT];	   /* NaN: not known */
	uint64_t state_ns[STATE_COUNT];	   /* of all threads */
	uint64_t running_ns[LEDGER_STEPS]; /* t_k: time with exactly k threads on a CPU */
	enum verdict_code verdict;
	struct ledger_prediction prediction;
};

struct ledger_row {
	const char *mode;
	struct ledger_run *runs; /* one a repeat; the same index in another row was run beside it */
	size_t n_runs;
	/* over the runs that are done; known where n > 0 */
	struct stats_interval figure[FIGURE_COUNT];
	double state_ns[STATE_COUNT]; /* means */
	double running_ns[LEDGER_STEPS];
	size_t n_done, n_failed;
	enum verdict_code verdict; /* of most runs */
};

struct validation;

struct ledger_block {
	const struct experiment *experiment;
	const struct validation *validation; /* that it is, NULL: none */
	char *python; /* version as told, with "free-threaded" where it is; NULL: no Python */
	char *path;   /* of the interpreter; NULL */
	int gil;      /* it has its GIL on: 1, 0; -1: not known */
	unsigned tasks, procs;
	uint64_t size;
	double scale;
	double ceiling; /* CPUs that its programs could use; 0: not known */
	struct ledger_row *rows;
	size_t n_rows;
	char verdict[480]; /* in words, one line */
};

enum claim_status {
	CLAIM_CONFIRMED,
	CLAIM_REFUTED,
	CLAIM_NOT_TESTABLE
};
extern const char *const ledger_claim_status[]; /* "confirmed", … */

struct ledger_claim {
	const char *id;	    /* "002-b" */
	const char *words;  /* the article's claim */
	const char *theirs; /* its numbers, "" if it has none */
	char ours[160];	    /* ours, "" if we have none */
	enum claim_status status;
	char evidence[320]; /* one or two sentences */
};

struct ledger {
	const char *suite; /* NULL: none */
	char *command;	   /* of bench -- CMD; NULL */
	char kernel[64], version[32];
	uint32_t cpus;
	unsigned repeats;
	int64_t realtime_ns; /* CLOCK_REALTIME of the begin */
	struct host_costs costs;
	struct ledger_block *blocks;
	size_t n_blocks, cap_blocks;
	struct ledger_claim *claims;
	size_t n_claims, cap_claims;
	bool incomplete; /* ended early */
	bool lean;	 /* watched so: futex calls are not known */
	size_t n_failed; /* runs */
};

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);

/* A new block whose rows have no runs yet; the pointer is good until the next one. */
struct ledger_block *ledger_add(struct ledger *l, const struct experiment *e,
				const struct plan_mode *const *modes, size_t n_modes,
				size_t repeats);

/* From the runs to rows, speed-ups and the verdicts in words. */
void ledger_finish(struct ledger *l);

/* For judges.  NULL if it was not run; the first interpreter's. */
const struct ledger_block *ledger_block(const struct ledger *l, const char *experiment);
const struct ledger_row *ledger_row(const struct ledger_block *b, const char *mode);
/* Is it known?  Then ret is its interval. */
bool ledger_get(const struct ledger_row *row, enum ledger_figure f, struct stats_interval *ret);
/* a / b, paired by repeat; false: not known. */
bool ledger_ratio(const struct ledger_row *a, const struct ledger_row *b, enum ledger_figure f,
		  struct stats_interval *ret);

/* A claim to be filled in; status is CLAIM_NOT_TESTABLE until then. */
struct ledger_claim *ledger_claim(struct ledger *l, const char *id, const char *words,
				  const char *theirs);

#endif
