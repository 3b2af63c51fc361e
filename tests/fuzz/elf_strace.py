#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""elf_strace.py DRIVER FOLDER - what is opened while files that want other files are read.  Prints TAP.

The driver asks about files whose debug links and the like point elsewhere.  The privileged process may open what
it was given, what lies below /usr/lib/debug, and its own entries in /proc; the parser nothing at all, once it is
locked up.  Neither may make a socket but the pair between them.
"""
import os
import re
import subprocess
import sys
import tempfile

DRIVER, FOLDER = sys.argv[1:3]
OPENS = ("open", "openat", "openat2", "creat", "readlink", "readlinkat", "stat", "lstat", "access", "faccessat",
         "faccessat2", "newfstatat", "statx", "execve", "chdir", "chroot", "link", "unlink", "mkdir", "rename")
NETWORK = ("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto")
tests = 0
failed = 0


def result(name, wrong):
    global tests, failed
    tests += 1
    failed += bool(wrong)
    print(f"{'not ' if wrong else ''}ok {tests} - {name}")
    for line in wrong[:20]:
        print("#", line)


def canary():
    """A file beside the target with the name of its debug link: must not be touched."""
    folder = tempfile.mkdtemp()
    with open(os.path.join(FOLDER, "debuglink-name-06"), "rb") as f:
        target = f.read()
    for name in ("target", "evil.debug"):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(target)
    return folder


def names(line):
    """The paths in one line of strace."""
    return re.findall(r'"((?:[^"\\]|\\.)*)"', line)


def trace(files):
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(["strace", "-f", "-qq", "-s", "300", "-o", log.name, "-e",
                        "trace=" + ",".join(OPENS + NETWORK + ("seccomp", "prctl")), DRIVER, "ask", *files],
                       stdout=subprocess.DEVNULL, check=True)
        with open(log.name, errors="replace") as f:
            return f.read().splitlines()


def main():
    folder = canary()
    files = [os.path.join(FOLDER, n) for n in sorted(os.listdir(FOLDER))
             if n.startswith(("debuglink-", "altlink-", "honest", "build-id-", "dwarf-form", "seed-", "name-0"))]
    files += [os.path.join(folder, "target"), "/bin/true", "/bin/cat", "/proc/self/exe"]
    lines = trace(files)
    parent = lines[0].split()[0]
    given = set(files)
    locked, started = set(), False
    wrong_parent, wrong_parser, wrong_socket, debug = [], [], [], 0
    for line in lines:
        pid, call = line.split(None, 1)
        word = call.split("(")[0]
        if word == "seccomp":
            locked.add(pid)
        if word in NETWORK and not call.startswith("socketpair(AF_UNIX, SOCK_SEQPACKET"):
            wrong_socket.append(line)
        if word not in OPENS:
            continue
        paths = names(call)
        if pid in locked:
            if not re.search(r"= -1 (EACCES|ENOENT)", call) and not call.rstrip().endswith("AT_EMPTY_PATH) = 0") \
                    and "resumed" not in call:
                wrong_parser.append(line)
            continue
        if pid != parent:
            continue
        started = started or "/usr/lib/debug" in paths
        if not started or not paths or paths[0] == "" or paths[0].startswith("/proc/self/") or paths[0] in given:
            continue
        if paths[0] == "/usr/lib/debug":
            continue
        if word == "openat2" and "RESOLVE_BENEATH" in call and "RESOLVE_NO_MAGICLINKS" in call:
            debug += 1
            continue
        if word == "openat" and paths[0] == ".dwz" and "O_NOFOLLOW" in call:
            continue
        wrong_parent.append(line)
    result(f"{len(files)} files: the privileged process opens only what it was given and debug files", wrong_parent)
    result("it looks for debug files below /usr/lib/debug and stays there", [] if debug else ["it did not look"])
    result("the parser opens nothing once it is locked up", wrong_parser + ([] if locked else ["it is not locked up"]))
    result("no socket but the pair between the two", wrong_socket)
    result("a file beside the target is not its debug file", [x for x in lines if folder + "/evil.debug" in x])
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.rmdir(folder)
    print(f"1..{tests}")
    return 1 if failed else 0


sys.exit(main())
