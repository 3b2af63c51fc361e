#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""elf_files.py FOLDER - writes ELF files that are meant to do harm, each in its own way.

One file for each idea; the name says which.  elf_driver.c asks the sandboxed parser about all of them.  The
same files come out every time.  FOLDER/.expect has lines "NAME WORD" where more than "no harm" is expected:
refused (no answers at all), fine (unwind rows and a function), nolink (its debug link is not passed on).
"""
import os
import random
import struct
import subprocess
import sys
import zlib

OUT = sys.argv[1]
EXPECT = []
ODD = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
ODD64 = ODD + [1 << 44, 1 << 60, (1 << 63) - 1, 1 << 63, (1 << 64) - 8, (1 << 64) - 1]
MACHINE = 62 if os.uname().machine == "x86_64" else 183

SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_HASH, SHT_DYNAMIC, SHT_NOTE = 1, 2, 3, 5, 6, 7
SHT_NOBITS, SHT_DYNSYM, SHT_GROUP, SHT_XINDEX, SHT_GNU_HASH = 8, 11, 17, 18, 0x6ffffff6
SHF_ALLOC, SHF_COMPRESSED = 2, 0x800
TEXT = 0x1000


def save(name, data, expect=None):
    path = os.path.join(OUT, name)
    if os.path.exists(path):
        raise SystemExit(f"two files are called {name}")
    with open(path, "wb") as f:
        f.write(data)
    if expect:
        EXPECT.append(f"{name} {expect}\n")


def uleb(n):
    out = b""
    while True:
        n, low = n >> 7, n & 0x7f
        if not n:
            return out + bytes([low])
        out += bytes([low | 0x80])


def sleb(n):
    out = b""
    while True:
        low, n = n & 0x7f, n >> 7
        if (n == 0 and not low & 0x40) or (n == -1 and low & 0x40):
            return out + bytes([low])
        out += bytes([low | 0x80])


# --- ELF -----------------------------------------------------------------------------------------


class Section:
    def __init__(self, name, kind, data=b"", **fields):
        self.name, self.kind, self.data, self.fields = name, kind, data, fields


class Elf:
    """Sections in a row behind the headers.  Fields of headers can be overridden by name."""

    def __init__(self, sections, header=None, loads=None):
        self.sections = [Section("", 0)] + list(sections)
        self.header = header or {}
        self.loads = loads
        self.places = {}

    def index(self, name):
        if name not in self.places:
            self.places[name] = next((i for i, s in enumerate(self.sections) if s.name == name), 0)
        return self.places[name]

    def bytes(self):
        names = bytearray(b"\0")
        at = {}
        for s in self.sections:
            at[s.name] = len(names) if s.name else 0
            names += s.name.encode() + b"\0" if s.name else b""
        listed = self.sections
        if not self.index(".shstrtab"):
            at[".shstrtab"] = len(names)
            names += b".shstrtab\0"
            listed = listed + [Section(".shstrtab", SHT_STRTAB, names)]
        loads = self.loads if self.loads is not None else [{}]
        body, headers = bytearray(), bytearray()
        start = 64 + 56 * len(loads)
        for s in listed:
            pad = -(start + len(body)) % 8
            body += b"\0" * pad
            offset = start + len(body)
            f = dict(name=at[s.name], type=s.kind, flags=0, addr=0, offset=offset if s.kind else 0,
                     size=len(s.data), link=0, info=0, addralign=1 if s.kind else 0, entsize=0)
            for k, v in s.fields.items():
                f[k] = self.index(v) if isinstance(v, str) else v
            if f["flags"] & SHF_ALLOC and "addr" not in s.fields:
                f["addr"] = offset
            body += s.data
            headers += struct.pack("<IIQQQQIIQQ", *(f[k] & m for k, m in (
                ("name", 2**32 - 1), ("type", 2**32 - 1), ("flags", 2**64 - 1), ("addr", 2**64 - 1),
                ("offset", 2**64 - 1), ("size", 2**64 - 1), ("link", 2**32 - 1), ("info", 2**32 - 1),
                ("addralign", 2**64 - 1), ("entsize", 2**64 - 1))))
        pad = -(start + len(body)) % 8
        body += b"\0" * pad
        h = dict(type=3, machine=MACHINE, version=1, entry=TEXT, phoff=64 if loads else 0, shoff=start + len(body),
                 flags=0, ehsize=64, phentsize=56, phnum=len(loads), shentsize=64, shnum=len(listed),
                 shstrndx=len(listed) - 1)
        ident = self.header.get("ident", b"\x7fELF\2\1\1" + b"\0" * 9)
        h.update({k: v for k, v in self.header.items() if k != "ident"})
        head = ident + struct.pack("<HHIQQQIHHHHHH", *(h[k] for k in (
            "type", "machine", "version", "entry", "phoff", "shoff", "flags", "ehsize", "phentsize", "phnum",
            "shentsize", "shnum", "shstrndx")))
        programs = b""
        total = start + len(body) + len(headers)
        for load in loads:
            p = dict(type=1, flags=5, offset=0, vaddr=0, paddr=0, filesz=total, memsz=max(total, 1 << 21), align=0x1000)
            p.update(load)
            programs += struct.pack("<IIQQQQQQ", *(p[k] for k in (
                "type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align")))
        return bytes(head + programs + body + headers)


def symbol(name, info, shndx, value, size):
    return struct.pack("<IBBHQQ", name, info, 0, shndx, value, size)


def note(kind, name, desc, namesz=None, descsz=None):
    name += b"\0" * (-len(name) % 4)
    return struct.pack("<III", namesz if namesz is not None else len(name), descsz if descsz is not None else len(desc),
                       kind) + name + desc + b"\0" * (-len(desc) % 4)


def build_id(raw):
    return Section(".note.gnu.build-id", SHT_NOTE, note(3, b"GNU\0", raw), flags=SHF_ALLOC, addralign=4)


def debuglink(name, crc=0):
    name += b"\0" * (-len(name) % 4 or (0 if name.endswith(b"\0") else 4))
    return Section(".gnu_debuglink", SHT_PROGBITS, name + struct.pack("<I", crc))


def altlink(path, raw):
    return Section(".gnu_debugaltlink", SHT_PROGBITS, path + b"\0" + raw)


# --- DWARF: one unit with one function that has another inlined --------------------------------------

TAG_CU, TAG_SUB, TAG_INLINED, TAG_IMPORTED, TAG_PARTIAL = 0x11, 0x2e, 0x1d, 0x3d, 0x3c
AT_SIBLING, AT_NAME, AT_STMT, AT_LOW, AT_HIGH = 0x01, 0x03, 0x10, 0x11, 0x12
AT_ORIGIN, AT_SPEC, AT_RANGES, AT_IMPORT, AT_CALL_LINE = 0x31, 0x47, 0x55, 0x18, 0x59
F_ADDR, F_DATA2, F_DATA4, F_DATA8, F_STRING, F_STRP, F_DATA1 = 0x01, 0x05, 0x06, 0x07, 0x08, 0x0e, 0x0b
F_REF4, F_REF8, F_UDATA, F_INDIRECT, F_SECOFF, F_BLOCK, F_REFADDR = 0x13, 0x14, 0x0f, 0x16, 0x17, 0x09, 0x10
F_STRX, F_REFALT, F_STRPALT, F_EXPRLOC, F_IMPLICIT = 0x1a, 0x1f20, 0x1f21, 0x18, 0x21

ABBREVS = [
    (1, TAG_CU, 1, [(AT_NAME, F_STRING), (AT_STMT, F_SECOFF), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8)]),
    (2, TAG_SUB, 1, [(AT_NAME, F_STRING), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8)]),
    (3, TAG_INLINED, 1, [(AT_ORIGIN, F_REF4), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8), (AT_CALL_LINE, F_DATA1)]),
    (4, TAG_SUB, 0, [(AT_NAME, F_STRING)]),
    (5, TAG_SUB, 0, [(AT_ORIGIN, F_REF4)]),
    (6, TAG_SUB, 0, [(AT_SPEC, F_REF4)]),
    (7, TAG_SUB, 1, [(AT_SIBLING, F_REF4), (AT_NAME, F_STRING)]),
    (8, TAG_IMPORTED, 0, [(AT_IMPORT, F_REFADDR)]),
    (9, TAG_SUB, 1, [(AT_NAME, F_STRING), (AT_RANGES, F_SECOFF)]),
    (10, TAG_SUB, 0, [(AT_ORIGIN, F_REFALT)]),
    (11, TAG_SUB, 1, [(AT_NAME, F_INDIRECT), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8)]),
    (12, TAG_SUB, 1, [(AT_NAME, F_STRP), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8)]),
    (13, TAG_INLINED, 1, [(AT_ORIGIN, F_REF4), (AT_RANGES, F_SECOFF)]),
    (14, TAG_SUB, 1, [(AT_ORIGIN, F_REF4), (AT_LOW, F_ADDR), (AT_HIGH, F_DATA8)]),
]


def abbrevs(rows=None):
    out = b""
    for code, tag, children, attrs in rows or ABBREVS:
        out += uleb(code) + uleb(tag) + bytes([children])
        for at, form in attrs:
            out += uleb(at) + uleb(form)
        out += b"\0\0"
    return out + b"\0"


def cu(dies, version=4, addr=8, abbrev=0, length=None, size=0x1000, name=b"unit.c\0", end=b"\0"):
    die = uleb(1) + name + struct.pack("<IQQ", 0, TEXT, size) + dies + end
    body = struct.pack("<HIB", version, abbrev, addr) + die
    return struct.pack("<I", len(body) if length is None else length) + body


CU_HEAD = 11 + 1 + 7 + 4 + 8 + 8  # where the first DIE below the unit lies


def sub(name=b"f\0", low=TEXT, size=0x100, children=b""):
    return uleb(2) + name + struct.pack("<QQ", low, size) + children + b"\0"


def inlined(ref, low=TEXT, size=0x10, children=b""):
    return uleb(3) + struct.pack("<IQQB", ref, low, size, 7) + children + b"\0"


PLAIN_DIES = uleb(4) + b"inner\0" + sub(b"outer\0", TEXT, 0x100, inlined(CU_HEAD))


def line_program(ops, version=3, min_inst=1, line_base=-5, line_range=14, opcode_base=10, length=None,
                 header_length=None, dirs=b"\0", files=b"unit.c\0\0\0\0\0", lengths=None):
    lengths = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1]) if lengths is None else lengths
    rest = struct.pack("<B", min_inst) + (b"\1" if version >= 4 else b"") + struct.pack(
        "<BbBB", 1, line_base, line_range, opcode_base) + lengths + dirs + files
    body = struct.pack("<HI", version, len(rest) if header_length is None else header_length) + rest + ops
    return struct.pack("<I", len(body) if length is None else length) + body


SET_TEXT = b"\0\x09\2" + struct.pack("<Q", TEXT)
END = b"\0\1\1"
PLAIN_LINES = line_program(SET_TEXT + b"\x03\x09\x01" + b"\x02\x10\x01" * 8 + END)


def dwarf(info=None, abbrev=None, lines=None, extra=()):
    return [Section(".debug_info", SHT_PROGBITS, cu(PLAIN_DIES) if info is None else info),
            Section(".debug_abbrev", SHT_PROGBITS, abbrevs() if abbrev is None else abbrev),
            Section(".debug_line", SHT_PROGBITS, PLAIN_LINES if lines is None else lines), *extra]


# --- call frame information --------------------------------------------------------------------------

DEF_CFA = b"\x0c\x07\x08\x90\x01"  # rsp + 8, the return address one word below


def cie(instructions=DEF_CFA, augmentation=b"zR\0", data=b"\x1b", version=1, cfa_length=None, code=1, align=-8,
        column=16):
    body = struct.pack("<IB", 0, version) + augmentation + uleb(code) + sleb(align) + uleb(column)
    body += (uleb(len(data)) + data if augmentation[:1] == b"z" else b"") + instructions
    body += b"\0" * (-(len(body) + 4) % 8)
    return struct.pack("<I", len(body) if cfa_length is None else cfa_length) + body


def fde(at, cie_at, pc, size, instructions=b"", base=0, length=None):
    """at: of this record in the section; pc relative to where it is stored, as encoding 0x1b wants."""
    body = struct.pack("<Iii", (at + 4 - cie_at) & 0xffffffff, (pc - base - at - 8) & 0x7fffffff if pc >= base + at + 8
                       else pc - base - at - 8, size & 0x7fffffff) + b"\0" + instructions
    body += b"\0" * (-(len(body) + 4) % 8)
    return struct.pack("<I", len(body) if length is None else length) + body


def frames(*instructions, cies=None, sizes=None, end=b"\0\0\0\0", count=1, pc=TEXT):
    """A section .eh_frame at address 0x100000."""
    base = 0x100000
    out = bytearray(cies or cie())
    for _ in range(count):
        for i, ins in enumerate(instructions or [b"\x41\x0e\x10"]):
            out += fde(len(out), 0, pc + 0x100 * i, sizes if sizes else 0x100, ins, base)
    return Section(".eh_frame", SHT_PROGBITS, out + end, flags=SHF_ALLOC, addr=base, addralign=8)


# --- the honest file ------------------------------------------------------------------------------------


def honest(replace=(), drop=(), header=None, loads=None, override=None):
    names = b"\0alpha\0beta\0object\0"
    table = symbol(0, 0, 0, 0, 0) + symbol(1, 2, 1, TEXT, 0x80) + symbol(7, 0x12, 1, TEXT + 0x80, 0x80) + \
        symbol(12, 0x11, 1, 0x3000, 16)
    sections = [
        Section(".text", SHT_PROGBITS, b"\x90" * 256, flags=6, addr=TEXT),
        frames(b"\x41\x0e\x10", b"\x44\x0e\x20"),
        Section(".dynsym", SHT_DYNSYM, table[:48], flags=SHF_ALLOC, link=".dynstr", info=1, entsize=24),
        Section(".dynstr", SHT_STRTAB, names, flags=SHF_ALLOC),
        Section(".hash", SHT_HASH, struct.pack("<IIIII", 1, 2, 1, 0, 0), flags=SHF_ALLOC, link=".dynsym", entsize=4),
        build_id(bytes(range(20))),
        Section(".symtab", SHT_SYMTAB, table, link=".strtab", info=2, entsize=24),
        Section(".strtab", SHT_STRTAB, names),
        debuglink(b"honest.debug\0"),
        *dwarf(),
    ]
    sections = [s for s in sections if s.name not in drop and s.name not in [r.name for r in replace]] + list(replace)
    for s in sections:
        s.fields.update((override or {}).get(s.name, {}))
    return Elf(sections, header, loads)


def family_honest():
    save("honest", honest().bytes(), "fine")
    save("honest-no-debug", honest(drop=(".debug_info", ".debug_abbrev", ".debug_line")).bytes())
    save("honest-no-symbols", honest(drop=(".symtab", ".strtab", ".dynsym", ".dynstr", ".hash")).bytes())
    save("nothing", b"\0", "refused")
    save("text", b"#!/bin/sh\necho no\n", "refused")
    save("magic-only", b"\x7fELF", "refused")
    save("archive", b"!<arch>\n" + b"x/              0           0     0     644     10        `\nxxxxxxxxxx", "refused")
    save("archive-endless", b"!<arch>\n" + (b"x/" + b" " * 46 + b"0         `\n") * 1000, "refused")
    save("header-only", honest().bytes()[:64])
    save("noise", random.Random(1).randbytes(65536), "refused")
    save("elf-then-noise", honest().bytes()[:64] + random.Random(2).randbytes(65536))


def family_truncated():
    whole = honest().bytes()
    for i in range(60):
        save(f"truncated-{i:02}", whole[:max(1, len(whole) * i // 60)])
    for i in range(1, 20):
        save(f"truncated-headers-{i:02}", whole[:len(whole) - 64 * 15 + 47 * i])


def family_header():
    narrow = {"phoff": 64, "shoff": 64, "entry": 64}
    for field in ("type", "machine", "version", "phoff", "shoff", "flags", "ehsize", "phentsize", "phnum",
                  "shentsize", "shnum", "shstrndx"):
        width = narrow.get(field, 32 if field in ("version", "flags") else 16)
        for v in sorted({v & ((1 << width) - 1) for v in (0, 1, 0x40, 0x7fff, 0xff00, 0xfffe, 0xffff, 1 << 62, 1 << 63,
                                                          (1 << 64) - 64) if v < 1 << width}):
            save(f"header-{field}-{v:x}", honest(header={field: v}).bytes())
    for i, v in ((4, 0), (4, 1), (4, 3), (5, 0), (5, 2), (5, 9), (6, 0), (6, 2)):
        ident = bytearray(b"\x7fELF\2\1\1" + b"\0" * 9)
        ident[i] = v
        save(f"header-ident-{i}-{v}", honest(header={"ident": bytes(ident)}).bytes())


def first_section(**fields):
    e = honest()
    e.sections[0].fields.update(fields)
    return e


def family_extended_counts():
    for n in (0, 1, 0x10000, 0xffffffff, 1 << 44, 1 << 63, (1 << 64) - 1):
        e = first_section(size=n)
        e.header["shnum"] = 0
        save(f"sections-in-first-{n:x}", e.bytes())
    for n in (0, 1, 0xffff, 0xffffffff):
        e = first_section(info=n)
        e.header["phnum"] = 0xffff
        save(f"segments-in-first-{n:x}", e.bytes())
        e = first_section(link=n)
        e.header["shstrndx"] = 0xffff
        save(f"names-in-first-{n:x}", e.bytes())
    for n in (0, 1, 200, 0xff00, 0xffff):
        e = honest(loads=[{}] * (n if n < 300 else 1))
        e.header["phnum"] = n
        save(f"segments-{n:x}", e.bytes())
    save("segments-all-over", honest(loads=[{"vaddr": 0, "memsz": (1 << 64) - 1}] * 50).bytes())
    save("segments-negative", honest(loads=[{"vaddr": (1 << 64) - 0x1000, "offset": 1 << 63}]).bytes())
    save("segments-none", honest(loads=[]).bytes())
    for kind in (2, 3, 4, 6, 7, 0x6474e550, 0x6474e553):
        save(f"segment-kind-{kind:x}", honest(loads=[{}, {"type": kind, "filesz": 1 << 40}]).bytes())


def family_section_fields():
    for name in (".eh_frame", ".symtab", ".strtab", ".dynsym", ".debug_info", ".debug_line", ".debug_abbrev",
                 ".note.gnu.build-id", ".gnu_debuglink"):
        for field, values in (("offset", (1, 1 << 40, 1 << 63, (1 << 64) - 16)),
                              ("size", (0, 1, 7, 1 << 32, 1 << 44, (1 << 64) - 1)),
                              ("entsize", (0, 1, 1 << 63)), ("link", (0, 0xffff)), ("type", (0, 8)),
                              ("addralign", (0, 3, 1 << 63))):
            if field in ("entsize", "link") and name not in (".symtab", ".dynsym"):
                continue
            for v in values:
                save(f"section{name}-{field}-{v:x}", honest(override={name: {field: v}}).bytes())
    e = honest()
    for s in e.sections:
        s.fields["link"] = e.index(".symtab")
    save("section-links-to-symtab", e.bytes())
    save("section-link-self", honest(override={".symtab": {"link": ".symtab"}, ".dynsym": {"link": ".dynsym"}}).bytes())
    save("section-link-circle", honest(override={".symtab": {"link": ".dynsym"}, ".dynsym": {"link": ".symtab"}}).bytes())
    e = honest()
    for s in e.sections[1:]:
        s.fields["offset"], s.fields["size"] = 0, 4096
    save("sections-overlap", e.bytes())
    e = honest()
    for s in e.sections[1:]:
        s.fields["type"] = SHT_SYMTAB
    save("sections-all-symtab", e.bytes())
    e = honest()
    for s in e.sections[1:]:
        s.fields["type"] = SHT_NOBITS
    save("sections-nobits", e.bytes())
    save("sections-many", Elf([Section(f".s{i}", SHT_NOTE, b"") for i in range(60000)]).bytes())
    save("sections-same-name", Elf([frames() for _ in range(2000)] + dwarf() * 500).bytes())
    for i in range(4):
        save(f"group-{i}", honest(replace=[Section(".group", SHT_GROUP, struct.pack("<II", 1, [0, 1, 10**6, 12][i]) * 50,
                                                   link=".symtab", entsize=[4, 0, 4, 1][i])]).bytes())
        save(f"xindex-{i}", honest(replace=[Section(".symtab_shndx", SHT_XINDEX, b"\xff" * [0, 4, 3, 4000][i],
                                                    link=".symtab", entsize=4)]).bytes())


def family_strings():
    no_end = Section(".strtab", SHT_STRTAB, b"A" * 64)
    save("strings-without-end", honest(replace=[no_end]).bytes())
    save("strings-empty", honest(replace=[Section(".strtab", SHT_STRTAB)]).bytes())
    save("strings-names-without-end", honest(replace=[Section(".shstrtab", SHT_STRTAB, b".eh_frame" * 9)]).bytes())
    for i, offset in enumerate((18, 19, 63, 64, 0x7fffffff, 0xffffffff)):
        table = symbol(offset, 2, 1, TEXT, 0x80) * 3
        save(f"strings-offset-{i}", honest(replace=[Section(".symtab", SHT_SYMTAB, table, link=".strtab", entsize=24)]).bytes())
    for i, name in enumerate((b"\x1b]0;owned\x07\x1b[2J", b"a\nb\rc\td", b"\xc2\x9b31m", b"\xe2\x80\xaeabc",
                              b"\xff\xfe\x80", b"%n%s%s%n", b"</script><script>", b"x" * 1000000, b"_Z" + b"N1a" * 500 + b"E",
                              b"_ZN" + b"I" * 2000, b"_Z1f" + b"P" * 2000 + b"i", b"_Z1fI" + b"N" * 900 + b"XadL",
                              b"_ZZ" * 600 + b"1fvE", b"_RNv" + b"NtC1a1b" * 250, b"_RINvC1a1bB_B_B_B_B_B_B_E",
                              b"_RNvC1a" + b"99999999999999999999a", b"_Z1f" + b"S_" * 900 + b"T_",
                              b"_RI" + b"TB2_B2_" * 200 + b"E", b"_Z" + b"9" * 300 + b"a",
                              b"_Z3fooILb1EEv" + b"DpDpDp" * 300)):
        names = b"\0" + name + b"\0"
        table = symbol(0, 0, 0, 0, 0) + symbol(1, 0x12, 1, TEXT, 0x100) + symbol(1, 0x11, 1, 0x3000, 8)
        save(f"name-{i:02}", honest(drop=(".debug_info", ".dynsym", ".hash"), replace=[
            Section(".symtab", SHT_SYMTAB, table, link=".strtab", info=1, entsize=24),
            Section(".strtab", SHT_STRTAB, names)]).bytes())
        save(f"name-dwarf-{i:02}", honest(replace=dwarf(cu(sub(name + b"\0")), lines=line_program(
            SET_TEXT + b"\x01" + b"\x02\x10\x01" * 8 + END, files=name + b"\0\0\0\0\0"))).bytes())


def family_symbols():
    def table(rows):
        return [Section(".symtab", SHT_SYMTAB, rows, link=".strtab", info=1, entsize=24)]

    rng = random.Random(3)
    save("symbols-many", honest(replace=table(symbol(1, 2, 1, TEXT, 0x80) * 600000)).bytes())
    save("symbols-nested", honest(replace=table(b"".join(
        symbol(1, 2, 1, TEXT + i, 0x100000 - 2 * i) for i in range(200000)))).bytes())
    save("symbols-descending", honest(replace=table(b"".join(
        symbol(1, 2, 1, TEXT + 400000 - i, 1) for i in range(300000)))).bytes())
    save("symbols-random", honest(replace=table(rng.randbytes(24 * 100000))).bytes())
    for i, (value, size) in enumerate((((1 << 64) - 1, 1), (TEXT, (1 << 64) - 1), (0, (1 << 64) - 1), (1 << 63, 1 << 63),
                                       (TEXT, 0))):
        save(f"symbols-range-{i}", honest(replace=table(symbol(1, 2, 1, value, size) * 3 +
                                                        symbol(1, 1, 1, value, size) * 3)).bytes())
    for i, words in enumerate(((1, 2, 1, 1, 1), (0, 2, 0, 0), (0xffffffff, 2, 1, 0), (1, 0xffffffff, 1, 0), (2, 2, 1, 1, 0, 0),
                               (1, 3, 1, 2, 1))):
        save(f"hash-loop-{i}", honest(replace=[Section(".hash", SHT_HASH, struct.pack(f"<{len(words)}I", *words),
                                                       flags=SHF_ALLOC, link=".dynsym", entsize=4)]).bytes())
    for i, words in enumerate(((0, 1, 1, 0), (1, 1, 0, 0, 0, 0, 1, 0), (1, 1, 0xffffffff, 64), (0xffffffff, 0, 1, 0, 0, 0, 0, 0),
                               (1, 0, 1, 0, 0, 0, 0, 2, 2, 2))):
        save(f"gnu-hash-{i}", honest(drop=(".hash",), replace=[
            Section(".gnu.hash", SHT_GNU_HASH, struct.pack(f"<{len(words)}I", *words), flags=SHF_ALLOC,
                    link=".dynsym")]).bytes())


def family_notes():
    for i, raw in enumerate((b"", b"\1", b"../../../../etc/shadow", bytes(64), bytes(65), bytes(100000),
                             b"\x1b[2J" * 5)):
        save(f"build-id-{i}", honest(replace=[build_id(raw)]).bytes())
    for i, (namesz, descsz) in enumerate(((0, 20), (4, 0xffffffff), (0xffffffff, 20), (0xfffffffc, 0xfffffffc), (4, 0x7fffffff),
                                          (0x80000000, 0x80000000), (0, 0), (3, 20), (5, 20))):
        save(f"note-sizes-{i}", honest(replace=[Section(".note.gnu.build-id", SHT_NOTE, note(
            3, b"GNU\0", bytes(20), namesz, descsz), flags=SHF_ALLOC, addralign=4)]).bytes())
    save("notes-empty-many", honest(replace=[Section(".note.gnu.build-id", SHT_NOTE, bytes(12 * 300000), addralign=4)]).bytes())
    save("notes-align-8", honest(replace=[Section(".note.gnu.build-id", SHT_NOTE, note(3, b"GNU\0", bytes(20)), addralign=8)]).bytes())


def family_links(fifo):
    for i, name in enumerate((b"/etc/shadow", b"../../etc/shadow", b"../../../../../../etc/shadow", b"..", b".", b"/",
                              b"a/b", b"./x", fifo, b"/dev/zero", b"x" * 300)):
        save(f"debuglink-path-{i:02}", honest(replace=[debuglink(name)], drop=(".debug_info", ".symtab")).bytes(),
             "nolink" if name not in (b"..", b".") else None)
    for i, name in enumerate((b"", b"\x1b[2J", b"a\nb", b"x" * 255, b"x" * 256, b"..\0/etc/shadow", b"evil.debug",
                              b"-rf", b"%n")):
        save(f"debuglink-name-{i:02}", honest(replace=[debuglink(name)], drop=(".debug_info", ".symtab")).bytes())
    for i, raw in enumerate((b"", b"x", b"xxxxxxxxxxxx", b"\0\0\0", b"abc\0", b"abc\0\1\2")):
        save(f"debuglink-raw-{i}", honest(replace=[Section(".gnu_debuglink", SHT_PROGBITS, raw)],
                                         drop=(".debug_info", ".symtab")).bytes())
    for i, (path, raw) in enumerate(((fifo, bytes(20)), (b"/etc/shadow", bytes(20)), (b"/dev/zero", bytes(20)),
                                     (b"../../../../etc/shadow", bytes(20)), (b"x", b""), (b"x", bytes(65)),
                                     (b"", bytes(20)), (b"/proc/self/mem", bytes(20)), (b"x" * 10000, bytes(20)),
                                     (b"alt.debug", b"../../../../../etc/shadow"))):
        info = cu(PLAIN_DIES + uleb(10) + struct.pack("<I", 0x20))
        save(f"altlink-{i}", honest(replace=dwarf(info) + [altlink(path, raw)]).bytes())
    save("altlink-without-end", honest(replace=[Section(".gnu_debugaltlink", SHT_PROGBITS, b"x" * 50)]).bytes())


def family_dwarf():
    def info(name, *args, **more):
        save(f"dwarf-{name}", honest(replace=dwarf(*args, **more)).bytes())

    info("origin-self", cu(uleb(14) + struct.pack("<IQQ", CU_HEAD, TEXT, 0x100) + b"\0"))
    info("origin-pair", cu(uleb(5) + struct.pack("<I", CU_HEAD + 5) + uleb(5) + struct.pack("<I", CU_HEAD) +
                           sub(b"f\0", children=inlined(CU_HEAD))))
    info("origin-only-loop", cu(uleb(5) + struct.pack("<I", CU_HEAD) + uleb(14) + struct.pack("<IQQ", CU_HEAD, TEXT, 256) + b"\0"))
    info("specification-self", cu(uleb(6) + struct.pack("<I", CU_HEAD) + sub(b"f\0", children=inlined(CU_HEAD))))
    info("specification-pair", cu(uleb(6) + struct.pack("<I", CU_HEAD + 5) + uleb(6) + struct.pack("<I", CU_HEAD) +
                                  sub(b"f\0", children=inlined(CU_HEAD))))
    chain = b"".join(uleb(5) + struct.pack("<I", CU_HEAD + 5 * (i + 1)) for i in range(100000))
    info("origin-chain", cu(chain + uleb(4) + b"end\0" + sub(b"f\0", children=inlined(CU_HEAD))))
    for i, ref in enumerate((0, 1, 10, 0x7fffffff, 0xffffffff)):
        info(f"origin-wrong-{i}", cu(sub(b"f\0", children=inlined(ref))))
    info("sibling-back", cu(uleb(7) + struct.pack("<I", CU_HEAD) + b"f\0" + b"\0" + PLAIN_DIES))
    info("sibling-self", cu(uleb(7) + struct.pack("<I", CU_HEAD) + b"f\0" + sub() + b"\0"))
    info("sibling-far", cu(uleb(7) + struct.pack("<I", 0xfffffff0) + b"f\0" + b"\0"))
    info("import-self", cu(uleb(8) + struct.pack("<I", 0) + uleb(8) + struct.pack("<I", 11) + PLAIN_DIES))
    info("import-die", cu(uleb(8) + struct.pack("<I", CU_HEAD) + PLAIN_DIES))
    info("deep", cu((uleb(2) + b"f\0" + struct.pack("<QQ", TEXT, 0x100)) * 200000 + b"\0" * 200000))
    info("deep-inlined", cu(uleb(4) + b"i\0" + uleb(2) + b"f\0" + struct.pack("<QQ", TEXT, 0x100) + (uleb(3) + struct.pack(
        "<IQQB", CU_HEAD, TEXT, 0x100, 1)) * 100000 + b"\0" * 100001))
    info("deep-unended", cu((uleb(2) + b"f\0" + struct.pack("<QQ", TEXT, 0x100)) * 200000, end=b""))
    info("wide", cu(sub(b"f\0", TEXT, 0x100) * 250000))
    info("units-many", cu(b"", size=0x1000) * 100000)
    info("units-empty", struct.pack("<IHIB", 7, 4, 0, 8) * 300000)
    info("units-nothing", b"\0" * 4000000)
    for v in (0, 1, 2, 3, 5, 6, 99, 0xffff):
        info(f"version-{v}", cu(PLAIN_DIES, version=v))
    for v in (0, 1, 2, 4, 7, 16, 255):
        info(f"address-size-{v}", cu(PLAIN_DIES, addr=v))
    for v in (0, 3, 7, 0x7fffffff, 0xffffffef, 0xfffffff0, 0xffffffff):
        info(f"length-{v:x}", cu(PLAIN_DIES, length=v))
    info("length-64", struct.pack("<IQ", 0xffffffff, 1 << 60) + cu(PLAIN_DIES)[4:])
    for v in (1, 5, 0x7fffffff, 0xffffffff):
        info(f"abbrev-offset-{v:x}", cu(PLAIN_DIES, abbrev=v))
    info("abbrev-endless", abbrev=abbrevs()[:-1] + uleb(99) + uleb(TAG_SUB) + b"\1" + b"\x03\x08" * 500000)
    info("abbrev-leb-endless", abbrev=b"\x80" * 500000)
    info("abbrev-codes", abbrev=b"".join(uleb(i * 7919 + 1) + uleb(TAG_SUB) + b"\0\0\0" for i in range(200000)) + abbrevs())
    info("abbrev-same", abbrev=(uleb(1) + uleb(TAG_CU) + b"\1\0\0") * 200000 + b"\0")
    info("abbrev-huge-code", abbrev=uleb((1 << 64) - 1) + uleb(TAG_CU) + b"\1\0\0\0" + abbrevs())
    info("abbrev-unknown-form", abbrev=abbrevs([(1, TAG_CU, 1, [(AT_NAME, 0x7f)])]))
    info("abbrev-empty", abbrev=b"")
    info("abbrev-wide", cu(uleb(1) + b"\0" * 100), abbrev=abbrevs([(1, TAG_CU, 1, [(AT_NAME, 0x19)] * 100000)]))
    info("form-indirect", cu(uleb(11) + uleb(F_INDIRECT) * 100000 + uleb(F_STRING) + b"f\0" + struct.pack("<QQ", TEXT, 256) + b"\0"))
    info("form-string-endless", cu(sub(b"f" * 1000000 + b"\0")))
    info("form-strp", cu(uleb(12) + struct.pack("<IQQ", 0xffffffff, TEXT, 256) + b"\0"),
         extra=[Section(".debug_str", SHT_PROGBITS, b"x")])
    info("form-strp-no-end", cu(uleb(12) + struct.pack("<IQQ", 1, TEXT, 256) + b"\0"),
         extra=[Section(".debug_str", SHT_PROGBITS, b"x" * 5000)])
    ranges = struct.pack("<QQ", TEXT, TEXT + 16) * 250000
    for i, (offset, body) in enumerate(((0, ranges), (8, ranges), (0xffffffff, ranges), (0, struct.pack("<QQ", 0, (1 << 64) - 1)),
                                        (0, struct.pack("<QQ", (1 << 64) - 1, TEXT) * 100000), (0, b""))):
        info(f"ranges-{i}", cu(uleb(4) + b"i\0" + uleb(9) + b"f\0" + struct.pack("<I", offset) + uleb(13) + struct.pack(
            "<II", CU_HEAD, offset) + b"\0\0"), extra=[Section(".debug_ranges", SHT_PROGBITS, body)])
    info("ranges-each", cu((uleb(9) + b"f\0" + struct.pack("<I", 0) + b"\0") * 2000),
         extra=[Section(".debug_ranges", SHT_PROGBITS, struct.pack("<QQ", TEXT, TEXT + 16) * 20000 + bytes(16))])
    info("range-everything", cu(sub(b"f\0", 0, (1 << 64) - 1) * 1000))
    info("range-negative", cu(sub(b"f\0", (1 << 64) - 16, 64) * 1000))
    for i, body in enumerate((b"\xff" * 64, struct.pack("<IHIBB", 0x7fffffff, 2, 0, 8, 0), struct.pack(
            "<IHIBB", 44, 2, 0, 8, 0) + b"\0" * 4 + struct.pack("<QQ", TEXT, 1 << 40) * 2, struct.pack("<IHIBB", 12, 2, 0, 0, 255) * 100000)):
        info(f"aranges-{i}", extra=[Section(".debug_aranges", SHT_PROGBITS, body)])


def family_lines():
    def lines(name, program):
        save(f"lines-{name}", honest(replace=dwarf(lines=program)).bytes())

    lines("million-rows", line_program(SET_TEXT + b"\x01" * 3000000 + END))
    lines("million-sequences", line_program((SET_TEXT + b"\x01" + END) * 200000))
    lines("backwards", line_program(b"".join(b"\0\x09\2" + struct.pack("<Q", TEXT + 200000 - i) + b"\x01" for i in range(200000)) + END))
    lines("no-end", line_program(SET_TEXT + b"\x02\x10\x01" * 1000))
    for field in ("min_inst", "line_range", "opcode_base"):
        for v in (0, 1, 255):
            lines(f"{field}-{v}", line_program(SET_TEXT + b"\xff" * 1000 + END, **{field: v}))
    for v in (0, 1, 2, 4, 5, 6, 0xffff):
        lines(f"version-{v}", line_program(SET_TEXT + b"\x01" + END, version=v))
    for v in (0, 7, 0x7fffffff, 0xfffffff0, 0xffffffff):
        lines(f"length-{v:x}", line_program(SET_TEXT + b"\x01" + END, length=v))
        lines(f"header-length-{v:x}", line_program(SET_TEXT + b"\x01" + END, header_length=v))
    lines("lengths-255", line_program(SET_TEXT + bytes(range(1, 10)) * 1000 + END, lengths=b"\xff" * 9))
    lines("advance-far", line_program(SET_TEXT + (b"\x02" + uleb((1 << 64) - 1) + b"\x01") * 1000 + END))
    lines("line-far", line_program(SET_TEXT + (b"\x03" + sleb(-(1 << 62)) + b"\x01") * 1000 + END))
    lines("file-far", line_program(SET_TEXT + b"\x04" + uleb(1 << 60) + b"\x01" + b"\x02\x10\x01" * 20 + END))
    lines("files-many", line_program(SET_TEXT + b"\x01" + END, files=b"a\0\0\0\0" * 300000 + b"\0"))
    lines("dirs-many", line_program(SET_TEXT + b"\x01" + END, dirs=b"a\0" * 300000 + b"\0"))
    lines("files-without-end", line_program(SET_TEXT, files=b"a" * 100000))
    lines("files-defined", line_program(SET_TEXT + (b"\0\x06\3a\0\0\0\0") * 200000 + b"\x01" + END))
    lines("extended-length", line_program(b"\0" + uleb(1 << 60) + b"\2" + struct.pack("<Q", TEXT)))
    lines("extended-zero", line_program(b"\0\0" * 100000))
    lines("leb-endless", line_program(SET_TEXT + b"\x02" + b"\x80" * 500000))
    # version 5: formats of tables that lie
    five = struct.pack("<HBBI", 5, 8, 0, 60) + struct.pack("<BBBbBB", 1, 1, 1, -5, 14, 10) + bytes([0, 1, 1, 1, 1, 0, 0, 0, 1])
    for i, rest in enumerate((b"\x01\x01\x08" + uleb(1 << 60), b"\xff" * 50, b"\x00" + uleb(1 << 40) + b"\x00" + uleb(1 << 40),
                              b"\x01\x01\x08\x01a\0\x01\x01\x0b" + uleb(1 << 62) + b"\1" * 40)):
        body = five + rest + b"\0" * 40
        lines(f"five-{i}", struct.pack("<I", len(body)) + body)


def family_frames():
    def cfi(name, section, **more):
        save(f"frames-{name}", honest(replace=[section], **more).bytes())

    loop = b"\x0f" + uleb(3) + b"\x2f\xfd\xff"  # DW_CFA_def_cfa_expression: skip back to itself
    cfi("expression-loop", frames(loop))
    cfi("expression-branch", frames(b"\x0f" + uleb(4) + b"\x31\x28\xfc\xff"))
    cfi("expression-long", frames(b"\x0f" + uleb(200000) + b"\x12" * 200000))
    cfi("expression-length", frames(b"\x0f" + uleb(1 << 60)))
    cfi("expression-million", frames(*[b"\x0f" + uleb(3) + b"\x2f\xfd\xff"] * 20000))
    cfi("value-expression", frames(b"\x16\x06" + uleb(3) + b"\x2f\xfd\xff"))
    cfi("everything", frames(b"\x0e\x10", sizes=0x7fffffff))
    cfi("same-million", frames(b"\x41\x0e\x10", count=300000))
    cfi("overlap-million", frames(*[b"\x41\x0e\x10"], sizes=0x10000, count=300000))
    many = b"".join(b"\x41\x0e" + uleb(8 * (i % 1000)) for i in range(120))
    cfi("rows-three-million", frames(*[many] * 17500))
    cfi("advance-far", frames((b"\x04" + b"\xff" * 4 + b"\x0e\x10") * 1000))
    cfi("advance-none", frames(b"\x40\x0e\x10" * 100000))
    cfi("advance-back", frames(b"\x01" + struct.pack("<Q", 0) + b"\x0e\x10" + b"\x41\x0e\x18"))
    cfi("remember-million", frames(b"\x0a" * 1000000))
    cfi("restore-million", frames(b"\x0b" * 100000))
    cfi("remember-each", frames(*[b"\x0a" * 5000] * 200))
    cfi("instructions-unknown", frames(b"\x3e\x3f\x1c\x1d"))
    cfi("leb-endless", frames(b"\x0e" + b"\x80" * 100000))
    cfi("register-far", frames(b"\x05" + uleb(1 << 60) + b"\1" + b"\x0d" + uleb(1 << 40)))
    cfi("offset-far", frames(b"\x0e" + uleb((1 << 64) - 1)))
    for i, length in enumerate((0, 1, 4, 0x7fffffff, 0xfffffff0, 0xffffffff)):
        cfi(f"cie-length-{i}", frames(cies=cie(cfa_length=length)))
    for i, (aug, data) in enumerate(((b"zPLR\0", b"\x9b" + b"\xff" * 4 + b"\x1b\x1b"), (b"zPLR\0", b""), (b"z\0", b""), (b"zR\0", b"\xff"),
                                     (b"zR\0", b"\x50"), (b"zR\0", b"\x80"), (b"zR\0", b"\x01"), (b"eh\0", b""),
                                     (b"armcc+\0", b""), (b"z" + b"R" * 100000 + b"\0", b"\x1b" * 100000), (b"zSB\0", b""),
                                     (b"\0", b""), (b"q" * 300, b""))):
        cfi(f"augmentation-{i:02}", frames(cies=cie(augmentation=aug, data=data)))
    for v in (0, 2, 3, 4, 5, 255):
        cfi(f"cie-version-{v}", frames(cies=cie(version=v)))
    for i, (code, align, column) in enumerate(((0, -8, 16), (1 << 60, -8, 16), (1, 0, 16), (1, -(1 << 62), 16), (1, 1 << 62, 16),
                                               (1, -8, 1 << 40), (1, -8, 255))):
        cfi(f"cie-factors-{i}", frames(b"\x41\x0e\x10\x86\x02", cies=cie(code=code, align=align, column=column)))
    self_cie = cie() + struct.pack("<IIii", 20, 4, 0, 256) + b"\0" * 8
    cfi("cie-is-fde", Section(".eh_frame", SHT_PROGBITS, self_cie, flags=SHF_ALLOC, addr=0x100000))
    back = cie() + struct.pack("<IIii", 20, 0x7fffffff, 0, 256) + b"\0" * 8
    cfi("cie-before-all", Section(".eh_frame", SHT_PROGBITS, back, flags=SHF_ALLOC, addr=0x100000))
    cfi("cie-many", Section(".eh_frame", SHT_PROGBITS, cie() * 200000, flags=SHF_ALLOC, addr=0x100000))
    out = bytearray()
    for i in range(100000):
        at = len(out)
        out += cie()
        out += fde(len(out), at, TEXT + i, 1, b"\x0e\x10", 0x100000)
    cfi("cie-each", Section(".eh_frame", SHT_PROGBITS, out, flags=SHF_ALLOC, addr=0x100000))
    for i, size in enumerate((0, 4, 8, 12, 100)):
        cfi(f"cut-{i}", Section(".eh_frame", SHT_PROGBITS, frames().data[:size], flags=SHF_ALLOC, addr=0x100000))
    for i, addr in enumerate((0, 1 << 40, 1 << 63, (1 << 64) - 64)):
        cfi(f"address-{i}", Section(".eh_frame", SHT_PROGBITS, frames().data, flags=SHF_ALLOC, addr=addr))
    for i, head in enumerate((b"\1\x1b\3\x3b" + struct.pack("<iI", 0, 0xffffffff), b"\xff" * 100, b"\1\x1b\3\x3b" + struct.pack(
            "<iI", -8, 1 << 31) + b"\0" * 80, b"\1")):
        save(f"frames-index-{i}", honest(replace=[Section(".eh_frame_hdr", SHT_PROGBITS, head, flags=SHF_ALLOC, addr=0x90000)],
                                         loads=[{}, {"type": 0x6474e550, "vaddr": 0x90000}]).bytes())
    plain = struct.pack("<I", 20) + struct.pack("<I", 0xffffffff) + b"\4\0\x08\0\1\x78\x10" + DEF_CFA + b"\0" * 4
    for i, body in enumerate((plain, plain + struct.pack("<IIQQ", 24, 0, TEXT, (1 << 64) - 1) + b"\0" * 4,
                              plain + struct.pack("<IIQQ", 24, 0xfffffff0, TEXT, 16) + b"\0" * 4, b"\xff" * 400,
                              plain + struct.pack("<IIQQ", 24, 0, (1 << 64) - 8, 64) + b"\0" * 4)):
        save(f"frames-debug-{i}", honest(drop=(".eh_frame",), replace=[Section(".debug_frame", SHT_PROGBITS, body)]).bytes())


def compressed(data, kind=1, size=None, align=1, stream=None):
    stream = zlib.compress(data, 9) if stream is None else stream
    return struct.pack("<IIQQ", kind, 0, len(data) if size is None else size, align) + stream


def zeros_stream(n):
    z = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    return b"".join(z.compress(chunk) for _ in range(n >> 20)) + z.flush()


def ones_stream(head, byte, n):
    z = zlib.compressobj(9)
    chunk = byte * ((1 << 20) // len(byte))
    return z.compress(head) + b"".join(z.compress(chunk) for _ in range(n >> 20)) + z.flush()


def family_compressed():
    gib = 1 << 30
    bomb = zeros_stream(gib)
    for name in (".debug_info", ".debug_line", ".debug_abbrev", ".symtab", ".strtab", ".eh_frame", ".note.gnu.build-id"):
        more = dict(link=".strtab", entsize=24) if name == ".symtab" else {}
        kind = {".symtab": SHT_SYMTAB, ".strtab": SHT_STRTAB, ".note.gnu.build-id": SHT_NOTE}.get(name, SHT_PROGBITS)
        save(f"bomb{name}", honest(replace=[Section(name, kind, compressed(b"", size=gib, stream=bomb),
                                                    flags=SHF_COMPRESSED, **more)]).bytes())
    plain = cu(PLAIN_DIES)
    for i, size in enumerate((0, 1, len(plain) - 1, len(plain) + 1, 1 << 28, gib, 1 << 44, 1 << 62, (1 << 64) - 1)):
        save(f"compressed-size-{i}", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(plain, size=size),
                                                             flags=SHF_COMPRESSED)]).bytes())
    for kind in (0, 2, 3, 99, 0xffffffff):
        save(f"compressed-kind-{kind:x}", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(plain, kind),
                                                                  flags=SHF_COMPRESSED)]).bytes())
    for align in (0, 3, 1 << 63):
        save(f"compressed-align-{align:x}", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(
            plain, align=align), flags=SHF_COMPRESSED)]).bytes())
    for i, stream in enumerate((b"", zlib.compress(plain)[:10], b"\xff" * 100, zlib.compress(plain) * 2)):
        save(f"compressed-stream-{i}", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(
            plain, stream=stream), flags=SHF_COMPRESSED)]).bytes())
    save("compressed-fine", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(plain), flags=SHF_COMPRESSED)]).bytes(),
         "fine")
    for i, size in enumerate((len(plain), 0, gib, 1 << 44, (1 << 64) - 1)):
        save(f"zdebug-{i}", honest(drop=(".debug_info",), replace=[Section(".zdebug_info", SHT_PROGBITS, b"ZLIB" + struct.pack(
            ">Q", size) + zlib.compress(plain))]).bytes())
    save("zdebug-bomb", honest(drop=(".debug_info",), replace=[Section(".zdebug_info", SHT_PROGBITS, b"ZLIB" + struct.pack(
        ">Q", gib) + bomb)]).bytes())
    n = 160 << 20
    head = line_program(SET_TEXT, length=n + 40)
    save("bomb-line-rows", honest(replace=[Section(".debug_line", SHT_PROGBITS, compressed(
        b"", size=n + len(head), stream=ones_stream(head, b"\x01", n)), flags=SHF_COMPRESSED)]).bytes())
    head = cu(b"", length=n)[:-1]
    save("bomb-deep", honest(replace=[Section(".debug_info", SHT_PROGBITS, compressed(
        b"", size=n + len(head), stream=ones_stream(head, sub()[:-1], n)), flags=SHF_COMPRESSED)]).bytes())
    large = zeros_stream(100 << 20)
    several = [Section(f".debug_{k}", SHT_PROGBITS, compressed(b"", size=100 << 20, stream=large),
                       flags=SHF_COMPRESSED) for k in ("str", "ranges", "loc", "aranges", "types", "macro", "addr", "rnglists")]
    save("bomb-several", honest(replace=several).bytes())


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
static inline __attribute__((always_inline)) int inner(int x) { return x * 3 + rand(); }
static __attribute__((noinline)) int outer(int x) { int y = inner(x); return y > 7 ? inner(y) : y; }
int table[16];
int main(int argc, char **argv) { printf("%d %s\\n", outer(argc), argv[0]); return table[argc & 15]; }
"""


