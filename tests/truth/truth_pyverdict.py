# SPDX-License-Identifier: GPL-2.0-or-later
"""What serialises a Python program: verdicts, who holds the GIL, and why."""
import os
import struct
import subprocess
import time

from lib import Attach, only, start
from pylib import (Program, check_verdict, each, endless, gil_of, lock_of, main, site_ns, states, tids_of,
                   watch, watch_whole)

NAP_NS = 500_000_000
HELD = 0.02
HOG = 0.95
# Histograms have eight slots for each power of two.
SLOT = 1 / 8


def held(check, interpreter):
    """C code that sleeps with the GIL (PyDLL) is named: line, system call, time"""
    report, truth, program = watch_whole(interpreter, "held.py")
    check.complete(report)
    gil = gil_of(report, program)
    napper = only([t for t in truth["threads"] if t["name"] == "napper"], "napper")
    seen = [(h["site"]["function"], h["site"]["line"], h["syscall"], h["held_ns"]) for h in gil["held"]]
    # the first call may have to wait for a page of its library, a moment
    rows = [h for h in gil["held"] if h["site"]["function"] == "nap" and h["syscall"]]
    if check.that(len(rows) == 1, f"held in {seen}"):
        row = rows[0]
        check.equal(row["site"]["line"], napper["line"], "line")
        check.equal(row["syscall"], "clock_nanosleep", "system call")
        check.equal(row["site"]["tid"], napper["tid"], "thread")
        check.equal(row["site"]["thread_name"], "napper", "name of the thread")
        check.equal(row["site"]["samples"], napper["work"], "how often")
        # usleep() sleeps for that long at least; the program's clock goes on until it has a CPU again
        least = NAP_NS * napper["work"]
        check.between(row["held_ns"], least, min((1 + HELD) * least, napper["held_ns"]), "time held asleep")
        check.between(row["max_ns"], NAP_NS, (1 + HELD) * napper["max_ns"], "longest")
        # one other thread waits all the time; awake for a moment every 5 ms it may have to wait for a CPU
        queue = states(report, tids_of(truth) - {napper["tid"]}, "woken", "preempted")
        check.between(row["site"]["ns"], (1 - 2 * HELD) * least - queue, (1 + HELD) * napper["held_ns"],
                      "waiting of others")
    check_verdict(check, report, "gil-held-while-blocked")
    check.that(f"held.py:{napper['line']}" in report["verdict"]["sentence"], report["verdict"]["sentence"])


def released(check, interpreter):
    """the same sleep without the GIL (CDLL): nothing is held"""
    report, _, program = watch_whole(interpreter, "held.py", "--cdll")
    check.complete(report)
    gil = gil_of(report, program)
    rows = [h for h in gil["held"] if h["site"]["function"] == "nap" and h["syscall"]]
    check.equal(rows, [], "held")
    check.that(gil["held_asleep_ns"] <= 0.01 * report["window_ns"],
               f"{gil['held_asleep_ns']} ns asleep with it")
    check.that(report["verdict"]["code"] not in ("gil-bound", "gil-held-while-blocked"),
               report["verdict"]["sentence"])


def hog(check, interpreter):
    """a thread that keeps the GIL for 10 ms at a time is charged with the waiting of the others"""
    report, truth, program = watch(interpreter, "hog.py", seconds=2.5)
    check.complete(report)
    tid = only([t for t in truth["threads"] if t["name"] == "hog"], "hog")["tid"]
    # without a name for it and a reason: nobody had it, who was woken had no CPU yet
    holders = {h["tid"]: h["ns"] for h in lock_of(report, gil_of(report, program))["top_holders"]
               if h["tid"] or h["why"]}
    charged = sum(holders.values())
    check.that(holders.get(tid, 0) > HOG * charged, f"hog {holders.get(tid, 0)} ns of {charged}")
    check_verdict(check, report, "gil-bound")
    holding = gil_of(report, program)["holding"]
    check.that(site_ns(holding, "pieces") >= 0.9 * site_ns(holding),
               f"holding: {[(s['function'], s['line'], s['ns']) for s in holding[:4]]}")


