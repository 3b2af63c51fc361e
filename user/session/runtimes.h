/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runtimes.h - the language runtimes of the watched processes: finds them, tells the BPF programs and
 * the stream of them, and looks up what only the living process can tell: the name of a frame, of a
 * thread.  Part of enrich.c, which says when.
 *
 * "peek" functions are called when a record has just come, before it is put in order: the process
 * may be gone a moment later.  "tell" functions are called when the record's turn has come, and write
 * what belongs before it.
 */
#ifndef PARASCOPE_RUNTIMES_H
#define PARASCOPE_RUNTIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "user/trace/trace.h"

struct session;
struct runtimes;

struct runtimes *runtimes_new(trace_sink sink, void *ctx);
/* Whose BPF programs are told of what is found, and whether stacks are wanted; before any process. */
void runtimes_session(struct runtimes *r, struct session *session, bool stacks);
/* Who knows native stacks, the caller's; NULL: nobody. */
struct natives;
void runtimes_natives(struct runtimes *r, struct natives *natives);
void runtimes_free(struct runtimes *r);

/* A process is there.  One that was forked has its parent's runtime. */
void runtimes_peek_process(struct runtimes *r, uint32_t tgid, uint32_t parent, bool forked);
/* It runs another program: its runtime will be there in a while. */
void runtimes_peek_exec(struct runtimes *r, uint32_t tgid);
/* Something happens that a runtime may be the reason of. */
void runtimes_peek_word(struct runtimes *r, uint32_t tgid);
void runtimes_peek_thread(struct runtimes *r, const struct wire_pythread *rec);
/* A thread that was asleep when it was first seen; after its process. */
void runtimes_peek_sleeper(struct runtimes *r, const struct wire_task *rec);
void runtimes_peek_stack(struct runtimes *r, const struct wire_stack *rec);

/* The exec's turn in the stream has come: what is found from now on is about the new program. */
void runtimes_exec_told(struct runtimes *r, uint32_t tgid);
/* Regions, and the runtime itself; not again what was told. */
int runtimes_tell_process(struct runtimes *r, uint32_t tgid);
/* After the record itself: what the thread is called. */
int runtimes_tell_thread(struct runtimes *r, const struct wire_pythread *rec);
/*
 * A thread appears; if it was asleep and runs Python the record is told as it would have been had we
 * seen it go to sleep.
 */
int runtimes_tell_sleeper(struct runtimes *r, const struct wire_task *rec);
/* The frames of a stack that were not told yet. */
int runtimes_tell_stack(struct runtimes *r, const struct wire_stack *rec);

void runtimes_end_process(struct runtimes *r, uint32_t tgid);
void runtimes_end_thread(struct runtimes *r, uint32_t tid);

/* From time to time: what could not be told yet. */
int runtimes_tick(struct runtimes *r);
/* A runtime is on its way: tick soon, every RUNTIMES_HURRY_MS. */
#define RUNTIMES_HURRY_MS 10
bool runtimes_hurry(const struct runtimes *r);
/* The begin or the end of the window: how often the GILs have changed hands. */
int runtimes_mark(struct runtimes *r, uint64_t ts_ns);
/* The end of the window: names once more, they may have changed. */
int runtimes_finish(struct runtimes *r);

/* Frames whose function could not be found out (WIRE_LOSS_FRAME). */
uint64_t runtimes_unknown(const struct runtimes *r);

#endif
