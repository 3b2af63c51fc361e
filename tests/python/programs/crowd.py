# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that live for a moment and wait for a lock once, each with a name of its own; the next ones
take over their memory."""
import threading

import told

AT_ONCE = 6


def one(lock, names):
    names[threading.get_native_id()] = threading.current_thread().name
    with lock:
        pass
    sum(range(2000))


def crowd(me):
    lock, names = threading.Lock(), {}
    while not told.stopping:
        threads = [threading.Thread(target=one, name="one-%d" % (len(names) + i), args=(lock, names))
                   for i in range(AT_ONCE)]
        with lock:
            for t in threads:
                t.start()
        for t in threads:
            t.join()
    me.told["names"], me.told["work"] = names, len(names)


def main():
    told.options()
    told.run_until_stop([told.Worker("crowd", crowd)])


main()
