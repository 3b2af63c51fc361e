# SPDX-License-Identifier: GPL-2.0-or-later
"""The bars: what watching may cost at most, and whether it does."""
from typing import NamedTuple

from programs import EMPTY, hook_of
from results import figure, ordered, program_figures

DEFAULT, LEAN = "parascope", "parascope --lean"
MET, MISSED, OPEN, ABSENT = "met", "NOT met", "open", "not measured"


class Bar(NamedTuple):
    row: str
    tool: str
    limit: float


# CPU time per operation, watched against alone.
BARS = [
    Bar("ping-pong, four threads", DEFAULT, 1.30),
    Bar("ping-pong, four threads", LEAN, 1.15),
    Bar("mutex, 50 us", DEFAULT, 1.005),
    Bar("mutex, 50 us", LEAN, 1.005),
    Bar("Python, counting", DEFAULT, 1.01),
    Bar("Python, counting", LEAN, 1.01),
    Bar("Python, I/O", DEFAULT, 1.01),
    Bar("redis", DEFAULT, 1.03),
    Bar("redis", LEAN, 1.03),
    Bar("getppid", DEFAULT, 1.15),
    Bar("getppid", LEAN, 1.01),
    Bar("read of /dev/zero", DEFAULT, 1.15),
    Bar("read of /dev/zero", LEAN, 1.01),
    Bar("foreign ping-pong", DEFAULT, 1.15),
    Bar("foreign ping-pong", LEAN, 1.03),
]

# A run of a BPF program against the empty one on its hook: what is watched (without stacks), and others.
PROGRAM_BARS = [
    ("ping-pong, four threads", "parascope --sample-rate 0", 4.0),
    ("thread churn", "parascope --sample-rate 0", 4.0),
    ("ping-pong, four threads", "parascope --lean --sample-rate 0", 4.0),
    ("foreign ping-pong", DEFAULT, 2.0),
    ("foreign churn", DEFAULT, 2.0),
    ("foreign ping-pong", LEAN, 2.0),
]


class Judged(NamedTuple):
    what: str
    tool: str
    limit: float
    value: float       # None: not measured
    interval: tuple    # None: too few runs
    verdict: str


def verdict(value, interval, limit):
    """By the median; open where the interval does not let it be said either way."""
    if value is None:
        return ABSENT
    if interval and interval[0] <= limit < interval[1]:
        return f"{OPEN}, median {'below' if value <= limit else 'above'}"
    return MET if value <= limit else MISSED


def judge_loads(result):
    for bar in BARS:
        f = figure(result, bar.row, bar.tool, "cpu")
        value, interval = (f.median, f.interval) if f else (None, None)
        yield Judged(bar.row, bar.tool, bar.limit, value, interval, verdict(value, interval, bar.limit))


def judge_rivals(result):
    """The default mode must cost less than each rival, where both were measured."""
    row = "ping-pong, four threads"
    ours = figure(result, row, DEFAULT, "cpu")
    if not ours:
        return
    for name in ordered(r["tool"] for r in result["rows"] if r["row"] == row):
        if name.startswith(("parascope", EMPTY)):
            continue
        theirs = figure(result, row, name, "cpu").median
        yield Judged(f"{row}: below {name}", DEFAULT, theirs, ours.median, ours.interval,
                     verdict(ours.median, ours.interval, theirs))


def judge_programs(result):
    for row, tool, limit in PROGRAM_BARS:
        empty = program_figures(result, row, EMPTY)
        for name, f in program_figures(result, row, tool).items():
            floor = empty.get(hook_of(name))
            if floor:
                value = f.median / floor.median
                yield Judged(f"{row}: {name} / empty", tool, limit, value, None,
                             verdict(value, None, limit))


def judge_tools(result):
    return [*judge_loads(result), *judge_rivals(result)]


def judge(result):
    return [*judge_tools(result), *judge_programs(result)]
