// SPDX-License-Identifier: GPL-2.0-or-later
/* calls.c - programs at system calls; see calls.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "user/session/calls.h"
#include "user/session/probe.h"

static const struct {
	const char *prog;
	const char *tracepoint;
	bool required;
	bool native; /* only for native stacks */
	bool twins;  /* only where programs have twins */
} programs[] = {
	{ "on_enter_futex", "syscalls/sys_enter_futex", true, false, true },
	{ "on_exit_futex", "syscalls/sys_exit_futex", true, false, false },
	{ "on_enter_futex", "syscalls/sys_enter_futex_waitv", false, false, true },
	{ "on_exit_futex", "syscalls/sys_exit_futex_waitv", false, false, false },
	{ "on_enter_futex", "syscalls/sys_enter_futex_wait", false, false, true },
	{ "on_exit_futex", "syscalls/sys_exit_futex_wait", false, false, false },
	{ "on_enter_futex", "syscalls/sys_enter_futex_wake", false, false, true },
	{ "on_exit_futex", "syscalls/sys_exit_futex_wake", false, false, false },
	{ "on_enter_futex", "syscalls/sys_enter_futex_requeue", false, false, true },
	{ "on_exit_futex", "syscalls/sys_exit_futex_requeue", false, false, false },
	{ "on_exit_mmap", "syscalls/sys_exit_mmap", false, true, false },
};
_Static_assert(sizeof(programs) / sizeof(programs[0]) == CALLS_MAX, "struct calls has room for all");

/* NULL: it has no twin. */
static struct bpf_program *find_program(struct bpf_object *obj, size_t row, bool twin)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", programs[row].prog, twin ? "_2" : "");
	return bpf_object__find_program_by_name(obj, name);
}

int calls_choose(struct calls *ret, struct bpf_object *obj, bool twins, bool native)
{
	int tracefs = probe_tracefs(NULL), missing = 0;

	if (tracefs < 0)
		return tracefs;
	ret->twins = twins;
	for (size_t i = 0; i < CALLS_MAX; i++) {
		ret->ids[i] = -ENOENT;
		if ((programs[i].native && !native) || (programs[i].twins && !twins))
			continue;
		ret->ids[i] = probe_tracepoint(tracefs, programs[i].tracepoint);
		if (ret->ids[i] < 0 && programs[i].required) {
			close(tracefs);
			return ret->ids[i];
		}
		missing += ret->ids[i] < 0;
		for (int twin = 0; ret->ids[i] >= 0 && twin <= twins; twin++) {
			struct bpf_program *prog = find_program(obj, i, twin);

			if (prog)
				bpf_program__set_autoload(prog, true);
		}
	}
	close(tracefs);
	return missing;
}

int calls_choose_none(struct calls *ret)
{
	ret->twins = false;
	for (size_t i = 0; i < CALLS_MAX; i++)
		ret->ids[i] = -ENOENT;
	return 0;
}

static struct bpf_link *attach(struct bpf_program *prog, int id)
{
	int fd = probe_open_tracepoint(id);
	struct bpf_link *link;

	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	link = bpf_program__attach_perf_event(prog, fd);
	if (!link)
		close(fd);
	return link;
}

int calls_attach(const struct calls *c, struct bpf_object *obj, struct bpf_link **links, size_t *n)
{
	for (size_t i = 0; i < CALLS_MAX; i++) {
		for (int twin = 0; c->ids[i] >= 0 && twin <= c->twins; twin++) {
			struct bpf_program *prog = find_program(obj, i, twin);
			struct bpf_link *link = prog ? attach(prog, c->ids[i]) : NULL;

			if (!prog)
				continue;
			if (!link)
				return -errno;
			links[(*n)++] = link;
		}
	}
	return 0;
}

bool calls_has(const struct bpf_program *prog, bool *ret_required)
{
	const char *name = bpf_program__name(prog);

	for (size_t i = 0; i < CALLS_MAX; i++) {
		if (strcmp(programs[i].prog, name) != 0)
			continue;
		*ret_required = programs[i].required;
		return true;
	}
	return false;
}
