/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * python.bpf.h - looks into a live CPython: which PyThreadState a thread has, who has the GIL, which
 * frames a thread is in.
 *
 * Everything read is the target's and may be anything: each loop has an end, each read may fail.
 * User space finds the interpreter and describes it (struct wire_python); here it is only followed.
 */
#ifndef PARASCOPE_PYTHON_BPF_H
#define PARASCOPE_PYTHON_BPF_H

#define PYTHON_THREADS_MAX 8192 /* looked through to find a thread */
#define PYTHON_THREADS_FEW 128	 /* ... on a kernel without bpf_loop() */
#define PYTHON_FRAMES_FEW 16	 /* read of a stack, there */
#define PYTHON_RETRY_NS 50000 /* after a look that did not find it, doubled each time... */
#define PYTHON_RETRIES 14     /* ... up to 0.8 s: a native thread is never found */
#define PYTHON_PARK_NEAR 4096	/* a parked thread's semaphore lies so near to its stack pointer */

/* struct _gil_runtime_state, without what free-threaded builds have in front: cpython_layout.h */
#define GIL_LAST_HOLDER 8
#define GIL_COND 32

/* Of struct _gil_runtime_state from GIL_LAST_HOLDER on. */
struct gil_words {
	__u64 holder;
	__s32 locked;
	__u32 pad;
};

/* The interpreter of a thread's process, NULL: none is known. */
static __always_inline const struct wire_python *python_get(__u32 slot)
{
	return slot ? bpf_map_lookup_elem(&pythons, &slot) : NULL;
}

/* User space has told of an interpreter or an address space since this thread last looked. */
__noinline int news_look(struct thread *t)
{
	__u32 tgid, *slot;

	if (!t)
		return 0;
	tgid = t->tgid;
	t->news_seen = news_generation;
	slot = bpf_map_lookup_elem(&space_of, &tgid);
	if (slot)
		t->space = *slot;
	slot = bpf_map_lookup_elem(&python_of, &tgid);
	if (!slot || *slot == t->python)
		return 0;
	t->python = *slot;
	t->tstate = t->gil = 0;
	t->python_retry_ns = 0;
	t->python_tries = 0;
	t->gil_sampled = 0;
#pragma unroll
	for (int i = 0; i < WORDS_SEEN; i++) /* now there is more to say of them */
		t->words_seen[i] = 0;
	return 0;
}

static __always_inline void news(struct thread *t)
{
	if (t->news_seen != news_generation)
		news_look(t);
}

/* Where the words of the GIL begin that this PyThreadState is under, see GIL_LAST_HOLDER. */
static __always_inline __u64 python_gil_of(const struct wire_python *py, __u64 tstate)
{
	__u64 gil = py->gil ? py->gil : user_u64(user_u64(tstate + py->t_interp) + py->gil_ptr);

	return gil ? gil + py->gil_shift : 0;
}

struct find {
	const struct wire_python *py;
	__u64 self, interp, tstate, found;
};

/* Is this the state that has its GIL now? */
static __always_inline bool is_holder(const struct wire_python *py, __u64 tstate)
{
	__u64 gil = python_gil_of(py, tstate);
	struct gil_words words;

	return gil && !bpf_probe_read_user(&words, sizeof(words), (void *)(gil + GIL_LAST_HOLDER)) &&
	       words.locked == 1 && words.holder == tstate;
}

/*
 * One step through the lists of interpreters and their threads; 1: done.  A state bears its maker's
 * thread_id until its own thread begins, and a thread has one in each interpreter it has been in: the
 * one that has the GIL is it, else the oldest.
 */
static long find_step(__u32 i, struct find *f)
{
	if (!f->interp)
		return 1;
	if (!f->tstate) {
		f->interp = user_u64(f->interp + f->py->next);
		f->tstate = f->interp ? user_u64(f->interp + f->py->threads) : 0;
		return 0;
	}
	if (is_thread_pointer(user_u64(f->tstate + f->py->t_thread_id), f->self)) {
		f->found = f->tstate;
		if (is_holder(f->py, f->tstate))
			return 1;
	}
	f->tstate = user_u64(f->tstate + f->py->t_next);
	return 0;
}

