// SPDX-License-Identifier: GPL-2.0-or-later
/* quality.c - how good the numbers of a report are: what was lost, what watching cost. */
#include <string.h>

#include "user/analysis/analysis.h"
#include "user/base/buf.h"

static const struct {
	const char *key;
	const char *label;
	bool harmless; /* does not make the report incomplete */
} losses[WIRE_LOSS_KINDS] = {
	[WIRE_LOSS_MADE] = { "made", "records made", true },
	[WIRE_LOSS_RING_FULL] = { "ring_full", "records dropped, the ring buffer was full", false },
	[WIRE_LOSS_STORAGE] = { "storage", "threads in the fallback table", true },
	[WIRE_LOSS_THREAD] = { "thread", "threads that could not be watched", false },
	[WIRE_LOSS_READ] = { "read", "reads of user memory that failed", true },
	[WIRE_LOSS_CLOCK] = { "clock", "events with a time before the last one", true },
	[WIRE_LOSS_SWITCH] = { "switch", "switches not shown by the kernel, their time is known",
			       true },
	[WIRE_LOSS_SKIPPED] = { "skipped", "events that the kernel did not tell", false },
	[WIRE_LOSS_PYTHREAD] = { "pythread", "looks into Python that did not find the thread", true },
	[WIRE_LOSS_STACK] = { "stack", "samples whose stack could not be read", true },
	[WIRE_LOSS_TRUNCATED] = { "truncated", "different stacks deeper than what is read", true },
	[WIRE_LOSS_UNWIND] = { "unwind", "native stacks that end early", true },
	[WIRE_LOSS_RECEIVED] = { "received", "records received", true },
	[WIRE_LOSS_RECURSION] = { "recursion", "program runs skipped by the kernel", false },
	[WIRE_LOSS_LATE] = { "late", "records too late to be put in order", true },
	[WIRE_LOSS_SHARED] = { "shared", "shared futex words of unknown file", true },
	[WIRE_LOSS_SOURCE] = { "source", "optional event sources missing in this kernel", true },
	[WIRE_LOSS_FRAME] = { "frame", "frames whose function is not known", true },
};

static void fill_samples(struct report_quality *q, const struct model *m)
{
	q->samples = m->samples;
	q->samples_unread = m->samples_unread;
	q->sample_ns = m->sample_ns;
	q->stacks = HASH_COUNT(m->stacks);
	for (const struct stack *s = m->stacks; s; s = s->hh.next)
		q->stacks_truncated += (s->flags & (WIRE_STACK_TRUNCATED | WIRE_STACK_TORN)) != 0;
	for (const struct frame *f = m->frames; f; f = f->hh.next)
		q->frames_unknown += !f->key.depth && (!f->known || !f->function[0]);
	q->samples_native = m->samples_native;
	q->samples_whole = m->samples_whole;
	q->samples_cut = m->samples_cut;
	q->samples_astray = m->samples_astray;
	q->samples_no_rule = m->samples_no_rule;
	q->samples_no_memory = m->samples_no_memory;
	q->samples_early = m->samples_early;
	q->samples_pointers = m->samples_pointers;
}

static void fill_cost(struct report_quality *q, const struct wire_cost *cost)
{
	q->own_cpu_ns = cost->cpu_ns;
	q->own_rss_kib = cost->rss_kib;
	q->maps_kib = cost->maps_kib;
	q->ring_kib = cost->ring_kib;
	q->stacks_taken = cost->stacks;
	q->stacks_ns = cost->stack_ns;
	q->stacks_frames = cost->stack_frames;
	q->tables = cost->tables;
	q->table_rows = cost->table_rows;
	q->table_ns = cost->table_ns;
	q->symbol_cpu_ns = cost->symbol_cpu_ns;
}

void analysis_quality(struct report *r, const struct model *m)
{
	struct report_quality *q = &r->quality;

	q->made = m->loss.count[WIRE_LOSS_MADE];
	q->received = m->loss.count[WIRE_LOSS_RECEIVED];
	q->dropped = m->loss.count[WIRE_LOSS_RING_FULL];
	q->complete = m->closed;
	for (int i = 0; i < WIRE_LOSS_KINDS; i++) {
		q->loss[i] = (struct report_loss){ losses[i].key, losses[i].label,
						   m->loss.count[i] };
		if (m->loss.count[i] && !losses[i].harmless)
			q->complete = false;
	}
	if ((double)q->disagreement_ns >
	    ANALYSIS_DOUBT_SHARE * (double)r->par.on_cpu_ns + ANALYSIS_DOUBT_NS)
		q->complete = false;
	q->n_loss = WIRE_LOSS_KINDS;
	q->unmapped_shared = m->loss.count[WIRE_LOSS_SHARED];
	q->locks_folded = m->folded_locks;
	fill_samples(q, m);
	fill_cost(q, &m->cost);
	q->progs = xcalloc(m->n_progs, sizeof(*q->progs));
	q->n_progs = m->n_progs;
	for (size_t i = 0; i < m->n_progs; i++) {
		memcpy(q->progs[i].name, m->progs[i].name, sizeof(q->progs[i].name));
		q->progs[i].runs = m->progs[i].runs;
		q->progs[i].run_ns = m->progs[i].run_ns;
		q->progs[i].misses = m->progs[i].misses;
		q->prog_times |= m->progs[i].runs != 0;
	}
}
