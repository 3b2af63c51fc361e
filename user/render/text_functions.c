// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_functions.c - the functions that used the CPU.
 *
 *	FUNCTIONS  by CPU time, from samples; percent of all CPU time
 *	    time     %  function (file:line)            most in thread
 *	  9.71 s  97.1  count (…/app/countdown.py:7)    4713 Thread-1 (count)
 */
#include "user/analysis/report.h"
#include "user/render/text_parts.h"

void text_functions(struct text *t)
{
	const struct report *r = t->r;
	size_t known = 0, native = 0;

	for (size_t i = 0; i < r->n_running; i++) {
		const struct report_place *p = &r->running[i].place;

		known += text_place_known(p);
		native += p->module && *p->module;
	}
	if (!known)
		return;
	text_heading(t, native ? "FUNCTIONS" : "PYTHON FUNCTIONS",
		     "by CPU time, from samples; percent of all CPU time");
	text_sites(t, 2, native ? "function (file:line or module)" : "function (file:line)",
		   r->running, r->n_running, r->par.on_cpu_ns);
}
