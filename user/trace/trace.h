/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h - ordered records, live or saved: the same from here on.
 *
 * A record is a struct wire_head followed by the body of its kind (bpf/wire.h).  Records come out
 * in time order whatever the source; those that cannot be put in order any more are counted
 * (WIRE_LOSS_LATE) and given the time of the record before them.
 *
 *	live ring buffer ─► order ─┬─► model
 *	                           └─► trace_writer (-o FILE)
 *	FILE ─► trace_reader ─────────► model
 *	text ─► trace_parse() ────────► model (tests)
 */
#ifndef PARASCOPE_TRACE_H
#define PARASCOPE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/wire.h"
#include "user/base/buf.h"

#define TRACE_RECORD_MAX 3360 /* bytes; no kind is larger */

/* 0, or -EINVAL with a message: size fits the kind, size is a multiple of 8, text fields are
 * NUL-terminated.  Everything that enters from a file or a text passes through here. */
int trace_check(const struct wire_head *rec, size_t len);

/* The words of the text form, also keys of machine output: "on_cpu", "futex"; "ring_full"; "?" if
 * there is no such number. */
const char *trace_state_name(unsigned int state); /* enum wire_state */
const char *trace_loss_name(unsigned int loss);	  /* enum wire_loss_kind */

/* --- a saved trace ------------------------------------------------------------------------- */

struct trace_writer;
struct trace_reader;

/*
 * Open a new trace beside path (same folder, random name, mode 0600, O_EXCL|O_NOFOLLOW); commit
 * renames it to path, close without commit removes it.  -errno and message on failure; write
 * errors stick and are reported by commit at the latest.  A path that is no regular file (a FIFO,
 * /dev/null) and "-" (stdout) are written in place; a terminal, a block device and a symbolic link
 * to a file are refused.  The caller ignores SIGPIPE and SIGXFSZ.
 */
int trace_writer_open(struct trace_writer **ret, const char *path);
int trace_writer_put(struct trace_writer *w, const struct wire_head *rec);
int trace_writer_commit(struct trace_writer *w);
void trace_writer_close(struct trace_writer *w);

/*
 * Read a trace file, "-" is stdin.  Foreign, newer, truncated and corrupt files are told apart in
 * the message (-EINVAL, -EPROTO, -EPIPE, -EBADMSG).  next: 1 and a record, 0 at the end, -errno.
 * The record is valid until the next call.  A damaged file gives all records of the whole blocks
 * before the damage and then -EPIPE (truncated) or -EBADMSG (corrupt), again on each further call.
 */
int trace_reader_open(struct trace_reader **ret, const char *path);
int trace_reader_next(struct trace_reader *r, const struct wire_head **ret);
void trace_reader_close(struct trace_reader *r);

/* --- the text form: one record a line, for fixtures and for reading ------------------------ */

/* "1000 switch tid=12 next_tid=13 cpu=0 prev_state=futex block.addr=0x7f…", no newline. */
void trace_format(struct buf *out, const struct wire_head *rec);

/*
 * The opposite.  Blank lines and '#' comments give 0 records.  Absent fields are 0, unknown ones
 * an error.  1: rec holds a record, 0: nothing on this line, -EINVAL and message.
 */
int trace_parse(const char *line, void *rec, size_t cap);

/* --- putting live records in order --------------------------------------------------------- */

/*
 * Records of different CPUs reach the ring buffer a little out of order.  They are held back until
 * the newest time seen is delay_ns ahead.  What the sink returns other than 0 ends the call and is its
 * result; the record counts as given out.
 *
 * One order may follow another: the first gives out soon what others need soon, the last one has all the
 * time that its memory allows.  Records made by user space (WIRE_HOST and above) and WIRE_TASK with time
 * 0 have no time: they go to the sink at once, in the last order with the records before them.
 */
struct trace_order;
typedef int (*trace_sink)(void *ctx, const struct wire_head *rec);

struct trace_order_opts {
	uint64_t delay_ns;
	size_t bytes_max; /* of records held; beyond it the oldest go out early.  Steps of 64 KiB */
	bool last; /* what comes too late is given the time of the record before it, else it keeps its own */
};

struct trace_order *trace_order_new(const struct trace_order_opts *opts, trace_sink sink, void *ctx);
/* Keep a record; to the sink goes what has no place in time, is late, or must make room. */
int trace_order_put(struct trace_order *o, const struct wire_head *rec);
/*
 * Give out what is due, at most so many records; returns their number.  No record older than now_ns -
 * delay_ns will come any more, though none came since: without this the last records of a target that
 * fell silent would be held for ever.  Read the clock before the last look into the ring buffer.
 */
int trace_order_give(struct trace_order *o, uint64_t now_ns, int most);
int trace_order_flush(struct trace_order *o); /* everything out, at the end */
uint64_t trace_order_late(const struct trace_order *o);
void trace_order_free(struct trace_order *o);

#endif
