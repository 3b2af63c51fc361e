#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Articles 002 and 004 put together: tasks that in turn count a number down and sleep. Neither the CPU nor
the waiting explains it all."""
import time

import common


def count_and_sleep(num, nap):
    while num > 0:
        num -= 1
    time.sleep(nap)


def main():
    experiment = common.Experiment(
        "mixed", __doc__, modes=common.MODES, size=200_000, size_help="where each round's count begins",
        tasks=4, repeats=True)
    experiment.parser.add_argument("--nap", type=common.seconds, default=0.01, metavar="S",
                                   help="seconds that each round sleeps (default %(default)s)")
    opts = experiment.parse(calibrate=lambda num: count_and_sleep(num, 0), idle="nap")
    experiment.extra = {"nap_s": opts.nap}
    experiment.run_same(count_and_sleep, opts.size, opts.nap)


if __name__ == "__main__":
    common.main(main)
