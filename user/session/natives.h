/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * natives.h - what native frames are called, and the variables that threads wait on; private to this
 * folder.
 *
 * Questions go to another process (user/symbol/symbols.h); an answer is told when it comes, before or
 * after the stacks it belongs to.
 */
#ifndef PARASCOPE_NATIVES_H
#define PARASCOPE_NATIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/trace/trace.h"

struct natives;
struct session;

struct natives_opts {
	trace_sink sink; /* for what is told */
	void *ctx;
	bool debuginfod;
};

/* session: one with native stacks; the caller's.  0 or fail(-errno). */
int natives_new(struct natives **ret, struct session *session, const struct natives_opts *opts);
void natives_free(struct natives *n); /* NULL is fine, here and below */

/* Records as they come: process there (forked or not), exec, code mapped, end. */
void natives_process(struct natives *n, uint32_t tgid, uint32_t parent, bool forked);
void natives_exec(struct natives *n, uint32_t tgid);
void natives_mapped(struct natives *n, uint32_t tgid);
void natives_end(struct natives *n, uint32_t tgid);
void natives_stack(struct natives *n, const struct wire_stack *rec);
void natives_word(struct natives *n, uint32_t tgid, uint64_t addr);
/* The word's turn in the stream has come: what it is part of can be told. */
void natives_tell_word(struct natives *n, uint32_t tgid, uint64_t addr);

/*
 * Put the native frames of a thread that slept when it was first seen in front of what stack has (n
 * frames of Python, or none), if it has stayed where it was, and ask for their names.  Only when its
 * turn in the stream has come: then not all of them have to be kept.
 */
void natives_sleeper(struct natives *n, const struct wire_task *rec, struct wire_stack *stack);

/* Take answers, tell them.  0 or what the sink said. */
int natives_tick(struct natives *n);
/* Wait (not long) until all tables are made: stacks are whole from the beginning. */
int natives_settle(struct natives *n);
/* The same until all questions are answered; longer if servers are asked. */
int natives_finish(struct natives *n);

/* Tick soon, every NATIVES_HURRY_MS. */
#define NATIVES_HURRY_MS 5
bool natives_hurry(const struct natives *n);
/* Readable when natives_tick() has something to do; -1: never. */
int natives_fd(const struct natives *n);

/* Frames that no name was found for. */
uint64_t natives_unknown(const struct natives *n);
void natives_cost(const struct natives *n, struct wire_cost *ret);

#endif
