// SPDX-License-Identifier: GPL-2.0-or-later
/* rings.c - the reading side of the rings; see rings.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/session/rings.h"

#define RING_MIN (1ULL << 20) /* rather share one than have less */
#define BLOCK_STRIDE (WIRE_RING_BLOCK + WIRE_RING_ROOM)

/* One ring while it is drained. */
struct source {
	uint64_t at, end;
	const struct wire_head *rec; /* the next one */
	uint32_t ring;
};

struct rings {
	struct wire_ring *rings;
	const unsigned char *blocks;
	size_t rings_len, blocks_len;
	uint32_t n, blocks_each;
	uint64_t taken[WIRE_RINGS]; /* records */
	uint32_t n_sources;
	struct source sources[WIRE_RINGS]; /* a heap: the oldest record first */
};

static size_t pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

void rings_choose(uint64_t bytes, struct wire_config *config, struct bpf_map *rings,
		  struct bpf_map *blocks)
{
	uint64_t each = WIRE_RING_BLOCK;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = 1;

	while (each < bytes && each < (1ULL << 30))
		each *= 2;
	while (n < cpus && n < WIRE_RINGS && each / 2 >= RING_MIN) {
		n *= 2;
		each /= 2;
	}
	config->ring_bytes = each;
	config->ring_wake_bytes = each / 4;
	config->ring_mask = n - 1;
	bpf_map__set_max_entries(rings, n);
	bpf_map__set_max_entries(blocks, (uint32_t)(n * each / WIRE_RING_BLOCK));
}

static void *map_memory(const struct bpf_map *map, size_t len, int prot)
{
	void *ret = mmap(NULL, len, prot, MAP_SHARED, bpf_map__fd(map), 0);

	return ret == MAP_FAILED ? NULL : ret;
}

struct rings *rings_open(const struct wire_config *config, const struct bpf_map *rings,
			 const struct bpf_map *blocks)
{
	struct rings *r = xcalloc(1, sizeof(*r));

	r->n = config->ring_mask + 1;
	r->blocks_each = (uint32_t)(config->ring_bytes / WIRE_RING_BLOCK);
	r->rings_len = pages(r->n * sizeof(*r->rings));
	r->blocks_len = pages((size_t)r->n * r->blocks_each * BLOCK_STRIDE);
	r->rings = map_memory(rings, r->rings_len, PROT_READ | PROT_WRITE);
	r->blocks = map_memory(blocks, r->blocks_len, PROT_READ);
	if (r->rings && r->blocks)
		return r;
	fail(-errno, "cannot map the ring buffer: %s", strerror(errno));
	rings_close(r);
	return NULL;
}

/* Find the next record; false: it is not complete. */
static bool source_look(const struct rings *r, struct source *s)
{
	uint32_t block = s->ring * r->blocks_each +
			 (uint32_t)(s->at / WIRE_RING_BLOCK & (r->blocks_each - 1));
	const uint64_t *mark = (const void *)(r->blocks + (size_t)block * BLOCK_STRIDE +
					      s->at % WIRE_RING_BLOCK);

	if (__atomic_load_n(mark, __ATOMIC_ACQUIRE) != (WIRE_RING_PLACE(s->ring, s->at) | 1))
		return false;
	s->rec = (const void *)(mark + 1);
	/* what looks like a mark may be the inside of an older record */
	return s->rec->size >= sizeof(*s->rec) && s->rec->size % 8 == 0 &&
	       s->rec->size <= WIRE_RING_ROOM - sizeof(*mark);
}

static void sift_down(struct rings *r, uint32_t i)
{
	struct source moving = r->sources[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < r->n_sources &&
		    r->sources[child + 1].rec->ts_ns < r->sources[child].rec->ts_ns)
			child++;
		if (child >= r->n_sources || moving.rec->ts_ns <= r->sources[child].rec->ts_ns)
			break;
		r->sources[i] = r->sources[child];
		i = child;
	}
	r->sources[i] = moving;
}

/* All rings that have something; false: one has a record that is not complete. */
static bool sources_begin(struct rings *r)
{
	bool complete = true;

	r->n_sources = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		struct source s = { .ring = i, .at = r->rings[i].tail };

		s.end = WIRE_RING_AT(__atomic_load_n(&r->rings[i].head, __ATOMIC_ACQUIRE));
		if (s.at == s.end)
			continue;
		if (source_look(r, &s))
			r->sources[r->n_sources++] = s;
		else
			complete = false;
	}
	for (uint32_t i = r->n_sources / 2; i-- > 0;)
		sift_down(r, i);
	return complete;
}

/* Its record is done with; false: the next one is not complete. */
static bool source_next(struct rings *r)
{
	struct source *s = &r->sources[0];
	bool complete = true;

	s->at += sizeof(uint64_t) + s->rec->size;
	r->taken[s->ring]++;
	__atomic_store_n(&r->rings[s->ring].tail, s->at, __ATOMIC_RELEASE);
	if (s->at == s->end || !(complete = source_look(r, s)))
		*s = r->sources[--r->n_sources];
	if (r->n_sources)
		sift_down(r, 0);
	return complete;
}

int rings_drain(struct rings *r, uint64_t until_ns, trace_sink sink, void *ctx, int *ret_err)
{
	bool complete = sources_begin(r);
	int n = 0;

	*ret_err = 0;
	while (complete && !*ret_err && r->n_sources && r->sources[0].rec->ts_ns <= until_ns) {
		*ret_err = sink(ctx, r->sources[0].rec);
		complete = source_next(r);
		n++;
	}
	return n;
}

uint64_t rings_made(const struct rings *r)
{
	uint64_t made = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		uint64_t head = __atomic_load_n(&r->rings[i].head, __ATOMIC_ACQUIRE);

		made += r->taken[i] + (uint16_t)((head >> WIRE_RING_COUNT_SHIFT) - r->taken[i]);
	}
	return made;
}

void rings_close(struct rings *r)
{
	if (!r)
		return;
	if (r->rings)
		munmap(r->rings, r->rings_len);
	if (r->blocks)
		munmap((void *)(uintptr_t)r->blocks, r->blocks_len);
	free(r);
}
