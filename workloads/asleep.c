// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads /proc/PID/task/TID/syscall and …/stat.
 *
 * "syscall" alone is nearly enough: the kernel answers with a number only when the task is off
 * the CPU and dequeued. But a tracer's stop at system call entry looks the same, so the state
 * must also be S (interruptible sleep, what every futex wait is).
 */
#include "asleep.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define GIVE_UP_NS (30 * NS_PER_S)

static int open_proc(pid_t pid, pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s: %m (planted waits need /proc)", path);
	return fd;
}

void watch_open(struct watch *watch, pid_t pid, pid_t tid)
{
	watch->tid = tid;
	watch->syscall_fd = open_proc(pid, tid, "syscall");
	watch->stat_fd = open_proc(pid, tid, "stat");
}

void watch_close(struct watch *watch)
{
	close(watch->syscall_fd);
	close(watch->stat_fd);
}

/* The state letter follows the last ')': a thread name may itself hold a ')'. */
static bool state_is_sleeping(int fd)
{
	char text[512];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	const char *paren;

	if (n <= 0)
		return false;
	text[n] = '\0';
	paren = strrchr(text, ')');
	return paren && strncmp(paren, ") S", 3) == 0;
}

static bool in_futex_call(int fd, uint64_t addr, uint64_t size)
{
	char text[256], *rest;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	uint64_t word;
	long nr;

	if (n <= 0)
		return false;
	text[n] = '\0';
	nr = strtol(text, &rest, 10);
	if (rest == text)	/* "running" */
		return false;
	if (nr == SYS_futex_waitv)
		return true;
	if (nr != SYS_futex)
		return false;
	word = strtoull(rest, NULL, 16);
	return word >= addr && word < addr + size;
}

bool watch_asleep(const struct watch *watch, uint64_t addr, uint64_t size)
{
	return in_futex_call(watch->syscall_fd, addr, size) && state_is_sleeping(watch->stat_fd);
}

void watch_until_asleep(const struct watch *watch, uint64_t addr, uint64_t size)
{
	uint64_t give_up = now_ns() + GIVE_UP_NS;

	while (!watch_asleep(watch, addr, size)) {
		if (now_ns() > give_up)
			die("thread %d did not fall asleep on 0x%llx in 30 s", (int)watch->tid,
			    (unsigned long long)addr);
		poll_pause();
	}
}
