// SPDX-License-Identifier: GPL-2.0-or-later
/* ledger.c - the table of formats; see ledger.h. */
#include <string.h>

#include "user/render/ledger.h"

const struct ledger_renderer ledger_renderers[] = {
	{ "text", "for people: tables, bars, and a verdict in words", ledger_text },
	{ "json", "for programs: every run and every figure", ledger_json },
	{ "svg", "one picture: how long each mode took, and on what", ledger_svg },
	{ NULL, NULL, NULL },
};

const struct ledger_renderer *ledger_renderer_find(const char *name)
{
	for (const struct ledger_renderer *r = ledger_renderers; r->name; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}
