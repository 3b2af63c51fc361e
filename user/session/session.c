// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - loads the collector, attaches it, moves its records out; see session.h.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/syscall.h"
#include "user/session/calls.h"
#include "user/session/clock.h"
#include "user/session/probe.h"
#include "user/session/pythons.h"
#include "user/session/rings.h"
#include "user/session/said.h"
#include "user/session/session.h"
#include "user/session/tables.h"

#include "collector.skel.h"

/* enum iter_mode of bpf/maps.bpf.h */
enum {
	ITER_ATTACH,
	ITER_SUMS,
	ITER_STATES,
	ITER_ANEW,
};

#define MAX_LINKS (CALLS_LINKS + 16) /* the others: one each */
#define CANNOT_LOAD "cannot load the BPF programs"

struct session {
	struct collector *skel;
	struct probe probe;
	struct rings *rings;
	struct ring_buffer *bell; /* rings when there is much to read */
	struct pythons *pythons;
	struct tables *tables; /* NULL: no native stacks */
	struct clock *clock;   /* NULL: no stacks of what runs */
	struct calls calls;
	struct bpf_link *links[MAX_LINKS];
	size_t n_links, n_calls; /* those of calls.h come first */
	struct bpf_link *iter;
	struct wire_config config;
	uint64_t received;
	uint64_t missing_sources;
	uint64_t living;	  /* threads that session_sums() saw */
	bool stacks;		  /* of anything */
	struct wire_loss base;	  /* counted before the present window, see session_again() */
	uint64_t *base_misses;	  /* of each program; NULL: none */
	int stats_fd;	 /* -1: programs are not timed */
	bool prog_stats; /* they are all the time */
	bool test_late;	 /* the window's begin, once */
	int wake_fd; /* epoll; see open_wake() */
	bool leaving; /* the first n_calls links belong to this thread: session_leave() */
	pthread_t leaver;
	/* the sink of the drain that is going on */
	trace_sink sink;
	void *sink_ctx;
};

uint64_t session_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static const char *remedy(int err)
{
	switch (err) {
	case -EMFILE:
		return ": raise the limit (ulimit -n)";
	case -ENOMEM:
		return ": free some, or try a smaller --ring-size";
	default:
		return "";
	}
}

static int fail_load(int err, const char *what)
{
	char why[128];

	if (*said_by_verifier())
		return fail(err, "%s: the kernel's verifier refused: %s", what, said_by_verifier());
	libbpf_strerror(err, why, sizeof(why));
	return fail(err, "%s: %s%s", what, why, remedy(err));
}

static void configure(struct session *s, const struct session_opts *opts)
{
	struct collector *skel = s->skel;
	struct bpf_program *switching[] = { skel->progs.on_switch, skel->progs.on_switch_direct };
	struct bpf_program *waking[][2] = {
		{ skel->progs.on_waking, skel->progs.on_waking_direct },
		{ skel->progs.on_waking_context, skel->progs.on_waking_context_direct },
	};

	s->stacks = opts->sample_ns || opts->native;
	bpf_map__set_max_entries(skel->maps.bell, (uint32_t)sysconf(_SC_PAGESIZE));
	s->config = (struct wire_config){
		.follow_children = opts->follow_children,
		.by_tid = opts->by_tid,
		.test_no_storage = opts->test_no_storage,
		.sample_ns = opts->sample_ns,
	};
	rings_choose(opts->ring_bytes ? opts->ring_bytes : 8 << 20, &s->config, skel->maps.rings,
		     skel->maps.ring_blocks);
	memcpy((void *)&skel->rodata->config, &s->config, sizeof(s->config));
	skel->bss->sample_every_ns = opts->sample_ns;
	skel->rodata->lean = opts->lean;
	bpf_program__set_autoload(skel->progs.on_sample, opts->sample_ns != 0);
	skel->rodata->has_prev_state = s->probe.prev_state;
	skel->rodata->preemptible = s->probe.preemptible;
	for (int nr = 0; nr < WIRE_SYSCALLS; nr++)
		skel->rodata->syscall_state[nr] = syscall_state(nr);
	bpf_program__set_autoload(switching[s->probe.cast], true);
	bpf_program__set_autoload(waking[s->probe.wake_context][s->probe.cast], true);
	bpf_program__set_autoload(skel->progs.on_contention_begin, s->probe.contention);
	bpf_program__set_autoload(skel->progs.on_contention_end, s->probe.contention);
}

