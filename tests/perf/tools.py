# SPDX-License-Identifier: GPL-2.0-or-later
"""The tools that watch: how each is started on a process, how one sees that it is truly attached, and
what it must have to show for it afterwards.

A tool runs in a mount namespace with tracefs and debugfs in it, so nothing of the machine is changed.
"""
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from typing import NamedTuple

from loads import Unavailable, die_with_parent, process_cpu_ns

ATTACH_S = 30
STOP_S = 60
PATIENCE_S = 3   # then a target that leaves a tool no CPU is held until the tool has ended
STABLE_S = 0.4   # so long nothing new is opened: attached
BLIND_S = 1.5    # for a tool of the command line that opens nothing we know
MOUNT = ("mount -t debugfs none /sys/kernel/debug 2>/dev/null; "
         "mount -t tracefs none /sys/kernel/tracing 2>/dev/null; "
         "mount -t tracefs none /sys/kernel/debug/tracing 2>/dev/null; exec \"$@\"")
FUTEX_LINE = (
    "tracepoint:syscalls:sys_enter_futex /pid == {pid}/ { @at[tid] = nsecs; } "
    "tracepoint:syscalls:sys_exit_futex /pid == {pid} && @at[tid]/ "
    "{ @ns[tid] = hist(nsecs - @at[tid]); @calls = count(); delete(@at[tid]); }")


class Tool(NamedTuple):
    name: str
    argv: list           # {pid}, {to}: a file for what it writes
    saw: str = ""        # finds the number of events in what it wrote; "": any output will do
    version: tuple = ()
    own: bool = False
    bpf: bool = False
    ready: str = ""      # a line on stderr
    report: bool = False  # JSON of parascope in {to}
    traces: bool = False  # by ptrace
    rival: bool = True
    always: bool = True   # measured unless asked not to


def own(name, *options, always=True):
    return Tool(name, ["{build}/parascope", "attach", *options, "-f", "json", "--to", "{to}", "{pid}"],
                version=("{build}/parascope", "--version"), own=True, bpf=True, ready="watching",
                report=True, rival=False, always=always)


def floor(name, hooks):
    """Programs that do nothing, on the hooks of parascope: what no program there can be below."""
    return Tool(name, ["{build}/perf/floor", hooks], bpf=True, ready="attached", rival=False)


TOOLS = [
    own("parascope"),
    own("parascope --lean", "--lean"),
    floor("empty programs", "hooks"),
    floor("empty programs, lean", "lean-hooks"),
    own("parascope --sample-rate 0", "--sample-rate", "0", always=False),
    own("parascope --lean --sample-rate 0", "--lean", "--sample-rate", "0", always=False),
    own("parascope -o", "-o", "{to}.trace", always=False),
    Tool("bpftrace", ["bpftrace", "-e", FUTEX_LINE], r"@calls: (\d+)", ("bpftrace", "--version"), bpf=True),
    Tool("offcputime", ["/usr/sbin/offcputime", "-p", "{pid}"], r"\((\d+)\)\n",
         ("dpkg-query", "-Wf", "${Version}", "libbpf-tools"), bpf=True),
    Tool("offcputime-bpfcc", ["offcputime-bpfcc", "-p", "{pid}"], r"\((\d+)\)\n",
         ("dpkg-query", "-Wf", "${Version}", "bpfcc-tools"), bpf=True),
    Tool("perf trace -s", ["perf", "trace", "-s", "-p", "{pid}"], r"(\d+) events", ("perf", "--version")),
    Tool("perf sched record", ["perf", "sched", "record", "-o", "{to}.data", "-p", "{pid}"],
         r"\((\d+) samples\)", ("perf", "--version")),
    Tool("strace -c -f", ["strace", "-c", "-f", "-p", "{pid}"], r"\n100[.,]00 +\S+ +\S+ +(\d+)",
         ("strace", "--version"), traces=True),
]


def rival(command):
    """A tool of the command line."""
    if "{pid}" not in command:
        raise ValueError(f"--rival {command!r}: needs {{pid}} where the process goes")
    return Tool(command, shlex.split(command))


def parts(text, build, pid, to):
    for name, value in (("build", build), ("pid", pid), ("to", to)):
        text = text.replace("{" + name + "}", str(value))
    return text


def missing(tool, build):
    """Why it cannot run here, or None."""
    program = parts(tool.argv[0], build, 0, "")
    if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        return "not installed"
    if "--lean" in tool.argv and "--lean" not in output_of(program, "attach", "--help"):
        return "absent: no such option in this build"
    return None


def output_of(*argv):
    try:
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=20).stdout
    except OSError:
        return ""


def version(tool, build):
    if not tool.version or missing(tool, build):
        return None
    lines = output_of(*[parts(a, build, 0, "") for a in tool.version]).strip().splitlines()
    return lines[0] if lines else None


