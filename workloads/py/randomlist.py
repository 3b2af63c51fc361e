#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 003: four tasks that each append 100 000 random numbers to a list."""
import random

import common


def gen_random_data(size):
    data = []
    for _ in range(size):
        data.append(random.random())
    return {"items": len(data)}


def main():
    experiment = common.Experiment(
        "randomlist", __doc__, modes=common.MODES, size=100_000, size_help="appends to each list",
        ids={"seq": "003-a", "threads": "003-b", "procs": "003-c"}, tasks=4, repeats=True)
    opts = experiment.parse(calibrate=gen_random_data)
    experiment.run_same(gen_random_data, opts.size)


if __name__ == "__main__":
    common.main(main)
