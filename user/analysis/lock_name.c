// SPDX-License-Identifier: GPL-2.0-or-later
/* lock_name.c - see lock_name.h. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "user/analysis/lock_name.h"
#include "user/base/buf.h"
#include "user/model/lock.h"
#include "user/model/object.h"

/*
 * From the offset of the word that is waited on to that of the lock which it is part of, see
 * word.c. In a condition that depends on the version of glibc: one is known if the variable is
 * nothing else.
 */
static uint64_t lock_offset(enum lock_kind kind, uint64_t offset)
{
	static const struct {
		enum lock_kind kind;
		uint64_t word;
		bool alone;
	} words[] = {
		{ KIND_RWLOCK, 8, false },
		{ KIND_BARRIER, 4, false },
		{ KIND_CONDITION, 32, true },
		{ KIND_CONDITION, 40, true },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].kind == kind &&
		    (words[i].alone ? offset == words[i].word : offset >= words[i].word))
			return offset - words[i].word;
	return offset;
}

/* Is it the file that the process runs?  Then it goes without saying. */
static bool is_program(const struct model *m, uint32_t pid, const char *region)
{
	const struct process *p;
	size_t len = strlen(region);

	DL_FOREACH (m->all_processes, p) {
		const char *line = p->have_proc ? p->last.cmdline : "";
		size_t first = strcspn(line, " ");

		if (p->pid != pid)
			continue;
		if (strncmp(p->comm, region, WIRE_COMM_LEN - 1) == 0)
			return true;
		if (len && first >= len && memcmp(line + first - len, region, len) == 0 &&
		    (first == len || line[first - len - 1] == '/'))
			return true;
	}
	return false;
}

/* "registry_lock", "cache+0x28 (libfoo.so.1)" */
static void put_variable(struct buf *b, const struct model *m, const struct lock *l,
			 const struct object *o, uint64_t word)
{
	uint64_t inside = word > l->base ? word - l->base : 0; /* the lock */
	uint64_t offset = lock_offset(l->kind, o->offset - (inside <= o->offset ? inside : 0));

	buf_puts(b, o->name);
	if (offset)
		buf_printf(b, "+0x%llx", (unsigned long long)offset);
	if (o->region[0] && !is_program(m, l->pid, o->region))
		buf_printf(b, " (%s)", o->region);
}

/* Memory of a file that has no symbol there has its address. */
static void put_object(struct buf *b, const struct model *m, const struct lock *l)
{
	static const char *const memory[] = { "", "heap", "stack", "memory" };
	uint64_t word;
	const struct object *o = l->by_place ? NULL : object_of(m, l, &word);

	if (!o)
		return;
	if (o->name[0]) {
		put_variable(b, m, l, o, word);
		return;
	}
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		if (strcmp(o->region, memory[i]) == 0) {
			buf_puts(b, memory[i]);
			return;
		}
	}
	buf_printf(b, "0x%llx (%s)", (unsigned long long)l->base, o->region);
}

static bool is_kind_of_memory(const char *object)
{
	return !strcmp(object, "heap") || !strcmp(object, "stack") || !strcmp(object, "memory");
}

/* "f (file.py:12)"; a name is short, so the path goes. */
static void name_place(struct buf *b, const struct frame *f)
{
	const char *slash;

	if (!f || !f->known || !f->function[0]) {
		buf_puts(b, "?");
		return;
	}
	slash = strrchr(f->file, '/');
	buf_printf(b, "%s (%s:%u)", f->function, slash ? slash + 1 : f->file, f->line);
}

static void put_python(struct buf *b, const struct lock *l)
{
	buf_puts(b, lock_kinds[l->kind].name);
	if (l->shared)
		buf_puts(b, " in shared memory (first");
	else if (!l->by_place)
		buf_printf(b, " 0x%llx (first", (unsigned long long)l->base);
	buf_puts(b, " at ");
	name_place(b, l->place);
	if (!l->by_place)
		buf_puts(b, ")");
}

static void put_name(struct buf *b, const struct lock *l, const char *object)
{
	const char *kind = lock_kinds[l->kind].name;

	if (l->name[0])
		buf_puts(b, l->name);
	else if (l->kind == KIND_FOLDED)
		buf_puts(b, "all other locks");
	else if (lock_is_python(l))
		put_python(b, l);
	else if (l->shared)
		buf_printf(b, "%s in %s+0x%llx", kind, l->path[0] ? l->path : "shared memory",
			   (unsigned long long)l->base);
	else if (*object && !is_kind_of_memory(object))
		buf_printf(b, "%s %s", kind, object);
	else
		buf_printf(b, *object ? "%s 0x%llx (%s)" : "%s 0x%llx", kind,
			   (unsigned long long)l->base, object);
}

/* It may be longer than there is room. */
static void set(char *ret, size_t size, struct buf *b)
{
	snprintf(ret, size, "%s", b->data ? b->data : "");
	buf_free(b);
	*b = (struct buf){ 0 };
}

void lock_name_fill(struct report_lock *ret, const struct model *m, const struct lock *l)
{
	struct buf b = { 0 };

	put_object(&b, m, l);
	set(ret->object, sizeof(ret->object), &b);
	put_name(&b, l, ret->object);
	set(ret->name, sizeof(ret->name), &b);
}
