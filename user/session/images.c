// SPDX-License-Identifier: GPL-2.0-or-later
/* images.c - see images.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/session/images.h"
#include "user/session/session.h"
#include "user/target/mappings.h"

#define MAX_FILES 4096 /* held open */
#define DELETED " (deleted)"
#define PAGE 4096ULL /* segments of a file begin at the page they are in */

struct images {
	struct symbols *symbols;
	struct tables *tables;
	void (*changed)(void *ctx, const struct image *image);
	void *ctx;
	struct image *all, *by_id;
	size_t asked;	   /* those whose rows are awaited */
	uint64_t asked_ns; /* since when there are any */
	struct images_count count;
};

struct images *images_new(struct symbols *symbols, struct tables *tables,
			  void (*changed)(void *ctx, const struct image *image), void *ctx)
{
	struct images *s = xcalloc(1, sizeof(*s));

	s->symbols = symbols;
	s->tables = tables;
	s->changed = changed;
	s->ctx = ctx;
	return s;
}

/* deleted: then the kernel's remark about it is at the end of its name. */
static void name_file(struct image *f, const char *path, bool deleted)
{
	const char *name = mapping_base_name(path);
	size_t len = strlen(name), remark = strlen(DELETED);

	if (deleted && len > remark && !strcmp(name + len - remark, DELETED))
		len -= remark;
	if (len >= sizeof(f->name)) {
		name += len - sizeof(f->name) + 1;
		len = sizeof(f->name) - 1;
	}
	memcpy(f->name, name, len);
}

static void awaited_less(struct images *s)
{
	if (!--s->asked)
		s->count.table_ns += session_now_ns() - s->asked_ns;
}

static void settle(struct images *s, struct image *f, enum image_state state)
{
	f->state = state;
	awaited_less(s);
	s->changed(s->ctx, f);
}

static void ask_rows(struct images *s, struct image *f)
{
	if (symbols_ask_rows(s->symbols, f->id))
		settle(s, f, IMAGE_NO_ROWS);
	else
		f->state = IMAGE_ASKED;
}

/* Is it worth waiting for its build id? */
static bool may_be_copy(const struct images *s, const struct image *f)
{
	const struct image *of;

	for (of = s->all; of; of = of->hh.next)
		if (of != f && of->state != IMAGE_NO_ROWS && of->owner == f->owner &&
		    of->key.size == f->key.size)
			return true;
	return false;
}

/* Takes fd. */
static struct image *add_file(struct images *s, int fd, const struct image_key *key,
			     const struct statx *st, const char *path)
{
	struct image *f = xcalloc(1, sizeof(*f));
	int id = symbols_open(s->symbols, fd);

	f->key = *key;
	f->owner = st->stx_uid;
	name_file(f, path, !st->stx_nlink);
	HASH_ADD(hh, s->all, key, sizeof(f->key), f);
	f->state = IMAGE_NO_ROWS;
	if (id <= 0)
		return f;
	f->id = (uint32_t)id;
	HASH_ADD(by_id, s->by_id, id, sizeof(f->id), f);
	f->state = IMAGE_OPENED;
	if (!s->asked++)
		s->asked_ns = session_now_ns();
	if (!may_be_copy(s, f))
		ask_rows(s, f);
	return f;
}

struct image *images_get(struct images *s, int fd, const char *path)
{
	struct image_key key;
	struct image *f;
	struct statx st;

	/* a file system in user space may never answer */
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st)) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	memset(&key, 0, sizeof(key)); /* compared byte by byte */
	key.dev = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	key.inode = st.stx_ino;
	key.size = st.stx_size;
	key.mtime_s = st.stx_mtime.tv_sec;
	key.mtime_ns = st.stx_mtime.tv_nsec;
	HASH_FIND(hh, s->all, &key, sizeof(key), f);
	if (!f && HASH_COUNT(s->all) < MAX_FILES)
		return add_file(s, fd, &key, &st, path);
	close(fd);
	return f;
}

static struct image *find_id(const struct images *s, uint32_t id)
{
	struct image *f;

	HASH_FIND(by_id, s->by_id, &id, sizeof(id), f);
	return f;
}

static bool same_loads(const struct image *a, const struct image *b)
{
	bool same = a->n_loads == b->n_loads;

	for (uint32_t i = 0; same && i < a->n_loads; i++) {
		const struct module_load *x = &a->loads[i], *y = &b->loads[i];

		same = x->vaddr == y->vaddr && x->offset == y->offset && x->filesz == y->filesz &&
		       x->memsz == y->memsz && x->exec == y->exec;
	}
	return same;
}

