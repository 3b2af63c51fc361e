// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_locks.c - who waited, on what, behind whom.  What has an owner (contention) stands apart
 * from what threads wait on for work; locks that cost little get one line in a table.
 *
 *	CONTENTION  waiting for a lock that somebody holds
 *	  L1  mutex registry_lock  pid 4711  locked at add() app.c:41     32.4 % of all thread time
 *	      waits 1,854   total 9.71 s   mean 5.24 ms   p50 5.07 ms   p99 5.63 ms   max 12.3 ms
 *	      waiters 2 (0.97 on average, at most 1 at once)   blocked 9.51 s
 *	      wait times from 4.10 us ▁▁▁▁▁▁▁▁▁▁█▁ to 16.8 ms
 *	      waiting                                    | blocked by
 *	        4.85 s  50.0 %     927 x  4713 worker-1  |  4.80 s  49.4 %  464 x  4714 worker-2
 *	      waiting at                                 | held at
 *	       99.9 %  add (app.c:41)                    | 99.9 %  rebuild (app.c:77)  4714 worker-2
 *	               ← worker (app.c:60)               |         ← worker (app.c:62)
 *
 * What only a GIL has follows, see text_gil.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"
#include "user/render/text_sides.h"
#include "user/render/text_stack.h"

#define BLOCK_SHARE 0.01 /* of all thread time: from here on a lock gets a block of its own */
#define COND_BLOCKS 3	 /* blocks of the section that is no contention */
#define PARTY_ROWS 5
#define PLACE_ROWS 5

struct section {
	const char *heading, *note, *none;
	bool contention;
};

static bool is_contention(const struct report_lock *l)
{
	return l->class != LOCK_CLASS_COND;
}

/* --- one lock -------------------------------------------------------------------------------- */

/* "locked at worker() app.c:41"; of a GIL that says nothing: everything takes it everywhere. */
static void make_locked_at(struct buf *out, const struct text *t, const struct report_lock *l,
			   const struct report_gil *g, int width)
{
	const struct report_place *p = g ? NULL : text_lock_place(l);

	/* "Python condition at main (app.py:112)" */
	if (!p || (p->function && *p->function && strstr(l->name, p->function)))
		return;
	buf_puts(out, is_contention(l) ? "locked at " : "waited at ");
	text_locked_at(out, t, p, width - (int)out->len);
}

/* Thread time that records tell of. */
static uint64_t told_ns(const struct text *t)
{
	return (uint64_t)((double)t->r->budget.total_ns / report_scale(t->r));
}

static void print_title(struct text *t, const struct report_lock *l, const struct report_gil *g,
			int indent)
{
	struct unit_text share = unit_share(l->wait_ns, told_ns(t));
	struct buf name = { 0 }, at = { 0 };
	char tail[80], id[16];
	int room, used, at_used;

	snprintf(tail, sizeof(tail), "%s of all thread time", share.s);
	snprintf(id, sizeof(id), "L%u", l->id);
	text_lock_name(&name, t, l);
	if (l->shared)
		buf_puts(&name, "  shared between processes");
	else if (l->pid)
		buf_printf(&name, "  pid %u", l->pid);
	make_locked_at(&at, t, l, g, t->width - indent);
	at_used = at.len ? escape_width(at.data, at.len) : 0;
	room = t->width - 6 - 2 - (int)strlen(tail);
	text_style(t, TEXT_BOLD);
	buf_printf(t->out, "  %-3s ", id);
	room -= (int)strlen(id) > 3 ? (int)strlen(id) - 3 : 0;
	used = escape_cut(t->out, name.data, name.len, room, t->unicode);
	text_style(t, TEXT_PLAIN);
	if (at_used && used + 2 + at_used <= room) {
		buf_printf(t->out, "  %s", at.data);
		used += 2 + at_used;
		at_used = 0;
	}
	buf_pad(t->out, ' ', (size_t)(room - used + 2));
	buf_printf(t->out, "%s\n", tail);
	if (at_used) {
		buf_pad(t->out, ' ', (size_t)indent);
		escape_cut(t->out, at.data, at.len, t->width - indent, t->unicode);
		text_end_line(t, false);
	}
	buf_free(&name);
	buf_free(&at);
}

static void flow_count(struct text_flow *f, const char *label, uint64_t n, const char *note)
{
	if (n)
		text_flow(f, "%s %s%s", label, unit_count(n).s, note);
}

/* What is not known is not printed, as what did not happen. */
static uint64_t known(uint64_t n)
{
	return n == REPORT_ABSENT ? 0 : n;
}

static const struct report_gil *find_gil(const struct text *t, const struct report_lock *l)
{
	for (size_t i = 0; l->class == LOCK_CLASS_GIL && i < t->r->n_gils; i++)
		if (t->r->gils[i].lock == l->id)
			return &t->r->gils[i];
	return NULL;
}

