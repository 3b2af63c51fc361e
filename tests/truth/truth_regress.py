# SPDX-License-Identifier: GPL-2.0-or-later
"""Regressions put into programs on purpose: --expect and compare catch each, and nothing else.

Each program is there as it should be, and with one thing made worse.  A try records it four times as
it should be and as often worse, by turns, so that what else the machine does falls on all alike:

    --expect    of every single recording: worse fails (2), as it should be passes (0)
    compare     every other one that should be equal against the rest of them: passes;
                all that should be equal against all that are worse: fails

The machine may be as busy as it likes: that must neither hide a regression nor look like one.  But
threads that never have two CPUs at once do not contend, and little shows in much noise: then parascope
says that it cannot judge, which is no alarm.  What is worse is recorded again then, or, for compare,
more often (ROUNDS times as many of both); how often is printed.  If that takes too long, and others
really had the CPUs, the test is skipped: this machine cannot tell.

$PARASCOPE_REGRESS_TRIES says how many tries each program gets (2, if it is not set; the project's bar
is 20 of 20).
"""
import collections
import os
import re
import subprocess
import time

from lib import PARASCOPE, PYTHON, Skip, TIMEOUT_S, WORKLOAD, HERE, emulated, main, run, temp, test

TRIES = int(os.environ.get("PARASCOPE_REGRESS_TRIES", "2"))
EACH = 4  # recordings of a side
TRY_S = 60  # a try takes a quarter of that where nothing else runs
ROUNDS = 4
HASHING = os.path.join(HERE, "..", "python", "programs", "hashing.py")
FAILED, PASSED = 2, 0


def parascope(*args):
    """(exit code, what it said)"""
    done = subprocess.run([PARASCOPE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT_S, check=False)
    return done.returncode, done.stderr.strip(), done.stdout


def expecting(expressions):
    return [word for e in expressions for word in ("--expect", e)]


def record(argv, path):
    run(argv, "-q", "-o", path, validated=False)


class Tally:
    """How often each kind of check had which end."""

    def __init__(self):
        self.ends, self.said, self.by = {}, [], collections.Counter()
        self.again = self.more = self.unjudged = self.given_up = 0
        self.until = time.monotonic() + TRIES * TRY_S

    def add(self, kind, wanted, outcome):
        code, said, _ = outcome
        good, all_ = self.ends.get(kind, (0, 0))
        self.ends[kind] = (good + (code == wanted), all_ + 1)
        if wanted == FAILED:
            self.by.update(kind + " by " + e for e in re.findall(r"'([^']*)' failed", said))
        if code != wanted:
            self.said.append(f"{kind}: exit {code}, wanted {wanted}: {said or 'not a word'}")

    def check(self, check):
        for kind, (good, all_) in self.ends.items():
            print(f"# {kind}: {good} of {all_}", flush=True)
            check.equal(good, all_, f"{kind}: as wanted")
        print(f"# recorded again: {self.again}; more for compare: {self.more} times {EACH} of both; "
              f"as it should be and not judged: {self.unjudged}")
        for by, times in sorted(self.by.items()):
            print(f"#   {by}: {times}", flush=True)
        for said in self.said:
            print(f"#   {said}", flush=True)
        if self.given_up and not self.said:
            raise Skip(f"this machine is too busy: {self.given_up} times what is worse could not be judged")


def judged(outcome):
    return outcome[0] == FAILED or "cannot be judged" not in outcome[1]


def one_recording(tally, kind, argv, single, path):
    while True:
        record(argv, path)
        outcome = parascope("report", "--to", "/dev/null", *expecting(single), path)
        if judged(outcome) or kind == "right" or time.monotonic() > tally.until:
            break
        tally.again += 1
    if kind == "wrong" and not judged(outcome) and busy(path):
        tally.given_up += 1
        return
    tally.add(f"--expect, {kind}", FAILED if kind == "wrong" else PASSED, outcome)
    tally.unjudged += not judged(outcome)


def busy(path):
    """Others had a quarter of the CPU time that it could have used, or more."""
    return parascope("report", "--to", "/dev/null", "--strict", "--expect", "stolen.share<25%",
                     path)[0] == FAILED


def by_turns(tally, paths, right, wrong, single):
    for i in range(EACH):
        for kind, argv in (("right", right), ("wrong", wrong)):
            paths[kind].append(temp(f"{kind}-{len(paths[kind])}"))
            one_recording(tally, kind, argv, single, paths[kind][-1])


def one_try(tally, right, wrong, single, change):
    paths = {"right": [], "wrong": []}
    for turn in range(ROUNDS):
        by_turns(tally, paths, right, wrong, single)
        if not turn:  # every other one: neither half has the later recordings
            halves = paths["right"][0::2], paths["right"][1::2]
            tally.add("compare, unchanged", PASSED,
                      parascope("compare", *expecting(change), *halves[0], "--", *halves[1]))
        outcome = parascope("compare", *expecting(change), *paths["right"], "--", *paths["wrong"])
        if judged(outcome) or time.monotonic() > tally.until:
            break
        tally.more += 1
    if judged(outcome) or not any(map(busy, paths["right"] + paths["wrong"])):
        tally.add("compare, changed", FAILED, outcome)
    else:
        tally.given_up += 1
    for path in paths["right"] + paths["wrong"]:
        os.unlink(path)


def tries(check, right, wrong, single, change):
    tally = Tally()
    for _ in range(TRIES):
        one_try(tally, right, wrong, single, change)
    tally.check(check)


@test
def gil_release_removed(check):
    """hashing in two threads: pieces for which hashlib keeps the GIL instead of giving it away"""
    argv = [PYTHON, HASHING, "--mib", emulated("2", "160"), "--piece"]
    tries(check, [*argv, "262144"], [*argv, "2000"],
          ["contention.share<30%", "gil.share<10%", "parallelism>=1.5"],
          ["contention.share<=+20pp", "gil.share<=+10pp", "parallelism>=-30%"])


@test
def lock_widened(check):
    """two threads and a mutex: held for 200 us instead of 50"""
    # it costs CPU time as well, which shows even where two threads never have a CPU at once
    argv = [WORKLOAD, "mutex", "--workers", "2", "--think-us", "100", "--count",
            emulated("300", "1200"), "--hold-us"]
    tries(check, [*argv, "50"], [*argv, "200"],
          ["contention.share<30%"], ["contention.share<=+20pp", "cpu<=+20%"])


main()
