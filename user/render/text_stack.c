// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_stack.c - who called a place: the lines below it in the block of a lock.
 *
 *	 62.0 %  registry_add (app.c:41)
 *	         < worker (app.c:60)
 *	         < fib (app.c:70)  12 times
 *	         < main (app.c:101) ...
 *
 * They come from the text of its stack, "f (file:line); g (module)": library code below the place
 * (pthread_mutex_lock), where every thread begins (start_thread) and the interpreter are left out.
 */
#include <ctype.h>
#include <stdlib.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"
#include "user/render/text_stack.h"

/* How the text says that the stack goes on, and how that is said here. */
static const char *const ends[][2] = {
	{ "... truncated", "(cut off here)" },
	{ "... (cut off)", "(cut off here)" },
	{ "... (unknown from here)", "(unknown from here)" },
};

/* One frame of the text; function and file point into it and have no NUL. */
struct frame_text {
	const char *s, *file; /* file NULL: none */
	size_t len, function_len, file_len;
};

static struct frame_text frame_at(const char *s, size_t len)
{
	struct frame_text f = { .s = s, .len = len, .function_len = len };

	for (size_t i = len; len && s[len - 1] == ')' && i >= 3; i--) {
		if (s[i - 2] != ' ' || s[i - 1] != '(')
			continue;
		f.function_len = i - 2;
		f.file = s + i;
		f.file_len = len - i - 1;
		break;
	}
	return f;
}

/* The frame at *at; moves on behind it.  False at the end. */
static bool next_frame(const char **at, struct frame_text *ret)
{
	const char *end = strstr(*at, "; ");
	size_t len = end ? (size_t)(end - *at) : strlen(*at);

	if (!len)
		return false;
	*ret = frame_at(*at, len);
	*at += end ? len + 2 : len;
	return true;
}

static bool same(const struct frame_text *a, const struct frame_text *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static bool begins(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(s, with, n) == 0;
}

/* "f (mod.py:3)", "f (<string>:1)" */
static bool is_python(const struct frame_text *f)
{
	const char *py = f->file ? memmem(f->file, f->file_len, ".py:", 4) : NULL;

	return py || (f->file_len && *f->file == '<');
}

/* Where threads, programs and interpreters begin, and the interpreter's own ways from f to g. */
static bool says_nothing(const struct frame_text *f)
{
	/* clang-format off */
	static const char *const functions[] = {
		"start_thread", "clone", "clone3", "__clone", "__clone3", "_start",
		"__libc_start_main", "__libc_start_call_main", "__libc_start_main_impl",
		"__libc_start_main@@GLIBC_2.34", "Thread.run", "Thread._bootstrap",
		"Thread._bootstrap_inner",
	};
	static const char *const glue[] = {
		"_Py", "PyObject_", "PyEval_", "pymain_", "cfunction_", "method_vectorcall",
		"do_call_core",
	};
	static const char *const modules[] = {
		"libc.so", "libc-", "libpthread", "ld-linux", "ld-musl", "libstdc++.so",
		"libpython", "python3",
	};
	/* clang-format on */

	if (f->len == 1 && *f->s == '?')
		return true;
	for (size_t i = 0; i < N_OF(functions); i++)
		if (f->function_len == strlen(functions[i]) &&
		    begins(f->s, f->function_len, functions[i]))
			return true;
	for (size_t i = 0; i < N_OF(glue); i++)
		if (begins(f->s, f->function_len, glue[i]) && !is_python(f))
			return true;
	for (size_t i = 0; f->file && i < N_OF(modules); i++)
		if (begins(f->file, f->file_len, modules[i]) &&
		    !memchr(f->file, ':', f->file_len)) /* a module, not a file and a line */
			return true;
	return false;
}

static bool is_place(const struct frame_text *f, const struct report_place *p)
{
	const char *file = p->file && *p->file ? p->file : p->module;

	if (!*p->function) { /* "libfoo.so.1+0x1234" */
		const char *plus = memrchr(f->s, '+', f->len);

		return plus && file && begins(f->s, f->len, file) && plus == f->s + strlen(file) &&
		       strtoull(plus + 1, NULL, 16) == p->offset;
	}
	return f->function_len == strlen(p->function) &&
	       memcmp(f->s, p->function, f->function_len) == 0 &&
	       (!f->file || !file || begins(f->file, f->file_len, file));
}

static void add_caller(struct text_callers *c, const struct frame_text *f)
{
	struct text_caller *new = &c->list[c->n++];

	*new = (struct text_caller){ f->s, f->len, 1 };
}

/* Cut the mark off, say it in other words; NULL: the stack is whole. */
static const char *take_end(char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < N_OF(ends); i++) {
		size_t mark = strlen(ends[i][0]);

		if (len < mark || strcmp(text + len - mark, ends[i][0]) != 0)
			continue;
		for (len -= mark; len && text[len - 1] == ' ';)
			len--;
		text[len] = '\0';
		return ends[i][1];
	}
	return NULL;
}

void text_callers(struct text_callers *ret, const struct report_site *s, size_t max)
{
	char *text = xstrdup(s->stack ? s->stack : "");
	struct frame_text f, last = { 0 };
	const char *at = text;
	bool found = false, python = false;

	*ret = (struct text_callers){ .text = text, .end = take_end(text) };
	while (s->place.function && text_place_known(&s->place) && next_frame(&at, &f)) {
		if (!found) {
			found = is_place(&f, &s->place);
			python = is_python(&f);
			last = f;
		} else if (python && !is_python(&f)) {
			continue; /* the interpreter's way from one to the next */
		} else if (same(&f, &last)) {
			if (ret->n)
				ret->list[ret->n - 1].times++;
			else if (max)
				add_caller(ret, &f);
		} else if (!says_nothing(&f)) {
			if (ret->n >= max || ret->n >= TEXT_CALLERS_MAX) {
				ret->more = true;
				break;
			}
			add_caller(ret, &f);
			last = f;
		}
	}
	if (ret->more || !ret->n)
		ret->end = NULL;
}

void text_callers_free(struct text_callers *c)
{
	free(c->text);
	c->text = NULL;
}

/* A copy of the frame's parts, with their ends. */
static struct report_place place_of(struct buf *copy, const struct frame_text *f)
{
	struct report_place p = { "", "", 0, "", 0 };
	char *colon;

	buf_add(copy, f->s, f->function_len);
	buf_pad(copy, '\0', 1);
	if (f->file)
		buf_add(copy, f->file, f->file_len);
	buf_puts(copy, "");
	p.function = copy->data;
	if (!f->file)
		return p;
	p.file = copy->data + f->function_len + 1;
	colon = strrchr(copy->data + f->function_len + 1, ':');
	if (colon && isdigit((unsigned char)colon[1]) &&
	    strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
		p.line = (uint32_t)strtoul(colon + 1, NULL, 10);
		*colon = '\0';
	}
	return p;
}

void text_caller(struct buf *out, const struct text *t, const struct text_caller *c, int width)
{
	struct frame_text f = frame_at(c->text, c->len);
	struct buf copy = { 0 }, times = { 0 };
	struct report_place p = place_of(&copy, &f), shown = text_place_short(&p);

	if (c->times > 1)
		buf_printf(&times, "  %s times", unit_count(c->times).s);
	text_place(out, t, &shown, width - (int)times.len);
	if (times.len)
		buf_add(out, times.data, times.len);
	buf_free(&copy);
	buf_free(&times);
}