static void print_numbers(struct text *t, const struct report_lock *l, const struct report_gil *g,
			  int indent)
{
	struct text_flow f = { .t = t, .indent = indent };
	bool gaps = t->r->par.gap_ns;

	text_flow(&f, "waits %s%s", unit_count(l->waits).s, l->waits ? "" : " (none has ended)");
	text_flow(&f, "total %s", unit_ns(l->wait_ns).s);
	if (l->waits) {
		text_flow(&f, "mean %s", unit_ns(l->mean_ns).s);
		text_flow(&f, "p50 %s", unit_ns(l->p50_ns).s);
		text_flow(&f, "p99 %s", unit_ns(l->p99_ns).s);
		text_flow(&f, "max %s", unit_ns(l->max_ns).s);
	}
	text_flow_end(&f);
	text_flow(&f, "waiters %s (%s on average, at most %s at once)", unit_count(l->waiters).s,
		  unit_decimal(unit_ratio((double)l->wait_ns, (double)(t->r->window_ns - t->r->par.gap_ns)), 2).s,
		  unit_count(l->max_waiting).s);
	text_flow(&f, "blocked %s", unit_ns(l->blocked_ns).s);
	if (l->delay_ns && !g) /* one of the parts of a GIL's waiting */
		text_flow(&f, "ready, but no CPU free %s", unit_ns(l->delay_ns).s);
	flow_count(&f, gaps ? "still waiting when records ended" : "still waiting at the end", l->open, "");
	flow_count(&f, gaps ? "waiting before they began" : "waiting before the window", l->carried,
		   "");
	if (l->waits && l->calls > l->waits)
		text_flow(&f, "futex calls %s (%s per wait)", unit_count(l->calls).s,
			  unit_decimal((double)l->calls / (double)l->waits, 1).s);
	flow_count(&f, "timeouts", l->timeouts, "");
	flow_count(&f, "interrupted", l->interrupted, " (EINTR)");
	flow_count(&f, "too late to wait", known(l->again), " (EAGAIN)");
	flow_count(&f, "wakes that woke nobody", known(l->empty_wakes), "");
	text_flow_end(&f);
}

#define OCTAVES 64

