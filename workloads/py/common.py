# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Python workloads share: options, modes, timing, signals, the result object."""
import argparse
import collections
import contextlib
import gc
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import platform
import resource
import signal
import sys
import threading
import time

SCHEMA = "parascope-py/1"
MODES = ("seq", "threads", "procs", "both")
START_METHODS = ("fork", "spawn", "forkserver")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# One piece of work. fn may return a dict: it is merged into the task's entry.
Job = collections.namedtuple("Job", "fn args name", defaults=(None,))
# What every task needs to know, wherever it runs; travels to spawned processes.
How = collections.namedtuple("How", "repeats log switch_interval", defaults=(1, False, None))


class Failure(Exception):
    """The experiment could not be carried out."""


class Stopped(BaseException):
    """SIGINT or SIGTERM arrived."""

    def __init__(self, signum):
        super().__init__(signum)
        self.signum = signum


# ---- option types -----------------------------------------------------------------------------

def count(text):
    value = int(text)
    if not 1 <= value <= 10**15:
        raise ValueError(text)
    return value


def seconds(text):
    value = float(text)
    if not 0 < value <= 10**7:  # also refuses nan
        raise ValueError(text)
    return value


def seconds_or_zero(text):
    return 0.0 if float(text) == 0 else seconds(text)


def workers(text):
    value = int(text)
    if not 1 <= value <= 1000:
        raise ValueError(text)
    return value


# ---- tasks ------------------------------------------------------------------------------------

def timed(job, how):
    """Runs a job in this thread and returns its task entry."""
    if how.switch_interval:
        sys.setswitchinterval(how.switch_interval)
    entry = {
        "pid": os.getpid(),
        "process": multiprocessing.current_process().name,
        "thread": threading.current_thread().name,
        "native_id": threading.get_native_id(),
    }
    log(how, entry, "BEGIN")
    cpu = time.thread_time_ns()
    entry["begin_ns"] = time.monotonic_ns()
    for _ in range(how.repeats):
        extra = job.fn(*job.args)
    entry["end_ns"] = time.monotonic_ns()
    entry["cpu_ns"] = time.thread_time_ns() - cpu
    log(how, entry, "END")
    if isinstance(extra, dict):
        entry.update(extra)
    return entry


def log(how, entry, what):
    """The articles' log line, on stderr; the stamp is CLOCK_REALTIME."""
    if how.log:
        sys.stderr.write("%d * %s * %s %s %.6f\n" % (
            entry["pid"], entry["process"], entry["thread"], what, time.time()))


def start_threads(jobs, how, entries):
    def body(index, job):
        entries[index] = timed(job, how)

    threads = [threading.Thread(target=body, args=(i, job), name=job.name or "Thread-%d" % (i + 1))
               for i, job in enumerate(jobs)]
    for thread in threads:
        thread.start()
    return threads


def run_threads(jobs, how):
    entries = [None] * len(jobs)
    for thread in start_threads(jobs, how, entries):
        thread.join()
    if None in entries:
        raise Failure("a worker thread failed")
    return entries


def run_processes(job_lists, how, start_method, threaded):
    """One process per list of jobs; returns (entries, user and system ns that the workers report)."""
    context = multiprocessing.get_context(start_method)
    children = []
    with starting(start_method):
        for i, jobs in enumerate(job_lists):
            reader, writer = context.Pipe(duplex=False)
            name = jobs[0].name if jobs[0].name and not threaded else "Process-%d" % (i + 1)
            process = context.Process(target=child, args=(writer, jobs, how, threaded), name=name)
            process.start()
            writer.close()
            children.append((process, reader))
    waiting, answers = {reader: process for process, reader in children}, {}
    while waiting:
        for reader in multiprocessing.connection.wait(list(waiting)):
            process = waiting.pop(reader)
            try:
                answers[process] = reader.recv()
            except EOFError:
                process.join()
                raise Failure("worker %s ended without a result (exit code %s)"
                              % (process.name, process.exitcode)) from None
    for process, reader in children:
        process.join()
        reader.close()
    tasks = [task for process, _ in children for task in answers[process][0]]
    spent = [sum(answers[process][1][i] for process, _ in children) for i in (0, 1)]
    return tasks, spent


def child(writer, jobs, how, threaded):
    child_signals()
    tasks = run_threads(jobs, how) if threaded else [timed(job, how) for job in jobs]
    with contextlib.suppress(BrokenPipeError):  # the parent was killed: just end
        writer.send((tasks, cpu_times(resource.RUSAGE_SELF)))
    writer.close()


