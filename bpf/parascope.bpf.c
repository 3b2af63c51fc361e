// SPDX-License-Identifier: GPL-2.0-only
/*
 * parascope.bpf.c - the collector: one object, one skeleton.
 *
 * Each program first asks "is this thread ours?" (thread.bpf.h) and returns if not.  For ours it
 * keeps exact sums per thread and state, and writes one small record an event (emit.bpf.h).
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define NULL ((void *)0)

#include "wire.h"

#include "maps.bpf.h"	/* what is remembered, and the knobs */
#include "compat.bpf.h" /* kernels and machines differ here */
#include "emit.bpf.h"	/* records, losses */
#include "thread.bpf.h" /* find, create, account */
#include "unwind.bpf.h" /* native stacks */
#include "python.bpf.h" /* what CPython says */
#include "sample.bpf.h" /* stacks */
#include "block.bpf.h"	/* why a thread sleeps */
#include "lean.bpf.h"	/* futex waits without their calls */
#include "sched.bpf.h"	/* switch, wake */
#include "futex.bpf.h"	/* futex calls */
#include "task.bpf.h"	/* fork, exec, exit, iterator */

char LICENSE[] SEC("license") = "GPL";