static int attach_all(struct session *s)
{
	struct bpf_program *prog;
	int err = calls_attach(&s->calls, s->skel->obj, s->links, &s->n_links);

	s->n_calls = s->n_links;
	if (err)
		return fail_load(err, "cannot attach to a system call tracepoint");
	bpf_object__for_each_program(prog, s->skel->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(prog) ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_PERF_EVENT)
			continue;
		link = bpf_program__attach(prog);
		if (!link)
			return fail_load(-errno, "cannot attach a BPF program");
		if (prog == s->skel->progs.each_task)
			s->iter = link;
		else
			s->links[s->n_links++] = link;
	}
	return 0;
}

/* Loaded in every session, not only where the kernel has more to offer. */
static bool is_indispensable(const struct bpf_program *prog)
{
	bool required;

	if (calls_has(prog, &required))
		return required;
	return bpf_program__autoload(prog) || !strcmp(bpf_program__name(prog), "on_switch") ||
	       !strcmp(bpf_program__name(prog), "on_waking");
}

int session_each_program(void (*see)(void *ctx, const struct session_program *program), void *ctx)
{
	struct collector *skel = collector__open();
	struct bpf_program *prog;

	if (!skel)
		return fail_load(-errno, "cannot open the BPF object");
	bpf_object__for_each_program(prog, skel->obj) {
		struct session_program program = {
			.section = bpf_program__section_name(prog),
			.insns = bpf_program__insns(prog),
			.n_insns = bpf_program__insn_cnt(prog),
		};

		program.section += *program.section == '?'; /* not loaded unless asked for */
		if (is_indispensable(prog))
			see(ctx, &program);
	}
	collector__destroy(skel);
	return 0;
}

static int on_record(void *ctx, const struct wire_head *rec)
{
	struct session *s = ctx;

	s->received++;
	return s->sink(s->sink_ctx, rec);
}

static int on_bell(void *ctx, void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

/*
 * The bell's ring may be readable for longer than it rings; what we wait for is the wake-up that the
 * programs send when a ring fills up.  An edge-triggered epoll gives just that.
 */
static int open_wake(struct session *s)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	s->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->wake_fd < 0 ||
	    epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, bpf_map__fd(s->skel->maps.bell), &event))
		return fail(-errno, "cannot wait for the ring buffer: %s", strerror(errno));
	return 0;
}

static int load(struct session *s, const struct session_opts *opts)
{
	int err;

	s->skel = collector__open();
	if (!s->skel)
		return fail_load(-errno, "cannot open the BPF object");
	s->test_late = opts->test_late;
	configure(s, opts);
	err = opts->lean ? calls_choose_none(&s->calls)
			 : calls_choose(&s->calls, s->skel->obj, s->probe.preemptible, opts->native);
	if (err < 0)
		return fail_in(err, CANNOT_LOAD);
	s->missing_sources = (uint64_t)err + !s->probe.contention;
	err = collector__load(s->skel);
	if (err)
		return fail_load(err, CANNOT_LOAD);
	s->skel->bss->attaching = true;
	if (opts->prog_stats) {
		err = session_timing(s, true);
		if (err)
			return err;
		s->prog_stats = true;
	}
	s->pythons = pythons_new(s->skel->maps.pythons, s->skel->maps.python_of,
				 &s->skel->bss->news_generation);
	if (opts->native) {
		struct tables_maps maps = {
			.chunks = s->skel->maps.unwind_chunks,
			.index = s->skel->maps.unwind_index,
			.space_of = s->skel->maps.space_of,
			.generation = &s->skel->bss->news_generation,
		};

		s->tables = tables_new(&maps);
		if (!s->tables)
			return fail_in(-ENOMEM, CANNOT_LOAD);
	}
	s->rings = rings_open(&s->config, s->skel->maps.rings, s->skel->maps.ring_blocks);
	if (!s->rings)
		return fail_in(-ENOMEM, CANNOT_LOAD);
	s->bell = ring_buffer__new(bpf_map__fd(s->skel->maps.bell), on_bell, NULL, NULL);
	if (!s->bell)
		return fail_load(-errno, "cannot map the bell's ring buffer");
	err = open_wake(s);
	if (!err)
		err = attach_all(s);
	if (!err && opts->sample_ns &&
	    clock_start(&s->clock, s->skel->progs.on_sample, opts->sample_ns))
		s->missing_sources++; /* waits are told all the same */
	return err;
}

