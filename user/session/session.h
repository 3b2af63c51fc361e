/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.h - one watching: open (load, attach), add targets, snapshot, arm, drain, disarm, sums,
 * close.  The only code that knows libbpf.
 *
 *	session_open ─► session_target… ─► session_snapshot ─► session_arm
 *	   ─► session_drain… ─► session_disarm ─► session_drain, session_sums ─► session_leave ─► session_close
 *	      (or session_again, and from session_target on once more)
 *
 * Nothing is pinned: all kernel objects belong to file descriptors and go with the process.
 * Records are handed to a sink as they come, not yet in order (trace_order does that).
 */
#ifndef PARASCOPE_SESSION_H
#define PARASCOPE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "user/trace/trace.h"

struct session;

struct session_opts {
	bool follow_children;
	bool by_tid;	     /* targets are threads, not processes */
	bool lean;	     /* no programs at system calls: bpf/lean.bpf.h */
	uint64_t ring_bytes; /* rounded up to a power of two */
	uint64_t sample_ns;  /* a stack for so much running or waiting of Python threads, 0: none */
	bool native;	     /* ... with native frames */
	bool prog_stats;     /* have the kernel time each program run (costs some 20 ns a run) */
	bool verbose;	     /* libbpf's own words to stderr */
	bool test_no_storage, test_unseen; /* struct wire_config */
	bool test_late; /* the first try to open the window misses its moment */
};

/*
 * Load and attach everything; nothing is recorded for want of targets.  -errno with a message that
 * says what failed; what causes it is for doctor_explain() to find out.
 */
int session_open(struct session **ret, const struct session_opts *opts);

/* Watch the process (or thread) that has this id and start time (wire_target). */
int session_target(struct session *s, uint32_t id, uint64_t start_ticks);

/*
 * This process runs an interpreter, described so; its children that are forked run it, too.  Many
 * processes may have the same; -ENOSPC if there are too many different ones.
 */
int session_python(struct session *s, uint32_t tgid, const struct wire_python *python);
/* The process is gone: another one may get its id. */
void session_forget(struct session *s, uint32_t tgid);

/* By which the programs unwind native stacks; NULL: they do not. */
struct tables;
struct tables *session_tables(struct session *s);

/* All threads of the targets as WIRE_TASK records; those that exist now are watched from here on. */
int session_snapshot(struct session *s, trace_sink sink, void *ctx);

/*
 * Open the window a moment from now (SESSION_AHEAD_NS), so that all CPUs know of it before it
 * begins; it closes by itself after duration_ns, 0: not.  0, or -errno and message.  Close it a moment from
 * now, unless it closes by itself before; returns its end.
 */
#define SESSION_AHEAD_NS 1000000
int session_arm(struct session *s, uint64_t duration_ns, __u64 *ret_begin_ns);
uint64_t session_disarm(struct session *s);
uint64_t session_end_ns(const struct session *s); /* UINT64_MAX: not known yet */
/*
 * After its end: wait for the sums of threads that are just dying (not for long), then records and
 * counts stay as they are.
 */
void session_end(struct session *s);

/* Readable when the ring fills up; drain also at least every SESSION_POLL_MS. */
#define SESSION_POLL_MS 100
int session_fd(const struct session *s);
/* Hand over what is in the ring now; the number of records, or what the sink failed with. */
int session_drain(struct session *s, trace_sink sink, void *ctx);

/* Exact sums of all living threads as they stand, as WIRE_SUMS records. */
int session_sums(struct session *s, trace_sink sink, void *ctx);

/*
 * Records of single events (WIRE_SWITCH, WIRE_WAKE, WIRE_FUTEX, WIRE_WORD) end a moment from now, or begin
 * again; sums go on.  Returns when.  From the begin on session_states() tells how the threads stand.
 */
uint64_t session_detail(struct session *s, bool on);
int session_states(struct session *s, trace_sink sink, void *ctx);
/* A stack for so much time, a multiple of what the session was opened with; 0: none for now. */
void session_sample(struct session *s, uint64_t sample_ns);
/*
 * Have the kernel time the programs, or not any more; 0, or -errno and message.  Their run time since they
 * were loaded, as far as they were timed.
 */
int session_timing(struct session *s, bool on);
uint64_t session_run_ns(const struct session *s);

/* Cumulative counters; fills those that the session knows. */
void session_losses(const struct session *s, struct wire_loss *ret);
/* One WIRE_PROG record a program. */
int session_progs(const struct session *s, trace_sink sink, void *ctx);
/* What taking stacks costs: stacks, stack_ns, stack_frames. */
void session_stack_cost(const struct session *s, struct wire_cost *ret);
/* Kernel memory of all maps and the size of the ring, in KiB. */
void session_memory(const struct session *s, __u64 *ret_maps_kib, __u64 *ret_ring_kib);

/*
 * After session_sums(): make it ready for other targets and another window, which saves loading and
 * detaching (together a third of a second).  Counters begin at 0 again.  false: it cannot be used again, as a
 * thread of the last targets still lives, or it takes stacks or times programs.
 */
bool session_again(struct session *s);

/*
 * The target is let alone: no program does anything for it any more.  Those at system calls are detached
 * by threads, which takes the kernel some 0.2 s; until then they are called, and system calls take the
 * kernel's slower path.  What was counted can still be asked for; session_close() waits for the threads.
 */
void session_leave(struct session *s);
void session_close(struct session *s);

/* A program that every session loads, as it was compiled. */
struct bpf_insn;
struct session_program {
	const char *section; /* ELF section, "tp_btf/sched_switch" */
	const struct bpf_insn *insns;
	size_t n_insns;
};
/* See all of them; needs no rights.  0 or -errno and message. */
int session_each_program(void (*see)(void *ctx, const struct session_program *program), void *ctx);

uint64_t session_now_ns(void); /* the clock of all records */

#endif
