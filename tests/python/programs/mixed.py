# SPDX-License-Identifier: GPL-2.0-or-later
"""Python calls C, which calls Python again, which waits for a lock: a thread for each way.  The lock's holder
lets go every few milliseconds, so that each thread waits at its place nearly all the time."""
import ctypes
import functools
import threading
import time

import told

HOLD_S = 0.02


def take(lock):
    """What waits is a C function."""
    lock.acquire()
    lock.release()


def sort_key(lock):
    take(lock)
    return 0


def by_sort(lock):
    sorted([lock], key=sort_key)


def reduce_step(lock, _):
    take(lock)
    return lock


def by_reduce(lock):
    functools.reduce(reduce_step, [lock, lock])


_compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def by_callback(lock):
    def compare(*_):
        take(lock)
        return 0

    two = (ctypes.c_int * 2)()
    ctypes.CDLL(None).qsort(two, ctypes.c_size_t(2), ctypes.c_size_t(4), _compare(compare))


def iterate(lock):
    take(lock)
    yield 0


def by_generator(lock):
    """Through C twice: a generator in a sort's key in map()."""
    list(map(lambda lock: sorted([lock], key=lambda lock: sum(iterate(lock))), [lock]))


def waits(me, way, lock):
    while not told.stopping:
        way(lock)
        me.told["work"] += 1
        time.sleep(0.002)  # the holder has its turn


def holds(me, locks):
    while not told.stopping:
        for lock in locks:
            lock.acquire()
        time.sleep(HOLD_S)
        for lock in locks:
            lock.release()
        time.sleep(0.001)
        me.told["work"] += 1


def main():
    told.options()
    ways = (by_sort, by_reduce, by_callback, by_generator)
    locks = [threading.Lock() for _ in ways]
    told.run_until_stop([told.Worker("holder", holds, locks)] +
                        [told.Worker(way.__name__, waits, way, lock) for way, lock in zip(ways, locks)])


main()
