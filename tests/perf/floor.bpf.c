// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.bpf.c - programs that do nothing, on the hooks that parascope uses: no program can cost less
 * there.  The name of each is that of its hook, as far as 15 letters go.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#define EMPTY(section, name)                                                                       \
	SEC(section)                                                                               \
	int name(void *ctx)                                                                        \
	{                                                                                          \
		return 0;                                                                          \
	}

EMPTY("tp_btf/sched_switch", e_switch)
EMPTY("tp_btf/sched_waking", e_waking)
EMPTY("tp_btf/sched_wakeup_new", e_wakeup_new)
EMPTY("tp_btf/sched_process_fork", e_fork)
EMPTY("tp_btf/sched_process_exit", e_exit)
EMPTY("?tp_btf/contention_begin", e_contend_begin) /* since 5.19 */
EMPTY("?tp_btf/contention_end", e_contend_end)
EMPTY("tp/syscalls/sys_exit_futex", e_exit_futex)
EMPTY("tp/syscalls/sys_exit_mmap", e_exit_mmap)

char LICENSE[] SEC("license") = "GPL";
