# SPDX-License-Identifier: GPL-2.0-or-later
"""A recursion 5,000 deep, at the bottom of which a function burns CPU."""
import sys
import threading

import told


def bottom(me):
    n = 0
    while not told.stopping:
        n += 1
    me.told["work"] = n


def down(me, n):
    if n:
        down(me, n - 1)
    else:
        bottom(me)


def main():
    opts = told.options(lambda p: p.add_argument("--depth", type=int, default=5000))
    sys.setrecursionlimit(opts.depth + 1000)
    threading.stack_size(256 << 20)  # 3.9 and 3.10 use C stack for each Python frame
    told.run_until_stop([told.Worker("deep", down, opts.depth)])


main()
