# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits for locks: exact counts and times against workloads that know how often they slept."""
import json
import subprocess

from lib import (PARASCOPE, PYTHON, ROOT, SKIP_CODE, TIMEOUT_S, Skip, Workload, attach_for, cases,
                 lock_at, main, only, run, run_workload, temp, test)
from waitlib import PER_WAIT_NS, PLANTED, check_blame, check_lock, check_threads, check_time

# wire_wake.flags of bpf/wire.h
WAKE_IRQ, WAKE_NEW, WAKE_CTX = 1 << 0, 1 << 3, 1 << 5

def exact_count(check, name):
    """waits, their time, kind and class are those of the workload"""
    report, truth = run_workload(*PLANTED[name])
    check.complete(report)
    for lock in truth["locks"]:
        check.that(lock["exact"], f"the workload itself does not know {lock['name']}")
        check_lock(check, report, lock, truth)
    check_threads(check, report, truth)
    shared = [l for l in truth["locks"] if l["shared"]]
    check.equal(len([l for l in report["locks"] if l["shared"]]), len(shared), "shared locks")


cases(exact_count, PLANTED)


@test
def blame(check):
    """each holder of a planted mutex is charged with what others waited behind it"""
    report, truth = run_workload("mutex", "--planted", "--workers", "4", "--count", "50")
    check_blame(check, report, truth)


@test
def waiting_threads(check):
    """each waiter of a planted mutex waited as long as it says"""
    report, truth = run_workload("mutex", "--planted", "--workers", "4", "--count", "50")
    row = only(lock_at(report, truth["locks"][0]), "the mutex")
    waited = {w["tid"]: w for w in row["top_waiters"]}
    for t in truth["threads"]:
        if t["role"] == "waiter" and check.that(t["tid"] in waited, f"{t['comm']} is missing"):
            w = waited[t["tid"]]
            check.equal(w["count"], t["waits"], f"waits of {t['comm']}")
            check_time(check, w["ns"], t["waits"], t["wait_ns"], f"waiting time of {t['comm']}")
            check.equal(w["comm"], t["comm"], "name of the waiter")


@test
def attached_lockstep(check):
    """attach: what a window counts lies between what the program did inside and around it"""
    load = Workload("lockstep", "--time", "120", threads=3)
    report = attach_for([load.pid], 0.5)
    truth = load.truth()
    check.complete(report)
    rows = [l for lock in truth["locks"] for l in lock_at(report, lock)]
    check.that(rows, "no lock at those addresses")
    waits = sum(r["waits"] for r in rows)
    # each blocking call of the window is one wait of the thread that made it
    check.equal(waits, sum(t["waits"] for t in report["threads"]), "waits of locks and of threads")
    check.between(waits, 1, sum(lock["waits"] for lock in truth["locks"]), "waits")


@test
def empty_wakes(check):
    """wakes that wake nobody are counted exactly"""
    report, truth = run_workload("storm", "--workers", "2", "--count", "20000")
    check.complete(report)
    lock = truth["locks"][0]
    rows = [l for t in truth["locks"] for l in lock_at(report, t)]
    check.equal(sum(l["empty_wakes"] for l in rows), sum(l["empty_wakes"] for l in truth["locks"]),
                f"empty wakes of {lock['name']}")
    check.equal(sum(l["waits"] for l in rows), 0, "waits")


@test
def python_lock(check):
    """multiprocessing.Lock: one lock in all processes"""
    result = temp("locks.json")
    report, _, _ = run([PYTHON, f"{ROOT}/workloads/py/locks.py", "--kind", "lock", "--mode",
                        "procs", "--scale", "0.2", "--result", result])
    check.whole(report)
    with open(result) as f:
        truth = json.load(f)
    shared = [l for l in report["locks"] if l["shared"] and l["waits"]]
    workers = {t["pid"] for t in truth["tasks"]}
    best = max(shared, key=lambda l: l["wait_ns"], default=None)
    if not check.that(best, "no shared lock"):
        return
    # one that found the lock free each time never waits
    waiters = {w["pid"] for w in best["top_waiters"]}
    check.that(len(waiters) >= 2, "only one process waited for the lock")
    check.that(waiters <= workers, f"waiters {waiters} that are no workers {workers}")
    waited = sum(t["lock_wait_ns"] for t in truth["tasks"])
    check.that(best["wait_ns"] <= waited + PER_WAIT_NS * best["waits"],
               f"{best['wait_ns']} waited, Python itself knows of {waited} only")


