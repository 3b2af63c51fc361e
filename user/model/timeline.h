/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline.h - what each thread did, one thing after another: kept only if somebody asked for it.
 *
 * The model adds up; a replay and a critical path need the order.  Each thread has a list of
 * operations that fill its life inside the window without a gap: the ends of operations are sums
 * of lengths.  Its memory is bounded; beyond that the timeline is cut, which says so, and is of no
 * use.  All functions but timeline_start() do nothing without a timeline.
 */
#ifndef PARASCOPE_TIMELINE_H
#define PARASCOPE_TIMELINE_H

#include "user/model/model.h"

#define TIMELINE_MAX_OPS (4u << 20) /* all threads together: 96 MiB */
#define TIMELINE_MAX_THREADS (1u << 17)

enum timeline_kind {
	TIMELINE_RUN,
	TIMELINE_READY, /* runnable */
	TIMELINE_WAIT,
	TIMELINE_WAKE, /* no time passes: here it ends another thread's wait, or lets go of a lock
			*/
};

enum timeline_flag {
	TIMELINE_RETRY = 1 << 0,   /* WAIT: the thread waited on; one that follows ends it */
	TIMELINE_OPEN = 1 << 1,	   /* WAIT: not over at the end of the window */
	TIMELINE_UNKNOWN = 1 << 2, /* WAIT: nobody knows who or what ended it */
	TIMELINE_BIRTH = 1 << 3,   /* WAKE, WAIT: of a new thread */
};

struct timeline_op {
	uint8_t kind; /* enum timeline_kind */
	uint8_t flags;
	uint8_t state; /* WAIT, READY: enum wire_state */
	/*
	 * RUN, READY: target threads that ran meanwhile, this one included, average in 1/8, at most
	 * 31.9.
	 */
	uint8_t level;
	uint32_t lock; /* what the wait is for, or what it runs and is ready for; 0: none */
	uint64_t ns;
	union {
		const struct stack *stack; /* RUN: from the next sample; NULL: none */
		uint64_t free_ns; /* READY: fewer threads of the target ran than CPUs are online */
		struct {
			uint32_t thread; /* WAIT: by whom it ends, WAKE: whose wait; 0: nobody's */
			uint32_t op;	 /* there */
		};
	};
};
#define TIMELINE_LEVEL 8.0   /* of struct timeline_op.level is one thread */

struct timeline_thread {
	uint64_t id; /* of struct thread */
	uint32_t tid, pid;
	bool leader; /* the first thread of its process */
	char comm[WIRE_COMM_LEN];
	uint64_t begin_ns; /* inside the window */
	struct timeline_op *ops;
	size_t n, cap;
	/* until its end */
	size_t unplaced;	    /* runs from here on have no stack yet */
	uint64_t since_ns;	    /* operations are complete up to here */
	uint64_t run_area, free_ns; /* of the timeline, then */
	struct {
		bool seen, birth, timer;
		uint32_t thread, op;
	} woken;
};

struct timeline {
	struct timeline_thread *threads; /* number 1 is threads[0] */
	size_t n_threads, cap_threads;
	const struct lock **locks; /* number 1 is locks[0]; NULL: folded */
	size_t n_locks, cap_locks;
	size_t n_ops;
	bool cut;
	/* threads that ran times ns; time in which fewer than CPUs ran; both up to when */
	uint64_t run_area, free_ns, area_ns;
};

void timeline_start(struct model *m);
void timeline_free(struct model *m);

/* A thread was made; before its first state. */
void timeline_born(struct model *m, struct thread *t);

/* It leaves its state at ts; before its wait is told. */
void timeline_left(struct model *m, struct thread *t, uint64_t ts);

/* A level of the whole is about to change. */
void timeline_advance(struct model *m, uint64_t ts);

/* What it did since it was first seen was this; before its state changes. */
void timeline_corrected(struct model *m, struct thread *t, uint8_t state);

/* It is woken; before its state changes.  waker NULL: no thread of the target. */
void timeline_woken(struct model *m, struct thread *t, struct thread *waker,
		    const struct wire_wake *w, uint64_t ts);

/* It was seen running in this stack. */
void timeline_sampled(struct model *m, struct thread *t, const struct stack *stack, uint64_t ts);

/* A wait for l began at that time already: what it did since then belongs to it. */
void timeline_waits_since(struct model *m, struct thread *t, struct lock *l, uint64_t begin_ns);

/* Its last wait on l was not over: it sleeps again.  Its state has been left. */
void timeline_goes_on(struct model *m, struct thread *t, struct lock *l);

/* The call that slept on l returned: what it ran since then belongs to the wait. */
void timeline_returned(struct model *m, struct thread *t, struct lock *l, uint64_t ts);

/* Its call that woke somebody on l returned: what it ran since then belongs to l. */
void timeline_woke(struct model *m, struct thread *t, struct lock *l, uint64_t ts);

/* It lets go of a global lock by a call, whether that wakes somebody or not. */
void timeline_released(struct model *m, struct thread *t, struct lock *l, uint64_t ts);

/*
 * Its call on l is over, and nobody woke it: if another thread let go of l since it began to wait,
 * that is what it waited for.  now: somebody just did, as the call did not sleep.
 */
void timeline_given(struct model *m, struct thread *t, struct lock *l, bool now, uint64_t ts);

/* The wait that it is in, or just was in, is for another lock. */
void timeline_moved(struct model *m, struct thread *t, const struct lock *from, struct lock *to);

void timeline_lock_gone(struct model *m, const struct lock *l);

/* It died or the window ended: its last state was left.  open: at the end of the window. */
void timeline_ended(struct model *m, struct thread *t, bool open);

#endif
