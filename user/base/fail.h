/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fail.h - an error is a code and a message in one statement.
 *
 *	return fail(-ENOENT, "no process %d", pid);
 *
 * Library code never prints: the command layer prints fail_text() once and picks the exit code.
 */
#ifndef PARASCOPE_FAIL_H
#define PARASCOPE_FAIL_H

/*
 * Keep the message (what failed, on what, why, what to do) for fail_text() and return err, a
 * negative errno.  A later failure replaces the message.
 */
int fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "prefix: " before the message already kept, e.g. the file it is about; returns err. */
int fail_in(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The last message, "" if none.  Valid until the next fail(). */
const char *fail_text(void);

#endif
