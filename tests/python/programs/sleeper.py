# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that only sleep: nobody has to wait for the GIL, but for the moment of waking up."""
import time

import told


def nap(me):
    while not told.stopping:
        time.sleep(0.05)
        me.told["work"] += 1


def main():
    opts = told.options(lambda p: p.add_argument("--threads", type=int, default=4))
    told.run_until_stop([told.Worker("nap-%d" % i, nap) for i in range(opts.threads)])


main()
