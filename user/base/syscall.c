// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * syscall.c - the table of system calls; see syscall.h.
 *
 * A row says which state a thread is in while it sleeps inside the call.  read, write and the like
 * wait for whatever the descriptor is: they count as IO_IPC here, and the kernel side makes them
 * IO_DISK when the task is in iowait.  clone and clone3 only sleep as vfork and posix_spawn use
 * them, for the child to exec.  Calls listed as OTHER are shown by name.
 *
 * Numbers come from the system's headers; from 424 on all machines use the same ones, so those are
 * written out and the table knows calls that are newer than the headers it was built with.
 */
#include <asm/unistd.h>
#include <stddef.h>

#include "bpf/wire.h"
#include "user/base/syscall.h"

struct call {
	const char *name;
	uint8_t state; /* enum wire_state */
};

#define NUMBER(nr, name, state) [nr] = { #name, WIRE_##state }
#define FUTEX(name) [__NR_##name] = { #name, WIRE_FUTEX_WAIT }
#define SLEEP(name) [__NR_##name] = { #name, WIRE_SLEEP }
#define CHILD(name) [__NR_##name] = { #name, WIRE_CHILD }
#define DISK(name) [__NR_##name] = { #name, WIRE_IO_DISK }
#define IPC(name) [__NR_##name] = { #name, WIRE_IO_IPC }
#define KLOCK(name) [__NR_##name] = { #name, WIRE_KLOCK } /* locks of files */
#define OTHER(name) [__NR_##name] = { #name, WIRE_OTHER }

