// SPDX-License-Identifier: GPL-2.0-or-later
/* overhead.c - what watching cost against its budget, and what was left out for that. */
#include "user/analysis/analysis.h"
#include "user/base/buf.h"
#include "user/base/unit.h"

#define STEPS_MAX 64

static double cost_of(const struct wire_overhead *r)
{
	return (double)r->bpf_ns + (double)r->reader_ns;
}

/* As the budget was kept: a target that does next to nothing cannot be watched for nothing. */
static double target_of(const struct wire_overhead *r)
{
	double wall = r->head.ts_ns > r->begin_ns ? (double)(r->head.ts_ns - r->begin_ns) : 0;
	double least = WIRE_LEAST_PPM / 1e6 * wall, used = (double)r->target_ns;

	return used > least ? used : least;
}

static bool is_change(const struct wire_overhead *r, const struct wire_overhead *former)
{
	return r->sample_divisor != former->sample_divisor || r->detail_ppm != former->detail_ppm;
}

static void add_step(struct report_overhead *o, const struct model *m,
		     const struct wire_overhead *r)
{
	if (o->all_steps++ >= STEPS_MAX)
		return;
	o->steps[o->n_steps++] = (struct report_reduction){
		.at_ns = analysis_since_begin(m, r->head.ts_ns),
		.divisor = r->sample_divisor,
		.detail = r->detail_ppm / 1e6,
		.cost = unit_ratio(cost_of(r), target_of(r)),
	};
}

void analysis_overhead(struct report *r, const struct model *m)
{
	double cost = 0, target = 0, least_cost = 0, least_target = 0, wall = 0;
	struct report_overhead *o;

	if (!m->n_overheads)
		return;
	o = r->overhead = xcalloc(1, sizeof(*o));
	o->steps = xcalloc(STEPS_MAX, sizeof(*o->steps));
	o->budget = m->overheads[0].budget_ppm / 1e6;
	o->least_cpus = WIRE_LEAST_PPM / 1e6;
	o->detail_ns = r->window_ns - r->par.gap_ns;
	for (size_t i = 1; i < m->n_overheads; i++) {
		const struct wire_overhead *rec = &m->overheads[i], *former = rec - 1;
		double share = unit_ratio(cost_of(rec), target_of(rec));

		o->bpf_ns += rec->bpf_ns;
		o->reader_ns += rec->reader_ns;
		o->target_ns += rec->target_ns;
		cost += cost_of(rec);
		target += target_of(rec);
		wall += (double)(rec->head.ts_ns - rec->begin_ns);
		o->max = share > o->max ? share : o->max;
		if (!former->detail_ppm) {
			least_cost += cost_of(rec);
			least_target += target_of(rec);
		}
		if (is_change(rec, former))
			add_step(o, m, rec);
	}
	o->mean = unit_ratio(cost, target);
	o->machine = unit_ratio(cost, wall * r->cpus_online);
	o->least = unit_ratio(least_cost, least_target);
	o->exceeded = o->least > o->budget;
}
