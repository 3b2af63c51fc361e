// SPDX-License-Identifier: GPL-2.0-or-later
/* clock.c - see clock.h. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/clock.h"

struct clock {
	struct bpf_link **links;
	size_t n, cap;
	int *fds; /* of the perf events; they belong to the links */
	size_t n_fds, cap_fds;
};

static int open_clock(int cpu, uint64_t period_ns)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period_ns,
		.exclude_idle = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

static int start(struct clock *c, struct bpf_program *prog, uint64_t period_ns)
{
	int cpus = libbpf_num_possible_cpus();

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = open_clock(cpu, period_ns);
		struct bpf_link *link;

		if (fd == -ENODEV)
			continue; /* offline */
		if (fd < 0)
			return fail(fd, "cannot open a clock on CPU %d to sample what runs: %s", cpu,
				    strerror(-fd));
		link = bpf_program__attach_perf_event(prog, fd);
		if (!link) {
			close(fd);
			return fail(-errno, "cannot sample what runs on CPU %d: %s", cpu,
				    strerror(errno));
		}
		vec_push(c->links, c->n, c->cap) = link;
		vec_push(c->fds, c->n_fds, c->cap_fds) = fd;
	}
	return 0;
}

int clock_start(struct clock **ret, struct bpf_program *prog, uint64_t period_ns)
{
	struct clock *c = xcalloc(1, sizeof(*c));
	int err = start(c, prog, period_ns);

	if (err)
		clock_stop(c);
	else
		*ret = c;
	return err;
}

void clock_period(struct clock *c, uint64_t period_ns)
{
	for (size_t i = 0; i < c->n_fds; i++) {
		if (period_ns)
			ioctl(c->fds[i], PERF_EVENT_IOC_PERIOD, &period_ns);
		ioctl(c->fds[i], period_ns ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0);
	}
}

void clock_stop(struct clock *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		bpf_link__destroy(c->links[i]);
	free(c->links);
	free(c->fds);
	free(c);
}
