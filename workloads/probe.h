/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * USDT probes: a second, independent witness (bpftrace, perf, SystemTap) of what the truth says.
 * An unused probe is one nop.
 */
#ifndef PROBE_H
#define PROBE_H

#include <sys/sdt.h>

#define PROBE_PHASE_BEGIN(name)	   DTRACE_PROBE1(parascope_workload, phase_begin, (name))
#define PROBE_PHASE_END(name)	   DTRACE_PROBE1(parascope_workload, phase_end, (name))
#define PROBE_LOCK_WAIT(addr)	   DTRACE_PROBE1(parascope_workload, lock_wait, (addr))
#define PROBE_LOCK_ACQUIRED(addr)  DTRACE_PROBE1(parascope_workload, lock_acquired, (addr))
#define PROBE_LOCK_RELEASED(addr)  DTRACE_PROBE1(parascope_workload, lock_released, (addr))

#endif
