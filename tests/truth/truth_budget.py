# SPDX-License-Identifier: GPL-2.0-or-later
"""--max-overhead: what is left out is told, sums stay exact; and the report does not wait for the end."""
import os
import subprocess
import time

from lib import (PARASCOPE, Attach, Workload, attach_for, emulated, end, main, resume, run_workload, schedstat,
                 start, stop, test, threads_by_tid, tids)

# As in truth_cpu.py: half a percent of the time, or 2 us for each switch, and what the host takes.
SHARE = emulated(0.05, 0.005)
STEAL_SHARE = emulated(0.05, 0.03)
PER_SWITCH_NS = emulated(20_000, 2000)
STEADY_S = 0.03  # see truth_cpu.py
# What an emulated CPU may lose between the kernel's clock and the tracepoint, as in truth_cpu.py; much of
# what a thread has that hardly runs.
STALL_NS = emulated(5_000_000, 0)

RUN_S = 3.0
PINGPONG = ("pingpong", "--pin", "--time", "120")
# Two threads on one CPU that do nothing but wake each other: far more than this, whatever the machine.
TIGHT = "1%"
WHATEVER = "100%"
# Of waits counted by records in some of the time, against all of them: the rate of a ping-pong that
# shares its CPUs with other programs is not the same all the time.
SCALED_SHARE = emulated(0.5, 0.25)
# From the end of the window to the report; the kernel needs much longer to let go of everything.
REPORT_S = emulated(10, 0.25)


def snapshot(pid):
    latest = None
    while True:
        former, latest = latest, {t: schedstat(pid, t) for t in tids(pid)}
        if former == latest:
            return latest
        time.sleep(STEADY_S)


def check_gap(check, report):
    """What must hold whenever some time was left out."""
    check.complete(report)
    over = report["overhead"]
    check.equal(over["detail_ns"] + report["par"]["gap_ns"], report["window_ns"], "detail and gap")
    for par in [report["par"]] + [p["par"] for p in report["processes"]]:
        for key in ("running", "wanted"):
            check.equal(sum(par[key]), par["wall_ns"] - par["gap_ns"], f"sum of {key} t_k")
    for t in report["threads"]:
        check.equal(t["doubtful"], False, f"doubts about thread {t['tid']}")


@test
def tight(check):
    """one percent for a ping-pong: stacks and records go, CPU time is that of the scheduler"""
    load = Workload(*PINGPONG, threads=3)
    stop(load.pid)
    before = snapshot(load.pid)
    watching = Attach([load.pid], "--max-overhead", TIGHT)
    resume(load.pid)
    time.sleep(RUN_S)
    stop(load.pid)
    after = snapshot(load.pid)
    report = watching.report()
    check_gap(check, report)
    over = report["overhead"]
    check.equal(over["budget"], 0.01, "budget")
    check.that(over["steps"], "nothing was reduced")
    check.equal((over["steps"][-1]["divisor"], over["steps"][-1]["detail"]), (0, 0), "the last step")
    check.that(over["exceeded"], "sums alone cost less than 1 %?")
    check.that(over["max"] >= over["mean"] > 0.01, f"mean {over['mean']}, max {over['max']}")
    check.between(report["par"]["gap_ns"], 0.2 * RUN_S * 1e9, report["window_ns"], "time left out")
    rows = threads_by_tid(report)
    for tid, then in after.items():
        expected, stays = then[0] - before[tid][0], then[1] - before[tid][1]
        check.near(rows[tid]["state_ns"]["on_cpu"], expected,
                   max(SHARE * expected, 2 * PER_SWITCH_NS * stays) + STEAL_SHARE * expected + STALL_NS,
                   f"on-CPU of thread {tid}")
        check.equal(rows[tid]["life_ns"], report["window_ns"], f"life of thread {tid}")
    end(load.child)


