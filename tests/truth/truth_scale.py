# SPDX-License-Identifier: GPL-2.0-or-later
"""Many threads, many short threads, many futex words: nothing missing, memory bounded."""
import ctypes

from lib import (CpuGroup, Workload, attach_for, lock_at, main, only, run_workload, test, thread_state,
                 tids, wait_for)

# The bar of the project, for each of the three.
RSS_KIB = 64 * 1024
MANY_THREADS = 10_000
SHORT_THREADS = 200_000
WORDS = 1_000_000  # half of them time out after 1 us
PR_SET_TIMERSLACK = 29
HOT_WAITS = 3  # waits of the first of ten hot words; the k-th has k times as many
HOT_WORDS = 10
# On-CPU of short threads against the CPU clocks.  The one of the process lacks what a thread uses after
# the kernel last looked at it (up to its exit), so it is a lower limit; the one of a control group
# counts all, and more: the shell before the workload.
CPU_SHARE = 0.01
SHELL_NS = 20_000_000


def check_memory(check, report):
    check.that(report["quality"]["own_rss_kib"] <= RSS_KIB,
               f"parascope used {report['quality']['own_rss_kib']} KiB")


@test
def many_threads(check):
    """attach to 10,000 threads: none missing, all asleep on the futex they share"""
    load = Workload("manythreads", "--workers", str(MANY_THREADS), "--time", "120",
                    threads=MANY_THREADS + 1)
    wait_for("sleeping threads",
             lambda: all(thread_state(load.pid, t) == "S" for t in tids(load.pid)[::97]))
    alive = tids(load.pid)
    report = attach_for([load.pid], 0.5)
    check.complete(report)
    check_memory(check, report)
    check.equal(sorted(t["tid"] for t in report["threads"]), alive, "threads")
    worst = max(report["locks"], key=lambda l: l["wait_ns"])
    check.equal((worst["open"], worst["waiters"]), (MANY_THREADS, MANY_THREADS), "open, waiters")
    check.equal(worst["wait_ns"], MANY_THREADS * report["window_ns"], "time waited")


@test
def short_threads(check):
    """200,000 short threads: their on-CPU adds up to the CPU clocks"""
    group = CpuGroup()
    report, truth = run_workload("churn", "--workers", "2", "--count", str(SHORT_THREADS // 2),
                                 "--hold-us", "5", command=group.command)
    cpu_ns = group.cpu_ns()
    group.remove()
    check.whole(report)
    check_memory(check, report)
    row = only(report["processes"], "processes")
    on_cpu = sum(t["state_ns"]["on_cpu"] for t in report["threads"])
    check.equal(on_cpu, row["par"]["on_cpu_ns"], "sum over threads against the process")
    check.between(on_cpu, truth["process_cpu_ns"] * (1 - CPU_SHARE), cpu_ns * (1 + CPU_SHARE),
                  "on-CPU against the clocks of the process and the group")
    check.that(on_cpu >= (cpu_ns - SHELL_NS) * (1 - CPU_SHARE),
               f"on-CPU {on_cpu}, the group used {cpu_ns}")
    check.that(row["threads"] >= SHORT_THREADS, f"{row['threads']} threads only")
    summed = sum(k * ns for k, ns in enumerate(report["par"]["running"]))
    if report["quality"]["complete"]:
        check.near(summed, on_cpu, CPU_SHARE * on_cpu, "sum of k * t_k")


def shortest_timers():
    """Children inherit it: timeouts end when due, not 50 us later; half a million of them do."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_TIMERSLACK, ctypes.c_ulong(1), 0, 0, 0)


@test
def many_words(check):
    """1,000,000 futex words: totals exact, the hot locks found with exact counts"""
    shortest_timers()
    report, truth = run_workload("addresses", "--size", str(WORDS), "--count", str(HOT_WAITS))
    check.complete(report)
    check_memory(check, report)
    hot = [l for l in truth["locks"] if l["waits"]]
    check.that(len(hot) >= HOT_WORDS, f"the workload knows only {len(hot)} hot words")
    for lock in hot:
        rows = lock_at(report, lock)
        if check.equal(len(rows), 1, f"rows of {lock['name']}"):
            check.equal(rows[0]["waits"], lock["waits"], f"waits for {lock['name']}")
    for key, name in (("again", "eagain"), ("timeouts", "timeouts"), ("waits", "waits")):
        check.equal(sum(t[key] for t in report["threads"] if t["tid"] != truth["pid"]),
                    sum(l[name] for l in truth["locks"]), f"{key} of all threads")
    check.equal(sum(l["again"] for l in report["locks"]), sum(l["eagain"] for l in truth["locks"]),
                "EAGAIN of all locks")


main()
