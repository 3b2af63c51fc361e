// SPDX-License-Identifier: GPL-2.0-or-later
/* validate.c - see validate.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/ledger.h"
#include "user/bench/validate.h"

#define MODE(...) WORDS("--tasks", "{n}", "--mode", __VA_ARGS__)
#define THREADS(...)                                                                               \
	{                                                                                          \
		.name = "threads", .args = MODE("threads", ##__VA_ARGS__)                          \
	}

static const struct plan_mode python_processes[] = {
	THREADS(),
	{ .name = "fork", .args = MODE("procs", "--start-method", "fork") },
	{ 0 },
};

static const struct plan_mode native_processes[] = {
	THREADS(),
	{ .name = "procs", .args = MODE("procs") },
	{ 0 },
};

static const struct plan_mode one_cpu[] = {
	THREADS(),
	{ .name = "one-cpu", .args = MODE("threads", "--pin") },
	{ 0 },
};

/* Three quarters of the work under the lock: it is what limits two CPUs. */
#define LONG_HOLD "--hold-us", "300", "--think-us", "100"
static const struct plan_mode no_mutex[] = {
	THREADS(LONG_HOLD),
	{ .name = "no-lock", .args = MODE("threads", LONG_HOLD, "--no-lock") },
	{ 0 },
};

/* Half of it: two CPUs could do it all, had nobody to wait for the other's turn to end. */
#define EVEN_HOLD "--hold-us", "200", "--think-us", "200"
static const struct plan_mode no_even_mutex[] = {
	THREADS(EVEN_HOLD),
	{ .name = "no-lock", .args = MODE("threads", EVEN_HOLD, "--no-lock") },
	{ 0 },
};

const struct validation validations[] = {
	{ "countdown-2", "countdown", "processes", "threads -> processes", python_processes, 2 },
	{ "countdown-4", "countdown", "processes", "threads -> processes", python_processes, 4 },
	{ "heavysum-2", "heavysum", "processes", "threads -> processes", python_processes, 2 },
	{ "heavysum-4", "heavysum", "processes", "threads -> processes", python_processes, 4 },
	{ "randomlist-2", "randomlist", "processes", "threads -> processes", python_processes, 2 },
	{ "randomlist-4", "randomlist", "processes", "threads -> processes", python_processes, 4 },
	{ "pymixed-2", "pymixed", "processes", "threads -> processes", python_processes, 2 },
	{ "pymixed-4", "pymixed", "processes", "threads -> processes", python_processes, 4 },
	{ "gil-2", "gil", "processes", "threads -> processes", native_processes, 2 },
	{ "gil-4", "gil", "processes", "threads -> processes", native_processes, 4 },
	{ "mutex-2", "mutex", "no-lock:L1", "without the mutex", no_mutex, 2 },
	{ "mutex-4", "mutex", "no-lock:L1", "without the mutex", no_mutex, 4 },
	{ "mutex-even-2", "mutex", "no-lock:L1", "without the mutex, held less", no_even_mutex, 2 },
	{ "mutex-even-4", "mutex", "no-lock:L1", "without the mutex, held less", no_even_mutex, 4 },
	{ "cpu-one-4", "cpu", "cpus:1", "on one CPU", one_cpu, 4 },
	{ 0 },
};

bool validation_experiment(const struct validation *v, struct experiment *ret)
{
	const struct experiment *e = plan_experiments;

	while (e->name && strcmp(e->name, v->of) != 0)
		e++;
	if (!e->name)
		return false;
	*ret = *e;
	ret->name = v->name;
	ret->modes = v->modes;
	ret->tasks = v->tasks;
	return true;
}

/* --- results --------------------------------------------------------------------------------- */

/* Of each repeat; NaN: not known. */
struct pairs {
	double *recorded_ns, *predicted_ns, *low_ns, *high_ns, *measured_ns;
	size_t n;
};

static void fill(struct pairs *p, const struct ledger_row *asked, const struct ledger_row *truth)
{
	bool any = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct ledger_prediction *said = &asked->runs[i].prediction;

		p->recorded_ns[i] = asked->runs[i].done ? said->recorded_ns : NAN;
		p->predicted_ns[i] = asked->runs[i].done ? said->value_ns : NAN;
		p->low_ns[i] = asked->runs[i].done ? said->low_ns : NAN;
		p->high_ns[i] = asked->runs[i].done ? said->high_ns : NAN;
		p->measured_ns[i] = truth->runs[i].done ? truth->runs[i].figure[FIGURE_LIFE] : NAN;
		any = any || !isnan(p->predicted_ns[i]);
	}
	for (size_t i = 0; any && i < p->n; i++)
		if (isnan(p->predicted_ns[i])) /* nothing to compare it with */
			p->measured_ns[i] = NAN;
}

void validation_judge(const struct ledger_block *b, struct validation_result *ret)
{
	const struct ledger_row *asked = &b->rows[0], *truth = &b->rows[1];
	size_t n = asked->n_runs < truth->n_runs ? asked->n_runs : truth->n_runs;
	double *room = xcalloc(5 * n + 1, sizeof(*room));
	struct pairs p = { room, room + n, room + 2 * n, room + 3 * n, room + 4 * n, n };

	memset(ret, 0, sizeof(*ret));
	fill(&p, asked, truth);
	ret->recorded_ns = stats_median(p.recorded_ns, n);
	ret->predicted_ns = stats_median(p.predicted_ns, n);
	ret->measured_ns = stats_median(p.measured_ns, n);
	ret->low_ns = stats_median(p.low_ns, n).value;
	ret->high_ns = stats_median(p.high_ns, n).value;
	ret->ratio = stats_ratio(p.predicted_ns, p.measured_ns, n);
	ret->inside = ret->ratio.n && ret->measured_ns.value >= ret->low_ns &&
		      ret->measured_ns.value <= ret->high_ns;
	for (size_t i = 0; i < asked->n_runs && !ret->why_not; i++)
		if (asked->runs[i].prediction.why_not[0])
			ret->why_not = asked->runs[i].prediction.why_not;
	free(room);
}

void validation_sum_up(const struct ledger *l, struct validation_summary *ret)
{
	double *errors = xcalloc(l->n_blocks + 1, sizeof(*errors));

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < l->n_blocks; i++) {
		struct validation_result r;

		if (!l->blocks[i].validation)
			continue;
		validation_judge(&l->blocks[i], &r);
		if (!r.ratio.n) {
			ret->without++;
			continue;
		}
		errors[ret->n++] = fabs(r.ratio.value - 1);
		ret->worst_error = fmax(ret->worst_error, fabs(r.ratio.value - 1));
		ret->inside += r.inside;
	}
	ret->median_error = stats_median(errors, ret->n).value;
	free(errors);
}
