// SPDX-License-Identifier: GPL-2.0-or-later
/* name.c - see name.h. */
#include <ctype.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "user/symbol/name.h"

#define MANGLED_MAX 2048 /* demanglers may need time that is exponential in it */

bool name_is_mangled(const char *s)
{
	return s[0] == '_' && (s[1] == 'Z' || (s[1] == 'R' && isupper((unsigned char)s[2])));
}

/* Where what a compiler appended begins, else the end. */
static size_t without_suffix(const char *s, size_t len)
{
	static const char *const suffixes[] = {
		".cold", ".part.", ".constprop.", ".isra.", ".lto_priv.", ".llvm.",
	};
	size_t digits = len;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		const char *found = memmem(s, len, suffixes[i], strlen(suffixes[i]));

		if (found && found > s)
			len = (size_t)(found - s);
	}
	for (digits = len; digits && isdigit((unsigned char)s[digits - 1]);)
		digits--;
	if (digits < len && digits > 1 && s[digits - 1] == '.')
		len = digits - 1;
	return len;
}

/*
 * Only these two: cplus_demangle() and others of libiberty bring its xcalloc() and xrealloc(), which
 * are not ours.
 */
static char *demangle(const char *s)
{
	char *ret = rust_demangle(s, 0);

	return ret ? ret : cplus_demangle_v3(s, DMGL_ANSI);
}

/* glibc calls itself by symbols with this prefix. */
static const char *without_prefix(const char *symbol)
{
	return !strncmp(symbol, "__GI_", 5) && symbol[5] ? symbol + 5 : symbol;
}

void name_readable(const char *full, char *ret, size_t size)
{
	const char *symbol = without_prefix(full);
	size_t len = strlen(symbol);
	const char *version = memchr(symbol, '@', len);
	char *readable = NULL;

	if (version && version > symbol)
		len = (size_t)(version - symbol);
	len = without_suffix(symbol, len);
	if (name_is_mangled(symbol) && len <= MANGLED_MAX) {
		char *mangled = strndup(symbol, len);

		readable = mangled ? demangle(mangled) : NULL;
		free(mangled);
	}
	if (readable) {
		symbol = readable;
		len = strlen(readable);
	}
	len = len < size ? len : size - 1;
	memcpy(ret, symbol, len);
	ret[len] = '\0';
	free(readable);
}

unsigned int name_underscores(const char *symbol)
{
	return name_is_mangled(symbol) ? 0 :
					  (unsigned int)strspn(without_prefix(symbol), "_");
}

/* An '@' before the version: the symbol is for programs that were linked long ago. */
static bool is_old(const char *symbol)
{
	const char *version = strchr(symbol, '@');

	return version && version[1] != '@';
}

int name_compare(const char *a, const char *b)
{
	unsigned int na = name_underscores(a), nb = name_underscores(b);
	size_t la = strlen(a), lb = strlen(b);

	if (na != nb)
		return na < nb ? -1 : 1;
	if (is_old(a) != is_old(b))
		return is_old(b) ? -1 : 1;
	if (la != lb)
		return la < lb ? -1 : 1;
	return strcmp(a, b);
}
