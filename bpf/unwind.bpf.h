/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unwind.bpf.h - the current thread's native callers, without frame pointers: by tables that user
 * space makes from the call frame information of the files a process has mapped.
 *
 *	address ─► range (mapping of the address space) ─► page ─► row (of its file) ─► rule: where
 *	the caller's stack pointer, frame pointer and return address are
 *
 * Everything read is the target's and may be anything: each loop has an end, each read may fail,
 * and the stack must grow towards its beginning.  Only x86-64 has tables.
 */
#ifndef PARASCOPE_UNWIND_BPF_H
#define PARASCOPE_UNWIND_BPF_H

#define UNWIND_FEW 24 /* frames on a kernel without bpf_loop() */

struct stack_walk {
	struct stack_scratch *s;
	__u64 hash; /* of the frames so far */
};

/* One more frame at the end; there is always room behind WIRE_FRAMES_MAX. */
static __always_inline void stack_push(struct stack_walk *w, __u64 code, __u64 instr)
{
	__u32 n = w->s->rec.n;

	if (n >= WIRE_FRAMES_MAX)
		return;
	barrier_var(n); /* keep the mask that the verifier wants to see */
	n &= STACK_ROOM - 1;
	w->s->rec.frames[n].code = code;
	w->s->rec.frames[n].instr = instr;
	w->hash = stack_hash(w->hash, code, instr);
	w->s->rec.n = n + 1;
}

#if defined(__TARGET_ARCH_x86)

/* The kernel's signal frame behind its return address: ucontext, uc_mcontext from rbp on. */
#define UCONTEXT_RBP 120
struct signal_regs {
	__u64 bp, bx, dx, ax, cx, sp, ip;
};

struct unwind {
	struct stack_walk w;
	__u64 ip, sp, bp;
	struct wire_space space;
	struct wire_range range; /* the last one: callers are often in the same file */
	__u32 range_number;
	bool exact;		 /* ip is an instruction, not a return address */
};

/*
 * All ones if a <= b, without a jump: the verifier follows each of them.  For numbers that are less
 * than 2^63 apart, as addresses of user space are.
 */
static __always_inline __u64 mask_le(__u64 a, __u64 b)
{
	__u64 difference = a - b - 1, mask;

	barrier_var(difference); /* else the compiler makes jumps of both */
	mask = (__u64)((__s64)difference >> 63);
	barrier_var(mask);
	return mask;
}

static __always_inline const struct wire_index *index_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&unwind_index, &zero);
}

/* The last of n ranges that begins at or before an address, by halving from `step` on. */
static __always_inline __u64 range_search(const struct wire_range *ranges, struct wire_space space,
					  __u64 ip, __u32 from)
{
	__u64 at = 0;

#pragma unroll
	for (__u32 step = from; step; step /= 2) {
		__u64 probe = at + step, inside = mask_le(probe + 1, space.n);
		__u64 i = (space.first + (probe & inside)) & (WIRE_RANGES - 1);

		at += step & inside & mask_le(ranges[i].begin, ip);
	}
	return (space.first + at) & (WIRE_RANGES - 1);
}

#define RANGES_FEW 64 /* most processes have less */

/* The number of that range.  A function of its own for the verifier, as row_rule() is. */
__noinline __u64 range_number(__u32 first, __u32 n, __u64 pc)
{
	struct wire_space space = { .first = first, .n = n };
	const struct wire_index *index = index_get();

	if (!index)
		return 0;
	if (n <= RANGES_FEW)
		return range_search(index->ranges, space, pc, RANGES_FEW / 2);
	return range_search(index->ranges, space, pc, WIRE_SPACE_RANGES / 2);
}

/* Set u->range to the one of an address; false: there is none. */
static __always_inline bool range_find(struct unwind *u, __u64 pc)
{
	const struct wire_index *index;
	__u64 i;

	if (pc - u->range.begin < u->range.end - u->range.begin)
		return true;
	i = range_number(u->space.first, u->space.n, pc);
	barrier_var(i);
	i &= WIRE_RANGES - 1;
	u->range_number = i;
	index = index_get();
	if (!index)
		return false;
	u->range = index->ranges[i];
	return pc - u->range.begin < u->range.end - u->range.begin;
}

/* The same among the n rows from `first` on, which may lie anywhere in a chunk. */
static __always_inline __u64 row_search(const struct wire_row *rows, __u64 first, __u64 n, __u64 pc,
					__u32 from)
{
	__u64 at = 0;

#pragma unroll
	for (__u32 step = from; step; step /= 2) {
		__u64 probe = at + step, inside = mask_le(probe + 1, n);
		__u64 i = (first + (probe & inside)) & (WIRE_CHUNK_ROWS - 1);

		at += step & inside & mask_le(rows[i].pc, pc);
	}
	return first + at;
}

#define ROWS_FEW 16 /* most pages have less */
#define ROWS_OF_PAGE (1 << WIRE_PAGE_BITS)

/* The rule for an address of a range. */
__noinline __u64 row_rule(__u32 range_number, __u64 pc)
{
	const struct wire_index *index = index_get();
	__u64 page = pc >> WIRE_PAGE_BITS, first, n, at;
	const struct wire_range *r;
	const struct wire_row *rows;
	__u32 chunk, zero = 0;
	void *map;

	if (!index)
		return WIRE_RULE_NONE;
	r = &index->ranges[range_number & (WIRE_RANGES - 1)];
	chunk = r->first / WIRE_CHUNK_ROWS;
	map = bpf_map_lookup_elem(&unwind_chunks, &chunk);
	if (!map)
		return WIRE_RULE_NONE;
	rows = bpf_map_lookup_elem(map, &zero);
	if (!rows)
		return WIRE_RULE_NONE;
	page -= (page - r->last) & mask_le(r->last, page);
	page = (__u32)(page + r->index);
	first = r->first + index->pages[page & (WIRE_PAGES - 1)];
	n = r->first + index->pages[(page + 1) & (WIRE_PAGES - 1)] - first + 1;
	if (n <= ROWS_FEW)
		at = row_search(rows, first, n, pc, ROWS_FEW / 2);
	else
		at = row_search(rows, first, n, pc, ROWS_OF_PAGE / 2);
	barrier_var(at);
	at &= WIRE_CHUNK_ROWS - 1;
	return rows[at].pc <= pc ? rows[at].rule : WIRE_RULE_NONE;
}

