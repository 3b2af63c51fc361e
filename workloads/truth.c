// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records of the truth. They live in one MAP_SHARED arena made before the first fork, so that
 * child processes deliver theirs by just writing them: a lock-free push on a list.
 */
#include "truth.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

/* Address space only: pages exist once written. */
#define ARENA_SIZE (1ull << 30)
#define LOG_STAYS  (1ull << 20)

struct arena {
	_Atomic size_t used;
	char data[];
};

static struct arena *arena;
static _Thread_local struct truth_thread *self;
static _Thread_local const char *self_place;
static _Thread_local uint32_t self_number;

void *truth_alloc(size_t size)
{
	size_t need = (size + 63) & ~(size_t)63;	/* whole cache lines, none shared */
	size_t at = atomic_fetch_add(&arena->used, need);

	if (at + need > ARENA_SIZE)
		die("out of truth memory (%llu MiB)", ARENA_SIZE >> 20);
	return (char *)arena + at;
}

struct truth *truth_new(unsigned int nr_workers, unsigned int nr_processes)
{
	struct truth *truth;

	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		die("cannot map %llu MiB for the truth: %m", ARENA_SIZE >> 20);
	atomic_store(&arena->used, 64);
	truth = truth_alloc(sizeof(*truth));
	truth->nr_processes = nr_processes;
	truth->nr_create = nr_workers;
	truth->create_ns = truth_alloc(nr_workers * sizeof(uint64_t));
	truth->work_ns = truth_alloc(nr_workers * sizeof(uint64_t));
	return truth;
}

/* The `next` pointer is the first member of every record. */
#define PUSH(head, record)                                                         \
	do {                                                                       \
		(record)->next = atomic_load(head);                                \
	} while (!atomic_compare_exchange_weak(head, &(record)->next, record))

struct truth_process *truth_process_begin(struct truth *truth, uint64_t created_ns)
{
	uint64_t begin_ns = now_ns();
	struct truth_process *process = truth_alloc(sizeof(*process));

	process->pid = getpid();
	process->begin_ns = begin_ns;
	process->created_ns = created_ns;
	PUSH(&truth->processes, process);
	return process;
}

void truth_process_end(struct truth_process *process)
{
	process->end_ns = now_ns();
	process->cpu_ns = process_cpu_ns();
}

/*
 * Not stdio: it takes memory and notes its files behind locks of the C library. A thread that ends
 * meanwhile takes the same, and then one waits for the other, which no truth knows.
 */
struct lines {
	int fd;
	size_t begin, end;	/* what is read and not yet returned */
	char text[PATH_MAX + 256];
};

static const char *next_line(struct lines *lines)
{
	for (;;) {
		char *line = lines->text + lines->begin;
		char *end = memchr(line, '\n', lines->end - lines->begin);
		ssize_t n;

		if (end) {
			*end = '\0';
			lines->begin = end + 1 - lines->text;
			return line;
		}
		lines->end -= lines->begin;
		lines->begin = 0;
		memmove(lines->text, line, lines->end);
		n = read(lines->fd, lines->text + lines->end, sizeof(lines->text) - lines->end);
		if (n <= 0)
			return NULL;
		lines->end += n;
	}
}

struct truth_memory truth_memory(void)
{
	struct lines lines = {.fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)};
	struct truth_memory memory = {0};
	unsigned long long kib;
	const char *line;
	char share = 0;

	if (lines.fd < 0)
		return memory;
	while ((line = next_line(&lines))) {
		if (sscanf(line, "%*x-%*x %*3c%c", &share) == 1)
			continue;
		if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			memory.pss_kib += kib;
		else if (sscanf(line, "Private_Clean: %llu kB", &kib) == 1)
			memory.uss_kib += kib;
		else if (sscanf(line, "Anonymous: %llu kB", &kib) == 1 && share == 'p')
			memory.anonymous_kib += kib;
		if (sscanf(line, "Private_Dirty: %llu kB", &kib) != 1)
			continue;
		memory.uss_kib += kib;
		memory.dirty_kib += share == 'p' ? kib : 0;
	}
	close(lines.fd);
	return memory;
}

/* What is private now was copied or is new; only the new made the total grow. */
void truth_process_memory(const struct truth *truth, struct truth_process *process)
{
	struct truth_memory now = truth_memory();
	uint64_t added = 0;

	if (now.anonymous_kib > truth->fork_kib)
		added = now.anonymous_kib - truth->fork_kib;
	process->memory = now;
	process->cow_kib = now.dirty_kib > added ? now.dirty_kib - added : 0;
}

