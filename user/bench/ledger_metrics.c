// SPDX-License-Identifier: GPL-2.0-or-later
/* ledger_metrics.c - see ledger_metrics.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/bench/ledger_metrics.h"

static const struct {
	enum metric_unit unit;
	double scale; /* from the figure to the metric */
} units[] = {
	[UNIT_NS] = { METRIC_SECONDS, 1e-9 }, [UNIT_BYTES] = { METRIC_COUNT, 1 },
	[UNIT_COUNT] = { METRIC_COUNT, 1 },   [UNIT_CPUS] = { METRIC_CPUS, 1 },
	[UNIT_RATIO] = { METRIC_COUNT, 1 },   [UNIT_SHARE] = { METRIC_SHARE, 1 },
};

/* Without "_ns": the number has its unit with it, "1.5s". */
static int word_length(const char *key)
{
	size_t len = strlen(key);

	return (int)(len > 3 && !strcmp(key + len - 3, "_ns") ? len - 3 : len);
}

bool ledger_metric_kind(const char *word, enum metric_unit *ret_unit)
{
	for (size_t f = 0; f < FIGURE_COUNT; f++) {
		int len = word_length(ledger_figures[f].key);

		if (strlen(word) != (size_t)len ||
		    strncmp(word, ledger_figures[f].key, (size_t)len))
			continue;
		*ret_unit = units[ledger_figures[f].unit].unit;
		return true;
	}
	return false;
}

void ledger_metric_words(struct buf *out)
{
	for (size_t f = 0; f < FIGURE_COUNT; f++)
		buf_printf(out, "%s%.*s", f ? ", " : "", word_length(ledger_figures[f].key),
			   ledger_figures[f].key);
}

static struct stats_interval interval_of(const struct ledger_row *row, enum ledger_figure f)
{
	double *values;
	struct stats_interval ret;

	if (f == FIGURE_SPEEDUP || f == FIGURE_EFFICIENCY)
		return row->figure[f];
	values = xcalloc(row->n_runs + 1, sizeof(*values));
	for (size_t i = 0; i < row->n_runs; i++)
		values[i] = row->runs[i].done ? row->runs[i].figure[f] : NAN;
	ret = stats_mean(values, row->n_runs);
	free(values);
	return ret;
}

static void add(struct metrics *t, const char *prefix, const struct ledger_row *row,
		enum ledger_figure f)
{
	const struct ledger_figure_info *info = &ledger_figures[f];
	struct metric *m = &vec_push(t->m, t->n, t->cap);
	double scale = units[info->unit].scale;

	*m = (struct metric){ .unit = units[info->unit].unit, .better = METRIC_NEITHER };
	snprintf(m->key, sizeof(m->key), "%s%s.%.*s", prefix, row->mode, word_length(info->key),
		 info->key);
	m->v = interval_of(row, f);
	m->known = m->v.n > 0;
	if (!m->known)
		snprintf(m->why, sizeof(m->why), "%s",
			 row->n_done ? "no run tells it" : "no run was done");
	m->v.value *= scale;
	m->v.low *= scale;
	m->v.high *= scale;
	m->undisturbed = m->v.value;
}

struct metrics *ledger_metrics(const struct ledger *l)
{
	struct metrics *t = xcalloc(1, sizeof(*t));
	bool one = true;

	for (size_t i = 1; i < l->n_blocks; i++)
		one = one && l->blocks[i].experiment == l->blocks[0].experiment;
	for (size_t i = 0; i < l->n_blocks; i++) {
		const struct ledger_block *b = &l->blocks[i];
		char name[METRIC_KEY_MAX / 2];

		snprintf(name, sizeof(name), "%s.", b->experiment->name);
		for (size_t k = 0; k < b->n_rows; k++)
			for (size_t f = 0; f < FIGURE_COUNT; f++) {
				add(t, name, &b->rows[k], (enum ledger_figure)f);
				if (one)
					add(t, "", &b->rows[k], (enum ledger_figure)f);
			}
	}
	return t;
}
