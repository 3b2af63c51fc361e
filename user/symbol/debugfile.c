// SPDX-License-Identifier: GPL-2.0-or-later
/* debugfile.c - where debug files lie; see debugfile.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/symbol/debugfile.h"

#define ID_MIN 2    /* bytes: one is the folder's name, the others the file's */
#define DWZ_MAX 256 /* files looked at */

int debugfile_root(void)
{
	return open(DEBUGFILE_ROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void debugfile_hex(const uint8_t *id, uint32_t len, char *ret, unsigned size)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < len && n + 2 < size; i++, n += 2)
		snprintf(ret + n, size - n, "%02x", id[i]);
	ret[n] = '\0';
}

/* Not opened before it is known to be a file: opening a device may do something. */
static int take(int root, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = resolve | RESOLVE_NO_MAGICLINKS };
	int found = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	char name[32];
	struct stat st;
	int fd = -1;

	if (found < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", found);
	if (!fstat(found, &st) && S_ISREG(st.st_mode) && (!st.st_uid || st.st_uid == geteuid()) &&
	    !(st.st_mode & S_IWOTH))
		fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close(found);
	return fd < 0 ? -ENOENT : fd;
}

int debugfile_take(const char *path)
{
	return take(AT_FDCWD, path, 0);
}

static int take_below(int root, const char *path)
{
	return take(root, path, RESOLVE_BENEATH);
}

static int open_by_id(int root, const uint8_t *id, uint32_t len)
{
	char hex[2 * MODULE_BUILD_ID_MAX + 1], path[sizeof(hex) + 32];

	if (len < ID_MIN || len > MODULE_BUILD_ID_MAX)
		return -ENOENT;
	debugfile_hex(id, len, hex, sizeof(hex));
	snprintf(path, sizeof(path), ".build-id/%.2s/%s.debug", hex, hex + 2);
	return take_below(root, path);
}

/* The folder of a file as far as its descriptor knows, without the first '/'; false: not known. */
static bool folder_of(int fd, char *ret, size_t size)
{
	char name[32], path[PATH_MAX];
	char *end;
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof(path) - 1);
	if (n <= 0 || (size_t)n >= sizeof(path) - 1 || path[0] != '/')
		return false;
	path[n] = '\0';
	end = strrchr(path, '/');
	*end = '\0';
	return end > path && (size_t)snprintf(ret, size, "%s", path + 1) < size;
}

static int open_linked(int root, const char *folder, const char *link)
{
	char path[PATH_MAX + MODULE_LINK_MAX];

	if (!link[0] || strchr(link, '/'))
		return -ENOENT;
	snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", link);
	return take_below(root, path);
}

int debugfile_open(int root, unsigned i, const struct module_about *about, int of)
{
	char folder[PATH_MAX];

	switch (i) {
	case 0:
		return open_by_id(root, about->build_id, about->build_id_len);
	case 1:
		return about->link[0] && folder_of(of, folder, sizeof(folder))
			       ? open_linked(root, folder, about->link)
			       : -ENOENT;
	case 2:
		return open_linked(root, "", about->link);
	default:
		return -ERANGE;
	}
}

/* The i-th file below .dwz/ARCHITECTURE; in the order of the folders, which does not change. */
static int nth_shared(int root, unsigned i, char *ret, size_t size)
{
	int top = openat(root, ".dwz", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *outer = top < 0 ? NULL : fdopendir(top), *inner;
	struct dirent *arch, *file;
	bool found = false;

	while (outer && !found && (arch = readdir(outer))) {
		int fd = arch->d_name[0] == '.'
				 ? -1
				 : openat(top, arch->d_name,
					  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		inner = fd < 0 ? NULL : fdopendir(fd);
		while (inner && !found && (file = readdir(inner)))
			found = file->d_name[0] != '.' && !i-- &&
				(size_t)snprintf(ret, size, ".dwz/%s/%s", arch->d_name,
						 file->d_name) < size;
		if (inner)
			closedir(inner);
	}
	if (outer)
		closedir(outer);
	return found ? 0 : -ERANGE;
}

int debugfile_open_alt(int root, unsigned i, const struct module_about *about)
{
	char path[PATH_MAX];

	if (!i)
		return open_by_id(root, about->alt_id, about->alt_id_len);
	if (i > DWZ_MAX || nth_shared(root, i - 1, path, sizeof(path)))
		return -ERANGE;
	return take_below(root, path);
}
