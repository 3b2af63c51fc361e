/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - what this kernel offers and permits, found by looking, never by its version.  One
 * function per look: session.c asks those that it needs, doctor.c asks them all.
 */
#ifndef PARASCOPE_PROBE_H
#define PARASCOPE_PROBE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

struct btf;

/* --- what a session has to know -------------------------------------------------------------- */

struct probe {
	bool prev_state;   /* sched_switch passes prev_state (5.18) */
	bool wake_context; /* interrupts are told from threads: probe_preempt_count() */
	bool cast;	   /* programs may read what lies at an address as they say (6.2) */
	bool contention;   /* lock:contention_begin/end (5.19) */
	bool preemptible;  /* programs at system calls can be preempted (7.2), and are skipped then */
};

/* -EMFILE, -EOPNOTSUPP with message if something is missing without which libbpf would mislead. */
int probe_kernel(struct probe *ret);

/* --- rights ---------------------------------------------------------------------------------- */

/* Is a CAP_… effective?  Those of a user namespace count as well and are worth nothing to BPF. */
bool probe_capability(int cap);

/*
 * Does a system call reach the kernel: 0, or the errno that something before it (seccomp) or in its
 * place (not configured) answers.  Made with an address that it cannot read, nothing is done.
 */
int probe_bpf_call(void);
int probe_perf_call(void);
bool probe_seccomp(void); /* this process runs under a filter */

/* Open files: 0, or -EMFILE with message. */
int probe_open_files(unsigned long long *ret_limit);

/* --- types ----------------------------------------------------------------------------------- */

#define PROBE_BTF_PATH "/sys/kernel/btf/vmlinux"

/* The kernel's types, to be freed with btf__free(); NULL: -errno in *ret_err and message. */
struct btf *probe_btf(int *ret_err);
/* Number of arguments of a tracepoint's handler without its context, -1: no such tracepoint. */
int probe_tracepoint_args(const struct btf *btf, const char *name);
/* Can programs read the preemption counter?  See in_interrupt() in bpf/compat.bpf.h. */
bool probe_preempt_count(const struct btf *btf);

/* Can programs call bpf_rdonly_cast()?  See user_regs_direct() there. */
bool probe_cast(const struct btf *btf);

/* Can programs name this variable of the kernel? */
bool probe_variable(const struct btf *btf, const char *name);

/* --- programs -------------------------------------------------------------------------------- */

/* A kind of program, as far as the verifier decides by it what a program may do. */
struct probe_kind {
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	int btf_id; /* what it attaches to, 0: nothing */
};

/*
 * The kind that belongs to an ELF section such as "tp_btf/sched_switch", "tp/..." or "iter/task";
 * false if the kernel's types do not have what it attaches to.
 */
bool probe_kind_of(const struct btf *btf, const char *section, struct probe_kind *ret);

/* Load a program that does nothing: 0 or -errno. */
int probe_program(const struct probe_kind *kind);
/* The same with a 32 bit jump (5.1), which the compiler uses (-mcpu=v3). */
int probe_jump32(void);

enum probe_helper {
	PROBE_HELPER_THERE,
	PROBE_HELPER_UNKNOWN, /* this kernel does not know it */
	PROBE_HELPER_REFUSED, /* it does, but not for this kind of program, or not here (lockdown)
			       */
};

/* May programs of a kind call this helper (BPF_FUNC_…)? */
enum probe_helper probe_helper(const struct probe_kind *kind, int helper);
/* May programs read the kernel's memory?  Not under lockdown=confidentiality. */
enum probe_helper probe_kernel_memory(void);
/* "bpf_task_pt_regs", or "" for one that was not there yet when this was compiled. */
const char *probe_helper_name(int helper);

/* Create a ring buffer, a task storage, and let them go: 0 or -errno. */
int probe_ring(size_t bytes);
int probe_task_storage(void);

/* --- tracepoints ----------------------------------------------------------------------------- */

/*
 * A folder handle of tracefs: of the mounted one, else of one of our own that is mounted nowhere;
 * not under lockdown, where it would be empty and where Linux 7.2 crashes when it goes. *ret_place
 * (may be NULL): where it is mounted, NULL: nowhere.  -errno with message.
 */
int probe_tracefs(const char **ret_place);

/*
 * The id of a tracepoint such as "syscalls/sys_enter_futex"; -ENOENT: this kernel has no such
 * tracepoint, -EACCES or -EPERM: not allowed to look, always with a message.
 */
int probe_tracepoint(int tracefs, const char *name);

/* A perf event of a tracepoint, by its id: what a program is attached to.  -errno, no message. */
int probe_open_tracepoint(int id);

#endif
