#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 000: a pool of 10 threads or of 10 processes, each in an endless loop until the time is up."""
import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.dummy
import os
import resource
import threading
import time

import common

CHUNK = 10_000  # rounds of the article's loop between two looks at the clock
stopped = False  # ends the threads early; worker processes get SIGTERM instead


def endless(deadline_ns):
    x = 0
    while time.monotonic_ns() < deadline_ns and not stopped:
        for _ in range(CHUNK):
            x += 1
    return {"rounds": x}


def task(how, deadline_ns):
    """Returns the task's entry and the CPU time this process has used so far."""
    entry = common.timed(common.Job(endless, (deadline_ns,)), how)
    return entry, common.cpu_times(resource.RUSAGE_SELF)


@contextlib.contextmanager
def ending_threads():
    """Inside the pool's own with: ends the loops before the pool waits for them."""
    global stopped
    try:
        yield
    except BaseException:
        stopped = True
        raise


def terminate(pool):
    """Pool.terminate() waits forever when a worker died with the pool's lock in its hands, as a signal to
    the process group may have it. So: not longer than 3 s, then common.main ends what is left."""
    thread = threading.Thread(target=pool.terminate, daemon=True)
    thread.start()
    thread.join(3)


def run_pool(opts, calls):
    if opts.mode == "threads":
        with multiprocessing.dummy.Pool(opts.workers) as pool, ending_threads():
            return pool.starmap(task, calls)
    context = multiprocessing.get_context(opts.start_method)
    pool = None
    try:
        with common.starting(opts.start_method):  # a signal held back comes at the end of this block
            pool = context.Pool(opts.workers, initializer=common.child_signals)
        answers = pool.starmap(task, calls)
        pool.close()  # the workers end by themselves
        pool.join()
    except BaseException:
        if pool:
            terminate(pool)
        raise
    return answers


def run_futures(opts, calls):
    if opts.mode == "threads":
        with concurrent.futures.ThreadPoolExecutor(opts.workers) as pool, ending_threads():
            return [f.result() for f in [pool.submit(task, *call) for call in calls]]
    context = multiprocessing.get_context(opts.start_method)
    pool = concurrent.futures.ProcessPoolExecutor(opts.workers, context, common.child_signals)
    try:
        with common.starting(opts.start_method):
            futures = [pool.submit(task, *call) for call in calls]
        return [f.result() for f in futures]
    except BaseException:
        common.stop_children()
        raise
    finally:
        pool.shutdown()


def main():
    experiment = common.Experiment(
        "pools", __doc__, modes=("threads", "procs"), ids={"threads": "000-d", "procs": "000-a"},
        size=10.0, size_type=common.seconds, size_flags=("--size", "--time"),
        size_help="seconds until the loops end", tasks=10)
    experiment.parser.add_argument("--via", choices=("pool", "futures"), default="pool",
                                   help="multiprocessing pool or concurrent.futures executor")
    opts = experiment.parse()
    experiment.extra = {"via": opts.via}
    experiment.begin()
    deadline_ns = experiment.begin_ns + round(opts.size * 1e9)
    run = run_pool if opts.via == "pool" else run_futures
    answers = run(opts, [(experiment.how, deadline_ns)] * opts.workers)
    latest = {}  # a process that ran two tasks reports twice; its last report counts
    for entry, cpu in answers:
        latest[entry["pid"]] = max(cpu, latest.get(entry["pid"], cpu))
    latest.pop(os.getpid(), None)
    experiment.end([entry for entry, _ in answers],
                   [sum(cpu[0] for cpu in latest.values()), sum(cpu[1] for cpu in latest.values())])


if __name__ == "__main__":
    common.main(main)
