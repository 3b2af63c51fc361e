// SPDX-License-Identifier: GPL-2.0-or-later
/* tables.c - see tables.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/session.h"
#include "user/session/tables.h"

#define CHUNK_BYTES (WIRE_CHUNK_ROWS * sizeof(struct wire_row))
/* A program that has just found a range still looks at it: it is used again only so much later. */
#define REST_NS 20000000

/* A piece of `ranges`; all of them follow one another. */
struct segment {
	uint32_t first, n;
	bool used;
	uint64_t freed_ns;
};

struct tables {
	struct tables_maps maps;
	struct wire_index *index;
	struct wire_row *chunks[WIRE_CHUNKS];
	uint32_t next; /* row */
	uint32_t next_page;
	uint32_t begun; /* first row of the file that is being told */
	struct tables_part *parts; /* of it */
	size_t n_parts, cap_parts;
	struct segment *segments;
	size_t n_segments, cap_segments;
	bool taken[WIRE_SPACES]; /* 0 is none */
	uint32_t last_slot;
};

struct tables *tables_new(const struct tables_maps *maps)
{
	struct tables *t = xcalloc(1, sizeof(*t));

	t->maps = *maps;
	t->index = mmap(NULL, sizeof(*t->index), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(maps->index), 0);
	if (t->index == MAP_FAILED) {
		fail(-errno, "cannot map the unwind tables: %s", strerror(errno));
		free(t);
		return NULL;
	}
	t->taken[0] = true;
	vec_push(t->segments, t->n_segments, t->cap_segments) =
		(struct segment){ .n = WIRE_RANGES };
	return t;
}

void tables_free(struct tables *t)
{
	if (!t)
		return;
	for (int i = 0; i < WIRE_CHUNKS; i++)
		if (t->chunks[i])
			munmap(t->chunks[i], CHUNK_BYTES);
	munmap(t->index, sizeof(*t->index));
	free(t->parts);
	free(t->segments);
	free(t);
}

/* --- rows ------------------------------------------------------------------------------------ */

static int open_chunk(struct tables *t, uint32_t i)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "unwind_rows", sizeof(__u32), CHUNK_BYTES, 1,
				&opts);
	void *rows;

	if (fd < 0)
		return -errno;
	rows = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rows == MAP_FAILED || bpf_map__update_elem(t->maps.chunks, &i, sizeof(i), &fd, sizeof(fd),
						       BPF_ANY)) {
		int err = -errno;

		if (rows != MAP_FAILED)
			munmap(rows, CHUNK_BYTES);
		close(fd);
		return err;
	}
	close(fd); /* the outer map holds it */
	t->chunks[i] = rows;
	return 0;
}

/* The part that the next row goes to. */
static struct tables_part *current_part(struct tables *t, const struct wire_row *row)
{
	if (!t->n_parts || t->next % WIRE_CHUNK_ROWS == 0)
		vec_push(t->parts, t->n_parts, t->cap_parts) =
			(struct tables_part){ .first = t->next, .pc = row->pc };
	return &t->parts[t->n_parts - 1];
}

int tables_add(struct tables *t, const struct wire_row *rows, size_t n)
{
	while (n) {
		uint32_t chunk = t->next / WIRE_CHUNK_ROWS, at = t->next % WIRE_CHUNK_ROWS;
		size_t fits = WIRE_CHUNK_ROWS - at < n ? WIRE_CHUNK_ROWS - at : n;

		if (chunk >= WIRE_CHUNKS || (!t->chunks[chunk] && open_chunk(t, chunk)))
			return -ENOSPC;
		memcpy(t->chunks[chunk] + at, rows, fits * sizeof(*rows));
		current_part(t, rows)->n += (uint32_t)fits;
		t->next += (uint32_t)fits;
		rows += fits;
		n -= fits;
	}
	return 0;
}

/* Which row holds at the begin of each page; the last one ends the list. */
static int index_part(struct tables *t, struct tables_part *p)
{
	const struct wire_row *rows = t->chunks[p->first / WIRE_CHUNK_ROWS] +
				      p->first % WIRE_CHUNK_ROWS;
	uint32_t page = rows[0].pc >> WIRE_PAGE_BITS, row = 0;

	p->last = rows[p->n - 1].pc >> WIRE_PAGE_BITS;
	if (p->last - page + 2 > WIRE_PAGES - t->next_page)
		return -ENOSPC;
	p->index = t->next_page - page;
	for (; page <= p->last; page++) {
		while (row + 1 < p->n && rows[row + 1].pc <= page << WIRE_PAGE_BITS)
			row++;
		t->index->pages[t->next_page++] = row;
	}
	t->index->pages[t->next_page++] = p->n - 1;
	return 0;
}

int tables_end(struct tables *t, struct tables_part **ret, size_t *ret_n)
{
	uint32_t page = t->next_page;

	if (!t->n_parts)
		return -ENOENT;
	for (size_t i = 0; i < t->n_parts; i++) {
		if (!index_part(t, &t->parts[i]))
			continue;
		t->next_page = page;
		tables_drop(t);
		return -ENOSPC;
	}
	*ret = t->parts;
	*ret_n = t->n_parts;
	t->parts = NULL;
	t->n_parts = t->cap_parts = 0;
	t->begun = t->next;
	return 0;
}

void tables_drop(struct tables *t)
{
	t->next = t->begun;
	t->n_parts = 0;
}

uint64_t tables_rows(const struct tables *t)
{
	return t->begun;
}

/* --- ranges ---------------------------------------------------------------------------------- */