int session_open(struct session **ret, const struct session_opts *opts)
{
	struct session *s = xcalloc(1, sizeof(*s));
	int err;

	s->stats_fd = -1;
	s->wake_fd = -1;
	said_begin(opts->verbose);
	err = probe_kernel(&s->probe);
	err = err ? fail_in(err, CANNOT_LOAD) : load(s, opts);
	if (err) {
		session_close(s);
		return err;
	}
	*ret = s;
	return 0;
}

int session_target(struct session *s, uint32_t id, uint64_t start_ticks)
{
	struct wire_target target = { .start_ticks = start_ticks };
	int err;

	err = bpf_map__update_elem(s->skel->maps.targets, &id, sizeof(id), &target, sizeof(target),
				   BPF_ANY);
	return err ? fail(err, "cannot add target %u: %s (at most %u targets)", id, strerror(-err),
			  bpf_map__max_entries(s->skel->maps.targets))
		   : 0;
}

int session_python(struct session *s, uint32_t tgid, const struct wire_python *python)
{
	return pythons_add(s->pythons, tgid, python);
}

struct tables *session_tables(struct session *s)
{
	return s->tables;
}

void session_forget(struct session *s, uint32_t tgid)
{
	pythons_forget(s->pythons, tgid);
}

/* Everything the iterator writes, cut into records. */
static int run_iterator(struct session *s, uint32_t mode, trace_sink sink, void *ctx)
{
	struct buf text = { 0 };
	char chunk[65536];
	ssize_t n;
	int fd, err = 0;

	s->skel->bss->iter_mode = mode;
	fd = bpf_iter_create(bpf_link__fd(s->iter));
	if (fd < 0)
		return fail(-errno, "cannot run the task iterator: %s", strerror(errno));
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			buf_add(&text, chunk, (size_t)n);
	if (n < 0)
		err = fail(-errno, "the task iterator failed: %s", strerror(errno));
	close(fd);
	for (size_t at = 0; !err && at + sizeof(struct wire_head) <= text.len;) {
		const struct wire_head *head = (const void *)(text.data + at);

		err = sink(ctx, head);
		at += head->size;
	}
	buf_free(&text);
	return err;
}

int session_snapshot(struct session *s, trace_sink sink, void *ctx)
{
	int err = run_iterator(s, ITER_ATTACH, sink, ctx);

	s->skel->bss->attaching = false;
	return err;
}

/* A moment from now; it has to be there before it comes, see those who call. */
static uint64_t set_ahead(__u64 *time_ns)
{
	uint64_t chosen = session_now_ns() + SESSION_AHEAD_NS;

	__atomic_store_n(time_ns, chosen, __ATOMIC_SEQ_CST);
	return chosen;
}

/* No program is at work any more that has read a former time of the window. */
static void settle(void)
{
	struct timespec moment = { 0, SESSION_AHEAD_NS };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) /* is synchronize_rcu() */
		nanosleep(&moment, NULL);
}

