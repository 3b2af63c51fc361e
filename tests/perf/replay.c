// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay.c - what the reader costs by the record, without what makes the records: a saved trace is
 * loaded into memory and goes through the pipe of a live watch (order, enrich, last order, model, and the
 * writer if asked for) several times, as fast as it can.  What comes after the watch, a report's analysis, is
 * timed by itself.
 *
 *	replay TRACE [ROUNDS [FILE TO WRITE]]
 *
 * The kernel side of reading the ring buffer is not in it, neither are looks into /proc: the threads
 * are gone.  Prints one JSON object; times are the best of the rounds.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "user/analysis/analysis.h"
#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/model/model.h"
#include "user/session/enrich.h"
#include "user/trace/trace.h"

/* as in cmd/watch.c */
static const struct trace_order_opts order = { 50000000, 64 << 20, .last = false };
static const struct trace_order_opts last_order = { 10000000000, 1 << 20, .last = true };

#define PORTION (2 << 20)    /* a quarter of the ring buffer */

struct pipe {
	struct trace_order *order, *last_order;
	struct enrich *enrich;
	struct trace_writer *writer;
	struct model *model;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int die(void)
{
	fprintf(stderr, "replay: %s\n", fail_text());
	return 1;
}

/* All records, one behind the other. */
static int load(struct buf *ret, size_t *ret_n, const char *path)
{
	struct trace_reader *r = NULL;
	const struct wire_head *rec;
	int err = trace_reader_open(&r, path);

	for (*ret_n = 0; !err && (err = trace_reader_next(r, &rec)) == 1; err = 0, ++*ret_n)
		buf_add(ret, rec, rec->size);
	trace_reader_close(r);
	return err;
}

static int take(void *ctx, const struct wire_head *rec)
{
	struct pipe *p = ctx;
	int err = p->writer ? trace_writer_put(p->writer, rec) : 0;

	return err ? err : model_apply(p->model, rec);
}

static int into_last_order(void *ctx, const struct wire_head *rec)
{
	struct pipe *p = ctx;

	return trace_order_put(p->last_order, rec);
}

static int put(struct pipe *p, const struct wire_head *rec)
{
	enrich_peek(p->enrich, rec);
	return trace_order_put(p->order, rec);
}

/* In portions as they come from a ring buffer that wakes its reader. */
static int run(struct pipe *p, const struct buf *all)
{
	size_t at = 0, end = 0;
	int err = 0;

	while (err >= 0 && at < all->len) {
		end += PORTION;
		while (!err && at < end && at < all->len) {
			const struct wire_head *rec = (const void *)(all->data + at);

			err = put(p, rec);
			at += rec->size;
		}
		if (!err)
			err = trace_order_give(p->order, 0, INT_MAX);
		if (err >= 0)
			err = trace_order_give(p->last_order, 0, INT_MAX);
		err = err < 0 ? err : 0;
	}
	if (!err)
		err = trace_order_flush(p->order);
	return err ? err : trace_order_flush(p->last_order);
}

static int round_of(const struct buf *all, const char *file, uint64_t *ret_apply_ns,
		    uint64_t *ret_report_ns)
{
	struct pipe p = { .model = model_new() };
	uint64_t begin, applied;
	int err = file ? trace_writer_open(&p.writer, file) : 0;

	p.enrich = enrich_new(into_last_order, &p);
	p.order = trace_order_new(&order, enrich_put, p.enrich);
	p.last_order = trace_order_new(&last_order, take, &p);
	begin = cpu_ns();
	if (!err)
		err = run(&p, all);
	applied = cpu_ns();
	if (!err) {
		model_finish(p.model);
		report_free(analysis_report(p.model));
	}
	*ret_apply_ns = applied - begin;
	*ret_report_ns = cpu_ns() - applied;
	trace_order_free(p.order);
	trace_order_free(p.last_order);
	enrich_free(p.enrich);
	trace_writer_close(p.writer);
	model_free(p.model);
	return err;
}

int main(int argc, char **argv)
{
	uint64_t apply_ns = UINT64_MAX, report_ns = UINT64_MAX;
	int rounds = argc > 2 ? atoi(argv[2]) : 3, err;
	struct buf all = { 0 };
	struct rusage usage;
	size_t n;

	if (argc < 2)
		return 2;
	if (load(&all, &n, argv[1]))
		return die();
	for (int i = 0; i < rounds; i++) {
		uint64_t apply, report;

		err = round_of(&all, argc > 3 ? argv[3] : NULL, &apply, &report);
		if (err)
			return die();
		apply_ns = apply < apply_ns ? apply : apply_ns;
		report_ns = report < report_ns ? report : report_ns;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"records\": %zu, \"bytes\": %zu, \"ns_per_record\": %.1f, \"report_ms\": %.2f, "
	       "\"rss_kib\": %ld}\n",
	       n, all.len, (double)apply_ns / (double)n, (double)report_ns / 1e6, usage.ru_maxrss);
	buf_free(&all);
	return 0;
}
