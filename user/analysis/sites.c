// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sites.c - see sites.h.
 *
 * Entries are sorted by place and thread; those of one place become a row, which takes its thread
 * from the one with most time there and its stack and line from the heaviest entry.
 */
#include <stdlib.h>
#include <string.h>

#include "user/analysis/frame.h"
#include "user/analysis/sites.h"
#include "user/base/buf.h"
#include "user/model/natlock.h"
#include "user/model/pylock.h"

struct site_entry {
	const struct stack *stack;
	const struct frame *place; /* NULL: not known */
	uint32_t line;		   /* part of the key: a line, or the first of the function */
	int32_t nr;
	uint64_t thread_id;
	uint32_t tid;
	const char *comm;
	uint64_t ns, count, held_ns, max_ns;
};

static const struct frame *innermost_python(const struct stack *stack)
{
	size_t i = 0;

	while (mix_python(stack)[i] == &stack_entry)
		i++;
	return mix_python(stack)[i];
}

/* Python's frames before native ones. */
static const struct frame *place_of(const struct stack *stack, enum sites_by by)
{
	const struct frame *place = NULL;

	if (!stack)
		return NULL;
	if (!mix_has_python(stack))
		place = natlock_place(stack);
	else if (by == SITES_WAITING)
		pylock_kind(stack, &place);
	else
		place = innermost_python(stack);
	return frame_is_known(place) ? place : NULL;
}

const struct frame *sites_function(const struct stack *stack)
{
	return place_of(stack, SITES_FUNCTIONS);
}

static struct site_entry *add(struct sites *s, const struct stack *stack, uint64_t ns)
{
	struct site_entry *e = &vec_push(s->entries, s->n, s->cap);

	e->stack = stack;
	e->place = place_of(stack, s->by);
	if (e->place)
		e->line = s->by == SITES_FUNCTIONS ? e->place->first : e->place->line;
	e->ns = s->scale > 0 ? (uint64_t)((double)ns * s->scale) : ns;
	e->nr = -1;
	s->any_stack |= stack != NULL;
	return e;
}

void sites_add(struct sites *s, const struct site *site)
{
	struct site_entry *e = add(s, site->key.stack, site->ns);

	e->thread_id = site->key.thread_id;
	e->tid = site->tid;
	e->comm = site->comm;
	e->count = site->count;
	e->nr = site->key.nr;
	e->held_ns = site->held_ns;
	e->max_ns = site->max_ns;
}

static void of_party(struct sites *s, const struct party *p)
{
	struct site_entry *e = &s->entries[s->n - 1];

	e->thread_id = p->thread_id;
	e->tid = p->tid;
	e->comm = p->comm;
}

void sites_add_rest(struct sites *s, const struct stack *stack, const struct party *p, uint64_t ns)
{
	if (!ns)
		return;
	add(s, stack, ns);
	of_party(s, p);
}

void sites_add_party(struct sites *s, const struct party *p, enum site_role role)
{
	for (const struct site *site = p->sites; site; site = site->next) {
		if (site->key.role != (uint32_t)role)
			continue;
		sites_add(s, site);
		of_party(s, p);
	}
}

/* --- rows ------------------------------------------------------------------------------------- */

static int compare_places(const struct site_entry *x, const struct site_entry *y)
{
	int order = frame_compare(x->place, x->line, y->place, y->line);

	if (order || !x->place)
		return order;
	return (x->nr > y->nr) - (x->nr < y->nr);
}

static int by_place(const void *a, const void *b)
{
	const struct site_entry *x = a, *y = b;
	uint64_t id_x = x->stack ? x->stack->id : 0, id_y = y->stack ? y->stack->id : 0;
	int order = compare_places(x, y);

	if (order)
		return order;
	if (x->thread_id != y->thread_id)
		return x->thread_id < y->thread_id ? -1 : 1;
	return (id_x > id_y) - (id_x < id_y);
}

