// SPDX-License-Identifier: GPL-2.0-or-later
/* bench_expect.c - what may be expected of a bench, by its plan; see bench.h. */
#include <string.h>

#include "user/bench/ledger_metrics.h"
#include "user/cmd/bench.h"

/* Is "countdown.fork", or "fork" where there is one experiment, a row of the ledger to come? */
static bool is_row(const struct bench_plan *plan, const char *name, size_t len)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct bench_group *g = &plan->groups[i];
		size_t n = strlen(g->experiment->name);

		for (size_t k = 0; k < g->n_modes; k++) {
			const char *mode = g->modes[k]->name;

			if (plan->n == 1 && strlen(mode) == len && !strncmp(mode, name, len))
				return true;
			if (len == n + 1 + strlen(mode) && !strncmp(name, g->experiment->name, n) &&
			    name[n] == '.' && !strncmp(name + n + 1, mode, strlen(mode)))
				return true;
		}
	}
	return false;
}

static bool kind(const void *ctx, const char *key, enum metric_unit *ret_unit)
{
	const char *word = strrchr(key, '.');

	return word && ledger_metric_kind(word + 1, ret_unit) &&
	       is_row(ctx, key, (size_t)(word - key));
}

static void known_keys(const void *ctx, struct buf *out)
{
	const struct bench_plan *plan = ctx;

	buf_puts(out, plan->n == 1 ? "MODE.FIGURE: modes " : "EXPERIMENT.MODE.FIGURE: ");
	for (size_t i = 0; i < plan->n; i++)
		for (size_t k = 0; k < plan->groups[i].n_modes; k++)
			buf_printf(out, "%s%s%s%s", i + k ? ", " : "",
				   plan->n == 1 ? "" : plan->groups[i].experiment->name,
				   plan->n == 1 ? "" : ".", plan->groups[i].modes[k]->name);
	buf_puts(out, "; figures ");
	ledger_metric_words(out);
}

struct expect_subject bench_subject(const struct bench_plan *plan)
{
	return (struct expect_subject){ kind, known_keys, plan };
}