# ---- signals: children never outlive the main process -----------------------------------------

@contextlib.contextmanager
def starting(start_method):
    """Holds back SIGINT and SIGTERM while processes are made. They start with both blocked, so none
    dies with a traceback half way up; child_signals() lets the signals through."""
    if start_method != "fork":
        from multiprocessing import resource_tracker
        resource_tracker.ensure_running()  # it may unblock the signals, so it goes first
    old = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def child_signals():
    """First thing in a worker process: Ctrl-C is the parent's business, SIGTERM ends it silently."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def stop_children():
    children = multiprocessing.active_children()
    for process in children:
        process.terminate()
    for process in children:
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()


def raise_stopped(signum, _frame):
    raise Stopped(signum)


def main(function):
    """Runs a script's body. Ends every child first, then dies of the signal that stopped it."""
    for signum in STOP_SIGNALS:
        signal.signal(signum, raise_stopped)
    status = stopped_by = 0
    try:
        try:
            function()
        finally:
            for signum in STOP_SIGNALS:
                signal.signal(signum, signal.SIG_IGN)
            stop_children()
    except Stopped as stop:
        stopped_by = stop.signum
    except (Failure, OSError, RuntimeError) as error:
        sys.stderr.write("%s: %s\n" % (os.path.basename(sys.argv[0]), error))
        status = 1
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    if stopped_by:
        gc.collect()  # what the body held is garbage now: multiprocessing removes its semaphores
        os.kill(os.getpid(), stopped_by)
    if status:
        sys.stderr.flush()
        os._exit(status)  # a worker thread may still be in an endless loop


# ---- the experiment ---------------------------------------------------------------------------

def cpu_times(*whose):
    user = system = 0
    for who in whose:
        usage = resource.getrusage(who)
        user += round(usage.ru_utime * 1e9)
        system += round(usage.ru_stime * 1e9)
    return [user, system]


