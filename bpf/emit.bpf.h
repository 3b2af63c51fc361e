/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.bpf.h - records into the ring buffer; nothing is lost without being counted.
 *
 * The reader polls by itself; it is woken only when the ring fills up, because a wake-up per record
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

/* Room for a record, its head filled in; NULL if it comes too late or the ring is full. */
static __always_inline void *emit_reserve(__u64 now, __u32 tid, enum wire_kind kind, __u32 size)
{
	struct wire_head *head;

	if (window_closed)
		return NULL;
	count_loss(WIRE_LOSS_MADE);
	head = bpf_ringbuf_reserve(&ring, size, 0);
	if (!head) {
		count_loss(WIRE_LOSS_RING_FULL);
		return NULL;
	}
	head->ts_ns = now;
	head->tid = tid;
	head->kind = kind;
	head->size = size;
	return head;
}

/* The same, and NULL after the window. */
static __always_inline void *emit_begin(__u64 now, __u32 tid, enum wire_kind kind, __u32 size)
{
	return now < window_end_ns ? emit_reserve(now, tid, kind, size) : NULL;
}

/* at_once: user space has to look at something that may soon be gone. */
static __always_inline void emit_end_wake(void *rec, bool at_once)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!reader_woken &&
	    (at_once || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) >= config.ring_wake_bytes)) {
		reader_woken = true;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(rec, flags);
}

static __always_inline void emit_end(void *rec)
{
	emit_end_wake(rec, false);
}

#endif
