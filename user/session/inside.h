/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inside.h - what session.c, window.c and counts.c share; for nobody else.
 */
#ifndef PARASCOPE_SESSION_INSIDE_H
#define PARASCOPE_SESSION_INSIDE_H

#include <pthread.h>

#include "user/session/calls.h"
#include "user/session/probe.h"
#include "user/session/session.h"

#include "collector.skel.h"

/* enum iter_mode of bpf/maps.bpf.h */
enum {
	ITER_ATTACH,
	ITER_SUMS,
	ITER_STATES,
	ITER_ANEW,
};

#define MAX_LINKS (CALLS_LINKS + 16) /* the others: one each */

struct session {
	struct collector *skel;
	struct probe probe;
	struct rings *rings;
	struct ring_buffer *bell; /* rings when there is much to read */
	struct pythons *pythons;
	struct tables *tables; /* NULL: no native stacks */
	struct clock *clock;   /* NULL: no stacks of what runs */
	struct calls calls;
	struct bpf_link *links[MAX_LINKS];
	size_t n_links, n_calls; /* those of calls.h come first */
	struct bpf_link *iter;
	struct wire_config config;
	uint64_t received;
	uint64_t missing_sources;
	uint64_t living;	/* threads that session_sums() saw */
	bool stacks;		/* of anything */
	struct wire_loss base;	/* counted before the present window, see session_again() */
	uint64_t *base_misses;	/* of each program; NULL: none */
	int stats_fd;		/* -1: programs are not timed */
	bool prog_stats;	/* they are all the time */
	bool test_late;		/* the window's begin, once */
	int wake_fd;		/* epoll; see open_wake() */
	bool left;		/* session_leave() */
	pthread_t leavers[CALLS_LINKS]; /* each has one of the first n_calls links */
	size_t n_leavers;
	/* the sink of the drain that is going on */
	trace_sink sink;
	void *sink_ctx;
};

/* Everything that the iterator writes, cut into records; sink: NULL if it writes nothing. */
int session_iterate(struct session *s, uint32_t mode, trace_sink sink, void *ctx);
/* Fails with what the verifier said last, or else with the error. */
int session_fail(int err, const char *what);
/* Counts begin at 0 again: what there is now is taken off. */
void session_count_anew(struct session *s);

#endif
