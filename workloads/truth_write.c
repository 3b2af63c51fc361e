// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns the records into the JSON object that README.md describes, blame included. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

/* Copies a list into an array; every record begins with its next pointer. */
static void **list_to_array(void *head, size_t *ret_n)
{
	size_t n = 0, i = 0;
	void **array;

	for (void *at = head; at; at = *(void **)at)
		n++;
	array = calloc(n + 1, sizeof(*array));
	if (!array)
		die("out of memory");
	for (void *at = head; at; at = *(void **)at)
		array[n - ++i] = at;	/* pushes reverse: restore the order of creation */
	*ret_n = n;
	return array;
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *number_or_null(bool known, uint64_t n)
{
	return known ? number(n) : json_null();
}

static json_t *thread_json(const struct truth_thread *thread, bool exact)
{
	json_t *object = json_pack("{s:i, s:i, s:s, s:s}", "pid", (int)thread->pid, "tid",
				   (int)thread->tid, "role", thread->role, "comm", thread->comm);

	json_object_set_new(object, "created_ns",
			    number_or_null(thread->created_ns, thread->created_ns));
	json_object_set_new(object, "begin_ns", number(thread->begin_ns));
	json_object_set_new(object, "work_ns", number_or_null(thread->work_ns, thread->work_ns));
	json_object_set_new(object, "end_ns", number(thread->end_ns));
	json_object_set_new(object, "cpu_ns", number(thread->cpu_ns));
	json_object_set_new(object, "work", number(thread->work));
	json_object_set_new(object, "waits", number_or_null(exact, thread->waits));
	json_object_set_new(object, "contended", number(thread->waits));
	json_object_set_new(object, "timeouts", number(thread->timeouts));
	json_object_set_new(object, "wait_ns", number(thread->wait_ns));
	json_object_set_new(object, "timeout_ns", number(thread->timeout_ns));
	return object;
}

static json_t *process_json(const struct truth_process *process)
{
	json_t *object = json_pack("{s:i}", "pid", (int)process->pid);
	bool forked = process->created_ns, seen = process->memory.pss_kib;

	json_object_set_new(object, "created_ns", number_or_null(forked, process->created_ns));
	json_object_set_new(object, "create_ns",
			    number_or_null(forked, process->begin_ns - process->created_ns));
	json_object_set_new(object, "begin_ns", number(process->begin_ns));
	json_object_set_new(object, "end_ns", number(process->end_ns));
	json_object_set_new(object, "cpu_ns", number(process->cpu_ns));
	json_object_set_new(object, "rusage_cpu_ns",
			    number_or_null(process->rusage_cpu_ns, process->rusage_cpu_ns));
	json_object_set_new(object, "pss_kib", number_or_null(seen, process->memory.pss_kib));
	json_object_set_new(object, "uss_kib", number_or_null(seen, process->memory.uss_kib));
	json_object_set_new(object, "cow_kib",
			    number_or_null(seen && forked, process->cow_kib));
	return object;
}

/* What the log says of a thread, or of a function, in this lock. */
struct sum {
	pid_t tid;
	const char *place;
	uint64_t waits;
	uint64_t wait_ns;
	uint64_t holds;
	uint64_t hold_ns;
	uint64_t blamed_ns;
};

struct sums {
	bool by_place;
	size_t nr;
	struct sum *all;
};

static struct sum *sum_of(struct sums *sums, const struct truth_stay *stay)
{
	struct sum *sum;

	for (size_t i = 0; i < sums->nr; i++) {
		sum = &sums->all[i];
		if (sums->by_place ? sum->place == stay->place : sum->tid == stay->tid)
			return sum;
	}
	sum = &sums->all[sums->nr++];
	*sum = (struct sum){.tid = stay->tid, .place = stay->place};
	return sum;
}

static int by_begin(const void *a, const void *b)
{
	uint64_t x = ((const struct truth_stay *)a)->begin_ns;
	uint64_t y = ((const struct truth_stay *)b)->begin_ns;

	return (x > y) - (x < y);
}

static void sum_stays(const struct truth_stay *log, size_t n, struct sums *sums)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t ns = log[i].end_ns - log[i].begin_ns;

		if (log[i].waited && sums->by_place) {
			sum_of(sums, &log[i])->waits++;
			sum_of(sums, &log[i])->wait_ns += ns;
		} else if (!log[i].waited) {
			sum_of(sums, &log[i])->holds++;
			sum_of(sums, &log[i])->hold_ns += ns;
		}
	}
}

/*
 * Blame of a holder: for every wait of another thread, the part of it during which this one
 * held. Holds of one lock do not overlap, so sorted by begin they are sorted by end as well, and
 * the first hold that can touch a wait never moves back as the waits advance.
 */
