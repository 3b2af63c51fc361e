# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process of a workload costs, as it sees it itself: when it was born, its memory, its messages to
other processes. Worker processes write theirs, as they end, into a book that their parent opened."""
import time

imported_ns = time.monotonic_ns()  # before anything else: in a spawned process this is its birth

import contextlib
import json
import multiprocessing.connection
import multiprocessing.reduction
import os
import resource
import threading

born_ns = imported_ns
anonymous_at_fork_kib = None  # of the process that we were forked from; None: not known


def cpu_times(*whose):
    user = system = 0
    for who in whose:
        usage = resource.getrusage(who)
        user += round(usage.ru_utime * 1e9)
        system += round(usage.ru_stime * 1e9)
    return [user, system]


# ---- memory -----------------------------------------------------------------------------------

def read_kib(path, wanted):
    """The lines `Name: N kB` of a file in /proc, for the names wanted; {} where it cannot be read."""
    found = {}
    with contextlib.suppress(OSError), open(path, encoding="ascii") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in wanted:
                found[name] = int(rest.split()[0])
    return found


def note_before_fork():
    """Remembers how much anonymous memory this process has: a forked child shares all of it at first."""
    global anonymous_at_fork_kib
    anonymous_at_fork_kib = read_kib("/proc/self/smaps_rollup", ("Anonymous",)).get("Anonymous")


def memory(forked):
    """PSS, USS, peak RSS and copy-on-write growth of this process in KiB; None: not known."""
    now = read_kib("/proc/self/smaps_rollup", ("Pss", "Private_Clean", "Private_Dirty", "Anonymous"))
    peak = read_kib("/proc/self/status", ("VmHWM",))
    cow = None
    if forked and now and anonymous_at_fork_kib is not None:
        # Private anonymous memory is what was copied and what is new; only the new made the total grow.
        new = max(0, now["Anonymous"] - anonymous_at_fork_kib)
        cow = min(max(0, now["Private_Dirty"] - new), anonymous_at_fork_kib)
    return {
        "pss_kib": now.get("Pss"),
        "uss_kib": now["Private_Clean"] + now["Private_Dirty"] if now else None,
        "rss_peak_kib": peak.get("VmHWM"),
        "cow_kib": cow,
    }


# ---- messages ---------------------------------------------------------------------------------

class Meter:
    """Counts what this process sends and receives through multiprocessing, and the CPU time that takes."""

    FIELDS = ("sent", "sent_bytes", "received", "received_bytes", "pickle_cpu_ns", "transfer_cpu_ns", "send_ns")

    def __init__(self):
        self.lock = threading.Lock()
        self.sums = dict.fromkeys(self.FIELDS, 0)

    def add(self, **amounts):
        with self.lock:
            for name, amount in amounts.items():
                self.sums[name] += amount


meter = Meter()
metered = False


def send_bytes(self, buf):
    begin, cpu = time.monotonic_ns(), time.thread_time_ns()
    plain_send_bytes(self, buf)
    meter.add(sent=1, sent_bytes=len(buf), transfer_cpu_ns=time.thread_time_ns() - cpu,
              send_ns=time.monotonic_ns() - begin)


def recv_bytes(self, *args):
    cpu = time.thread_time_ns()  # CPU time only: it may wait here until there is a message
    buf = plain_recv_bytes(self, *args)
    meter.add(received=1, received_bytes=buf.getbuffer().nbytes, transfer_cpu_ns=time.thread_time_ns() - cpu)
    return buf


def dumps(cls, obj, protocol=None):
    cpu = time.thread_time_ns()
    buf = plain_dumps(obj, protocol)
    meter.add(pickle_cpu_ns=time.thread_time_ns() - cpu)
    return buf


def loads(*args, **options):
    cpu = time.thread_time_ns()
    obj = plain_loads(*args, **options)
    meter.add(pickle_cpu_ns=time.thread_time_ns() - cpu)
    return obj


def dump(obj, file, protocol=None):
    """Under spawn and forkserver the parent writes this for each process that it starts."""
    begin, cpu = file.tell(), time.thread_time_ns()
    plain_dump(obj, file, protocol)
    meter.add(sent=1, sent_bytes=file.tell() - begin, pickle_cpu_ns=time.thread_time_ns() - cpu)


try:
    connection, pickler = multiprocessing.connection.Connection, multiprocessing.reduction.ForkingPickler
    plain_send_bytes, plain_recv_bytes = connection._send_bytes, connection._recv_bytes
    plain_dumps, plain_loads, plain_dump = pickler.dumps, pickler.loads, multiprocessing.reduction.dump
except AttributeError:
    pass  # another multiprocessing than the ones we know: its messages are not known
else:
    connection._send_bytes, connection._recv_bytes = send_bytes, recv_bytes
    pickler.dumps, pickler.loads = classmethod(dumps), staticmethod(loads)
    multiprocessing.reduction.dump = dump
    metered = True


def after_fork():
    global born_ns, meter
    born_ns = time.monotonic_ns()
    meter = Meter()  # a new lock too: the old one may have been held by another thread


os.register_at_fork(after_in_child=after_fork)


# ---- the book ---------------------------------------------------------------------------------

def entry(role, forked=False):
    user_ns, sys_ns = cpu_times(resource.RUSAGE_SELF)
    return {"pid": os.getpid(), "role": role, "created_ns": None,
            "born_ns": None if role == "main" else born_ns,
            "user_ns": user_ns, "sys_ns": sys_ns, **memory(forked), "ipc": meter.sums if metered else None}


class Book:
    """A file in memory, gone with the process that made it, even after kill -9."""

    def __init__(self):
        self.fd = os.memfd_create("account")
        self.path = "/proc/%d/fd/%d" % (os.getpid(), self.fd)

    def read(self):
        size = os.fstat(self.fd).st_size
        return [json.loads(line) for line in os.pread(self.fd, size, 0).splitlines()]


def settle(path, forked):
    """The last thing a worker process does. Without its parent, or without /proc, there is no book."""
    line = json.dumps(entry("worker", forked)) + "\n"
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.write(fd, line.encode())
        os.close(fd)
