# SPDX-License-Identifier: GPL-2.0-or-later
"""Two sub-interpreters with a GIL of their own, each counting in a thread of its own, beside one of the main
interpreter: three threads that run Python at once (3.12 and later)."""
import sys
import time

import told

SECONDS = 3

CODE = """
import time
begin = time.monotonic()
def counting():
    n = 0
    while time.monotonic() - begin < %d:
        n += 1
counting()
""" % SECONDS


def interpreters():
    """(make, run), or None before 3.12."""
    try:
        import _interpreters as module  # 3.13
    except ImportError:
        try:
            import _xxsubinterpreters as module
        except ImportError:
            return None
        if sys.version_info < (3, 12):
            return None
    return module.create, module.run_string


def work(me, run, which):
    run(which, CODE)
    me.told["work"] = 1


def count(me):
    begin = time.monotonic()
    while time.monotonic() - begin < SECONDS:
        me.told["work"] += 1


def main():
    known = interpreters()
    subs = [known[0]() for _ in range(2)] if known else []
    told.options()
    if not known:
        told.run_all([], skip="sub-interpreters have no GIL of their own before 3.12")
        return
    workers = [told.Worker("sub-%d" % i, work, known[1], sub) for i, sub in enumerate(subs)]
    told.run_all([*workers, told.Worker("main", count)])


main()
