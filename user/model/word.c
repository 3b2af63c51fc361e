// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * word.c - tells a mutex from a condition variable by what lies around the futex word.
 *
 * The layouts are glibc's ABI (sysdeps/nptl/bits/struct_mutex.h, struct_rwlock.h,
 * thread-shared-types.h, internaltypes.h); offsets from the start of the object:
 *
 *	pthread_mutex_t    lock 0*  count 4  owner 8  nusers 12  kind 16
 *	   robust          lock 0*: owner | FUTEX_WAITERS
 *	pthread_rwlock_t   readers 0*  writers 4  wrphase_futex 8*  writers_futex 12*
 *	                   pad 16 20  cur_writer 24  shared 28
 *	pthread_cond_t     wseq 0  g1_start 8  g_refs 16 20  g_size 24 28  g1_orig_size 32
 *	   (<= 2.40)       wrefs 36  g_signals 40* 44*
 *	   (>= 2.41)       wseq 0  g1_start 8  g_size 16 20  g1_orig_size 24  wrefs 28
 *	                   g_signals 32* 36*
 *	sem_t              value 0*  nwaiters 4  private 8
 *	pthread_barrier_t  in 0  current_round 4*  count 8  shared 12  out 16
 *
 * (* = words that are waited on.)  Both words of a condition variable, and both of a rwlock, are one
 * lock: the pair is known by its 8-aligned address.
 */
#include <linux/futex.h>
#include <string.h>

#include "user/model/word.h"

#define TID_MAX (1u << 22) /* PID_MAX_LIMIT */
#define MANY 1000000u	   /* more waiters than anybody has */
#define STACK_NEAR 16384   /* a word so close above the stack pointer lies in the frame */

const struct lock_kind_info lock_kinds[KIND_COUNT] = {
	[KIND_FUTEX] = { "futex", CLASS_COND, true, false },
	[KIND_MUTEX] = { "mutex", CLASS_LOCK, false, true },
	[KIND_LOW_LEVEL] = { "low-level lock", CLASS_LOCK, false, true },
	[KIND_PI_MUTEX] = { "pi-mutex", CLASS_LOCK, false, false },
	[KIND_ROBUST_MUTEX] = { "robust-mutex", CLASS_LOCK, false, true },
	[KIND_RWLOCK] = { "rwlock", CLASS_LOCK, false, true },
	[KIND_CONDITION] = { "condition", CLASS_COND, true, false },
	[KIND_SEMAPHORE] = { "semaphore", CLASS_COND, true, false },
	[KIND_BARRIER] = { "barrier", CLASS_COND, true, false },
	[KIND_JOIN] = { "join", CLASS_COND, false, false },
	[KIND_WAIT_LIST] = { "wait-list", CLASS_COND, true, false },
	[KIND_HANDOFF] = { "hand-off lock", CLASS_GIL, false, true },
	[KIND_GIL] = { "gil", CLASS_GIL, false, true },
	[KIND_ONCE] = { "once", CLASS_LOCK, false, true },
	[KIND_MALLOC] = { "malloc arena", CLASS_LOCK, false, true },
	[KIND_STDIO] = { "stdio lock", CLASS_LOCK, false, true },
	[KIND_RUST_MUTEX] = { "Rust mutex", CLASS_LOCK, false, true },
	[KIND_RUST_RWLOCK] = { "Rust rwlock", CLASS_LOCK, false, true },
	[KIND_RUST_WAIT] = { "Rust wait", CLASS_COND, true, false },
	[KIND_GO_LOCK] = { "Go lock", CLASS_LOCK, false, true },
	[KIND_GO_WAIT] = { "Go wait", CLASS_COND, true, false },
	[KIND_JAVA_MONITOR] = { "Java monitor", CLASS_LOCK, false, true },
	[KIND_JAVA_WAIT] = { "Java wait", CLASS_COND, true, false },
	[KIND_PY_LOCK] = { "Python lock", CLASS_LOCK, false, true },
	[KIND_PY_QUEUE] = { "queue wait", CLASS_COND, true, false },
	[KIND_PY_JOIN] = { "Python join", CLASS_COND, true, false },
	[KIND_PY_CONDITION] = { "Python condition", CLASS_COND, true, false },
	[KIND_FOLDED] = { "folded", CLASS_COND, true, false },
};

/* The u32 at addr + off, as far as it was read. */
static bool peek(const struct wire_word *w, int off, uint32_t *ret)
{
	int at = (int)(w->addr & 7) + WIRE_WORD_BEFORE + off;

	if (at < (int)w->valid || at + 4 > WIRE_WORD_LEN)
		return false;
	memcpy(ret, w->bytes + at, sizeof(*ret));
	return true;
}

static bool is_mutex(const struct wire_word *w)
{
	uint32_t owner, kind;

	/* kinds: normal, recursive, errorcheck, adaptive; robust, PI, protect and shared bits */
	return w->val == 2 && peek(w, 8, &owner) && owner && owner < TID_MAX && peek(w, 16, &kind) &&
	       kind < 0x400;
}

