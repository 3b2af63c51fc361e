# SPDX-License-Identifier: GPL-2.0-or-later
"""The GIL of live interpreters: whose hands it goes through, and how long threads wait for it."""
import time

from lib import Attach
from pylib import check_verdict, each, endless, gil_of, lock_of, main, site_ns, states, tids_of, watch

# A hand-off can be under way at each end of the window: one is counted by CPython already, the other
# by us alone; and CPython's count is read a moment beside each end.
AT_THE_EDGES = 3
COUNT = 0.005
# Who was preempted right after it let go, and finds the GIL free when it runs again, has waited without a
# system call.  With turns of half a millisecond that is one in 150.
COUNT_SHORT = 0.015
STATES = 0.01
ASLEEP = 0.001


def handoffs(check, interpreter, threads, interval):
    """hand-offs are CPython's own switch_number"""
    program = endless(interpreter, "spin.py", "--threads", threads, "--interval", interval)
    attach = Attach([program.pid])
    begin, before = time.monotonic_ns(), program.switches()
    time.sleep(2.0)
    after, finish = program.switches(), time.monotonic_ns()
    report = attach.report()
    program.truth()
    check.complete(report)
    gil = gil_of(report, program)
    if not check.that(gil["switches_known"], "CPython's own count is not known"):
        return
    # what the window has around the two looks
    inner = after - before
    around = (report["window_ns"] - (finish - begin)) / (finish - begin)
    check.between(gil["switches"], inner - AT_THE_EDGES, inner * (1 + 2 * max(0, around)) + AT_THE_EDGES,
                  "the count of CPython, and as read from its memory")
    check.that(inner > 30, f"only {inner} switches")
    part = COUNT if interval >= 0.005 else COUNT_SHORT
    check.near(gil["handoffs"], gil["switches"], max(part * gil["switches"], AT_THE_EDGES), "hand-offs")
    check.equal(gil["interval_ns"], round(interval * 1e9), "switch interval")


NO_GIL = ("free-threaded",)
each(handoffs, (4, 0.005), (16, 0.005), (2, 0.005), (4, 0.0005), but=NO_GIL, short=2)


def waiting(check, interpreter):
    """four threads that count: what they do not run, they wait for the GIL or for a CPU"""
    report, truth, program = watch(interpreter, "spin.py", "--threads", 4, seconds=1.5)
    check.complete(report)
    gil, workers = gil_of(report, program), tids_of(truth)
    lock = lock_of(report, gil)
    check.equal(gil["runtime"], program.version, "name of the interpreter")
    check_verdict(check, report, "gil-bound")
    waited = states(report, workers, "gil")
    wanted = 4 * report["window_ns"] - states(report, workers, "on_cpu", "woken", "preempted")
    check.near(waited, wanted, STATES * wanted, "in the GIL")
    check.that({w["tid"] for w in lock["top_waiters"]} == workers, "other waiters than the workers")
    holders = sum(h["ns"] for h in lock["top_holders"] if h["tid"] in workers)
    # asleep behind somebody; the rest of a wait is the way from being woken to going on
    check.that(holders >= 0.95 * (lock["blocked_ns"] - gil["free_ns"]),
               f"{holders} ns charged to the workers, of {lock['blocked_ns']} - {gil['free_ns']}")
    parts = gil["poll_ns"] + gil["delay_ns"] + gil["handoff_ns"]
    check.near(parts, lock["wait_ns"], 1, "parts of the waits")
    check.that(gil["forced"] >= 0.9 * gil["handoffs"],
               f"{gil['forced']} forced of {gil['handoffs']}: nobody lets go of it by himself")
    check.that(gil["held_asleep_ns"] <= 0.01 * lock["wait_ns"], "the holders sleep, it says")
    for row in (t for t in report["threads"] if t["tid"] in workers):
        check.that(row["python"], f"thread {row['tid']} runs no Python, it says")
        check.near(row["gil_wait_share"] * row["life_ns"], row["state_ns"]["gil"], 0.001 * row["life_ns"],
                   f"share of thread {row['tid']}")


each(waiting, but=NO_GIL)


def where(check, interpreter):
    """their waits, holds and CPU time are in the function that counts"""
    report, truth, program = watch(interpreter, "spin.py", "--threads", 4, seconds=2.0)
    gil = gil_of(report, program)
    loop = program.line_of("while not told.stopping")
    for what, sites in (("waiting", lock_of(report, gil)["sites"]), ("holding", gil["holding"]),
                        ("running", report["running"])):
        total = site_ns(sites)
        check.that(total > 0, f"{what}: no site")
        inside = site_ns(sites, "burn", loop) + site_ns(sites, "burn", loop + 1)
        check.that(inside >= 0.99 * total, f"{what}: {inside} of {total} ns in burn(): "
                   f"{[(s['function'], s['line'], s['ns']) for s in sites][:5]}")
        check.that(all(s["file"].endswith("spin.py") for s in sites if s["function"] == "burn"),
                   f"{what}: in another file")
    check.that(gil["with_ns"] >= 0.95 * (gil["with_ns"] + gil["without_ns"]),
               f"{gil['without_ns']} ns without the GIL, {gil['with_ns']} with it")
    on_cpu = report["par"]["on_cpu_ns"]
    check.near(site_ns(report["running"]), on_cpu, 0.03 * on_cpu, "sampled time against time on CPU")
    names = {t["tid"]: t["name"] for t in report["threads"]}
    for t in truth["threads"]:
        check.equal(names.get(t["tid"]), t["name"], f"name of thread {t['tid']}")
    quality = report["quality"]
    check.that(quality["samples"] > 0 and quality["samples_unread"] <= 0.01 * quality["samples"],
               f"{quality['samples_unread']} of {quality['samples']} samples without a stack")


each(where, but=NO_GIL)


def asleep(check, interpreter):
    """threads that only sleep do not wait for the GIL"""
    report, truth, _ = watch(interpreter, "sleeper.py", seconds=1.5)
    check.complete(report)
    workers = tids_of(truth)
    waited = states(report, workers, "gil")
    check.that(waited <= ASLEEP * len(workers) * report["window_ns"], f"{waited} ns in the GIL")
    slept = states(report, workers, "sleep", "io_ipc")  # 3.9 and 3.10 sleep in select()
    check.that(slept >= 0.95 * len(workers) * report["window_ns"], f"asleep for {slept} ns only")
    check.that(report["verdict"]["code"] != "gil-bound", report["verdict"]["sentence"])


each(asleep)

main()
