// SPDX-License-Identifier: GPL-2.0-or-later
/* facts.c - affinity, cgroup quota and command line of a process; see facts.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/target/cgroup.h"
#include "user/target/facts.h"
#include "user/target/proc.h"

uint32_t facts_cpus_online(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (uint32_t)n : 1;
}

bool facts_idle_ns(uint64_t *ret)
{
	unsigned long long idle, iowait;
	long hz = sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "re");
	bool known;

	if (!f)
		return false;
	known = hz > 0 && fscanf(f, "cpu %*u %*u %*u %llu %llu", &idle, &iowait) == 2;
	fclose(f);
	if (known)
		*ret = (idle + iowait) * (1000000000ULL / (unsigned long long)hz);
	return known;
}

/* --- parsers --------------------------------------------------------------------------------- */

static bool parse_int64(const char *s, const char **ret_end, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(s, &end, 10);
	*ret_end = end;
	return end != s && !errno;
}

bool facts_quota_milli(int64_t quota_us, int64_t period_us, uint32_t *ret_milli)
{
	if (quota_us < 0) {
		*ret_milli = 0;
		return true;
	}
	if (period_us <= 0 || quota_us > INT64_MAX / 1000 ||
	    quota_us * 1000 / period_us > UINT32_MAX)
		return false;
	*ret_milli = (uint32_t)(quota_us * 1000 / period_us);
	if (!*ret_milli)
		*ret_milli = 1; /* 0 would say that there is none */
	return true;
}

bool facts_parse_cpu_max(const char *text, uint32_t *ret_milli)
{
	int64_t quota = -1, period;
	const char *s = text;

	if (!strncmp(s, "max", 3))
		s += 3;
	else if (!parse_int64(s, &s, &quota) || quota < 0)
		return false;
	return *s == ' ' && parse_int64(s, &s, &period) &&
	       facts_quota_milli(quota, period, ret_milli);
}

bool facts_parse_key(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char *end;

		if (strncmp(line, key, len) || line[len] != ' ')
			continue;
		errno = 0;
		*ret = strtoull(line + len + 1, &end, 10);
		return end != line + len + 1 && !errno;
	}
	return false;
}

/* --- one group ------------------------------------------------------------------------------- */

struct limits {
	uint32_t quota_milli; /* 0: none */
	uint64_t throttled;
	uint64_t throttled_ns;
};

/* The text of a file of the group; false if there is none, as in the root group. */
static bool read_group(const char *directory, const char *name, struct buf *ret)
{
	struct buf path = { 0 };
	int err;

	buf_printf(&path, "%s/%s", directory, name);
	err = proc_read_file(path.data, 0, ret);
	buf_free(&path);
	return !err;
}

static bool read_number(const char *directory, const char *name, int64_t *ret)
{
	struct buf text = { 0 };
	const char *end;
	bool ok = read_group(directory, name, &text) && parse_int64(text.data, &end, ret);

	buf_free(&text);
	return ok;
}

static bool read_quota(const char *directory, bool v2, uint32_t *ret_milli)
{
	struct buf text = { 0 };
	int64_t quota, period;
	bool ok;

	if (!v2)
		return read_number(directory, "cpu.cfs_quota_us", &quota) &&
		       read_number(directory, "cpu.cfs_period_us", &period) &&
		       facts_quota_milli(quota, period, ret_milli);
	ok = read_group(directory, "cpu.max", &text) && facts_parse_cpu_max(text.data, ret_milli);
	buf_free(&text);
	return ok;
}

static void add_group(const char *directory, bool v2, struct limits *limits)
{
	struct buf stat = { 0 };
	uint32_t milli;
	uint64_t v;

	if (read_quota(directory, v2, &milli) && milli &&
	    (!limits->quota_milli || milli < limits->quota_milli))
		limits->quota_milli = milli;
	if (read_group(directory, "cpu.stat", &stat)) {
		if (facts_parse_key(stat.data, "nr_throttled", &v))
			limits->throttled += v;
		if (v2 && facts_parse_key(stat.data, "throttled_usec", &v))
			limits->throttled_ns += v * 1000;
		if (!v2 && facts_parse_key(stat.data, "throttled_time", &v))
			limits->throttled_ns += v;
	}
	buf_free(&stat);
}

/* --- the groups of a process ----------------------------------------------------------------- */

/* The directory of its group and each above it, up to the mount point. */
static void add_path(const struct cgroup_mount *mount, const char *group, struct limits *limits)
{
	struct buf dir = { 0 };
	size_t top = strlen(mount->point);

	if (!cgroup_directory(mount, group, &dir)) {
		for (;;) {
			char *slash;

			add_group(dir.data, mount->v2, limits);
			slash = strrchr(dir.data, '/');
			if (!slash || slash < dir.data + top)
				break;
			*slash = '\0';
		}
	}
	buf_free(&dir);
}

/* The cpu controller is in v1 or in v2, never in both: files that are not there add nothing. */
static int read_limits(pid_t pid, struct limits *ret)
{
	static const char *const controllers[] = { NULL, "cpu" };
	struct cgroup_mounts mounts = { 0 };
	int err = cgroup_read_mounts(&mounts);

	for (size_t i = 0; !err && i < 2; i++) {
		const struct cgroup_mount *mount = cgroup_find_mount(&mounts, controllers[i]);
		char *group = NULL;

		if (!mount)
			continue;
		err = proc_read_cgroup(pid, controllers[i], &group);
		if (!err)
			add_path(mount, group, ret);
		else if (err == -ENOENT) /* not in such a hierarchy */
			err = 0;
		free(group);
	}
	cgroup_mounts_free(&mounts);
	return err;
}

int facts_read(pid_t pid, struct wire_proc *ret)
{
	struct limits limits = { 0 };
	struct buf cmdline = { 0 };
	uint32_t allowed;
	int err = proc_cpus_allowed(pid, &allowed);

	if (!err)
		err = read_limits(pid, &limits);
	if (!err)
		err = proc_read_cmdline(pid, sizeof(ret->cmdline) - 1, &cmdline);
	if (!err) {
		ret->cpus_allowed = allowed;
		ret->quota_milli = limits.quota_milli;
		ret->throttled = limits.throttled;
		ret->throttled_ns = limits.throttled_ns;
		memset(ret->cmdline, 0, sizeof(ret->cmdline));
		memcpy(ret->cmdline, cmdline.data, cmdline.len);
	}
	buf_free(&cmdline);
	return err;
}
