/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checks.h - the table of what the doctor looks at (checks.c), and the functions that look
 * (looks.c).  Private to these and to doctor.c.
 */
#ifndef PARASCOPE_CHECKS_H
#define PARASCOPE_CHECKS_H

#include "user/session/doctor.h"

/* What one look leaves for the next. */
struct exam {
	struct btf *btf;   /* NULL: none */
	int tracefs;	   /* -1: none */
	bool verbose;	   /* libbpf's words to stderr */
	bool nothing_lost; /* no required thing is missing up to here */
};

struct check;

/* Fills f->seen and returns the result; changes f->remedy where that of the row is wrong. */
#define LOOK(name)                                                                                 \
	enum doctor_result name(struct exam *e __attribute__((unused)),                            \
				const struct check *c __attribute__((unused)),                     \
				struct doctor_finding *f)

struct check {
	const char *group, *name;
	bool required;
	enum doctor_result (*look)(struct exam *e, const struct check *c, struct doctor_finding *f);
	int number;	      /* for the look: a capability, a namespace, a number of arguments */
	const char *what;     /* for the look: a name */
	const char *after[4]; /* rows above: if one is missing this one is unknown */
	const char *without, *remedy;
};

extern const struct check checks[]; /* up to a row without a name; the last one opens a session */

LOOK(look_kernel);
LOOK(look_namespace);
LOOK(look_proc);
LOOK(look_hidepid);
LOOK(look_sys);
LOOK(look_files);
LOOK(look_cgroups);
LOOK(look_call);
LOOK(look_capability);
LOOK(look_loading);
LOOK(look_lockdown);
LOOK(look_btf);
LOOK(look_jumps);
LOOK(look_program);
LOOK(look_ring);
LOOK(look_storage);
LOOK(look_memory);
LOOK(look_places);
LOOK(look_helpers);
LOOK(look_tracefs);
LOOK(look_calls);
LOOK(look_args);
LOOK(look_context);
LOOK(look_cast);
LOOK(look_jit);
LOOK(look_session);

/* What to do. */
#define NOTHING "parascope cannot watch anything"
#define ROOT "run as root (sudo)"
#define NOT_IN_CONTAINER                                                                           \
	"this root lacks it: run outside of the container, or add it there "                       \
	"(docker --cap-add, systemd CapabilityBoundingSet)"
#define SECCOMP                                                                                    \
	"run outside of the sandbox, or permit the call there "                                    \
	"(docker --security-opt seccomp=, systemd SystemCallFilter)"
#define ASK "ask who runs this machine what refuses it (dmesg, audit log)"
#define MORE_MEMORY "free some, raise the limit of the control group, or try a smaller --ring-size"
#define NO_SYSCALL_EVENTS "needs a kernel with CONFIG_FTRACE_SYSCALLS"
#define NEW_KERNEL "needs Linux 5.15 or newer"

#endif