/*
 * The PyThreadState whose thread_id is this thread's pthread_self(), 0: not found.  The lists change
 * while we walk them: a wrong turn ends at the limit.
 */
__noinline __u64 python_find(__u32 slot, __u64 self)
{
	struct find f = { .py = python_get(slot), .self = self };

	if (!f.py)
		return 0;
	f.interp = user_u64(f.py->runtime + f.py->head);
	f.tstate = f.interp ? user_u64(f.interp + f.py->threads) : 0;
	if (has_loop()) {
		bpf_loop(PYTHON_THREADS_MAX, find_step, &f, 0);
	} else {
		for (__u32 i = 0; i < PYTHON_THREADS_FEW; i++)
			if (find_step(i, &f))
				break;
	}
	if (!f.found && f.interp)
		count_loss(WIRE_LOSS_PYTHREAD);
	return f.found;
}

static __always_inline void emit_pythread(const struct thread *t, __u64 thread_id, __u64 now)
{
	struct wire_pythread *rec = emit_begin(now, t->tid, WIRE_PYTHREAD, sizeof(*rec));

	if (!rec)
		return;
	rec->tstate = t->tstate;
	rec->gil = t->gil ? t->gil + GIL_COND : 0;
	rec->thread_id = thread_id;
	rec->tgid = t->tgid;
	rec->pad = 0;
	emit_end_wake(rec, true); /* its name can be read while it lives */
}

/*
 * The current thread's PyThreadState, 0: it has none or it was not found.  States are freed and used
 * again, so what was found is checked each time.
 */
__noinline __u64 python_self(struct thread *t, __u64 now)
{
	const struct wire_python *py;
	__u64 self, tstate;

	if (!t)
		return 0;
	py = python_get(t->python);
	if (!py)
		return 0;
	self = thread_pointer(bpf_get_current_task_btf());
	if (t->tstate && is_thread_pointer(user_u64(t->tstate + py->t_thread_id), self))
		return t->tstate;
	if (now < t->python_retry_ns)
		return 0;
	tstate = python_find(t->python, self);
	if (!tstate) {
		t->tstate = t->gil = 0;
		if (t->python_tries < PYTHON_RETRIES)
			t->python_tries++;
		t->python_retry_ns = now + ((__u64)PYTHON_RETRY_NS << t->python_tries);
		return 0;
	}
	t->python_tries = 0;
	t->tstate = tstate;
	t->gil = python_gil_of(py, tstate);
	emit_pythread(t, user_u64(tstate + py->t_thread_id), now);
	return tstate;
}

static __always_inline bool gil_read(const struct thread *t, struct gil_words *ret)
{
	return t->gil &&
	       !bpf_probe_read_user(ret, sizeof(*ret), (void *)(t->gil + GIL_LAST_HOLDER));
}

/* Does the current thread have its interpreter's GIL? */
static __always_inline bool gil_held(const struct thread *t, __u64 tstate)
{
	struct gil_words gil;

	return tstate && gil_read(t, &gil) && gil.locked == 1 && gil.holder == tstate;
}

/* Is this futex word one of the thread's GIL? */
static __always_inline bool gil_word(const struct thread *t, const struct wire_python *py, __u64 addr)
{
	return t->gil && addr >= t->gil + GIL_COND && addr < t->gil - py->gil_shift + py->gil_end;
}

/* Since 3.13 a lock's waiter sleeps on a semaphore on its own stack, behind the lock's address. */
static __always_inline bool python_parks(const struct wire_python *py)
{
	return !py->gil && py->cframe == WIRE_PYTHON_NONE;
}

enum python_word {
	PYTHON_WORD_OTHER, /* nothing is known of it: look at the word itself */
	PYTHON_WORD_GIL,
	PYTHON_WORD_PARKED,
};

/*
 * The current thread is about to sleep on a futex word: what the interpreter knows of it; for both
 * answers it is in block->object.
 */
