// SPDX-License-Identifier: GPL-2.0-or-later
/* fail.c - keeps the last error message; see fail.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/base/fail.h"

static _Thread_local char text[1024];

int fail(int err, const char *fmt, ...)
{
	char msg[sizeof(text)]; /* an argument may be fail_text() itself */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	memcpy(text, msg, sizeof(text));
	return err;
}

int fail_in(int err, const char *fmt, ...)
{
	char msg[sizeof(text)];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	len = strlen(msg);
	snprintf(msg + len, sizeof(msg) - len, ": %.*s", (int)(sizeof(msg) - len), text);
	memcpy(text, msg, sizeof(text));
	return err;
}

const char *fail_text(void)
{
	return text;
}
