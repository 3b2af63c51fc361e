// SPDX-License-Identifier: GPL-2.0-or-later
/* The classic "heavy calculation": adds up the numbers below --size. Pure CPU, as is cpu. */
#include "workload.h"

static void sum_unit(struct worker *w)
{
	volatile uint64_t sum = 0;

	for (uint64_t i = 0; i < w->run->opt.size; i++)
		sum += i;
}

WORKLOAD(sum, .summary = "adds up numbers: pure CPU work", .modes = MODE_ALL, .size = 100000,
	 .calibrates = true, .unit = sum_unit);