static int by_weight(const void *a, const void *b)
{
	const struct site_row *x = a, *y = b;
	int order;

	if (x->site.ns != y->site.ns)
		return x->site.ns < y->site.ns ? 1 : -1;
	order = strcmp(x->site.place.function, y->site.place.function);
	if (!order)
		order = strcmp(x->site.place.file, y->site.place.file);
	if (!order)
		order = strcmp(x->site.place.module, y->site.place.module);
	if (!order)
		order = (x->site.place.offset > y->site.place.offset) -
			(x->site.place.offset < y->site.place.offset);
	if (!order)
		order = (x->site.place.line > y->site.place.line) -
			(x->site.place.line < y->site.place.line);
	return order ? order : (x->nr > y->nr) - (x->nr < y->nr);
}

static void name_thread(struct report_site *ret, const struct site_entry *e,
			const struct thread_times *times, size_t n)
{
	long i = thread_times_find(times, n, e->thread_id);

	ret->tid = e->tid;
	memcpy(ret->comm, i < 0 ? e->comm : times[i].thread->comm, sizeof(ret->comm));
	ret->thread_name = i < 0 ? "" : times[i].thread->python.name;
}

/* All entries of one place; they are sorted by thread. */
static void fill_row(struct site_row *ret, const struct site_entry *e, size_t n,
		     const struct thread_times *times, size_t n_times)
{
	const struct site_entry *heaviest = e, *busiest = e;
	uint64_t thread_ns = 0, most_ns = 0;

	for (size_t i = 0; i < n; i++) {
		if (i && e[i].thread_id != e[i - 1].thread_id)
			thread_ns = 0;
		thread_ns += e[i].ns;
		if (thread_ns > most_ns) {
			most_ns = thread_ns;
			busiest = &e[i];
		}
		if (e[i].ns > heaviest->ns)
			heaviest = &e[i];
		ret->site.ns += e[i].ns;
		ret->site.samples += e[i].count;
		ret->held_ns += e[i].held_ns;
		if (e[i].max_ns > ret->max_ns)
			ret->max_ns = e[i].max_ns;
	}
	ret->nr = e->nr;
	ret->site.place = frame_place(heaviest->place);
	name_thread(&ret->site, busiest, times, n_times);
	ret->site.stack = (const char *)heaviest->stack; /* spelled out for those that stay */
}

struct site_row *sites_top(struct sites *s, const struct thread_times *times, size_t n_times,
			   size_t *ret_n)
{
	struct site_row *rows = NULL;
	size_t n = 0, end;

	*ret_n = 0;
	if (s->any_stack) {
		rows = xcalloc(s->n, sizeof(*rows));
		qsort(s->entries, s->n, sizeof(*s->entries), by_place);
	}
	for (size_t i = 0; rows && i < s->n; i = end) {
		for (end = i + 1; end < s->n; end++)
			if (compare_places(&s->entries[i], &s->entries[end]))
				break;
		fill_row(&rows[n++], &s->entries[i], end - i, times, n_times);
	}
	if (n)
		qsort(rows, n, sizeof(*rows), by_weight);
	if (n > SITES_MAX)
		n = SITES_MAX;
	for (size_t i = 0; i < n; i++)
		rows[i].site.stack = frame_stack_text((const struct stack *)rows[i].site.stack);
	free(s->entries);
	*s = (struct sites){ .by = s->by };
	*ret_n = n;
	return rows;
}

struct report_site *sites_places(struct sites *s, const struct thread_times *times, size_t n_times,
				 size_t *ret_n)
{
	struct site_row *rows = sites_top(s, times, n_times, ret_n);
	struct report_site *places = rows ? xcalloc(*ret_n, sizeof(*places)) : NULL;

	for (size_t i = 0; i < *ret_n; i++)
		places[i] = rows[i].site;
	free(rows);
	return places;
}

void sites_free(struct report_site *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((char *)list[i].stack);
	free(list);
}
