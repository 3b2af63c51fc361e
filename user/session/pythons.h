/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pythons.h - the interpreters that the BPF programs follow; private to the session.
 */
#ifndef PARASCOPE_PYTHONS_H
#define PARASCOPE_PYTHONS_H

#include <stdint.h>

#include "bpf/wire.h"

struct bpf_map;
struct bpf_program;
struct pythons;

/* The two maps (bpf/maps.bpf.h), and what user space counts up after each change of python_of. */
struct pythons *pythons_new(struct bpf_map *pythons, struct bpf_map *python_of,
			    uint32_t *generation);
/* -ENOSPC: too many different ones. */
int pythons_add(struct pythons *p, uint32_t tgid, const struct wire_python *python);
void pythons_forget(struct pythons *p, uint32_t tgid);
void pythons_free(struct pythons *p); /* NULL is fine */

#endif
