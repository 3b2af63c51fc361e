#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo target: a small service that runs until --time is up or SIGTERM or SIGINT comes. Its workers do
pure-Python work under the GIL, two of them fight for a lock, one thread does I/O, one hashes in C.
The first line on stdout is its PID."""
import hashlib
import os
import signal
import tempfile
import threading
import time

import common
import modes

stop = threading.Event()
cache = {}
cache_lock = threading.Lock()


def parse(size):
    return [(i * 2654435761) & 0xFFFF for i in range(size)]


def score(fields):
    total = 0
    for field in fields:
        total = (total * 31 + field) & 0xFFFFFFFF
    return total


def handle_request(size):
    return score(parse(size))


def update_cache(key, size):
    """Holds the cache's lock while it computes. Returns (ns waited for the lock, ns held)."""
    asked = time.monotonic_ns()
    with cache_lock:
        got = time.monotonic_ns()
        cache[key] = handle_request(size)
        held = time.monotonic_ns() - got
    return got - asked, held


def serve(size):
    """A worker that needs nothing but the GIL."""
    requests = 0
    while not stop.is_set():
        handle_request(size)
        requests += 1
    return {"role": "worker", "requests": requests}


def serve_cached(size):
    """A worker that also needs the cache's lock, for half of its work."""
    requests = waited = held = 0
    while not stop.is_set():
        handle_request(size)
        wait, hold = update_cache(requests % 100, size)
        requests, waited, held = requests + 1, waited + wait, held + hold
    return {"role": "lock worker", "requests": requests, "lock_wait_ns": waited, "lock_held_ns": held}


def write_journal(nap):
    """Sleeps, then writes 4 KiB to a file and asks the disk for it."""
    writes = 0
    with tempfile.TemporaryFile() as journal:
        while not stop.is_set():
            time.sleep(nap)
            journal.seek(0)
            journal.write(b"." * 4096)
            journal.flush()
            os.fsync(journal.fileno())
            writes += 1
    return {"role": "journal", "writes": writes}


def checksum_blobs(mib):
    """hashlib releases the GIL over a big buffer: this thread runs beside the workers."""
    blob, blobs = bytes(mib << 20), 0
    while not stop.is_set():
        hashlib.sha256(blob)
        blobs += 1
    return {"role": "hasher", "blobs": blobs}


def main():
    experiment = common.Experiment("service", __doc__, size=20_000, tasks=4,
                                   size_help="fields in each request")
    add = experiment.parser.add_argument
    add("--time", type=common.seconds_or_zero, default=60.0, metavar="S",
        help="seconds to run (default 60; 0: until a signal)")
    add("--nap", type=common.seconds, default=0.05, metavar="S",
        help="the journal's pause (default %(default)s)")
    add("--blob", type=common.workers, default=32, metavar="MIB",
        help="size of a hashed buffer (default %(default)s)")
    opts = experiment.parse()
    if opts.workers < 2:
        experiment.parser.error("--workers: two of them share the lock, so at least 2")

    jobs = [common.Job(serve_cached if i < 2 else serve, (opts.size,), "worker-%d" % i)
            for i in range(opts.workers)]
    jobs.append(common.Job(write_journal, (opts.nap,), "journal"))
    jobs.append(common.Job(checksum_blobs, (opts.blob,), "hasher"))
    entries = [None] * len(jobs)
    stopped_by = "time"
    try:
        with modes.starting("fork"):  # whoever read the PID may send SIGTERM at once
            print(os.getpid(), flush=True)
            experiment.begin()
            threads = modes.start_threads(jobs, experiment.how, entries)
        stop.wait(opts.time or None)
    except common.Stopped as stopped:
        stopped_by = signal.Signals(stopped.signum).name
    stop.set()
    for thread in threads:
        thread.join()
    if None in entries:
        raise common.Failure("a thread of the service failed")
    experiment.extra = {"stopped_by": stopped_by}
    experiment.end(entries)


if __name__ == "__main__":
    common.main(main)
