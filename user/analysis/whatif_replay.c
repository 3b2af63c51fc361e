// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * whatif_replay.c - from replays to predictions: what the replay is told, how far it is right about
 * the recording itself, and the range of an answer.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/whatif_parts.h"
#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/unit.h"

/* --- ranges ---------------------------------------------------------------------------------- */

/* CPU time of starting a process more than of starting a thread. */
static double start_ns(const struct host_costs *c, bool most)
{
	double process = (double)(c->fork_ns + c->exit_ns);
	double more;

	if (!c->known)
		return most ? START_GUESS_NS : 0;
	process += (double)c->fork_mib_ns * (most ? PROCESS_MIB_HIGH : PROCESS_MIB);
	more = process - (double)c->thread_ns;
	return more > 0 ? more : 0;
}

static double replayed(const struct prediction *p, const struct replay_opts *opts)
{
	struct replay r;

	replay_run(&r, p->tl, model_begin_ns(p->m), opts, false);
	return r.makespan_ns / p->plain_ns * p->measured_ns;
}

static void widen(struct prediction_range *range, double ns)
{
	if (ns < range->low)
		range->low = ns;
	if (ns > range->high)
		range->high = ns;
}

/* The same with all that is uncertain at its best, and at its worst. */
static void find_range(const struct prediction *p, struct replay_opts opts,
		       struct prediction_range *range)
{
	double error = fabs(p->ret->error), others = opts.others;

	if (error < REPLAY_ERROR_LEAST)
		error = REPLAY_ERROR_LEAST;
	range->low = range->high = range->value;
	opts.speed = p->costs.speed_high;
	opts.delay = DELAY_LOW;
	opts.others = others * DELAY_LOW;
	opts.without_unknown = true;
	widen(range, replayed(p, &opts));
	opts.speed = p->costs.speed_low;
	opts.delay = DELAY_HIGH;
	opts.others = others * DELAY_HIGH;
	opts.crowd = CROWD_HIGH;
	opts.without_unknown = false;
	if (opts.processes) {
		opts.start_ns = start_ns(&p->costs, true);
		opts.message_ns *= 2;
	}
	widen(range, replayed(p, &opts));
	range->low *= 1 - error;
	range->high *= 1 + error;
}

static struct replay_opts with_costs(const struct prediction *p, struct replay_opts opts)
{
	if (opts.processes) {
		opts.start_ns = start_ns(&p->costs, false);
		opts.message_ns = (double)p->costs.ipc_ns;
	}
	return opts;
}

struct prediction_range prediction_replay(const struct prediction *p, struct replay_opts opts)
{
	struct prediction_range range;

	opts = with_costs(p, opts);
	range.value = replayed(p, &opts);
	find_range(p, opts, &range);
	return range;
}

/* --- what limits ----------------------------------------------------------------------------- */

static size_t longest(const double *ns, size_t n)
{
	size_t top = 0;

	for (size_t i = 1; i < n; i++)
		if (ns[i] > ns[top])
			top = i;
	return top;
}

static void explain(const struct prediction *p, const struct replay_opts *opts,
		    const struct replay *r, struct report_whatif *ret)
{
	double left = opts->cpus > opts->others ? opts->cpus - opts->others : opts->cpus;
	struct critical c;
	size_t kind;

	ret->cpus_used = r->makespan_ns > 0 ? r->cpu_ns / r->makespan_ns : 0;
	if (ret->cpus_used >= CPUS_BUSY * left) {
		snprintf(ret->limit, sizeof(ret->limit), "the CPUs: %s of %s",
			 unit_decimal(ret->cpus_used, 2).s, unit_decimal(opts->cpus, 2).s);
		return;
	}
	critical_find(&c, p->tl, &p->functions, r, r->makespan_ns);
	kind = longest(c.ns, CRITICAL_KINDS);
	snprintf(ret->limit, sizeof(ret->limit), "%s: %s", report_critical_kinds[kind].label,
		 unit_percent(c.ns[kind] / r->makespan_ns).s);
	critical_free(&c);
}

struct prediction_range prediction_explain(const struct prediction *p, struct replay_opts opts,
					   struct report_whatif *ret)
{
	struct prediction_range range;
	struct replay r;

