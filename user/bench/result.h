/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * result.h - what a workload tells about its own run, read from the JSON that it wrote.
 *
 * The file belongs to the program that ran: it may hold anything.  What is missing, null or makes
 * no sense is not known (NaN); a file that is no JSON of the schema is an error.
 *
 *	parascope-truth/1 and parascope-py/1, top level
 *	wall_ns               the run: before the first worker is made -> the last is collected
 *	startup.create_ns[]   per worker: call that makes it -> its first instruction
 *	startup.work_ns[]     per worker: call that makes it -> it begins its work
 *	ipc_bytes, ipc_ns     payload between processes; time spent in sending and receiving
 *	half_share            when the last worker had done half of its work, of wall_ns
 *	main_share            when the main thread had nothing more to do, of wall_ns
 *
 *	parascope-truth/1     ops: units of work; count: units asked of each worker
 *	parascope-py/1        work: the same in all; python, gil; free_threaded: how it was built
 */
#ifndef PARASCOPE_BENCH_RESULT_H
#define PARASCOPE_BENCH_RESULT_H

#include <stddef.h>

#include "user/bench/plan.h"

#define RESULT_BYTES_MAX (16 << 20)

struct result {
	double wall_ns, work;
	double create_ns, first_work_ns; /* mean over workers */
	double ipc_bytes, ipc_ns;
	double handoffs;
	double half_share, main_share;
	char python[64]; /* "" if not told */
	int gil;	 /* 1: on, 0: off, -1: not told */
	int free_threaded;
};

/* 0, or -EINVAL and message. */
int result_parse(const char *text, size_t len, enum plan_told told, struct result *ret);

/*
 * A file in a folder that others may write to: a regular one, of at most RESULT_BYTES_MAX.  It is
 * removed.  ret_text is what was in it.
 */
int result_take(int folder, const char *name, enum plan_told told, struct result *ret,
		struct buf *ret_text);

#endif
