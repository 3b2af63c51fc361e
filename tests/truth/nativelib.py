# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the tests of native stacks: building programs without frame pointers, reading the fields of
a report that stacks give, the records of a trace, and stacks as gdb sees them.

Which member of a report or of a record means what is known in this file only.
"""
import bisect
import ctypes
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import time

import lib
from lib import Attach, Failed, PARASCOPE, ROOT, Skip, TIMEOUT_S, temp

NATIVE = os.path.join(ROOT, "tests", "native")
DEBUG_FILES = "/usr/lib/debug"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18

# As programs are shipped: optimised, no frame pointers.  -g: lines, and inlined functions.
FLAGS = ["-O2", "-g", "-fomit-frame-pointer", "-D_GNU_SOURCE", "-Wall", "-Wextra"]

# --- bpf/wire.h -------------------------------------------------------------------------------------

CODE_NATIVE = 1
FUNCTION_MAX = 128  # bytes of wire_frame.function, with the 0 behind it
STACK_FLAGS = {"whole": 4, "cut": 8, "astray": 16, "no rule": 32, "no memory": 64, "early": 128,
               "frame pointers": 256}
WHOLE = STACK_FLAGS["whole"]
WAITS = ("wait", "waited")


# --- programs --------------------------------------------------------------------------------------


def hide_debug_files():
    """Everything is to be found out from the files that Debian ships, whether or not separate debug
    files are installed on this machine: for us and all that we start there are none from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not os.path.isdir(DEBUG_FILES):
        return
    if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) \
            or libc.mount(b"none", DEBUG_FILES.encode(), b"tmpfs", 0, None):
        raise Failed(f"cannot hide {DEBUG_FILES}: {os.strerror(ctypes.get_errno())}")


def need(*programs):
    if platform.machine() != "x86_64":
        raise Skip("native stacks are taken on x86-64 only")
    for program in programs:
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")


def build(name, *command):
    """The path of what a compiler's command makes; it ends with the option that names its output.
    Made once per run of a test program."""
    need(command[0])
    path = temp(name)
    if not os.path.exists(path):
        done = subprocess.run([*command, path], cwd=NATIVE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode:
            raise Failed(f"{' '.join(command)}: {done.stdout[-1500:]}")
    return path


def build_c(name, *sources, options=()):
    return build(name, "gcc", "-std=gnu11", *FLAGS, *sources, *options, "-lpthread", "-o")


def build_cpp(name, *sources, options=()):
    return build(name, "g++", "-std=gnu++20", *FLAGS, *sources, *options, "-lpthread", "-o")


def build_rust(name, source):
    return build(name, "rustc", "--edition", "2021", "-O", "-g", source, "-o")


def workload_without_frame_pointers():
    """The program of workloads/, optimised as others are."""
    folder = os.path.join(ROOT, "workloads")
    sources = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".c"))
    return build_c("workload", *sources, options=(f"-I{folder}", "-fPIE", "-pie", "-ljansson", "-lm"))


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


# --- reports -----------------------------------------------------------------------------------------


# What the report calls a kind, by what the programs of tests/native call it.
KINDS = {
    "mutex": ("mutex", "Rust mutex"), "pi-mutex": ("pi-mutex",), "robust-mutex": ("robust-mutex",),
    "rwlock": ("rwlock", "Rust rwlock"), "condition": ("condition", "Rust wait"), "semaphore": ("semaphore",),
    "barrier": ("barrier",), "join": ("join",), "once": ("once",),
    # Debian's C library has no symbol for the part of pthread_once() that waits, and nothing calls that
    "C once": ("once", "futex"), "stdio": ("stdio", "stdio lock"),
    "malloc": ("malloc", "malloc arena", "malloc lock"),
}
OWNED = ("mutex", "pi-mutex", "robust-mutex", "rwlock", "stdio")


def kind_is(lock, kind):
    """kind "held": one that somebody has to let go, whatever it is called."""
    kinds = KINDS.get(kind) or [word for k in OWNED for word in KINDS[k]]
    return lock["kind"] in kinds


def named_as(lock, name):
    """Is the lock called after this variable?  "": it is of none; [heap], [stack]: it lies there."""
    wanted = name.strip("[]")
    return not wanted or bool(re.search(rf"(^|[^\w]){re.escape(wanted)}([^\w]|$)", lock.get("object", "")))


