// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * watch.c - the loop around a session; see watch.h.
 *
 *	session ─► order ─► enrich ─► last order ─┬─► writer
 *	                                          └─► model
 *
 * enrich looks at the target while that lives, so the first order is a short one.  A switch that the kernel
 * did not show is told when its thread leaves the CPU, which may be seconds later: the last one waits for it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "user/analysis/analysis.h"
#include "user/analysis/costs_wire.h"
#include "user/analysis/whatif.h"
#include "user/base/fail.h"
#include "user/base/outfile.h"
#include "user/base/unit.h"
#include "user/bench/costs.h"
#include "user/cmd/cmd.h"
#include "user/cmd/watch.h"
#include "user/session/doctor.h"
#include "user/session/enrich.h"
#include "user/session/overhead.h"
#include "user/session/session.h"
#include "user/target/facts.h"
#include "user/target/proc.h"
#include "user/target/target.h"
#include "version.h"

/* Records of different CPUs are this much out of order at most, on a machine whose virtual CPUs
 * may be taken away for a moment. */
#define ORDER_NS 50000000ULL
#define ORDER_BYTES (64 << 20)
#define LAST_ORDER_NS 10000000000ULL
#define LAST_ORDER_BYTES (1 << 20)
#define GIVE_AT_ONCE 1024 /* records between two looks into the ring buffer */
#define GIVE_TURNS 1024	  /* then there may be a signal */
#define LOSS_EVERY_NS 1000000000ULL /* looking costs some system calls */
#define LAST_TRIES 100 /* at the end, each after LAST_PAUSE_NS */
#define LAST_PAUSE_NS 1000000ULL
#define RING_MIN (64ULL << 10)
#define RING_MAX (1ULL << 30)
#define SAMPLE_HZ_MAX 10000

struct watch {
	struct watch_opts opts;
	struct session *session;
	struct session *left; /* detached, and not closed yet */
	struct trace_order *order, *last_order;
	struct enrich *enrich;
	struct overhead *overhead; /* NULL: there is no budget */
	struct trace_writer *writer;
	struct model *model;
	struct wire_window window;
	struct host_costs costs; /* for predictions */
	struct wire_machine machine; /* begin_ns 0: not known */
	uint64_t idle_at_start_ns;
	uint64_t cpu_at_start_ns;
	struct wire_loss last_loss;
	struct outfile *to; /* of the report; NULL: none */
	sigset_t held, before;
	int signals; /* signalfd of those held */
	int signal;  /* the one that came, 0: none */
};

const struct watch_opts watch_defaults = { .ring_bytes = 8 << 20, .sample_hz = 99 };

/* --- options ------------------------------------------------------------------------------- */

int watch_parse_ring(const char *value, void *field)
{
	uint64_t bytes;
	int err = unit_parse_size(value, &bytes);

	if (err)
		return err;
	if (bytes < RING_MIN || bytes > RING_MAX)
		return fail(-EINVAL, "%s: must be 64K to 1G", unit_bytes(bytes).s);
	*(uint64_t *)field = bytes;
	return 0;
}

int watch_parse_rate(const char *value, void *field)
{
	char *end;
	unsigned long rate = strtoul(value, &end, 10);

	if (!*value || *value < '0' || *value > '9' || *end || rate > SAMPLE_HZ_MAX)
		return fail(-EINVAL, "%s: must be 0 to %d", value, SAMPLE_HZ_MAX);
	*(uint64_t *)field = rate;
	return 0;
}

int watch_parse_overhead(const char *value, void *field)
{
	char *end;
	double percent = strtod(value, &end);

	if (*value < '0' || *value > '9' || strcmp(end, "%") != 0 || !(percent > 0) ||
	    percent > 100 || value[strspn(value, "0123456789.")] != '%')
		return fail(-EINVAL, "%s: must be a percentage above 0 and up to 100, such as 2%%",
			    value);
	*(double *)field = percent / 100;
	return 0;
}

int watch_check(const struct watch_opts *opts, int fd)
{
	const char *save = opts->save, *to = opts->show.to;
	bool to_stdout = to ? outfile_is_stdout(to) : fd == STDOUT_FILENO;

	if (save && outfile_is_stdout(save) && to_stdout)
		return fail(-EINVAL, "the trace (-o %s) and the report cannot both go to stdout: "
			    "send the report elsewhere with --to FILE", save);
	if (save && to && !strcmp(save, to) && !outfile_in_place(to))
		return fail(-EINVAL, "the trace (-o) and the report (--to) cannot both be %s", to);
	return show_check(&opts->show);
}

/* --- signals and files --------------------------------------------------------------------- */