__noinline int python_word(struct thread *t, struct wire_block *block, __u64 now)
{
	const struct wire_python *py;
	struct syscall_regs regs;
	struct gil_words gil;

	if (!t || !block || !detailed(now))
		return PYTHON_WORD_OTHER;
	py = python_get(t->python);
	if (!py || !python_self(t, now))
		return PYTHON_WORD_OTHER;
	if (gil_word(t, py, block->addr)) {
		if (!gil_read(t, &gil))
			return PYTHON_WORD_OTHER;
		block->word = gil.locked;
		block->object = gil.holder;
		return PYTHON_WORD_GIL;
	}
	if (!python_parks(py))
		return PYTHON_WORD_OTHER;
	syscall_regs_read(&regs, bpf_get_current_task_btf());
	if (block->addr - regs.sp >= PYTHON_PARK_NEAR)
		return PYTHON_WORD_OTHER;
	block->object = user_u64(block->addr - sizeof(__u64));
	return block->object ? PYTHON_WORD_PARKED : PYTHON_WORD_OTHER;
}

/* --- stacks ---------------------------------------------------------------------------------- */

/* The innermost frame. */
static __always_inline __u64 python_top(const struct wire_python *py, __u64 tstate)
{
	__u64 frame = user_u64(tstate + py->t_frame);

	return frame && py->cframe != WIRE_PYTHON_NONE ? user_u64(frame + py->cframe) : frame;
}

static __always_inline __u64 scratch_u64(const struct stack_scratch *s, __u32 at)
{
	return *(const __u64 *)(s->frame + (at & 0x78));
}

struct python_walk {
	struct stack_walk w;
	const struct wire_python *py;
	__u64 frame;
	bool torn;
};

/* Was the frame called by C code?  Then the interpreter's own loop begins anew below it. */
static __always_inline bool is_entry(const struct wire_python *py, const struct stack_scratch *s)
{
	return py->f_entry < WIRE_PYTHON_FRAME && s->frame[py->f_entry & 0x7f];
}

/*
 * One frame; 1: it was the last.  It is read at once, and not a byte more: what follows it may not be
 * there.
 */
static long python_step(__u32 i, struct python_walk *p)
{
	const struct wire_python *py = p->py;
	struct stack_scratch *s = p->w.s;
	__u64 previous, code, instr;

	if (!p->frame)
		return 1;
	p->torn = true;
	if (bpf_probe_read_user(s->frame, py->f_size & 0x7f, (void *)p->frame))
		return 1;
	previous = scratch_u64(s, py->f_previous);
	if (previous == p->frame)
		return 1;
	p->torn = false;
	code = scratch_u64(s, py->f_code) & ~3ULL; /* tagged since 3.14 */
	instr = scratch_u64(s, py->f_instr);
	if (py->instr_mask)
		instr &= py->instr_mask;
	if (py->owner_c && s->frame[py->f_owner & 0x7f] >= py->owner_c)
		code = instr = 0;
	stack_push(&p->w, code, instr);
	if (is_entry(py, s))
		stack_push(&p->w, WIRE_CODE_ENTRY, 0);
	p->frame = previous;
	return 0;
}

/*
 * Add the frames of a PyThreadState to the stack in the scratch.  Returns the hash, which goes on from
 * the one given.
 */
__noinline __u64 python_walk(__u32 slot, __u64 tstate, __u32 where, __u64 hash)
{
	struct python_walk p = { .py = python_get(slot), .w.hash = hash };

	p.w.s = bpf_map_lookup_elem(&stack_scratch, &where);
	if (!p.py || !p.w.s || !tstate)
		return hash;
	p.frame = python_top(p.py, tstate);
	if (has_loop()) {
		bpf_loop(WIRE_PYTHON_MAX, python_step, &p, 0);
	} else {
		for (__u32 i = 0; i < PYTHON_FRAMES_FEW; i++)
			if (python_step(i, &p))
				break;
	}
	if (p.py->f_entry == WIRE_PYTHON_ALL)
		p.w.s->rec.flags |= WIRE_STACK_SINGLES;
	p.w.s->rec.flags |= (p.frame ? WIRE_STACK_TRUNCATED : 0) | (p.torn ? WIRE_STACK_TORN : 0);
	return p.w.hash;
}

#endif
