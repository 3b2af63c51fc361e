// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * costs.c - see costs.h.  Every figure is of many tries: others use the CPUs, too.  What they make
 * slow are single tries, so a time is the lower quartile.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/fail.h"
#include "user/base/stats.h"
#include "user/bench/costs.h"

#define THREADS 31 /* tries */
#define FORKS 11
#define MESSAGES 51
#define LARGE_KIB 256 /* so that copying it takes longer than being woken varies */
#define TOUCHED_MIB 16
#define SPEED_ROUNDS 5
#define SPEED_STEPS_MAX 8 /* different numbers of threads that are tried */
#define SPEED_BUDGET_NS 100000000ULL
#define SPEED_MIN_NS 1500000ULL
#define TABLE_WORDS 2048 /* 16 KiB: in the nearest cache, as an interpreter's loop is */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static double lower_quartile(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 4];
}

/* --- threads ------------------------------------------------------------------------------- */

static void *tell_time(void *arg)
{
	*(uint64_t *)arg = now_ns();
	return NULL;
}

static int measure_threads(struct host_costs *ret)
{
	double took[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		uint64_t began = now_ns(), first = 0;
		pthread_t thread;
		int err = pthread_create(&thread, NULL, tell_time, &first);

		if (err)
			return fail(-err, "cannot measure threads: %s", strerror(err));
		pthread_join(thread, NULL);
		took[i] = (double)(first - began);
	}
	ret->thread_ns = (uint64_t)lower_quartile(took, THREADS);
	return 0;
}

/* --- processes ----------------------------------------------------------------------------- */

/* What a child says; shared memory. */
struct said {
	uint64_t first_ns, last_ns;
};

static int wait_for(pid_t pid)
{
	pid_t got;

	do
		got = waitpid(pid, NULL, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : 0;
}

/* How long until its first instruction, until it was collected, and CPU time of the call itself. */
struct forked {
	double start, end, call;
};

static int measure_fork(struct said *said, struct forked *ret)
{
	uint64_t began = now_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	pid_t pid = fork();
	int err;

	if (!pid) {
		said->first_ns = now_ns();
		said->last_ns = now_ns();
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	ret->call = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
	err = wait_for(pid);
	ret->start = (double)(said->first_ns - began);
	ret->end = (double)(now_ns() - said->last_ns);
	return err;
}

/* Private memory that we have in use and a fork has to copy the page tables of. */
static double own_mib(void)
{
	unsigned long long resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%*u %llu %llu", &resident, &shared) != 2)
		resident = shared = 0;
	if (f)
		fclose(f);
	return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/*
 * Forks with and without the memory in turn, so that both see the same machine.  Page tables are
 * copied in the call of the parent: its CPU time says what that takes, whatever others do.
 */
static int measure_forks(struct host_costs *ret, struct said *said)
{
	size_t size = (size_t)TOUCHED_MIB << 20;
	double start[FORKS], end[FORKS], more[FORKS], own;
	int err = 0;

	for (size_t i = 0; !err && i < FORKS; i++) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);
		struct forked small = { 0 }, large = { 0 };

		if (memory == MAP_FAILED)
			return fail(-errno, "cannot measure fork: %d MiB: %s", TOUCHED_MIB,
				    strerror(errno));
		err = measure_fork(said, &small);
		/* small pages, as the heap of an interpreter has */
		madvise(memory, size, MADV_NOHUGEPAGE);
		memset(memory, 1, size);
		if (!err)
			err = measure_fork(said, &large);
		munmap(memory, size);
		start[i] = small.start;
		end[i] = small.end;
		more[i] = (large.call - small.call) / TOUCHED_MIB;
	}
	if (err)
		return fail(err, "cannot measure fork: %s", strerror(-err));
	ret->fork_mib_ns = (uint64_t)fmax(0, stats_median(more, FORKS).value);
	ret->fork_ns = (uint64_t)lower_quartile(start, FORKS);
	ret->exit_ns = (uint64_t)lower_quartile(end, FORKS);
	own = own_mib() * (double)ret->fork_mib_ns; /* we are larger than "small" ourselves */
	if (own < (double)ret->fork_ns)
		ret->fork_ns -= (uint64_t)own;
	return 0;
}

/* --- messages ------------------------------------------------------------------------------ */

static bool get_all(int fd, char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, data + at, size - at);

		if (n > 0)
			at += (size_t)n;
		else if (!n || errno != EINTR)
			return false;
	}
	return true;
}

