// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - looks at the kernel's rights, types and tracepoints; see probe.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "user/base/fail.h"
#include "user/session/probe.h"

#define FILES_NEEDED 128 /* maps, programs, links, perf events: 55 on Linux 6.18 */

/* --- what a session has to know -------------------------------------------------------------- */

int probe_kernel(struct probe *ret)
{
	unsigned long long limit;
	struct btf *btf;
	int err;

	memset(ret, 0, sizeof(*ret));
	err = probe_open_files(&limit);
	if (err)
		return err;
	btf = probe_btf(&err);
	if (!btf)
		return err;
	ret->prev_state = probe_tracepoint_args(btf, "sched_switch") >= 4;
	ret->contention = probe_tracepoint_args(btf, "contention_begin") >= 2;
	ret->wake_context = probe_preempt_count(btf);
	ret->cast = probe_cast(btf);
	ret->preemptible =
		btf__find_by_name_kind(btf, "trace_call_bpf_faultable", BTF_KIND_FUNC) >= 0;
	btf__free(btf);
	return 0;
}

/* --- rights ---------------------------------------------------------------------------------- */

bool probe_capability(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, sets) &&
	       sets[CAP_TO_INDEX(cap)].effective & CAP_TO_MASK(cap);
}

/* The kernel reads the arguments before it looks at rights: EFAULT says that we got there. */
int probe_bpf_call(void)
{
	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, 1L, sizeof(uint64_t)) && errno == EFAULT
		       ? 0
		       : errno;
}

int probe_perf_call(void)
{
	return syscall(SYS_perf_event_open, 1L, -1, 0, -1, 0) && errno == EFAULT ? 0 : errno;
}

bool probe_seccomp(void)
{
	return prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
}

/* libbpf takes descriptors that are short for features that are missing. */
int probe_open_files(unsigned long long *ret_limit)
{
	struct rlimit limit;

	*ret_limit = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	*ret_limit = limit.rlim_cur;
	return limit.rlim_cur >= FILES_NEEDED
		       ? 0
		       : fail(-EMFILE, "%llu at most, %d are needed", *ret_limit, FILES_NEEDED);
}

/* --- types ----------------------------------------------------------------------------------- */

struct btf *probe_btf(int *ret_err)
{
	int fd = open(PROBE_BTF_PATH, O_RDONLY | O_CLOEXEC);
	struct btf *btf;

	if (fd < 0) {
		*ret_err = fail(-errno, "cannot read " PROBE_BTF_PATH ": %s", strerror(errno));
		return NULL;
	}
	close(fd);
	btf = btf__parse_raw(PROBE_BTF_PATH);
	if (!btf)
		*ret_err = fail(-errno, "cannot use " PROBE_BTF_PATH ": %s",
				errno == ENOMEM ? strerror(errno)
						: "it does not hold the kernel's types");
	return btf;
}

int probe_tracepoint_args(const struct btf *btf, const char *name)
{
	const struct btf_type *t;
	char type_name[64];
	int id;

	snprintf(type_name, sizeof(type_name), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type_name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	t = btf__type_by_id(btf, btf__type_by_id(btf, (unsigned int)id)->type);
	if (!t || !btf_is_ptr(t))
		return -1;
	t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) ? (int)btf_vlen(t) - 1 : -1;
}

bool probe_preempt_count(const struct btf *btf)
{
#if defined(__aarch64__)
	(void)btf; /* in every thread's thread_info */
	return true;
#else
	return probe_variable(btf, "__preempt_count") || probe_variable(btf, "pcpu_hot");
#endif
}

/* --- tracepoints ----------------------------------------------------------------------------- */

/* A folder handle of a tracefs of our own that is mounted nowhere; -1 if not possible. */
static int open_detached_tracefs(void)
{
	int fs, dir = -1;

	fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return -1;
	if (!fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		dir = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	return dir;
}

int probe_tracefs(const char **ret_place)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct statfs fs;
	int dir;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		dir = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && !fstatfs(dir, &fs) && fs.f_type == TRACEFS_MAGIC) {
			if (ret_place)
				*ret_place = places[i];
			return dir;
		}
		if (dir >= 0)
			close(dir);
	}
	if (ret_place)
		*ret_place = NULL;
	if (probe_kernel_memory() == PROBE_HELPER_REFUSED)
		return fail(-EPERM, "tracefs is not mounted, and the kernel is locked down");
	dir = open_detached_tracefs();
	return dir >= 0 ? dir
			: fail(-errno,
			       "tracefs is not mounted, and parascope cannot open its own: "
			       "%s",
			       strerror(errno));
}

int probe_tracepoint(int tracefs, const char *name)
{
	char path[128], text[32] = "";
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), "events/%s/id", name);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(-errno, "cannot read tracepoint %s: %s", name, strerror(errno));
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? errno : EIO;
	close(fd);
	return n > 0 ? atoi(text)
		     : fail(-err, "cannot read the id of tracepoint %s: %s", name, strerror(err));
}

int probe_open_tracepoint(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}
