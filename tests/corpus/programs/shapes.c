// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * shapes.c - small programs whose verdict is certain by how they are written; see ../live.py, which
 * says why.
 *
 *	shapes SHAPE SECONDS [THREADS [FILE]]
 *
 * Work is CPU time of the thread that does it, so that a loaded machine changes how long it takes
 * but not who does how much.
 */
#include <err.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define BLOCK 4096

static double seconds;
static int threads = 2;
static const char *file;
static uint64_t deadline;
static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool is_over(void)
{
	return clock_ns(CLOCK_MONOTONIC) >= deadline;
}

static void burn(double s)
{
	uint64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + (uint64_t)(s * 1e9);

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 1000; i++)
			;
}

static void nap(double s)
{
	struct timespec t = { (time_t)s, (long)((s - (double)(time_t)s) * 1e9) };

	nanosleep(&t, NULL);
}

static void run(void *(*body)(void *), int n)
{
	pthread_t ids[THREADS_MAX];

	for (long i = 0; i < n; i++)
		if (pthread_create(&ids[i], NULL, body, (void *)i))
			err(1, "cannot create a thread");
	for (int i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
}

/* --- CPU time -------------------------------------------------------------------------------- */

/* All but the first do a quarter of the work. */
static void *tail_body(void *number)
{
	burn(number ? seconds / 4 : seconds);
	return NULL;
}

static void tail(void)
{
	run(tail_body, threads);
}

static void *share_body(void *number)
{
	(void)number;
	burn(seconds / 5);
	return NULL;
}

/* Main does four fifths of the time alone, then all threads work. */
static void prepare(void)
{
	burn(seconds * 4 / 5);
	run(share_body, threads);
}

/* The first one computes, the others have a little to do now and then. */
static void *hot_body(void *number)
{
	while (!is_over()) {
		if (number)
			nap(0.03);
		burn(number ? 0.0005 : 0.01);
	}
	return NULL;
}

static void hot(void)
{
	run(hot_body, threads);
}

static atomic_flag spin = ATOMIC_FLAG_INIT;

/* A lock that nobody sleeps for. */
static void *spin_body(void *number)
{
	(void)number;
	while (!is_over()) {
		while (atomic_flag_test_and_set(&spin))
			;
		for (volatile int i = 0; i < 1000; i++)
			;
		atomic_flag_clear(&spin);
	}
	return NULL;
}

static void spinlock(void)
{
	run(spin_body, threads);
}

/* 150 ms of work, then as long nothing to do, for all alike. */
static void *burst_body(void *number)
{
	uint64_t next = deadline - (uint64_t)(seconds * 1e9);

	(void)number;
	for (; !is_over(); next += 300000000) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		if (now < next)
			nap((double)(next - now) / 1e9);
		burn(0.15);
	}
	return NULL;
}

static void bursts(void)
{
	run(burst_body, threads);
}

/* --- locks ----------------------------------------------------------------------------------- */

/* Each malloc() grows the heap and each free() gives it back, both inside the one arena's lock. */
static void *arena_body(void *number)
{
	(void)number;
	while (!is_over()) {
		void *volatile p = malloc(1 << 20);

		free(p);
	}
	return NULL;
}

static void arena(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 16 << 20);
	mallopt(M_TRIM_THRESHOLD, 0);
	mallopt(M_TOP_PAD, 0);
	run(arena_body, threads);
}

static void *dead_body(void *number)
{
	pthread_mutex_lock(number ? &first : &second);
	nap(0.1);
	pthread_mutex_lock(number ? &second : &first);
	return NULL;
}

/* Two threads, each with what the other waits for: never ends. */
static void deadlock(void)
{
	run(dead_body, 2);
}

/* Two locks, each fought for by half of the threads. */
static void *pair_body(void *number)
{
	pthread_mutex_t *lock = (long)number % 2 ? &first : &second;

	while (!is_over()) {
		pthread_mutex_lock(lock);
		nap(0.002);
		burn(0.0005);
		pthread_mutex_unlock(lock);
	}
	return NULL;
}

static void pairs(void)
{
	run(pair_body, threads);
}

/* Sleeps with the lock in its hands. */
static void *asleep_body(void *number)
{
	(void)number;
	while (!is_over()) {
		pthread_mutex_lock(&first);
		nap(0.01);
		pthread_mutex_unlock(&first);
		burn(0.0002);
	}
	return NULL;
}

static void asleep(void)
{
	run(asleep_body, threads);
}

/*
 * All make one file longer, past the cache: the kernel's lock of the file is held until the block
 * is on the disk.
 */
static void *inode_body(void *number)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_DIRECT, 0600);
	void *block;

	(void)number;
	if (fd < 0 || posix_memalign(&block, BLOCK, BLOCK))
		err(1, "%s", file);
	while (!is_over())
		if (write(fd, block, BLOCK) != BLOCK)
			err(1, "%s", file);
	close(fd);
	free(block);
	return NULL;
}

static void inode(void)
{
	run(inode_body, threads);
}

/* Processes that compute with a lock of a file (flock). */
static void flocks(void)
{
	for (int i = 0; i < threads; i++) {
		int fd;

		if (fork())
			continue;
		fd = open(file, O_RDWR | O_CREAT, 0600); /* each its own: the lock belongs to it */
		if (fd < 0)
			err(1, "%s", file);
		while (!is_over()) {
			flock(fd, LOCK_EX);
			burn(0.002);
			flock(fd, LOCK_UN);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

/* --- I/O ------------------------------------------------------------------------------------- */

static void *disk_body(void *number)
{
	int fd = open(file, O_RDONLY | O_DIRECT);
	void *block;

	if (fd < 0 || posix_memalign(&block, BLOCK, BLOCK))
		err(1, "%s", file);
	for (off_t at = (off_t)(long)number << 20; !is_over(); at = (at + 7 * BLOCK) % (32 << 20))
		if (pread(fd, block, BLOCK, at) != BLOCK)
			err(1, "%s", file);
	close(fd);
	free(block);
	return NULL;
}

static void disk(void)
{
	run(disk_body, threads);
}

/* A question to the server behind the socket `file`, its answer, and so on. */
static void *ask_body(void *number)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte = 0;

	(void)number;
	strncpy(to.sun_path, file, sizeof(to.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s", file);
	while (!is_over())
		if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
			err(1, "%s", file);
	close(fd);
	return NULL;
}

static void ask(void)
{
	run(ask_body, threads);
}

/* --- which ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} shapes[] = {
	{ "tail", tail },	  { "prepare", prepare }, { "hot", hot },
	{ "spinlock", spinlock }, { "bursts", bursts },	  { "arena", arena },
	{ "deadlock", deadlock }, { "pairs", pairs },	  { "asleep", asleep },
	{ "inode", inode },	  { "flocks", flocks },	  { "disk", disk },
	{ "ask", ask },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: shapes SHAPE SECONDS [THREADS [FILE]]");
	seconds = atof(argv[2]);
	threads = argc > 3 ? atoi(argv[3]) : threads;
	file = argc > 4 ? argv[4] : "";
	if (threads < 1 || threads > THREADS_MAX)
		errx(2, "1 to %d threads", THREADS_MAX);
	deadline = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(argv[1], shapes[i].name))
			continue;
		shapes[i].run();
		return 0;
	}
	errx(2, "no shape is called %s", argv[1]);
}
