# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a run of each BPF program takes, by the kernel's own clock (kernel.bpf_stats_enabled), beside
a program that does nothing on the same hook.

Never in the runs whose speed is measured: timing a program costs some 20 ns a run.  It is in all of these
figures, also in those of the empty programs.
"""
import json
import random
import subprocess
import time

from loads import CASES, Case, Running, Unavailable, c
from tools import MOUNT, Attached

EMPTY = "empty"
RUNS_MIN = 1000  # of a program in a window: fewer say nothing

# The beginning of a program's name (the kernel keeps 15 letters), and the empty one on its hook.
HOOKS = {
    "on_switch": "e_switch", "on_waking": "e_waking", "on_wakeup_new": "e_wakeup_new",
    "on_fork": "e_fork", "on_exit_futex": "e_exit_futex", "on_exit": "e_exit", "on_exit_mmap": "e_exit_mmap",
    "on_contention_b": "e_contend_begin", "on_contention_e": "e_contend_end",
}

PING_PONG = next(case for case in CASES if case.name == "ping-pong, four threads")
CHURN = next(case for case in CASES if case.name == "thread churn")
CASES_OF_PROGRAMS = [
    PING_PONG, CHURN,
    Case("non-targets", "the tool watches a program that sleeps", c("idle"),
         {"foreign ping-pong": c("pingpong", "4", "0", "2"), "foreign churn": c("churn", "1", "5000")},
         futexes=False),
]


def hook_of(name):
    """The empty program beside this one: by the longest beginning that fits."""
    fits = [begin for begin in HOOKS if name.startswith(begin)]
    return HOOKS[max(fits, key=len)] if fits else None


class Clock:
    """The kernel's timing of all programs, with the empty ones or without."""

    def __init__(self, build, empty=False):
        self.child = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", MOUNT, "-", f"{build}/perf/floor", *(["empty"] if empty else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "ready\n":
            raise Unavailable(f"floor: {self.child.communicate()[1].strip()[-200:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.communicate("")


def snapshot():
    """(runs, ns) of each program in the kernel, by its id."""
    text = subprocess.run(["bpftool", "-j", "prog", "show"], stdout=subprocess.PIPE, check=True).stdout
    return {p["id"]: (p.get("name", "?"), p.get("run_cnt", 0), p.get("run_time_ns", 0))
            for p in json.loads(text)}


def strangers():
    """Names of programs that are in the kernel already: others trace, and what they do to the load would be
    taken for its own speed."""
    return sorted({name for name, _, _ in snapshot().values()})


def grown(before, after, mine):
    """Runs and ns of the programs that are not in mine, by name."""
    result = {}
    for number, (name, runs, ns) in after.items():
        if number in mine:
            continue
        _, runs_before, ns_before = before.get(number, (name, 0, 0))
        had = result.get(name, (0, 0))
        result[name] = had[0] + runs - runs_before, had[1] + ns - ns_before
    return result


class Programs:
    """Rows: what each program took in one window."""

    def __init__(self, build, tools, rounds, rows, absent, say):
        self.build, self.rounds, self.say = build, rounds, say
        self.tools = {t.name: t for t in tools if t.bpf}
        self.rows, self.absent = rows, absent

    def window(self, running, tool, mine, number):
        for name in running.names:
            before = snapshot()
            begin, end = running.window(name, running.case.window_s)
            for program, (runs, ns) in grown(before, snapshot(), mine).items():
                if runs >= RUNS_MIN:
                    self.rows.append({"case": running.case.name, "row": name, "tool": tool,
                                      "round": number, "program": program, "runs": runs, "ns": ns,
                                      "ops": end.ops - begin.ops, "cpu_ns": end.cpu_ns - begin.cpu_ns})

    def watched(self, running, tool, number):
        mine = snapshot()
        if tool is None:
            with Clock(self.build, empty=True):
                self.window(running, EMPTY, mine, number)
            return
        with Clock(self.build):
            attached = Attached(tool, self.build, running.target.pid)
            try:
                time.sleep(0.1)
                self.window(running, tool.name, mine, number)
            except BaseException:
                attached.abandon()
                raise
            attached.stop()

    def run(self):
        for number in range(self.rounds):
            for case in CASES_OF_PROGRAMS:
                turns = [None, *self.tools.values()]
                random.shuffle(turns)
                with Running(case, self.build) as running:
                    time.sleep(0.3)
                    for tool in turns:
                        try:
                            self.watched(running, tool, number)
                        except Unavailable as why:
                            name = tool.name if tool else EMPTY
                            self.absent.append({"case": "programs", "tool": name, "reason": str(why)})
                            self.say(f"    {name}: {why}")
                            self.tools.pop(name, None)