/*
 * If we lost the CPU until its moment had passed, nobody knows what was added up by which begin: take it
 * back, have all sums begin anew, and choose another.
 */
static int open_window(struct session *s)
{
	__u64 *begin = &s->skel->data->window_begin_ns;
	struct timespec late = { 0, 2 * SESSION_AHEAD_NS };
	int err = 0;

	for (uint64_t chosen = 0; !err && chosen <= session_now_ns();) {
		if (chosen) {
			__atomic_store_n(begin, ~0ULL, __ATOMIC_SEQ_CST);
			settle();
			err = run_iterator(s, ITER_ANEW, NULL, NULL);
		}
		chosen = set_ahead(begin);
		if (s->test_late)
			nanosleep(&late, NULL);
		s->test_late = false;
	}
	return err;
}

int session_arm(struct session *s, uint64_t duration_ns, __u64 *ret_begin_ns)
{
	int err = open_window(s);

	*ret_begin_ns = s->skel->data->window_begin_ns;
	if (!err && duration_ns)
		s->skel->data->window_end_ns = *ret_begin_ns + duration_ns;
	return err;
}

/*
 * An end is never taken back: that would lose what passed meanwhile.  If we lost the CPU just between the
 * clock and the store, some threads have a little too much, which the report tells as residual.
 */
uint64_t session_disarm(struct session *s)
{
	uint64_t end = s->skel->data->window_end_ns;

	return session_now_ns() + SESSION_AHEAD_NS >= end
		       ? end
		       : set_ahead(&s->skel->data->window_end_ns);
}

/*
 * While one of the two times changes the other keeps things as they are.  If we lose the CPU meanwhile, some
 * more is recorded than was to be: that lies in the gap.
 */
uint64_t session_detail(struct session *s, bool on)
{
	__u64 *ahead = on ? &s->skel->bss->detail_from_ns : &s->skel->data->detail_until_ns;
	__u64 *other = on ? &s->skel->data->detail_until_ns : &s->skel->bss->detail_from_ns;
	uint64_t chosen = set_ahead(ahead);

	__atomic_store_n(other, on ? ~0ULL : 0, __ATOMIC_SEQ_CST);
	return chosen;
}

int session_states(struct session *s, trace_sink sink, void *ctx)
{
	return run_iterator(s, ITER_STATES, sink, ctx);
}

void session_sample(struct session *s, uint64_t sample_ns)
{
	s->skel->bss->sample_every_ns = sample_ns;
	if (s->clock)
		clock_period(s->clock, sample_ns);
}

int session_timing(struct session *s, bool on)
{
	if (s->prog_stats || on == (s->stats_fd >= 0))
		return 0;
	if (on)
		s->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	else
		close(s->stats_fd);
	if (on && s->stats_fd < 0)
		return fail_load(-errno, "cannot enable the kernel's BPF statistics");
	if (!on)
		s->stats_fd = -1;
	return 0;
}

uint64_t session_run_ns(const struct session *s)
{
	struct bpf_program *prog;
	uint64_t ns = 0;

	bpf_object__for_each_program(prog, s->skel->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			ns += info.run_time_ns;
	}
	return ns;
}

uint64_t session_end_ns(const struct session *s)
{
	return s->skel->data->window_end_ns;
}

/* On a busy machine a dying thread may wait for its last stay on a CPU. */
#define DYING_TRIES 200
#define DYING_PAUSE_US 1000

void session_end(struct session *s)
{
	for (int i = 0; i < DYING_TRIES && *(volatile __u64 *)&s->skel->bss->dying; i++)
		usleep(DYING_PAUSE_US);
	s->skel->bss->window_closed = true;
}

int session_fd(const struct session *s)
{
	return s->wake_fd;
}

int session_drain(struct session *s, trace_sink sink, void *ctx)
{
	struct epoll_event event;
	int n, err;

	s->sink = sink;
	s->sink_ctx = ctx;
	epoll_wait(s->wake_fd, &event, 1, 0);
	ring_buffer__consume(s->bell);
	s->skel->bss->reader_woken = false;
	n = rings_drain(s->rings, session_now_ns(), on_record, s, &err);
	return err ? err : n;
}

