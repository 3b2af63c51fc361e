// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor.c - goes through the table of checks and draws the conclusion; see doctor.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/checks.h"
#include "user/session/doctor.h"
#include "user/session/said.h"

static const struct doctor_finding *find(const struct doctor *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->items[i].name, name))
			return &d->items[i];
	return NULL;
}

/* What must be there first and is not, the first cause of it; NULL: nothing. */
static const char *blocked_by(const struct doctor *d, const struct check *c)
{
	for (size_t i = 0; i < sizeof(c->after) / sizeof(c->after[0]) && c->after[i]; i++) {
		const struct doctor_finding *f = find(d, c->after[i]);

		if (f && (f->result == DOCTOR_MISSING || f->blocker))
			return f->blocker ? f->blocker : f->name;
	}
	return NULL;
}

static void look(struct doctor *d, struct exam *e, const struct check *c)
{
	struct doctor_finding f = {
		.group = c->group,
		.name = c->name,
		.required = c->required,
		.without = c->without,
		.remedy = c->remedy,
	};

	f.blocker = blocked_by(d, c);
	if (f.blocker) {
		f.result = DOCTOR_UNKNOWN;
		snprintf(f.seen, sizeof(f.seen), "not looked at without %s", f.blocker);
	} else {
		f.result = c->look(e, c, &f);
	}
	if (f.required && f.result == DOCTOR_MISSING)
		e->nothing_lost = false;
	vec_push(d->items, d->n, d->cap) = f;
}

static void examine(struct doctor *d, bool required_only, bool verbose)
{
	struct exam e = { .tracefs = -1, .verbose = verbose, .nothing_lost = true };
	const struct check *c = checks;

	for (; c->name; c++) {
		bool session = !c[1].name;

		if (!required_only || (c->required && !session))
			look(d, &e, c);
	}
	d->usable = e.nothing_lost && d->n && d->items[d->n - 1].result == DOCTOR_OK;
	btf__free(e.btf);
	if (e.tracefs >= 0)
		close(e.tracefs);
}

void doctor_examine(struct doctor *ret, bool verbose)
{
	said_begin(verbose);
	examine(ret, false, verbose);
}

void doctor_free(struct doctor *d)
{
	free(d->items);
	*d = (struct doctor){ 0 };
}

static bool is_cause(const struct doctor_finding *f)
{
	return f->required && f->result == DOCTOR_MISSING;
}

bool doctor_cause(const struct doctor *d, struct buf *ret)
{
	const struct doctor_finding *first = NULL;

	for (size_t i = 0; i < d->n; i++) {
		const struct doctor_finding *f = &d->items[i];

		if (!is_cause(f))
			continue;
		if (!first)
			buf_puts(ret, f->name);
		else if (!strcmp(f->seen, first->seen) && !strcmp(f->remedy, first->remedy))
			buf_printf(ret, ", %s", f->name);
		if (!first)
			first = f;
	}
	if (first)
		buf_printf(ret, ": %s: %s", first->seen, first->remedy);
	return first;
}

int doctor_explain(int err)
{
	struct doctor d = { 0 };
	struct buf own = { 0 }, cause = { 0 };

	buf_puts(&own, fail_text());
	examine(&d, true, false);
	if (doctor_cause(&d, &cause))
		fail(err, "cannot load the BPF programs: %s (parascope doctor tells more)", cause.data);
	else
		fail(err, "%s", own.data);
	buf_free(&own);
	buf_free(&cause);
	doctor_free(&d);
	return err;
}
