# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads and processes that come, exec, fork and go; name spaces; saved traces."""
import os
import shutil
import subprocess

from lib import (PARASCOPE, PYTHON, TIMEOUT_S, WORKLOAD, Skip, Workload, attach_for, cases, end,
                 emulated, load_truth, lock_at, main, only, process_cpu_ns, process_of, run, run_workload,
                 start, temp, test, threads_by_tid, wait_for)

# CPU burnt before and after an exec, each.
BURN_NS = 30_000_000
FORKS = 300
REUSES = 20  # processes with the same pid
CLOCK_SHARE = emulated(0.10, 0.01)  # against a process's own CPU clock, which is read a little before its end

BURN = f"""
import os, sys, threading, time
def burn():
    end = time.thread_time_ns() + {BURN_NS}
    while time.thread_time_ns() < end:
        pass
"""
EXEC_BY_THREAD = BURN + f"""
def go():
    burn()
    os.execv("{PYTHON}", ["{PYTHON}", "-S", "-c", sys.argv[1]])
threading.Thread(target=go).start()
time.sleep({TIMEOUT_S})
"""
EXEC_BY_LEADER = BURN + f"""
threading.Thread(target=time.sleep, args=({TIMEOUT_S},), daemon=True).start()
burn()
os.execv("{PYTHON}", ["{PYTHON}", "-S", "-c", sys.argv[1]])
"""
FORK_STORM = f"""
import os
for i in range({FORKS}):
    pid = os.fork()
    if not pid:
        os._exit(i % 7)
    print(pid)
    os.waitpid(pid, 0)
"""
# clone3 with a wanted id: many processes with the same, one after the other
REUSE = f"""
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def clone(want):
    tid = ctypes.c_int32(want)
    args = struct.pack("11Q", 0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(tid) if want else 0,
                       1 if want else 0, 0)
    pid = libc.syscall(435, args, ctypes.c_size_t(len(args)))
    if pid == 0:
        os._exit(0)
    if pid < 0:
        print("refused", os.strerror(ctypes.get_errno()))
        sys.exit(77)
    os.waitpid(pid, 0)
    return pid
pid = clone(0)
print(pid)
for i in range({REUSES} - 1):
    clone(pid)
"""


def exit_code(check, name):
    """run passes the exit code of the command on"""
    argv, expected = {"0": (["true"], 0), "7": (["sh", "-c", "exit 7"], 7),
                      "signal": (["sh", "-c", "kill -TERM $$"], 143),
                      "missing": (["/nonexistent/command"], 127),
                      "no program": (["/etc/passwd"], 126)}[name]
    report, code, _ = run(argv, check=False, validated=expected not in (126, 127))
    check.equal(code, expected, "exit code")
    if report:
        row = only(report["processes"], "processes")
        status = row["exit_code"]
        wanted = 15 if name == "signal" else expected << 8
        check.equal((row["ended"], status), (True, wanted), "ended, wait status")
        check.complete(report)


cases(exit_code, ("0", "7", "signal", "missing", "no program"))


def exec_by(check, name):
    """exec keeps the process one process, with the CPU time of before and after"""
    source = {"leader": EXEC_BY_LEADER, "another thread": EXEC_BY_THREAD}[name.partition(",")[0]]
    options = ["--test-no-storage"] if "," in name else []
    after = BURN + "burn(); print(os.getpid(), time.process_time_ns())"
    report, _, out = run([PYTHON, "-S", "-c", source, after], *options)
    check.complete(report)
    pid, cpu_ns = (int(word) for word in out.split())
    row = only(report["processes"], "processes")
    check.equal(row["pid"], pid, "pid")
    check.equal(row["execs"], 2, "execs, that of the command included")
    check.equal(row["threads"], 2, "threads")
    check.that(row["par"]["on_cpu_ns"] >= 2 * BURN_NS, "CPU time of before or after is missing")
    check.that(row["par"]["on_cpu_ns"] >= cpu_ns * (1 - CLOCK_SHARE), "less than the process clock")
    last = only([t for t in report["threads"] if t["tid"] == pid and t["ended"] and
                 t["end_ns"] == max(u["end_ns"] for u in report["threads"])], "last thread")
    check.that(last["state_ns"]["on_cpu"] >= 2 * BURN_NS,
               f"the thread that called exec ran {last['state_ns']['on_cpu']}")


cases(exec_by, ("leader", "another thread", "leader, no task storage",
                "another thread, no task storage"))


@test
def no_task_storage(check):
    """threads that the kernel has no storage for are counted, and lack nothing"""
    report, truth = run_workload("mutex", "--planted", "--workers", "4", "--count", "50",
                                 options=["--test-no-storage"])
    check.complete(report)
    loss = {l["key"]: l["count"] for l in report["quality"]["loss"]}
    check.equal(loss["storage"], len(report["threads"]), "threads in the fallback table")
    row = only(lock_at(report, truth["locks"][0]), "the mutex")
    check.equal(row["waits"], truth["locks"][0]["waits"], "waits")


@test
def missed_begin(check):
    """a window that could not be opened in time is opened again, and nothing of the first try is counted"""
    load = Workload("pingpong", "--pin", "--time", "30", threads=3)
    report = attach_for([load.pid], 1, "--test-late")
    end(load.child)
    check.complete(report)
    on_cpu = sum(t["state_ns"]["on_cpu"] for t in report["threads"])
    check.between(on_cpu, 0.2e9, report["window_ns"], "CPU time on the one CPU they have")


