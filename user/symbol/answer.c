// SPDX-License-Identifier: GPL-2.0-or-later
/* answer.c - checks what the parser process says; see answer.h. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/symbol/answer.h"

#define ERRNO_MAX 4095
#define PAGE 0x1000ull
#define ADDRESS_MAX (1ull << 63) /* no address of a file; adding a pc to it cannot wrap */

static int wrong(const char *what)
{
	return fail(-EBADMSG, "the parser process answered nonsense (%s)", what);
}

/* A string that ends inside of its field; nothing of what lies behind its end is passed on. */
static bool is_string(char *field, size_t size)
{
	size_t len = strnlen(field, size);

	if (len == size)
		return false;
	memset(field + len, 0, size - len);
	return true;
}

/* Empty, or a name that stays in the folder where it is looked up. */
static bool is_bare_name(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

bool answer_is_load(const struct module_load *l)
{
	return l->vaddr <= ADDRESS_MAX && l->memsz <= ADDRESS_MAX - l->vaddr &&
	       l->offset <= ADDRESS_MAX && l->filesz <= ADDRESS_MAX - l->offset && l->exec <= 1;
}

/* Linkers round the begin of a segment down to a page. */
void answer_bounds(const struct module_about *about, struct answer_due *ret)
{
	ret->begin = UINT64_MAX;
	ret->end = 0;
	for (uint32_t i = 0; i < about->n_loads; i++) {
		const struct module_load *l = &about->loads[i];

		if (l->exec && l->vaddr < ret->begin)
			ret->begin = l->vaddr;
		if (l->exec && l->vaddr + l->memsz > ret->end)
			ret->end = l->vaddr + l->memsz;
	}
	ret->begin &= -PAGE;
	if (about->n_loads == MODULE_LOADS_MAX) /* there may be more */
		ret->end = 0;
}

static int check_about(void *tail, uint32_t n)
{
	struct ask_about *about = tail;

	if (n != 1)
		return wrong("not one description");
	if (about->build_id_len > MODULE_BUILD_ID_MAX || about->alt_id_len > MODULE_BUILD_ID_MAX)
		return wrong("a build id too long");
	if (about->has_symbols > 1 || about->has_lines > 1)
		return wrong("neither yes nor no");
	if (!is_string(about->link, sizeof(about->link)) || !is_bare_name(about->link))
		return wrong("a debug link that is no name");
	if (about->n_loads > MODULE_LOADS_MAX)
		return wrong("too many segments");
	for (uint32_t i = 0; i < about->n_loads; i++)
		if (!answer_is_load(&about->loads[i]))
			return wrong("a segment without an end");
	return 0;
}

static int check_rows(const struct wire_row *rows, const struct ask_answer *a,
		      struct answer_due *due)
{
	if (a->n > MODULE_ROWS_MAX - due->rows)
		return wrong("too many rows");
	if (!a->n && !a->last)
		return wrong("no rows, and more to come");
	if (a->base >= ADDRESS_MAX || (due->rows && a->base != due->base) ||
	    (due->end && a->n && a->base < due->begin))
		return wrong("rows relative to nothing");
	for (uint32_t i = 0; i < a->n; i++) {
		if ((due->rows || i) && rows[i].pc <= due->pc)
			return wrong("rows out of order");
		if (WIRE_RULE_KIND(rows[i].rule) >= WIRE_RULE_KINDS)
			return wrong("a row of no kind");
		due->pc = rows[i].pc;
	}
	if (due->end && a->n && a->base + due->pc > due->end)
		return wrong("rows behind the end of the file");
	due->base = a->base;
	due->rows += a->n;
	return 0;
}

static int check_functions(struct module_function *f, uint32_t n)
{
	if (!n || n > MODULE_INLINES_MAX)
		return wrong("so many functions");
	for (uint32_t i = 0; i < n; i++)
		if (!is_string(f[i].function, sizeof(f[i].function)) ||
		    !is_string(f[i].file, sizeof(f[i].file)))
			return wrong("a name without an end");
	return 0;
}

static int check_variable(struct module_variable *v, uint32_t n, uint64_t addr)
{
	if (n != 1)
		return wrong("not one variable");
	if (!is_string(v->name, sizeof(v->name)))
		return wrong("a name without an end");
	if (v->begin > addr || v->size > UINT64_MAX - v->begin)
		return wrong("a variable somewhere else");
	return 0;
}

static size_t tail_size(const struct ask_answer *a)
{
	switch (a->err ? ASK_HELLO : a->kind) {
	case ASK_OPEN:
	case ASK_DEBUG:
		return a->n * sizeof(struct ask_about);
	case ASK_ROWS:
		return a->n * sizeof(struct wire_row);
	case ASK_CODE:
		return a->n * sizeof(struct module_function);
	case ASK_DATA:
		return a->n * sizeof(struct module_variable);
	default:
		return 0;
	}
}

static int check_head(struct ask_answer *a, size_t len, const struct ask *ask)
{
	if (len < sizeof(*a) || len > ASK_PACKET || a->version != ASK_VERSION)
		return wrong("no answer");
	if (a->kind != ask->kind || a->serial != ask->serial || a->file != ask->file)
		return wrong("not what was asked");
	if (a->err > 0 || a->err < -ERRNO_MAX || a->last > 1 || (a->err && (a->n || !a->last)))
		return wrong("neither an error nor none");
	if (a->n > ASK_ROWS_MAX || len != sizeof(*a) + tail_size(a))
		return wrong("not as long as it says");
	if (!is_string(a->why, sizeof(a->why)))
		return wrong("a reason without an end");
	return 0;
}

int answer_check(void *packet, size_t len, struct answer_due *due)
{
	struct ask_answer *a = packet;
	int err = check_head(a, len, &due->ask);
	void *tail = a + 1;

	if (err || a->err)
		return err;
	if (a->kind == ASK_ROWS)
		return check_rows(tail, a, due);
	if (!a->last)
		return wrong("half an answer");
	switch (a->kind) {
	case ASK_OPEN:
	case ASK_DEBUG:
		return check_about(tail, a->n);
	case ASK_CODE:
		return check_functions(tail, a->n);
	case ASK_DATA:
		return check_variable(tail, a->n, due->ask.addr);
	default:
		return a->n ? wrong("more than was asked") : 0;
	}
}

const void *answer_tail(const void *packet)
{
	return (const struct ask_answer *)packet + 1;
}

void answer_about(const void *packet, struct module_about *ret)
{
	const struct ask_about *tail = answer_tail(packet);

	*ret = (struct module_about){ .build_id_len = tail->build_id_len,
				      .link_crc = tail->link_crc,
				      .alt_id_len = tail->alt_id_len,
				      .has_symbols = tail->has_symbols,
				      .has_lines = tail->has_lines,
				      .n_loads = tail->n_loads };
	memcpy(ret->loads, tail->loads, tail->n_loads * sizeof(ret->loads[0]));
	memcpy(ret->build_id, tail->build_id, tail->build_id_len);
	memcpy(ret->alt_id, tail->alt_id, tail->alt_id_len);
	memcpy(ret->link, tail->link, sizeof(ret->link));
}
