// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs any workload in any mode: creates the threads and processes, measures their start, lets
 * each worker do its share, and collects them. The only file that creates workers.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "planted.h"
#include "workload.h"

#define CALIBRATE_NS (50 * NS_PER_MS)
#define DEFAULT_RUN_NS NS_PER_S

static struct truth *stop_truth;	/* for the signal handler */

void die(const char *format, ...)
{
	va_list args;

	fputs("workload: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

void check(int error, const char *what)
{
	if (error)
		die("%s failed: %s", what, strerror(error));
}

bool worker_more(struct worker *w)
{
	if (atomic_load_explicit(&w->run->truth->stop, memory_order_relaxed))
		return false;
	if (w->run->opt.count)
		return w->done < w->run->opt.count;
	return now_ns() < w->deadline_ns;
}

void all_blocked(struct process *process)
{
	uint64_t ready_ns = now_ns();

	atomic_store(&process->run->truth->ready_ns, ready_ns);
	for (unsigned int i = 0; i < process->nr_workers; i++)
		process->workers[i].deadline_ns = ready_ns + process->run->opt.time_ns;
}

bool run_is_alone(const struct run *run)
{
	return run->opt.mode == MODE_SEQ || (run->opt.mode == MODE_PROCS && !run->shared);
}

static const char *role_of(const struct worker *w)
{
	if (w->run->opt.planted && w->run->workload->plant)
		return plant_index(w) == 0 ? "holder" : "waiter";
	return w->run->workload->role ? w->run->workload->role(w) : "worker";
}

static void do_share(struct worker *w)
{
	const struct workload *workload = w->run->workload;

	PROBE_PHASE_BEGIN(workload->name);
	if (w->run->opt.planted && workload->plant) {
		plant_body(w);
	} else if (workload->body) {
		workload->body(w);
	} else {
		while (worker_more(w)) {
			workload->unit(w);
			w->done++;
		}
	}
	PROBE_PHASE_END(workload->name);
}

/* A thread of its own, or the main thread of a child process. */
static void worker_main(struct worker *w, struct truth_process *process)
{
	uint64_t born_ns = now_ns();
	struct truth_thread *thread;
	const char *role = role_of(w);
	char comm[16];

	w->run->truth->create_ns[w->global] = born_ns - w->created_ns;
	snprintf(comm, sizeof(comm), "%s-%u", role, w->global % 10000000);
	prctl(PR_SET_NAME, comm);
	thread = truth_thread_begin(w->run->truth, role, comm);
	thread->created_ns = w->created_ns;
	thread->begin_ns = born_ns;
	atomic_store(&w->tid, thread->tid);
	thread->work_ns = now_ns();
	w->run->truth->work_ns[w->global] =
		thread->work_ns - (process->created_ns ? process->created_ns : w->created_ns);
	do_share(w);
	thread->work = w->done;
	/* The last one measures memory while all stacks still exist. */
	if (atomic_fetch_add(&w->process->finished, 1) + 1 == w->process->nr_workers)
		truth_process_memory(w->run->truth, process);
	truth_thread_end(thread);
}

struct start {
	struct worker *worker;
	struct truth_process *process;
};

static void *thread_main(void *arg)
{
	struct start *start = arg;

	worker_main(start->worker, start->process);
	return NULL;
}

static void process_setup(struct process *process, struct run *run, unsigned int index,
			  unsigned int nr_workers)
{
	const struct workload *workload = run->workload;

	*process = (struct process){.run = run, .index = index, .nr_workers = nr_workers};
	process->workers = calloc(nr_workers, sizeof(*process->workers));
	process->state = aligned_alloc(64, (workload->state_size + 64) & ~(size_t)63);
	if (!process->workers || !process->state)
		die("out of memory");
	memset(process->state, 0, workload->state_size);
	if (run->opt.planted && workload->plant && !run->plant)
		process->plant = plant_new(nr_workers);
	for (unsigned int i = 0; i < nr_workers; i++) {
		process->workers[i].run = run;
		process->workers[i].process = process;
		process->workers[i].index = i;
		process->workers[i].global = index * nr_workers + i;
		process->workers[i].deadline_ns = run->truth->begin_ns + run->opt.time_ns;
	}
	if (workload->setup)
		workload->setup(process);
}

static void process_free(struct process *process)
{
	if (process->run->workload->teardown)
		process->run->workload->teardown(process);
	free(process->workers);
	free(process->state);
}

static void join_worker(struct worker *w)
{
	struct truth_lock *join = atomic_load(&w->join);
	uint64_t begin_ns = 0;

	if (join && !join->exact && pthread_tryjoin_np(w->thread, NULL) == 0)
		return;
	if (join)
		begin_ns = truth_wait_begin(join);
	check(pthread_join(w->thread, NULL), "pthread_join");
	if (join)
		truth_wait_end(join, begin_ns, WAIT_WOKEN);
}

static void run_threads(struct process *process, struct truth_process *record)
{
	const struct workload *workload = process->run->workload;
	struct start *starts = calloc(process->nr_workers, sizeof(*starts));
	pthread_attr_t attr;

	if (!starts)
		die("out of memory");
	check(pthread_attr_init(&attr), "pthread_attr_init");
	if (workload->stack_size) {
		check(pthread_attr_setstacksize(&attr, workload->stack_size), "stack size");
		/* Without guard pages neighbouring stacks merge: vm.max_map_count is 65530. */
		check(pthread_attr_setguardsize(&attr, 0), "guard size");
	}
	for (unsigned int i = 0; i < process->nr_workers; i++) {
		struct worker *w = &process->workers[i];
		int error;

		starts[i] = (struct start){.worker = w, .process = record};
		w->created_ns = now_ns();
		error = pthread_create(&w->thread, &attr, thread_main, &starts[i]);
		if (error)
			die("cannot create thread %u of %u: %s", i + 1, process->nr_workers,
			    strerror(error));
	}
	pthread_attr_destroy(&attr);
	if (workload->drive)
		workload->drive(process);
	for (unsigned int i = 0; i < process->nr_workers; i++)
		join_worker(&process->workers[i]);
	free(starts);
}

/* All shares in the calling thread, each with its part of --time. */
static void run_seq(struct process *process, struct truth_thread *main_thread)
{
	struct run *run = process->run;
	unsigned int n = process->nr_workers;

	for (unsigned int i = 0; i < n; i++) {
		struct worker *w = &process->workers[i];

		w->deadline_ns = run->truth->begin_ns + run->opt.time_ns * (i + 1) / n;
		atomic_store(&w->tid, gettid());
		do_share(w);
		main_thread->work += w->done;
	}
}

static void child_main(struct run *run, unsigned int index, uint64_t created_ns, pid_t parent)
{
	struct truth_process *record = truth_process_begin(run->truth, created_ns);
	struct truth_thread *thread;
	struct process process;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* Siblings look into our /proc/…/syscall when a shared lock is planted. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (run->opt.mode == MODE_PROCS) {
		process_setup(&process, run, index, 1);
		process.workers[0].created_ns = created_ns;
		worker_main(&process.workers[0], record);
	} else {
		thread = truth_thread_begin(run->truth, "main", program_invocation_short_name);
		process_setup(&process, run, index, run->opt.workers);
		run_threads(&process, record);
		truth_thread_end(thread);
	}
	process_free(&process);
	truth_process_end(record);
	_exit(0);
}

static void note_child(struct truth *truth, pid_t pid, const struct rusage *usage)
{
	for (struct truth_process *p = atomic_load(&truth->processes); p; p = p->next)
		if (p->pid == pid)
			p->rusage_cpu_ns =
				(uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
					NS_PER_S +
				(uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) *
					NS_PER_US;
}

/* When one child fails the others may wait for it for ever: end them too. */
static int collect_children(struct run *run, const pid_t *pids, unsigned int n)
{
	struct rusage usage;
	unsigned int left = n;
	int status, failed = 0;
	pid_t pid;

	while (left) {
		pid = wait4(-1, &status, 0, &usage);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			die("wait4 failed: %m");
		left--;
		note_child(run->truth, pid, &usage);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		if (!failed)
			for (unsigned int i = 0; i < n; i++)
				if (pids[i] != pid)
					kill(pids[i], SIGKILL);
		failed = 1;
	}
	return failed;
}

static int run_processes(struct run *run)
{
	unsigned int n = run->truth->nr_processes;
	pid_t *pids = calloc(n, sizeof(*pids));
	pid_t parent = getpid();
	int failed;

	if (!pids)
		die("out of memory");
	for (unsigned int i = 0; i < n; i++) {
		uint64_t created_ns = now_ns();

		pids[i] = fork();
		if (pids[i] < 0)
			die("cannot fork process %u of %u: %m", i + 1, n);
		if (pids[i] == 0)
			child_main(run, i, created_ns, parent);
	}
	failed = collect_children(run, pids, n);
	free(pids);
	return failed;
}

/* Doubles the number of units until they take CALIBRATE_NS, then scales to one second. */
static void calibrate(struct run *run)
{
	struct process process;
	uint64_t units, begin_ns, took_ns = 0;

	PROBE_PHASE_BEGIN("calibrate");
	process_setup(&process, run, 0, 1);
	for (units = 1; took_ns < CALIBRATE_NS; units *= 2) {
		begin_ns = now_ns();
		for (uint64_t i = 0; i < units; i++)
			run->workload->unit(&process.workers[0]);
		took_ns = now_ns() - begin_ns;
	}
	units /= 2;
	process_free(&process);
	run->opt.count = units * DEFAULT_RUN_NS / took_ns;
	if (!run->opt.count)
		run->opt.count = 1;
	run->opt.calibrated = true;
	PROBE_PHASE_END("calibrate");
}

static void choose_length(struct run *run)
{
	if (run->opt.count || run->opt.time_ns)
		return;
	if (run->workload->count)
		run->opt.count = run->workload->count;
	else if (run->opt.planted)
		run->opt.count = 10;
	else if (run->workload->calibrates)
		calibrate(run);
	else
		run->opt.time_ns = DEFAULT_RUN_NS;
}

static void on_stop(int signal)
{
	(void)signal;
	atomic_store(&stop_truth->stop, true);
}

static void catch_stop(struct truth *truth)
{
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};

	stop_truth = truth;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int modes_run(struct run *run)
{
	struct truth_process *record;
	struct truth_thread *thread;
	struct process process;
	unsigned int nr_workers = run->opt.workers * run->opt.procs;
	int failed = 0;

	run->truth = truth_new(nr_workers, run->opt.mode == MODE_PROCS ? nr_workers
								       : run->opt.procs);
	catch_stop(run->truth);
	record = truth_process_begin(run->truth, 0);
	thread = truth_thread_begin(run->truth, "main", program_invocation_short_name);
	choose_length(run);
	if (run->workload->shared_size)
		run->shared = truth_alloc(run->workload->shared_size);
	if (run->opt.planted && run->shared)
		run->plant = plant_new(nr_workers);
	if (run->workload->setup_run)
		run->workload->setup_run(run);
	run->truth->fork_kib = truth_memory().anonymous_kib;
	run->truth->cpu_begin_ns = process_cpu_ns();
	run->truth->begin_ns = now_ns();
	if (run->opt.mode & (MODE_PROCS | MODE_BOTH)) {
		failed = run_processes(run);
	} else {
		process_setup(&process, run, 0, run->opt.workers);
		if (run->opt.mode == MODE_SEQ)
			run_seq(&process, thread);
		else
			run_threads(&process, record);
		process_free(&process);
	}
	run->truth->end_ns = now_ns();
	if (!record->memory.pss_kib)
		truth_process_memory(run->truth, record);
	truth_thread_end(thread);
	truth_process_end(record);
	return failed;
}
