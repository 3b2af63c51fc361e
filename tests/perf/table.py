# SPDX-License-Identifier: GPL-2.0-or-later
"""A result as text: aligned columns for a terminal, or Markdown."""
import statistics
import textwrap

import bars
from loads import CASES
from programs import EMPTY, hook_of
from results import alone, figure, ordered, others, program_figures, program_share, reason
from tools import TOOLS


def ratio(f):
    if not f:
        return "-"
    if not f.interval:
        return f"{f.median:.3f}x"
    return f"{f.median:.3f}x ({f.interval[0]:.3f} to {f.interval[1]:.3f})"


def align(rows):
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))).rstrip()


def markdown(rows):
    yield "| " + " | ".join(rows[0]) + " |"
    yield "|" + "---|" + "--:|" * (len(rows[0]) - 1)
    for row in rows[1:]:
        yield "| " + " | ".join(row) + " |"


def rows_of(case):
    return list(case.measured) or [case.name]


def names(result):
    """Tools with a column: all that were measured or are absent, as in tools.py, then others."""
    found = ordered(r["tool"] for r in result["rows"] + result["absent"] if r["tool"])
    known = [t.name for t in TOOLS]
    return [n for n in known if n in found] + [n for n in found if n not in known]


def cell(result, case, row, tool, what, notes):
    f = figure(result, row, tool, what)
    if f:
        return ratio(f)
    why = reason(result, case.name, tool)
    if not why:
        return "-"
    if why not in notes:
        notes.append(why)
    return f"[{notes.index(why) + 1}]"


def slowdowns(result, what, notes):
    """A row for each load, a column for each tool."""
    tools = [t for t in names(result) if any(r["tool"] == t for r in result["rows"])
             or any(r["tool"] == t and r["case"] != "programs" for r in result["absent"])]
    lines = [["", "alone", *tools]]
    for case in CASES:
        for row in rows_of(case):
            base = alone(result, row)
            if base:
                lines.append([row, f"{base[0].median:,.0f} ns / {case.unit}",
                              *(cell(result, case, row, t, what, notes) for t in tools)])
    return lines


def spreads(result):
    """How far the single ratios lie from each other, of CPU time."""
    lines = [["", "rounds", "median", "quartiles", "range"]]
    for row in ordered(r["row"] for r in result["rows"]):
        for tool in names(result):
            f = figure(result, row, tool, "cpu")
            if f:
                lines.append([f"{row}, {tool}", str(f.n), f"{f.median:.3f}x",
                              *(f"{low:.3f} to {high:.3f}" for low, high in (f.quartiles, f.range))])
    return lines


def own_costs(result):
    """What the tools themselves use while they watch."""
    lines = [["", "CPU of its own", "events", "lost", "recorded"]]
    for case in CASES:
        if case.measured:
            continue
        for tool in names(result):
            cpu = figure(result, case.name, tool, "tool_cpu")
            if not cpu:
                continue
            events = figure(result, case.name, tool, "events")
            lost = figure(result, case.name, tool, "dropped")
            size = figure(result, case.name, tool, "recorded_bytes_per_s")
            lines.append([f"{case.name}, {tool}", f"{cpu.median * 100:.1f} %",
                          f"{events.median:,.0f}" if events else "-",
                          f"{lost.median:,.0f}" if lost else "-",
                          f"{size.median / 1e6:.0f} MB/s" if size and size.median else "-"])
    return lines


def program_lines(result):
    """ns per run, beside the empty program; then all programs of a tool for one operation."""
    lines = [["", "ns / run", "empty", "ratio", "runs / operation"]]
    for row in ordered(r["row"] for r in result["programs"]):
        empty = program_figures(result, row, EMPTY)
        for tool in ordered(r["tool"] for r in result["programs"] if r["row"] == row):
            if tool == EMPTY:
                continue
            for name, f in sorted(program_figures(result, row, tool).items()):
                floor = empty.get(hook_of(name))
                mine = [r for r in result["programs"]
                        if (r["row"], r["tool"], r["program"]) == (row, tool, name)]
                runs = sum(r["runs"] for r in mine) / sum(r["ops"] for r in mine)
                lines.append([f"{row}, {tool}: {name}", f"{f.median:.0f}",
                              f"{floor.median:.0f}" if floor else "-",
                              f"{f.median / floor.median:.2f}x" if floor else "-", f"{runs:.2f}"])
            share = program_share(result, row, tool)
            lines.append([f"{row}, {tool}: all, ns / operation", f"{share.median:.0f}", "-", "-", "-"])
    return lines


