// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * compare_text.c - a comparison for people: the verdict, what may spoil it, what differs.
 *
 *	A  5 recordings of ./service: parallel
 *	B  5 recordings of ./service: lock-bound
 *	The verdict changed: parallel -> lock-bound.
 *
 *	METRICS  4 of 27 numbers differ by more than noise
 *	  metric         A       B       change  95 % of the change
 *	  wall           1.00 s  1.52 s  +52 %   +48 % .. +55 %      worse
 *	  22 differ no more than their noise.
 *	  1 not known, as contention.share: two of its threads hardly ever had a CPU at once.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/render/compare.h"
#include "user/render/render.h"
#include "user/render/text_parts.h"

static void side_line(struct text *t, const char *name, const struct compare_side *s)
{
	text_wrapf(t, TEXT_PLAIN, 0, "%s  %s of %.200s: %s", name, text_plural(s->n, "recording").s,
		   s->target, s->verdicts.data);
}

static void print_head(struct text *t, const struct comparison *c)
{
	side_line(t, "A", &c->a);
	side_line(t, "B", &c->b);
	if (c->verdict_changed)
		text_wrapf(t, TEXT_BOLD, 0, "The verdict changed: %s -> %s.", c->a.verdicts.data,
			   c->b.verdicts.data);
	for (size_t i = 0; i < c->n_doubts; i++)
		text_wrapf(t, TEXT_WARN, 0, "Doubtful: %s.", c->doubts[i].data);
}

/* --- a row ----------------------------------------------------------------------------------- */

static void key_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct compare_row *r = row;

	escape_add(out, r->key, strlen(r->key), ESCAPE_NO_LIMIT, t->unicode);
}

/* Of a long name the begin, and what is measured of it: "lock[mutex at known_mu….p99". */
static void key_fit(struct buf *out, const struct text *t, const void *row, int width)
{
	const struct compare_row *r = row;
	const char *word = strrchr(r->key, '.');
	size_t len = r->group != METRIC_WHOLE && word ? strlen(word) : 0; /* one of ours */

	escape_add(out, r->key, strlen(r->key) - len, width - (int)len, t->unicode);
	if (len)
		buf_puts(out, word);
}

static void a_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct compare_row *r = row;

	(void)t;
	metric_print(out, r->unit, r->a.value);
}

static void b_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct compare_row *r = row;

	(void)t;
	metric_print(out, r->unit, r->b.value);
}

/* Of a share in percentage points, of all others relative to A; without A as it is. */
static void put_change(struct buf *out, const struct compare_row *r, double change)
{
	double a = fabs(r->a.value);

	if (r->unit == METRIC_SHARE)
		buf_printf(out, "%+.1f pp", 100 * change);
	else if (a > 0 && fabs(change) < 10 * a)
		buf_printf(out, "%+.1f %%", 100 * change / a);
	else if (a > 0)
		buf_printf(out, "%+.3gx", change / a);
	else
		metric_print(out, r->unit, change);
}

static void change_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct compare_row *r = row;

	(void)t;
	put_change(out, r, r->change.value);
}

static void noise_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct compare_row *r = row;

	(void)t;
	if (r->change.n < 2) {
		buf_puts(out, "not known");
		return;
	}
	put_change(out, r, r->change.low);
	buf_puts(out, " .. ");
	put_change(out, r, r->change.high);
}

static void effect_cell(struct buf *out, const struct text *t, const void *row)
{
	static const char *const words[] = { "worse", "changed", "better" };
	const struct compare_row *r = row;

	(void)t;
	buf_printf(out, "%s%s", words[r->effect + 1], r->found == COMPARE_UNSURE ? "?" : "");
}

static const struct text_column columns[] = {
	{ "metric", .cell = key_cell, .fit = key_fit, .left = true, .min = 24 },
	{ "A", .cell = a_cell },
	{ "B", .cell = b_cell },
	{ "change", .cell = change_cell },
	{ "95 % of the change", .cell = noise_cell, .drop = 1 },
	{ "", .cell = effect_cell, .left = true },
};

/* --- groups ---------------------------------------------------------------------------------- */

static const char *const headings[METRIC_GROUPS] = {
	[METRIC_WHOLE] = "METRICS",
	[METRIC_LOCK] = "LOCKS",
	[METRIC_FUNCTION] = "FUNCTIONS",
};

static size_t count(const struct comparison *c, enum metric_group g, enum compare_found found)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_rows; i++)
		n += c->rows[i].group == g && c->rows[i].found == found;
	return n;
}

static void print_rest(struct text *t, const struct comparison *c, enum metric_group g)
{
	size_t same = count(c, g, COMPARE_SAME), unknown = count(c, g, COMPARE_UNKNOWN);

	if (same)
		text_wrapf(t, TEXT_DIM, 2, "%zu differ%s no more than %s noise.", same,
			   same == 1 ? "s" : "", same == 1 ? "its" : "their");
	for (size_t i = 0; unknown && i < c->n_rows; i++) {
		const struct compare_row *r = &c->rows[i];

		if (r->group != g || r->found != COMPARE_UNKNOWN)
			continue;
		text_wrapf(t, TEXT_DIM, 2, "%zu not known, as %s: %s.", unknown, r->key, r->why);
		break;
	}
}

static void print_group(struct text *t, const struct comparison *c, enum metric_group g)
{
	size_t differ = count(c, g, COMPARE_DIFFERS), unsure = count(c, g, COMPARE_UNSURE);
	size_t shown = differ + unsure < t->top ? differ + unsure : t->top, n = 0, all = 0;
	const void **rows = xcalloc(shown ? shown : 1, sizeof(const void *));
	char note[160];

	for (size_t i = 0; i < c->n_rows; i++) {
		const struct compare_row *r = &c->rows[i];

		all += r->group == g;
		if (r->group == g && n < shown &&
		    (r->found == COMPARE_DIFFERS || r->found == COMPARE_UNSURE))
			rows[n++] = r;
	}
	if (all) {
		snprintf(note, sizeof(note), "%zu of %s differ by more than noise", differ,
			 text_plural(all, "number").s);
		text_heading(t, headings[g], note);
		if (n)
			text_table(t, 2, columns, N_OF(columns), rows, n);
		if (shown < differ + unsure)
			text_wrapf(t, TEXT_DIM, 2, "%zu more; --top shows them.",
				   differ + unsure - shown);
		print_rest(t, c, g);
	}
	free(rows);
}

static bool has_unsure(const struct comparison *c)
{
	for (size_t i = 0; i < c->n_rows; i++)
		if (c->rows[i].found == COMPARE_UNSURE)
			return true;
	return false;
}

void render_compare_text(struct buf *out, const struct comparison *c, const struct render_opts *o)
{
	struct text t = {
		.out = out,
		.width = o->width < 80	  ? 80
			 : o->width > 200 ? 200
					  : o->width,
		.color = o->color,
		.unicode = o->unicode,
		.top = o->top ? o->top : RENDER_TOP,
	};

	print_head(&t, c);
	for (enum metric_group g = METRIC_WHOLE; g < METRIC_GROUPS; g++)
		print_group(&t, c, g);
	if (has_unsure(c)) {
		buf_puts(out, "\n");
		text_wrapf(&t, TEXT_DIM, 0,
			   "? One recording does not tell how much this number varies from run to "
			   "run: give several of each side, A... -- B...");
	}
}
