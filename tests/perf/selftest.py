#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench-cost makes of its measurements, with made-up ones: needs no root and measures nothing.
Prints TAP."""
import itertools
import sys
import traceback
import xml.etree.ElementTree as ET

import bars
import chart
import figures
import programs
import results
import series
import starts
import table
import tools

TESTS = []
SLEEPY, TARGET = "getppid", "ping-pong, four threads"


def test(function):
    TESTS.append(function)
    return function


def equal(got, wanted, what):
    assert got == wanted, f"{what}: {got!r}, expected {wanted!r}"


def run_of(ns):
    return {"ops": 1000, "ns": ns * 1000, "cpu_ns": ns * 1000, "busy_ns": 0}


def row(name, tool, number, before, on, after, case=None):
    runs = [run_of(ns) for ns in (before, on, after)]
    return {"case": case or name, "row": name, "tool": tool, "round": number, "before": runs[0],
            "on": runs[1], "after": runs[2], "tool_cpu": 0.1, "attach_ms": 1, "stop_ms": 1, "events": 5,
            "recorded_bytes_per_s": 0, **series.compare(*runs)}


def made(rows=(), absent=(), made_programs=()):
    result = results.new({}, {"tools": [t.name for t in tools.TOOLS]})
    result["rows"], result["absent"], result["programs"] = list(rows), list(absent), list(made_programs)
    return result


@test
def an_interval_covers_what_it_says():
    """the interval's ranks are those of the binomial distribution, by counting all cases"""
    for n in range(1, 13):
        outside = figures.order_ranks(n)
        best = None
        for k in range(n // 2):
            # the median lies inside unless k or fewer of n fair coins fall on one side
            missed = sum(1 for coins in itertools.product((0, 1), repeat=n)
                         if sum(coins) <= k or sum(coins) >= n - k)
            if missed / 2**n <= 1 - figures.CONFIDENCE:
                best = k
        equal(outside, best, f"ranks of {n}")


@test
def figures_of_few():
    """median, quartiles and interval of lists that are short, even, or all the same"""
    equal(figures.Figure([3.0]).as_json(), {"n": 1, "median": 3.0, "quartiles": (3.0, 3.0),
                                            "range": (3.0, 3.0), "interval": None}, "one")
    f = figures.Figure([4, 1, 3, 2])
    equal((f.median, f.quartiles, f.interval), (2.5, (1.75, 3.25), None), "four")
    equal(figures.Figure(range(1, 8)).interval, (1, 7), "seven: all of them")
    equal(figures.Figure(range(1, 10)).interval, (2, 8), "nine: without the outermost")
    equal(figures.Figure([5] * 9).interval, (5, 5), "all the same")


@test
def a_drift_does_not_count():
    """a machine that becomes slower at a constant rate does not change the ratio"""
    equal(series.compare(run_of(100), run_of(220), run_of(120))["cpu"], 2.0, "ratio")


@test
def verdicts():
    """met, not met, open where the interval holds the limit, and not measured"""
    equal(bars.verdict(1.2, None, 1.3), bars.MET, "no interval")
    equal(bars.verdict(1.2, (1.1, 1.25), 1.3), bars.MET, "all below")
    equal(bars.verdict(1.4, (1.35, 1.5), 1.3), bars.MISSED, "all above")
    equal(bars.verdict(1.2, (1.1, 1.35), 1.3), "open, median below", "below")
    equal(bars.verdict(1.32, (1.1, 1.35), 1.3), "open, median above", "above")
    equal(bars.verdict(None, None, 1.3), bars.ABSENT, "nothing")


@test
def rivals_are_bars():
    """the default mode is judged against each rival that was measured, and no other"""
    result = made([row(TARGET, "parascope", i, 100, 130, 100) for i in range(6)]
                  + [row(TARGET, "bpftrace", 0, 100, 120, 100),
                     row(TARGET, "strace -c -f", 0, 100, 500, 100)],
                  [{"case": TARGET, "tool": "offcputime-bpfcc", "reason": "not installed"}])
    judged = [(j.what, j.verdict) for j in bars.judge(result) if "below" in j.what]
    equal(judged, [(f"{TARGET}: below bpftrace", bars.MISSED), (f"{TARGET}: below strace -c -f", bars.MET)],
          "judged")


@test
def empty_programs():
    """each program stands beside the empty one on its own hook, for which the longest name decides"""
    for name, hook in (("on_switch", "e_switch"), ("on_exit", "e_exit"), ("on_exit_futex", "e_exit_futex"),
                       ("on_exit_futex_2", "e_exit_futex"), ("on_waking_context", "e_waking"),
                       ("on_wakeup_new", "e_wakeup_new"), ("on_contention_b", "e_contend_begin"),
                       ("sched_switch", None)):
        equal(programs.hook_of(name), hook, name)
    rows = [{"case": TARGET, "row": TARGET, "tool": tool, "round": 0, "program": name, "runs": 1000,
             "ns": ns * 1000, "ops": 500, "cpu_ns": 1}
            for tool, name, ns in (("empty", "e_switch", 50),
                                    ("parascope --sample-rate 0", "on_switch", 225))]
    judged = {j.what: (j.value, j.verdict) for j in bars.judge(made(made_programs=rows))}
    equal(judged[f"{TARGET}: on_switch / empty"], (4.5, bars.MISSED), "on_switch")
    equal(results.program_share(made(made_programs=rows), TARGET, "parascope --sample-rate 0").median, 450.0,
          "ns per operation")


@test
def what_is_absent_is_no_number():
    """a tool that could not be measured shows its reason, in text and in Markdown"""
    result = made([row(TARGET, "parascope", i, 100, 110 + i, 100) for i in range(7)],
                  [{"case": TARGET, "tool": "bpftrace", "reason": "did not work: it saw no event"}])
    for form in (table.align, table.markdown):
        said = table.text(result, form)
        assert "1.130x (1.100 to 1.160)" in said, said
        assert "[1]" in said and "[1] did not work: it saw no event" in said, said
        assert "strace" not in said, said
    lines = [l for l in table.text(result, table.markdown).splitlines() if l.startswith("|")]
    assert lines and all(l.endswith("|") for l in lines), lines


@test
def a_page_is_refreshed():
    """--into replaces what lies between the marks, again and again, and refuses a page without them"""
    page = f"head\n{table.BEGIN}old\n{table.END}foot\n"
    result = made([row(TARGET, "parascope", i, 100, 120, 100) for i in range(7)])
    once = table.into(page, result)
    assert once.startswith("head\n") and once.endswith("foot\n") and "old" not in once, once
    assert "1.200x" in once, once
    equal(table.into(once, result), once, "again")
    try:
        table.into("no marks\n", result)
    except ValueError:
        return
    raise AssertionError("a page without marks was written")


@test
def merged_results():
    """results of several files: the last of each case and tool, reasons only where nothing was measured"""
    first = made([row(TARGET, "parascope", 0, 100, 200, 100)],
                 [{"case": TARGET, "tool": "bpftrace", "reason": "not installed"}])
    second = made([row(TARGET, "parascope", 0, 100, 150, 100), row(TARGET, "bpftrace", 0, 100, 300, 100)])
    whole = results.merge([first, second])
    third = made([row(SLEEPY, "mytool {pid}", 0, 100, 110, 100)])
    equal(table.names(results.merge([second, third])), ["parascope", "bpftrace", "mytool {pid}"], "columns")
    equal(results.figure(whole, TARGET, "parascope", "cpu").values, [1.5], "the last")
    equal(whole["absent"], [], "reasons")
    second["machine"] = dict(second["machine"], kernel="another")
    try:
        results.merge([first, second])
    except ValueError:
        return
    raise AssertionError("results of two machines became one")


@test
def bars_are_as_long_as_they_should():
    """the SVG is well formed, and a bar of 4x is twice as long as one of 2x on its logarithmic axis"""
    result = made([row(TARGET, "parascope", i, 100, 200, 100) for i in range(7)]
                  + [row(TARGET, "bpftrace", 0, 100, 400, 100)])
    root = ET.fromstring(chart.svg(result))
    widths = [float(r.get("width")) for r in root.iter("{http://www.w3.org/2000/svg}rect")
              if r.get("height") == str(chart.BAR - 3)]
    equal(len(widths), 2, "bars")
    assert abs(widths[1] - 2 * widths[0]) < 0.2, widths
    words = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "2.00x" in words and "4.00x" in words and TARGET in words, words


@test
def turning_points():
    """when a target became slower and fast again, from its own operations; unseen if it hardly changed"""
    def samples(watched):
        at, ops, found = 0, 0, []
        for step in range(100):
            at += 2_000_000
            ops += 1000 if not 30 <= step < 60 else 1000 // watched
            found.append((at, ops))
        return found

    got = starts.turning_points(samples(2), 50_000_000, 70_000_000, 110_000_000, 130_000_000)
    equal(got, (62_000_000, 122_000_000), "half the speed")
    equal(starts.turning_points(samples(1), 50_000_000, 70_000_000, 110_000_000, 130_000_000), (None, None),
          "no change")


@test
def tools_of_the_command_line():
    """--rival puts the process where it says, leaves other braces alone, and refuses to guess"""
    tool = tools.rival("prog -e '{ @x = 1 }' -p {pid}")
    equal([tools.parts(a, "b", 7, "to") for a in tool.argv], ["prog", "-e", "{ @x = 1 }", "-p", "7"], "argv")
    try:
        tools.rival("prog -p 7")
    except ValueError:
        return
    raise AssertionError("a rival without {pid} was taken")


def main():
    failed = 0
    for number, function in enumerate(TESTS, 1):
        name = function.__doc__.splitlines()[0]
        try:
            function()
            print(f"ok {number} - {name}")
        except Exception:  # a bug of the test fails it as well
            failed += 1
            print(f"not ok {number} - {name}")
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
    print(f"1..{len(TESTS)}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
