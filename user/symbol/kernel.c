// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kernel.c - see kernel.h.
 *
 *	ffffffff81000000 T _stext
 *	ffffffffc0201000 t nf_hook	[nf_tables]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/buf.h"
#include "user/symbol/kernel.h"

#define FUNCTION_MAX (1 << 20) /* bytes of one: what lies farther behind a symbol is not in it */

struct entry {
	uint64_t addr;
	uint32_t name; /* in text */
	uint32_t module; /* 0: none */
};

struct kernel {
	struct buf text; /* begins with an empty name */
	struct entry *entries; /* ascending */
	size_t n, cap;
};

static uint32_t keep(struct kernel *k, const char *text)
{
	uint32_t at = (uint32_t)k->text.len;

	buf_add(&k->text, text, strlen(text) + 1);
	return at;
}

static void take_line(struct kernel *k, const char *line)
{
	char name[512], module[64] = "", type;
	unsigned long long addr;
	int n = sscanf(line, "%llx %c %511s [%63[^]]", &addr, &type, name, module);

	if (n < 3 || !addr || !strchr("tTwW", type))
		return;
	vec_push(k->entries, k->n, k->cap) = (struct entry){
		.addr = addr,
		.name = keep(k, name),
		.module = n == 4 ? keep(k, module) : 0,
	};
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return (x->name > y->name) - (x->name < y->name);
}

struct kernel *kernel_new(void)
{
	struct kernel *k = xcalloc(1, sizeof(*k));
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[1024];

	buf_add(&k->text, "", 1);
	while (f && fgets(line, sizeof(line), f))
		take_line(k, line);
	if (f)
		fclose(f);
	if (k->n)
		qsort(k->entries, k->n, sizeof(*k->entries), compare);
	return k;
}

void kernel_free(struct kernel *k)
{
	if (!k)
		return;
	buf_free(&k->text);
	free(k->entries);
	free(k);
}

uint64_t kernel_name(const struct kernel *k, uint64_t addr, char *ret_function, size_t size,
		     char *ret_module, size_t module_size)
{
	size_t low = 0, high = k->n;
	const struct entry *e;

	ret_function[0] = ret_module[0] = '\0';
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (k->entries[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	e = low ? &k->entries[low - 1] : NULL;
	if (!e || addr - e->addr >= FUNCTION_MAX)
		return 0;
	snprintf(ret_function, size, "%s", k->text.data + e->name);
	snprintf(ret_module, module_size, "%s", k->text.data + e->module);
	return addr - e->addr;
}
