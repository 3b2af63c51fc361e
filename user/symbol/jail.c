// SPDX-License-Identifier: GPL-2.0-or-later
/* jail.c - user, capabilities, limits, system calls; see jail.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/fail.h"
#include "user/symbol/ask.h"
#include "user/symbol/jail.h"

#define NOBODY 65534

/*
 * The address sanitizer maps terabytes, and reads /proc and asks for more when it has something to
 * say.
 */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* --- step one: who it is and how much it may use --------------------------------------------- */

/*
 * A folder that is empty to whoever is not root, and always there: the descriptors of this very
 * process.  What has to be found by name is loaded by now.
 */
static int leave_files(void)
{
	if (!SANITIZED && !geteuid() && chroot("/proc/self/fdinfo"))
		return fail(-errno, "chroot: %s", strerror(errno));
	if (chdir("/"))
		return fail(-errno, "chdir: %s", strerror(errno));
	umask(077);
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none))
		return fail(-errno, "capset: %s", strerror(errno));
	return 0;
}

static int drop_user(void)
{
	int personal = personality(0xffffffff);

	/* With it, what may be read may be executed. */
	if (personal >= 0)
		personality((unsigned long)personal & ~(unsigned long)READ_IMPLIES_EXEC);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(-errno, "no_new_privs: %s", strerror(errno));
	/* Without CAP_SETPCAP they stay, and are of no use: no_new_privs is for ever. */
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		return fail(-errno, "cannot change the user: %s", strerror(errno));
	return drop_capabilities();
}

static int limit(int what, rlim_t to)
{
	struct rlimit l = { to, to }, now;

	if (!getrlimit(what, &now) && now.rlim_max < to) /* raising it is not ours to do */
		l.rlim_cur = l.rlim_max = now.rlim_max;
	return setrlimit(what, &l) ? fail(-errno, "setrlimit: %s", strerror(errno)) : 0;
}

/*
 * Files are mapped and shared with the page cache, so what they take is address space; what a
 * compressed section or a table in memory takes is data.  Only the second costs the machine.
 */
static int limit_all(void)
{
	int err;

	err = limit(RLIMIT_CORE, 0);
	if (!err)
		err = limit(RLIMIT_FSIZE, 0);
	if (!err)
		err = limit(RLIMIT_NPROC, 0);
	if (!err)
		err = limit(RLIMIT_MEMLOCK, 0);
	if (!err) /* each file may have a debug file and one that this one shares; one on its way */
		err = limit(RLIMIT_NOFILE, ASK_FD + 1 + 3 * ASK_FILES + 1);
	if (!err && !SANITIZED)
		err = limit(RLIMIT_DATA, JAIL_DATA_BYTES);
	if (!err && !SANITIZED)
		err = limit(RLIMIT_AS, JAIL_SPACE_BYTES);
	return err;
}

/* Memory is the first thing that runs out; it is better to take it from here than elsewhere. */
static void offer_to_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t ignored;

	if (fd < 0)
		return;
	ignored = write(fd, "1000", 4);
	(void)ignored;
	close(fd);
}

int jail_drop(void)
{
	int err;

	offer_to_oom();
	err = leave_files();
	if (!err)
		err = drop_user();
	if (!err)
		err = limit_all();
	if (err)
		return err;
	/* A change of user clears both. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return fail(-errno, "prctl: %s", strerror(errno));
	return 0;
}

/* --- step two: system calls ------------------------------------------------------------------ */

static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(futex),
	SCMP_SYS(sysinfo), /* qsort() */
	SCMP_SYS(restart_syscall),
	SCMP_SYS(fstatfs),
};

/* libdw looks for more files by name when it opens one: that is no reason to end its life. */
static const int refused[] = {
	SCMP_SYS(open),	      SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(stat),	      SCMP_SYS(lstat),	SCMP_SYS(access),   SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(getcwd), SCMP_SYS(statx),    SCMP_SYS(prlimit64),
	SCMP_SYS(ioctl),
};

static const int for_sanitizer[] = {
	SCMP_SYS(sigaltstack),	     SCMP_SYS(prctl), SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigaction),	     SCMP_SYS(write), SCMP_SYS(getrusage),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(clone), SCMP_SYS(getppid),
	SCMP_SYS(mprotect),	     SCMP_SYS(mmap),  SCMP_SYS(tgkill),
};

static int add(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(ctx, action, calls[i], 0);
	return err;
}

/*
 * Calls that are allowed with some arguments only.  RLIMIT_DATA counts memory that is private and
 * writable, so there may be no other: none that is shared, or grows down, or was made read-only
 * after it was written to, wherefore there is no mprotect().
 */
#define NO_EXEC SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)
#define MALLOC_FLAGS (MAP_PRIVATE | MAP_ANONYMOUS)

static int add_bounded(scmp_filter_ctx ctx)
{
	const struct {
		int call;
		unsigned n;
		struct scmp_arg_cmp args[2];
	} rules[] = {
		{ SCMP_SYS(recvmsg), 1, { SCMP_A0(SCMP_CMP_EQ, ASK_FD) } },
		{ SCMP_SYS(sendmsg), 1, { SCMP_A0(SCMP_CMP_EQ, ASK_FD) } },
		{ SCMP_SYS(write), 1, { SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO) } },
		{ SCMP_SYS(mmap), 2, { NO_EXEC, SCMP_A3(SCMP_CMP_EQ, MAP_PRIVATE) } },
		{ SCMP_SYS(mmap), 2, { NO_EXEC, SCMP_A3(SCMP_CMP_EQ, MALLOC_FLAGS) } },
		{ SCMP_SYS(mmap),
		  2,
		  { NO_EXEC, SCMP_A3(SCMP_CMP_EQ, MALLOC_FLAGS | MAP_NORESERVE) } },
		{ SCMP_SYS(newfstatat), 1, { SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH) } },
		{ SCMP_SYS(fcntl), 1, { SCMP_A1(SCMP_CMP_EQ, F_GETFD) } },
		{ SCMP_SYS(fcntl), 1, { SCMP_A1(SCMP_CMP_EQ, F_GETFL) } },
		/* abort(): its own end shows what happened, SIGSYS would not */
		{ SCMP_SYS(tgkill), 1, { SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()) } },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !err; i++)
		err = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, rules[i].n,
					     rules[i].args);
	return err;
}

#define COUNT(calls) (sizeof(calls) / sizeof((calls)[0]))

int jail_lock(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!ctx)
		return fail(-ENOMEM, "seccomp_init failed");
	err = add(ctx, SCMP_ACT_ALLOW, allowed, COUNT(allowed));
	if (!err)
		err = add(ctx, SCMP_ACT_ERRNO(EACCES), refused, COUNT(refused));
	if (!err && SANITIZED)
		err = add(ctx, SCMP_ACT_ALLOW, for_sanitizer, COUNT(for_sanitizer));
	if (!err && !SANITIZED) /* malloc() tries, when there is no more memory */
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOMEM), SCMP_SYS(mprotect), 0);
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 1,
				       SCMP_A3(SCMP_CMP_NE, AT_EMPTY_PATH));
	if (!err)
		err = add_bounded(ctx);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err ? fail(err, "cannot restrict system calls: %s", strerror(-err)) : 0;
}
