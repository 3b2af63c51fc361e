#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A trap: one thread sleeps in C without giving up the GIL (ctypes.PyDLL), another wants to run Python.
With --cdll the same sleep releases the GIL (ctypes.CDLL)."""
import ctypes
import threading

import common


def sleeper(usleep, usec, naps, done):
    try:
        for _ in range(naps):
            usleep(usec)
    finally:
        done.set()
    return {"role": "sleeper", "naps": naps}


def spinner(done):
    spins = 0
    while not done.is_set():
        spins += 1
    return {"role": "spinner", "spins": spins}


def main():
    experiment = common.Experiment("gilheld", __doc__, size=500_000, tasks=None, ids={"threads": "all"}, work="spins",
                                   size_help="microseconds of each sleep")
    experiment.parser.add_argument("--naps", type=common.workers, default=4, metavar="N",
                                   help="how often (default %(default)s)")
    experiment.parser.add_argument("--cdll", action="store_true", help="release the GIL while sleeping")
    opts = experiment.parse()
    if opts.size >= 2**32:
        experiment.parser.error("--size: usleep takes 32 bits")
    opts.workers = 2
    library = (ctypes.CDLL if opts.cdll else ctypes.PyDLL)(None)
    library.usleep.argtypes = [ctypes.c_uint]
    done = threading.Event()
    experiment.extra = {"gil_held_in_sleep": not opts.cdll, "naps": opts.naps}
    experiment.run([common.Job(spinner, (done,), "spinner"),
                    common.Job(sleeper, (library.usleep, opts.size, opts.naps, done), "sleeper")])


if __name__ == "__main__":
    common.main(main)
