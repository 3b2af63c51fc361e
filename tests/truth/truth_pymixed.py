# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks that go from Python to C to Python and to a lock: the frames of both in the order of the calls."""
import platform
import re

import lib
from lib import Skip, temp
from nativelib import folded, hide_debug_files
from pylib import SHORT, each, endless, main

# What calls and is called, outermost first, when a thread waits for its lock: Python's functions, or patterns
# of C's of which one lies there.  "C": there is at least one frame of C, whatever its name; Debian's interpreters
# only have the names that they export.
WAYS = {
    "by_sort": ["by_sort", "C", "sort_key", "take", "C"],
    "by_reduce": ["by_reduce", "C", "reduce_step", "take", "C"],
    "by_callback": ["by_callback", "C", re.compile("qsort"), "C", "compare", "take", "C"],
    "by_generator": ["by_generator", "C", "<lambda>", "C", "<lambda>", "C", "iterate", "take", "C"],
}
# Of threading.py, told.py, mixed.py; how a thread's function and f(*arguments) are called depends on the version.
BEFORE = ["_bootstrap", "_bootstrap_inner", "C?", "run", "C?", "waits"]
RIGHT = 0.99  # of the time
WAITING = 0.5  # of the window at least is a wait for the lock
# a loop of the interpreter that no Python frame stands for
LOOP = "_PyEval_EvalFrameDefault"


def python_name(frame):
    """The last part of a Python function's name; None: it is a frame of C."""
    match = re.fullmatch(r"(.*) \([^()]*\.py\)", frame)
    return match and match[1].rpartition(".")[2]


def follows(frames, way):
    """Do the frames go this way, all of them?  Frames of C may lie only where way has "C", or "C?"."""
    at = 0
    for step in way:
        if step in ("C", "C?"):
            if step == "C" and (at == len(frames) or python_name(frames[at]) is not None):
                return False
            while at < len(frames) and python_name(frames[at]) is None:
                at += 1
        else:
            if at == len(frames) or python_name(frames[at]) != step:
                return False
            at += 1
    return at == len(frames)


def with_loops(way, old):
    """3.9 and 3.10 enter the loop anew for each Python function: there is C between all of them."""
    python = [s for s in way if isinstance(s, str)]
    steps = ["C"]
    for before, step in zip([None, *python], python):
        if old and before and not {"C", "C?"} & {before, step}:
            steps.append("C")
        steps.append(step)
    # a pattern was between two "C"
    return [s for before, s in zip([None, *steps], steps) if (before, s) != ("C", "C")]


def has_pattern(frames, way):
    """The C functions that have names lie between the right Python functions."""
    python = [python_name(f) for f in frames]
    for i, step in enumerate(way):
        if isinstance(step, str):
            continue
        outer, inner = (next(s for s in part if isinstance(s, str) and s != "C")
                        for part in (way[i::-1], way[i:]))
        begin, end = python.index(outer), python.index(inner)
        if not any(step.search(f) for f in frames[begin + 1:end]):
            return False
    return True


def mixed(check, interpreter):
    """Python, C, Python, lock: sort keys, reduce(), a callback of ctypes, generators"""
    if platform.machine() != "x86_64":
        raise Skip("native stacks are taken on x86-64 only")
    program = endless(interpreter, "mixed.py")
    if program.ready["free_threaded"]:
        raise Skip("its locks are taken without a GIL, in other functions")
    trace = temp("mixed.trace")
    report = lib.attach_for([program.pid], 2.0 if SHORT else 4.0, "-o", trace, "--sample-rate", "997")
    truth = program.truth()
    check.whole(report)
    old = program.ready["hexversion"] < 0x030B0000
    lines = [(stack.split(";"), int(count)) for stack, _, count in
             (line.rpartition(" ") for line in folded(trace, "waiting"))]
    for thread in truth["threads"]:
        way = WAYS.get(thread["name"])
        if not way:
            continue
        wanted = with_loops(BEFORE + way, old)
        mine = [(frames[1:], us) for frames, us in lines if frames[0].endswith(f"/{thread['tid']}")]
        # the rest waits for the GIL, before or behind that
        mine = [(frames, us) for frames, us in mine if "take" in map(python_name, frames)]
        total = sum(us for _, us in mine)
        wrong = [(us, frames) for frames, us in mine
                 if not follows(frames, wanted) or not has_pattern(frames, way) or LOOP in frames]
        check.that(total * 1000 >= WAITING * report["window_ns"],
                   f"{thread['name']} waited {total} us of {report['window_ns']} ns for its lock")
        check.that(sum(us for us, _ in wrong) <= (1 - RIGHT) * total,
                   f"{thread['name']}: {sum(us for us, _ in wrong)} of {total} us are not {wanted}: {wrong[:2]}")


hide_debug_files()
each(mixed)

main()
