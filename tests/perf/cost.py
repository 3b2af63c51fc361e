#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What watching costs in the worst case: two pinned threads that ping-pong on semaphores, and four
threads that fight for a mutex.

Alone and watched take turns (A B A B ...), so that a machine whose speed drifts does not decide; the
figure is the median of the paired ratios.  Then one run with the kernel's own timing of every BPF
program (kernel.bpf_stats_enabled), which itself adds to each run.

usage: cost.py BUILD [PAIRS]
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

SECONDS = "1"
WORKLOADS = {
    "ping-pong, pinned on one CPU": ["pingpong", "--pin", "--time", SECONDS],
    "ping-pong, free": ["pingpong", "--time", SECONDS],
    "mutex fight, 4 threads, 5 us held": ["mutex", "--workers", "4", "--hold-us", "5",
                                          "--think-us", "5", "--time", SECONDS],
    "mutex fight, 4 threads, 50 us held": ["mutex", "--workers", "4", "--hold-us", "50",
                                           "--think-us", "50", "--time", SECONDS],
}


def rate(command, truth):
    """Operations per second that the workload says it did."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with open(truth, encoding="utf-8") as f:
        t = json.load(f)
    work = sum(thread["work"] for thread in t["threads"])
    return work / (t["wall_ns"] / 1e9)


def ratios(build, arguments, pairs, truth):
    alone = [f"{build}/workload", *arguments, "--truth", truth]
    watched = [f"{build}/parascope", "run", "-q", "--to", "/dev/null", "--", *alone]
    result = []
    for _ in range(pairs):
        a = rate(alone, truth)
        b = rate(watched, truth)
        result.append(a / b)
    return result


def program_times(build, arguments, work):
    report = os.path.join(work, "report.json")
    subprocess.run([f"{build}/parascope", "run", "-q", "--prog-stats", "-f", "json", "--to", report,
                    "--", f"{build}/workload", *arguments], check=True, stdout=subprocess.DEVNULL)
    with open(report, encoding="utf-8") as f:
        quality = json.load(f)["quality"]
    return [p for p in quality["progs"] if p["runs"] > 1000], quality


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else ".output"
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as work:
        truth = os.path.join(work, "truth.json")
        print(f"slowdown, {pairs} pairs of alone and watched, {SECONDS} s each:")
        for name, arguments in WORKLOADS.items():
            r = sorted(ratios(build, arguments, pairs, truth))
            print(f"  {name:36} median {statistics.median(r):.3f}x   "
                  f"({r[0]:.3f} to {r[-1]:.3f})")
        progs, quality = program_times(build, WORKLOADS["ping-pong, pinned on one CPU"], work)
        print("ns a program run, ping-pong pinned (the kernel's timing included):")
        for p in sorted(progs, key=lambda p: -p["runs"]):
            print(f"  {p['name']:24} {p['runs']:10} runs  {p['run_ns'] / p['runs']:6.0f} ns")
        print(f"records {quality['made']}, dropped {quality['dropped']}; parascope itself "
              f"{quality['own_cpu_ns'] / 1e6:.0f} ms of CPU, {quality['own_rss_kib'] / 1024:.1f} MiB")


if __name__ == "__main__":
    main()
