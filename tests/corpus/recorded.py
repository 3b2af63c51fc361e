# SPDX-License-Identifier: GPL-2.0-or-later
"""The half of the corpus that needs no root: traces of what this machine cannot be made to do at will.

Most are schedules (schedule.py), so that the label follows from what is written here.  traces/*.trace were
recorded; their first lines say of what, and their label.
"""
import glob
import json
import os
import subprocess
from dataclasses import dataclass

from schedule import Trace

HERE = os.path.dirname(os.path.abspath(__file__))
LOCK, OTHER_LOCK, QUEUE, BARRIER = 0x5000, 0x6000, 0x7000, 0x8000


@dataclass
class Case:
    name: str
    label: str
    why: str
    gil: bool
    make: object  # () -> the text of the trace


CASES = []


def schedule(label, gil=False):
    """Register a function that fills a Trace; it says why in its first line of documentation."""
    def register(function):
        def make():
            trace = Trace()
            return (function(trace) or trace).text()
        CASES.append(Case(function.__name__.replace("_", "-"), label, function.__doc__, gil, make))
        return function
    return register


# --- computing ------------------------------------------------------------------------------------


@schedule("parallel")
def sixteen_cpus(_):
    """16 CPUs, 16 threads that run all the time"""
    t = Trace(cpus=16)
    for _ in range(16):
        t.thread().run(1000)
    return t


@schedule("parallel")
def four_of_sixteen(_):
    """16 CPUs, four threads that run all the time: as parallel as it can be, most CPUs are free"""
    t = Trace(cpus=16)
    for _ in range(4):
        t.thread().run(1000)
    return t


@schedule("parallel")
def free_threaded(_):
    """a Python without a GIL, four threads run on four CPUs all the time"""
    t = Trace(cpus=4)
    t.runtime(10, status="no_gil")
    for _ in range(4):
        t.thread(python=True).run(1000)
    return t


@schedule("parallel")
def bursts(_):
    """eight threads work for a third of the time, all at once, and wait for work in between"""
    t = Trace(cpus=8)
    threads = [t.thread() for _ in range(8)]
    for a in threads:
        for _ in range(4):
            a.run(80).net(170)
    return t


