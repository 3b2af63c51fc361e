/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - who is watched: from what the user named to processes that exist.
 *
 * A process is identified by its id together with its start time, so that a successor with the same
 * id is never taken for it; both come from one read of its /proc/ID/stat.
 */
#ifndef PARASCOPE_TARGET_H
#define PARASCOPE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/base/buf.h"
#include "user/base/opt.h"

/* As the options leave it; what is named in several ways is watched once. */
struct target_spec {
	struct opt_ids pids;
	struct opt_ids tids;   /* single threads; not together with any of the others */
	struct opt_list comms; /* fnmatch patterns for the name of the process (comm) */
	const char *cgroup;    /* see cgroup_list(); NULL: none */
};

struct target {
	pid_t id;	      /* tgid, or tid */
	uint64_t start_ticks; /* since boot in USER_HZ, for struct wire_target */
};

struct target_list {
	struct target *items; /* by id, each once */
	size_t n, cap;
	bool by_tid;	  /* ids are tids: for struct wire_config */
	struct buf notes; /* lines that the user should see, "" if none */
};

/*
 * Find out what spec names.  Patterns and cgroups pass over kernel threads, zombies and parascope
 * itself; naming one of these by id is an error, as is a target that is already gone.  ret must be
 * zeroed before and freed after, also on failure.  Errors, each with a one-line message:
 *
 *	-EINVAL      nothing is named, or tids together with something else
 *	-ESRCH       no such process or thread
 *	-EOPNOTSUPP  it is a kernel thread
 *	-ESTALE      it is a zombie
 *	-EDEADLK     it is parascope itself
 *	-ENOENT      no process has such a name
 *	-ENOTDIR     no such control group
 *	-ENODATA     the control group holds nothing that can be watched
 */
int target_resolve(const struct target_spec *spec, struct target_list *ret);
void target_list_free(struct target_list *list);

/*
 * Is parascope where BPF programs and ids mean what they should: in the initial PID and user
 * namespaces, with the /proc of that PID namespace?  -EPERM with the reason if not.
 */
int target_check_host(void);

/* The parts of it.  1: this process is in the initial namespace, 0: not, -errno: cannot tell. */
enum target_ns {
	TARGET_USER_NS,
	TARGET_PID_NS,
};
int target_initial_ns(enum target_ns ns);
bool target_proc_is_ours(void);

#endif
