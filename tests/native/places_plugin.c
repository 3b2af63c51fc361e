// SPDX-License-Identifier: GPL-2.0-or-later
/* places_plugin.so of places.c: a lock and the functions that take it in a library of its own. */
#include <pthread.h>

#include "places.h"

#define EXPORT __attribute__((visibility("default"))) PLACE

EXPORT void cache_hold(struct place *p);
EXPORT void cache_wait(struct place *p);
EXPORT void cache_release(struct place *p);

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

void cache_hold(struct place *p)
{
	(void)p;
	pthread_mutex_lock(&cache_lock);
	KEEP();
}

void cache_wait(struct place *p)
{
	BLOCKS(p, &cache_lock, pthread_mutex_lock(&cache_lock));
	pthread_mutex_unlock(&cache_lock);
	KEEP();
}

void cache_release(struct place *p)
{
	(void)p;
	pthread_mutex_unlock(&cache_lock);
	KEEP();
}
