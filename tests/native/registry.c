// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registry.c - the program of README.md: sixteen threads serve requests, and each looks its session
 * up in one registry behind one lock.
 *
 *	gcc -O2 -g -fomit-frame-pointer -pthread tests/native/registry.c -o registry && ./registry 60
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 16
#define SESSIONS 4096

static struct session {
	uint64_t hits, key;
} sessions[SESSIONS];
static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int stop;

static uint64_t __attribute__((noinline)) derive_key(uint64_t x, int rounds)
{
	for (int i = 0; i < rounds; i++)
		x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
	return x;
}

/* Walks the whole registry. */
static void __attribute__((noinline)) expire_sessions(void)
{
	for (int i = 0; i < SESSIONS; i++)
		if (sessions[i].hits > 2)
			sessions[i].key = derive_key(sessions[i].key, 1000);
}

static uint64_t __attribute__((noinline)) find_session(uint64_t id)
{
	struct session *s = &sessions[id % SESSIONS];
	uint64_t key;

	pthread_mutex_lock(&registry_lock);
	s->hits++;
	key = s->key = derive_key(s->key ^ id, 400000);
	if (key % 8 == 0)
		expire_sessions();
	pthread_mutex_unlock(&registry_lock);
	return key;
}

static void *serve(void *arg)
{
	uint64_t id = (uintptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", (unsigned)id);
	pthread_setname_np(pthread_self(), name);
	while (!stop) {
		uint64_t key = find_session(id);

		id = derive_key(key, 150000); /* the page */
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[WORKERS];

	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, serve, (void *)(i + 1));
	sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 60);
	stop = 1;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
