// SPDX-License-Identifier: GPL-2.0-or-later
/* report_sample.c - reports made by hand; see report_sample.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report_sample.h"
#include "user/analysis/metric.h"
#include "user/analysis/report.h"
#include "user/base/buf.h"

#define MS 1000000ull
#define SEC 1000000000ull

/* A report and all that hangs on it. */
struct sample {
	struct report r; /* first: report_sample_free() gets a pointer to it */
	void **blocks;
	size_t n_blocks, cap_blocks;
};

static void *sample_alloc(struct sample *s, size_t n, size_t size)
{
	void *p = xcalloc(n, size);

	vec_push(s->blocks, s->n_blocks, s->cap_blocks) = p;
	return p;
}

void *report_sample_alloc(struct report *r, size_t n, size_t size)
{
	return sample_alloc((struct sample *)r, n, size);
}

#define NEW(s, array, n) ((array) = sample_alloc(s, n, sizeof(*(array))))

static void set_histogram(struct sample *s, struct report_histogram *h, size_t n, ...)
{
	__builtin_va_list ap;

	h->n = n;
	NEW(s, h->ns, n);
	__builtin_va_start(ap, n);
	for (size_t i = 0; i < n; i++)
		h->ns[i] = __builtin_va_arg(ap, unsigned long long);
	__builtin_va_end(ap);
}

static void set_evidence(struct report_verdict *v, const char *key, const char *label, double value,
			 const char *unit)
{
	struct report_evidence *e = &v->evidence[v->n_evidence++];

	e->key = key;
	snprintf(e->label, sizeof(e->label), "%s", label);
	e->value = value;
	e->unit = unit;
}

static void set_losses(struct report_quality *q)
{
	static const struct report_loss kinds[WIRE_LOSS_KINDS] = {
		{ "made", "records made", 0 },
		{ "ring_full", "records dropped, the ring was full", 0 },
		{ "storage", "threads without task storage", 0 },
		{ "thread", "threads that could not be followed", 0 },
		{ "read", "failed reads of the target's memory", 0 },
		{ "clock", "times when the clock went backwards", 0 },
		{ "switch", "switches not shown by the kernel", 0 },
		{ "skipped", "events not told by the kernel", 0 },
		{ "pythread", "looks into Python without an answer", 0 },
		{ "stack", "samples without a stack", 0 },
		{ "truncated", "stacks that are not whole", 0 },
		{ "unwind", "stacks whose native frames end early", 0 },
		{ "received", "records received", 0 },
		{ "recursion", "program runs skipped", 0 },
		{ "late", "records out of order", 0 },
		{ "shared", "shared words without a file", 0 },
		{ "source", "missing event sources", 0 },
		{ "frame", "frames without a function", 0 },
	};

	_Static_assert(WIRE_LOSS_FRAME == WIRE_LOSS_KINDS - 1, "the last row is of the last kind");
	memcpy(q->loss, kinds, sizeof(kinds));
	q->n_loss = WIRE_LOSS_KINDS;
	q->loss[WIRE_LOSS_MADE].count = q->made;
	q->loss[WIRE_LOSS_RECEIVED].count = q->received;
	q->loss[WIRE_LOSS_RING_FULL].count = q->dropped;
}

static void set_hist(struct sample *s, struct report_lock *l, uint64_t floor_ns, size_t n)
{
	NEW(s, l->hist, n);
	l->n_hist = n;
	for (size_t i = 0; i < n; i++)
		l->hist[i] = (struct report_hist_slot){ floor_ns << i, 1 + (i * 7919) % 97 };
}

static struct report_party *set_parties(struct sample *s, size_t *ret_n, const char *comm,
					uint32_t pid, size_t n, uint64_t total_ns, uint64_t total)
{
	struct report_party *p = sample_alloc(s, n, sizeof(*p));

	for (size_t i = 0; i < n; i++) {
		p[i].tid = pid + 2 + (uint32_t)i;
		p[i].pid = pid;
		snprintf(p[i].comm, sizeof(p[i].comm), "%.11s-%u", comm, (unsigned char)(i + 1));
		p[i].ns = total_ns / n;
		p[i].count = total / n;
	}
	*ret_n = n;
	return p;
}