/* clang-format off */
static const struct call calls[] = {
	/* those that say what the thread waits for */
	FUTEX(futex),
	SLEEP(nanosleep), SLEEP(clock_nanosleep),
	CHILD(clone), CHILD(wait4), CHILD(waitid),
	DISK(msync), DISK(fsync), DISK(fdatasync), DISK(sync), DISK(readahead), DISK(io_getevents),
	DISK(io_submit), DISK(sync_file_range), DISK(syncfs), DISK(copy_file_range),
	DISK(io_pgetevents),
	IPC(read), IPC(write), IPC(pread64), IPC(pwrite64), IPC(readv), IPC(writev), IPC(sendfile),
	IPC(connect), IPC(accept), IPC(sendto), IPC(recvfrom), IPC(sendmsg), IPC(recvmsg),
	IPC(semop), IPC(msgsnd), IPC(msgrcv), IPC(semtimedop), IPC(mq_timedsend),
	IPC(mq_timedreceive), IPC(pselect6), IPC(ppoll), IPC(splice), IPC(tee), IPC(vmsplice),
	IPC(epoll_pwait), IPC(accept4), IPC(preadv), IPC(pwritev), IPC(recvmmsg), IPC(sendmmsg),
	IPC(preadv2), IPC(pwritev2),
	KLOCK(fcntl), KLOCK(flock),

	/* all others that every machine has, by their number on x86-64 */
	OTHER(close), OTHER(fstat), OTHER(lseek), OTHER(mmap), OTHER(mprotect), OTHER(munmap),
	OTHER(brk), OTHER(rt_sigaction), OTHER(rt_sigprocmask), OTHER(rt_sigreturn), OTHER(ioctl),
	OTHER(sched_yield), OTHER(mremap), OTHER(mincore), OTHER(madvise), OTHER(shmget),
	OTHER(shmat), OTHER(shmctl), OTHER(dup), OTHER(getitimer), OTHER(setitimer), OTHER(getpid),
	OTHER(socket), OTHER(shutdown), OTHER(bind), OTHER(listen), OTHER(getsockname),
	OTHER(getpeername), OTHER(socketpair), OTHER(setsockopt), OTHER(getsockopt), OTHER(execve),
	OTHER(exit), OTHER(kill), OTHER(uname), OTHER(semget), OTHER(semctl), OTHER(shmdt),
	OTHER(msgget), OTHER(msgctl), OTHER(truncate),
	OTHER(ftruncate), OTHER(getcwd), OTHER(chdir), OTHER(fchdir), OTHER(fchmod), OTHER(fchown),
	OTHER(umask), OTHER(gettimeofday), OTHER(getrlimit), OTHER(getrusage), OTHER(sysinfo),
	OTHER(times), OTHER(ptrace), OTHER(getuid), OTHER(syslog), OTHER(getgid), OTHER(setuid),
	OTHER(setgid), OTHER(geteuid), OTHER(getegid), OTHER(setpgid), OTHER(getppid),
	OTHER(setsid), OTHER(setreuid), OTHER(setregid), OTHER(getgroups), OTHER(setgroups),
	OTHER(setresuid), OTHER(getresuid), OTHER(setresgid), OTHER(getresgid), OTHER(getpgid),
	OTHER(setfsuid), OTHER(setfsgid), OTHER(getsid), OTHER(capget), OTHER(capset),
	OTHER(rt_sigpending), OTHER(rt_sigtimedwait), OTHER(rt_sigqueueinfo), OTHER(rt_sigsuspend),
	OTHER(sigaltstack), OTHER(personality), OTHER(statfs), OTHER(fstatfs), OTHER(getpriority),
	OTHER(setpriority), OTHER(sched_setparam), OTHER(sched_getparam),
	OTHER(sched_setscheduler), OTHER(sched_getscheduler), OTHER(sched_get_priority_max),
	OTHER(sched_get_priority_min), OTHER(sched_rr_get_interval), OTHER(mlock), OTHER(munlock),
	OTHER(mlockall), OTHER(munlockall), OTHER(vhangup), OTHER(pivot_root), OTHER(prctl),
	OTHER(adjtimex), OTHER(setrlimit), OTHER(chroot), OTHER(acct), OTHER(settimeofday),
	OTHER(mount), OTHER(umount2), OTHER(swapon), OTHER(swapoff), OTHER(reboot),
	OTHER(sethostname), OTHER(setdomainname), OTHER(init_module), OTHER(delete_module),
	OTHER(quotactl), OTHER(nfsservctl), OTHER(gettid), OTHER(setxattr), OTHER(lsetxattr),
	OTHER(fsetxattr), OTHER(getxattr), OTHER(lgetxattr), OTHER(fgetxattr), OTHER(listxattr),
	OTHER(llistxattr), OTHER(flistxattr), OTHER(removexattr), OTHER(lremovexattr),
	OTHER(fremovexattr), OTHER(tkill), OTHER(sched_setaffinity), OTHER(sched_getaffinity),
	OTHER(io_setup), OTHER(io_destroy), OTHER(io_cancel), OTHER(lookup_dcookie),
	OTHER(remap_file_pages), OTHER(getdents64), OTHER(set_tid_address), OTHER(restart_syscall),
	OTHER(fadvise64), OTHER(timer_create), OTHER(timer_settime), OTHER(timer_gettime),
	OTHER(timer_getoverrun), OTHER(timer_delete), OTHER(clock_settime), OTHER(clock_gettime),
	OTHER(clock_getres), OTHER(exit_group), OTHER(epoll_ctl), OTHER(tgkill), OTHER(mbind),
	OTHER(set_mempolicy), OTHER(get_mempolicy), OTHER(mq_open), OTHER(mq_unlink),
	OTHER(mq_notify), OTHER(mq_getsetattr), OTHER(kexec_load), OTHER(add_key),
	OTHER(request_key), OTHER(keyctl), OTHER(ioprio_set), OTHER(ioprio_get),
	OTHER(inotify_add_watch), OTHER(inotify_rm_watch), OTHER(migrate_pages), OTHER(openat),
	OTHER(mkdirat), OTHER(mknodat), OTHER(fchownat), OTHER(newfstatat), OTHER(unlinkat),
	OTHER(renameat), OTHER(linkat), OTHER(symlinkat), OTHER(readlinkat), OTHER(fchmodat),
	OTHER(faccessat), OTHER(unshare), OTHER(set_robust_list), OTHER(get_robust_list),
	OTHER(move_pages), OTHER(utimensat), OTHER(timerfd_create), OTHER(fallocate),
	OTHER(timerfd_settime), OTHER(timerfd_gettime), OTHER(signalfd4), OTHER(eventfd2),
	OTHER(epoll_create1), OTHER(dup3), OTHER(pipe2), OTHER(inotify_init1),
	OTHER(rt_tgsigqueueinfo), OTHER(perf_event_open), OTHER(fanotify_init),
	OTHER(fanotify_mark), OTHER(prlimit64), OTHER(name_to_handle_at), OTHER(open_by_handle_at),
	OTHER(clock_adjtime), OTHER(setns), OTHER(getcpu), OTHER(process_vm_readv),
	OTHER(process_vm_writev), OTHER(kcmp), OTHER(finit_module), OTHER(sched_setattr),
	OTHER(sched_getattr), OTHER(renameat2), OTHER(seccomp), OTHER(getrandom),
	OTHER(memfd_create), OTHER(kexec_file_load), OTHER(bpf), OTHER(execveat),
	OTHER(userfaultfd), OTHER(membarrier), OTHER(mlock2), OTHER(pkey_mprotect),
	OTHER(pkey_alloc), OTHER(pkey_free), OTHER(statx), OTHER(rseq),

#ifdef __x86_64__
	/* older forms, which newer machines do without */
	CHILD(vfork),
	IPC(poll), IPC(select), IPC(epoll_wait_old), IPC(epoll_wait),
	OTHER(open), OTHER(stat), OTHER(lstat), OTHER(access), OTHER(pipe), OTHER(dup2),
	OTHER(pause), OTHER(alarm), OTHER(fork), OTHER(getdents), OTHER(rename), OTHER(mkdir),
	OTHER(rmdir), OTHER(creat), OTHER(link), OTHER(unlink), OTHER(symlink), OTHER(readlink),
	OTHER(chmod), OTHER(chown), OTHER(lchown), OTHER(getpgrp), OTHER(utime), OTHER(mknod),
	OTHER(uselib), OTHER(ustat), OTHER(sysfs), OTHER(modify_ldt), OTHER(_sysctl),
	OTHER(arch_prctl), OTHER(iopl), OTHER(ioperm), OTHER(create_module),
	OTHER(get_kernel_syms), OTHER(query_module), OTHER(getpmsg), OTHER(putpmsg),
	OTHER(afs_syscall), OTHER(tuxcall), OTHER(security), OTHER(time), OTHER(set_thread_area),
	OTHER(get_thread_area), OTHER(epoll_create), OTHER(epoll_ctl_old), OTHER(utimes),
	OTHER(vserver), OTHER(inotify_init), OTHER(futimesat), OTHER(signalfd), OTHER(eventfd),
	NUMBER(335, uretprobe, OTHER), NUMBER(336, uprobe, OTHER),
#endif

	/* the same number on all machines */
	NUMBER(424, pidfd_send_signal, OTHER), NUMBER(425, io_uring_setup, OTHER),
	NUMBER(426, io_uring_enter, IO_IPC), NUMBER(427, io_uring_register, OTHER),
	NUMBER(428, open_tree, OTHER), NUMBER(429, move_mount, OTHER), NUMBER(430, fsopen, OTHER),
	NUMBER(431, fsconfig, OTHER), NUMBER(432, fsmount, OTHER), NUMBER(433, fspick, OTHER),
	NUMBER(434, pidfd_open, OTHER), NUMBER(435, clone3, CHILD),
	NUMBER(436, close_range, OTHER), NUMBER(437, openat2, OTHER),
	NUMBER(438, pidfd_getfd, OTHER), NUMBER(439, faccessat2, OTHER),
	NUMBER(440, process_madvise, OTHER), NUMBER(441, epoll_pwait2, IO_IPC),
	NUMBER(442, mount_setattr, OTHER), NUMBER(443, quotactl_fd, OTHER),
	NUMBER(444, landlock_create_ruleset, OTHER), NUMBER(445, landlock_add_rule, OTHER),
	NUMBER(446, landlock_restrict_self, OTHER), NUMBER(447, memfd_secret, OTHER),
	NUMBER(448, process_mrelease, OTHER), NUMBER(449, futex_waitv, FUTEX_WAIT),
	NUMBER(450, set_mempolicy_home_node, OTHER), NUMBER(451, cachestat, OTHER),
	NUMBER(452, fchmodat2, OTHER), NUMBER(453, map_shadow_stack, OTHER),
	NUMBER(454, futex_wake, OTHER), NUMBER(455, futex_wait, FUTEX_WAIT),
	NUMBER(456, futex_requeue, OTHER), NUMBER(457, statmount, OTHER),
	NUMBER(458, listmount, OTHER), NUMBER(459, lsm_get_self_attr, OTHER),
	NUMBER(460, lsm_set_self_attr, OTHER), NUMBER(461, lsm_list_modules, OTHER),
	NUMBER(462, mseal, OTHER), NUMBER(463, setxattrat, OTHER), NUMBER(464, getxattrat, OTHER),
	NUMBER(465, listxattrat, OTHER), NUMBER(466, removexattrat, OTHER),
	NUMBER(467, open_tree_attr, OTHER), NUMBER(468, file_getattr, OTHER),
	NUMBER(469, file_setattr, OTHER),
};
/* clang-format on */

static const struct call *find_call(int nr)
{
	if (nr < 0 || (size_t)nr >= sizeof(calls) / sizeof(calls[0]) || !calls[nr].name)
		return NULL;
	return &calls[nr];
}

const char *syscall_name(int nr)
{
	const struct call *call = find_call(nr);

	return call ? call->name : NULL;
}

uint8_t syscall_state(int nr)
{
	const struct call *call = find_call(nr);

	return call ? call->state : WIRE_OTHER;
}
