# SPDX-License-Identifier: GPL-2.0-or-later
"""The workloads and their Python twins against each other: the same work in every mode, moments in order,
memory and messages against what is known beforehand.  Nothing is watched here."""
import glob
import json
import os
import signal
import subprocess
import sys

from lib import (PYTHON, ROOT, TIMEOUT_S, WORKLOAD, Failed, Skip, cases, main, start, temp, test,
                 wait_for)

TWINS = os.path.join(ROOT, "workloads/py")
TASKS = 4  # divides into two processes
MODES = {  # of the Python twins: options, worker processes, of which some in a pool may get no task
    "seq": (("--mode", "seq"), 0),
    "threads": (("--mode", "threads"), 0),
    "fork": (("--mode", "procs"), TASKS),
    "spawn": (("--mode", "procs", "--start-method", "spawn"), TASKS),
    "forkserver": (("--mode", "procs", "--start-method", "forkserver"), TASKS),
    "both": (("--mode", "both", "--procs", "2"), 2),
    "pool": (("--mode", "pool"), TASKS),
    "futures": (("--mode", "pool", "--via", "futures"), TASKS),
    "pool, spawn": (("--mode", "pool", "--start-method", "spawn"), TASKS),
}
NATIVE_MODES = {"seq": 0, "threads": 0, "procs": TASKS, "both": 2}  # worker processes

# CPU time of the same work in two modes: caches, clock and neighbours change it, and tasks side by side slow
# each other down where two CPUs are one core or the host takes time: twice was seen. Half of the work shows all the same.
SAME_CPU = (0.55, 4)
# Waiting for a lock that is not there, against the time in it: the scheduler may take the CPU away in between.
# With the lock it is one of the other's holds for each of one's own.
NO_WAIT = 0.3
# Each task works so long (ns of CPU): far above a scheduler tick, by which user and system time are told apart.
TASK_NS = 40_000_000
# What a forked Python copies of its own, by counting references and collecting garbage, and what it needs anew.
OWN_KIB = 6 * 1024
MIB = 1 << 20


def call(argv, **options):
    """What a program writes to stdout, as JSON."""
    child = start(argv, stdout=subprocess.PIPE, **options)
    out, _ = child.communicate(timeout=TIMEOUT_S)
    if child.returncode:
        raise Failed(f"{argv} ended with {child.returncode}")
    return json.loads(out)


def twin(script, *args, python=PYTHON):
    return call([python, "-B", os.path.join(TWINS, script), *args])


def in_order(check, moments, what):
    check.that(None not in moments and list(moments) == sorted(moments), f"{what} out of order: {moments}")


def check_tasks(check, result, workers):
    check.equal(len(result["tasks"]), TASKS, "tasks")
    for task in result["tasks"]:
        made = ("created_ns", "born_ns") if result["mode"] != "seq" else ()
        in_order(check, [task[name] for name in (*made, "begin_ns", "half_ns", "end_ns")], "moments of a task")
        check.that(task["half_cpu_ns"] < task["cpu_ns"], "CPU time at half of the task")
        check.that(result["begin_ns"] <= task["begin_ns"] and task["end_ns"] <= result["end_ns"],
                   "a task outside of the run")
    processes = [p for p in result["processes"] if p["role"] == "worker"]
    # an executor makes them as it needs them: short tasks may leave it with fewer
    check.between(len(processes), 1 if result["via"] == "futures" else workers, workers, "worker processes")
    for process in processes:
        in_order(check, (process["created_ns"], process["born_ns"]), "moments of a process")
        check.that(0 < process["uss_kib"] <= process["pss_kib"] <= process["rss_peak_kib"],
                   f"USS, PSS and peak of a process: {process}")
        check.equal(process["cow_kib"] is not None, result["start_method"] == "fork", "copy-on-write is known")
        if process["cow_kib"] is not None:
            check.between(process["cow_kib"], 4, process["uss_kib"], "copied KiB, at least a page")


