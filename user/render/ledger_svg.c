// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ledger_svg.c - the ledger as one picture: a bar a mode, as long as it took, whose parts say what
 *its threads did; a whisker shows how far the runs were apart.
 *
 *	countdown  Python: counting down to zero
 *	   seq      |####################|-|   1.02 s
 *	   threads  |##########==========|-|   1.04 s  0.98x
 *	   fork     |##########|-|             537 ms  1.90x
 *
 * Plain SVG 1.1 with a style sheet for light and dark; no script, nothing from elsewhere.  Text
 *from files and programs is escaped.
 */
#include <math.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/base/escape.h"
#include "user/base/unit.h"
#include "user/render/ledger.h"

#define WIDTH 960
#define MARGIN 24
#define LABEL_X 44 /* modes begin here */
#define BAR_X 150
#define BAR_WIDTH 560 /* of the longest of an experiment */
#define BAR_HEIGHT 18
#define ROW 28
#define VERDICT_CHARS 128 /* of a line of 12 px that fits */
#define LINE 17

/* What a bar is made of, in this order.  The states of each are in `parts_of` below. */
enum part {
	RUN,
	GIL,
	LOCK,
	QUEUE,
	IO,
	SLEEP,
	OTHER,
	PARTS
};

static const struct {
	const char *css, *label, *light, *dark;
} parts[PARTS] = {
	[RUN] = { "run", "on a CPU", "#2f7d4f", "#4fae78" },
	[GIL] = { "gil", "waiting for the GIL", "#c2452d", "#e8735c" },
	[LOCK] = { "lock", "waiting for a lock", "#d9822b", "#f0a556" },
	[QUEUE] = { "queue", "waiting for a CPU", "#d4b62c", "#e6cf5a" },
	[IO] = { "io", "in disk I/O", "#3f6fb5", "#6c9be0" },
	[SLEEP] = { "sleep", "asleep on purpose", "#8fa3c4", "#7386a8" },
	[OTHER] = { "other", "waiting for work, pipes, sockets, others", "#c9c9c4", "#55595f" },
};

static enum part part_of(enum report_state s)
{
	static const enum part parts_of[STATE_COUNT] = {
		[STATE_ON_CPU] = RUN,	 [STATE_WOKEN] = QUEUE,	 [STATE_PREEMPTED] = QUEUE,
		[STATE_LOCK] = LOCK,	 [STATE_GIL] = GIL,	 [STATE_COND] = OTHER,
		[STATE_IO_DISK] = IO,	 [STATE_IO_IPC] = OTHER, [STATE_SLEEP] = SLEEP,
		[STATE_CHILD] = OTHER,	 [STATE_KLOCK] = LOCK,	 [STATE_FAULT] = IO,
		[STATE_STOPPED] = OTHER, [STATE_OTHER] = OTHER,	 [STATE_UNKNOWN] = OTHER,
	};

	return parts_of[s];
}

/* --- text ------------------------------------------------------------------------------------ */

/* Printable text, and nothing of it markup; at most max columns. */
static void put_text(struct buf *out, const char *s, int max)
{
	struct buf plain = { 0 };

	escape_add(&plain, s, strlen(s), max, true);
	for (size_t i = 0; i < plain.len; i++) {
		switch (plain.data[i]) {
		case '&':
			buf_puts(out, "&amp;");
			break;
		case '<':
			buf_puts(out, "&lt;");
			break;
		case '>':
			buf_puts(out, "&gt;");
			break;
		case '"':
			buf_puts(out, "&quot;");
			break;
		default:
			buf_add(out, &plain.data[i], 1);
		}
	}
	buf_free(&plain);
}

static void text_at(struct buf *out, const char *css, double x, double y, const char *s, int max)
{
	buf_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", css, x, y);
	put_text(out, s, max);
	buf_puts(out, "</text>\n");
}

/* Prose in lines, broken at blanks; returns the y after it. */
static double prose_at(struct buf *out, const char *css, double x, double y, const char *s)
{
	while (*s) {
		size_t len = strlen(s), take = len;
		struct buf line = { 0 };

		if (take > VERDICT_CHARS) {
			for (take = VERDICT_CHARS; take && s[take] != ' '; take--)
				;
			take = take ? take : VERDICT_CHARS;
		}
		buf_add(&line, s, take);
		text_at(out, css, x, y, line.data, 2 * VERDICT_CHARS);
		buf_free(&line);
		y += LINE;
		s += take;
		s += *s == ' ';
	}
	return y;
}

