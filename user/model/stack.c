// SPDX-License-Identifier: GPL-2.0-or-later
/* stack.c - see stack.h. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/natlock.h"
#include "user/model/stack.h"

#define NO_CALL (-1)

/* --- stacks and frames ------------------------------------------------------------------------ */

const struct frame stack_entry = { .key.code = WIRE_CODE_ENTRY };

/* Addresses of the kernel are the same in all processes; what is native may be replaced. */
static struct frame *frame_get(struct model *m, uint64_t pid, uint64_t space,
			       const struct wire_frame_id *id, uint64_t depth)
{
	struct frame_key key = { id->code == WIRE_CODE_KERNEL ? 0 : pid,
				 id->code == WIRE_CODE_NATIVE ? space : 0, id->code, id->instr, depth };
	struct frame *f;

	HASH_FIND(hh, m->frames, &key, sizeof(key), f);
	if (f || HASH_COUNT(m->frames) >= MODEL_MAX_FRAMES)
		return f;
	f = xcalloc(1, sizeof(*f));
	f->key = key;
	HASH_ADD(hh, m->frames, key, sizeof(f->key), f);
	return f;
}

enum part { PART_KERNEL, PART_NATIVE, PART_PYTHON };

static enum part part_of(const struct wire_frame_id *id)
{
	if (id->code == WIRE_CODE_KERNEL)
		return PART_KERNEL;
	return id->code == WIRE_CODE_NATIVE ? PART_NATIVE : PART_PYTHON;
}

/* Append the frames of one part; returns how many. */
static size_t add_part(struct model *m, struct stack *stack, const struct wire_stack *s, size_t n,
		       enum part part)
{
	size_t begin = stack->n;

	for (size_t i = 0; i < n; i++) {
		const struct wire_frame_id *id = &s->frames[i];

		if (part_of(id) == part)
			stack->frames[stack->n++] = id->code == WIRE_CODE_ENTRY
							    ? &stack_entry
							    : frame_get(m, s->head.tid, s->space, id, 0);
	}
	return stack->n - begin;
}

struct stack *stack_add(struct model *m, const struct wire_stack *s)
{
	size_t n = s->n < WIRE_FRAMES_MAX ? s->n : WIRE_FRAMES_MAX;
	struct stack *stack;

	HASH_FIND(hh, m->stacks, &s->id, sizeof(s->id), stack);
	if (stack || !s->id || HASH_COUNT(m->stacks) >= MODEL_MAX_STACKS)
		return stack;
	stack = xcalloc(1, sizeof(*stack) + n * sizeof(stack->frames[0]));
	stack->id = s->id;
	stack->flags = s->flags;
	stack->number = HASH_COUNT(m->stacks) + 1;
	stack->n_kernel = add_part(m, stack, s, n, PART_KERNEL);
	stack->n_native = add_part(m, stack, s, n, PART_NATIVE);
	add_part(m, stack, s, n, PART_PYTHON);
	HASH_ADD(hh, m->stacks, id, sizeof(stack->id), stack);
	return stack;
}

void stack_name_frame(struct model *m, const struct wire_frame *r)
{
	struct frame *f = frame_get(m, r->head.tid, r->space, &r->id, r->depth);

	if (!f)
		return;
	f->known = true;
	f->flags = r->flags;
	f->line = r->line;
	f->first = r->first;
	f->offset = r->offset;
	f->caller = NULL;
	if (r->flags & WIRE_FRAME_MORE && r->depth < UINT16_MAX)
		f->caller = frame_get(m, r->head.tid, r->space, &r->id, r->depth + 1);
	memcpy(f->function, r->function, sizeof(f->function));
	memcpy(f->file, r->file, sizeof(f->file));
	memcpy(f->module, r->module, sizeof(f->module));
	natlock_note(f);
}

const struct stack *stack_find(const struct model *m, uint64_t id)
{
	struct stack *stack = NULL;

	if (id)
		HASH_FIND(hh, m->stacks, &id, sizeof(id), stack);
	return stack;
}