static void set_states(uint64_t to[STATE_COUNT], uint64_t cpu, uint64_t woken, uint64_t lock,
		       uint64_t gil, uint64_t cond, uint64_t io, uint64_t unknown)
{
	to[STATE_ON_CPU] = cpu;
	to[STATE_WOKEN] = woken;
	to[STATE_LOCK] = lock;
	to[STATE_GIL] = gil;
	to[STATE_COND] = cond;
	to[STATE_IO_IPC] = io;
	to[STATE_UNKNOWN] = unknown;
}

static void add_up(struct report *r)
{
	memset(&r->budget, 0, sizeof(r->budget));
	for (size_t i = 0; i < r->n_threads; i++) {
		r->budget.total_ns += r->threads[i].life_ns;
		for (size_t k = 0; k < STATE_COUNT; k++)
			r->budget.state_ns[k] += r->threads[i].state_ns[k];
	}
}

static void set_host(struct report *r)
{
	strcpy(r->kernel, "6.18.44-amd64");
	strcpy(r->version, "0.1.0");
	r->cpus_online = 2;
	r->realtime_ns = 1795269791ll * 1000000000;
	r->begin_ns = 81234567890123ull;
	r->window_ns = 10 * SEC;
}

/* --- gil: two threads count down, the main thread waits for them ------------------------------ */

static void fill_gil_locks(struct sample *s)
{
	struct report *r = &s->r;
	struct report_lock *gil, *join;

	NEW(s, r->locks, 2);
	r->n_locks = r->locks_total = 2;
	gil = &r->locks[0];
	*gil = (struct report_lock){ .id = 1, .kind = "gil", .class = LOCK_CLASS_GIL,
		.name = "GIL (CPython 3.11)", .pid = 4711, .addr = 0xa3f8c0, .waits = 1854,
		.calls = 3702, .timeouts = 1848, .wakes = 3710, .empty_wakes = 12,
		.wait_ns = 9708 * MS, .blocked_ns = 9510 * MS, .delay_ns = 198 * MS,
		.mean_ns = 5236247, .p50_ns = 5066549, .p99_ns = 5632100, .max_ns = 12309877,
		.waiters = 2, .max_waiting = 1, .first_ns = 100,
		.last_ns = 10 * SEC - 5, .open = 1 };
	set_hist(s, gil, 4096, 12);
	gil->hist[10].count = 1700;
	gil->top_waiters = set_parties(s, &gil->n_top_waiters, "Thread", 4711, 2, 9708 * MS, 1854);
	gil->top_holders = set_parties(s, &gil->n_top_holders, "Thread", 4711, 2, 9600 * MS, 1850);
	join = &r->locks[1];
	*join = (struct report_lock){ .id = 2, .kind = "join", .class = LOCK_CLASS_COND,
		.name = "join of a thread", .pid = 4711, .addr = 0x7f3ac8a00990, .open = 1,
		.carried = 1, .calls = 1, .wait_ns = 9990 * MS, .blocked_ns = 9990 * MS,
		.waiters = 1, .max_waiting = 1, .owner_note = "no owner by design" };
	join->top_waiters = set_parties(s, &join->n_top_waiters, "python3", 4709, 1, 9990 * MS, 1);
}

static void fill_gil_verdict(struct report_verdict *v)
{
	v->code = VERDICT_GIL_BOUND;
	strcpy(v->sentence, "2 threads want to run, but the GIL lets only one run at a time: "
			    "1.01 of 2 CPUs are used");
	strcpy(v->advice, "run the CPU-bound part in processes (multiprocessing, "
			  "ProcessPoolExecutor), or in native code that releases the GIL; more "
			  "threads change nothing");
	v->explained = 0.973;
	set_evidence(v, "serial_share", "one thread on CPU while others wait for the GIL", 0.964,
		     "share");
	set_evidence(v, "gil_share", "of the busy threads' time waits for the GIL", 0.485,
		     "share");
	set_evidence(v, "parallelism", "average parallelism", 1.012, "cpus");
	set_evidence(v, "handoffs", "the GIL changes hands", 185.4, "per_s");
}

