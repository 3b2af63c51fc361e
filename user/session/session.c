// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * session.c - loads the collector, attaches it, moves its records out; see session.h.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/syscall.h"
#include "user/session/clock.h"
#include "user/session/inside.h"
#include "user/session/pythons.h"
#include "user/session/rings.h"
#include "user/session/said.h"
#include "user/session/tables.h"

#define CANNOT_LOAD "cannot load the BPF programs"

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

int session_fail(int err, const char *what)
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
		.test_unseen = opts->test_unseen,
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
		return session_fail(err, "cannot attach to a system call tracepoint");
	bpf_object__for_each_program(prog, s->skel->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(prog) ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_TRACEPOINT ||
		    bpf_program__type(prog) == BPF_PROG_TYPE_PERF_EVENT)
			continue;
		link = bpf_program__attach(prog);
		if (!link)
			return session_fail(-errno, "cannot attach a BPF program");
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
		return session_fail(-errno, "cannot open the BPF object");
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
		return session_fail(-errno, "cannot open the BPF object");
	s->test_late = opts->test_late;
	configure(s, opts);
	err = opts->lean ? calls_choose_none(&s->calls)
			 : calls_choose(&s->calls, s->skel->obj, s->probe.preemptible, opts->native);
	if (err < 0)
		return fail_in(err, CANNOT_LOAD);
	s->missing_sources = (uint64_t)err + !s->probe.contention;
	err = collector__load(s->skel);
	if (err)
		return session_fail(err, CANNOT_LOAD);
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
		return session_fail(-errno, "cannot map the bell's ring buffer");
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

int session_iterate(struct session *s, uint32_t mode, trace_sink sink, void *ctx)
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
	int err = session_iterate(s, ITER_ATTACH, sink, ctx);

	s->skel->bss->attaching = false;
	return err;
}

int session_states(struct session *s, trace_sink sink, void *ctx)
{
	return session_iterate(s, ITER_STATES, sink, ctx);
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
	int err = session_iterate(s, ITER_SUMS, count_living, &c);

	s->living = c.n;
	return err;
}

static void clear(struct bpf_map *map)
{
	uint32_t key;

	while (!bpf_map__get_next_key(map, NULL, &key, sizeof(key)) &&
	       !bpf_map__delete_elem(map, &key, sizeof(key), 0))
		;
}

bool session_again(struct session *s)
{
	if (s->living || s->stacks || s->stats_fd >= 0 || *(volatile __u64 *)&s->skel->bss->dying)
		return false;
	clear(s->skel->maps.targets);
	clear(s->skel->maps.python_of);
	session_count_anew(s);
	s->skel->data->window_begin_ns = ~0ULL;
	s->skel->data->window_end_ns = ~0ULL;
	s->skel->bss->attaching = true;
	s->skel->bss->window_closed = false;
	return true;
}

static void *let_go(void *link)
{
	bpf_link__destroy(link);
	return NULL;
}

/*
 * Of each program at a system call the kernel waits until nobody can be in it, then until nobody can be
 * in its tracepoint: some 72 ms.  Only one half of it is done one after the other.
 */
static void detach_calls(struct session *s)
{
	sigset_t all, before;

	sigfillset(&all); /* signals are for the others */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < s->n_calls; i++) {
		if (pthread_create(&s->leavers[s->n_leavers], NULL, let_go, s->links[i]))
			let_go(s->links[i]);
		else
			s->n_leavers++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	s->n_calls = 0;
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
	if (s->left)
		return;
	s->left = true;
	s->skel->bss->detached = true;
	detach_others(s);
	detach_calls(s);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	if (s->skel)
		session_leave(s);
	while (s->n_leavers)
		pthread_join(s->leavers[--s->n_leavers], NULL);
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
