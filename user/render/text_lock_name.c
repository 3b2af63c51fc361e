// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_lock_name.c - what a lock is called, and where it is taken.
 *
 *	mutex registry_lock
 *	mutex 0x55d0c2a412e0 (heap)
 *	GIL (CPython 3.11)
 */
#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

void text_lock_name(struct buf *out, const struct text *t, const struct report_lock *l)
{
	const char *kind = l->kind ? l->kind : "lock";
	bool named = *l->name != '\0';

	/* "mutex registry_lock" and "GIL (CPython 3.11)" say what they are themselves. */
	if (!named || (l->class != LOCK_CLASS_GIL && !text_starts_with(l->name, kind)))
		buf_printf(out, "%s%s", kind, named ? " " : "");
	if (named)
		escape_add(out, TEXT_ARRAY(l->name), ESCAPE_NO_LIMIT, t->unicode);
	else if (l->addr)
		buf_printf(out, " 0x%llx", (unsigned long long)l->addr);
}

/* Where it is taken, or waited for; a place that only a part of the waits has will do. */
const struct report_place *text_lock_place(const struct report_lock *l)
{
	if (text_place_known(&l->place))
		return &l->place;
	for (size_t i = 0; i < l->n_sites; i++)
		if (text_place_known(&l->sites[i].place))
			return &l->sites[i].place;
	return NULL;
}
