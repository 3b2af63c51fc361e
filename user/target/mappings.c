// SPDX-License-Identifier: GPL-2.0-or-later
/* mappings.c - see mappings.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/target/mappings.h"
#include "user/target/maps.h"
#include "user/target/proc.h"

#define MAPS_BYTES (64 << 20) /* half a million lines; the kernel allows 65530 by default */

static void add(struct mappings *all, const char *line)
{
	const char *perms = strchr(line, ' ');
	struct maps_line m;

	if (!perms || !maps_parse_line(line, &m))
		return;
	vec_push(all->items, all->n, all->cap) = (struct mapping){
		.begin = m.begin,
		.end = m.end,
		.offset = m.offset,
		.inode = m.inode,
		.dev = m.dev,
		.exec = perms[3] == 'x',
		.data = perms[2] == 'w' && !m.shared,
		.path = m.path,
	};
}

int mappings_read(pid_t pid, struct mappings *ret)
{
	int err;
	char *line, *newline;

	*ret = (struct mappings){ 0 };
	err = proc_read(pid, "maps", MAPS_BYTES, &ret->text);
	if (err)
		return err;
	for (line = ret->text.data; line && (newline = strchr(line, '\n')); line = newline + 1) {
		*newline = '\0';
		add(ret, line);
	}
	return 0;
}

void mappings_free(struct mappings *m)
{
	buf_free(&m->text);
	free(m->items);
	*m = (struct mappings){ 0 };
}

const struct mapping *mappings_find(const struct mappings *m, uint64_t addr)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr < m->items[middle].begin)
			high = middle;
		else if (addr >= m->items[middle].end)
			low = middle + 1;
		else
			return &m->items[middle];
	}
	return NULL;
}

/*
 * What kind of file it is must be known before it is opened for reading: opening a device does
 * things.
 */
int mapping_open(pid_t pid, const struct mapping *m)
{
	char path[96];
	struct statx st;
	int fd, look;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)m->begin, (unsigned long long)m->end);
	look = open(path, O_PATH | O_CLOEXEC);
	if (look < 0 && errno == ENOENT)
		return fail(-EAGAIN, "the mappings of process %d change", pid);
	if (look < 0)
		return fail(-errno, "cannot open %s: %s", path, strerror(errno));
	/* a file system in user space may never answer */
	if (statx(look, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) ||
	    !S_ISREG(st.stx_mode)) {
		close(look);
		return fail(-ENOEXEC, "%s is not a regular file", path);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", look);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = fail(-errno, "cannot open a file of process %d: %s", pid, strerror(errno));
	close(look);
	return fd;
}

const char *mapping_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
