// SPDX-License-Identifier: GPL-2.0-or-later
/* stack.c - see stack.h. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "user/base/buf.h"
#include "user/model/stack.h"

#define NO_CALL (-1)

/* --- stacks and frames ------------------------------------------------------------------------ */

static struct frame *frame_get(struct model *m, uint64_t pid, const struct wire_frame_id *id)
{
	struct frame_key key = { pid, id->code, id->instr };
	struct frame *f;

	HASH_FIND(hh, m->frames, &key, sizeof(key), f);
	if (f || HASH_COUNT(m->frames) >= MODEL_MAX_FRAMES)
		return f;
	f = xcalloc(1, sizeof(*f));
	f->key = key;
	HASH_ADD(hh, m->frames, key, sizeof(f->key), f);
	return f;
}

/* Where C called Python there is a frame without code: that is no place. */
void stack_add(struct model *m, const struct wire_stack *s)
{
	size_t n = s->n < WIRE_FRAMES_MAX ? s->n : WIRE_FRAMES_MAX;
	struct stack *stack;

	HASH_FIND(hh, m->stacks, &s->id, sizeof(s->id), stack);
	if (stack || !s->id || HASH_COUNT(m->stacks) >= MODEL_MAX_STACKS)
		return;
	stack = xcalloc(1, sizeof(*stack) + n * sizeof(stack->frames[0]));
	stack->id = s->id;
	stack->truncated = s->flags & (WIRE_STACK_TRUNCATED | WIRE_STACK_TORN);
	for (size_t i = 0; i < n; i++)
		if (s->frames[i].code)
			stack->frames[stack->n++] = frame_get(m, s->head.tid, &s->frames[i]);
	HASH_ADD(hh, m->stacks, id, sizeof(stack->id), stack);
}

void stack_name_frame(struct model *m, const struct wire_frame *r)
{
	struct frame *f = frame_get(m, r->head.tid, &r->id);

	if (!f)
		return;
	f->known = true;
	f->line = r->line;
	f->first = r->first;
	memcpy(f->function, r->function, sizeof(f->function));
	memcpy(f->file, r->file, sizeof(f->file));
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
