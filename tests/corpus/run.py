#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [BUILD] [--traces | --live] [NAME...]: the labelled corpus; how often the verdict is right.

Prints TAP: a line for each program or trace, then what must hold for all of them, then the confusion
matrix.  The matrix is also written to BUILD/corpus.md as a Markdown table.  The live half needs root.
"""
import collections
import datetime
import fnmatch
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OPTIONS = [a for a in sys.argv[1:] if a.startswith("--")]
ARGUMENTS = [a for a in sys.argv[1:] if not a.startswith("--")]
NAMES = ARGUMENTS[1:]
sys.argv[1:] = ARGUMENTS[:1]  # what lib.py reads
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "truth")]
import lib  # noqa: E402  pylint: disable=wrong-import-position
import live  # noqa: E402  pylint: disable=wrong-import-position
import recorded  # noqa: E402  pylint: disable=wrong-import-position
from facts import Facts  # noqa: E402  pylint: disable=wrong-import-position

RIGHT_SHARE = 0.95  # the bar of the project
QUOTA = 0.5
RUN_S = 30  # most of them end after 1.2 s on an idle machine

VERDICTS = ("gil-bound", "gil-held-while-blocked", "lock-bound", "cpu-short", "io-overlapped", "io-serial",
            "imbalanced", "parallel", "sequential", "idle", "too-short-to-tell", "unclear", "none")

Result = collections.namedtuple("Result", "name label right report note gil why")


# --- traces ---------------------------------------------------------------------------------------


def trace_results(chosen):
    for case in chosen:
        report = recorded.report_of(lib.PARASCOPE, case)
        yield Result(case.name, case.label, {case.label}, report, "trace", case.gil, case.why)


# --- live -----------------------------------------------------------------------------------------


def remove_group(path):
    """What was killed leaves its group a moment later."""
    def is_empty():
        with open(f"{path}/cgroup.procs", encoding="ascii") as f:
            return not f.read()
    lib.wait_for("an empty group", is_empty)
    os.rmdir(path)


class Group(lib.CpuGroup):
    def remove(self):
        if os.path.isdir(self.path):
            remove_group(self.path)


class Quota:
    """A control group that may use QUOTA CPUs."""

    def __init__(self):
        for root, name, text in (("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", f"{int(QUOTA * 100000)}"),
                                 ("/sys/fs/cgroup", "cpu.max", f"{int(QUOTA * 100000)} 100000")):
            self.path = f"{root}/parascope-quota-{os.getpid()}"
            try:
                os.mkdir(self.path)
            except OSError:
                continue
            if os.path.exists(f"{self.path}/{name}"):
                with open(f"{self.path}/{name}", "w", encoding="ascii") as f:
                    f.write(text)
                return
            os.rmdir(self.path)
        raise lib.Skip("no control group with a quota")

    def command(self, argv):
        return ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.path, *argv]

    def remove(self):
        remove_group(self.path)


def run(case, argv):
    """From its first instruction to its last; what it prints and how it ends does not matter."""
    to = lib.temp(f"{case.name}.json")
    child = lib.start([lib.PARASCOPE, "run", "-q", "-f", "json", "--to", to, "--", *argv],
                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                      env={**os.environ, **case.env})
    try:
        said = child.communicate(timeout=RUN_S)[1]
    except subprocess.TimeoutExpired:
        raise lib.Failed("it does not end") from None
    if not os.path.exists(to):
        raise lib.Failed(f"exit {child.returncode}: {said[-300:]}")
    return lib.load_report(to)


def attach(case, argv):
    child = lib.start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      env={**os.environ, **case.env})
    if case.then:
        case.then()
    time.sleep(live.NAPPING_S)
    if child.poll() is not None:
        raise lib.Failed(f"{case.name} ended with {child.returncode}")
    if case.stop:
        lib.stop(child.pid)
    return lib.attach_for([child.pid], live.WINDOW_S)


def watch(case, group):
    """(report, facts) of one case."""
    argv = [*case.prefix, *(case.argv() if callable(case.argv) else case.argv)]
    quota = None
    try:
        for begin in case.around:
            if begin == "quota":
                quota = Quota()
                argv = quota.command(argv)
            else:
                begin()
        if case.group:
            argv = group.command(argv)
        facts = Facts(group)
        try:
            report = (attach if case.attach else run)(case, argv)
        finally:
            facts.stop()
        facts.within(report["begin_ns"], report["window_ns"])
        return report, facts
    finally:
        lib.end_all()
        if quota:
            quota.remove()


def live_results(chosen):
    group = Group()
    for case in chosen:
        try:
            report, facts = watch(case, group)
        except lib.Skip as reason:
            yield Result(case.name, case.label, None, None, str(reason), case.gil, case.why)
            continue
        except lib.Failed as reason:
            nothing = {"verdict": {"code": "none", "rule": "", "sentence": str(reason), "advice": "-"}}
            yield Result(case.name, case.label, {case.label}, nothing, "no report", case.gil, case.why)
            continue
        yield Result(case.name, case.label, case.right(case.label, facts), report, str(facts), case.gil,
                     case.why)


# --- results --------------------------------------------------------------------------------------


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def line(self, ok, text, *notes):
        self.n += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.n} - {text}")
        for note in notes:
            print(f"# {note}")
        sys.stdout.flush()

    def skip(self, text, reason):
        self.line(True, f"{text} # SKIP {reason}")


def verdict_of(result):
    return result.report["verdict"]["code"]


def matrix(results):
    """Rows: labels, what is true; columns: what parascope said."""
    counts = collections.Counter((r.label, verdict_of(r)) for r in results)
    said = [v for v in VERDICTS if any(counts[label, v] for label in VERDICTS)]
    head = ["label \\ verdict", *said, "cases", "right"]
    rows = [head, ["---"] + ["--:"] * (len(head) - 1)]
    for label in (v for v in VERDICTS if any(counts[v, s] for s in said)):
        here = [r for r in results if r.label == label]
        rows.append([label, *(str(counts[label, v] or "") for v in said), str(len(here)),
                     str(sum(verdict_of(r) in r.right for r in here))])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def tell(tap, results):
    """One line a case.  A wrong one fails the test only with all others: the bar is a share."""
    told = []
    for r in results:
        if r.report is None:
            tap.skip(r.name, r.note)
            continue
        said, verdict = verdict_of(r), r.report["verdict"]
        told.append(r)
        good = said in r.right
        also = f" (label {r.label})" if r.right != {r.label} else ""
        print(f"# {'right' if good else 'WRONG'} {r.name}: {said}, expected {' or '.join(sorted(r.right))}"
              f"{also}; {verdict.get('rule')}; {r.note}")
        if not good or "--verbose" in OPTIONS:
            print(f"#   because {r.why}")
            print(f"#   {verdict['sentence']}\n#   -> {verdict['advice']}")
        sys.stdout.flush()
    return told


def judge(tap, results):
    wrong = [r for r in results if verdict_of(r) not in r.right]
    strict = sum(verdict_of(r) == r.label for r in results)
    share = 1 - len(wrong) / len(results)
    tap.line(share >= RIGHT_SHARE,
             f"{len(results) - len(wrong)} of {len(results)} right ({share:.1%}; at least {RIGHT_SHARE:.0%})",
             *(f"{r.name}: {verdict_of(r)}, expected {' or '.join(sorted(r.right))}" for r in wrong))
    print(f"# {strict} say the label itself, the others what is true without enough CPUs")
    gil = [r.name for r in results if verdict_of(r) == "gil-bound" and not r.gil]
    tap.line(not gil, "gil-bound only where threads wait for a GIL", *gil)
    short = [r.name for r in results if r.label == "too-short-to-tell" and verdict_of(r) != r.label]
    tap.line(not short, "too-short-to-tell instead of a guess", *short)
    mute = [r.name for r in results if not r.report["verdict"]["advice"]]
    tap.line(not mute, "each verdict says what would change it", *mute)


def rules_of_table():
    """The names of the rules, from the first column of VERDICT.md's table."""
    names = []
    with open(os.path.join(ROOT, "user", "analysis", "VERDICT.md"), encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.split("|")]
            if len(cells) > 4 and cells[1].isdigit():
                names.append(cells[2].strip("`"))
    return names