def family_compiled():
    """What compilers make, cut and bent.  Files whose name begins with seed- are what mutations start from."""
    source = os.path.join(OUT, ".program.c")
    with open(source, "w") as f:
        f.write(PROGRAM)
    kinds = {"dwarf5": ["-gdwarf-5"], "dwarf4": ["-gdwarf-4"], "gz": ["-gz=zlib"], "static": ["-g", "-fno-pie", "-no-pie"],
             "sections": ["-g", "-ffunction-sections"], "plain": [], "dwarf2": ["-gdwarf-2"]}
    for name, flags in kinds.items():
        target = os.path.join(OUT, f"seed-{name}")
        # The same bytes in every folder: no names of ours in them.
        subprocess.run(["gcc", "-O2", *flags, "-ffile-prefix-map=" + OUT + "=/x", "-o", target, source], check=True)
        with open(target, "rb") as f:
            whole = f.read()
        for i in range(1, 8):
            save(f"compiled-{name}-cut-{i}", whole[:len(whole) * i // 8])
    os.unlink(source)


def main():
    os.makedirs(OUT, exist_ok=True)
    fifo = os.path.join(os.path.abspath(OUT), ".fifo")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    family_honest()
    family_truncated()
    family_header()
    family_extended_counts()
    family_section_fields()
    family_strings()
    family_symbols()
    family_notes()
    family_links(fifo.encode())
    family_dwarf()
    family_lines()
    family_frames()
    family_compressed()
    family_compiled()
    with open(os.path.join(OUT, ".expect"), "w") as f:
        f.writelines(EXPECT)
    print(sum(not n.startswith(".") for n in os.listdir(OUT)), "files in", OUT)


main()