static void fill_gil(struct sample *s)
{
	struct report *r = &s->r;

	set_host(r);
	r->target = "4711 python3 countdown.py --mode threads";
	fill_gil_verdict(&r->verdict);
	r->par = (struct report_parallelism){ .wall_ns = 10 * SEC, .on_cpu_ns = 10120 * MS,
		.average = 1.012, .demand = 1.996, .ceiling = 2, .ceiling_why = "2 CPUs online",
		.serial_ns = 9640 * MS };
	set_histogram(s, &r->par.running, 3, 110 * MS, 9660 * MS, 230 * MS);
	set_histogram(s, &r->par.wanted, 4, 0 * MS, 40 * MS, 9960 * MS, 0 * MS);
	NEW(s, r->threads, 3);
	r->n_threads = 3;
	for (uint32_t i = 0; i < 3; i++) {
		struct report_thread *t = &r->threads[i];

		*t = (struct report_thread){ .pid = 4711, .tid = i < 2 ? 4713 + i : 4711,
			.existed = true, .end_ns = 10 * SEC, .life_ns = 10 * SEC,
			.voluntary = i < 2 ? 2412 + i : 3, .involuntary = i < 2 ? 88 : 0,
			.migrations = i < 2 ? 17 : 0, .top_lock = i < 2 ? 1 : 2 };
		t->ns_tid = t->tid;
		snprintf(t->comm, sizeof(t->comm), i < 2 ? "Thread-%u" : "python3", i + 1);
		if (i < 2)
			set_states(t->state_ns, 5055 * MS, 90 * MS, 0, 4854 * MS, 0, 0, 1 * MS);
		else
			set_states(t->state_ns, 10 * MS, 0, 0, 0, 9990 * MS, 0, 0);
		t->user_ns = t->state_ns[STATE_ON_CPU];
	}
	add_up(r);
	NEW(s, r->processes, 1);
	r->n_processes = 1;
	r->processes[0] = (struct report_process){ .pid = 4711, .ns_pid = 4711, .ppid = 4000,
		.comm = "python3", .cmdline = "python3 countdown.py --mode threads", .threads = 3,
		.existed = true, .end_ns = 10 * SEC, .par = r->par, .budget = r->budget };
	fill_gil_locks(s);
	NEW(s, r->phases, 50);
	r->n_phases = 50;
	for (size_t i = 0; i < 50; i++)
		r->phases[i] = (struct report_phase){ .begin_ns = i * 200 * MS,
			.end_ns = (i + 1) * 200 * MS, .parallelism = i % 9 ? 1.0 : 1.12,
			.waiting = i % 9 ? 0.97 : 0.8, .runnable = i == 30 ? 0.2 : 0.01 };
	r->quality = (struct report_quality){ .complete = true, .made = 24567, .received = 24567,
		.residual_ns = 1200, .own_cpu_ns = 41 * MS, .own_rss_kib = 12345, .maps_kib = 9300,
		.ring_kib = 8192 };
	set_losses(&r->quality);
}

/* --- processes: a tree of servers behind one shared lock; losses ------------------------------ */

