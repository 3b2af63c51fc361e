// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cover.c - see cover.h.  Settling walks over the begins and ends in order and keeps the spans that
 * are open there in a heap, so it takes n log n however they overlap.
 */
#include <stdlib.h>

#include "user/base/buf.h"
#include "user/symbol/cover.h"

struct heap {
	const struct cover_span *spans; /* in order of begin */
	uint32_t *open;			/* indexes of spans, the one that counts first */
	size_t n;
};

void cover_add(struct cover *c, uint64_t begin, uint64_t end, uint32_t value, uint32_t rank)
{
	if (begin < end)
		vec_push(c->spans, c->n, c->cap) = (struct cover_span){
			.begin = begin, .end = end, .value = value, .rank = rank
		};
}

static bool counts_more(const struct heap *h, uint32_t a, uint32_t b)
{
	if (h->spans[a].rank != h->spans[b].rank)
		return h->spans[a].rank > h->spans[b].rank;
	return a > b; /* begins later, or was added later */
}

static void swap(struct heap *h, size_t i, size_t j)
{
	uint32_t t = h->open[i];

	h->open[i] = h->open[j];
	h->open[j] = t;
}

static void push(struct heap *h, uint32_t span)
{
	size_t i = h->n++;

	h->open[i] = span;
	for (; i && counts_more(h, h->open[i], h->open[(i - 1) / 2]); i = (i - 1) / 2)
		swap(h, i, (i - 1) / 2);
}

static void pop(struct heap *h)
{
	size_t i = 0;

	h->open[0] = h->open[--h->n];
	for (;;) {
		size_t best = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->n; child++)
			if (counts_more(h, h->open[child], h->open[best]))
				best = child;
		if (best == i)
			return;
		swap(h, i, best);
		i = best;
	}
}

static int by_begin(const void *va, const void *vb)
{
	const struct cover_span *const *a = va, *const *b = vb;

	if ((*a)->begin != (*b)->begin)
		return (*a)->begin < (*b)->begin ? -1 : 1;
	return *a < *b ? -1 : 1; /* in the order in which they were added */
}

/* qsort() does not keep the order of equals, their places do. */
static struct cover_span *sorted(const struct cover *c)
{
	const struct cover_span **places = xcalloc(c->n, sizeof(*places));
	struct cover_span *ret = xcalloc(c->n, sizeof(*ret));

	for (size_t i = 0; i < c->n; i++)
		places[i] = &c->spans[i];
	qsort(places, c->n, sizeof(*places), by_begin);
	for (size_t i = 0; i < c->n; i++)
		ret[i] = *places[i];
	free(places);
	return ret;
}

static void emit(struct cover *c, uint64_t begin, uint64_t end, const struct cover_span *from)
{
	struct cover_span *last = c->n ? &c->spans[c->n - 1] : NULL;

	if (last && last->end == begin && last->value == from->value && last->rank == from->rank)
		last->end = end;
	else
		cover_add(c, begin, end, from->value, from->rank);
}

void cover_settle(struct cover *c)
{
	struct cover out = { 0 };
	struct heap h = { 0 };
	uint64_t at = 0;

	if (!c->n)
		return;
	h.spans = sorted(c);
	h.open = xcalloc(c->n, sizeof(*h.open));
	for (size_t i = 0; i < c->n || h.n;) {
		const struct cover_span *top;
		uint64_t until;

		if (!h.n)
			at = h.spans[i].begin;
		for (; i < c->n && h.spans[i].begin <= at; i++)
			push(&h, (uint32_t)i);
		while (h.n && h.spans[h.open[0]].end <= at)
			pop(&h);
		if (!h.n)
			continue;
		top = &h.spans[h.open[0]];
		until = i < c->n && h.spans[i].begin < top->end ? h.spans[i].begin : top->end;
		emit(&out, at, until, top);
		at = until;
	}
	free((void *)h.spans);
	free(h.open);
	free(c->spans);
	*c = out;
}

const struct cover_span *cover_find(const struct cover *c, uint64_t addr)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->spans[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->n && c->spans[low].begin <= addr ? &c->spans[low] : NULL;
}

void cover_free(struct cover *c)
{
	free(c->spans);
	*c = (struct cover){ 0 };
}
