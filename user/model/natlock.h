/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * natlock.h - locks told apart by the library functions that wait: of the C library, of C++, Rust,
 * Go and the JVM.
 *
 * A function says more than the memory around the word, so what it says counts, with two
 * exceptions: that a pthread mutex is a PI or a robust one only memory and operation tell, and
 * "some lock inside of the C library" replaces nothing that is known.
 */
#ifndef PARASCOPE_NATLOCK_H
#define PARASCOPE_NATLOCK_H

#include "user/model/model.h"

/*
 * What a thread with this stack waits for, by its native frames; KIND_FUTEX if they do not tell
 * (yet), KIND_LOW_LEVEL for a lock inside of the C library.
 */
enum lock_kind natlock_kind(const struct stack *s);

/*
 * Where the user's own native code is: the innermost function that is not part of a library of the
 * language, else the innermost address in a file that is none, else the innermost function,
 * address, frame of the kernel.  NULL: there is none of them.
 */
const struct frame *natlock_place(const struct stack *s);

/*
 * Does a library wait here that Python code called, not the interpreter itself?  False as well if
 * that cannot be told.
 */
bool natlock_is_foreign(const struct stack *s);

/* A lock's kind follows from a stack that was seen to wait for it. */
void natlock_learn(struct lock *l, const struct stack *s);

/* At the end, when all names are known: what most of the time was waited for counts. */
void natlock_settle(struct lock *l);

/* A frame has got another name. */
void natlock_note(struct frame *f);

/* A function's name without arguments, templates, versions and what compilers append. */
void natlock_bare(const char *name, char *ret, size_t size);

#endif
