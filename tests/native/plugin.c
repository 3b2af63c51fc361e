// SPDX-License-Identifier: GPL-2.0-or-later
/* plugin.so of deep.c: code that is mapped while parascope watches. */
#include <alloca.h>
#include <string.h>

#include "deep.h"

__attribute__((visibility("default"))) void plugin_enter(struct walk *w);

static PLACE void plugin_inner(struct walk *w, char *room)
{
	room[0] = 'p';
	deep_down(w);
	w->sum += (unsigned char)room[0];
}

void plugin_enter(struct walk *w)
{
	char *room = alloca(32 + deep_dice(w) % 64);

	plugin_inner(w, room);
	KEEP();
}
