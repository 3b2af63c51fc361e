# SPDX-License-Identifier: GPL-2.0-or-later
"""Stacks of programs that have no frame pointers: how many go down to where their thread began, and whether
they are those that gdb finds in the same threads at the same moment.

PARASCOPE_UNWIND names some of the programs; without it all are taken that are installed.
"""
import os
import shutil
import signal
import subprocess
import sys
import threading

from lib import PYTHON, Failed, Skip, cases, end_all, main, start, temp, test, tids, wait_for
from nativelib import (NATIVE, WAITS, Comparison, Files, Watch, build_c, build_cpp, hide_debug_files, kill,
                       need, stops, why_not_whole)

RATE = 1000  # stacks per second of waiting: a thread that waits all the time has one in each stop
LOAD_S = 4.0  # of running undisturbed, before the stops
PAUSE_S = 0.25  # between two stops: longer than the waits of our own programs, mostly
WHOLE_SHARE = 0.99  # the bars of the project
EQUAL_SHARE = 0.99
LEAST_STACKS = 200  # for both
ENOUGH_THREADS = 330  # in a futex call when stopped, in all stops; some of them are about to leave it
MOST_STOPS = 100
# Inlined functions come from debug information, which has several ways to say the same.
INLINED_SHARE = 0.95


class Target:
    """A living program.  several: it takes many different ways, not the same few all the time."""

    def __init__(self, pid, several):
        self.pid, self.several = pid, several


def ready(argv, several=True):
    child = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if child.stdout.readline() != "ready\n":
        raise Failed(f"{argv[0]} did not get ready")
    return Target(child.pid, several)


def quiet(argv, **options):
    return start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def program_c():
    build_c("plugin.so", "plugin.c", options=("-fPIC", "-shared"))
    return ready([build_c("deep", "deep.c", options=("-rdynamic", "-ldl"))])


def program_cpp():
    return ready([build_cpp("deep_cpp", "deep.cpp")])


def program_python():
    return ready([PYTHON, os.path.join(NATIVE, "deep.py")])


def program_redis():
    """Threads for I/O that come and go with the load, three for jobs in the background."""
    # the package of the tools has the server too, under a name that it does other work by; redis-server's
    # own only adds the service, which would be started where it is installed
    need("redis-check-rdb", "redis-benchmark", "redis-cli")
    folder = temp("redis")
    os.mkdir(folder)
    path = os.path.join(folder, "socket")
    # its threads for I/O spin before they wait: more of them than CPUs, and nobody gets to do anything
    io_threads = str(max(2, min(4, os.cpu_count())))
    server = quiet(["redis-server", "--port", "0", "--unixsocket", path, "--io-threads", io_threads,
                    "--io-threads-do-reads", "yes", "--save", "", "--appendonly", "yes", "--dir", folder],
                   executable=shutil.which("redis-check-rdb"))
    wait_for("redis", lambda: os.path.exists(path))
    # by fits and starts: these threads are awake as long as there is much to do
    bursts = 'while :; do redis-benchmark -s "$0" -n 400 -c 40 -r 10000 -t set,get; sleep 0.03; done'
    quiet(["/bin/sh", "-c", bursts, path])
    quiet(["redis-cli", "-s", path, "-r", "-1", "-i", "0.02", "flushall", "async"])
    return Target(server.pid, False)


def program_memcached():
    need("memcached")
    path = temp("memcached.socket")
    server = quiet(["memcached", "-u", "root", "-U", "0", "-s", path, "-t", "4", "-m", "16"])
    wait_for("memcached", lambda: os.path.exists(path))
    quiet([sys.executable, os.path.join(NATIVE, "memcached_load.py"), path])
    return Target(server.pid, False)


