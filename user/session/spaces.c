// SPDX-License-Identifier: GPL-2.0-or-later
/* spaces.c - see spaces.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/table.h"
#include "user/session/images.h"
#include "user/session/jits.h"
#include "user/session/session.h"
#include "user/session/spaces.h"
#include "user/session/tables.h"
#include "user/session/vdso.h"
#include "user/target/mappings.h"

#define READ_EVERY_NS 5000000	/* mappings of one process that changes them all the time */
#define READS_MAX 20 /* of mappings that change while they are read */
#define USER_END (1ULL << 63) /* above it lies what only looks like memory: [vsyscall] */

/* Code of one space.  image NULL: made at run time (jit), or it cannot be opened. */
struct area {
	uint64_t begin, end, offset;
	struct image *image;
	bool jit;
};

struct space {
	uint32_t refs; /* processes */
	uint32_t slot; /* of tables.h, 0: none yet */
	bool changed;
	bool torn; /* a mapping was gone before its file was opened */
	struct area *areas; /* ascending */
	size_t n, cap;
	uint64_t heap_begin, heap_end, stack_begin, stack_end;
	const struct image *program;
	struct space *prev, *next;
};

struct process {
	uint32_t tgid, parent;
	struct space *space; /* NULL: not read yet */
	bool forked; /* from parent, as we saw */
	bool stale;
	uint32_t torn; /* reads that were, one after the other */
	uint64_t read_ns;
	UT_hash_handle hh;
};

struct spaces {
	struct tables *tables;
	struct images *images;
	struct jits *jits;
	struct space *all;
	struct process *processes;
};

static void image_changed(void *ctx, const struct image *image)
{
	struct spaces *s = ctx;

	for (struct space *space = s->all; space; space = space->next)
		for (size_t i = 0; i < space->n && !space->changed; i++)
			space->changed = space->areas[i].image == image;
}

struct spaces *spaces_new(struct symbols *symbols, struct tables *tables)
{
	struct spaces *s = xcalloc(1, sizeof(*s));

	s->tables = tables;
	s->images = images_new(symbols, tables, image_changed, s);
	s->jits = jits_new(symbols);
	return s;
}

void spaces_opened(struct spaces *s, uint32_t file, int err, const struct module_about *about)
{
	images_opened(s->images, file, err, about);
}

void spaces_rows(struct spaces *s, uint32_t file, int err, uint64_t base,
		 const struct wire_row *rows, size_t n)
{
	images_rows(s->images, file, err, base, rows, n);
}

/* --- spaces ---------------------------------------------------------------------------------- */

static struct space *new_space(struct spaces *s)
{
	struct space *space = xcalloc(1, sizeof(*space));

	space->refs = 1;
	space->next = s->all;
	if (s->all)
		s->all->prev = space;
	s->all = space;
	return space;
}

static void put_space(struct spaces *s, struct space *space)
{
	if (!space || --space->refs)
		return;
	tables_remove(s->tables, space->slot);
	if (space->prev)
		space->prev->next = space->next;
	else
		s->all = space->next;
	if (space->next)
		space->next->prev = space->prev;
	free(space->areas);
	free(space);
}

static void add_area(struct spaces *s, struct space *space, uint32_t tgid, const struct mapping *m)
{
	struct image *f = NULL;

	if (space->n >= WIRE_SPACE_RANGES)
		return; /* unwinding ends there, and says so */
	if (m->inode) {
		int fd = mapping_open((pid_t)tgid, m);

		space->torn |= fd == -EAGAIN;
		f = images_get(s->images, fd, m->path);
	}
	if (!strcmp(m->path, "[vdso]"))
		f = images_get(s->images, vdso_open(), m->path);
	vec_push(space->areas, space->n, space->cap) = (struct area){
		.begin = m->begin,
		.end = m->end,
		.offset = m->offset,
		.image = f,
		.jit = !m->inode && !f,
	};
	if (f && !space->program) /* the kernel maps it lowest, but where ld.so was started by hand */
		space->program = f;
}

