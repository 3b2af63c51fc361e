# SPDX-License-Identifier: GPL-2.0-or-later
"""A thread that reads a pipe beside threads that compute: what is ready has to wait for the GIL.  The test
writes the time of day into the pipe; the program notes how old it is when the thread goes on."""
import os
import struct

import told


def read(me, fd):
    late = me.told["late_ns"] = []
    while True:
        data = os.read(fd, 8)
        got = told.now()
        if len(data) < 8:
            return
        late.append(got - struct.unpack("=Q", data)[0])
        me.told["work"] += 1


def main():
    def add(parser):
        parser.add_argument("--hogs", type=int, default=2)
        parser.add_argument("--pipe", type=int, required=True)

    opts = told.options(add)
    told.run_until_stop([told.Worker("reader", read, opts.pipe)]
                        + [told.Worker("hog-%d" % i, told.burn) for i in range(opts.hogs)])


main()
