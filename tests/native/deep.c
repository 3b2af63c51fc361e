// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deep [THREADS] - threads that go down a random way of calls, block at its end for a moment, come
 * back and take another.  The ways lead through all that makes a stack hard to unwind without frame
 * pointers; truth_unwind.py compares what parascope makes of them with what gdb does.
 *
 * Built with -O2 -fomit-frame-pointer; plugin.so lies beside it and is loaded when all threads run.
 * Says "ready" then.  Runs until it is killed, or for --turns=N turns of each thread.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deep.h"

#define THREADS 40
#define NS_PER_S 1000000000ull
#define ALT_STACK (256 << 10)
#define FRAMES 80	/* a way has at most so many: well below what parascope keeps */

struct node {
	int key;
	struct walk *walk;
};

static pthread_mutex_t taken_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t taken_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t never_posted;
static _Atomic(void (*)(struct walk *)) plugin;
static _Atomic unsigned int running;
static unsigned long turns_max;	/* 0: no end */
static __thread struct walk *self;

static struct timespec deadline(struct walk *w)
{
	uint64_t ns = w->wait_ns;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ns += (uint64_t)ts.tv_nsec;
	ts.tv_sec += (time_t)(ns / NS_PER_S);
	ts.tv_nsec = (long)(ns % NS_PER_S);
	return ts;
}

uint32_t deep_dice(struct walk *w)
{
	w->seed = w->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(w->seed >> 33);
}

/* --- where a way ends ------------------------------------------------------------------------- */

static PLACE void wait_mutex(struct walk *w)
{
	struct timespec ts = deadline(w);

	pthread_mutex_timedlock(&taken_mutex, &ts);
	KEEP();
}

static PLACE void wait_condition(struct walk *w)
{
	struct timespec ts = deadline(w);
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &ts);
	pthread_mutex_unlock(&mutex);
	KEEP();
}

static PLACE void wait_semaphore(struct walk *w)
{
	struct timespec ts = deadline(w);

	sem_timedwait(&never_posted, &ts);
	KEEP();
}

static PLACE void wait_rwlock(struct walk *w)
{
	struct timespec ts = deadline(w);

	if (deep_dice(w) & 1)
		pthread_rwlock_timedrdlock(&taken_rwlock, &ts);
	else
		pthread_rwlock_timedwrlock(&taken_rwlock, &ts);
	KEEP();
}

/* --- steps on the way ------------------------------------------------------------------------- */

static PLACE void plain(struct walk *w)
{
	deep_down(w);
	KEEP();
}

/* Keeps values over the call, so that all registers that survive it have to be saved, rbp too. */
static PLACE void busy_registers(struct walk *w)
{
	uint64_t a = deep_dice(w), b = deep_dice(w), c = deep_dice(w), d = deep_dice(w);
	uint64_t e = deep_dice(w), f = deep_dice(w), g = deep_dice(w);

	deep_down(w);
	w->sum += a * b + c * d + e * f + g;
	w->sum ^= a ^ b ^ c ^ d ^ e ^ f ^ g;
}

static PLACE void with_alloca(struct walk *w)
{
	size_t n = 16 + deep_dice(w) % 700;
	char *room = alloca(n);

	memset(room, (int)n, n);
	deep_down(w);
	w->sum += (unsigned char)room[n / 2];
}

static PLACE void realigned(struct walk *w)
{
	char room[128] __attribute__((aligned(64)));

	memset(room, (int)w->left, sizeof(room));
	KEEP_MEMORY(room);
	deep_down(w);
	w->sum += (unsigned char)room[5];
}

static PLACE void realigned_alloca(struct walk *w)
{
	char fixed[64] __attribute__((aligned(64)));
	size_t n = 16 + deep_dice(w) % 300;
	char *room = alloca(n);

	memset(fixed, 1, sizeof(fixed));
	memset(room, 2, n);
	KEEP_MEMORY(fixed);
	KEEP_MEMORY(room);
	deep_down(w);
	w->sum += (unsigned char)fixed[3] + (unsigned char)room[3];
}

