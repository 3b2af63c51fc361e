#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 001: tasks that add up the numbers below 10 million, pure CPU work under the GIL."""
import common


def heavy_calculation(size):
    count = 0
    for i in range(size):
        count += i
    return {"sum": count}


def main():
    experiment = common.Experiment(
        "heavysum", __doc__, modes=common.MODES, size=10_000_000, size_help="numbers to add",
        ids={"seq": "001-b", "threads": "001-b", "procs": "001-b"}, repeats=True)
    opts = experiment.parse(calibrate=heavy_calculation)
    experiment.run_same(heavy_calculation, opts.size)


if __name__ == "__main__":
    common.main(main)
