// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pairs of workers bounce a byte over two pipes: waiting that is neither lock nor disk. The even
 * worker of a pair leads; its last byte says "stop", so that nobody is left reading.
 */
#include <stdlib.h>
#include <unistd.h>

#include "workload.h"

enum { TO_FOLLOWER, TO_LEADER };

struct pair {
	int pipes[2][2];
};

static struct pair *pairs;	/* made before any fork, inherited by all */

static void pipe_setup_run(struct run *run)
{
	unsigned int n = run->opt.workers * (run->opt.mode == MODE_BOTH ? run->opt.procs : 1);

	if (n % 2)
		die("pipe needs an even number of workers in all");
	pairs = calloc(n / 2, sizeof(*pairs));
	if (!pairs)
		die("out of memory");
	for (unsigned int i = 0; i < n / 2; i++)
		if (pipe(pairs[i].pipes[TO_FOLLOWER]) || pipe(pairs[i].pipes[TO_LEADER]))
			die("pipe failed: %m");
}

static void send_byte(const struct pair *pair, int way, char byte)
{
	if (write(pair->pipes[way][1], &byte, 1) != 1)
		die("write to pipe failed: %m");
}

static char receive_byte(const struct pair *pair, int way)
{
	char byte;

	if (read(pair->pipes[way][0], &byte, 1) != 1)
		die("read from pipe failed: %m");
	return byte;
}

static void lead(struct worker *w, const struct pair *pair)
{
	while (worker_more(w)) {
		send_byte(pair, TO_FOLLOWER, 'x');
		receive_byte(pair, TO_LEADER);
		w->done++;
	}
	send_byte(pair, TO_FOLLOWER, 's');
	truth_handoffs(w->run->truth, 2 * w->done + 1);
}

static void follow(struct worker *w, const struct pair *pair)
{
	while (receive_byte(pair, TO_FOLLOWER) != 's') {
		burn_cpu(w->run->opt.hold_ns);
		send_byte(pair, TO_LEADER, 'x');
		w->done++;
	}
}

static void pipe_body(struct worker *w)
{
	const struct pair *pair = &pairs[w->global / 2];

	if (w->global % 2)
		follow(w, pair);
	else
		lead(w, pair);
}

WORKLOAD(pipe, .summary = "pairs of workers bounce a byte over pipes",
	 .modes = MODE_THREADS | MODE_PROCS | MODE_BOTH, .min_workers = 2,
	 .setup_run = pipe_setup_run, .body = pipe_body);
