/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ledger.h - the formats of a bench's ledger; as render.h is for reports.
 */
#ifndef PARASCOPE_RENDER_LEDGER_H
#define PARASCOPE_RENDER_LEDGER_H

#include "user/bench/ledger.h"
#include "user/render/render.h"

struct ledger_renderer {
	const char *name, *summary;
	void (*render)(struct buf *out, const struct ledger *l, const struct render_opts *o);
};

extern const struct ledger_renderer ledger_renderers[]; /* ends with a NULL name */

/* NULL: there is no such format. */
const struct ledger_renderer *ledger_renderer_find(const char *name);

void ledger_text(struct buf *out, const struct ledger *l, const struct render_opts *o);
void ledger_json(struct buf *out, const struct ledger *l, const struct render_opts *o);
void ledger_svg(struct buf *out, const struct ledger *l, const struct render_opts *o);

#endif