/* By the chain of frame pointers: the caller's lies where rbp points to. */
static __always_inline __u32 pointer_rule(struct unwind *u)
{
	u->w.s->rec.flags |= WIRE_STACK_POINTERS;
	return WIRE_RULE(WIRE_RULE_RBP, -2, 2);
}

static __always_inline long unwind_end(struct unwind *u, __u32 why)
{
	u->w.s->rec.flags |= why;
	return 1;
}

static __always_inline long unwind_signal(struct unwind *u)
{
	struct signal_regs regs;

	if (bpf_probe_read_user(&regs, sizeof(regs), (void *)(u->sp + UCONTEXT_RBP)))
		return unwind_end(u, WIRE_STACK_NO_MEMORY);
	u->ip = regs.ip;
	u->sp = regs.sp;
	u->bp = regs.bp;
	u->exact = true;
	return 0;
}

/* Where the caller's stack pointer was; 0: the rule leads nowhere. */
static __always_inline __u64 rule_cfa(const struct unwind *u, __u32 rule)
{
	__s64 cfa = (__s64)WIRE_RULE_CFA(rule) * 8;

	switch (WIRE_RULE_KIND(rule)) {
	case WIRE_RULE_RSP:
		return u->sp + cfa;
	case WIRE_RULE_RBP:
		return u->bp + cfa;
	case WIRE_RULE_RSP_AT:
		return user_u64(u->sp + cfa);
	case WIRE_RULE_RBP_AT:
		return user_u64(u->bp + cfa);
	case WIRE_RULE_PLT:
		return u->sp + 8 + ((u->ip & 15) >= (__u64)WIRE_RULE_CFA(rule) ? 8 : 0);
	}
	return 0;
}

/* Go to the caller.  1: there is none. */
static __always_inline long unwind_caller(struct unwind *u, __u32 rule)
{
	__u64 cfa = rule_cfa(u, rule), saved[2];
	__s32 bp = WIRE_RULE_RBP_OF(rule);

	if (cfa <= u->sp) /* a stack grows down: this one leads back */
		return unwind_end(u, WIRE_STACK_NO_RULE);
	/* rbp is mostly saved beside the return address: one read for both */
	if (bpf_probe_read_user(saved, sizeof(saved), (void *)(cfa - 16)))
		return unwind_end(u, WIRE_STACK_NO_MEMORY);
	u->ip = saved[1];
	if (bp == -2)
		u->bp = saved[0];
	else if (bp == WIRE_RBP_AT_RBP)
		u->bp = user_u64(u->bp);
	else if (bp == WIRE_RBP_UNKNOWN)
		u->bp = 0;
	else if (bp)
		u->bp = user_u64(cfa + bp * 8);
	u->sp = cfa;
	u->exact = false;
	return u->ip ? 0 : unwind_end(u, WIRE_STACK_WHOLE);
}

/* One frame; 1: it was the last. */
static long unwind_step(__u32 i, struct unwind *u)
{
	__u32 rule = WIRE_RULE_NONE;
	__u64 pc = u->ip - !u->exact;

	if (i >= WIRE_NATIVE_MAX)
		return unwind_end(u, WIRE_STACK_CUT);
	if (!range_find(u, pc))
		return unwind_end(u, WIRE_STACK_ASTRAY);
	stack_push(&u->w, WIRE_CODE_NATIVE, pc);
	if (u->range.kind == WIRE_RANGE_EARLY)
		return unwind_end(u, WIRE_STACK_EARLY);
	if (u->range.kind == WIRE_RANGE_ROWS)
		rule = row_rule(u->range_number, pc - u->range.base);
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_NONE)
		rule = pointer_rule(u);
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_END)
		return unwind_end(u, WIRE_STACK_WHOLE);
	if (WIRE_RULE_KIND(rule) == WIRE_RULE_SIGNAL)
		return unwind_signal(u);
	return unwind_caller(u, rule);
}

/*
 * Add the current thread's native frames to the stack in the scratch.  Returns the hash, which goes
 * on from the one given.
 */
__noinline __u64 unwind(__u32 space, __u32 where, __u64 hash)
{
	const struct wire_index *index = index_get();
	struct syscall_regs regs;
	struct unwind u = { .w.hash = hash, .exact = true };

	u.w.s = bpf_map_lookup_elem(&stack_scratch, &where);
	if (!u.w.s || !space || !index)
		return hash;
	u.space = index->spaces[space & (WIRE_SPACES - 1)];
	syscall_regs_read(&regs, bpf_get_current_task_btf());
	u.ip = regs.ip;
	u.sp = regs.sp;
	u.bp = regs.bp;
	if (has_loop()) {
		bpf_loop(WIRE_NATIVE_MAX + 1, unwind_step, &u, 0);
	} else {
		long done = 0;

		for (__u32 i = 0; i < UNWIND_FEW && !done; i++)
			done = unwind_step(i, &u);
		if (!done)
			unwind_end(&u, WIRE_STACK_CUT);
	}
	return u.w.hash;
}

#else

__noinline __u64 unwind(__u32 space, __u32 where, __u64 hash)
{
	return hash;
}

#endif

#endif
