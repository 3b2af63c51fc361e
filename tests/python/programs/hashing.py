# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that hash: hashlib gives the GIL away for pieces of 2048 bytes or more, and keeps it for smaller ones.

  hashing.py --piece 262144      parallel
  hashing.py --piece 2000        one at a time: what taking a release of the GIL out does
"""
import argparse
import hashlib
import threading


def work(data, total):
    digest = hashlib.sha512()
    for _ in range(total // len(data)):
        digest.update(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--piece", type=int, default=262144, help="bytes")
    parser.add_argument("--mib", type=float, default=100, help="each thread")
    options = parser.parse_args()
    data = bytes(options.piece)
    threads = [threading.Thread(target=work, args=(data, int(options.mib * 2**20)))
               for _ in range(options.threads)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
