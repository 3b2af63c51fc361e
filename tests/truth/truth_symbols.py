# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of native code, whatever has become of the file: threads wait for a lock in a function of a known
name, in a program that is linked, stripped, started, moved, replaced in all the ways there are."""
import glob
import http.server
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import lib
from lib import Failed, PARASCOPE, PYTHON, Skip, TIMEOUT_S, main, run, start, temp, test, wait_for
from nativelib import (DEBUG_FILES, WAITS, Symbols, Trace, Watch, build, build_cpp, build_rust, end_quietly,
                       folded, hide_debug_files, need)

RIGHT = 0.95  # of the samples: the right function
SECONDS = 1.0  # some 200 samples of three threads that wait two thirds of the time
ENOUGH = 50  # samples, else nothing was measured
NOTICED_S = 0.05  # after it was loaded: time to read the mappings and the library's tables
PROMPT_S = 20  # to attach and to report: what is no file costs a name, no waiting
WAITING = ("waits_here", "nearly_last", "thread_main")
LOADER = "/lib64/ld-linux-x86-64.so.2"


# --- programs --------------------------------------------------------------------------------------


def built(name="names", *options):
    return build(name, "gcc", "-std=gnu11", "-O2", "-fomit-frame-pointer", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                 "names.c", *options, "-lpthread", "-o")


def library(name, function):
    """A shared library whose function of this name waits."""
    return build(name, "gcc", "-std=gnu11", "-O2", "-fomit-frame-pointer", "-fPIC", "-shared", "-Wl,--build-id",
                 "names_library.c", f"-DNAME={function}", "-o")


def copy(path, name):
    """A copy of a program that a test may spoil."""
    to = temp(name)
    shutil.copy(path, to)
    return to


def tool(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S,
                          check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stdout[-500:]}")
    return done.stdout


def build_id(path):
    return re.search(r"Build ID: ([0-9a-f]+)", tool("readelf", "-n", path))[1]


def split(name):
    """(stripped program, its debug file); no other program has its build id."""
    whole = built(f"{name}_whole", "-g", "-Wl,--build-id=uuid")
    program, debug = copy(whole, name), temp(f"{name}.debug")
    tool("objcopy", "--only-keep-debug", program, debug)
    tool("strip", "--strip-all", program)
    return program, debug


class Program:
    """A running program that has said that it is ready; real_pid: of the process that waits."""

    def __init__(self, *argv, env=None, **options):
        self.child = start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                           env=dict(os.environ, **(env or {})), **options)
        if self.child.stdout.readline() != "ready\n":
            raise Failed(f"{argv[0]} did not start")
        self.pid = self.child.pid

    def inner(self):
        """Of a program that started it as a child: the child."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as f:
            return int((f.read().split() or [0])[0])


# --- what parascope says ----------------------------------------------------------------------------


def stacks(trace, pid=None, why=("wait", "waited")):
    """[(process, [frame rows, innermost first])] of samples, but for main threads, which only join."""
    found = []
    for _, tid, reason, stack, _, _ in trace.samples:
        process, _, addresses = trace.stacks.get(stack, (tid, 0, []))
        if reason in why and (process != tid or "cpu" in why) and pid in (None, process):
            found.append((process, [row for a in addresses
                                    for row in trace.spaced.get((process, trace.spaces[stack], a), [{}])]))
    return found


def names(rows):
    return [row.get("function", "") for row in rows]


def contains(functions, wanted):
    """Are these functions, innermost first, among those of a stack, side by side?"""
    n = len(wanted)
    return any(tuple(functions[i:i + n]) == tuple(wanted) for i in range(len(functions) - n + 1))


def share(check, found, is_right, what):
    """Of so many samples the share that is right."""
    right = [rows for _, rows in found if is_right(rows)]
    check.that(len(found) >= ENOUGH, f"{what}: only {len(found)} samples")
    wrong = {}
    for _, rows in found:
        if not is_right(rows):
            text = str([(r.get("function"), r.get("module")) for r in rows][:7])
            wrong[text] = wrong.get(text, 0) + 1
    print(f"# {what}: {len(right)} of {len(found)} samples; not: {sorted(wrong.items(), key=lambda w: -w[1])[:2]}")
    check.that(len(right) >= RIGHT * len(found),
               f"{what}: {len(right)} of {len(found)} samples, wrong: {sorted(wrong.items(), key=lambda w: -w[1])[:3]}")


