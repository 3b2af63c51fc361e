# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a tool takes to start and to let go, seen from outside: the speed of a thread that does nothing
but futex calls, every two milliseconds.

It slows down when the first event is seen (that of the tool, or of any part of it) and is back when the
last part is gone.
"""
import statistics
import threading
import time

from loads import Case, Running, Unavailable, c
from tools import Attached

STEP_S = 0.002
ALONE_S, WATCH_S, AFTER_S = 0.3, 0.5, 0.3
VISIBLE = 1.10  # watched calls must take so much longer, else the change is not seen

CASE = Case("start and stop", "one thread, futex calls without a pause", c("storm", "1", "0"), {}, "wake")


class Follower(threading.Thread):
    """Notes operations over time until it is told to stop."""

    def __init__(self, load):
        super().__init__(daemon=True)
        self.load, self.samples, self.over = load, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(STEP_S):
            sample = self.load.sample()
            self.samples.append((sample.at_ns, sample.ops))

    def finish(self):
        self.over.set()
        self.join()
        return self.samples


def speeds(samples):
    """(time, ns per operation) of each step."""
    return [(b[0], (b[0] - a[0]) / (b[1] - a[1])) for a, b in zip(samples, samples[1:]) if b[1] > a[1]]


def median_between(steps, begin_ns, end_ns):
    inside = [ns for at, ns in steps if begin_ns < at <= end_ns]
    return statistics.median(inside) if inside else None


def turning_points(samples, start_ns, attached_ns, stop_ns, gone_ns):
    """(slower from, fast again from) in ns of the same clock; None where it is not seen.  Half way between
    alone and watched is the line; three steps in a row count, so that one that was late does not."""
    steps = speeds(samples)
    alone = median_between(steps, 0, start_ns)
    watched = median_between(steps, attached_ns, stop_ns)
    if not alone or not watched or watched < VISIBLE * alone:
        return None, None
    line = (alone + watched) / 2
    slower = fast = None
    for i in range(2, len(steps)):
        above = [ns > line for _, ns in steps[i - 2:i + 1]]
        if slower is None and steps[i - 2][0] > start_ns and all(above):
            slower = steps[i - 2][0]
        if steps[i - 2][0] > stop_ns and any(above):
            fast = None
        elif fast is None and steps[i - 2][0] > stop_ns:
            fast = steps[i - 2][0]
    return slower, fast if gone_ns else None


def once(tool, build, number):
    with Running(CASE, build) as running:
        follower = Follower(running.target)
        time.sleep(ALONE_S)
        start_ns = time.monotonic_ns()
        try:
            attached = Attached(tool, build, running.target.pid)
            try:
                time.sleep(WATCH_S)
            except BaseException:
                attached.abandon()
                raise
            stop_ns = time.monotonic_ns()
            took_ns, *_ = attached.stop()
            time.sleep(AFTER_S)
        finally:
            samples = follower.finish()
    slower, fast = turning_points(samples, start_ns, attached.at_ns, stop_ns, stop_ns + took_ns)
    return {"case": CASE.name, "tool": tool.name, "round": number,
            "attached_ms": attached.attach_ns / 1e6,
            "slower_ms": (slower - start_ns) / 1e6 if slower else None,
            "fast_ms": (fast - stop_ns) / 1e6 if fast else None,
            "gone_ms": took_ns / 1e6}


def measure(build, tools, rounds, result, say):
    given_up = set()
    for number in range(rounds):
        for tool in tools:
            if tool.name in given_up:
                continue
            try:
                result["starts"].append(once(tool, build, number))
            except Unavailable as why:
                given_up.add(tool.name)
                result["absent"].append({"case": CASE.name, "tool": tool.name, "reason": str(why)})
                say(f"    {tool.name}: {why}")
