#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What watching costs in the worst case: two pinned threads that ping-pong on semaphores, and four
threads that fight for a mutex.  And what it costs a Python program whose threads fight for the GIL,
with everything on.

Alone and watched take turns (A B A B ...), so that a machine whose speed drifts does not decide; the
figure is the median of the paired ratios.  Then one run with the kernel's own timing of every BPF
program (kernel.bpf_stats_enabled), which itself adds to each run.

Of a program whose threads wait for each other the rate also depends on how soon the next one runs; by
CPU time it is what the instructions cost.

usage: cost.py BUILD [PAIRS [NAME-PART]]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

SECONDS = "1"
WORKLOAD = ["{build}/workload"]
PYTHON = ["/usr/bin/python3", "tests/python/programs/spin.py"]
WORKLOADS = {
    "ping-pong, pinned on one CPU": [*WORKLOAD, "pingpong", "--pin", "--time", SECONDS],
    "ping-pong, free": [*WORKLOAD, "pingpong", "--time", SECONDS],
    "mutex fight, 4 threads, 5 us held": [*WORKLOAD, "mutex", "--workers", "4", "--hold-us", "5",
                                          "--think-us", "5", "--time", SECONDS],
    "mutex fight, 4 threads, 50 us held": [*WORKLOAD, "mutex", "--workers", "4", "--hold-us", "50",
                                           "--think-us", "50", "--time", SECONDS],
    "Python, 4 threads that count": [*PYTHON, "--threads", "4", "--time", "4"],
}


def rates(command, truth):
    """Operations that the workload says it did: per second, and per second of CPU time."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(truth, encoding="utf-8") as f:
        t = json.load(f)
    work = sum(thread["work"] for thread in t["threads"]) * 1e9
    return work / t["wall_ns"], work / (t.get("run_cpu_ns") or t["cpu_ns"])


def ratios(build, arguments, pairs, truth):
    """Two sorted lists: of the rates, and of the rates by CPU time."""
    alone = [a.format(build=build) for a in arguments] + ["--truth", truth]
    watched = [f"{build}/parascope", "run", "-q", "--to", "/dev/null", "--", *alone]
    result = []
    for _ in range(pairs):
        a = rates(alone, truth)
        b = rates(watched, truth)
        result.append([x / y for x, y in zip(a, b)])
    return [sorted(r) for r in zip(*result)]


def program_times(build, arguments, work):
    report = os.path.join(work, "report.json")
    command = [a.format(build=build) for a in arguments]
    subprocess.run([f"{build}/parascope", "run", "-q", "--prog-stats", "-f", "json", "--to", report,
                    "--", *command], check=True, stdout=subprocess.DEVNULL)
    with open(report, encoding="utf-8") as f:
        quality = json.load(f)["quality"]
    return [p for p in quality["progs"] if p["runs"] > 1000], quality


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else ".output"
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    part = sys.argv[3] if len(sys.argv) > 3 else ""
    with tempfile.TemporaryDirectory() as work:
        truth = os.path.join(work, "truth.json")
        print(f"slowdown, {pairs} pairs of alone and watched:")
        for name, arguments in ((n, a) for n, a in WORKLOADS.items() if part in n):
            wall, cpu = ratios(build, arguments, pairs, truth)
            print(f"  {name:36} median {statistics.median(wall):.3f}x   "
                  f"({wall[0]:.3f} to {wall[-1]:.3f})   by CPU time {statistics.median(cpu):.3f}x   "
                  f"({cpu[0]:.3f} to {cpu[-1]:.3f})")
        progs, quality = program_times(build, WORKLOADS["ping-pong, pinned on one CPU"], work)
        print("ns a program run, ping-pong pinned (the kernel's timing included):")
        for p in sorted(progs, key=lambda p: -p["runs"]):
            print(f"  {p['name']:24} {p['runs']:10} runs  {p['run_ns'] / p['runs']:6.0f} ns")
        print(f"records {quality['made']}, dropped {quality['dropped']}; parascope itself "
              f"{quality['own_cpu_ns'] / 1e6:.0f} ms of CPU, {quality['own_rss_kib'] / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
