# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the truth tests: start parascope and workloads, read their JSON, write TAP.

usage of every test: truth_THEME.py [BUILD_FOLDER [NAME_PATTERN ...]]
"""
import atexit
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import jsonschema

# In a machine that QEMU emulates (tests/vm) an instruction takes up to a hundred times as long, and all
# virtual CPUs take turns on one real CPU: between two instructions of a thread others can run for
# milliseconds.  Counts stay exact there; times get tolerances of their own, see emulated().
EMULATED = "PARASCOPE_EMULATED" in os.environ

# Nothing here needs so long on an idle machine; it only keeps a hung program from hanging the tests.
TIMEOUT_S = 120
# A poll that a loaded machine makes late does no harm: it only ends a wait.
POLL_S = 0.002
# Validating 10,000 rows of one list in Python takes minutes; all rows are written by the same code.
VALIDATE_ROWS = 200

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, ".output"))
PATTERNS = sys.argv[2:]
PARASCOPE = os.path.join(BUILD, "parascope")
WORKLOAD = os.path.join(BUILD, "workload")
PYTHON = "/usr/bin/python3"

# To try all tests under other circumstances, see tests/README.md.
OPTIONS = os.environ.get("PARASCOPE_OPTIONS", "").split()

SKIP_CODE = 77  # of a workload: the kernel lacks what it needs

_tests = []
_children = []
_folder = None


def emulated(there, usual):
    """The tolerance to use: there in an emulated machine, usual everywhere else."""
    return there if EMULATED else usual


class Skip(Exception):
    """The test cannot be made here."""


class Failed(Exception):
    """One or more checks failed; the lines say which."""


def temp(name):
    """A path in a folder that is removed at the end."""
    global _folder
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="parascope-truth-")
        os.chmod(_folder, 0o755)
    return os.path.join(_folder, name)


# --- processes --------------------------------------------------------------------------------


def start(argv, **options):
    """Start a program in a session of its own, so that all it leaves behind can be ended."""
    child = subprocess.Popen(argv, start_new_session=True, **options)
    _children.append(child)
    return child


def end(child):
    """End a program and its process group, also if it is stopped."""
    for number in (signal.SIGKILL, signal.SIGCONT):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            pass
    child.wait(TIMEOUT_S)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream:
            stream.close()
    if child in _children:
        _children.remove(child)


def end_all():
    for child in list(_children):
        end(child)


def _cleanup():
    end_all()
    if _folder:
        shutil.rmtree(_folder, ignore_errors=True)


atexit.register(_cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def wait_for(what, condition):
    """Wait until condition() is true, and return what it returned."""
    limit = time.monotonic() + TIMEOUT_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise Failed(f"timed out waiting for {what}")
        time.sleep(POLL_S)


def tids(pid):
    try:
        return sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return []


def thread_stat(pid, tid):
    """(state, fields after the name) of a thread; None if it is gone."""
    try:
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], fields


def thread_state(pid, tid):
    stat = thread_stat(pid, tid)
    return stat[0] if stat else None


def schedstat(pid, tid):
    """(ns on CPU, number of times it got a CPU); exact only while the thread is off its CPU."""
    with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
        run, _, count = f.read().split()
    return int(run), int(count)


def stop(pid):
    """Stop a process and wait until each thread has stopped; returns the time before and after."""
    before = time.monotonic_ns()
    os.kill(pid, signal.SIGSTOP)
    wait_for("a stop", lambda: all(thread_state(pid, t) in ("T", None) for t in tids(pid)))
    return before, time.monotonic_ns()


def resume(pid):
    before = time.monotonic_ns()
    os.kill(pid, signal.SIGCONT)
    return before, time.monotonic_ns()


def process_cpu_ns(pid):
    """The CPU clock of a process: all its threads, exited ones too."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class CpuGroup:
    """A control group of the test's own: its clock counts all CPU time, exits included, in ns."""

    PLACES = (("/sys/fs/cgroup/cpuacct", "cpuacct.usage"),
              ("/sys/fs/cgroup/cpu,cpuacct", "cpuacct.usage"),
              ("/sys/fs/cgroup", "cpu.stat"), ("/sys/fs/cgroup/unified", "cpu.stat"))

    def __init__(self):
        for root, self.usage in self.PLACES:
            if os.path.exists(f"{root}/cgroup.procs"):
                self.path = f"{root}/parascope-truth-{os.getpid()}"
                try:
                    os.mkdir(self.path)
                except OSError:
                    continue
                if os.path.exists(f"{self.path}/{self.usage}"):
                    atexit.register(self.remove)
                    return
                os.rmdir(self.path)
        raise Skip("no control group with a CPU clock")

    def command(self, argv):
        """A command that enters the group and then becomes argv."""
        return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.path, *argv]

    def cpu_ns(self):
        with open(f"{self.path}/{self.usage}") as f:
            text = f.read().split()
        return int(text[0]) if len(text) == 1 else int(text[text.index("usage_usec") + 1]) * 1000

    def remove(self):
        if os.path.isdir(self.path):
            os.rmdir(self.path)