/* Is there, where there was code, other code now?  Areas may have become longer, shorter or several. */
static bool is_replaced(const struct area *old, size_t n_old, const struct area *now, size_t n_now)
{
	for (size_t i = 0, k = 0; i < n_old && k < n_now;) {
		const struct area *a = &old[i], *b = &now[k];

		if (a->begin < b->end && b->begin < a->end &&
		    (a->image != b->image || (a->image && a->begin - a->offset != b->begin - b->offset)))
			return true;
		if (a->end <= b->end)
			i++;
		else
			k++;
	}
	return false;
}

/* What is known by addresses of the former one is not known of this one. */
static void renew_slot(struct spaces *s, struct space *space)
{
	tables_remove(s->tables, space->slot);
	space->slot = 0;
}

static void fill_space(struct spaces *s, struct space *space, uint32_t tgid,
		       const struct mappings *maps)
{
	struct area *old = space->areas;
	size_t n_old = space->n;

	space->areas = NULL;
	space->n = space->cap = 0;
	space->program = NULL;
	space->changed = true;
	space->torn = false;
	for (size_t i = 0; i < maps->n; i++) {
		const struct mapping *m = &maps->items[i];

		if (m->exec && m->end <= USER_END)
			add_area(s, space, tgid, m);
		if (!strcmp(m->path, "[heap]")) {
			space->heap_begin = m->begin;
			space->heap_end = m->end;
		} else if (!strcmp(m->path, "[stack]")) {
			space->stack_begin = m->begin;
			space->stack_end = m->end;
		}
	}
	if (is_replaced(old, n_old, space->areas, space->n))
		renew_slot(s, space);
	free(old);
}

/* A space that others have too becomes this process's own. */
static void read_space(struct spaces *s, struct process *p)
{
	struct mappings maps;

	p->stale = false;
	p->read_ns = session_now_ns();
	if (!mappings_read((pid_t)p->tgid, &maps) && maps.n) {
		if (!p->space || p->space->refs > 1) {
			put_space(s, p->space);
			p->space = new_space(s);
		}
		fill_space(s, p->space, p->tgid, &maps);
		p->torn = p->space->torn ? p->torn + 1 : 0;
		p->stale = p->torn && p->torn < READS_MAX;
	}
	mappings_free(&maps);
}

static size_t put_parts(const struct area *a, uint64_t bias, struct wire_range *ret, size_t room)
{
	const struct image *f = a->image;
	uint64_t base = bias + f->base;
	size_t n = 0;

	for (size_t i = 0; i < f->n_parts && n < room; i++) {
		const struct tables_part *p = &f->parts[i];
		uint64_t begin = base + p->pc;
		uint64_t end = i + 1 < f->n_parts ? base + p[1].pc : a->end;

		if (!i && begin > a->begin && n < room) /* code in front of what the rows are about */
			ret[n++] = (struct wire_range){
				.begin = a->begin,
				.end = begin < a->end ? begin : a->end,
				.kind = WIRE_RANGE_POINTERS,
			};
		if (begin < a->begin)
			begin = a->begin;
		if (end > a->end)
			end = a->end;
		if (begin >= end || n == room)
			continue;
		ret[n++] = (struct wire_range){
			.begin = begin,
			.end = end,
			.base = base,
			.first = p->first,
			.index = p->index,
			.last = p->last,
			.kind = WIRE_RANGE_ROWS,
		};
	}
	return n;
}

static size_t put_ranges(const struct space *space, struct wire_range *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < space->n && n < WIRE_SPACE_RANGES; i++) {
		const struct area *a = &space->areas[i];
		bool asked = a->image && a->image->state <= IMAGE_ASKED;
		uint64_t bias;

		if (a->image && a->image->state == IMAGE_ROWS && image_bias(a->image, a->begin, a->offset, &bias))
			n += put_parts(a, bias, ret + n, WIRE_SPACE_RANGES - n);
		else
			ret[n++] = (struct wire_range){
				.begin = a->begin,
				.end = a->end,
				.kind = asked ? WIRE_RANGE_EARLY : WIRE_RANGE_POINTERS,
			};
	}
	return n;
}

