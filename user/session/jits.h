/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jits.h - which file names the code that a process makes at run time; private to this folder.
 *
 * The file grows while it is read: names are there once somebody has looked again.
 */
#ifndef PARASCOPE_JITS_H
#define PARASCOPE_JITS_H

#include <stdbool.h>
#include <stdint.h>

struct jits;
struct symbols;

struct jits *jits_new(struct symbols *symbols); /* the caller's */
void jits_free(struct jits *j);			/* NULL is fine */

/*
 * The perf map of a process as symbols.h numbers it, 0: it has none.  A forked child that has written
 * none has its parent's (0: it has no parent that is known).
 */
uint32_t jits_file(struct jits *j, uint32_t tgid, uint32_t parent);

/*
 * Something was not in there: see whether there is more by now, about once a second; at_once: the last
 * time.  If there is, jits_file() has another number.
 */
void jits_look(struct jits *j, uint32_t tgid, bool at_once);

/* It runs another program, or another process has its id. */
void jits_forget(struct jits *j, uint32_t tgid);

#endif
