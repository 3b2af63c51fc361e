# SPDX-License-Identifier: GPL-2.0-or-later
"""Waits on Python's own locks, one kind a run.  At each time only one thread has anything to do, so that
nobody has to wait for the GIL for long.  Each waiter knows the line and the time of its waits."""
import concurrent.futures
import queue
import threading
import time

import told

ROUNDS = 25
ROUND_S = 0.04
shortest = [10**18]
begun = 0  # told.now() when round 0 begins


def until(number, part):
    """Sleep until this part of a round."""
    time.sleep(max(0, begun / 1e9 + (number + part) * ROUND_S - time.monotonic()))


def waited(me, begin):
    spent = told.now() - begin
    me.told["wait_ns"] += spent
    shortest[0] = min(shortest[0], spent)
    me.told["work"] += 1


def waiter(me, wait):
    """wait(me, round) waits once, on the line that it notes."""
    me.told["wait_ns"] = 0
    for number in range(ROUNDS):
        until(number, 0.25)
        wait(me, number)


def giver(me, first, second):
    """first(round) at its begin, second(round) when the waiters wait."""
    for number in range(ROUNDS):
        until(number, 0.0)
        first(number)
        until(number, 0.75)
        second(number)
        me.told["work"] += 1


def nothing(_number):
    pass


def take_lock(kind):
    lock = kind()

    def wait(me, _number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        lock.acquire()
        waited(me, begin)
        lock.release()

    return wait, lambda _number: lock.acquire(), lambda _number: lock.release(), 3


def get_from_queue():
    line = queue.Queue()

    def wait(me, _number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        line.get()
        waited(me, begin)

    def put(number):
        line.put(number)
        line.put(number)

    return wait, nothing, put, 2


def wait_for_condition():
    condition, turn = threading.Condition(), [-1]

    def wait(me, number):
        begin = told.now()
        with condition:
            while turn[0] < number:
                me.told["line"] = told.here() + 1
                condition.wait()
        waited(me, begin)

    def notify(number):
        with condition:
            turn[0] = number
            condition.notify_all()

    return wait, nothing, notify, 1


def wait_for_event():
    events = [threading.Event() for _ in range(ROUNDS)]

    def wait(me, number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        events[number].wait()
        waited(me, begin)

    return wait, nothing, lambda number: events[number].set(), 2


def take_semaphore():
    semaphore = threading.Semaphore(0)

    def wait(me, _number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        semaphore.acquire()
        waited(me, begin)

    return wait, nothing, lambda _number: semaphore.release(), 1


def join_thread():
    started = [None] * ROUNDS

    def start(number):
        started[number] = threading.Thread(target=time.sleep, args=(ROUND_S * 0.75,))
        started[number].start()

    def wait(me, number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        started[number].join()
        waited(me, begin)

    return wait, start, nothing, 1


def wait_for_future():
    futures = [concurrent.futures.Future() for _ in range(ROUNDS)]

    def wait(me, number):
        begin = told.now()
        me.told["line"] = told.here() + 1
        futures[number].result()
        waited(me, begin)

    return wait, nothing, lambda number: futures[number].set_result(number), 1


KINDS = {
    "lock": lambda: take_lock(threading.Lock),
    "rlock": lambda: take_lock(threading.RLock),
    "queue": get_from_queue,
    "condition": wait_for_condition,
    "event": wait_for_event,
    "semaphore": take_semaphore,
    "join": join_thread,
    "future": wait_for_future,
}


def main():
    global begun
    opts = told.options(lambda p: p.add_argument("kind", choices=sorted(KINDS)))
    wait, first, second, waiters = KINDS[opts.kind]()
    begun = told.now() + 20_000_000
    begin_cpu = time.process_time_ns()
    told.start([told.Worker("waiter-%d" % i, waiter, wait) for i in range(waiters)]
               + [told.Worker("giver", giver, first, second)])
    told.join()
    told.finish(begun, begin_cpu, shortest_ns=shortest[0])


main()
