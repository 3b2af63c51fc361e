// SPDX-License-Identifier: GPL-2.0-or-later
/* frames.c - a table of frames; see frames.h. */
#include <stdlib.h>

#include "user/base/buf.h"
#include "user/base/table.h"
#include "user/runtime/cpython.h"
#include "user/session/frames.h"

#define MAX_FRAMES 65536 /* that are remembered; further ones are told without a name */

struct frame_key {
	uint64_t tgid;
	struct wire_frame_id id;
};

struct frame {
	struct frame_key key;
	struct wire_frame *untold; /* NULL: it was told */
	bool known;		   /* it was told, or will be */
	unsigned hash;		   /* of what was told last, if known */
	UT_hash_handle hh;
};

struct frames {
	struct frame *all;
	uint64_t unknown;
};

struct frames *frames_new(void)
{
	return xcalloc(1, sizeof(struct frames));
}

static struct frame *find_frame(const struct frames *f, uint32_t tgid,
				const struct wire_frame_id *id)
{
	struct frame_key key = { tgid, *id };
	struct frame *frame;

	HASH_FIND(hh, f->all, &key, sizeof(key), frame);
	return frame;
}

static struct frame *get_frame(struct frames *f, uint32_t tgid, const struct wire_frame_id *id)
{
	struct frame *frame = find_frame(f, tgid, id);

	if (frame || HASH_COUNT(f->all) >= MAX_FRAMES)
		return frame;
	frame = xcalloc(1, sizeof(*frame));
	frame->key = (struct frame_key){ tgid, *id };
	HASH_ADD(hh, f->all, key, sizeof(frame->key), frame);
	return frame;
}

/* The address of code that was freed may be that of other code: what is new is told again. */
static void look_up(struct frames *f, struct cpython *py, uint32_t tgid,
		    const struct wire_frame_id *id)
{
	struct frame *frame = get_frame(f, tgid, id);
	struct wire_frame rec = { 0 };
	unsigned hash;

	if (!frame || !py || cpython_frame(py, id, &rec)) {
		f->unknown += !frame || !frame->known;
		return;
	}
	rec.head = (struct wire_head){ 0, tgid, WIRE_FRAME, sizeof(rec) };
	rec.id = *id;
	HASH_VALUE(&rec, sizeof(rec), hash);
	if (frame->known && hash == frame->hash)
		return;
	frame->known = true;
	frame->hash = hash;
	if (!frame->untold)
		frame->untold = xcalloc(1, sizeof(*frame->untold));
	*frame->untold = rec;
}

void frames_peek(struct frames *f, struct cpython *py, const struct wire_stack *stack)
{
	for (uint32_t i = 0; i < stack->n && i < WIRE_FRAMES_MAX; i++)
		if (stack->frames[i].code >= WIRE_CODES)
			look_up(f, py, stack->head.tid, &stack->frames[i]);
}

int frames_tell(struct frames *f, const struct wire_stack *stack, trace_sink sink, void *ctx)
{
	int err = 0;

	for (uint32_t i = 0; i < stack->n && i < WIRE_FRAMES_MAX && !err; i++) {
		struct frame *frame = find_frame(f, stack->head.tid, &stack->frames[i]);

		if (!frame || !frame->untold)
			continue;
		frame->untold->head.ts_ns = stack->head.ts_ns;
		err = sink(ctx, &frame->untold->head);
		free(frame->untold);
		frame->untold = NULL;
	}
	return err;
}

uint64_t frames_unknown(const struct frames *f)
{
	return f->unknown;
}

void frames_free(struct frames *f)
{
	struct frame *frame, *next;

	HASH_ITER(hh, f->all, frame, next)
	{
		HASH_DEL(f->all, frame);
		free(frame->untold);
		free(frame);
	}
	free(f);
}
