// SPDX-License-Identifier: GPL-2.0-or-later
/* mutexes.c - a library with one mutex, for shapes.py: native code that waits and sleeps. */
#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* Hold it for so long, asleep. */
void hold(unsigned int us)
{
	pthread_mutex_lock(&mutex);
	usleep(us);
	pthread_mutex_unlock(&mutex);
}
