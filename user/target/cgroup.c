// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup.c - control group mounts and members; see cgroup.h. */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "user/base/fail.h"
#include "user/target/cgroup.h"

#define DEPTH_MAX 128

/* --- mounts ---------------------------------------------------------------------------------- */

static bool is_octal(const char *s, const char *end)
{
	return end - s >= 3 && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' &&
	       s[2] >= '0' && s[2] <= '7';
}

/* A copy of [s, end) with the kernel's \040 and the like turned back. */
static char *unescape(const char *s, const char *end)
{
	char *copy = xcalloc(1, (size_t)(end - s) + 1);
	char *out = copy;

	while (s < end) {
		if (*s == '\\' && is_octal(s + 1, end)) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	return copy;
}

struct word {
	const char *s;
	const char *end;
};

/* Split [s, end) at single blanks; n is set to the number of words. */
static void split(const char *s, const char *end, struct word *words, size_t max, size_t *n)
{
	for (*n = 0; *n < max && s < end; (*n)++) {
		const char *blank = memchr(s, ' ', (size_t)(end - s));

		words[*n] = (struct word){ s, blank ? blank : end };
		s = words[*n].end + 1;
	}
}

static bool word_is(const struct word *w, const char *text)
{
	size_t len = (size_t)(w->end - w->s);

	return len == strlen(text) && !memcmp(w->s, text, len);
}

/*
 *	32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
 *	id parent dev root point options, optional fields, "-", type, source, options
 */
static void parse_mount(const char *line, const char *end, struct cgroup_mounts *ret)
{
	enum { ROOT = 3, POINT = 4, OPTIONAL = 6, MAX = 32 };
	struct word w[MAX];
	struct cgroup_mount *mount;
	size_t n, dash = OPTIONAL;

	split(line, end, w, MAX, &n);
	while (dash < n && !word_is(&w[dash], "-"))
		dash++;
	if (dash + 3 >= n)
		return;
	if (!word_is(&w[dash + 1], "cgroup") && !word_is(&w[dash + 1], "cgroup2"))
		return;
	mount = &vec_push(ret->items, ret->n, ret->cap);
	mount->root = unescape(w[ROOT].s, w[ROOT].end);
	mount->point = unescape(w[POINT].s, w[POINT].end);
	mount->options = unescape(w[dash + 3].s, w[dash + 3].end);
	mount->v2 = word_is(&w[dash + 1], "cgroup2");
}

void cgroup_parse_mounts(const char *mountinfo, struct cgroup_mounts *ret)
{
	for (const char *line = mountinfo; *line;) {
		size_t len = strcspn(line, "\n");

		parse_mount(line, line + len, ret);
		line += len + (line[len] == '\n');
	}
}

int cgroup_read_mounts(struct cgroup_mounts *ret)
{
	struct buf text = { 0 };
	int err = proc_read_file("/proc/self/mountinfo", 0, &text);

	if (!err)
		cgroup_parse_mounts(text.data, ret);
	buf_free(&text);
	return err;
}

void cgroup_mounts_free(struct cgroup_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->items[i].point);
		free(mounts->items[i].root);
		free(mounts->items[i].options);
	}
	free(mounts->items);
	*mounts = (struct cgroup_mounts){ 0 };
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = options; *s; s += strcspn(s, ","), s += *s == ',') {
		if (!strncmp(s, name, len) && (!s[len] || s[len] == ','))
			return true;
	}
	return false;
}

const struct cgroup_mount *cgroup_find_mount(const struct cgroup_mounts *mounts,
					     const char *controller)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const struct cgroup_mount *mount = &mounts->items[i];

		if (controller ? !mount->v2 && has_option(mount->options, controller) : mount->v2)
			return mount;
	}
	return NULL;
}

int cgroup_directory(const struct cgroup_mount *mount, const char *group, struct buf *ret)
{
	size_t root = strcmp(mount->root, "/") ? strlen(mount->root) : 0;

	/* "/.." begins the path of a group outside of our control group namespace */
	if (*group != '/' || strncmp(group, mount->root, root) ||
	    (group[root] && group[root] != '/') || !strncmp(group, "/..", 3))
		return -ENOENT;
	buf_puts(ret, mount->point);
	if (strcmp(group + root, "/"))
		buf_puts(ret, group + root);
	return 0;
}

