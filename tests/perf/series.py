# SPDX-License-Identifier: GPL-2.0-or-later
"""Alone, watched, alone, watched by the next tool, alone ...: the series of one case.

Each run with a tool is compared with the mean of the two beside it without, in the same process, so
that neither a machine whose speed drifts nor where a program happens to lie in memory decides.  Each
round has a new process and another order of the tools.
"""
import random
import time

from loads import Running, Unavailable
from programs import strangers
from tools import Attached

WARM_S = 0.3    # for a load that has just started
SETTLE_S = 0.15  # after attaching and after detaching


def costs(begin, end):
    ops, took = end.ops - begin.ops, end.at_ns - begin.at_ns
    return {"ops": ops, "ns": took, "cpu_ns": end.cpu_ns - begin.cpu_ns,
            "busy_ns": end.busy_ns - begin.busy_ns}


def compare(before, on, after):
    """Ratios of watched to alone: CPU time and wall time per operation."""
    def per_op(run, what):
        return run[what] / run["ops"]

    result = {}
    for name, what in (("cpu", "cpu_ns"), ("wall", "ns")):
        alone = (per_op(before, what) + per_op(after, what)) / 2
        result[name] = per_op(on, what) / alone if alone else None
    return result


class Series:
    """Measures one case with several tools; rows and reasons end up in lists of the caller."""

    def __init__(self, case, tools, build, rounds, rival_rounds, result, say):
        self.case, self.build, self.say = case, build, say
        self.tools = {t.name: t for t in tools}
        self.rounds, self.rival_rounds = rounds, rival_rounds
        self.rows, self.absent, self.disturbed = result["rows"], result["absent"], result["disturbed"]

    def windows(self, running):
        return {name: costs(*running.window(name, self.case.window_s)) for name in running.names}

    def give_up(self, tool, reason):
        self.absent.append({"case": self.case.name, "tool": tool.name, "reason": reason})
        del self.tools[tool.name]
        self.say(f"    {tool.name}: {reason}")

    def watched(self, tool, running):
        """(windows, facts of the tool) of one attachment."""
        attached = Attached(tool, self.build, running.target.pid)
        try:
            time.sleep(SETTLE_S)
            cpu, begin = attached.cpu_ns(), time.monotonic_ns()
            windows = self.windows(running)
            took = time.monotonic_ns() - begin
            facts = {"tool_cpu": (attached.cpu_ns() - cpu) / took,
                     "attach_ms": attached.attach_ns / 1e6}
        except BaseException:
            attached.abandon()
            raise
        stop_ns, events, report, rate = attached.stop()
        facts |= {"stop_ms": stop_ns / 1e6, "events": events, "recorded_bytes_per_s": rate}
        if report:
            facts["dropped"] = report["quality"]["dropped"]
        if not events and tool.saw and self.case.futexes:
            raise Unavailable("did not work: it saw no event")
        return windows, facts

    def one_round(self, number):
        tools = [t for t in self.tools.values() if not t.rival or number < self.rival_rounds]
        random.shuffle(tools)
        self.note_strangers()
        with Running(self.case, self.build) as running:
            time.sleep(WARM_S)
            before = self.windows(running)
            for tool in tools:
                try:
                    on, facts = self.watched(tool, running)
                except Unavailable as why:
                    self.give_up(tool, str(why))
                    continue
                time.sleep(SETTLE_S)
                after = self.windows(running)
                for name in running.names:
                    ratios = compare(before[name], on[name], after[name])
                    self.say(f"    {number + 1}. {name}, {tool.name}: {ratios['cpu']:.3f}x of CPU time, "
                             f"attached in {facts['attach_ms']:.0f} ms, ended in {facts['stop_ms']:.0f} ms")
                    self.rows.append({"case": self.case.name, "row": name, "tool": tool.name,
                                      "round": number, "before": before[name], "on": on[name],
                                      "after": after[name], **facts, **ratios})
                before = after

    def note_strangers(self):
        """Our tools have ended: programs that are still there belong to others."""
        others = strangers()
        if others:
            self.say(f"    others have BPF programs in the kernel, figures may be off: "
                     f"{', '.join(others[:4])}{' ...' if len(others) > 4 else ''}")
            self.disturbed.append({"case": self.case.name, "tool": None, "programs": others})

    def run(self):
        for number in range(self.rounds):
            try:
                self.one_round(number)
            except Unavailable as why:
                self.absent.append({"case": self.case.name, "tool": None, "reason": str(why)})
                self.say(f"    {why}")
                return
