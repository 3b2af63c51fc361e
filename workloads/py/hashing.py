#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A counter-case to "CPU-bound work needs processes": tasks that hash 1 MiB again and again. hashlib releases
the GIL meanwhile, so threads run in parallel."""
import hashlib

import common

BLOCK = bytes(1 << 20)


def hash_blocks(size):
    for _ in range(size):
        digest = hashlib.sha256(BLOCK).hexdigest()
    return {"digest": digest}


def main():
    experiment = common.Experiment("hashing", __doc__, modes=common.MODES, size=100, size_help="MiB to hash",
                                   ids=dict.fromkeys(common.MODES, "all"), repeats=True)
    opts = experiment.parse(calibrate=hash_blocks)
    experiment.run_same(hash_blocks, opts.size)


if __name__ == "__main__":
    common.main(main)
