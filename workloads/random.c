// SPDX-License-Identifier: GPL-2.0-or-later
/* The classic "generate random data": appends random doubles to an array that grows by need. */
#include <stdlib.h>

#include "workload.h"

struct vector {
	double *items;
	size_t used;
	size_t room;
};

/* Grows by an eighth, as a Python list does: the point is the reallocations. */
static void vector_append(struct vector *vector, double item)
{
	if (vector->used == vector->room) {
		vector->room += vector->room / 8 + 8;
		vector->items = realloc(vector->items, vector->room * sizeof(*vector->items));
		if (!vector->items)
			die("out of memory");
	}
	vector->items[vector->used++] = item;
}

static void random_unit(struct worker *w)
{
	unsigned short seed[3] = {(unsigned short)w->global, (unsigned short)w->done, 1};
	struct vector vector = {0};

	for (uint64_t i = 0; i < w->run->opt.size; i++)
		vector_append(&vector, erand48(seed));
	free(vector.items);
}

WORKLOAD(random, .summary = "fills a growing array with random doubles", .modes = MODE_ALL,
	 .size = 100000, .calibrates = true, .unit = random_unit);
