# SPDX-License-Identifier: GPL-2.0-or-later
"""Interpreters are found wherever they are; one that is not known is said to be unknown."""
import struct
import time

from lib import Attach, Skip, attach_for, only, run
from pylib import (CHOSEN, Program, check_verdict, each, endless, gil_of, interpreters, lock_of, main, states,
                   tids_of, watch, watch_whole)

COOKIE = b"xdebugpy"


def found(check, interpreter):
    """its name and its GIL's address are right"""
    report, _, program = watch(interpreter, "spin.py", "--threads", 2, seconds=1.0)
    check.complete(report)
    row = only([r for r in report["runtimes"] if r["pid"] == program.pid], "interpreter")
    check.equal((row["name"], row["status"], row["why"]), (program.version, "ok", ""), "runtime")
    gil = gil_of(report, program)
    series = ".".join(program.version.split(".")[:2])
    check.equal(lock_of(report, gil)["name"], f"GIL ({series})", "name of the lock")


def started(check, interpreter):
    """an interpreter that parascope starts itself"""
    report, _, _ = run(interpreter.command("spin.py", "--threads", "2", "--time", "1.5"), "-q",
                       env=interpreter.env)
    check.complete(report)
    gil = only(report["gils"], "GILs")
    check.that(gil["handoffs"] > 20, f"{gil['handoffs']} hand-offs")
    check.equal(report["runtimes"][0]["status"], "ok", "runtime")
    check_verdict(check, report, "gil-bound")


def forked(check, interpreter):
    """a child that was forked and runs no other program has an interpreter of its own"""
    program = Program(interpreter, "spin.py", "--threads", "2", "--fork")
    attach = Attach([program.pid])
    program.go()
    program.done()
    time.sleep(1.5)
    report = attach.report()
    truth = program.truth()
    gil = only([g for g in report["gils"] if g["pid"] != program.pid and g["handoffs"]], "GIL of the child")
    check.equal(int(gil["addr"], 16), program.ready["gil"] + 32, "its address is the parent's")
    workers = tids_of(truth)
    waited, ready = states(report, workers, "gil"), states(report, workers, "woken", "preempted")
    # a wait goes on while its thread looks whether it is over, every 5 ms
    check.between(lock_of(report, gil)["wait_ns"], 0.99 * waited, 1.05 * (waited + ready), "time in the GIL")


def crowd(check, interpreter):
    """among threads that live for a moment it is found as ever, and none gets another one's name"""
    report, truth, program = watch(interpreter, "crowd.py", seconds=1.5)
    check.complete(report)
    names = only([t["names"] for t in truth["threads"]], "lists of names")
    rows = [t for t in report["threads"] if str(t["tid"]) in names]
    wrong = [(t["tid"], t["name"], names[str(t["tid"])]) for t in rows
             if t["name"] not in ("", names[str(t["tid"])])]
    check.equal(wrong, [], "names of other threads")
    named = sum(1 for t in rows if t["name"])
    # one that has ended before anybody could look has none; the machine may be busy
    check.that(named > 0.1 * len(rows), f"{named} of {len(rows)} threads have a name")
    check.equal(only([t["name"] for t in report["threads"] if t["tid"] == program.pid], "main threads"),
                "MainThread", "name of the main thread")


def own_gils(check, interpreter):
    """sub-interpreters with a GIL of their own do not wait for each other"""
    report, truth, program = watch_whole(interpreter, "subinterpreters.py")
    check.complete(report)
    rows = [g for g in report["gils"] if g["pid"] == program.pid]
    check.equal(len({g["addr"] for g in rows}), 3, "GILs")
    workers = tids_of(truth)
    waited, life = states(report, workers, "gil"), 3 * truth["wall_ns"]
    check.that(waited <= 0.05 * life, f"{waited} ns of {life} in a GIL")
    check.that(report["verdict"]["code"] != "gil-bound", report["verdict"]["sentence"])


def no_gil(check, interpreter):
    """a free-threaded interpreter has no GIL, and is not told to leave it"""
    report, _, program = watch(interpreter, "spin.py", "--threads", 2, seconds=1.5)
    check.complete(report)
    row = only([r for r in report["runtimes"] if r["pid"] == program.pid], "interpreter")
    check.equal(row["status"], "no-gil", f"status ({row['why']})")
    check.equal(report["gils"], [], "GILs")
    check.equal([l["name"] for l in report["locks"] if l["class"] == "gil"], [], "locks that are a GIL")
    verdict = report["verdict"]
    check.that("GIL" not in (verdict["sentence"] + str(verdict.get("advice"))), str(verdict))
    if report["par"]["on_cpu_ns"] > 1.6 * report["window_ns"]:
        check.equal(verdict["code"], "parallel", "verdict")
    total = sum(s["ns"] for s in report["running"])
    burn = sum(s["ns"] for s in report["running"] if s["function"] == "burn")
    check.that(total and burn >= 0.99 * total, f"{burn} ns of {total} in burn()")


def forgeries(program):
    """(what, symbol, offset, old bytes, new bytes): what another version of CPython could be like."""
    version = program.ready["hexversion"]
    other = 3 << 24 | 99 << 16 | version & 0xFFFF
    if 0x030B0000 <= version < 0x030D0000:
        yield "version", b"Py_Version", 0, struct.pack("=Q", version), struct.pack("=Q", other)
    if version >= 0x030D0000:
        yield ("version", b"_PyRuntime", 0, COOKIE + struct.pack("=Q", version),
               COOKIE + struct.pack("=Q", other))
        # interpreters_head and interpreter_state.next, see reference of _Py_DebugOffsets
        for what, at in (("head", 40), ("next", 64), ("threads", 72)):
            for value in (0, 1 << 20, (1 << 64) - 8):
                yield f"{what}={value:#x}", b"_PyRuntime", at, b"", struct.pack("=Q", value)


def unknown(check, interpreter):
    """one of an unknown layout is said to be unknown, with the reason, and the report is a report"""
    probe = Program(interpreter, "spin.py")
    cases = list(forgeries(probe))
    if not cases:
        raise Skip("3.9 and 3.10 have no version in memory")
    for what, *forgery in cases:
        try:
            fake = interpreters.forged(interpreter, "forged", *forgery)
        except interpreters.Missing as reason:
            raise Skip(str(reason)) from None
        program = endless(fake, "spin.py", "--blind", "--threads", 2)
        report = attach_for([program.pid], 0.5)
        truth = program.truth()
        check.whole(report)
        rows = [r for r in report["runtimes"] if r["pid"] == program.pid]
        if what == "version":
            check.equal([r["status"] for r in rows], ["unknown"], f"{what}: status")
        check.that(all(r["status"] != "unknown" or r["why"] for r in rows), f"{what}: no reason")
        workers = tids_of(truth) & {t["tid"] for t in report["threads"]}
        check.equal(len(workers), 2, f"{what}: threads in the report")


NO_GIL = ("free-threaded",)
each(found, but=NO_GIL)
each(started, but=NO_GIL)
each(forked, but=NO_GIL)
each(crowd)
each(own_gils, but=NO_GIL)
each(unknown, but=(*NO_GIL, "threaded-gil", "loader-3.13", "venv", "embedded"))
each(no_gil, but=[n for n in CHOSEN if n not in NO_GIL])

main()
