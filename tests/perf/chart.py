# SPDX-License-Identifier: GPL-2.0-or-later
"""A result as bars, in SVG: CPU time per operation, watched against alone, on a logarithmic axis."""
import math
from html import escape

from loads import CASES
from programs import EMPTY
from results import figure
from table import head, names, rows_of

WIDTH, LABEL, RIGHT, TOP = 960, 190, 120, 96  # a legend of two lines
BAR, GAP = 13, 12
OWN = ["#0b5cad", "#4f9fe8", "#9cc9f3"]
NOTHING = ["#b5b5b5", "#d9d9d9"]
OTHERS = ["#d1742c", "#e8a33d", "#a05a9c", "#7c8a3a", "#b03a48", "#777777", "#444444"]
TICKS = [0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100]


def colours(tools):
    own, nothing, others = iter(OWN * 3), iter(NOTHING), iter(OTHERS * 3)
    return {t: next(own if t.startswith("parascope") else nothing if t.startswith(EMPTY) else others)
            for t in tools}


def groups(result, tools):
    """[(row, [(tool, Figure)])] of all that was measured."""
    found = []
    for case in CASES:
        for row in rows_of(case):
            bars = [(t, figure(result, row, t, "cpu")) for t in tools]
            bars = [(t, f) for t, f in bars if f]
            if bars:
                found.append((row, bars))
    return found


class Axis:
    """Where a ratio lies; bars begin at 1x."""

    def __init__(self, values):
        self.low = min(0.95, *values)
        self.high = max(1.5, *values)

    def x(self, ratio):
        share = math.log(ratio / self.low) / math.log(self.high / self.low)
        return LABEL + share * (WIDTH - LABEL - RIGHT)


def text(x, y, words, size=12, anchor="start", fill="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{fill}">{escape(words)}</text>')


def bar(axis, y, figure_, colour):
    begin, end = sorted((axis.x(1), axis.x(figure_.median)))
    yield (f'<rect x="{begin:.1f}" y="{y}" width="{max(end - begin, 1):.1f}" height="{BAR - 3}" '
           f'fill="{colour}"/>')
    right = axis.x(max(figure_.median, 1))
    if figure_.interval:
        low, high = (axis.x(v) for v in figure_.interval)
        middle = y + (BAR - 3) / 2
        yield (f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 3}v6M{high:.1f} {middle - 3}v6" '
               f'stroke="#222" fill="none"/>')
        right = max(right, high)
    yield text(right + 5, y + BAR - 4, f"{figure_.median:.3f}x" if figure_.median < 2
               else f"{figure_.median:.2f}x", 10)


def legend(tools, colour):
    x, y = 14, 60
    for tool in tools:
        width = 30 + 6.2 * len(tool)
        if x + width > WIDTH:
            x, y = 14, y + 18
        yield f'<rect x="{x}" y="{y - 9}" width="9" height="9" fill="{colour[tool]}"/>'
        yield text(x + 14, y, tool, 11)
        x += width


def svg(result):
    measured = [t for t in names(result) if any(r["tool"] == t for r in result["rows"])]
    found = groups(result, measured)
    if not found:
        raise ValueError("nothing to draw: no load was measured")
    colour = colours(measured)
    ends = [v for _, bars in found for _, f in bars for v in (f.median, *(f.interval or ()))]
    axis = Axis(ends)
    height = TOP + sum(len(bars) * BAR + GAP for _, bars in found) + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           text(14, 22, "What watching costs: CPU time per operation, watched against alone", 15),
           text(14, 40, head(result), 11, fill="#555"), *legend(measured, colour)]
    shown = [t for t in TICKS if axis.low <= t <= axis.high]
    last = -math.inf
    for tick in shown:
        x = axis.x(tick)
        out.append(f'<path d="M{x:.1f} {TOP}V{height - 26}" stroke="{"#555" if tick == 1 else "#ddd"}"/>')
        if x - last > 34:
            out.append(text(x, height - 10, f"{tick:g}x", 11, "middle", "#555"))
            last = x
    y = TOP + GAP // 2
    for row, bars in found:
        out.append(text(LABEL - 8, y + len(bars) * BAR / 2 + 3, row, 12, "end"))
        for tool, f in bars:
            out += bar(axis, y, f, colour[tool])
            y += BAR
        y += GAP
    return "\n".join([*out, "</svg>", ""])
