# SPDX-License-Identifier: GPL-2.0-or-later
"""The ledger of bench against what the workloads know about themselves, run by run."""
import json
import os
import shutil
import subprocess

import jsonschema

import lib
from lib import test

MS = 1_000_000
SCHEMA = os.path.join(lib.ROOT, "user", "render", "ledger.schema.json")


class Ledger:
    """One bench of one workload, with the trace and the truth of every run."""

    def __init__(self, workload, *options):
        self.workload = workload
        self.folder = lib.temp(f"kept-{workload}")
        shutil.rmtree(self.folder, ignore_errors=True)
        to = lib.temp(f"ledger-{workload}.json")
        argv = [lib.PARASCOPE, "bench", "--workload", workload, "-r", "2", "-f", "json", "--to", to,
                "--keep", self.folder, "--python", lib.PYTHON, *options]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              timeout=lib.TIMEOUT_S, check=False)
        if done.returncode:
            raise lib.Failed(f"exit {done.returncode}: {done.stderr[-500:]}")
        with open(to, encoding="utf-8") as f:
            self.ledger = json.load(f)
        with open(SCHEMA, encoding="utf-8") as f:
            jsonschema.validate(self.ledger, json.load(f))
        self.block = self.ledger["experiments"][0]
        self.modes = {m["mode"]: m for m in self.block["modes"]}

    def runs(self):
        """(name, figures, truth, path of the trace) of every run."""
        for mode in self.block["modes"]:
            for i, run in enumerate(mode["runs"], 1):
                stem = os.path.join(self.folder, f"{self.workload}-{mode['mode']}-{i}")
                yield (f"{mode['mode']} {i}", run["figures"], lib.load_truth(stem + ".json"),
                       stem + ".trace")

    def value(self, mode, figure):
        return self.modes[mode]["figures"][figure]["value"]


def report_of(trace):
    text = subprocess.run([lib.PARASCOPE, "report", "-f", "json", trace], stdout=subprocess.PIPE,
                          timeout=lib.TIMEOUT_S, check=True).stdout
    return lib.validate(json.loads(text))


def records_in(trace):
    done = subprocess.run([lib.PARASCOPE, "dump", trace], stdout=subprocess.PIPE, timeout=lib.TIMEOUT_S,
                          check=True)
    return done.stdout.count(b"\n")


def check_runs(check, ledger, startup_ms):
    """What holds in every run of any workload; startup_ms: before and after the part that is told."""
    for name, figures, truth, trace in ledger.runs():
        report = report_of(trace)
        check.complete(report)  # one session watched all of them, one after the other
        # its counters begin anew with every run
        check.that(report["quality"]["made"] <= records_in(trace), f"{name}: records of other runs")
        check.equal(figures["wall_ns"], truth["wall_ns"], f"{name}: wall")
        check.that(figures["life_ns"] >= truth["wall_ns"], f"{name}: it lived shorter than it ran")
        # the interpreter's start and end, on a machine that others use
        check.near(figures["life_ns"], truth["wall_ns"], startup_ms * MS, f"{name}: life")
        on_cpu = report["par"]["on_cpu_ns"]
        check.near(figures["cpus"] * figures["life_ns"], on_cpu, 1000, f"{name}: CPUs x life")
        # threads round down when they split their time into user and system
        check.near(figures["user_ns"] + figures["sys_ns"], on_cpu, 1000 + 2 * len(report["threads"]),
                   f"{name}: user + sys")
        check.that(figures["pss_bytes"] is None or figures["pss_bytes"] >= figures["uss_bytes"],
                   f"{name}: PSS below USS")
    for name, mode in ledger.modes.items():
        total = sum(k * ns for k, ns in enumerate(mode["running_ns"]))
        cpu = sum(r["figures"]["cpu_ns"] for r in mode["runs"]) / len(mode["runs"])
        # stream and kernel's sums: a few switches are seen a moment apart
        check.near(total, cpu, 0.01 * cpu + MS, f"{name}: sum of k x t_k")


def check_native_cpu(check, ledger):
    """CPU time as the processes' own clocks have it, and work that is the same in every mode."""
    work = set()
    for name, figures, truth, _ in ledger.runs():
        work.add(figures["work"])
        check.equal(figures["work"], truth["ops"], f"{name}: work")
        # theirs lacks the exit, and has what the process did before it was let go, when the window opened; the
        # kernel's sums have interrupts in them, some percent where others work (2.2 % was measured)
        least, told = truth["run_cpu_ns"], truth["process_cpu_ns"]
        check.between(figures["cpu_ns"], least, told + 5 * MS * len(truth["processes"]) + 0.05 * told,
                      f"{name}: CPU time")
        if figures["create_ns"] is not None:
            created = truth["startup"]["create_ns"]
            check.near(figures["create_ns"], sum(created) / len(created), 1, f"{name}: made")
            # from its birth in the kernel to a CPU is a part of that
            check.that(figures["first_cpu_ns"] <= max(created), f"{name}: first CPU after its begin")
    check.equal(len(work), 1, f"different amounts of work {work}")