/* --- sites ------------------------------------------------------------------------------------ */

static struct site *site_find(const struct model *m, const struct site_key *key)
{
	struct site *s;

	HASH_FIND(hh, m->sites, key, sizeof(*key), s);
	return s;
}

/* Beyond the limit time goes to the one without a stack, so that sums stay exact. */
static struct site *site_get(struct model *m, struct site **list, struct site_key key)
{
	struct site *s = site_find(m, &key);

	if (s)
		return s;
	if (HASH_COUNT(m->sites) >= MODEL_MAX_SITES) {
		key.stack = NULL;
		key.thread_id = 0;
		key.nr = NO_CALL;
		s = site_find(m, &key);
		if (s)
			return s;
	}
	s = xcalloc(1, sizeof(*s));
	memcpy(&s->key, &key, sizeof(key));
	HASH_ADD(hh, m->sites, key, sizeof(s->key), s);
	LL_PREPEND(*list, s);
	return s;
}

/* A key is compared byte by byte. */
static struct site_key make_key(const void *owner, enum site_role role, const struct stack *stack)
{
	struct site_key key;

	memset(&key, 0, sizeof(key));
	key.owner = owner;
	key.stack = stack;
	key.role = role;
	key.nr = NO_CALL;
	return key;
}

void site_of_party(struct model *m, struct party *p, enum site_role role, const struct stack *stack,
		   uint64_t ns)
{
	struct site *s;

	if (!ns)
		return;
	s = site_get(m, &p->sites, make_key(p, role, stack));
	s->ns += ns;
	s->count++;
}

void site_of_sleep(struct model *m, struct party *p, const struct stack *stack, int32_t nr,
		   uint64_t ns, uint64_t slept_ns)
{
	struct site_key key = make_key(p, SITE_ASLEEP, stack);
	struct site *s;

	key.nr = nr;
	s = site_get(m, &p->sites, key);
	s->ns += ns;
	s->count++;
	s->held_ns += slept_ns;
	if (slept_ns > s->max_ns)
		s->max_ns = slept_ns;
}

void site_of_thread(struct model *m, const struct thread *t, bool with_gil,
		    const struct stack *stack, uint64_t ns)
{
	struct process *p = t->process;
	struct site_key key = make_key(p, with_gil ? SITE_WITH : SITE_WITHOUT, stack);
	struct site *s;

	key.thread_id = t->id;
	key.gil = t->python.gil;
	s = site_get(m, &p->sites, key);
	if (s->key.thread_id) {
		s->tid = t->tid;
		memcpy(s->comm, t->comm, sizeof(s->comm));
	}
	s->ns += ns;
	s->count++;
}

void site_free_list(struct model *m, struct site *list)
{
	struct site *s, *next;

	LL_FOREACH_SAFE(list, s, next)
	{
		HASH_DEL(m->sites, s);
		free(s);
	}
}

void site_move_list(struct model *m, struct process *to, struct site *list)
{
	struct site *s, *next, *into;

	LL_FOREACH_SAFE(list, s, next)
	{
		struct site_key key = s->key;
		struct site old = *s;

		HASH_DEL(m->sites, s);
		free(s);
		key.owner = to;
		into = site_get(m, &to->sites, key);
		if (into->key.thread_id) {
			into->tid = old.tid;
			memcpy(into->comm, old.comm, sizeof(into->comm));
		}
		into->ns += old.ns;
		into->count += old.count;
	}
}

void stack_free_all(struct model *m)
{
	struct site *site, *next_site;
	struct stack *stack, *next_stack;
	struct frame *frame, *next_frame;

	HASH_ITER(hh, m->sites, site, next_site)
	{
		HASH_DEL(m->sites, site);
		free(site);
	}
	HASH_ITER(hh, m->stacks, stack, next_stack)
	{
		HASH_DEL(m->stacks, stack);
		free(stack);
	}
	HASH_ITER(hh, m->frames, frame, next_frame)
	{
		HASH_DEL(m->frames, frame);
		free(frame);
	}
}
