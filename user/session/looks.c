// SPDX-License-Identifier: GPL-2.0-or-later
/* looks.c - one function for each kind of check; see checks.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/checks.h"
#include "user/session/probe.h"
#include "user/session/said.h"
#include "user/session/session.h"
#include "user/target/cgroup.h"
#include "user/target/proc.h"
#include "user/target/target.h"

#define RING_BYTES (8UL << 20) /* the default of --ring-size */

static enum doctor_result say(struct doctor_finding *f, enum doctor_result result, const char *fmt,
			      ...) __attribute__((format(printf, 3, 4)));

static enum doctor_result say(struct doctor_finding *f, enum doctor_result result, const char *fmt,
			      ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->seen, sizeof(f->seen), fmt, ap);
	va_end(ap);
	return result;
}

/* "there", or missing with the error; older kernels say EINVAL to what they do not know. */
static enum doctor_result say_err(struct doctor_finding *f, int err)
{
	if (!err)
		return say(f, DOCTOR_OK, "there");
	return say(f, DOCTOR_MISSING, "%s",
		   err == -EINVAL || err == -EOPNOTSUPP ? "this kernel does not have it"
							: strerror(-err));
}

/* --- machine --------------------------------------------------------------------------------- */

LOOK(look_kernel)
{
	struct utsname name;
	bool known;

	uname(&name);
	known = !strcmp(name.machine, "x86_64") || !strcmp(name.machine, "aarch64");
	return say(f, known ? DOCTOR_OK : DOCTOR_MISSING, "%.40s %.80s on %.40s", name.sysname,
		   name.release, name.machine);
}

LOOK(look_namespace)
{
	int initial = target_initial_ns((enum target_ns)c->number);

	if (initial < 0)
		return say(f, DOCTOR_UNKNOWN, "/proc/self/ns: %s", strerror(-initial));
	return initial ? say(f, DOCTOR_OK, "the initial one")
		       : say(f, DOCTOR_MISSING, "not the initial one: this is a container");
}

LOOK(look_proc)
{
	struct statfs fs;

	if (statfs("/proc", &fs) || fs.f_type != PROC_SUPER_MAGIC)
		return say(f, DOCTOR_MISSING, "not mounted");
	return target_proc_is_ours() ? say(f, DOCTOR_OK, "mounted")
				     : say(f, DOCTOR_MISSING,
					   "does not show the processes of this PID namespace");
}