/* The end of the pipe: everything goes to the model, and to the file if one is wanted. */
static int take(void *ctx, const struct wire_head *rec)
{
	struct watch *w = ctx;
	int err = w->writer ? trace_writer_put(w->writer, rec) : 0;

	return err ? err : model_apply(w->model, rec);
}

static int into_last_order(void *ctx, const struct wire_head *rec)
{
	struct watch *w = ctx;

	return trace_order_put(w->last_order, rec);
}

static int into_order(void *ctx, const struct wire_head *rec)
{
	struct watch *w = ctx;

	enrich_peek(w->enrich, rec);
	return trace_order_put(w->order, rec);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int open_signals(struct watch *w)
{
	cmd_hold_signals(&w->held, &w->before);
	w->signals = signalfd(-1, &w->held, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? fail(-errno, "cannot wait for signals: %s", strerror(errno)) : 0;
}

static int open_some(struct watch *w, bool in_place)
{
	const char *save = w->opts.save, *to = w->opts.show.to;
	int err = 0;

	if (save && outfile_in_place(save) == in_place)
		err = trace_writer_open(&w->writer, save);
	if (!err && to && outfile_in_place(to) == in_place)
		err = show_open(&w->to, &w->opts.show);
	return err;
}

/* A FIFO waits for its reader: then a signal may end us.  A temporary file must be removed. */
static int open_files(struct watch *w)
{
	int err = open_some(w, true);

	if (!err)
		err = open_signals(w);
	return err ? err : open_some(w, false);
}

/* Before anything runs that is to be watched.  A prediction can do without, and says so. */
static void measure_costs(struct watch *w)
{
	if (w->opts.costs)
		w->costs = *w->opts.costs;
	else if (host_costs_measure(&w->costs))
		cmd_say("predictions do without the costs of this host: %s", fail_text());
}

static uint64_t sample_ns(const struct watch_opts *opts)
{
	return opts->sample_hz ? 1000000000ULL / opts->sample_hz : 0;
}

static int load(struct session **ret, const struct watch_opts *opts, bool by_tid)
{
	struct session_opts session = {
		.follow_children = !opts->no_children,
		.by_tid = by_tid,
		.lean = opts->lean,
		.ring_bytes = opts->ring_bytes,
		.sample_ns = sample_ns(opts),
		.native = opts->sample_hz && !opts->no_native,
		.prog_stats = opts->prog_stats,
		.verbose = opts->verbose,
		.test_no_storage = opts->test_no_storage,
		.test_unseen = opts->test_unseen,
		.test_late = opts->test_late,
	};
	int err = session_open(ret, &session);

	return err ? doctor_explain(err) : 0;
}

int watch_load(const struct watch_opts *opts)
{
	return load(opts->spare, opts, false);
}

static int take_session(struct watch *w, bool by_tid)
{
	struct session **spare = w->opts.spare;

	if (!spare || !*spare)
		return load(&w->session, &w->opts, by_tid);
	w->session = *spare;
	*spare = NULL;
	return 0;
}

static int open_overhead(struct watch *w)
{
	struct overhead_opts opts = {
		.limit = w->opts.max_overhead,
		.sample_ns = sample_ns(&w->opts),
		.ordered = into_order,
		.told = into_last_order,
		.ctx = w,
	};

	return w->opts.max_overhead > 0 ? overhead_new(&w->overhead, w->session, &opts) : 0;
}

/* One of its steps, if it is due. */
static int mind_overhead(struct watch *w, int (*step)(struct overhead *o,
						       const struct proc_ids *targets))
{
	struct proc_ids targets = { 0 };
	int err;

	if (!w->overhead || (step == overhead_tick && overhead_pause_ms(w->overhead)))
		return 0;
	enrich_list_living(w->enrich, &targets);
	err = step(w->overhead, &targets);
	proc_ids_free(&targets);
	return err;
}

int watch_open(struct watch **ret, const struct watch_opts *opts, bool by_tid, bool command)
{
	const struct trace_order_opts order = { ORDER_NS, ORDER_BYTES, .last = false };
	const struct trace_order_opts last_order = { LAST_ORDER_NS, LAST_ORDER_BYTES, .last = true };
	struct watch *w = xcalloc(1, sizeof(*w));
	int err;

	*ret = w;
	w->opts = *opts;
	w->opts.show.quiet = opts->quiet;
	w->window.head = (struct wire_head){ 0, 0, WIRE_WINDOW, sizeof(w->window) };
	w->window.flags = (command ? WIRE_WINDOW_COMMAND : 0) |
			  (opts->no_children ? WIRE_WINDOW_NO_CHILDREN : 0) |
			  (by_tid ? WIRE_WINDOW_TIDS : 0) | (opts->lean ? WIRE_WINDOW_LEAN : 0);
	w->signals = -1;
	w->model = model_new();
	if (opts->show.what_if.n) {
		model_record(w->model);
		measure_costs(w);
	}
	w->enrich = enrich_new(into_last_order, w);
	w->order = trace_order_new(&order, enrich_put, w->enrich);
	w->last_order = trace_order_new(&last_order, take, w);
	err = open_files(w);
	if (err)
		return err;
	err = take_session(w, by_tid);
	if (!err)
		err = open_overhead(w);
	if (err)
		return err;
	return enrich_session(w->enrich, w->session, opts->sample_hz != 0, opts->debuginfod);
}

int watch_pending(const struct watch *w)
{
	sigset_t set;

	sigpending(&set);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(&set, sig) == 1 && sigismember(&w->held, sig) == 1)
			return sig;
	return 0;
}

void watch_launched(struct watch *w, pid_t pid, char *const argv[])
{
	struct buf text = { 0 };

	for (size_t i = 0; argv[i]; i++)
		buf_printf(&text, "%s%s", i ? " " : "", argv[i]);
	enrich_launched(w->enrich, (uint32_t)pid, text.data);
	buf_free(&text);
}

static int put_host(struct watch *w)
{
	struct wire_host rec = { .head = { session_now_ns(), 0, WIRE_HOST, sizeof(rec) } };
	struct timespec real;
	struct utsname name;

	uname(&name);
	snprintf(rec.kernel, sizeof(rec.kernel), "%.63s", name.release);
	snprintf(rec.version, sizeof(rec.version), "%.31s", PARASCOPE_VERSION);
	rec.cpus_online = facts_cpus_online();
	clock_gettime(CLOCK_REALTIME, &real);
	rec.realtime_offset_ns = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec -
				 (int64_t)session_now_ns();
	return into_last_order(w, &rec.head);
}

static int put_costs(struct watch *w)
{
	struct wire_start_costs costs = costs_to_wire(&w->costs);
	int err = 0;

	if (!w->costs.known)
		return 0;
	costs.head.ts_ns = session_now_ns();
	err = into_last_order(w, &costs.head);
	for (unsigned k = 1; !err && k <= w->costs.n_speed; k++) {
		struct wire_speed speed = costs_speed_to_wire(&w->costs, k);

		speed.head.ts_ns = costs.head.ts_ns;
		err = into_last_order(w, &speed.head);
	}
	return err;
}

/*
 * From the ring buffer into order, and on what is due.  A record may need a look into the target (each
 * of 10,000 threads that sleep when we come does): the ring buffer must not fill up meanwhile.
 */
static int move_records(struct watch *w, uint64_t now_ns)
{
	int n = GIVE_AT_ONCE;

	for (int turns = 0; n == GIVE_AT_ONCE && turns < GIVE_TURNS; turns++) {
		n = session_drain(w->session, into_order, w);
		if (n >= 0)
			n = trace_order_give(w->order, now_ns, GIVE_AT_ONCE);
	}
	if (n >= 0)
		n = trace_order_give(w->last_order, 0, INT_MAX);
	return n < 0 ? n : 0;
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Some kernels hide a process from programs even of root: the init of a sandbox, say. */
static int fail_nothing(const struct target_list *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		const struct target *target = &targets->items[i];
		struct proc_stat stat;

		if (!proc_read_stat(target->id, &stat) && !proc_is_zombie(&stat) &&
		    stat.start_ticks == target->start_ticks)
			return fail(-EPERM, "this kernel does not show %s %d to BPF programs",
				    targets->by_tid ? "thread" : "process", target->id);
	}
	return fail(-ESRCH, "the target ended before it could be watched");
}

int watch_start(struct watch *w, const struct target_list *targets)
{
	int err = 0;

	for (size_t i = 0; !err && i < targets->n; i++) {
		enrich_expect(w->enrich, (uint32_t)targets->items[i].id);
		err = session_target(w->session, (uint32_t)targets->items[i].id,
				     targets->items[i].start_ticks);
	}
	if (!err)
		err = enrich_settle(w->enrich);
	if (!err)
		err = session_snapshot(w->session, into_order, w);
	if (!err)
		err = enrich_settle(w->enrich);
	if (err)
		return err;
	w->cpu_at_start_ns = own_cpu_ns();
	err = session_arm(w->session, w->opts.duration_ns, &w->window.begin_ns);
	w->window.head.ts_ns = w->window.begin_ns;
	if (!err)
		err = put_host(w);
	if (!err)
		err = put_costs(w);
	if (!err)
		err = into_last_order(w, &w->window.head);
	sleep_until(w->window.begin_ns);
	if (facts_idle_ns(&w->idle_at_start_ns))
		w->machine.begin_ns = session_now_ns();
	if (!err)
		err = enrich_mark(w->enrich, w->window.begin_ns);
	if (!err)
		err = move_records(w, w->window.begin_ns + ORDER_NS);
	if (!err && !enrich_living(w->enrich))
		err = fail_nothing(targets);
	return err ? err : mind_overhead(w, overhead_start);
}

/* Losses are told when they grow, so that a trace which ends badly knows of them too. */
static int put_loss(struct watch *w, bool last)
{
	struct wire_loss rec = { .head = { session_now_ns(), 0, WIRE_LOSS, sizeof(rec) } };
	uint64_t dropped = w->last_loss.count[WIRE_LOSS_RING_FULL];

	if (!last && rec.head.ts_ns - w->last_loss.head.ts_ns < LOSS_EVERY_NS)
		return 0;
	session_losses(w->session, &rec);
	rec.count[WIRE_LOSS_LATE] = trace_order_late(w->last_order);
	rec.count[WIRE_LOSS_SHARED] = enrich_unmapped(w->enrich);
	rec.count[WIRE_LOSS_FRAME] = enrich_unknown_frames(w->enrich);
	w->last_loss = rec;
	if (!last && rec.count[WIRE_LOSS_RING_FULL] == dropped)
		return 0;
	return into_last_order(w, &rec.head);
}

static int drain(struct watch *w)
{
	int err = move_records(w, session_now_ns());

	if (!err)
		err = enrich_tick(w->enrich);
	if (!err)
		err = mind_overhead(w, overhead_tick);
	return err ? err : put_loss(w, false);
}

static int left_ms(const struct watch *w)
{
	uint64_t now = session_now_ns(), end = w->window.begin_ns + w->opts.duration_ns;
	int pause = enrich_pause_ms(w->enrich);

	if (w->overhead && overhead_pause_ms(w->overhead) < pause)
		pause = overhead_pause_ms(w->overhead);
	if (!w->opts.duration_ns)
		return pause;
	if (now >= end)
		return 0;
	if (end - now >= (uint64_t)pause * 1000000)
		return pause;
	return (int)((end - now) / 1000000) + 1;
}

static bool time_is_up(const struct watch *w)
{
	return w->opts.duration_ns &&
	       session_now_ns() + SESSION_AHEAD_NS >= w->window.begin_ns + w->opts.duration_ns;
}

/* False: none came. */
static bool take_signal(struct watch *w)
{
	struct signalfd_siginfo info;

	if (read(w->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	w->signal = (int)info.ssi_signo;
	return true;
}

int watch_loop(struct watch *w, int fd)
{
	struct pollfd fds[] = {
		{ session_fd(w->session), POLLIN, 0 },
		{ w->signals, POLLIN, 0 },
		{ fd, POLLIN, 0 },
		{ enrich_fd(w->enrich), POLLIN, 0 },
	};
	int err;

	w->signal = 0;
	for (;;) {
		if (time_is_up(w) || (fd < 0 && !enrich_living(w->enrich)))
			return 0;
		if (poll(fds, 4, left_ms(w)) < 0 && errno != EINTR)
			return fail(-errno, "cannot wait for events: %s", strerror(errno));
		err = drain(w);
		if (err)
			return err;
		if (fds[1].revents)
			take_signal(w);
		if (w->signal || fds[2].revents)
			return 0;
	}
}

int watch_signal(const struct watch *w)
{
	return w->signal;
}

/* Not ru_maxrss: that remembers what was there before exec. */
static uint64_t own_peak_kib(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static int put_cost(struct watch *w)
{
	struct wire_cost rec = { .head = { session_now_ns(), 0, WIRE_COST, sizeof(rec) } };

	rec.cpu_ns = own_cpu_ns() - w->cpu_at_start_ns;
	rec.rss_kib = own_peak_kib();
	session_memory(w->session, &rec.maps_kib, &rec.ring_kib);
	session_stack_cost(w->session, &rec);
	enrich_cost(w->enrich, &rec);
	return into_last_order(w, &rec.head);
}

/*
 * What the window still has in the ring.  A program that began in the window may not have submitted
 * its record yet, say on a virtual CPU that does not run at the moment; it has counted it.
 */
static int drain_last(struct watch *w)
{
	int err = 0;

	for (int i = 0; err >= 0 && i < LAST_TRIES; i++) {
		struct wire_loss loss = { 0 };
		const __u64 *n = loss.count;

		err = session_drain(w->session, into_order, w);
		session_losses(w->session, &loss);
		if (n[WIRE_LOSS_MADE] <= n[WIRE_LOSS_RECEIVED] + n[WIRE_LOSS_RING_FULL])
			break;
		sleep_until(session_now_ns() + LAST_PAUSE_NS);
	}
	return err;
}

static void close_session(struct watch *w, bool keep)
{
	if (w->session)
		enrich_close(w->enrich);
	if (keep && w->opts.spare && session_again(w->session))
		*w->opts.spare = w->session;
	else if (w->session)
		session_leave(w->left = w->session);
	w->session = NULL;
}

static void look_at_machine(struct watch *w)
{
	uint64_t idle;

	if (!w->machine.begin_ns || !facts_idle_ns(&idle))
		return;
	w->machine.idle_ns = idle > w->idle_at_start_ns ? idle - w->idle_at_start_ns : 0;
	w->machine.end_ns = session_now_ns();
	w->machine.cpus = facts_cpus_online();
	w->machine.head = (struct wire_head){ w->machine.end_ns, 0, WIRE_MACHINE,
					      sizeof(w->machine) };
}

int watch_stop(struct watch *w)
{
	uint64_t end = session_disarm(w->session);
	int err;

	sleep_until(end);
	look_at_machine(w);
	err = mind_overhead(w, overhead_stop);
	if (!err)
		err = enrich_mark(w->enrich, end);
	sleep_until(end + SESSION_AHEAD_NS);
	session_end(w->session);
	if (!err)
		err = drain_last(w);
	if (err >= 0)
		err = session_sums(w->session, into_order, w);
	if (!w->opts.spare)
		session_leave(w->session); /* the target runs alone, names may take their time */
	if (!err)
		err = trace_order_flush(w->order);
	if (!err)
		err = enrich_finish(w->enrich);
	if (!err)
		err = put_loss(w, true);
	if (!err)
		err = session_progs(w->session, into_last_order, w);
	if (!err)
		err = put_cost(w);
	if (!err && w->machine.head.kind)
		err = into_last_order(w, &w->machine.head);
	w->window.end_ns = end;
	w->window.head.ts_ns = end;
	if (!err)
		err = into_last_order(w, &w->window.head);
	if (!err)
		err = trace_order_flush(w->last_order);
	close_session(w, !err);
	return err;
}

/* Those that came until now are done with: the report is under way. */
static void let_signals_through(struct watch *w)
{
	while (take_signal(w))
		;
	sigprocmask(SIG_SETMASK, &w->before, NULL);
}

int watch_report(struct watch *w, int fd)
{
	bool waits = !w->to || outfile_in_place(w->opts.show.to);
	int err = w->writer ? trace_writer_commit(w->writer) : 0;

	if (err)
		return err;
	if (waits)
		let_signals_through(w);
	err = show_model(w->model, &w->opts.show, w->to, fd);
	sigprocmask(SIG_BLOCK, &w->held, NULL);
	return err;
}

void watch_list_living(const struct watch *w, struct proc_ids *ret)
{
	enrich_list_living(w->enrich, ret);
}

int watch_analyse(struct watch *w, struct report **ret)
{
	const struct show_opts *show = &w->opts.show;
	int err = w->writer ? trace_writer_commit(w->writer) : 0;

	if (err)
		return err;
	model_finish(w->model);
	*ret = analysis_report(w->model);
	if (show->what_if.n) /* an unanswered one says why */
		whatif_answer(*ret, w->model, show->what_if.items, show->what_if.n);
	return 0;
}

void watch_abandon(struct watch *w)
{
	close_session(w, false);
	trace_writer_close(w->writer);
	w->writer = NULL;
	outfile_close(w->to);
	w->to = NULL;
}

int watch_wait(struct watch *w, int fd)
{
	struct pollfd fds[] = { { fd, POLLIN, 0 }, { w->signals, POLLIN, 0 } };

	w->signal = 0;
	do {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail(-errno, "cannot wait for the command: %s", strerror(errno));
		if (fds[1].revents)
			take_signal(w);
	} while (!fds[0].revents && !w->signal);
	return fds[0].revents ? 0 : w->signal;
}

void watch_close(struct watch *w)
{
	if (!w)
		return;
	watch_abandon(w);
	session_close(w->left);
	overhead_free(w->overhead);
	trace_order_free(w->order);
	trace_order_free(w->last_order);
	enrich_free(w->enrich);
	model_free(w->model);
	if (w->signals >= 0)
		close(w->signals);
	free(w);
}
