// SPDX-License-Identifier: GPL-2.0-or-later
/* jits.c - see jits.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/buf.h"
#include "user/base/table.h"
#include "user/session/jits.h"
#include "user/session/session.h"
#include "user/symbol/symbols.h"
#include "user/target/jitmap.h"

#define MAX_MAPS 256 /* processes whose file is looked for */
#define LOOK_EVERY_NS 1000000000ULL
#define LAST_LOOK_NS 20000000
#define LOOK_PER_BYTE_NS 256 /* all of it is read again: 1 s more for each 4 MiB */

struct jit {
	uint32_t tgid, parent;
	int fd; /* the file's, so that it can be read when the process is gone; -1: there is none */
	uint32_t file, former; /* of symbols.h, 0: none */
	uint64_t inode, size;
	uint64_t look_ns;
	UT_hash_handle hh;
};

struct jits {
	struct symbols *symbols;
	struct jit *all;
};

struct jits *jits_new(struct symbols *symbols)
{
	struct jits *j = xcalloc(1, sizeof(*j));

	j->symbols = symbols;
	return j;
}

static struct jit *find_jit(const struct jits *j, uint32_t tgid)
{
	struct jit *jit;

	HASH_FIND(hh, j->all, &tgid, sizeof(tgid), jit);
	return jit;
}

/* Once more, by the process or, if that is gone, by the file that it had. */
static int open_map(const struct jit *jit)
{
	int fd = jitmap_open((pid_t)jit->tgid);
	char path[32];

	if (fd != -ESRCH || jit->fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", jit->fd);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* What the one before the former was asked is answered by now. */
static void look(struct jits *j, struct jit *jit)
{
	int fd = open_map(jit), kept, file;
	struct stat st;

	jit->look_ns = session_now_ns();
	if (fd < 0)
		return;
	if (fstat(fd, &st) || !st.st_size ||
	    (st.st_ino == jit->inode && (uint64_t)st.st_size == jit->size)) {
		close(fd);
		return;
	}
	kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	file = symbols_open_map(j->symbols, fd);
	if (file <= 0 || kept < 0) {
		if (kept >= 0)
			close(kept);
		return;
	}
	if (jit->fd >= 0)
		close(jit->fd);
	if (jit->former)
		symbols_close(j->symbols, jit->former);
	jit->fd = kept;
	jit->former = jit->file;
	jit->file = (uint32_t)file;
	jit->inode = st.st_ino;
	jit->size = (uint64_t)st.st_size;
}

void jits_forget(struct jits *j, uint32_t tgid)
{
	struct jit *jit = find_jit(j, tgid);

	if (!jit)
		return;
	HASH_DEL(j->all, jit);
	if (jit->fd >= 0)
		close(jit->fd);
	free(jit);
}

static void forget_oldest(struct jits *j)
{
	const struct jit *oldest = j->all;

	for (const struct jit *jit = j->all; jit; jit = jit->hh.next)
		if (jit->look_ns < oldest->look_ns)
			oldest = jit;
	jits_forget(j, oldest->tgid);
}

static struct jit *get_jit(struct jits *j, uint32_t tgid, uint32_t parent)
{
	struct jit *jit = find_jit(j, tgid);

	if (jit)
		return jit;
	if (HASH_COUNT(j->all) >= MAX_MAPS)
		forget_oldest(j);
	jit = xcalloc(1, sizeof(*jit));
	jit->tgid = tgid;
	jit->parent = parent;
	jit->fd = -1;
	HASH_ADD(hh, j->all, tgid, sizeof(jit->tgid), jit);
	look(j, jit);
	return jit;
}

uint32_t jits_file(struct jits *j, uint32_t tgid, uint32_t parent)
{
	const struct jit *jit = get_jit(j, tgid, parent);

	if (!jit->file && jit->parent)
		jit = get_jit(j, jit->parent, 0);
	return jit->file;
}

void jits_look(struct jits *j, uint32_t tgid, bool at_once)
{
	struct jit *jit = find_jit(j, tgid);
	uint64_t pause;

	if (jit && !jit->file && jit->parent)
		jits_look(j, jit->parent, at_once);
	if (!jit)
		return;
	pause = at_once ? LAST_LOOK_NS : LOOK_EVERY_NS + jit->size * LOOK_PER_BYTE_NS;
	if (session_now_ns() - jit->look_ns >= pause)
		look(j, jit);
}

void jits_free(struct jits *j)
{
	struct jit *jit, *next;

	if (!j)
		return;
	HASH_ITER(hh, j->all, jit, next)
		jits_forget(j, jit->tgid);
	free(j);
}
