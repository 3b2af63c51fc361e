// SPDX-License-Identifier: GPL-2.0-or-later
/* proc.c - parsers and readers of /proc/PID; see proc.h. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/target/proc.h"

#define KTHREAD_FLAG 0x00200000u /* PF_KTHREAD; the same since Linux 2.6.35 */
#define CPUS_MAX (1 << 20)	 /* more than any kernel is built for */

/* --- parsers --------------------------------------------------------------------------------- */

/* The number at *s, after blanks; moves *s behind it. */
static bool next_number(const char **s, int base, unsigned long long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*s, &end, base);
	if (end == *s || errno)
		return false;
	*s = end;
	return true;
}

/*
 *	7 (a b) R 1) S 1 7 7 0 -1 4194304 ...
 *
 * The name may hold blanks, parentheses and newlines; after it there are only numbers and one
 * letter, so the last ')' of the text ends it.
 */
int proc_parse_stat(const char *text, struct proc_stat *ret)
{
	/* fields counted as in proc(5); the state is the third */
	enum { PARENT = 4, FLAGS = 9, THREADS = 20, START = 22 };
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long v[START + 1] = { 0 };
	struct proc_stat stat = { 0 };
	const char *s = text;
	size_t len;

	if (!open || !close || close < open || !next_number(&s, 10, &v[1]) || close[1] != ' ' ||
	    !isalpha((unsigned char)close[2]))
		return fail(-EINVAL, "not the text of a /proc/PID/stat");
	len = (size_t)(close - open) - 1;
	if (len > sizeof(stat.comm) - 1)
		len = sizeof(stat.comm) - 1;
	memcpy(stat.comm, open + 1, len);
	stat.state = close[2];
	s = close + 3;
	for (int i = PARENT; i <= START; i++) {
		if (!next_number(&s, 10, &v[i]))
			return fail(-EINVAL, "field %d of a /proc/PID/stat is no number", i);
	}
	stat.id = (pid_t)v[1];
	stat.parent = (pid_t)v[PARENT];
	stat.flags = (unsigned)v[FLAGS];
	stat.threads = (unsigned)v[THREADS];
	stat.start_ticks = v[START];
	*ret = stat;
	return 0;
}

bool proc_is_kernel_thread(const struct proc_stat *stat)
{
	return stat->flags & KTHREAD_FLAG;
}

bool proc_is_zombie(const struct proc_stat *stat)
{
	return strchr("ZXx", stat->state) && stat->threads <= 1;
}

/* The value of the line "Key:\tvalue"; NULL if there is none.  The kernel escapes newlines here. */
static const char *status_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

int proc_parse_status(const char *text, struct proc_status *ret)
{
	const char *tgid = status_value(text, "Tgid"), *uid = status_value(text, "Uid");
	const char *cap = status_value(text, "CapEff"), *ns = status_value(text, "NSpid");
	struct proc_status status = { 0 };
	unsigned long long v;

	if (!tgid || !next_number(&tgid, 10, &v))
		return fail(-EINVAL, "a /proc/PID/status without Tgid");
	status.tgid = (pid_t)v;
	if (!uid || !next_number(&uid, 10, &v) || !next_number(&uid, 10, &v))
		return fail(-EINVAL, "a /proc/PID/status without Uid");
	status.uid = (uid_t)v;
	if (!cap || !next_number(&cap, 16, &v))
		return fail(-EINVAL, "a /proc/PID/status without CapEff");
	status.cap_eff = v;
	/* strtoull would go on to the next line, whose first word is no number */
	while (ns && status.n_ns < PROC_NS_DEPTH && next_number(&ns, 10, &v))
		status.ns_ids[status.n_ns++] = (pid_t)v;
	*ret = status;
	return 0;
}

/* Is word one of the comma-separated items in [list, list + len)? */
static bool has_item(const char *list, size_t len, const char *word)
{
	size_t want = strlen(word);

	for (const char *item = list, *end = list + len; item <= end;) {
		const char *comma = memchr(item, ',', (size_t)(end - item));
		size_t n = (size_t)((comma ? comma : end) - item);

		if (n == want && !memcmp(item, word, n))
			return true;
		item += n + 1;
	}
	return false;
}

/*
 *	1:cpu,cpuacct:/some/group
 *	0::/other
 */
int proc_parse_cgroup(const char *text, const char *controller, char **ret_path)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path = NULL;

		if (list)
			path = memchr(list + 1, ':', len - (size_t)(list + 1 - line));
		if (path) {
			size_t n = (size_t)(path - list) - 1;

			if (controller ? has_item(list + 1, n, controller) : !n && *line == '0') {
				*ret_path = xcalloc(1, len - (size_t)(path - line));
				memcpy(*ret_path, path + 1, len - (size_t)(path + 1 - line));
				return 0;
			}
		}
		line += len + (line[len] == '\n');
	}
	return -ENOENT;
}

/* --- readers --------------------------------------------------------------------------------- */

static int read_fd(int fd, size_t max, struct buf *ret)
{
	char chunk[16384];
	size_t total = 0;

	for (;;) {
		size_t want = max && max - total < sizeof(chunk) ? max - total : sizeof(chunk);
		ssize_t n = want ? read(fd, chunk, want) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf_add(ret, chunk, (size_t)n); /* also of nothing: data is then a string */
		if (!n)
			return 0;
		total += (size_t)n;
	}
}

/* No message. */
static int slurp(const char *path, size_t max, struct buf *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = read_fd(fd, max, ret);
	close(fd);
	return err;
}

