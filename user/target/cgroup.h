/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup.h - where control groups are mounted, and which processes they hold.
 *
 * A machine may have v2, one v1 hierarchy per controller, or both; where is written in
 * /proc/self/mountinfo and nowhere else.  A group's path as /proc/PID/cgroup has it becomes a
 * directory only with the mount point of its hierarchy.
 */
#ifndef PARASCOPE_CGROUP_H
#define PARASCOPE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/buf.h"
#include "user/target/proc.h"

struct cgroup_mount {
	char *point;   /* directory */
	char *root;    /* the group that is mounted there, "/" unless in a container */
	char *options; /* v1: holds the names of its controllers */
	bool v2;
};

struct cgroup_mounts {
	struct cgroup_mount *items;
	size_t n, cap;
};

/* Append the control group mounts of a mountinfo text; lines that make no sense are passed over. */
void cgroup_parse_mounts(const char *mountinfo, struct cgroup_mounts *ret);
int cgroup_read_mounts(struct cgroup_mounts *ret);
void cgroup_mounts_free(struct cgroup_mounts *mounts);

/* The mount of a v1 controller, or of v2 if controller is NULL; NULL if there is none. */
const struct cgroup_mount *cgroup_find_mount(const struct cgroup_mounts *mounts,
					     const char *controller);

/*
 * Append the directory of a group.  -ENOENT without a message if the mount does not show it: it
 * lies outside of the part that is mounted.
 */
int cgroup_directory(const struct cgroup_mount *mount, const char *group, struct buf *ret);

/*
 * Append the processes of a group the user named and of all groups below it: a directory
 * (/sys/fs/cgroup/x/y) or a path inside a hierarchy (x/y or /x/y; v2 first, then each v1, the
 * first that holds a process).  In a v2 thread group they are tids.
 *
 * -ENOTDIR: there is no such control group; -ENODATA: it holds no process.
 */
int cgroup_list(const struct cgroup_mounts *mounts, const char *name, struct proc_ids *ret);

#endif
