/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpython_find.h - finds _PyRuntime and its version in a process.
 */
#ifndef PARASCOPE_CPYTHON_FIND_H
#define PARASCOPE_CPYTHON_FIND_H

#include <stdint.h>
#include <sys/types.h>

#include "user/runtime/cpython_layout.h"

struct cpython_place {
	pid_t tgid;
	int mem; /* /proc/PID/mem; belongs to the caller */
	uint64_t runtime;
	struct cpython_layout layout;
};

/* 1: found and checked, 0: no CPython here; errors as cpython_open(). */
int cpython_find(pid_t pid, struct cpython_place *ret);

/* The memory that a process has now, and keeps in this file: not that of a program it executes. */
int cpython_open_memory(pid_t pid, pid_t *ret_tgid);

/* A cpython_read_fn; ctx is a struct cpython_place.  -EAGAIN: the process has left that memory. */
int cpython_read_place(void *ctx, uint64_t addr, void *to, size_t len);

#endif
