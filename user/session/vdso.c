// SPDX-License-Identifier: GPL-2.0-or-later
/* vdso.c - see vdso.h. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/session/vdso.h"
#include "user/target/mappings.h"

static int copy_vdso(void)
{
	uint64_t at = getauxval(AT_SYSINFO_EHDR);
	const struct mapping *m = NULL;
	struct mappings maps;
	int fd = -ENOENT;

	if (!mappings_read(getpid(), &maps))
		m = mappings_find(&maps, at);
	if (at && m)
		fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, (const void *)(uintptr_t)at, m->end - at) != (ssize_t)(m->end - at)) {
		close(fd);
		fd = -EIO;
	}
	mappings_free(&maps);
	return fd;
}

int vdso_open(void)
{
	static int copy; /* 0: not made yet; lives as long as the process */
	char path[32];
	int fd;

	if (!copy)
		copy = copy_vdso();
	if (copy < 0)
		return copy;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
