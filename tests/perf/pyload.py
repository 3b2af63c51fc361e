#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""load.c's sister: four threads of a Python program that count operations in the same kind of meter.

usage: pyload.py METER count|io
"""
import mmap
import os
import sys
import threading
import time

THREADS = 4
LINE = 8  # numbers in a line of 64 bytes


def counting(meter, slot):
    """An operation is a thousand turns of a loop: all threads want the GIL all the time."""
    while True:
        for _ in range(1000):
            pass
        meter[slot] += 1


def waiting(meter, slot):
    """An operation is a message through a pipe, a little work and a nap: mostly asleep."""
    inner, outer = os.pipe()
    message = bytes(4096)
    while True:
        os.write(outer, message)
        sum(os.read(inner, len(message)))
        time.sleep(0.0005)
        meter[slot] += 1


def main():
    path, kind = sys.argv[1:]
    with open(path, "wb") as f:
        f.truncate(mmap.PAGESIZE)
    with open(path, "r+b") as f:
        meter = memoryview(mmap.mmap(f.fileno(), mmap.PAGESIZE)).cast("Q")
    body = {"count": counting, "io": waiting}[kind]
    for i in range(THREADS):
        threading.Thread(target=body, args=(meter, (1 + i) * LINE), daemon=True).start()
    meter[0] = THREADS
    threading.Event().wait()


main()
