# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the tests of waits: workloads that know how often and how long they slept, and their locks
against a report."""
from lib import emulated, lock_at, losses, only, threads_by_tid

# The bar of the project: one percent, or 5 us a wait.  The program reads its clock just outside of
# the system call, parascope inside of it.
SHARE = 0.01
PER_WAIT_NS = 5000
# The workload reads its clock after the call; now and then it loses the CPU just before.
PREEMPTED_NS = emulated(100_000_000, 500_000)
# How much less than the program itself parascope may see: a wait begins when its thread falls asleep, and
# the way there is 2 us of CPU time, 4 for a word that processes share.  In an emulated machine the way from
# the program's clock into the kernel and back takes 25 - 250 us.
LESS_SHARE = emulated(0.10, SHARE)
LESS_PER_WAIT_NS = emulated(500_000, 2 * PER_WAIT_NS)
# Blame: parascope sees the hand-off in the kernel, the program after its return to user space.
BLAME_SHARE = 0.05
BLAME_PER_WAIT_NS = emulated(1_000_000, 50_000)

PLANTED = {
    "mutex": ("mutex", "--planted", "--workers", "4", "--count", "50"),
    "mutex both": ("mutex", "--planted", "--mode", "both", "--workers", "3", "--count", "30"),
    "cond": ("cond", "--planted", "--workers", "4", "--count", "50"),
    "sem": ("sem", "--planted", "--workers", "4", "--count", "50"),
    "rwlock": ("rwlock", "--planted", "--workers", "4", "--count", "50"),
    "barrier": ("barrier", "--planted", "--workers", "4", "--count", "50"),
    "pi": ("pi", "--planted", "--workers", "4", "--count", "50"),
    "pshared threads": ("pshared", "--planted", "--workers", "4", "--count", "50"),
    "pshared procs": ("pshared", "--planted", "--mode", "procs", "--workers", "4", "--count", "50"),
    "pshared both": ("pshared", "--planted", "--mode", "both", "--workers", "3", "--count", "30"),
    # lives long enough for a slow reader to look at its mappings
    "pshared procs longer": ("pshared", "--planted", "--mode", "procs", "--workers", "3", "--count",
                             "1000"),
    "robust": ("robust", "--planted", "--workers", "4", "--count", "50"),
    "waitv": ("waitv", "--planted", "--count", "50"),
    "lockstep": ("lockstep", "--count", "2000"),
    "timedwait": ("timedwait", "--workers", "4", "--count", "20"),
    "join": ("join", "--planted", "--workers", "6"),
}
# class that a kind of truth lock must have: contention or not
CONTENTION = {"mutex": True, "pi": True, "robust": True, "rwlock": True,
              "cond": False, "sem": False, "barrier": False, "join": False}
KINDS = {"mutex": "mutex", "pi": "pi-mutex", "robust": "robust-mutex", "rwlock": "rwlock",
         "cond": "condition", "sem": "semaphore", "barrier": "barrier", "join": "join"}


def check_time(check, got, count, ns, what, least=None):
    """The time of waits as parascope and as the program itself saw it, from outside of the call.  least: of
    what the kernel spins before it sleeps nothing is seen, only so much is sure."""
    count = max(count, 1)
    check.between(got, least if least is not None else ns - max(LESS_SHARE * ns, LESS_PER_WAIT_NS * count) - PREEMPTED_NS,
                  ns + max(SHARE * ns, PER_WAIT_NS * count), what)


def check_ends(check, report, row, truth, what, others=("timeouts",)):
    """Waits by how they ended.  Without programs at system calls a sleep that was ended out of sight (a
    kernel that hides tasks hides wake-ups by them) counts as a wait; then only the number of all is known."""
    keys = ("waits", *others)
    got, expected = ([r[k] for k in keys] for r in (row, truth))
    hidden = losses(report).get("switch", 0)
    moved = sum(abs(a - b) for a, b in zip(got[1:], expected[1:]))
    if report["mode"] == "lean" and 0 < moved <= hidden:
        got, expected = sum(got), sum(expected)
    check.equal(got, expected, f"{', '.join(keys)} of {what}")


def check_lock(check, report, lock, truth):
    """One lock of the truth against the row (or rows) of the report at its place."""
    name = f"{lock['kind']} {lock['name']}"
    rows = lock_at(report, lock)
    ends = {key: sum(r[key] for r in rows) for key in ("waits", "timeouts")}
    check_ends(check, report, ends, lock, name)
    if not rows:
        return
    if lock["kind"] not in ("waitv", "futex"):
        check.equal(len(rows), 1, f"rows of {name}")
    slept = lock["wait_ns"] + lock["timeout_ns"]
    # the kernel spins for a PI lock as long as its owner runs, and that of the workload looks whether the
    # waiter sleeps before it begins to hold
    least = 0.9 * lock["waits"] * truth["hold_ns"] if lock["kind"] == "pi" else None
    check_time(check, sum(r["wait_ns"] for r in rows), lock["waits"] + lock["timeouts"], slept,
               f"time waited for {name}", least)
    if lock["waits"] and lock["kind"] in KINDS:
        check.equal(rows[0]["kind"], KINDS[lock["kind"]], f"kind of {name}")
        check.equal(rows[0]["class"] != "cond", CONTENTION[lock["kind"]], f"contention on {name}")


def check_blame(check, report, truth):
    """Each holder of a planted mutex is charged with what others waited behind it.  Who is given the lock is
    charged from its wake-up on; its own clock begins when it has a CPU, and all others may wait meanwhile."""
    lock = truth["locks"][0]
    row = only(lock_at(report, lock), "the mutex")
    charged = {h["tid"]: h["ns"] for h in row["top_holders"]}
    others = len(lock["holders"]) - 2
    for h in lock["holders"]:
        tolerance = max(BLAME_SHARE * lock["wait_ns"], BLAME_PER_WAIT_NS * truth["count"])
        check.between(charged.get(h["tid"], 0), h["blamed_ns"] - tolerance,
                      h["blamed_ns"] + tolerance + others * row["delay_ns"], f"blame of thread {h['tid']}")


def check_threads(check, report, truth):
    rows = threads_by_tid(report)
    for t in truth["threads"]:
        row = rows.get(t["tid"])
        if check.that(row, f"thread {t['tid']} is missing") and t["role"] != "main":
            check_ends(check, report, row, t, t["comm"])
