/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that block at places they know, one kind of lock after the other: each row of their table
 * is a thing that is held, waited for by a thread of its own that is seen asleep, and let go, ROUNDS
 * times. Nothing else in them waits in a futex, so that each wait of a report is one of these.
 */
#ifndef PLACES_H
#define PLACES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define PLACE __attribute__((noipa, noinline))
#define KEEP() __asm__ volatile("" ::: "memory")

#define ROUNDS 5
#define HOLD_NS 20000000ull
#define ASLEEP_NS 30000000000ull /* at most */

struct place {
	const char *name;
	const char *kind;	/* as nativelib.py has them */
	const char *object;	/* the variable that it is, or is part of; "": none */
	void (*hold)(struct place *p);
	void (*wait)(struct place *p);
	void (*release)(struct place *p);
	const char *holder;	/* the function that lets go */
	/* found out */
	uint64_t addr, size;
	const char *function;
	int line;
	uint64_t waits, wait_ns;
};

#define ROW(name, kind, object, hold, wait, release)                                  \
	ROW_HELD_IN(name, kind, object, hold, wait, release, #release)
#define ROW_HELD_IN(name_, kind_, object_, hold_, wait_, release_, holder_)           \
	{.name = name_, .kind = kind_, .object = object_, .hold = hold_, .wait = wait_, \
	 .release = release_, .holder = holder_, .addr = 0, .size = 0, .function = NULL, \
	 .line = 0, .waits = 0, .wait_ns = 0}

static inline uint64_t place_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static inline void place_sleep(uint64_t ns)
{
	struct timespec ts = {(time_t)(ns / 1000000000ull), (long)(ns % 1000000000ull)};

	nanosleep(&ts, NULL);
}

/* On one line of the function that waits; what is waited for lies at OBJECT. */
#define BLOCKS(p, object, call)                                                       \
	do {                                                                          \
		uint64_t begin_ns;                                                    \
                                                                                      \
		(p)->function = __func__;                                             \
		(p)->line = __LINE__;                                                 \
		(p)->addr = (uint64_t)(uintptr_t)(object);                            \
		(p)->size = sizeof(*(object));                                        \
		begin_ns = place_now();                                               \
		call;                                                                 \
		(p)->wait_ns += place_now() - begin_ns;                               \
		(p)->waits++;                                                         \
		KEEP();                                                               \
	} while (0)

/* Is the thread asleep in a futex call? */
static inline int place_asleep(pid_t tid)
{
	char path[64], text[64] = "";
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	return atoi(text) == SYS_futex;
}

/* Its end: joining it then is no wait. */
static inline void place_until_gone(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", (int)tid);
	while (!access(path, F_OK))
		place_sleep(100000);
}

static inline void place_until_asleep(pid_t tid)
{
	uint64_t give_up = place_now() + ASLEEP_NS;

	while (!place_asleep(tid)) {
		if (place_now() > give_up) {
			fprintf(stderr, "thread %d does not fall asleep\n", (int)tid);
			exit(1);
		}
		place_sleep(100000);
	}
}

/* One JSON object, for truth_native.py. */
static inline void places_print(const struct place *places, size_t n)
{
	printf("{\"pid\": %d, \"places\": [", (int)getpid());
	for (size_t i = 0; i < n; i++) {
		const struct place *p = &places[i];

		printf("%s{\"name\": \"%s\", \"kind\": \"%s\", \"object\": \"%s\", \"addr\": %llu, "
		       "\"size\": %llu, \"function\": \"%s\", \"line\": %d, \"holder\": \"%s\", "
		       "\"waits\": %llu, \"wait_ns\": %llu}",
		       i ? ",\n" : "", p->name, p->kind, p->object, (unsigned long long)p->addr,
		       (unsigned long long)p->size, p->function ? p->function : "", p->line,
		       p->holder ? p->holder : "", (unsigned long long)p->waits,
		       (unsigned long long)p->wait_ns);
	}
	printf("]}\n");
	fflush(stdout);
}

#endif
