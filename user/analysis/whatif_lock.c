// SPDX-License-Identifier: GPL-2.0-or-later
/* whatif_lock.c - which lock a name means; see whatif_parts.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user/analysis/whatif_parts.h"
#include "user/base/buf.h"

#define SHOWN 6 /* candidates */

static bool is_id(const struct report_lock *l, const char *name)
{
	char *end;

	return (name[0] == 'L' || name[0] == 'l') && name[1] >= '0' && name[1] <= '9' &&
	       strtoul(name + 1, &end, 10) == l->id && !*end;
}

static bool is_name(const struct report_lock *l, const char *name)
{
	return !strcasecmp(l->name, name) || (l->object[0] && !strcasecmp(l->object, name));
}

static bool is_part(const struct report_lock *l, const char *name)
{
	return strcasestr(l->name, name) || strcasestr(l->object, name);
}

/* Append "L1 GIL (CPython 3.11)". */
static void list(char *why, size_t size, const struct report_lock *l, size_t nth)
{
	size_t len = strlen(why);

	if (nth < SHOWN)
		snprintf(why + len, size - len, "%sL%u %.60s", nth ? ", " : "", l->id, l->name);
	else if (nth == SHOWN)
		snprintf(why + len, size - len, ", ...");
}

static void list_matches(const struct report *r, const char *name, char *why, size_t size,
			 bool (*match)(const struct report_lock *l, const char *name))
{
	size_t nth = 0;

	for (size_t i = 0; i < r->n_locks; i++)
		if (!match || match(&r->locks[i], name))
			list(why, size, &r->locks[i], nth++);
}

const struct report_lock *whatif_find_lock(const struct report *r, const char *name, char *why,
					   size_t size)
{
	static bool (*const ways[])(const struct report_lock *l,
				    const char *name) = { is_id, is_name, is_part };

	for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
		const struct report_lock *found = NULL;
		size_t n = 0;

		for (size_t i = 0; i < r->n_locks; i++) {
			if (!ways[way](&r->locks[i], name))
				continue;
			found = &r->locks[i];
			n++;
		}
		if (n == 1)
			return found;
		if (!n)
			continue;
		snprintf(why, size, "%zu locks have that name: ", n);
		list_matches(r, name, why, size, ways[way]);
		return NULL;
	}
	snprintf(why, size, r->n_locks ? "no such lock; there are " : "nobody waited for any lock");
	list_matches(r, name, why, size, NULL);
	return NULL;
}