def functions_are(check, trace, wanted=WAITING, pid=None, what=None):
    share(check, stacks(trace, pid), lambda rows: contains(names(rows), wanted), what or " <- ".join(wanted))


def watched(program, *options, before=None, seconds=SECONDS, pid=None):
    """The trace of a program that runs already; before: something to do while it is watched."""
    begun = time.monotonic()
    watch = Watch([pid or program.pid], *options)
    if before:
        before()
    time.sleep(seconds)
    path = watch.path
    report = watch.attach.report()
    trace = Trace(path)
    trace.report, trace.path, trace.took = report, path, time.monotonic() - begun - seconds
    os.killpg(program.child.pid, signal.SIGKILL)
    trace.said = program.child.stdout.read()
    end_quietly(program.child)
    return trace


def all_right(check, program, *options, **more):
    functions_are(check, watched(program, *options, **more))


def watched_run(*argv, options=(), env=None):
    """The trace of a program from its first instruction to its end."""
    path = temp("run.trace")
    run(argv, "-o", path, *options, env=dict(os.environ, **(env or {})), check=False)
    return Trace(path)


# --- how a program is linked -------------------------------------------------------------------------


@test
def pie(check):
    """position independent"""
    all_right(check, Program(built("names_pie", "-fPIE", "-pie")))


@test
def non_pie(check):
    """at a fixed address"""
    all_right(check, Program(built("names_fixed", "-fno-pie", "-no-pie")))


@test
def static(check):
    """linked statically"""
    all_right(check, Program(built("names_static", "-DSTATIC", "-static")))


@test
def static_pie(check):
    """linked statically, position independent"""
    all_right(check, Program(built("names_static_pie", "-DSTATIC", "-static-pie", "-fPIE")))


@test
def stripped(check):
    """without symbols: its file's name and the place in there"""
    whole = built("names_stripped_whole")
    program = copy(whole, "names_stripped")
    tool("strip", "--strip-all", program)
    begin, size, _ = next(f for f in Symbols(whole).functions if f[2] == "waits_here")
    trace = watched(Program(program))
    share(check, stacks(trace),
          lambda rows: any(r.get("module") == "names_stripped" and not r["function"] and
                           begin <= r["offset"] < begin + size for r in rows), "module and offset")


@test
def debug_by_id(check):
    """its symbols in a file that is found by build id"""
    program, debug = split("names_by_id")
    number = build_id(program)
    place = f"{DEBUG_FILES}/.build-id/{number[:2]}/{number[2:]}.debug"
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.move(debug, place)
    trace = watched(Program(program))
    functions_are(check, trace)
    lines = [r["line"] for _, rows in stacks(trace) for r in rows if r.get("function") == "waits_here"]
    check.that(lines and all(lines), "lines of the debug file")


@test
def debug_by_link(check):
    """its symbols in a file that is found by debug link, below the folder for such files"""
    program, debug = split("names_by_link")
    tool("objcopy", "--remove-section", ".note.gnu.build-id", program)
    tool("objcopy", "--remove-section", ".note.gnu.build-id", debug)
    tool("objcopy", f"--add-gnu-debuglink={debug}", program)
    place = DEBUG_FILES + debug
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.move(debug, place)
    all_right(check, Program(program))


@test
def cpp(check):
    """C++: namespace, template"""
    program = Program(build_cpp("names_cpp", "names.cpp"))
    share(check, stacks(watched(program)),
          lambda rows: any(re.match(r"(void )?store::Shelf::take<.*>", f) for f in names(rows)) and
          any(f.startswith("store::visit") for f in names(rows)), "names of C++")


@test
def rust(check):
    """Rust: modules, generics, without the hash"""
    program = Program(build_rust("names_rs", "names.rs"))
    share(check, stacks(watched(program)),
          lambda rows: any(re.search(r"store::.*Shelf.*::take", f) for f in names(rows)) and
          any(re.search(r"store::visit$", f) for f in names(rows)), "names of Rust")


# --- where it lies -------------------------------------------------------------------------------------


@test
def deleted(check):
    """its file was deleted"""
    path = copy(built(), "names_deleted")
    program = Program(path)
    os.unlink(path)
    all_right(check, program)