def check_sums(check, result):
    """The sums at the top against the lists."""
    workers = {(t["pid"], t["native_id"]) for t in result["tasks"]} if result["mode"] != "seq" else ()
    for name in ("create_ns", "work_ns"):
        check.equal(len(result["startup"][name]), len(workers), f"workers in startup.{name}")
        check.that(all(ns > 0 for ns in result["startup"][name]), f"startup.{name}: {result['startup'][name]}")
    half = max(t["half_ns"] for t in result["tasks"]) - result["begin_ns"]
    check.near(result["half_share"], half / result["wall_ns"], 1e-6, "half_share")
    check.equal(result["work"], sum(result["repeats"] for _ in result["tasks"]), "work")
    ipc = [p["ipc"] for p in result["processes"]]
    check.equal(result["ipc_bytes"], sum(i["sent_bytes"] for i in ipc), "ipc_bytes")
    check.equal(result["ipc_bytes"] > 0, len(ipc) > 1, "bytes were sent if there was somebody to send to")


def same_cpu(check, name, results):
    """Total CPU time of the tasks, each mode against the first."""
    first = next(iter(results.values()))
    for mode, cpu_ns in results.items():
        check.that(SAME_CPU[0] <= cpu_ns / first <= SAME_CPU[1],
                   f"CPU time of {name} in mode {mode}: {cpu_ns / first:.2f} of the first")


def same_work(check, script):
    """the same tasks, size and repeats are the same work in every mode"""
    own = ("--nap", "0.0005") if script == "mixed.py" else ()
    size = "2" if script == "hashing.py" else "20000"
    one = twin(script, *own, "--mode", "seq", "--workers", "1", "--size", size, "--auto-scale", str(TASK_NS / 1e9))
    args = (*own, "--tasks", str(TASKS), "--size", size, "--repeats", str(max(2, one["repeats"])))
    cpu, work = {}, {}
    for mode, (options, workers) in MODES.items():
        result = twin(script, *options, *args)
        check_tasks(check, result, workers)
        check_sums(check, result)
        work[mode] = result["work"]
        cpu[mode] = sum(t["cpu_ns"] for t in result["tasks"])
    check.equal(set(work.values()), {work["seq"]}, "different amounts of work")
    same_cpu(check, script, cpu)


cases(same_work, ("countdown.py", "heavysum.py", "randomlist.py", "mixed.py", "hashing.py"))


@test
def sleeping(check):
    """a task that sleeps does so in every mode, side by side in all but seq"""
    nap = 0.2
    for mode, (options, _) in MODES.items():
        result = twin("sleep.py", *options, "--tasks", str(TASKS), "--size", str(nap))
        check.equal(result["work"], TASKS, f"sleeps in mode {mode}")
        for task in result["tasks"]:
            check.that(task["end_ns"] - task["begin_ns"] >= nap * 1e9, f"slept too little in mode {mode}")
        latest, first = max(t["begin_ns"] for t in result["tasks"]), min(t["end_ns"] for t in result["tasks"])
        if mode not in ("seq", "spawn", "pool, spawn", "forkserver"):  # these may start later than the first ends
            check.that(latest < first, f"mode {mode} did not sleep side by side")


def native(check, kind):
    """a C kind does the same work in every mode"""
    counts = {"mutex": 400, "mixed": 40}
    count = counts.get(kind) or call([WORKLOAD, kind, "--mode", "seq", "--workers", "1", "--truth", "-"])["count"] // 25
    cpu = {}
    for mode, workers in NATIVE_MODES.items():
        truth = call([WORKLOAD, kind, "--mode", mode, "--tasks", str(TASKS), "--count", str(count), "--truth", "-"])
        check.equal(truth["ops"], count * TASKS, f"units of work in mode {mode}")
        cpu[mode] = truth["threads_cpu_ns"]
        own = 0 if mode == "seq" else TASKS
        for name in ("create_ns", "work_ns"):
            check.equal(len(truth["startup"][name]), own, f"startup.{name} in mode {mode}")
        check.that(all(a <= b for a, b in zip(truth["startup"]["create_ns"], truth["startup"]["work_ns"])),
                   f"work before birth in mode {mode}")
        for thread in truth["threads"]:
            if thread["created_ns"] is not None:
                in_order(check, [thread[n] for n in ("created_ns", "begin_ns", "work_ns", "end_ns")],
                         f"moments of a thread in mode {mode}")
        children = [p for p in truth["processes"] if p["created_ns"] is not None]
        check.equal(len(children), workers, f"processes in mode {mode}")
        for p in children:
            check.between(p["cow_kib"], 4, p["uss_kib"], f"copied KiB in mode {mode}, at least a page")
            check.that(p["uss_kib"] <= p["pss_kib"], f"USS above PSS in mode {mode}: {p}")
    same_cpu(check, kind, cpu)


