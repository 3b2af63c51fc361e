// SPDX-License-Identifier: GPL-2.0-or-later
/* experiments.c - what --workload can name, and the suites; see plan.h. */
#include "user/bench/classic.h"
#include "user/bench/plan.h"

#define MODE(...) WORDS("--tasks", "{n}", "--mode", __VA_ARGS__)
#define BOTH MODE("both", "--procs", "{procs}")

const struct plan_mode plan_native_modes[] = {
	{ .name = "seq", .args = MODE("seq") },
	{ .name = "threads", .args = MODE("threads") },
	{ .name = "procs", .args = MODE("procs") },
	{ .name = "both", .args = BOTH, .splits = true },
	{ 0 },
};

const struct plan_mode plan_python_modes[] = {
	{ .name = "seq", .args = MODE("seq") },
	{ .name = "threads", .args = MODE("threads") },
	{ .name = "fork", .args = MODE("procs", "--start-method", "fork") },
	{ .name = "spawn", .args = MODE("procs", "--start-method", "spawn") },
	{ .name = "forkserver", .args = MODE("procs", "--start-method", "forkserver") },
	{ .name = "pool", .args = MODE("pool") },
	{ .name = "both", .args = BOTH, .splits = true },
	{ 0 },
};

/* Without sequential: the program has something to share. */
static const struct plan_mode lock_modes[] = {
	{ .name = "threads", .args = WORDS("--workers", "{n}", "--mode", "threads") },
	{ .name = "fork", .args = WORDS("--workers", "{n}", "--mode", "procs") },
	{ 0 },
};

#define NATIVE(kind, first, ...)                                                                   \
	.name = kind, .told = TOLD_TRUTH, .modes = plan_native_modes, .size = (first),             \
	.calibrate = true,                                                                         \
	.argv = WORDS("{workload}", kind, "{args}", "--count", "{size}", "--truth", "{result}",    \
		      ##__VA_ARGS__)

#define PYTHON(called, script, first, ...)                                                         \
	.modes = plan_python_modes, PYTHON_IN_ANY(called, script, first, ##__VA_ARGS__)
#define PYTHON_IN_ANY(called, script, first, ...)                                                  \
	.name = called, .told = TOLD_PYTHON, .size = (first),                                      \
	.calibrate = true,                                                                         \
	.argv = WORDS("{python}", "{py}/" script, "{args}", "--result", "{result}", ##__VA_ARGS__)

const struct experiment plan_experiments[] = {
	{ NATIVE("cpu", 50), .usual = true, .title = "C: a countdown, nothing shared" },
	{ NATIVE("sum", 50), .title = "C: adding up numbers" },
	{ NATIVE("random", 5), .title = "C: a growing array of random numbers" },
	{ NATIVE("io", 3), .usual = true, .title = "C: sleeps of 10 ms" },
	{ NATIVE("mixed", 10), .title = "C: compute, sleep, compute under one mutex" },
	{ NATIVE("mutex", 50), .title = "C: half of the work under one mutex" },
	{ NATIVE("gil", 200), .usual = true,
	  .title = "C: a countdown under a lock built like Python's GIL" },
	{ PYTHON("countdown", "countdown.py", 200000, "--size", "{size}"), .usual = true,
	  .title = "Python: counting down to zero" },
	{ PYTHON("heavysum", "heavysum.py", 200000, "--size", "{size}"),
	  .title = "Python: adding up numbers" },
	{ PYTHON("randomlist", "randomlist.py", 1, "--size", "100000", "--repeats", "{size}"),
	  .title = "Python: lists of random numbers" },
	{ PYTHON("pymixed", "mixed.py", 1, "--repeats", "{size}"),
	  .title = "Python: counting and sleeping in turn" },
	{ PYTHON_IN_ANY("pylock", "locks.py", 100, "--kind", "lock", "--size", "{size}"),
	  .modes = lock_modes, .title = "Python: half of the work under one lock" },
	{ PYTHON("hashing", "hashing.py", 10, "--size", "{size}"),
	  .title = "Python: hashing in C, which releases the GIL" },
	{ PYTHON("sleep", "sleep.py", 1, "--scale", "0.01", "--size", "{size}"), .usual = true,
	  .title = "Python: sleeping" },
	{ 0 },
};

const struct suite plan_suites[] = {
	{ .name = "classic",
	  .summary = CLASSIC_SUMMARY,
	  .experiments = classic_experiments,
	  .repeats = CLASSIC_REPEATS,
	  .judge = classic_judge },
	{ 0 },
};