def waiting(lock):
    """Sites where a lock is waited for."""
    return lock["sites"]


def holding(lock):
    """Sites where it was held while others waited."""
    return lock["holding"]


def place(site):
    """(function, end of the file's name, line) of a site of a report."""
    return site["function"], os.path.basename(site["file"]), site["line"]


def folded(trace, profile):
    """The lines of folded stacks that a saved trace gives."""
    done = subprocess.run([PARASCOPE, "report", "-f", "folded", "--profile", profile, trace],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise Failed(f"parascope report -f folded: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stdout.splitlines()


_FRAME = re.compile(r"^(.*?)(?: \(([^()]*)\))?$")


def stack_functions(site):
    """The functions of a site's stack, innermost first: "f (file:line); g (module); ..."."""
    return [_FRAME.match(f).group(1) for f in site["stack"].split("; ") if f]


def folded_by(lines, names):
    """(nanoseconds by the innermost of these functions, all nanoseconds) of folded stacks."""
    sums, total = {}, 0
    for line in lines:
        stack, _, count = line.rpartition(" ")
        total += int(count) * 1000
        for frame in reversed(stack.split(";")[1:]):
            if plain(frame) in names:
                sums[plain(frame)] = sums.get(plain(frame), 0) + int(count) * 1000
                break
    return sums, total


def by_function(sites):
    """Time of sites by the function of their place."""
    sums = {}
    for site in sites:
        sums[plain(site["function"])] = sums.get(plain(site["function"]), 0) + site["ns"]
    return sums


_OPERATOR = re.compile(r"operator(\(\)|->\*|->|<=>|<<=|>>=|<<|>>|<=|>=|<|>)(?=[(<]|$)")


def plain(name):
    """A function's name without what gdb, symbol tables and debug information write differently: return
    type, parameters, template arguments, numbers of lambdas, suffixes of clones and versions, and the hash
    of rustc."""
    name = re.sub(r"\[abi:\w+\]| ?\[clone [^\]]*\]", "", name.partition("@")[0])
    name = name.replace("(anonymous namespace)", "{anon}").replace("operator ", "operator_")
    name = _OPERATOR.sub(lambda m: "operator{call}" if m[1] == "()" else "operator{op}", name)
    count = 1
    while count:
        name, count = re.subn(r"\([^()<>]*\)|<[^<>()]*>", "", name)
    name = re.sub(r"( const| volatile| &&?)+$", "", name)
    name = re.split(r"[<(]", name)[0]  # what a cut name did not close
    name = re.sub(r"\{lambda[^{}]*\}", "{lambda}", name).rpartition(" ")[2]
    name = re.sub(r"(\.(cold|constprop|isra|part|lto_priv|localalias|llvm)(\.?\d+)*)+$", "", name)
    return re.sub(r"::h[0-9a-f]{16}$", "", name)


def same_name(a, b):
    """Both plain.  DWARF has no namespaces in front of some: then what there is has to be equal."""
    return a == b or bool(a and b) and (a.endswith(f"::{b}") or b.endswith(f"::{a}"))


def is_called(name, plain_one):
    """Is a function's name in a record this one?  A record cuts long ones: of those the begin must be."""
    ours = plain(name)
    if len(name.encode()) >= FUNCTION_MAX - 1 and ours and plain_one.startswith(ours):
        return True
    return same_name(ours, plain_one)


# --- traces ------------------------------------------------------------------------------------------

_FIELD = re.compile(r'([a-z_.]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')


def _number(text, default=0):
    return int(text, 0) if text else default


def records(path, kinds):
    """The records of a trace of these kinds: (time, kind, {field: text}).  Fields that are 0 are not there."""
    child = subprocess.Popen([PARASCOPE, "dump", path], stdout=subprocess.PIPE, text=True,
                             errors="replace")
    try:
        for line in child.stdout:
            ts, _, rest = line.partition(" ")
            kind, _, rest = rest.rstrip("\n").partition(" ")
            if kind in kinds:
                yield int(ts), kind, {k: v[1:-1] if v.startswith('"') else v
                                      for k, v in _FIELD.findall(rest)}
    finally:
        child.stdout.close()
        if child.wait(TIMEOUT_S) > 0:
            raise Failed(f"parascope dump {path}: exit {child.returncode}")


class Trace:
    """What a trace knows of native stacks."""

    def __init__(self, path):
        self.samples = []  # (time, tid, why, stack id, address of the word, weight)
        self.stacks = {}  # id -> (process, flags, native addresses, innermost first)
        self.spaces = {}  # id -> address space that the addresses are of
        self.frames = {}  # (process, address) -> [{function, file, line, module, offset, flags}], inlined first
        self.spaced = {}  # the same by (process, address space, address): exec and dlclose make several
        self.begun = {}  # tid -> when it fell asleep in a futex call or one returned without that, in order
        inlined = {}
        for ts, kind, f in records(path, ("sample", "stack", "frame", "futex", "switch")):
            tid = _number(f.get("tid"))
            if kind in ("futex", "switch"):
                if f.get("prev_state") == "futex" or kind == "futex" and not _number(f.get("flags")) & 1:
                    self.begun.setdefault(tid, []).append(ts)
            elif kind == "sample":
                self.samples.append((ts, tid, f.get("why", "cpu"), _number(f.get("stack")),
                                     _number(f.get("addr")), _number(f.get("weight_ns"))))
            elif kind == "stack":
                ids = [i.split(":") for i in f.get("frames", "").split(",") if i]
                self.spaces[_number(f.get("id"))] = _number(f.get("space"))
                self.stacks[_number(f.get("id"))] = (
                    tid, _number(f.get("flags")),
                    [int(instr, 0) for code, instr in ids if int(code, 0) == CODE_NATIVE])
            elif _number(f.get("code")) == CODE_NATIVE:
                row = {"function": f.get("function", ""), "file": f.get("file", ""),
                       "line": _number(f.get("line")), "module": f.get("module", ""),
                       "offset": _number(f.get("offset")), "flags": _number(f.get("flags"))}
                inlined[tid, _number(f.get("space")), _number(f.get("instr")), _number(f.get("depth"))] = row
        for (tid, space, instr, _), row in sorted(inlined.items()):
            self.spaced.setdefault((tid, space, instr), []).append(row)
        for (tid, _, instr), rows in self.spaced.items():
            self.frames[tid, instr] = rows
        self.samples.sort()
        for times in self.begun.values():
            times.sort()

    def calls_between(self, tid, begin, end):
        """How many futex calls this thread was in after begin, up to end."""
        times = self.begun.get(tid, [])
        return bisect.bisect_right(times, end) - bisect.bisect_right(times, begin)

    def functions(self, stack):
        """Names of the functions of a stack, inlined ones too; "" where there is none."""
        pid, _, addresses = self.stacks[stack]
        return [row["function"] for a in addresses
                for row in self.spaced.get((pid, self.spaces[stack], a), [{"function": ""}])]


def why_not_whole(trace, samples):
    """{reason: number of samples}, and how many were whole, of these samples."""
    reasons, whole = {}, 0
    for sample in samples:
        stack = trace.stacks.get(sample[3])
        flags = stack[1] if stack else 0
        if flags & WHOLE:
            whole += 1
            continue
        names = [n for n, bit in STACK_FLAGS.items() if flags & bit]
        if not sample[3]:
            names = ["no stack"]
        elif not stack:
            names = ["stack not in the trace"]
        elif not stack[2]:
            names.append("no native frame")
        where = ""
        if stack and stack[2]:
            row = trace.frames.get((stack[0], stack[2][-1]), [{}])[-1]
            where = f" at {row.get('function') or '?'} ({row.get('module') or hex(stack[2][-1])})"
        reason = "+".join(names or ["no flag"]) + where
        reasons[reason] = reasons.get(reason, 0) + 1
    return dict(sorted(reasons.items(), key=lambda r: -r[1])), whole


# --- gdb -----------------------------------------------------------------------------------------------

FUTEX_CALL = "202"


def in_futex(pid):
    """The threads of a stopped process that were in a futex call when they were stopped."""
    tids = []
    for tid in lib.tids(pid):
        try:
            with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as f:
                if f.read().split()[0] == FUTEX_CALL:
                    tids.append(tid)
        except OSError:
            pass
    return tids


def gdb_stacks(pid):
    """{tid: {"frames", "end"}} of a stopped process, as gdb sees them."""
    to = temp("gdb.json")
    if os.path.exists(to):
        os.unlink(to)
    options = ("debuginfod enabled off", "confirm off", "pagination off", "auto-load off",
               "print frame-arguments none", "backtrace past-main on", "backtrace limit 300",
               f"debug-file-directory {temp('none')}")
    done = subprocess.run(
        ["gdb", "-nx", "-batch", *(a for o in options for a in ("-iex", f"set {o}")),
         "-p", str(pid), "-x", os.path.join(NATIVE, "gdb_stacks.py")],
        env=dict(os.environ, STACKS_TO=to), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
    if not os.path.exists(to):
        raise Failed(f"gdb wrote no stacks: {done.stdout[-800:]}")
    with open(to, encoding="utf-8") as f:
        return {int(tid): stack for tid, stack in json.load(f).items()}


class Round:
    """A stop of the program: from before it to after it, who was in a futex call, gdb's stacks.

    The stop takes each of these threads out of its call, and it leaves the stop by going into the same
    call again: what parascope sees the call end with is the stack that gdb reads."""

    def __init__(self, pid):
        self.begin, _ = lib.stop(pid)
        try:
            self.waiting = in_futex(pid)
            self.stacks = gdb_stacks(pid) if self.waiting else {}
        finally:
            self.end, _ = lib.resume(pid)


# --- symbols -------------------------------------------------------------------------------------------


def _readelf(option, path):
    return subprocess.run(["readelf", option, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace", timeout=TIMEOUT_S, check=False).stdout.splitlines()


class Symbols:
    """The functions that an ELF file itself names, by readelf."""

    def __init__(self, path):
        self.functions = []  # (begin, size, name)
        self.segments = []  # (offset in the file, size there, address)
        for line in _readelf("-WsC", path):
            f = line.split(None, 7)
            if len(f) == 8 and f[3] in ("FUNC", "IFUNC", "NOTYPE") and f[6] not in ("UND", "ABS"):
                self.functions.append((int(f[1], 16), int(f[2], 0), f[7]))
        for line in _readelf("-Wl", path):
            f = line.split()
            if f and f[0] == "LOAD":
                self.segments.append((int(f[1], 16), int(f[4], 16), int(f[2], 16)))

    def names(self, offset):
        """All names of the function at this place of the file; nothing outside of any."""
        for begin, size, address in self.segments:
            if begin <= offset < begin + size:
                at = offset - begin + address
                return {plain(name) for first, n, name in self.functions if first <= at < first + n}
        return set()


class Files:
    """The files that a process has mapped: they judge where parascope and gdb name a function differently."""

    _symbols = {}

    def __init__(self, pid):
        self.maps, self.known = [], {}
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
            for line in f:
                fields = line.rstrip("\n").split(None, 5)
                if len(fields) == 6 and fields[5].startswith("/"):
                    begin, _, end = fields[0].partition("-")
                    self.maps.append((int(begin, 16), int(end, 16), int(fields[2], 16), fields[5]))

    def names(self, address):
        """All names that symbol tables have for this address."""
        if address not in self.known:
            self.known[address] = set()
            for begin, end, offset, path in self.maps:
                if begin <= address < end:
                    if path not in self._symbols:
                        self._symbols[path] = Symbols(path)
                    self.known[address] = self._symbols[path].names(address - begin + offset)
        return self.known[address]


# --- comparing ------------------------------------------------------------------------------------------


class Comparison:
    """Stacks of parascope against those of gdb.

    The rules.  Frames are compared one by one from the innermost, inlined functions as one frame with the
    function that has them.  A frame is equal if
     - its address is: parascope's lies in the calling instruction, which ends where gdb says that the call
       returns to, so it is the same or up to MAX_CALL bytes less (the innermost frame, and the one that a
       signal interrupted: the very instruction, or the one before it);
     - and its name is: parascope's is gdb's or one that the file's symbol table has for this address
       (aliases, versions), cut where a record ends; or it has none and the symbol table has none either, whatever gdb says (it takes
       the nearest name before, if that has no size).
    Both stacks must have the same number of frames: neither may end early, nor go on.
    A thread that was already back from its call when it was stopped is not compared (`moved`): its
    innermost address is not the call's, or it began another futex call before the program went on.
    """

    MAX_CALL = 8

    def __init__(self, trace, files):
        self.trace, self.files = trace, files
        self.equal, self.compared, self.moved, self.unseen, self.differing = 0, 0, 0, 0, []
        self.frames = self.inlined = self.inlined_equal = 0
        self.different = set()

    def _name_differs(self, address, row, theirs):
        ours = row.get("function", "")
        if ours and is_called(ours, plain(theirs)):
            return None
        known = self.files.names(address)
        if any(is_called(ours, k) for k in known) or not ours and not known:
            return None
        return f"{ours[:90] or '?'} is {' or '.join([plain(theirs) or '?', *sorted(known)])}"

    def _inlined(self, rows, frame):
        """Functions that are inlined at an address, when both know that there are."""
        if len(rows) > 1 and len(frame["names"]) > 1:
            self.inlined += 1
            self.inlined_equal += len(rows) == len(frame["names"]) and all(
                is_called(r["function"], plain(n)) for r, n in zip(rows, frame["names"]))

    def difference(self, pid, addresses, frames):
        """What is the first thing that differs; None: nothing."""
        exact = True  # this frame's address is that of an instruction, not of a return
        for i, (ours, frame) in enumerate(zip(addresses, frames)):
            off = frame["pc"] - ours
            if not 0 <= off <= self.MAX_CALL:
                return f"frame {i}: address {ours:#x}, gdb {frame['pc']:#x} {frame['names'][-1]}"
            if exact and off > 2:  # syscall is two bytes
                return f"frame {i}: address {ours:#x} of an instruction, gdb {frame['pc']:#x}"
            exact = frame["signal"]
            self.frames += 1
            rows = self.trace.frames.get((pid, ours), [])
            if not frame["signal"]:
                said = self._name_differs(ours, rows[-1] if rows else {}, frame["names"][-1])
                if said:
                    return f"frame {i}: {said} at {ours:#x}"
                self._inlined(rows, frame)
        if len(addresses) != len(frames):
            ends = [f["names"][-1] for f in frames[min(len(addresses), len(frames)) - 1:]][:3]
            return f"{len(addresses)} frames, gdb has {len(frames)}: from {ends} on"
        return None

    def take(self, stop):
        """All threads of one stop."""
        samples = {}
        for ts, tid, why, stack, _, _ in self.trace.samples:
            if stop.begin <= ts <= stop.end and why in WAITS:
                samples[tid] = stack, ts
        for tid in stop.waiting:
            stack, ts = samples.get(tid, (0, 0))
            pid, flags, addresses = self.trace.stacks.get(stack, (0, 0, []))
            frames = stop.stacks.get(tid, {"frames": []})["frames"]
            if not addresses or not frames:
                self.unseen += 1  # its turn to be sampled had not come
                continue
            if not 0 <= frames[0]["pc"] - addresses[0] <= 2 or self.trace.calls_between(tid, ts, stop.end):
                self.moved += 1
                continue
            self.compared += 1
            self.different.add(tuple(addresses))
            said = self.difference(pid, addresses, frames)
            if said:
                self.differing.append(f"{tid} (flags {flags}): {said}")
            else:
                self.equal += 1


class Watch:
    """A session on living processes that keeps its trace."""

    _traces = 0

    def __init__(self, pids, *options):
        Watch._traces += 1
        self.path = temp(f"{Watch._traces}.trace")
        self.attach = Attach(pids, "-o", self.path, *options)

    def close(self):
        """(report, trace)"""
        report = self.attach.report()
        trace = Trace(self.path)
        os.unlink(self.path)
        return report, trace


def stops(pid, rounds, pause_s):
    """So many stops, the program runs on in between."""
    found = []
    for _ in range(rounds):
        time.sleep(pause_s)
        if not lib.tids(pid):
            raise Failed("the program has ended")
        found.append(Round(pid))
    return found


def end_quietly(child, number=signal.SIGKILL):
    kill(child.pid, number)
    lib.end(child)
