# SPDX-License-Identifier: GPL-2.0-or-later
"""The live half of the corpus: programs that are watched while they run.

A row is a program, its label, and why the label is certain: by how the program is written, never by what
parascope said about it.  `right` is a function of facts.py: what else is true if others take the CPUs.
`gil`: threads of it wait for a GIL, or a lock like it, for much of their time.
"""
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

import lib
from facts import always, both_gils, crowded, in_turn, one_runs, wants
from lib import PYTHON, ROOT, Skip, start, temp, wait_for

PROGRAMS = os.path.join(ROOT, "tests", "corpus", "programs")
TWINS = os.path.join(ROOT, "workloads", "py")
NAPPING_S = 0.4  # until a program that is attached to does what it does for good
WINDOW_S = 1.2
COUNT = 12_000_000  # rounds of a countdown: half a second
CPUS = len(os.sched_getaffinity(0))


@dataclass
class Case:
    name: str
    label: str
    why: str
    argv: object  # a list, or a function that makes it
    right: object = always
    gil: bool = False
    attach: bool = False  # else run from its first to its last instruction
    around: tuple = ()    # what is there meanwhile: functions that start something
    prefix: tuple = ()
    env: dict = field(default_factory=dict)
    stop: bool = False    # SIGSTOP before it is watched
    then: object = None   # a function: what is started when it is there
    group: bool = True    # in a control group of its own, whose clock tells what it had


CASES = []


def case(name, label, argv, why, **more):
    """Add a row; it says why in one sentence."""
    CASES.append(Case(name, label, " ".join(why.split()), argv, **more))


# --- programs -------------------------------------------------------------------------------------


def workload(*args):
    return [lib.WORKLOAD, *map(str, args)]


def twin(name, *args):
    return [PYTHON, os.path.join(TWINS, name), "--result", "/dev/null", *map(str, args)]


def told(name, *args):
    return [PYTHON, os.path.join(ROOT, "tests", "python", "programs", name), "--time", "1.2", "--truth",
            "/dev/null", *map(str, args)]


def python(shape, *args):
    return [PYTHON, os.path.join(PROGRAMS, "shapes.py"), shape, *map(str, args)]


def built(name, *command):
    """What a compiler makes of a program; its command ends with the option that names the output."""
    if not shutil.which(command[0]):
        raise Skip(f"{command[0]} is not installed")
    path = temp(name)
    if not os.path.exists(path):
        done = subprocess.run([*command, path], cwd=PROGRAMS, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=lib.TIMEOUT_S, check=False)
        if done.returncode:
            raise lib.Failed(f"{' '.join(command)}: {done.stdout[-1000:]}")
    return path


def c(shape, *args):
    def make():
        path = built("shapes", "gcc", "-O1", "-g", "-D_GNU_SOURCE", "-pthread", "shapes.c", "-o")
        return [path, shape, *(a() if callable(a) else str(a) for a in args)]
    return make


def rust(*args):
    return lambda: [built("fight", "rustc", "-O", "fight.rs", "-o"), *map(str, args)]


def java(*args):
    def make():
        if not shutil.which("java"):
            raise Skip("java is not installed")
        return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                built("classes", "javac", "Fight.java", "-d"), "Fight", *map(str, args)]
    return make


def other(program, *args):
    """A program by other people."""
    def make():
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
        return [program, *(a() if callable(a) else str(a) for a in args)]
    return make


def noise(size=48):
    """A file of so many MiB that does not compress well."""
    path = temp(f"noise-{size}")
    if not os.path.exists(path):
        with open(path, "wb") as f:
            for _ in range(size):
                f.write(os.urandom(1 << 19).hex().encode())
            f.flush()
            os.fsync(f.fileno())
    return path


def lines():
    """A file of numbers in no order, for sort."""
    path = temp("lines")
    if not os.path.exists(path):
        with open(noise(4), encoding="ascii") as f, open(path, "w", encoding="ascii") as out:
            text = f.read()
            out.writelines(text[i:i + 12] + "\n" for i in range(0, len(text), 12))
    return path


