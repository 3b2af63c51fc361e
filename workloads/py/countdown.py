#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Articles 002 and 004: tasks that count a number down to zero, pure CPU work under the GIL."""
import common


def countdown(num):
    while num > 0:
        num -= 1


def main():
    experiment = common.Experiment(
        "countdown", __doc__, modes=common.MODES, size=240_000_000, size_help="where the count begins",
        ids={"seq": "002-a", "threads": "002-b", "procs": "002-c", "both": "004-a"},
        sizes={"004-a": 200_000_000}, repeats=True)
    opts = experiment.parse(calibrate=countdown)
    experiment.run_same(countdown, opts.size)


if __name__ == "__main__":
    common.main(main)
