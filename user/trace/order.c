// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * order.c - holds live records back a moment and gives them out in the order of their times.
 *
 * A record's time is taken before its place in the ring buffer, so another CPU can come between:
 * nearly every record is the newest yet or belongs a few places before the end.  Those are inserted
 * from the end of a sorted queue.  One that would have to move further (its CPU was taken away by a
 * hypervisor, say) goes to a heap beside it, so that no order of arrival costs more than O(log n).
 * The next record out is the smaller of the two heads; equal times keep their order of arrival.
 *
 * Copies live in chunks that are recycled when all their records are out: no allocation per record.
 * If records come faster than the memory can hold for the delay, the oldest go out early; whatever
 * that puts out of order is late like everything else.
 *
 * Putting and giving are two steps, so that the ring buffer is emptied at once, whatever the sink has
 * to do for a record.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"
#include "user/trace/trace.h"

#define CHUNK_SIZE 65536 /* also its alignment: a record's address leads to its chunk */
#define NEAR 32 /* places that are cheaper to walk than a visit to the heap */

struct chunk {
	struct chunk *next; /* in the list of free ones */
	uint32_t used;
	uint32_t live; /* records not given out yet */
	uint64_t data[];
};

struct entry {
	uint64_t ts_ns;
	uint64_t arrival;
	struct wire_head *rec;
};

struct trace_order {
	struct trace_order_opts opts;
	trace_sink sink;
	void *ctx;
	uint64_t newest_ns; /* no older record is to be expected but those delay_ns before it */
	uint64_t newest_put_ns;
	uint64_t last_ns; /* time of the last record given out */
	uint64_t arrivals;
	uint64_t late;

	struct entry *queue; /* sorted ring, n_queue of them from head on, cap is a power of two */
	size_t head;
	size_t n_queue;
	size_t cap_queue;

	struct entry *heap;
	size_t n_heap;
	size_t cap_heap;

	struct chunk *filling;
	struct chunk *free;
	size_t n_chunks;
};

/* --- chunks -------------------------------------------------------------------------------- */

static struct chunk *chunk_of(const struct wire_head *rec)
{
	return (struct chunk *)((uintptr_t)rec & ~(uintptr_t)(CHUNK_SIZE - 1));
}

static void chunk_free(struct trace_order *o, struct chunk *c)
{
	c->next = o->free;
	o->free = c;
}

static void release(struct trace_order *o, struct wire_head *rec)
{
	struct chunk *c = chunk_of(rec);

	if (--c->live == 0 && c != o->filling)
		chunk_free(o, c);
}

/* Make a fresh chunk the one to fill; false if all there may be are in use. */
static bool chunk_next(struct trace_order *o)
{
	struct chunk *c = o->free;

	if (c) {
		o->free = c->next;
	} else {
		if (o->n_chunks * CHUNK_SIZE >= o->opts.bytes_max)
			return false;
		c = aligned_alloc(CHUNK_SIZE, CHUNK_SIZE);
		if (!c)
			return false;
		o->n_chunks++;
	}
	*c = (struct chunk){ .used = sizeof(*c) };
	if (o->filling && !o->filling->live)
		chunk_free(o, o->filling);
	o->filling = c;
	return true;
}

static bool has_room(const struct trace_order *o, size_t size)
{
	return o->filling && (!o->filling->live || o->filling->used + size <= CHUNK_SIZE);
}

static struct wire_head *keep(struct trace_order *o, const struct wire_head *rec)
{
	struct chunk *c = o->filling;
	struct wire_head *copy;

	if (!c->live)
		c->used = sizeof(*c);
	copy = (struct wire_head *)((char *)c + c->used);
	memcpy(copy, rec, rec->size);
	c->used += (rec->size + 7u) & ~7u;
	c->live++;
	return copy;
}

/* --- the sorted queue and the heap --------------------------------------------------------- */

static struct entry *queue_at(const struct trace_order *o, size_t i)
{
	return &o->queue[(o->head + i) & (o->cap_queue - 1)];
}

static bool before(const struct entry *a, const struct entry *b)
{
	return a->ts_ns != b->ts_ns ? a->ts_ns < b->ts_ns : a->arrival < b->arrival;
}

static void queue_grow(struct trace_order *o)
{
	size_t cap = o->cap_queue ? o->cap_queue * 2 : 1024;
	struct entry *queue = xcalloc(cap, sizeof(*queue));

	for (size_t i = 0; i < o->n_queue; i++)
		queue[i] = *queue_at(o, i);
	free(o->queue);
	o->queue = queue;
	o->cap_queue = cap;
	o->head = 0;
}

/* False: its place is too far from the end. */
static bool queue_insert(struct trace_order *o, struct entry e)
{
	size_t place = o->n_queue;

	if (o->n_queue == o->cap_queue)
		queue_grow(o);
	while (place && before(&e, queue_at(o, place - 1)))
		if (o->n_queue - --place > NEAR)
			return false;
	for (size_t i = o->n_queue; i > place; i--)
		*queue_at(o, i) = *queue_at(o, i - 1);
	*queue_at(o, place) = e;
	o->n_queue++;
	return true;
}

