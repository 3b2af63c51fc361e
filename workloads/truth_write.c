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

	json_object_set_new(object, "begin_ns", number(thread->begin_ns));
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

	json_object_set_new(object, "create_ns",
			    number_or_null(process->create_ns, process->create_ns));
	json_object_set_new(object, "begin_ns", number(process->begin_ns));
	json_object_set_new(object, "end_ns", number(process->end_ns));
	json_object_set_new(object, "cpu_ns", number(process->cpu_ns));
	json_object_set_new(object, "rusage_cpu_ns",
			    number_or_null(process->rusage_cpu_ns, process->rusage_cpu_ns));
	json_object_set_new(object, "pss_kib", number(process->pss_kib));
	return object;
}

struct holder {
	pid_t tid;
	uint64_t hold_ns;
	uint64_t blamed_ns;
};

static struct holder *holder_of(struct holder *holders, size_t *nr, pid_t tid)
{
	for (size_t i = 0; i < *nr; i++)
		if (holders[i].tid == tid)
			return &holders[i];
	holders[*nr] = (struct holder){.tid = tid};
	return &holders[(*nr)++];
}

static int by_begin(const void *a, const void *b)
{
	uint64_t x = ((const struct truth_stay *)a)->begin_ns;
	uint64_t y = ((const struct truth_stay *)b)->begin_ns;

	return (x > y) - (x < y);
}

/*
 * Blame of a holder: for every wait of another thread, the part of it during which this one
 * held. Holds of one lock do not overlap, so sorted by begin they are sorted by end as well, and
 * the first hold that can touch a wait never moves back as the waits advance.
 */
static void sum_log(const struct truth_stay *log, size_t n, struct holder *holders, size_t *nr)
{
	size_t first = 0;

	for (size_t i = 0; i < n; i++)
		if (!log[i].waited)
			holder_of(holders, nr, log[i].tid)->hold_ns +=
				log[i].end_ns - log[i].begin_ns;
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
				holder_of(holders, nr, log[k].tid)->blamed_ns += to - from;
		}
	}
}

/* null when there is no log, or when it was too small and thus does not hold everything. */
static json_t *holders_json(const struct truth_lock *lock)
{
	size_t n = atomic_load(&lock->log_used), nr = 0;
	struct holder *holders;
	json_t *array;

	if (!lock->log || n > lock->log_size)
		return json_null();
	holders = calloc(n + 1, sizeof(*holders));
	if (!holders)
		die("out of memory");
	qsort(lock->log, n, sizeof(*lock->log), by_begin);
	sum_log(lock->log, n, holders, &nr);
	array = json_array();
	for (size_t i = 0; i < nr; i++)
		json_array_append_new(array, json_pack("{s:i, s:I, s:I}", "tid",
						       (int)holders[i].tid, "hold_ns",
						       (json_int_t)holders[i].hold_ns, "blamed_ns",
						       (json_int_t)holders[i].blamed_ns));
	free(holders);
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
	json_object_set_new(object, "holders", holders_json(lock));
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
		pss_kib += process->pss_kib;
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
	json_t *root, *create = json_array();

	root = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:b, s:b, s:i}", "schema",
			 "parascope-truth/1", "kind", run->workload->name, "mode",
			 mode_name(opt->mode), "workers", (json_int_t)opt->workers, "procs",
			 (json_int_t)truth->nr_processes, "planted", opt->planted, "calibrated",
			 opt->calibrated, "stopped", atomic_load(&truth->stop), "pid",
			 (int)getpid());
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
	for (unsigned int i = 0; i < truth->nr_create; i++)
		json_array_append_new(create, number(truth->create_ns[i]));
	json_object_set_new(root, "startup", json_pack("{s:o}", "create_ns", create));
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
