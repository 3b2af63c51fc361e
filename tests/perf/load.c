// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - loads whose speed can be read from outside at any moment, to see what watching costs them.
 *
 * Each thread counts its operations in a line of its own of a shared file (the meter), so nothing has
 * to be asked and nothing starts anew between "alone" and "watched".  Work is a number of steps, not a
 * time: the workloads of workloads/ burn CPU time by the clock, and what a tool takes in between would
 * be swallowed.  Runs until it is killed.
 *
 * usage: load METER KIND [THREADS [HOLD_NS [PIN]]]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 62
#define MESSAGE 100 /* bytes, as hackbench sends */

/* A page: line 0 says how many threads run, line 1 + i how many operations thread i has done. */
struct line {
	_Alignas(64) _Atomic uint64_t count;
};

struct thread {
	unsigned int index, n;
	_Atomic uint64_t *ops;
	pthread_t id;
};

struct kind {
	const char *name;
	void (*setup)(unsigned int n);
	void (*run)(struct thread *t);
};

enum pin {
	PIN_NONE,
	PIN_ONE,
	PIN_PAIRS,
	PIN_SPREAD
};

static struct line *meter;
static uint64_t hold_steps; /* of work(), for the hold time that was asked for */
static enum pin pin;

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/*
 * A chain of multiplications, each waiting for the one before: neither memory nor what else runs on the
 * same core changes its speed by much.
 */
static void work(uint64_t steps)
{
	uint64_t x = steps;

	while (steps--) {
		x *= 0x9e3779b97f4a7c15;
		__asm__ volatile("" : "+r"(x));
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The best of some tries, by CPU time: others may use the machine meanwhile. */
static uint64_t steps_of(uint64_t ns)
{
	enum {
		STEPS = 1000000,
		TRIES = 9
	};
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t begin = cpu_ns(), took;

		work(STEPS);
		took = cpu_ns() - begin;
		best = took < best ? took : best;
	}
	return ns * STEPS / best;
}

static void count(struct thread *t, uint64_t n)
{
	atomic_store_explicit(t->ops, *t->ops + n, memory_order_relaxed);
}

/* --- pairs of threads that hand each other the turn ------------------------------------------- */

static sem_t sems[THREADS_MAX];

static void pingpong_setup(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		need(!sem_init(&sems[i], 0, 0), "sem_init");
	for (unsigned int i = 0; i < n; i += 2)
		sem_post(&sems[i]);
}

/* An operation: the turn comes, and goes. */
static void pingpong(struct thread *t)
{
	for (;;) {
		while (sem_wait(&sems[t->index]))
			;
		sem_post(&sems[t->index ^ 1]);
		count(t, 1);
	}
}

/* --- one mutex, as long outside of it as inside ----------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void fight(struct thread *t)
{
	for (;;) {
		pthread_mutex_lock(&mutex);
		work(hold_steps);
		pthread_mutex_unlock(&mutex);
		work(hold_steps);
		count(t, 1);
	}
}

/* --- wakes that wake nobody, a little work between them --------------------------------------- */

static void storm(struct thread *t)
{
	_Alignas(64) uint32_t word = 0;

	for (;;) {
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		work(hold_steps);
		count(t, 1);
	}
}

/* --- threads that come and go ----------------------------------------------------------------- */

static void *short_life(void *arg)
{
	work(hold_steps);
	return arg;
}

static void churn(struct thread *t)
{
	pthread_t id;

	for (;;) {
		need(!pthread_create(&id, NULL, short_life, NULL), "pthread_create");
		pthread_join(id, NULL);
		count(t, 1);
	}
}

/* --- hackbench: the first half sends to each of the other half, a pipe for each of those ------- */

static int pipes[THREADS_MAX][2];

static void pipes_setup(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		need(!pipe(pipes[i]), "pipe");
}

static void exchange(struct thread *t)
{
	unsigned int half = t->n / 2;
	char message[MESSAGE] = "";

	for (;;) {
		if (t->index < half) {
			for (unsigned int i = half; i < t->n; i++)
				need(write(pipes[i][1], message, MESSAGE) == MESSAGE, "write");
		} else {
			need(read(pipes[t->index][0], message, MESSAGE) > 0, "read");
			count(t, 1);
		}
	}
}

/* --- nothing to do with locks ------------------------------------------------------------------ */

static void ask_parent(struct thread *t)
{
	for (;;) {
		syscall(SYS_getppid);
		count(t, 1);
	}
}

static void read_zero(struct thread *t)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char byte;

	for (;;) {
		need(read(fd, &byte, 1) == 1, "read of /dev/zero");
		count(t, 1);
	}
}

static void idle(struct thread *t)
{
	(void)t;
	for (;;)
		pause();
}

static const struct kind kinds[] = {
	{ "pingpong", pingpong_setup, pingpong },
	{ "mutex", NULL, fight },
	{ "storm", NULL, storm },
	{ "churn", NULL, churn },
	{ "pipes", pipes_setup, exchange },
	{ "getppid", NULL, ask_parent },
	{ "devzero", NULL, read_zero },
	{ "idle", NULL, idle },
};

static const struct kind *kind;

/* one: all on the first CPU; pairs: 0 and 1 on the first, 2 and 3 on the second; spread: in turn */
static void pin_thread(unsigned int index)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int cpu = pin == PIN_PAIRS ? index / 2 : pin == PIN_SPREAD ? index : 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned int)cpus, &set);
	if (pin != PIN_NONE)
		need(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	char name[16];

	snprintf(name, sizeof(name), "load-%u", t->index);
	prctl(PR_SET_NAME, name);
	pin_thread(t->index);
	atomic_fetch_add(&meter[0].count, 1);
	kind->run(t);
	return NULL;
}

static void map_meter(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	need(fd >= 0 && !ftruncate(fd, 4096), path);
	meter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(meter != MAP_FAILED, "mmap");
	close(fd);
}

int main(int argc, char **argv)
{
	static struct thread threads[THREADS_MAX];
	unsigned int n = argc > 3 ? (unsigned int)atoi(argv[3]) : 1;

	for (size_t i = 0; argc > 2 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, argv[2]))
			kind = &kinds[i];
	if (!kind || !n || n > THREADS_MAX) {
		fprintf(stderr, "usage: load METER KIND [THREADS [HOLD_NS [PIN]]]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map_meter(argv[1]);
	hold_steps = argc > 4 ? steps_of(strtoull(argv[4], NULL, 10)) : 0;
	pin = argc > 5 ? (enum pin)atoi(argv[5]) : PIN_NONE;
	if (kind->setup)
		kind->setup(n);
	for (unsigned int i = 0; i < n; i++) {
		threads[i] = (struct thread){ i, n, &meter[1 + i].count, 0 };
		need(!pthread_create(&threads[i].id, NULL, thread_main, &threads[i]),
		     "pthread_create");
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(threads[i].id, NULL);
	return 0;
}
