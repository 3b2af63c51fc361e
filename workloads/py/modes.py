# SPDX-License-Identifier: GPL-2.0-or-later
"""Creates threads, processes and pools, and collects what their tasks say. The only file that does, but for
the scripts whose subject it is."""
import collections
import contextlib
import importlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import signal
import sys
import threading
import time

import account

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# One piece of work. fn may return a dict: it is merged into the task's entry.
Job = collections.namedtuple("Job", "fn args name", defaults=(None,))
# What every task needs to know, wherever it runs; travels to spawned processes.
How = collections.namedtuple("How", "repeats log switch_interval book", defaults=(1, False, None, None))

birth = threading.local()  # of the threads of a pool


class Failure(Exception):
    """The experiment could not be carried out."""


# ---- tasks ------------------------------------------------------------------------------------

def timed(job, how, created_ns=None, born_ns=None):
    """Runs a job in this thread and returns its task entry."""
    if how.switch_interval:
        sys.setswitchinterval(how.switch_interval)
    entry = {
        "pid": os.getpid(),
        "process": multiprocessing.current_process().name,
        "thread": threading.current_thread().name,
        "native_id": threading.get_native_id(),
        "created_ns": created_ns,
        "born_ns": born_ns,
    }
    log(how, entry, "BEGIN")
    half = (how.repeats + 1) // 2 if how.repeats > 1 else 0
    cpu = time.thread_time_ns()
    entry["begin_ns"] = time.monotonic_ns()
    for done in range(1, how.repeats + 1):
        extra = job.fn(*job.args)
        if done == half:
            entry["half_ns"], entry["half_cpu_ns"] = time.monotonic_ns(), time.thread_time_ns() - cpu
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


def run_seq(jobs, how):
    return [timed(job, how) for job in jobs]


def start_threads(jobs, how, entries):
    created_ns = [0] * len(jobs)

    def body(index, job):
        born_ns = time.monotonic_ns()
        entries[index] = timed(job, how, created_ns[index], born_ns)

    threads = [threading.Thread(target=body, args=(i, job), name=job.name or "Thread-%d" % (i + 1))
               for i, job in enumerate(jobs)]
    for i, thread in enumerate(threads):
        created_ns[i] = time.monotonic_ns()
        thread.start()
    return threads


def run_threads(jobs, how):
    entries = [None] * len(jobs)
    for thread in start_threads(jobs, how, entries):
        thread.join()
    if None in entries:
        raise Failure("a worker thread failed")
    return entries


# ---- processes --------------------------------------------------------------------------------

def run_processes(job_lists, how, start_method, threaded):
    """One process per list of jobs. Returns the tasks, and when each process was made, by pid."""
    context = multiprocessing.get_context(start_method)
    children, created = [], {}
    with starting(start_method):
        for i, jobs in enumerate(job_lists):
            reader, writer = context.Pipe(duplex=False)
            name = jobs[0].name if jobs[0].name and not threaded else "Process-%d" % (i + 1)
            process = context.Process(target=child, name=name,
                                      args=(writer, jobs, how, threaded, start_method == "fork"))
            created_ns = time.monotonic_ns()
            process.start()
            created[process.pid] = created_ns
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
    tasks = [task for process, _ in children for task in answers[process]]
    if not threaded:
        for task in tasks:
            task["created_ns"] = created[task["pid"]]
    return tasks, created


def child(writer, jobs, how, threaded, forked):
    child_signals()
    tasks = run_threads(jobs, how) if threaded else [timed(job, how, None, account.born_ns) for job in jobs]
    with contextlib.suppress(BrokenPipeError):  # the parent was killed: just end
        writer.send(tasks)
    writer.close()
    account.settle(how.book, forked)


# ---- pools ------------------------------------------------------------------------------------

def pool_child(book, forked):
    """Initializer of a pool's process. It is its last function that knows what the process cost."""
    child_signals()
    birth.ns = account.born_ns
    multiprocessing.util.Finalize(None, account.settle, (book, forked), exitpriority=100)


def pool_thread():
    birth.ns = time.monotonic_ns()


def pool_task(job, how):
    return timed(job, how, None, birth.ns)


POOL_MODULES = {"pool": ("multiprocessing.pool", "multiprocessing.dummy"),
                "futures": ("concurrent.futures.process", "concurrent.futures.thread")}


def load_pools(via):
    """Imports what a pool needs, before the run begins: all others need not carry it."""
    for name in POOL_MODULES[via]:
        importlib.import_module(name)


def run_pool(jobs, how, via, start_method=None, give_up=None):
    """A pool with a worker for each job: of processes, or of threads without a start method. Returns the tasks,
    and when the pool was made. give_up() ends the jobs of threads early, when a signal came."""
    created_ns = time.monotonic_ns()
    runner = {("pool", True): process_pool, ("pool", False): thread_pool,
              ("futures", True): process_executor, ("futures", False): thread_executor}
    tasks, submitted = runner[via, bool(start_method)](jobs, how, start_method or give_up)
    for task, submitted_ns in zip(tasks, submitted):
        task["created_ns"], task["submitted_ns"] = created_ns, submitted_ns
    return tasks, created_ns


def submit(function, jobs, how):
    """function(job, how) for each; returns its answers and when each job was handed over."""
    answers, submitted = [], []
    for job in jobs:
        submitted.append(time.monotonic_ns())
        answers.append(function(job, how))
    return answers, submitted


def process_pool(jobs, how, start_method):
    pool = None
    try:
        with starting(start_method):  # a signal held back comes at the end of this block
            pool = multiprocessing.get_context(start_method).Pool(
                len(jobs), pool_child, (how.book, start_method == "fork"))
        answers, submitted = submit(lambda *call: pool.apply_async(pool_task, call), jobs, how)
        tasks = [answer.get() for answer in answers]
        pool.close()  # the workers end by themselves
        pool.join()
    except BaseException:
        if pool:
            terminate(pool)
        raise
    return tasks, submitted


def process_executor(jobs, how, start_method):
    pool = sys.modules["concurrent.futures.process"].ProcessPoolExecutor(
        len(jobs), multiprocessing.get_context(start_method), pool_child, (how.book, start_method == "fork"))
    try:
        with starting(start_method):
            answers, submitted = submit(lambda *call: pool.submit(pool_task, *call), jobs, how)
        return [answer.result() for answer in answers], submitted
    except BaseException:
        stop_children()
        raise
    finally:
        pool.shutdown()


@contextlib.contextmanager
def ending_threads(give_up):
    """Inside the pool's own with: ends the jobs before the pool waits for them."""
    try:
        yield
    except BaseException:
        give_up()
        raise


def thread_pool(jobs, how, give_up):
    with multiprocessing.dummy.Pool(len(jobs), pool_thread) as pool, ending_threads(give_up):
        answers, submitted = submit(lambda *call: pool.apply_async(pool_task, call), jobs, how)
        return [answer.get() for answer in answers], submitted


def thread_executor(jobs, how, give_up):
    executor = sys.modules["concurrent.futures.thread"].ThreadPoolExecutor
    with executor(len(jobs), "", pool_thread) as pool, ending_threads(give_up):
        answers, submitted = submit(lambda *call: pool.submit(pool_task, *call), jobs, how)
        return [answer.result() for answer in answers], submitted


def terminate(pool):
    """Pool.terminate() waits forever when a worker died with the pool's lock in its hands, as a signal to
    the process group may have it. So: not longer than 3 s, then common.main ends what is left."""
    thread = threading.Thread(target=pool.terminate, daemon=True)
    thread.start()
    thread.join(3)


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
