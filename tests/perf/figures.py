# SPDX-License-Identifier: GPL-2.0-or-later
"""A list of numbers as a figure: median, quartiles, and an interval for the median.

The interval is by order statistics (the sign test turned round): it assumes nothing about how the
numbers are spread, only that they do not depend on each other.  With fewer than six there is none of
95 %; then it is absent, not narrower.
"""
import math
import statistics

CONFIDENCE = 0.95


def order_ranks(n, confidence=CONFIDENCE):
    """How many of the smallest, and of the largest, lie outside of the interval; None: too few."""
    outside, tail = None, 0.0
    for k in range(n // 2):
        tail += math.comb(n, k) / 2**n  # at most k of n below the median
        if 2 * tail > 1 - confidence:
            break
        outside = k
    return outside


def interval(values, confidence=CONFIDENCE):
    ordered = sorted(values)
    outside = order_ranks(len(ordered), confidence)
    return None if outside is None else (ordered[outside], ordered[-1 - outside])


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


class Figure:
    """What is said of a list of numbers, which must not be empty."""

    def __init__(self, values):
        self.values = list(values)
        self.n = len(self.values)
        self.median = statistics.median(self.values)
        self.quartiles = quartiles(self.values)
        self.range = min(self.values), max(self.values)
        self.interval = interval(self.values)

    def as_json(self):
        return {"n": self.n, "median": self.median, "quartiles": self.quartiles,
                "range": self.range, "interval": self.interval}
