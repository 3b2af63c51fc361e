/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pthread mutex that accounts for itself in the truth. */
#ifndef MUTEX_H
#define MUTEX_H

#include "workload.h"

struct known_mutex {
	pthread_mutex_t mutex;
	struct truth_lock *truth;
	uint64_t held_since_ns;		/* written by the owner only */
};

/* attr may be NULL. */
void known_mutex_init(struct known_mutex *m, struct run *run, const char *name, const char *kind,
		      const pthread_mutexattr_t *attr);

/* Tries first: only an acquisition that found it taken is noted as a (contended) wait. */
void known_mutex_lock(struct known_mutex *m);

/* For planted rounds: this call is known to block. */
void known_mutex_lock_blocking(struct known_mutex *m);

void known_mutex_unlock(struct known_mutex *m);

/* pthread_cond_wait(): lets go of the mutex meanwhile, and the truth knows. */
void known_mutex_cond_wait(struct known_mutex *m, pthread_cond_t *cond);

#endif
