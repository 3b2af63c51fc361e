// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - looks at the kernel's BTF, symbol table and tracepoints; see probe.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "user/base/fail.h"
#include "user/session/probe.h"

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* Number of arguments of a tracepoint's handler without its context, -1: no such tracepoint. */
static int tracepoint_args(const struct btf *btf, const char *name)
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

/* The verifier resolves a per-CPU variable by its name in the symbol table. */
static bool has_symbol(const struct btf *btf, const char *name)
{
	char line[256], type, symbol[128];
	unsigned long long addr;
	bool found = false;
	FILE *f;

	if (btf__find_by_name_kind(btf, name, BTF_KIND_VAR) < 0)
		return false;
	f = fopen("/proc/kallsyms", "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%llx %c %127s", &addr, &type, symbol) == 3 &&
			!strcmp(symbol, name);
	fclose(f);
	return found;
}

int probe_kernel(struct probe *ret)
{
	struct btf *btf;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	if (access(BTF_PATH, R_OK))
		return fail(-EOPNOTSUPP,
			    "cannot read " BTF_PATH ": %s: this kernel does not describe its types "
			    "(CONFIG_DEBUG_INFO_BTF); parascope needs Linux 5.15 or newer with BTF",
			    strerror(errno));
	btf = btf__parse(BTF_PATH, NULL);
	if (!btf)
		return fail(-EOPNOTSUPP, "cannot use " BTF_PATH ": %s", strerror(errno));
	ret->btf = true;
	ret->prev_state = tracepoint_args(btf, "sched_switch") >= 4;
	ret->contention = tracepoint_args(btf, "contention_begin") >= 2;
	ret->wake_context = has_symbol(btf, "__preempt_count") || has_symbol(btf, "pcpu_hot");
	if (btf__find_by_name_kind(btf, "bpf_iter__task", BTF_KIND_STRUCT) < 0)
		err = fail(-EOPNOTSUPP, "this kernel has no task iterator for BPF: parascope needs "
					"Linux 5.15 or newer");
	btf__free(btf);
	return err;
}

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

static int open_tracefs(void)
{
	static const char *const places[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int dir = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0 && !faccessat(dir, "events", F_OK, 0))
			return dir;
		if (dir >= 0)
			close(dir);
	}
	return open_detached_tracefs();
}

int probe_tracepoint(const char *name)
{
	char path[128], text[32];
	ssize_t n = -1;
	int dir, fd, err;

	dir = open_tracefs();
	if (dir < 0)
		return fail(-EACCES, "cannot reach tracefs: %s: mount it on /sys/kernel/tracing",
			    strerror(errno));
	snprintf(path, sizeof(path), "events/%s/id", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	err = errno;
	close(dir);
	if (fd < 0)
		return fail(err == ENOENT ? -ENOENT : -EACCES, "cannot read tracepoint %s: %s", name,
			    strerror(err));
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return fail(-EACCES, "cannot read the id of tracepoint %s", name);
	text[n] = '\0';
	return atoi(text);
}
