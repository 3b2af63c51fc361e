#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py - what is awkward to check in a shell; exit code 0: fine, else it says what is wrong.

  check.py clean FILE...     nothing in it that a terminal obeys, valid UTF-8
  check.py ascii FILE...     clean, and nothing but ASCII
  check.py json FILE [EXPR]  strict UTF-8 and JSON; EXPR in Python over the report `r` is true
  check.py folded FILE [EXPR]   as flamegraph.pl reads it; EXPR over `total` (us), `threads` (us by
                             name), `depth` (of the deepest) and `frames` (all names) is true
  check.py leftovers [SECONDS]  no BPF program, map or link of ours without a parascope that holds it
  check.py kills PARASCOPE TARGET OUTDIR KIND COUNT SEED   see kills()
"""
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


# --- bytes -----------------------------------------------------------------------------------
BAD = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def clean(path, ascii_only=False):
    with open(path, "rb") as f:
        data = f.read()
    try:
        text = data.decode("ascii" if ascii_only else "utf-8", "strict")
    except UnicodeDecodeError as e:
        fail(f"{path}: {e}: {data[max(0, e.start - 40):e.start + 40]!r}")
    m = BAD.search(text)
    if m:
        fail(f"{path}: {m.group()!r} in {text[max(0, m.start() - 40):m.start() + 40]!r}")


def check_json(path, expression=None):
    with open(path, "rb") as f:
        data = f.read()
    try:
        r = json.loads(data.decode("utf-8", "strict"))
    except ValueError as e:
        fail(f"{path}: {e}: {data[:200]!r}")
    # pylint: disable=eval-used
    if expression and not eval(expression, {"r": r}):
        brief = {k: r.get(k) for k in ("target", "window_ns", "command", "truncated", "quality")}
        brief["threads"] = [(t["pid"], t["tid"], t["comm"]) for t in r.get("threads", [])]
        brief["processes"] = [(p["pid"], p["comm"]) for p in r.get("processes", [])]
        fail(f"{path}: not true: {expression}\n{json.dumps(brief)[:3000]}")


def check_folded(path, expression=None):
    clean(path)
    seen = {"total": 0, "threads": {}, "depth": 0, "frames": set()}
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")[:-1]
    for line in lines:
        m = re.match(r"^(.*)\s+?(\d+(?:\.\d*)?)$", line, re.ASCII)
        if not m or re.match(r"^.*\s+?\d+(?:\.\d*)?$", m.group(1), re.ASCII):
            fail(f"{path}: not one stack and one value: {line!r}")
        thread, *frames = m.group(1).split(";")
        if not re.match(r".+-\d+/\d+$", thread) or "" in frames or m.group(2) == "0":
            fail(f"{path}: bad line: {line!r}")
        seen["total"] += int(m.group(2))
        seen["threads"][thread] = seen["threads"].get(thread, 0) + int(m.group(2))
        seen["depth"] = max(seen["depth"], len(frames))
        seen["frames"].update(frames)
    # pylint: disable=eval-used
    if expression and not eval(expression, dict(seen)):
        fail(f"{path}: not true: {expression}\n{seen}"[:3000])


# --- BPF objects -----------------------------------------------------------------------------
PROGRAMS = re.compile("on_(switch|waking|wakeup_new|contention|enter_futex|exit_futex|fork|exec|exit)"
                      "|each_task")
MAPS = re.compile("(threads|threads_fallba.*|targets|ring|loss|collecto.*)$")


def listed(kind):
    out = subprocess.run(["bpftool", "-j", kind, "show"], capture_output=True, check=True).stdout
    return json.loads(out or b"[]")


def objects():
    progs = {p["id"]: p.get("name", "") for p in listed("prog") if PROGRAMS.match(p.get("name", ""))}
    maps = {m["id"]: m.get("name", "") for m in listed("map") if MAPS.match(m.get("name", ""))}
    links = {l["id"]: progs[l["prog_id"]] for l in listed("link") if l.get("prog_id") in progs}
    found = set()
    for kind, ids in (("prog", progs), ("map", maps), ("link", links)):
        found |= {(kind, i, name) for i, name in ids.items()}
    return found


def held():
    """(kind, id) of whatever some process has a descriptor of."""
    ids = set()
    for path in glob.glob("/proc/[0-9]*/fdinfo/*"):
        try:
            if "bpf" not in os.readlink(path.replace("/fdinfo/", "/fd/")):
                continue
            with open(path, encoding="ascii") as f:
                text = f.read()
        except (OSError, ValueError):
            continue
        for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", text, re.M):
            ids.add((kind, int(number)))
    return ids


def leftovers(seconds=4.0):
    """Nobody holds it, again and again: a parascope beside us may come or go meanwhile."""
    end = time.monotonic() + seconds
    suspects = None
    while True:
        before = objects()
        owned = held()
        free = {o for o in before if (o[0], o[1]) not in owned}
        suspects = free if suspects is None else suspects & free
        if not suspects:
            return
        if time.monotonic() > end:
            fail(f"left in the kernel: {sorted(suspects)}")
        time.sleep(0.1)


# --- signals at random moments -----------------------------------------------------------------
LIMIT = 5.0  # seconds, beside other load; alone it is a fraction of one


def defaults():
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP):
        signal.signal(s, signal.SIG_DFL)
    os.setsid()


def one_kill(parascope, target, outdir, kind, n, rng):
    """Returns what is wrong, or None."""
    sig = {"kill": [signal.SIGKILL]}.get(
        kind, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])[n % 4 if kind != "kill" else 0]
    delay = rng.uniform(0, 1.5)
    report = os.path.join(outdir, f"report.{n}")
    trace = os.path.join(outdir, f"trace.{n}")
    launches = n % 3 == 2
    args = [parascope, "run" if launches else "attach", "--format", "json", "-o", trace]
    args += ["--to", report, "--", "sleep", "20"] if launches else [target]
    what = f"{sig.name} after {delay * 1000:.0f} ms to {args[1]}"
    # pylint: disable=consider-using-with, subprocess-popen-preexec-fn
    with open(os.devnull if launches else report, "wb") as out:
        p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                             preexec_fn=defaults)
    time.sleep(delay)
    # from the terminal it goes to the command as well
    to_group = launches and sig in (signal.SIGINT, signal.SIGQUIT)
    begin = time.monotonic()
    (os.killpg if to_group else os.kill)(p.pid, sig)
    try:
        p.wait(LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        return f"{what}: did not end within {LIMIT} s"
    took = time.monotonic() - begin
    try:
        os.killpg(p.pid, signal.SIGKILL)  # the command of a parascope that was killed
    except ProcessLookupError:
        pass
    message = p.stderr.read().decode("utf-8", "replace")
    p.stderr.close()
    good = {-sig, 0 if not launches else 128 + sig}
    if launches:
        good.add(128 + sig)
    if p.returncode not in good:
        return f"{what}: exit code {p.returncode}: {message[-300:]}"
    files = [path for path in (report, trace) if os.path.exists(path)]
    if launches and p.returncode >= 0 and not files and not message:
        pass  # it came before the command began: nothing was measured
    elif p.returncode >= 0:
        try:
            with open(report, "rb") as f:
                json.loads(f.read().decode("utf-8", "strict"))
        except (OSError, ValueError) as e:
            return f"{what}: ended with {p.returncode} but no whole report: {e}; {message[-300:]}"
        if not os.path.exists(trace):
            return f"{what}: ended with {p.returncode} but saved no trace"
    elif os.path.exists(report) and os.path.getsize(report):
        return f"{what}: half a report"
    print(f"{what}: {p.returncode} after {took * 1000:.0f} ms")
    return None


def kills(parascope, target, outdir, kind, count, seed):
    """COUNT times parascope and a signal (KIND: end, kill) 0 - 1500 ms later, eight side by side."""
    rng = random.Random(int(seed))
    moments = [random.Random(rng.random()) for _ in range(int(count))]
    wrong, lock, todo = [], threading.Lock(), list(range(int(count)))

    def worker():
        while True:
            with lock:
                if not todo:
                    return
                n = todo.pop()
            text = one_kill(parascope, target, outdir, kind, n, moments[n])
            if text:
                wrong.append(text)

    crew = [threading.Thread(target=worker) for _ in range(8)]
    for t in crew:
        t.start()
    for t in crew:
        t.join()
    if wrong:
        fail(f"{len(wrong)} of {count} (seed {seed}):\n" + "\n".join(wrong))


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what in ("clean", "ascii"):
        for path in args:
            clean(path, what == "ascii")
    elif what == "json":
        check_json(*args)
    elif what == "folded":
        check_folded(*args)
    elif what == "leftovers":
        leftovers(*map(float, args))
    elif what == "kills":
        kills(*args)
    else:
        fail(__doc__)


if __name__ == "__main__":
    main()
