# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs share: threads that account for themselves, and how a program talks to its test.

A program writes one JSON object a line: {"ready": …} when it waits for the line "go" on its stdin,
{"done": …} when its work is over (or under way, if it never ends by itself), and after the line
"stop" {"truth": …}.  With --time SECONDS it waits for nobody and stops by itself; with --truth FILE
the truth goes there.  Times are ns of CLOCK_MONOTONIC or of a thread's CPU clock.

Everything here runs on CPython 3.9 to 3.15.
"""
import argparse
import json
import os
import sys
import threading
import time

import gilwords

now = time.monotonic_ns
cpu = time.thread_time_ns
stopping = False  # endless workers look at it

_options = None
_workers = []


def here():
    """The line of the caller."""
    return sys._getframe(1).f_lineno


def say(**what):
    os.write(1, (json.dumps(what) + "\n").encode())


def gate(word):
    """Wait until the test says this word: a read, so without the GIL.  The end of stdin ends all."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(3)
        line += byte
    assert line.strip() == word.encode(), line


def options(add=lambda parser: None):
    """Read the command line and wait for "go"."""
    global _options
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", type=float)
    parser.add_argument("--truth")
    parser.add_argument("--interval", type=float, help="sys.setswitchinterval()")
    parser.add_argument("--blind", action="store_true", help="do not look for the GIL")
    add(parser)
    _options = parser.parse_args()
    if _options.interval:
        sys.setswitchinterval(_options.interval)
    if _options.time is None:
        say(ready={"pid": os.getpid(), "hexversion": sys.hexversion,
                   "free_threaded": gilwords.free_threaded(),
                   "gil": 0 if _options.blind else gilwords.address()})
        gate("go")
    return _options


class Worker(threading.Thread):
    """A thread that runs body(self) and notes its own CPU time; body puts more into self.told."""

    def __init__(self, name, body, *args):
        super().__init__(name=name)
        self.body, self.args = body, args
        self.told = {"name": name, "work": 0}

    def run(self):
        self.told["tid"] = threading.get_native_id()
        begin, begin_cpu = now(), cpu()
        self.body(self, *self.args)
        self.told["cpu_ns"] = cpu() - begin_cpu
        self.told["begin_ns"], self.told["end_ns"] = begin, now()


def burn(me):
    """A Worker's body that only counts.  spin.py has its own, whose lines a test knows."""
    n = 0
    while not stopping:
        n += 1
    me.told["work"] = n


def start(workers):
    _workers.extend(workers)
    for worker in workers:
        worker.start()
    return workers


def join():
    for worker in _workers:
        worker.join()


def run_until_stop(workers):
    """Endless workers: they run when this says "done", until the test says "stop"."""
    global stopping
    begin, begin_cpu = now(), time.process_time_ns()
    start(workers)
    if _options.time is None:
        say(done=True)
        gate("stop")
    else:
        time.sleep(_options.time)
    stopping = True
    join()
    tell(begin, begin_cpu)


def run_all(workers, **more):
    """Workers that end."""
    begin, begin_cpu = now(), time.process_time_ns()
    start(workers)
    join()
    finish(begin, begin_cpu, **more)


def finish(begin, begin_cpu, **more):
    end = now()
    if _options.time is None:
        say(done=True)
        gate("stop")
    tell(begin, begin_cpu, end_ns=end, **more)


def tell(begin, begin_cpu, **more):
    truth = {"begin_ns": begin, "end_ns": now(), "cpu_ns": time.process_time_ns() - begin_cpu,
             "threads": [w.told for w in _workers]}
    truth.update(more)
    truth["wall_ns"] = truth["end_ns"] - begin
    if _options.truth:
        with open(_options.truth, "w") as f:
            json.dump(truth, f)
    else:
        say(truth=truth)
