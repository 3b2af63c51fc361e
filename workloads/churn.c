// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that come and go: each worker creates and joins short threads, at most 64 alive in a
 * process. A profiler must neither lose their CPU time nor keep their memory.
 */
#include <string.h>
#include <sys/prctl.h>

#include "workload.h"

#define MOST_ALIVE 64

static void *short_thread(void *arg)
{
	struct worker *w = arg;
	struct truth_thread *thread = truth_thread_begin(w->run->truth, "short", "short");

	prctl(PR_SET_NAME, "short");
	burn_cpu(w->run->opt.hold_ns);
	truth_thread_end(thread);
	return NULL;
}

/* A ring: the oldest is joined to make room for the next. */
static void churn_body(struct worker *w)
{
	unsigned int room = MOST_ALIVE / w->process->nr_workers;
	pthread_t threads[MOST_ALIVE];
	uint64_t created = 0, joined = 0;

	if (!room)
		room = 1;
	while (worker_more(w)) {
		if (created - joined == room)
			check(pthread_join(threads[joined++ % room], NULL), "pthread_join");
		check(pthread_create(&threads[created++ % room], NULL, short_thread, w),
		      "pthread_create");
		w->done++;
	}
	while (joined < created)
		check(pthread_join(threads[joined++ % room], NULL), "pthread_join");
}

static const char *churn_role(const struct worker *w)
{
	(void)w;
	return "creator";
}

WORKLOAD(churn, .summary = "creates and joins --count short threads, at most 64 alive",
	 .modes = MODE_ALL, .workers = 1, .max_workers = MOST_ALIVE, .count = 1000, .hold_us = 50,
	 .body = churn_body, .role = churn_role);
