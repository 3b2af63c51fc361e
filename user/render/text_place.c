// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_place.c - where in a program: "parse (…/pkg/mod.py:12)", and tables of such places.
 *
 *	    time      %  function                         most in thread
 *	  9.71 s   97.1  work (…/app/worker.py:33)        4713 Thread-1 (work)
 *	  210 ms    2.1  <lambda> (…/app/worker.py:40)    4714 Thread-2 (work)
 */
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

#define FILE_COLUMNS 48	   /* of a path with room enough: its end says more than its begin */
#define FUNCTION_COLUMNS 8 /* that a function keeps before its file gives way */

/* --- one place ------------------------------------------------------------------------------- */

static const char *marker(const struct text *t)
{
	return t->unicode ? "…" : "...";
}

static int marker_width(const struct text *t)
{
	return t->unicode ? 1 : 3;
}

/* Append the end of printable text in at most width columns. */
static void add_end(struct buf *out, const struct text *t, const char *s, size_t len, int width)
{
	int used = escape_width(s, len), room = width - marker_width(t);
	uint32_t cp;

	if (used > width && room <= 0)
		return;
	if (used > width) {
		buf_puts(out, marker(t));
		for (size_t n; len; s += n, len -= n) {
			int cut;

			n = escape_decode(s, len, &cp);
			cut = escape_width(s, n);
			if (used <= room && cut) /* no combining mark behind the marker */
				break;
			used -= cut;
		}
	}
	if (len)
		buf_add(out, s, len);
}

/* The last component of a printable path. */
static size_t base_offset(const struct buf *path)
{
	size_t at = path->len;

	while (at && path->data[at - 1] != '/')
		at--;
	return at;
}

/* Append the last components of a path that fit, "…/pkg/mod.py:12"; else the end of its name. */
static void add_path_end(struct buf *out, const struct text *t, const struct buf *path, int width)
{
	size_t at = base_offset(path);

	if (escape_width(path->data, path->len) <= width) {
		buf_add(out, path->data, path->len);
		return;
	}
	for (size_t i = 1; i < at; i++) {
		if (path->data[i] != '/' ||
		    marker_width(t) + escape_width(path->data + i, path->len - i) > width)
			continue;
		buf_puts(out, marker(t));
		buf_add(out, path->data + i, path->len - i);
		return;
	}
	add_end(out, t, path->data + at, path->len - at, width);
}

static bool is_empty(const char *s)
{
	return !s || !*s;
}

/* Printable "dir/mod.py:12". */
static void make_path(struct buf *path, const struct text *t, const struct report_place *p)
{
	if (is_empty(p->file))
		return;
	escape_add(path, p->file, strlen(p->file), ESCAPE_NO_LIMIT, t->unicode);
	if (p->line)
		buf_printf(path, ":%u", p->line);
}

void text_place(struct buf *out, const struct text *t, const struct report_place *p, int width)
{
	struct buf function = { 0 }, path = { 0 };
	int function_width, path_width, base_width, room;
	size_t base;

	make_path(&path, t, p);
	if (is_empty(p->function))
		buf_puts(&function, path.len ? "?" : "not known");
	else
		escape_add(&function, p->function, strlen(p->function), ESCAPE_NO_LIMIT,
			   t->unicode);
	if (!path.len) {
		add_end(out, t, function.data, function.len, width);
		goto done;
	}
	base = base_offset(&path);
	base_width = escape_width(path.data + base, path.len - base);
	function_width = escape_width(function.data, function.len);
	path_width = escape_width(path.data, path.len);
	if (path_width > FILE_COLUMNS)
		path_width = base_width > FILE_COLUMNS ? base_width : FILE_COLUMNS;
	room = width - 3; /* " (" and ")" */
	if (function_width + path_width > room) {
		path_width = room - function_width;
		if (path_width < base_width) /* both must give: the name of the file goes last */
			path_width = base_width;
		if (path_width > room - FUNCTION_COLUMNS)
			path_width = room - (function_width < FUNCTION_COLUMNS ? function_width
									       : FUNCTION_COLUMNS);
	}
	add_end(out, t, function.data, function.len, room - path_width);
	buf_puts(out, " (");
	add_path_end(out, t, &path, path_width);
	buf_puts(out, ")");
done:
	buf_free(&function);
	buf_free(&path);
}

void text_thread_name(struct buf *out, const struct text *t, uint32_t tid, const char *name,
		      const char comm[WIRE_COMM_LEN])
{
	/* The id first: it must survive when the name is cut. */
	buf_printf(out, "%u ", tid);
	if (!is_empty(name))
		escape_add(out, name, strlen(name), ESCAPE_NO_LIMIT, t->unicode);
	else
		escape_add(out, comm, strnlen(comm, WIRE_COMM_LEN), ESCAPE_NO_LIMIT, t->unicode);
}

/* --- a table of places ----------------------------------------------------------------------- */

struct site_row {
	const struct report_site *site; /* NULL: the sum of those that were cut */
	size_t summed;
	uint64_t ns, total_ns;
};

static void time_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, unit_ns(((const struct site_row *)row)->ns).s);
}

static void share_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct site_row *r = row;

	(void)t;
	text_share_cell(out, r->ns, r->total_ns);
}

static void place_fit(struct buf *out, const struct text *t, const void *row, int width)
{
	const struct site_row *r = row;

	if (r->site)
		text_place(out, t, &r->site->place, width);
	else
		buf_printf(out, "%s more", unit_count(r->summed).s);
}

static void place_cell(struct buf *out, const struct text *t, const void *row)
{
	place_fit(out, t, row, t->width);
}

static void thread_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_site *s = ((const struct site_row *)row)->site;
	struct buf name = { 0 };

	if (!s || !s->tid)
		return;
	text_thread_name(&name, t, s->tid, s->thread_name, s->comm);
	escape_cut(out, name.data, name.len, TEXT_THREAD_COLUMNS, t->unicode);
	buf_free(&name);
}

void text_sites(struct text *t, int indent, const char *heading, const struct report_site *sites,
		size_t n, uint64_t total_ns)
{
	const struct text_column columns[] = {
		{ "time", .cell = time_cell },
		{ "%", .cell = share_cell },
		{ heading, .cell = place_cell, .fit = place_fit, .left = true, .min = 24 },
		{ "most in thread", .cell = thread_cell, .blank = "", .left = true, .drop = 1 },
	};
	size_t shown = n <= t->top ? n : t->top;
	struct site_row *rows = xcalloc(shown + 1, sizeof(*rows));
	const void **pointers = xcalloc(shown + 1, sizeof(*pointers));

	for (size_t i = 0; i < n; i++) {
		struct site_row *row = &rows[i < shown ? i : shown];

		row->site = i < shown ? &sites[i] : NULL;
		row->summed++;
		row->ns += sites[i].ns;
		row->total_ns = total_ns;
	}
	for (size_t i = 0; i <= shown; i++)
		pointers[i] = &rows[i];
	text_table(t, indent, columns, N_OF(columns), pointers, shown + (shown < n));
	free(pointers);
	free(rows);
}
