// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * floor.c - has the kernel time every run of every BPF program until stdin ends; with "empty" it
 * also attaches the programs of floor.bpf.c.  Says "ready" when that is so.  With "hooks" or
 * "lean-hooks" it only attaches them, and says "attached".
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "floor.skel.h"

static int attach_empty(struct floor **ret, bool lean)
{
	struct floor *f = floor__open();
	struct btf *kernel = btf__load_vmlinux_btf();
	bool contention =
		btf__find_by_name_kind(kernel, "btf_trace_contention_begin", BTF_KIND_TYPEDEF) > 0;

	btf__free(kernel);
	*ret = f;
	if (!f)
		return -1;
	bpf_program__set_autoload(f->progs.e_contend_begin, contention);
	bpf_program__set_autoload(f->progs.e_contend_end, contention);
	bpf_program__set_autoload(f->progs.e_exit_futex, !lean);
	bpf_program__set_autoload(f->progs.e_exit_mmap, !lean);
	return floor__load(f) ? -1 : floor__attach(f);
}

static int only_attach(bool lean)
{
	struct floor *f = NULL;

	if (attach_empty(&f, lean)) {
		perror("floor: cannot load or attach the empty programs");
		return 1;
	}
	puts("attached");
	fflush(stdout);
	pause(); /* a signal ends it, and so its programs */
	return 0;
}

int main(int argc, char **argv)
{
	bool empty = argc > 1 && !strcmp(argv[1], "empty");
	struct floor *f = NULL;
	char byte;
	int err = 0;

	if (argc > 1 && strstr(argv[1], "hooks"))
		return only_attach(!strcmp(argv[1], "lean-hooks"));
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) {
		perror("floor: the kernel's BPF statistics");
		return 1;
	}
	if (empty && attach_empty(&f, false)) {
		perror("floor: cannot load or attach the empty programs");
		err = 1;
	}
	if (!err) {
		puts("ready");
		fflush(stdout);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	floor__destroy(f);
	return err;
}
