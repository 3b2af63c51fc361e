# SPDX-License-Identifier: GPL-2.0-or-later
"""Lean mode: without system call tracepoints, blocked waits, their times, holders and the GIL are what they
are with them; what cannot be known is absent."""
import os
import signal
import subprocess
import time

from lib import (PARASCOPE, PYTHON, TIMEOUT_S, WORKLOAD, Attach, Workload, attach_for, cases, emulated,
                 load_report, load_truth, lock_at, main, only, run, run_workload, start, temp, test,
                 thread_state, wait_for)
from pylib import CHOSEN, Program, endless, get, gil_of, lock_of, states, tids_of
from waitlib import PER_WAIT_NS, PLANTED, check_blame, check_ends, check_lock, check_threads

LEAN = ("--lean",)
# Two sessions that see the same.  A wait begins with the call in one, with the sleep in the other.
AGREE = emulated(0.10, 0.02)
# Of who slept on a mutex twice, one knows whether it had it in between, the other concludes so.
FOLDED = emulated(0.20, 0.08)
FEW = 3
BLAME = 0.02  # of all that is charged
HANDOFFS = 0.005
AT_THE_EDGES = 3
PROG_TYPE_TRACEPOINT = 5  # enum bpf_prog_type of linux/bpf.h

WORKLOADS = ("mutex", "cond", "sem", "rwlock", "barrier", "pi", "pshared procs", "robust",
             "waitv", "lockstep", "timedwait", "join")
# not planted: who gets a lock is a matter of luck
FIGHTS = {
    "lockstep": ("lockstep", "--count", "5000"),
    "mutex": ("mutex", "--workers", "4", "--count", "3000", "--hold-us", "50"),
    "short": ("mutex", "--workers", "4", "--count", "10000", "--hold-us", "2"),
}


def planted(check, name):
    """waits, timeouts and their time, kind and class are those of the workload"""
    report, truth = run_workload(*PLANTED[name], options=LEAN)
    check.complete(report)
    check.equal(report["mode"], "lean", "mode")
    for lock in truth["locks"]:
        check_lock(check, report, lock, truth)
    check_threads(check, report, truth)


cases(planted, WORKLOADS)


@test
def blame(check):
    """each holder of a planted mutex is charged with what others waited behind it"""
    report, truth = run_workload("mutex", "--planted", "--workers", "4", "--count", "50", options=LEAN)
    check_blame(check, report, truth)


def sessions(pid):
    """(full, lean): two sessions that watch the same."""
    return [Attach([pid], *options) for options in ((), LEAN)]