static PLACE void big_frame(struct walk *w)
{
	char room[12000];

	room[w->left] = 1;
	KEEP_MEMORY(room);
	deep_down(w);
	w->sum += (unsigned char)room[w->left];
}

static PLACE void take_many(struct walk *w, long a, long b, long c, long d, long e, long f, long g,
			    long h, long i)
{
	deep_down(w);
	w->sum += (uint64_t)(a + b + c + d + e + f + g + h + i);
}

static PLACE void many_arguments(struct walk *w)
{
	take_many(w, 1, 2, 3, 4, 5, 6, 7, 8, (long)w->left);
	KEEP();
}

/* gcc makes a jump of it: this function is in no stack, here or there. */
static PLACE void jumps(struct walk *w)
{
	w->sum++;
	deep_down(w);
}

static int compare_and_walk(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	struct walk *w = x->walk ? x->walk : y->walk;

	if (w && w->pending) {
		w->pending = false;
		deep_down(w);
	}
	return x->key - y->key;
}

static PLACE void by_qsort(struct walk *w)
{
	struct node nodes[24];

	for (int i = 0; i < 24; i++)
		nodes[i] = (struct node){(int)(deep_dice(w) % 100), w};
	w->pending = true;
	qsort(nodes, 24, sizeof(nodes[0]), compare_and_walk);
	w->sum += (uint64_t)nodes[0].key;
}

static PLACE void by_bsearch(struct walk *w)
{
	struct node nodes[8], key = {5, w};

	for (int i = 0; i < 8; i++)
		nodes[i] = (struct node){i, w};
	w->pending = true;
	w->sum += bsearch(&key, nodes, 8, sizeof(nodes[0]), compare_and_walk) != NULL;
}

static PLACE void by_tsearch(struct walk *w)
{
	struct node nodes[3] = {{1, w}, {2, w}, {3, w}};
	void *root = NULL;

	tsearch(&nodes[0], &root, compare_and_walk);
	tsearch(&nodes[1], &root, compare_and_walk);
	w->pending = true;
	tsearch(&nodes[2], &root, compare_and_walk);
	for (int i = 0; i < 3; i++)
		tdelete(&nodes[i], &root, compare_and_walk);
}

static void walk_on(int number)
{
	struct walk *w = self;
	int saved = errno;

	(void)number;
	if (w && w->pending) {
		w->pending = false;
		deep_down(w);
	}
	errno = saved;
}

static PLACE void by_signal(struct walk *w)
{
	w->pending = true;
	raise(SIGUSR1);
	KEEP();
}

/* On a stack of its own; one that is on it already stays there. */
static PLACE void by_other_stack(struct walk *w)
{
	w->pending = true;
	raise(SIGUSR2);
	KEEP();
}

/*
 * The signal comes in between any two instructions: of a loop, of leaf functions of the C library
 * and of the stubs that lead to them.
 */
static PLACE void by_interrupt(struct walk *w)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct itimerspec soon = {.it_value.tv_nsec = 20000 + deep_dice(w) % 200000};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer)) {
		deep_down(w);
		return;
	}
	w->pending = true;
	timer_settime(timer, 0, &soon, NULL);
	while (*(volatile bool *)&w->pending) {
		int *volatile slot = __errno_location();

		w->sum += (uint64_t)*slot;
		w->sum += (uint64_t)ffsll((long long)deep_dice(w) << 20);
		w->sum += (uint64_t)strnlen(w->text, sizeof(w->text));
	}
	timer_delete(timer);
}

static PLACE __attribute__((noreturn)) void never_returns(struct walk *w, jmp_buf *back)
{
	deep_down(w);
	longjmp(*back, 1);
}

/* The return address lies behind the end of this function. */
static PLACE __attribute__((noreturn)) void calls_last(struct walk *w, jmp_buf *back)
{
	never_returns(w, back);
}

static PLACE void by_noreturn(struct walk *w)
{
	jmp_buf back;

	if (!setjmp(back))
		calls_last(w, &back);
	KEEP();
}

