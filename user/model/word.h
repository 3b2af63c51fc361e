/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * word.h - what kind of lock a futex word belongs to, from the memory around it.
 */
#ifndef PARASCOPE_WORD_H
#define PARASCOPE_WORD_H

#include "user/model/model.h"

struct word_guess {
	enum lock_kind kind;
	uint64_t base; /* address of the first word of its own that the object waits on */
};

/*
 * By operation and value alone.  is_tid: the value is the id (in its own namespace) of a living
 * thread of the same process.
 */
struct word_guess word_guess_call(uint64_t addr, uint32_t op, uint32_t val, bool is_tid);

/* By the memory around it as well; falls back to the above. */
struct word_guess word_guess_memory(const struct wire_word *w, bool is_tid);

/* The owner's tid in its own namespace as a sleeper found it, 0: the lock does not tell. */
uint32_t word_owner(enum lock_kind kind, const struct wire_block *block);

#endif