int proc_read_file(const char *path, size_t max, struct buf *ret)
{
	int err = slurp(path, max, ret);

	return err ? fail(err, "cannot read %s: %s", path, strerror(-err)) : 0;
}

static int fail_id(int err, pid_t id, const char *name)
{
	if (err == -ENOENT || err == -ESRCH)
		return fail(-ESRCH, "no process %d", id);
	return fail(err, "cannot read /proc/%d/%s: %s", id, name, strerror(-err));
}

int proc_read(pid_t id, const char *name, size_t max, struct buf *ret)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/%s", id, name);
	err = slurp(path, max, ret);
	return err ? fail_id(err, id, name) : 0;
}

int proc_read_stat(pid_t id, struct proc_stat *ret)
{
	struct buf text = { 0 };
	int err = proc_read(id, "stat", 0, &text);

	if (!err)
		err = proc_parse_stat(text.data, ret);
	buf_free(&text);
	return err;
}

int proc_read_status(pid_t id, struct proc_status *ret)
{
	struct buf text = { 0 };
	int err = proc_read(id, "status", 0, &text);

	if (!err)
		err = proc_parse_status(text.data, ret);
	buf_free(&text);
	return err;
}

int proc_read_cgroup(pid_t id, const char *controller, char **ret_path)
{
	struct buf text = { 0 };
	int err = proc_read(id, "cgroup", 0, &text);

	if (!err)
		err = proc_parse_cgroup(text.data, controller, ret_path);
	buf_free(&text);
	return err;
}

int proc_read_cmdline(pid_t id, size_t max, struct buf *ret)
{
	size_t begin = ret->len;
	struct proc_stat stat;
	int err = proc_read(id, "cmdline", max, ret);

	if (err)
		return err;
	/* programs that rewrite their title leave many NULs behind it */
	while (ret->len > begin && !ret->data[ret->len - 1])
		ret->len--;
	ret->data[ret->len] = '\0';
	for (size_t i = begin; i < ret->len; i++) {
		if (!ret->data[i])
			ret->data[i] = ' ';
	}
	if (ret->len > begin)
		return 0;
	err = proc_read_stat(id, &stat);
	if (err)
		return err;
	buf_printf(ret, "[%s]", stat.comm);
	if (ret->len - begin > max && max)
		ret->data[ret->len = begin + max] = '\0';
	return 0;
}

/* Append the numbers among the entries of a directory. */
static int list_ids(const char *path, struct proc_ids *ret)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (errno = 0, (entry = readdir(dir))) {
		char *end;
		unsigned long id = strtoul(entry->d_name, &end, 10);

		if (!*end && isdigit((unsigned char)entry->d_name[0]))
			vec_push(ret->ids, ret->n, ret->cap) = (pid_t)id;
	}
	err = -errno;
	closedir(dir);
	return err;
}

int proc_list(struct proc_ids *ret)
{
	int err = list_ids("/proc", ret);

	return err ? fail(err, "cannot list /proc: %s", strerror(-err)) : 0;
}

int proc_list_threads(pid_t pid, struct proc_ids *ret)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	err = list_ids(path, ret);
	return err ? fail_id(err, pid, "task") : 0;
}

int proc_list_descriptors(struct proc_ids *ret)
{
	int err = list_ids("/proc/self/fd", ret);

	return err ? fail(err, "cannot list /proc/self/fd: %s", strerror(-err)) : 0;
}

void proc_ids_free(struct proc_ids *ids)
{
	free(ids->ids);
	*ids = (struct proc_ids){ 0 };
}

/* --- affinity -------------------------------------------------------------------------------- */

struct cpus {
	cpu_set_t *set;
	size_t bytes;
	int n; /* CPUs it has room for */
};

/* The size that the kernel wants is not told: it refuses sets that are too small. */
static int cpus_alloc(struct cpus *ret)
{
	for (int n = 1024; n <= CPUS_MAX; n *= 2) {
		size_t bytes = CPU_ALLOC_SIZE(n);
		cpu_set_t *set = xcalloc(1, bytes);

		if (!sched_getaffinity(0, bytes, set) || errno != EINVAL) {
			CPU_ZERO_S(bytes, set);
			*ret = (struct cpus){ .set = set, .bytes = bytes, .n = n };
			return 0;
		}
		free(set);
	}
	return fail(-E2BIG, "the kernel's CPU sets are larger than %d", CPUS_MAX);
}

int proc_cpus_allowed(pid_t pid, uint32_t *ret)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct cpus all = { 0 }, one = { 0 };
	struct proc_ids tids = { 0 };
	int err = proc_list_threads(pid, &tids);

	if (!err)
		err = cpus_alloc(&all);
	if (!err)
		err = cpus_alloc(&one);
	/* most often the first thread may use all there is, and nothing is left to find out */
	for (size_t i = 0; !err && i < tids.n && CPU_COUNT_S(all.bytes, all.set) < online; i++) {
		if (!sched_getaffinity(tids.ids[i], one.bytes, one.set))
			CPU_OR_S(all.bytes, all.set, all.set, one.set);
		else if (errno != ESRCH) /* a thread that ended meanwhile */
			err = fail(-errno, "cannot read the CPU affinity of thread %d: %s",
				   tids.ids[i], strerror(errno));
	}
	if (!err && !CPU_COUNT_S(all.bytes, all.set))
		err = fail(-ESRCH, "no process %d", pid);
	if (!err)
		*ret = (uint32_t)CPU_COUNT_S(all.bytes, all.set);
	free(all.set);
	free(one.set);
	proc_ids_free(&tids);
	return err;
}
