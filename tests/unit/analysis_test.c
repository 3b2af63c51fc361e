// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * analysis_test.c - from a model to a report: order of rows, limits, doubt, sums of processes.
 *
 * What a single story gives is in tests/fixtures; here is what needs many rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fail.h"

#include <cmocka.h>

#include "user/analysis/analysis.h"
#include "user/base/buf.h"
#include "user/model/model.h"
#include "user/trace/trace.h"

#define MS 1000000ULL

static void say(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line of a text trace. */
static void say(struct model *m, const char *fmt, ...)
{
	union {
		struct wire_head head;
		uint8_t room[TRACE_RECORD_MAX];
	} rec;
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	assert_int_equal(trace_parse(line, &rec, sizeof(rec)), 1);
	assert_int_equal(model_apply(m, &rec.head), 0);
}

static struct model *begin(void)
{
	struct model *m = model_new();

	say(m, "0 host cpus_online=4");
	say(m, "1000000 window begin_ns=1000000");
	return m;
}

static void thread(struct model *m, unsigned int tid, unsigned int tgid, const char *state)
{
	say(m,
	    "1000000 task tid=%u tgid=%u parent_tgid=1 ns_tid=%u ns_tgid=%u start_ns=%u comm=t "
	    "state=%s flags=0x1",
	    tid, tgid, tid, tgid, tid, state);
}

static void sums(struct model *m, unsigned int tid, unsigned int tgid, const char *states)
{
	say(m,
	    "101000000 sums tid=%u tgid=%u start_ns=%u begin_ns=1000000 end_ns=101000000 comm=t %s",
	    tid, tgid, tid, states);
}

/* The window is 100 ms long. */
static struct report *end(struct model *m)
{
	say(m, "101000000 window begin_ns=1000000 end_ns=101000000");
	model_finish(m);
	return analysis_report(m);
}

static void finish(struct report *r, struct model *m)
{
	report_free(r);
	model_free(m);
}

static const struct report_thread *find(const struct report *r, uint32_t tid)
{
	for (size_t i = 0; i < r->n_threads; i++)
		if (r->threads[i].tid == tid)
			return &r->threads[i];
	return NULL;
}

static void wait_for(struct model *m, unsigned int tid, uint64_t ns, uint64_t addr, unsigned int op,
		     unsigned int val)
{
	say(m,
	    "2000000 switch tid=%u prev_state=futex block.addr=0x%llx block.op=0x%x block.val=%u",
	    tid, (unsigned long long)addr, op, val);
	say(m, "%llu switch next_tid=%u", (unsigned long long)(2 * MS + ns), tid);
	say(m, "%llu futex tid=%u addr=0x%llx op=0x%x val=%u flags=0x1",
	    (unsigned long long)(2 * MS + ns), tid, (unsigned long long)addr, op, val);
}

/* Contention comes before waiting for work, then the longer before the shorter; ids follow. */
static void lock_order(void **state)
{
	struct model *m = begin();
	struct report *r;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		thread(m, 10 + i, 10, "on_cpu");
	wait_for(m, 10, 5 * MS, 0x1000, 0x80, 2);
	wait_for(m, 11, 50 * MS, 0x2000, 0x80, 0); /* a word of unknown use: no contention */
	wait_for(m, 12, 20 * MS, 0x3000, 0x80, 2);
	wait_for(m, 13, 60 * MS, 0x4000, 0x80, 0);
	r = end(m);
	assert_int_equal(r->n_locks, 4);
	assert_int_equal(r->locks[0].addr, 0x3000);
	assert_int_equal(r->locks[1].addr, 0x1000);
	assert_int_equal(r->locks[2].addr, 0x4000);
	assert_int_equal(r->locks[3].addr, 0x2000);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(r->locks[i].id, i + 1);
	assert_int_equal(find(r, 12)->top_lock, 1);
	assert_int_equal(find(r, 10)->top_lock, 2);
	assert_int_equal(find(r, 11)->top_lock, 0); /* work is no lock to lose time on */
	finish(r, m);
}

static void many_locks(void **state)
{
	struct model *m = begin();
	uint64_t ts = 2 * MS, waits = 0;
	struct report *r;

	(void)state;
	thread(m, 10, 10, "on_cpu");
	for (unsigned int i = 0; i < 1000; i++, ts += 30000) {
		say(m,
		    "%llu switch tid=10 prev_state=futex block.addr=0x%x block.op=0x80 block.val=2",
		    (unsigned long long)ts, 0x10000 + 64 * i);
		say(m, "%llu switch next_tid=10", (unsigned long long)(ts + 1000 + i));
		say(m, "%llu futex tid=10 addr=0x%x op=0x80 val=2 flags=0x1",
		    (unsigned long long)(ts + 1000 + i), 0x10000 + 64 * i);
	}
	r = end(m);
	assert_int_equal(r->locks_total, 1000);
	assert_int_equal(r->n_locks, ANALYSIS_MAX_LOCKS + 1);
	assert_int_equal(r->locks[0].wait_ns, 1999); /* the longest are kept, the others one row */
	assert_string_equal(r->locks[ANALYSIS_MAX_LOCKS].kind, "folded");
	for (size_t i = 0; i < r->n_locks; i++)
		waits += r->locks[i].waits;
	assert_int_equal(waits, 1000);
	/* their time is not cut with the rows */
	assert_int_equal(find(r, 10)->state_ns[STATE_LOCK], 1000 * 1000 + 999 * 1000 / 2);
	finish(r, m);
}

/* Beyond the table, locks are folded into one row; no time is lost. */
static void folded_locks(void **state)
{
	struct model *m = begin();
	uint64_t ts = 2 * MS, waits = 0, wait_ns = 0;
	unsigned int n = MODEL_MAX_LOCKS + 3000;
	struct report *r;
	struct lock *l;

	(void)state;
	thread(m, 10, 10, "on_cpu");
	for (unsigned int i = 0; i < n; i++, ts += 3000) {
		say(m,
		    "%llu switch tid=10 prev_state=futex block.addr=0x%x block.op=0x80 block.val=2",
		    (unsigned long long)ts, 0x10000 + 64 * i);
		say(m, "%llu switch next_tid=10", (unsigned long long)(ts + 1000));
		say(m, "%llu futex tid=10 addr=0x%x op=0x80 val=2 flags=0x1",
		    (unsigned long long)(ts + 1000), 0x10000 + 64 * i);
	}
	r = end(m);
	assert_true(m->n_locks <= MODEL_MAX_LOCKS);
	assert_int_equal(r->quality.locks_folded, n - m->n_locks);
	assert_int_equal(r->locks_total, n);
	for (l = m->locks; l; l = l->next) {
		waits += l->waits;
		wait_ns += l->wait_ns;
	}
	assert_int_equal(waits + m->folded.waits, n);
	assert_int_equal(wait_ns + m->folded.wait_ns, 1000ULL * n);
	assert_string_equal(r->locks[r->n_locks - 1].kind, "folded");
	assert_int_equal(find(r, 10)->state_ns[STATE_LOCK], 1000ULL * n);
	assert_int_equal(find(r, 10)->state_ns[STATE_COND], 0);
	finish(r, m);
}

/* Threads that came and went by the ten thousands are one row of their process. */
static void folded_threads(void **state)
{
	struct model *m = begin();
	unsigned int n = MODEL_MAX_DEAD_THREADS + 500;
	struct report *r;
	uint64_t ts = 2 * MS;

	(void)state;
	thread(m, 10, 10, "on_cpu");
	for (unsigned int i = 0; i < n; i++, ts += 5000) {
		unsigned int tid = 1000 + i;
		unsigned long long at = ts;

		say(m,
		    "%llu task tid=%u tgid=10 parent_tgid=10 ns_tid=%u ns_tgid=10 start_ns=%llu "
		    "state=other",
		    at, tid, tid, at);
		say(m, "%llu switch next_tid=%u", at, tid);
		say(m, "%llu switch tid=%u prev_state=dead", at + 1000, tid);
		say(m,
		    "%llu sums tid=%u tgid=10 dead=1 start_ns=%llu begin_ns=%llu end_ns=%llu "
		    "state_ns.on_cpu=1000",
		    at + 1000, tid, at, at, at + 1000);
	}
	r = end(m);
	assert_true(r->n_threads <= MODEL_MAX_DEAD_THREADS + 2);
	assert_int_equal(r->processes[0].threads, n + 1);
	assert_int_equal(r->budget.state_ns[STATE_ON_CPU], 1000ULL * n + 100 * MS);
	assert_int_equal(r->budget.total_ns, 1000ULL * n + 100 * MS);
	finish(r, m);
}

static void doubt(void **state)
{
	struct model *m = begin();
	struct report *r;

	(void)state;
	for (unsigned int tid = 10; tid < 13; tid++)
		thread(m, tid, 10, "on_cpu");
	sums(m, 10, 10, "state_ns.on_cpu=99960000 state_ns.woken=40000");  /* both ends: no doubt */
	sums(m, 11, 10, "state_ns.on_cpu=99060000 state_ns.woken=940000"); /* below 1 % */
	sums(m, 12, 10, "state_ns.on_cpu=98000000 state_ns.woken=1000000");
	r = end(m);
	assert_false(find(r, 10)->doubtful);
	assert_false(find(r, 11)->doubtful);
	assert_true(find(r, 12)->doubtful);
	assert_int_equal(r->quality.disagreement_ns, 40000 + 940000 + 2000000);
	assert_int_equal(r->quality.residual_ns, 1000000);
	assert_int_equal(find(r, 12)->state_ns[STATE_UNKNOWN], 1000000); /* never hidden */
	finish(r, m);
}

/* Sums that claim more futex time than any lock explains: the rest is waiting, never contention. */
static void unexplained_futex(void **state)
{
	struct model *m = begin();
	struct report *r;

	(void)state;
	thread(m, 10, 10, "on_cpu");
	wait_for(m, 10, 10 * MS, 0x1000, 0x80, 2);
	sums(m, 10, 10, "state_ns.on_cpu=70000000 state_ns.futex=30000000");
	r = end(m);
	assert_int_equal(find(r, 10)->state_ns[STATE_LOCK], 10 * MS);
	assert_int_equal(find(r, 10)->state_ns[STATE_COND], 20 * MS);
	assert_int_equal(find(r, 10)->life_ns, 100 * MS);
	finish(r, m);
}

static void processes_add_up(void **state)
{
	struct model *m = begin();
	uint64_t total = 0;
	struct report *r;

	(void)state;
	for (unsigned int i = 0; i < 30; i++)
		thread(m, 100 + i, 100 + i / 3 * 3, i % 3 ? "sleep" : "on_cpu");
	r = end(m);
	assert_int_equal(r->n_processes, 10);
	for (size_t i = 0; i < r->n_processes; i++) {
		assert_int_equal(r->processes[i].threads, 3);
		assert_int_equal(r->processes[i].budget.total_ns, 300 * MS);
		assert_int_equal(r->processes[i].par.running.ns[1], 100 * MS);
		total += r->processes[i].budget.total_ns;
	}
	assert_int_equal(total, r->budget.total_ns);
	assert_int_equal(r->par.running.n, 11);
	assert_int_equal(r->par.running.ns[10], 100 * MS);
	/* busy threads first, then by tid */
	for (size_t i = 1; i < r->n_threads; i++)
		assert_true(i == 10 || r->threads[i - 1].tid < r->threads[i].tid);
	finish(r, m);
}

static void phases(void **state)
{
	struct model *m = begin();
	double sum = 0;
	struct report *r;

	(void)state;
	thread(m, 10, 10, "on_cpu");
	say(m, "51000000 switch tid=10 prev_state=sleep flags=0x4");
	r = end(m);
	assert_true(r->n_phases >= MODEL_PHASES / 2 && r->n_phases <= MODEL_PHASES);
	for (size_t i = 0; i < r->n_phases; i++) {
		const struct report_phase *p = &r->phases[i];

		assert_int_equal(p->begin_ns, i ? r->phases[i - 1].end_ns : 0);
		assert_true(p->parallelism >= 0 && p->parallelism <= 1.0);
		sum += p->parallelism * (double)(p->end_ns - p->begin_ns);
	}
	assert_int_equal(r->phases[r->n_phases - 1].end_ns, 100 * MS);
	assert_true(sum > 49.99 * MS && sum < 50.01 * MS);
	finish(r, m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock_order),
		cmocka_unit_test(many_locks),
		cmocka_unit_test(folded_locks),
		cmocka_unit_test(folded_threads),
		cmocka_unit_test(doubt),
		cmocka_unit_test(unexplained_futex),
		cmocka_unit_test(processes_add_up),
		cmocka_unit_test(phases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