@schedule("cpu-short")
def sixty_four_on_sixteen(_):
    """16 CPUs, 64 threads: each runs 5 ms and waits 15 ms for its next turn"""
    t = Trace(cpus=16)
    for i in range(64):
        a = t.thread()
        a.preempted(5 * (i // 16) + 0.1)
        while a.now < t.end:
            a.run(5).preempted(15)
    return t


@schedule("cpu-short")
def quota_of_sixteen(_):
    """a cgroup may use 4 of 16 CPUs: eight threads run for 50 of 100 ms, then all are throttled"""
    t = Trace(cpus=16)
    t.process(10, quota_milli=4000, throttled_ns=int(3.9e9), throttled=10)
    for _ in range(8):
        a = t.thread()
        while a.now < t.end:
            a.run(50).preempted(50)
    return t


@schedule("imbalanced")
def pool_with_a_tail(_):
    """eight threads of a pool begin together; seven wait for work after 250 ms, one goes on alone"""
    t = Trace(cpus=8)
    t.thread().parked(BARRIER)
    for i in range(8):
        a = t.thread().run(250)
        if i:
            a.parked(QUEUE)
        else:
            a.run(750)
    return t


@schedule("imbalanced")
def processes_with_a_tail(_):
    """four processes begin together; three end after 200 ms, one goes on alone"""
    t = Trace(cpus=4)
    t.thread(pid=9).child(1001)
    for i in range(4):
        a = t.thread(pid=20 + i, parent=9).run(200)
        if i:
            a.exit()
        else:
            a.run(800)
    return t


@schedule("sequential")
def hot_thread(_):
    """a service on eight CPUs: one thread always runs, six have 1 ms of work in 50"""
    t = Trace(cpus=8)
    t.thread().run(1000)
    for i in range(6):
        a = t.thread()
        a.run(1 + i)
        while a.now < t.end:
            a.net(49)
            a.run(1)
    return t


@schedule("sequential")
def prepare(_):
    """main runs alone for 700 ms, then four threads for 300"""
    t = Trace(cpus=4)
    t.thread().run(700).parked(QUEUE)
    for _ in range(4):
        t.thread(at=700).run(300)
    return t


@schedule("sequential")
def processes_in_a_row(_):
    """five processes, each runs when the one before has ended"""
    t = Trace(cpus=4)
    t.thread(pid=9).child(1001)
    for i in range(5):
        t.thread(pid=20 + i, at=200 * i, parent=9).run(199).exit()
    return t


# --- locks ----------------------------------------------------------------------------------------


def fight(trace, threads, wait, hold, woken=0.0):
    """One holds for so long, the others wait: wait(thread, ms, holder) is how."""
    for i, a in enumerate(threads):
        holder = threads[i - 1]
        if i:
            wait(a, hold * i, holder)
        while a.now < trace.end:
            a.run(hold)
            wait(a, hold * (len(threads) - 1) - woken, holder, woken)


@schedule("lock-bound")
def mutex_of_twelve(_):
    """16 CPUs, 12 threads that have one mutex in turn, for 5 ms each"""
    t = Trace(cpus=16)
    fight(t, [t.thread() for _ in range(12)], lambda a, ms, h, w=0.0: a.mutex(LOCK, ms, h, w), 5)
    return t


@schedule("lock-bound")
def two_mutexes(_):
    """16 CPUs, two groups of six threads, each group with a mutex of its own"""
    t = Trace(cpus=16)
    for lock in (LOCK, OTHER_LOCK):
        fight(t, [t.thread() for _ in range(6)], lambda a, ms, h, w=0.0, l=lock: a.mutex(l, ms, h, w), 5)
    return t


@schedule("lock-bound")
def late_wake_ups(_):
    """a mutex in turn, and each time it takes 2 ms until who was woken runs, while another thread has it"""
    t = Trace(cpus=4)
    fight(t, [t.thread() for _ in range(4)], lambda a, ms, h, w=0.0: a.mutex(LOCK, ms, h, w), 2, woken=3.5)
    return t


@schedule("lock-bound")
def mmap_lock(_):
    """four threads on four CPUs run 3 ms and wait 7 ms for a lock inside the kernel"""
    t = Trace(cpus=4)
    for i in range(4):
        a = t.thread()
        a.run(i)
        while a.now < t.end:
            a.klock(7)
            a.run(3)
    return t


@schedule("lock-bound")
def disk_under_a_mutex(_):
    """who has the mutex waits 9 ms for the disk, three others wait for the mutex"""
    t = Trace(cpus=4)
    threads = [t.thread() for _ in range(4)]
    for i, a in enumerate(threads):
        if i:
            a.mutex(LOCK, 10 * i, threads[i - 1])
        while a.now < t.end:
            a.run(0.5)
            a.disk(9)
            a.run(0.5)
            a.mutex(LOCK, 30, threads[i - 1])
    return t


# --- the GIL --------------------------------------------------------------------------------------


def gil_wait(a, ms, holder, woken=0.0):
    a.gil(ms, holder, woken)


@schedule("gil-bound", gil=True)
def gil_of_sixteen_threads(_):
    """16 CPUs, 16 threads that have the GIL in turn, for 5 ms each"""
    t = Trace(cpus=16)
    t.runtime(10)
    fight(t, [t.thread(python=True) for _ in range(16)], gil_wait, 5)
    return t


@schedule("gil-bound", gil=True)
def gils_of_two_processes(_):
    """four CPUs, two processes: in each, two threads have its GIL in turn"""
    t = Trace(cpus=4)
    for pid in (10, 12):
        t.runtime(pid)
        fight(t, [t.thread(pid=pid, python=True) for _ in range(2)], gil_wait, 5)
    return t


@schedule("cpu-short", gil=True)
def gil_holder_preempted(_):
    """the GIL's holder runs 2 ms and waits 8 ms for a CPU, again and again; another thread waits for it"""
    t = Trace(cpus=4)
    t.runtime(10)
    a, b = t.thread(python=True), t.thread(python=True)
    b.gil(100, a)
    while a.now < t.end:
        for one, two in ((a, b), (b, a)):
            begin = one.now
            for _ in range(10):
                one.run(2)
                one.preempted(8)
            if begin + 100 < two.now:
                continue
            one.gil(100, two)
    return t


@schedule("gil-held-while-blocked", gil=True)
def gil_in_a_page_fault(_):
    """who has the GIL waits 45 of 50 ms for a page of a mapped file, the other one for the GIL"""
    t = Trace(cpus=4)
    t.runtime(10)
    a, b = t.thread(python=True), t.thread(python=True)
    b.run(1)
    while a.now < t.end:
        a.run(3)
        a.with_gil(a.fault, 40)
        a.run(2)
        b.gil(44, a)
        b.run(5)
        a.gil(5, b)
        b.run(1)
    return t


@schedule("io-overlapped", gil=True)
def convoy(_):
    """eight threads wait for requests nearly all the time; one computes 25 of 400 ms, and who is ready then
    waits 15 ms for the GIL"""
    t = Trace(cpus=4)
    t.runtime(10)
    hog = t.thread(python=True)
    while hog.now < t.end:
        hog.run(25)
        hog.sleep(375)
    for i in range(8):
        a = t.thread(python=True)
        a.run(0.1)
        a.net(5)
        while a.now < t.end:
            a.run(0.02)
            a.gil(15 + i, hog)
            a.run(0.08)
            for _ in range(15):
                a.net(25)
                a.run(0.1)
            a.net(8.4 - i)
    return t


# --- waiting --------------------------------------------------------------------------------------


@schedule("io-overlapped")
def server(_):
    """20 threads wait for requests nearly all the time, and 0.5 of 50 ms for one mutex"""
    t = Trace(cpus=4)
    threads = [t.thread() for _ in range(20)]
    for i, a in enumerate(threads):
        a.run(0.1).net(2.5 * i + 0.1)
        while a.now < t.end:
            a.net(48.5)
            a.run(0.5)
            a.mutex(LOCK, 0.5, threads[i - 1])
            a.run(0.5)
    return t


@schedule("io-overlapped")
def fast_disk(_):
    """six threads read from a disk that answers in 60 us; waking up takes 30 us each time, CPUs are free"""
    t = Trace(cpus=4, ms=200)
    for i in range(6):
        a = t.thread()
        a.run(i / 100)
        while a.now < t.end:
            a.disk(0.06, woken=0.03)
            a.run(0.01)
    return t


@schedule("io-serial")
def fast_disk_alone(_):
    """one thread reads from a disk that answers in 60 us; waking up takes 15 us each time"""
    t = Trace(cpus=4, ms=400)
    a = t.thread()
    while a.now < t.end:
        a.disk(0.06, woken=0.015)
        a.run(0.015)
    return t


@schedule("io-serial")
def downloads_in_a_row(_):
    """five processes, each waits for the network for 190 ms when the one before has ended"""
    t = Trace(cpus=4)
    t.thread(pid=9).child(1001)
    for i in range(5):
        a = t.thread(pid=20 + i, at=200 * i, parent=9)
        a.run(2).net(190)
        a.run(2).exit()
    return t


@schedule("unclear")
def event_loop(_):
    """one thread in epoll_wait() for 9 of 10 ms: any number of requests may be under way"""
    t = Trace(cpus=4)
    a = t.thread()
    while a.now < t.end:
        a.epoll(9)
        a.run(1)
    return t


@schedule("unclear")
def half_overlapped(_):
    """two threads read from the disk for 55 of 100 ms each, and overlap for 10: neither one at a time nor
    all at once"""
    t = Trace(cpus=4)
    threads = [t.thread() for _ in range(2)]
    for i, a in enumerate(threads):
        a.run(0.1)
        if i:
            a.condition(QUEUE, 45, threads[0])
        while a.now < t.end:
            a.disk(55)
            a.run(0.1)
            a.condition(QUEUE, 44.9, threads[1 - i])
    return t


@schedule("idle")
def stopped(_):
    """stopped for the whole window but for its first ms"""
    t = Trace(cpus=4)
    for _ in range(2):
        a = t.thread()
        a.run(1)
        a.stopped(2000)
    return t


@schedule("idle")
def idle_pool(_):
    """eight threads of a pool wait for work, the main thread looks up every 10 ms"""
    t = Trace(cpus=4)
    a = t.thread()
    while a.now < t.end:
        a.sleep(9.9)
        a.run(0.1)
    for _ in range(8):
        t.thread().run(0.1).parked(QUEUE)
    return t


@schedule("sequential")
def ring_of_six(_):
    """a token goes round six threads through a condition: work of 20 us, then 30 us until the next runs"""
    t = Trace(cpus=4, ms=200)
    threads = [t.thread() for _ in range(6)]
    for i, a in enumerate(threads):
        a.run(0.001)
        a.condition(QUEUE, 0.05 * i + 0.02, threads[i - 1], woken=0.03)
        while a.now < t.end:
            a.run(0.02)
            a.condition(QUEUE, 0.25, threads[i - 1], woken=0.03)
    return t


# --- cannot be told -------------------------------------------------------------------------------


@schedule("unclear")
def many_wake_each_other(_):
    """16 CPUs, 24 threads: run 20 us, wait 40 us for somebody, and 60 us to wake up although CPUs are free"""
    t = Trace(cpus=16, ms=60)
    threads = [t.thread() for _ in range(24)]
    for i, a in enumerate(threads):
        a.run(0.001 + i / 200)
        while a.now < t.end:
            a.condition(QUEUE, 0.04, threads[i - 1], woken=0.06)
            a.run(0.02)
    return t


@schedule("unclear", gil=True)
def no_single_cause(_):
    """four CPUs; in each 10 ms a thread runs 3, and waits as long for a CPU, for a mutex and for the GIL"""
    t = Trace(cpus=4)
    t.runtime(10)
    threads = [t.thread(python=True) for _ in range(4)]
    for i, a in enumerate(threads):
        a.run(i * 2)
        while a.now < t.end:
            a.run(1)
            a.preempted(2.3)
            a.run(1)
            a.mutex(LOCK, 2.3, threads[i - 1])
            a.run(1)
            a.gil(2.3, threads[i - 1])
    return t


@schedule("unclear", gil=True)
def lost_records(_):
    """a GIL handed round, and 12 % of the records were lost"""
    t = Trace(cpus=4)
    t.runtime(10)
    fight(t, [t.thread(python=True) for _ in range(4)], gil_wait, 5)
    t.lost(1000, 120)
    return t


@schedule("unclear")
def sums_differ(_):
    """the kernel counted half of the CPU time that the records show"""
    t = Trace(cpus=4)
    for _ in range(2):
        a = t.thread().run(1000)
        a.ns = {"on_cpu": 500_000_000, "sleep": 500_000_000}
    return t


@schedule("unclear")
def not_accounted_for(_):
    """for 700 ms of 1000 it is not known what the threads did"""
    t = Trace(cpus=4)
    for _ in range(2):
        a = t.thread()
        a.run(100)
        a.unknown(700)
        a.run(300)
    return t


@schedule("too-short-to-tell")
def two_ms(_):
    """four threads that end after 2 ms"""
    t = Trace(cpus=4, ms=3)
    for _ in range(4):
        t.thread().run(2).exit()
    return t


@schedule("too-short-to-tell", gil=True)
def two_ms_of_gil(_):
    """two threads have the GIL in turn, for 2 ms"""
    t = Trace(cpus=4, ms=2)
    t.runtime(10)
    fight(t, [t.thread(python=True) for _ in range(2)], gil_wait, 0.2)
    return t


# --- recorded -------------------------------------------------------------------------------------


def comment(lines, key):
    found = [line[len(key) + 4:] for line in lines if line.startswith(f"# {key}: ")]
    return found[0] if found else ""


def _add_recorded():
    for path in sorted(glob.glob(os.path.join(HERE, "traces", "*.trace"))):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        head = text.splitlines()[:8]
        CASES.append(Case(os.path.basename(path)[:-6], comment(head, "label"), comment(head, "why"),
                          comment(head, "gil") == "yes", lambda text=text: text))


_add_recorded()


def report_of(program, case):
    done = subprocess.run([program, "report", "--text-trace", "-f", "json", "/dev/stdin"], input=case.make(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"{case.name}: {done.stderr[:300]}")
    return json.loads(done.stdout)
