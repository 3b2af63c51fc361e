# SPDX-License-Identifier: GPL-2.0-or-later
"""The loads: programs that run for ever and whose operations and CPU time can be read at any moment.

A case is what a tool is attached to and what is measured meanwhile: the same program, or, for
non-targets, others.
"""
import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
START_S = 20
LINE = 64  # bytes of the meter for a thread, see load.c


PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def die_with_parent():
    """In the child, before exec: what outlives the harness would disturb all that is measured later."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Unavailable(Exception):
    """It cannot be measured here; the text says why."""


class Sample(NamedTuple):
    ops: int
    cpu_ns: int
    at_ns: int
    busy_ns: int  # of all CPUs, by whomever


def process_cpu_ns(pid):
    """The CPU clock of a process: all its threads, dead ones too, in ns."""
    return time.clock_gettime_ns((~pid << 3) | 2)


TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def busy_ns():
    """CPU time that anybody has used, interrupts and other virtual machines included."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_NS


def wait_for(what, condition, seconds=START_S):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise Unavailable(f"{what}: not within {seconds} s")
        time.sleep(0.002)


class Load:
    """A running program; a context manager, so that it never outlives its use."""

    def __init__(self, argv, folder, executable=None):
        self.meter = os.path.join(folder, "meter")
        self.child = subprocess.Popen([a.format(meter=self.meter) for a in argv],
                                      executable=executable, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self.pid = self.child.pid
        self.folder = folder
        try:
            wait_for("start of " + argv[1], self.runs)
        except BaseException:
            self.stop()
            raise

    def runs(self):
        if self.child.poll() is not None:
            raise Unavailable(f"the load ended with {self.child.returncode}")
        return os.path.exists(self.meter) and self._lines()[0] > 0

    def _lines(self):
        with open(self.meter, "rb") as f:
            data = f.read()
        return [n for n, in struct.iter_unpack(f"<Q{LINE - 8}x", data)] or [0]

    def sample(self):
        ops = sum(self._lines()[1:])
        return Sample(ops, process_cpu_ns(self.pid), time.monotonic_ns(), busy_ns())

    def hold(self):
        os.kill(self.pid, signal.SIGSTOP)

    def go(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        self.child.kill()
        self.child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Redis(Load):
    """A server and the benchmark that comes with it; the server counts the commands, and is the target."""

    def __init__(self, _argv, folder):
        # the package of the tools has the server too: it tells by its name which of both it is to be
        for program in ("redis-check-rdb", "redis-benchmark"):
            if not shutil.which(program):
                raise Unavailable(f"{program} is not installed")
        self.path = os.path.join(folder, "socket")
        self.client = None
        super().__init__(["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "",
                          "--appendonly", "no", "--dir", folder], folder,
                         executable=shutil.which("redis-check-rdb"))
        self.client = subprocess.Popen(
            ["redis-benchmark", "-s", self.path, "-t", "set", "-n", "1000000000", "-q"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent)
        wait_for("redis-benchmark", lambda: self.sample().ops > 1000)

    def runs(self):
        if self.child.poll() is not None:
            raise Unavailable(f"redis-server ended with {self.child.returncode}")
        return os.path.exists(self.path)

    def sample(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(b"INFO stats\r\n")
            answer = s.recv(65536).decode()
        ops = int(answer.partition("total_commands_processed:")[2].split()[0])
        return Sample(ops, process_cpu_ns(self.pid), time.monotonic_ns(), busy_ns())

    def stop(self):
        if self.client:
            self.client.kill()
            self.client.wait()
        super().stop()


class Case(NamedTuple):
    name: str
    about: str
    target: list        # what the tool is attached to
    measured: dict      # name: argv of what is measured, empty: the target
    unit: str = "operation"
    start: type = Load
    rivals: bool = True  # beside all other tools by default
    window_s: float = 0.4
    futexes: bool = True  # it makes futex calls, so a tool that sees none does not work


def c(*args):
    return ["{load}", "{meter}", *args]


def py(kind):
    return ["/usr/bin/python3", os.path.join(HERE, "pyload.py"), "{meter}", kind]


CASES = [
    Case("ping-pong, one CPU", "two threads, two semaphores, both on one CPU",
         c("pingpong", "2", "0", "1"), {}, "turn", rivals=False),
    Case("ping-pong, two CPUs", "two threads, two semaphores, each on a CPU of its own",
         c("pingpong", "2", "0", "3"), {}, "turn", rivals=False),
    Case("ping-pong, four threads", "two pairs, each on a CPU of its own", c("pingpong", "4", "0", "2"), {},
         "turn"),
    Case("mutex, 5 us", "four threads, 5 us inside of the mutex, 5 us outside",
         c("mutex", "4", "5000"), {}, "section", rivals=False),
    Case("mutex, 50 us", "four threads, 50 us inside of the mutex, 50 us outside",
         c("mutex", "4", "50000"), {}, "section"),
    Case("futex storm", "two threads, wakes that wake nobody, 1 us of work between them",
         c("storm", "2", "1000"), {}, "wake"),
    Case("Python, counting", "four threads that count", py("count"), {}, "1000 turns"),
    Case("Python, I/O", "four threads: a pipe, a little work, a nap of 0.5 ms", py("io"), {}, "turn",
         rivals=False),
    Case("redis", "redis-server under redis-benchmark, SET, 50 clients", [], {}, "command", start=Redis,
         futexes=False),
    Case("thread churn", "a thread is created, works for 5 us, is joined",
         c("churn", "1", "5000"), {}, "thread", rivals=False),
    Case("pipes", "as hackbench: four threads send 100 bytes to each of four others",
         c("pipes", "8"), {}, "message", rivals=False, futexes=False),
    Case("non-targets", "the tool watches a program that sleeps", c("idle"), {
        "getppid": c("getppid"),
        "read of /dev/zero": c("devzero"),
        "foreign ping-pong": c("pingpong", "4", "0", "2"),
    }, "operation", futexes=False),
]


class Running:
    """A case that runs: what to attach to, and what to measure by turns."""

    def __init__(self, case, build):
        self.case = case
        self.loads = {}
        self.names = list(case.measured) or [case.name]
        try:
            self.target = self._start(case.target, build)
            for name, argv in case.measured.items():
                self.loads[name] = self._start(argv, build)
                self.loads[name].hold()
        except BaseException:
            self.stop()
            raise
        if not case.measured:
            self.loads[case.name] = self.target

    def _start(self, argv, build):
        argv = [a.replace("{load}", f"{build}/perf/load") for a in argv]
        return self.case.start(argv, tempfile.mkdtemp(prefix="parascope-cost-"))

    def window(self, name, seconds):
        """(sample at the begin, at the end), the other loads held meanwhile."""
        load = self.loads[name]
        if self.case.measured:
            load.go()
            time.sleep(seconds / 8)
        begin = load.sample()
        time.sleep(seconds)
        end = load.sample()
        if self.case.measured:
            load.hold()
        if end.ops <= begin.ops:
            raise Unavailable(f"{name} stands still")
        return begin, end

    def stop(self):
        for load in {*self.loads.values(), *filter(None, [getattr(self, "target", None)])}:
            load.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
