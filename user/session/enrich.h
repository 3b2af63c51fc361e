/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * enrich.h - adds to live records what only /proc of the living target can tell: which file a shared
 * futex word lies in, a process's command line and CPU limits, the memory around the word of a
 * thread that was asleep before we came, where a language runtime keeps its global lock.
 *
 * Sits behind the ordering: what it adds comes right before (or after) the record that needs it.
 * After it a trace explains itself, on any machine.
 */
#ifndef PARASCOPE_ENRICH_H
#define PARASCOPE_ENRICH_H

#include <stdbool.h>
#include <stdint.h>

#include "user/trace/trace.h"

struct enrich;

struct enrich *enrich_new(trace_sink sink, void *ctx);
/*
 * This process was launched with that command line.  Before its exec /proc shows another one, after
 * its end none.
 */
void enrich_launched(struct enrich *e, uint32_t tgid, const char *cmdline);
/*
 * A record that has just come and will be put in order: look up now what may be gone by then.  The
 * collector wakes us for a shared word's first sleeper.
 */
void enrich_peek(struct enrich *e, const struct wire_head *rec);
/*
 * Whose BPF programs are told of the interpreters and the code that are found, whether stacks are
 * wanted, and whether servers may be asked for debug files; before the first record.  0 or
 * fail(-errno).
 */
struct session;
int enrich_session(struct enrich *e, struct session *session, bool stacks, bool debuginfod);
/* This process or thread will be watched: look into its files already. */
void enrich_expect(struct enrich *e, uint32_t id);
/* Before it is watched, and before the window opens: wait for what makes stacks whole. */
int enrich_settle(struct enrich *e);
/* Readable when enrich_tick() has something to do; -1: never. */
int enrich_fd(const struct enrich *e);
/* What looking into files costs. */
void enrich_cost(const struct enrich *e, struct wire_cost *ret);
/* A trace_sink; ctx is the struct enrich. */
int enrich_put(void *ctx, const struct wire_head *rec);
/* Every now and then: look again for what was not there. */
int enrich_tick(struct enrich *e);
/* How long the next look may wait, at most SESSION_POLL_MS. */
int enrich_pause_ms(const struct enrich *e);
/* At the begin and at the end of the window, at once: what interpreters count themselves. */
int enrich_mark(struct enrich *e, uint64_t ts_ns);
/* The end of the window: facts of the processes that still live. */
int enrich_finish(struct enrich *e);
/* Processes whose threads have not all ended: how many; and append their ids. */
uint32_t enrich_living(const struct enrich *e);
struct proc_ids;
void enrich_list_living(const struct enrich *e, struct proc_ids *ret);
/* Shared words whose file was not found (WIRE_LOSS_SHARED). */
uint64_t enrich_unmapped(const struct enrich *e);
/* Frames that have no name (WIRE_LOSS_FRAME). */
uint64_t enrich_unknown_frames(const struct enrich *e);
/* Before the session is closed: let go of what belongs to it.  Nothing is looked up any more. */
void enrich_close(struct enrich *e);
void enrich_free(struct enrich *e);

#endif
