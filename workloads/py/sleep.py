#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Articles 001, 002 and 004: tasks that only sleep; their waiting overlaps, nothing runs in parallel."""
import time

import common


def io_bound(seconds):
    time.sleep(seconds)


def main():
    experiment = common.Experiment(
        "sleep", __doc__, modes=common.MODES, size=10.0, size_type=common.seconds,
        size_help="seconds each task sleeps",
        ids={"seq": "002-a", "threads": "002-b", "procs": "002-c", "both": "004-a"},
        sizes={"001-a": 2.0})
    opts = experiment.parse()
    experiment.run_same(io_bound, opts.size)


if __name__ == "__main__":
    common.main(main)
