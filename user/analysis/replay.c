// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay.c - see replay.h.
 *
 * All ready threads get the same share of the CPUs, so one number tells how far each has come: the
 * work W that a thread would have done which was ready all the time.  A run of length w that begins
 * at W ends at W + w, whatever happens meanwhile.  Two heaps, of runs by work and of waits by time,
 * give the next event; each costs O(log n).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/analysis/replay.h"
#include "user/base/buf.h"

/* --- heap ------------------------------------------------------------------------------------ */

struct entry {
	double key;
	uint32_t thread;
};

struct heap {
	struct entry *entries;
	size_t n;
};

/* Equal keys: the thread that appeared first. */
static bool before(const struct entry *a, const struct entry *b)
{
	return a->key < b->key || (a->key == b->key && a->thread < b->thread);
}

static void heap_put(struct heap *h, double key, uint32_t thread)
{
	struct entry e = { key, thread };
	size_t i = h->n++;

	for (; i && before(&e, &h->entries[(i - 1) / 2]); i = (i - 1) / 2)
		h->entries[i] = h->entries[(i - 1) / 2];
	h->entries[i] = e;
}

static uint32_t heap_take(struct heap *h)
{
	uint32_t thread = h->entries[0].thread;
	struct entry last = h->entries[--h->n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && before(&h->entries[child + 1], &h->entries[child]))
			child++;
		if (!before(&h->entries[child], &last))
			break;
		h->entries[i] = h->entries[child];
		i = child;
	}
	h->entries[i] = last;
	return thread;
}

/* --- the machine ----------------------------------------------------------------------------- */

struct sim_thread {
	size_t next; /* operation */
	bool begun;
	bool blocked; /* its next operation waits for another thread */
	bool paid;    /* what its next operation costs more is being run */
	double run_since_ns;
	double lost_ns; /* to others, while it ran: part of what was recorded as being preempted */
};

struct sim {
	const struct timeline *tl;
	const struct replay_opts *o;
	struct sim_thread *threads;
	struct heap runs, sleeps;
	double now_ns, work_ns; /* see above */
	uint32_t *todo;		/* threads that go on now */
	size_t n_todo, cap_todo;
	uint64_t begin_ns;
	struct replay *ret;
};

/* CPU work in a second of CPU time when so many run at once. */
static double speed_of(const struct replay_opts *o, double running)
{
	size_t low;
	double part;

	if (!o->n_speed || running <= 1)
		return o->n_speed ? o->speed[0] : 1;
	if (running >= (double)o->n_speed)
		return o->speed[o->n_speed - 1];
	low = (size_t)running;
	part = running - (double)low;
	return o->speed[low - 1] * (1 - part) + o->speed[low] * part;
}

/*
 * CPUs for so many ready threads.  Other programs use what they used, but never more than if so
 * many of their threads were always ready, and all ready threads got the same.
 */
static double cpus_of(const struct sim *s, double ready)
{
	double cpus = s->o->cpus, left = cpus - s->o->others;
	double fair = cpus * ready / (ready + s->o->crowd * cpus);

	if (left < fair)
		left = fair;
	return ready < left ? ready : left;
}

/* Work that each ready thread does in a second. */
static double rate_of(const struct sim *s)
{
	double n = (double)s->runs.n, cpus = cpus_of(s, n);

	return (cpus < n ? cpus / n : 1) * speed_of(s->o, n < s->o->cpus ? n : ceil(s->o->cpus));
}

/*
 * Runnable time in which the target did not use all of its CPUs: of waking up, of others, or of a
 * kernel that did not find the free CPU.  Where it may use a part of them only, that is told from
 * the average number of threads that ran; what a quota takes away comes out of the replay.
 */
static double recorded_delay(const struct replay_opts *o, const struct timeline_op *op)
{
	double idle = floor(o->recorded_cpus) - (double)op->level / TIMELINE_LEVEL;

	if (o->all_cpus)
		return (double)(op->free_ns < op->ns ? op->free_ns : op->ns);
	if (idle <= 0)
		return 0;
	return (double)op->ns * (idle < 1 ? idle : 1);
}

static bool is_gone(const struct sim *s, const struct timeline_op *op)
{
	return op->lock && s->o->without_lock && s->o->without_lock[op->lock];
}

static double work_of(const struct sim *s, const struct timeline_op *op)
{
	double ns = (double)op->ns;

	if (is_gone(s, op))
		return 0;
	if (s->o->without_stack && op->stack && s->o->without_stack[op->stack->number])
		return 0;
	return (ns > 0 ? ns : 0) * speed_of(s->o, (double)op->level / TIMELINE_LEVEL);
}

/* Of a run that is over: what it would have been shorter without others. */
static double lost_to_others(const struct sim *s, double ns)
{
	double n = (double)s->runs.n + 1, all = n < s->o->cpus ? n : s->o->cpus;

	return ns * (1 - cpus_of(s, n) / all);
}