cases(native, ("cpu", "sum", "random", "mutex", "mixed"))


def without_lock(check, kind):
    """--no-lock: the same work, no lock taken"""
    args = [WORKLOAD, kind, "--workers", "2", "--count", "200", "--truth", "-"]
    locked, free = call(args), call([*args, "--no-lock"])
    check.that(free["no_lock"] and not locked["no_lock"], "no_lock in the truth")
    check.equal(free["ops"], locked["ops"], "units of work")
    check.equal(sum(l["holds"] for l in locked["locks"]), locked["ops"], "with: one hold a unit")
    check.equal(sum(l["holds"] for l in free["locks"]), 0, "without: holds")
    same_cpu(check, kind, {"with": locked["threads_cpu_ns"], "without": free["threads_cpu_ns"]})


cases(without_lock, ("mutex", "pi", "robust", "pshared", "mixed"))


@test
def without_lock_in_python(check):
    """--no-lock of locks.py: the same rounds, none of them in turn"""
    args = ("--kind", "lock", "--mode", "procs", "--workers", "2", "--size", "20", "--hold", "200000")
    locked, free = twin("locks.py", *args), twin("locks.py", *args, "--no-lock")
    check.equal(free["work"], locked["work"], "rounds")
    held = sum(t["lock_held_ns"] for t in locked["tasks"])
    check.that(locked["wall_ns"] >= held, "with the lock the holds do not overlap")
    waited = sum(t["lock_wait_ns"] for t in free["tasks"])
    check.that(waited < NO_WAIT * held, f"without it tasks waited {waited} ns for what was held {held} ns")


@test
def refused(check):
    """work that cannot be shared out, a lock that cannot be left out"""
    for argv in ([WORKLOAD, "cpu", "--mode", "both", "--tasks", "3"], [WORKLOAD, "cpu", "--no-lock"],
                 [WORKLOAD, "cpu", "--tasks", "2", "--workers", "2"], [WORKLOAD, "mutex", "--planted", "--no-lock"],
                 [PYTHON, f"{TWINS}/countdown.py", "--mode", "both", "--tasks", "3"],
                 [PYTHON, f"{TWINS}/locks.py", "--kind", "queue", "--no-lock"]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        check.equal((done.returncode, done.stdout), (2, ""), f"{argv[1:]}: exit code and output")
        check.that("--tasks" in done.stderr or "lock" in done.stderr, f"{argv[1:]}: {done.stderr}")


def session_of(pid):
    """CPU seconds of each process of a session that is not a zombie."""
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat, encoding="utf-8") as f:
                fields = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == pid and fields[0] not in "ZX":
            found.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return found


def stopped(check, mode):
    """SIGTERM ends the workers too, and there is no result"""
    options, workers = MODES[mode]
    child = start([PYTHON, "-B", f"{TWINS}/countdown.py", *options, "--tasks", str(TASKS)], stdout=subprocess.PIPE)
    # once they have counted that long all is set up
    wait_for("its workers", lambda: len(session_of(child.pid)) > workers and sum(session_of(child.pid)) > 0.5)
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=TIMEOUT_S)
    check.equal((child.returncode, out), (-signal.SIGTERM, b""), "exit and output")
    # helpers of multiprocessing (resource tracker, fork server) end when they see that it is gone
    wait_for("all of it to be gone", lambda: not session_of(child.pid))


cases(stopped, [mode for mode in MODES if mode != "seq"])


COPYING = f"""
import json, os, sys
sys.path.insert(0, {TWINS!r})
import account
shared = bytearray({64 * MIB})
def touch(data, upto):
    for at in range(0, upto, 4096):
        data[at] = 1
touch(shared, len(shared))
account.note_before_fork()
for written, new in ((0, 0), ({32 * MIB}, 0), ({32 * MIB}, {16 * MIB}), (0, {16 * MIB})):
    if not os.fork():
        fresh = bytearray(new)
        touch(fresh, new)
        touch(shared, written)
        print(json.dumps([written, new, account.memory(True)]), flush=True)
        os._exit(0)
    os.wait()
"""


