// SPDX-License-Identifier: GPL-2.0-or-later
/* text_sides.c - rows of threads or places in two columns; see text_sides.h. */
#include <stdlib.h>

#include "user/base/escape.h"
#include "user/render/text_parts.h"
#include "user/render/text_sides.h"
#include "user/render/text_stack.h"

#define COUNT_COLUMNS 44 /* of a side: from here on threads may have their number of waits */
#define COUNTS_END 29	 /* ... where their names begin then */
#define TIME_COLUMNS 54	 /* ... and places their time beside the share */
#define NUMBER_COLUMNS 9 /* of a share, or a time, in front of a place */
#define CALLERS_SHARE 20 /* a place with less than 1/20 of all has no callers */

/* The lines of a side, one behind the other in text. */
struct side_line {
	size_t at, len;
	bool dim;
};

struct side_lines {
	struct buf text;
	struct side_line *lines;
	size_t n, cap;
};

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

/* A place, and the thread that was there most if all of its name fits; true if it did. */
static bool add_site(struct buf *out, const struct text *t, const struct text_side *s,
		     const struct report_site *site, int width)
{
	int room = width - escape_width(out->data, out->len), used;
	struct report_place shown = text_place_short(&site->place);
	struct buf place = { 0 }, name = { 0 };
	bool fits = false;

	text_place(&place, t, &shown, room);
	buf_add(out, place.data, place.len);
	used = escape_width(place.data, place.len);
	if (s->threads && site->tid) {
		text_thread_name(&name, t, site->tid, site->thread_name, site->comm);
		fits = used + 2 + escape_width(name.data, name.len) <= room;
		if (fits)
			buf_printf(out, "  %s", name.data);
	}
	buf_free(&place);
	buf_free(&name);
	return fits;
}

static const char *rest_name(const struct text_side *s)
{
	if (!s->by_count && s->shown == s->n)
		return "not known";
	return s->parties ? "others" : "other places";
}

/* A line of at most width columns, without blanks at its end. */
static void put_line(struct side_lines *lines, const struct text *t, struct buf *line, int width,
		     bool dim)
{
	struct side_line *new = &vec_push(lines->lines, lines->n, lines->cap);

	*new = (struct side_line){ .at = lines->text.len, .dim = dim };
	escape_cut(&lines->text, line->data, line->len, width, t->unicode);
	while (lines->text.len > new->at && lines->text.data[lines->text.len - 1] == ' ')
		lines->text.len--;
	new->len = lines->text.len - new->at;
	line->len = 0;
}

/* Who called it: more of them for the heaviest place, none for one that hardly counts. */
static size_t callers_wanted(const struct text_side *s, size_t i)
{
	static const size_t wanted[] = { TEXT_CALLERS_MAX, 2, 1 };

	if (!s->callers || i >= N_OF(wanted) || row_ns(s, i) < s->total_ns / CALLERS_SHARE)
		return 0;
	return wanted[i];
}

static void put_callers(struct side_lines *lines, const struct text *t, const struct text_side *s,
			size_t i, int width, bool has_thread)
{
	int indent = width >= TIME_COLUMNS    ? 2 * NUMBER_COLUMNS
		     : width >= COUNT_COLUMNS ? NUMBER_COLUMNS
					      : NUMBER_COLUMNS / 2;
	const char *from = t->unicode ? "←" : "<", *more = t->unicode ? "…" : "...";
	const struct report_site *site = &s->sites[i];
	size_t wanted = callers_wanted(s, i);
	struct text_callers callers = { 0 };
	struct buf line = { 0 };

	if (!wanted)
		return;
	if (s->threads && site->tid && !has_thread) {
		buf_pad(&line, ' ', (size_t)indent);
		buf_puts(&line, "in ");
		text_thread_name(&line, t, site->tid, site->thread_name, site->comm);
		put_line(lines, t, &line, width, true);
	}
	text_callers(&callers, site, wanted);
	for (size_t k = 0; k < callers.n; k++) {
		bool last = k + 1 == callers.n;

		buf_pad(&line, ' ', (size_t)indent);
		buf_printf(&line, "%s ", from);
		text_caller(&line, t, &callers.list[k], width - indent - 2 - (last ? 4 : 0));
		if (last && callers.more)
			buf_printf(&line, " %s", more);
		put_line(lines, t, &line, width, true);
	}
	if (callers.end) {
		buf_pad(&line, ' ', (size_t)indent);
		buf_puts(&line, callers.end);
		put_line(lines, t, &line, width, true);
	}
	text_callers_free(&callers);
	buf_free(&line);
}

