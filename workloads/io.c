// SPDX-License-Identifier: GPL-2.0-or-later
/* Input and output as the articles mean it: sleep. Overlaps in every mode but seq. */
#include "workload.h"

static void io_unit(struct worker *w)
{
	sleep_ns(w->run->opt.hold_ns);
}

WORKLOAD(io, .summary = "sleeps for --hold-us", .modes = MODE_ALL, .hold_us = 10000,
	 .calibrates = true, .unit = io_unit);
