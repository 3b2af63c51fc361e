// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * text_threads.c - one row per process (as a tree) and one per thread: where each one's time went.
 *
 *	THREADS  percent of each thread's own life in the window
 *	     tid  name                life   CPU  with GIL  queue   GIL   cond  top lock  switches
 *	    4713  Thread-1 (count)  10.0 s  50.9      50.7    1.2  47.9      -  L1           2,412
 *	    4714  Thread-2 (count)  10.0 s  50.8      50.8    1.1  48.1      -  L1           2,398
 *	     ...  12 more            120 s   0.1         -      -     -   99.9  -               24
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "user/analysis/report.h"
#include "user/base/escape.h"
#include "user/render/text_parts.h"

/* A row of either table: a process, a thread, or the sum of those that were cut. */
struct task_row {
	const struct report_process *process;
	const struct report_thread *thread;
	uint64_t summed; /* rows in a sum, else 0 */
	int depth;	 /* of a process in the tree */
	uint64_t life_ns;
	uint64_t state_ns[STATE_COUNT];
	uint64_t gil_ns; /* CPU time with the GIL */
	double gil_wait_ns;
	uint64_t voluntary, involuntary, migrations, threads, throttled_ns;
};

/* --- cells that both tables share ------------------------------------------------------------ */

#define STATE(state) (1u << STATE_##state)

static void states_cell(struct buf *out, const void *row, unsigned int states)
{
	const struct task_row *r = row;
	uint64_t ns = 0;

	for (unsigned int i = 0; i < STATE_COUNT; i++)
		if (states & 1u << i)
			ns += r->state_ns[i];
	text_share_cell(out, ns, r->life_ns);
}

#define STATES_CELL(name, states)                                                                  \
	static void name##_cell(struct buf *out, const struct text *t, const void *row)            \
	{                                                                                          \
		(void)t;                                                                           \
		states_cell(out, row, states);                                                     \
	}
STATES_CELL(cpu, STATE(ON_CPU))
STATES_CELL(queue, STATE(WOKEN) | STATE(PREEMPTED))
STATES_CELL(lock, STATE(LOCK))
STATES_CELL(gil, STATE(GIL))
STATES_CELL(cond, STATE(COND))
STATES_CELL(io, STATE(IO_DISK) | STATE(IO_IPC))
STATES_CELL(sleep, STATE(SLEEP))
STATES_CELL(other, STATE(CHILD) | STATE(KLOCK) | STATE(FAULT) | STATE(STOPPED) | STATE(OTHER))
STATES_CELL(unknown, STATE(UNKNOWN))

/* The columns of states but the first, the same in both tables: percentages of life_ns. */
#define STATE_COLUMNS                                                                              \
	{ "queue", .cell = queue_cell, .drop = 1 },                                                \
	{ "lock", .cell = lock_cell },                                                             \
	{ "GIL", .cell = gil_cell },                                                               \
	{ "cond", .cell = cond_cell, .drop = 2 },                                                  \
	{ "I/O", .cell = io_cell, .drop = 2 },                                                     \
	{ "sleep", .cell = sleep_cell, .drop = 4 },                                                \
	{ "other", .cell = other_cell, .drop = 4 },                                                \
	{ "unknown", .cell = unknown_cell, .drop = 1 }

static void print_legend(struct text *t, bool python)
{
	text_wrapf(t, TEXT_DIM, 2, "queue: ready, but no CPU free; cond: waiting for work or for "
				   "somebody to finish; %scolumns of zeros are left out",
		   python ? "with GIL: CPU time that had it, from samples; GIL wait: GIL and the "
			    "queue inside of it; " : "");
}

static void life_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	buf_puts(out, unit_ns(((const struct task_row *)row)->life_ns).s);
}

static void count_cell(struct buf *out, uint64_t n)
{
	if (n)
		buf_puts(out, unit_count(n).s);
}

static void add_states(uint64_t to[STATE_COUNT], const uint64_t from[STATE_COUNT])
{
	for (size_t i = 0; i < STATE_COUNT; i++)
		to[i] += from[i];
}

/* Table of rows[0..n); the caller has put a sum row last if it cut the list. */
static void print_rows(struct text *t, const struct text_column *columns, size_t n_columns,
		       const struct task_row *rows, size_t n)
{
	const void **pointers = xcalloc(n, sizeof(*pointers));

	for (size_t i = 0; i < n; i++)
		pointers[i] = &rows[i];
	text_table(t, 2, columns, n_columns, pointers, n);
	free(pointers);
}

