// SPDX-License-Identifier: GPL-2.0-or-later
/* states.c - names of what a report is made of; see report.h. */
#include "user/analysis/report.h"

const struct report_state_info report_states[STATE_COUNT] = {
	[STATE_ON_CPU] = { "on_cpu", "on CPU", "running" },
	[STATE_WOKEN] = { "woken", "runnable: woken", "ready after a sleep, waiting for a CPU" },
	[STATE_PREEMPTED] = { "preempted", "runnable: preempted", "lost the CPU, waiting for one" },
	[STATE_LOCK] = { "lock", "lock", "asleep on a lock that somebody holds" },
	[STATE_GIL] = { "gil", "GIL", "asleep on a global lock that is handed round" },
	[STATE_COND] = { "cond", "waiting for work", "condition, semaphore, barrier, join" },
	[STATE_IO_DISK] = { "io_disk", "disk I/O", "asleep on a block device" },
	[STATE_IO_IPC] = { "io_ipc", "network, pipes", "poll, epoll, sockets, pipes" },
	[STATE_SLEEP] = { "sleep", "sleep", "timers" },
	[STATE_CHILD] = { "child", "child processes", "wait4 and its like" },
	[STATE_KLOCK] = { "klock", "kernel lock", "asleep on a lock of the kernel, e.g. mmap_lock, flock" },
	[STATE_FAULT] = { "fault", "page fault", "asleep in a page fault" },
	[STATE_STOPPED] = { "stopped", "stopped", "stopped, traced or frozen" },
	[STATE_OTHER] = { "other", "other", "asleep in another system call" },
	[STATE_UNKNOWN] = { "unknown", "unknown", "not accounted for" },
};

const char *const report_verdicts[VERDICT_COUNT] = {
	[VERDICT_GIL_BOUND] = "gil-bound",
	[VERDICT_LOCK_BOUND] = "lock-bound",
	[VERDICT_GIL_HELD_BLOCKED] = "gil-held-while-blocked",
	[VERDICT_CPU_SHORT] = "cpu-short",
	[VERDICT_IO_OVERLAPPED] = "io-overlapped",
	[VERDICT_IO_SERIAL] = "io-serial",
	[VERDICT_IMBALANCED] = "imbalanced",
	[VERDICT_PARALLEL] = "parallel",
	[VERDICT_SEQUENTIAL] = "sequential",
	[VERDICT_IDLE] = "idle",
	[VERDICT_TOO_SHORT] = "too-short-to-tell",
	[VERDICT_UNCLEAR] = "unclear",
};

const char *const report_profiles[PROFILE_COUNT] = {
	[PROFILE_ON_CPU] = "on-cpu",
	[PROFILE_WAITING] = "waiting",
	[PROFILE_HOLDING] = "holding",
};
