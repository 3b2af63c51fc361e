// SPDX-License-Identifier: GPL-2.0-or-later
/* text_sides.c - rows of threads or places in two columns; see text_sides.h. */
#include "user/base/escape.h"
#include "user/render/text_parts.h"
#include "user/render/text_sides.h"

#define COUNT_COLUMNS 44 /* of a side: from here on threads may have their number of waits */
#define COUNTS_END 29	 /* ... where their names begin then */
#define TIME_COLUMNS 54	 /* ... and places their time beside the share */

void text_party_name(struct buf *out, const struct text *t, const struct report_party *p,
		     const struct report_lock *l)
{
	if (!p->tid) {
		const char *name = p->name && *p->name ? p->name : "unknown";

		buf_puts(out, p->why ? "unknown, see below" : name);
		return;
	}
	/* Ids first: they must survive when the name is cut. */
	if (p->pid != l->pid && t->r->n_processes > 1)
		buf_printf(out, "%u/", p->pid);
	text_thread_name(out, t, p->tid, p->name, p->comm);
}

static uint64_t row_ns(const struct text_side *s, size_t i)
{
	return s->parties ? s->parties[i].ns : s->sites[i].ns;
}

static uint64_t row_count(const struct text_side *s, size_t i)
{
	return s->parties ? s->parties[i].count : s->sites[i].samples;
}

/* Threads have their number of waits if there is room for it and for their names. */
static bool has_counts(const struct text *t, const struct report_lock *l, const struct text_side *s,
		       int width)
{
	int widest = 0;

	if (!s->parties || s->by_count || width < COUNT_COLUMNS)
		return false;
	for (size_t i = 0; i < s->shown; i++) {
		struct buf name = { 0 };
		int used;

		text_party_name(&name, t, &s->parties[i], l);
		used = escape_width(name.data, name.len);
		widest = used > widest ? used : widest;
		buf_free(&name);
	}
	return widest <= width - COUNTS_END || width >= 2 * COUNT_COLUMNS;
}

static void row_numbers(struct buf *out, const struct text_side *s, uint64_t ns, uint64_t count,
			int width)
{
	if (s->by_count)
		buf_printf(out, "%8s %7s  ", unit_count(count).s, unit_share(count, s->total).s);
	else if (s->parties || width >= TIME_COLUMNS)
		buf_printf(out, "%8s %7s  ", unit_ns(ns).s, unit_share(ns, s->total_ns).s);
	else
		buf_printf(out, "%7s  ", unit_share(ns, s->total_ns).s);
	if (s->counts)
		buf_printf(out, "%7s %c  ", count ? unit_count(count).s : "", count ? 'x' : ' ');
}

/* A place, and the thread that was there most if all of its name fits. */
static void add_site(struct buf *out, const struct text *t, const struct text_side *s,
		     const struct report_site *site, int width)
{
	int room = width - escape_width(out->data, out->len), used;
	struct buf place = { 0 }, name = { 0 };

	text_place(&place, t, &site->place, room);
	buf_add(out, place.data, place.len);
	used = escape_width(place.data, place.len);
	if (s->threads && site->tid) {
		text_thread_name(&name, t, site->tid, site->thread_name, site->comm);
		if (used + 2 + escape_width(name.data, name.len) <= room)
			buf_printf(out, "  %s", name.data);
	}
	buf_free(&place);
	buf_free(&name);
}

static const char *rest_name(const struct text_side *s)
{
	if (!s->by_count && s->shown == s->n)
		return "not known";
	return s->parties ? "others" : "other places";
}

/* Row i of a side in at most width columns: a thread or a place, then perhaps the rest. */
static void side_row(struct buf *out, const struct text *t, const struct report_lock *l,
		     const struct text_side *s, size_t i, int width)
{
	uint64_t ns = s->total_ns, count = s->total;
	struct buf line = { 0 };

	if (i < s->shown) {
		row_numbers(&line, s, row_ns(s, i), row_count(s, i), width);
		if (s->parties)
			text_party_name(&line, t, &s->parties[i], l);
		else
			add_site(&line, t, s, &s->sites[i], width);
	} else {
		for (size_t k = 0; k < s->shown; k++) {
			ns -= row_ns(s, k) < ns ? row_ns(s, k) : ns;
			count -= row_count(s, k) < count ? row_count(s, k) : count;
		}
		row_numbers(&line, s, ns, s->by_count ? count : 0, width);
		if (s->distinct > s->shown)
			buf_printf(&line, "%s more", unit_count(s->distinct - s->shown).s);
		else
			buf_puts(&line, rest_name(s));
	}
	text_cell(out, line.data, line.len, width, false, t->unicode);
	buf_free(&line);
}

/* Rows of a side: those shown, and one more if something is left over. */
static size_t side_rows(const struct text_side *s)
{
	uint64_t sum_ns = 0, sum = 0;
	bool rest;

	if (!s->n)
		return 0;
	for (size_t i = 0; i < s->shown; i++) {
		sum_ns += row_ns(s, i);
		sum += row_count(s, i);
	}
	rest = s->by_count ? sum < s->total : sum_ns < s->total_ns - s->total_ns / 2000;
	return s->shown + (rest || s->distinct > s->shown);
}

void text_sides(struct text *t, const struct report_lock *l, struct text_side *left,
		struct text_side *right, int indent)
{
	const char *bar = t->unicode ? "│" : "|";
	int half = left->sites && !right->n ? t->width - indent : (t->width - indent - 3) / 2;
	size_t rows = side_rows(left), right_rows = side_rows(right);
	size_t n = rows > right_rows ? rows : right_rows;

	left->counts = has_counts(t, l, left, half);
	right->counts = has_counts(t, l, right, half);
	text_style(t, TEXT_DIM);
	buf_pad(t->out, ' ', (size_t)indent);
	text_cell(t->out, left->heading, strlen(left->heading), half, false, t->unicode);
	if (right->n)
		buf_printf(t->out, " %s %s", bar, right->heading);
	text_end_line(t, true);
	for (size_t i = 0; i < n; i++) {
		buf_pad(t->out, ' ', (size_t)indent);
		if (i < rows)
			side_row(t->out, t, l, left, i, half);
		else
			buf_pad(t->out, ' ', (size_t)half);
		if (right->n) {
			buf_printf(t->out, " %s ", bar);
			if (i < right_rows)
				side_row(t->out, t, l, right, i, half);
		}
		text_end_line(t, false);
	}
}
