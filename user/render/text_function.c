// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_function.c - names of functions in few columns.
 *
 *	ns::Map<int, std::string>::find(int const&) const	ns::Map<int, std::string>::find
 *	... with less room					ns::Map<…>::find
 *	... with still less					…::find
 *
 * Arguments go always, template arguments if they must: of C++ and Rust only.  A Python name
 * ("parse.<locals>.<lambda>") has none.  The end of a name says more than its begin.
 */
#include <ctype.h>
#include <string.h>

#include "user/base/escape.h"
#include "user/render/text_parts.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$';
}

/* Bytes of "operator<<" or "operator()" if one begins at i, else 0. */
static size_t operator_len(const char *s, size_t i)
{
	const char *p = s + i + 8;

	if (strncmp(s + i, "operator", 8) != 0 || (i && is_word(s[i - 1])) || is_word(*p))
		return 0;
	if (strncmp(p, "()", 2) == 0 || strncmp(p, "[]", 2) == 0)
		p += 2;
	else
		p += strspn(p, "<>=!+-*/%^&|~,");
	return (size_t)(p - s) - i;
}

/* Bytes of the group of brackets that begins at i, to the end if it is never closed. */
static size_t group_len(const char *s, size_t i)
{
	char open = s[i], close = open == '<' ? '>' : ')';
	size_t n = 0;
	int depth = 0;

	for (; s[i + n]; n++) {
		size_t name = operator_len(s, i + n);

		if (name) {
			n += name - 1;
			continue;
		}
		depth += s[i + n] == open;
		if (s[i + n] == close && !(n && close == '>' && s[i + n - 1] == '-'))
			depth--;
		if (!depth)
			return n + 1;
	}
	return n;
}

/* What demangled names have behind their arguments, and templates in front of them. */
static void trim(struct buf *name, size_t start)
{
	static const char *const tails[] = { " const", " volatile", " &", " &&", " noexcept" };
	const char *s = name->data + start;
	size_t word = 0;
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < N_OF(tails); i++) {
			size_t len = strlen(tails[i]);

			if (name->len - start <= len ||
			    strcmp(name->data + name->len - len, tails[i]) != 0)
				continue;
			name->data[name->len -= len] = '\0';
			again = true;
		}
	}
	if (strstr(s, "operator") || strstr(s, " to ") || strstr(s, " for ") || strchr(s, '['))
		return;
	for (size_t i = 0; s[i]; i++) {
		if (s[i] == '<' || s[i] == '(')
			i += group_len(s, i) - 1;
		else if (s[i] == ' ')
			word = i + 1;
	}
	if (s[word]) {
		memmove(name->data + start, s + word, name->len - start - word + 1);
		name->len -= word;
	}
}

/* Append the name without arguments; no templates: without theirs too. */
static void add_bare(struct buf *out, const char *s, bool templates, const char *marker)
{
	static const char nameless[] = "(anonymous namespace)";
	size_t start = out->len, n;
	bool had_arguments = false;

	for (size_t i = 0; s[i]; i += n) {
		n = operator_len(s, i);
		if (!n && strncmp(s + i, nameless, sizeof(nameless) - 1) == 0)
			n = sizeof(nameless) - 1;
		if (n) {
			buf_add(out, s + i, n);
		} else if (s[i] == '(' && i) {
			n = group_len(s, i);
			had_arguments = true;
		} else if (s[i] == '<' && i && (is_word(s[i - 1]) || s[i - 1] == ' ')) {
			n = group_len(s, i);
			if (templates)
				buf_add(out, s + i, n);
			else
				buf_printf(out, "<%s>", marker);
		} else {
			n = 1;
			buf_add(out, s + i, n);
		}
	}
	if (had_arguments && out->len > start)
		trim(out, start);
}

/* Append the end of printable text in at most width columns, begun at a component if it has some.
 */
void text_end(struct buf *out, const struct text *t, const char *s, size_t len, int width)
{
	const char *marker = t->unicode ? "…" : "...";
	int marker_width = t->unicode ? 1 : 3;
	int used = escape_width(s, len), room = width - marker_width;
	uint32_t cp;

	if (used <= width) {
		buf_add(out, s, len);
		return;
	}
	if (room <= 0)
		return;
	buf_puts(out, marker);
	for (size_t i = 1; i + 2 < len; i++)
		if (s[i] == ':' && s[i + 1] == ':' && escape_width(s + i, len - i) <= room) {
			buf_add(out, s + i, len - i);
			return;
		}
	for (size_t n; len; s += n, len -= n) {
		int cut;

		n = escape_decode(s, len, &cp);
		cut = escape_width(s, n);
		if (used <= room && cut) /* no combining mark behind the marker */
			break;
		used -= cut;
	}
	buf_add(out, s, len);
}

void text_function(struct buf *out, const struct text *t, const char *name, int width)
{
	const char *marker = t->unicode ? "…" : "...";
	struct buf bare = { 0 }, shown = { 0 };

	for (int templates = 1; templates >= 0; templates--) {
		bare.len = shown.len = 0;
		add_bare(&bare, name, templates, marker);
		if (!bare.len)
			break;
		escape_add(&shown, bare.data, bare.len, ESCAPE_NO_LIMIT, t->unicode);
		if (escape_width(shown.data, shown.len) <= width)
			break;
	}
	if (shown.len)
		text_end(out, t, shown.data, shown.len, width);
	buf_free(&bare);
	buf_free(&shown);
}
