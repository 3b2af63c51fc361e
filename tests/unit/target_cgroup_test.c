// SPDX-License-Identifier: GPL-2.0-or-later
/* target_cgroup_test.c - control group mounts from text, and groups made for the test (root). */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h" /* before cmocka, which has a macro of that name */

#include <cmocka.h>

#include "user/target/cgroup.h"
#include "user/target/facts.h"
#include "user/target/target.h"

static const char mountinfo[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"broken\n\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu\\040and\\134x rw - cgroup cgroup rw,cpuacct,cpu\n"
	"34 31 0:31 /docker/ab /sys/fs/cgroup/cpuset rw shared:9 master:1 - cgroup c rw,cpuset\n"
	"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
	"42 31 0:38 / /cut rw,relatime - cgroup2 cgroup2";

static void mounts_parse(void **state)
{
	struct cgroup_mounts mounts = { 0 };
	const struct cgroup_mount *m;

	(void)state;
	cgroup_parse_mounts(mountinfo, &mounts);
	assert_int_equal(mounts.n, 4);
	m = cgroup_find_mount(&mounts, "cpu");
	assert_string_equal(m->point, "/sys/fs/cgroup/cpu and\\x");
	assert_ptr_equal(m, cgroup_find_mount(&mounts, "cpuacct"));
	assert_string_equal(cgroup_find_mount(&mounts, NULL)->point, "/sys/fs/cgroup/unified");
	assert_null(cgroup_find_mount(&mounts, "memory"));
	cgroup_mounts_free(&mounts);
	cgroup_parse_mounts("", &mounts);
	cgroup_parse_mounts("- - - - - - - - - - -\n\\", &mounts);
	assert_int_equal(mounts.n, 0);
}

static void expect_directory(const struct cgroup_mount *m, const char *group, const char *want)
{
	struct buf dir = { 0 };
	int err = cgroup_directory(m, group, &dir);

	assert_int_equal(err, want ? 0 : -ENOENT);
	if (want)
		assert_string_equal(dir.data, want);
	buf_free(&dir);
}

static void directories(void **state)
{
	struct cgroup_mounts mounts = { 0 };
	const struct cgroup_mount *whole, *part;

	(void)state;
	cgroup_parse_mounts(mountinfo, &mounts);
	whole = cgroup_find_mount(&mounts, NULL);
	part = cgroup_find_mount(&mounts, "cpuset");
	expect_directory(whole, "/", "/sys/fs/cgroup/unified");
	expect_directory(whole, "/a/b", "/sys/fs/cgroup/unified/a/b");
	expect_directory(whole, "/../x", NULL);
	expect_directory(whole, "x", NULL);
	expect_directory(part, "/docker/ab", "/sys/fs/cgroup/cpuset");
	expect_directory(part, "/docker/ab/c", "/sys/fs/cgroup/cpuset/c");
	expect_directory(part, "/docker/abc", NULL);
	expect_directory(part, "/", NULL);
	cgroup_mounts_free(&mounts);
}

static void quotas(void **state)
{
	static const char *const bad[] = { "", "max", "max ", "x 1", "1", "-1 100", "1 0", "1 -5",
					   "99999999999999999999 1", "9999999999 1" };
	static const char stat[] = "usage_usec 5\nnr_throttled 12\nthrottled_usec\nbad x\nlast 7";
	uint32_t milli = 77;
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(facts_parse_cpu_max(bad[i], &milli));
	assert_int_equal(milli, 77);
	assert_true(facts_parse_cpu_max("max 100000\n", &milli) && milli == 0);
	assert_true(facts_parse_cpu_max("150000 100000\n", &milli) && milli == 1500);
	assert_true(facts_parse_cpu_max("1 1000000", &milli) && milli == 1);
	assert_true(facts_quota_milli(-1, 0, &milli) && milli == 0);
	assert_true(facts_parse_key(stat, "nr_throttled", &v) && v == 12);
	assert_true(facts_parse_key(stat, "last", &v) && v == 7);
	assert_false(facts_parse_key(stat, "throttled_usec", &v));
	assert_false(facts_parse_key(stat, "throttled", &v));
	assert_false(facts_parse_key(stat, "bad", &v));
	assert_false(facts_parse_key("", "a", &v));
}

/* --- groups of our own ------------------------------------------------------------------------ */

struct group {
	char dir[256], sub[300]; /* a group and one below it */
	char name[64];
	pid_t pids[2]; /* one process in each */
};

static bool write_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ok = f && fputs(text, f) >= 0;
	return f && !fclose(f) && ok;
}

static pid_t start_in(const char *dir)
{
	char text[32];
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(text, sizeof(text), "%d", pid);
	assert_true(write_file(dir, "cgroup.procs", text));
	return pid;
}

static void make_group(const struct cgroup_mount *mount, struct group *g)
{
	*g = (struct group){ 0 };
	if (geteuid() || !mount) {
		print_message("skipped: %s\n", geteuid() ? "needs root" : "no such hierarchy here");
		skip();
	}
	snprintf(g->name, sizeof(g->name), "parascope-test-%d", getpid());
	snprintf(g->dir, sizeof(g->dir), "%s/%s", mount->point, g->name);
	snprintf(g->sub, sizeof(g->sub), "%s/sub group", g->dir);
	if (mkdir(g->dir, 0755) || mkdir(g->sub, 0755)) {
		print_message("skipped: cannot make a control group: %s\n", strerror(errno));
		skip();
	}
}