def native(check, interpreter, *options):
    """work in C that releases the GIL is told from work that needs it"""
    report, _, program = watch(interpreter, "native.py", *options)
    check.complete(report)
    code = report["verdict"]["code"]
    check.that(code != "gil-bound", report["verdict"]["sentence"])
    if os.cpu_count() > 1 and report["par"]["on_cpu_ns"] > 1.6 * report["window_ns"]:
        check.that(code == "parallel", report["verdict"]["sentence"])
    gil = gil_of(report, program)
    check.that(gil["without_ns"] >= 0.9 * (gil["with_ns"] + gil["without_ns"]),
               f"{gil['without_ns']} ns without the GIL, {gil['with_ns']} with it")
    function = "squeeze" if options else "digest"
    check.that(site_ns(gil["without"], function) >= 0.99 * site_ns(gil["without"]),
               f"without: {[(s['function'], s['ns']) for s in gil['without'][:4]]}")


def busy(check, interpreter, name, *options):
    """on a machine that others keep busy the CPUs are short, not the GIL"""
    program = endless(interpreter, name, *options)
    for _ in range(4 * os.cpu_count()):
        start(["/bin/sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL)
    time.sleep(0.3)
    attach = Attach([program.pid], "-d", "3s")
    report = attach.report(interrupt=False)
    program.truth()
    check.whole(report)
    check.equal(report["verdict"]["code"], "cpu-short", f"verdict ({report['verdict']['sentence']})")


def convoy(check, interpreter):
    """what is ready beside threads that compute: how long until it has the GIL"""
    reading, writing = os.pipe()
    program = Program(interpreter, "convoy.py", "--pipe", reading, pass_fds=(reading,))
    os.close(reading)
    program.go()
    program.done()
    time.sleep(0.2)
    attach = Attach([program.pid])
    number, pause_s = 40, 0.06
    for _ in range(number):
        time.sleep(pause_s)
        os.write(writing, struct.pack("=Q", time.monotonic_ns()))
    time.sleep(0.2)
    report = attach.report()
    os.close(writing)
    truth = program.truth()
    late = sorted(only([t for t in truth["threads"] if t["name"] == "reader"], "reader")["late_ns"])
    gil = gil_of(report, program)
    # who comes too late finds the next one in the pipe, and need not be woken
    overtaken = sum(ns > 0.9e9 * pause_s for ns in late)
    check.between(gil["convoy_count"], number - overtaken, number, "times that it was ready")
    # From our clock before write() to its clock after read(): more than the kernel's wake-up to the GIL.
    # Turns of 5 ms make steps: the median may be three ranks away, where the next step begins.
    spread = SLOT + 0.05
    low, high = late[number // 2 - 4], late[number // 2 + 3]
    check.between(gil["convoy_p50_ns"], (1 - spread) * low - 300_000, (1 + spread) * high + 300_000, "p50")
    # who got it at last may lose its CPU before it looks at its clock
    check.between(gil["convoy_max_ns"], gil["convoy_p50_ns"], (1 + spread) * late[-1] + 300_000, "longest")


def coverage(check, interpreter):
    """a burst of waits by 16 threads: shares stay shares"""
    report, _, program = watch(interpreter, "spin.py", "--threads", 16, seconds=1.0)
    check.complete(report)
    gil, lock = gil_of(report, program), lock_of(report, gil_of(report, program))
    check.that(gil["held_ns"] <= report["window_ns"], "held for longer than the window")
    charged = sum(h["ns"] for h in lock["top_holders"])
    check.that(charged + gil["free_ns"] <= 1.001 * lock["wait_ns"], "more charged than waited")
    check.that(site_ns(gil["holding"]) <= 1.001 * lock["wait_ns"], "holding sites have more than waited")
    check.that(site_ns(lock["sites"]) <= 1.001 * lock["wait_ns"], "waiting sites have more than waited")


NO_GIL = ("free-threaded",)
each(held, but=NO_GIL)
each(released, but=NO_GIL)
each(hog, but=NO_GIL)
each(native, (), ("--zlib",), but=NO_GIL, short=1)
each(busy, ("native.py",), ("spin.py", "--threads", 2), but=NO_GIL, short=1)
each(convoy, but=NO_GIL)
each(coverage, but=NO_GIL, short=0)

main()