struct truth_thread *truth_thread_begin(struct truth *truth, const char *role, const char *comm)
{
	uint64_t begin_ns = now_ns();
	struct truth_thread *thread = truth_alloc(sizeof(*thread));

	thread->begin_ns = begin_ns;
	thread->pid = getpid();
	thread->tid = gettid();
	snprintf(thread->role, sizeof(thread->role), "%s", role);
	snprintf(thread->comm, sizeof(thread->comm), "%s", comm);
	PUSH(&truth->threads, thread);
	self = thread;
	return thread;
}

void truth_thread_end(struct truth_thread *thread)
{
	thread->end_ns = now_ns();
	thread->cpu_ns = thread_cpu_ns();
}

struct truth_lock *truth_lock_new(struct truth *truth, const char *name, const char *kind,
				  const volatile void *addr, size_t size, bool exact)
{
	struct truth_lock *lock = truth_alloc(sizeof(*lock));

	snprintf(lock->name, sizeof(lock->name), "%s", name);
	snprintf(lock->kind, sizeof(lock->kind), "%s", kind);
	lock->addr = (uintptr_t)addr;
	lock->size = size;
	lock->pid = getpid();
	lock->exact = exact;
	PUSH(&truth->locks, lock);
	return lock;
}

void truth_lock_log(struct truth *truth, struct truth_lock *lock)
{
	lock->log_size = LOG_STAYS / truth->nr_processes;
	lock->log = truth_alloc(lock->log_size * sizeof(*lock->log));
}

/* log_used counts on past log_size: that is how truth_write.c sees that the log is not whole. */
static void log_stay(struct truth_lock *lock, uint64_t begin_ns, uint64_t end_ns, bool waited)
{
	uint64_t at;

	if (!lock->log)
		return;
	at = atomic_fetch_add(&lock->log_used, 1);
	if (at < lock->log_size)
		lock->log[at] = (struct truth_stay){
			.begin_ns = begin_ns, .end_ns = end_ns, .tid = self->tid,
			.waited = waited, .number = self_number, .place = self_place};
}

void truth_place(const char *place, uint32_t number)
{
	self_place = place;
	self_number = number;
}

static void raise_to(_Atomic uint64_t *max, uint64_t value)
{
	uint64_t old = atomic_load(max);

	while (value > old && !atomic_compare_exchange_weak(max, &old, value))
		;
}

uint64_t truth_wait_begin(struct truth_lock *lock)
{
	PROBE_LOCK_WAIT(lock->addr);
	return now_ns();
}

void truth_wait_end(struct truth_lock *lock, uint64_t begin_ns, enum wait_end end)
{
	uint64_t end_ns = now_ns();
	uint64_t wait_ns = end_ns - begin_ns;

	switch (end) {
	case WAIT_WOKEN:
		if (!lock->owned)
			PROBE_LOCK_ACQUIRED(lock->addr);
		atomic_fetch_add(&lock->waits, 1);
		atomic_fetch_add(&lock->wait_ns, wait_ns);
		raise_to(&lock->max_wait_ns, wait_ns);
		self->waits++;
		self->wait_ns += wait_ns;
		log_stay(lock, begin_ns, end_ns, true);
		break;
	case WAIT_TIMEOUT:
		atomic_fetch_add(&lock->timeouts, 1);
		atomic_fetch_add(&lock->timeout_ns, wait_ns);
		self->timeouts++;
		self->timeout_ns += wait_ns;
		break;
	case WAIT_EAGAIN:
		atomic_fetch_add(&lock->eagain, 1);
		break;
	case WAIT_EINTR:
		atomic_fetch_add(&lock->eintr, 1);
		break;
	}
}

uint64_t truth_hold_begin(struct truth_lock *lock)
{
	PROBE_LOCK_ACQUIRED(lock->addr);
	return now_ns();
}

void truth_hold_end(struct truth_lock *lock, uint64_t begin_ns)
{
	uint64_t end_ns = now_ns();

	PROBE_LOCK_RELEASED(lock->addr);
	atomic_fetch_add(&lock->holds, 1);
	atomic_fetch_add(&lock->hold_ns, end_ns - begin_ns);
	log_stay(lock, begin_ns, end_ns, false);
}

void truth_wake(struct truth_lock *lock, long woken)
{
	atomic_fetch_add(woken > 0 ? &lock->wakes : &lock->empty_wakes, 1);
}

void truth_handoffs(struct truth *truth, uint64_t n)
{
	atomic_store(&truth->has_handoffs, true);
	atomic_fetch_add(&truth->handoffs, n);
}
