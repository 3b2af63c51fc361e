# SPDX-License-Identifier: GPL-2.0-or-later
"""C code that sleeps 0.5 s: with the GIL held (PyDLL), or released (--cdll), beside a thread that counts."""
import ctypes
import time

import told


def nap(me, usleep, naps):
    """PyDLL: the clock around the call is the time that the GIL is held asleep."""
    time.sleep(0.02)  # a thread is known to be Python's a millisecond after it was started
    me.told["line"] = told.here() + 4
    me.told["held_ns"] = me.told["max_ns"] = 0
    for _ in range(naps):
        begin = told.now()
        usleep(500000)
        slept = told.now() - begin
        me.told["held_ns"] += slept
        me.told["max_ns"] = max(me.told["max_ns"], slept)
        me.told["work"] += 1
        time.sleep(0.02)  # the other one has its turn


def main():
    def add(parser):
        parser.add_argument("--cdll", action="store_true")
        parser.add_argument("--naps", type=int, default=4)

    opts = told.options(add)
    usleep = (ctypes.CDLL if opts.cdll else ctypes.PyDLL)(None).usleep
    usleep.argtypes = [ctypes.c_uint]
    begin, begin_cpu = told.now(), time.process_time_ns()
    napper, _ = told.start([told.Worker("napper", nap, usleep, opts.naps), told.Worker("burner", told.burn)])
    napper.join()
    told.stopping = True
    told.join()
    told.finish(begin, begin_cpu)


main()