@test
def replaced(check):
    """another file has its name by now"""
    other = copy(built("names_wrong", "-Dwaits_here=wrong_name", "-Dnearly_last=wrong_caller"), "names_other")
    path = copy(built(), "names_replaced")
    program = Program(path)
    os.rename(other, path)
    trace = watched(program)
    functions_are(check, trace)
    modules = {r["module"] for _, rows in stacks(trace) for r in rows if r.get("function") == "waits_here"}
    check.equal(modules, {"names_replaced"}, "module")


@test
def fifo_beside(check):
    """deleted, and a FIFO lies where it seems to be"""
    path = copy(built(), "names_fifo")
    program = Program(path)
    os.unlink(path)
    os.mkfifo(path)
    os.mkfifo(f"{path} (deleted)")
    trace = watched(program)
    functions_are(check, trace)
    check.that(trace.took < PROMPT_S, f"took {trace.took:.1f} s")


@test
def memory(check):
    """run from memory (memfd)"""
    code = ("import os, sys; f = os.memfd_create('names'); os.write(f, open(sys.argv[1], 'rb').read()); "
            "os.execve(f, ['names', 'lock'], os.environ)")
    all_right(check, Program(PYTHON, "-c", code, built()))


@test
def loader(check):
    """started by its dynamic linker"""
    all_right(check, Program(LOADER, built(), "lock"))


@test
def odd_name(check):
    """a name with a blank, a newline and (deleted)"""
    trace = watched(Program(copy(built(), "na mes\nof it (deleted)")))
    functions_are(check, trace)
    modules = {r["module"] for _, rows in stacks(trace) for r in rows if r.get("function") == "waits_here"}
    check.that(all(m.startswith("na mes") and m.endswith("of it (deleted)") for m in modules), f"module {modules}")


@test
def other_root(check):
    """another root, where the same path is another library"""
    path = library("libnames.so", "host_waits")
    root = temp("root")
    program, inner = built(), library("libnames_inner.so", "inner_waits")
    for at, file in (("/names", program), (path, inner),
                     *((f, f) for f in re.findall(r"(/\S+)", tool("ldd", program)))):
        os.makedirs(os.path.dirname(root + at), exist_ok=True)
        shutil.copy(file, root + at)
    for r, f, p in (("/", "host_waits", program), (root, "inner_waits", "/names")):
        trace = watched(Program("/usr/sbin/chroot", r, p, "library", env={"LIBRARY_A": path}))
        functions_are(check, trace, (f, "entry", "thread_main"))


@test
def pid_namespace(check):
    """in another PID namespace"""
    program = Program("unshare", "-pf", "--mount-proc", built(), "lock")
    all_right(check, program, pid=wait_for("the child", program.inner))


# --- what changes while it is watched ---------------------------------------------------------------------


@test
def ended(check):
    """the process has ended, and its file is gone, before the report"""
    path = copy(built(), "names_ended")
    program = Program(path, "lock", "4")

    def end():
        # not waited for: its id stays its own
        wait_for("its end", lambda: lib.thread_state(program.pid, program.pid) == "Z")
        os.unlink(path)

    all_right(check, program, before=end, seconds=0.5)


@test
def forks(check):
    """children that never call exec, each there for 0.15 s"""
    trace = watched(Program(built(), "fork"), seconds=2)
    found = stacks(trace)
    functions_are(check, trace)
    check.that(len({pid for pid, _ in found}) >= 3, "children seen")


def turns(trace, wanted):
    """The functions of this list in the order in which the stacks have them, repetitions left out."""
    order = []
    for _, rows in stacks(trace):
        order += [n for n in names(rows) if n in wanted and n not in order[-1:]]
    return order


@test
def exec_other(check):
    """exec of another program with the same addresses: stacks before and after it have their own names"""
    other = built("names_again", "-fno-pie", "-no-pie", "-Dwaits_here=other_here", "-Dnearly_last=other_last")
    path = built("names_fixed", "-fno-pie", "-no-pie")
    trace = watched_run(path, "exec", env={"NEXT": other})
    share(check, stacks(trace), lambda rows: contains(names(rows), WAITING) or
          contains(names(rows), ("other_here", "other_last", "thread_main")), "own names")
    check.equal(turns(trace, ("waits_here", "other_here")), ["waits_here", "other_here"], "order")


