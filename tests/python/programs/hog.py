# SPDX-License-Identifier: GPL-2.0-or-later
"""One thread computes in C, 10 ms a piece without a chance for others to get the GIL; nine want it for a
moment."""
import time

import told

PIECE_NS = 10_000_000


def pieces(size):
    """One call of C code that never looks whether others wait."""
    return sum(range(size))


def calibrate():
    size = 10_000
    while True:
        begin = told.cpu()
        pieces(size)
        spent = told.cpu() - begin
        if spent > PIECE_NS / 4:
            return int(size * PIECE_NS / spent)
        size *= 2


def hog(me, size):
    begin = told.cpu()
    while not told.stopping:
        pieces(size)
        me.told["work"] += 1
    me.told["piece_ns"] = (told.cpu() - begin) // max(1, me.told["work"])


def light(me):
    while not told.stopping:
        time.sleep(0.002)
        me.told["work"] += 1


def main():
    told.options()
    size = calibrate()
    told.run_until_stop([told.Worker("hog", hog, size)]
                        + [told.Worker("light-%d" % i, light) for i in range(9)])


main()
