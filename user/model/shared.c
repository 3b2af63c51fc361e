// SPDX-License-Identifier: GPL-2.0-or-later
/* shared.c - see shared.h. */
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/model/shared.h"

struct shared_file {
	struct {
		uint64_t inode;
		uint64_t dev;
	} key;
	uint64_t space;
	UT_hash_handle hh;
};

struct shared {
	struct shared_file *files;
	struct mapping *mappings;
};

const struct mapping *shared_find(const struct model *m, const struct process *p, uint64_t addr,
				  uint32_t op)
{
	struct mapping_key key = { p->id, addr };
	struct mapping *map = NULL;

	if (op & FUTEX_PRIVATE_FLAG || !m->shared)
		return NULL;
	HASH_FIND(hh, m->shared->mappings, &key, sizeof(key), map);
	return map;
}

static struct shared_file *file_get(struct model *m, const struct wire_shared *s)
{
	struct shared_file *file = NULL;
	typeof(file->key) key = { s->inode, s->dev };

	HASH_FIND(hh, m->shared->files, &key, sizeof(key), file);
	if (file)
		return file;
	file = xcalloc(1, sizeof(*file));
	file->key = key;
	file->space = ++m->last_id;
	HASH_ADD(hh, m->shared->files, key, sizeof(file->key), file);
	return file;
}

void shared_map(struct model *m, const struct process *p, const struct wire_shared *s)
{
	struct mapping_key key = { p->id, s->addr };
	struct mapping *map = NULL;

	if (!m->shared)
		m->shared = xcalloc(1, sizeof(*m->shared));
	HASH_FIND(hh, m->shared->mappings, &key, sizeof(key), map);
	if (map)
		return;
	map = xcalloc(1, sizeof(*map));
	map->key = key;
	map->space = file_get(m, s)->space;
	map->offset = s->offset;
	map->dev = s->dev;
	map->inode = s->inode;
	memcpy(map->path, s->path, sizeof(map->path));
	HASH_ADD(hh, m->shared->mappings, key, sizeof(map->key), map);
}

void shared_free(struct model *m)
{
	struct mapping *map, *next_map;
	struct shared_file *file, *next_file;

	if (!m->shared)
		return;
	HASH_ITER(hh, m->shared->mappings, map, next_map)
	{
		HASH_DEL(m->shared->mappings, map);
		free(map);
	}
	HASH_ITER(hh, m->shared->files, file, next_file)
	{
		HASH_DEL(m->shared->files, file);
		free(file);
	}
	free(m->shared);
	m->shared = NULL;
}
