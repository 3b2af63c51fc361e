// SPDX-License-Identifier: GPL-2.0-or-later
/* ledger_say.c - see ledger_say.h. */
#include <math.h>
#include <stdio.h>

#include "user/base/buf.h"
#include "user/base/unit.h"
#include "user/bench/ledger.h"
#include "user/bench/ledger_say.h"

#define WORTH_SAYING_BYTES (1 << 20)
#define WORTH_SAYING_SHARE 0.1
#define WORTH_SAYING_CPUS 0.2

static struct stats_interval speedup(const struct ledger_row *row)
{
	return row->figure[FIGURE_SPEEDUP];
}

static bool is_faster(const struct ledger_row *row)
{
	return speedup(row).n > 1 && speedup(row).low > 1;
}

static bool is_slower(const struct ledger_row *row)
{
	return speedup(row).n > 1 && speedup(row).high < 1;
}

/* Can these runs tell that a is better than b, by more than is worth it? */
static bool is_better(const struct ledger_row *a, const struct ledger_row *b)
{
	struct stats_interval ratio;

	if (!ledger_ratio(a, b, FIGURE_SPEEDUP, &ratio))
		return false;
	return ratio.low > 1 && ratio.value > 1 + LEDGER_SAME;
}

static const struct ledger_row *best_of(const struct ledger_block *b)
{
	const struct ledger_row *best = NULL;

	for (size_t i = 0; i < b->n_rows; i++)
		if (speedup(&b->rows[i]).n &&
		    (!best || speedup(&b->rows[i]).value > speedup(best).value))
			best = &b->rows[i];
	return best;
}

static const struct ledger_row *cheapest_as_good(const struct ledger_block *b,
						 const struct ledger_row *best)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (speedup(&b->rows[i]).n && !is_better(best, &b->rows[i]))
			return &b->rows[i];
	return best;
}

/* "threads 1.02x, fork 1.87x of seq" */
static void say_ratios(struct buf *out, const struct ledger_block *b)
{
	size_t n = 0;

	for (size_t i = 1; i < b->n_rows; i++) {
		const struct ledger_row *row = &b->rows[i];

		if (!speedup(row).n)
			continue;
		buf_printf(out, "%s%s %sx", n++ ? ", " : "", row->mode,
			   unit_decimal(speedup(row).value, 2).s);
	}
	if (n)
		buf_printf(out, " of the speed of %s: ", b->rows[0].mode);
}

/* What the chosen mode costs, against a cheaper one. */
static void say_costs(struct buf *out, const struct ledger_row *row, const struct ledger_row *base)
{
	struct stats_interval start, memory, less;
	const char *sep = "; ";

	if (ledger_get(row, FIGURE_FIRST_WORK, &start)) {
		buf_printf(out, "%sa worker takes %s to start", sep,
			   unit_ns((uint64_t)start.value).s);
		sep = ", ";
	}
	if (ledger_get(row, FIGURE_PSS, &memory) && ledger_get(base, FIGURE_PSS, &less) &&
	    memory.value - less.value >= WORTH_SAYING_BYTES)
		buf_printf(out, "%smemory is %s more than with %s", sep,
			   unit_bytes((uint64_t)(memory.value - less.value)).s, base->mode);
}

/* Why a mode that is not the best one is not. */
static void say_why(struct buf *out, const struct ledger_row *row)
{
	static const struct {
		enum ledger_figure figure;
		const char *words;
	} reasons[] = {
		{ FIGURE_GIL, "for the GIL" },
		{ FIGURE_LOCK, "for locks" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		double share =
			row->figure[reasons[i].figure].n ? row->figure[reasons[i].figure].value : 0;

		if (share < WORTH_SAYING_SHARE)
			continue;
		buf_printf(out, ". With %s, %s of the wanted time was waiting %s", row->mode,
			   unit_percent(share).s, reasons[i].words);
		return;
	}
}

static const struct ledger_row *find_losing_threads(const struct ledger_block *b,
						    const struct ledger_row *use)
{
	const struct ledger_row *threads = ledger_row(b, "threads");

	return threads && threads != use && threads->n_done ? threads : NULL;
}

static void say_advice(struct buf *out, const struct ledger_block *b)
{
	const struct ledger_row *first = &b->rows[0], *best = best_of(b), *use, *threads;
	size_t slower = 0, compared = 0;

	for (size_t i = 1; i < b->n_rows; i++) {
		slower += is_slower(&b->rows[i]);
		compared += speedup(&b->rows[i]).n > 0;
	}
	use = cheapest_as_good(b, best);
	if (use == first && slower == compared) {
		buf_printf(out, "stay with %s", first->mode);
	} else if (use == first) {
		buf_printf(out, "no gain over %s that %zu runs can show", first->mode,
			   speedup(best).n);
	} else {
		buf_printf(out, "use %s", use->mode);
		if (is_faster(use))
			buf_printf(out, " (%s to %sx)", unit_decimal(speedup(use).low, 2).s,
				   unit_decimal(speedup(use).high, 2).s);
		say_costs(out, use, first);
	}
	threads = find_losing_threads(b, use);
	if (threads)
		say_why(out, threads);
}

/* A machine that others use as well makes every mode slower, the parallel ones most. */
static void say_others(struct buf *out, const struct ledger_block *b)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < b->n_rows; i++) {
		if (!b->rows[i].figure[FIGURE_OTHERS].n)
			continue;
		sum += b->rows[i].figure[FIGURE_OTHERS].value;
		n++;
	}
	if (n && sum / (double)n >= WORTH_SAYING_CPUS)
		buf_printf(out, ". Others used %s CPUs meanwhile: on a quiet machine it may differ",
			   unit_decimal(sum / (double)n, 1).s);
}

static void say_failed(struct buf *out, const struct ledger_block *b)
{
	for (size_t i = 0; i < b->n_rows; i++)
		if (!b->rows[i].n_done && b->rows[i].n_failed)
			buf_printf(out, "%s%s failed", out->len ? ". " : "", b->rows[i].mode);
}

void ledger_say(struct ledger_block *b)
{
	const struct ledger_row *best = best_of(b);
	struct buf out = { 0 };

	buf_puts(&out, "");
	if (best && b->n_rows > 1) {
		say_ratios(&out, b);
		if (speedup(best).n > 1)
			say_advice(&out, b);
		else
			buf_puts(&out, "one run each says nothing about noise; --repeat 3 does");
	}
	say_failed(&out, b);
	say_others(&out, b);
	snprintf(b->verdict, sizeof(b->verdict), "%s", out.data);
	buf_free(&out);
}
