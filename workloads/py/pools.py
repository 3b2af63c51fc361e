#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 000: a pool of 10 threads or of 10 processes, each in an endless loop until the time is up."""
import time

import common
import modes

CHUNK = 10_000  # rounds of the article's loop between two looks at the clock
stopped = False  # ends the threads early; worker processes get SIGTERM instead


def endless(deadline_ns):
    x = 0
    while time.monotonic_ns() < deadline_ns and not stopped:
        for _ in range(CHUNK):
            x += 1
    return {"rounds": x}


def give_up():
    global stopped
    stopped = True


def main():
    experiment = common.Experiment(
        "pools", __doc__, modes=("threads", "procs"), ids={"threads": "000-d", "procs": "000-a"},
        size=10.0, size_type=common.seconds, size_flags=("--size", "--time"),
        size_help="seconds until the loops end", tasks=10, pools=True,
        work="rounds")
    opts = experiment.parse()
    experiment.begin()
    job = common.Job(endless, (experiment.begin_ns + round(opts.size * 1e9),))
    experiment.end(*modes.run_pool([job] * opts.workers, experiment.how, opts.via, opts.start_method, give_up))


if __name__ == "__main__":
    common.main(main)
