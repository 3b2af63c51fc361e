/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fetch.h - ask debuginfod servers for a debug file: elfutils' debuginfod-find as a process of its
 * own.
 *
 * Only for users who want it: it tells servers which programs run here.  Nothing here waits.
 */
#ifndef PARASCOPE_FETCH_H
#define PARASCOPE_FETCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FETCH_MS 30000 /* for one file */

struct fetch {
	pid_t pid; /* 0: none is under way */
	int pipe;  /* readable when there is something for fetch_poll() */
	uint64_t until_ns;
	size_t len;
	char path[PATH_MAX]; /* what it has said so far */
};

/* Is there someone to ask ($DEBUGINFOD_URLS) and something to ask with? */
bool fetch_possible(void);
/* 0 or fail(-errno). */
int fetch_start(struct fetch *f, const char *build_id);
/* Has it ended?  Then f->path is where the file lies, "" if there is none. */
bool fetch_poll(struct fetch *f);
void fetch_stop(struct fetch *f); /* nothing happens if none is under way */

#endif
