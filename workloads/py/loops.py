#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 000: two loops that sleep 10 s and 2 s a round. With join (000-b): one thread for each loop.
Without (000-c): two new threads a round, and the main thread ends long before they do."""
import atexit
import signal
import sys
import time

import common
import modes


def show(enabled, value):
    if enabled:
        sys.stderr.write("%d\n" % value)


def f1(rounds, nap, talk):
    for n in rounds:
        show(talk, n)
        time.sleep(nap)


def f2(rounds, nap, talk):
    for n in rounds:
        show(talk, n * n)
        time.sleep(nap)


def main():
    experiment = common.Experiment("loops", __doc__, ids={"threads": "000-b"}, size=5,
                                   size_type=common.workers, size_help="rounds", scaled=("sleep1", "sleep2"),
                                   tasks=None)
    add = experiment.parser.add_argument
    add("--no-join", action="store_true", help="000-c: never join; the result comes when all have ended")
    add("--sleep1", type=common.seconds, default=10.0, metavar="S", help="first loop (default 10)")
    add("--sleep2", type=common.seconds, default=2.0, metavar="S", help="second loop (default 2)")
    opts = experiment.parse()
    naps = opts.sleep1, opts.sleep2
    for signum in common.STOP_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)  # no children: simply die

    if opts.no_join:
        opts.id = "000-c"
        jobs = [common.Job(f, ([n], nap, opts.log), "Thread-%d" % (2 * n + i))
                for n in range(opts.size) for i, (f, nap) in enumerate(zip((f1, f2), naps), 1)]
    else:
        jobs = [common.Job(f, (range(opts.size), nap, opts.log)) for f, nap in zip((f1, f2), naps)]
    opts.workers = len(jobs)
    entries = [None] * len(jobs)
    experiment.begin()
    threads = modes.start_threads(jobs, experiment.how, entries)
    if not opts.no_join:
        for thread in threads:
            thread.join()
    experiment.main_done_ns = time.monotonic_ns() - experiment.begin_ns
    experiment.extra = {"join": not opts.no_join, "naps_s": naps, "main_done_ns": experiment.main_done_ns}
    if opts.log:
        sys.stderr.write("done in %.6f s\n" % (experiment.main_done_ns / 1e9))
    if opts.no_join:
        atexit.register(experiment.end, entries)  # the interpreter waits for the threads before this
    else:
        experiment.end(entries)


if __name__ == "__main__":
    common.main(main)
