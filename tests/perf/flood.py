#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Can the reader keep up?  Programs that make a million records a second for ten seconds, and what
becomes of them: how many were lost, what the reader took of a CPU, by the record, and how much memory.

  live    programs under `parascope run`, alone and with a trace being saved; futex wake-ups that wake
          nobody are one record each, the densest there are
  replay  traces of these and of less simple programs go through the reader's pipe from memory, as fast
          as it can (replay.c): no kernel and no other program in the figure
  many    10,000 threads: from the end of the window to the report, and the report from the trace

Figures of one machine; nothing here passes or fails but records that were lost without being counted.

usage: flood.py BUILD [SECONDS [live|replay|many...]]
"""
import json
import os
import subprocess
import sys
import tempfile
import time

# name, options of parascope, workload
LIVE = [
    ("storm, 1 thread", [], ["storm", "--workers", "1"]),
    ("storm, 2 threads", [], ["storm", "--workers", "2"]),
    ("storm, 2 threads, saved with -o", ["-o", "{trace}"], ["storm", "--workers", "2"]),
    ("ping-pong", [], ["pingpong"]),
    ("ping-pong, saved with -o", ["-o", "{trace}"], ["pingpong"]),
]
# name, workload; a second or so of each
REPLAY = [
    ("storm: futex calls only", ["storm", "--time", "1"]),
    ("ping-pong: two threads", ["pingpong", "--time", "2"]),
    ("condition: 16 threads", ["cond", "--workers", "16", "--time", "2"]),
    ("mutex: 64 threads", ["mutex", "--workers", "64", "--hold-us", "1", "--think-us", "1",
                           "--time", "2"]),
    ("GIL of 8 threads", ["gil", "--workers", "8", "--time", "2"]),
    ("stacks: 20,000 different ones", ["stacks"]),
    ("churn: 20,000 short threads", ["churn", "--workers", "2", "--count", "10000", "--hold-us", "5"]),
    ("addresses: 200,000 words, one wait each", ["addresses", "--size", "200000", "--count", "3"]),
]
THREADS = 10_000


def watch(build, options, workload, folder):
    trace, report = os.path.join(folder, "trace"), os.path.join(folder, "report")
    subprocess.run([f"{build}/parascope", "run", "-q", *[o.format(trace=trace) for o in options],
                    "-f", "json", "--to", report, "--", f"{build}/workload", *workload, "--truth",
                    os.devnull], check=True, stdout=subprocess.DEVNULL)
    with open(report, encoding="utf-8") as f:
        return json.load(f), trace


def live(build, seconds, folder):
    print(f"live, {seconds} s each:{'':25} records/s      lost  reader's CPU  ns a record  memory")
    silent = 0
    for name, options, workload in LIVE:
        report, _ = watch(build, options, [*workload, "--time", str(seconds)], folder)
        q, wall = report["quality"], report["window_ns"] / 1e9
        # what was made came or was dropped
        silent += q["made"] - q["received"] - q["dropped"]
        cpu, record = q["own_cpu_ns"] / wall / 1e9, q["own_cpu_ns"] / max(q["received"], 1)
        print(f"  {name:36} {q['made'] / wall:10,.0f} {q['dropped']:9,} {cpu:9.3f} of 1 {record:12.0f}  "
              f"{q['own_rss_kib'] / 1024:.1f} MiB", flush=True)
    if silent:
        print(f"  {silent} records were lost without being counted")
    return silent


def replay(build, _, folder):
    print(f"replayed from memory:{'':24} records   ns a record   with -o   report")
    for name, workload in REPLAY:
        _, trace = watch(build, ["-o", "{trace}"], workload, folder)
        plain, saved = (json.loads(subprocess.run([f"{build}/perf/replay", trace, "5", *more], check=True,
                                                  stdout=subprocess.PIPE).stdout)
                        for more in ([], [os.path.join(folder, "copy")]))
        print(f"  {name:40} {plain['records']:10,} {plain['ns_per_record']:13.0f} "
              f"{saved['ns_per_record']:9.0f}   {plain['report_ms']:.1f} ms", flush=True)
    return 0


def timed(command):
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def many(build, _, folder):
    trace, report = os.path.join(folder, "trace"), os.path.join(folder, "report")
    target = subprocess.Popen([f"{build}/workload", "manythreads", "--workers", str(THREADS), "--time", "60"],
                              stdout=subprocess.DEVNULL)
    try:
        while len(os.listdir(f"/proc/{target.pid}/task")) <= THREADS:
            time.sleep(0.1)
        time.sleep(1)
        for form in "text", "json":
            subprocess.run([f"{build}/parascope", "attach", "-q", "-d", "1", "-o", trace, "-f", form, "--to",
                            report, str(target.pid)], check=True)
            ended = time.clock_gettime_ns(time.CLOCK_REALTIME)
            saved = timed([f"{build}/parascope", "report", "-f", form, "--to", report, trace])
            subprocess.run([f"{build}/parascope", "report", "-f", "json", "--to", report, trace], check=True)
            with open(report, encoding="utf-8") as f:
                r = json.load(f)
            closed = r["realtime_ns"] + r["window_ns"]
            print(f"{len(r['threads']):,} threads, {form}: {(ended - closed) / 1e9:.2f} s from the end of "
                  f"the window to the end of attach, {saved:.2f} s for the report of the trace", flush=True)
    finally:
        target.kill()
        target.wait()
    return 0


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else ".output"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    parts = {"live": live, "replay": replay, "many": many}
    with tempfile.TemporaryDirectory() as folder:
        return sum(parts[name](build, seconds, folder) for name in sys.argv[3:] or parts) != 0


if __name__ == "__main__":
    sys.exit(main())