static void fill_processes_locks(struct sample *s, size_t n)
{
	static const struct {
		const char *kind, *name, *note;
		enum report_lock_class class;
	} kinds[] = {
		{ "mutex", "file /dev/shm/sem.x+0x10", NULL, LOCK_CLASS_LOCK },
		{ "mutex", "mutex 0x55d0c2a412e0", NULL, LOCK_CLASS_LOCK },
		{ "rwlock", "rwlock 0x7f21a8001b20", "a reader-writer lock names no reader",
		  LOCK_CLASS_LOCK },
		{ "gil", "GIL (CPython 3.12, interpreter 0)", NULL, LOCK_CLASS_GIL },
		{ "condition", "condition 0x7f21a8003f60", "no owner by design", LOCK_CLASS_COND },
		{ "semaphore", "semaphore 0x7f21a8003fa0", "no owner by design", LOCK_CLASS_COND },
		{ "barrier", "", "no owner by design", LOCK_CLASS_COND },
	};
	struct report *r = &s->r;

	NEW(s, r->locks, n);
	r->n_locks = n;
	r->locks_total = n + 17;
	for (size_t i = 0; i < n; i++) {
		size_t k = i % 7;
		uint64_t wait_ns = 40 * SEC / (1 + i * i);
		struct report_lock *l = &r->locks[i];

		*l = (struct report_lock){ .id = (uint32_t)i + 1, .kind = kinds[k].kind,
			.class = kinds[k].class, .pid = i ? 900 + (uint32_t)i % 3 : 0,
			.addr = 0x7f0012345678 + i, .shared = i == 0, .dev = i ? 0 : 28,
			.inode = i ? 0 : 18446744073709551615ull, .waits = 123456 / (i + 1),
			.open = i, .carried = 2, .calls = 130000, .timeouts = 12, .interrupted = 3,
			.again = 77, .wakes = 123450, .empty_wakes = 4321, .wait_ns = wait_ns,
			.blocked_ns = wait_ns - wait_ns / 7, .delay_ns = wait_ns / 7,
			.mean_ns = wait_ns * (i + 1) / 123456, .p50_ns = 30000, .p99_ns = 8765432,
			.max_ns = 123456789, .waiters = 9, .max_waiting = 7, .first_ns = 1,
			.last_ns = 9 * SEC, .owner_note = kinds[k].note };
		strcpy(l->name, kinds[k].name);
		set_hist(s, l, 256 + i, 18);
		l->top_waiters = set_parties(s, &l->n_top_waiters, "worker", 900, 7,
					     wait_ns - wait_ns / 5, l->waits);
		if (k < 2 || k == 3)
			l->top_holders = set_parties(s, &l->n_top_holders, "a-long-holder", 901, 3,
						     wait_ns - wait_ns / 9, 1000);
		if (k < 2)
			l->top_holders[2] = (struct report_party){ .ns = wait_ns / 4, .count = 5,
				.why = "the owner had left the process" };
		l->top_wakers = set_parties(s, &l->n_top_wakers, "waker", 900, 4, 0, 100000);
	}
}

static void fill_processes_quality(struct sample *s)
{
	struct report_quality *q = &s->r.quality;

	*q = (struct report_quality){ .made = 1234567, .received = 1111111, .dropped = 123456,
		.residual_ns = 3 * MS, .disagreement_ns = 812 * MS, .unmapped_shared = 2,
		.locks_folded = 17, .own_cpu_ns = 912 * MS, .own_rss_kib = 123456,
		.maps_kib = 70000,
		.ring_kib = 65536, .n_progs = 3, .prog_times = true };
	set_losses(q);
	for (size_t i = 0; i < WIRE_LOSS_KINDS; i++)
		q->loss[i].count += i + 1;
	NEW(s, q->progs, 3);
	q->progs[0] = (struct report_prog){ "on_sched_switch", 812345, 812345ull * 387, 0 };
	q->progs[1] = (struct report_prog){ "on_sys_exit_futex", 0, 0, 0 };
	q->progs[2] = (struct report_prog){ "on_a_rather_long_one_23", 18446744073ull, 5 * SEC, 9 };
}

static void fill_tasks(struct sample *s, size_t n_processes, size_t per_process)
{
	struct report *r = &s->r;

	NEW(s, r->processes, n_processes);
	NEW(s, r->threads, n_processes * per_process);
	r->n_processes = n_processes;
	r->n_threads = n_processes * per_process;
	for (size_t i = 0; i < r->n_threads; i++) {
		struct report_thread *t = &r->threads[i];
		uint64_t life_ns = 10 * SEC - i * 1000;

		*t = (struct report_thread){ .pid = 900 + (uint32_t)(i / per_process),
			.tid = 4000000 + (uint32_t)i, .ns_tid = 12 + (uint32_t)i, .comm = "worker",
			.existed = i % 3, .ended = i % 4 == 1, .never_switched = i % 5 == 4,
			.end_ns = life_ns, .life_ns = life_ns, .user_ns = 1, .system_ns = 2,
			.voluntary = 1234567 / (i + 1), .involuntary = 333 * i, .migrations = i,
			.waits = 99, .timeouts = 3, .top_lock = i % 2, .doubtful = i % 6 == 0 };
		for (uint64_t k = 0; k < STATE_COUNT; k++)
			t->state_ns[k] = life_ns / (2ull << k);
		t->state_ns[STATE_UNKNOWN] += life_ns / (1ull << STATE_COUNT);
	}
	for (size_t i = 0; i < n_processes; i++) {
		struct report_process *p = &r->processes[i];

		*p = (struct report_process){ .pid = 900 + (uint32_t)i, .ns_pid = 1 + (uint32_t)i,
			.ppid = i ? 900 + (uint32_t)(i - 1) / 2 : 1, .comm = "server",
			.cmdline = "/usr/local/bin/server --workers 8 --listen 0.0.0.0:8080 "
				   "--config /etc/server/server.conf",
			.threads = (uint32_t)per_process, .execs = i % 2, .existed = i < 2,
			.ended = i > 1, .exit_code = i == 2 ? 9 : 256, .end_ns = 9 * SEC,
			.throttled_ns = 123 * MS, .throttled = 12 };
		p->budget.total_ns = per_process * 10 * SEC;
		for (uint64_t k = 0; k < STATE_COUNT; k++)
			p->budget.state_ns[k] = p->budget.total_ns / (2ull << k);
		p->par.wall_ns = 10 * SEC;
		p->par.average = 1.5;
	}
	add_up(r);
}