static void fill_group(struct group *g)
{
	g->pids[0] = start_in(g->dir);
	g->pids[1] = start_in(g->sub);
}

static void drop_group(struct group *g)
{
	for (size_t i = 0; i < 2 && g->pids[i] > 0; i++) {
		kill(g->pids[i], SIGKILL);
		waitpid(g->pids[i], NULL, 0);
	}
	/* a group stays busy for a moment after its last process was waited for */
	for (int i = 0; i < 200 && rmdir(g->sub) && errno == EBUSY; i++)
		usleep(5000);
	for (int i = 0; i < 200 && rmdir(g->dir) && errno == EBUSY; i++)
		usleep(5000);
}

static void expect_both(const char *name, const struct group *g)
{
	struct target_spec spec = { .cgroup = name };
	struct target_list list = { 0 };
	int err = target_resolve(&spec, &list);

	if (err)
		fail_msg("%s: %s", name, fail_text());
	assert_int_equal(list.n, 2);
	assert_int_equal(list.items[0].id, g->pids[0]);
	assert_int_equal(list.items[1].id, g->pids[1]);
	assert_true(list.items[0].start_ticks > 0);
	target_list_free(&list);
}

static void expect_error(const char *name, int want)
{
	struct target_spec spec = { .cgroup = name };
	struct target_list list = { 0 };

	assert_int_equal(target_resolve(&spec, &list), want);
	assert_non_null(strstr(fail_text(), name));
	assert_null(strchr(fail_text(), '\n'));
	target_list_free(&list);
}

static void members(const char *controller)
{
	struct cgroup_mounts mounts = { 0 };
	const struct cgroup_mount *mount;
	char slash[80], trail[300];
	struct group g;

	assert_int_equal(cgroup_read_mounts(&mounts), 0);
	mount = cgroup_find_mount(&mounts, controller);
	make_group(mount, &g);
	expect_error(g.dir, -ENODATA);
	expect_error(g.name, -ENODATA);
	fill_group(&g);
	snprintf(slash, sizeof(slash), "/%s", g.name);
	snprintf(trail, sizeof(trail), "%s/", g.dir);
	expect_both(g.dir, &g);
	expect_both(trail, &g);
	expect_both(g.name, &g);
	expect_both(slash, &g);
	drop_group(&g);
	expect_error(g.dir, -ENOTDIR);
	expect_error(g.name, -ENOTDIR);
	cgroup_mounts_free(&mounts);
}

static void members_v1(void **state)
{
	(void)state;
	members("cpu");
}

static void members_v2(void **state)
{
	(void)state;
	members(NULL);
}

static void no_cgroup(void **state)
{
	(void)state;
	expect_error("/tmp", -ENOTDIR);
	expect_error("/etc/passwd", -ENOTDIR);
	expect_error("no such group", -ENOTDIR);
	expect_error("../../../../tmp", -ENOTDIR);
}

/* The outer group allows half a CPU, the inner one two and a half: half a CPU counts. */
static void quota_path(void **state)
{
	struct cgroup_mounts mounts = { 0 };
	const struct cgroup_mount *mount;
	struct wire_proc proc = { .start_ns = 5 };
	struct group g;

	(void)state;
	assert_int_equal(cgroup_read_mounts(&mounts), 0);
	mount = cgroup_find_mount(&mounts, "cpu");
	if (!mount)
		mount = cgroup_find_mount(&mounts, NULL);
	make_group(mount, &g);
	if (mount->v2) {
		if (!write_file(g.sub, "cpu.max", "250000 100000")) {
			drop_group(&g);
			print_message("skipped: new groups have no cpu controller\n");
			skip();
		}
		assert_true(write_file(g.dir, "cpu.max", "50000 100000"));
	} else if (!write_file(g.dir, "cpu.cfs_quota_us", "50000")) {
		drop_group(&g);
		print_message("skipped: the kernel has no CPU quotas\n");
		skip();
	}
	fill_group(&g);
	assert_int_equal(facts_read(g.pids[1], &proc), 0);
	assert_int_equal(proc.quota_milli, 500);
	assert_int_equal(proc.start_ns, 5);
	drop_group(&g);
	cgroup_mounts_free(&mounts);
}

static void facts_of_self(void **state)
{
	struct wire_proc proc = { 0 };
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	assert_int_equal(facts_read(pid, &proc), -ESRCH);
	assert_int_equal(facts_read(getpid(), &proc), 0);
	assert_in_range(proc.cpus_allowed, 1, facts_cpus_online());
	assert_non_null(strstr(proc.cmdline, "target_cgroup_test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_parse), cmocka_unit_test(directories),
		cmocka_unit_test(quotas),	cmocka_unit_test(members_v1),
		cmocka_unit_test(members_v2),	cmocka_unit_test(no_cgroup),
		cmocka_unit_test(quota_path),	cmocka_unit_test(facts_of_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
