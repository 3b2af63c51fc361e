# SPDX-License-Identifier: GPL-2.0-or-later
"""Python's own locks, queues, conditions and joins: none of them is the GIL, and each has its line."""
from pylib import each, main, site_ns, states, tids_of, watch_whole

# The program's clocks stand outside of the call: bytecode, and the way to the GIL when it goes on.
PER_WAIT_NS = 200_000
SHARE = 0.02

# kind of waits.py: kind of the row, state of the threads, function that waits
KINDS = {
    "lock": ("Python lock", "lock"),
    "queue": ("queue wait", "cond"),
    "condition": ("Python condition", "cond"),
    "join": ("Python join", "cond"),
    "rlock": ("Python lock", "lock"),
    "event": ("Python condition", "cond"),
    "semaphore": ("Python condition", "cond"),
    "future": ("Python condition", "cond"),
}


def waits(check, interpreter, kind):
    """waits have their kind, time and line, and are not the GIL's"""
    report, truth, _ = watch_whole(interpreter, "waits.py", kind)
    check.complete(report)
    row_kind, state = KINDS[kind]
    waiters = [t for t in truth["threads"] if t["name"].startswith("waiter")]
    line, expected = waiters[0]["line"], sum(t["wait_ns"] for t in waiters)
    count = sum(t["work"] for t in waiters)
    tolerance = SHARE * expected + PER_WAIT_NS * count
    rows = [l for l in report["locks"] if l["kind"] == row_kind
            and site_ns(l["sites"], "wait", line)]
    seen = [(l["kind"], l["waits"], [(s["function"], s["line"]) for s in l["sites"][:2]])
            for l in report["locks"][:6]]
    if not check.that(rows, f"no row of kind {row_kind} at line {line}: {seen}"):
        return
    check.near(sum(site_ns(l["sites"], "wait", line) for l in rows), expected, tolerance, "time waited there")
    if truth["shortest_ns"] > 1_000_000:  # else somebody came when there was nothing to wait for any more
        check.equal(sum(l["waits"] for l in rows), count, "waits")
    # woken, it still has to get a CPU, and the GIL
    tids = {t["tid"] for t in waiters}
    ready = states(report, tids, "woken", "preempted", "gil")
    check.between(states(report, tids, state), expected - ready - tolerance, expected + tolerance, f"state {state}")
    # one waits for the GIL only while another has it; nobody here sleeps with it, so that one runs or
    # is about to
    everybody = {t["tid"] for t in report["threads"]}
    running = states(report, everybody, "on_cpu", "woken", "preempted")
    waited = states(report, everybody, "gil")
    check.that(waited <= (len(tids_of(truth)) - 1) * running,
               f"{waited} ns in the GIL, {running} ns of running")
    for lock in (l for l in report["locks"] if l["class"] == "gil"):
        check.that(lock["wait_ns"] <= 1.01 * (waited + running), f"{lock['wait_ns']} ns of waits for "
                   f"{lock['name']}, {waited} ns in the GIL and {running} ns of running")
    check.that(report["verdict"]["code"] not in ("gil-bound", "gil-held-while-blocked"),
               report["verdict"]["sentence"])


each(waits, *((kind,) for kind in KINDS), but=("free-threaded",), short=4)

main()
