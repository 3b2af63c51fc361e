# SPDX-License-Identifier: GPL-2.0-or-later
"""vmlinux-check.py OBJECT [BTF] - does every type and field of vmlinux/vmlinux.h exist in a kernel's
types (default: the running kernel's), and can libbpf adapt the programs in OBJECT to it?

The rules are libbpf's (bpf_core_fields_are_compat(), bpf_core_patch_insn() in relo_core.c): names of
members must be there, their kinds must agree, and where an integer has another width ours must be
unsigned.  Types called NAME___variant are alternatives of which a kernel need not have any.
"""
import json
import os
import re
import subprocess
import sys

HEADER = os.path.join(os.path.dirname(__file__), "..", "vmlinux", "vmlinux.h")
COMPOSITE = ("STRUCT", "UNION")
# what modifies a type without changing what it is made of
TRANSPARENT = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")


class Types:
    """The BTF of a file, by name and by number."""

    def __init__(self, path):
        text = subprocess.run(["bpftool", "btf", "dump", "-j", "file", path], check=True,
                              stdout=subprocess.PIPE).stdout
        self.by_id = {t["id"]: t for t in json.loads(text)["types"]}
        self.structs = {t["name"]: t for t in self.by_id.values() if t["kind"] == "STRUCT"}

    def resolve(self, number):
        """What is behind typedefs and qualifiers; kind VOID for nothing."""
        found = self.by_id.get(number, {"kind": "VOID"})
        while found["kind"] in TRANSPARENT:
            found = self.by_id.get(found["type_id"], {"kind": "VOID"})
        return found

    def members(self, struct):
        """Its members by name, those of nameless members included."""
        found = {}
        for member in struct["members"]:
            if member["name"] and member["name"] != "(anon)":
                found[member["name"]] = member
            else:
                found.update(self.members(self.resolve(member["type_id"])))
        return found


def kind(found):
    """Kinds that libbpf takes for the same."""
    return {"ENUM64": "ENUM", "FWD": "STRUCT", "UNION": "STRUCT"}.get(found["kind"], found["kind"])


def compare(ours, theirs):
    """What is wrong with a field, or nothing."""
    if kind(ours) != kind(theirs):
        return f"is {theirs['kind'].lower()}, not {ours['kind'].lower()}"
    if ours["kind"] == "INT" and ours["size"] != theirs["size"] and ours["encoding"] == "SIGNED":
        return f"has {theirs['size']} bytes, and ours of {ours['size']} is signed"
    return None


def main():
    ours, theirs = Types(sys.argv[1]), Types(*sys.argv[2:] or ["/sys/kernel/btf/vmlinux"])
    with open(HEADER, encoding="utf-8") as f:
        names = re.findall(r"^struct (\w+) \{", f.read(), re.MULTILINE)
    wrong = fields = 0
    for name in names:
        if "___" in name or name not in ours.structs:  # of another machine, or not used
            continue
        if name not in theirs.structs:
            print(f"struct {name}: not there")
            wrong += 1
            continue
        there = theirs.members(theirs.structs[name])
        for field, member in ours.members(ours.structs[name]).items():
            fields += 1
            fault = "is not there" if field not in there else compare(
                ours.resolve(member["type_id"]), theirs.resolve(there[field]["type_id"]))
            if fault:
                print(f"struct {name}: {field} {fault}")
                wrong += 1
    print(f"{fields} fields looked at, {wrong} wrong")
    sys.exit(bool(wrong) or not fields)


main()
