// SPDX-License-Identifier: GPL-2.0-or-later
/* target.c - resolves what the user named to processes; see target.h. */
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/target/cgroup.h"
#include "user/target/proc.h"
#include "user/target/target.h"

/* include/linux/proc_ns.h: fixed numbers of the namespaces that exist from boot on */
#define INITIAL_USER_NS 0xEFFFFFFDu
#define INITIAL_PID_NS 0xEFFFFFFCu

#define COMM_SHOWN 15 /* a process has no more of its name than this */

/* --- one process ----------------------------------------------------------------------------- */

/* Why it cannot be watched: 0 or the error of target_resolve(), without a message. */
static int obstacle(const struct proc_stat *stat, pid_t tgid)
{
	if (tgid == getpid())
		return -EDEADLK;
	if (proc_is_kernel_thread(stat))
		return -EOPNOTSUPP;
	if (proc_is_zombie(stat))
		return -ESTALE;
	return 0;
}

static int fail_obstacle(int err, const char *what, pid_t id)
{
	switch (err) {
	case -EDEADLK:
		return fail(err, "%s %d is parascope itself", what, id);
	case -EOPNOTSUPP:
		return fail(err, "%s %d is a kernel thread; only user programs can be watched",
			    what, id);
	case -ESTALE:
		return fail(err, "%s %d has ended and waits for its parent to notice (zombie)",
			    what, id);
	default:
		return err;
	}
}

static void add(struct target_list *list, const struct proc_stat *stat)
{
	vec_push(list->items, list->n, list->cap) = (struct target){
		.id = stat->id,
		.start_ticks = stat->start_ticks,
	};
}

/* -ESRCH with the message that fits a thread or a process. */
static int read_tgid(pid_t id, const char *what, pid_t *ret_tgid)
{
	struct proc_status status;
	int err = proc_read_status(id, &status);

	if (err == -EPERM || (err == -ESRCH && (!kill(id, 0) || errno == EPERM)))
		return fail(err, "%s %d is hidden: /proc is mounted with hidepid, and without "
			    "CAP_SYS_PTRACE it shows only your own", what, id);
	if (err == -ESRCH)
		return fail(err, "no %s %d", what, id);
	if (!err)
		*ret_tgid = status.tgid;
	return err;
}

static int add_process(struct target_list *list, pid_t pid)
{
	struct proc_stat stat;
	pid_t tgid = 0;
	int err = read_tgid(pid, "process", &tgid);

	if (!err)
		err = proc_read_stat(tgid, &stat);
	if (err)
		return err;
	err = obstacle(&stat, tgid);
	if (err)
		return fail_obstacle(err, "process", tgid);
	if (tgid != pid)
		buf_printf(&list->notes, "%d is a thread of process %d: watching the whole process "
			   "(--tid %d would watch only the thread)\n", pid, tgid, pid);
	add(list, &stat);
	return 0;
}

static int add_thread(struct target_list *list, pid_t tid)
{
	struct proc_stat stat;
	pid_t tgid = 0;
	int err = read_tgid(tid, "thread", &tgid);

	if (!err)
		err = proc_read_stat(tid, &stat);
	if (err)
		return err;
	if (strchr("ZXx", stat.state)) /* of a thread, unlike of a process, it tells all */
		return fail_obstacle(-ESTALE, "thread", tid);
	err = obstacle(&stat, tgid);
	if (err)
		return fail_obstacle(err, "thread", tid);
	add(list, &stat);
	return 0;
}

/* --- many processes -------------------------------------------------------------------------- */

/* A name longer than a process can have is compared as far as it goes, unless it is a pattern. */
static bool comm_matches(const char *pattern, const char *comm)
{
	if (strlen(pattern) > COMM_SHOWN && !strpbrk(pattern, "*?[\\"))
		return !strncmp(pattern, comm, COMM_SHOWN) && strlen(comm) == COMM_SHOWN;
	return !fnmatch(pattern, comm, 0);
}

static int add_named(struct target_list *list, const char *pattern)
{
	struct proc_ids all = { 0 };
	size_t before = list->n;
	int err = proc_list(&all);

	for (size_t i = 0; !err && i < all.n; i++) {
		struct proc_stat stat;

		/* one that ends while we look is as if it had never been there */
		if (!proc_read_stat(all.ids[i], &stat) && comm_matches(pattern, stat.comm) &&
		    !obstacle(&stat, stat.id))
			add(list, &stat);
	}
	proc_ids_free(&all);
	if (!err && list->n == before)
		return fail(-ENOENT, "no process is named '%s'", pattern);
	return err;
}

