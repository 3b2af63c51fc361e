# SPDX-License-Identifier: GPL-2.0-or-later
"""A live, unmodified CPython: its GIL is found and its waiting told."""
import subprocess

from lib import PYTHON, attach_for, emulated, main, only, process_cpu_ns, start, test, tids, wait_for

WORKERS = 4
# Threads that count under a GIL use one CPU together; what is above it is the way from one to the next.
ONE_CPU = emulated(1.5, 1.1)

SPIN = f"""
import sys, threading
print(sys.version.split()[0], flush=True)
def spin():
    n = 0
    while True:
        n += 1
for _ in range({WORKERS}):
    threading.Thread(target=spin).start()
"""


@test
def gil(check):
    """threads that only count wait for the GIL and share one CPU"""
    child = start([PYTHON, "-S", "-c", SPIN], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    version = ".".join(child.stdout.readline().split(".")[:2])
    wait_for("workers", lambda: len(tids(child.pid)) == WORKERS + 1)
    wait_for("running workers", lambda: process_cpu_ns(child.pid) > 100_000_000)
    report = attach_for([child.pid], 1.0)
    check.complete(report)
    row = only([l for l in report["locks"] if l["class"] == "gil"], "locks that are a GIL")
    check.equal(row["name"], f"GIL (CPython {version})", "name")
    check.equal(report["verdict"]["code"], "gil-bound", "verdict")
    check.that(row["waits"] > 0, "nobody got the GIL after waiting")
    check.that(report["par"]["on_cpu_ns"] <= ONE_CPU * report["window_ns"],
               f"{report['par']['on_cpu_ns']} ns on CPU in {report['window_ns']}")
    waiters = {w["tid"] for w in row["top_waiters"]}
    workers = set(tids(child.pid)) - {child.pid}
    check.that(waiters <= workers, f"waiters {waiters}, workers {workers}")
    check.that(len(waiters) >= 2, "only one thread waited")
    # all of them want to run all the time: what they do not run, they wait for the GIL or for a CPU
    state = report["budget"]["state_ns"]
    wanted = sum(state[s] for s in ("on_cpu", "woken", "preempted", "gil"))
    check.near(wanted, WORKERS * report["window_ns"], 0.02 * wanted, "running, ready or in the GIL")
    check.that(state["gil"] > report["window_ns"], f"{state['gil']} ns of waiting for the GIL")


main()