static void fill_processes(struct sample *s)
{
	struct report *r = &s->r;

	set_host(r);
	r->cpus_online = 8;
	r->command = true;
	r->target = "/usr/local/bin/server --workers 8 --listen 0.0.0.0:8080";
	r->verdict.code = VERDICT_LOCK_BOUND;
	strcpy(r->verdict.sentence, "lock-bound: L1 (a mutex in /dev/shm/sem.x+0x10, shared by 3 "
				    "processes) lets 1.51 of 4 CPUs work");
	strcpy(r->verdict.advice, "hold L1 for a shorter time, or split what it protects");
	r->verdict.explained = 0.61;
	for (size_t i = 0; i < 6; i++)
		set_evidence(&r->verdict, "x", "a number that led to the verdict", 1234.5, "ns");
	r->par = (struct report_parallelism){ .wall_ns = 10 * SEC, .on_cpu_ns = 15100 * MS,
		.average = 1.51, .demand = 7.25, .ceiling = 4, .serial_ns = 6 * SEC,
		.ceiling_why = "cgroup quota: 4 CPUs" };
	set_histogram(s, &r->par.running, 9, 1 * SEC, 6 * SEC, 2 * SEC, 1 * SEC, 0ull, 0ull, 0ull,
		      0ull, 0ull);
	NEW(s, r->par.wanted.ns, 65);
	r->par.wanted.n = 65;
	for (size_t i = 0; i < 65; i++)
		r->par.wanted.ns[i] = 10 * SEC / 65;
	fill_tasks(s, 3, 5);
	fill_processes_locks(s, 7);
	NEW(s, r->phases, 7);
	r->n_phases = 7;
	for (size_t i = 0; i < 7; i++)
		r->phases[i] = (struct report_phase){ i * SEC, (i + 1) * SEC, (double)i / 2, 7.25,
						      0, 7.25 };
	fill_processes_quality(s);
}

/* --- the edges -------------------------------------------------------------------------------- */

static void fill_zero(struct sample *s)
{
	(void)s;
}

static void fill_huge(struct sample *s)
{
	struct report *r = &s->r;

	fill_processes(s);
	fill_tasks(s, 250, 40);
	fill_processes_locks(s, 200);
	r->window_ns = 1ull << 62;
	r->par.wall_ns = r->window_ns;
	r->par.average = 1e6;
	r->par.demand = 9999999.5;
	r->cpus_online = 8192;
	for (size_t i = 0; i < r->par.wanted.n; i++)
		r->par.wanted.ns[i] = r->window_ns;
	for (size_t i = 0; i < r->n_threads; i += 2)
		for (size_t k = 0; k < STATE_COUNT; k++)
			r->threads[i].state_ns[k] = 1ull << 62;
	NEW(s, r->phases, 5000);
	r->n_phases = 5000;
	for (size_t i = 0; i < 5000; i++)
		r->phases[i] = (struct report_phase){ i, i + 1, sin((double)i / 300) * 4 + 4,
						      1e9, 12345, 1e9 };
	for (size_t i = 0; i < r->n_locks; i++) {
		r->locks[i].wait_ns = INT64_MAX;
		r->locks[i].waits = INT64_MAX;
		r->locks[i].wakes = INT64_MAX;
	}
	report_python_fill(r, NULL, 0, 300);
	memset(r->kernel, 'k', sizeof(r->kernel) - 1);
	memset(r->verdict.sentence, 'v', sizeof(r->verdict.sentence) - 1);
	memset(r->verdict.advice, 'a', sizeof(r->verdict.advice) - 1);
}