# futex_wake(2), futex_wait(2), futex_requeue(2) by number (the same on all machines, since 6.7): futex
# words of 32 bits, of this process only.
FUTEX2 = f"""
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
words = (ctypes.c_uint32 * 2)(7, 7)
flags = 2 | 128
long = ctypes.c_long
class timespec(ctypes.Structure):
    _fields_ = [("sec", long), ("nsec", long)]
class waiter(ctypes.Structure):
    _fields_ = [(n, ctypes.c_uint64) for n in ("val", "addr")] + [(n, ctypes.c_uint32) for n in ("flags", "pad")]
def call(nr, *args):
    if libc.syscall(long(nr), *args) >= 0:
        return 0
    return ctypes.get_errno()
def wait(val):
    past = timespec(1, 0)
    return call(455, words, long(val), long(0xffffffff), long(flags), ctypes.byref(past), long(1))
first = wait(8)
if first == errno.ENOSYS:
    sys.exit({SKIP_CODE})
assert first == errno.EAGAIN, first
for i in range(19):
    assert wait(8) == errno.EAGAIN
for i in range(30):
    assert wait(7) == errno.ETIMEDOUT
for i in range(40):
    assert call(454, words, long(0xffffffff), long(1), long(flags)) == 0
pair = (waiter * 2)(*(waiter(7, ctypes.addressof(words) + 4 * i, flags, 0) for i in range(2)))
for i in range(50):
    assert call(456, pair, long(0), long(1), long(1)) == 0
print(hex(ctypes.addressof(words)))
"""


@test
def futex2_calls(check):
    """futex_wait, futex_wake and futex_requeue, as system calls of their own: exact"""
    report, code, out = run([PYTHON, "-S", "-c", FUTEX2], check=False)
    if code == SKIP_CODE:
        raise Skip("this kernel has no futex_wait(2)")
    check.equal(code, 0, "exit code")
    check.complete(report)
    row = only([l for l in report["locks"] if l["addr"] == out.strip()], "rows of the word")
    check.equal((row["again"], row["timeouts"], row["waits"]), (20, 30, 0), "EAGAIN, timeouts, waits")
    check.equal(row["empty_wakes"], 90, "wakes of nobody, 50 of them requeues")


@test
def wake_context(check):
    """who is told from an interrupt wherever the kernel shows it: a timer is nobody"""
    seen = subprocess.run([PARASCOPE, "doctor", "-f", "json"], stdout=subprocess.PIPE, check=True,
                          timeout=TIMEOUT_S)
    found = {c["name"]: c["result"] for c in json.loads(seen.stdout)["checks"]}
    if found["wake-up context"] != "ok":
        raise Skip("this kernel does not show the context of a wake-up")
    trace = temp("wakes.trace")
    run([PYTHON, "-S", "-c", "import time\nfor i in range(50): time.sleep(0.001)"], "-o", trace)
    text = subprocess.run([PARASCOPE, "dump", trace], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=TIMEOUT_S).stdout
    flags = [int(word[6:], 16) for line in text.splitlines() if line.split()[1:2] == ["wake"]
             for word in line.split() if word.startswith("flags=")]
    timers = [f for f in flags if f & WAKE_IRQ]
    check.that(all(f & WAKE_CTX for f in flags if not f & WAKE_NEW), "a wake-up without its context")
    check.between(len(timers), 50, len(flags), "wake-ups by a timer")


main()
