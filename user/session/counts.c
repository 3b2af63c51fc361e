// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * counts.c - what a session lost, and what it costs; see session.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/session/inside.h"
#include "user/session/rings.h"

int session_timing(struct session *s, bool on)
{
	if (s->prog_stats || on == (s->stats_fd >= 0))
		return 0;
	if (on)
		s->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	else
		close(s->stats_fd);
	if (on && s->stats_fd < 0)
		return session_fail(-errno, "cannot enable the kernel's BPF statistics");
	if (!on)
		s->stats_fd = -1;
	return 0;
}

/* What the kernel knows of a program; false: it is not loaded. */
static bool look_at(const struct bpf_program *prog, struct bpf_prog_info *ret)
{
	uint32_t len = sizeof(*ret);

	*ret = (struct bpf_prog_info){ 0 };
	return bpf_program__fd(prog) >= 0 &&
	       !bpf_obj_get_info_by_fd(bpf_program__fd(prog), ret, &len);
}

uint64_t session_run_ns(const struct session *s)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	uint64_t ns = 0;

	bpf_object__for_each_program(prog, s->skel->obj) {
		if (look_at(prog, &info))
			ns += info.run_time_ns;
	}
	return ns;
}

/*
 * Nothing is lost by what it misses: a sample, a lock that an interrupt spins for while the program is at
 * work for the thread that it interrupted, or what another does (`preemptible` in maps.bpf.h).
 */
static bool is_excused(const struct session *s, const struct bpf_program *prog)
{
	if (prog == s->skel->progs.on_sample || prog == s->skel->progs.on_contention_begin ||
	    prog == s->skel->progs.on_contention_end)
		return true;
	return s->probe.preemptible && (bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT ||
					prog == s->skel->progs.on_fork ||
					prog == s->skel->progs.on_exit);
}

static uint64_t recursion_misses(const struct session *s)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	uint64_t misses = 0;

	bpf_object__for_each_program(prog, s->skel->obj) {
		if (!is_excused(s, prog) && look_at(prog, &info))
			misses += info.recursion_misses;
	}
	return misses;
}

void session_losses(const struct session *s, struct wire_loss *ret)
{
	size_t cpus = (size_t)libbpf_num_possible_cpus();
	uint64_t(*per_cpu)[WIRE_LOSS_KERNEL_KINDS] = xcalloc(cpus, sizeof(*per_cpu));
	uint32_t zero = 0;

	_Static_assert(sizeof(*per_cpu) % 8 == 0, "per-CPU values are laid out in steps of 8");
	if (!bpf_map__lookup_elem(s->skel->maps.loss, &zero, sizeof(zero), per_cpu,
				  cpus * sizeof(*per_cpu), 0))
		for (size_t cpu = 0; cpu < cpus; cpu++)
			for (int i = 0; i < WIRE_LOSS_KERNEL_KINDS; i++)
				ret->count[i] += per_cpu[cpu][i];
	free(per_cpu);
	ret->count[WIRE_LOSS_MADE] = rings_made(s->rings) + ret->count[WIRE_LOSS_RING_FULL];
	ret->count[WIRE_LOSS_RECEIVED] = s->received;
	ret->count[WIRE_LOSS_RECURSION] = recursion_misses(s);
	for (int i = 0; i < WIRE_LOSS_KINDS; i++)
		ret->count[i] -= s->base.count[i];
	ret->count[WIRE_LOSS_SOURCE] = s->missing_sources;
}

int session_progs(const struct session *s, trace_sink sink, void *ctx)
{
	struct bpf_prog_info info;
	struct bpf_program *prog;
	size_t i = 0;
	int err;

	bpf_object__for_each_program(prog, s->skel->obj) {
		uint64_t before = s->base_misses ? s->base_misses[i++] : 0;
		struct wire_prog rec = { .head = { .kind = WIRE_PROG, .size = sizeof(rec) } };

		if (!look_at(prog, &info))
			continue;
		snprintf(rec.name, sizeof(rec.name), "%s", bpf_program__name(prog));
		rec.head.ts_ns = session_now_ns();
		rec.runs = s->prog_stats ? info.run_cnt : 0; /* some of the time says little */
		rec.run_ns = s->prog_stats ? info.run_time_ns : 0;
		rec.misses = info.recursion_misses - before;
		rec.insns = info.verified_insns;
		err = sink(ctx, &rec.head);
		if (err)
			return err;
	}
	return 0;
}

void session_stack_cost(const struct session *s, struct wire_cost *ret)
{
	struct cost { /* as in bpf/maps.bpf.h */
		uint64_t stacks, ns, frames, next_ns;
	} *per_cpu;
	size_t cpus = (size_t)libbpf_num_possible_cpus();
	uint32_t zero = 0;

	per_cpu = xcalloc(cpus, sizeof(*per_cpu));
	if (!bpf_map__lookup_elem(s->skel->maps.stack_cost, &zero, sizeof(zero), per_cpu,
				  cpus * sizeof(*per_cpu), 0)) {
		for (size_t cpu = 0; cpu < cpus; cpu++) {
			ret->stacks += per_cpu[cpu].stacks;
			ret->stack_ns += per_cpu[cpu].ns;
			ret->stack_frames += per_cpu[cpu].frames;
		}
	}
	free(per_cpu);
}

/* The kernel tells a map's memory in its fdinfo. */
static uint64_t map_kib(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(f);
	return bytes / 1024;
}

void session_memory(const struct session *s, __u64 *ret_maps_kib, __u64 *ret_ring_kib)
{
	struct bpf_map *map;

	*ret_maps_kib = 0;
	bpf_object__for_each_map(map, s->skel->obj)
		*ret_maps_kib += map_kib(bpf_map__fd(map));
	*ret_ring_kib = (s->config.ring_mask + 1) * s->config.ring_bytes / 1024;
}

void session_count_anew(struct session *s)
{
	struct wire_loss now = { 0 };
	struct bpf_prog_info info;
	struct bpf_program *prog;
	size_t n = 0, i = 0;

	session_losses(s, &now);
	for (int kind = 0; kind < WIRE_LOSS_KINDS; kind++)
		s->base.count[kind] += now.count[kind];
	s->base.count[WIRE_LOSS_SOURCE] = 0;
	bpf_object__for_each_program(prog, s->skel->obj)
		n++;
	if (!s->base_misses)
		s->base_misses = xcalloc(n, sizeof(*s->base_misses));
	bpf_object__for_each_program(prog, s->skel->obj) {
		if (look_at(prog, &info))
			s->base_misses[i] = info.recursion_misses;
		i++;
	}
}
