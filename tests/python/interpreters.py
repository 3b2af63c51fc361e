# SPDX-License-Identifier: GPL-2.0-or-later
"""The interpreters of the table `interpreters`: where they are, and the command that runs a program.

None is installed: Debian's are unpacked by fetch.sh into a cache and run there with chroot, so that
/proc/PID/exe is the interpreter itself.  What cannot be had raises Missing with the reason.

usage: interpreters.py list [PATTERN...] | check NAME | run NAME PROGRAM ARGUMENT...
"""
import atexit
import filecmp
import fnmatch
import glob
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
INSIDE = "/parascope"  # where the programs are in a folder to chroot to
SYSTEM = "/usr/bin/python3"
FREE_THREADED = "PARASCOPE_PYTHON_FREE_THREADED"  # names a free-threaded interpreter


class Missing(Exception):
    """This interpreter cannot be had here."""


class Interpreter:
    """How to run a program of programs/ with one interpreter."""

    def __init__(self, name, prefix, env=None, programs=PROGRAMS):
        self.name, self.prefix, self.programs = name, prefix, programs
        self.env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", **(env or {}))
        self.env.pop("PYTHONPATH", None)

    def command(self, program, *args):
        return [*self.prefix, "-s", os.path.join(self.programs, program), *args]

    def evaluate(self, expression):
        """What an expression is there, as text; modules are imported by their name."""
        code = f"import sys, sysconfig; print({expression})"
        done = subprocess.run([*self.prefix, "-s", "-c", code], env=self.env, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode:
            raise Missing(f"{self.prefix[-1]} does not run: {done.stderr.strip()[-200:]}")
        return done.stdout.strip()


def _table():
    with open(os.path.join(HERE, "interpreters"), encoding="utf-8") as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {row[0]: row[1:] for row in rows}


def names(*patterns):
    return [n for n in _table() if not patterns or any(fnmatch.fnmatch(n, p) for p in patterns)]


def get(name):
    how, *needs = _table()[name]
    interpreter = HOW[how](name, *needs)
    interpreter.evaluate("sys.version")
    return interpreter


# --- how they are had -------------------------------------------------------------------------


def system(name):
    if not os.access(SYSTEM, os.X_OK):
        raise Missing(f"{SYSTEM} is missing")
    return Interpreter(name, [SYSTEM])


def _fetch(suite, package):
    """The folder of an unpacked package, with the programs in it."""
    done = subprocess.run([os.path.join(HERE, "fetch.sh"), suite, package], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise Missing((done.stdout + done.stderr).strip().splitlines()[0])
    root = done.stdout.strip()
    inside = root + INSIDE
    os.makedirs(inside, exist_ok=True)
    for path in glob.glob(os.path.join(PROGRAMS, "*.py")):
        copy = os.path.join(inside, os.path.basename(path))
        if not os.path.exists(copy) or not filecmp.cmp(path, copy, shallow=False):
            shutil.copy(path, f"{copy}.{os.getpid()}")
            os.rename(f"{copy}.{os.getpid()}", copy)  # another run may read it
    return root


def chroot(name, suite, package):
    root = _fetch(suite, package)
    return Interpreter(name, ["/usr/sbin/chroot", root, f"/usr/bin/{package}"], programs=INSIDE)


def loader(name, suite, package):
    """/proc/PID/exe is the dynamic loader then, the interpreter a mapped file like any other."""
    root = _fetch(suite, package)
    found = glob.glob(f"{root}/lib64/ld-linux-*") + glob.glob(f"{root}/lib/ld-linux-*")
    if not found:
        raise Missing(f"no dynamic loader in {root}")
    libraries = ":".join(glob.glob(f"{root}/lib/*-linux-gnu") + glob.glob(f"{root}/usr/lib/*-linux-gnu"))
    return Interpreter(name, [found[0], "--library-path", libraries, f"{root}/usr/bin/{package}"],
                       env={"PYTHONHOME": f"{root}/usr"})


def _pyenv(series):
    """The folder of pyenv's newest build of this series; its interpreters are a shared library."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = sorted(glob.glob(f"{root}/versions/{series}.[0-9]*"), key=lambda p: (len(p), p))
    if not found:
        raise Missing(f"no CPython {series} in {root}/versions")
    return found[-1]


def pyenv(name, series):
    return Interpreter(name, [f"{_pyenv(series)}/bin/python{series}"])


_folder = None


def _temp(name):
    """A path in a folder that is removed at the end."""
    global _folder
    if _folder is None:
        # an interpreter may need it until it ends, which the atexit functions of lib.py see to
        _folder = tempfile.TemporaryDirectory(prefix="parascope-python-", ignore_cleanup_errors=True)
        os.chmod(_folder.name, 0o755)
    return os.path.join(_folder.name, name)


def venv(name):
    """A virtual environment: its python is a link to the system's."""
    path = _temp("venv")
    if not os.path.exists(path):
        done = subprocess.run([SYSTEM, "-m", "venv", "--without-pip", path], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Missing(f"no virtual environment: {done.stdout.strip()[:200]}")
    return Interpreter(name, [f"{path}/bin/python3"])


def _flags(config, *which):
    done = subprocess.run([config, *which], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False)
    return shlex.split(done.stdout)


def embedded(name):
    """A program in C that has an interpreter in it: libpython of the system's, else of pyenv's 3.11."""
    config, env = "/usr/bin/python3-config", {}
    if not os.path.exists(config) or not _flags(config, "--includes"):
        prefix = _pyenv("3.11")
        config, env = f"{prefix}/bin/python3.11-config", {"LD_LIBRARY_PATH": f"{prefix}/lib",
                                                          "PYTHONHOME": prefix}
    path = _temp("embedded")
    done = subprocess.run([os.environ.get("CC", "gcc"), "-o", path, os.path.join(HERE, "embedded.c"),
                           *_flags(config, "--includes"), *_flags(config, "--ldflags", "--embed")],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Missing(f"cannot build embedded.c with {config}: {done.stdout.strip().splitlines()[0]}")
    return Interpreter(name, [path], env=env)


def threaded(name, gil=None):
    """No suite of Debian's has one: somebody has to build it, see tests/README.md.  gil: switched on."""
    path = os.environ.get(FREE_THREADED)
    if not path:
        found = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*t/bin/python3.[0-9]*t")))
        if not found:
            raise Missing(f"no free-threaded CPython; {FREE_THREADED} may name one")
        path = found[-1]
    interpreter = Interpreter(name, [path], env={"PYTHON_GIL": "1"} if gil else {})
    if interpreter.evaluate("sysconfig.get_config_var('Py_GIL_DISABLED')") != "1":
        raise Missing(f"{path} is not free-threaded")
    return interpreter


HOW = {f.__name__: f for f in (system, chroot, loader, pyenv, venv, embedded, threaded)}


# --- interpreters of a version that nobody knows ----------------------------------------------


def _sections(data):
    """(type, file offset, address, size, link, entry size) of an ELF file's sections."""
    offset, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    for i in range(count):
        _, kind, _, address, at, length, link, _, _, entry = struct.unpack_from(
            "<IIQQQQIIQQ", data, offset + i * size)
        yield kind, at, address, length, link, entry


def symbol_offset(data, wanted):
    """Where in the file the bytes of a dynamic symbol are."""
    sections = list(_sections(data))
    for kind, at, _, length, link, entry in sections:
        if kind != 11:  # SHT_DYNSYM
            continue
        names_at = sections[link][1]
        for symbol in range(at, at + length, entry):
            name, _, _, section, value = struct.unpack_from("<IBBHQ", data, symbol)
            begin = names_at + name
            if data[begin:begin + len(wanted) + 1] == wanted + b"\0":
                _, file_at, address, _, _, _ = sections[section]
                return file_at + value - address
    raise Missing(f"no symbol {wanted.decode()}")


def _patched(path, symbol, offset, old, new):
    """The bytes of a file in which some bytes of a symbol differ."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = symbol_offset(data, symbol) + offset
    if data[at:at + len(old)] != old:
        raise Missing(f"{path} has other bytes in {symbol.decode()}: {bytes(data[at:at + len(old)])}")
    data[at:at + len(new)] = new
    return data


def _write(path, data):
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)


def forged(base, name, symbol, offset, old, new):
    """A copy of an interpreter in which some bytes of a symbol differ: of its executable, or of the shared
    library that holds it."""
    *prefix, source = base.prefix
    root = prefix[1] if prefix else ""  # chroot ROOT
    library = "" if root else base.evaluate(
        "sysconfig.get_config_var('LIBDIR') + '/' + sysconfig.get_config_var('INSTSONAME')")
    change = (symbol, offset, old, new)
    if library.endswith(".so.1.0") and os.path.exists(library) and "pyenv" in source:
        path = _temp(name + ".so")
        _write(path, _patched(library, *change))
        return Interpreter(name, base.prefix, env={"LD_PRELOAD": path})
    path = f"{INSIDE}/{name}.{os.getpid()}" if root else _temp(name)
    if root and not os.path.exists(root + path):
        atexit.register(os.unlink, root + path)
    _write(root + path, _patched(root + source if root else os.path.realpath(source), *change))
    return Interpreter(name, [*prefix, path], programs=base.programs)


def main():
    what, *args = sys.argv[1:] or ["list"]
    if what == "list":
        print("\n".join(names(*args)))
        return
    try:
        interpreter = get(args[0])
    except Missing as reason:
        sys.exit(str(reason))
    if what == "check":
        print(interpreter.evaluate("sys.version.split()[0]"))
        return
    sys.exit(subprocess.call(interpreter.command(*args[1:]), env=interpreter.env))


if __name__ == "__main__":
    main()