def run_by_both(args):
    """(full, lean, truth) of a workload that both modes watch from its first instruction to its end."""
    path = temp("both.truth")
    child = start(["/bin/sh", "-c", 'kill -STOP $$; exec "$0" "$@"', WORKLOAD, *args, "--truth", path],
                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for("a stop", lambda: thread_state(child.pid, child.pid) == "T")
    watching = sessions(child.pid)
    os.kill(child.pid, signal.SIGCONT)
    child.wait(TIMEOUT_S)
    full, lean = (s.report(interrupt=False) for s in watching)
    return full, lean, load_truth(path)


def agree(check, full, lean, least, what):
    """Two numbers of the two reports; least: what they may differ by in any case."""
    check.near(lean, full, max(AGREE * full, least), f"{what}, lean against full")


def agree_on(check, full, lean, keys, waits, what):
    for key in keys:
        a, b = (sum(row[key] for row in rows) for rows in (full, lean))
        agree(check, a, b, PER_WAIT_NS * waits if key.endswith("_ns") else FEW, f"{key} of {what}")


def same_run(check, name):
    """both modes tell the same of one run: sleeps, waits, times, holders"""
    full, lean, truth = run_by_both(FIGHTS[name])
    check.complete(full)
    check.complete(lean)
    check.equal((full["mode"], lean["mode"]), ("full", "lean"), "modes")
    waits = sum(t["waits"] for t in full["threads"])
    agree_on(check, full["threads"], lean["threads"], ("waits", "timeouts"), waits, "the threads")
    for lock in truth["locks"]:
        rows = lock_at(full, lock), lock_at(lean, lock)
        if check.that(rows[0], f"no row of {lock['name']}"):
            agree_on(check, *rows, ("calls", "wait_ns", "blocked_ns"), waits, lock["name"])
            a, b = (sum(l["waits"] for l in found) for found in rows)
            agree(check, a, b, FOLDED * a + FEW, f"waits of {lock['name']}")
        charged = [{h["tid"]: h["ns"] for l in found for h in l["top_holders"]} for found in rows]
        for tid in charged[0]:
            agree(check, charged[0][tid], charged[1].get(tid, 0), BLAME * sum(charged[0].values()),
                  f"what {tid} is charged with")
    for state in ("lock", "cond", "on_cpu", "woken", "preempted"):
        a, b = (r["budget"]["state_ns"][state] for r in (full, lean))
        agree(check, a, b, PER_WAIT_NS * waits, f"state {state}")


cases(same_run, FIGHTS)


def gil(check, interpreter):
    """hand-offs are CPython's own switch_number; waiting and holders as with all events"""
    program = Program(get(interpreter), "spin.py", "--threads", 4, "--interval", 0.005)
    watching = sessions(program.pid)
    program.go()
    program.done()
    time.sleep(1.5)
    workers = tids_of(program.truth())
    full, lean = (s.report(interrupt=False) for s in watching)
    check.complete(lean)
    rows = [gil_of(r, program) for r in (full, lean)]
    locks = [lock_of(r, row) for r, row in zip((full, lean), rows)]
    waits = locks[0]["waits"]
    agree_on(check, *([row] for row in rows), ("handoffs", "poll_ns"), waits, "the GIL")
    check.equal(rows[1]["forced"], None, "forced hand-offs")
    agree_on(check, *([l] for l in locks), ("waits", "wait_ns", "blocked_ns"), waits, "its lock")
    agree(check, *(states(r, workers, "gil") for r in (full, lean)), PER_WAIT_NS * waits, "state gil")
    for tid in workers:
        charged = [sum(h["ns"] for h in l["top_holders"] if h["tid"] == tid) for l in locks]
        agree(check, *charged, BLAME * locks[0]["blocked_ns"], f"what {tid} is charged with")


def handoffs(check, interpreter):
    """hand-offs are CPython's own switch_number"""
    program = endless(get(interpreter), "spin.py", "--threads", 4, "--interval", 0.005)
    report = attach_for([program.pid], 1.0, *LEAN)
    program.truth()
    check.complete(report)
    row = gil_of(report, program)
    if check.that(row["switches_known"], "CPython's own count is not known"):
        check.that(row["switches"] > 30, f"only {row['switches']} switches")
        check.near(row["handoffs"], row["switches"], max(HANDOFFS * row["switches"], AT_THE_EDGES),
                   "hand-offs")


WITH_GIL = [name for name in CHOSEN if name != "free-threaded"]
cases(gil, WITH_GIL)
cases(handoffs, WITH_GIL)

# How futex calls end: by a timer, by a signal, at once.
ENDS = """
import ctypes, errno, signal
libc = ctypes.CDLL(None, use_errno=True)
word = ctypes.c_uint32(7)
class timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]
def wait(val, timeout):
    libc.syscall(ctypes.c_long(NR), ctypes.byref(word), ctypes.c_long(128), ctypes.c_long(val), timeout,
                 None, ctypes.c_long(0))
    return ctypes.get_errno()
for i in range(30):
    assert wait(7, ctypes.byref(timespec(0, 2000000))) == errno.ETIMEDOUT
for i in range(40):
    assert wait(8, None) == errno.EAGAIN
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
for i in range(20):
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    assert wait(7, None) == errno.EINTR
print(hex(ctypes.addressof(word)))
"""
NR_FUTEX = {"x86_64": 202, "aarch64": 98}


@test
def ends(check):
    """timeouts and signals are told from wake-ups; calls that do not sleep are not seen"""
    code = ENDS.replace("NR", str(NR_FUTEX[os.uname().machine]))
    report, _, out = run([PYTHON, "-S", "-c", code], *LEAN)
    check.complete(report)
    row = only([l for l in report["locks"] if l["addr"] == out.strip()], "rows of the word")
    check_ends(check, report, row, {"waits": 0, "timeouts": 30, "interrupted": 20}, "the word",
               ("timeouts", "interrupted"))
    check.equal(row["calls"], 50, "calls that slept")


@test
def absent(check):
    """what is not known is null in JSON and not there in text, not zero"""
    args = ["storm", "--workers", "2", "--count", "2000", "--truth", temp("storm.truth")]
    to, trace = temp("storm.json"), temp("storm.trace")
    subprocess.run([PARASCOPE, "run", "-q", *LEAN, "-o", trace, "-f", "json", "--to", to, "--", WORKLOAD,
                    *args], check=True, timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
    report = load_report(to)
    for row in report["threads"] + report["locks"]:
        check.equal([row[key] for key in ("again", "wakes", "empty_wakes")], [None] * 3, "unknown counts")
    metric = only([m for m in report["metrics"] if m["key"] == "futex.calls"], "futex.calls")
    check.equal((metric["known"], metric["value"]), (False, None), "futex.calls")
    text = subprocess.run([PARASCOPE, "report", trace], check=True, timeout=TIMEOUT_S, text=True,
                          stdout=subprocess.PIPE).stdout
    check.that(text.splitlines()[1].startswith("Lean mode: "), f"second line: {text.splitlines()[1]}")
    check.that("woke nobody" not in text and "too late to wait" not in text, "counts that are not known")
    said = subprocess.run([PARASCOPE, "report", "--expect", "futex.calls<1", trace], timeout=TIMEOUT_S,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    check.that("lean mode does not count futex calls" in said, f"expectation: {said[-300:]}")
    full = temp("full.json")
    subprocess.run([PARASCOPE, "run", "-q", "-f", "json", "--to", full, "--", WORKLOAD, *args], check=True,
                   timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
    said = subprocess.run([PARASCOPE, "compare", full, to], timeout=TIMEOUT_S, text=True,
                          stdout=subprocess.PIPE).stdout
    check.that("lean mode" in said, "compare does not say that one was made in lean mode")
    check.that(not [l for l in said.splitlines() if l.split()[:1] == ["futex.calls"] and "0.00" in l],
               "compare takes the unknown for zero")


def tracepoint_programs(pid):
    """Programs at tracepoints of system calls that a process has open."""
    found = 0
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                lines = f.read().split("\n")
        except FileNotFoundError:
            continue
        found += f"prog_type:\t{PROG_TYPE_TRACEPOINT}" in lines
    return found


@test
def no_tracepoints(check):
    """no program is loaded at any system call"""
    load = Workload("lockstep", "--time", "120", threads=3)
    for options, some in (((), True), (LEAN, False)):
        attach = Attach([load.pid], *options)
        found = tracepoint_programs(attach.pid)
        attach.report()
        check.equal(found > 0, some, f"{found} programs at system calls, options {options}")
    load.truth()


@test
def late(check):
    """threads that slept before the watching began: their waits end in it"""
    load = Workload("lockstep", "--time", "120", threads=3)
    report = attach_for([load.pid], 0.5, *LEAN)
    truth = load.truth()
    check.complete(report)
    rows = [l for lock in truth["locks"] for l in lock_at(report, lock)]
    check.equal(sum(r["waits"] for r in rows), sum(t["waits"] for t in report["threads"]),
                "waits of locks and of threads")
    check.between(sum(r["waits"] for r in rows), 1, sum(lock["waits"] for lock in truth["locks"]), "waits")


main()
