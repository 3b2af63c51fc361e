# SPDX-License-Identifier: GPL-2.0-or-later
"""What the Python workloads share: options, signals, the result object."""
import account  # first: it notes when this process began

import argparse
import gc
import json
import math
import os
import platform
import resource
import signal
import sys
import sysconfig
import time

import modes
from modes import STOP_SIGNALS, Failure, Job

SCHEMA = "parascope-py/1"
MODES = ("seq", "threads", "procs", "both", "pool")
WITH_PROCESSES = ("procs", "both", "pool")
START_METHODS = ("fork", "spawn", "forkserver")
VIA = ("pool", "futures")


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


# ---- signals ----------------------------------------------------------------------------------

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
            modes.stop_children()
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

class Experiment:
    """Options, one measured run, one result object.

    ids: mode -> article id (None where no article ran that); sizes: article id -> its size;
    scaled: the options that --scale multiplies; tasks: default of --workers, None for no such option;
    pools: every mode is one of pools; work: what of a task's own counts is its work, None: its repeats."""

    def __init__(self, name, doc, modes=("threads",), ids=None, size=1, sizes=None, size_help="",
                 size_type=count, size_flags=("--size",), scaled=("size",), tasks=2, procs=2,
                 repeats=False, pools=False, work=None):
        self.name, self.ids, self.size, self.sizes = name, ids or {}, size, sizes or {}
        self.scaled, self.tasks, self.procs, self.pools = scaled, tasks, procs, pools
        self.work, self.extra, self.main_done_ns = work, {}, None
        self.parser = argparse.ArgumentParser(description=doc)
        add = self.parser.add_argument
        if len(modes) > 1:
            add("--mode", choices=modes, default=modes[0], help="default %(default)s")
        else:
            self.parser.set_defaults(mode=modes[0], start_method=None)
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
            add("--tasks", type=workers, metavar="N",
                help="the same, but all of them in every mode: mode both divides them among its processes")
        if "both" in modes:
            add("--procs", type=workers, metavar="N",
                help="processes; the default of mode both is %d" % procs)
        if "procs" in modes:
            add("--start-method", choices=START_METHODS, default="fork", help="default %(default)s")
        if "pool" in modes or pools:
            add("--via", choices=VIA, default="pool",
                help="%smultiprocessing's pool or concurrent.futures' executor" % ("" if pools else "mode pool: "))
        if repeats:
            add("--repeats", type=count, metavar="N", help="each task does its work N times")
            add("--parts", type=count, metavar="N", help="divide the work into N repeats of a part")
            add("--auto-scale", type=seconds, metavar="SECONDS", nargs="?", const=1.0,
                help="choose --repeats so that one task alone lasts about SECONDS (default 1)")
        add("--switch-interval", type=seconds, metavar="S", help="sys.setswitchinterval(S)")
        add("--log", action="store_true", help="BEGIN and END of each task, on stderr")
        add("--result", default="-", metavar="FILE", help="where the JSON goes (default -: stdout)")

    def parse(self, calibrate=None, idle=None):
        """Reads the command line. calibrate(n) does n units of the work, for --auto-scale; idle names the
        option that has the seconds each repeat sleeps besides."""
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
        opts.start_method = opts.start_method if opts.mode in WITH_PROCESSES else None
        opts.via = opts.via if self.pools or opts.mode == "pool" else None
        if opts.switch_interval:
            sys.setswitchinterval(opts.switch_interval)
        self.out = sys.stdout
        if opts.result != "-":
            try:
                self.out = open(opts.result, "w", encoding="utf-8")
            except OSError as error:
                self.parser.error("--result: %s" % error)
        self.book = account.Book()
        repeats = self.parse_repeats(opts, calibrate, getattr(opts, idle) if idle else 0.0)
        self.how = modes.How(repeats, opts.log, opts.switch_interval, self.book.path)
        if opts.via:
            modes.load_pools(opts.via)
        return opts

    def parse_workers(self, opts):
        asked_workers, asked_procs = getattr(opts, "workers", None), getattr(opts, "procs", None)
        asked_tasks = getattr(opts, "tasks", None)
        if asked_workers and asked_tasks:
            self.parser.error("--workers and --tasks exclude each other")
        asked_workers = asked_workers or asked_tasks
        opts.workers, opts.procs = asked_workers or self.tasks or 1, 1
        if opts.mode == "both":
            opts.procs = asked_procs or self.procs
            if asked_tasks:
                opts.workers, rest = divmod(asked_tasks, opts.procs)
                if rest or not opts.workers:
                    self.parser.error("--tasks: %d tasks cannot be divided among %d processes evenly"
                                      % (asked_tasks, opts.procs))
        elif opts.mode in ("procs", "pool"):
            if asked_workers and asked_procs and asked_workers != asked_procs:
                self.parser.error("mode %s has one task per process: --workers and --procs differ" % opts.mode)
            opts.workers = opts.procs = asked_procs or opts.workers
        elif asked_procs and asked_procs != 1:
            self.parser.error("--procs: mode %s runs in one process" % opts.mode)

    def parse_repeats(self, opts, calibrate, idle):
        repeats, target = getattr(opts, "repeats", None), getattr(opts, "auto_scale", None)
        parts = getattr(opts, "parts", None)
        if bool(repeats) + bool(target) + bool(parts) > 1:
            self.parser.error("--repeats, --parts and --auto-scale exclude each other")
        if parts:
            opts.size, repeats = max(1, opts.size // parts), parts
        if target and calibrate:
            units, spent = max(1, opts.size // 100), 0.0
            while spent < 0.02:
                begin = time.monotonic()
                calibrate(units)
                spent, done = time.monotonic() - begin, units
                units *= 2
            repeats = max(1, math.ceil(target / (spent / done * opts.size + idle)))
        return repeats or 1

    # -- measuring --

    def begin(self):
        account.note_before_fork()
        self.begin_cpu = account.cpu_times(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        self.begin_realtime_ns, self.begin_ns = time.time_ns(), time.monotonic_ns()

    def end(self, tasks, created=None):
        """Writes the result. created: when the worker processes were made, by pid, or all of them."""
        end_ns, opts = time.monotonic_ns(), self.opts
        cpu = account.cpu_times(resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        cpu = [now - then for now, then in zip(cpu, self.begin_cpu)]
        main, children = account.entry("main"), self.book.read()
        for entry in children:
            entry["created_ns"] = created.get(entry["pid"]) if isinstance(created, dict) else created
        by_workers = opts.start_method == "forkserver"
        if by_workers:
            cpu = [now + sum(entry[name] for entry in children)
                   for now, name in zip(cpu, ("user_ns", "sys_ns"))]
        result = {
            "schema": SCHEMA,
            "experiment": self.name,
            "id": opts.id,
            "python": platform.python_version(),
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
            "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
            "mode": opts.mode,
            "start_method": opts.start_method,
            "via": opts.via,
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
            **self.sums(tasks, [main] + children, end_ns),
            "processes": [main] + children,
            "tasks": tasks,
        }
        result.update(self.extra)
        self.out.write(json.dumps(result) + "\n")
        self.out.flush()

    def sums(self, tasks, processes, end_ns):
        """What follows from the lists, for readers that do not want to look into them."""
        made = {entry["pid"]: entry["created_ns"] for entry in processes}
        first = {}  # task of each worker: a pool's may do several
        for task in sorted(tasks, key=lambda task: task["begin_ns"]):
            if task["created_ns"] is not None:
                first.setdefault((task["pid"], task["native_id"]), task)
        halves = [task.get("half_ns") for task in tasks]
        known = account.metered and {task["pid"] for task in tasks} <= set(made)
        return {
            "startup": {
                "create_ns": [task["born_ns"] - task["created_ns"] for task in first.values()],
                "work_ns": [task["begin_ns"] - (made.get(task["pid"]) or task["created_ns"])
                            for task in first.values()],
            },
            "half_share": None if None in halves else
                          round((max(halves) - self.begin_ns) / (end_ns - self.begin_ns), 6),
            "main_share": round((self.main_done_ns or end_ns - self.begin_ns) / (end_ns - self.begin_ns), 6),
            "work": sum(task.get(self.work, self.how.repeats) for task in tasks),
            "ipc_bytes": sum(entry["ipc"]["sent_bytes"] for entry in processes) if known else None,
            "ipc_ns": sum(entry["ipc"]["pickle_cpu_ns"] + entry["ipc"]["transfer_cpu_ns"]
                          for entry in processes) if known else None,
        }

    def run(self, jobs, check=None):
        """jobs: one per task (mode both: the jobs of each process). check(tasks) may raise Failure."""
        opts, created = self.opts, None
        self.begin()
        if opts.mode == "seq":
            tasks = modes.run_seq(jobs, self.how)
        elif opts.mode == "threads":
            tasks = modes.run_threads(jobs, self.how)
        elif opts.mode == "pool":
            tasks, created = modes.run_pool(jobs, self.how, opts.via, opts.start_method)
        else:
            both = opts.mode == "both"
            lists = [jobs] * opts.procs if both else [[job] for job in jobs]
            tasks, created = modes.run_processes(lists, self.how, opts.start_method, both)
        if check:
            check(tasks)
        self.end(tasks, created)

    def run_same(self, fn, *args):
        self.run([Job(fn, args)] * self.opts.workers)
