/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.bpf.h - records into the rings; nothing is lost without being counted.
 *
 * The kernel's own ring buffer takes a lock and costs 40 ns a record, more when CPUs meet in it.  Here
 * room is taken by one atomic operation on memory of this CPU; a record is complete when its mark says
 * so (struct wire_ring), so that a program may come on top of another between the two.
 *
 * The reader polls by itself; it is woken only when a ring fills up, because a wake-up per record
 * costs more than the record.
 */
#ifndef PARASCOPE_EMIT_BPF_H
#define PARASCOPE_EMIT_BPF_H

static __always_inline void count_loss(enum wire_loss_kind kind)
{
	struct losses *l;
	__u32 zero = 0;

	l = bpf_map_lookup_elem(&loss, &zero);
	if (l) /* an interrupt on this CPU may be counting too */
		__sync_fetch_and_add(&l->count[kind], 1);
}

__noinline int ring_bell(void)
{
	__u64 nothing = 0;

	return bpf_ringbuf_output(&bell, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP);
}

static __always_inline void wake_reader(void)
{
	if (reader_woken)
		return;
	reader_woken = true;
	ring_bell();
}

#define RING_FULL (~0ULL)     /* no place */
#define RING_BUSY (~0ULL - 1) /* another program took room in this ring at this very moment */
#define RING_TRIES 16

/* One try to take so many bytes of a ring: WIRE_RING_PLACE(), RING_FULL, or RING_BUSY. */
static __always_inline __u64 ring_try(__u32 cpu, __u32 bytes)
{
	__u32 ring = cpu & config.ring_mask;
	volatile struct wire_ring *r = bpf_map_lookup_elem(&rings, &ring);
	__u64 head, waiting;

	if (!r)
		return RING_FULL;
	head = r->head;
	waiting = WIRE_RING_AT(head) + bytes - r->tail;
	if (waiting > config.ring_bytes)
		return RING_FULL;
	if (__sync_val_compare_and_swap(&r->head, head,
					head + bytes + (1ULL << WIRE_RING_COUNT_SHIFT)) != head)
		return RING_BUSY;
	if (waiting >= config.ring_wake_bytes)
		wake_reader();
	return WIRE_RING_PLACE(ring, WIRE_RING_AT(head));
}

struct ring_tries {
	__u32 cpu, bytes;
	__u64 place;
};

static long ring_try_next(__u32 i, struct ring_tries *tries)
{
	tries->place = ring_try(tries->cpu + 1 + i, tries->bytes);
	return tries->place < RING_BUSY;
}

/* It was full or busy: one after the other, so that all rings have to be full for a loss. */
__noinline __u64 ring_try_others(__u32 cpu, __u32 bytes)
{
	struct ring_tries tries = { cpu, bytes, RING_BUSY };

	if (has_loop()) {
		bpf_loop(RING_TRIES, ring_try_next, &tries, 0);
		return tries.place;
	}
	for (__u32 i = 1; i <= RING_TRIES && tries.place >= RING_BUSY; i++)
		tries.place = ring_try(cpu + i, bytes);
	return tries.place;
}

/* Take so many bytes: WIRE_RING_PLACE(), or one of the others. */
static __always_inline __u64 ring_take(__u32 bytes)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 place;

	place = ring_try(cpu, bytes);
	if (place >= RING_BUSY)
		place = ring_try_others(cpu, bytes);
	if (place >= RING_BUSY)
		count_loss(WIRE_LOSS_RING_FULL);
	return place;
}

/* The record behind its mark. */
static __always_inline void *ring_at(__u64 place)
{
	__u32 blocks = config.ring_bytes / WIRE_RING_BLOCK, block = place / WIRE_RING_BLOCK;
	char *memory;
	__u64 *mark;

	block = (block & (blocks - 1)) + (place >> 56) * blocks;
	memory = bpf_map_lookup_elem(&ring_blocks, &block); /* of no place there is none */
	if (!memory || place >= RING_BUSY)
		return NULL;
	mark = (__u64 *)(memory + (place & (WIRE_RING_BLOCK - 1) & ~7ULL));
	*mark = place;
	return mark + 1;
}

/* Room for a record, its head filled in; NULL if it comes too late or the ring is full. */
static __always_inline void *emit_reserve(__u64 now, __u32 tid, enum wire_kind kind, __u32 size)
{
	struct wire_head *head;

	if (window_closed)
		return NULL;
	head = ring_at(ring_take(sizeof(__u64) + size));
	if (!head)
		return NULL;
	head->ts_ns = now;
	head->tid = tid;
	head->kind = kind;
	head->size = size;
	return head;
}

/* Is what happens now recorded, or only added up? */
static __always_inline bool detailed(__u64 now)
{
	return now >= detail_from_ns && now < detail_until_ns;
}

/* The same, and NULL after the window. */
static __always_inline void *emit_begin(__u64 now, __u32 tid, enum wire_kind kind, __u32 size)
{
	return now < window_end_ns ? emit_reserve(now, tid, kind, size) : NULL;
}

static __always_inline void emit_end(void *rec)
{
	__u64 *mark = (__u64 *)rec - 1, complete = *mark | 1;

#if defined(__TARGET_ARCH_x86)
	barrier(); /* stores are seen in their order */
	*(volatile __u64 *)mark = complete;
#else
	__sync_lock_test_and_set(mark, complete); /* a full barrier */
#endif
}

/* at_once: user space has to look at something that may soon be gone. */
static __always_inline void emit_end_wake(void *rec, bool at_once)
{
	emit_end(rec);
	if (at_once)
		wake_reader();
}

#endif
