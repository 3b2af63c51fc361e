# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader that cannot keep up loses records, counts each, and says so."""
import os
import signal
import subprocess
import sys
import time

from lib import PARASCOPE, Attach, CpuClock, Workload, main, process_of, run, temp, test

# The bar of the project for on-CPU of a process: sums are kept in the kernel and do not depend on records.
SHARE = 0.005
PER_SWITCH_NS = 2000
STOP_S = 2.0


@test
def reader_stopped(check):
    """parascope stopped for 2 s under pingpong: made = received + dropped, sums still right"""
    # Pinned: on a CPU that was idle the kernel's own clock of a thread starts with the wake-up, some
    # microseconds before the thread runs (5 us measured on a virtual machine).
    load = Workload("pingpong", "--pin", "--time", "120", threads=3)
    clock = CpuClock(load.pid)
    time.sleep(4 * CpuClock.STEP_S)
    watching = Attach([load.pid], "--ring-size", "1M")
    os.kill(watching.pid, signal.SIGSTOP)
    time.sleep(STOP_S)
    os.kill(watching.pid, signal.SIGCONT)
    time.sleep(0.3)
    report = watching.report()
    time.sleep(4 * CpuClock.STEP_S)
    q = report["quality"]
    check.whole(report)
    check.that(q["dropped"] > 0, "nothing was dropped")
    check.equal(q["made"], q["received"] + q["dropped"], "records made")
    check.that(not q["complete"], "the report claims to be complete")
    check.equal(len(report["threads"]), 3, "threads")
    least, most = clock.between(report["begin_ns"], report["begin_ns"] + report["window_ns"])
    on_cpu = process_of(report, load.pid)["par"]["on_cpu_ns"]
    switches = sum(t["voluntary"] + t["involuntary"] for t in report["threads"])
    slack = max(SHARE * on_cpu, PER_SWITCH_NS * switches)
    check.between(on_cpu, least - slack, most + slack, "on-CPU of the process")
    check.that(any(t["doubtful"] for t in report["threads"]) or q["disagreement_ns"] > 0,
               "streams and sums are said to agree")
    for t in report["threads"]:
        check.equal(t["life_ns"], report["window_ns"], f"life of {t['comm']}")


@test
def reader_keeps_up(check):
    """the same with a running reader: nothing is lost"""
    load = Workload("lockstep", "--time", "120", threads=3)
    watching = Attach([load.pid])
    time.sleep(0.5)
    report = watching.report()
    check.complete(report)
    check.equal(report["quality"]["dropped"], 0, "dropped")


# Every record reuses room in the ring that a former one left: what is not written would show through.
# Names of two lengths, and a ring that wraps many times.
NAMES = """
import os
for i in range(1500):
    pid = os.fork()
    if not pid:
        with open("/proc/self/comm", "w") as comm:
            comm.write("fifteen-letters" if i % 2 else "x")
        if os.fork():
            os.wait()
        os._exit(0)
    os.waitpid(pid, 0)
"""


@test
def ring_reused(check):
    """records that wrapped the ring many times are clean: the saved trace is good"""
    trace = temp("names.trace")
    report, _, _ = run([sys.executable, "-c", NAMES], "--ring-size", "256K", "-o", trace)
    check.whole(report)
    again = subprocess.run([PARASCOPE, "report", "-f", "json", trace], capture_output=True,
                           timeout=60, check=False)
    check.equal((again.returncode, again.stderr), (0, b""), "report of the trace")
    names = {t["comm"] for t in report["threads"]}
    check.that(names <= {"fifteen-letters", "x", "python3", "(ended threads)"}, f"names: {names}")


main()