/* --- threads --------------------------------------------------------------------------------- */

static void tid_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_thread *thread = ((const struct task_row *)row)->thread;

	(void)t;
	if (thread)
		buf_printf(out, "%s%u", thread->doubtful ? "!" : "", thread->tid);
	else
		buf_puts(out, "...");
}

static void pid_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_thread *thread = ((const struct task_row *)row)->thread;

	if (thread && t->r->n_processes > 1)
		buf_printf(out, "%u", thread->pid);
}

static void ns_tid_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_thread *thread = ((const struct task_row *)row)->thread;

	(void)t;
	if (thread && thread->ns_tid && thread->ns_tid != thread->tid)
		buf_printf(out, "%u", thread->ns_tid);
}

static void name_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct task_row *r = row;

	if (!r->thread)
		buf_printf(out, "%s more", unit_count(r->summed).s);
	else if (r->thread->name && *r->thread->name)
		escape_add(out, r->thread->name, strlen(r->thread->name), ESCAPE_NO_LIMIT,
			   t->unicode);
	else
		escape_add(out, TEXT_ARRAY(r->thread->comm), ESCAPE_NO_LIMIT, t->unicode);
}

static void with_gil_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct task_row *r = row;

	(void)t;
	text_share_cell(out, r->gil_ns, r->life_ns);
}

/* Its waits for the GIL to their end: the time in which it was ready without a CPU included. */
static void gil_wait_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct task_row *r = row;
	struct unit_text share = unit_percent(unit_ratio(r->gil_wait_ns, (double)r->life_ns));

	(void)t;
	if (r->gil_wait_ns > 0)
		buf_add(out, share.s, strcspn(share.s, " "));
}

static void voluntary_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	count_cell(out, ((const struct task_row *)row)->voluntary);
}

static void involuntary_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	count_cell(out, ((const struct task_row *)row)->involuntary);
}

static void migrations_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	count_cell(out, ((const struct task_row *)row)->migrations);
}

static void top_lock_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_thread *thread = ((const struct task_row *)row)->thread;

	(void)t;
	if (thread && thread->top_lock)
		buf_printf(out, "L%u", thread->top_lock);
}

static void thread_note_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_thread *thread = ((const struct task_row *)row)->thread;

	(void)t;
	if (!thread)
		return;
	if (!thread->existed)
		buf_puts(out, thread->ended ? "new, ended" : "new");
	else if (thread->ended)
		buf_puts(out, "ended");
	else if (thread->never_switched)
		buf_puts(out, "never switched");
}

static const struct text_column thread_columns[] = {
	{ "tid", .cell = tid_cell },
	{ "pid", .cell = pid_cell, .blank = "", .drop = 5 },
	{ "tid inside", .cell = ns_tid_cell, .blank = "", .drop = 7 },
	{ "name", .cell = name_cell, .left = true, .min = 15 },
	{ "life", .cell = life_cell, .drop = 5 },
	{ "CPU", .cell = cpu_cell },
	{ "with GIL", .cell = with_gil_cell, .drop = 6 },
	STATE_COLUMNS,
	{ "GIL wait", .cell = gil_wait_cell, .drop = 7 },
	{ "top lock", .cell = top_lock_cell, .left = true, .drop = 3 },
	{ "switches", .cell = voluntary_cell, .drop = 8 },
	{ "preempted", .cell = involuntary_cell, .drop = 8 },
	{ "migrations", .cell = migrations_cell, .drop = 9 },
	{ "note", .cell = thread_note_cell, .blank = "", .left = true, .drop = 7 },
};

static void add_thread(struct task_row *row, const struct report_thread *thread)
{
	row->life_ns += thread->life_ns;
	add_states(row->state_ns, thread->state_ns);
	if (thread->python) {
		row->gil_ns += thread->gil_ns;
		row->gil_wait_ns += thread->gil_wait_share * (double)thread->life_ns;
	}
	row->voluntary += thread->voluntary;
	row->involuntary += thread->involuntary;
	row->migrations += thread->migrations;
}

/* Rows to show before the list is cut; a rest of one takes no less room than itself. */
static size_t shown_rows(const struct text *t, size_t n)
{
	return n <= t->top_tasks || n - t->top_tasks == 1 ? n : t->top_tasks;
}