static const char *const bad_words[] = {
	"\033[31mred\033[0m", "\xff\xfe\x80", "\xc3\x28" "a\nb", "\xe2\x80\xae" "evil",
	"\xc2\x9b" "31m", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "a\\x1b", "\xcc\x81 x",
	"\"quote\",{", "\xed\xa0\x80\x07", "\xe4\xb8\xad\xe6\x96\x87",
	"\xe2\x80\x8b\x7f\x1b]0;",
};

static void fill_hostile(struct sample *s)
{
	static const char target[] = "\033]0;owned\007 \xe2\x80\xae\xff\xc0\xaf <script> "
				     "\xf4\x90\x80\x80";
	struct report *r = &s->r;

	fill_processes(s);
	r->target = target;
	for (size_t i = 0; i < r->n_threads; i++)
		strcpy(r->threads[i].comm, bad_words[i % 12]);
	memset(r->threads[3].comm, 0xe2, sizeof(r->threads[3].comm)); /* no NUL */
	for (size_t i = 0; i < r->n_processes; i++) {
		strcpy(r->processes[i].comm, bad_words[i % 12]);
		r->processes[i].cmdline = i == 1 ? "" : target;
		r->processes[i].ppid = 900 + (uint32_t)(i + 1) % 3; /* a loop */
	}
	for (size_t i = 0; i < r->n_locks; i++) {
		struct report_lock *l = &r->locks[i];

		strcpy(l->name, target);
		for (size_t k = 0; k < l->n_top_waiters; k++)
			strcpy(l->top_waiters[k].comm, bad_words[(i + k) % 12]);
		for (size_t k = 0; k < l->n_top_wakers; k++)
			strcpy(l->top_wakers[k].comm, bad_words[(i + k) % 12]);
	}
	report_python_fill(r, bad_words, 12, 5);
	strcpy(r->verdict.sentence, "\033[2J \xe2\x80\xae comm \xff is \t bad");
	strcpy(r->par.ceiling_why, "\033[5mblink");
	strcpy(r->kernel, "6.\0336\xff");
}

static void fill_python(struct sample *s)
{
	fill_gil(s);
	report_python_fill(&s->r, NULL, 0, 3);
}

static void fill_nulls(struct sample *s)
{
	fill_gil(s);
	report_python_nulls(&s->r);
}

static void fill_native(struct sample *s)
{
	fill_processes(s);
	s->r.locks[0].shared = false;
	report_native_fill(&s->r, NULL, 0, 6);
}

static void fill_weird(struct sample *s)
{
	fill_hostile(s);
	report_native_fill(&s->r, bad_words, 12, 12);
}

static const struct {
	const char *name;
	void (*fill)(struct sample *s);
} fills[] = {
	{ "gil", fill_gil },   { "processes", fill_processes }, { "zero", fill_zero },
	{ "huge", fill_huge }, { "hostile", fill_hostile },	{ "python", fill_python },
	{ "nulls", fill_nulls }, { "native", fill_native },	{ "weird", fill_weird },
};

const char *const report_samples[] = { "gil",	  "processes", "zero",	"huge",
				       "hostile", "python",    "nulls",
				       "native",  "weird",     NULL };

struct report *report_sample(const char *name)
{
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++)
		if (strcmp(fills[i].name, name) == 0) {
			struct sample *s = xcalloc(1, sizeof(*s));

			fills[i].fill(s);
			s->r.metrics = metrics_of(&s->r);
			return &s->r;
		}
	return NULL;
}

void report_sample_free(struct report *r)
{
	struct sample *s = (struct sample *)r;

	for (size_t i = 0; s && i < s->n_blocks; i++)
		free(s->blocks[i]);
	if (s) {
		metrics_free(s->r.metrics);
		free(s->blocks);
	}
	free(s);
}
