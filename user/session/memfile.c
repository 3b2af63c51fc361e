// SPDX-License-Identifier: GPL-2.0-or-later
/* memfile.c - see memfile.h. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "user/session/memfile.h"

int memfile_of(struct memfile *f, uint32_t tgid)
{
	char path[32];

	if (f->tgid && f->tgid == tgid)
		return f->fd;
	memfile_close(f);
	snprintf(path, sizeof(path), "/proc/%u/mem", tgid);
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	f->tgid = f->fd < 0 ? 0 : tgid;
	return f->fd;
}

void memfile_close(struct memfile *f)
{
	if (f->tgid)
		close(f->fd);
	f->tgid = 0;
}