@test
def loaded(check):
    """a library that is loaded while it is watched"""
    trace = watched_run(built(), "dlopen", "3", env={"LIBRARY_A": library("libnames.so", "host_waits")})
    functions_are(check, trace, ("host_waits", "entry", "thread_main"))


@test
def reloaded(check):
    """two libraries in turns at the same address: each has its own names"""
    env = {"LIBRARY_A": library("liba.so", "waits_in_a"), "LIBRARY_B": library("libb.so", "waits_in_b")}
    trace = watched(Program(built(), "reload", env=env), seconds=3)
    check.that("another" not in trace.said, "they come to different addresses")
    known = re.findall(r"(\S+) ([ab]) (\S+)\n", trace.said)
    check.that(len(known) >= 3, f"the program says {trace.said}")
    right, wrong, between = 0, 0, 0
    for ts, tid, why, stack, _, _ in trace.samples:
        if why not in WAITS or trace.stacks.get(stack, (tid,))[0] == tid:
            continue
        name = next((n for n in trace.functions(stack) if n.startswith("waits_in_")), None)
        there = next((f"waits_in_{which}" for begin, which, end in known
                      if float(begin) + NOTICED_S <= ts / 1e9 <= float(end)), None)
        right += name == there and there is not None
        wrong += name != there and there is not None
        between += there is None
    print(f"# {right} of {right + wrong} samples, {between} too early to tell")
    check.that(right >= RIGHT * (right + wrong) and right >= ENOUGH, f"{right} right, {wrong} wrong")


# --- code without a file ----------------------------------------------------------------------------------


MADE = ("waits_here", "nearly_last", "made_at_run_time", "thread_main")


def made(check, mode="jit", env=None, wanted=MADE, before=None, seconds=SECONDS, argv=(), ns_pid=None):
    """A program that makes code and names it."""
    program = Program(*argv, built(), mode, env=env)
    pid = wait_for("the child", program.inner) if argv or mode == "jitfork" else program.pid
    path = f"/tmp/perf-{ns_pid or (program.pid if mode == 'jitfork' else pid)}.map"
    try:
        if before:
            before(program, path)
        trace = watched(program, pid=f"{program.pid},{pid}", seconds=seconds)
        functions_are(check, trace, wanted)
        return trace
    finally:
        if os.path.lexists(path):
            os.unlink(path)


@test
def made_at_run_time(check):
    """code made at run time, named in its perf map"""
    trace = made(check)
    modules = {r["module"] for _, rows in stacks(trace) for r in rows if r.get("function") == "made_at_run_time"}
    check.equal(modules, {"[jit]"}, "module")


@test
def made_in_namespace(check):
    """the same in another PID namespace: the name has its inner number"""
    if os.path.exists("/tmp/perf-1.map"):
        raise Skip("somebody has a /tmp/perf-1.map")
    made(check, argv=("unshare", "-pf", "--mount-proc"), ns_pid=1)


@test
def made_by_parent(check):
    """a forked child that runs its parent's code"""
    made(check, "jitfork")


@test
def named_late(check):
    """named a second after it has been run"""
    made(check, env={"JIT_LATE": "1"}, seconds=2.5)


def no_map(check, prepare):
    """A map that is none: ignored, all else is named, and nobody waits."""
    trace = made(check, env={"JIT_SILENT": "1"}, wanted=("waits_here", "nearly_last", ""), before=prepare)
    check.that(trace.took < PROMPT_S, f"took {trace.took:.1f} s")
    modules = {rows[names(rows).index("nearly_last") + 1]["module"] for _, rows in stacks(trace)
               if "nearly_last" in names(rows)}
    check.equal(modules, {"[jit]"}, "module of the code without a name")


@test
def map_is_fifo(check):
    """a perf map that is a FIFO"""
    no_map(check, lambda _, path: os.mkfifo(path))


@test
def map_is_link(check):
    """a perf map that is a link to /etc/shadow"""
    no_map(check, lambda _, path: os.symlink("/etc/shadow", path))


@test
def map_of_stranger(check):
    """a perf map that belongs to somebody else"""
    def prepare(program, path):
        with open(f"/proc/{program.pid}/maps", encoding="utf-8") as f:
            begin = next(l.split("-")[0] for l in f if "rwxp" in l)
        with open(path, "w", encoding="ascii") as f:
            f.write(f"{begin} 1000 a_lie\n")
        os.chown(path, 12345, 12345)

    no_map(check, prepare)


