# SPDX-License-Identifier: GPL-2.0-or-later
"""deep.py [THREADS]: what deep.c is, for an interpreter.  Python's own calls leave no native frames, so
the ways lead through C code that calls Python: sort keys, map, reduce, regular expressions, operators,
attributes, ctypes.  At their end a lock, a semaphore, a condition or a queue is waited for.
"""
import ctypes
import functools
import json
import queue
import random
import re
import sys
import threading

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 24
FRAMES = 60  # a way has at most about so many native frames
sys.setrecursionlimit(10000)

taken = threading.Lock()
taken.acquire()
empty = queue.Queue()
libc = ctypes.CDLL(None)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


class Walk:
    def __init__(self, number):
        self.dice = random.Random(number)
        self.left = 0
        self.wait_s = 0.0

    def once(self):
        """The way goes on below the first of several calls."""
        if self.left > 0:
            down(self)
        return 0


class Odd:
    def __init__(self, walk):
        self.walk = walk

    def __lt__(self, other):
        return self.walk.once() == 1

    def __getattr__(self, name):
        return self.walk.once()

    def __add__(self, other):
        return self.walk.once()

    def __hash__(self):
        return self.walk.once()


def plain(w):
    down(w)


def by_key(w):
    sorted((3, 1, 2), key=lambda _: w.once())


def by_compare(w):
    sorted((Odd(w), Odd(w)))


def by_map(w):
    list(map(lambda _: w.once(), (1, 2)))


def by_reduce(w):
    functools.reduce(lambda *_: w.once(), (1, 2, 3))


def by_partial(w):
    functools.partial(down, w)()


def by_regex(w):
    re.sub("a", lambda _: str(w.once()), "banana")


def by_attribute(w):
    Odd(w).nothing_there  # pylint: disable=expression-not-assigned


def by_operator(w):
    Odd(w) + 1  # pylint: disable=expression-not-assigned


def by_hash(w):
    {Odd(w): 1}  # pylint: disable=expression-not-assigned


def by_json(w):
    json.loads('{"a": 1}', object_hook=lambda _: w.once())


def by_exec(w):
    exec("w.once()", {"w": w})  # pylint: disable=exec-used


def by_generator(w):
    sum(w.once() for _ in range(2))


def by_ctypes(w):
    numbers = (ctypes.c_int * 4)(4, 3, 2, 1)
    libc.qsort(numbers, 4, 4, COMPARE(lambda *_: w.once()))


STEPS = ((plain, 0), (by_key, 6), (by_compare, 8), (by_map, 7), (by_reduce, 5), (by_partial, 5),
         (by_regex, 7), (by_attribute, 8), (by_operator, 6), (by_hash, 7), (by_json, 8), (by_exec, 7),
         (by_generator, 6), (by_ctypes, 16))


def wait_lock(w):
    taken.acquire(timeout=w.wait_s)


def wait_condition(w):
    condition = threading.Condition()
    with condition:
        condition.wait(w.wait_s)


def wait_queue(w):
    try:
        empty.get(timeout=w.wait_s)
    except queue.Empty:
        pass


def wait_event(w):
    threading.Event().wait(w.wait_s)


def down(w):
    step, frames = w.dice.choice(STEPS)
    if w.left > frames:
        w.left -= frames
        step(w)
    elif w.left > 0:
        w.left = 0
        w.dice.choice((wait_lock, wait_condition, wait_queue, wait_event))(w)


def walks(number):
    w = Walk(number)
    while True:
        w.left = w.dice.randrange(4, FRAMES)
        w.wait_s = w.dice.uniform(0.05, 0.25)
        down(w)


for i in range(1, THREADS):
    threading.Thread(target=walks, args=(i,), daemon=True).start()
print("ready", flush=True)
walks(0)