static bool is_rwlock_at(const struct wire_word *w, int start)
{
	uint32_t readers, writers, pad3, pad4, writer, shared;

	return peek(w, start, &readers) && peek(w, start + 4, &writers) &&
	       peek(w, start + 16, &pad3) && peek(w, start + 20, &pad4) &&
	       peek(w, start + 24, &writer) && peek(w, start + 28, &shared) && readers &&
	       readers >> 3 < MANY && writers < MANY && !pad3 && !pad4 && writer < TID_MAX &&
	       shared <= 1;
}

static bool is_rwlock(const struct wire_word *w)
{
	bool timed = (w->op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;

	/* wrphase_futex is 8-aligned, writers_futex follows it */
	return timed && (w->val == 2 || w->val == 3) && is_rwlock_at(w, w->addr & 7 ? -12 : -8);
}

static bool is_barrier(const struct wire_word *w)
{
	uint32_t in, count, shared;

	return (w->op & FUTEX_CMD_MASK) == FUTEX_WAIT && peek(w, -4, &in) && peek(w, 4, &count) &&
	       peek(w, 8, &shared) && (shared == 0 || shared == FUTEX_PRIVATE_FLAG) &&
	       count >= 2 && count < MANY && in - w->val >= 1 && in - w->val <= count;
}

static bool is_semaphore(const struct wire_word *w)
{
	uint32_t value, waiters, private;

	return w->val == 0 && !(w->addr & 7) && peek(w, 0, &value) && peek(w, 4, &waiters) &&
	       peek(w, 8, &private) && value == 0 && waiters >= 1 && waiters < MANY &&
	       (private == 0 || private == FUTEX_PRIVATE_FLAG);
}

static bool is_condition(const struct wire_word *w)
{
	int pair = -(int)(w->addr & 7); /* g_signals[0] */
	int group = pair ? 4 : 0;
	uint32_t wrefs, g_refs, wseq, wseq_high;

	if ((w->op & FUTEX_CMD_MASK) != FUTEX_WAIT_BITSET || !peek(w, pair - 4, &wrefs) ||
	    wrefs < 8 || wrefs >> 3 >= MANY)
		return false;
	if (peek(w, pair - 24 + group, &g_refs) && g_refs >= 2 && g_refs >> 1 < MANY &&
	    w->val == 0)
		return true; /* <= 2.40 */
	return peek(w, pair - 32, &wseq) && peek(w, pair - 28, &wseq_high) && wseq &&
	       wseq_high < 256; /* >= 2.41: every wait adds 2 to wseq */
}

static bool on_stack(const struct wire_word *w)
{
	return w->sp && w->addr >= w->sp && w->addr - w->sp < STACK_NEAR;
}

static bool owned_by_word(uint32_t val)
{
	uint32_t tid = val & FUTEX_TID_MASK;

	return (val & FUTEX_WAITERS) && tid && tid < TID_MAX;
}

struct word_guess word_guess_call(uint64_t addr, uint32_t op, uint32_t val, bool is_tid)
{
	struct word_guess g = { KIND_FUTEX, addr };
	uint32_t cmd = op & FUTEX_CMD_MASK;

	if (cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2)
		g.kind = KIND_PI_MUTEX;
	else if (cmd == FUTEX_WAIT_REQUEUE_PI)
		g.kind = KIND_CONDITION;
	else if (owned_by_word(val))
		g.kind = KIND_ROBUST_MUTEX;
	else if (is_tid && !(op & FUTEX_PRIVATE_FLAG)) /* the kernel's wake as it clears the tid */
		g.kind = KIND_JOIN;
	else if (val == 2)
		g.kind = KIND_LOW_LEVEL;
	return g;
}

struct word_guess word_guess_memory(const struct wire_word *w, bool is_tid)
{
	static const struct {
		bool (*is)(const struct wire_word *w);
		enum lock_kind kind;
		bool pair;
	} rules[] = {
		{ is_mutex, KIND_MUTEX, false },     { is_rwlock, KIND_RWLOCK, true },
		{ is_barrier, KIND_BARRIER, false }, { is_condition, KIND_CONDITION, true },
		{ is_semaphore, KIND_SEMAPHORE, false },
	};
	struct word_guess g = word_guess_call(w->addr, w->op, w->val, is_tid);

	if (g.kind != KIND_FUTEX && g.kind != KIND_LOW_LEVEL)
		return g;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!rules[i].is(w))
			continue;
		g.kind = rules[i].kind;
		if (rules[i].pair)
			g.base = w->addr & ~7ULL;
		break;
	}
	if (on_stack(w) && (g.kind == KIND_FUTEX || g.kind == KIND_SEMAPHORE))
		g.kind = KIND_WAIT_LIST;
	return g;
}

uint32_t word_owner(enum lock_kind kind, const struct wire_block *block)
{
	switch (kind) {
	case KIND_MUTEX:
		return block->aux < TID_MAX ? block->aux : 0;
	case KIND_PI_MUTEX:
	case KIND_ROBUST_MUTEX:
		return block->word & FUTEX_TID_MASK;
	case KIND_JOIN:
		return block->val;
	default:
		return 0;
	}
}
