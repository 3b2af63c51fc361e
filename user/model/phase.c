// SPDX-License-Identifier: GPL-2.0-or-later
/* phase.c - see phase.h. */
#include <string.h>

#include "user/model/phase.h"

/* The window grew beyond the slices: make each twice as long. */
static void halve_phases(struct model *m)
{
	struct phase *p = m->phases;

	for (size_t i = 0; i < MODEL_PHASES / 2; i++) {
		struct phase sum = p[2 * i];

		sum.running_ns += p[2 * i + 1].running_ns;
		sum.runnable_ns += p[2 * i + 1].runnable_ns;
		sum.waiting_ns += p[2 * i + 1].waiting_ns;
		sum.gil_ns += p[2 * i + 1].gil_ns;
		p[i] = sum;
	}
	memset(p + MODEL_PHASES / 2, 0, MODEL_PHASES / 2 * sizeof(*p));
	m->phase_ns *= 2;
}

void phase_add(struct model *m, enum level_part part, bool gil, uint64_t from, uint64_t to)
{
	uint64_t begin = model_begin_ns(m), end = model_end_ns(m);

	from = from > begin ? from : begin;
	from = from > m->detail_begin_ns ? from : m->detail_begin_ns;
	to = to < end ? to : end;
	if (part == PART_NONE || to <= from || !m->have_window)
		return;
	while ((to - begin - 1) / m->phase_ns >= MODEL_PHASES)
		halve_phases(m);
	while (from < to) {
		size_t i = (size_t)((from - begin) / m->phase_ns);
		uint64_t stop = begin + (i + 1) * m->phase_ns;
		uint64_t ns = (to < stop ? to : stop) - from;

		if (part == PART_RUNNING)
			m->phases[i].running_ns += ns;
		else if (part == PART_RUNNABLE)
			m->phases[i].runnable_ns += ns;
		else
			m->phases[i].waiting_ns += ns;
		if (part == PART_WAITING && gil)
			m->phases[i].gil_ns += ns;
		from += ns;
	}
}
