// SPDX-License-Identifier: GPL-2.0-or-later
/* plan.c - templates, order and sizes; see plan.h.  What there is to run is in experiments.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/base/unit.h"
#include "user/bench/plan.h"

#define SIZE_MAX_UNITS 1000000000000000ULL /* 10^15: more than any workload takes */

unsigned plan_procs(unsigned tasks)
{
	for (unsigned d = 2; d * 2 <= tasks; d++)
		if (tasks % d == 0)
			return d;
	return 0;
}

/* Append what a placeholder stands for; false: it has no value. */
static bool add_value(struct buf *out, const char *name, size_t len, const struct plan_values *v)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "mode", v->mode->name }, { "result", v->result }, { "workload", v->workload },
		{ "python", v->python },   { "py", v->py },
	};
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{ "n", v->tasks },
		{ "procs", v->procs },
		{ "threads", v->procs ? v->tasks / v->procs : 0 },
		{ "size", v->size },
	};
	const struct {
		const char *name;
		double value;
	} decimals[] = {
		{ "scale", v->scale },
		{ "time", (double)v->time_ns / 1e9 },
	};

#define IS(item) (strlen((item).name) == len && !strncmp((item).name, name, len))
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (IS(texts[i]) && texts[i].text) {
			buf_puts(out, texts[i].text);
			return true;
		}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (IS(numbers[i]) && numbers[i].value) {
			buf_printf(out, "%" PRIu64, numbers[i].value);
			return true;
		}
	for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++)
		if (IS(decimals[i]) && decimals[i].value > 0) {
			buf_printf(out, "%.9g", decimals[i].value);
			return true;
		}
#undef IS
	return false;
}

/* "{" and a word of small letters and "}": anything else in braces belongs to the command. */
static size_t placeholder_len(const char *s)
{
	size_t len = *s == '{' ? strspn(s + 1, "abcdefghijklmnopqrstuvwxyz") : 0;

	return len && s[len + 1] == '}' ? len : 0;
}

static int expand_word(const char *word, const struct plan_values *v, struct buf *out)
{
	buf_puts(out, "");
	for (const char *s = word; *s;) {
		size_t len = placeholder_len(s);

		if (!len) {
			buf_add(out, s++, 1);
			continue;
		}
		if (!add_value(out, s + 1, len, v))
			return fail(-EINVAL,
				    "no value for '%.*s' in '%s': see parascope bench --help",
				    (int)len + 2, s, word);
		s += len + 2;
	}
	return 0;
}

struct words {
	char **items;
	size_t n, cap;
};

static int add_words(struct words *w, const char *const *argv, const struct plan_values *v)
{
	static const char *const none[] = { NULL };
	int err = 0;

	for (; !err && *argv; argv++) {
		struct buf text = { 0 };

		if (!strcmp(*argv, "{args}")) {
			err = add_words(w, v->mode->args ? v->mode->args : none, v);
			continue;
		}
		err = expand_word(*argv, v, &text);
		if (!err)
			vec_push(w->items, w->n, w->cap) = xstrdup(text.data);
		buf_free(&text);
	}
	return err;
}

int plan_expand(const char *const *argv, const struct plan_values *values, char ***ret)
{
	struct words w = { 0 };
	int err = add_words(&w, argv, values);

	vec_push(w.items, w.n, w.cap) = NULL;
	if (err) {
		plan_argv_free(w.items);
		return err;
	}
	*ret = w.items;
	return 0;
}

void plan_argv_free(char **argv)
{
	for (char **word = argv; word && *word; word++)
		free(*word);
	free(argv);
}

void plan_order(struct plan_run *order, size_t n_modes, size_t repeats)
{
	for (size_t repeat = 0; repeat < repeats; repeat++)
		for (size_t i = 0; i < n_modes; i++)
			order[repeat * n_modes + i] =
				(struct plan_run){ (i + repeat) % n_modes, repeat };
}

/*
 * What a program does apart from its work makes short runs say too little, so a size grows at most
 * eightfold at a time until the run is at least a third as long as wanted.
 */
uint64_t plan_next_size(uint64_t size, uint64_t ns, uint64_t wanted_ns)
{
	double factor = (double)wanted_ns / (double)(ns ? ns : 1), next;

	if (factor > 0.8 && factor < 1.25)
		return size;
	if (factor > 8)
		factor = 8;
	next = (double)size * factor;
	if (next < 1)
		return 1;
	return next > SIZE_MAX_UNITS ? SIZE_MAX_UNITS : (uint64_t)(next + 0.5);
}

const struct suite *plan_find_suite(const char *name)
{
	for (const struct suite *s = plan_suites; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}
