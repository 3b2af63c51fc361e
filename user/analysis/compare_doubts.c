// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_doubts.c - see compare_doubts.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/analysis/compare.h"
#include "user/analysis/compare_doubts.h"
#include "user/base/unit.h"

#define STOLEN_MAX 0.05	 /* of the CPU time that a side was owed: worth a word */
#define WINDOW_RATIO 1.5 /* windows of those that were attached to */
#define QUOTED_MAX 200	 /* bytes of a target */

static void doubt(struct comparison *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void doubt(struct comparison *c, const char *fmt, ...)
{
	struct buf *b = &vec_push(c->doubts, c->n_doubts, c->cap_doubts);
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(b, text);
}

/* The first recording of either side that is not like the first of A. */
static const struct recording *
stranger(const struct comparison *c, const struct recording *const *a,
	 const struct recording *const *b,
	 bool (*like)(const struct recording *, const struct recording *))
{
	for (size_t i = 1; i < c->a.n; i++)
		if (!like(a[0], a[i]))
			return a[i];
	for (size_t i = 0; i < c->b.n; i++)
		if (!like(a[0], b[i]))
			return b[i];
	return NULL;
}

static bool same_target(const struct recording *x, const struct recording *y)
{
	return strcmp(x->target, y->target) == 0;
}

static bool same_kernel(const struct recording *x, const struct recording *y)
{
	return strcmp(x->kernel, y->kernel) == 0;
}

static bool same_cpus(const struct recording *x, const struct recording *y)
{
	return x->cpus == y->cpus && fabs(x->ceiling - y->ceiling) < 0.005;
}

static bool same_way(const struct recording *x, const struct recording *y)
{
	return x->command == y->command;
}

static bool same_mode(const struct recording *x, const struct recording *y)
{
	return x->lean == y->lean;
}

static bool same_format(const struct recording *x, const struct recording *y)
{
	return strcmp(x->format, y->format) == 0;
}

static bool same_window(const struct recording *x, const struct recording *y)
{
	double longer = fmax(x->window_s, y->window_s), shorter = fmin(x->window_s, y->window_s);

	return x->command || y->command || longer <= WINDOW_RATIO * shorter;
}

static bool complete(const struct recording *x, const struct recording *y)
{
	(void)x;
	return y->complete;
}

static void doubt_side(struct comparison *c, const struct compare_side *side, const char *name)
{
	const struct metric *m = metrics_find(side->metrics, "stolen.share");

	if (m && m->known && m->v.value > STOLEN_MAX)
		doubt(c,
		      "%s did not get %s of the CPU time that it could have used: others had "
		      "it, or waking up took so long",
		      name, unit_percent(m->v.value).s);
}

void compare_doubts(struct comparison *c, const struct recording *const *a,
		    const struct recording *const *b)
{
	const struct recording *r, *first = a[0];

	if ((r = stranger(c, a, b, same_target)))
		doubt(c, "not the same target: '%.*s' (%.200s), '%.*s' (%.200s)", QUOTED_MAX,
		      first->target, first->path, QUOTED_MAX, r->target, r->path);
	if ((r = stranger(c, a, b, same_kernel)))
		doubt(c, "not the same kernel: %s (%.200s), %s (%.200s)", first->kernel,
		      first->path, r->kernel, r->path);
	if ((r = stranger(c, a, b, same_cpus)))
		doubt(c, "not the same CPUs: %.2f of %u (%.200s), %.2f of %u (%.200s)",
		      first->ceiling, first->cpus, first->path, r->ceiling, r->cpus, r->path);
	if ((r = stranger(c, a, b, same_way)))
		doubt(c,
		      "one was launched, the other attached to (%.200s, %.200s): start and end "
		      "of the program are in one only",
		      first->path, r->path);
	if ((r = stranger(c, a, b, same_mode)))
		doubt(c,
		      "one was made in lean mode, the other was not (%.200s, %.200s): lean mode "
		      "counts sleeps, costs the target less, and does not know futex calls",
		      first->path, r->path);
	if ((r = stranger(c, a, b, same_window)))
		doubt(c,
		      "windows of different length: %s (%.200s), %s (%.200s); rates and shares "
		      "are compared, not sums",
		      unit_ns((uint64_t)(first->window_s * 1e9)).s, first->path,
		      unit_ns((uint64_t)(r->window_s * 1e9)).s, r->path);
	if ((r = stranger(c, a, b, same_format)))
		doubt(c, "made by different versions: report format %s (%.200s), %s (%.200s)",
		      first->format, first->path, r->format, r->path);
	if (!first->complete || (r = stranger(c, a, b, complete)))
		doubt(c, "%.200s is incomplete: records were lost, or its end is missing",
		      (first->complete ? r : first)->path);
	doubt_side(c, &c->a, "A");
	doubt_side(c, &c->b, "B");
}
