# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the tests of live interpreters: which interpreters, the programs of tests/python, reading
what a report says about Python.

PARASCOPE_PYTHON names interpreters of tests/python/interpreters.  Without it the system's is taken, and
only the tests that tell most for their time.
"""
import json
import os
import select
import struct
import subprocess
import sys
import time

import lib
from lib import Attach, Failed, Skip, end, start, temp

sys.path.insert(0, os.path.join(lib.ROOT, "tests", "python"))
import interpreters  # noqa: E402  pylint: disable=wrong-import-position

CHOSEN = os.environ.get("PARASCOPE_PYTHON", "system").split()
SHORT = "PARASCOPE_PYTHON" not in os.environ
# struct _gil_runtime_state: `switch_number` is before the condition, where the report's addr begins
SWITCH_NUMBER = 24 - 32
SETTLE_S = 0.2  # until threads that compute have all had the GIL

_known = {}
_programs = 0


def get(name):
    """The interpreter of this name."""
    if name not in _known:
        try:
            _known[name] = interpreters.get(name)
        except interpreters.Missing as reason:
            _known[name] = reason
    if isinstance(_known[name], interpreters.Missing):
        raise Skip(f"{name}: {_known[name]}")
    return _known[name]


def main():
    """As lib.main(); a file may have no test for an interpreter."""
    if not lib.registered():
        lib.test(nothing)
    lib.main()


def nothing(_check):
    """tests for this interpreter"""
    raise Skip(f"none here make sense for {' '.join(CHOSEN)}")


def each(function, *parameters, but=(), short=None):
    """Register function(check, interpreter, parameter...) for each chosen interpreter and each tuple of
    parameters.  but: interpreters that it makes no sense for; short: how many of the tuples are enough
    for the short tests, None: all."""
    for name in (n for n in CHOSEN if n not in but):
        for given in (parameters or ((),))[:short if SHORT else None]:
            def one(check, _name, name=name, given=given):
                function(check, get(name), *given)
            one.__name__, one.__doc__ = function.__name__, function.__doc__
            lib.cases(one, [" ".join([name, *map(str, given)])])


class Program:
    """A program of tests/python/programs that waits for go()."""

    def __init__(self, interpreter, name, *args, pass_fds=()):
        global _programs
        _programs += 1
        self.interpreter, self.name = interpreter, name
        self.errors = temp(f"{_programs}.stderr")
        with open(self.errors, "wb") as errors:
            self.child = start(interpreter.command(name, *map(str, args)), env=interpreter.env, bufsize=0,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                               pass_fds=pass_fds)
        self.rest = b""
        self.ready = self._line("ready")
        self.pid = self.child.pid
        if self.ready["pid"] != self.pid:
            raise Failed(f"{name} is {self.ready['pid']}, started as {self.pid}")

    def _line(self, key):
        limit = time.monotonic() + lib.TIMEOUT_S
        while b"\n" not in self.rest:
            more = b""
            if select.select([self.child.stdout], [], [], max(0, limit - time.monotonic()))[0]:
                more = os.read(self.child.stdout.fileno(), 1 << 20)
            if not more:
                with open(self.errors, encoding="utf-8", errors="replace") as f:
                    raise Failed(f"{self.name} did not get to \"{key}\": {f.read()[-500:]}")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)[key]

    def go(self):
        self.child.stdin.write(b"go\n")

    def done(self):
        self._line("done")

    def truth(self):
        """End it in order, and return what it knows."""
        self.child.stdin.write(b"stop\n")
        truth = self._line("truth")
        self.child.wait(lib.TIMEOUT_S)
        end(self.child)
        if "skip" in truth:
            raise Skip(truth["skip"])
        return truth

    @property
    def version(self):
        """As a report names it: 3.9 and 3.10 do not have their patch level in memory."""
        v = self.ready["hexversion"]
        major, minor, micro = v >> 24, v >> 16 & 255, v >> 8 & 255
        if self.ready["free_threaded"]:
            return f"CPython {major}.{minor}t"
        return f"CPython {major}.{minor}" + (f".{micro}" if minor >= 11 else "")

    def switches(self):
        """CPython's own count of the GIL's changes of hands."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as f:
            f.seek(self.ready["gil"] + 24)
            return struct.unpack("=Q", f.read(8))[0]

    def line_of(self, text):
        """The line of a program's source that has this text; the first one is 1."""
        path = os.path.join(interpreters.PROGRAMS, self.name)
        with open(path, encoding="utf-8") as f:
            lines = [n for n, line in enumerate(f, 1) if text in line]
        return lib.only(lines, f"{text} in {self.name}")


def endless(interpreter, name, *args):
    """A program that runs until it is told to stop, when it has been running for a moment."""
    program = Program(interpreter, name, *args)
    program.go()
    program.done()
    time.sleep(SETTLE_S)
    return program


def watch(interpreter, name, *args, seconds=2.0, options=()):
    """(report, truth, program) of an endless program, of a window in the midst of it."""
    program = endless(interpreter, name, *args)
    report = lib.attach_for([program.pid], seconds, *options)
    return report, program.truth(), program


def watch_whole(interpreter, name, *args):
    """(report, truth, program): the whole work of a program that ends lies in the window."""
    program = Program(interpreter, name, *args)
    attach = Attach([program.pid])
    program.go()
    program.done()
    report = attach.report()
    return report, program.truth(), program


# --- reading a report -------------------------------------------------------------------------


def gil_of(report, program):
    """The row of the main interpreter's GIL, known by an address that the program found itself."""
    rows = [g for g in report["gils"] if g["pid"] == program.pid
            and int(g["addr"], 16) == program.ready["gil"] + 32]
    if not rows:
        said = [f"{r['name']} {r['status']} {r['why']}" for r in report["runtimes"]]
        raise Failed(f"no GIL at {program.ready['gil'] + 32:#x}; runtimes: {said}, "
                     f"GILs: {[(g['pid'], g['addr']) for g in report['gils']]}")
    return lib.only(rows, "the GIL")


def lock_of(report, gil):
    return lib.only([l for l in report["locks"] if l["id"] == gil["lock"]], "the GIL among the locks")


def check_verdict(check, report, *codes):
    """On a loaded machine the CPUs can be the scarcest: the report should say just that then."""
    state, preempted = report["budget"]["state_ns"], sum(g["held_preempted_ns"] for g in report["gils"])
    short = state["woken"] + state["preempted"] + preempted > state["gil"] - preempted
    wanted = (*codes, "cpu-short") if short else codes
    check.that(report["verdict"]["code"] in wanted,
               f"verdict: {report['verdict']['sentence']}, expected {' or '.join(codes)}")


def states(report, tids, *names):
    """Time that these threads spent in these states."""
    return sum(t["state_ns"][n] for t in report["threads"] if t["tid"] in tids for n in names)


def tids_of(truth, prefix=""):
    return {t["tid"] for t in truth["threads"] if t["name"].startswith(prefix)}


def site_ns(sites, function=None, line=None):
    """Time of the sites in this function, known by the last part of its name, and at this line."""
    return sum(s["ns"] for s in sites
               if (function is None or s["function"].rpartition(".")[2] == function)
               and (line is None or s["line"] == line))