@test
def native_cpu(check):
    """cpu in C: times, CPU, work; one thread at a time is never two"""
    ledger = Ledger("cpu", "--time", "400ms")
    check_runs(check, ledger, 60)
    check_native_cpu(check, ledger)
    seq = ledger.modes["seq"]["figures"]
    check.equal(seq["overlap_share"]["value"], 0, "overlap of one thread")
    check.between(100 * seq["cpus"]["value"], 0, 100, "percent of a CPU used by one thread")
    check.equal(seq["speedup"]["value"], 1, "speed-up of the first mode")
    for mode in ledger.modes.values():
        for run, first in zip(mode["runs"], ledger.modes["seq"]["runs"]):
            check.near(run["figures"]["speedup"] * 1e6,
                       1e6 * first["figures"]["wall_ns"] / run["figures"]["wall_ns"], 1,
                       f"{mode['mode']}: speed-up is the ratio of the walls")
    if os.cpu_count() > 1 and not lib.EMULATED:
        for mode in ("threads", "procs", "both"):
            check.that(ledger.modes[mode]["figures"]["overlap_share"]["high"] > 0,
                       f"{mode}: never two at once")


@test
def native_io(check):
    """io in C: sleeps of four tasks overlap in every mode but seq"""
    ledger = Ledger("io", "--time", "400ms")
    check_runs(check, ledger, 60)
    for mode in ("threads", "procs", "both"):
        # a quarter of the time, and what starting and waking on a busy machine takes
        check.between(ledger.value(mode, "speedup") * 100, 250, 410, f"{mode}: speed-up in percent")
    for name, figures, truth, _ in ledger.runs():
        check.equal(figures["gil_share"], 0, f"{name}: waiting for a GIL that it has not")
        check.equal(figures["work"], truth["ops"], f"{name}: work")


@test
def native_gil(check):
    """gil in C: threads take turns, hand-offs as its own counter has them"""
    ledger = Ledger("gil", "--time", "400ms")
    check_runs(check, ledger, 60)
    check_native_cpu(check, ledger)
    for name, figures, truth, _ in ledger.runs():
        check.equal(figures["handoffs"], truth["handoffs"], f"{name}: hand-offs")
    threads = ledger.modes["threads"]["figures"]
    # four threads, one at work: three quarters less what they wait for a CPU instead
    check.between(100 * threads["gil_share"]["value"], 25, 76, "percent of waiting for the GIL")
    # whoever has let go of it may still be on a CPU: some microseconds of each turn of 5 ms
    check.that(threads["overlap_share"]["value"] < 0.05, "two at once under one lock")
    for mode in ("seq", "procs"):
        check.equal(ledger.value(mode, "gil_share"), 0, f"{mode}: nobody to wait for")


@test
def python_countdown(check):
    """countdown in Python: CPU of the tasks, memory, IPC and start-up as they tell them"""
    ledger = Ledger("countdown", "--time", "300ms")
    check_runs(check, ledger, 500)
    check.equal(ledger.block["gil"], True, "it has its GIL on")
    for name, figures, truth, trace in ledger.runs():
        check.equal(figures["work"], truth["work"], f"{name}: work")
        check.equal(figures["ipc_bytes"], truth["ipc_bytes"], f"{name}: IPC")
        told = sum(t["cpu_ns"] for t in truth["tasks"])
        check.that(figures["cpu_ns"] >= told, f"{name}: less CPU time than the tasks alone")
        if name.startswith(("fork", "spawn", "forkserver", "pool")):
            check.that(figures["first_work_ns"] >= figures["create_ns"], f"{name}: work before birth")
            # all of them were there at the end, each with what it says itself; a look may come before
            pss = sum(p["pss_kib"] * 1024 for p in truth["processes"])
            check.between(figures["pss_bytes"], pss / 2, pss * 2, f"{name}: PSS")
        copied = [p["cow_kib"] * 1024 for p in truth["processes"] if p.get("cow_kib")]
        if name.startswith("fork ") and copied:
            check.between(figures["copied_bytes"], sum(copied) / 3, 3 * sum(copied), f"{name}: copied")
    for mode in ("spawn", "fork"):
        check.that(ledger.value(mode, "pss_bytes") > ledger.value("seq", "pss_bytes"),
                   f"{mode}: processes need no memory")
    check.that(ledger.modes["spawn"]["figures"]["copied_bytes"] is None,
               "spawned processes have copied what they never shared")
    check.that(ledger.value("spawn", "first_work_ns") > ledger.value("fork", "first_work_ns"),
               "an interpreter starts faster than a fork")


lib.main()
