/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc.h - what /proc says about a process or thread.
 *
 * Parsers are pure functions on text, because the text is hostile: a thread's name may hold any
 * byte and its command line too.  Readers are thin.  An id may be a tid everywhere: /proc/TID
 * exists for every thread, though it is not listed.
 *
 * All functions return 0 or fail(-errno, ...): -ESRCH if the process is gone (or went while it was
 * read), -EINVAL if the text is not what a kernel writes.
 */
#ifndef PARASCOPE_PROC_H
#define PARASCOPE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/buf.h"

#define PROC_COMM_LEN 64 /* with its NUL; kernel threads have longer names than the 15 of others */
#define PROC_NS_DEPTH 33 /* the kernel nests PID namespaces at most 32 deep */

struct proc_stat {
	pid_t id;
	pid_t parent;
	char comm[PROC_COMM_LEN]; /* raw bytes: not for a terminal */
	char state;
	unsigned flags;		/* PF_* of the kernel */
	unsigned threads;	/* 0 or 1 when none but the leader is left */
	uint64_t start_ticks;	/* since boot, in USER_HZ */
};

struct proc_status {
	pid_t tgid;
	uid_t uid; /* effective */
	uint64_t cap_eff;
	unsigned n_ns; /* number of ids below */
	pid_t ns_ids[PROC_NS_DEPTH]; /* its id in each PID namespace, from ours to its own */
};

/* A growing list of ids. */
struct proc_ids {
	pid_t *ids;
	size_t n, cap;
};

int proc_parse_stat(const char *text, struct proc_stat *ret);
int proc_parse_status(const char *text, struct proc_status *ret);

/*
 * From the text of /proc/PID/cgroup the path for a v1 controller, or for v2 if controller is NULL.
 * *ret_path is to be freed.  -ENOENT without a message if there is none.
 */
int proc_parse_cgroup(const char *text, const char *controller, char **ret_path);

bool proc_is_kernel_thread(const struct proc_stat *stat);

/* Dead and not yet waited for.  A leader that left before its threads is none. */
bool proc_is_zombie(const struct proc_stat *stat);

/*
 * Append the text of a file, at most max bytes (0: all of it).  For readers of other files: the
 * errno is that of open or read.
 */
int proc_read_file(const char *path, size_t max, struct buf *ret);

/* The same for /proc/ID/NAME, where ENOENT and ESRCH both mean that the process is gone. */
int proc_read(pid_t id, const char *name, size_t max, struct buf *ret);

int proc_read_stat(pid_t id, struct proc_stat *ret);
int proc_read_status(pid_t id, struct proc_status *ret);
int proc_read_cgroup(pid_t id, const char *controller, char **ret_path);

/*
 * Append the arguments joined by blanks, cut to max bytes; "[comm]" if it has none, as kernel
 * threads and zombies.
 */
int proc_read_cmdline(pid_t id, size_t max, struct buf *ret);

/* Append all processes; all threads of a process; our own descriptors and one more, now closed. */
int proc_list(struct proc_ids *ret);
int proc_list_threads(pid_t pid, struct proc_ids *ret);
int proc_list_descriptors(struct proc_ids *ret);
void proc_ids_free(struct proc_ids *ids);

/*
 * CPUs that at least one thread of the process may use (affinity and cpuset, offline ones not
 * counted).
 */
int proc_cpus_allowed(pid_t pid, uint32_t *ret);

#endif
