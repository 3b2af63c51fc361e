// SPDX-License-Identifier: GPL-2.0-or-later
/* pythons.c - interpreters by slot, processes by interpreter, a clock; see pythons.h. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/pythons.h"

struct pythons {
	struct bpf_map *map, *of;
	uint32_t *generation;
	struct wire_python *items; /* slot i + 1 */
	size_t n, cap;
};

struct pythons *pythons_new(struct bpf_map *pythons, struct bpf_map *python_of,
			    uint32_t *generation)
{
	struct pythons *p = xcalloc(1, sizeof(*p));

	p->map = pythons;
	p->of = python_of;
	p->generation = generation;
	return p;
}

/* Slots are not given back: forked children may have one without our knowing it yet. */
static int find_slot(struct pythons *p, const struct wire_python *python, uint32_t *ret)
{
	uint32_t slot;
	int err;

	for (slot = 1; slot <= p->n; slot++) {
		if (memcmp(&p->items[slot - 1], python, sizeof(*python)) == 0) {
			*ret = slot;
			return 0;
		}
	}
	if (slot >= bpf_map__max_entries(p->map))
		return fail(-ENOSPC, "more than %u different interpreters", slot - 1);
	err = bpf_map__update_elem(p->map, &slot, sizeof(slot), python, sizeof(*python), BPF_ANY);
	if (err)
		return fail(err, "cannot describe an interpreter to the BPF programs: %s",
			    strerror(-err));
	vec_push(p->items, p->n, p->cap) = *python;
	*ret = slot;
	return 0;
}

int pythons_add(struct pythons *p, uint32_t tgid, const struct wire_python *python)
{
	uint32_t slot;
	int err = find_slot(p, python, &slot);

	if (!err)
		err = bpf_map__update_elem(p->of, &tgid, sizeof(tgid), &slot, sizeof(slot),
					   BPF_ANY);
	if (err == -ENOSPC)
		return err;
	if (err)
		return fail(err,
			    "cannot tell the BPF programs of the interpreter of process %u: %s",
			    tgid, strerror(-err));
	__atomic_add_fetch(p->generation, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void pythons_forget(struct pythons *p, uint32_t tgid)
{
	bpf_map__delete_elem(p->of, &tgid, sizeof(tgid), 0);
}

void pythons_free(struct pythons *p)
{
	if (!p)
		return;
	free(p->items);
	free(p);
}