void text_threads(struct text *t)
{
	const struct report *r = t->r;
	size_t shown = shown_rows(t, r->n_threads);
	struct task_row *rows = xcalloc(shown + 1, sizeof(*rows));
	bool doubtful = false, python = false;

	text_heading(t, "THREADS", "percent of each thread's own life in the window");
	for (size_t i = 0; i < r->n_threads; i++) {
		struct task_row *row = &rows[i < shown ? i : shown];

		add_thread(row, &r->threads[i]);
		doubtful |= r->threads[i].doubtful;
		python |= r->threads[i].python;
		if (i < shown)
			row->thread = &r->threads[i];
		else
			row->summed++;
	}
	if (r->n_threads)
		print_rows(t, thread_columns, N_OF(thread_columns), rows,
			   shown + (shown < r->n_threads));
	else
		text_wrapf(t, TEXT_PLAIN, 2, "none seen");
	if (r->n_threads)
		print_legend(t, python);
	if (doubtful)
		text_wrapf(t, TEXT_WARN, 2,
			   "! records of this thread were lost: its numbers are doubtful");
	free(rows);
}

/* --- processes ------------------------------------------------------------------------------- */

#define TREE_DEPTH 8 /* indentation stops here */

static void process_pid_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_process *p = ((const struct task_row *)row)->process;

	(void)t;
	if (p)
		buf_printf(out, "%u", p->pid);
	else
		buf_puts(out, "...");
}

static void process_name_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct task_row *r = row;
	const struct report_process *p = r->process;

	if (!p) {
		buf_printf(out, "%s more", unit_count(r->summed).s);
		return;
	}
	buf_pad(out, ' ', 2 * (size_t)r->depth);
	if (p->cmdline && *p->cmdline)
		escape_add(out, p->cmdline, strlen(p->cmdline), ESCAPE_NO_LIMIT, t->unicode);
	else
		escape_add(out, TEXT_ARRAY(p->comm), ESCAPE_NO_LIMIT, t->unicode);
}

static void threads_cell(struct buf *out, const struct text *t, const void *row)
{
	(void)t;
	count_cell(out, ((const struct task_row *)row)->threads);
}

/* CPUs used on average over the whole window, so that the rows add up to the total. */
static void cpus_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct task_row *r = row;

	buf_puts(out, unit_decimal(unit_ratio((double)r->state_ns[STATE_ON_CPU],
					      (double)t->r->window_ns), 2).s);
}

static void throttled_cell(struct buf *out, const struct text *t, const void *row)
{
	uint64_t ns = ((const struct task_row *)row)->throttled_ns;

	(void)t;
	if (ns)
		buf_puts(out, unit_ns(ns).s);
}

static void alive_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_process *p = ((const struct task_row *)row)->process;

	(void)t;
	if (p)
		buf_puts(out, unit_ns(p->end_ns > p->begin_ns ? p->end_ns - p->begin_ns : 0).s);
}

static void process_note_cell(struct buf *out, const struct text *t, const void *row)
{
	const struct report_process *p = ((const struct task_row *)row)->process;

	(void)t;
	if (!p || !p->ended)
		return;
	if (WIFSIGNALED(p->exit_code))
		buf_printf(out, "signal %d", WTERMSIG(p->exit_code));
	else
		buf_printf(out, "exit %d", WEXITSTATUS(p->exit_code));
}

static const struct text_column process_columns[] = {
	{ "pid", .cell = process_pid_cell },
	{ "process", .cell = process_name_cell, .left = true, .min = 16 },
	{ "threads", .cell = threads_cell, .drop = 5 },
	{ "alive", .cell = alive_cell, .drop = 6 },
	{ "avg CPUs", .cell = cpus_cell },
	{ "CPU", .cell = cpu_cell },
	STATE_COLUMNS,
	{ "throttled", .cell = throttled_cell, .drop = 7 },
	{ "ended", .cell = process_note_cell, .blank = "", .left = true, .drop = 8 },
};

static void add_process(struct task_row *row, const struct report_process *p)
{
	row->life_ns += p->budget.total_ns;
	add_states(row->state_ns, p->budget.state_ns);
	row->threads += p->threads;
	if (p->throttled_ns > row->throttled_ns)
		row->throttled_ns = p->throttled_ns; /* one cgroup for all: no sum */
}

struct tree {
	const struct report *r;
	uint32_t *by_pid; /* indices of processes, sorted by parent, then in report order */
	bool *done;
	size_t *stack;
	int *depth;
	size_t n;	  /* on the stack */
};

