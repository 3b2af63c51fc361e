/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.h - how many CPUs a process may use: affinity, cgroup quota, and what the quota cost it.
 */
#ifndef PARASCOPE_FACTS_H
#define PARASCOPE_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"

/* CPUs that are online now, at least 1. */
uint32_t facts_cpus_online(void);

/* Time that all CPUs together were idle since boot; false: the kernel does not tell. */
bool facts_idle_ns(uint64_t *ret);

/*
 * Fill cpus_allowed, quota_milli, throttled_ns, throttled and cmdline; head and start_ns stay as
 * they are.
 *
 * The quota is the smallest of the process's cgroup and of all above it, as far as they are mounted
 * here.  throttled and throttled_ns are summed over these groups and cumulative since each was
 * made; the kernel counts throttled_ns once per CPU, so it can grow faster than the clock.  A group
 * that cannot be read counts as having no quota.  -ESRCH if the process is gone.
 */
int facts_read(pid_t pid, struct wire_proc *ret);

/* Text of cpu.max ("max 100000", "150000 100000"): 1/1000 CPU, 0: none; false: makes no sense */
bool facts_parse_cpu_max(const char *text, uint32_t *ret_milli);

/* The same for microseconds of quota (-1: no limit) in each period. */
bool facts_quota_milli(int64_t quota_us, int64_t period_us, uint32_t *ret_milli);

/* The value of a "key value" line, as in cpu.stat; false if it is not there. */
bool facts_parse_key(const char *text, const char *key, uint64_t *ret);

#endif