static bool put_all(int fd, const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = write(fd, data + at, size - at);

		if (n > 0)
			at += (size_t)n;
		else if (!n || errno != EINTR)
			return false;
	}
	return true;
}

/* Sends back what comes: a small and a large message in turn. */
static _Noreturn void echo(int in, int out, char *data)
{
	static const size_t sizes[] = { 1, LARGE_KIB << 10 };

	for (size_t i = 0; get_all(in, data, sizes[i % 2]) && put_all(out, data, sizes[i % 2]); i++)
		;
	_exit(0);
}

/* There and back, halved; below 0: failed. */
static double send_around(int out, int in, char *data, size_t size)
{
	uint64_t began = now_ns();

	if (!put_all(out, data, size) || !get_all(in, data, size))
		return -1;
	return (double)(now_ns() - began) / 2;
}

static int talk(struct host_costs *ret, const int *there, const int *back, char *data)
{
	double small[MESSAGES], large[MESSAGES], diff;
	bool ok = true;
	pid_t pid = fork();

	if (!pid) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1], data);
	}
	if (pid < 0)
		return fail(-errno, "cannot measure pipes: fork: %s", strerror(errno));
	for (size_t i = 0; ok && i < MESSAGES; i++) {
		small[i] = send_around(there[1], back[0], data, 1);
		large[i] = send_around(there[1], back[0], data, LARGE_KIB << 10);
		ok = small[i] >= 0 && large[i] >= 0;
	}
	kill(pid, SIGKILL);
	wait_for(pid);
	if (!ok)
		return fail(-EPIPE, "cannot measure pipes: the other process is gone");
	ret->ipc_ns = (uint64_t)lower_quartile(small, MESSAGES);
	diff = lower_quartile(large, MESSAGES) - (double)ret->ipc_ns;
	ret->ipc_kib_ns = diff > 0 ? (uint64_t)(diff / LARGE_KIB) : 0;
	return 0;
}

static int measure_messages(struct host_costs *ret)
{
	char *data = xcalloc(LARGE_KIB, 1 << 10);
	int there[2], back[2], err;

	if (pipe2(there, O_CLOEXEC)) {
		err = fail(-errno, "cannot measure pipes: %s", strerror(errno));
		goto out;
	}
	if (pipe2(back, O_CLOEXEC)) {
		err = fail(-errno, "cannot measure pipes: %s", strerror(errno));
		goto out_there;
	}
	/* room for a whole message, so that its reader is woken once; else it goes in parts */
	fcntl(there[1], F_SETPIPE_SZ, LARGE_KIB << 10);
	fcntl(back[1], F_SETPIPE_SZ, LARGE_KIB << 10);
	err = talk(ret, there, back, data);
	close(back[0]);
	close(back[1]);
out_there:
	close(there[0]);
	close(there[1]);
out:
	free(data);
	return err;
}

/* --- speed --------------------------------------------------------------------------------- */

/* k threads that work at the same time, each on a CPU of its own. */
struct crowd {
	unsigned k;
	uint64_t length_ns;
	atomic_uint ready;
	struct spinner {
		struct crowd *crowd;
		pthread_t thread;
		double speed; /* work per ns of CPU */
	} spinners[HOST_SPEEDS_MAX];
};

/* Loads, arithmetic and a branch that depends on data. */
static uint64_t work(uint64_t *table, uint64_t x)
{
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t *word = &table[x % TABLE_WORDS];

		x = x * 6364136223846793005ULL + 1442695040888963407ULL + *word;
		if (x & 64)
			*word += x >> 32;
		x ^= x >> 29;
	}
	return x;
}

static void *spin(void *arg)
{
	struct spinner *s = arg;
	struct crowd *c = s->crowd;
	uint64_t table[TABLE_WORDS] = { 0 }, x = (uint64_t)(uintptr_t)s, began, end, n = 0;

	x = work(table, x);
	atomic_fetch_add(&c->ready, 1);
	while (atomic_load(&c->ready) < c->k)
		sched_yield(); /* others may still have to get their CPU */
	end = now_ns() + c->length_ns;
	began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	do
		x = work(table, x);
	while (++n, now_ns() < end);
	s->speed = (double)n / (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - began);
	*(volatile uint64_t *)&table[0] = x;
	return NULL;
}

/* The i-th CPU of the set. */
static void only_cpu(const cpu_set_t *all, unsigned i, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, all) && !i--) {
			CPU_SET(cpu, ret);
			return;
		}
}