/* Process 1 is never ours. */
LOOK(look_hidepid)
{
	int fd = open("/proc/1/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return say(f, DOCTOR_LIMITED, "those of other users are hidden (hidepid)");
	close(fd);
	return say(f, DOCTOR_OK, "all can be seen");
}

LOOK(look_sys)
{
	struct statfs fs;

	return statfs("/sys", &fs) || fs.f_type != SYSFS_MAGIC
		       ? say(f, DOCTOR_MISSING, "not mounted")
		       : say(f, DOCTOR_OK, "mounted");
}

LOOK(look_files)
{
	unsigned long long limit;

	return probe_open_files(&limit) ? say(f, DOCTOR_MISSING, "%s", fail_text())
					: say(f, DOCTOR_OK, "%llu at most", limit);
}

LOOK(look_cgroups)
{
	struct cgroup_mounts mounts = { 0 };
	size_t v1 = 0, v2 = 0;

	cgroup_read_mounts(&mounts);
	for (size_t i = 0; i < mounts.n; i++)
		*(mounts.items[i].v2 ? &v2 : &v1) += 1;
	cgroup_mounts_free(&mounts);
	if (!v1 && !v2)
		return say(f, DOCTOR_MISSING, "none is mounted");
	return say(f, DOCTOR_OK, "%s%s%s", v1 ? "v1" : "", v1 && v2 ? " and " : "", v2 ? "v2" : "");
}

/* --- rights ---------------------------------------------------------------------------------- */

LOOK(look_call)
{
	int err = c->number ? probe_perf_call() : probe_bpf_call();

	if (!err)
		return say(f, DOCTOR_OK, "reaches the kernel");
	if (probe_seccomp()) {
		f->remedy = SECCOMP;
		return say(f, DOCTOR_MISSING, "a seccomp filter refuses it (%s)", strerror(err));
	}
	/* older kernels look at the rights first */
	if (err == EPERM && !probe_capability(CAP_SYS_ADMIN))
		return say(f, DOCTOR_UNKNOWN, "%s", strerror(err));
	if (err != ENOSYS)
		f->remedy = ASK;
	return say(f, DOCTOR_MISSING, "%s", strerror(err));
}

LOOK(look_capability)
{
	if (probe_capability(c->number))
		return say(f, DOCTOR_OK, "there");
	if (c->required && probe_capability(CAP_SYS_ADMIN))
		return say(f, DOCTOR_OK, "part of CAP_SYS_ADMIN");
	f->remedy = geteuid() ? ROOT : NOT_IN_CONTAINER;
	return say(f, c->required ? DOCTOR_MISSING : DOCTOR_LIMITED, "not permitted");
}

static const struct probe_kind raw_tracepoint = { .type = BPF_PROG_TYPE_RAW_TRACEPOINT };

LOOK(look_loading)
{
	int err = probe_program(&raw_tracepoint);

	if (err == -EPERM || err == -EACCES)
		return say(f, DOCTOR_MISSING,
			   "refused although the rights are there (%s), by a security module "
			   "or a seccomp filter",
			   strerror(-err));
	if (err == -EINVAL)
		f->remedy = NEW_KERNEL;
	return err ? say_err(f, err) : say(f, DOCTOR_OK, "the kernel takes one");
}

/* As the kernel shows it: "none [integrity] confidentiality"; "" if it does not. */
static void read_lockdown(char *ret, size_t size)
{
	struct buf text = { 0 };
	const char *open = NULL;

	*ret = '\0';
	if (!proc_read_file("/sys/kernel/security/lockdown", 256, &text))
		open = strchr(text.data, '[');
	if (open)
		snprintf(ret, size, "%.*s", (int)strcspn(open + 1, "]\n"), open + 1);
	buf_free(&text);
}

LOOK(look_lockdown)
{
	enum probe_helper read = probe_kernel_memory();
	char level[32];

	read_lockdown(level, sizeof(level));
	if (read == PROBE_HELPER_REFUSED)
		return say(f, DOCTOR_MISSING, "lockdown%s%s forbids programs to read it",
			   *level ? "=" : "", level);
	if (read == PROBE_HELPER_UNKNOWN) {
		f->remedy = NEW_KERNEL;
		return say(f, DOCTOR_MISSING, "this kernel is too old for programs that read it");
	}
	return say(f, DOCTOR_OK, "programs may read it%s%s", *level ? ", lockdown=" : "", level);
}

/* --- kernel ---------------------------------------------------------------------------------- */

LOOK(look_btf)
{
	int err;

	e->btf = probe_btf(&err);
	if (e->btf)
		return say(f, DOCTOR_OK, PROBE_BTF_PATH);
	if (err == -ENOMEM)
		f->remedy = MORE_MEMORY;
	if (err == -EACCES || err == -EPERM)
		f->remedy = geteuid() ? ROOT : ASK;
	return say(f, DOCTOR_MISSING, "%s", fail_text());
}

LOOK(look_jumps)
{
	return say_err(f, probe_jump32());
}

/* A program of the kind that c->what names attaches to something that every such kernel has. */
LOOK(look_program)
{
	struct probe_kind kind;

	return probe_kind_of(e->btf, c->what, &kind) ? say_err(f, probe_program(&kind))
						     : say(f, DOCTOR_MISSING, "no %s", c->what);
}

LOOK(look_ring)
{
	return say_err(f, probe_ring((size_t)sysconf(_SC_PAGESIZE)));
}

LOOK(look_storage)
{
	return say_err(f, probe_task_storage());
}

LOOK(look_memory)
{
	int err = probe_ring(RING_BYTES);

	return err ? say(f, DOCTOR_MISSING, "no room for a ring buffer of 8 MiB: %s",
			 strerror(-err))
		   : say(f, DOCTOR_OK, "there is room for a ring buffer of 8 MiB");
}

/* Programs of the collector one by one: what of them is not there. */
struct parts {
	struct exam *e;
	size_t seen;
	struct buf lacks; /* "a, b" */
	struct {
		struct probe_kind kind;
		int helper;
	} asked[128];
};

static void lacks(struct parts *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void lacks(struct parts *p, const char *fmt, ...)
{
	char name[80];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (!p->lacks.len || !strstr(p->lacks.data, name))
		buf_printf(&p->lacks, "%s%s", p->lacks.len ? ", " : "", name);
}

static void see_place(void *ctx, const struct session_program *program)
{
	struct parts *p = ctx;
	struct probe_kind kind;

	if (strncmp(program->section, "tp_btf/", 7))
		return;
	p->seen++;
	if (!probe_kind_of(p->e->btf, program->section, &kind))
		lacks(p, "%s", program->section + 7);
}

/* Asked before?  Notes it if not. */
static bool is_known(struct parts *p, const struct probe_kind *kind, int helper)
{
	size_t i = 0;

	for (; i < p->seen; i++)
		if (p->asked[i].helper == helper && p->asked[i].kind.type == kind->type &&
		    p->asked[i].kind.attach == kind->attach)
			return true;
	if (i == sizeof(p->asked) / sizeof(p->asked[0]))
		return true; /* the verifier will tell */
	p->asked[i].kind = *kind;
	p->asked[i].helper = helper;
	p->seen++;
	return false;
}

static void see_helpers(void *ctx, const struct session_program *program)
{
	struct parts *p = ctx;
	struct probe_kind kind;

	if (!probe_kind_of(p->e->btf, program->section, &kind))
		return;
	for (size_t i = 0; i < program->n_insns; i++) {
		const struct bpf_insn *insn = &program->insns[i];

		if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg ||
		    is_known(p, &kind, insn->imm))
			continue;
		if (probe_helper(&kind, insn->imm) != PROBE_HELPER_THERE)
			lacks(p, "%s (%d)", probe_helper_name(insn->imm), insn->imm);
	}
}

static enum doctor_result look_parts(struct exam *e, struct doctor_finding *f,
				     void (*see)(void *ctx, const struct session_program *program))
{
	struct parts p = { .e = e };
	enum doctor_result result;

	if (session_each_program(see, &p))
		result = say(f, DOCTOR_UNKNOWN, "%s", fail_text());
	else if (p.lacks.len)
		result = say(f, DOCTOR_MISSING, "not there: %s", p.lacks.data);
	else
		result = say(f, DOCTOR_OK, "all there");
	buf_free(&p.lacks);
	return result;
}

LOOK(look_places)
{
	return look_parts(e, f, see_place);
}

LOOK(look_helpers)
{
	return look_parts(e, f, see_helpers);
}

/* --- tracepoints ----------------------------------------------------------------------------- */

LOOK(look_tracefs)
{
	const char *place;

	e->tracefs = probe_tracefs(&place);
	if (e->tracefs >= 0)
		return say(f, DOCTOR_OK, "%s",
			   place ? place : "not mounted; parascope opens its own");
	if (e->tracefs == -ENODEV)
		f->remedy = NO_SYSCALL_EVENTS;
	if (e->tracefs == -EPERM && !probe_capability(CAP_SYS_ADMIN))
		return say(f, DOCTOR_MISSING,
			   "not mounted, and without CAP_SYS_ADMIN parascope cannot open its own");
	return say(f, DOCTOR_MISSING, "not mounted, and parascope cannot open its own: %s",
		   strerror(-e->tracefs));
}

static enum doctor_result no_tracepoint(int err, const char *name, struct doctor_finding *f)
{
	if (err == -EACCES || err == -EPERM) {
		f->remedy = geteuid() ? ROOT ", or with CAP_DAC_READ_SEARCH" : NOT_IN_CONTAINER;
		return say(f, DOCTOR_MISSING, "no permission to read events/%s in tracefs", name);
	}
	if (err == -ENOENT)
		return say(f, DOCTOR_MISSING, "tracefs has no events/%s", name);
	return say(f, DOCTOR_MISSING, "%s", fail_text());
}

/* Is there such a tracepoint, and may we open an event of it? */
static enum doctor_result look_tracepoint(struct exam *e, const char *name,
					  struct doctor_finding *f)
{
	int id = probe_tracepoint(e->tracefs, name), fd;

	if (id < 0)
		return no_tracepoint(id, name, f);
	fd = probe_open_tracepoint(id);
	if (fd < 0) {
		f->remedy = ASK;
		return say(f, DOCTOR_MISSING,
			   "perf_event_open() is refused although the rights are there: %s",
			   strerror(-fd));
	}
	close(fd);
	return say(f, DOCTOR_OK, "there");
}

/* c->what names system calls, separated by blanks. */
LOOK(look_calls)
{
	static const char *const ways[] = { "enter", "exit" };
	enum doctor_result result = DOCTOR_OK;
	const char *name = c->what;

	while (result == DOCTOR_OK && *name) {
		int len = (int)strcspn(name, " ");

		for (size_t i = 0; result == DOCTOR_OK && i < 2; i++) {
			char event[64];

			snprintf(event, sizeof(event), "syscalls/sys_%s_%.*s", ways[i], len, name);
			result = look_tracepoint(e, event, f);
		}
		name += len + (name[len] == ' ');
	}
	return result;
}

/* --- more, if it is there -------------------------------------------------------------------- */

LOOK(look_args)
{
	return probe_tracepoint_args(e->btf, c->what) >= c->number
		       ? say(f, DOCTOR_OK, "there")
		       : say(f, DOCTOR_MISSING, "this kernel does not have it");
}

LOOK(look_context)
{
	return probe_preempt_count(e->btf)
		       ? say(f, DOCTOR_OK, "the preemption counter can be read")
		       : say(f, DOCTOR_MISSING, "the preemption counter cannot be found");
}

LOOK(look_cast)
{
	return probe_cast(e->btf)
		       ? say(f, DOCTOR_OK, "bpf_rdonly_cast() can be called")
		       : say(f, DOCTOR_MISSING, "bpf_rdonly_cast() cannot be called");
}

LOOK(look_jit)
{
	struct buf text = { 0 };
	int err = proc_read_file(c->what, 64, &text);
	bool off = !err && text.data[0] == '0';

	buf_free(&text);
	if (err)
		return say(f, DOCTOR_UNKNOWN, "%s", fail_text());
	return off ? say(f, DOCTOR_MISSING, "off: programs are interpreted")
		   : say(f, DOCTOR_OK, "on");
}

/* --- all together ---------------------------------------------------------------------------- */

LOOK(look_session)
{
	struct session_opts opts = { .verbose = e->verbose };
	struct session *s = NULL;
	unsigned long long begin = session_now_ns(), opened;
	int err;

	if (!e->nothing_lost)
		return say(f, DOCTOR_UNKNOWN, "not tried: something above is missing");
	err = session_open(&s, &opts);
	if (err && *said_by_verifier())
		f->remedy = "report this kernel, with what parascope doctor -v says";
	if (err == -ENOMEM) {
		f->remedy = MORE_MEMORY;
		return say(f, DOCTOR_MISSING, "no memory for all of it");
	}
	if (err)
		return say(f, DOCTOR_MISSING, "%s", fail_text());
	opened = session_now_ns();
	session_close(s);
	return say(f, DOCTOR_OK, "loaded and attached in %llu ms, gone in %llu ms",
		   (opened - begin) / 1000000, (session_now_ns() - opened) / 1000000);
}
