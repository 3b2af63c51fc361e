// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * overhead.c - see overhead.h.
 *
 *	slot  ├─ programs are timed ─┼──────────── they are not ────────────┤  next slot
 *	      0                     20 ms                                200 ms
 *
 * To begin and end that takes 0.6 ms of CPU time, so it is done in one of five slots once a few have
 * been timed since the last change.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "user/base/buf.h"
#include "user/session/budget.h"
#include "user/session/overhead.h"
#include "user/session/session.h"
#include "user/target/proc.h"

#define SLOT_NS 200000000ULL
#define TIMED_NS 20000000ULL
#define TIMED_FIRST 5 /* so many slots, with detail and without, then one of: */
#define TIMED_EVERY 5
#define TELL_NS 1000000000ULL /* so often at least */
#define SETTLE_NS 1000000ULL  /* until all CPUs have seen that records begin */

struct use {
	pid_t pid;
	uint64_t ns;
};

struct uses {
	struct use *items;
	size_t n, cap;
};

struct slot {
	uint64_t begin_ns, reader_ns, stack_ns;
	uint64_t timed_ns, run_ns; /* length of the timed part, and what ran in it */
	bool timing;
	bool detail;
};

/* Of slots with detail, and of those without. */
struct rate {
	double run;	/* run time of the programs, per ns */
	unsigned slots; /* since the last change */
};

struct overhead {
	struct session *session;
	struct overhead_opts opts;
	struct budget budget;
	struct slot slot;
	struct rate rates[2];
	struct uses before;	  /* CPU time of each target process when the slot began */
	struct wire_overhead sum; /* not told yet */
	bool running;
};

/* --- measuring ------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts)
		       ? 0
		       : (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* What clock_getcpuclockid() gives, which also asks whether the process is there. */
static clockid_t clock_of(pid_t pid)
{
	return (clockid_t)(~(unsigned)pid << 3 | 2);
}

static uint64_t stack_ns(const struct overhead *o)
{
	struct wire_cost cost = { 0 };

	session_stack_cost(o->session, &cost);
	return cost.stack_ns;
}