static void sum_log(const struct truth_stay *log, size_t n, struct sums *sums)
{
	size_t first = 0;

	sum_stays(log, n, sums);
	for (size_t i = 0; i < n; i++) {
		const struct truth_stay *wait = &log[i];

		if (!wait->waited)
			continue;
		while (first < n && (log[first].waited || log[first].end_ns <= wait->begin_ns))
			first++;
		for (size_t k = first; k < n && log[k].begin_ns < wait->end_ns; k++) {
			uint64_t from = log[k].begin_ns, to = log[k].end_ns;

			if (log[k].waited || log[k].tid == wait->tid)
				continue;
			from = from > wait->begin_ns ? from : wait->begin_ns;
			to = to < wait->end_ns ? to : wait->end_ns;
			if (to > from)
				sum_of(sums, &log[k])->blamed_ns += to - from;
		}
	}
}

static json_t *sum_json(const struct sum *sum, bool by_place)
{
	json_t *object;

	if (!by_place) {
		object = json_pack("{s:i}", "tid", (int)sum->tid);
	} else {
		object = json_pack("{s:s}", "function", sum->place ? sum->place : "");
		json_object_set_new(object, "waits", number(sum->waits));
		json_object_set_new(object, "wait_ns", number(sum->wait_ns));
	}
	json_object_set_new(object, "holds", number(sum->holds));
	json_object_set_new(object, "hold_ns", number(sum->hold_ns));
	json_object_set_new(object, "blamed_ns", number(sum->blamed_ns));
	return object;
}

/* The log, sorted; NULL when there is none, or when it was too small and is not whole. */
static struct truth_stay *whole_log(const struct truth_lock *lock, size_t *ret_n)
{
	*ret_n = atomic_load(&lock->log_used);
	if (!lock->log || *ret_n > lock->log_size)
		return NULL;
	qsort(lock->log, *ret_n, sizeof(*lock->log), by_begin);
	return lock->log;
}

static json_t *sums_json(const struct truth_lock *lock, bool by_place)
{
	struct sums sums = {.by_place = by_place};
	json_t *array;
	size_t n;
	const struct truth_stay *log = whole_log(lock, &n);

	if (!log)
		return json_null();
	sums.all = calloc(n + 1, sizeof(*sums.all));
	if (!sums.all)
		die("out of memory");
	sum_log(log, n, &sums);
	array = json_array();
	for (size_t i = 0; i < sums.nr; i++)
		if (by_place || sums.all[i].holds)
			json_array_append_new(array, sum_json(&sums.all[i], by_place));
	free(sums.all);
	return array;
}

static json_t *waits_json(const struct truth_lock *lock)
{
	size_t n;
	const struct truth_stay *log = whole_log(lock, &n);
	json_t *array;

	if (!log || !lock->tells_waits)
		return json_null();
	array = json_array();
	for (size_t i = 0; i < n; i++)
		if (log[i].waited)
			json_array_append_new(array,
					      json_pack("[i, I, I, I]", (int)log[i].tid,
							(json_int_t)log[i].number,
							(json_int_t)log[i].begin_ns,
							(json_int_t)log[i].end_ns));
	return array;
}

static json_t *lock_json(const struct truth_lock *lock)
{
	json_t *object;
	char addr[24];

	snprintf(addr, sizeof(addr), "0x%" PRIx64, lock->addr);
	object = json_pack("{s:s, s:s, s:s, s:I, s:i, s:b, s:b}", "name", lock->name, "kind",
			   lock->kind, "addr", addr, "size", (json_int_t)lock->size, "pid",
			   (int)lock->pid, "shared", lock->shared, "exact", lock->exact);
	json_object_set_new(object, "waits", number_or_null(lock->exact, lock->waits));
	json_object_set_new(object, "contended", number_or_null(!lock->blind, lock->waits));
	json_object_set_new(object, "timeouts", number(lock->timeouts));
	json_object_set_new(object, "eagain", number(lock->eagain));
	json_object_set_new(object, "eintr", number(lock->eintr));
	json_object_set_new(object, "wakes", number_or_null(lock->knows_wakes, lock->wakes));
	json_object_set_new(object, "empty_wakes",
			    number_or_null(lock->knows_wakes, lock->empty_wakes));
	json_object_set_new(object, "wait_ns", number(lock->wait_ns));
	json_object_set_new(object, "max_wait_ns", number(lock->max_wait_ns));
	json_object_set_new(object, "timeout_ns", number(lock->timeout_ns));
	json_object_set_new(object, "holds", number(lock->holds));
	json_object_set_new(object, "hold_ns", number(lock->hold_ns));
	json_object_set_new(object, "holders", sums_json(lock, false));
	json_object_set_new(object, "places", sums_json(lock, true));
	json_object_set_new(object, "log", waits_json(lock));
	return object;
}

