# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that do nothing but count: all of them want the GIL all the time.  --fork: in a child
process that was forked and runs no other program."""
import os

import told


def burn(me):
    n = 0
    while not told.stopping:
        n += 1
    me.told["work"] = n


def main():
    def add(parser):
        parser.add_argument("--threads", type=int, default=4)
        parser.add_argument("--fork", action="store_true")

    opts = told.options(add)
    if opts.fork:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
    told.run_until_stop([told.Worker("burn-%d" % i, burn) for i in range(opts.threads)])


main()
