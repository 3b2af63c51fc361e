/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - runs a BPF program on each CPU from time to time, to see what runs there; private to
 * the session.
 */
#ifndef PARASCOPE_CLOCK_H
#define PARASCOPE_CLOCK_H

#include <stdint.h>

struct bpf_program;
struct clock;

/*
 * After each period.  CPUs that are offline or come later have no clock.  0 or fail(-errno).
 */
int clock_start(struct clock **ret, struct bpf_program *prog, uint64_t period_ns);
/* From now on; 0: never. */
void clock_period(struct clock *c, uint64_t period_ns);
void clock_stop(struct clock *c); /* NULL is fine */

#endif