static void publish(struct spaces *s, struct space *space)
{
	struct wire_range *ranges = xcalloc(WIRE_SPACE_RANGES, sizeof(*ranges));
	bool first = !space->slot;
	struct process *p, *next;

	space->changed = false;
	tables_set(s->tables, &space->slot, ranges, put_ranges(space, ranges)); /* or as before */
	free(ranges);
	if (!first || !space->slot)
		return;
	HASH_ITER(hh, s->processes, p, next)
	{
		if (p->space == space)
			tables_bind(s->tables, p->tgid, space->slot);
	}
}

/* --- processes ------------------------------------------------------------------------------- */

static struct process *find_process(const struct spaces *s, uint32_t tgid)
{
	struct process *p;

	HASH_FIND(hh, s->processes, &tgid, sizeof(tgid), p);
	return p;
}

static struct process *get_process(struct spaces *s, uint32_t tgid)
{
	struct process *p = find_process(s, tgid);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	p->tgid = tgid;
	HASH_ADD(hh, s->processes, tgid, sizeof(p->tgid), p);
	return p;
}

void spaces_process(struct spaces *s, uint32_t tgid, uint32_t parent, bool forked)
{
	struct process *p = find_process(s, tgid), *of;

	if (p && !forked) { /* another thread of it was first, or we were told to expect it */
		p->parent = p->parent ? p->parent : parent;
		return;
	}
	p = get_process(s, tgid);
	of = forked ? find_process(s, parent) : NULL;
	if (of == p)
		return;
	p->parent = parent;
	p->forked = forked;
	jits_forget(s->jits, tgid); /* of one before it that had this id */
	put_space(s, p->space);
	p->space = of ? of->space : NULL;
	p->stale = of ? of->stale : true;
	if (p->space)
		p->space->refs++;
	if (p->stale)
		read_space(s, p); /* it may be gone soon */
}

void spaces_exec(struct spaces *s, uint32_t tgid)
{
	struct process *p = get_process(s, tgid);

	jits_forget(s->jits, tgid);
	p->parent = 0;
	put_space(s, p->space);
	p->space = NULL;
	read_space(s, p);
}

void spaces_mapped(struct spaces *s, uint32_t tgid)
{
	struct process *p = find_process(s, tgid);

	if (p)
		p->stale = true;
}

void spaces_end(struct spaces *s, uint32_t tgid)
{
	struct process *p = find_process(s, tgid);

	if (!p)
		return;
	tables_unbind(s->tables, tgid);
	put_space(s, p->space);
	HASH_DEL(s->processes, p);
	free(p);
}

/* We have the same C library and dynamic linker as most. */
void spaces_warm(struct spaces *s)
{
	static const char *const names[] = { "libc.so.", "ld-linux", "libm.so." };
	struct mappings maps;

	if (!mappings_read(getpid(), &maps)) {
		for (size_t i = 0; i < maps.n; i++) {
			const struct mapping *m = &maps.items[i];
			const char *name = mapping_base_name(m->path);

			for (size_t k = 0; m->exec && k < sizeof(names) / sizeof(names[0]); k++)
				if (!strncmp(name, names[k], strlen(names[k])))
					images_get(s->images, mapping_open(getpid(), m), m->path);
		}
	}
	mappings_free(&maps);
}

bool spaces_hurry(const struct spaces *s)
{
	const struct process *p;

	for (p = s->processes; p; p = p->hh.next)
		if (p->stale)
			return true;
	return false;
}

void spaces_tick(struct spaces *s)
{
	uint64_t now = session_now_ns();
	struct process *p, *next;

	HASH_ITER(hh, s->processes, p, next)
	{
		if (p->stale && now - p->read_ns >= READ_EVERY_NS)
			read_space(s, p);
	}
	for (struct space *space = s->all; space; space = space->next)
		if (space->changed)
			publish(s, space);
}

bool spaces_settled(const struct spaces *s)
{
	return images_settled(s->images);
}

/* --- addresses ------------------------------------------------------------------------------- */

static const struct area *find_area(const struct space *space, uint64_t addr)
{
	for (size_t i = 0; i < space->n; i++)
		if (addr >= space->areas[i].begin && addr < space->areas[i].end)
			return &space->areas[i];
	return NULL;
}

