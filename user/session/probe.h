/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - what this kernel offers, found by looking, never by its version.
 */
#ifndef PARASCOPE_PROBE_H
#define PARASCOPE_PROBE_H

#include <stdbool.h>

struct probe {
	bool btf;	   /* /sys/kernel/btf/vmlinux */
	bool prev_state;   /* sched_switch passes prev_state (5.18) */
	bool wake_context; /* the preemption counter can be read: interrupts are told from threads */
	bool contention;   /* lock:contention_begin/end (5.19) */
};

/* What to do about EPERM. */
#define PROBE_RIGHTS                                                                               \
	"not permitted: run as root (needs CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN in the initial " \
	"user namespace)"

/* Has this process CAP_SYS_ADMIN, which includes all others that are needed? */
bool probe_has_rights(void);

/* -EOPNOTSUPP and a message if something indispensable is missing. */
int probe_kernel(struct probe *ret);

/*
 * The id of a tracepoint such as "syscalls/sys_enter_futex"; -ENOENT: this kernel has no such
 * tracepoint, -EACCES or -EPERM: not allowed to look, always with a message.  Works where tracefs
 * is not mounted, without mounting it anywhere.
 */
int probe_tracepoint(const char *name);

#endif
