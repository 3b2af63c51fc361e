// SPDX-License-Identifier: GPL-2.0-or-later
/* objects.c - see objects.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/base/buf.h"
#include "user/base/table.h"
#include "user/session/objects.h"
#include "user/session/session.h"

#define MAX_WORDS 16384

struct object {
	struct object_key {
		uint64_t tgid, addr;
	} key;
	struct spaces_place place;
	bool placed; /* its turn in the stream has come */
	struct wire_object *answer; /* NULL: none yet, or told */
	struct object *next; /* of those that come too early */
	UT_hash_handle hh;
};

struct objects {
	struct symbols *symbols;
	struct spaces *spaces;
	void (*tell)(void *ctx, const struct wire_head *rec);
	void *ctx;
	struct object *all;
	struct object *early; /* whose file has not been looked into yet */
};

struct objects *objects_new(struct symbols *symbols, struct spaces *spaces,
			    void (*tell)(void *ctx, const struct wire_head *rec), void *ctx)
{
	struct objects *s = xcalloc(1, sizeof(*s));

	s->symbols = symbols;
	s->spaces = spaces;
	s->tell = tell;
	s->ctx = ctx;
	return s;
}

static void tell_object(struct objects *s, struct object *o)
{
	if (!o->placed || !o->answer)
		return;
	o->answer->head.ts_ns = session_now_ns();
	s->tell(s->ctx, &o->answer->head);
	free(o->answer);
	o->answer = NULL;
}

static void answer_object(struct objects *s, struct object *o,
			  const struct module_variable *variable)
{
	struct wire_object *rec = xcalloc(1, sizeof(*rec));

	rec->head = (struct wire_head){ 0, (uint32_t)o->key.tgid, WIRE_OBJECT, sizeof(*rec) };
	rec->addr = o->key.addr;
	if (variable) {
		rec->begin = o->key.addr - (o->place.addr - variable->begin);
		snprintf(rec->name, sizeof(rec->name), "%s", variable->name);
	}
	snprintf(rec->region, sizeof(rec->region), "%s",
		 !o->place.module[0] ? "memory" : o->place.program ? "" : o->place.module);
	free(o->answer);
	o->answer = rec;
	tell_object(s, o);
}

/* The cookie is the object: it lives as long as the questions about it. */
void objects_answer(struct objects *s, uint64_t cookie, const struct module_variable *variable)
{
	answer_object(s, (struct object *)(uintptr_t)cookie, variable);
}

static int ask(struct objects *s, struct object *o)
{
	int err = spaces_locate_data(s->spaces, (uint32_t)o->key.tgid, o->key.addr, &o->place);

	if (err)
		return err;
	if (!o->place.file || symbols_ask_data(s->symbols, o->place.file, o->place.addr,
					       (uint64_t)(uintptr_t)o))
		answer_object(s, o, NULL);
	return 0;
}

static struct object *find(const struct objects *s, uint32_t tgid, uint64_t addr)
{
	struct object_key key = { tgid, addr };
	struct object *o;

	HASH_FIND(hh, s->all, &key, sizeof(key), o);
	return o;
}

void objects_word(struct objects *s, uint32_t tgid, uint64_t addr)
{
	struct object *o;

	if (!addr || find(s, tgid, addr) || HASH_COUNT(s->all) >= MAX_WORDS)
		return;
	o = xcalloc(1, sizeof(*o));
	o->key = (struct object_key){ tgid, addr };
	HASH_ADD(hh, s->all, key, sizeof(o->key), o);
	if (ask(s, o) != -EAGAIN)
		return;
	o->next = s->early;
	s->early = o;
}

void objects_tell(struct objects *s, uint32_t tgid, uint64_t addr)
{
	struct object *o = find(s, tgid, addr);

	if (!o)
		return;
	o->placed = true;
	tell_object(s, o);
}

void objects_ask_early(struct objects *s)
{
	struct object *o = s->early, *next;

	s->early = NULL;
	for (; o; o = next) {
		next = o->next;
		if (ask(s, o) != -EAGAIN)
			continue;
		o->next = s->early;
		s->early = o;
	}
}

void objects_free(struct objects *s)
{
	struct object *o, *next;

	if (!s)
		return;
	HASH_ITER(hh, s->all, o, next)
	{
		HASH_DEL(s->all, o);
		free(o->answer);
		free(o);
	}
	free(s);
}
