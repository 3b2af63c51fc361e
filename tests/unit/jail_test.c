// SPDX-License-Identifier: GPL-2.0-or-later
/* jail_test.c - what code that runs in the parser process could do: each try in a process of its
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/fail.h"
#include <cmocka.h>

#include "user/symbol/ask.h"
#include "user/symbol/jail.h"

#ifndef __SANITIZE_ADDRESS__ /* it is let do more */

#define PAGE 4096ul
#define MIB (1ul << 20)

static char *const nothing[] = { NULL };

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long try_open_relative(void)
{
	return openat(AT_FDCWD, "../../../etc/passwd", O_RDONLY);
}

static long try_openat2(void)
{
	uint64_t how[3] = { 0 };

	return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how));
}

static long try_stat(void)
{
	struct stat st;

	return syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, 0);
}

static long try_readlink(void)
{
	char path[100];

	return readlink("/proc/self/exe", path, sizeof(path));
}

static long try_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_network(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0);
}

static long try_exec(void)
{
	return execve("/bin/true", nothing, nothing);
}

static long try_execveat(void)
{
	return syscall(SYS_execveat, ASK_FD, "", nothing, nothing, AT_EMPTY_PATH);
}

static long try_fork(void)
{
	return fork();
}

static long try_clone3(void)
{
	uint64_t args[8] = { 0 };

	return syscall(SYS_clone3, args, sizeof(args));
}

static long try_kill(void)
{
	return kill(1, 0);
}