static void fill_place(const struct space *space, const struct image *f, uint64_t addr,
		       struct spaces_place *ret)
{
	ret->file = f->id;
	ret->addr = addr;
	ret->program = f == space->program;
	memcpy(ret->module, f->name, sizeof(ret->module));
}

/* Not ELF: some runtimes keep the code that they make in files. */
static bool is_jit(const struct area *a)
{
	return a->jit || (a->image && a->image->state == IMAGE_NO_ROWS && !a->image->n_loads);
}

/* Whose code it may be besides its own; the same addresses are no accident. */
static uint32_t maker_of(const struct spaces *s, const struct process *p, const struct area *a)
{
	const struct process *of = find_process(s, p->parent);
	const struct area *same = of && of->space ? find_area(of->space, a->begin) : NULL;

	return p->forked || (same && is_jit(same)) ? p->parent : 0;
}

static bool locate_jit(struct spaces *s, const struct process *p, const struct area *a, uint64_t addr,
		       struct spaces_place *ret)
{
	if (!is_jit(a))
		return false;
	ret->file = jits_file(s->jits, p->tgid, maker_of(s, p, a));
	ret->jit = true;
	ret->addr = addr;
	snprintf(ret->module, sizeof(ret->module), "[jit]");
	return a->jit || ret->file;
}

void spaces_look(struct spaces *s, uint32_t tgid, bool at_once)
{
	jits_look(s->jits, tgid, at_once);
}

int spaces_locate(struct spaces *s, uint32_t tgid, uint64_t addr, struct spaces_place *ret)
{
	struct process *p = find_process(s, tgid);
	const struct area *a = p && p->space ? find_area(p->space, addr) : NULL;
	uint64_t bias = 0;

	*ret = (struct spaces_place){ .addr = addr };
	if (p && !a) {
		read_space(s, p);
		a = p->space ? find_area(p->space, addr) : NULL;
	}
	if (!a)
		return -ENOENT;
	if (a->image && image_is_early(a->image))
		return -EAGAIN;
	if (locate_jit(s, p, a, addr, ret))
		return 0;
	ret->jit = false;
	if (a->image && image_bias(a->image, a->begin, a->offset, &bias))
		fill_place(p->space, a->image, addr - bias, ret);
	else if (a->image) /* it cannot be read */
		fill_place(p->space, a->image, addr - a->begin + a->offset, ret);
	return 0;
}

int spaces_locate_data(struct spaces *s, uint32_t tgid, uint64_t addr, struct spaces_place *ret)
{
	const struct process *p = find_process(s, tgid);
	const struct space *space = p ? p->space : NULL;
	bool early = false;
	uint64_t bias;

	*ret = (struct spaces_place){ .addr = addr };
	for (size_t i = 0; space && i < space->n; i++) {
		const struct area *a = &space->areas[i];

		early |= a->image && image_is_early(a->image);
		if (!a->image || !image_bias(a->image, a->begin, a->offset, &bias) ||
		    !image_has(a->image, addr - bias))
			continue;
		fill_place(space, a->image, addr - bias, ret);
		return 0;
	}
	if (early)
		return -EAGAIN;
	if (space && addr >= space->heap_begin && addr < space->heap_end)
		snprintf(ret->module, sizeof(ret->module), "heap");
	else if (space && addr >= space->stack_begin && addr < space->stack_end)
		snprintf(ret->module, sizeof(ret->module), "stack");
	return space ? 0 : -ENOENT;
}

uint32_t spaces_slot(const struct spaces *s, uint32_t tgid)
{
	const struct process *p = find_process(s, tgid);

	return p && p->space ? p->space->slot : 0;
}

struct images_count spaces_count(const struct spaces *s)
{
	return images_count(s->images);
}

void spaces_free(struct spaces *s)
{
	struct process *p, *next_process;

	if (!s)
		return;
	HASH_ITER(hh, s->processes, p, next_process)
	{
		put_space(s, p->space);
		HASH_DEL(s->processes, p);
		free(p);
	}
	images_free(s->images);
	jits_free(s->jits);
	free(s);
}
