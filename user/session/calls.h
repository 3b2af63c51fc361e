/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls.h - the BPF programs at system calls: which of them this kernel has a use for, and
 * how they are attached; private to session.c.
 *
 * They are attached by the id of their tracepoint, so that tracefs need not be mounted.
 */
#ifndef PARASCOPE_CALLS_H
#define PARASCOPE_CALLS_H

#include <stdbool.h>
#include <stddef.h>

struct bpf_link;
struct bpf_object;
struct bpf_program;

#define CALLS_MAX 11 /* programs, twins not counted */
#define CALLS_LINKS (2 * CALLS_MAX)

struct calls {
	bool twins; /* each has one: `preemptible` in bpf/maps.bpf.h */
	int ids[CALLS_MAX];
};

/*
 * Before the object is loaded: choose those whose tracepoint is there.  Returns how many are missing,
 * or -errno with message if one that must not be.  native: native stacks are wanted.
 */
int calls_choose(struct calls *ret, struct bpf_object *obj, bool twins, bool native);
/* None of them (0): tracefs need not be there either. */
int calls_choose_none(struct calls *ret);
/*
 * Attach those chosen; *n links more in links, of which there is room for CALLS_LINKS.  0 or
 * -errno, no message.
 */
int calls_attach(const struct calls *c, struct bpf_object *obj, struct bpf_link **links, size_t *n);

/* Is it such a program (twins not counted) without which no session works; *ret_required. */
bool calls_has(const struct bpf_program *prog, bool *ret_required);

#endif