/* The log-linear histogram, added up per power of two. */
static void print_times(struct text *t, const struct report_lock *l, int indent)
{
	static const char hint[] = "each mark twice as long as the one before";
	struct text_flow f = { .t = t, .indent = indent };
	double octave[OCTAVES] = { 0 }, max = 0;
	struct buf spark = { 0 };
	int first = OCTAVES, last = -1;

	for (size_t i = 0; i < l->n_hist; i++) {
		int k = 63 - __builtin_clzll(l->hist[i].floor_ns | 1);

		if (!l->hist[i].count)
			continue;
		octave[k] += (double)l->hist[i].count;
		max = octave[k] > max ? octave[k] : max;
		first = k < first ? k : first;
		last = k > last ? k : last;
	}
	if (last <= first)
		return;
	text_spark(&spark, octave + first, (size_t)(last - first + 1), max, t->unicode);
	text_flow(&f, "wait times from %s %s to %s", unit_ns(1ull << first).s, spark.data,
		  unit_ns(last < OCTAVES - 1 ? 2ull << last : UINT64_MAX).s);
	if (f.used + 3 + (int)strlen(hint) <= t->width)
		text_flow(&f, "%s", hint);
	text_flow_end(&f);
	buf_free(&spark);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Who made them wait: holders where the lock has owners, else those who woke them. */
static struct text_side right_side(const struct report_lock *l)
{
	struct text_side s = { 0 };

	if (l->n_top_holders)
		return (struct text_side){ .heading = "blocked by (time asleep behind it)",
				      .parties = l->top_holders,
				      .n = l->n_top_holders,
				      .shown = least(l->n_top_holders, PARTY_ROWS),
				      .total_ns = l->blocked_ns };
	if (!l->n_top_wakers)
		return s;
	s = (struct text_side){ .heading = "woken by",
			   .parties = l->top_wakers,
			   .n = l->n_top_wakers,
			   .shown = least(l->n_top_wakers, PARTY_ROWS),
			   .by_count = true };
	for (size_t i = 0; i < s.n; i++)
		s.total += l->top_wakers[i].count;
	if (known(l->wakes) > s.total)
		s.total = l->wakes;
	return s;
}

/* Why a holder is unknown, in full: the column has room for a few words only. */
static void print_reasons(struct text *t, const struct report_lock *l,
			  const struct text_side *right, int indent)
{
	for (size_t i = 0; i < right->shown; i++)
		if (right->parties == l->top_holders && !right->parties[i].tid &&
		    right->parties[i].why)
			text_wrapf(t, TEXT_DIM, indent, "unknown for %s: %s",
				   unit_ns(right->parties[i].ns).s, right->parties[i].why);
}

static size_t places_known(const struct report_site *sites, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		known += text_place_known(&sites[i].place);
	return known;
}

/* Places of a lock; a list that says only "not known" says nothing. */
static struct text_side place_side(const char *heading, const struct report_site *sites, size_t n)
{
	if (!places_known(sites, n))
		n = 0;
	return (struct text_side){ .heading = heading,
				   .sites = sites,
				   .n = n,
				   .shown = least(n, PLACE_ROWS),
				   .callers = true };
}

/* The one place that the title names, and nothing more is known. */
static bool is_said(const struct text_side *left, size_t n_right)
{
	struct text_callers callers;
	bool more;

	if (left->n != 1 || n_right || left->threads ||
	    left->sites[0].ns < left->total_ns - left->total_ns / 2000)
		return false;
	text_callers(&callers, &left->sites[0], 1);
	more = callers.n;
	text_callers_free(&callers);
	return !more;
}

/* Where it was waited for, and where its holders were meanwhile. */
static void print_places(struct text *t, const struct report_lock *l, const struct report_gil *g,
			 int indent)
{
	struct text_side left = place_side("waiting at", l->sites, l->n_sites);
	struct text_side right = place_side("held at", g ? g->holding : l->holding,
					    g ? g->n_holding : l->n_holding);

	left.total_ns = l->wait_ns;
	right.total_ns = l->blocked_ns - (g ? least(g->free_ns, l->blocked_ns) : 0);
	right.threads = true;
	if (!left.n) {
		left = right;
		right.n = right.shown = 0;
	}
	if (left.n && (g || !is_said(&left, right.n)))
		text_sides(t, l, &left, &right, indent);
}

static void print_lock(struct text *t, const struct report_lock *l)
{
	const int indent = 6;
	const struct report_gil *g = find_gil(t, l);
	struct text_side right = right_side(l);
	struct text_side left = { .heading = "waiting",
				  .parties = l->top_waiters,
				  .n = l->n_top_waiters,
				  .shown = least(l->n_top_waiters, PARTY_ROWS),
				  .total_ns = l->wait_ns,
				  .total = l->waits,
				  .distinct = l->waiters };

	print_title(t, l, g, indent);
	print_numbers(t, l, g, indent);
	print_times(t, l, indent);
	if (left.n || right.n)
		text_sides(t, l, &left, &right, indent);
	print_places(t, l, g, indent);
	print_reasons(t, l, &right, indent);
	if (l->owner_note)
		text_wrapf(t, TEXT_DIM, indent, "holder: %s", l->owner_note);
	if (g)
		text_gil(t, g, l, indent);
}

/* --- the table of the others ------------------------------------------------------------------ */

static void id_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_printf(out, "L%u", ((const struct report_lock *)row)->id);
}

static void lock_name_cell(struct buf *out, const struct text *t, const void *row)
{
	text_lock_name(out, t, row);
}

static void lock_pid_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_lock *l = row;

	if (l->pid && t->r->n_processes > 1)
		buf_printf(out, "%u", l->pid);
}

static void lock_share_cell(struct buf *out, const struct text *t, const void *row)
{
	text_share_cell(out, ((const struct report_lock *)row)->wait_ns, told_ns(t));
}

#define COUNT_CELL(name, member)                                                                   \
	static void name(struct buf *out, const struct text *t, const void *row)                   \
	{                                                                                          \
		const struct report_lock *l = row;                                                 \
                                                                                                   \
		(void)t;                                                                           \
		if (l->member)                                                                     \
			buf_puts(out, unit_count(l->member).s);                                    \
	}
COUNT_CELL(waits_cell, waits)
COUNT_CELL(waiters_cell, waiters)
COUNT_CELL(open_cell, open)

#define TIME_CELL(name, member)                                                                    \
	static void name(struct buf *out, const struct text *t, const void *row)                   \
	{                                                                                          \
		const struct report_lock *l = row;                                                 \
                                                                                                   \
		(void)t;                                                                           \
		if (l->member)                                                                     \
			buf_puts(out, unit_ns(l->member).s);                                       \
	}
TIME_CELL(total_cell, wait_ns)
TIME_CELL(mean_cell, mean_ns)
TIME_CELL(p99_cell, p99_ns)
TIME_CELL(max_cell, max_ns)

static void party_cell(struct buf *out, const struct text *t, const struct report_lock *l,
		       const struct report_party *parties, size_t n)
{
	struct buf name = { 0 };

	if (n) {
		text_party_name(&name, t, &parties[0], l);
		escape_cut(out, name.data, name.len, 24, t->unicode);
	}
	buf_free(&name);
}