/* --- bars ------------------------------------------------------------------------------------ */

static double longest_wall(const struct ledger_block *b)
{
	double longest = 0;

	for (size_t i = 0; i < b->n_rows; i++)
		if (b->rows[i].figure[FIGURE_WALL].n)
			longest = fmax(longest, b->rows[i].figure[FIGURE_WALL].high);
	return longest;
}

/* Shares of the time of all threads, those included that only wait for the others. */
static bool shares(const struct ledger_row *row, double share[PARTS])
{
	double sum = 0;

	memset(share, 0, PARTS * sizeof(*share));
	for (size_t i = 0; i < STATE_COUNT; i++) {
		share[part_of((enum report_state)i)] += row->state_ns[i];
		sum += row->state_ns[i];
	}
	for (size_t i = 0; sum > 0 && i < PARTS; i++)
		share[i] /= sum;
	return sum > 0;
}

static void put_bar(struct buf *out, const struct ledger_row *row, double y, double per_ns)
{
	const struct stats_interval *wall = &row->figure[FIGURE_WALL];
	double share[PARTS], length = wall->value * per_ns, x = BAR_X;
	double middle = y + BAR_HEIGHT / 2.0, low = BAR_X + wall->low * per_ns,
	       high = BAR_X + wall->high * per_ns;

	if (!shares(row, share))
		return;
	for (size_t i = 0; i < PARTS; i++) {
		if (!(share[i] > 0))
			continue;
		buf_printf(out,
			   "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\">"
			   "<title>%s: ",
			   parts[i].css, x, y, share[i] * length, BAR_HEIGHT, parts[i].label);
		put_text(out, unit_percent(share[i]).s, 20);
		buf_puts(out, "</title></rect>\n");
		x += share[i] * length;
	}
	for (size_t i = 0; wall->n > 1 && i < 2; i++) /* on a seam, to be seen on any colour */
		buf_printf(out,
			   "<path class=\"%s\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8\"/>\n",
			   i ? "whisker" : "seam", low, middle, high, low, middle - 4, high,
			   middle - 4);
}

static void put_row(struct buf *out, const struct ledger_block *b, const struct ledger_row *row,
		    double y, double per_ns)
{
	const struct stats_interval *wall = &row->figure[FIGURE_WALL];
	const struct stats_interval *speedup = &row->figure[FIGURE_SPEEDUP];
	double baseline = y + BAR_HEIGHT - 4, x;
	struct buf text = { 0 };

	text_at(out, "mode", LABEL_X, baseline, row->mode, 14);
	if (!wall->n) {
		text_at(out, "bad", BAR_X, baseline, row->n_failed ? "failed" : "not run", 20);
		return;
	}
	put_bar(out, row, y, per_ns);
	x = BAR_X + fmax(wall->value, wall->high) * per_ns + 8;
	buf_puts(&text, unit_ns((uint64_t)wall->value).s);
	if (speedup->n && row != &b->rows[0]) {
		buf_printf(&text, " · %sx", unit_decimal(speedup->value, 2).s);
		if (speedup->n > 1)
			buf_printf(&text, " (%s to %s)", unit_decimal(speedup->low, 2).s,
				   unit_decimal(speedup->high, 2).s);
	}
	text_at(out, "value", x, baseline, text.data, 60);
	buf_free(&text);
}

static double put_block(struct buf *out, const struct ledger *l, const struct ledger_block *b,
			double y)
{
	double longest = longest_wall(b), per_ns = longest > 0 ? BAR_WIDTH / longest : 0;
	struct buf title = { 0 };

	text_at(out, "name", MARGIN, y + 16, b->experiment->name, 40);
	buf_puts(&title, l->command && b->experiment->told == TOLD_NOTHING ? l->command
									   : b->experiment->title);
	if (b->python)
		buf_printf(&title, ", Python %s", b->python);
	text_at(out, "title", BAR_X, y + 16, title.data, 110);
	buf_free(&title);
	y = prose_at(out, "verdict", MARGIN, y + 36, b->verdict) + 2;
	for (size_t i = 0; i < b->n_rows; i++, y += ROW)
		put_row(out, b, &b->rows[i], y, per_ns);
	return y + 18;
}

