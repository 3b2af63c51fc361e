/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h - what a bench runs: experiments, each one program in several modes, and in which order.
 *
 * A mode is a command line made from a template: words are copied, placeholders filled in.
 *
 *	{args}      the mode's own words, each an argument (a word of its own)
 *	{mode}      the mode's name                 {n}        tasks in all
 *	{procs}     processes of mode both          {threads}  threads in each: {n} / {procs}
 *	{size}      the work: integer               {scale}    factor that --scale gives
 *	{time}      seconds that --time gives       {result}   file the program tells its result in
 *	{workload}  path of the C workloads         {python}   interpreter
 *	{py}        folder of the Python twins
 *
 * All modes of an experiment do the same work, in all: {n} tasks of {size}.  So mode both must ask
 * for {procs} processes of {threads} threads.
 *
 *	{ .name = "countdown", .title = "countdown in Python",
 *	  .argv = WORDS("{python}", "{py}/countdown.py", "{args}", "--size", "{size}", "--result",
 *			"{result}"),
 *	  .modes = plan_python_modes, .told = TOLD_PYTHON, .size = 100000, .calibrate = true }
 */
#ifndef PARASCOPE_BENCH_PLAN_H
#define PARASCOPE_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/buf.h"

/* What the program writes to {result}; see result.h for what is read of it. */
enum plan_told {
	TOLD_NOTHING,
	TOLD_TRUTH,  /* parascope-truth/1, the C workloads */
	TOLD_PYTHON, /* parascope-py/1, the Python twins: runs once for each interpreter */
};

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct plan_mode {
	const char *name;	 /* "threads" */
	const char *const *args; /* of {args}; NULL: none */
	bool splits;		 /* both: only if {n} can be split into {procs} x {threads} */
};

/* --mode seq, threads, procs, both; and the same with fork, spawn, forkserver.  End with NULL. */
extern const struct plan_mode plan_native_modes[];
extern const struct plan_mode plan_python_modes[];

struct experiment {
	const char *name;  /* "countdown": --workload, JSON; unique in its plan */
	const char *title; /* a line for people */
	const char *const *argv;
	const struct plan_mode *modes; /* the first is what the others are compared with */
	enum plan_told told;
	unsigned tasks;	  /* {n} if --workers does not say; 0: 4, or as many as there are CPUs */
	double size;	  /* {size} at --scale 1 */
	double small;	  /* the factor of --scale small; 0: 1 */
	bool calibrate;	  /* size is where to begin: grown until the first mode takes --time */
	bool by_time;	  /* runs for {time}: what counts is the work told, not how long it took */
	unsigned repeats; /* at most, 0: what --repeats says */
	bool usual;	  /* bench without --workload runs it */
	const char *interpreter; /* {python} is the first of this name, instead of --python's; NULL:
				    no matter.  Where there is none it is not run */
	const char *note;	 /* what a reader must know about its figures; NULL: nothing */
};

/* Those of --workload; end with a NULL name. */
extern const struct experiment plan_experiments[];

struct ledger;

struct suite {
	const char *name, *summary;
	const struct experiment *experiments; /* end with a NULL name */
	unsigned repeats;		      /* if --repeat does not say */
	/* Fill in the claims (ledger_claim()); what was not run is absent from the ledger. */
	void (*judge)(struct ledger *l);
};

/* End with a NULL name. */
extern const struct suite plan_suites[];
const struct suite *plan_find_suite(const char *name);

/* What the placeholders stand for in one run. */
struct plan_values {
	const struct plan_mode *mode;
	unsigned tasks, procs;
	uint64_t size;
	double scale;
	uint64_t time_ns;
	const char *result, *workload, *python, *py;
};

/*
 * The command line, NULL-terminated; free it with plan_argv_free().  -EINVAL and message: a
 * placeholder that does not exist or has no value here.
 */
int plan_expand(const char *const *argv, const struct plan_values *values, char ***ret);
void plan_argv_free(char **argv);

/* Processes for mode both: the smallest divisor of tasks above 1 that leaves threads; 0: none. */
unsigned plan_procs(unsigned tasks);

/*
 * The order: every repeat runs each mode once, and begins with another one, so that neither drift
 * of the machine nor the place in the row favours one of them.  order has n_modes * repeats.
 */
struct plan_run {
	size_t mode, repeat;
};
void plan_order(struct plan_run *order, size_t n_modes, size_t repeats);

/* The next size to try: a run of size took ns; wanted is where it shall come out.  size: done. */
uint64_t plan_next_size(uint64_t size, uint64_t ns, uint64_t wanted_ns);

#endif
