# SPDX-License-Identifier: GPL-2.0-or-later
"""Two threads whose work is in C code that releases the GIL: hashlib, or zlib (--zlib), of large buffers."""
import hashlib
import os
import zlib

import told


def digest(me, data):
    while not told.stopping:
        hashlib.sha256(data)
        me.told["work"] += 1


def squeeze(me, data):
    while not told.stopping:
        zlib.compress(data, 1)
        me.told["work"] += 1


def main():
    opts = told.options(lambda p: p.add_argument("--zlib", action="store_true"))
    data = os.urandom(8 << 20)
    told.run_until_stop([told.Worker("native-%d" % i, squeeze if opts.zlib else digest, data)
                         for i in range(2)])


main()
