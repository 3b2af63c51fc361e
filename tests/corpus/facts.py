# SPDX-License-Identifier: GPL-2.0-or-later
"""What the machine gave a program, from clocks that parascope has no part in; and which verdicts are
right then.

A label says what is true on a machine with free CPUs.  If others take the CPUs, another thing is true:
the program is short of them.  How much it got is told by the CPU clock of its control group, how much
others took by /proc/stat.
"""
import os
import threading
import time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# VERDICT.md: less than LOSS_SHARE of the wanted time does not matter; CAUSE_SHARE of the loss is a cause.
# Both sides of a threshold are right so near to it: the windows begin and end with the programs' starts
# and ends, in which they want less than a row says.
LOSS_SHARE, LOSS_MARGIN = 0.2, 0.08
CAUSE_SHARE, CAUSE_MARGIN = 0.5, 0.12


def busy_ns():
    """CPU time of all programs and the host's (steal), all CPUs."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(n) for n in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_NS


class Facts:
    """Follows the clocks of the machine and of a control group."""

    STEP_S = 0.02

    def __init__(self, group):
        self.group = group
        self.samples = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()
        self.cpus = len(os.sched_getaffinity(0))
        self.window_s = self.own = self.others = 0.0

    def _look(self):
        self.samples.append((time.monotonic_ns(), self.group.cpu_ns(), busy_ns()))

    def _follow(self):
        while not self.done.is_set():
            self._look()
            time.sleep(self.STEP_S)
        self._look()

    def stop(self):
        self.done.set()
        self.thread.join()

    def within(self, begin_ns, window_ns):
        """Now of this window: CPUs that the program had, and that all others had."""
        inside = [s for s in self.samples if begin_ns <= s[0] <= begin_ns + window_ns]
        self.window_s = window_ns / 1e9
        if len(inside) < 2:
            return self
        first, last = inside[0], inside[-1]
        ns = last[0] - first[0]
        self.own = (last[1] - first[1]) / ns
        self.others = max(0.0, (last[2] - first[2]) / ns - self.own)
        return self

    def __str__(self):
        return f"{self.window_s:.2f} s, had {self.own:.2f} CPUs, others {self.others:.2f}"


# --- which verdicts are right ---------------------------------------------------------------------


def always(label, _facts):
    """True however much others compute: the program hardly wants CPUs, or never gets what it wants."""
    return {label}


def _either(share, threshold, margin, below, above):
    if share < threshold - margin:
        return {below}
    return {above} if share > threshold + margin else {below, above}


def wants(threads):
    """So many threads want to run at all times and none waits for another."""
    def right(label, facts):
        return _either(1 - facts.own / threads, LOSS_SHARE, LOSS_MARGIN, label, "cpu-short")
    return right


def in_turn(threads):
    """So many threads want to run at all times, but only one may.  Of threads - own that is lost, the lack
    of a CPU for that one is threads * (1 - own): all of them wait for it then."""
    def right(label, facts):
        own = min(1.0, facts.own)
        return _either(threads * (1 - own) / (threads - own), CAUSE_SHARE, CAUSE_MARGIN, label, "cpu-short")
    return right


def one_runs(label, facts):
    """One thread wants to run at a time, nobody else does meanwhile."""
    return _either(1 - facts.own, LOSS_SHARE, LOSS_MARGIN, label, "cpu-short")


def crowded(label, facts):
    """It wants CPUs at times that are not known to the ms (in bursts, for a disk, its own start).  What others
    had, the program may have wanted: if that would be LOSS_SHARE of what it had and that, both may be true."""
    possible = max(LOSS_SHARE / (1 - LOSS_SHARE) * facts.own, LOSS_SHARE)
    return {label, "cpu-short"} if facts.others > possible else {label}


def both_gils(label, facts):
    """Two GILs on two CPUs: nothing is gained without them, unless others take the CPUs.  Then a process
    may have the GIL and no CPU, and what is the larger loss depends on who was preempted."""
    return {label, "cpu-short", "gil-bound"} if facts.others > 0.3 else {label}
