/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * objects.h - the variables, or kinds of memory, that futex words are part of; part of natives.c.
 *
 * Asked when a word is first seen, told when its turn in the stream has come and the answer is there.
 */
#ifndef PARASCOPE_OBJECTS_H
#define PARASCOPE_OBJECTS_H

#include <stdint.h>

#include "bpf/wire.h"
#include "user/session/spaces.h"

struct objects;

/* tell: gets WIRE_OBJECT records.  All pointers are the caller's. */
struct objects *objects_new(struct symbols *symbols, struct spaces *spaces,
			    void (*tell)(void *ctx, const struct wire_head *rec), void *ctx);
void objects_free(struct objects *s); /* NULL is fine */

void objects_word(struct objects *s, uint32_t tgid, uint64_t addr);
void objects_tell(struct objects *s, uint32_t tgid, uint64_t addr);
/* Of symbols.h; NULL: it is no variable. */
void objects_answer(struct objects *s, uint64_t cookie, const struct module_variable *variable);
/* Ask for those whose file had not been looked into. */
void objects_ask_early(struct objects *s);

#endif