/* Waking up takes its time again, and others take the CPU as often. */
static double delay_of(struct sim *s, struct sim_thread *t, const struct timeline_op *op)
{
	double ns = recorded_delay(s->o, op) * s->o->delay;
	double lost = ns < t->lost_ns ? ns : t->lost_ns;

	if (op->state != WIRE_PREEMPTED)
		return ns;
	t->lost_ns -= lost;
	return ns - lost;
}

bool replay_counts(const struct timeline_op *op)
{
	static const bool lasts[WIRE_STATES] = {
		[WIRE_IO_DISK] = true,
		[WIRE_IO_IPC] = true,
		[WIRE_SLEEP] = true,
		[WIRE_STOPPED] = true,
	};

	return !(op->flags & TIMELINE_OPEN) || lasts[op->state % WIRE_STATES];
}

/* How long it sleeps now; below 0: until another thread has come to that point. */
static double wait_of(const struct sim *s, const struct timeline_op *op)
{
	if (is_gone(s, op) || op->flags & TIMELINE_RETRY)
		return 0;
	if (op->flags & TIMELINE_OPEN)
		return replay_counts(op) ? (double)op->ns : 0;
	if (op->thread)
		return s->threads[op->thread - 1].next > op->op ? 0 : -1;
	if (op->flags & TIMELINE_UNKNOWN && s->o->without_unknown && op->state == WIRE_FUTEX_WAIT)
		return 0;
	return (double)op->ns;
}

/* What a wake-up costs more when threads are processes: work of who does it. */
static double extra_of(const struct sim *s, const struct timeline_op *wake)
{
	const struct timeline_thread *woken;

	if (!s->o->processes || !wake->thread)
		return 0;
	woken = &s->tl->threads[wake->thread - 1];
	if (wake->flags & TIMELINE_BIRTH)
		return woken->leader ? 0 : s->o->start_ns;
	if (wake->op < woken->n && s->o->message_lock &&
	    s->o->message_lock[woken->ops[wake->op].lock])
		return s->o->message_ns;
	return 0;
}

static void todo(struct sim *s, uint32_t thread)
{
	vec_push(s->todo, s->n_todo, s->cap_todo) = thread;
}

static void wake(struct sim *s, const struct timeline_op *op)
{
	struct sim_thread *t;
	uint32_t thread;

	if (!op->thread)
		return;
	thread = op->thread - 1;
	t = &s->threads[thread];
	if (t->blocked && t->next == op->op) {
		t->blocked = false;
		todo(s, thread);
	}
}

static void over(struct sim *s, uint32_t thread)
{
	struct sim_thread *t = &s->threads[thread];

	if (s->ret->ends_ns)
		s->ret->ends_ns[thread][t->next] = s->now_ns;
	t->next++;
	t->paid = false;
	if (s->now_ns > s->ret->makespan_ns)
		s->ret->makespan_ns = s->now_ns;
}

static void run_for(struct sim *s, uint32_t thread, double work_ns)
{
	s->threads[thread].run_since_ns = s->now_ns;
	heap_put(&s->runs, s->work_ns + work_ns, thread);
}

static void sleep_for(struct sim *s, uint32_t thread, double ns)
{
	heap_put(&s->sleeps, s->now_ns + ns, thread);
}

/* Begin the next operation.  False: it takes time, or the thread has to wait. */
static bool step(struct sim *s, uint32_t thread)
{
	struct sim_thread *t = &s->threads[thread];
	const struct timeline_thread *tt = &s->tl->threads[thread];
	const struct timeline_op *op = &tt->ops[t->next];
	double ns = 0;

	switch (op->kind) {
	case TIMELINE_RUN:
		ns = work_of(s, op);
		if (ns > 0)
			run_for(s, thread, ns);
		break;
	case TIMELINE_WAKE:
		ns = extra_of(s, op);
		t->paid = ns > 0;
		if (t->paid)
			run_for(s, thread, ns);
		else
			wake(s, op);
		break;
	case TIMELINE_READY:
		ns = is_gone(s, op) ? 0 : delay_of(s, t, op);
		if (ns > 0)
			sleep_for(s, thread, ns);
		break;
	default:
		ns = wait_of(s, op);
		if (ns < 0)
			t->blocked = true;
		else if (ns > 0)
			sleep_for(s, thread, ns);
	}
	return ns == 0;
}

/* Its operation has taken its time. */
static void go_on(struct sim *s, uint32_t thread)
{
	const struct timeline_thread *tt = &s->tl->threads[thread];
	struct sim_thread *t = &s->threads[thread];

	if (t->next < tt->n && tt->ops[t->next].kind == TIMELINE_WAKE && t->paid)
		wake(s, &tt->ops[t->next]);
	if (t->begun)
		over(s, thread);
	else if (s->ret->begins_ns)
		s->ret->begins_ns[thread] = s->now_ns;
	t->begun = true;
	while (t->next < tt->n && step(s, thread))
		over(s, thread);
}