def program_mariadb():
    need("mariadbd", "mariadb-install-db", "mariadb-slap")
    folder = temp("mariadb")
    os.mkdir(folder)
    path = os.path.join(folder, "socket")
    done = subprocess.run(["mariadb-install-db", "--no-defaults", "--user=root", f"--datadir={folder}/data",
                           "--auth-root-authentication-method=normal", "--skip-test-db"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, check=False)
    if done.returncode:
        raise Failed(f"mariadb-install-db: {done.stdout[-500:]}")
    server = quiet(["mariadbd", "--no-defaults", "--user=root", f"--datadir={folder}/data", "--skip-networking",
                    f"--socket={path}", "--innodb-buffer-pool-size=16M"])
    wait_for("mariadbd", lambda: os.path.exists(path))
    quiet(["mariadb-slap", "--no-defaults", f"--socket={path}", "-u", "root", "--concurrency=12",
           "--iterations=10000", "--auto-generate-sql", "--auto-generate-sql-load-type=mixed",
           "--number-of-queries=2000"])
    return Target(server.pid, False)


PROGRAMS = {"c": program_c, "c++": program_cpp, "python": program_python, "redis": program_redis,
            "memcached": program_memcached, "mariadb": program_mariadb}
CHOSEN = os.environ.get("PARASCOPE_UNWIND", " ".join(PROGRAMS)).split()


class Seen:
    """What was seen of one program: for some time undisturbed, then with stops."""

    def __init__(self, name):
        target = PROGRAMS[name]()
        self.several = target.several
        self.threads = len(tids(target.pid))
        watch = Watch([target.pid], "--sample-rate", str(RATE))
        threading.Event().wait(LOAD_S)
        self.stops = self._stops(target.pid)
        self.files = Files(target.pid)
        self.report, self.trace = watch.close()
        kill(target.pid, signal.SIGKILL)
        self.samples = self.trace.samples

    @staticmethod
    def _stops(pid):
        found, threads = [], 0
        while threads < ENOUGH_THREADS and len(found) < MOST_STOPS:
            found += stops(pid, 1, PAUSE_S)
            threads += len(found[-1].waiting)
        return found


_seen = {}


def seen(name):
    """Watch a program once, for all tests."""
    if name not in _seen:
        try:
            _seen[name] = Seen(name)
        except (Skip, Failed) as reason:
            _seen[name] = reason
        finally:
            end_all()
    if isinstance(_seen[name], Exception):
        raise _seen[name]
    return _seen[name]


def say(text):
    print(f"# {text}")


def whole(check, name):
    """stacks of waits go down to where their thread began"""
    it = seen(name)
    check.whole(it.report)
    waits = [s for s in it.samples if s[2] in WAITS]
    reasons, good = why_not_whole(it.trace, waits)
    depth = sorted(len(it.trace.stacks[s[3]][2]) for s in waits if s[3] in it.trace.stacks)
    say(f"{name}: {it.threads} threads, {good} of {len(waits)} stacks of waits are whole, "
        f"{len({s[3] for s in waits})} different, median depth {depth[len(depth) // 2] if depth else 0}")
    for reason, count in reasons.items():
        say(f"  {count} x {reason}")
    other = [s for s in it.samples if s[2] not in WAITS]
    others, running = why_not_whole(it.trace, other)
    say(f"{name}: {running} of {len(other)} other stacks are whole (not judged); else "
        f"{list(others.items())[:6]}")
    check.that(len(waits) >= LEAST_STACKS, f"only {len(waits)} stacks, at least {LEAST_STACKS} are needed")
    check.that(good >= WHOLE_SHARE * len(waits), f"{good} of {len(waits)} are whole; why not: {reasons}")


def twin(check, name):
    """stacks are those that gdb finds in the stopped program"""
    it = seen(name)
    comparison = Comparison(it.trace, it.files)
    for stop in it.stops:
        comparison.take(stop)
    c = comparison
    say(f"{name}: {c.equal} of {c.compared} stacks are equal, {len(c.different)} different ones, {c.frames} "
        f"frames, in {len(it.stops)} stops; {c.moved} threads had moved on, {c.unseen} were not sampled")
    say(f"{name}: inlined functions are equal at {c.inlined_equal} of {c.inlined} addresses")
    for line in c.differing[:12]:
        say(f"  {line}")
    check.that(c.compared >= LEAST_STACKS, f"only {c.compared} were compared, at least {LEAST_STACKS} are needed "
               f"({c.moved} moved on, {c.unseen} not sampled)")
    check.that(c.equal >= EQUAL_SHARE * c.compared,
               f"{c.equal} of {c.compared} are equal; else: {c.differing[:8]}")
    if it.several:
        check.that(len(c.different) >= LEAST_STACKS / 2, f"only {len(c.different)} different stacks")
    check.that(c.inlined_equal >= INLINED_SHARE * c.inlined,
               f"inlined functions are equal at {c.inlined_equal} of {c.inlined} addresses")


class Judge:
    """The symbols of Made's files."""

    @staticmethod
    def names(address):
        return {0x1010: {"wait", "wait_alias"}, 0x201f: {"work"}}.get(address, set())


class Made:
    """A trace and a stop written by hand: a thread 7 of process 5 in wait(), called by work(), called by the
    stub of a signal that came at an instruction of spin(), called by what has no name."""

    def __init__(self):
        self.addresses = [0x1010, 0x201f, 0x3000, 0x4004, 0x50ff]
        self.names = ["wait", "work", "", "spin", ""]
        self.samples = [(150, 7, "waited", 1, 0, 0)]
        self.pcs = [0x1010, 0x2020, 0x3000, 0x4004, 0x5100]
        self.begin, self.end, self.waiting = 100, 200, [7]
        self.calls = 0  # of the thread, since

    def calls_between(self, *_):
        return self.calls

    @property
    def stacks(self):  # of the trace, and of gdb
        frames = [{"pc": pc, "names": [name], "signal": pc == 0x3000}
                  for pc, name in zip(self.pcs, ("wait", "work", "", "spin", "start@nearby"))]
        return {1: (5, 4, self.addresses), 7: {"frames": frames}}

    @property
    def frames(self):
        return {(5, a): [{"function": n, "module": "", "offset": 0}] for a, n in zip(self.addresses, self.names)}

    def compared(self):
        comparison = Comparison(self, Judge())
        comparison.take(self)
        return comparison.equal, comparison.compared, comparison.moved, comparison.unseen


@test
def comparison(check):
    """the comparison finds what is wrong in a stack written by hand"""
    same, differs = (1, 1, 0, 0), (0, 1, 0, 0)
    check.equal(Made().compared(), same, "the right stack")

    def changed(what, expected, **change):
        made = Made()
        for name, value in change.items():
            setattr(made, name, value)
        check.equal(made.compared(), expected, what)

    right = Made().addresses
    changed("it ends early", differs, addresses=right[:-1])
    changed("it goes on", differs, addresses=[*right, 0x6000])
    changed("a frame is missing", differs, addresses=right[:1] + right[2:])
    changed("another address", differs, addresses=[right[0], 0x2fff, *right[2:]])
    changed("behind the return", differs, addresses=[right[0], 0x2021, *right[2:]])
    changed("before what a signal interrupted", differs, addresses=[*right[:3], 0x4000, right[4]])
    changed("another name", differs, names=["wait", "play", "", "spin", ""])
    changed("an alias", same, names=["wait_alias", "work", "", "spin", ""])
    changed("no name, but there is one", differs, names=["wait", "", "", "spin", ""])
    changed("no name, nor is there one", same, names=["wait", "work", "", "", ""])
    changed("it had moved on", (0, 0, 1, 0), addresses=[0x1800, *right[1:]])
    changed("it was in its next call", (0, 0, 1, 0), calls=1)
    changed("it was not sampled", (0, 0, 0, 1), samples=[(250, 7, "waited", 1, 0, 0)])


hide_debug_files()
cases(whole, CHOSEN)
cases(twin, CHOSEN)

main()
