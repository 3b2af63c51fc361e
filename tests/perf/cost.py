#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What watching costs the watched program, other programs, and the tool itself: parascope, other tools,
and nothing at all, by turns.

usage: cost.py BUILD [options], see --help; files beside this one: loads, tools, series, programs,
figures, bars, table, chart.
"""
import argparse
import os
import signal
import sys
import tempfile

import chart
import results
import starts
import table
from loads import CASES
from programs import Programs
from series import Series
from tools import TOOLS, rival, version

PROGRAMS, STARTS = "programs", "starts"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add = parser.add_argument
    add("build", help="the build folder")
    add("--pairs", type=int, default=7, help="rounds with parascope (default %(default)s, 6 for an interval)")
    add("--rival-pairs", type=int, default=3, help="rounds with other tools (default %(default)s)")
    add("--quick", action="store_true", help="three rounds, one with other tools")
    add("--only", default="", metavar="PART,...",
        help="loads whose names contain one of these; also: programs, starts")
    add("--tools", default="", metavar="NAME,...",
        help="tools whose names are these (own, rivals: all of these)")
    add("--own", action="store_true", help="parascope only")
    add("--all-rivals", action="store_true", help="other tools on all loads, not only on some")
    add("--rival", action="append", default=[], metavar="CMD", help="another tool, attaches to {pid}; again")
    add("--json", metavar="FILE", help="all single values")
    add("--svg", metavar="FILE", help="bars")
    add("--from", dest="files", nargs="+", metavar="FILE", default=[],
        help="measure nothing, show these results")
    add("--markdown", action="store_true", help="tables as Markdown")
    add("--into", metavar="FILE", help="put a summary into this Markdown page, between the marks there")
    return parser.parse_args()


def chosen_tools(opts):
    tools = [*TOOLS, *(rival(command) for command in opts.rival)]
    wanted = [name.strip() for name in opts.tools.split(",") if name.strip()]
    if wanted:
        return [t for t in tools if t.name in wanted + opts.rival or ("rivals" in wanted and t.rival)
                or ("own" in wanted and t.own and t.always)]
    return [t for t in tools if t.always and (t.own or not opts.own)]


def tools_of_programs(opts, tools):
    """Those of BPF, and parascope without stacks."""
    if opts.tools:
        return watchers(tools)
    return [t for t in watchers(TOOLS) if t.bpf and (t.own or not opts.own) and t.name != "parascope -o"]


def watchers(tools):
    """All but programs that do nothing."""
    return [t for t in tools if t.own or t.rival]


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(opts):
    tools = chosen_tools(opts)
    build = os.path.abspath(opts.build)
    parts = [p.strip() for p in opts.only.split(",") if p.strip()]
    result = results.new({t.name: version(t, build) for t in tools},
                         {"pairs": opts.pairs, "rival_pairs": opts.rival_pairs,
                          "tools": [t.name for t in tools]})
    for case in CASES:
        if parts and not any(p in case.name for p in parts):
            continue
        say(f"  {case.name}: {case.about}")
        mine = [t for t in tools if not t.rival or case.rivals or opts.all_rivals or opts.tools]
        Series(case, mine, build, opts.pairs, opts.rival_pairs, result, say).run()
    if not parts or PROGRAMS in parts:
        say("  programs: ns per run")
        Programs(build, tools_of_programs(opts, tools), min(2, opts.pairs), result["programs"],
                 result["absent"], say).run()
    if not parts or STARTS in parts:
        say("  starts: attached, first event, let go")
        starts.measure(build, watchers(tools), min(2, opts.pairs), result, say)
    return result


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started is ended
    opts = arguments()
    if opts.quick:
        opts.pairs, opts.rival_pairs = 3, 1
    if opts.files:
        result = results.merge([results.load(f) for f in opts.files])
    else:
        with tempfile.TemporaryDirectory(prefix="parascope-cost-") as tempfile.tempdir:
            result = measure(opts)
    if opts.json:
        results.save(result, opts.json)
    if opts.svg:
        with open(opts.svg, "w", encoding="utf-8") as f:
            f.write(chart.svg(result))
    if opts.into:
        with open(opts.into, encoding="utf-8") as f:
            page = table.into(f.read(), result)
        with open(opts.into, "w", encoding="utf-8") as f:
            f.write(page)
    print(table.text(result, table.markdown if opts.markdown else table.align), end="")
    return 0 if result["rows"] or result["programs"] or result["starts"] else 1


if __name__ == "__main__":
    sys.exit(main())
