// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * names - threads that wait for a lock in a function of a known name, for tests of what it is called.
 *
 *	names MODE [SECONDS]	prints "ready" and goes on until it is ended, or for that long
 *
 *	lock	in waits_here(), which nearly_last() calls
 *	library	in libnames.so's library_waits(), which is looked for beside the program, or where the
 *		dynamic linker finds it
 *	jit	waits_here() is called by code made at run time, told in /tmp/perf-PID.map; with
 *		JIT_LATE set the name is written a second later
 *	jitfork	the same in a forked child, whose code is its parent's
 *	reload	loads library A, unloads it and loads B, which comes to the same address, several times
 *	dlopen	loads it after half a second
 *	exec	"lock" for a second, then runs $NEXT, which is another program of this kind, as "lock 1"
 *	fork	children without exec, one after the other, for six seconds
 *	clock	reads the time all the time
 *	kernel	asks the kernel for random bytes all the time
 *
 * Without the C library's help where it is linked statically: no dlopen.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifndef STATIC
#include <dlfcn.h>
#endif

#define PLACE __attribute__((noipa))
#define KEEP() __asm__ volatile("" ::: "memory")
#define THREADS 3
#define HELD_US 3000

typedef void (*waits)(pthread_mutex_t *lock);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static double until = 1e18; /* in seconds */
static waits wait_in;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

PLACE void waits_here(pthread_mutex_t *l)
{
	pthread_mutex_lock(l);
	KEEP();
}

PLACE void nearly_last(pthread_mutex_t *l)
{
	waits_here(l);
	KEEP();
}

static void *thread_main(void *arg)
{
	(void)arg;
	while (now() < until) {
		wait_in(&lock);
		usleep(HELD_US);
		pthread_mutex_unlock(&lock);
		usleep(100);
	}
	return NULL;
}

static void wait_in_threads(waits in)
{
	pthread_t threads[THREADS];

	wait_in = in;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, thread_main, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* push rbp; mov rbp, rsp; movabs rax, nearly_last; call rax; pop rbp; ret */
static waits make_code(void)
{
	unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
				 0xff, 0xd0, 0x5d, 0xc3 };
	waits callee = nearly_last;
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(code + 6, &callee, sizeof(callee));
	memcpy(at, code, sizeof(code));
	return (waits)at;
}

static void name_code(waits code)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
	f = fopen(path, "a");
	if (!f)
		return;
	fprintf(f, "%lx 20 made_at_run_time\n", (unsigned long)code);
	fclose(f);
}

static void *name_later(void *code)
{
	sleep(1);
	name_code((waits)code);
	return NULL;
}

static void run_made(bool forked)
{
	waits code = make_code();
	pthread_t later;

	if (getenv("JIT_LATE"))
		pthread_create(&later, NULL, name_later, (void *)code);
	else if (!getenv("JIT_SILENT"))
		name_code(code);
	ready();
	if (!forked || !fork())
		wait_in_threads(code);
	wait(NULL);
}

#ifndef STATIC
static void *load(const char *name, waits *ret)
{
	void *library = dlopen(name, RTLD_NOW);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	*ret = (waits)dlsym(library, "entry");
	return library;
}

/*
 * A and B have the same size: the second comes to where the first was.  Prints when, in seconds, waits
 * in which one begin and end.
 */
static void reload(void)
{
	const char *names[] = { getenv("LIBRARY_A"), getenv("LIBRARY_B") };
	waits first = NULL, entry;

	ready();
	for (int i = 0; i < 10; i++) {
		void *library = load(names[i % 2], &entry);

		if (first && entry != first)
			puts("at another address");
		first = entry;
		printf("%.9f %c ", now(), "ab"[i % 2]);
		until = now() + 0.5;
		wait_in_threads(entry);
		printf("%.9f\n", now());
		fflush(stdout);
		dlclose(library);
	}
}

static void run_library(bool late)
{
	waits entry;

	if (late) {
		ready();
		usleep(500000);
	}
	load(getenv("LIBRARY_A") ? getenv("LIBRARY_A") : "libnames.so", &entry);
	if (!late)
		ready();
	wait_in_threads(entry);
}
#endif

static void run_next(const char *program)
{
	ready();
	until = now() + 1;
	wait_in_threads(nearly_last);
	execl(program, program, "lock", "1", NULL);
	perror(program);
	_exit(1);
}

static void run_forks(void)
{
	ready();
	for (int i = 0; i < 40; i++) {
		if (!fork()) {
			until = now() + 0.15;
			wait_in_threads(nearly_last);
			_exit(0);
		}
		wait(NULL);
	}
}

PLACE void reads_clock(void)
{
	while (now() < until)
		KEEP();
}

PLACE void asks_kernel(void)
{
	static char bytes[1 << 16];

	while (now() < until)
		if (getrandom(bytes, sizeof(bytes), 0) < 0)
			return;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "lock";

	if (argc > 2)
		until = now() + atof(argv[2]);
	if (!strcmp(mode, "jit") || !strcmp(mode, "jitfork")) {
		run_made(!strcmp(mode, "jitfork"));
	} else if (!strcmp(mode, "exec")) {
		run_next(getenv("NEXT"));
	} else if (!strcmp(mode, "fork")) {
		run_forks();
	} else if (!strcmp(mode, "clock")) {
		ready();
		reads_clock();
	} else if (!strcmp(mode, "kernel")) {
		ready();
		asks_kernel();
#ifndef STATIC
	} else if (!strcmp(mode, "reload")) {
		reload();
	} else if (!strcmp(mode, "library") || !strcmp(mode, "dlopen")) {
		run_library(!strcmp(mode, "dlopen"));
#endif
	} else {
		ready();
		wait_in_threads(nearly_last);
	}
	return 0;
}
