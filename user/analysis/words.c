// SPDX-License-Identifier: GPL-2.0-or-later
/* words.c - see words.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "user/analysis/thresholds.h"
#include "user/analysis/words.h"

#define FUNCTION_MAX 40 /* bytes of a function's name in a sentence: its end */
#define FILE_MAX 32	/* ... of a file's */
#define THREAD_MAX 24	/* ... of a thread's: its begin */

void words_add(char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, WORDS_MAX - len, fmt, ap);
	va_end(ap);
}

struct unit_text words_percent(double share)
{
	struct unit_text t = unit_decimal(share * 100, 0);

	if (share > 0 && share < 0.005)
		strcpy(t.s, "<1");
	strcat(t.s, " %");
	return t;
}

struct unit_text words_amount(double n)
{
	if (n > 0 && n < 0.005)
		return (struct unit_text){ "<0.01" };
	return unit_decimal(n, n < 9.95 ? n < 1.995 ? 2 : 1 : 0);
}

struct unit_text words_cpus(double n)
{
	bool whole = n == (double)(uint64_t)n;

	return unit_decimal(n, whole ? 0 : 2);
}

static bool is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes of s, at most max, that do not end inside of a character. */
static int begin_of(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	if (n > max)
		for (n = max; n && is_tail(s[n]); n--)
			;
	return (int)n;
}

/* The last bytes of s, at most max, that do not begin inside of a character. */
static const char *end_of(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (len > max)
		for (s += len - max; is_tail(*s); s++)
			;
	return s;
}

void words_thread(char *text, const char *name, const char *comm, uint32_t tid)
{
	if (name && *name)
		words_add(text, "%.*s (%u)", begin_of(name, THREAD_MAX), name, tid);
	else
		words_add(text, "%.*s (%u)", WIRE_COMM_LEN, *comm ? comm : "thread", tid);
}

void words_lock(char *text, const struct report_lock *l)
{
	const char *kind = l->kind ? l->kind : "lock";

	if (*l->name)
		words_add(text, "%.*s", (int)sizeof(l->name), l->name);
	else
		words_add(text, "%s 0x%llx", kind, (unsigned long long)l->addr);
	if (strcmp(kind, "hand-off lock") == 0)
		words_add(text, ", which behaves like a GIL");
	if (!l->shared && l->pid && l->class == LOCK_CLASS_LOCK)
		words_add(text, " of process %u", l->pid);
}

bool words_place(char *text, const char *before, const struct report_place *p)
{
	const char *function = p->function ? p->function : "", *file = p->file ? p->file : "";
	const char *module = p->module ? p->module : "", *slash;
	bool cut;

	if (!*function && !*file && *module) {
		words_add(text, "%s%s+0x%llx", before, end_of(module, FILE_MAX),
			  (unsigned long long)p->offset);
		return true;
	}
	if (!*function && !*file)
		return false;
	file = *file ? file : module;
	slash = strrchr(file, '/');
	file = end_of(slash && slash[1] ? slash + 1 : file, FILE_MAX);
	cut = strlen(function) > FUNCTION_MAX;
	words_add(text, "%s%s%s", before, cut ? ".." : "",
		  *function ? end_of(function, FUNCTION_MAX) : "a function");
	if (*file && p->line)
		words_add(text, " (%s:%u)", file, p->line);
	else if (*file)
		words_add(text, " (%s)", file);
	return true;
}

void words_wanted(char *text, const struct figures *f)
{
	words_add(text, "%s threads wanted to run, %s did", words_amount(f->demand).s,
		  words_amount(f->r->par.average).s);
}

void words_lost_to(const struct figures *f, enum loss loss, char *text)
{
	bool more = f->cause[loss] - f->loss[loss] >= MENTION_SHARE * f->wanted;
	double ns = more ? f->cause[loss] : f->loss[loss];

	words_wanted(text, f);
	words_add(text, "; %s of the wanted thread time went to waiting%s for ",
		  words_percent(unit_ratio(ns, f->wanted)).s, more ? ", and waking up," : "");
}

void words_released(const struct figures *f, char *text)
{
	double share = unit_ratio(f->gil.without, f->gil.with + f->gil.without);

	if (f->gil.none)
		words_add(text, "; this Python has no GIL");
	if (share < MENTION_SHARE)
		return;
	words_add(text, "; %s of Python's CPU time ran without the GIL", words_percent(share).s);
	if (f->gil.released)
		words_place(text, ", most of it in ", &f->gil.released->place);
}
