// SPDX-License-Identifier: GPL-2.0-or-later
/* said.c - listens to libbpf; see said.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "user/session/said.h"

static char verifier[256];
static bool loud;

/* "prog 'NAME': -- BEGIN ...\n", a log that ends with the reason and a line of statistics. */
static void keep_verifier(const char *text)
{
	const char *name = strchr(text, '\''), *line = strchr(text, '\n'), *reason = NULL;

	while (line && *++line) {
		if (strncmp(line, "processed ", 10) && strncmp(line, "-- ", 3) && *line != '\n')
			reason = line;
		line = strchr(line, '\n');
	}
	if (name && reason)
		snprintf(verifier, sizeof(verifier), "%.*s: %.*s", (int)strcspn(name + 1, "'"),
			 name + 1, (int)strcspn(reason, "\n"), reason);
}

static int listen(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	va_list again;
	char *text;

	va_copy(again, ap);
	if (level == LIBBPF_WARN && strstr(fmt, "PROG LOAD LOG") &&
	    vasprintf(&text, fmt, again) > 0) {
		keep_verifier(text);
		free(text);
	}
	va_end(again);
	return loud && level != LIBBPF_DEBUG ? vfprintf(stderr, fmt, ap) : 0;
}

void said_begin(bool wanted)
{
	loud = wanted;
	verifier[0] = '\0';
	libbpf_set_print(listen);
}

const char *said_by_verifier(void)
{
	return verifier;
}
