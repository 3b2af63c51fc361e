// SPDX-License-Identifier: GPL-2.0-or-later
/* render.c - the table of output formats; see render.h. */
#include <string.h>

#include "user/render/render.h"

const struct render_opts render_defaults = {
	.width = 100,
	.top = RENDER_TOP,
};

const struct renderer renderers[] = {
	{ "text", "for people: verdict, evidence, budget, threads, locks", render_text },
	{ "json", "for programs: everything that was measured, with a schema", render_json },
	{ "folded", "for flame graphs: a line for each stack, in us; see --profile",
	  render_folded },
	{ NULL, NULL, NULL },
};

const struct renderer *renderer_find(const char *name)
{
	for (const struct renderer *r = renderers; r->name; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}