def judge_rules(tap, results):
    reached = collections.Counter(r.report["verdict"].get("rule") for r in results)
    names = rules_of_table()
    missing = [n for n in names if not reached[n]]
    tap.line(names and not missing, f"each of the {len(names)} rules of VERDICT.md is reached",
             *(f"{n} is not" for n in missing))
    strange = [n for n in reached if n not in names]
    tap.line(not strange, "each rule that is reached is in VERDICT.md", *strange)
    tap.line(not set(VERDICTS[:-1]) - {verdict_of(r) for r in results}, "each verdict is reached")


def write(build, results):
    wrong = [r for r in results if verdict_of(r) not in r.right]
    text = matrix(results)
    print("# ")
    for line in text.splitlines():
        print(f"# {line}")
    strict = sum(verdict_of(r) == r.label for r in results)
    lines = [f"{len(results)} programs and traces, {len(results) - len(wrong)} right; {datetime.date.today()}, "
             f"`tests/corpus/run.py`. {strict} say the label itself, the others what is true where other programs "
             "took the CPUs.", "", text, ""]
    lines += [f"- wrong: {r.name} ({r.why}): {r.report['verdict']['sentence']}" for r in wrong]
    path = os.path.join(build, "corpus.md")
    try:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
    except PermissionError:
        print(f"# {path} belongs to somebody else and was not written")


def chosen_of(cases):
    return [c for c in cases if not NAMES or any(fnmatch.fnmatch(c.name, n) for n in NAMES)]


def main():
    tap, results = Tap(), []
    if "--live" not in OPTIONS:
        results += tell(tap, trace_results(chosen_of(recorded.CASES)))
    if "--traces" not in OPTIONS and os.geteuid() == 0:
        results += tell(tap, live_results(chosen_of(live.CASES)))
    elif "--traces" not in OPTIONS:
        tap.skip("programs", "watching needs root")
    if results:
        judge(tap, results)
        if not NAMES and not OPTIONS:
            judge_rules(tap, results)
        write(lib.BUILD, results)
    print(f"1..{tap.n}")
    return 1 if tap.failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