/* Speed of each of k threads, their mean. */
static int run_crowd(const cpu_set_t *cpus, unsigned k, uint64_t length_ns, double *ret)
{
	struct crowd *c = xcalloc(1, sizeof(*c));
	unsigned n = 0;
	int err = 0;

	*c = (struct crowd){ .k = k, .length_ns = length_ns };
	*ret = 0;
	for (; !err && n < k; n++) {
		pthread_attr_t attr;
		cpu_set_t one;

		only_cpu(cpus, n, &one);
		pthread_attr_init(&attr);
		pthread_attr_setaffinity_np(&attr, sizeof(one), &one);
		c->spinners[n].crowd = c;
		err = pthread_create(&c->spinners[n].thread, &attr, spin, &c->spinners[n]);
		pthread_attr_destroy(&attr);
		if (err) {
			atomic_fetch_add(&c->ready, k); /* do not wait for it */
			break;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(c->spinners[i].thread, NULL);
		*ret += c->spinners[i].speed / k;
	}
	free(c);
	return err ? fail(-err, "cannot measure the speed of %u threads: %s", k, strerror(err)) : 0;
}

/* 1, 2, 4, ... and all of them: as many as there is time for; the others lie between. */
static size_t choose_steps(unsigned cpus, unsigned *steps)
{
	size_t n = 0;

	for (unsigned k = 1; k < cpus && n < SPEED_STEPS_MAX - 1; k *= 2)
		steps[n++] = k;
	steps[n++] = cpus;
	return n;
}

static void interpolate(struct host_costs *ret, unsigned from, unsigned to)
{
	for (unsigned k = from + 1; k < to; k++) {
		double part = (double)(k - from) / (to - from);

		ret->speed[k - 1] =
			ret->speed[from - 1] + part * (ret->speed[to - 1] - ret->speed[from - 1]);
		ret->speed_low[k - 1] = ret->speed_low[from - 1] +
					part * (ret->speed_low[to - 1] - ret->speed_low[from - 1]);
		ret->speed_high[k - 1] =
			ret->speed_high[from - 1] +
			part * (ret->speed_high[to - 1] - ret->speed_high[from - 1]);
	}
}

/*
 * Rounds of one thread alone and then k, so that a machine whose clock drifts gives the same ratio.
 * For k = 1 this is how much one thread differs from itself.
 */
static int measure_speed(struct host_costs *ret)
{
	double ratio[SPEED_STEPS_MAX][SPEED_ROUNDS];
	unsigned steps[SPEED_STEPS_MAX], cpus;
	uint64_t length_ns;
	cpu_set_t set;
	size_t n;

	if (sched_getaffinity(0, sizeof(set), &set))
		return fail(-errno, "cannot tell which CPUs may be used: %s", strerror(errno));
	cpus = (unsigned)CPU_COUNT(&set);
	cpus = cpus < HOST_SPEEDS_MAX ? cpus : HOST_SPEEDS_MAX;
	n = choose_steps(cpus, steps);
	length_ns = SPEED_BUDGET_NS / (SPEED_ROUNDS * 2 * n);
	length_ns = length_ns > SPEED_MIN_NS ? length_ns : SPEED_MIN_NS;
	for (size_t round = 0; round < SPEED_ROUNDS; round++)
		for (size_t i = 0; i < n; i++) {
			double alone, each;
			int err = run_crowd(&set, 1, length_ns, &alone);

			err = err ? err : run_crowd(&set, steps[i], length_ns, &each);
			if (err)
				return err;
			ratio[i][round] = each / alone;
		}
	ret->n_speed = cpus;
	for (size_t i = 0; i < n; i++) {
		unsigned k = steps[i];
		struct stats_interval rounds = stats_median(ratio[i], SPEED_ROUNDS);

		ret->speed[k - 1] = k == 1 ? 1 : rounds.value;
		ret->speed_low[k - 1] = fmin(rounds.low, ret->speed[k - 1]);
		ret->speed_high[k - 1] = fmax(rounds.high, ret->speed[k - 1]);
		if (i)
			interpolate(ret, steps[i - 1], k);
	}
	return 0;
}

int host_costs_measure(struct host_costs *ret)
{
	struct said *said = mmap(NULL, sizeof(*said), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int err;

	memset(ret, 0, sizeof(*ret));
	if (said == MAP_FAILED)
		return fail(-errno, "cannot measure costs: %s", strerror(errno));
	err = measure_threads(ret);
	if (!err)
		err = measure_forks(ret, said);
	if (!err)
		err = measure_messages(ret);
	if (!err)
		err = measure_speed(ret);
	munmap(said, sizeof(*said));
	ret->known = !err;
	return err;
}