static PLACE void by_plugin(struct walk *w)
{
	void (*there)(struct walk *) = atomic_load(&plugin);

	if (there)
		there(w);
	else
		deep_down(w);
	KEEP();
}

static const struct {
	void (*go)(struct walk *w);
	unsigned int frames;	/* about so many of the stack */
} steps[] = {
	{plain, 2}, {busy_registers, 2}, {with_alloca, 2}, {realigned, 2}, {realigned_alloca, 2},
	{big_frame, 2}, {many_arguments, 3}, {jumps, 1}, {by_qsort, 8}, {by_bsearch, 3},
	{by_tsearch, 3}, {by_signal, 6}, {by_other_stack, 6}, {by_interrupt, 4}, {by_noreturn, 4},
	{by_plugin, 4},
};

static void (*const ends[])(struct walk *w) = {
	wait_mutex, wait_condition, wait_semaphore, wait_rwlock,
};

PLACE void deep_down(struct walk *w)
{
	unsigned int step;

	step = deep_dice(w) % (sizeof(steps) / sizeof(steps[0]));
	if (w->left > steps[step].frames) {
		w->left -= steps[step].frames;
		steps[step].go(w);
	} else if (w->left) {
		w->left = 0;
		ends[deep_dice(w) % 4](w);
	}
	KEEP();
}

static void walks(struct walk *w)
{
	stack_t other = {.ss_sp = malloc(ALT_STACK), .ss_size = ALT_STACK};

	if (!other.ss_sp || sigaltstack(&other, NULL))
		abort();
	self = w;
	memset(w->text, 'x', sizeof(w->text) - 1);
	atomic_fetch_add(&running, 1);
	for (unsigned long i = 0; !turns_max || i < turns_max; i++) {
		w->left = 4 + deep_dice(w) % (FRAMES - 4);
		w->wait_ns = (30 + deep_dice(w) % 150) * 1000000ull;
		deep_down(w);
	}
}

static PLACE void *thread_main(void *arg)
{
	walks(arg);
	KEEP();
	return NULL;
}

static void *hold_all(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&taken_mutex);
	pthread_rwlock_wrlock(&taken_rwlock);
	atomic_fetch_add(&running, 1);
	for (;;)
		pause();
	return NULL;
}

static void load_plugin(const char *program)
{
	char path[4096];
	void *library;

	snprintf(path, sizeof(path), "%.*s/plugin.so", (int)(strrchr(program, '/') - program), program);
	library = dlopen(path, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	atomic_store(&plugin, (void (*)(struct walk *))dlsym(library, "plugin_enter"));
}

int main(int argc, char **argv)
{
	unsigned int threads = THREADS;
	struct walk *all;
	pthread_t thread;

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--turns=", 8))
			turns_max = strtoul(argv[i] + 8, NULL, 10);
		else
			threads = (unsigned int)atoi(argv[i]);
	}
	all = calloc(threads + 1, sizeof(*all));
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = walk_on, .sa_flags = SA_NODEFER}, NULL);
	sigaction(SIGUSR2, &(struct sigaction){.sa_handler = walk_on,
					       .sa_flags = SA_NODEFER | SA_ONSTACK}, NULL);
	if (!all || sem_init(&never_posted, 0, 0) || pthread_create(&thread, NULL, hold_all, NULL))
		abort();
	while (!atomic_load(&running))
		usleep(1000);
	for (unsigned int i = 1; i < threads; i++) {
		all[i].seed = i * 0x9e3779b97f4a7c15ull;
		if (pthread_create(&thread, NULL, thread_main, &all[i]))
			abort();
	}
	while (atomic_load(&running) < threads)
		usleep(1000);
	usleep(300000);		/* the library is to come late: their stacks were seen before */
	load_plugin(argv[0]);
	puts("ready");
	fflush(stdout);
	all[0].seed = 4711;
	walks(&all[0]);		/* the main thread's stack ends differently */
	return 0;
}