struct counting {
	trace_sink sink;
	void *ctx;
	uint64_t n;
};

static int count_living(void *ctx, const struct wire_head *rec)
{
	struct counting *c = ctx;

	c->n++;
	return c->sink(c->ctx, rec);
}

int session_sums(struct session *s, trace_sink sink, void *ctx)
{
	struct counting c = { sink, ctx, 0 };
	int err = run_iterator(s, ITER_SUMS, count_living, &c);

	s->living = c.n;
	return err;
}

/* Nothing is lost by what it misses: a sample, or what another does (`preemptible` in maps.bpf.h). */
static bool is_excused(const struct session *s, const struct bpf_program *prog)
{
	if (prog == s->skel->progs.on_sample)
		return true;
	return s->probe.preemptible && (bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT ||
					prog == s->skel->progs.on_fork ||
					prog == s->skel->progs.on_exit);
}

static uint64_t recursion_misses(const struct session *s)
{
	struct bpf_program *prog;
	uint64_t misses = 0;

	bpf_object__for_each_program(prog, s->skel->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 && !is_excused(s, prog) &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
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
	struct bpf_program *prog;
	size_t i = 0;
	int err;

	bpf_object__for_each_program(prog, s->skel->obj) {
		uint64_t before = s->base_misses ? s->base_misses[i++] : 0;
		struct wire_prog rec = { .head = { .kind = WIRE_PROG, .size = sizeof(rec) } };
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
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

static void clear(struct bpf_map *map)
{
	uint32_t key;

	while (!bpf_map__get_next_key(map, NULL, &key, sizeof(key)) &&
	       !bpf_map__delete_elem(map, &key, sizeof(key), 0))
		;
}

static void count_from_here(struct session *s)
{
	struct wire_loss now = { 0 };
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
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			s->base_misses[i] = info.recursion_misses;
		i++;
	}
}

bool session_again(struct session *s)
{
	if (s->living || s->stacks || s->stats_fd >= 0 || *(volatile __u64 *)&s->skel->bss->dying)
		return false;
	clear(s->skel->maps.targets);
	clear(s->skel->maps.python_of);
	count_from_here(s);
	s->skel->data->window_begin_ns = ~0ULL;
	s->skel->data->window_end_ns = ~0ULL;
	s->skel->bss->attaching = true;
	s->skel->bss->window_closed = false;
	return true;
}

/*
 * Of each program at a system call the kernel waits until nobody can be in it, then until nobody can be
 * in its tracepoint: some 72 ms, one after the other.
 */
static void *detach_calls(void *arg)
{
	struct session *s = arg;

	while (s->n_calls)
		bpf_link__destroy(s->links[--s->n_calls]);
	return NULL;
}

/* All others; it does not take long. */
static void detach_others(struct session *s)
{
	while (s->n_links > s->n_calls)
		bpf_link__destroy(s->links[--s->n_links]);
	bpf_link__destroy(s->iter);
	s->iter = NULL;
	clock_stop(s->clock);
	s->clock = NULL;
}

void session_leave(struct session *s)
{
	sigset_t all, before;

	if (s->leaving)
		return;
	s->skel->bss->detached = true;
	detach_others(s);
	sigfillset(&all); /* signals are for the others */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	s->leaving = !pthread_create(&s->leaver, NULL, detach_calls, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	if (s->leaving)
		pthread_join(s->leaver, NULL);
	else
		detach_others(s);
	detach_calls(s);
	pythons_free(s->pythons);
	tables_free(s->tables);
	rings_close(s->rings);
	ring_buffer__free(s->bell);
	collector__destroy(s->skel);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	if (s->stats_fd >= 0)
		close(s->stats_fd);
	free(s->base_misses);
	free(s);
}