static void holder_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_lock *l = row;

	party_cell(out, t, l, l->top_holders, l->n_top_holders);
}

static void waker_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_lock *l = row;

	if (!l->n_top_holders)
		party_cell(out, t, l, l->top_wakers, l->n_top_wakers);
}

#define PLACE_COLUMNS 32
#define NARROW_PLACE_COLUMNS 24

static void lock_place_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_place *p = text_lock_place(row);
	struct report_place shown;

	if (!p)
		return;
	shown = text_place_short(p);
	text_place(out, t, &shown, t->width < 100 ? NARROW_PLACE_COLUMNS : PLACE_COLUMNS);
}

static const struct text_column lock_columns[] = {
	{ "id", .cell = id_cell, .left = true },
	{ "object", .cell = lock_name_cell, .left = true, .min = 20 },
	{ "pid", .cell = lock_pid_cell, .blank = "", .drop = 5 },
	{ "% of time", .cell = lock_share_cell },
	{ "total", .cell = total_cell },
	{ "waits", .cell = waits_cell },
	{ "open", .cell = open_cell, .drop = 8 },
	{ "mean", .cell = mean_cell, .drop = 2 },
	{ "p99", .cell = p99_cell, .drop = 6 },
	{ "max", .cell = max_cell, .drop = 2 },
	{ "waiters", .cell = waiters_cell, .drop = 7 },
	{ "most waited at", .cell = lock_place_cell, .blank = "", .left = true, .drop = 1 },
	{ "most blocked by", .cell = holder_cell, .left = true, .drop = 3 },
	{ "most woken by", .cell = waker_cell, .left = true, .drop = 4 },
};

/* --- the two sections ------------------------------------------------------------------------- */

static bool deserves_block(const struct text *t, const struct report_lock *l, size_t blocks,
			   bool contention)
{
	double share = unit_ratio((double)l->wait_ns, (double)told_ns(t));

	if (blocks == 0)
		return true;
	return share >= BLOCK_SHARE && blocks < (contention ? t->top : least(t->top, COND_BLOCKS));
}

static void print_rest(struct text *t, size_t n, uint64_t wait_ns)
{
	if (n)
		text_wrapf(t, TEXT_PLAIN, 2, "... and %s more, %s in total (%s of all thread time)",
			   unit_count(n).s, unit_ns(wait_ns).s,
			   unit_share(wait_ns, told_ns(t)).s);
}

/* What was only woken, and by nobody's wait, says nothing. */
static bool was_waited_for(const struct report_lock *l)
{
	return l->wait_ns || l->waits || l->open || l->timeouts || l->interrupted || known(l->again);
}

static void print_section(struct text *t, const struct section *s)
{
	const struct report *r = t->r;
	const void **rows = xcalloc(least(t->top, r->n_locks), sizeof(*rows));
	size_t blocks = 0, n_rows = 0, rest = 0;
	uint64_t rest_ns = 0;

	for (size_t i = 0; i < r->n_locks; i++) {
		const struct report_lock *l = &r->locks[i];

		if (is_contention(l) != s->contention || !was_waited_for(l))
			continue;
		if (!blocks)
			text_heading(t, s->heading, s->note);
		/* Blocks come first: after the first row of the table there is none. */
		if (!n_rows && deserves_block(t, l, blocks, s->contention)) {
			if (blocks++)
				buf_puts(t->out, "\n");
			print_lock(t, l);
			if (s->contention)
				t->last_block = l->id;
		} else if (blocks + n_rows < t->top) {
			rows[n_rows++] = l;
		} else {
			rest++;
			rest_ns += l->wait_ns;
		}
	}
	if (!blocks && s->none) {
		text_heading(t, s->heading, s->note);
		text_wrapf(t, TEXT_PLAIN, 2, "%s", s->none);
	}
	if (n_rows) {
		buf_puts(t->out, "\n");
		text_table(t, 2, lock_columns, N_OF(lock_columns), rows, n_rows);
	}
	print_rest(t, rest, rest_ns);
	free(rows);
}

void text_locks(struct text *t)
{
	static const struct section sections[] = {
		{ "CONTENTION", "waiting for a lock that somebody holds",
		  "none: no thread had to wait for a lock", true },
		{ "WAITING FOR WORK OR FOR SOMEBODY TO FINISH", "this is not contention", NULL,
		  false },
	};
	const struct report *r = t->r;

	for (size_t i = 0; i < N_OF(sections); i++)
		print_section(t, &sections[i]);
	if (r->locks_total > r->n_locks)
		text_wrapf(t, TEXT_PLAIN, 2,
			   "%s further lock objects with less waiting are not listed one by one",
			   unit_count(r->locks_total - r->n_locks).s);
}
