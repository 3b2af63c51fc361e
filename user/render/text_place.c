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
	text_end(out, t, path->data + at, path->len - at, width);
}

static bool is_empty(const char *s)
{
	return !s || !*s;
}

/* Printable "dir/mod.py:12", or the file that is mapped: "libfoo.so.1". */
static void make_path(struct buf *path, const struct text *t, const struct report_place *p)
{
	const char *file = is_empty(p->file) ? p->module : p->file;

	if (is_empty(file))
		return;
	escape_add(path, file, strlen(file), ESCAPE_NO_LIMIT, t->unicode);
	if (p->line && file == p->file)
		buf_printf(path, ":%u", p->line);
}

/* Where there is no name of a function: an address in a file, or nothing at all. */
static void make_nameless(struct buf *out, const struct text *t, const struct report_place *p)
{
	if (!is_empty(p->file)) {
		buf_puts(out, "?");
	} else if (!is_empty(p->module)) {
		escape_add(out, p->module, strlen(p->module), ESCAPE_NO_LIMIT, t->unicode);
		buf_printf(out, "+0x%llx", (unsigned long long)p->offset);
	} else {
		buf_puts(out, "not known");
	}
}

bool text_place_known(const struct report_place *p)
{
	return !is_empty(p->function) || !is_empty(p->file) || !is_empty(p->module);
}

struct report_place text_place_short(const struct report_place *p)
{
	struct report_place s = *p;
	const char *slash = is_empty(p->file) ? NULL : strrchr(p->file, '/');

	if (!slash || !slash[1])
		return s;
	s.file = slash + 1;
	/* Every package has an __init__.py: its folder tells which. */
	if (strncmp(s.file, "__", 2) == 0)
		while (slash > p->file && slash[-1] != '/')
			s.file = --slash;
	return s;
}

/* Columns of the path, if both it and the function have to give; the name of the file goes last. */
static int path_columns(const struct buf *path, int function_width, int room)
{
	size_t base = base_offset(path);
	int base_width = escape_width(path->data + base, path->len - base);
	int width = escape_width(path->data, path->len);

	if (width > FILE_COLUMNS)
		width = base_width > FILE_COLUMNS ? base_width : FILE_COLUMNS;
	if (function_width + width <= room)
		return width;
	width = room - function_width;
	if (width < base_width)
		width = base_width;
	if (width > room - FUNCTION_COLUMNS)
		width = room -
			(function_width < FUNCTION_COLUMNS ? function_width : FUNCTION_COLUMNS);
	return width;
}

void text_place(struct buf *out, const struct text *t, const struct report_place *p, int width)
{
	struct buf function = { 0 }, path = { 0 };
	int room = width - 3; /* " (" and ")" */

	if (is_empty(p->function))
		make_nameless(&function, t, p);
	else
		text_function(&function, t, p->function, ESCAPE_NO_LIMIT);
	if (!is_empty(p->function) || !is_empty(p->file))
		make_path(&path, t, p);
	if (path.len)
		room -= path_columns(&path, escape_width(function.data, function.len), room);
	else
		room = width;
	if (is_empty(p->function))
		text_end(out, t, function.data, function.len, room);
	else
		text_function(out, t, p->function, room);
	if (path.len) {
		buf_puts(out, " (");
		add_path_end(out, t, &path, width - 3 - room);
		buf_puts(out, ")");
	}
	buf_free(&function);
	buf_free(&path);
}

/* <lambda> and operator() are called as they are. */
static bool takes_parentheses(const char *function)
{
	size_t len = strlen(function);
	const char *angle = strrchr(function, '<');

	if (function[len - 1] == '}' || (len >= 2 && strcmp(function + len - 2, "()") == 0))
		return false;
	return function[len - 1] != '>' || !angle || (angle > function && angle[-1] != '.');
}

void text_locked_at(struct buf *out, const struct text *t, const struct report_place *p, int width)
{
	struct report_place s = text_place_short(p);
	struct buf path = { 0 };
	size_t start = out->len;
	int room;

	if (is_empty(s.function)) {
		text_place(out, t, &s, width);
		return;
	}
	make_path(&path, t, &s);
	room = width - 2 - (path.len ? 1 + escape_width(path.data, path.len) : 0);
	text_function(out, t, s.function, room < FUNCTION_COLUMNS ? FUNCTION_COLUMNS : room);
	if (out->len > start && takes_parentheses(s.function))
		buf_puts(out, "()");
	if (path.len) {
		buf_puts(out, " ");
		text_end(out, t, path.data, path.len, width - FUNCTION_COLUMNS - 3);
	}
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