	opts = with_costs(p, opts);
	replay_run(&r, p->tl, model_begin_ns(p->m), &opts, true);
	range.value = r.makespan_ns / p->plain_ns * p->measured_ns;
	explain(p, &opts, &r, ret);
	replay_free(&r, p->tl);
	find_range(p, opts, &range);
	return range;
}

/* --- the recording itself -------------------------------------------------------------------- */

static void take_costs(struct prediction *p)
{
	struct host_costs *c = &p->costs;

	costs_of_model(c, p->m);
	p->ret->costs_known = c->known;
	if (!c->known) {
		c->n_speed = 2;
		for (unsigned i = 0; i < c->n_speed; i++)
			c->speed[i] = c->speed_low[i] = c->speed_high[i] = 1;
		c->speed_low[1] = SPEED_GUESS_LOW;
	}
	p->ret->speed = c->n_speed ? c->speed[c->n_speed - 1] : 1;
}

/* CPUs that others used meanwhile, of those that the target may use; at least we did. */
static double find_others(const struct prediction *p)
{
	const struct wire_machine *machine = &p->m->machine;
	double wall = (double)p->r->window_ns, whole, used;
	double own = wall > 0 ? (double)p->r->quality.own_cpu_ns / wall : 0;

	if (!machine->head.kind || machine->end_ns <= machine->begin_ns || wall <= 0)
		return own;
	whole = (double)(machine->end_ns - machine->begin_ns);
	used = machine->cpus - (double)machine->idle_ns / whole -
	       (double)p->r->par.on_cpu_ns / wall;
	used -= machine->cpus - p->r->par.ceiling; /* on CPUs that the target may not use */
	return used > 0 ? used : 0;
}

static void replay_plain(struct prediction *p)
{
	struct replay r;

	p->plain = (struct replay_opts){
		.cpus = p->r->par.ceiling,
		.recorded_cpus = p->r->par.ceiling,
		.all_cpus = p->r->par.ceiling >= p->r->cpus_online,
		.speed = p->costs.speed,
		.n_speed = p->costs.n_speed,
		.delay = 1,
		.crowd = CROWD,
	};
	replay_recorded(&r, p->tl, model_begin_ns(p->m));
	p->measured_ns = r.makespan_ns;
	replay_free(&r, p->tl);
	replay_run(&r, p->tl, model_begin_ns(p->m), &p->plain, false);
	p->ret->replayed_ns = (uint64_t)r.makespan_ns;
	p->ret->error = p->measured_ns > 0 ? r.makespan_ns / p->measured_ns - 1 : 0;
	/* what was recorded has others in its delays; a change is compared under equal conditions
	 */
	p->plain.others = find_others(p);
	replay_run(&r, p->tl, model_begin_ns(p->m), &p->plain, false);
	p->plain_ns = r.makespan_ns > 1 ? r.makespan_ns : 1;
	p->ret->measured_ns = (uint64_t)p->measured_ns;
	p->ret->cpus = p->plain.cpus;
	p->ret->others = p->plain.others;
	p->ret->threads = p->tl->n_threads;
	p->ret->operations = p->tl->n_ops;
}

int whatif_answer(struct report *r, const struct model *m, const char *const *questions, size_t n)
{
	struct prediction p = { .r = r, .m = m, .tl = m->timeline };
	size_t size = sizeof(r->prediction->why_not);
	int err;

	if (!m->timeline)
		return fail(-EINVAL, "the timeline was not kept: nothing can be predicted");
	r->prediction = p.ret = xcalloc(1, sizeof(*p.ret));
	functions_find(&p.functions, m);
	prediction_find_handoffs(&p);
	take_costs(&p);
	replay_plain(&p);
	p.ret->possible = !refuse_recording(&p, p.ret->why_not, size) &&
			  !refuse_error(&p, p.ret->why_not, size);
	err = whatif_questions(&p, questions, n);
	if (!p.tl->cut)
		critical_report(&p);
	if (p.ret->possible)
		serial_rank(&p);
	prediction_assume(&p);
	functions_free(&p.functions);
	free(p.handoffs);
	return err;
}

void whatif_free(struct report_prediction *p)
{
	if (!p)
		return;
	free(p->whatifs);
	free(p->serial);
	free(p->critical.threads);
	free(p->critical.functions);
	free(p);
}
