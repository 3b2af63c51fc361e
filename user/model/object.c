// SPDX-License-Identifier: GPL-2.0-or-later
/* object.c - see object.h. */
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/model/object.h"
#include "user/model/shared.h"

static struct object *find(const struct model *m, uint64_t space, uint64_t addr)
{
	struct object_key key = { space, addr };
	struct object *o;

	HASH_FIND(hh, m->objects, &key, sizeof(key), o);
	return o;
}

/* A word in a file is known by its place there. */
void object_add(struct model *m, const struct process *p, const struct wire_object *r)
{
	const struct mapping *map = shared_find(m, p, r->addr, 0);
	struct object_key key = { map ? map->space : p->id, map ? map->offset : r->addr };
	struct object *o = find(m, key.space, key.addr);

	if (!o && HASH_COUNT(m->objects) >= MODEL_MAX_OBJECTS)
		return;
	if (!o) {
		o = xcalloc(1, sizeof(*o));
		o->key = key;
		HASH_ADD(hh, m->objects, key, sizeof(o->key), o);
	}
	o->offset = r->begin && r->begin <= r->addr ? r->addr - r->begin : 0;
	memcpy(o->name, r->name, sizeof(o->name));
	memcpy(o->region, r->region, sizeof(o->region));
}

const struct object *object_of(const struct model *m, const struct lock *l, uint64_t *ret_word)
{
	const struct object *best = NULL, *o;

	for (const struct word *w = l->words; w; w = w->next) {
		o = find(m, w->key.space, w->key.addr);
		if (!o || (best && (best->name[0] || !o->name[0])))
			continue;
		best = o;
		*ret_word = w->key.addr;
	}
	return best;
}

void object_free_all(struct model *m)
{
	struct object *o, *next;

	HASH_ITER (hh, m->objects, o, next) {
		HASH_DEL(m->objects, o);
		free(o);
	}
}
