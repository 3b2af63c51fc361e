// SPDX-License-Identifier: GPL-2.0-or-later
/* frame.c - see frame.h. */
#include <string.h>

#include "user/analysis/frame.h"

bool frame_is_known(const struct frame *f)
{
	return f && f->known && (f->function[0] || f->module[0]);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* What there is without a function's name. */
static void put_address(struct buf *b, const struct frame *f)
{
	if (frame_is_known(f))
		buf_printf(b, "%s+0x%llx", f->module, (unsigned long long)f->offset);
	else
		buf_puts(b, "?");
}

static bool is_kernel(const struct frame *f)
{
	return f && f->key.code == WIRE_CODE_KERNEL;
}

void frame_put(struct buf *b, const struct frame *f)
{
	if (!frame_is_known(f) || !f->function[0])
		put_address(b, f);
	else if (is_kernel(f) || (!f->file[0] && !f->module[0]))
		buf_puts(b, f->function);
	else if (!f->file[0])
		buf_printf(b, "%s (%s)", f->function, f->module);
	else if (!f->line)
		buf_printf(b, "%s (%s)", f->function, f->file);
	else
		buf_printf(b, "%s (%s:%u)", f->function, f->file, f->line);
	if (is_kernel(f))
		buf_puts(b, " [k]");
}

void frame_put_name(struct buf *b, const struct frame *f)
{
	if (!frame_is_known(f) || !f->function[0])
		put_address(b, f);
	else if (f->key.code >= WIRE_CODES && f->file[0])
		buf_printf(b, "%s (%s)", f->function, base_name(f->file));
	else
		buf_puts(b, f->function);
	if (is_kernel(f))
		buf_puts(b, " [k]");
}

char *frame_stack_text(const struct stack *stack)
{
	static const char *const ends[] = {
		[MIX_WHOLE] = "",
		[MIX_TRUNCATED] = "... truncated",
		[MIX_CUT] = "... (cut off)",
		[MIX_UNKNOWN] = "... (unknown from here)",
	};
	struct buf b = { 0 };
	struct mix mix;

	if (!stack)
		return xstrdup("");
	mix_expand(stack, &mix);
	for (size_t i = 0; i < mix.n; i++) {
		if (i)
			buf_puts(&b, "; ");
		frame_put(&b, mix.frames[i]);
	}
	if (b.len && *ends[mix.end])
		buf_puts(&b, " ");
	buf_puts(&b, ends[mix.end]);
	return b.data ? b.data : xstrdup("");
}

struct report_place frame_place(const struct frame *f)
{
	if (!f)
		return (struct report_place){ .function = "", .file = "", .module = "" };
	return (struct report_place){ f->function, f->file, f->line, f->module, f->offset };
}

static int compare_numbers(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

int frame_compare(const struct frame *x, uint32_t line_x, const struct frame *y, uint32_t line_y)
{
	int order;

	if (!x || !y)
		return (x != NULL) - (y != NULL);
	order = strcmp(x->function, y->function);
	if (!order)
		order = strcmp(x->file, y->file);
	if (!order)
		order = strcmp(x->module, y->module);
	if (!order && !x->function[0])
		order = compare_numbers(x->offset, y->offset);
	return order ? order : compare_numbers(line_x, line_y);
}
