#!/usr/bin/env python2
# SPDX-License-Identifier: GPL-2.0-or-later
"""Article 003 as it was: its program in Python 2, whose GIL is another. Also runs on Python 3, so that the same
lines can be compared."""
from __future__ import print_function

import argparse
import ctypes
import json
import multiprocessing
import os
import platform
import random
import resource
import sys
import threading

CLOCK_MONOTONIC = 1


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("ns", ctypes.c_long)]


libc = ctypes.CDLL(None, use_errno=True)


def now_ns():
    """Python 2 has no monotonic clock of its own."""
    spec = Timespec()
    if libc.clock_gettime(CLOCK_MONOTONIC, ctypes.byref(spec)):
        raise OSError(ctypes.get_errno(), "clock_gettime")
    return spec.seconds * 10**9 + spec.ns


def cpu_times():
    user = system = 0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        user += int(usage.ru_utime * 1e9)
        system += int(usage.ru_stime * 1e9)
    return user, system


def gen_random_data(size):
    data = []
    for _ in range(size):
        data.append(random.random())
    return len(data)


def task(size, repeats, created_ns, tell):
    born_ns = now_ns()
    entry = {"pid": os.getpid(), "process": multiprocessing.current_process().name,
             "thread": threading.current_thread().name,
             "created_ns": created_ns, "born_ns": created_ns and born_ns, "begin_ns": now_ns()}
    for _ in range(repeats):
        entry["items"] = gen_random_data(size)
    entry["end_ns"] = now_ns()
    tell(entry)


def run(opts):
    tasks = []
    if opts.mode == "seq":
        for _ in range(opts.workers):
            task(opts.size, opts.repeats, None, tasks.append)
        return tasks
    answers = multiprocessing.Pipe(False) if opts.mode == "procs" else None
    make = multiprocessing.Process if answers else threading.Thread
    tell = answers[1].send if answers else tasks.append  # a line is far smaller than PIPE_BUF: none mixes
    jobs = []
    for _ in range(opts.workers):
        jobs.append(make(target=task, args=(opts.size, opts.repeats, now_ns(), tell)))
        jobs[-1].start()
    if answers:
        answers[1].close()  # then a worker that fails ends the reading
        tasks = [answers[0].recv() for _ in jobs]
    for job in jobs:
        job.join()
    return tasks


def startup(tasks):
    made = [entry for entry in tasks if entry["created_ns"]]
    return {"create_ns": [entry["born_ns"] - entry["created_ns"] for entry in made],
            "work_ns": [entry["begin_ns"] - entry["created_ns"] for entry in made]}


def list_ns(size):
    begin_ns = now_ns()
    gen_random_data(size)
    return now_ns() - begin_ns


def repeats_for(size, seconds):
    """So that one task alone takes about so long."""
    took = min([list_ns(size) for _ in range(5)])
    return max(1, int(seconds * 1e9 / took))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("seq", "threads", "procs"), default="seq")
    parser.add_argument("--workers", "--tasks", type=int, default=4, metavar="N")
    parser.add_argument("--size", type=int, default=100000, metavar="N", help="appends to each list")
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="each task does its work N times")
    parser.add_argument("--auto-scale", type=float, nargs="?", const=1.0, metavar="SECONDS",
                        help="choose --repeats so that one task alone lasts about SECONDS (default 1)")
    parser.add_argument("--result", default="-", metavar="FILE")
    opts = parser.parse_args()
    if min(opts.workers, opts.size, opts.repeats) < 1 or opts.workers > 1000:
        parser.error("--workers, --size and --repeats are numbers above 0, workers below 1001")
    if opts.auto_scale is not None:
        if not 0 < opts.auto_scale <= 1e7:
            parser.error("--auto-scale: SECONDS is a number above 0")
        opts.repeats = repeats_for(opts.size, opts.auto_scale)
    ids = {"seq": "003-a", "threads": "003-b", "procs": "003-c"}
    out = sys.stdout if opts.result == "-" else open(opts.result, "w")
    user, system = cpu_times()
    begin_ns = now_ns()
    try:
        tasks = run(opts)
    except EOFError:
        sys.exit("randomlist2.py: a worker ended without a result")
    if len(tasks) != opts.workers:
        sys.exit("randomlist2.py: a worker thread failed")
    end_ns, cpu = now_ns(), cpu_times()
    json.dump({"schema": "parascope-py/1", "experiment": "randomlist2", "id": ids[opts.mode],
               "python": platform.python_version(), "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
               "mode": opts.mode, "start_method": "fork" if opts.mode == "procs" else None,
               "workers": opts.workers, "procs": opts.workers if opts.mode == "procs" else 1,
               "size": opts.size, "repeats": opts.repeats, "pid": os.getpid(),
               "begin_ns": begin_ns, "end_ns": end_ns, "wall_ns": end_ns - begin_ns,
               "work": opts.repeats * len(tasks), "startup": startup(tasks),
               "user_ns": cpu[0] - user, "sys_ns": cpu[1] - system, "tasks": tasks}, out)
    out.write("\n")


if __name__ == "__main__":
    main()