@test
def fork_storm(check):
    """every child of a fork storm is seen, with its exit code"""
    report, _, out = run([PYTHON, "-S", "-c", FORK_STORM])
    check.complete(report)
    children = [int(word) for word in out.split()]
    rows = {p["pid"]: p for p in report["processes"]}
    check.equal(len(children), FORKS, "children")
    for i, pid in enumerate(children):
        if not check.that(pid in rows, f"child {pid} is missing"):
            break
        check.equal((rows[pid]["ended"], rows[pid]["exit_code"]), (True, i % 7 << 8), "child's end")
    check.equal(len(report["processes"]), FORKS + 1, "processes")


@test
def no_children(check):
    """--no-children: the parent only, which waits for a child"""
    report, _, _ = run(["sh", "-c", "sleep 0.3; true"], "--no-children")
    check.complete(report)
    check.equal(len(report["processes"]), 1, "processes")
    check.equal(len(report["threads"]), 1, "threads")
    state = report["threads"][0]["state_ns"]
    check.that(state["child"] > 200_000_000, f"waited for its child for {state['child']}")


@test
def children_states(check):
    """modes procs and both: every process, every thread, each with its own CPU time"""
    for mode in ("procs", "both"):
        report, truth = run_workload("cpu", "--mode", mode, "--workers", "4", "--count", "100")
        check.complete(report)
        rows = threads_by_tid(report)
        check.equal(set(rows), {t["tid"] for t in truth["threads"]} | {truth["pid"]},
                    f"{mode}: threads")
        for p in truth["processes"]:
            check.that(process_of(report, p["pid"])["par"]["on_cpu_ns"] >=
                       p["cpu_ns"] * (1 - CLOCK_SHARE), f"{mode}: on-CPU of {p['pid']} is too small")


@test
def pid_reuse(check):
    """processes with the same pid, one after the other, stay apart"""
    report, code, out = run([PYTHON, "-S", "-c", REUSE], check=False)
    if code:
        raise Skip(out.strip() or "clone3 refused the id")
    check.complete(report)
    pid = int(out)
    rows = [p for p in report["processes"] if p["pid"] == pid]
    check.equal(len(rows), REUSES, f"processes with pid {pid}")
    check.equal(len({p["begin_ns"] for p in rows}), REUSES, "different begins")
    for p in rows:
        check.equal(p["threads"], 1, "threads of each")


@test
def pid_namespace(check):
    """a target in a PID namespace: inner ids shown, owners of locks found"""
    path = temp("namespace.truth")
    report, _, _ = run(["unshare", "-pf", "--mount-proc", WORKLOAD, "mutex", "--planted",
                        "--workers", "3", "--count", "30", "--truth", path])
    truth = load_truth(path)
    check.complete(report)
    inner = {t["ns_tid"]: t for t in report["threads"] if t["ns_tid"] != t["tid"]}
    for t in truth["threads"]:
        check.that(t["tid"] in inner, f"inner thread {t['tid']} is missing")
    process = only([p for p in report["processes"] if p["ns_pid"] == truth["pid"]], "inner pid")
    check.that(process["pid"] != process["ns_pid"], "outer and inner pid are the same")
    lock = truth["locks"][0]
    lock["pid"] = process["pid"]
    row = only(lock_at(report, lock), "the mutex")
    check.equal(row["waits"], lock["waits"], "waits")
    # the planted one, unless the machine stopped another one that held it for longer
    blamed = {inner[h["tid"]]["tid"]: h["blamed_ns"] for h in lock["holders"]}
    told = [(h["tid"], h["ns"]) for h in row["top_holders"]]
    check.that(blamed.get(told[0][0], 0) >= 0.8 * max(blamed.values()),
               f"holders: {told}, expected {blamed}")


@test
def late_thread(check):
    """threads that begin and end inside of the window are there beside the old ones"""
    load = Workload("churn", "--workers", "1", "--time", "120", "--hold-us", "200")
    wait_for("the first threads", lambda: process_cpu_ns(load.pid) > 5_000_000)
    report = attach_for([load.pid], 0.3)
    check.complete(report)
    new = [t for t in report["threads"] if not t["existed"] and t["ended"]]
    check.that(new, "no thread began and ended in the window")
    for t in new:
        check.that(t["life_ns"] < report["window_ns"], f"thread {t['tid']} lived too long")
    check.that(any(t["tid"] == load.pid and t["existed"] for t in report["threads"]), "no leader")


def report_again(check, program, trace, fmt, live, who, prefix=()):
    argv = [*prefix, program, "report", "-f", fmt, "--width", "100", "--no-color", trace]
    again = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S,
                           cwd="/")
    check.equal(again.returncode, 0, f"exit code {who}, {again.stderr[-200:]}")
    check.that(again.stdout == live, f"the report of the trace differs, {who}")


def saved_trace(check, fmt):
    """a saved trace gives the same bytes again, without root"""
    trace, to = temp(f"{fmt}.trace"), temp(f"{fmt}.report")
    argv = [PARASCOPE, "run", "-q", "-f", fmt, "--width", "100", "--no-color", "-o", trace,
            "--to", to, "--", WORKLOAD, "mixed", "--workers", "4", "--count", "40"]
    child = start(argv, stdin=subprocess.DEVNULL)
    check.equal(child.wait(TIMEOUT_S), 0, "exit code")
    with open(to, "rb") as f:
        live = f.read()
    check.that(live, "no report")
    report_again(check, PARASCOPE, trace, fmt, live, "as root")
    if not shutil.which("setpriv"):
        return
    os.chmod(trace, 0o644)
    program = temp("parascope")  # nobody may not go where it was built
    shutil.copy(PARASCOPE, program)
    report_again(check, program, trace, fmt, live, "as nobody",
                 ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))


cases(saved_trace, ("text", "json"))

main()
