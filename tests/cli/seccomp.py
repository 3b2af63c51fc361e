#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seccomp.py CALL ERROR COMMAND... - run a command for which one system call answers with an error.

seccomp.py bpf EPERM parascope doctor
"""
import ctypes
import errno
import os
import platform
import struct
import sys

NUMBERS = {"x86_64": {"bpf": 321, "perf_event_open": 298},
           "aarch64": {"bpf": 280, "perf_event_open": 241}}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ERRNO, ALLOW = 0x00050000, 0x7fff0000


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def main():
    number = NUMBERS[platform.machine()][sys.argv[1]]
    error = getattr(errno, sys.argv[2])
    insns = [(LOAD, 0, 0, 0), (EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | error),
             (RETURN, 0, 0, ALLOW)]
    code = b"".join(struct.pack("HBBI", *insn) for insn in insns)
    libc = ctypes.CDLL(None, use_errno=True)
    if (libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                       ctypes.byref(Program(len(insns), code)), 0, 0)):
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[3], sys.argv[3:])


main()