@test
def waits_stay_exact(check):
    """every wait of a lockstep is in the sums of its thread, with records or without"""
    report, truth = run_workload("lockstep", "--time", f"{RUN_S:.0f}", options=("--max-overhead", TIGHT))
    check_gap(check, report)
    check.that(report["par"]["gap_ns"] > 0, "nothing was left out")
    rows = threads_by_tid(report)
    for t in truth["threads"]:
        if t["role"] == "main":
            continue
        for key in ("waits", "timeouts"):
            check.equal(rows[t["tid"]][key], t[key], f"{key} of {t['comm']}")
    told, all_waits = (sum(w[key] for w in what) for what, key in
                       ((report["locks"], "waits"), (truth["threads"], "waits")))
    check.that(told < all_waits, f"{told} of {all_waits} waits are told by records")


@test
def generous(check):
    """a budget that is kept changes nothing"""
    # where machines are emulated a ping-pong costs nearly as much to watch as to play
    load = Workload("mixed", "--workers", "2", "--time", "120", threads=3)
    report = attach_for([load.pid], RUN_S / 2, "--max-overhead", WHATEVER)
    plain = attach_for([load.pid], RUN_S / 2)
    end(load.child)
    check_gap(check, report)
    over = report["overhead"]
    check.equal((over["steps"], over["all_steps"], over["exceeded"]), ([], 0, False), "reductions")
    check.equal(report["par"]["gap_ns"], 0, "time left out")
    check.equal(over["detail_ns"], report["window_ns"], "time with detail")
    check.that(0 < over["mean"] <= over["max"], f"mean {over['mean']}, max {over['max']}")
    check.that(not report["quality"]["prog_times"], "programs were timed now and then only")
    check.equal(plain["overhead"], None, "without a budget")


@test
def now_and_then(check):
    """a budget between all and sums alone: records in some of the time, which stands for the whole"""
    load = Workload(*PINGPONG, threads=3)
    full = attach_for([load.pid], RUN_S / 2, "--max-overhead", WHATEVER)["overhead"]["mean"]
    least = attach_for([load.pid], RUN_S, "--max-overhead", TIGHT)["overhead"]["least"]
    percent = 100 * (least + 0.7 * (full - least))
    if not check.that(0 < least < full, f"sums alone cost {least}, all {full}"):
        return
    report = attach_for([load.pid], 2.5 * RUN_S, "--max-overhead", f"{percent:.2f}%")
    end(load.child)
    check_gap(check, report)
    shares = [s["detail"] for s in report["overhead"]["steps"]]
    check.that(any(0 < s < 1 for s in shares), f"budget {percent:.1f} %: detail {shares}")
    detail = report["overhead"]["detail_ns"] / report["window_ns"]
    check.between(detail, 0.01, 0.99, "share of the time with detail")
    told = sum(l["waits"] for l in report["locks"] if l["kind"] == "semaphore")
    waits = sum(t["waits"] for t in report["threads"])
    check.near(told, detail * waits, SCALED_SHARE * detail * waits, "waits told by records")
    # one CPU: at most one at a time, whatever was seen of it
    check.near(sum(report["par"]["running"][2:]), 0, 1e-4 * report["window_ns"],
               "time with two on one CPU")
    ran = sum(report["par"]["running"][1:]) / (report["window_ns"] * detail)
    check.near(ran, report["par"]["average"], 0.1, "share of the time with one on CPU")


@test
def report_at_once(check):
    """the report is there before the kernel has let go of the tracepoints; then nothing is left"""
    load = start(["sleep", "60"])
    took = []
    for _ in range(3):
        child = start([PARASCOPE, "attach", "-d", "300ms", "-p", str(load.pid)],
                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stderr.readline()
        begin = time.monotonic()
        os.read(child.stdout.fileno(), 1)
        took.append(time.monotonic() - begin - 0.3)
        child.communicate()
        check.equal(child.returncode, 0, "exit")
    end(load)
    check.between(min(took), -1, REPORT_S, "seconds from the end of the window to the report")


main()
