# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Python function runs: shares of CPU time against what the program measured, and deep stacks."""
import math

from pylib import SHORT, each, main, site_ns, watch

# Samples are taken by time, so a share is as exact as their number allows: four standard deviations.
SIGMAS = 4


def short(name, program):
    """3.9 and 3.10 know only the last part of a function's name."""
    old = program.ready["hexversion"] < 0x030B0000
    return name.rpartition(".")[2] if old else name


def callers(check, report, program):
    """A stack goes through C code: sort keys, generators, coroutines in an event loop."""
    wanted = {"sort_key": "callback", "generator": "from_generator", "coroutine": "outer",
              "inner_of.<locals>.inner": "inner_of", "f": "take_turns"}
    for inner, outer in wanted.items():
        stacks = [s["stack"] for s in report["running"] if s["function"] == short(inner, program)]
        check.that(stacks and all(f"{outer} (" in s for s in stacks),
                   f"{inner} is not called by {outer}: {[s[:200] for s in stacks]}")


def shares(check, interpreter):
    """functions, methods, generators, coroutines, callbacks: each has its share and its caller"""
    report, truth, program = watch(interpreter, "shares.py", seconds=4.0 if SHORT else 8.0)
    check.complete(report)
    callers(check, report, program)
    spent = {}
    for name, ns in truth["threads"][0]["spent"].items():
        spent[short(name, program)] = spent.get(short(name, program), 0) + ns
    total, sampled = sum(spent.values()), site_ns(report["running"])
    number = sum(s["samples"] for s in report["running"])
    if not check.that(number >= 50, f"only {number} samples"):
        return
    got = {}
    for site in report["running"]:
        got[site["function"]] = got.get(site["function"], 0) + site["ns"]
    for name, ns in spent.items():
        share = ns / total
        # the window is a part of the run: a turn more or less at each end
        tolerance = SIGMAS * math.sqrt(share * (1 - share) / number) + 0.01
        check.between(got.get(name, 0) / sampled, share - tolerance, share + tolerance,
                      f"share of {name} in {number} samples")
    known = sum(ns for name, ns in got.items() if name in spent)
    # between turns: the loop of take_turns(), random, asyncio
    check.that(known >= 0.97 * sampled, f"{sampled - known} ns of {sampled} in others: "
               f"{[(n, ns) for n, ns in got.items() if n not in spent][:6]}")


def deep(check, interpreter):
    """a recursion 5,000 deep: the innermost function is right, and the stack is marked as cut"""
    report, _, _ = watch(interpreter, "deep.py", seconds=1.0 if SHORT else 2.0)
    check.complete(report)
    running = report["running"]
    total = site_ns(running)
    check.that(total > 0 and site_ns(running, "bottom") >= 0.99 * total,
               f"running: {[(s['function'], s['ns']) for s in running[:4]]}")
    check.that(report["quality"]["stacks_truncated"] > 0, "no stack is said to be cut")
    check.that(all("down (" in s["stack"] for s in running if s["function"] == "bottom"),
               "no caller in the stack")


each(shares)
each(deep)

main()