static int by_pid(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* CPU time of the targets since the last look; one that has ended since is not seen any more. */
static uint64_t target_ns(struct overhead *o, const struct proc_ids *targets)
{
	struct uses now = { 0 };
	uint64_t ns = 0;

	for (size_t i = 0; i < targets->n; i++) {
		struct use use = { targets->ids[i], clock_ns(clock_of(targets->ids[i])) };
		const struct use *was = NULL;

		if (o->before.n)
			was = bsearch(&use, o->before.items, o->before.n, sizeof(use), by_pid);
		if (!use.ns)
			continue;
		ns += use.ns - (was && was->ns <= use.ns ? was->ns : 0);
		vec_push(now.items, now.n, now.cap) = use;
	}
	if (now.n)
		qsort(now.items, now.n, sizeof(*now.items), by_pid);
	free(o->before.items);
	o->before = now;
	return ns;
}

/* --- slots ----------------------------------------------------------------------------------- */

static int tell(struct overhead *o, uint64_t now)
{
	struct wire_overhead rec = o->sum;

	rec.head = (struct wire_head){ now, 0, WIRE_OVERHEAD, sizeof(rec) };
	rec.budget_ppm = (uint32_t)(o->budget.limit * 1e6 + 0.5);
	rec.sample_divisor = o->budget.divisor;
	rec.detail_ppm = (uint32_t)(o->budget.detail * 1e6 + 0.5);
	o->sum = (struct wire_overhead){ .begin_ns = now };
	return o->opts.told(o->opts.ctx, &rec.head);
}

static int switch_detail(struct overhead *o, bool on)
{
	struct wire_detail rec = { .head = { 0, 0, WIRE_DETAIL, sizeof(rec) }, .on = on };
	struct timespec settle = { 0, SESSION_AHEAD_NS + SETTLE_NS };
	int err = 0;

	if (on == o->slot.detail)
		return 0;
	o->slot.detail = on;
	rec.head.ts_ns = session_detail(o->session, on);
	if (on) {
		nanosleep(&settle, NULL);
		err = session_states(o->session, o->opts.ordered, o->opts.ctx);
		rec.head.ts_ns = session_now_ns();
	}
	/* beyond the window it says nothing, and the model does not know yet where that ends */
	if (err || rec.head.ts_ns >= session_end_ns(o->session))
		return err;
	return o->opts.ordered(o->opts.ctx, &rec.head);
}

static void begin_slot(struct overhead *o)
{
	bool detail = o->slot.detail;
	struct rate *rate = &o->rates[detail];

	o->slot = (struct slot){ .begin_ns = session_now_ns(), .detail = detail };
	o->slot.reader_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	o->slot.stack_ns = stack_ns(o);
	if (rate->slots++ >= TIMED_FIRST && rate->slots % TIMED_EVERY)
		return;
	o->slot.timing = !session_timing(o->session, true);
	o->slot.run_ns = session_run_ns(o->session);
	o->slot.timed_ns = session_now_ns();
}

static void end_timing(struct overhead *o)
{
	struct slot *s = &o->slot;

	if (!s->timing)
		return;
	s->timing = false;
	s->run_ns = session_run_ns(o->session) - s->run_ns;
	s->timed_ns = session_now_ns() - s->timed_ns;
	session_timing(o->session, false);
	if (s->timed_ns)
		o->rates[s->detail].run = (double)s->run_ns / (double)s->timed_ns;
}

static struct budget_slot end_slot(struct overhead *o, const struct proc_ids *targets)
{
	struct slot *s = &o->slot;
	struct budget_slot spent = { .detail = s->detail };

	end_timing(o);
	spent.wall_ns = session_now_ns() - s->begin_ns;
	spent.bpf_ns = (uint64_t)(o->rates[s->detail].run * (double)spent.wall_ns);
	spent.reader_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - s->reader_ns;
	spent.stack_ns = stack_ns(o) - s->stack_ns;
	spent.target_ns = target_ns(o, targets);
	o->sum.bpf_ns += spent.bpf_ns;
	o->sum.reader_ns += spent.reader_ns;
	o->sum.target_ns += spent.target_ns;
	return spent;
}

static int next_slot(struct overhead *o, const struct budget_slot *spent)
{
	bool changed = budget_spent(&o->budget, spent);
	uint64_t now = session_now_ns();
	int err = 0;

	if (changed || now - o->sum.begin_ns >= TELL_NS)
		err = tell(o, now);
	if (changed) {
		session_sample(o->session, o->opts.sample_ns * o->budget.divisor);
		o->rates[false].slots = o->rates[true].slots = 0;
	}
	if (!err)
		err = switch_detail(o, budget_next(&o->budget));
	begin_slot(o);
	return err;
}

/* --- life ------------------------------------------------------------------------------------ */

int overhead_new(struct overhead **ret, struct session *session, const struct overhead_opts *opts)
{
	struct overhead *o;
	int err = session_timing(session, true);

	if (err)
		return err;
	session_timing(session, false);
	o = xcalloc(1, sizeof(*o));
	o->session = session;
	o->opts = *opts;
	o->slot.detail = true;
	budget_init(&o->budget, opts->limit, opts->sample_ns != 0);
	*ret = o;
	return 0;
}

int overhead_start(struct overhead *o, const struct proc_ids *targets)
{
	uint64_t now = session_now_ns();

	o->sum.begin_ns = now;
	o->running = true;
	target_ns(o, targets);
	begin_slot(o);
	return tell(o, now);
}

int overhead_tick(struct overhead *o, const struct proc_ids *targets)
{
	uint64_t now = session_now_ns();
	struct budget_slot spent;

	if (o->slot.timing && now >= o->slot.begin_ns + TIMED_NS)
		end_timing(o);
	if (now < o->slot.begin_ns + SLOT_NS)
		return 0;
	spent = end_slot(o, targets);
	return next_slot(o, &spent);
}

/* A last slot that is too short says nothing of its cost. */
int overhead_stop(struct overhead *o, const struct proc_ids *targets)
{
	if (!o->running)
		return 0;
	o->running = false;
	if (session_now_ns() - o->slot.begin_ns >= TIMED_NS)
		end_slot(o, targets);
	else
		end_timing(o);
	return tell(o, session_now_ns());
}

int overhead_pause_ms(const struct overhead *o)
{
	uint64_t next = o->slot.begin_ns + (o->slot.timing ? TIMED_NS : SLOT_NS);
	uint64_t now = session_now_ns();

	return now < next ? (int)((next - now) / 1000000) + 1 : 0;
}

void overhead_free(struct overhead *o)
{
	if (!o)
		return;
	free(o->before.items);
	free(o);
}
