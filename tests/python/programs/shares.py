# SPDX-License-Identifier: GPL-2.0-or-later
"""Functions of every kind take turns, each for a known share of the CPU time.  How long a turn is changes
at random, so that no sampling can keep step with it; what each function used is measured."""
import asyncio
import functools
import random

import told

spent = {}  # function as 3.11 and later name it -> ns of CPU


def used(name, begin):
    spent[name] = spent.get(name, 0) + told.cpu() - begin


def f(ns):
    begin = told.cpu()
    while told.cpu() - begin < ns:
        pass
    used("f", begin)


def g(ns):
    begin = told.cpu()
    while told.cpu() - begin < ns:
        pass
    used("g", begin)


def h(ns):
    begin = told.cpu()
    while told.cpu() - begin < ns:
        pass
    used("h", begin)


class Shape:
    def area(self, ns):
        begin = told.cpu()
        while told.cpu() - begin < ns:
            pass
        used("Shape.area", begin)

    @staticmethod
    def größe(ns):
        begin = told.cpu()
        while told.cpu() - begin < ns:
            pass
        used("Shape.größe", begin)


def generator(ns):
    while True:
        begin = told.cpu()
        while told.cpu() - begin < ns:
            pass
        used("generator", begin)
        ns = yield


def from_generator(ns):
    for _ in generator(ns):
        break


async def coroutine(ns):
    begin = told.cpu()
    while told.cpu() - begin < ns:
        pass
    used("coroutine", begin)


async def outer(ns):
    await coroutine(ns)


def run_coroutine(ns):
    """Without an event loop: the frames are the same."""
    try:
        outer(ns).send(None)
    except StopIteration:
        pass


def run_in_loop(loop, ns):
    loop.run_until_complete(outer(ns))


def sort_key(ns):
    begin = told.cpu()
    while told.cpu() - begin < ns:
        pass
    used("sort_key", begin)
    return ns


def callback(ns):
    sorted([ns], key=sort_key)


def reduced(ns):
    functools.reduce(lambda _a, _b: bool(f(ns)), [0, 1])


def inner_of(ns):
    def inner():
        begin = told.cpu()
        while told.cpu() - begin < ns:
            pass
        used("inner_of.<locals>.inner", begin)

    inner()


TURNS = ((f, 30), (g, 20), (h, 10), (Shape().area, 8), (Shape.größe, 8), (from_generator, 6),
         (run_coroutine, 4), (callback, 6), (reduced, 2), (inner_of, 6))


def take_turns(me):
    pick = random.Random(7)
    loop = asyncio.new_event_loop()
    try:
        turns = TURNS + ((functools.partial(run_in_loop, loop), 4),)
        while not told.stopping:
            turn = pick.choices([t for t, _ in turns], [share for _, share in turns])[0]
            turn(pick.expovariate(1 / 3_000_000))
            me.told["work"] += 1
    finally:
        loop.close()
    me.told["spent"] = spent


def main():
    told.options()
    told.run_until_stop([told.Worker("turns", take_turns)])


main()
