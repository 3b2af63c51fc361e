/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor.h - what this machine offers to parascope, what is missing, and how to get it.
 *
 * A table of checks (checks.c), one row each, in an order in which a cause comes before what it
 * causes.  `parascope doctor` shows them all; a session that cannot be opened asks them for the
 * reason.  Nothing on the way to a session that can be opened costs a look.
 */
#ifndef PARASCOPE_DOCTOR_H
#define PARASCOPE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum doctor_result {
	DOCTOR_OK,
	DOCTOR_LIMITED, /* there in part */
	DOCTOR_MISSING,
	DOCTOR_UNKNOWN, /* could not be looked at */
};

struct doctor_finding {
	const char *group, *name;
	bool required; /* parascope cannot work without it */
	enum doctor_result result;
	char seen[320];	     /* one line; may quote the kernel: to be escaped */
	const char *blocker; /* of an unknown one: the check that has to be passed first, or NULL */
	const char *without; /* what is lost where it is missing or limited */
	const char *remedy;  /* how to get it */
};

struct doctor {
	struct doctor_finding *items;
	size_t n, cap;
	bool usable; /* a session was opened, and nothing that is required is missing */
};

/* All checks; the last one opens a session.  ret must be zeroed; verbose: libbpf's words to stderr.
 */
void doctor_examine(struct doctor *ret, bool verbose);
void doctor_free(struct doctor *d);

/*
 * Append why parascope cannot work here, as "WHAT, WHAT: SEEN: REMEDY": the first required thing
 * that is missing, with those that are missed in the same way.  False: nothing is, and nothing
 * appended.
 */
struct buf;
bool doctor_cause(const struct doctor *d, struct buf *ret);

/*
 * After session_open() failed with err: replace its message by what is missing, if the checks find
 * something.  Returns err.
 */
int doctor_explain(int err);

#endif