static int compare_parents(const void *a, const void *b, void *arg)
{
	const struct report *r = arg;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	uint32_t p = r->processes[i].ppid, q = r->processes[k].ppid;

	return p != q ? (p < q ? -1 : 1) : (i > k) - (i < k);
}

/* First place in by_pid whose parent is not below pid. */
static size_t find_children(const struct tree *tree, uint32_t pid)
{
	size_t low = 0, high = tree->r->n_processes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tree->r->processes[tree->by_pid[middle]].ppid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Append process root and all below it to order; a pid seen twice, or a loop, ends at done[]. */
static size_t walk(struct tree *tree, size_t root, size_t *order, int *depths, size_t n)
{
	tree->stack[0] = root;
	tree->depth[0] = 0;
	tree->done[root] = true;
	tree->n = 1;
	while (tree->n) {
		size_t at = tree->stack[--tree->n];
		int depth = tree->depth[tree->n];
		uint32_t pid = tree->r->processes[at].pid;
		size_t first = find_children(tree, pid), end = first;

		order[n] = at;
		depths[n++] = depth;
		while (end < tree->r->n_processes &&
		       tree->r->processes[tree->by_pid[end]].ppid == pid)
			end++;
		while (end-- > first) { /* backwards: the first child is on top */
			size_t child = tree->by_pid[end];

			if (tree->done[child])
				continue;
			tree->done[child] = true;
			tree->stack[tree->n] = child;
			tree->depth[tree->n++] = depth < TREE_DEPTH ? depth + 1 : depth;
		}
	}
	return n;
}

static int compare_pids(const void *a, const void *b)
{
	uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;

	return (p > q) - (p < q);
}

/* Parents before children, siblings in the order of the report. */
static void order_processes(const struct report *r, size_t *order, int *depths)
{
	struct tree tree = {
		.r = r,
		.by_pid = xcalloc(r->n_processes, sizeof(*tree.by_pid)),
		.done = xcalloc(r->n_processes, sizeof(*tree.done)),
		.stack = xcalloc(r->n_processes, sizeof(*tree.stack)),
		.depth = xcalloc(r->n_processes, sizeof(*tree.depth)),
	};
	uint32_t *pids = xcalloc(r->n_processes, sizeof(*pids));
	size_t n = 0;

	for (size_t i = 0; i < r->n_processes; i++) {
		tree.by_pid[i] = (uint32_t)i;
		pids[i] = r->processes[i].pid;
	}
	qsort(pids, r->n_processes, sizeof(*pids), compare_pids);
	qsort_r(tree.by_pid, r->n_processes, sizeof(*tree.by_pid), compare_parents, (void *)r);
	for (size_t i = 0; i < r->n_processes; i++)
		if (!bsearch(&r->processes[i].ppid, pids, r->n_processes, sizeof(*pids),
			     compare_pids))
			n = walk(&tree, i, order, depths, n);
	for (size_t i = 0; i < r->n_processes; i++) /* what is left is in a loop */
		if (!tree.done[i])
			n = walk(&tree, i, order, depths, n);
	free(pids);
	free(tree.by_pid);
	free(tree.done);
	free(tree.stack);
	free(tree.depth);
}

void text_processes(struct text *t)
{
	const struct report *r = t->r;
	size_t shown = shown_rows(t, r->n_processes);
	struct task_row *rows;
	size_t *order;
	int *depths;

	if (r->n_processes < 2)
		return;
	rows = xcalloc(shown + 1, sizeof(*rows));
	order = xcalloc(r->n_processes, sizeof(*order));
	depths = xcalloc(r->n_processes, sizeof(*depths));
	if (shown == r->n_processes)
		order_processes(r, order, depths);
	else /* a cut list keeps the report's order, most important first; no tree */
		for (size_t i = 0; i < r->n_processes; i++)
			order[i] = i;
	for (size_t i = 0; i < r->n_processes; i++) {
		struct task_row *row = &rows[i < shown ? i : shown];

		add_process(row, &r->processes[order[i]]);
		row->depth = depths[i];
		if (i < shown)
			row->process = &r->processes[order[i]];
		else
			row->summed++;
	}
	text_heading(t, "PROCESSES", "percent of the time of each process's threads");
	print_rows(t, process_columns, N_OF(process_columns), rows,
		   shown + (shown < r->n_processes));
	free(depths);
	free(order);
	free(rows);
}