/* What the rows shown leave over: a row more, or nothing. */
static void put_rest(struct side_lines *lines, const struct text *t, const struct text_side *s,
		     int width)
{
	uint64_t ns = s->total_ns, count = s->total;
	struct buf line = { 0 };

	for (size_t k = 0; k < s->shown; k++) {
		ns -= row_ns(s, k) < ns ? row_ns(s, k) : ns;
		count -= row_count(s, k) < count ? row_count(s, k) : count;
	}
	row_numbers(&line, s, ns, s->by_count ? count : 0, width);
	if (s->distinct > s->shown)
		buf_printf(&line, "%s more", unit_count(s->distinct - s->shown).s);
	else
		buf_puts(&line, rest_name(s));
	put_line(lines, t, &line, width, false);
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

/* All lines of a side, in at most width columns. */
static struct side_lines side_lines(const struct text *t, const struct report_lock *l,
				    const struct text_side *s, int width)
{
	struct side_lines lines = { 0 };
	size_t rows = side_rows(s);
	struct buf line = { 0 };
	bool has_thread = false;

	for (size_t i = 0; i < s->shown && i < rows; i++) {
		row_numbers(&line, s, row_ns(s, i), row_count(s, i), width);
		if (s->parties)
			text_party_name(&line, t, &s->parties[i], l);
		else
			has_thread = add_site(&line, t, s, &s->sites[i], width);
		put_line(&lines, t, &line, width, false);
		if (!s->parties)
			put_callers(&lines, t, s, i, width, has_thread);
	}
	if (rows > s->shown)
		put_rest(&lines, t, s, width);
	buf_free(&line);
	return lines;
}

/* Line i, padded to width; beyond the last one blanks only. */
static void print_line(struct text *t, const struct side_lines *lines, size_t i, int width)
{
	const struct side_line *line = i < lines->n ? &lines->lines[i] : NULL;
	const char *s = line ? lines->text.data + line->at : "";
	size_t len = line ? line->len : 0;

	if (line && line->dim)
		text_style(t, TEXT_DIM);
	buf_add(t->out, s, len);
	if (line && line->dim)
		text_style(t, TEXT_PLAIN);
	buf_pad(t->out, ' ', (size_t)(width - escape_width(s, len)));
}

static void free_lines(struct side_lines *lines)
{
	free(lines->lines);
	buf_free(&lines->text);
}

void text_sides(struct text *t, const struct report_lock *l, struct text_side *left,
		struct text_side *right, int indent)
{
	const char *bar = t->unicode ? "│" : "|";
	int half = left->sites && !right->n ? t->width - indent : (t->width - indent - 3) / 2;
	struct side_lines lines, right_lines;

	left->counts = has_counts(t, l, left, half);
	right->counts = has_counts(t, l, right, half);
	lines = side_lines(t, l, left, half);
	right_lines = side_lines(t, l, right, half);
	text_style(t, TEXT_DIM);
	buf_pad(t->out, ' ', (size_t)indent);
	text_cell(t->out, left->heading, strlen(left->heading), half, false, t->unicode);
	if (right->n)
		buf_printf(t->out, " %s %s", bar, right->heading);
	text_end_line(t, true);
	for (size_t i = 0; i < lines.n || i < right_lines.n; i++) {
		buf_pad(t->out, ' ', (size_t)indent);
		print_line(t, &lines, i, half);
		if (right->n) {
			buf_printf(t->out, " %s ", bar);
			print_line(t, &right_lines, i, half);
		}
		text_end_line(t, false);
	}
	free_lines(&lines);
	free_lines(&right_lines);
}