static void settle(struct sim *s)
{
	while (s->n_todo)
		go_on(s, s->todo[--s->n_todo]);
}

static void pass(struct sim *s, double ns, double rate)
{
	double n = (double)s->runs.n;

	s->now_ns += ns;
	s->work_ns += ns * rate;
	s->ret->cpu_ns += ns * cpus_of(s, n);
}

static void run_over(struct sim *s, uint32_t thread)
{
	struct sim_thread *t = &s->threads[thread];

	t->lost_ns += lost_to_others(s, s->now_ns - t->run_since_ns);
	todo(s, thread);
}

static void simulate(struct sim *s)
{
	for (;;) {
		double rate, run_ns = INFINITY, sleep_ns = INFINITY;

		settle(s);
		if (!s->runs.n && !s->sleeps.n)
			return;
		rate = rate_of(s);
		if (s->runs.n)
			run_ns = (s->runs.entries[0].key - s->work_ns) / rate;
		if (s->sleeps.n)
			sleep_ns = s->sleeps.entries[0].key - s->now_ns;
		if (run_ns <= sleep_ns) {
			pass(s, run_ns > 0 ? run_ns : 0, rate);
			run_over(s, heap_take(&s->runs));
		} else {
			pass(s, sleep_ns > 0 ? sleep_ns : 0, rate);
			todo(s, heap_take(&s->sleeps));
		}
	}
}

/* Threads that another one starts begin with the wait for that; others when they were seen. */
static void begin(struct sim *s)
{
	for (size_t i = s->tl->n_threads; i--;) {
		const struct timeline_thread *tt = &s->tl->threads[i];
		bool born = tt->n && tt->ops[0].kind == TIMELINE_WAIT &&
			    tt->ops[0].flags & TIMELINE_BIRTH && tt->ops[0].thread;

		if (born || tt->begin_ns <= s->begin_ns)
			todo(s, (uint32_t)i);
		else
			heap_put(&s->sleeps, (double)(tt->begin_ns - s->begin_ns), (uint32_t)i);
	}
}

static void alloc_ends(struct replay *r, const struct timeline *tl)
{
	r->begins_ns = xcalloc(tl->n_threads + 1, sizeof(*r->begins_ns));
	r->ends_ns = xcalloc(tl->n_threads + 1, sizeof(*r->ends_ns));
	for (size_t i = 0; i < tl->n_threads; i++)
		r->ends_ns[i] = xcalloc(tl->threads[i].n + 1, sizeof(**r->ends_ns));
}

void replay_run(struct replay *ret, const struct timeline *tl, uint64_t window_begin_ns,
		const struct replay_opts *opts, bool ends)
{
	struct sim s = { .tl = tl, .o = opts, .begin_ns = window_begin_ns, .ret = ret };

	*ret = (struct replay){ 0 };
	if (ends)
		alloc_ends(ret, tl);
	s.threads = xcalloc(tl->n_threads + 1, sizeof(*s.threads));
	s.runs.entries = xcalloc(tl->n_threads + 1, sizeof(struct entry));
	s.sleeps.entries = xcalloc(tl->n_threads + 1, sizeof(struct entry));
	begin(&s);
	simulate(&s);
	free(s.threads);
	free(s.runs.entries);
	free(s.sleeps.entries);
	free(s.todo);
}

void replay_recorded(struct replay *ret, const struct timeline *tl, uint64_t window_begin_ns)
{
	*ret = (struct replay){ 0 };
	alloc_ends(ret, tl);
	for (size_t i = 0; i < tl->n_threads; i++) {
		const struct timeline_thread *tt = &tl->threads[i];
		uint64_t ts = tt->begin_ns > window_begin_ns ? tt->begin_ns - window_begin_ns : 0;

		ret->begins_ns[i] = (double)ts;
		for (size_t k = 0; k < tt->n; k++) {
			const struct timeline_op *op = &tt->ops[k];

			ts += op->ns;
			ret->ends_ns[i][k] = (double)ts;
			if (op->kind == TIMELINE_RUN)
				ret->cpu_ns += (double)op->ns;
			if (replay_counts(op) && (double)ts > ret->makespan_ns)
				ret->makespan_ns = (double)ts;
		}
	}
}

void replay_free(struct replay *r, const struct timeline *tl)
{
	for (size_t i = 0; r->ends_ns && i < tl->n_threads; i++)
		free(r->ends_ns[i]);
	free(r->ends_ns);
	free(r->begins_ns);
	r->ends_ns = NULL;
	r->begins_ns = NULL;
}