static int add_cgroup(struct target_list *list, const char *name)
{
	struct cgroup_mounts mounts = { 0 };
	struct proc_ids ids = { 0 };
	size_t before = list->n;
	int err = cgroup_read_mounts(&mounts);

	if (!err)
		err = cgroup_list(&mounts, name, &ids);
	for (size_t i = 0; !err && i < ids.n; i++) {
		struct proc_status status;
		struct proc_stat stat;

		if (!proc_read_status(ids.ids[i], &status) &&
		    !proc_read_stat(status.tgid, &stat) && !obstacle(&stat, stat.id))
			add(list, &stat);
	}
	cgroup_mounts_free(&mounts);
	proc_ids_free(&ids);
	if (!err && list->n == before)
		return fail(-ENODATA, "control group '%s' holds only kernel threads, zombies or "
			    "parascope itself", name);
	return err;
}

/* --- all ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* Of two with one id the later one is right: the earlier ended meanwhile. */
static void sort_once(struct target_list *list)
{
	size_t n = 0;

	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare);
	for (size_t i = 0; i < list->n; i++) {
		if (!n || list->items[n - 1].id != list->items[i].id)
			list->items[n++] = list->items[i];
		else if (list->items[n - 1].start_ticks < list->items[i].start_ticks)
			list->items[n - 1] = list->items[i];
	}
	list->n = n;
}

static int check_spec(const struct target_spec *spec)
{
	bool others = spec->pids.n || spec->comms.n || spec->cgroup;

	if (!spec->tids.n && !others)
		return fail(-EINVAL, "nothing to watch: name a process, a pattern or a "
			    "control group");
	if (spec->tids.n && others)
		return fail(-EINVAL, "single threads cannot be watched together with processes");
	return 0;
}

int target_resolve(const struct target_spec *spec, struct target_list *ret)
{
	int err = check_spec(spec);

	ret->by_tid = spec->tids.n > 0;
	buf_puts(&ret->notes, "");
	for (size_t i = 0; !err && i < spec->pids.n; i++)
		err = add_process(ret, spec->pids.ids[i]);
	for (size_t i = 0; !err && i < spec->tids.n; i++)
		err = add_thread(ret, spec->tids.ids[i]);
	for (size_t i = 0; !err && i < spec->comms.n; i++)
		err = add_named(ret, spec->comms.items[i]);
	if (!err && spec->cgroup)
		err = add_cgroup(ret, spec->cgroup);
	sort_once(ret);
	return err;
}

void target_list_free(struct target_list *list)
{
	free(list->items);
	buf_free(&list->notes);
	*list = (struct target_list){ 0 };
}

/* --- host ------------------------------------------------------------------------------------ */

int target_initial_ns(enum target_ns ns)
{
	static const struct {
		const char *path;
		ino_t initial;
	} namespaces[] = {
		[TARGET_USER_NS] = { "/proc/self/ns/user", INITIAL_USER_NS },
		[TARGET_PID_NS] = { "/proc/self/ns/pid", INITIAL_PID_NS },
	};
	struct stat st;

	if (!stat(namespaces[ns].path, &st))
		return st.st_ino == namespaces[ns].initial;
	/* a kernel without such namespaces has only the initial one */
	return errno == ENOENT && !access("/proc/self/ns", F_OK) ? 1 : -errno;
}

/* /proc/self is looked up in the PID namespace that /proc was mounted in. */
bool target_proc_is_ours(void)
{
	char self[16] = "", want[16];

	snprintf(want, sizeof(want), "%d", getpid());
	return readlink("/proc/self", self, sizeof(self) - 1) > 0 && !strcmp(self, want);
}

int target_check_host(void)
{
	static const char *const kinds[] = { [TARGET_USER_NS] = "user", [TARGET_PID_NS] = "PID" };

	for (enum target_ns ns = TARGET_USER_NS; ns <= TARGET_PID_NS; ns++)
		if (!target_initial_ns(ns))
			return fail(-EPERM, "parascope runs inside a container (its %s namespace "
				    "is not the initial one), where the kernel refuses BPF or ids "
				    "mean something else; run it on the host", kinds[ns]);
	if (!target_proc_is_ours())
		return fail(-EPERM, "/proc does not show this machine's processes; mount it: "
			    "mount -t proc proc /proc");
	return 0;
}
