// SPDX-License-Identifier: GPL-2.0-or-later
/* names_library - NAME is what its function is called; the rest of it is always the same. */
#include <pthread.h>

__attribute__((noipa)) void NAME(pthread_mutex_t *lock)
{
	pthread_mutex_lock(lock);
	__asm__ volatile("" ::: "memory");
}

void entry(pthread_mutex_t *lock)
{
	NAME(lock);
	__asm__ volatile("" ::: "memory");
}
