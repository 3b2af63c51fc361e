/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h - one watching from open to report, shared by attach and run.
 */
#ifndef PARASCOPE_WATCH_H
#define PARASCOPE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/cmd/show.h"
#include "user/model/model.h"

struct host_costs;

struct watch_opts {
	struct show_opts show;
	const struct host_costs *costs; /* of predictions; NULL: measured if they are asked for */
	uint64_t duration_ns; /* 0: until the target ends or a signal comes */
	const char *save;     /* trace file, NULL: none */
	uint64_t ring_bytes;
	uint64_t sample_hz; /* stacks a second of running or waiting, 0: none */
	double max_overhead; /* share of the target's CPU time, 0: whatever it costs */
	bool no_native, debuginfod;
	bool no_children, lean, prog_stats, verbose, quiet;
	bool test_no_storage, test_late, test_unseen;
	bool help;
	/*
	 * For one watching after another: where a loaded session is kept that was left by the one before.
	 * NULL: none.  Whoever gives this closes what is in there at last.
	 */
	struct session **spare;
};

#define WATCH_OPTIONS(type)                                                                        \
	{ "duration", 'd', OPT_DURATION, offsetof(type, watch.duration_ns), "TIME",                \
	  "stop after TIME (10s, 500ms, 2m); Ctrl-C stops earlier", "Session", NULL },             \
	{ "output", 'o', OPT_STRING, offsetof(type, watch.save), "FILE",                           \
	  "save the trace; `parascope report FILE` shows it again", "Session", NULL },             \
	{ "no-children", 0, OPT_FLAG, offsetof(type, watch.no_children), NULL,                     \
	  "do not follow processes that the target forks", "Session", NULL },                      \
	{ "lean", 0, OPT_FLAG, offsetof(type, watch.lean), NULL,                                   \
	  "no system call tracepoints: cheaper, but only waits that slept", "Session", NULL },     \
	{ "ring-size", 0, OPT_CUSTOM, offsetof(type, watch.ring_bytes), "SIZE",                    \
	  "buffer between kernel and parascope (64K-1G, default 8M)", "Session",                   \
	  watch_parse_ring },                                                                      \
	{ "sample-rate", 0, OPT_CUSTOM, offsetof(type, watch.sample_hz), "N",                       \
	  "stacks per second of running or waiting (0-10000, default 99)", "Session",        \
	  watch_parse_rate },                                                                      \
	{ "max-overhead", 0, OPT_CUSTOM, offsetof(type, watch.max_overhead), "PCT",                 \
	  "leave out stacks, then events, above PCT of its CPU time (2%)", "Session",        \
	  watch_parse_overhead },                                                                  \
	{ "no-native", 0, OPT_FLAG, offsetof(type, watch.no_native), NULL,                         \
	  "no native stacks, only those of Python", "Session", NULL },                             \
	{ "debuginfod", 0, OPT_FLAG, offsetof(type, watch.debuginfod), NULL,                       \
	  "ask the servers of $DEBUGINFOD_URLS for debug files", "Session", NULL },                \
	{ "prog-stats", 0, OPT_FLAG, offsetof(type, watch.prog_stats), NULL,                       \
	  "have the kernel time every run of the BPF programs", "Session", NULL },                 \
	{ "quiet", 'q', OPT_FLAG, offsetof(type, watch.quiet), NULL,                               \
	  "no messages but errors", "Session", NULL },                                             \
	{ "verbose", 'v', OPT_FLAG, offsetof(type, watch.verbose), NULL,                           \
	  "also what libbpf says", "Session", NULL },                                              \
	{ "test-no-storage", 0, OPT_FLAG, offsetof(type, watch.test_no_storage), NULL, NULL, NULL, \
	  NULL },                                                                                  \
	{ "test-late", 0, OPT_FLAG, offsetof(type, watch.test_late), NULL, NULL, NULL, NULL },     \
	{ "test-unseen", 0, OPT_FLAG, offsetof(type, watch.test_unseen), NULL, NULL, NULL, NULL }

extern const struct watch_opts watch_defaults;

/* For the table. */
int watch_parse_ring(const char *value, void *field);
int watch_parse_rate(const char *value, void *field);
int watch_parse_overhead(const char *value, void *field);

/* -EINVAL and message if the options make no sense; fd: where a report without --to goes. */
int watch_check(const struct watch_opts *opts, int fd);

struct target_list;
struct watch;

/*
 * Open the files and load everything; no window yet.  Signals are held back from here on, and what
 * they do is up to the caller: see watch_pending(), watch_loop() and watch_wait().
 */
int watch_open(struct watch **ret, const struct watch_opts *opts, bool by_tid, bool command);
/* Load a session of processes into opts->spare, so that what is in the way shows before anything runs. */
int watch_load(const struct watch_opts *opts);
/* A signal that came and is held back, 0: none. */
int watch_pending(const struct watch *w);
/* The one target will be this command, launched by us. */
void watch_launched(struct watch *w, pid_t pid, char *const argv[]);
/* Watch these; then the window opens. */
int watch_start(struct watch *w, const struct target_list *targets);
/*
 * Until the duration is over, a signal comes, all target processes ended, or fd (-1: none) becomes
 * readable.  What a signal does: the first ends the watching; watch_signal() tells which it was.
 */
int watch_loop(struct watch *w, int fd);
int watch_signal(const struct watch *w);
/* Close the window, take the sums; then the target is left alone. */
int watch_stop(struct watch *w);
/* Processes that live, as far as the records have come; ids are appended. */
struct proc_ids;
void watch_list_living(const struct watch *w, struct proc_ids *ret);
/* Instead of watch_report(): save, if wanted, and what is to be said.  The watch must outlive it. */
struct report;
int watch_analyse(struct watch *w, struct report **ret);
/*
 * Save and show.  While the report waits for its reader, signals do what they do by default.  1: an
 * expectation failed.
 */
int watch_report(struct watch *w, int fd);
/* After a failure: leave the target alone at once and remove what was begun to be written. */
void watch_abandon(struct watch *w);
/* Until fd becomes readable (0) or a signal comes (its number); no events are taken. */
int watch_wait(struct watch *w, int fd);
void watch_close(struct watch *w);

#endif
