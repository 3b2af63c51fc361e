# SPDX-License-Identifier: GPL-2.0-or-later
"""A thread that counts, in an interpreter whose own memory lies about what the thread does not touch
any more: its outer frames, their code, the list of threads.  It cannot end in order, and is killed."""
import ctypes
import gc
import sys
import threading
import time

import told

# CPython 3.11 (tests/python/programs run on all, this one says "skip" elsewhere); user/runtime has the source
T_NEXT, T_CFRAME, CURRENT = 8, 56, 8
F_CODE, F_PREVIOUS = 32, 48
C_FILE, C_NAME, C_FIRST, C_LINES = 112, 128, 72, 136
S_LENGTH, S_STATE, S_DATA = 16, 32, 48
B_SIZE, B_DATA = 16, 32
CODE_BYTES = 256
kept = []


def read(addr):
    return ctypes.c_uint64.from_address(addr).value


def write(addr, value):
    ctypes.c_uint64.from_address(addr).value = value


def memory(size, like=None):
    """Memory of our own, perhaps a copy of an object's first bytes."""
    block = ctypes.create_string_buffer(ctypes.string_at(like, size) if like else size, size)
    kept.append(block)
    return ctypes.addressof(block)


def string(length, data=b"forged", state=0xe5):
    addr = memory(4096, id("a"))
    write(addr + S_LENGTH, length)
    ctypes.c_uint32.from_address(addr + S_STATE).value = state
    ctypes.memmove(addr + S_DATA, data, len(data))
    return addr


def lines(size, data):
    addr = memory(4096, id(b"a"))
    write(addr + B_SIZE, size)
    ctypes.memmove(addr + B_DATA, data, len(data))
    return addr


def code(frame, **fields):
    """Another code object for a frame: a copy with lies in it."""
    addr = memory(CODE_BYTES, read(frame + F_CODE))
    for name, value in fields.items():
        write(addr + globals()[name], value)
    write(frame + F_CODE, addr)


def toggle(frame):
    """The frame's caller is now this, now that, as fast as can be."""
    true, wild = read(frame + F_PREVIOUS), 0x4141414141414140

    def run():
        while True:
            for _ in range(1000):
                write(frame + F_PREVIOUS, wild)
                write(frame + F_PREVIOUS, true)
            time.sleep(0)
    threading.Thread(target=run, name="toggle", daemon=True).start()


def lie(kind, tstate, inner, outer):
    high = 0x4141414141414140
    {
        "circle": lambda: write(outer + F_PREVIOUS, inner),
        "itself": lambda: write(outer + F_PREVIOUS, outer),
        "nowhere": lambda: write(outer + F_PREVIOUS, high),
        "kernel": lambda: write(outer + F_PREVIOUS, 0xffffffff81000000),
        "crooked": lambda: write(outer + F_PREVIOUS, inner + 1),
        "end": lambda: write(outer + F_PREVIOUS, memory(8)),
        "code-nowhere": lambda: write(outer + F_CODE, high),
        "code-none": lambda: write(outer + F_CODE, id(None)),
        "code-frame": lambda: write(outer + F_CODE, outer),
        "name-huge": lambda: code(outer, C_NAME=string(1 << 62)),
        "name-nowhere": lambda: code(outer, C_NAME=high),
        "name-kind": lambda: code(outer, C_NAME=string(6, state=0xffffffff)),
        "name-control": lambda: code(outer, C_NAME=string(9, b"\x1b[2J\r\n\x00\x07\x7f")),
        "name-circle": lambda: code(outer, C_NAME=read(outer + F_CODE)),
        "file-huge": lambda: code(outer, C_FILE=string((1 << 63) - 1)),
        "lines-huge": lambda: code(outer, C_LINES=lines(1 << 62, b"\x80")),
        "lines-negative": lambda: code(outer, C_LINES=lines((1 << 64) - 1, b"\x80")),
        "lines-endless": lambda: code(outer, C_LINES=lines(4000, b"\xf0" + b"\xff" * 3990)),
        "first-negative": lambda: code(outer, C_FIRST=0xffffffffffffffff),
        "threads-circle": lambda: write(tstate + T_NEXT, tstate),
        "changing": lambda: toggle(outer),
    }[kind]()


def outermost(me, kind):
    """The lie is told about a frame that is never returned to: that of the one who called run()."""
    api = ctypes.PyDLL(None).PyThreadState_Get
    api.restype = ctypes.c_uint64
    tstate = api()
    inner = read(read(tstate + T_CFRAME) + CURRENT)
    outer = read(read(inner + F_PREVIOUS) + F_PREVIOUS)
    lie(kind, tstate, inner, outer)
    told.burn(me)


def main():
    opts = told.options(lambda parser: parser.add_argument("kind"))
    if sys.version_info[:2] != (3, 11):
        told.say(done={})
        told.gate("stop")
        told.say(truth={"skip": "its layout is known to this program for 3.11 only"})
        return
    gc.disable()
    worker = told.Worker("forger", outermost, opts.kind)
    worker.daemon = True
    worker.start()
    time.sleep(0.2)
    told.say(done={})
    time.sleep(3600)  # until it is killed


main()