def family(pid):
    """A process and all that it has started."""
    found = [pid]
    for one in found:
        for path in glob.glob(f"/proc/{one}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    found += [int(child) for child in f.read().split()]
            except OSError:
                pass
    return found


def probes(pid):
    """How many perf events and BPF links the family has open."""
    count = 0
    for one in family(pid):
        for path in glob.glob(f"/proc/{one}/fd/*"):
            try:
                link = os.readlink(path)
            except OSError:
                continue
            count += link.startswith(("anon_inode:[perf_event]", "anon_inode:bpf_link",
                                      "anon_inode:bpf-raw-tp", "anon_inode:[bpf_link]"))
    return count


def traced(pid):
    """All threads of a process are traced by somebody."""
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        try:
            with open(path, encoding="utf-8") as f:
                if "TracerPid:\t0\n" in f.read():
                    return False
        except OSError:
            pass
    return True


def interruptible():
    """In the child.  What a shell runs in the background ignores Ctrl-C, and so would all that it starts."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Attached:
    """A tool at work on a process.  attach_ns: from its start until it was attached."""

    def __init__(self, tool, build, pid):
        reason = missing(tool, build)
        if reason:
            raise Unavailable(reason)
        self.tool, self.target = tool, pid
        self.folder = tempfile.mkdtemp(prefix="parascope-cost-")
        self.to = os.path.join(self.folder, "to")
        argv = [parts(a, build, pid, self.to) for a in tool.argv]
        self.said = open(os.path.join(self.folder, "said"), "w+", encoding="utf-8", errors="replace")
        self.begin_ns = time.monotonic_ns()
        # no session of its own: the scheduler would set its group against that of the load (autogroup)
        self.child = subprocess.Popen(["unshare", "-m", "sh", "-c", MOUNT, "-", *argv],
                                      stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said,
                                      process_group=0, preexec_fn=interruptible)
        try:
            self._wait()
        except BaseException:
            self.abandon()
            raise
        self.attach_ns = self.at_ns - self.begin_ns

    def _wait(self):
        limit = time.monotonic() + ATTACH_S
        last, since = 0, time.monotonic()
        while time.monotonic() < limit:
            if self.child.poll() is not None:
                raise Unavailable(f"did not work: ended with {self.child.returncode}: {self.last_words()}")
            now = time.monotonic()
            self.at_ns = time.monotonic_ns()
            if self.tool.ready:
                if self.tool.ready in self.words():
                    return
                time.sleep(0.001)
                continue
            if self.tool.traces:
                if traced(self.target):
                    return
                time.sleep(0.005)
                continue
            count = probes(self.child.pid)
            if count != last:
                last, since = count, now
            elif now - since > (STABLE_S if count else BLIND_S if not self.tool.version else ATTACH_S):
                self.at_ns -= int((now - since) * 1e9)
                return
            time.sleep(0.02)
        raise Unavailable(f"did not work: not attached within {ATTACH_S} s: {self.last_words()}")

    def words(self):
        self.said.flush()
        with open(self.said.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def last_words(self):
        lines = [l.strip() for l in self.words().splitlines() if l.strip()]
        if len(lines) > 1:
            return f"{lines[0][:100]} ... {lines[-1][:100]}"
        return lines[0][:200] if lines else "it said nothing"

    def cpu_ns(self):
        total = 0
        for pid in family(self.child.pid):
            try:
                total += process_cpu_ns(pid)
            except OSError:
                pass
        return total

    def recorded(self):
        """Bytes of the file that it records to."""
        return sum(os.path.getsize(path) for path in glob.glob(f"{self.to}.*"))

    def abandon(self):
        for number in (signal.SIGKILL, signal.SIGCONT):
            try:
                os.killpg(self.child.pid, number)
            except ProcessLookupError:
                pass
        self.child.wait()
        self.said.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)

    def stop(self):
        """End it in order: ns until it was gone, events that it says it saw (None: it does not say),
        its report, bytes recorded a second."""
        begin = time.monotonic_ns()
        try:
            self.interrupt()
            if not self._ends(PATIENCE_S):
                os.kill(self.target, signal.SIGSTOP)
                ended = self._ends(STOP_S)
                os.kill(self.target, signal.SIGCONT)
                if not ended:
                    raise Unavailable(f"did not work: does not end within {STOP_S} s")
            took = time.monotonic_ns() - begin
            rate = self.recorded() * 1e9 / (begin - self.at_ns)
            return took, *self._result(), rate
        finally:
            self.abandon()

    def _ends(self, seconds):
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _result(self):
        if self.tool.report:
            if self.child.returncode:
                raise Unavailable(f"did not work: ended with {self.child.returncode}: {self.last_words()}")
            with open(self.to, encoding="utf-8") as f:
                report = json.load(f)
            return report["quality"]["made"], report
        text = self.words()
        if not self.tool.saw:
            return None, None
        return sum(int(n) for n in re.findall(self.tool.saw, text)), None
