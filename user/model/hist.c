// SPDX-License-Identifier: GPL-2.0-or-later
/* hist.c - see hist.h. */
#include <stdlib.h>

#include "user/base/buf.h"
#include "user/model/hist.h"

/* Values below HIST_SUB have a slot each; then HIST_SUB slots an octave. */
static size_t slot_of(uint64_t value)
{
	int top;

	if (value < HIST_SUB)
		return (size_t)value;
	top = 63 - __builtin_clzll(value); /* >= 3 */
	return (size_t)(top - 2) * HIST_SUB + ((value >> (top - 3)) & (HIST_SUB - 1));
}

uint64_t hist_floor(size_t i)
{
	size_t octave = i / HIST_SUB;

	if (octave == 0)
		return i;
	return (HIST_SUB + i % HIST_SUB) << (octave - 1);
}

static void widen(struct hist *h, size_t first, size_t last)
{
	if (first < h->first)
		h->first = (uint16_t)first;
	if (last > h->last)
		h->last = (uint16_t)last;
}

void hist_add_n(struct hist *h, uint64_t value, uint64_t n)
{
	size_t i = slot_of(value);

	if (!h->slot) {
		h->slot = xcalloc(HIST_SLOTS, sizeof(*h->slot));
		h->first = (uint16_t)i;
	}
	h->slot[i] += (uint32_t)n;
	widen(h, i, i);
}

void hist_add(struct hist *h, uint64_t value)
{
	hist_add_n(h, value, 1);
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (!from->slot)
		return;
	if (!into->slot) {
		into->slot = xcalloc(HIST_SLOTS, sizeof(*into->slot));
		into->first = from->first;
	}
	for (size_t i = from->first; i <= from->last; i++)
		into->slot[i] += from->slot[i];
	widen(into, from->first, from->last);
}

uint64_t hist_count(const struct hist *h)
{
	uint64_t n = 0;

	for (size_t i = 0; h->slot && i < HIST_SLOTS; i++)
		n += h->slot[i];
	return n;
}

uint64_t hist_quantile(const struct hist *h, double q, uint64_t max)
{
	uint64_t seen = 0, middle;
	double wanted = q * (double)hist_count(h);

	for (size_t i = 0; h->slot && i < HIST_SLOTS; i++) {
		seen += h->slot[i];
		if (!h->slot[i] || (double)seen < wanted)
			continue;
		middle = hist_floor(i) + (hist_floor(i + 1) - hist_floor(i)) / 2;
		return middle < max ? middle : max;
	}
	return 0;
}

void hist_free(struct hist *h)
{
	free(h->slot);
	*h = (struct hist){ 0 };
}
