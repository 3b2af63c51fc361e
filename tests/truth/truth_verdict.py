# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict and who is to blame, on workloads whose trouble is known."""
from lib import Workload, attach_for, emulated, lock_at, main, only, run_workload, test, wait_asleep

# The bar of the project for the time waited for a GIL.
GIL_WAIT_SHARE = emulated(0.25, 0.02)
PER_WAIT_NS = emulated(500_000, 5000)
# Hogs: blame is seen from the kernel's wake-ups, the program's from its own clock after them.
BLAME_SHARE = 0.10


def check_verdict(check, report, code):
    """A loaded machine can make the CPUs the scarcest, then the report should say just that."""
    state = report["budget"]["state_ns"]
    short = state["woken"] + state["preempted"] > state["lock"] + state["gil"]
    wanted = (code, "cpu-short") if short else (code,)
    return check.that(report["verdict"]["code"] in wanted,
                      f"verdict: {report['verdict']['sentence']}, expected {code}") and not short


def contention(report):
    return [l for l in report["locks"] if l["class"] != "cond"]


@test
def idle_pool(check):
    """an idle pool of eight threads: no contention at all"""
    load = Workload("pool", "--workers", "8", "--time", "120", threads=9)
    wait_asleep(load.pid, 9)
    report = attach_for([load.pid], 0.5)
    check.complete(report)
    state = report["budget"]["state_ns"]
    check.equal((state["lock"], state["gil"]), (0, 0), "time in lock and gil")
    for l in contention(report):
        check.equal((l["waits"], l["open"]), (0, 0), f"waits, open of {l['name']}")
    check.equal(report["par"]["serial_ns"], 0, "serial time")
    # its main thread looks up now and then, which is work where each instruction is slow
    wanted = emulated(("idle", "io-serial"), ("idle",))
    check.that(report["verdict"]["code"] in wanted, report["verdict"]["sentence"])


@test
def saturated_pool(check):
    """the same pool with jobs under one mutex: contention"""
    report, truth = run_workload("pool", "--workers", "8", "--count", "300")
    check.complete(report)
    check.that(report["budget"]["state_ns"]["lock"] > 0, "no time in lock")
    check.that(any(l["waits"] for l in contention(report)), "no lock was waited for")
    rows = [r for l in truth["locks"] if l["kind"] == "mutex" for r in lock_at(report, l)]
    check.that(any(r["kind"] == "mutex" and r["waits"] for r in rows), "the mutex is not found")


@test
def gil(check):
    """the twin of CPython's GIL: recognised, verdict gil-bound, waits and time exact"""
    report, truth = run_workload("gil", "--workers", "4", "--time", "1.5")
    check.complete(report)
    check_verdict(check, report, "gil-bound")
    lock = truth["locks"][0]
    row = only([l for l in lock_at(report, lock) if l["class"] == "gil"], "the hand-off lock")
    check.that(row["kind"] in ("hand-off lock", "gil"), f"kind {row['kind']}")
    check.near(row["wait_ns"], lock["wait_ns"],
               max(GIL_WAIT_SHARE * lock["wait_ns"], PER_WAIT_NS * lock["contended"]), "time waited")
    check.equal(row["timeouts"], lock["timeouts"], "re-waits of 5 ms")


@test
def mutex_fight(check):
    """four threads fighting for one mutex: lock-bound, that mutex"""
    report, truth = run_workload("mutex", "--workers", "4", "--count", "1500", "--hold-us", "200",
                                 "--think-us", "10")
    check.complete(report)
    named = check_verdict(check, report, "lock-bound")
    row = only(lock_at(report, truth["locks"][0]), "the mutex")
    check.equal(row["id"], 1, "place of the mutex among the locks")
    if named:
        check.that(row["name"] in report["verdict"]["sentence"], "the verdict names another lock")
    # a wait inside the kernel is an acquisition whose trylock failed; some never have to sleep
    check.that(row["waits"] <= truth["locks"][0]["contended"], "more waits than contended locks")
    for t in report["threads"]:
        if t["tid"] != truth["pid"] and t["waits"]:
            check.equal(t["top_lock"], 1, f"worst lock of {t['comm']}")


@test
def hog(check):
    """the hog is charged most, as it says itself"""
    report, truth = run_workload("hog", "--workers", "4", "--count", "60")
    check.complete(report)
    lock = truth["locks"][0]
    row = only(lock_at(report, lock), "the mutex")
    holders = {h["tid"]: h["ns"] for h in row["top_holders"]}
    hog_tid = only([t for t in truth["threads"] if t["role"] == "hog"], "hog")["tid"]
    check.equal(row["top_holders"][0]["tid"], hog_tid, "first holder")
    for h in lock["holders"]:
        check.near(holders.get(h["tid"], 0), h["blamed_ns"],
                   max(BLAME_SHARE * lock["wait_ns"], PER_WAIT_NS * lock["contended"]),
                   f"blame of {h['tid']}")


main()
