// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c - does every program load on this kernel, how much does the verifier walk, and does a
 * session leave anything behind?  Prints TAP.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "user/base/fail.h"
#include "user/session/session.h"

/*
 * Instructions that the verifier may walk for one program.  The kernel's limit is a million, but loading
 * takes 1 ms for some 2,000; the most we have today is 35,978 (on_switch_direct in lean mode, Linux
 * 6.18), so that a jump over this line is a loop or a branch gone wrong.
 */
#define INSNS_MAX 45000
#define SESSIONS 20 /* or as many as the first argument says: an emulated machine is slow */

static int n, failed;

static void ok(bool good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++n, what);
	failed += !good;
}

static int check_program(void *ctx, const struct wire_head *rec)
{
	const struct wire_prog *p = (const void *)rec;
	int *programs = ctx;
	char what[96];

	++*programs;
	snprintf(what, sizeof(what), "%s loads, %llu instructions verified", p->name,
		 (unsigned long long)p->insns);
	ok(p->insns > 0 && p->insns <= INSNS_MAX, what);
	return 0;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int fds = 0;

	while (dir && readdir(dir))
		fds++;
	if (dir)
		closedir(dir);
	return fds;
}

/* Programs in the kernel that have one of our names and belong to nobody else. */
static int count_programs(void)
{
	uint32_t id = 0;
	int found = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &len))
			found += !strcmp(info.name, "on_switch") || !strcmp(info.name, "each_task");
		close(fd);
	}
	return found;
}

static int count_record(void *ctx, const struct wire_head *rec)
{
	(void)rec;
	++*(int *)ctx;
	return 0;
}

/* Our own process is a target like any other for the session itself. */
static void check_snapshot(struct session *s)
{
	int records = 0, sums = 0, err;
	__u64 begin_ns;
	unsigned long long start = 0;
	char stat[512] = "", *p;
	FILE *f = fopen("/proc/self/stat", "re");

	if (f && fgets(stat, sizeof(stat), f) && (p = strrchr(stat, ')')))
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
			      "%*d %*d %*d %llu",
		       &start);
	if (f)
		fclose(f);
	err = session_target(s, (uint32_t)getpid(), start);
	ok(!err && !session_snapshot(s, count_record, &records) && records == 1,
	   "the iterator finds the one thread of the target");
	ok(!session_arm(s, 0, &begin_ns), "the window opens");
	ok(!session_sums(s, count_record, &sums) && sums == 1, "and tells its sums");
}

/* The same object with other constants: the verifier walks other ways. */
static void check_lean(struct session_opts opts)
{
	struct session *s = NULL;
	int programs = 0, err;

	opts.lean = true;
	err = session_open(&s, &opts);
	ok(!err, "a lean session opens");
	if (err)
		return;
	session_progs(s, check_program, &programs);
	ok(programs >= 8, "all parts that it needs are there");
	session_close(s);
}

int main(int argc, char **argv)
{
	int sessions = argc > 1 ? atoi(argv[1]) : SESSIONS;
	struct session_opts opts = {
		.follow_children = true, .sample_ns = 10000000, .native = true
	};
	struct session *s = NULL;
	int programs = 0, fds, before = count_programs();

	if (session_open(&s, &opts)) {
		printf("not ok 1 - session opens\n# %s\n", fail_text());
		return 1;
	}
	session_progs(s, check_program, &programs);
	ok(programs >= 10, "all parts of the collector are there");
	check_snapshot(s);
	session_close(s);
	check_lean(opts);
	fds = count_fds();
	for (int i = 0; i < sessions; i++) {
		if (session_open(&s, &opts))
			break;
		session_close(s);
	}
	ok(count_fds() == fds, "many sessions leave no descriptor open");
	/* the kernel frees programs after a grace period; others may watch something meanwhile */
	for (int i = 0; i < 50 && count_programs() > before; i++)
		usleep(100000);
	ok(count_programs() <= before, "nor a program in the kernel");
	printf("1..%d\n", n);
	return failed != 0;
}