static void add_threads(json_t *root, const struct truth *truth, bool exact)
{
	uint64_t work = 0, cpu_ns = 0;
	json_t *array = json_array();
	void **all;
	size_t n;

	all = list_to_array(atomic_load(&truth->threads), &n);
	for (size_t i = 0; i < n; i++) {
		const struct truth_thread *thread = all[i];

		work += thread->work;
		cpu_ns += thread->cpu_ns;
		json_array_append_new(array, thread_json(thread, exact));
	}
	free(all);
	json_object_set_new(root, "ops", number(work));
	json_object_set_new(root, "threads_cpu_ns", number(cpu_ns));
	json_object_set_new(root, "threads", array);
}

static void add_processes(json_t *root, const struct truth *truth)
{
	uint64_t cpu_ns = 0, pss_kib = 0;
	json_t *array = json_array();
	void **all;
	size_t n;

	all = list_to_array(atomic_load(&truth->processes), &n);
	for (size_t i = 0; i < n; i++) {
		const struct truth_process *process = all[i];

		cpu_ns += process->cpu_ns;
		pss_kib += process->memory.pss_kib;
		json_array_append_new(array, process_json(process));
	}
	free(all);
	json_object_set_new(root, "process_cpu_ns", number(cpu_ns));
	json_object_set_new(root, "run_cpu_ns", number(cpu_ns - truth->cpu_begin_ns));
	json_object_set_new(root, "pss_peak_kib", number(pss_kib));
	json_object_set_new(root, "processes", array);
}

/* Returns whether every lock is exact: only then are the per-thread waits. */
static bool add_locks(json_t *root, const struct truth *truth)
{
	json_t *array = json_array();
	bool exact = true;
	void **all;
	size_t n;

	all = list_to_array(atomic_load(&truth->locks), &n);
	for (size_t i = 0; i < n; i++) {
		const struct truth_lock *lock = all[i];

		exact = exact && lock->exact;
		json_array_append_new(array, lock_json(lock));
	}
	free(all);
	json_object_set_new(root, "locks", array);
	return exact;
}

static const char *mode_name(enum mode mode)
{
	switch (mode) {
	case MODE_SEQ:
		return "seq";
	case MODE_PROCS:
		return "procs";
	case MODE_BOTH:
		return "both";
	default:
		return "threads";
	}
}

static json_t *head_json(const struct run *run)
{
	const struct truth *truth = run->truth;
	const struct options *opt = &run->opt;
	uint64_t ready_ns = atomic_load(&truth->ready_ns);
	json_t *root, *create = json_array(), *work = json_array();

	root = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b, s:i}", "schema",
			 "parascope-truth/1", "kind", run->workload->name, "mode",
			 mode_name(opt->mode), "workers", (json_int_t)opt->workers, "procs",
			 (json_int_t)truth->nr_processes, "planted", opt->planted, "calibrated",
			 opt->calibrated, "stopped", atomic_load(&truth->stop), "pid",
			 (int)getpid());
	json_object_set_new(root, "no_lock", json_boolean(opt->no_lock));
	json_object_set_new(root, "count", number_or_null(opt->count, opt->count));
	json_object_set_new(root, "time_ns", number_or_null(opt->time_ns, opt->time_ns));
	json_object_set_new(root, "size", number(opt->size));
	json_object_set_new(root, "hold_ns", number(opt->hold_ns));
	json_object_set_new(root, "think_ns", number(opt->think_ns));
	json_object_set_new(root, "begin_ns", number(truth->begin_ns));
	json_object_set_new(root, "ready_ns", number_or_null(ready_ns, ready_ns));
	json_object_set_new(root, "end_ns", number(truth->end_ns));
	json_object_set_new(root, "wall_ns", number(truth->end_ns - truth->begin_ns));
	json_object_set_new(root, "handoffs",
			    number_or_null(atomic_load(&truth->has_handoffs), truth->handoffs));
	for (unsigned int i = 0; i < truth->nr_create && opt->mode != MODE_SEQ; i++) {
		json_array_append_new(create, number(truth->create_ns[i]));
		json_array_append_new(work, number(truth->work_ns[i]));
	}
	json_object_set_new(root, "startup",
			    json_pack("{s:o, s:o}", "create_ns", create, "work_ns", work));
	return root;
}

int truth_write(const struct run *run, const char *path)
{
	bool to_stdout = strcmp(path, "-") == 0;
	FILE *file = to_stdout ? stdout : fopen(path, "we");
	json_t *root;
	int error = 0;

	if (!file)
		return errno;
	root = head_json(run);
	add_processes(root, run->truth);
	add_threads(root, run->truth, add_locks(root, run->truth));
	if (json_dumpf(root, file, JSON_INDENT(1)) || fputc('\n', file) == EOF || fflush(file))
		error = errno ? errno : EIO;
	if (!to_stdout && fclose(file) && !error)
		error = errno;
	json_decref(root);
	return error;
}