def makefile(jobs, seconds):
    """Recipes that only compute, all alike: a loop of the shell."""
    path = temp(f"makefile-{jobs}")
    with open(path, "w", encoding="ascii") as f:
        names = [f"job{i}" for i in range(jobs)]
        f.write(f"all: {' '.join(names)}\n{' '.join(names)}:\n"
                f"\t@{lib.WORKLOAD} cpu --mode seq --workers 1 --time {seconds}\n")
    return path


# --- what is there meanwhile ----------------------------------------------------------------------


def busy_machine():
    """Three endless loops for each CPU: a fair scheduler leaves the program a small part."""
    for _ in range(3 * CPUS):
        start(["/bin/sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL)
    time.sleep(0.1)


def asked(late_ms):
    """A server that answers so late; the program finds it behind the socket that echo_path() names."""
    def begin():
        path = echo_path()
        if os.path.exists(path):
            os.unlink(path)
        start(python("echo", 0, late_ms, path), stdin=subprocess.DEVNULL)
        wait_for("the server", lambda: os.path.exists(path))
        time.sleep(0.05)
    return begin


def echo_path():
    return temp("echo")


def redis_asked():
    """Eight clients whose every request computes for about a millisecond inside the server."""
    if not shutil.which("redis-benchmark"):
        raise Skip("redis-benchmark is not installed")
    wait_for("redis", lambda: os.path.exists(temp("redis")))
    start(["redis-benchmark", "-s", temp("redis"), "-n", "10000000", "-c", "8", "eval",
           "local x = 0 for i = 1, 100000 do x = x + i end return x", "0"], stdin=subprocess.DEVNULL,
          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def redis():
    if not shutil.which("redis-check-rdb"):
        raise Skip("redis-tools is not installed")
    path, server = temp("redis"), temp("redis-server")
    if os.path.exists(path):
        os.unlink(path)
    if not os.path.exists(server):
        # the package of the tools has the server too: it tells by its name which of both it is to be
        os.symlink(shutil.which("redis-check-rdb"), server)
    return [server, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]


def ask(shape, *args):
    return lambda: [*python(shape, *args), echo_path()]


def one_cpu():
    return ("taskset", "-c", str(min(os.sched_getaffinity(0))))


# --- the table ------------------------------------------------------------------------------------

# Computing.  CPUS threads or processes, all of them count to the end.
case("cpu-threads", "parallel", workload("cpu", "--workers", CPUS, "--time", 1.2),
     "as many threads as CPUs count, none waits for another", right=wants(CPUS))
case("cpu-procs", "parallel", workload("cpu", "--mode", "procs", "--workers", CPUS, "--time", 1.2),
     "as many processes as CPUs count", right=wants(CPUS))
case("cpu-seq", "sequential", workload("cpu", "--mode", "seq", "--workers", 1, "--time", 1.2),
     "one thread counts, there is no other", right=one_runs)
case("cpu-many", "cpu-short", workload("cpu", "--workers", 4 * CPUS, "--time", 1.2),
     "four threads for each CPU want to run all the time")
case("cpu-both", "cpu-short", workload("cpu", "--mode", "both", "--procs", 2, "--workers", 2 * CPUS,
                                       "--time", 1.2),
     "two processes, each with two threads for each CPU")
case("cpu-attached", "parallel", workload("cpu", "--workers", CPUS, "--time", 60),
     "as cpu-threads, endless, watched from the midst on", attach=True, right=wants(CPUS))
case("cpu-one-cpu", "cpu-short", workload("cpu", "--workers", 2, "--time", 1.2),
     "two threads that count, bound to one CPU", prefix=one_cpu())
case("seq-one-cpu", "sequential", workload("cpu", "--mode", "seq", "--workers", 1, "--time", 1.2),
     "one thread, bound to one CPU: it wants no second one", prefix=one_cpu(), right=one_runs)
case("cpu-loaded", "cpu-short", workload("cpu", "--workers", CPUS, "--time", 1.2),
     "as cpu-threads, beside three endless loops for each CPU", around=(busy_machine,))
case("cpu-quota", "cpu-short", workload("cpu", "--workers", 2, "--time", 1.2),
     "two threads that count, in a group that may use half a CPU", around=("quota",))
case("spinlock", "parallel", c("spinlock", 1.2, CPUS),
     "threads spin for a lock and never sleep: all of it is CPU time, which is what parallel says",
     right=wants(CPUS))
case("bursts", "parallel", c("bursts", 1.5, CPUS),
     "all threads work at the same time, and have nothing to do at the same time", right=crowded)
case("own-mutexes", "parallel", workload("mutex", "--mode", "procs", "--workers", CPUS, "--time", 1.2),
     "processes that lock, each a mutex of its own", right=wants(CPUS))
case("mutex-alone", "sequential", workload("mutex", "--workers", 1, "--time", 1.2),
     "one thread that locks: nobody to wait for", right=one_runs)
case("tail", "imbalanced", c("tail", 1.0, 2),
     "two threads begin together, one has four times the CPU work of the other", right=crowded)
case("slow-worker", "imbalanced", workload("barrier", "--workers", 2, "--hold-us", 500, "--think-us", 3000,
                                           "--time", 1.2),
     "rounds that end at a barrier; one of two works seven times as long in each", right=crowded)
case("barrier", "parallel", workload("barrier", "--workers", CPUS, "--hold-us", 4000, "--think-us", 0,
                                     "--time", 1.2),
     "rounds of equal work that end at a barrier", right=crowded)
case("prepare", "sequential", c("prepare", 1.2, CPUS),
     "the main thread works alone for four fifths of the CPU time of one, then all work", right=crowded)
case("hot", "sequential", c("hot", 1.2, 4),
     "one thread works all the time, three wake up now and then for 0.5 ms", right=one_runs)

# Locks.
case("mutex", "lock-bound", workload("mutex", "--workers", 4, "--hold-us", 200, "--think-us", 5, "--time", 1.2),
     "four threads; 200 of 205 us of their work hold the one mutex", right=in_turn(4))
case("mutex-attached", "lock-bound", workload("mutex", "--workers", 4, "--hold-us", 300, "--think-us", 5,
                                              "--time", 60),
     "the same, watched from the midst on", right=in_turn(4), attach=True)
case("pshared", "lock-bound", workload("pshared", "--mode", "procs", "--workers", 4, "--hold-us", 300,
                                       "--think-us", 5, "--time", 1.2),
     "four processes; nearly all their work holds one mutex in shared memory", right=in_turn(4))
case("pi-mutex", "lock-bound", workload("pi", "--workers", 3, "--hold-us", 500, "--think-us", 5, "--time", 1.2),
     "as mutex, with priority inheritance", right=in_turn(3))
case("robust", "lock-bound", workload("robust", "--workers", 3, "--hold-us", 500, "--think-us", 5,
                                      "--time", 1.2),
     "as mutex, robust", right=in_turn(3))
case("rwlock", "lock-bound", workload("rwlock", "--workers", 2, "--hold-us", 500, "--think-us", 5,
                                      "--time", 1.2),
     "one writer and one reader: they exclude each other, nearly all work holds the lock",
     right=in_turn(2))
case("hog", "lock-bound", workload("hog", "--workers", 4, "--hold-us", 10000, "--think-us", 200, "--time", 1.2),
     "one thread holds the mutex for 10 ms at a time, three want it for a moment", right=in_turn(4))
case("two-locks", "lock-bound", c("pairs", 1.2, 6),
     "two mutexes, each held while asleep, three threads want each")
case("lock-asleep", "lock-bound", c("asleep", 1.2, 3),
     "three threads; who has the mutex sleeps for 10 ms, the others wait for it")
case("deadlock", "lock-bound", c("deadlock", 60), attach=True,
     why="two threads, each holds the mutex that the other one waits for")
case("arena", "lock-bound", c("arena", 1.2, 4),
     "four threads only allocate and free; the heap grows and shrinks inside the one arena's lock",
     right=crowded)
case("inode", "lock-bound", c("inode", 1.2, 4, lambda: temp("inode")),
     "four threads append to one file past the cache: the kernel's lock of the file is held while the disk "
     "writes")
case("flock", "lock-bound", c("flocks", 1.2, 4, lambda: temp("flock")), right=in_turn(4),
     why="four processes compute with the lock of one file (flock) held")
case("rust-mutex", "lock-bound", rust(1.2, 4),
     "four threads compute, all of it with one std::sync::Mutex held", right=in_turn(4))
case("java-monitor", "lock-bound", java(1.5, 4, "locked"),
     "four threads compute, all of it in one monitor", right=in_turn(4))
case("java-free", "parallel", java(1.5, CPUS, "free"),
     "as many threads as CPUs compute", right=wants(CPUS))
case("pool-jobs", "lock-bound", workload("pool", "--workers", 4, "--hold-us", 200, "--count", 1500),
     "a pool whose jobs are done with one mutex held", right=in_turn(4))

# Taking turns: nobody has the lock, somebody has the token.
case("token-cond", "sequential", workload("cond", "--workers", 4, "--hold-us", 2000, "--time", 1.2),
     "a token goes round through a condition; who has it works for 2 ms. All are woken each time, and want a "
     "CPU for a moment", right=crowded)
case("token-sem", "sequential", workload("sem", "--workers", 4, "--hold-us", 2000, "--time", 1.2),
     "the same through semaphores. Who hands it over wants a CPU for one more moment", right=crowded)
case("lockstep", "sequential", workload("lockstep", "--count", 40000),
     "two threads, a token there and back as fast as possible over raw futexes: one runs at a time",
     right=crowded)
case("pipe-turns", "sequential", workload("pipe", "--workers", 2, "--hold-us", 2000, "--time", 1.2),
     "one thread asks through a pipe, the other works for 2 ms and answers", right=crowded)

# Waiting.
case("io-threads", "io-overlapped", workload("io", "--workers", 4, "--hold-us", 20000, "--time", 1.2),
     "four threads sleep at the same time")
case("io-procs", "io-overlapped", workload("io", "--mode", "procs", "--workers", 4, "--hold-us", 20000,
                                           "--time", 1.2),
     "four processes sleep at the same time")
case("io-seq", "io-serial", workload("io", "--mode", "seq", "--workers", 4, "--hold-us", 20000, "--time", 1.2),
     "one thread sleeps, again and again")
case("disk-one", "io-serial", c("disk", 1.2, 1, noise),
     "one thread reads blocks from the disk, past the cache, one after the other")
case("disk-many", "io-overlapped", c("disk", 1.2, 6, noise),
     "six threads do so at the same time")
case("socket-one", "io-serial", lambda: [*c("ask", 1.2, 1)(), echo_path()], around=(asked(10),),
     why="one thread asks a server and waits 10 ms for each answer")
case("socket-many", "io-overlapped", lambda: [*c("ask", 1.2, 8)(), echo_path()], around=(asked(10),),
     why="eight threads do so at the same time")
case("pool-idle", "idle", workload("pool", "--workers", 8, "--time", 60), attach=True,
     why="a pool of threads without a job")
case("futex-idle", "idle", workload("idle", "--workers", 4, "--time", 60), attach=True,
     why="threads blocked in one futex")
case("stopped", "idle", workload("cpu", "--workers", 2, "--time", 60), attach=True, stop=True,
     why="stopped by SIGSTOP before it is watched")
case("true", "too-short-to-tell", ["/bin/true"], "ends within 2 ms or so", group=False)
case("cpu-2ms", "too-short-to-tell", workload("cpu", "--workers", 2, "--count", 10), group=False,
     why="two threads that end within a few ms")
case("python-short", "too-short-to-tell", [PYTHON, "-I", "-S", "-c", "pass"], group=False,
     why="an interpreter that starts and ends")

# Python.
for n in (2, 4, 16):
    case(f"py-spin-{n}", "gil-bound", told("spin.py", "--threads", n),
         f"{n} threads count in Python: one at a time has the GIL", right=in_turn(n), gil=True)
case("py-attached", "gil-bound", [PYTHON, os.path.join(TWINS, "pools.py"), "--mode", "threads", "--workers",
                                  "4", "--time", "60"],
     "a pool of threads in endless loops, watched from the midst on", attach=True, right=in_turn(4), gil=True)
case("py-one-cpu", "cpu-short", told("spin.py", "--threads", 3), prefix=one_cpu(), gil=True,
     why="three threads count on one CPU: without the GIL they would wait for the CPU")
case("py-hog", "gil-bound", told("hog.py"), right=in_turn(10), gil=True,
     why="one thread computes in C calls that keep the GIL for 10 ms, nine want it for a moment")
case("py-hash", "parallel", told("native.py"), right=wants(2) if CPUS >= 2 else always,
     why="two threads hash large buffers: hashlib releases the GIL")
case("py-hash-loaded", "cpu-short", told("native.py"), around=(busy_machine,),
     why="the same beside three endless loops for each CPU")
case("py-nap-held", "gil-held-while-blocked", told("held.py", "--naps", 3), gil=True,
     why="C code sleeps 0.5 s at a time with the GIL (PyDLL) while another thread wants to compute")
case("py-nap-free", "sequential", told("held.py", "--naps", 3, "--cdll"), right=one_runs,
     why="the same sleep without the GIL (CDLL): the other thread computes alone")
case("py-native-mutex", "gil-held-while-blocked", gil=True,
     argv=lambda: [*python("native_mutex", 1.5, 0), built("mutexes.so", "gcc", "-O1", "-shared", "-fPIC",
                                                          "-pthread", "mutexes.c", "-o")],
     why="a thread waits for a mutex of C code with the GIL in its hands, another one for the GIL")
case("py-deadlock", "gil-held-while-blocked", python("native_deadlock", 60), gil=True,
     prefix=("timeout", "-s", "KILL", "1.5"),
     why="a thread with the GIL waits for a mutex whose holder waits for the GIL")
case("py-seq", "sequential", twin("countdown.py", "--mode", "seq", "--size", COUNT),
     "two countdowns, one after the other", right=one_runs)
case("py-threads", "gil-bound", twin("countdown.py", "--mode", "threads", "--size", COUNT),
     "two countdowns in threads", right=in_turn(2), gil=True)
case("py-procs", "parallel" if CPUS >= 2 else "cpu-short",
     twin("countdown.py", "--mode", "procs", "--size", 3 * COUNT), right=crowded,
     why="two countdowns in processes")
case("py-random", "gil-bound", twin("randomlist.py", "--mode", "threads", "--size", 1000000),
     "four threads append random numbers to lists of their own", right=in_turn(4), gil=True)
case("py-gil-procs", "cpu-short" if CPUS <= 2 else "gil-bound", python("gil_procs", 1.2), gil=True,
     right=both_gils,
     why="two processes, each with two threads that want its GIL: the two GILs alone fill two CPUs, so that "
         "nothing is gained without them; with more CPUs the GILs are what keeps them free")
case("py-pool-procs", "cpu-short" if CPUS < 8 else "parallel",
     twin("pools.py", "--mode", "procs", "--workers", 10, "--time", 1.2),
     "ten processes in endless loops", right=crowded)
case("py-uneven", "imbalanced", python("uneven", 1.0, 2), right=crowded,
     why="two processes begin together, one has four times the CPU work of the other")
case("py-hash-uneven", "imbalanced", python("native_uneven", 1.0, 2), right=crowded,
     why="the same with threads that hash, without the GIL")
case("py-hash-locked", "lock-bound", python("native_locked", 1.2, 4), right=in_turn(4),
     why="four threads hash without the GIL, but each call with one threading.Lock held")
case("py-hash-one", "sequential", python("native_one", 1.2, 4), right=one_runs,
     why="a pool of four threads with one job")
case("py-lock-asleep", "lock-bound", python("lock_asleep", 1.2, 4),
     "four threads; who has the threading.Lock sleeps for 10 ms")
case("py-process-lock", "lock-bound", python("process_lock", 1.2, 4), right=in_turn(4),
     why="four processes that compute with one multiprocessing.Lock held")
case("py-ring", "sequential", python("ring", 1.2, 4), right=crowded,
     why="a token goes round through queues; who has it computes for 2 ms")
case("py-sleep-threads", "io-overlapped", twin("sleep.py", "--mode", "threads", "--size", 1),
     "two threads sleep at the same time")
case("py-sleep-procs", "io-overlapped", twin("sleep.py", "--mode", "procs", "--size", 1),
     "two processes sleep at the same time")
case("py-sleep-seq", "io-serial", twin("sleep.py", "--mode", "seq", "--size", 0.6),
     "two sleeps, one after the other")
case("py-ask-one", "io-serial", ask("ask", 1.2, 1), around=(asked(10),), right=crowded,
     why="one thread asks a server and waits 10 ms for each answer")
case("py-ask-many", "io-overlapped", ask("ask", 1.2, 8), around=(asked(10),), right=crowded,
     why="eight threads do so at the same time")
case("py-async-one", "unclear", ask("ask_async", 1.2, 1), around=(asked(10),), right=crowded,
     why="asyncio, one request in flight: from outside an epoll_wait() like any other, so it cannot be told")
case("py-async-many", "unclear", ask("ask_async", 1.2, 20), around=(asked(10),), right=crowded,
     why="asyncio, 20 requests in flight: just as little")
case("py-async-work", "sequential", python("async_work", 1.2, 4), right=one_runs,
     why="asyncio tasks that compute: one thread, never idle")
case("py-pool-idle", "idle", python("idle_threads", 60, 8), attach=True,
     why="a pool of threads without a job, the main thread asleep")
case("py-procs-idle", "idle", python("idle_procs", 60, 3), attach=True,
     why="a pool of processes without a job")

# Programs by other people.
case("gzip", "sequential", other("gzip", "-c", lambda: noise(48)), right=one_runs,
     why="gzip has one thread")
case("xz", "parallel", other("xz", "-T2", "-1", "--block-size=1MiB", "-c", lambda: noise(24)), right=crowded,
     why="-T2 and 24 blocks: two threads compress, the main thread only reads and writes")
case("openssl", "parallel", other("openssl", "speed", "-seconds", 1, "-bytes", 16384, "-multi", 2, "sha256"),
     right=crowded, why="-multi 2: two processes hash")
case("sort", "sequential", other("sort", "--parallel=1", "-o", "/dev/null", lines), right=one_runs,
     why="--parallel=1: one thread sorts")
case("make-1", "sequential", other("make", "-s", "-j1", "-f", lambda: makefile(4, 0.3)), right=one_runs,
     why="-j1: four recipes that compute, one after the other")
case("make-2", "parallel" if CPUS >= 2 else "cpu-short",
     other("make", "-s", "-j2", "-f", lambda: makefile(4, 0.6)), right=crowded,
     why="-j2: four recipes of equal work, two at a time")
case("make-many", "cpu-short", other("make", "-s", f"-j{4 * CPUS}", "-f",
                                     lambda: makefile(4 * CPUS, 1.2)),
     why="four recipes for each CPU at the same time")
case("redis", "sequential", redis, attach=True, then=redis_asked, right=one_runs,
     why="redis does all requests in one thread; eight clients always wait for one that computes")
case("redis-idle", "idle", redis, attach=True, why="redis without a client: it looks up ten times a second")
case("http-idle", "idle", [PYTHON, "-m", "http.server", "0", "--bind", "127.0.0.1"], attach=True,
     why="a web server that nobody asks")
case("tail-f", "idle", ["tail", "-f", "/dev/null"], attach=True, why="waits for a file to grow that never does")
case("shell", "idle", ["/bin/sh", "-c", "sleep 60 & wait"], attach=True,
     why="a shell waits for its child, which sleeps")