static long try_tgkill(void)
{
	return syscall(SYS_tgkill, 1, 1, SIGTERM);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long try_process_memory(void)
{
	return syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}

static long try_exec_memory(void)
{
	return (long)mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_make_exec(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, PAGE, PROT_READ | PROT_EXEC);
}

static long try_shared_memory(void)
{
	return (long)mmap(NULL, 300 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			  0);
}

static long try_stack_memory(void)
{
	return (long)mmap(NULL, 300 * MIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
}

static long try_memfd(void)
{
	return memfd_create("x", 0);
}

static long try_much_memory(void)
{
	return (long)mmap(NULL, 300 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);
}

/* Piece by piece, and each made read-only so that it might not count. */
static long try_memory_in_pieces(void)
{
	for (int i = 0; i < 300; i++) {
		char *p =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return -1;
		memset(p, 1, MIB);
		mprotect(p, MIB, PROT_READ);
	}
	return 0;
}

static long try_malloc(void)
{
	size_t n = 0;

	while (n < 300 && malloc(MIB))
		n++;
	errno = ENOMEM;
	return n < 300 ? -1 : 0;
}

static long try_brk(void)
{
	return sbrk(300 * MIB) == (void *)-1 ? -1 : 0;
}

static long try_space(void)
{
	return (long)mmap(NULL, 8192 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long try_raise_limit(void)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	return syscall(SYS_prlimit64, 0, RLIMIT_DATA, &l, NULL);
}

static long try_setuid(void)
{
	return setuid(0);
}

static long try_setgroups(void)
{
	return setgroups(0, NULL);
}

static long try_prctl(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

static long try_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

static long try_mount(void)
{
	return syscall(SYS_mount, "x", "/", "tmpfs", 0, NULL);
}

static long try_chroot(void)
{
	return chroot("/");
}

static long try_chdir(void)
{
	return chdir("/");
}

static long try_write_stdout(void)
{
	return write(STDOUT_FILENO, "\033[2J", 4);
}

static long try_terminal(void)
{
	char c = 'x';

	return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, &c);
}

static long try_receive_elsewhere(void)
{
	struct msghdr m = { 0 };

	return recvmsg(ASK_FD + 1, &m, MSG_DONTWAIT);
}

static long try_dup(void)
{
	return dup(ASK_FD);
}

static long try_set_flags(void)
{
	return fcntl(ASK_FD, F_SETFL, O_NONBLOCK);
}

static long try_lock(void)
{
	struct flock l = { .l_type = F_RDLCK };

	return fcntl(ASK_FD, F_SETLK, &l);
}

static long try_truncate(void)
{
	return ftruncate(ASK_FD, 0);
}

static long try_chmod(void)
{
	return fchmod(ASK_FD, 0777);
}

static long try_unlink(void)
{
	return unlink("/etc/passwd");
}

static long try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static long try_perf(void)
{
	return syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0);
}

static long try_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long try_userfault(void)
{
	return syscall(SYS_userfaultfd, 0);
}

static long try_keys(void)
{
	return syscall(SYS_keyctl, 0, 0);
}

static long try_seccomp(void)
{
	return syscall(SYS_seccomp, 0, 0, NULL);
}

static long try_affinity(void)
{
	return syscall(SYS_sched_setscheduler, 0, 1, NULL);
}

static long try_pidfd(void)
{
	return syscall(SYS_pidfd_open, getppid(), 0);
}

static long try_sleep(void)
{
	return usleep(1);
}

static long try_unknown(void)
{
	return syscall(4000);
}

#define ENDS 0 /* no errno: it is killed */

static const struct {
	const char *name;
	long (*try)(void);
	int expected;
} tries[] = {
	{ "open a file", try_open, EACCES },
	{ "open a file above", try_open_relative, EACCES },
	{ "openat2", try_openat2, ENDS },
	{ "stat", try_stat, EACCES },
	{ "readlink", try_readlink, EACCES },
	{ "a local socket", try_socket, ENDS },
	{ "a network socket", try_network, ENDS },
	{ "execve", try_exec, ENDS },
	{ "execveat", try_execveat, ENDS },
	{ "fork", try_fork, ENDS },
	{ "clone3", try_clone3, ENDS },
	{ "kill", try_kill, ENDS },
	{ "tgkill", try_tgkill, ENDS },
	{ "ptrace", try_ptrace, ENDS },
	{ "another's memory", try_process_memory, ENDS },
	{ "memory to be executed", try_exec_memory, ENDS },
	{ "memory made executable", try_make_exec, ENOMEM },
	{ "shared memory", try_shared_memory, ENDS },
	{ "memory that grows down", try_stack_memory, ENDS },
	{ "a memory file", try_memfd, ENDS },
	{ "300 MiB", try_much_memory, ENOMEM },
	{ "300 MiB in pieces", try_memory_in_pieces, ENOMEM },
	{ "300 MiB of malloc", try_malloc, ENOMEM },
	{ "300 MiB of brk", try_brk, ENOMEM },
	{ "8 GiB of addresses", try_space, ENOMEM },
	{ "higher limits", try_raise_limit, EACCES },
	{ "setuid", try_setuid, ENDS },
	{ "setgroups", try_setgroups, ENDS },
	{ "prctl", try_prctl, ENDS },
	{ "unshare", try_unshare, ENDS },
	{ "mount", try_mount, ENDS },
	{ "chroot", try_chroot, ENDS },
	{ "chdir", try_chdir, ENDS },
	{ "write to stdout", try_write_stdout, ENDS },
	{ "type into the terminal", try_terminal, EACCES },
	{ "receive from elsewhere", try_receive_elsewhere, ENDS },
	{ "dup", try_dup, ENDS },
	{ "file flags", try_set_flags, ENDS },
	{ "file locks", try_lock, ENDS },
	{ "truncate", try_truncate, ENDS },
	{ "chmod", try_chmod, ENDS },
	{ "unlink", try_unlink, ENDS },
	{ "bpf", try_bpf, ENDS },
	{ "perf_event_open", try_perf, ENDS },
	{ "io_uring", try_io_uring, ENDS },
	{ "userfaultfd", try_userfault, ENDS },
	{ "keys", try_keys, ENDS },
	{ "another filter", try_seccomp, ENDS },
	{ "scheduling", try_affinity, ENDS },
	{ "pidfd_open", try_pidfd, ENDS },
	{ "sleep", try_sleep, ENDS },
	{ "no system call", try_unknown, ENDS },
};

static void locked_up(long (*try)(void), int expected)
{
	int fd = open("/dev/null", O_RDWR);
	long ret;

	dup2(fd, ASK_FD);
	if (jail_drop() || jail_lock())
		_exit(100);
	errno = 0;
	ret = try();
	_exit(ret == -1 && errno == expected ? 0 : ret == -1 ? 101 : 102);
}

static void test_tries(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		int status, expected = tries[i].expected;
		pid_t pid = fork();

		if (!pid)
			locked_up(tries[i].try, expected);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (expected == ENDS ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS : !status)
			continue;
		print_message("%s: status %x\n", tries[i].name, status);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* abort() and a bad pointer show as what they are. */
static void test_crashes(void **state)
{
	volatile char *volatile bad = NULL;
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (jail_drop() || jail_lock())
			_exit(100);
		abort();
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL); /* cmocka's */
		if (jail_drop() || jail_lock())
			_exit(100);
		*bad = 1;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

#else

static void test_tries(void **state)
{
	(void)state;
	skip();
}

#define test_crashes test_tries

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