/* Neighbours that are free and rested become one. */
static void join_segments(struct tables *t, uint64_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_segments; i++) {
		struct segment s = t->segments[i], *last = n ? &t->segments[n - 1] : NULL;
		bool rested = !s.used && now - s.freed_ns >= REST_NS;

		if (rested && last && !last->used && now - last->freed_ns >= REST_NS)
			last->n += s.n;
		else
			t->segments[n++] = s;
	}
	t->n_segments = n;
}

/* The first free place for n ranges. */
static int take_segment(struct tables *t, uint32_t n, uint32_t *ret)
{
	uint64_t now = session_now_ns();

	join_segments(t, now);
	for (size_t i = 0; i < t->n_segments; i++) {
		struct segment *s = &t->segments[i], rest;

		if (s->used || s->n < n || now - s->freed_ns < REST_NS)
			continue;
		rest = (struct segment){ .first = s->first + n, .n = s->n - n };
		s->n = n;
		s->used = true;
		*ret = s->first;
		if (!rest.n)
			return 0;
		(void)vec_push(t->segments, t->n_segments, t->cap_segments);
		memmove(&t->segments[i + 2], &t->segments[i + 1],
			(t->n_segments - i - 2) * sizeof(rest));
		t->segments[i + 1] = rest;
		return 0;
	}
	return -ENOSPC;
}

static void give_segment(struct tables *t, struct wire_space space)
{
	for (size_t i = 0; i < t->n_segments; i++) {
		if (t->segments[i].first != space.first || !t->segments[i].used)
			continue;
		t->segments[i].used = false;
		t->segments[i].freed_ns = session_now_ns();
		return;
	}
}

/* As late as possible the one of another space that is gone: stacks are known by it. */
static uint32_t free_slot(const struct tables *t)
{
	for (uint32_t i = 1; i <= WIRE_SPACES; i++) {
		uint32_t slot = (t->last_slot + i) % WIRE_SPACES;

		if (!t->taken[slot])
			return slot;
	}
	return 0;
}

/* Both members at once, as the programs read them. */
static void publish(struct tables *t, uint32_t slot, struct wire_space space)
{
	union {
		struct wire_space space;
		uint64_t word;
	} value = { .space = space };

	_Static_assert(sizeof(struct wire_space) == sizeof(uint64_t), "one store");
	__atomic_store_n((uint64_t *)(void *)&t->index->spaces[slot], value.word, __ATOMIC_RELEASE);
}

int tables_set(struct tables *t, uint32_t *slot, const struct wire_range *ranges, size_t n)
{
	uint32_t to = *slot ? *slot : free_slot(t), first = 0;
	struct wire_space former = t->index->spaces[to];

	if (!to || n > WIRE_SPACE_RANGES || (n && take_segment(t, (uint32_t)n, &first)))
		return -ENOSPC;
	memcpy(&t->index->ranges[first], ranges, n * sizeof(*ranges));
	publish(t, to, (struct wire_space){ first, (uint32_t)n });
	if (former.n)
		give_segment(t, former);
	if (!t->taken[to])
		t->last_slot = to;
	t->taken[to] = true;
	*slot = to;
	return 0;
}

void tables_remove(struct tables *t, uint32_t slot)
{
	struct wire_space former = t->index->spaces[slot];

	if (!slot)
		return;
	publish(t, slot, (struct wire_space){ 0 });
	if (former.n)
		give_segment(t, former);
	t->taken[slot] = false;
}

static const struct wire_range *find_range(const struct tables *t, struct wire_space space,
					   uint64_t pc)
{
	const struct wire_range *ranges = t->index->ranges + space.first;
	size_t low = 0, high = space.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pc < ranges[middle].begin)
			high = middle;
		else if (pc >= ranges[middle].end)
			low = middle + 1;
		else
			return &ranges[middle];
	}
	return NULL;
}

static uint32_t find_rule(const struct tables *t, const struct wire_range *r, uint64_t pc)
{
	const struct wire_row *rows = t->chunks[r->first / WIRE_CHUNK_ROWS] +
				      r->first % WIRE_CHUNK_ROWS;
	uint64_t page = pc >> WIRE_PAGE_BITS;
	uint32_t low, high;

	page = (uint32_t)((page < r->last ? page : r->last) + r->index);
	low = t->index->pages[page];
	high = t->index->pages[page + 1];
	while (low < high) {
		uint32_t middle = high - (high - low) / 2;

		if (rows[middle].pc <= pc)
			low = middle;
		else
			high = middle - 1;
	}
	return rows[low].pc <= pc ? rows[low].rule : WIRE_RULE_NONE;
}

int tables_rule(const struct tables *t, uint32_t slot, uint64_t pc, uint32_t *ret)
{
	const struct wire_range *r = find_range(t, t->index->spaces[slot], pc);

	if (!r)
		return -ENOENT;
	if (r->kind == WIRE_RANGE_EARLY)
		return -EAGAIN;
	*ret = r->kind == WIRE_RANGE_ROWS ? find_rule(t, r, pc - r->base) : WIRE_RULE_NONE;
	return 0;
}

int tables_bind(struct tables *t, uint32_t tgid, uint32_t slot)
{
	int err = bpf_map__update_elem(t->maps.space_of, &tgid, sizeof(tgid), &slot, sizeof(slot),
				       BPF_ANY);

	if (err)
		return fail(err, "cannot tell the BPF programs of the memory of process %u: %s", tgid,
			    strerror(-err));
	__atomic_add_fetch(t->maps.generation, 1, __ATOMIC_SEQ_CST);
	return 0;
}

void tables_unbind(struct tables *t, uint32_t tgid)
{
	bpf_map__delete_elem(t->maps.space_of, &tgid, sizeof(tgid), 0);
}
