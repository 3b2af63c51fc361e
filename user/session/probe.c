// SPDX-License-Identifier: GPL-2.0-or-later
/* probe.c - looks at the kernel's BTF, symbol table and tracepoints; see probe.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
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

/*
 * Can programs name this kernel variable?  The verifier finds its address in the symbol table, which
 * lacks data on kernels without CONFIG_KALLSYMS_ALL.  Asking it with a program of three instructions
 * is a hundred times faster than reading the table.
 */
static bool has_variable(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_VAR);
	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_BTF_ID, .imm = id },
		{ .code = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd;

	if (id < 0)
		return false;
	fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "probe", "GPL", insns,
			   sizeof(insns) / sizeof(insns[0]), NULL);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
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
	ret->wake_context = has_variable(btf, "__preempt_count") || has_variable(btf, "pcpu_hot");
	if (btf__find_by_name_kind(btf, "bpf_iter__task", BTF_KIND_STRUCT) < 0)
		err = fail(-EOPNOTSUPP, "this kernel has no task iterator for BPF: parascope needs "
					"Linux 5.15 or newer");
	btf__free(btf);
	return err;
}

bool probe_has_rights(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return !syscall(SYS_capget, &head, sets) &&
	       sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
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

static int fail_look(int err, const char *what, const char *name, const char *remedy)
{
	if (err == EPERM || err == EACCES)
		return fail(-err, "cannot %s%s: " PROBE_RIGHTS, what, name);
	return fail(-err, "cannot %s%s: %s%s", what, name, strerror(err), remedy);
}

int probe_tracepoint(const char *name)
{
	char path[128], text[32];
	ssize_t n = -1;
	int dir, fd, err;

	dir = open_tracefs();
	if (dir < 0)
		return fail_look(errno, "reach tracefs", "", ": mount it on /sys/kernel/tracing");
	snprintf(path, sizeof(path), "events/%s/id", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	err = errno;
	close(dir);
	if (fd < 0)
		return fail_look(err, "read tracepoint ", name, "");
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? errno : EIO;
	close(fd);
	if (n <= 0)
		return fail_look(err, "read the id of tracepoint ", name, "");
	text[n] = '\0';
	return atoi(text);
}