def start_lines(result):
    """From the start of the tool, and from the signal that ends it."""
    def middle(tool, what):
        values = [r[what] for r in result["starts"] if r["tool"] == tool and r[what] is not None]
        return f"{statistics.median(values):,.0f} ms" if values else "-"

    lines = [["", "attached", "target slower", "told to end: fast again", "gone"]]
    for tool in ordered(r["tool"] for r in result["starts"]):
        lines.append([tool, *(middle(tool, w) for w in ("attached_ms", "slower_ms", "fast_ms", "gone_ms"))])
    return lines


def bar_lines(result, judge=bars.judge):
    lines = [["", "at most", "measured", ""]]
    measured = {r["row"] for r in result["rows"]}
    for j in judge(result):
        if j.verdict == bars.ABSENT and j.what not in measured:
            continue
        value = "-" if j.value is None else f"{j.value:.3f}x"
        if j.interval:
            value += f" ({j.interval[0]:.3f} to {j.interval[1]:.3f})"
        lines.append([f"{j.what}, {j.tool}", f"{j.limit:.3f}x", value, j.verdict])
    return lines


def head(result):
    m = result["machine"]
    return (f"{m['cpu']}, {m['cpus']} CPUs, Linux {m['kernel']} ({m['machine']}), {m['distribution']}, "
            f"{result['date'][:10]}")


def sections(result, notes):
    yield "CPU time per operation, watched against alone: median of the paired ratios (95 % interval)", \
        slowdowns(result, "cpu", notes)
    yield "wall time per operation, likewise", slowdowns(result, "wall", notes)
    yield "spread of the ratios of CPU time", spreads(result)
    yield "what the tool itself uses meanwhile, of one CPU", own_costs(result)
    yield "BPF programs, ns per run by the kernel's clock (its own cost included)", program_lines(result)
    yield "start and stop, while a thread makes futex calls without a pause", start_lines(result)
    yield "bars", bar_lines(result)


def summary(result, notes):
    """What the first page has: no single programs, no wall time."""
    yield "CPU time per operation, watched against alone: median of the paired ratios (95 % interval)", \
        slowdowns(result, "cpu", notes)
    yield "start and stop, while a thread makes futex calls without a pause", start_lines(result)
    yield "what it may cost", bar_lines(result, bars.judge_tools)


def text(result, form=align, sections=sections):
    notes = []
    out = [head(result), ""]
    strangers = others(result)
    if strangers:
        out[0] += (f"; other programs used {strangers.median:.2f} CPUs in the middle, "
                   f"{strangers.range[1]:.2f} at most")
    others_bpf = ordered(n for r in result["disturbed"] for n in r["programs"])
    if others_bpf:
        first = ", ".join(others_bpf[:4]) + (" ..." if len(others_bpf) > 4 else "")
        notes.append("others had BPF programs in the kernel during "
                     + ", ".join(ordered(r["case"] for r in result["disturbed"]))
                     + f": these figures may be off ({first})")
    for title, lines in sections(result, notes):
        if len(lines) > 1:
            out += [title, *([""] if form is markdown else []), *form(lines), ""]
    for i, note in enumerate(notes):
        out += textwrap.wrap(f"[{i + 1}] {note}", 110, subsequent_indent="" if form is markdown else "    ")
        out += [""] if form is markdown else []
    return "\n".join(out).rstrip() + "\n"


BEGIN, END = "<!-- bench-cost: begin -->\n", "<!-- bench-cost: end -->\n"


def into(page, result):
    """The page with the summary, as Markdown, between its two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no lines {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{text(result, markdown, summary)}{END}{after}"