/* --- members --------------------------------------------------------------------------------- */

static bool is_cgroup(const char *path)
{
	struct statfs fs;
	struct stat st;

	/* tmpfs, where v1 hierarchies are mounted, looks like a group but is none */
	return !stat(path, &st) && S_ISDIR(st.st_mode) && !statfs(path, &fs) &&
	       ((unsigned long)fs.f_type == CGROUP_SUPER_MAGIC ||
		(unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC);
}

static int read_members(struct buf *path, const char *file, struct proc_ids *ret)
{
	size_t len = path->len;
	struct buf text = { 0 };
	int err;

	buf_printf(path, "/%s", file);
	err = proc_read_file(path->data, 0, &text);
	path->data[path->len = len] = '\0';
	if (!err) {
		char *end;

		for (char *s = text.data; *s; s = end) {
			unsigned long id = strtoul(s, &end, 10);

			if (end == s)
				break;
			if (id) /* 0: a process outside of our PID namespace */
				vec_push(ret->ids, ret->n, ret->cap) = (pid_t)id;
		}
	}
	buf_free(&text);
	return err;
}

/* Groups may go away while we look: that is not an error. */
static int walk(struct buf *path, unsigned depth, struct proc_ids *ret)
{
	int err = read_members(path, "cgroup.procs", ret);
	size_t len = path->len;
	struct dirent *entry;
	DIR *dir;

	if (err == -EOPNOTSUPP) /* a v2 thread group: its processes are listed further up */
		err = read_members(path, "cgroup.threads", ret);
	if (err == -ENOENT || err == -ENODEV)
		return 0;
	if (err)
		return err;
	if (depth == DEPTH_MAX)
		return fail(-ELOOP, "control groups are nested more than %d deep", DEPTH_MAX);
	dir = opendir(path->data);
	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue; /* groups whose name begins with a dot cannot be made */
		buf_printf(path, "/%s", entry->d_name);
		err = walk(path, depth + 1, ret);
		path->data[path->len = len] = '\0';
	}
	if (dir)
		closedir(dir);
	return err;
}

/* One place where the group may be: counts it if it is a group, and takes what it holds. */
static int try_directory(struct buf *path, unsigned *groups, struct proc_ids *ret)
{
	if (!is_cgroup(path->data))
		return 0;
	(*groups)++;
	return walk(path, 0, ret);
}

static int try_mounts(const struct cgroup_mounts *mounts, bool v2, const char *name,
		      unsigned *groups, struct proc_ids *ret)
{
	size_t before = ret->n;
	int err = 0;

	for (size_t i = 0; i < mounts->n && !err && ret->n == before; i++) {
		struct buf path = { 0 };

		if (mounts->items[i].v2 != v2)
			continue;
		buf_printf(&path, "%s/%s", mounts->items[i].point, name + strspn(name, "/"));
		err = try_directory(&path, groups, ret);
		buf_free(&path);
	}
	return err;
}

int cgroup_list(const struct cgroup_mounts *mounts, const char *name, struct proc_ids *ret)
{
	size_t before = ret->n;
	unsigned groups = 0;
	int err = 0;

	if (*name == '/') {
		struct buf path = { 0 };

		buf_puts(&path, name);
		err = try_directory(&path, &groups, ret);
		buf_free(&path);
	}
	if (!err && !groups)
		err = try_mounts(mounts, true, name, &groups, ret);
	if (!err && ret->n == before)
		err = try_mounts(mounts, false, name, &groups, ret);
	if (err)
		return err;
	if (!groups)
		return fail(-ENOTDIR, "no control group '%s'; give its directory or its path "
			    "below a control group mount", name);
	if (ret->n == before)
		return fail(-ENODATA, "control group '%s' holds no process", name);
	return 0;
}
