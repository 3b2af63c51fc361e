// SPDX-License-Identifier: GPL-2.0-or-later
/* Pure CPU: counts down. Nothing to wait for, so modes differ only by how many CPUs they use. */
#include "workload.h"

static void cpu_unit(struct worker *w)
{
	countdown(w->run->opt.size);
}

WORKLOAD(cpu, .summary = "counts down: pure CPU work", .modes = MODE_ALL, .size = 100000,
	 .calibrates = true, .unit = cpu_unit);
