// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * checks.c - the table of what parascope needs of a machine; see checks.h.
 *
 * Kernel releases stand in remedies only.  What is there is found by looking.
 */
#include <linux/capability.h>

#include "user/session/checks.h"
#include "user/target/target.h"

/*
 * compat.bpf.h names two variables of x86 kernels, of which each kernel has one at most.  libbpf
 * looks for the other in the types of all modules, and listing those takes CAP_SYS_ADMIN.
 */
#if defined(__x86_64__)
#define SYS_ADMIN_REQUIRED true
#define SYS_ADMIN_WITHOUT NOTHING
#else
#define SYS_ADMIN_REQUIRED false
#define SYS_ADMIN_WITHOUT "no --prog-stats, and tracefs must be mounted"
#endif

#define LOADING "BPF programs", "kernel types (BTF)"

const struct check checks[] = {
	{ "machine", "kernel", true, look_kernel, .without = NOTHING,
	  .remedy = "run it on x86-64 or arm64; other machines' registers are not known to it" },
	{ "machine", "open files", true, look_files, .without = NOTHING,
	  .remedy = "raise the limit (ulimit -n 1024)" },
	{ "machine", "user namespace", true, look_namespace, TARGET_USER_NS,
	  .without = "the kernel refuses BPF", .remedy = "run it on the host" },
	{ "machine", "PID namespace", true, look_namespace, TARGET_PID_NS,
	  .without = "process ids mean something else to BPF programs",
	  .remedy = "run it on the host (docker: --pid=host)" },
	{ "machine", "/proc", true, look_proc, .without = "no process can be found",
	  .remedy = "mount it: mount -t proc proc /proc" },
	{ "machine", "processes", false, look_hidepid, .after = { "/proc" },
	  .without = "only your own processes can be watched",
	  .remedy = "run with CAP_SYS_PTRACE, or mount /proc without hidepid" },
	{ "machine", "/sys", true, look_sys, .without = "the kernel's types cannot be found",
	  .remedy = "mount it: mount -t sysfs sysfs /sys" },
	{ "machine", "control groups", false, look_cgroups, .after = { "/proc" },
	  .without = "no --cgroup, no CPU quotas in reports",
	  .remedy = "mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup" },

	{ "rights", "bpf()", true, look_call, 0, .without = NOTHING,
	  .remedy = "needs a kernel with CONFIG_BPF_SYSCALL" },
	{ "rights", "perf_event_open()", true, look_call, 1,
	  .without = "futex calls cannot be seen: only --lean works",
	  .remedy = "needs a kernel with CONFIG_PERF_EVENTS" },
	{ "rights", "CAP_BPF", true, look_capability, CAP_BPF, .after = { "user namespace" },
	  .without = NOTHING, .remedy = ROOT },
	{ "rights", "CAP_PERFMON", true, look_capability, CAP_PERFMON,
	  .after = { "user namespace" }, .without = NOTHING, .remedy = ROOT },
	{ "rights", "CAP_SYS_ADMIN", SYS_ADMIN_REQUIRED, look_capability, CAP_SYS_ADMIN,
	  .after = { "user namespace" }, .without = SYS_ADMIN_WITHOUT, .remedy = ROOT },
	{ "rights", "CAP_SYS_PTRACE", false, look_capability, CAP_SYS_PTRACE,
	  .after = { "user namespace" },
	  .without = "in processes of other users GILs and shared locks go unrecognised",
	  .remedy = ROOT },
	{ "rights", "BPF programs", true, look_loading,
	  .after = { "bpf()", "CAP_BPF", "CAP_PERFMON" }, .without = NOTHING, .remedy = ASK },
	{ "rights", "kernel memory", true, look_lockdown, .after = { "BPF programs" },
	  .without = NOTHING,
	  .remedy = "boot with lockdown=integrity or none (Secure Boot may set it)" },

	{ "kernel", "kernel types (BTF)", true, look_btf, .after = { "/sys" }, .without = NOTHING,
	  .remedy = "needs a kernel with CONFIG_DEBUG_INFO_BTF, Linux 5.15 or newer" },
	{ "kernel", "32 bit jumps", true, look_jumps, .after = { "BPF programs" },
	  .without = NOTHING, .remedy = NEW_KERNEL },
	{ "kernel", "tracing programs", true, look_program, .what = "tp_btf/sched_switch",
	  .after = { LOADING }, .without = NOTHING, .remedy = NEW_KERNEL },
	{ "kernel", "task iterator", true, look_program, .what = "iter/task", .after = { LOADING },
	  .without = NOTHING, .remedy = NEW_KERNEL },
	{ "kernel", "ring buffer", true, look_ring, .after = { "BPF programs" }, .without = NOTHING,
	  .remedy = NEW_KERNEL },
	{ "kernel", "task storage", true, look_storage, .after = { "BPF programs" },
	  .without = NOTHING, .remedy = NEW_KERNEL },
	{ "kernel", "scheduler events", true, look_places, .after = { LOADING, "tracing programs" },
	  .without = NOTHING, .remedy = NEW_KERNEL },
	{ "kernel", "BPF helpers", true, look_helpers,
	  .after = { LOADING, "tracing programs", "kernel memory" }, .without = NOTHING,
	  .remedy = NEW_KERNEL },
	{ "kernel", "memory", true, look_memory, .after = { "ring buffer" }, .without = NOTHING,
	  .remedy = MORE_MEMORY },
	{ "kernel", "tracefs", true, look_tracefs,
	  .without = "futex calls cannot be seen: only --lean works",
	  .remedy = "mount it as root: mount -t tracefs tracefs /sys/kernel/tracing" },
	{ "kernel", "futex tracepoints", true, look_calls, .what = "futex",
	  .after = { "tracefs", "CAP_PERFMON", "perf_event_open()" },
	  .without = "futex calls cannot be seen: only --lean works", .remedy = NO_SYSCALL_EVENTS },

	{ "extras", "futex_waitv", false, look_calls, .what = "futex_waitv",
	  .after = { "futex tracepoints" }, .without = "waits in futex_waitv(2) are not seen",
	  .remedy = "Linux 5.16 has the call; where programs cannot make it nothing is lost" },
	{ "extras", "futex_wait, _wake", false, look_calls,
	  .what = "futex_wait futex_wake futex_requeue", .after = { "futex tracepoints" },
	  .without =
		  "waits in futex_wait(2) and what futex_wake(2), futex_requeue(2) do are not seen",
	  .remedy = "Linux 6.7 has the calls; where programs cannot make them nothing is lost" },
	{ "extras", "prev_state", false, look_args, 4, .what = "sched_switch",
	  .after = { "kernel types (BTF)" },
	  .without = "a thread that is woken while it goes to sleep may count as preempted",
	  .remedy = "needs Linux 5.18 or newer" },
	{ "extras", "contention events", false, look_args, 2, .what = "contention_begin",
	  .after = { "kernel types (BTF)" },
	  .without = "waits for locks inside the kernel count as page faults or other sleep",
	  .remedy = "needs Linux 5.19 or newer" },
	{ "extras", "wake-up context", false, look_context, .after = { LOADING },
	  .without = "who woke a thread is named only if it was a futex call of a watched thread",
	  .remedy = "needs a kernel with CONFIG_KALLSYMS_ALL" },
	{ "extras", "typed reads", false, look_cast, .after = { LOADING },
	  .without = "each sleep and each wake-up costs the target a few ns more",
	  .remedy = "needs Linux 6.2 or newer, and the BPF compiler" },
	{ "extras", "BPF compiler", false, look_jit, .what = "/proc/sys/net/core/bpf_jit_enable",
	  .after = { "/proc" }, .without = "watching costs the target several times as much",
	  .remedy = "sysctl net.core.bpf_jit_enable=1" },

	{ "all together", "collector", true, look_session, .after = { LOADING }, .without = NOTHING,
	  .remedy = "parascope doctor -v shows what libbpf and the verifier say" },
	{ 0 },
};
