// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * classic.c - what the suite runs; see classic.h.  Sizes are the articles'.  What --scale small
 * makes of them takes the first mode half a second to two on a CPU of 2020, and a sleep is long
 * enough that starting a process is less than 3 % of it.
 */
#include "user/bench/classic.h"

#define MODE(script_mode) "--mode", script_mode, "--tasks", "{n}"

/* clang-format off */
#define SEQ	{ .name = "seq", .args = WORDS(MODE("seq")) }
#define THREADS { .name = "threads", .args = WORDS(MODE("threads")) }
#define FORK	{ .name = "fork", .args = WORDS(MODE("procs"), "--start-method", "fork") }
#define FORK_2	{ .name = "fork", .args = WORDS(MODE("procs")) } /* Python 2 has no other */
#define BOTH	{ .name = "both", .args = WORDS(MODE("both"), "--procs", "{procs}"), .splits = true }
/* clang-format on */

static const struct plan_mode all_three[] = { SEQ, THREADS, FORK, { 0 } };
static const struct plan_mode threads_and_fork[] = { THREADS, FORK, { 0 } };
static const struct plan_mode with_both[] = { SEQ, THREADS, BOTH, { 0 } };
static const struct plan_mode python2_modes[] = { SEQ, THREADS, FORK_2, { 0 } };

static const struct plan_mode pool_modes[] = {
	{ .name = "threads", .args = WORDS("--mode", "threads") },
	{ .name = "procs", .args = WORDS("--mode", "procs") },
	{ 0 },
};

static const struct plan_mode loop_modes[] = {
	{ .name = "joined" },
	{ .name = "unjoined", .args = WORDS("--no-join") },
	{ 0 },
};

static const struct plan_mode held_modes[] = {
	{ .name = "held" },
	{ .name = "released", .args = WORDS("--cdll") },
	{ 0 },
};

static const struct plan_mode lock_modes[] = {
	{ .name = "lock" },
	{ .name = "no-lock", .args = WORDS("--no-lock") },
	{ 0 },
};

#define TWIN(script, ...)                                                                          \
	.told = TOLD_PYTHON,                                                                       \
	.argv = WORDS("{python}", "{py}/" script, "{args}", "--result", "{result}", __VA_ARGS__)

/* In two parts, so that each task can tell when it had done half of its work. */
#define COUNTDOWN(called, num)                                                                     \
	.name = called, .tasks = 2, .size = (num), .small = 0.05,                                  \
	TWIN("countdown.py", "--size", "{size}", "--parts", "2")

#define SLEEP_MS "--scale", "0.001", "--size", "{size}"

const struct experiment classic_experiments[] = {
	{ COUNTDOWN("countdown-240m", 240e6), .modes = all_three,
	  .title = "002: two countdowns from 240 million" },
	{ COUNTDOWN("countdown-120m", 120e6), .modes = threads_and_fork,
	  .title = "002: the same, half as long" },
	{ COUNTDOWN("countdown-60m", 60e6), .modes = threads_and_fork,
	  .title = "002: the same, a quarter" },
	{ COUNTDOWN("countdown-30m", 30e6), .modes = threads_and_fork,
	  .title = "002: the same, an eighth" },
	{ .name = "sleep-10s",
	  .title = "002: two tasks that sleep 10 s",
	  .tasks = 2,
	  .repeats = 3,
	  .modes = all_three,
	  .size = 10000,
	  .small = 0.1,
	  TWIN("sleep.py", SLEEP_MS) },
	{ .name = "sleep-2s",
	  .title = "001: two tasks that sleep 2 s",
	  .tasks = 2,
	  .repeats = 3,
	  .modes = threads_and_fork,
	  .size = 2000,
	  .small = 0.5,
	  TWIN("sleep.py", SLEEP_MS) },
	{ .name = "heavysum-10m",
	  .title = "001: two sums of the numbers below 10 million",
	  .tasks = 2,
	  .modes = all_three,
	  .size = 10e6,
	  TWIN("heavysum.py", "--size", "{size}") },
	{ .name = "lists-100k",
	  .title = "003: four lists of 100,000 random numbers",
	  .tasks = 4,
	  .modes = all_three,
	  .size = 1,
	  .note = "the article's size: at today's speed the start of workers decides",
	  TWIN("randomlist.py", "--repeats", "{size}") },
	{ .name = "lists",
	  .title = "003: the same, a hundred times each",
	  .tasks = 4,
	  .modes = all_three,
	  .size = 100,
	  .small = 0.3,
	  TWIN("randomlist.py", "--repeats", "{size}") },
	{ .name = "lists-python2",
	  .title = "003: the same in Python 2, as the article ran it",
	  .tasks = 4,
	  .modes = python2_modes,
	  .size = 100,
	  .small = 0.2,
	  .interpreter = "python2.7",
	  TWIN("randomlist2.py", "--repeats", "{size}") },
	{ .name = "pools-of-10",
	  .title = "000: pools of 10 on endless loops",
	  .tasks = 10,
	  .modes = pool_modes,
	  .size = 1,
	  .by_time = true,
	  TWIN("pools.py", "--workers", "{n}", "--time", "{time}") },
	{ .name = "countdown-200m",
	  .title = "004: four countdowns from 200 million",
	  .tasks = 4,
	  .modes = with_both,
	  .size = 200e6,
	  .small = 0.03,
	  TWIN("countdown.py", "--size", "{size}") },
	{ .name = "loops",
	  .title = "000: two loops that sleep 10 s and 2 s, five times",
	  .tasks = 2,
	  .repeats = 3,
	  .modes = loop_modes,
	  .size = 1,
	  .small = 0.02,
	  TWIN("loops.py", "--scale", "{scale}") },
	{ .name = "hashing",
	  .title = "counter-case: work in C that releases the GIL",
	  .tasks = 2,
	  .modes = all_three,
	  .size = 1000,
	  .small = 0.3,
	  TWIN("hashing.py", "--size", "{size}") },
	{ .name = "gil-held",
	  .title = "counter-case: a sleep in C with the GIL held",
	  .tasks = 2,
	  .modes = held_modes,
	  .size = 500000,
	  .small = 0.3,
	  TWIN("gilheld.py", "--size", "{size}") },
	{ .name = "one-lock",
	  .title = "counter-case: processes that share one lock",
	  .tasks = 2,
	  .modes = lock_modes,
	  .size = 20000,
	  .small = 0.2,
	  TWIN("locks.py", "--mode", "procs", "--workers", "{n}", "--size", "{size}") },
	{ 0 },
};
