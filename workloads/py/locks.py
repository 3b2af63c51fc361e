#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks that wait for each other: at a Lock, at a bounded queue, at a Condition. The tasks measure their
own waiting. Threads use threading and queue, processes their multiprocessing twins."""
import contextlib
import multiprocessing
import queue
import threading
import time

import common


class Number:
    """What multiprocessing.RawValue is among threads."""
    value = 0


def use_lock(lock, shared, size, hold):
    """Every task takes the one lock size times and runs Python code while it holds it. Without a lock it
    does the same work, so the number it counts may come out too small."""
    lock, waited, held = lock or contextlib.nullcontext(), 0, 0
    for _ in range(size):
        asked = time.monotonic_ns()
        with lock:
            got = time.monotonic_ns()
            for _ in range(hold):
                pass
            shared.value += 1
            held += time.monotonic_ns() - got
        waited += got - asked
    return {"role": "locker", "acquisitions": size, "lock_wait_ns": waited, "lock_held_ns": held}


def produce(line, size):
    waited = 0
    for item in range(size):
        asked = time.monotonic_ns()
        line.put(item)
        waited += time.monotonic_ns() - asked
    return {"role": "producer", "items": size, "put_ns": waited}


def consume(line, size):
    waited = 0
    for _ in range(size):
        asked = time.monotonic_ns()
        line.get()
        waited += time.monotonic_ns() - asked
    return {"role": "consumer", "items": size, "get_ns": waited}


def take_turns(condition, turn, me, tasks, size):
    """A token goes round: only one task may go on, all others are woken in vain."""
    wakes = waited = 0
    for _ in range(size):
        with condition:
            while turn.value != me:
                asked = time.monotonic_ns()
                condition.wait()
                waited += time.monotonic_ns() - asked
                wakes += 1
            turn.value = (me + 1) % tasks
            condition.notify_all()
    return {"role": "turn", "turns": size, "wakes": wakes, "wait_ns": waited}


def lock_jobs(opts, make, number):
    lock = None if opts.no_lock else make.Lock()
    return [common.Job(use_lock, (lock, number, opts.size, opts.hold))] * opts.workers


def queue_jobs(opts, make, number):
    line = make.Queue(maxsize=opts.bound)
    producers = opts.workers // 2
    consumers = opts.workers - producers
    each, rest = divmod(opts.size * producers, consumers)
    return ([common.Job(produce, (line, opts.size))] * producers
            + [common.Job(consume, (line, each + (i < rest))) for i in range(consumers)])


def condition_jobs(opts, make, number):
    condition = make.Condition()
    return [common.Job(take_turns, (condition, number, i, opts.workers, opts.size))
            for i in range(opts.workers)]


class Threads:
    Lock, Condition, Queue = threading.Lock, threading.Condition, queue.Queue


KINDS = {"lock": lock_jobs, "queue": queue_jobs, "condition": condition_jobs}


def main():
    experiment = common.Experiment("locks", __doc__, modes=("threads", "procs"), size=5000, tasks=4, work="acquisitions",
                                   ids={"threads": "all", "procs": "all"},
                                   size_help="acquisitions, items or turns of each task")
    add = experiment.parser.add_argument
    add("--kind", choices=sorted(KINDS), default="lock", help="default %(default)s")
    add("--hold", type=common.count, default=2000, metavar="N",
        help="kind lock: loop rounds inside the lock (default %(default)s)")
    add("--no-lock", action="store_true", help="kind lock: the same work without taking the lock")
    add("--bound", type=common.workers, default=16, metavar="N",
        help="kind queue: its capacity (default %(default)s)")
    opts = experiment.parse()
    if opts.workers < 2:
        experiment.parser.error("--workers: waiting for each other takes at least 2 tasks")
    if opts.no_lock and opts.kind != "lock":
        experiment.parser.error("--no-lock: kind %s cannot do without" % opts.kind)
    if opts.mode == "procs":
        make = multiprocessing.get_context(opts.start_method)
        number = make.RawValue("q", 0) if opts.kind != "queue" else None
    else:
        make, number = Threads, Number()

    def check(_tasks):
        if opts.kind == "lock" and not opts.no_lock and number.value != opts.size * opts.workers:
            raise common.Failure("the lock did not exclude: %d of %d additions arrived"
                                 % (number.value, opts.size * opts.workers))

    experiment.extra = {"kind": opts.kind, "hold": opts.hold if opts.kind == "lock" else None,
                        "no_lock": opts.no_lock if opts.kind == "lock" else None,
                        "bound": opts.bound if opts.kind == "queue" else None}
    experiment.run(KINDS[opts.kind](opts, make, number), check)


if __name__ == "__main__":
    common.main(main)