/*
 * The same file in another place: another container's, say.  A build id is its owner's word, so only
 * that of the same owner counts.
 */
static bool is_copy(const struct image *f, const struct image *of)
{
	return f->build_id_len && f->build_id_len == of->build_id_len &&
	       !memcmp(f->build_id, of->build_id, f->build_id_len) && f->owner == of->owner &&
	       f->key.size == of->key.size && same_loads(f, of);
}

/* One that has rows, or will have. */
static struct image *find_copy(const struct images *s, const struct image *f)
{
	struct image *of;

	for (of = s->all; of; of = of->hh.next)
		if ((of->state == IMAGE_ROWS || of->state == IMAGE_ASKED) && of != f && !of->borrows &&
		    is_copy(f, of))
			return of;
	return NULL;
}

static void borrow(struct images *s, struct image *f, const struct image *of)
{
	f->parts = of->parts;
	f->n_parts = of->n_parts;
	f->base = of->base;
	f->borrows = true;
	settle(s, f, IMAGE_ROWS);
}

/* A copy of a file that has no rows is asked itself: the fault may be the place's. */
static void settle_all(struct images *s, struct image *f, enum image_state state)
{
	struct image *copy = f->copies, *next;

	settle(s, f, state);
	f->copies = NULL;
	for (; copy; copy = next) {
		next = copy->next;
		copy->borrows = false;
		if (state == IMAGE_ROWS)
			borrow(s, copy, f);
		else
			ask_rows(s, copy);
	}
}

void images_opened(struct images *s, uint32_t id, int err, const struct module_about *about)
{
	struct image *f = find_id(s, id), *of;

	if (f && err && (f->state == IMAGE_OPENED || f->state == IMAGE_ASKED))
		settle_all(s, f, IMAGE_NO_ROWS);
	if (!f || err)
		return;
	f->n_loads = about->n_loads;
	memcpy(f->loads, about->loads, sizeof(f->loads));
	f->build_id_len = about->build_id_len;
	memcpy(f->build_id, about->build_id, sizeof(f->build_id));
	if (f->state != IMAGE_OPENED)
		return;
	of = find_copy(s, f);
	if (!of) {
		ask_rows(s, f);
	} else if (of->state == IMAGE_ROWS) {
		borrow(s, f, of);
	} else {
		f->state = IMAGE_ASKED;
		f->borrows = true;
		LL_PREPEND(of->copies, f);
	}
}

static void rows_done(struct images *s, struct image *f, bool good)
{
	if (!good)
		tables_drop(s->tables);
	if (good && !tables_end(s->tables, &f->parts, &f->n_parts)) {
		s->count.tables++;
		settle_all(s, f, IMAGE_ROWS);
	} else {
		settle_all(s, f, IMAGE_NO_ROWS);
	}
}

void images_rows(struct images *s, uint32_t id, int err, uint64_t base,
		 const struct wire_row *rows, size_t n)
{
	struct image *f = find_id(s, id);

	if (!f || f->state != IMAGE_ASKED)
		return;
	f->base = base;
	if (!err && n)
		err = tables_add(s->tables, rows, n);
	if (err || !n)
		rows_done(s, f, !err);
}

bool images_settled(const struct images *s)
{
	return !s->asked;
}

struct images_count images_count(const struct images *s)
{
	return s->count;
}

bool image_is_early(const struct image *f)
{
	return f->state == IMAGE_OPENED || (f->state == IMAGE_ASKED && !f->n_loads);
}

bool image_bias(const struct image *f, uint64_t begin, uint64_t offset, uint64_t *ret)
{
	for (uint32_t i = 0; i < f->n_loads; i++) {
		const struct module_load *l = &f->loads[i];

		if (!l->exec || offset < (l->offset & ~(PAGE - 1)) || l->filesz > UINT64_MAX / 2 ||
		    offset >= l->offset + l->filesz)
			continue;
		*ret = begin - offset - (l->vaddr - l->offset);
		return true;
	}
	return false;
}

bool image_has(const struct image *f, uint64_t addr)
{
	for (uint32_t i = 0; i < f->n_loads; i++)
		if (addr >= f->loads[i].vaddr && addr - f->loads[i].vaddr < f->loads[i].memsz)
			return true;
	return false;
}

void images_free(struct images *s)
{
	struct image *f, *next;

	if (!s)
		return;
	HASH_CLEAR(by_id, s->by_id);
	HASH_ITER(hh, s->all, f, next)
	{
		HASH_DEL(s->all, f);
		if (!f->borrows)
			free(f->parts);
		free(f);
	}
	free(s);
}