@test
def python_perf(check):
    """CPython's own names of Python functions (-X perf)"""
    versions = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1[2-9]*/bin/python3")))
    if not versions:
        raise Skip("no Python 3.12 or later in ~/.pyenv/versions")
    code = ("import threading, time\nlock = threading.Lock()\n"
            "def waits_in_python():\n  with lock: time.sleep(0.003)\n"
            "def work():\n  while True: waits_in_python()\n"
            "t = [threading.Thread(target=work, daemon=True) for _ in range(3)]\n"
            "[x.start() for x in t]\nprint('ready', flush=True)\ntime.sleep(60)\n")
    program = Program(versions[-1], "-X", "perf", "-c", code)
    try:
        trace = watched(program)
    finally:
        for left in glob.glob(f"/tmp/perf-{program.pid}.map"):
            os.unlink(left)
    share(check, stacks(trace), lambda rows: any(n.startswith("py::waits_in_python:") for n in names(rows)),
          "trampolines")


# --- the kernel's code --------------------------------------------------------------------------------------


@test
def vdso(check):
    """the code that the kernel maps into each process"""
    trace = watched(Program(built(), "clock"), seconds=3)
    found = stacks(trace, why=("cpu",))
    inside = [s for s in found if any(r.get("module") == "[vdso]" for r in s[1])]
    check.that(len(inside) >= 0.2 * len(found), f"only {len(inside)} of {len(found)} samples in the vdso")
    share(check, inside, lambda rows: any("clock_gettime" in r.get("function", "") for r in rows
                                          if r.get("module") == "[vdso]") and "reads_clock" in names(rows),
          "names of the vdso")


@test
def kernel(check):
    """frames of the kernel"""
    trace = watched(Program(built(), "kernel"))
    total = right = 0
    for line in folded(trace.path, "on-cpu"):
        stack, _, count = line.rpartition(" ")
        total += int(count)
        right += int(count) if re.search("random|chacha", stack) and "asks_kernel" in stack else 0
    print(f"# {right} of {total} us in the kernel below asks_kernel()")
    check.that(right >= 0.9 * total > 0, f"{right} of {total} us in the kernel below asks_kernel(): "
               f"{folded(trace.path, 'on-cpu')[:4]}")


# --- debuginfod ------------------------------------------------------------------------------------------------


class Server:
    """A debuginfod that has one file, and takes its time."""

    def __init__(self, number, path, seconds=0):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                if self.path != f"/buildid/{number}/debuginfo":
                    self.send_error(404)
                    return
                time.sleep(seconds)
                with open(path, "rb") as f:
                    data = f.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        os.environ["DEBUGINFOD_URLS"] = f"http://127.0.0.1:{self.server.server_address[1]}"
        os.environ["DEBUGINFOD_CACHE_PATH"] = temp("debuginfod")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        del os.environ["DEBUGINFOD_URLS"], os.environ["DEBUGINFOD_CACHE_PATH"]


@test
def debuginfod(check):
    """debug files from a server, if the user asks; it answers when the program is gone already"""
    need("debuginfod-find")
    program, debug = split("names_afar")
    number = build_id(program)
    server = Server(number, debug, seconds=5)
    try:
        all_right(check, Program(program, "lock", "4"), "--debuginfod", seconds=1)
        check.that(f"/buildid/{number}/debuginfo" in server.asked, f"asked for {server.asked}")
    finally:
        server.close()


@test
def nobody_asked(check):
    """without --debuginfod no socket to anywhere is made"""
    need("strace")
    program, debug = split("names_alone")
    server, log = Server(build_id(program), debug), temp("sockets")
    child = Program(program)
    try:
        done = subprocess.run(["strace", "-f", "-o", log, "-e", "trace=socket,connect,execve", PARASCOPE, "attach",
                               "-d", "1s", str(child.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False)
        check.equal(done.returncode, 0, f"exit code ({done.stdout[-300:]})")
        with open(log, encoding="utf-8") as f:
            said = f.read()
        check.that("execve(" in said, "strace saw nothing")
        check.that("AF_INET" not in said, f"a socket: {[l for l in said.splitlines() if 'AF_INET' in l][:3]}")
        check.that("debuginfod" not in said, "debuginfod-find was run")
        check.equal(server.asked, [], "the server was asked")
    finally:
        server.close()


hide_debug_files()
need("gcc")

main()