# --- parascope --------------------------------------------------------------------------------

_validator = None


def _cut(value):
    """The same report with the first and last rows of its long lists."""
    if isinstance(value, dict):
        return {k: _cut(v) for k, v in value.items()}
    if isinstance(value, list):
        if len(value) > VALIDATE_ROWS:
            value = value[: VALIDATE_ROWS // 2] + value[-VALIDATE_ROWS // 2 :]
        return [_cut(v) for v in value]
    return value


def validate(report):
    global _validator
    if _validator is None:
        text = subprocess.run([PARASCOPE, "--json-schema"], stdout=subprocess.PIPE, check=True,
                              timeout=TIMEOUT_S).stdout
        schema = json.loads(text)
        jsonschema.Draft7Validator.check_schema(schema)
        _validator = jsonschema.Draft7Validator(schema)
    error = next(_validator.iter_errors(_cut(report)), None)
    if error:
        where = "/".join(str(part) for part in error.absolute_path)
        raise Failed(f"JSON breaks the schema at {where}: {error.message[:200]}")
    return report


def load_report(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if not text:
        raise Failed("parascope wrote no report")
    return validate(json.loads(text))


_runs = 0


def _fresh(suffix):
    global _runs
    _runs += 1
    return temp(f"{_runs}{suffix}")


class Attach:
    """A running `parascope attach`; its window is open when the constructor returns."""

    def __init__(self, pids, *options):
        self.to = _fresh(".json")
        argv = [PARASCOPE, "attach", "-f", "json", "--to", self.to, *OPTIONS, *options,
                "-p", ",".join(str(p) for p in pids)]
        self.child = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True)
        self.said = ""
        while "watching" not in self.said:
            line = self.child.stderr.readline()
            if not line:
                raise Failed(f"parascope attach ended with {self.child.wait()}: {self.said}")
            self.said += line

    @property
    def pid(self):
        return self.child.pid

    def report(self, interrupt=True):
        """Close the window (or wait until it closes by itself) and return the report."""
        if interrupt:
            os.kill(self.child.pid, signal.SIGINT)
        try:
            said = self.child.communicate(timeout=TIMEOUT_S)[1]
        except subprocess.TimeoutExpired:
            raise Failed("parascope attach does not end") from None
        if self.child.returncode:
            raise Failed(f"parascope attach: exit {self.child.returncode}: {said}")
        _children.remove(self.child)
        return load_report(self.to)


def attach_for(pids, seconds, *options):
    return Attach(pids, "-d", f"{int(seconds * 1000)}ms", *options).report(interrupt=False)


def run(argv, *options, env=None, check=True, validated=True):
    """`parascope run`: (report, exit code, stdout of the command)."""
    to = _fresh(".json")
    child = start([PARASCOPE, "run", "-f", "json", "--to", to, *OPTIONS, *options, "--", *argv],
                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                  text=True, env=env)
    try:
        out, err = child.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Failed(f"parascope run does not end: {' '.join(argv)}") from None
    _children.remove(child)
    if child.returncode == SKIP_CODE:
        raise Skip(err.strip().splitlines()[0] if err.strip() else "the kernel lacks it")
    if check and child.returncode:
        raise Failed(f"{' '.join(argv)}: exit {child.returncode}: {err[-500:]}")
    return (load_report(to) if validated else None), child.returncode, out


# --- workloads --------------------------------------------------------------------------------


def load_truth(path):
    with open(path) as f:
        return json.load(f)


def run_workload(*args, options=(), command=lambda argv: argv):
    """(report, truth) of a workload watched from its first instruction to its end."""
    path = _fresh(".truth")
    report, _, _ = run(command([WORKLOAD, *args, "--truth", path]), *options)
    return report, load_truth(path)


class Workload:
    """A workload of its own, to attach to."""

    def __init__(self, *args, threads=None):
        self.path = _fresh(".truth")
        self.child = start([WORKLOAD, *args, "--truth", self.path], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        if threads:
            wait_for("threads", lambda: len(tids(self.pid)) == threads)

    def truth(self, terminate=True):
        """End it in order, and return what it knows."""
        if terminate and self.child.poll() is None:
            os.kill(self.pid, signal.SIGTERM)
        try:
            self.child.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise Failed("the workload does not end") from None
        _children.remove(self.child)
        return load_truth(self.path)


def wait_asleep(pid, count):
    """Wait until so many threads of a process are there, and all of them asleep."""
    wait_for("sleeping threads",
             lambda: len(tids(pid)) >= count and all(thread_state(pid, t) == "S" for t in tids(pid)))


class CpuClock:
    """Follows the CPU clock of a process, to tell afterwards what it used in any window."""

    STEP_S = 0.005

    def __init__(self, pid):
        self.pid = pid
        self.samples = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        while not self.done.is_set():
            try:
                before = time.monotonic_ns()
                cpu = process_cpu_ns(self.pid)
            except OSError:
                return
            self.samples.append((before, cpu, time.monotonic_ns()))
            time.sleep(self.STEP_S)

    def between(self, begin, finish):
        """(least, most) CPU time that the process can have used in between."""
        self.done.set()
        self.thread.join()
        # s[0] is before the clock was read, s[2] after
        inner = [s for s in self.samples if s[0] >= begin and s[2] <= finish]
        least = inner[-1][1] - inner[0][1] if inner else 0
        before = [s for s in self.samples if s[2] <= begin]
        after = [s for s in self.samples if s[0] >= finish]
        if not before or not after:
            raise Failed("the CPU clock was not followed over the whole window")
        return least, after[0][1] - before[-1][1]


# --- reading a report -------------------------------------------------------------------------


def losses(report):
    """What is not zero, by its key."""
    return {l["key"]: l["count"] for l in report["quality"]["loss"] if l["count"]}


def lock_at(report, truth_lock):
    """The locks of a report that lie in an object of the workload; by kind of place if shared."""
    if truth_lock["shared"]:
        return [l for l in report["locks"] if l["shared"]]
    begin = int(truth_lock["addr"], 16)
    return [l for l in report["locks"]
            if not l["shared"] and l["pid"] == truth_lock["pid"] and l["kind"] != "folded"
            and begin <= int(l["addr"], 16) < begin + truth_lock["size"]]


def only(rows, what):
    if len(rows) != 1:
        raise Failed(f"{len(rows)} rows instead of one: {what}")
    return rows[0]


def threads_by_tid(report):
    return {t["tid"]: t for t in report["threads"]}


def process_of(report, pid):
    return only([p for p in report["processes"] if p["pid"] == pid], f"process {pid}")


# --- TAP --------------------------------------------------------------------------------------


class Check:
    """Collects what does not hold, so that one test tells all of it."""

    def __init__(self):
        self.lines = []
        self.exact = False  # something does not hold that has no tolerance

    def that(self, condition, message):
        self.exact |= not condition
        return self._holds(condition, message)

    def _holds(self, condition, message):
        if not condition:
            self.lines.append(message)
        return condition

    def equal(self, got, expected, what):
        return self.that(got == expected, f"{what}: {got}, expected {expected}")

    def near(self, got, expected, tolerance, what):
        return self._holds(abs(got - expected) <= tolerance,
                           f"{what}: {got}, expected {expected} +- {tolerance:.0f} "
                           f"(off by {got - expected:+})")

    def between(self, got, least, most, what):
        return self._holds(least <= got <= most,
                           f"{what}: {got}, expected {least:.0f} .. {most:.0f}")

    def whole(self, report):
        """What holds in every report, lost records or not."""
        self.equal(report["quality"]["residual_ns"], 0, "residual_ns")
        for t in report["threads"]:
            total = sum(t["state_ns"].values())
            if not self.equal(total, t["life_ns"], f"states of thread {t['tid']} against its life"):
                break
        self.equal(sum(report["budget"]["state_ns"].values()), report["budget"]["total_ns"],
                   "budget")
        q = report["quality"]
        self.equal(q["received"] + q["dropped"], q["made"], "received + dropped against made")

    def complete(self, report):
        """Nothing was lost."""
        self.whole(report)
        loss = losses(report)
        # programs that can be preempted (7.2) take so long in an emulated machine that now and then
        # one and its twin are, at once; what that loses is counted
        bad = set(loss) - {"made", "received", "late", "storage", "switch"}
        twins = EMULATED and bad == {"skipped"} and loss["skipped"] <= 0.001 * loss["made"]
        if not self.that(report["quality"]["complete"] or twins,
                         "the report is incomplete"):
            self.lines.append(str(loss))


def test(function):
    """Register a test: a function of one Check, named by its first line of documentation."""
    _tests.append(function)
    return function


def registered():
    """How many tests there are."""
    return len(_tests)


def cases(function, names):
    """Register one test for each name: function(check, name)."""
    for name in names:
        def one(check, name=name):
            function(check, name)
        one.__name__ = f"{function.__name__}_{''.join(c if c.isalnum() else '_' for c in name)}"
        one.__doc__ = f"{function.__doc__}: {name}"
        _tests.append(one)


# Of a test that only measured times beyond their tolerance: other programs on the machine can do that, if
# not every time.
TRIES = 3


def _attempt(function):
    """(ok, skip reason, lines, may be tried again)"""
    check = Check()
    try:
        function(check)
    except Skip as reason:
        return True, str(reason), [], False
    except Failed as failed:
        check.that(False, str(failed))
    except Exception:  # a bug of the test itself fails it as well
        for line in traceback.format_exc().splitlines():
            check.that(False, line)
    finally:
        end_all()
    return not check.lines, None, check.lines, not check.exact


def _tried(function):
    for i in range(1, TRIES + 1):
        ok, skip, lines, again = _attempt(function)
        if ok or not again or i == TRIES:
            break
        print(f"# {function.__name__}, try {i} of {TRIES}: {'; '.join(lines[:3])}", flush=True)
    return ok, skip, lines


def main():
    chosen = [t for t in _tests if not PATTERNS or
              any(fnmatch.fnmatch(t.__name__, p) or p in t.__name__ for p in PATTERNS)]
    print(f"1..{len(chosen)}")
    missing = os.geteuid() and "needs root" or not os.path.exists(PARASCOPE) and "not built"
    failed = 0
    for number, function in enumerate(chosen, 1):
        ok, skip, lines = (True, missing, []) if missing else _tried(function)
        failed += not ok
        text = f"{'ok' if ok else 'not ok'} {number} - {function.__name__}: {function.__doc__}"
        print(text.rstrip() + (f" # SKIP {skip}" if skip else ""))
        for line in lines[:25]:
            print(f"# {line}")
        if len(lines) > 25:
            print(f"# and {len(lines) - 25} more")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