static void heap_insert(struct trace_order *o, struct entry e)
{
	size_t i;

	vec_push(o->heap, o->n_heap, o->cap_heap) = e;
	for (i = o->n_heap - 1; i && before(&e, &o->heap[(i - 1) / 2]); i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = e;
}

static void heap_remove(struct trace_order *o)
{
	struct entry e = o->heap[--o->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < o->n_heap) {
		if (child + 1 < o->n_heap && before(&o->heap[child + 1], &o->heap[child]))
			child++;
		if (!before(&o->heap[child], &e))
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = e;
}

static bool from_heap(const struct trace_order *o)
{
	return o->n_heap && (!o->n_queue || before(&o->heap[0], queue_at(o, 0)));
}

/* --- in and out ---------------------------------------------------------------------------- */

static size_t held(const struct trace_order *o)
{
	return o->n_queue + o->n_heap;
}

static uint64_t oldest_ns(const struct trace_order *o)
{
	return from_heap(o) ? o->heap[0].ts_ns : queue_at(o, 0)->ts_ns;
}

static int give_oldest(struct trace_order *o)
{
	struct entry e;
	int err;

	if (from_heap(o)) {
		e = o->heap[0];
		heap_remove(o);
	} else {
		e = *queue_at(o, 0);
		o->head = (o->head + 1) & (o->cap_queue - 1);
		o->n_queue--;
	}
	o->last_ns = e.ts_ns;
	err = o->sink(o->ctx, e.rec);
	release(o, e.rec);
	return err;
}

/* Its place is gone: it follows at once, in the last order with the time of the record before it. */
static int give_late(struct trace_order *o, const struct wire_head *rec)
{
	union {
		struct wire_head head;
		uint8_t bytes[TRACE_RECORD_MAX];
	} copy;

	o->late++;
	if (!o->opts.last)
		return o->sink(o->ctx, rec);
	memcpy(copy.bytes, rec, rec->size);
	copy.head.ts_ns = o->last_ns;
	return o->sink(o->ctx, &copy.head);
}

struct trace_order *trace_order_new(const struct trace_order_opts *opts, trace_sink sink, void *ctx)
{
	struct trace_order *o = xcalloc(1, sizeof(*o));

	o->opts = *opts;
	o->sink = sink;
	o->ctx = ctx;
	return o;
}

/* With all chunks in use the oldest records go out early: memory stays bounded. */
static int make_room(struct trace_order *o, size_t size)
{
	while (!has_room(o, size) && !chunk_next(o)) {
		int err = held(o) ? give_oldest(o) : fail(-ENOMEM, "no memory to order records");

		if (err)
			return err;
	}
	return 0;
}

int trace_order_put(struct trace_order *o, const struct wire_head *rec)
{
	struct entry e;
	bool timeless;
	int err;

	if (rec->size < sizeof(*rec) || rec->size > TRACE_RECORD_MAX)
		return fail(-EINVAL, "bad record of kind %u: size %u", rec->kind, rec->size);
	timeless = rec->kind >= WIRE_HOST || (rec->kind == WIRE_TASK && !rec->ts_ns);
	if (timeless && !o->opts.last)
		return o->sink(o->ctx, rec);
	err = make_room(o, rec->size);
	if (err)
		return err;
	e = (struct entry){ timeless ? o->newest_put_ns : rec->ts_ns, o->arrivals, NULL };
	if (e.ts_ns < o->last_ns && !timeless)
		return give_late(o, rec);
	o->arrivals++;
	e.rec = keep(o, rec);
	if (!queue_insert(o, e))
		heap_insert(o, e);
	if (e.ts_ns > o->newest_put_ns)
		o->newest_put_ns = e.ts_ns;
	if (e.ts_ns > o->newest_ns)
		o->newest_ns = e.ts_ns;
	return 0;
}

int trace_order_give(struct trace_order *o, uint64_t now_ns, int most)
{
	int n = 0;

	if (now_ns > o->newest_ns)
		o->newest_ns = now_ns;
	/* Nothing held is newer than newest_ns. */
	while (n < most && held(o) && o->newest_ns - oldest_ns(o) >= o->opts.delay_ns) {
		int err = give_oldest(o);

		if (err)
			return err;
		n++;
	}
	return n;
}

int trace_order_flush(struct trace_order *o)
{
	while (held(o)) {
		int err = give_oldest(o);

		if (err)
			return err;
	}
	return 0;
}

uint64_t trace_order_late(const struct trace_order *o)
{
	return o->late;
}

void trace_order_free(struct trace_order *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < held(o); i++) {
		struct entry *e = i < o->n_queue ? queue_at(o, i) : &o->heap[i - o->n_queue];

		release(o, e->rec);
	}
	while (o->free) {
		struct chunk *c = o->free;

		o->free = c->next;
		free(c);
	}
	free(o->filling);
	free(o->queue);
	free(o->heap);
	free(o);
}