/* --- the picture ----------------------------------------------------------------------------- */

static void put_style(struct buf *out)
{
	buf_puts(out,
		 "<style>\n"
		 "text { font: 13px system-ui, sans-serif; fill: #1d1f21 }\n"
		 ".page { fill: #ffffff }\n"
		 ".head { font-size: 19px; font-weight: 600 }\n"
		 ".name { font-size: 15px; font-weight: 600 }\n"
		 ".title, .note, .verdict { fill: #5a5f66 }\n"
		 ".verdict, .note, .value { font-size: 12px }\n"
		 ".bad { fill: #b3261e; font-weight: 600 }\n"
		 ".whisker { stroke: #1d1f21; stroke-width: 1.5; fill: none }\n"
		 ".seam { stroke: #ffffff; stroke-width: 4; stroke-opacity: 0.6; fill: none }\n");
	for (size_t i = 0; i < PARTS; i++)
		buf_printf(out, ".%s { fill: %s }\n", parts[i].css, parts[i].light);
	buf_puts(out, "@media (prefers-color-scheme: dark) {\n"
		      "text { fill: #e6e7e9 }\n"
		      ".page { fill: #16181b }\n"
		      ".title, .note, .verdict { fill: #a3a8af }\n"
		      ".bad { fill: #ff8a80 }\n"
		      ".whisker { stroke: #e6e7e9 }\n"
		      ".seam { stroke: #16181b }\n");
	for (size_t i = 0; i < PARTS; i++)
		buf_printf(out, ".%s { fill: %s }\n", parts[i].css, parts[i].dark);
	buf_puts(out, "}\n</style>\n");
}

/* Only parts that are in a bar. */
static double put_legend(struct buf *out, const struct ledger *l, double y)
{
	bool used[PARTS] = { false };
	double x = MARGIN;

	for (size_t i = 0; i < l->n_blocks; i++)
		for (size_t k = 0; k < l->blocks[i].n_rows; k++) {
			double share[PARTS];

			shares(&l->blocks[i].rows[k], share);
			for (size_t p = 0; p < PARTS; p++)
				used[p] = used[p] || share[p] > 0.001;
		}
	for (size_t p = 0; p < PARTS; p++) {
		double width = 35 + 6.4 * (double)strlen(parts[p].label);

		if (!used[p])
			continue;
		if (x + width > WIDTH) {
			x = MARGIN;
			y += LINE;
		}
		buf_printf(
			out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/>\n",
			parts[p].css, x, y);
		text_at(out, "note", x + 17, y + 10.5, parts[p].label, 40);
		x += width;
	}
	return y + 34;
}

static double put_head(struct buf *out, const struct ledger *l)
{
	struct buf note = { 0 };

	text_at(out, "head", MARGIN, 36, l->suite ? l->suite : "Threads or processes?", 80);
	buf_printf(
		&note,
		"%u %s of each mode, in turn; Linux %s, %u CPUs; parascope %s.  Length: wall time, "
		"whisker: its interval.",
		l->repeats, l->repeats == 1 ? "run" : "runs", l->kernel, l->cpus, l->version);
	text_at(out, "note", MARGIN, 56, note.data, 160);
	buf_free(&note);
	text_at(out, "note", MARGIN, 73, "Colours: where the time of all threads went.", 160);
	if (l->incomplete)
		text_at(out, "bad", MARGIN, 91, "Incomplete: it was ended early.", 160);
	return l->incomplete ? 102 : 86;
}

void ledger_svg(struct buf *out, const struct ledger *l, const struct render_opts *o)
{
	struct buf body = { 0 };
	double y;

	(void)o;
	y = put_head(&body, l);
	y = put_legend(&body, l, y);
	for (size_t i = 0; i < l->n_blocks; i++)
		y = put_block(&body, l, &l->blocks[i], y);
	buf_printf(out,
		   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" "
		   "viewBox=\"0 0 %d %.0f\" role=\"img\">\n"
		   "<title>parascope bench</title>\n",
		   WIDTH, y, WIDTH, y);
	put_style(out);
	buf_printf(out, "<rect class=\"page\" width=\"%d\" height=\"%.0f\"/>\n", WIDTH, y);
	buf_add(out, body.data, body.len);
	buf_puts(out, "</svg>\n");
	buf_free(&body);
}