@test
def copied(check):
    """copy-on-write growth against what a forked child is known to write"""
    child = start([PYTHON, "-B", "-c", COPYING], stdout=subprocess.PIPE, text=True)
    lines = child.communicate(timeout=TIMEOUT_S)[0].splitlines()
    check.equal((child.returncode, len(lines)), (0, 4), "exit code and children")
    for written, new, memory in map(json.loads, lines):
        what = f"of {written // MIB} MiB written and {new // MIB} MiB new"
        check.between(memory["cow_kib"], written // 1024, written // 1024 + OWN_KIB, f"copied KiB {what}")
        check.between(memory["uss_kib"], (written + new) // 1024, (written + new) // 1024 + OWN_KIB, f"USS {what}")


SENDING = f"""
import json, sys
sys.path.insert(0, {TWINS!r})
import account, common, modes
def answer(size):
    return {{"payload": "x" * size}}
if __name__ == "__main__":
    book = account.Book()
    how = modes.How(book=book.path)
    tasks, _ = modes.run_processes([[modes.Job(answer, (size,))] for size in (1, {4 * MIB})], how, sys.argv[1], False)
    print(json.dumps([[len(t["payload"]) for t in tasks], account.meter.sums, [e["ipc"] for e in book.read()]]))
"""


def sent(check, method):
    """bytes of messages: what one side sent is what the other got"""
    path = temp("sending.py")
    with open(path, "w", encoding="utf-8") as f:
        f.write(SENDING)
    sizes, main_ipc, workers = call([PYTHON, "-B", path, method])
    check.equal(sorted(sizes), [1, 4 * MIB], "payloads")
    check.equal(main_ipc["received"], 2, "messages received")
    check.equal(main_ipc["received_bytes"], sum(w["sent_bytes"] for w in workers), "received against sent")
    check.between(main_ipc["received_bytes"], 4 * MIB, 4 * MIB + 2000, "bytes: the payload and a little for the rest")
    check.equal(main_ipc["sent_bytes"] > 0, method != "fork", "a spawned process is told what to do, a forked one knows")
    big = max(workers, key=lambda w: w["sent_bytes"])
    check.that(big["pickle_cpu_ns"] > 0 and big["transfer_cpu_ns"] > 0, f"CPU time of sending: {big}")
    # a pipe holds 64 KiB: the rest waits until the parent reads
    check.that(big["send_ns"] >= big["transfer_cpu_ns"], f"time of sending, with waiting: {big}")


cases(sent, ("fork", "spawn", "forkserver"))


def pyenv(series):
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = glob.glob(f"{root}/versions/{series}.*/bin/python")
    if not found:
        raise Skip(f"no Python {series} in {root}/versions")
    return found[0]


def interpreter(check, series):
    """modes with processes under another interpreter"""
    python = pyenv(series)
    for mode in ("threads", "fork", "both", "pool", "futures", "pool, spawn"):
        options, workers = MODES[mode]
        result = twin("heavysum.py", *options, "--tasks", str(TASKS), "--size", "20000", "--repeats", "2", python=python)
        check.that(result["python"].startswith(series + "."), f"version {result['python']}")
        check_tasks(check, result, workers)
        check_sums(check, result)


cases(interpreter, ("3.9", "3.10", "3.11", "3.12", "3.13"))


def python2(check, mode):
    """the Python 2 twin does the work of its Python 3 twin"""
    args = ("--mode", mode, "--tasks", str(TASKS), "--size", "5000", "--repeats", "3")
    for result in twin("randomlist2.py", *args, python=pyenv("2.7")), twin("randomlist2.py", *args, python=sys.executable):
        check.equal(result["work"], twin("randomlist.py", *args)["work"], "work")
        check.equal([t["items"] for t in result["tasks"]], [5000] * TASKS, "items")
        check.equal(len(result["startup"]["create_ns"]), 0 if mode == "seq" else TASKS, "workers made")
        check.equal(len({t["pid"] for t in result["tasks"]}), TASKS if mode == "procs" else 1, "processes")
        check.that(result["user_ns"] + result["sys_ns"] > 0, "CPU time")  # either is sampled by ticks
        for task in result["tasks"]:
            made = () if mode == "seq" else ("created_ns", "born_ns")
            in_order(check, [task[name] for name in (*made, "begin_ns", "end_ns")], "moments of a task")


cases(python2, ("seq", "threads", "procs"))

main()