class Experiment:
    """Options, one measured run, one result object.

    ids: mode -> article id (None where no article ran that); sizes: article id -> its size;
    scaled: the options that --scale multiplies; tasks: default of --workers, None for no such option."""

    def __init__(self, name, doc, modes=("threads",), ids=None, size=1, sizes=None, size_help="",
                 size_type=count, size_flags=("--size",), scaled=("size",), tasks=2, procs=2,
                 repeats=False):
        self.name, self.ids, self.size, self.sizes = name, ids or {}, size, sizes or {}
        self.scaled, self.tasks, self.procs = scaled, tasks, procs
        self.extra = {}
        self.parser = argparse.ArgumentParser(description=doc)
        add = self.parser.add_argument
        if len(modes) > 1:
            add("--mode", choices=modes, default=modes[0], help="default %(default)s")
        else:
            self.parser.set_defaults(mode=modes[0])
        known = sorted({i for i in self.ids.values() if i} | set(self.sizes))
        if len(known) > 1:
            add("--id", choices=known, help="run with this article's size, and say so in the result")
        else:
            self.parser.set_defaults(id=None)
        add(*size_flags, type=size_type, metavar="N", dest="size",
            help="%s (default %s)" % (size_help, size))
        add("--scale", type=seconds, metavar="F", default=1.0, help="multiply the %s by F" % " and ".join(scaled))
        if tasks:
            add("--workers", type=workers, metavar="N",
                help="tasks; in mode both: threads in each process (default %d)" % tasks)
        if "both" in modes:
            add("--procs", type=workers, metavar="N",
                help="processes, modes procs and both (default %d)" % procs)
        if "procs" in modes:
            add("--start-method", choices=START_METHODS, default="fork", help="default %(default)s")
        if repeats:
            add("--repeats", type=count, metavar="N", help="each task does its work N times")
            add("--auto-scale", type=seconds, metavar="SECONDS", nargs="?", const=1.0,
                help="choose --repeats so that one task alone lasts about SECONDS (default 1)")
        add("--switch-interval", type=seconds, metavar="S", help="sys.setswitchinterval(S)")
        add("--log", action="store_true", help="BEGIN and END of each task, on stderr")
        add("--result", default="-", metavar="FILE", help="where the JSON goes (default -: stdout)")

    def parse(self, calibrate=None):
        """Reads the command line. calibrate(n) does n units of the work, for --auto-scale."""
        opts = self.opts = self.parser.parse_args()
        if opts.id and opts.id not in self.sizes and opts.id != self.ids.get(opts.mode):
            self.parser.error("--id: %s is not an experiment of mode %s" % (opts.id, opts.mode))
        opts.id = opts.id or self.ids.get(opts.mode)
        if opts.size is None:
            opts.size = self.sizes.get(opts.id, self.size)
        for name in self.scaled:
            value = getattr(opts, name) * opts.scale
            setattr(opts, name, value if isinstance(getattr(opts, name), float) else max(1, round(value)))
        self.parse_workers(opts)
        opts.start_method = getattr(opts, "start_method", None)
        if opts.switch_interval:
            sys.setswitchinterval(opts.switch_interval)
        self.out = sys.stdout
        if opts.result != "-":
            try:
                self.out = open(opts.result, "w", encoding="utf-8")
            except OSError as error:
                self.parser.error("--result: %s" % error)
        self.how = How(self.parse_repeats(opts, calibrate), opts.log, opts.switch_interval)
        return opts

    def parse_workers(self, opts):
        asked_workers, asked_procs = getattr(opts, "workers", None), getattr(opts, "procs", None)
        opts.workers, opts.procs = asked_workers or self.tasks or 1, 1
        if opts.mode == "both":
            opts.procs = asked_procs or self.procs
        elif opts.mode == "procs":
            if asked_workers and asked_procs and asked_workers != asked_procs:
                self.parser.error("mode procs runs one task per process: --workers and --procs differ")
            opts.workers = opts.procs = asked_procs or opts.workers
        elif asked_procs and asked_procs != 1:
            self.parser.error("--procs: mode %s runs in one process" % opts.mode)

    def parse_repeats(self, opts, calibrate):
        repeats, target = getattr(opts, "repeats", None), getattr(opts, "auto_scale", None)
        if repeats and target:
            self.parser.error("--repeats and --auto-scale exclude each other")
        if target and calibrate:
            units, spent = max(1, opts.size // 100), 0.0
            while spent < 0.02:
                begin = time.monotonic()
                calibrate(units)
                spent, done = time.monotonic() - begin, units
                units *= 2
            repeats = max(1, math.ceil(target * done / (spent * opts.size)))
        return repeats or 1

    # -- measuring --

    def begin(self):
        self.begin_cpu = cpu_times(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        self.begin_realtime_ns, self.begin_ns = time.time_ns(), time.monotonic_ns()

    def end(self, tasks, reported=(0, 0)):
        """Writes the result. reported: CPU time of workers that are not this process's children."""
        end_ns, opts = time.monotonic_ns(), self.opts
        cpu = cpu_times(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        cpu = [now - then for now, then in zip(cpu, self.begin_cpu)]
        by_workers = opts.start_method == "forkserver" and opts.mode in ("procs", "both")
        if by_workers:
            cpu = [a + b for a, b in zip(cpu, reported)]
        result = {
            "schema": SCHEMA,
            "experiment": self.name,
            "id": opts.id,
            "python": platform.python_version(),
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
            "mode": opts.mode,
            "start_method": opts.start_method if opts.mode in ("procs", "both") else None,
            "workers": opts.workers,
            "procs": opts.procs,
            "size": opts.size,
            "repeats": self.how.repeats,
            "pid": os.getpid(),
            "begin_ns": self.begin_ns,
            "begin_realtime_ns": self.begin_realtime_ns,
            "end_ns": end_ns,
            "wall_ns": end_ns - self.begin_ns,
            "user_ns": cpu[0],
            "sys_ns": cpu[1],
            "cpu_from": "getrusage+workers" if by_workers else "getrusage",
            "switch_interval_s": sys.getswitchinterval(),
            "tasks": tasks,
        }
        result.update(self.extra)
        self.out.write(json.dumps(result) + "\n")
        self.out.flush()

    def run(self, jobs, check=None):
        """jobs: one per task (mode both: the jobs of each process). check(tasks) may raise Failure."""
        opts, reported = self.opts, (0, 0)
        self.begin()
        if opts.mode == "seq":
            tasks = [timed(job, self.how) for job in jobs]
        elif opts.mode == "threads":
            tasks = run_threads(jobs, self.how)
        else:
            both = opts.mode == "both"
            lists = [jobs] * opts.procs if both else [[job] for job in jobs]
            tasks, reported = run_processes(lists, self.how, opts.start_method, both)
        if check:
            check(tasks)
        self.end(tasks, reported)

    def run_same(self, fn, *args):
        self.run([Job(fn, args)] * self.opts.workers)
