/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * costs.h - what it costs on this host to start workers and to pass messages, and how fast CPUs are
 * when several work at once: measured by user/bench/costs.c, used by predictions.
 */
#ifndef PARASCOPE_COSTS_H
#define PARASCOPE_COSTS_H

#include <stdbool.h>
#include <stdint.h>

#define HOST_SPEEDS_MAX 64

/* Times are lower quartiles of many tries. */
struct host_costs {
	bool known;
	uint64_t thread_ns;   /* pthread_create() -> first instruction */
	uint64_t fork_ns;     /* fork() -> first instruction, of a small process */
	uint64_t fork_mib_ns; /* more for each MiB of its memory in use */
	uint64_t exit_ns;     /* _exit() of a forked child -> wait4() returns */
	uint64_t ipc_ns;      /* one byte through a pipe to another process, one way */
	uint64_t ipc_kib_ns;  /* more for each KiB */
	/*
	 * speed[k-1]: work that each of k threads running at once does in a second of CPU time,
	 * against one alone (1.0); low and high are the range of several rounds.  k goes up to the
	 * CPUs we may use.
	 */
	unsigned n_speed;
	double speed[HOST_SPEEDS_MAX], speed_low[HOST_SPEEDS_MAX], speed_high[HOST_SPEEDS_MAX];
};

#endif
